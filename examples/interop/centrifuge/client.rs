//! The crate `centrifuge-client` against our site, over one of its two wire formats:
//! `interop_centrifuge_client URL json|protobuf`.

use std::time::{Duration, SystemTime};

use centrifuge::{
    Client, ClientBuilder, ClientEvent, Error, EventStream, HistoryOptions, Protocol,
    StreamPosition, Subscription, SubscriptionEvent,
};
use futures_util::StreamExt;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The site, how to speak to it, and what topics begin with.
struct Site {
    url: String,
    protocol: Protocol,
    run: String,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("URL is missing")?;
    let format = arguments.next().ok_or("json or protobuf is missing")?;
    let site = Site {
        url,
        protocol: match format.as_str() {
            "json" => Protocol::Json,
            _ => Protocol::Protobuf,
        },
        run: format!("rust-{format}-{}", std::process::id()),
    };
    let mut has_failed = false;
    for (name, checked) in [
        ("connects, with data and who it is", connects(&site).await),
        (
            "a token that is not valid is refused for good",
            refused(&site).await,
        ),
        (
            "a token that has expired is replaced",
            replaced(&site).await,
        ),
        ("100 subscriptions begin at once", many(&site).await),
        (
            "publishes both ways, and is refused by code",
            publishes(&site).await,
        ),
        ("recovers, or is told that it cannot", recovers(&site).await),
        (
            "the server subscribes and unsubscribes it",
            server_side(&site).await,
        ),
        (
            "sees who is there, and reads the history",
            present(&site).await,
        ),
        ("disconnects are final or not", disconnects(&site).await),
    ] {
        match checked {
            Ok(()) => println!("ok {format}: {name}"),
            Err(error) => {
                has_failed = true;
                println!(
                    "FAILED {format}: {name}: {}",
                    error.to_string().replace('\n', " ")
                );
            }
        }
    }
    std::process::exit(i32::from(has_failed))
}

fn token(claims: &Value, secret: &str) -> String {
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::default(), claims, &key).unwrap_or_default()
}

impl Site {
    fn client(&self, claims: &Value) -> ClientBuilder {
        Client::builder(&self.url)
            .protocol(self.protocol)
            .proxy(centrifuge::ProxyConfig::None)
            .min_reconnect_delay(Duration::from_millis(20))
            .max_reconnect_delay(Duration::from_millis(100))
            .token(token(claims, "secret"))
    }

    async fn connected(&self, claims: &Value) -> Result<Client, Failure> {
        let client = self.client(claims).build()?;
        client.connect()?;
        client.ready(LIMIT).await?;
        Ok(client)
    }

    fn topic(&self, kind: &str, name: &str) -> String {
        format!("{kind}:{}-{name}", self.run)
    }
}

const LIMIT: Option<Duration> = Some(Duration::from_secs(5));

async fn call(client: &Client, method: &str, ask: Value) -> Result<Value, Failure> {
    let answer = client.rpc(method, ask.to_string()).await?;
    Ok(serde_json::from_slice(&answer.data)?)
}

async fn publish(client: &Client, topic: &str, data: Value) -> Result<(), Failure> {
    let ask = json!({"topic": topic, "data": data});
    call(client, "publish", ask).await.map(|_| ())
}

fn code<T>(result: Result<T, Error>) -> u32 {
    match result {
        Err(Error::Server(error)) => error.code,
        _ => 0,
    }
}

fn equal<T: PartialEq + std::fmt::Debug>(
    actual: T,
    expected: T,
    what: &str,
) -> Result<(), Failure> {
    if actual == expected {
        return Ok(());
    }
    Err(format!("{what}: expected {expected:?}, got {actual:?}").into())
}

/// What has happened and was not looked at yet.
type Events<E> = UnboundedReceiver<E>;

/// Takes events as they come: a client waits until they are taken.
fn watch<E: Send + 'static>(mut stream: EventStream<E>) -> Events<E>
where
    EventStream<E>: futures_util::Stream<Item = E> + Unpin + Send,
{
    let (sender, events) = unbounded_channel();
    tokio::spawn(async move {
        while let Some(event) = stream.next().await {
            if sender.send(event).is_err() {
                return;
            }
        }
    });
    events
}

/// Waits for an event from which `pick` takes something.
async fn event<E, T>(
    events: &mut Events<E>,
    mut pick: impl FnMut(E) -> Option<T>,
) -> Result<T, Failure> {
    let picked = async {
        while let Some(event) = events.recv().await {
            if let Some(picked) = pick(event) {
                return Ok(picked);
            }
        }
        Err("the events have ended".into())
    };
    tokio::time::timeout(Duration::from_secs(8), picked).await?
}

fn publication(event: SubscriptionEvent) -> Option<Value> {
    match event {
        SubscriptionEvent::Publication(publication) => {
            serde_json::from_slice(&publication.data).ok()
        }
        _ => None,
    }
}

fn recovered(event: SubscriptionEvent) -> Option<(bool, bool)> {
    match event {
        SubscriptionEvent::Subscribed(event) => Some((event.was_recovering, event.recovered)),
        _ => None,
    }
}

async fn subscribed(
    client: &Client,
    topic: &str,
) -> Result<(Subscription, Events<SubscriptionEvent>), Failure> {
    let subscription = client.new_subscription(topic).recoverable(true).build()?;
    let events = watch(subscription.events());
    subscription.subscribe();
    subscription.ready(LIMIT).await?;
    Ok((subscription, events))
}

async fn connects(site: &Site) -> Result<(), Failure> {
    let client = site
        .client(&json!({"sub": "ann"}))
        .data(r#"{"hello":1}"#)
        .build()?;
    let mut events = watch(client.events());
    client.connect()?;
    let data = event(&mut events, |event| match event {
        ClientEvent::Connected(connected) => connected.data,
        _ => None,
    });
    equal(data.await?.as_ref(), br#"{"hello":1}"#, "data")?;
    equal(call(&client, "who", json!({})).await?, json!("ann"), "user")?;
    client.close().await;
    Ok(())
}

fn final_code(event: ClientEvent) -> Option<u32> {
    match event {
        ClientEvent::Disconnected(event) => Some(event.code),
        _ => None,
    }
}

async fn refused(site: &Site) -> Result<(), Failure> {
    let forged = token(&json!({"sub": "eve"}), "guess");
    let client = site.client(&json!({})).token(forged).build()?;
    let mut events = watch(client.events());
    client.connect()?;
    equal(event(&mut events, final_code).await?, 3500, "code")
}

async fn replaced(site: &Site) -> Result<(), Failure> {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)?
        .as_secs();
    let client = site
        .client(&json!({"sub": "ann", "exp": now - 5}))
        .get_token(|_| async { Ok(Some(token(&json!({"sub": "ann"}), "secret"))) })
        .build()?;
    client.connect()?;
    client.ready(LIMIT).await?;
    client.close().await;
    Ok(())
}

async fn many(site: &Site) -> Result<(), Failure> {
    let client = site.client(&json!({"sub": "ann"})).build()?;
    let mut all = Vec::new();
    for i in 0..100 {
        let topic = site.topic("live", &format!("many-{i}"));
        let subscription = client.new_subscription(topic).build()?;
        subscription.subscribe();
        all.push(subscription);
    }
    client.connect()?;
    for subscription in &all {
        subscription.ready(LIMIT).await?;
    }
    client.close().await;
    Ok(())
}

async fn publishes(site: &Site) -> Result<(), Failure> {
    let ann = site.connected(&json!({"sub": "ann"})).await?;
    let bob = site.connected(&json!({"sub": "bob"})).await?;
    let topic = site.topic("live", "publishes");
    let (own, _) = subscribed(&ann, &topic).await?;
    let (_other, mut events) = subscribed(&bob, &topic).await?;
    own.publish(r#"{"text":"hej\n"}"#).await?;
    let got = event(&mut events, publication).await?;
    equal(got, json!({"text": "hej\n"}), "from a client")?;
    publish(&ann, &topic, json!([1, null])).await?;
    let got = event(&mut events, publication).await?;
    equal(got, json!([1, null]), "from the server")?;
    let room = site.topic("room", "other");
    equal(code(ann.publish(&room, "1").await), 103, "without a grant")?;
    equal(
        code(ann.rpc("none", "{}").await),
        104,
        "an unknown procedure",
    )?;
    equal(
        code(ann.rpc("error", r#"{"code":1234}"#).await),
        1234,
        "an own error",
    )?;
    equal(code(ann.presence(&room).await), 103, "presence")?;
    Ok(())
}

async fn recovers(site: &Site) -> Result<(), Failure> {
    let ann = site.connected(&json!({"sub": "ann"})).await?;
    let bob = site.connected(&json!({"sub": "bob"})).await?;
    let topic = site.topic("room", "recovers");
    let (_subscription, mut events) = subscribed(&ann, &topic).await?;
    equal(
        event(&mut events, recovered).await?,
        (false, false),
        "at first",
    )?;
    publish(&bob, &topic, json!(1)).await?;
    equal(event(&mut events, publication).await?, json!(1), "first")?;
    let away = async {
        // It is over before the answer comes.
        let _ = call(&ann, "disconnect", json!({"code": 3011})).await;
    };
    let ((), published) = tokio::join!(away, publish(&bob, &topic, json!(2)));
    published?;
    equal(
        event(&mut events, recovered).await?,
        (true, true),
        "recovered",
    )?;
    publish(&bob, &topic, json!(3)).await?;
    let mut seen = Vec::new();
    while seen.last() != Some(&json!(3)) {
        seen.push(event(&mut events, publication).await?);
    }
    // 2 comes before or after the connection is lost.
    equal(seen.iter().any(|data| *data == json!(1)), false, "twice")?;
    ann.disconnect();
    for n in 4..20 {
        publish(&bob, &topic, json!(n)).await?;
    }
    ann.connect()?;
    equal(
        event(&mut events, recovered).await?,
        (true, false),
        "too much",
    )
}

async fn server_side(site: &Site) -> Result<(), Failure> {
    let topic = site.topic("room", "server-side");
    let client = site
        .client(&json!({"sub": "ann", "channels": [topic]}))
        .build()?;
    let mut events = watch(client.events());
    client.connect()?;
    event(&mut events, |event| match event {
        ClientEvent::ServerSubscribed(event) => (event.channel == topic).then_some(()),
        _ => None,
    })
    .await?;
    client.publish(&topic, "7").await?;
    let data = event(&mut events, |event| match event {
        ClientEvent::ServerPublication(event) => Some(event.publication.data),
        _ => None,
    });
    equal(data.await?.as_ref(), b"7", "data")?;
    let (own, mut events) = subscribed(&client, &site.topic("live", "own")).await?;
    call(&client, "unsubscribe", json!({"topic": own.channel()})).await?;
    let code = event(&mut events, |event| match event {
        SubscriptionEvent::Unsubscribed(event) => Some(event.code),
        _ => None,
    });
    equal(code.await?, 2000, "code")
}

async fn present(site: &Site) -> Result<(), Failure> {
    let ann = json!({"sub": "ann", "info": {"color": "red"}});
    let ann = site.connected(&ann).await?;
    let bob = site.connected(&json!({"sub": "bob"})).await?;
    let topic = site.topic("room", "present");
    let (subscription, mut events) = subscribed(&ann, &topic).await?;
    let (other, _) = subscribed(&bob, &topic).await?;
    event(&mut events, |event| match event {
        SubscriptionEvent::Join(event) => (event.info.user == "bob").then_some(()),
        _ => None,
    })
    .await?;
    let present = subscription.presence().await?.clients;
    let own = present.values().find(|info| info.user == "ann");
    let info = own
        .and_then(|info| info.conn_info.clone())
        .unwrap_or_default();
    equal(info.as_ref(), br#"{"color":"red"}"#, "info")?;
    let stats = subscription.presence_stats().await?;
    equal((stats.num_clients, stats.num_users), (2, 2), "stats")?;
    for n in 0..5 {
        other.publish(n.to_string()).await?;
    }
    let first = subscription.history(HistoryOptions::new().limit(3)).await?;
    let last = first.publications.last().ok_or("no history")?.offset;
    let since = StreamPosition::new(last, first.epoch.clone());
    let second = subscription
        .history(HistoryOptions::new().all().since(since))
        .await?;
    let all = first.publications.iter().chain(&second.publications);
    let all: Vec<_> = all
        .flat_map(|publication| publication.data.to_vec())
        .collect();
    equal(all.as_slice(), b"01234", "history")
}

async fn disconnects(site: &Site) -> Result<(), Failure> {
    for code in [3503, 4500] {
        let client = site.connected(&json!({"sub": "ann"})).await?;
        let mut events = watch(client.events());
        let _ = call(&client, "disconnect", json!({"code": code})).await;
        equal(event(&mut events, final_code).await?, code, "final")?;
    }
    for code in [3011, 4000] {
        let client = site.connected(&json!({"sub": "ann"})).await?;
        let mut events = watch(client.events());
        let _ = call(&client, "disconnect", json!({"code": code})).await;
        let lost = event(&mut events, |event| match event {
            ClientEvent::Connecting(event) => (event.code >= 3000).then_some(event.code),
            _ => None,
        });
        equal(lost.await?, code, "not final")?;
        client.ready(LIMIT).await?;
    }
    Ok(())
}
