//! `client.rs`: copies input to a connection and what comes to output; on a terminal these are `tokio::io::stdin` and
//! `stdout`.

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use wskit::{BoxError, CloseCode, OriginPolicy, Server};

async fn client(
    url: &str,
    mut input: impl AsyncRead + Unpin,
    mut output: impl AsyncWrite + Unpin,
) -> Result<(), BoxError> {
    let (mut reader, writer) = wskit::connect(url).await?.split();
    let sending = async {
        let mut buffer = vec![0; 1024];
        loop {
            match input.read(&mut buffer).await? {
                // Starts the close. What the server still sends is received.
                0 => return Ok(writer.start_close(CloseCode::NORMAL, "")?),
                n => writer.send(Bytes::copy_from_slice(&buffer[..n])).await?,
            }
        }
    };
    let receiving = async {
        while let Some(message) = reader.recv().await? {
            output.write_all(message.as_bytes()).await?;
        }
        Ok::<_, BoxError>(())
    };
    tokio::try_join!(sending, receiving)?;
    Ok(())
}

#[tokio::test]
async fn input_comes_back_as_output() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let server = Server::new(OriginPolicy::Any).serve(listener, |mut ws, _| async move {
        while let Some((message, out)) = ws.recv_ref().await? {
            out.feed(message)?;
        }
        Ok::<_, wskit::Error>(())
    });
    let server = tokio::spawn(async move { server.await });
    let mut output = Vec::new();
    client(&url, &b"one line\nand another"[..], &mut output)
        .await
        .unwrap();
    assert_eq!(output, b"one line\nand another");
    server.abort();
}
