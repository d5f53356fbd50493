//! TCP without frames: what comes goes back. The limit for small messages. Its buffer of 64 KiB is
//! allocated once for each connection and never cleared.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wskit_bench_servers::options::Options;
use wskit_bench_servers::{serve::serve, upgrade};

fn main() {
    let options: &'static Options = Box::leak(Box::new(Options::parse()));
    serve(options, |mut stream| async move {
        upgrade::minimal(&mut stream, None).await?;
        let mut buffer = vec![0; 64 << 10];
        loop {
            let n = stream.read(&mut buffer).await?;
            if n == 0 {
                return Ok(());
            }
            stream.write_all(&buffer[..n]).await?;
        }
    });
}
