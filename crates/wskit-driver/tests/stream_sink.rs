//! `Stream` and `Sink` of connections and halves.
#![allow(clippy::unwrap_used, reason = "a test")]

use bytes::Bytes;
use futures_util::stream::FusedStream;
use futures_util::{SinkExt, StreamExt, TryStreamExt};
use wskit_driver::{Runtime, WebSocket};
use wskit_proto::{Config, Message, Role, State};
use wskit_test::{Executor, Simulated, SimulatedIo, join, pipe};

type Socket = WebSocket<SimulatedIo>;

fn pair() -> (Socket, Socket) {
    let (near, far) = pipe(100);
    let ws = |end, role| {
        WebSocket::from_parts(
            Simulated::wrap(end),
            role,
            Bytes::new(),
            Config::new().write_high_water(50),
        )
    };
    (ws(near, Role::Client), ws(far, Role::Server))
}

fn messages() -> Vec<Message> {
    (0..100)
        .map(|at| Message::text(format!("message {at}")))
        .collect()
}

/// Proves: R6455-7.1.2-a, R6455-7.1.4-a
#[test]
fn whole_connection_is_a_stream_and_a_sink() {
    Executor::new().block_on(async {
        let (mut client, mut server) = pair();
        let send = async {
            for message in messages() {
                client
                    .send_all(&mut futures_util::stream::iter([Ok(message)]))
                    .await
                    .unwrap();
            }
            SinkExt::close(&mut client).await.unwrap();
            assert!(client.next().await.is_none());
            assert!(client.is_terminated());
            assert!(
                SinkExt::feed(&mut client, Message::text("late"))
                    .await
                    .unwrap_err()
                    .is_closed()
            );
        };
        let receive = async {
            let got: Vec<_> = (&mut server).try_collect().await.unwrap();
            assert_eq!(got, messages());
            assert!(server.is_terminated());
        };
        join(send, receive).await;
    });
}

/// Proves: R6455-7.1.2-a
#[test]
fn halves_are_a_stream_and_a_sink() {
    Executor::new().block_on(async {
        let (client, server) = pair();
        let (mut reader, mut writer) = client.split();
        let (echo_reader, mut echo_writer) = server.split();
        let send = async {
            for message in messages() {
                writer.feed(message).await.unwrap();
            }
            SinkExt::<Message>::flush(&mut writer).await.unwrap();
            SinkExt::<Message>::close(&mut writer).await.unwrap();
            assert_eq!(writer.state(), State::Closed);
        };
        let receive = async {
            let got: Vec<_> = (&mut reader).try_collect().await.unwrap();
            assert!(messages().starts_with(&got), "{got:?}");
            assert!(reader.is_terminated());
        };
        let echo = async {
            let mut reader = echo_reader;
            while let Some(message) = reader.next().await {
                // The peer may have begun to close meanwhile.
                if SinkExt::send(&mut echo_writer, message.unwrap())
                    .await
                    .is_err()
                {
                    assert_ne!(echo_writer.state(), State::Open);
                }
            }
        };
        join(join(send, receive), echo).await;
    });
}

/// The poll functions of a sink can be abandoned and called again without a loss.
///
/// Proves: X-io-4
#[test]
fn sink_of_a_writer_flushes_in_bits() {
    Executor::new().block_on(async {
        let (client, mut server) = pair();
        let (_reader, mut writer) = client.split();
        let send = async {
            for message in messages() {
                while wskit_test::once(SinkExt::feed(&mut writer, message.clone()))
                    .await
                    .is_none()
                {
                    wskit_test::pause().await;
                }
                while wskit_test::once(SinkExt::<Message>::flush(&mut writer))
                    .await
                    .is_none()
                {
                    wskit_test::pause().await;
                }
            }
        };
        let receive = async {
            for message in messages() {
                assert_eq!(server.recv().await.unwrap(), Some(message));
            }
        };
        join(send, receive).await;
    });
}
