//! The server from outside: what clients get, how refused frames end, and what a restart keeps.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use together::room::MESSAGE;
use together::rooms::Rooms;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use wskit::{ClientStream, CloseCode, Message, Outgoing, WebSocket};

type Client = WebSocket<ClientStream>;

/// `hello` in the text of client 7, and `!` of client 8.
const HELLO: &[u8] = b"\x00\x02\x12\x01\x01\x07\x00\x04\x01\x04text\x05hello\x00";
const MARK: &[u8] = b"\x00\x02\x0e\x01\x01\x08\x00\x04\x01\x04text\x01!\x00";

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("together-{name}-{}", std::process::id())))
    }

    fn copy_to(&self, other: &Self) {
        std::fs::create_dir(&other.0).expect("a folder");
        for file in std::fs::read_dir(&self.0).expect("files") {
            let file = file.expect("a file");
            std::fs::copy(file.path(), other.0.join(file.file_name())).expect("it is copied");
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

struct Running {
    address: SocketAddr,
    rooms: Arc<Rooms>,
    task: JoinHandle<()>,
}

async fn start(folder: &Path) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let rooms = Rooms::new(folder).expect("a folder");
    tokio::spawn(rooms.hub.drive(tokio::time::sleep));
    let all = rooms.clone();
    let serving = together::server()
        .serve_requests(listener, move |request, _| together::serve(all, request));
    let task = tokio::spawn(async move {
        let _ended = serving.await;
    });
    Running {
        address,
        rooms,
        task,
    }
}

impl Running {
    /// Joins a room: the first message asks for what the client has.
    async fn join(&self, room: &str) -> Client {
        let url = format!("ws://{}/{room}", self.address);
        let mut client = wskit::connect(&url).await.expect("a connection");
        let question = hear(&mut client).await;
        assert_eq!(question[..2], [0, 0]);
        client
    }
}

async fn say(client: &mut Client, message: impl Into<Outgoing<'_>>) {
    client.send(message).await.expect("it is sent");
}

async fn hear(client: &mut Client) -> Vec<u8> {
    let heard = tokio::time::timeout(Duration::from_secs(20), client.recv());
    match heard.await.expect("in time").expect("no error") {
        Some(Message::Binary(bytes)) => bytes.to_vec(),
        other => panic!("{other:?}"),
    }
}

/// What a client that has nothing is sent of the document.
async fn document(client: &mut Client) -> Vec<u8> {
    say(client, &[0, 0, 1, 0]).await;
    hear(client).await
}

#[tokio::test(flavor = "multi_thread")]
async fn all_in_a_room_get_what_one_writes_and_others_do_not() {
    let folder = Folder::new("all");
    let server = start(&folder.0).await;
    let mut ada = server.join("garden").await;
    let mut bob = server.join("garden?token=x").await;
    let mut eve = server.join("kitchen").await;
    say(&mut ada, HELLO).await;
    assert_eq!(hear(&mut bob).await, HELLO);
    assert_eq!(hear(&mut ada).await, HELLO);
    assert_eq!(document(&mut eve).await, [0, 1, 2, 0, 0]);
    assert!(document(&mut bob).await.ends_with(b"hello\0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_of_awareness_ends_when_its_connection_is_cut() {
    let folder = Folder::new("cut");
    let server = start(&folder.0).await;
    let mut ada = server.join("garden").await;
    let mut bob = server.join("garden").await;
    say(&mut ada, &[1, 6, 1, 9, 1, 2, b'{', b'}']).await;
    assert_eq!(hear(&mut bob).await, [1, 6, 1, 9, 1, 2, b'{', b'}']);
    drop(ada);
    assert_eq!(hear(&mut bob).await, b"\x01\x08\x01\x09\x02\x04null");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_frame_ends_its_connection_and_nothing_else() {
    let folder = Folder::new("bad");
    let server = start(&folder.0).await;
    let mut ada = server.join("garden").await;
    say(&mut ada, HELLO).await;
    hear(&mut ada).await;
    let large = vec![0; MESSAGE + 1];
    let deep = {
        let mut deep = b"\x00\x02\xab\x8d\x06\x01\x01\x07\x00\x08\x01\x01a\x01".to_vec();
        deep.extend([117, 1].repeat(50_000));
        deep.extend([126, 0]);
        deep
    };
    let cases: [(&str, Outgoing<'_>, CloseCode); 5] = [
        ("text", "hello".into(), CloseCode::UNSUPPORTED_DATA),
        ("auth", (&[2, 0, 0]).into(), CloseCode::UNSUPPORTED_DATA),
        ("torn", (&HELLO[..9]).into(), CloseCode::INVALID_PAYLOAD),
        ("deep", (&deep).into(), CloseCode::INVALID_PAYLOAD),
        ("large", (&large).into(), CloseCode::MESSAGE_TOO_BIG),
    ];
    for (name, frame, code) in cases {
        let mut mallory = server.join("garden").await;
        // The server may close before it has read all of what is too large.
        let _sent = mallory.send(frame).await;
        while let Ok(Some(_)) = mallory.recv().await {}
        let outcome = mallory.outcome().expect("it is over");
        assert_eq!(
            outcome.received.clone().flatten().map(|close| close.code),
            Some(code),
            "{name}: {outcome}"
        );
    }
    assert!(document(&mut ada).await.ends_with(b"hello\0"));
    say(&mut ada, MARK).await;
    assert_eq!(hear(&mut ada).await, MARK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_none_is_refused_before_the_connection_is_open() {
    let folder = Folder::new("names");
    let server = start(&folder.0).await;
    for path in ["", "%ff", "a%00", &"x".repeat(65)] {
        let refused = wskit::connect(&format!("ws://{}/{path}", server.address)).await;
        let error = refused.expect_err("it is refused").to_string();
        assert!(error.contains("404"), "{error}");
    }
    std::fs::write(folder.0.join("room-damaged.yjs"), b"no document").expect("it is written");
    let mut raw = TcpStream::connect(server.address).await.expect("a port");
    let request = "GET /damaged HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    raw.write_all(request.as_bytes()).await.expect("it is sent");
    let mut answer = String::new();
    let read = tokio::time::timeout(Duration::from_secs(20), raw.read_to_string(&mut answer));
    read.await.expect("in time").expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    // Nothing about files.
    assert!(
        answer.ends_with("\r\n\r\nthis room cannot be opened now"),
        "{answer}"
    );
    let kept = std::fs::read(folder.0.join("room-damaged.yjs")).expect("it is there");
    assert_eq!(kept, b"no document");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_the_document_and_asks_for_the_rest() {
    let folder = Folder::new("restart");
    let server = start(&folder.0).await;
    let mut ada = server.join("../garden").await;
    say(&mut ada, HELLO).await;
    hear(&mut ada).await;
    server.rooms.save_all();
    // The disk at the moment of a power cut: the first server may save at any time from here on.
    let kept = Folder::new("restart-kept");
    folder.copy_to(&kept);
    // This is told, and then lost with the server.
    say(&mut ada, MARK).await;
    hear(&mut ada).await;
    server.task.abort();

    let server = start(&kept.0).await;
    let mut bob = server.join("../garden").await;
    let kept = document(&mut bob).await;
    assert!(kept.ends_with(b"hello\0"));
    // Ada comes back, is asked, and answers with what the server lacks.
    let url = format!("ws://{}/../garden", server.address);
    let mut ada = wskit::connect(&url).await.expect("a connection");
    assert_eq!(
        hear(&mut ada).await,
        [0, 0, 3, 1, 7, 5],
        "five of client 7's"
    );
    let mut answer = MARK.to_vec();
    answer[1] = 1;
    say(&mut ada, &answer).await;
    assert_eq!(hear(&mut bob).await, MARK);
}
