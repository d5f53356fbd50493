//! `server-headers.rs`: the server looks at the request's headers and adds one of its own to the answer.

use tokio::net::TcpListener;
use wskit::{Connector, Error, OriginPolicy, Request, Server, ServerStream};

async fn serve(request: Request<ServerStream>) -> Result<(), Error> {
    let Request::WebSocket(upgrade) = request else {
        return Ok(()); // closes without an answer
    };
    println!("{}", upgrade.path());
    for (name, value) in upgrade.headers() {
        println!("{name}: {}", String::from_utf8_lossy(value)); // a value is bytes
    }
    for (name, value) in upgrade.to_http().headers() {
        println!("{name}: {value:?}"); // the types of the crate `http`
    }
    let mut ws = upgrade
        .accept_with(|accept| accept.header("MyCustomHeader", ":)"))
        .await?;
    while let Some(message) = ws.recv().await? {
        ws.send(message).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_answer_has_the_header() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/socket", listener.local_addr().unwrap());
    let server =
        Server::new(OriginPolicy::Any).serve_requests(listener, |request, _| serve(request));
    let server = tokio::spawn(async move { server.await });
    let (mut ws, response) = Connector::new().connect(&url).await.unwrap();
    assert_eq!(response.headers()["MyCustomHeader"], ":)");
    ws.send("Hello").await.unwrap();
    let message = ws.recv().await.unwrap().unwrap();
    assert_eq!(message.as_text(), Some("Hello"));
    server.abort();
}
