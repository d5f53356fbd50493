//! TCP without frames: what comes goes back. The limit for small messages. Its buffer of 64 KiB is
//! allocated once for each connection and never cleared. Inside TLS, where a read gives one record at most,
//! it reads on while there is something, as far as the buffer goes, so that a burst is one record again.

use futures_util::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wskit_bench_servers::options::Options;
use wskit_bench_servers::{serve, upgrade};

fn main() {
    let options: &'static Options = Box::leak(Box::new(Options::parse()));
    serve!(options, move |mut stream| async move {
        upgrade::minimal(&mut stream, None).await?;
        let mut buffer = vec![0; 64 << 10];
        loop {
            let mut n = stream.read(&mut buffer).await?;
            if n == 0 {
                return Ok(());
            }
            while options.tls.is_some() && n < buffer.len() {
                match stream.read(&mut buffer[n..]).now_or_never() {
                    Some(more) => match more? {
                        0 => return Ok(()),
                        more => n += more,
                    },
                    None => break,
                }
            }
            stream.write_all(&buffer[..n]).await?;
            if options.tls.is_some() {
                stream.flush().await?;
            }
        }
    });
}
