//! A stream behind a trait object is a stream: its connections can be spawned, split and closed.

use tokio::io::{AsyncRead, AsyncWrite};
use wskit_dial::Error;
use wskit_driver::Request;
use wskit_handshake::OriginPolicy;
use wskit_proto::Message;
use wskit_tokio::{Client, Server};

trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Bytes for S {}

async fn echo_halves(server: Server, stream: Box<dyn Bytes>) -> Result<(), Error> {
    let Request::WebSocket(upgrade) = server.receive(stream).await? else {
        panic!("no WebSocket");
    };
    let (mut reader, writer) = upgrade.accept().await?.split();
    while let Some(message) = reader.recv().await? {
        writer.send(message).await?;
    }
    Ok(())
}

async fn echo_whole(server: Server, stream: Box<dyn Bytes>) -> Result<(), Error> {
    let mut ws = server.accept(stream).await?;
    while let Some((message, out)) = ws.recv_ref().await? {
        out.feed(message)?;
    }
    Ok(())
}

async fn talk(stream: Box<dyn Bytes>) -> Result<(), Error> {
    let (mut ws, _) = Client::new().handshake(stream, "ws://example.com/").await?;
    ws.send("boxed").await?;
    assert_eq!(ws.recv().await?, Some(Message::from("boxed")));
    ws.close(wskit_proto::CloseCode::NORMAL, "").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_behind_trait_objects_are_served_by_spawned_tasks() {
    let server = Server::new(OriginPolicy::Any);
    let ((whole, far), (halves, farther)) = (tokio::io::duplex(256), tokio::io::duplex(256));
    let serving = [
        tokio::spawn(echo_whole(server.clone(), Box::new(whole))),
        tokio::spawn(echo_halves(server, Box::new(halves))),
    ];
    for end in [far, farther] {
        tokio::spawn(talk(Box::new(end))).await.unwrap().unwrap();
    }
    for task in serving {
        task.await.unwrap().unwrap();
    }
}
