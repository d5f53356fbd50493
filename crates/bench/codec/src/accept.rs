//! A server's side of the opening handshake: the bytes of a browser's request in, the bytes of
//! the response out.

use std::hint::black_box;

use wskit_handshake::{HeadLimits, Incoming, OriginPolicy, Progress, ServerHandshake};

use crate::memory::{Memory, ready};
use crate::sample::REQUEST;
use crate::{Case, Run};

pub(crate) fn cases() -> [Case; 2] {
    [accept(), accept_key()]
}

/// Only the accept key: SHA-1 and base64.
fn accept_key() -> Case {
    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    let runs = vec![
        Run::new("wskit", |n| {
            for _ in 0..n {
                black_box(wskit_handshake::accept_key(black_box(KEY.as_bytes())));
            }
        }),
        Run::new("sockudo-ws", |n| {
            for _ in 0..n {
                black_box(sockudo_ws::handshake::generate_accept_key(black_box(KEY)));
            }
        }),
        Run::new("tungstenite", |n| {
            use tungstenite::handshake::derive_accept_key;
            for _ in 0..n {
                black_box(derive_accept_key(black_box(KEY.as_bytes())));
            }
        }),
    ];
    Case::new("accept key", runs)
}

fn accept() -> Case {
    let copied = {
        let mut buffer = vec![0; REQUEST.len()];
        move |n| {
            for _ in 0..n {
                buffer.copy_from_slice(black_box(REQUEST));
                black_box(&buffer);
            }
        }
    };
    let sockudo_parts = move |n| {
        use sockudo_ws::handshake::{build_response, generate_accept_key, parse_request};
        for _ in 0..n {
            let (request, _) = parse_request(black_box(REQUEST)).unwrap().unwrap();
            let key = generate_accept_key(request.key);
            black_box(build_response(&key, None, None));
        }
    };
    let runs = vec![
        Run::new("memcpy", copied),
        Run::new("wskit", ours(OriginPolicy::Any)),
        Run::new("wskit, same origin", ours(OriginPolicy::SameOrigin)),
        peer("sockudo-ws", |mut stream| {
            ready(sockudo_ws::handshake::server_handshake(&mut stream)).unwrap();
        }),
        Run::new("sockudo-ws, three functions", sockudo_parts),
        peer("tokio-websockets", |stream| {
            let server = tokio_websockets::ServerBuilder::new();
            black_box(ready(server.accept(stream)).unwrap().0);
        }),
        peer("tungstenite", |stream| {
            black_box(tungstenite::accept(stream).unwrap());
        }),
    ];
    Case::new("accept 557 B", runs)
}

fn ours(policy: OriginPolicy) -> impl FnMut(u64) {
    move |n| {
        for _ in 0..n {
            let mut handshake = ServerHandshake::new(HeadLimits::default());
            match handshake.receive(black_box(REQUEST)) {
                Ok(Progress::Done(Incoming::Upgrade(request))) => {
                    let checked = request.check(&policy).unwrap();
                    black_box(checked.accept().finish().response);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

/// Peers accept on a stream; what they answer is collected in one buffer that is kept.
fn peer(who: &'static str, accept: fn(Memory<'_>)) -> Run {
    let mut output = Vec::with_capacity(1024);
    Run::new(who, move |n| {
        for _ in 0..n {
            output.clear();
            accept(Memory {
                input: black_box(REQUEST),
                output: &mut output,
            });
            assert!(output.starts_with(b"HTTP/1.1 101"));
        }
    })
}
