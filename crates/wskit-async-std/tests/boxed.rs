//! A stream behind a trait object is a stream: its connections can be spawned, split and closed.

use futures_util::io::{AsyncRead, AsyncWrite};
use wskit_async_std::{Client, Server};
use wskit_dial::Error;
use wskit_driver::Request;
use wskit_handshake::OriginPolicy;
use wskit_proto::Message;

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

#[test]
fn streams_behind_trait_objects_are_served_by_spawned_tasks() {
    async_std::task::block_on(async {
        let listener = async_std::net::TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap();
        let address = listener.local_addr().unwrap();
        let server = Server::new(OriginPolicy::Any);
        for whole in [true, false] {
            let talking = async_std::task::spawn(async move {
                let end = async_std::net::TcpStream::connect(address).await?;
                talk(Box::new(end)).await
            });
            let (near, _) = listener.accept().await.unwrap();
            let serving = if whole {
                async_std::task::spawn(echo_whole(server.clone(), Box::new(near)))
            } else {
                async_std::task::spawn(echo_halves(server.clone(), Box::new(near)))
            };
            talking.await.unwrap();
            serving.await.unwrap();
        }
    });
}
