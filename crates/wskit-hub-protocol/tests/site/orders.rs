//! What the server does to clients, and who is present.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use wskit_hub::{Member, Publication};
use wskit_hub_protocol::{Client, DisconnectCode, Grant, Identity, Refusal, Site};

use crate::kit::{Raw, epoch_of, site};

/// A site that keeps its clients. They are subscribed to `room:all`, and to one of their own.
fn keeping() -> (Site, Arc<Mutex<Vec<Client>>>) {
    let clients = Arc::<Mutex<Vec<Client>>>::default();
    let keep = clients.clone();
    let site = site()
        .on_connect(|request| async move {
            let user = request.token;
            Ok(Identity::new(user.clone())
                .subscribe("room:all", Grant::new().data("\"all\"").publish(true))
                .subscribe(format!("live:{user}"), Grant::new()))
        })
        .on_send(move |client, _| {
            keep.lock().unwrap().push(client);
            async { Ok(()) }
        });
    (site, clients)
}

async fn kept(raw: &mut Raw, clients: &Mutex<Vec<Client>>) -> Client {
    raw.send(r#"{"send":{}}"#).await;
    loop {
        if let Some(client) = clients.lock().unwrap().pop() {
            return client;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_server_subscribes_clients_as_they_connect() {
    let (site, _) = keeping();
    let text = Publication::text("1");
    site.hub().publish("room:all", text).await.unwrap();
    let mut raw = Raw::open(&site);
    let reply = raw.ask(r#"{"id":1,"connect":{"token":"ann"}}"#).await;
    let epoch = epoch_of(reply.split("room:all").nth(1).unwrap());
    let subs = reply.split(r#""subs":"#).nth(1).unwrap();
    assert!(subs.starts_with(r#"{"live:ann":{"epoch":""#), "{reply}");
    let all = format!(
        r#""room:all":{{"recoverable":true,"epoch":"{epoch}","offset":1,"positioned":true,"data":"all"}}"#
    );
    assert!(subs.contains(&all), "{reply}");
    assert!(
        raw.recv()
            .await
            .contains(r#"{"push":{"channel":"room:all","join""#)
    );
    for (id, frame) in [
        r#""subscribe":{"channel":"room:all"}"#,
        r#""publish":{"channel":"room:all","data":2}"#,
    ]
    .into_iter()
    .enumerate()
    {
        raw.send(&format!(r#"{{"id":{},{frame}}}"#, id + 2)).await;
    }
    let mut frames = [raw.recv().await, raw.recv().await, raw.recv().await];
    frames.sort();
    assert_eq!(
        frames,
        [
            r#"{"id":2,"error":{"code":105,"message":"already subscribed"}}"#,
            r#"{"id":3,"publish":{}}"#,
            r#"{"push":{"channel":"room:all","pub":{"data":2,"offset":2}}}"#,
        ]
    );
    drop(raw);
    site.hub()
        .publish("room:all", Publication::text("3"))
        .await
        .unwrap();
    let mut raw = Raw::open(&site);
    let reply = raw
        .ask(&format!(
            r#"{{"id":1,"connect":{{"token":"ann","subs":{{"room:all":{{"recover":true,"epoch":"{epoch}","offset":2}}}}}}}}"#
        ))
        .await;
    assert!(
        reply.contains(r#""publications":[{"data":3,"offset":3}],"recovered":true,"offset":3"#),
        "{reply}"
    );
}

#[tokio::test(start_paused = true)]
async fn orders_reach_the_client() {
    let (site, clients) = keeping();
    let mut raw = Raw::connect(&site, "ann").await;
    raw.recv().await; // its own join
    let ann = kept(&mut raw, &clients).await;
    assert_eq!(ann.user(), "ann");
    ann.send("{\"a\":1}");
    ann.subscribe("live:more", Grant::new().data("7"));
    ann.subscribe("live:more", Grant::new());
    ann.subscribe("nowhere", Grant::new());
    ann.refresh(Some(Duration::from_secs(60)));
    let mut frames = Vec::new();
    for _ in 0..3 {
        frames.push(raw.recv().await);
    }
    assert_eq!(frames[0], r#"{"push":{"message":{"data":{"a":1}}}}"#);
    assert_eq!(
        frames[1],
        r#"{"push":{"refresh":{"expires":true,"ttl":60}}}"#
    );
    assert!(
        frames[2].starts_with(r#"{"push":{"channel":"live:more","subscribe":{"epoch":""#),
        "{frames:?}"
    );
    site.hub()
        .publish("live:more", Publication::text("5"))
        .await
        .unwrap();
    assert_eq!(
        raw.recv().await,
        r#"{"push":{"channel":"live:more","pub":{"data":5,"offset":1}}}"#
    );
    ann.unsubscribe("live:more");
    ann.unsubscribe("live:other");
    assert_eq!(
        raw.recv().await,
        r#"{"push":{"channel":"live:more","unsubscribe":{"code":2000,"reason":"server unsubscribe"}}}"#
    );
    assert_eq!(site.hub().subscribers("live:more"), 0);
    // It may ask for it again.
    raw.subscribe("live:more").await;
    ann.disconnect(DisconnectCode::ForceReconnect);
    assert_eq!(raw.closed().await, (3011, "force reconnect".to_owned()));
    assert!(!ann.is_connected());
    ann.send("1");
}

#[tokio::test(start_paused = true)]
async fn a_reason_that_is_too_long_is_cut() {
    let (site, clients) = keeping();
    let mut raw = Raw::connect(&site, "ann").await;
    let ann = kept(&mut raw, &clients).await;
    let Refusal::Disconnect(why) = Refusal::disconnect(4001, "ä".repeat(100)) else {
        unreachable!()
    };
    ann.disconnect(why);
    assert_eq!(raw.closed().await, (4001, "ä".repeat(61)));
}

#[tokio::test(start_paused = true)]
async fn members_are_connections_of_users() {
    let site = site();
    let mut ann = Raw::connect(&site, "ann").await;
    ann.subscribe("room:1").await;
    let join = ann.recv().await;
    let id = join
        .split(r#""client":""#)
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let info = format!(r#"{{"user":"ann","client":"{id}","conn_info":{{"n":"ann"}}}}"#);
    assert_eq!(
        join,
        format!(r#"{{"push":{{"channel":"room:1","join":{{"info":{info}}}}}}}"#)
    );
    let mut second = Raw::connect(&site, "ann").await;
    second.subscribe("room:1").await;
    assert!(ann.recv().await.contains(r#""join""#));
    assert!(second.recv().await.contains(r#""join""#));
    let stats = r#"{"id":3,"presence_stats":{"channel":"room:1"}}"#;
    assert_eq!(
        ann.ask(stats).await,
        r#"{"id":3,"presence_stats":{"num_clients":2,"num_users":1}}"#
    );
    second
        .send(r#"{"id":3,"unsubscribe":{"channel":"room:1"}}"#)
        .await;
    assert_eq!(second.recv().await, r#"{"id":3,"unsubscribe":{}}"#);
    // Nothing keeps the hub's time: the next calls do what was due.
    tokio::time::advance(Duration::from_secs(3)).await;
    let mut frames = Vec::new();
    for id in 4..6 {
        let ask = format!(r#"{{"id":{id},"presence":{{"channel":"room:1"}}}}"#);
        ann.send(&ask).await;
    }
    while frames.len() < 3 {
        frames.push(ann.recv().await);
    }
    frames.sort();
    assert_eq!(
        frames[1],
        format!(r#"{{"id":5,"presence":{{"presence":{{"{id}":{info}}}}}}}"#)
    );
    assert!(
        frames[2].starts_with(r#"{"push":{"channel":"room:1","leave":{"info":{"user":"ann""#),
        "{frames:?}"
    );
}

#[tokio::test]
async fn members_of_the_application_are_present_too() {
    let site = site();
    let mut ann = Raw::connect(&site, "ann").await;
    ann.subscribe("room:1").await;
    ann.recv().await;
    let (_client, server) = wskit_tokio::pair(wskit_proto::Config::new());
    let (_reader, writer) = server.split();
    let bot = site
        .hub()
        .attach(&writer, &wskit_hub::Wire::payloads())
        .unwrap();
    bot.grant("room:1", wskit_hub::Grant::new().subscribe());
    bot.enter("room:1", Member::new("bot").info("[1]")).unwrap();
    assert_eq!(
        ann.recv().await,
        r#"{"push":{"channel":"room:1","join":{"info":{"user":"bot","client":"bot","conn_info":[1]}}}}"#
    );
}
