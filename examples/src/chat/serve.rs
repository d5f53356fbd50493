use std::sync::Arc;

use serde_json::json;
use wskit::driver::{Request, Server, WebSocket, Writer};
use wskit::handshake::OriginError;
use wskit::hub::Peer;
use wskit::{
    BoxError, CloseCode, Config, Message, OriginPolicy, Rejection, SendTransport, deflate,
};

use super::{Chat, Refused, Seat, Wish, refused, say};
use crate::pages;

const PAGE: &str = include_str!("../../chat/index.html");

/// Returns the chat's server.
///
/// # Errors
/// An `--origin=` among the arguments is not an origin.
pub fn server<R>() -> Result<Server<R>, OriginError> {
    let named: Vec<_> = std::env::args()
        .filter_map(|argument| argument.strip_prefix("--origin=").map(str::to_owned))
        .collect();
    // Only the page served here may connect from a browser, unless others are named.
    let origin = if named.is_empty() {
        OriginPolicy::SameOrigin
    } else {
        OriginPolicy::list(named)?
    };
    Ok(Server::new(origin)
        .config(Config::new().max_message_size(64 << 10))
        .deflate(deflate::Config::server()))
}

/// Answers a request: the page, or a seat in the chat.
///
/// # Errors
/// How it ended, if not cleanly.
pub async fn serve<T: SendTransport>(chat: Arc<Chat>, request: Request<T>) -> Result<(), BoxError> {
    match request {
        Request::WebSocket(upgrade) if upgrade.path() == "/ws" => {
            talk(&chat, upgrade.accept().await?).await
        }
        Request::WebSocket(upgrade) => Ok(upgrade.reject(&Rejection::not_found()).await?),
        Request::Http(request) => Ok(pages::respond(request, PAGE).await?),
    }
}

/// Does what one person asks for. What happens in the room comes from the hub.
async fn talk<T: SendTransport>(chat: &Chat, ws: WebSocket<T>) -> Result<(), BoxError> {
    let (mut reader, writer) = ws.split();
    let peer = chat.hub.attach(&writer, &chat.wire)?;
    let mut seat = None;
    while let Some(message) = reader.recv().await? {
        let Message::Text(text) = message else {
            drop(reader);
            let code = CloseCode::UNSUPPORTED_DATA;
            writer.close(code, "this chat is text").await?;
            break;
        };
        if let Err(Refused(code, text)) = obey(chat, &peer, &writer, &mut seat, &text).await {
            let refusal = json!({"type": "error", "code": code, "text": text});
            writer.send(refusal.to_string()).await?;
        }
    }
    Ok(())
}

async fn obey<T: SendTransport>(
    chat: &Chat,
    peer: &Peer,
    writer: &Writer<T>,
    seat: &mut Option<Seat>,
    text: &str,
) -> Result<(), Refused> {
    match (Wish::parse(text)?, seat) {
        (Wish::Join { .. }, Some(_)) => {
            Err(refused("already-joined", "You are in a room already."))
        }
        (
            Wish::Join {
                room,
                name,
                key,
                after,
            },
            empty,
        ) => {
            let seat = chat.join(peer, &room, &name, key).await?;
            let welcome = json!({"type": "welcome", "room": seat.room, "name": seat.name});
            writer.send(welcome.to_string()).await?;
            if let Err(error) = peer.subscribe(&seat.room, after).await {
                // Others would see a person who hears nothing.
                peer.leave(&seat.room);
                return Err(error.into());
            }
            *empty = Some(seat);
            Ok(())
        }
        (_, None) => Err(refused("join-first", "Join a room first.")),
        (Wish::Say(text), Some(seat)) => say(peer, seat, &text).await,
        (Wish::Nick(name), Some(seat)) => {
            seat.name = chat
                .take_name(peer, &seat.room, &seat.identity, &name)
                .await?;
            Ok(())
        }
    }
}
