//! What an idle session takes beyond its connection, by a counting allocator.

use wskit_hub::{Access, History, Hub, Rules};
use wskit_hub_protocol::{Identity, Site};
use wskit_proto::{Config, Message};
use wskit_test::alloc::{self, Counting};
use wskit_tokio::{DuplexStream, WebSocket};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SESSIONS: usize = 200;

/// Opens connections that a task of `serve` has each, after `frames` were exchanged. Returns the clients, and how
/// many bytes each connection takes.
async fn open<F>(
    serve: impl Fn(WebSocket<DuplexStream>) -> F,
    frames: &[&str],
) -> (Vec<WebSocket<DuplexStream>>, isize)
where
    F: Future<Output = ()> + 'static,
{
    let before = alloc::live();
    let mut clients = Vec::with_capacity(SESSIONS);
    for _ in 0..SESSIONS {
        let (mut client, server) = wskit_tokio::pair(Config::new());
        tokio::task::spawn_local(serve(server));
        for frame in frames {
            client.send(*frame).await.unwrap();
            client.recv().await.unwrap().unwrap();
        }
        clients.push(client);
    }
    let bytes = (alloc::live() - before) / isize::try_from(SESSIONS).unwrap();
    (clients, bytes)
}

async fn plain(ws: WebSocket<DuplexStream>) {
    let (mut reader, writer) = ws.split();
    while let Ok(Some(_)) = reader.recv().await {
        // About as long as the answer of a session.
        let answer = Message::text(" ".repeat(75));
        writer.send(answer).await.unwrap();
    }
}

#[test]
fn an_idle_session_takes_at_most_1_kib_beyond_its_connection() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime.unwrap(), async {
        let (_plain, connection) = open(plain, &["1"]).await;
        let hub = Hub::builder(|_| Rules::stream(History::last(10)).subscribe(Access::Everyone));
        let site = Site::new(hub.shards(1).build()).on_connect(|_| async { Ok(Identity::new("")) });
        let serve = move |ws| {
            let site = site.clone();
            let serve = site.serve(ws, tokio::time::sleep);
            async move { serve.await.unwrap() }
        };
        // What there is once is there after these.
        let connect = r#"{"id":1,"connect":{}}"#;
        let subscribe = r#"{"id":2,"subscribe":{"channel":"a"}}"#;
        let (_first, _) = open(serve.clone(), &[connect, subscribe]).await;
        let (_idle, idle) = open(serve.clone(), &[connect]).await;
        let (_subscribed, subscribed) = open(serve, &[connect, subscribe]).await;
        let session = idle - connection;
        assert!(session <= 1024, "{session} bytes");
        assert!(subscribed - idle <= 640, "{} bytes", subscribed - idle);
    });
}
