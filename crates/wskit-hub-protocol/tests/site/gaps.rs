//! What clients are told when the hub's engine has lost messages.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use wskit_hub::{
    Access, Command, Engine, EngineEvent, Epoch, History, Hub, Page, Position, Publication, Reply,
    RequestId, Rules,
};
use wskit_hub_protocol::{Grant, Identity, Site};

use crate::kit::{Raw, epoch_of};

/// An engine that answers at once, and loses its memory when the test says so.
#[derive(Clone, Default)]
struct Forgetful(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    epoch: u64,
    top: u64,
    events: Vec<EngineEvent>,
    waker: Option<Waker>,
}

impl Engine for Forgetful {
    fn command(&self, id: RequestId, command: Command) {
        let (epoch, top) = {
            let state = self.0.lock().unwrap();
            (Epoch::new(state.epoch), state.top)
        };
        let reply = match command {
            Command::Read { .. } => Reply::Read(Page {
                epoch,
                top,
                messages: Vec::new(),
                after: top,
            }),
            _ => Reply::Done,
        };
        let result = Ok(reply);
        self.report(EngineEvent::Done { id, result });
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

impl Forgetful {
    fn report(&self, event: EngineEvent) {
        let mut state = self.0.lock().unwrap();
        state.events.push(event);
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Forgets all, then publishes the first message of the new epoch.
    fn forget(&self, topic: &str, text: &str) {
        let epoch = {
            let mut state = self.0.lock().unwrap();
            state.epoch += 1;
            state.top = 1;
            Epoch::new(state.epoch)
        };
        self.report(EngineEvent::Published {
            topic: topic.into(),
            position: Position { epoch, offset: 1 },
            before: Some(0),
            publication: Publication::text(text.to_owned()),
        });
    }
}

fn site() -> (Site, Forgetful) {
    let engine = Forgetful::default();
    let rules = Rules::stream(History::last(4)).subscribe(Access::Everyone);
    let hub = Hub::builder(move |_| rules.clone())
        .engine(engine.clone())
        .clock(|| tokio::time::Instant::now().into_std())
        .build();
    tokio::spawn(hub.drive(tokio::time::sleep));
    let site = Site::new(hub)
        .on_connect(|request| async move {
            let identity = Identity::new("");
            Ok(if request.token == "server" {
                identity.subscribe("t", Grant::new())
            } else {
                identity
            })
        })
        .clock(|| tokio::time::Instant::now().into_std());
    (site, engine)
}

#[tokio::test(start_paused = true)]
async fn clients_subscribe_again_after_a_gap() {
    let (site, engine) = site();
    let mut ann = Raw::connect(&site, "").await;
    let epoch = ann.subscribe("t").await;
    engine.forget("t", "1");
    let told = ann.recv().await;
    assert_eq!(
        told,
        r#"{"push":{"channel":"t","unsubscribe":{"code":2500,"reason":"insufficient state"}}}"#
    );
    // For the hub the subscription goes on: the client gets a new one all the same.
    let ask = format!(r#""recover":true,"epoch":"{epoch}","offset":0"#);
    ann.send(&format!(
        r#"{{"id":3,"subscribe":{{"channel":"t",{ask}}}}}"#
    ))
    .await;
    let mut reply = ann.recv().await;
    while reply.starts_with(r#"{"push""#) {
        reply = ann.recv().await;
    }
    assert!(reply.starts_with(r#"{"id":3,"subscribe":{"#), "{reply}");
    assert!(reply.contains(r#""was_recovering":true"#), "{reply}");
    assert!(!reply.contains(r#""recovered""#), "{reply}");
    assert_ne!(epoch_of(&reply), epoch);
}

#[tokio::test(start_paused = true)]
async fn clients_that_the_server_has_subscribed_connect_again_after_a_gap() {
    let (site, engine) = site();
    let mut ann = Raw::connect(&site, "server").await;
    engine.forget("t", "1");
    assert_eq!(
        ann.recv().await,
        r#"{"push":{"disconnect":{"code":3010,"reason":"insufficient state","reconnect":true}}}"#
    );
}
