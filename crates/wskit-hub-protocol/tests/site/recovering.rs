use crate::kit::{Raw, site};
use wskit_hub::Publication;

async fn publish(site: &wskit_hub_protocol::Site, topic: &str, texts: &[&str]) {
    for text in texts {
        let text = Publication::text(*text);
        site.hub().publish(topic, text).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_is_in_the_answer() {
    let site = site();
    publish(&site, "room:1", &["1", "2"]).await;
    let mut ann = Raw::connect(&site, "ann").await;
    let epoch = ann.subscribe("room:1").await;
    drop(ann);
    publish(&site, "room:1", &["3", "4"]).await;
    let mut ann = Raw::connect(&site, "ann").await;
    let reply = ann
        .ask(&format!(
            r#"{{"id":2,"subscribe":{{"channel":"room:1","recover":true,"epoch":"{epoch}","offset":2}}}}"#
        ))
        .await;
    assert_eq!(
        reply,
        format!(
            r#"{{"id":2,"subscribe":{{"recoverable":true,"epoch":"{epoch}","publications":[{{"data":3,"offset":3}},{{"data":4,"offset":4}}],"recovered":true,"offset":4,"positioned":true,"was_recovering":true}}}}"#
        )
    );
    publish(&site, "room:1", &["5"]).await;
    let mut seen = Vec::new();
    while !seen
        .last()
        .is_some_and(|frame: &String| frame.contains("\"pub\""))
    {
        seen.push(ann.recv().await);
    }
    assert_eq!(
        seen.last().unwrap(),
        r#"{"push":{"channel":"room:1","pub":{"data":5,"offset":5}}}"#
    );
}

#[tokio::test(start_paused = true)]
async fn a_position_that_is_gone_is_told() {
    let site = site();
    publish(&site, "room:1", &["1"]).await;
    for position in [
        r#""epoch":"5f","offset":1"#,
        r#""epoch":"","offset":0"#,
        r#""epoch":"+1","offset":1"#,
        r#""epoch":"no epoch","offset":18446744073709551615"#,
    ] {
        let mut ann = Raw::connect(&site, "ann").await;
        let reply = ann
            .ask(&format!(
                r#"{{"id":2,"subscribe":{{"channel":"room:1","recover":true,{position}}}}}"#
            ))
            .await;
        assert!(reply.contains(r#""was_recovering":true"#), "{reply}");
        assert!(!reply.contains(r#""recovered""#), "{reply}");
        assert!(!reply.contains(r#""publications""#), "{reply}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_newest_message_is_in_the_answer_where_it_alone_is_kept() {
    let site = site();
    publish(&site, "last:1", &["1", "2"]).await;
    let mut ann = Raw::connect(&site, "ann").await;
    let reply = ann
        .ask(r#"{"id":2,"subscribe":{"channel":"last:1"}}"#)
        .await;
    assert!(
        reply.contains(r#""publications":[{"data":2,"offset":2}]"#),
        "{reply}"
    );
}

#[tokio::test(start_paused = true)]
async fn history_comes_in_pages() {
    let site = site();
    publish(&site, "room:1", &["1", "2", "3"]).await;
    let mut ann = Raw::connect(&site, "ann").await;
    let epoch = ann.subscribe("room:1").await;
    ann.recv().await; // its own join
    for (ask, pubs) in [
        (String::new(), ""),
        (
            r#","limit":2"#.to_owned(),
            r#"{"data":1,"offset":1},{"data":2,"offset":2}"#,
        ),
        (
            format!(r#","limit":2,"since":{{"offset":2,"epoch":"{epoch}"}}"#),
            r#"{"data":3,"offset":3}"#,
        ),
        (
            format!(r#","limit":-1,"since":{{"offset":1,"epoch":"{epoch}"}}"#),
            r#"{"data":2,"offset":2},{"data":3,"offset":3}"#,
        ),
    ] {
        let reply = ann
            .ask(&format!(
                r#"{{"id":3,"history":{{"channel":"room:1"{ask}}}}}"#
            ))
            .await;
        assert_eq!(
            reply,
            format!(
                r#"{{"id":3,"history":{{"publications":[{pubs}],"epoch":"{epoch}","offset":3}}}}"#
            )
        );
    }
    let reply = ann
        .ask(
            r#"{"id":3,"history":{"channel":"room:1","limit":1,"since":{"offset":1,"epoch":"x"}}}"#,
        )
        .await;
    assert_eq!(
        reply,
        r#"{"id":3,"error":{"code":112,"message":"unrecoverable position"}}"#
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_that_was_too_slow_subscribes_again_from_where_it_was() {
    let site = site();
    let mut ann = Raw::connect(&site, "ann").await;
    let epoch = ann.subscribe("open:1").await;
    // It reads nothing until what it has not got is gone.
    let large = format!("\"{}\"", "a".repeat(60_000));
    for _ in 0..60 {
        publish(&site, "open:1", &[&large]).await;
    }
    let (mut offset, mut last) = (0, String::new());
    while !last.contains("unsubscribe") {
        last = ann.recv().await;
        offset += u64::from(last.contains("\"pub\""));
    }
    assert_eq!(
        last,
        r#"{"push":{"channel":"open:1","unsubscribe":{"code":2500,"reason":"insufficient state"}}}"#
    );
    assert!(offset < 50, "{offset}");
    let reply = ann
        .ask(&format!(
            r#"{{"id":2,"subscribe":{{"channel":"open:1","recover":true,"epoch":"{epoch}","offset":{offset}}}}}"#
        ))
        .await;
    assert!(reply.contains(r#""was_recovering":true"#), "{reply}");
    assert!(!reply.contains(r#""recovered""#), "{reply}");
}
