use crate::kit::{Raw, hub, site};
use wskit_hub::Publication;
use wskit_hub_protocol::Site;

#[tokio::test(start_paused = true)]
async fn a_subscriber_gets_what_is_published() {
    let site = site();
    let mut ann = Raw::connect(&site, "ann").await;
    let epoch = ann.subscribe("live:1").await;
    assert!(!epoch.is_empty());
    let mut bob = Raw::connect(&site, "bob").await;
    bob.subscribe("live:1").await;
    let reply = ann
        .ask(r#"{"id":3,"publish":{"channel":"live:1","data":{"text":"hi"}}}"#)
        .await;
    let push = r#"{"push":{"channel":"live:1","pub":{"data":{"text":"hi"},"offset":1}}}"#;
    assert_eq!(bob.recv().await, push);
    assert!(
        reply == push || reply == r#"{"id":3,"publish":{}}"#,
        "{reply}"
    );
    ann.recv().await;
    site.hub()
        .publish("live:1", Publication::text("[\n1]"))
        .await
        .unwrap();
    assert_eq!(
        bob.recv().await,
        r#"{"push":{"channel":"live:1","pub":{"data":[1],"offset":2}}}"#
    );
    site.hub()
        .publish("live:1", Publication::text("no JSON"))
        .await
        .unwrap();
    assert_eq!(
        bob.recv().await,
        r#"{"push":{"channel":"live:1","pub":{"data":"no JSON","offset":3}}}"#
    );
}

#[tokio::test(start_paused = true)]
async fn requests_get_their_answers() {
    let site = site();
    let mut ann = Raw::connect(&site, "ann").await;
    for (frame, reply) in [
        (
            r#"{"id":1,"subscribe":{"channel":"nowhere"}}"#,
            r#"{"id":1,"error":{"code":102,"message":"unknown channel"}}"#,
        ),
        (
            r#"{"id":2,"subscribe":{"channel":"room:secret"}}"#,
            r#"{"id":2,"error":{"code":103,"message":"permission denied"}}"#,
        ),
        (
            r#"{"id":3,"publish":{"channel":"room:1","data":1}}"#,
            r#"{"id":3,"error":{"code":103,"message":"permission denied"}}"#,
        ),
        (
            r#"{"id":4,"rpc":{"method":"none","data":1}}"#,
            r#"{"id":4,"error":{"code":104,"message":"method not found"}}"#,
        ),
        (
            r#"{"id":5,"rpc":{"method":"echo","data":[1, 2]}}"#,
            r#"{"id":5,"rpc":{"data":[1, 2]}}"#,
        ),
        (
            r#"{"id":6,"rpc":{"method":"who"}}"#,
            r#"{"id":6,"rpc":{"data":"ann"}}"#,
        ),
        (
            r#"{"id":7,"rpc":{"method":"shop"}}"#,
            r#"{"id":7,"error":{"code":1000,"message":"closed"}}"#,
        ),
        (
            r#"{"id":8,"unsubscribe":{"channel":"room:1"}}"#,
            r#"{"id":8,"unsubscribe":{}}"#,
        ),
        (
            r#"{"id":9,"presence":{"channel":"room:1"}}"#,
            r#"{"id":9,"error":{"code":103,"message":"permission denied"}}"#,
        ),
        (
            r#"{"id":10,"history":{"channel":"live:1"}}"#,
            r#"{"id":10,"error":{"code":108,"message":"not available"}}"#,
        ),
        (
            r#"{"id":11,"refresh":{"token":"x"}}"#,
            r#"{"id":11,"error":{"code":108,"message":"not available"}}"#,
        ),
        (
            r#"{"id":12,"sub_refresh":{"channel":"room:1","token":"x"}}"#,
            r#"{"id":12,"error":{"code":103,"message":"permission denied"}}"#,
        ),
        (
            r#"{"id":13,"subscribe":{"channel":"room:1","type":1}}"#,
            r#"{"id":13,"error":{"code":108,"message":"not available"}}"#,
        ),
        (
            r#"{"id":14,"history":{"channel":"open:1","limit":1,"reverse":true}}"#,
            r#"{"id":14,"error":{"code":108,"message":"not available"}}"#,
        ),
        (
            r#"{"id":15,"ping":{}}"#,
            r#"{"id":15,"error":{"code":108,"message":"not available"}}"#,
        ),
        (
            r#"{"id":16,"fly":{}}"#,
            r#"{"id":16,"error":{"code":104,"message":"method not found"}}"#,
        ),
        (
            r#"{"id":17,"presence":{"channel":"open:1"}}"#,
            r#"{"id":17,"error":{"code":108,"message":"not available"}}"#,
        ),
        (
            r#"{"id":18,"subscribe":{"channel":"a\u0007"}}"#,
            r#"{"id":18,"error":{"code":107,"message":"bad request"}}"#,
        ),
    ] {
        assert_eq!(ann.ask(frame).await, reply);
    }
    ann.subscribe("live:1").await;
    assert_eq!(
        ann.ask(r#"{"id":3,"subscribe":{"channel":"live:1"}}"#)
            .await,
        r#"{"id":3,"error":{"code":105,"message":"already subscribed"}}"#
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_is_allowed_that_is_not_set() {
    let mut raw = Raw::open(&Site::new(hub()));
    assert_eq!(
        raw.ask(r#"{"id":1,"connect":{}}"#).await,
        r#"{"id":1,"error":{"code":101,"message":"unauthorized"}}"#
    );
    assert_eq!(raw.closed().await, (3000, String::new()));
    let site = Site::new(hub()).on_connect(|_| async { Ok(wskit_hub_protocol::Identity::new("")) });
    let mut raw = Raw::connect(&site, "").await;
    for (frame, reply) in [
        (
            r#"{"id":1,"subscribe":{"channel":"room:1"}}"#,
            r#"{"id":1,"error":{"code":103,"message":"permission denied"}}"#,
        ),
        (
            r#"{"id":2,"rpc":{}}"#,
            r#"{"id":2,"error":{"code":108,"message":"not available"}}"#,
        ),
    ] {
        assert_eq!(raw.ask(frame).await, reply);
    }
    raw.subscribe("open:1").await;
    raw.send(r#"{"send":{"data":1}}"#).await;
    assert_eq!(raw.closed().await, (3508, "not available".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn what_breaks_the_protocol_ends_the_connection() {
    for (frame, code) in [
        ("", 3501),
        ("x", 3501),
        ("{}", 3501),
        (r#"{"id":1}"#, 3501),
        (r#"{"id":-1,"connect":{}}"#, 3501),
        (r#"{"id":4294967296,"connect":{}}"#, 3501),
        (r#"{"id":0,"connect":{}}"#, 3501),
        (r#"{"id":1,"subscribe":{"channel":"room:1"}}"#, 3501),
        (r#"{"id":1,"connect":{}}{"id":2}"#, 3501),
        (r#"{"id":1,"connect":{"token":"bad"}}"#, 3500),
        ("{\"id\":1,\"connect\":{}}\n{\"id\":2,\"connect\":{}}", 3501),
        ("{\"id\":1,\"connect\":{}}\n{}", 3501),
        (
            "{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{}}",
            3501,
        ),
        (
            "{\"id\":1,\"connect\":{}}\n{\"id\":2,\"rpc\":{\"method\":\"leave\"}}",
            4500,
        ),
    ] {
        let mut raw = Raw::open(&site());
        raw.send(frame).await;
        assert_eq!(raw.closed().await.0, code, "{frame}");
    }
    let deep = format!(
        "{{\"id\":1,\"connect\":{{\"data\":{}{}}}}}",
        "[".repeat(20_000),
        "]".repeat(20_000)
    );
    let many = format!(
        "{{\"id\":1,\"connect\":{{}}}}{}",
        "\n{\"send\":{}}".repeat(5000)
    );
    let large = format!(
        "{{\"id\":1,\"connect\":{{\"token\":\"{}\"}}}}",
        "a".repeat(70_000)
    );
    for (frame, code) in [(deep, 3501), (many, 3013), (large, 1009)] {
        let mut raw = Raw::open(&site());
        raw.send(&frame).await;
        assert_eq!(raw.closed().await.0, code);
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_procedure_keeps_no_other_request_waiting() {
    let mut ann = Raw::connect(&site(), "ann").await;
    ann.send("{\"id\":2,\"rpc\":{\"method\":\"slow\"}}\n{\"id\":3,\"subscribe\":{\"channel\":\"live:1\"}}\n{\"id\":4,\"rpc\":{\"method\":\"who\"}}")
        .await;
    for id in [3, 4, 2] {
        let reply = ann.recv().await;
        assert!(reply.starts_with(&format!("{{\"id\":{id},")), "{reply}");
    }
}
