//! Connections of all bindings in one hub, plain and with TLS: all get the same messages.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::any;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use wskit_axum::WebSocketUpgrade;
use wskit_driver::{SendTransport, WebSocket};
use wskit_hub::{Access, History, Hub, Publication, Rules, Since, Wire};
use wskit_hyper::OriginPolicy;
use wskit_proto::Config;
use wskit_suite::sockets::Authority;

type Received = Pin<Box<dyn Future<Output = Vec<String>>>>;

/// Receives three messages.
macro_rules! received {
    ($client:expr) => {{
        let mut client = $client;
        let received = async move {
            let mut texts = Vec::new();
            while texts.len() < 3 {
                let message = client.recv().await.unwrap().unwrap();
                texts.push(message.as_text().unwrap().to_owned());
            }
            texts
        };
        let received: Received = Box::pin(received);
        received
    }};
}

/// What each server needs.
#[derive(Clone)]
struct Room {
    hub: Hub,
    wire: Wire,
    joined: UnboundedSender<()>,
}

impl Room {
    /// Has a connection join, and reads it to its end.
    async fn serve<T: SendTransport>(self, ws: WebSocket<T>) {
        let (mut reader, writer) = ws.split();
        let peer = self.hub.attach(&writer, &self.wire).unwrap();
        peer.subscribe("room", Since::Start).await.unwrap();
        self.joined.send(()).unwrap();
        while let Ok(Some(_)) = reader.recv().await {}
    }
}

/// Opens a port, and serves each stream that comes.
async fn listen<F: Future<Output = ()> + Send + 'static>(
    serve: impl Fn(tokio::net::TcpStream) -> F + Send + 'static,
) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            tokio::spawn(serve(tcp));
        }
    });
    port
}

async fn axum(room: Room) -> u16 {
    let handler = |ws: WebSocketUpgrade, State(room): State<Room>| async {
        ws.on_upgrade(|ws| room.serve(ws))
    };
    let app = Router::new().route("/", any(handler)).with_state(room);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, app).await });
    port
}

async fn hyper(room: Room) -> u16 {
    listen(move |tcp| {
        let room = room.clone();
        async move {
            let service = hyper::service::service_fn(move |mut request| {
                let server = wskit_hyper::Server::new(OriginPolicy::Any);
                let (response, opening) = wskit_hyper::upgrade(&mut request, &server).unwrap();
                let room = room.clone();
                tokio::spawn(async move { room.serve(opening.open().await.unwrap()).await });
                let response = response.map(|()| http_body_util::Empty::<bytes::Bytes>::new());
                async move { Ok::<_, std::convert::Infallible>(response) }
            });
            let connection = hyper::server::conn::http1::Builder::new();
            let connection = connection.serve_connection(TokioIo::new(tcp), service);
            let _ = connection.with_upgrades().await;
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_of_all_bindings_in_one_hub() {
    let test = async {
        let rules = Rules::stream(History::last(10)).subscribe(Access::Everyone);
        let hub = Hub::builder(move |_| rules.clone()).build();
        let driver = tokio::spawn(hub.drive(tokio::time::sleep));
        hub.publish("room", Publication::text("one")).await.unwrap();
        let (joined, mut joins) = unbounded_channel();
        let wire = Wire::payloads();
        let room = Room {
            hub: hub.clone(),
            wire,
            joined,
        };
        let mut clients: Vec<Received> = Vec::new();

        let (client, server) = wskit_tokio::pair(Config::new());
        tokio::spawn(room.clone().serve(server));
        clients.push(received!(client));

        let (client, server) = wskit_async_std::pair(Config::new());
        tokio::spawn(room.clone().serve(server));
        clients.push(received!(client));

        let (client, server) = wskit_smol::pair(Config::new());
        tokio::spawn(room.clone().serve(server));
        clients.push(received!(client));

        for port in [axum(room.clone()).await, hyper(room.clone()).await] {
            let url = format!("ws://127.0.0.1:{port}/");
            clients.push(received!(wskit_tokio::connect(&url).await.unwrap()));
        }

        let authority = Authority::new();
        let acceptor: wskit_tokio::tls::Acceptor = authority.acceptor("localhost", |_| ());
        let secure = room.clone();
        let port = listen(move |tcp| {
            let (acceptor, room) = (acceptor.clone(), secure.clone());
            async move {
                let stream = acceptor.accept(tcp).await.unwrap();
                let server = wskit_tokio::Server::new(OriginPolicy::Any);
                room.serve(server.accept(stream).await.unwrap()).await;
            }
        })
        .await;
        let trusting = wskit_tokio::tls::Connector::trusting(authority.pem()).unwrap();
        let connector = wskit_tokio::Connector::new().tls(trusting);
        let url = format!("wss://localhost:{port}/");
        clients.push(received!(connector.connect(url).await.unwrap().0));

        for _ in &clients {
            joins.recv().await.unwrap();
        }
        for text in ["two", "three"] {
            hub.publish("room", Publication::text(text)).await.unwrap();
        }
        assert_eq!(clients.len(), 6);
        for client in clients {
            assert_eq!(client.await, ["one", "two", "three"]);
        }
        drop(driver);
    };
    let bounded = tokio::time::timeout(Duration::from_secs(20), test);
    bounded.await.expect("in time");
}
