//! What waits for an engine, when the engine is slow, panics, or is no longer asked.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use wskit_hub::{
    CloseCode, Command, Engine, EngineEvent, Epoch, Error, History, Page, Position, Publication,
    Reply, RequestId, Rules, Since,
};
use wskit_test::{Simulated, run};

use crate::kit::{Guest, hub, lines, open, settle, sleep};

/// An engine whose answers the test gives.
#[derive(Clone, Default)]
struct Manual(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    asked: Vec<(RequestId, Command)>,
    events: Vec<EngineEvent>,
    waker: Option<Waker>,
    panics: bool,
}

impl Engine for Manual {
    fn command(&self, id: RequestId, command: Command) {
        let mut state = self.0.lock().unwrap();
        if state.panics {
            drop(state);
            panic!("the engine panics");
        }
        state.asked.push((id, command));
    }

    fn poll_event(&self, cx: &mut Context<'_>) -> Poll<EngineEvent> {
        let mut state = self.0.lock().unwrap();
        if state.events.is_empty() {
            state.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(state.events.remove(0))
    }
}

impl Manual {
    fn report(&self, event: EngineEvent) {
        let mut state = self.0.lock().unwrap();
        state.events.push(event);
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Answers all that was asked.
    fn answer(&self) {
        let asked = std::mem::take(&mut self.0.lock().unwrap().asked);
        for (id, command) in asked {
            let reply = match command {
                Command::Read { .. } => Reply::Read(Page {
                    epoch: Epoch::new(7),
                    top: 0,
                    messages: Vec::new(),
                    after: 0,
                }),
                _ => Reply::Done,
            };
            let result = Ok(reply);
            self.report(EngineEvent::Done { id, result });
        }
    }
}

fn stream() -> Rules {
    open(Rules::stream(History::last(4)))
}

/// The subscription of a peer that is gone waits for the engine. The next peer, who may not subscribe, does
/// not get it.
#[test]
fn a_subscription_that_waits_does_not_pass_to_the_next_peer() {
    run::<Simulated>(async {
        let engine = Manual::default();
        let hub = hub(stream()).engine(engine.clone()).shards(1).build();
        crate::kit::drive(&hub);
        let first = Guest::new(&hub, &lines());
        {
            let subscribing = pin!(first.peer.subscribe("t", Since::Now));
            let mut cx = Context::from_waker(Waker::noop());
            assert!(subscribing.poll(&mut cx).is_pending());
        }
        drop(first);
        settle().await;
        let second = Guest::new(&hub, &lines());
        settle().await;
        for _ in 0..3 {
            engine.answer();
            settle().await;
        }
        assert_eq!(hub.held().subscriptions, 0);
        let publication = Publication::text("secret");
        engine.report(EngineEvent::Published {
            topic: "t".into(),
            position: Position {
                epoch: Epoch::new(7),
                offset: 1,
            },
            before: Some(0),
            publication,
        });
        settle().await;
        assert_eq!(second.probe.writes(), 0);
        drop(second);
    });
}

#[test]
fn closing_answers_the_calls_that_wait_for_the_engine() {
    run::<Simulated>(async {
        let engine = Manual::default();
        let hub = hub(stream()).engine(engine.clone()).build();
        crate::kit::drive(&hub);
        let guest = Guest::new(&hub, &lines());
        let calls = async {
            let publishing = hub.publish("t", Publication::text(""));
            let reading = hub.history("t", Since::Start, 1);
            let subscribing = guest.peer.subscribe("t", Since::Now);
            let (published, read) = wskit_test::join(publishing, reading).await;
            assert!(matches!(published, Err(Error::Closed)));
            assert!(matches!(read, Err(Error::Closed)));
            assert!(matches!(subscribing.await, Err(Error::Closed)));
        };
        let closing = async {
            settle().await;
            hub.close(CloseCode::GOING_AWAY, "", Duration::ZERO, sleep)
                .await;
        };
        wskit_test::join(calls, closing).await;
    });
}

#[test]
fn a_command_that_panics_fails_its_call() {
    run::<Simulated>(async {
        let engine = Manual::default();
        let hub = hub(stream()).engine(engine.clone()).build();
        engine.0.lock().unwrap().panics = true;
        for _ in 0..2 {
            let published = hub.publish("t", Publication::text("")).await;
            assert!(matches!(published, Err(Error::Engine(_))));
        }
        let guest = Guest::new(&hub, &lines());
        let subscribed = guest.peer.subscribe("t", Since::Now).await;
        assert!(matches!(subscribed, Err(Error::Engine(_))));
        // And the command that takes back the listening, which may have begun.
        assert_eq!(hub.stats().engine.failures, 4);
    });
}

/// What an engine has forgotten is asked for, so that its loss is told before the next message comes.
#[test]
fn a_topic_that_the_engine_does_not_know_any_more_is_read() {
    run::<Simulated>(async {
        let engine = Manual::default();
        let hub = hub(stream()).engine(engine.clone()).shards(1).build();
        crate::kit::drive(&hub);
        let guest = Guest::new(&hub, &lines());
        let answering = async {
            for _ in 0..4 {
                settle().await;
                engine.answer();
            }
        };
        let subscribing = guest.peer.subscribe("t", Since::Now);
        wskit_test::join(subscribing, answering).await.0.unwrap();
        engine.report(EngineEvent::Published {
            topic: "t".into(),
            position: Position {
                epoch: Epoch::new(7),
                offset: 1,
            },
            before: Some(0),
            publication: Publication::text("one"),
        });
        settle().await;
        engine.report(EngineEvent::Lost);
        settle().await;
        let asked = std::mem::take(&mut engine.0.lock().unwrap().asked);
        let mut compared = 0;
        for (id, command) in asked {
            if matches!(command, Command::Tops { .. }) {
                let result = Ok(Reply::Tops(vec![None]));
                engine.report(EngineEvent::Done { id, result });
                compared += 1;
            }
        }
        assert_eq!(compared, 1);
        settle().await;
        let asked = std::mem::take(&mut engine.0.lock().unwrap().asked);
        let read = |(_, command): &(_, Command)| matches!(command, Command::Read { .. });
        assert!(asked.iter().any(read));
    });
}
