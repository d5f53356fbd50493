//! A collaborative text and whiteboard: pages on `yjs`, documents in `yrs`, and wskit between them.
//!
//! A room is the path of the WebSocket's URL. [`room`] has the protocol and no socket, [`rooms`] the life of rooms
//! and who gets what, [`store`] their files, [`check`] what keeps hostile updates from `yrs`. One connection is
//! served here.

pub mod check;
pub mod room;
pub mod rooms;
pub mod store;

use std::sync::Arc;

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use tokio::task::spawn_blocking;
use wskit::hub::Since;
use wskit::{
    CloseCode, Config, Error, Message, OriginPolicy, PlainHttp, Reader, Rejection, Request, Server,
    ServerStream, Upgrade, Writer,
};

use room::{Bad, MESSAGE};
use rooms::{Place, Rooms};

/// Returns the server: its own pages may connect, and programs.
pub fn server() -> Server {
    Server::new(OriginPolicy::SameOrigin).config(Config::new().max_message_size(MESSAGE))
}

/// Answers a request: a file of the page, or a place in the room that its path names.
///
/// # Errors
/// How it ended, if not cleanly.
pub async fn serve(rooms: Arc<Rooms>, request: Request<ServerStream>) -> Result<(), Error> {
    let upgrade = match request {
        Request::WebSocket(upgrade) => upgrade,
        Request::Http(request) => return page(request).await,
    };
    let Some(name) = store::room(upgrade.path()) else {
        let why = "a room has a name of 1 to 64 bytes";
        return Ok(upgrade.reject(&Rejection::not_found().body(why)).await?);
    };
    // Opening a room reads its file.
    let (all, named) = (rooms.clone(), name.clone());
    match spawn_blocking(move || all.join(&named)).await {
        Ok(Ok(place)) => edit(&rooms, &name, &place, upgrade).await,
        Ok(Err(error)) => {
            eprintln!("{name:?} cannot be opened: {error}");
            // The error itself may name files.
            let why = "this room cannot be opened now";
            Ok(upgrade.reject(&Rejection::unavailable().body(why)).await?)
        }
        Err(_) => Ok(upgrade.reject(&Rejection::unavailable()).await?),
    }
}

/// Serves one client of a room.
async fn edit(
    rooms: &Rooms,
    name: &str,
    place: &Place,
    upgrade: Upgrade<ServerStream>,
) -> Result<(), Error> {
    let (mut reader, writer) = upgrade.accept().await?.split();
    // From here on the client gets what happens in the room, and then what was there before: twice does no harm.
    let Ok(peer) = rooms.hub.attach(&writer, &rooms.wire) else {
        return Ok(()); // it has gone already
    };
    if peer.subscribe(name, Since::Now).await.is_err() {
        writer.start_close(CloseCode::TRY_AGAIN_LATER, "the server is full")?;
        while reader.recv_ref().await?.is_some() {}
        return Ok(());
    }
    for frame in place.greeting() {
        writer.feed(&frame).await?;
    }
    writer.flush().await?;
    if let Some(bad) = talk(place, &mut reader, &writer).await? {
        let (code, reason) = bad.close();
        writer.start_close(code, reason)?;
        // Its answer; what crossed our Close does not count.
        while reader.recv_ref().await?.is_some() {}
    }
    Ok(())
}

/// Takes the frames of a client until it closes, or until one is refused.
async fn talk(
    place: &Place,
    reader: &mut Reader<ServerStream>,
    writer: &Writer<ServerStream>,
) -> Result<Option<Bad>, Error> {
    while let Some(message) = reader.recv().await? {
        let Message::Binary(frame) = message else {
            return Ok(Some(Bad::Kind));
        };
        match place.receive(&frame).await {
            Ok(None) => {}
            // It waits for a client that asks faster than it reads.
            Ok(Some(reply)) => writer.send(&reply).await?,
            Err(bad) => return Ok(Some(bad)),
        }
    }
    Ok(None)
}

/// Sends a file of the page.
async fn page(request: PlainHttp<ServerStream>) -> Result<(), Error> {
    let (kind, body) = match request.request().uri().path() {
        "/" => (
            "text/html; charset=utf-8",
            include_str!("../page/index.html"),
        ),
        "/bundle.js" => (
            "text/javascript; charset=utf-8",
            include_str!("../page/bundle.js"),
        ),
        "/bundle.js.LICENSES.txt" => (
            "text/plain; charset=utf-8",
            include_str!("../page/bundle.js.LICENSES.txt"),
        ),
        _ => ("text/plain", "not found"),
    };
    let mut response = Response::new(body);
    if body == "not found" {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    Ok(request.respond(&response).await?)
}
