//! web-socket. Settings: a `BufReader` of 8 KiB, as its examples have it. It does not check text, so
//! the echo does, as every other server does. It cannot batch.

use tokio::io::BufReader;
use web_socket::{DataType, Event, MessageType, WebSocket};
use wskit_bench_servers::options::Options;
use wskit_bench_servers::{serve::serve, upgrade};

fn main() {
    let options: &'static Options = Box::leak(Box::new(Options::parse()));
    serve(options, |mut stream| async move {
        upgrade::minimal(&mut stream, None).await?;
        let mut ws = WebSocket::server(BufReader::new(stream));
        loop {
            match ws.recv().await? {
                Event::Data { ty, data } => match ty {
                    DataType::Complete(MessageType::Text) => {
                        ws.send(std::str::from_utf8(&data)?).await?;
                    }
                    DataType::Complete(MessageType::Binary) => ws.send(&*data).await?,
                    DataType::Stream(_) => return Err("fragments are not measured".into()),
                },
                Event::Ping(data) => ws.send_pong(data).await?,
                Event::Pong(_) => {}
                Event::Error(error) => return Err(error.into()),
                Event::Close { .. } => return Ok(()),
            }
        }
    });
}
