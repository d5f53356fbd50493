//! What the operating systems hold between two ends.

use wskit_dial::Connector;
use wskit_driver::{LaneConfig, Overflow, Pushed, Server, SocketOptions};
use wskit_handshake::OriginPolicy;
use wskit_proto::{Message, Role};
use wskit_test::join;

use super::{ClientIo, Sockets, run};
use crate::scene::ROLES;

/// The size of a message.
const SIZE: usize = 4000;

/// Has the end with this role push while the other does not read; returns how many messages left before
/// the first one had to wait.
async fn taken<S: Sockets>(role: Role, options: SocketOptions) -> usize {
    let (listener, port) = S::listen().await;
    let server = Server::<S::Net>::new(OriginPolicy::Any).socket_options(options);
    let connector = Connector::<S::Net>::new().socket_options(options);
    let accepting = async {
        let (tcp, _) = S::accept(&listener).await;
        server.accept(tcp).await.unwrap()
    };
    let connecting = connector.connect(format!("ws://127.0.0.1:{port}/"));
    let (server, client) = join(accepting, connecting).await;
    let client = client.unwrap().0;
    let mut taken = 0;
    // The other end is kept, and not read from.
    macro_rules! push_from {
        ($near:ident, $far:ident) => {{
            let (_reader, writer) = $near.split();
            let mut lane = writer.lane(LaneConfig::new().overflow(Overflow::LatestOnly));
            while lane.push(vec![7; SIZE]) == Ok(Pushed::Queued) {
                taken += 1;
            }
            drop($far);
        }};
    }
    match role {
        Role::Server => push_from!(server, client),
        Role::Client => push_from!(client, server),
    }
    taken
}

/// Small buffers take some tens of kilobytes, those of the system as much as megabytes.
pub fn socket_options_bound_what_the_systems_hold<S: Sockets>() {
    run::<S>(async {
        let small = SocketOptions::new()
            .send_buffer(8 << 10)
            .receive_buffer(8 << 10);
        for role in ROLES {
            let free = taken::<S>(role, SocketOptions::new()).await;
            let bound = taken::<S>(role, small).await;
            assert!(bound * 3 < free, "{role:?}: {bound} of {free}");
            if cfg!(target_os = "linux") {
                // A whole segment is taken in any case.
                let options = SocketOptions::new().unsent(1).receive_buffer(8 << 10);
                let unsent = taken::<S>(role, options).await;
                assert!(unsent * 3 < free, "{role:?}: {unsent} of {free}");
            }
        }
        // What the system refuses is no error.
        let refused = SocketOptions::new().send_buffer(usize::MAX);
        assert!(taken::<S>(Role::Server, refused).await > 0);
    });
}

/// A client that has read nothing while 300 messages were pushed gets the first, and then the last.
pub fn paced_lane_is_fresh_over_tcp<S: Sockets>() {
    run::<S>(async {
        let (listener, port) = S::listen().await;
        let server = Server::<S::Net>::new(OriginPolicy::Any);
        let accepting = async {
            let (tcp, _) = S::accept(&listener).await;
            server.accept(tcp).await.unwrap()
        };
        let connector = Connector::<S::Net>::new();
        let connecting = connector.connect(format!("ws://127.0.0.1:{port}/"));
        let (server, client) = join(accepting, connecting).await;
        let mut client: wskit_driver::WebSocket<ClientIo<S>> = client.unwrap().0;
        let (mut reader, writer) = server.split();
        let mut lane = writer.lane(LaneConfig::new().overflow(Overflow::LatestOnly).paced(1));
        for number in 0..=300 {
            lane.push(format!("{number:SIZE$}")).unwrap();
        }
        assert_eq!(lane.dropped(), 299);
        let reading = async {
            for number in [0, 300] {
                let message = client.recv().await.unwrap();
                assert_eq!(message, Some(Message::text(format!("{number:SIZE$}"))));
            }
            client.send("end").await.unwrap();
        };
        let (end, ()) = join(reader.recv(), reading).await;
        assert_eq!(end.unwrap(), Some(Message::text("end")));
    });
}
