use std::sync::Arc;

use tokio::sync::mpsc::Receiver;
use wskit::driver::{Request, Server, Transport, WebSocket};
use wskit::handshake::OriginError;
use wskit::{CloseCode, Config, Error, Message, OriginPolicy, PreparedMessage, Rejection, deflate};

use super::{Refused, Rooms, Seat, Wish, refusal};
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
pub async fn serve<T: Transport>(rooms: Arc<Rooms>, request: Request<T>) -> Result<(), Error> {
    match request {
        Request::WebSocket(upgrade) if upgrade.path() == "/ws" => {
            chat(&rooms, upgrade.accept().await?).await
        }
        Request::WebSocket(upgrade) => Ok(upgrade.reject(&Rejection::not_found()).await?),
        Request::Http(request) => Ok(pages::respond(request, PAGE).await?),
    }
}

/// Carries the messages of one person to the room, and those of the room to the person.
async fn chat<T: Transport>(rooms: &Arc<Rooms>, mut ws: WebSocket<T>) -> Result<(), Error> {
    let mut seated: Option<(Seat, Receiver<PreparedMessage>)> = None;
    let mut mail = Vec::new();
    loop {
        let heard = tokio::select! {
            message = ws.recv() => message?,
            n = hear(&mut seated, &mut mail) => {
                // All waiting messages in one write. Only flushing may wait for the peer. While it
                // waits the mailbox fills, until the room takes it away.
                for message in mail.drain(..) {
                    ws.feed(&message).await?;
                }
                ws.flush().await?;
                if n > 0 {
                    continue;
                }
                drop(seated.take());
                ws.close(CloseCode::POLICY_VIOLATION, "too slow for this room").await?;
                return Ok(());
            }
        };
        let Some(message) = heard else { return Ok(()) };
        let Message::Text(text) = message else {
            ws.close(CloseCode::UNSUPPORTED_DATA, "this chat is text")
                .await?;
            return Ok(());
        };
        if let Err(refused) = obey(rooms, &mut seated, &text) {
            ws.send(refusal(&refused)).await?;
        }
    }
}

/// Takes the messages that wait in the mailbox, 0 if it was taken away. Without a mailbox it never returns.
async fn hear(
    seated: &mut Option<(Seat, Receiver<PreparedMessage>)>,
    mail: &mut Vec<PreparedMessage>,
) -> usize {
    match seated {
        Some((_, mailbox)) => mailbox.recv_many(mail, 64).await,
        None => std::future::pending().await,
    }
}

fn obey(
    rooms: &Arc<Rooms>,
    seated: &mut Option<(Seat, Receiver<PreparedMessage>)>,
    text: &str,
) -> Result<(), Refused> {
    match (Wish::parse(text)?, seated) {
        (Wish::Join(..), Some(_)) => Err(Refused("already-joined", "You are in a room already.")),
        (Wish::Join(room, name), seated) => {
            *seated = Some(rooms.join(&room, &name)?);
            Ok(())
        }
        (_, None) => Err(Refused("join-first", "Join a room first.")),
        (Wish::Say(text), Some((seat, _))) => seat.say(&text),
        (Wish::Nick(name), Some((seat, _))) => seat.rename(&name),
    }
}
