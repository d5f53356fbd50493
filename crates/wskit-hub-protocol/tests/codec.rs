//! Both encodings: what was encoded is read again, and nothing that comes makes them panic.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use wskit_hub_protocol::Codec;
use wskit_hub_protocol::message::*;
use wskit_proto::{Message, MessageKind};

#[cfg(feature = "protobuf")]
const CODECS: [Codec; 2] = [Codec::Json, Codec::Protobuf];
#[cfg(not(feature = "protobuf"))]
const CODECS: [Codec; 1] = [Codec::Json];

/// A payload that both encodings carry as it is.
fn payload() -> impl Strategy<Value = Bytes> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<i64>().prop_map(|n| n.to_string()),
        Just("-0.5e+3".to_owned()),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    let json = leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            vec((any::<String>(), inner), 0..4).prop_map(|items| {
                let items = items.into_iter();
                let items = items.map(|(key, value)| {
                    format!("{}:{value}", serde_json::to_string(&key).unwrap())
                });
                format!("{{{}}}", items.collect::<Vec<_>>().join(","))
            }),
        ]
    });
    json.prop_map(Bytes::from)
}

/// A payload that may be absent.
fn data() -> impl Strategy<Value = Bytes> {
    prop_oneof![Just(Bytes::new()), payload()]
}

fn client_info() -> impl Strategy<Value = ClientInfo> {
    (any::<String>(), any::<String>(), data(), data()).prop_map(
        |(user, client, conn_info, chan_info)| ClientInfo {
            user,
            client,
            conn_info,
            chan_info,
        },
    )
}

fn subscribe_request() -> impl Strategy<Value = SubscribeRequest> {
    let flags = any::<[bool; 4]>();
    let texts = any::<(String, String, String)>();
    (texts, flags, any::<u64>(), any::<i32>(), data()).prop_map(
        |((channel, token, epoch), flags, offset, kind, data)| SubscribeRequest {
            channel,
            token,
            recover: flags[0],
            epoch,
            offset,
            data,
            positioned: flags[1],
            recoverable: flags[2],
            join_leave: flags[3],
            tf: flags[0].then_some(Empty {}),
            r#type: kind,
        },
    )
}

fn command() -> impl Strategy<Value = Command> {
    let request = prop_oneof![
        (
            any::<(String, String, String)>(),
            data(),
            btree_map(any::<String>(), subscribe_request(), 0..3)
        )
            .prop_map(|((token, name, version), data, subs)| Command {
                connect: Some(ConnectRequest {
                    token,
                    data,
                    subs,
                    name,
                    version: version.clone(),
                    headers: BTreeMap::from([(version.clone(), version)]),
                }),
                ..Command::default()
            }),
        subscribe_request().prop_map(|request| Command {
            subscribe: Some(request),
            ..Command::default()
        }),
        (any::<String>(), payload(), any::<i32>()).prop_map(|(channel, data, r#type)| Command {
            publish: Some(PublishRequest {
                channel,
                data,
                r#type,
            }),
            ..Command::default()
        }),
        (any::<(String, String)>(), any::<(i32, u64, bool)>()).prop_map(
            |((channel, epoch), (limit, offset, reverse))| Command {
                history: Some(HistoryRequest {
                    channel,
                    limit,
                    since: reverse.then_some(StreamPosition { offset, epoch }),
                    reverse,
                }),
                ..Command::default()
            }
        ),
        (any::<String>(), data()).prop_map(|(method, data)| Command {
            rpc: Some(RpcRequest { data, method }),
            ..Command::default()
        }),
        data().prop_map(|data| Command {
            send: Some(SendRequest { data }),
            ..Command::default()
        }),
        any::<(String, String, i32)>().prop_map(|(channel, token, r#type)| Command {
            unsubscribe: Some(UnsubscribeRequest {
                channel: channel.clone(),
            }),
            presence: Some(PresenceRequest {
                channel: channel.clone(),
            }),
            presence_stats: Some(PresenceStatsRequest {
                channel: channel.clone(),
            }),
            ping: Some(Empty {}),
            refresh: Some(RefreshRequest {
                token: token.clone(),
            }),
            sub_refresh: Some(SubRefreshRequest {
                channel,
                token,
                r#type,
            }),
            ..Command::default()
        }),
    ];
    (any::<u32>(), request).prop_map(|(id, command)| Command { id, ..command })
}

fn reply() -> impl Strategy<Value = Reply> {
    let publications = vec(
        (payload(), any::<u64>()).prop_map(|(data, offset)| Publication { data, offset }),
        0..4,
    );
    let result = (
        any::<[bool; 5]>(),
        any::<(u32, String, u64)>(),
        publications,
        data(),
    )
        .prop_map(
            |(flags, (ttl, epoch, offset), publications, data)| SubscribeResult {
                expires: flags[0],
                ttl,
                recoverable: flags[1],
                epoch,
                publications,
                recovered: flags[2],
                offset,
                positioned: flags[3],
                data,
                was_recovering: flags[4],
            },
        );
    let result = result.boxed();
    let push = prop_oneof![
        client_info().prop_map(|info| Push {
            join: Some(Coming { info: Some(info) }),
            leave: Some(Coming { info: None }),
            ..Push::default()
        }),
        (any::<(u32, String, bool)>(), payload()).prop_map(|((code, reason, reconnect), data)| {
            Push {
                r#pub: Some(Publication {
                    data: data.clone(),
                    offset: code.into(),
                }),
                message: Some(SendRequest { data }),
                unsubscribe: Some(Unsubscribe {
                    code,
                    reason: reason.clone(),
                }),
                disconnect: Some(Disconnect {
                    code,
                    reason,
                    reconnect,
                }),
                ..Push::default()
            }
        }),
    ];
    let reply = prop_oneof![
        (
            any::<(String, bool, u32)>(),
            data(),
            btree_map(any::<String>(), result.clone(), 0..3)
        )
            .prop_map(|((client, expires, ttl), data, subs)| Reply {
                connect: Some(ConnectResult {
                    client,
                    expires,
                    ttl,
                    data,
                    subs,
                    pong: expires,
                    ..ConnectResult::default()
                }),
                ..Reply::default()
            }),
        result.prop_map(|result| Reply {
            history: Some(HistoryResult {
                publications: result.publications.clone(),
                epoch: result.epoch.clone(),
                offset: result.offset,
            }),
            subscribe: Some(result),
            ..Reply::default()
        }),
        btree_map(any::<String>(), client_info(), 0..4).prop_map(|presence| Reply {
            presence: Some(PresenceResult { presence }),
            presence_stats: Some(PresenceStatsResult::default()),
            ..Reply::default()
        }),
        (any::<String>(), push).prop_map(|(channel, push)| Reply {
            push: Some(Push { channel, ..push }),
            ..Reply::default()
        }),
        any::<(u32, String, bool)>().prop_map(|(code, message, temporary)| Reply {
            error: Some(Error {
                code,
                message,
                temporary,
            }),
            ..Reply::default()
        }),
    ];
    (any::<u32>(), reply).prop_map(|(id, reply)| Reply { id, ..reply })
}

/// Joins frames into one, as clients do.
fn joined(codec: Codec, frames: &[Message]) -> Vec<u8> {
    let frames: Vec<_> = frames.iter().map(Message::as_bytes).collect();
    match codec {
        Codec::Json => frames.join(&b'\n'),
        #[cfg(feature = "protobuf")]
        Codec::Protobuf => frames.concat(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn commands_are_the_same_after_they_were_frames(commands in vec(command(), 1..4)) {
        for codec in CODECS {
            let frames: Vec<_> = commands.iter().map(|command| codec.encode_command(command)).collect();
            let frame = joined(codec, &frames);
            let read: Result<Vec<_>, _> = codec.commands(&frame).collect();
            prop_assert_eq!(read.unwrap(), commands.clone());
        }
    }

    #[test]
    fn replies_are_the_same_after_they_were_frames(replies in vec(reply(), 1..4)) {
        for codec in CODECS {
            let frames: Vec<_> = replies.iter().map(|reply| codec.encode(reply)).collect();
            let frame = joined(codec, &frames);
            let read: Result<Vec<_>, _> = codec.replies(&frame).collect();
            prop_assert_eq!(read.unwrap(), replies.clone());
        }
    }

    #[test]
    fn any_bytes_are_a_payload(data in vec(any::<u8>(), 0..64)) {
        for codec in CODECS {
            let reply = Reply {
                push: Some(Push {
                    r#pub: Some(Publication { data: data.clone().into(), offset: 1 }),
                    ..Push::default()
                }),
                ..Reply::default()
            };
            let frame = codec.encode(&reply);
            let read = codec.replies(frame.as_bytes()).next().unwrap().unwrap();
            prop_assert!(read.push.unwrap().r#pub.is_some());
            if codec == Codec::Json {
                prop_assert!(!frame.as_text().unwrap().contains('\n'));
            }
        }
    }

    #[test]
    fn no_frame_makes_a_codec_panic(frame in vec(any::<u8>(), 0..200)) {
        for codec in CODECS {
            codec.commands(&frame).for_each(drop);
            codec.replies(&frame).for_each(drop);
        }
    }

    #[test]
    fn no_part_of_a_frame_makes_a_codec_panic(command in command(), cut in any::<prop::sample::Index>(), byte: u8) {
        for codec in CODECS {
            let frame = codec.encode_command(&command);
            let mut frame = frame.as_bytes().to_vec();
            let at = cut.index(frame.len());
            codec.commands(&frame[..at]).for_each(drop);
            frame[at] = byte;
            codec.commands(&frame).for_each(drop);
        }
    }
}

#[test]
fn each_encoding_has_its_kind_of_message() {
    let ping = Reply::default();
    assert_eq!(Codec::Json.encode(&ping), Message::text("{}"));
    #[cfg(feature = "protobuf")]
    assert_eq!(Codec::Protobuf.encode(&ping), Message::binary(vec![0]));
    for (protocol, codec) in [
        (None, Some(Codec::Json)),
        (Some("centrifuge-json"), Some(Codec::Json)),
        #[cfg(feature = "protobuf")]
        (Some("centrifuge-protobuf"), Some(Codec::Protobuf)),
        (Some("chat"), None),
    ] {
        assert_eq!(Codec::of(protocol), codec);
    }
    assert_eq!(MessageKind::Text, Message::text("").kind());
}

#[test]
fn null_is_the_same_as_none_and_what_is_unknown_is_ignored() {
    let frame =
        br#"{"id":7,"connect":null,"publish":{"channel":null,"data":null,"new":{"a":[1]}},"x":1}"#;
    let read = Codec::Json.commands(frame).next().unwrap().unwrap();
    let publish = read.publish.unwrap();
    assert_eq!((read.id, read.connect), (7, None));
    assert_eq!((&*publish.channel, &*publish.data), ("", &b"null"[..]));
}

#[test]
fn hostile_json_is_an_error() {
    let deep = |n: usize| {
        let (open, close) = ("[".repeat(n), "]".repeat(n));
        format!("{{\"id\":1,\"rpc\":{{\"data\":{open}{close}}}}}").into_bytes()
    };
    assert!(Codec::Json.commands(&deep(128)).next().unwrap().is_ok());
    for frame in [
        &deep(129)[..],
        &deep(30_000),
        b"",
        b"\n",
        b"{}\n\n{}",
        b"null",
        b"[]",
        b"1",
        b"{",
        b"{\"id\":1.5}",
        b"{\"id\":1e9}",
        b"{\"id\":-1}",
        b"{\"id\":\"1\"}",
        b"{\"id\":4294967296}",
        b"{\"id\":1,\"id\":2}",
        b"{\"id\":99999999999999999999999999999999999999}",
        b"{\"id\":1,\"subscribe\":{\"offset\":18446744073709551616}}",
        b"{\"id\":1,\"rpc\":{\"method\":\"\xff\"}}",
        b"{\"id\":1,\"rpc\":{\"method\":\"\\ud800\"}}",
        b"{\"id\":1,\"rpc\":{\"data\":01}}",
        b"{\"id\":1,\"rpc\":[]}x",
        b"\xef\xbb\xbf{}",
    ] {
        let read: Result<Vec<_>, _> = Codec::Json.commands(frame).collect();
        assert!(read.is_err(), "{}", String::from_utf8_lossy(frame));
    }
}

#[cfg(feature = "protobuf")]
#[test]
fn hostile_protobuf_is_an_error() {
    for frame in [
        &b""[..],
        b"\x01",
        b"\x02\x08",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x80",
        b"\x02\x0a\x05",             // the id as bytes
        b"\x04\x22\x02\x0a\xff",     // a field that is longer than its message
        b"\x05\x22\x03\x0a\x01\xff", // a token that is not UTF-8
        b"\x02\x08\x80",             // an integer that does not end
        b"\x00\x01",                 // a message, then half a message
        b"\x01\x07",                 // a wire type that there is not
    ] {
        let read: Result<Vec<_>, _> = Codec::Protobuf.commands(frame).collect();
        assert!(read.is_err(), "{frame:?}");
    }
    // What is unknown is ignored: field 100, nested groups up to a depth.
    let unknown = Codec::Protobuf.commands(b"\x05\x08\x07\xa0\x06\x01").next();
    assert_eq!(unknown.unwrap().unwrap().id, 7);
    let mut deep = vec![0xe0, 0x5d];
    deep.extend([0x33].repeat(6000));
    deep.extend([0x34].repeat(6000));
    assert!(Codec::Protobuf.commands(&deep).next().unwrap().is_err());
}

#[test]
fn ten_thousand_commands_are_read_one_at_a_time() {
    for codec in CODECS {
        let one = codec.encode_command(&Command {
            id: 1,
            send: Some(SendRequest::default()),
            ..Command::default()
        });
        let frame = joined(codec, &vec![one; 10_000]);
        assert_eq!(codec.commands(&frame).flatten().count(), 10_000);
    }
}
