//! Pings, deadlines and what expires, in virtual time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use wskit_hub_protocol::{DisconnectCode, ErrorCode, Grant, Identity, Site};

use crate::kit::{Raw, hub, site};

#[tokio::test(start_paused = true)]
async fn pings_come_each_25_seconds_and_want_a_pong_each() {
    let mut ann = Raw::connect(&site(), "ann").await;
    let start = Instant::now();
    assert_eq!(ann.recv().await, "{}");
    let first = start.elapsed();
    assert!((12_500..25_000).contains(&first.as_millis()), "{first:?}");
    for i in 1..4 {
        ann.send("{}").await;
        assert_eq!(ann.recv().await, "{}");
        assert_eq!(
            start.elapsed().as_secs(),
            (first + i * Duration::from_secs(25)).as_secs()
        );
    }
    assert_eq!(ann.closed().await, (3012, "no pong".to_owned()));
    let mut bob = Raw::connect(&site(), "bob").await;
    bob.recv().await;
    bob.send("{}").await;
    bob.send("{}").await;
    assert_eq!(bob.closed().await, (3501, "bad request".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn who_does_not_connect_within_10_seconds_is_stale() {
    let start = Instant::now();
    let raw = Raw::open(&site());
    assert_eq!(raw.closed().await, (3502, "stale".to_owned()));
    assert_eq!(start.elapsed().as_secs(), 10);
    // A callback that never decides does not change that.
    let forever = site().on_connect(|_| std::future::pending());
    let mut raw = Raw::open(&forever);
    raw.send(r#"{"id":1,"connect":{}}"#).await;
    assert_eq!(raw.closed().await.0, 3502);
}

fn expiring(hub: wskit_hub::Hub) -> Site {
    Site::new(hub)
        .on_connect(|request| async move {
            if request.token == "old" {
                return Err(ErrorCode::TokenExpired.into());
            }
            Ok(Identity::new("ann").expires_in(Duration::from_secs(10)))
        })
        .on_subscribe(|_, _| async { Ok(Grant::new().expires_in(Duration::from_secs(5))) })
        .on_refresh(|_, token| async move {
            match token.as_str() {
                "gone" => Err(DisconnectCode::InvalidToken.into()),
                "old" => Err(ErrorCode::TokenExpired.into()),
                _ => Ok(Some(Duration::from_secs(100))),
            }
        })
        .on_sub_refresh(|_, _, token| async move {
            Ok((token != "for ever").then_some(Duration::from_secs(7)))
        })
        .clock(|| Instant::now().into_std())
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_not_prolonged_ends_25_seconds_after_it_expires() {
    let site = expiring(hub());
    let mut raw = Raw::open(&site);
    let reply = raw.ask(r#"{"id":1,"connect":{"token":"old"}}"#).await;
    assert_eq!(
        reply,
        r#"{"id":1,"error":{"code":109,"message":"token expired"}}"#
    );
    let mut raw = Raw::open(&site);
    let reply = raw.ask(r#"{"id":1,"connect":{}}"#).await;
    assert!(reply.contains(r#""expires":true,"ttl":10,"#), "{reply}");
    let reply = raw.ask(r#"{"id":2,"refresh":{"token":"old"}}"#).await;
    assert!(reply.contains("109"), "{reply}");
    assert_eq!(raw.recv().await, "{}");
    raw.send("{}").await;
    let reply = raw.ask(r#"{"id":2,"refresh":{"token":"new"}}"#).await;
    assert!(reply.ends_with(r#""expires":true,"ttl":100}}"#), "{reply}");
    let refreshed = Instant::now();
    while raw.ws.recv().await.unwrap().is_some() {
        raw.send("{}").await;
    }
    assert_eq!(refreshed.elapsed().as_secs(), 125);
    assert_eq!(raw.closed().await, (3005, "connection expired".to_owned()));
    let mut raw = Raw::open(&site);
    raw.ask(r#"{"id":1,"connect":{}}"#).await;
    raw.send(r#"{"id":2,"refresh":{"token":"gone"}}"#).await;
    assert_eq!(raw.closed().await.0, 3500);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_is_not_prolonged_ends_alone() {
    let site = expiring(hub());
    let mut raw = Raw::open(&site);
    raw.ask(r#"{"id":1,"connect":{}}"#).await;
    let start = Instant::now();
    let reply = raw
        .ask(r#"{"id":2,"subscribe":{"channel":"live:1"}}"#)
        .await;
    assert!(reply.contains(r#""expires":true,"ttl":5,"#), "{reply}");
    for topic in ["live:2", "live:3"] {
        raw.ask(&format!(
            r#"{{"id":2,"subscribe":{{"channel":"{topic}"}}}}"#
        ))
        .await;
    }
    let reply = raw
        .ask(r#"{"id":3,"sub_refresh":{"channel":"live:2","token":"x"}}"#)
        .await;
    assert_eq!(reply, r#"{"id":3,"sub_refresh":{"expires":true,"ttl":7}}"#);
    let reply = raw
        .ask(r#"{"id":3,"sub_refresh":{"channel":"live:3","token":"for ever"}}"#)
        .await;
    assert_eq!(reply, r#"{"id":3,"sub_refresh":{}}"#);
    let mut ended = Vec::new();
    while ended.len() < 2 {
        let frame = raw.recv().await;
        if frame == "{}" {
            raw.send("{}").await;
        } else {
            ended.push((start.elapsed().as_secs(), frame));
        }
    }
    let end = |topic| {
        format!(
            r#"{{"push":{{"channel":"{topic}","unsubscribe":{{"code":2501,"reason":"subscription expired"}}}}}}"#
        )
    };
    assert_eq!(ended, [(30, end("live:1")), (32, end("live:2"))]);
    assert_eq!(site.hub().subscribers("live:1"), 0);
    assert_eq!(site.hub().subscribers("live:3"), 1);
}

#[tokio::test(start_paused = true)]
async fn all_are_sent_away_over_the_window_of_a_shutdown() {
    let gone = Arc::new(AtomicUsize::new(0));
    let count = gone.clone();
    let site = site().on_disconnect(move |client| {
        assert_eq!(client.user(), "ann");
        count.fetch_add(1, Ordering::Relaxed);
    });
    let mut all = Vec::new();
    for _ in 0..10 {
        all.push(Raw::connect(&site, "ann").await);
    }
    let late = Raw::open(&site);
    let start = Instant::now();
    let closing = site.shutdown(Duration::from_secs(10), tokio::time::sleep);
    let closing = async {
        closing.await;
        start.elapsed().as_secs()
    };
    let reading = async {
        let mut times = Vec::new();
        for raw in all {
            assert_eq!(raw.closed().await, (3001, "shutdown".to_owned()));
            times.push(start.elapsed().as_secs());
        }
        times
    };
    let (_, times) = tokio::join!(closing, reading);
    assert!(
        *times.first().unwrap() < 2 && *times.last().unwrap() >= 8,
        "{times:?}"
    );
    assert_eq!(gone.load(Ordering::Relaxed), 10);
    // One that comes now is sent to another process at once.
    let mut late = late;
    late.send(r#"{"id":1,"connect":{"token":"ann"}}"#).await;
    assert_eq!(late.closed().await.0, 3001);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_no_answers_is_disconnected_as_slow() {
    let mut ann = Raw::connect(&site(), "ann").await;
    let data = "a".repeat(60_000);
    // More than the connection holds: what is left waits in the client.
    let asking = async {
        for id in 2..100 {
            let ask = format!(r#"{{"id":{id},"rpc":{{"method":"echo","data":"{data}"}}}}"#);
            ann.send(&ask).await;
        }
    };
    let start = Instant::now();
    let _ = tokio::time::timeout(Duration::from_secs(60), asking).await;
    assert_eq!(start.elapsed().as_secs(), 20);
    assert_eq!(ann.closed().await, (3008, "slow".to_owned()));
}
