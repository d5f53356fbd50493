//! Hooks on new connections: their deadline, their errors, and connections that end meanwhile.

use std::error::Error as StdError;
use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use wskit_dial::Error;
use wskit_dial::reconnect::{Event, Loss, OnOpenError, Verdict};
use wskit_driver::ConnectionError;
use wskit_frame::OpCode;
use wskit_proto::{ProtocolError, SendError};
use wskit_test::{Harness, join, now, run_timed, sleep};

use super::reconnect_scene::{Attempts, is_opened, lost, message, secs};
use crate::scene::config;

type Result = core::result::Result<(), Box<dyn StdError + Send + Sync>>;

/// An error of the application.
#[derive(Debug, PartialEq)]
struct LoginRefused;

impl fmt::Display for LoginRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("login refused")
    }
}

impl StdError for LoginRefused {}

/// A login that is never answered ends with `Config::handshake_timeout`.
pub fn hook_has_the_deadline_of_the_handshake<H: Harness>() {
    for limit in [secs(10), secs(3)] {
        run_timed::<H>(async {
            let attempts = Attempts::default();
            let mut server = attempts.succeed();
            let config = config().handshake_timeout(limit);
            let mut client = attempts
                .client_with::<H>(config)
                .on_open(|mut ws| async move {
                    ws.send("log in").await?;
                    ws.recv().await?;
                    Ok(())
                });
            let begun = now::<H>();
            let (loss, _) = lost(client.next().await);
            let took = now::<H>() - begun;
            assert!(limit <= took && took < limit + secs(1), "{took:?}");
            assert_eq!(loss.other(), Some(&OnOpenError::Timeout(limit)));
            assert_eq!(
                loss.to_string(),
                format!("no connection: on_open did not finish within {limit:?}")
            );
            // The connection was dropped with it.
            server.expect(OpCode::Text, "log in").await;
            server.expect_end().await;
        });
    }
}

async fn two_seconds<H: Harness>() -> Result {
    sleep::<H>(secs(2)).await;
    Ok(())
}

/// Two hooks that take 2 s each have 5 s, and then 3 s.
pub fn hooks_share_a_deadline_of_their_own<H: Harness>() {
    run_timed::<H>(async {
        for (limit, is_enough) in [(secs(5), true), (secs(3), false)] {
            let attempts = Attempts::default();
            let _server = attempts.succeed();
            let mut client = attempts
                .client::<H>()
                .on_open_timeout(limit)
                .on_open(|_ws| two_seconds::<H>())
                .on_open(|_ws| two_seconds::<H>());
            let event = client.next().await;
            if is_enough {
                assert!(is_opened(event));
            } else {
                let (loss, _) = lost(event);
                assert_eq!(loss.other(), Some(&OnOpenError::Timeout(limit)));
            }
        }
    });
}

/// The server closes in answer to the login. What the hook makes of it does not count.
pub fn close_during_a_hook_decides<H: Harness>() {
    let returns: [fn() -> Result; 4] = [
        || Ok(()),
        || Err(LoginRefused.into()),
        || Err(SendError::Closed.into()),
        || Err(ConnectionError::Disconnected { mid_message: false }.into()),
    ];
    for returned in returns {
        for code in [1008, 3000, 1001, 4000] {
            run_timed::<H>(async {
                let attempts = Attempts::default();
                let mut server = attempts.succeed();
                let mut client = attempts.client::<H>().on_open(move |mut ws| async move {
                    ws.send("log in").await?;
                    while ws.recv().await?.is_some() {}
                    returned()
                });
                let serving = async {
                    server.expect(OpCode::Text, "log in").await;
                    let close = server.frames().close(code, "because");
                    server.send(close).await;
                    server.expect_close(code).await;
                    server.hang_up();
                };
                let (event, ()) = join(client.next(), serving).await;
                let loss = match code {
                    1008 | 3000 => event.unwrap_err().loss,
                    _ => lost(event).0,
                };
                let Loss::Closed(outcome) = loss else {
                    panic!("{loss:?}");
                };
                assert_eq!((outcome.code().get(), outcome.reason()), (code, "because"));
            });
        }
    }
}

/// A server that closes with 1000 after a refused login has not done what was asked of it: that is no
/// good end.
pub fn close_that_says_nothing_leaves_the_error_of_the_hook<H: Harness>() {
    for fails in [true, false] {
        run_timed::<H>(async {
            let attempts = Attempts::default();
            let mut server = attempts.succeed();
            let mut client = attempts.client::<H>().on_open(move |mut ws| async move {
                while ws.recv().await?.is_some() {}
                if fails {
                    return Err(LoginRefused.into());
                }
                Ok(())
            });
            let close = server.frames().close(1000, "");
            server.send(close).await;
            server.finish().await;
            let event = client.next().await;
            if fails {
                assert_eq!(lost(event).0.other(), Some(&LoginRefused));
            } else {
                assert!(matches!(event, Ok(None)), "{event:?}");
                assert!(client.outcome().expect("an outcome").is_clean());
            }
        });
    }
}

/// The hook fails at the message, and does not look at the Close with 1008 behind it.
pub fn close_behind_the_answer_of_the_server_is_read<H: Harness>() {
    run_timed::<H>(async {
        let attempts = Attempts::default();
        let mut server = attempts.succeed();
        let mut client = attempts.client::<H>().on_open(|mut ws| async move {
            match ws.recv().await? {
                Some(answer) if answer.as_text() == Some("welcome") => Ok(()),
                _ => Err(LoginRefused.into()),
            }
        });
        let frames = server.frames();
        let answer = [frames.text("go away"), frames.close(1008, "")].concat();
        server.send(answer).await;
        server.finish().await;
        let gave_up = client.next().await.unwrap_err();
        assert!(matches!(gave_up.loss, Loss::Closed(_)), "{gave_up:?}");
        server.expect_close(1008).await;
    });
}

/// The hook gives up at the first sign of a Close, before the connection has ended.
pub fn close_that_is_not_finished_is_waited_for<H: Harness>() {
    run_timed::<H>(async {
        let attempts = Attempts::default();
        let mut server = attempts.succeed();
        let mut client = attempts.client::<H>().on_open(|mut ws| async move {
            let sent = loop {
                sleep::<H>(secs(1)).await;
                if let Err(error) = ws.send("log in").await {
                    break error;
                }
            };
            assert!(ws.outcome().is_none());
            Err(sent.into())
        });
        let serving = async {
            server.expect(OpCode::Text, "log in").await;
            let close = server.frames().close(1008, "");
            server.send(close).await;
            sleep::<H>(secs(2)).await;
            server.finish().await;
        };
        let (event, ()) = join(client.next(), serving).await;
        let gave_up = event.unwrap_err();
        assert!(matches!(gave_up.loss, Loss::Closed(_)), "{gave_up:?}");
    });
}

/// `denied`, and then the end of the stream without a Close: at once, or later, when nothing is read any
/// more. The hook has said why.
pub fn break_without_a_close_leaves_the_error_of_the_hook<H: Harness>() {
    for later in [false, true] {
        run_timed::<H>(async {
            let attempts = Attempts::default();
            let mut server = attempts.succeed();
            let mut client = attempts.client::<H>().on_open(|mut ws| async move {
                match ws.recv().await? {
                    Some(answer) if answer.as_text() == Some("denied") => Err(LoginRefused.into()),
                    _ => Ok(()),
                }
            });
            let serving = async {
                let denied = server.frames().text("denied");
                server.send(denied).await;
                if later {
                    sleep::<H>(Duration::from_millis(100)).await;
                }
                server.hang_up();
            };
            let (event, ()) = join(client.next(), serving).await;
            let (loss, _) = lost(event);
            assert_eq!(loss.other(), Some(&LoginRefused), "{later}: {loss:?}");
        });
    }
}

/// A hook that closes the connection and returns an error: what the server echoes says nothing.
pub fn close_by_a_hook_leaves_its_error<H: Harness>() {
    run_timed::<H>(async {
        let attempts = Attempts::default();
        let mut server = attempts.succeed();
        let mut client = attempts.client::<H>().on_open(|mut ws| async move {
            ws.close(4000.into(), "wrong server").await?;
            Err(LoginRefused.into())
        });
        let serving = async {
            server.expect_close(4000).await;
            let close = server.frames().close(4000, "");
            server.send(close).await;
            server.finish().await;
        };
        let (event, ()) = join(client.next(), serving).await;
        let (loss, _) = lost(event);
        assert_eq!(loss.other(), Some(&LoginRefused), "{loss:?}");
    });
}

/// A broken rule decides, whatever the hook makes of it; of any other break it says itself what it knows.
pub fn connection_that_breaks_during_a_hook_decides<H: Harness>() {
    // A message above our limit would come again.
    let too_big = b"\x82\x7f\0\0\x7f\0\0\0\0\0".as_slice();
    for (bytes, may_pass) in [(b"".as_slice(), true), (too_big, false)] {
        for swallows in [true, false] {
            run_timed::<H>(async {
                let attempts = Attempts::default();
                let mut server = attempts.succeed();
                let mut client = attempts.client::<H>().on_open(move |mut ws| async move {
                    match ws.recv().await {
                        Err(_) if swallows => Err(LoginRefused.into()),
                        Err(error) => Err(error.into()),
                        Ok(_) => Ok(()),
                    }
                });
                server.send(bytes).await;
                server.hang_up();
                let event = client.next().await;
                let loss = if may_pass {
                    lost(event).0
                } else {
                    event.unwrap_err().loss
                };
                match (swallows, may_pass, &loss) {
                    (true, true, loss) => assert_eq!(loss.other(), Some(&LoginRefused)),
                    // What the hook has swallowed is in the outcome.
                    (true, false, Loss::Closed(outcome)) => assert!(!outcome.is_clean()),
                    (
                        false,
                        true,
                        Loss::NotOpened(Error::Connection(ConnectionError::Disconnected {
                            ..
                        })),
                    )
                    | (
                        false,
                        false,
                        Loss::NotOpened(Error::Connection(ConnectionError::Protocol(
                            ProtocolError::MessageTooBig { .. },
                        ))),
                    ) => {}
                    _ => panic!("{loss:?}"),
                }
            });
        }
    }
}

/// The connection breaks while the hook sends; what the server has said before is not lost.
pub fn message_before_the_end_is_returned_after_a_hook<H: Harness>() {
    run_timed::<H>(async {
        let attempts = Attempts::default();
        let mut server = attempts.succeed();
        let mut client = attempts.client::<H>().on_open(|mut ws| async move {
            while ws.send("subscribe").await.is_ok() {}
            Ok(())
        });
        let last = server.frames().text("last words");
        server.send(last).await;
        server.hang_up();
        assert!(is_opened(client.next().await));
        assert_eq!(message(client.next().await), "last words");
        lost(client.next().await);
    });
}

/// By `mem::forget`, or by moving it to where it lives on. The next connection would be kept too.
pub fn hook_that_keeps_its_connection_has_failed<H: Harness>() {
    for leaks in [true, false] {
        run_timed::<H>(async {
            let attempts = Attempts::default();
            let mut server = attempts.succeed();
            let kept = Arc::new(Mutex::new(Vec::new()));
            let keep = kept.clone();
            let mut client = attempts.client::<H>().on_open(move |mut ws| {
                let keep = keep.clone();
                async move {
                    ws.send("mine").await?;
                    if leaks {
                        mem::forget(ws);
                    } else {
                        keep.lock().expect("a list").push(ws);
                    }
                    Ok(())
                }
            });
            let gave_up = client.next().await.unwrap_err();
            assert_eq!(
                gave_up.loss.other(),
                Some(&OnOpenError::ConnectionKept),
                "{gave_up}"
            );
            assert!(matches!(client.next().await, Ok(None)));
            server.expect(OpCode::Text, "mine").await;
            if !leaks {
                // It is the hook's now, and works.
                let mut ws = kept.lock().expect("a list").pop().expect("a connection");
                ws.send("still mine").await.unwrap();
                server.expect(OpCode::Text, "still mine").await;
                drop(ws);
                server.expect_end().await;
            }
        });
    }
}

/// `?` takes any error in a hook, and `Loss::other` gives it back.
pub fn errors_of_the_application_come_back<H: Harness>() {
    run_timed::<H>(async {
        let attempts = Attempts::default();
        let _servers = [attempts.succeed(), attempts.succeed(), attempts.succeed()];
        attempts.fail(Error::other(LoginRefused));
        let mut turn = 0;
        let mut client = attempts
            .client::<H>()
            .on_open(move |_ws| {
                turn += 1;
                async move {
                    match turn {
                        1 => Err(LoginRefused)?,
                        2 => Err(Error::NotConnected)?,
                        _ => Err("no ticket")?,
                    }
                    Ok(())
                }
            })
            .classify(|loss| match loss.error() {
                Some(Error::NotConnected) => Verdict::Retry,
                _ if loss.other::<LoginRefused>().is_some() => Verdict::RetryAfter(secs(1000)),
                _ => Verdict::of(loss),
            });
        let (loss, retry_in) = lost(client.next().await);
        assert_eq!((loss.other(), retry_in), (Some(&LoginRefused), secs(1000)));
        assert_eq!(loss.to_string(), "no connection: login refused");
        let (loss, _) = lost(client.next().await);
        assert!(matches!(loss, Loss::NotOpened(Error::NotConnected)));
        // Nothing is known about an error of the application: the default is to try again.
        let (loss, retry_in) = lost(client.next().await);
        assert_eq!(loss.to_string(), "no connection: no ticket");
        assert!(retry_in < secs(60));
        let event = client.next().await;
        let Ok(Some(Event::Lost { loss, .. })) = event else {
            panic!("{event:?}");
        };
        assert_eq!(
            loss.other(),
            Some(&LoginRefused),
            "of the closure that opens"
        );
    });
}
