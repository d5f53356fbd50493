//! A text and a whiteboard that many edit at once. Rooms survive a restart.
//!
//! ```sh
//! cargo run --example together    # then open http://127.0.0.1:9001 in two tabs
//! ```
//!
//! Arguments: `[ADDRESS] [--rooms=FOLDER]`. The folder of the rooms' files is by default `together-rooms`, where the
//! program is started. Every program with `y-websocket` may join: `new WebsocketProvider('ws://127.0.0.1:9001',
//! 'room', doc)`. Press Ctrl-C to end: everything is saved first.

use std::path::PathBuf;
use std::time::Duration;

use together::rooms::Rooms;
use tokio::net::TcpListener;
use wskit::Shutdown;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let argument = |start: &str| {
        std::env::args()
            .skip(1)
            .find_map(|given| given.strip_prefix(start).map(str::to_owned))
    };
    let address = argument("").filter(|first| !first.starts_with("--"));
    let address = address.unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let folder = argument("--rooms=").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| "together-rooms".into());

    let rooms = Rooms::new(&folder)?;
    tokio::spawn(tokio::task::unconstrained(
        rooms.hub.drive(tokio::time::sleep),
    ));
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    println!("the rooms are kept in {}", folder.display());
    println!("listening on ws://{address}");
    println!("open http://{address} in two tabs");

    let shutdown = Shutdown::new();
    let serving = {
        let rooms = rooms.clone();
        let server = together::server();
        server.serve_requests(listener, move |request, _| together::serve(rooms, request))
    };
    let serving = serving.shutdown(&shutdown).on_error(|error| {
        if !error.is_disconnect() {
            eprintln!("{error}");
        }
    });
    let serving = tokio::spawn(serving.into_future());
    tokio::signal::ctrl_c().await?;
    println!("{}", shutdown.finish(Duration::from_secs(5)).await?);
    rooms.save_all();
    serving.await??;
    Ok(())
}
