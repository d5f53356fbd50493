//! `server-custom-accept.rs`: the chat of `server.rs` inside of a hyper server, with headers in the answer.

use std::convert::Infallible;
use std::future::ready;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use wskit_hyper::{Attempt, Io, OriginPolicy, Refused, Server};

use super::chat::{Room, stay, talk};

fn handle(
    mut request: Request<Incoming>,
    peer: SocketAddr,
    server: &Server,
    room: Room<Io>,
) -> Response<Full<Bytes>> {
    if request.uri().path() != "/socket" {
        return Response::new("Hello World!".into());
    }
    upgrade(&mut request, peer, server, room)
        .unwrap_or_else(|refused| refused.into_response().map(Full::new))
}

fn upgrade(
    request: &mut Request<Incoming>,
    peer: SocketAddr,
    server: &Server,
    room: Room<Io>,
) -> Result<Response<Full<Bytes>>, Refused> {
    let (response, opening) =
        Attempt::from_request(request)?
            .check(server)?
            .accept_with(|accept| {
                accept
                    .header("MyCustomHeader", ":)")?
                    .header("SOME_HEADER", "header_value")
            })?;
    tokio::spawn(async move {
        if let Ok(ws) = opening.open().await {
            let _ = stay(room, ws, peer).await;
        }
    });
    Ok(response.map(|()| Full::default()))
}

#[tokio::test]
async fn others_get_the_message() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/socket", listener.local_addr().unwrap());
    let (server, room) = (Server::new(OriginPolicy::Any), Room::default());
    let serving = tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            let (server, room) = (server.clone(), room.clone());
            let service = service_fn(move |request| {
                ready(Ok::<_, Infallible>(handle(
                    request,
                    peer,
                    &server,
                    room.clone(),
                )))
            });
            tokio::spawn(
                http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .with_upgrades(),
            );
        }
    });
    talk(&url).await.unwrap();
    let (_ws, response) = wskit::Connector::new().connect(&url).await.unwrap();
    assert_eq!(response.headers()["MyCustomHeader"], ":)");
    serving.abort();
}
