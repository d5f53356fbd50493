//! One run of one cell; the body of the programs `subject` and `subject-counted`.

use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::cell::{Cell, Server};
use crate::client::{Client, RECEIVE_BUFFER};
use crate::count::{allocations, nanos, pin, records};
use crate::{hub, memory, raw, server};

/// Runs the cell that the arguments name (`lent 16x16`), on the processor of the number that may
/// follow. Prints the number of messages that counted.
pub fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().unwrap_or_default();
    let cell: Cell = match format!("{} {}", next(), next()).parse() {
        Ok(cell) => cell,
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(2);
        }
    };
    pin(next().parse().unwrap_or(0));
    run(cell);
    println!("messages {}", cell.messages());
    println!("allocations {}", allocations());
    println!("records {}", records());
    println!("nanoseconds {:.1}", nanos() as f64 / cell.messages() as f64);
}

fn run(cell: Cell) {
    match cell.server {
        Server::Memory => return memory::run(cell),
        Server::Shard => return hub::shard(cell),
        Server::Hub => return hub::deliver(cell),
        Server::Batch => return hub::batch(cell),
        Server::Publish => return hub::publish(cell),
        Server::Lent | Server::Owned | Server::Split | Server::Tls | Server::Raw => {}
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let listener = listen().expect("a port of the loopback interface");
        let address = listener.local_addr().expect("the port is known");
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serve(cell.server, stream);
            }
        });
        let (client, bell) = Client::connect(address, cell)
            .await
            .expect("the server accepts");
        tokio::spawn(client.run(bell)).await.expect("all rounds");
    });
}

fn serve(server: Server, stream: TcpStream) {
    match server {
        Server::Lent => drop(tokio::spawn(server::lent(stream))),
        Server::Owned => drop(tokio::spawn(server::owned(stream))),
        Server::Split => drop(tokio::spawn(server::split(stream))),
        Server::Tls => drop(tokio::spawn(server::tls(stream))),
        Server::Raw => drop(tokio::spawn(raw::echo(stream))),
        _ => unreachable!("runs without sockets"),
    }
}

fn listen() -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?; // those accepted inherit it
    socket.bind(([127, 0, 0, 1], 0).into())?;
    socket.listen(Cell::CONNECTIONS as u32)
}
