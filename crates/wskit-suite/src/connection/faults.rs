//! A whole session, repeated with operation number 0, 1, 2, … of either end failing, until the fault no
//! longer occurs.

use wskit_dial::Error;
use wskit_driver::{Client, ConnectionError, Server, WebSocket};
use wskit_frame::CloseCode;
use wskit_handshake::OriginPolicy;
use wskit_proto::{Config, Event, Message, Role};
use wskit_test::{Fault, Faults, Harness, Io, join, pipe, run};

use crate::scene::{config, pattern};

/// Proves: X-io-5, R6455-7.2.1-a
pub fn session_with_every_operation_failing_at_the_client<H: Harness>() {
    every_operation::<H>(Role::Client, false);
}

/// Proves: X-io-5, R6455-7.2.1-a
pub fn session_with_every_operation_failing_at_the_server<H: Harness>() {
    every_operation::<H>(Role::Server, false);
}

/// Proves: X-io-5, R6455-7.2.1-a
pub fn split_session_with_every_operation_failing_at_the_client<H: Harness>() {
    every_operation::<H>(Role::Client, true);
}

/// Proves: X-io-5, R6455-7.2.1-a
pub fn split_session_with_every_operation_failing_at_the_server<H: Harness>() {
    every_operation::<H>(Role::Server, true);
}

fn every_operation<H: Harness>(at: Role, split: bool) {
    for base in [Faults::none(), Faults::hesitant()] {
        for fault in Fault::ALL {
            let mut nth = 0;
            while session::<H>(
                at,
                split,
                Faults {
                    at: Some((fault, nth)),
                    ..base
                },
            ) {
                nth += 1;
                assert!(nth < 10_000, "the session does not come to an end");
            }
            assert!(nth > 10, "{fault:?} has struck only {nth} times");
        }
    }
}

/// Prints which run failed.
struct Named(String);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed with {}", self.0);
        }
    }
}

/// What the client sends, in this order.
fn messages() -> Vec<Message> {
    vec![
        Message::text("fragments of text"),
        Message::binary(pattern(3000)),
        Message::text(""),
    ]
}

/// Runs the session and returns whether the fault occurred.
fn session<H: Harness>(at: Role, split: bool, faults: Faults) -> bool {
    let fault = faults.at.map(|(fault, _)| fault);
    let mut struck = false;
    let _name = Named(format!("{at:?}, split: {split}, {faults:?}"));
    run::<H>(async {
        let (near, far) = pipe(700);
        let probe = if at == Role::Client {
            near.probe()
        } else {
            far.probe()
        };
        probe.set_faults(faults);
        let config = Config::fragment_size(config(), 1000.try_into().ok()).write_high_water(2000);
        let server = Server::<H::Runtime>::new(OriginPolicy::Any).config(config.clone());
        let client = Client::<H::Runtime>::new().config(config);
        let serve = async {
            let ws = server.accept(H::stream(far)).await?;
            let served = if split {
                serve_split::<H>(ws).await
            } else {
                serve_whole::<H>(ws).await
            };
            Ok::<_, Error>(served?)
        };
        let dial = async {
            let (ws, _) = client
                .handshake(H::stream(near), "ws://example.com/")
                .await?;
            let talked = if split {
                talk_split::<H>(ws).await
            } else {
                talk::<H>(ws).await
            };
            Ok::<_, Error>(talked?)
        };
        let (served, talked) = join(serve, dial).await;
        struck = probe.has_struck();
        if !struck || fault.is_some_and(Fault::is_harmless) {
            assert!(
                served.is_ok() && talked.is_ok(),
                "{at:?} {faults:?}: {served:?} {talked:?}"
            );
        }
    });
    struck
}

/// Receives until the end, checks that what came is the beginning of what was sent, that an error
/// comes once and that the outcome agrees with it.
async fn serve_whole<H: Harness>(mut ws: WebSocket<Io<H>>) -> Result<(), ConnectionError> {
    let mut expected = messages().into_iter();
    let ended = loop {
        match ws.recv_ref().await {
            Ok(Some((message, out))) => {
                let next = expected.next().expect("one message more than was sent");
                assert!(
                    message.as_bytes() == next.as_bytes() && message.is_text() == next.is_text()
                );
                if let Err(error) = out.feed(message) {
                    break Err(error.into());
                }
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    assert!(matches!(ws.recv().await, Ok(None)), "after {ended:?}");
    let outcome = ws.outcome().expect("an outcome at the end");
    assert_eq!(outcome.is_clean(), ended.is_ok(), "{outcome:?} {ended:?}");
    ended
}

async fn talk<H: Harness>(mut ws: WebSocket<Io<H>>) -> Result<(), ConnectionError> {
    let talked = async {
        for message in messages() {
            ws.send(&message).await?;
            ws.ping(b"between").await?;
            let mut pong = false;
            let mut echo = false;
            while !(pong && echo) {
                match ws.recv_event().await? {
                    Some(Event::Pong(payload)) => {
                        assert_eq!(&*payload, b"between");
                        pong = true;
                    }
                    Some(Event::Message(echoed)) => {
                        assert!(echoed == message && !echo, "a wrong message");
                        echo = true;
                    }
                    // The server saw the end of what we write, and has closed.
                    None => return Err(wskit_proto::SendError::Closed.into()),
                    Some(event) => panic!("{event:?}"),
                }
            }
        }
        Ok(())
    }
    .await;
    let outcome = ws.close(CloseCode::NORMAL, "").await?;
    assert!(matches!(ws.recv().await, Ok(None)));
    assert!(ws.send("late").await.unwrap_err().is_closed());
    if talked.is_ok() && !outcome.is_clean() {
        return Err(ConnectionError::Disconnected { mid_message: false });
    }
    talked
}

async fn serve_split<H: Harness>(ws: WebSocket<Io<H>>) -> Result<(), ConnectionError> {
    let (mut reader, writer) = ws.split();
    let mut expected = messages().into_iter();
    let ended = loop {
        match reader.recv().await {
            Ok(Some(message)) => {
                let next = expected.next().expect("one message more than was sent");
                assert!(message == next, "a wrong message");
                if let Err(error) = writer.send(message).await {
                    break Err(error);
                }
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    if ended.is_err() {
        // What had come before is still returned; each half returns the error once.
        while let Ok(Some(message)) = reader.recv().await {
            assert!(
                expected.next().is_some_and(|next| message == next),
                "a wrong message"
            );
        }
    }
    assert!(matches!(reader.recv().await, Ok(None)), "after {ended:?}");
    let outcome = writer.outcome().expect("an outcome at the end");
    assert!(
        !outcome.is_clean() || ended.is_ok(),
        "{outcome:?} {ended:?}"
    );
    ended
}

async fn talk_split<H: Harness>(ws: WebSocket<Io<H>>) -> Result<(), ConnectionError> {
    let (mut reader, writer) = ws.split();
    let send = async {
        for message in messages() {
            writer.send(&message).await?;
            writer.ping(b"between").await?;
        }
        Ok::<(), ConnectionError>(())
    };
    let receive = async {
        for message in messages() {
            match reader.recv().await? {
                Some(echoed) => assert!(echoed == message, "a wrong message"),
                None => return Err(wskit_proto::SendError::Closed.into()),
            }
        }
        Ok(reader)
    };
    let (sent, received) = join(send, receive).await;
    let outcome = match received {
        Ok(mut reader) => {
            let (outcome, end) = join(writer.close(CloseCode::NORMAL, ""), reader.recv()).await;
            if !outcome.as_ref().is_ok_and(wskit_proto::Outcome::is_clean) {
                end.map(drop)?;
            }
            outcome?
        }
        Err(error) => {
            // The reader was dropped: this reads in its place.
            writer.close(CloseCode::NORMAL, "").await?;
            return Err(error);
        }
    };
    sent?;
    if outcome.is_clean() {
        Ok(())
    } else {
        Err(ConnectionError::Disconnected { mid_message: false })
    }
}
