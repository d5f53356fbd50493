//! Sessions as bytes: what comes in, what is asked of the host, what goes out, in both encodings.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use wskit_hub_protocol::message::*;
use wskit_hub_protocol::session::{Answer, Request, Session, Settings};
use wskit_hub_protocol::{Codec, ErrorCode, Refusal};

/// Answers as a host that allows all.
fn answer(request: Request) -> Result<Answer, Refusal> {
    Ok(match request {
        Request::Connect(request) if request.token == "no" => {
            return Err(ErrorCode::Unauthorized.into());
        }
        Request::Connect(_) => Answer::Connect(ConnectResult {
            client: "c".to_owned(),
            ..ConnectResult::default()
        }),
        Request::Subscribe(request) => Answer::Subscribe(
            request.channel,
            SubscribeResult {
                publications: vec![Publication {
                    data: Bytes::from_static(b"5"),
                    offset: 3,
                }],
                ..SubscribeResult::default()
            },
        ),
        Request::Unsubscribe(request) => Answer::Unsubscribe(request.channel),
        Request::Publish(_) => Answer::Publish,
        Request::Presence(_) => Answer::Presence(PresenceResult::default()),
        Request::PresenceStats(_) => Answer::PresenceStats(PresenceStatsResult::default()),
        Request::History(_) => Answer::History(HistoryResult::default()),
        Request::Rpc(request) => Answer::Rpc(RpcResult { data: request.data }),
        Request::Send(_) => Answer::Send,
        Request::Refresh(_) => Answer::Refresh(RefreshResult::default()),
        Request::SubRefresh(request) => {
            Answer::SubRefresh(request.channel, SubRefreshResult::default())
        }
        _ => return Err(ErrorCode::MethodNotFound.into()),
    })
}

/// Gives a frame to a session, and returns its frames, or with which code it ends.
fn exchange(session: &mut Session, frame: &[u8], now: Instant) -> Result<Vec<Vec<u8>>, u32> {
    let code = |end: Disconnect| end.code;
    session.receive(frame, now).map_err(code)?;
    while let Some((ticket, request)) = session.next_request() {
        session.answer(ticket, answer(request), now).map_err(code)?;
    }
    let frames = std::iter::from_fn(|| session.next_frame());
    Ok(frames.map(|frame| frame.as_bytes().to_vec()).collect())
}

fn session(codec: Codec) -> (Session, Instant) {
    let now = Instant::now();
    (Session::new(codec, Arc::new(Settings::new()), 0, now), now)
}

fn connected(codec: Codec) -> (Session, Instant) {
    let (mut session, now) = session(codec);
    let connect = Command {
        id: 1,
        connect: Some(ConnectRequest::default()),
        ..Command::default()
    };
    let frame = codec.encode_command(&connect);
    exchange(&mut session, frame.as_bytes(), now).unwrap();
    (session, now)
}

#[test]
fn json_in_json_out() {
    let (mut session, now) = session(Codec::Json);
    for (frame, replies) in [
        (
            r#"{"id":1,"connect":{}}"#,
            &[r#"{"id":1,"connect":{"client":"c","ping":25,"pong":true}}"#][..],
        ),
        (
            r#"{"id":2,"subscribe":{"channel":"a"}}"#,
            &[r#"{"id":2,"subscribe":{"publications":[{"data":5,"offset":3}]}}"#],
        ),
        (
            "{\"id\":3,\"unsubscribe\":{\"channel\":\"a\"}}\n{\"id\":4,\"publish\":{\"channel\":\"a\",\"data\":1}}\n",
            &[r#"{"id":3,"unsubscribe":{}}"#, r#"{"id":4,"publish":{}}"#],
        ),
        (
            r#"{"id":5,"presence":{"channel":"a"}}"#,
            &[r#"{"id":5,"presence":{"presence":{}}}"#],
        ),
        (
            r#"{"id":5,"presence_stats":{"channel":"a"}}"#,
            &[r#"{"id":5,"presence_stats":{"num_clients":0,"num_users":0}}"#],
        ),
        (
            r#"{"id":6,"history":{"channel":"a"}}"#,
            &[r#"{"id":6,"history":{"publications":[],"epoch":"","offset":0}}"#],
        ),
        (
            r#"{"id":7,"rpc":{"data":{"a" : "b\n"}}}"#,
            &[r#"{"id":7,"rpc":{"data":{"a" : "b\n"}}}"#],
        ),
        (r#"{"send":{"data":1}}"#, &[]),
        (
            r#"{"id":9,"refresh":{"token":"a"}}"#,
            &[r#"{"id":9,"refresh":{}}"#],
        ),
        (
            r#"{"id":4294967295,"sub_refresh":{"channel":"a","token":"a"}}"#,
            &[r#"{"id":4294967295,"sub_refresh":{}}"#],
        ),
        (
            r#"{"id":1,"sub_refresh":{"channel":"a"}}"#,
            &[r#"{"id":1,"error":{"code":107,"message":"bad request"}}"#],
        ),
        (
            r#"{"id":1}"#,
            &[r#"{"id":1,"error":{"code":104,"message":"method not found"}}"#],
        ),
    ] {
        let got = exchange(&mut session, frame.as_bytes(), now).unwrap();
        let got: Vec<_> = got
            .iter()
            .map(|frame| std::str::from_utf8(frame).unwrap())
            .collect();
        assert_eq!(got, replies, "{frame}");
    }
    let long = format!(
        r#"{{"id":1,"presence":{{"channel":"{}"}}}}"#,
        "a".repeat(256)
    );
    let got = exchange(&mut session, long.as_bytes(), now).unwrap();
    assert_eq!(
        got,
        [br#"{"id":1,"error":{"code":107,"message":"bad request"}}"#]
    );
}

#[cfg(feature = "protobuf")]
#[test]
fn protobuf_in_protobuf_out() {
    let (mut session, now) = session(Codec::Protobuf);
    for (frame, replies) in [
        // id 1, connect {} -> id 1, connect { client "c", ping 25, pong }
        (
            &b"\x04\x08\x01\x22\x00"[..],
            &[&b"\x0b\x08\x01\x2a\x07\x0a\x01c\x38\x19\x40\x01"[..]][..],
        ),
        // id 2, subscribe { channel "a" } -> publications [{ data "5", offset 3 }]
        (
            b"\x07\x08\x02\x2a\x03\x0a\x01a",
            &[b"\x0b\x08\x02\x32\x07\x3a\x05\x22\x015\x30\x03"],
        ),
        // id 3, unsubscribe "a"; id 4, publish { "a", "1" }
        (
            b"\x07\x08\x03\x32\x03\x0a\x01a\x0a\x08\x04\x3a\x06\x0a\x01a\x12\x011",
            &[b"\x04\x08\x03\x3a\x00", b"\x04\x08\x04\x42\x00"],
        ),
        // id 5, presence "a"; presence_stats "a"
        (b"\x07\x08\x05\x42\x03\x0a\x01a", &[b"\x04\x08\x05\x4a\x00"]),
        (b"\x07\x08\x05\x4a\x03\x0a\x01a", &[b"\x04\x08\x05\x52\x00"]),
        // id 6, history "a"
        (b"\x07\x08\x06\x52\x03\x0a\x01a", &[b"\x04\x08\x06\x5a\x00"]),
        // id 7, rpc { data ff }: any bytes
        (
            b"\x07\x08\x07\x6a\x03\x0a\x01\xff",
            &[b"\x07\x08\x07\x6a\x03\x0a\x01\xff"],
        ),
        // send {}
        (b"\x02\x62\x00", &[]),
        // id 9, refresh "a"
        (b"\x07\x08\x09\x72\x03\x0a\x01a", &[b"\x04\x08\x09\x72\x00"]),
        // id 2^32 - 1, sub_refresh { "a", "a" }
        (
            b"\x0e\x08\xff\xff\xff\xff\x0f\x7a\x06\x0a\x01a\x12\x01a",
            &[b"\x08\x08\xff\xff\xff\xff\x0f\x7a\x00"],
        ),
    ] {
        assert_eq!(
            exchange(&mut session, frame, now).unwrap(),
            replies,
            "{frame:?}"
        );
    }
    for (frame, code) in [(&b"\x00"[..], 3501), (b"\x02\x08\x01\x01", 3501)] {
        let (mut session, now) = connected(Codec::Protobuf);
        assert_eq!(exchange(&mut session, frame, now), Err(code), "{frame:?}");
    }
    // A pong is an empty message.
    let now = session.timeout();
    assert!(session.on_timeout(now).unwrap().is_empty());
    assert_eq!(session.next_frame().unwrap().as_bytes(), b"\0");
    assert_eq!(exchange(&mut session, b"\0", now), Ok(vec![]));
    assert_eq!(exchange(&mut session, b"\0", now), Err(3501));
}

#[test]
fn what_cannot_be_ends_the_session() {
    for frame in [
        r#"{"id":2,"connect":{}}"#,
        r#"{"id":0,"rpc":{}}"#,
        r#"{"rpc":{}}"#,
        "{}",
        r#"{"connect":null}"#,
        r#"{"id":-1,"rpc":{}}"#,
        r#"{"id":2,"subscribe":{}}"#,
        r#"{"id":2,"publish":{"data":1}}"#,
        r#"{"id":2,"refresh":{}}"#,
        "\u{feff}{}",
    ] {
        let (mut session, now) = connected(Codec::Json);
        assert_eq!(
            exchange(&mut session, frame.as_bytes(), now),
            Err(3501),
            "{frame}"
        );
    }
    let (mut session, now) = connected(Codec::Json);
    assert_eq!(
        exchange(
            &mut session,
            b"{\"id\":1,\"rpc\":{\"method\":\"\xff\"}}",
            now
        ),
        Err(3501)
    );
}

#[test]
fn after_a_refusal_nothing_is_heard() {
    let (mut session, now) = session(Codec::Json);
    let frame = b"{\"id\":1,\"connect\":{\"token\":\"no\"}}\n{\"id\":2,\"rpc\":{}}";
    let replies = exchange(&mut session, frame, now).unwrap();
    assert_eq!(
        replies,
        [br#"{"id":1,"error":{"code":101,"message":"unauthorized"}}"#]
    );
    assert!(session.is_refused());
    assert_eq!(exchange(&mut session, b"nonsense", now), Ok(vec![]));
}

#[test]
fn ids_may_be_repeated() {
    let (mut session, now) = connected(Codec::Json);
    let frame = "{\"id\":5,\"rpc\":{}}\n".repeat(3);
    let replies = exchange(&mut session, frame.as_bytes(), now).unwrap();
    assert_eq!(replies, vec![br#"{"id":5,"rpc":{}}"#.to_vec(); 3]);
}

#[test]
fn a_client_may_send_400_commands_at_once_and_100_a_second() {
    let (mut session, mut now) = connected(Codec::Json);
    let commands = |n| "{\"send\":{}}\n".repeat(n).into_bytes();
    // One was its request to connect.
    assert_eq!(exchange(&mut session, &commands(399), now), Ok(vec![]));
    now += Duration::from_secs(1);
    assert_eq!(exchange(&mut session, &commands(100), now), Ok(vec![]));
    assert_eq!(exchange(&mut session, &commands(1), now), Err(3013));
    now += Duration::from_secs(3600);
    assert_eq!(exchange(&mut session, &commands(401), now), Err(3013));
    let (mut session, now) = connected(Codec::Json);
    assert_eq!(exchange(&mut session, &commands(5000), now), Err(3013));
    let settings = Settings::new().commands_per_sec(0);
    let mut session = Session::new(Codec::Json, Arc::new(settings), 0, now);
    exchange(&mut session, br#"{"id":1,"connect":{}}"#, now).unwrap();
    assert_eq!(exchange(&mut session, &commands(5000), now), Ok(vec![]));
}

#[test]
fn requests_wait_for_the_one_before_and_eight_procedures_for_none() {
    let (mut session, now) = connected(Codec::Json);
    let rpcs = "{\"id\":1,\"rpc\":{}}\n".repeat(10);
    session.receive(rpcs.as_bytes(), now).unwrap();
    session
        .receive(br#"{"id":2,"presence":{"channel":"a"}}"#, now)
        .unwrap();
    let mut tickets: Vec<_> = std::iter::from_fn(|| session.next_request()).collect();
    assert_eq!(tickets.len(), 8);
    for _ in 0..3 {
        let (ticket, request) = tickets.remove(0);
        session.answer(ticket, answer(request), now).unwrap();
        tickets.extend(std::iter::from_fn(|| session.next_request()));
    }
    // The two that waited, and the request after them.
    assert_eq!(tickets.len(), 8);
    assert!(matches!(tickets.last(), Some((_, Request::Presence(_)))));
    session.receive(br#"{"id":3,"rpc":{}}"#, now).unwrap();
    assert!(session.next_request().is_none());
}

#[test]
fn no_more_is_read_while_32_commands_wait() {
    let (mut session, now) = connected(Codec::Json);
    for i in 0..33 {
        assert!(session.wants_frames(), "{i}");
        session
            .receive(br#"{"id":2,"presence":{"channel":"a"}}"#, now)
            .unwrap();
        if i == 0 {
            // It never gets its answer.
            let _ = session.next_request();
        }
    }
    assert!(!session.wants_frames());
    // A pong that waits to be read is not missed.
    let ping = session.timeout();
    session.on_timeout(ping).unwrap();
    session.on_timeout(ping + Duration::from_secs(8)).unwrap();
}

/// A client that stood still for a while answers all pings at once: none of these pongs is nonsense.
#[test]
fn pings_that_wait_may_be_answered_together() {
    let settings = Settings::new()
        .ping_every(Duration::from_secs(3))
        .pong_within(Duration::from_secs(8));
    let now = Instant::now();
    let mut session = Session::new(Codec::Json, Arc::new(settings), 0, now);
    exchange(&mut session, br#"{"id":1,"connect":{}}"#, now).unwrap();
    for _ in 0..2 {
        let ping = session.timeout();
        session.on_timeout(ping).unwrap();
        assert_eq!(session.next_frame().unwrap().as_bytes(), b"{}");
    }
    assert_eq!(exchange(&mut session, b"{}\n{}", now), Ok(vec![]));
    assert_eq!(exchange(&mut session, b"{}", now), Err(3501));
}
