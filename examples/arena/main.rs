//! An online game: ships in an arena. One port serves the page and its WebSocket. Open it in two tabs, or on
//! two phones.
//!
//! ```sh
//! cargo run --example arena    # then open http://127.0.0.1:9001 in two tabs, or /?watch to watch
//! ```
//!
//! Arguments: `[ADDRESS] [--bots N]`. Six bots play along, or `N`. They are clients as any other; with `--bots`
//! the program prints every five seconds what they and the server cost.
//!
//! - `world.rs`: the rules of the game. A pure function of what the players do, without sockets and clocks.
//! - `protocol.rs`: the messages. A state is sent as what differs from one that the player has.
//! - `players.rs`: what each player sees, and is sent: states by a lane that keeps only the newest, events by
//!   one that loses none.
//! - `index.html`: the page. It shows the own ship where it will be, and the others where they were.
//! - `bots.rs`: the bots.

#![allow(unreachable_pub)] // `pub` says what a module offers to the others: a program has no API.

mod bots;
mod players;
mod protocol;
#[cfg(test)]
mod tests;
mod world;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::{interval, timeout};
use wskit::driver::{Reader, Request, SendTransport, Server, WebSocket};
use wskit::hub::{Access, Hub, Publication, Rules, Since, Slow, Wire};
use wskit::{
    AnyWriter, CloseCode, Config, Error, Keepalive, Message, OriginPolicy, Rejection, SocketOptions,
};
use wskit_examples::{pages, report};

use players::Game;
use protocol::{Fault, LONGEST_UP, Up};

const PAGE: &str = include_str!("index.html");
/// The topics of those who watch.
const STATES: &str = "game:1";
const EVENTS: &str = "game:1:events";
/// How long a player may send nothing.
const SILENCE: Duration = Duration::from_secs(10);

// One world is stepped by one thread, and its players take a small part of it.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (address, bots) = arguments()?;
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    println!("listening on ws://{address}");
    println!("open http://{address} in two tabs");

    let arena = Arena::new(std::process::id());
    tokio::spawn(tokio::task::unconstrained(
        arena.hub.drive(tokio::time::sleep),
    ));
    tokio::spawn(arena.clone().run());
    let nearby = if address.ip().is_unspecified() {
        SocketAddr::from(([127, 0, 0, 1], address.port()))
    } else {
        address
    };
    bots::start(nearby, bots.unwrap_or(6), bots.is_some())?;
    let serving = server().serve_requests(listener, move |request, _| arena.serve(request));
    Ok(serving.on_error(report).await?)
}

/// Returns the address to listen on, and the number of bots if it is among the arguments.
fn arguments() -> Result<(String, Option<u32>), Box<dyn std::error::Error>> {
    let (mut address, mut bots) = ("127.0.0.1:9001".to_owned(), None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--bots" {
            bots = Some(arguments.next().ok_or("--bots needs a number")?.parse()?);
        } else {
            address = argument;
        }
    }
    Ok((address, bots))
}

fn server<R>() -> Server<R> {
    let keepalive = Keepalive {
        every: Duration::from_secs(5),
        answer_within: Duration::from_secs(10),
    };
    let config = Config::new()
        .max_message_size(LONGEST_UP)
        .keepalive(Some(keepalive));
    // Little waits in the system for one who watches slowly: what is there cannot be replaced any more.
    let options = SocketOptions::new().unsent(4 << 10);
    Server::new(OriginPolicy::SameOrigin)
        .config(config)
        .socket_options(options)
}

/// The game, and those who watch it.
#[derive(Clone, Debug)]
struct Arena {
    game: Arc<Game>,
    hub: Hub,
    wire: Wire,
}

impl Arena {
    fn new(seed: u32) -> Self {
        // All who watch get the same, so it is encoded once. A slow one gets fewer states, but every event.
        let rules = |topic: &str| match topic {
            STATES => Rules::live().slow(Slow::Latest).subscribe(Access::Everyone),
            EVENTS => Rules::live()
                .slow(Slow::Disconnect)
                .subscribe(Access::Everyone),
            _ => Rules::unknown(),
        };
        Self {
            game: Game::new(seed),
            hub: Hub::builder(rules).build(),
            wire: Wire::payloads(),
        }
    }

    /// Steps the world. A tick that is late is made up for: the players' clocks have gone on.
    async fn run(self) {
        let mut ticks = interval(Duration::from_secs(1) / world::TICKS_PER_SEC);
        for tick in 0_u32.. {
            ticks.tick().await;
            let told = self.game.tick();
            for event in told.events {
                if let Err(error) = self.hub.publish(EVENTS, Publication::binary(event)).await {
                    eprintln!("those who watch miss an event: {error}");
                }
            }
            // Half the rate, as each is a whole state.
            if tick % 2 == 0 {
                let state = Publication::binary(told.state);
                let _ = self.hub.publish(STATES, state).await;
            }
        }
    }

    /// Answers a request: the page, a ship, or a place to watch from.
    async fn serve<T: SendTransport>(self, request: Request<T>) -> Result<(), Error> {
        match request {
            Request::WebSocket(upgrade) => match upgrade.path() {
                "/play" => self.play(upgrade.accept().await?).await,
                "/watch" => self.watch(upgrade.accept().await?).await,
                _ => Ok(upgrade.reject(&Rejection::not_found()).await?),
            },
            Request::Http(request) => Ok(pages::respond(request, PAGE).await?),
        }
    }

    /// Serves a player until either side leaves, or the player breaks the rules.
    async fn play<T: SendTransport>(&self, ws: WebSocket<T>) -> Result<(), Error> {
        let (mut reader, writer) = ws.split();
        if let Err(fault) = self.obey(&mut reader, &writer.clone().erase()).await? {
            let (code, why) = fault.close();
            writer.start_close(code, why)?;
            // What was on its way, until the player closes too.
            while reader.recv().await?.is_some() {}
        }
        Ok(())
    }

    /// Does what a player asks for. Returns what is wrong with it, or `Ok` when the player has left.
    async fn obey<T: SendTransport>(
        &self,
        reader: &mut Reader<T>,
        writer: &AnyWriter,
    ) -> Result<Result<(), Fault>, Error> {
        let mut seat = None;
        loop {
            let Ok(heard) = timeout(SILENCE, reader.recv()).await else {
                return Ok(Err(Fault::NotAllowed("silent for too long")));
            };
            let asked = match heard? {
                None => return Ok(Ok(())),
                Some(Message::Text(_)) => Err(Fault::Text),
                Some(Message::Binary(message)) => Up::decode(&message),
            };
            let done = match (asked, &seat) {
                (Err(fault), _) => Err(fault),
                (Ok(Up::Join(name)), None) => {
                    self.game.join(name, writer).map(|taken| seat = Some(taken))
                }
                (Ok(Up::Input { acked, steer }), Some(seat)) => seat.hear(acked, steer),
                (Ok(Up::Join(_)), Some(_)) => Err(Fault::NotAllowed("joined already")),
                (Ok(Up::Input { .. }), None) => Err(Fault::NotAllowed("join first")),
            };
            if done.is_err() {
                return Ok(done);
            }
        }
    }

    /// Shows the game to one who only watches.
    async fn watch<T: SendTransport>(&self, ws: WebSocket<T>) -> Result<(), Error> {
        let (mut reader, writer) = ws.split();
        let Ok(peer) = self.hub.attach(&writer, &self.wire) else {
            writer.start_close(CloseCode::TRY_AGAIN_LATER, "too many watch")?;
            while reader.recv().await?.is_some() {}
            return Ok(());
        };
        // First the events, so that none is missed after those who are here.
        let events = peer.subscribe(EVENTS, Since::Now).await;
        writer.feed(protocol::welcome(0)).await?;
        for message in self.game.roster() {
            writer.feed(&message).await?;
        }
        if events.is_err() || peer.subscribe(STATES, Since::Now).await.is_err() {
            writer.start_close(CloseCode::TRY_AGAIN_LATER, "too many watch")?;
        } else if reader.recv().await?.is_some() {
            writer.start_close(CloseCode::POLICY_VIOLATION, "those who watch say nothing")?;
        }
        while reader.recv().await?.is_some() {}
        Ok(())
    }
}
