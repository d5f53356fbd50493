//! Streams of bytes whose calls are dropped, and whose transport fails.

use std::cell::RefCell;
use std::future::poll_fn;

use wskit_driver::ByteStream;
use wskit_proto::Role;
use wskit_test::{Fault, Faults, Harness, cut, join, pause, run};

use super::byte_stream::{close, flush, read, write, write_all};
use crate::scene::{ROLES, config, pair, pattern};

/// Both directions while each future is dropped after its `k`-th poll.
///
/// Proves: X-io-4
pub fn cut_reads_and_writes_lose_nothing<H: Harness>() {
    for role in ROLES {
        for k in 1..=8 {
            run::<H>(async {
                let pair = pair::<H>(config().write_high_water(1000), 300);
                pair.client_probe.set_faults(Faults::hesitant());
                pair.server_probe.set_faults(Faults::hesitant());
                let (near, far) = if role == Role::Client {
                    (pair.client, pair.server)
                } else {
                    (pair.server, pair.client)
                };
                let (mut near, far) = (ByteStream::new(near), ByteStream::new(far));
                let data = pattern(9000);
                let here = async {
                    let (mut sent, mut got) = (0, Vec::new());
                    while sent < data.len() || got.len() < data.len() {
                        let to = data.len().min(sent + 333);
                        if let Some(n) = cut(write(&mut near, &data[sent..to]), k).await {
                            sent += n.unwrap();
                        }
                        let _ = cut(flush(&mut near), k).await;
                        if let Some(some) = cut(read(&mut near, 200), k).await {
                            let some = some.unwrap();
                            assert!(!some.is_empty() || got.len() == data.len());
                            got.extend(some);
                        }
                        pause().await;
                    }
                    assert!(got == data, "after {k} polls");
                    while cut(close(&mut near), k).await.is_none() {
                        pause().await;
                    }
                };
                let far = RefCell::new(far);
                let mut buf = [0; 500];
                let receive = async {
                    let mut got = Vec::new();
                    loop {
                        let n = poll_fn(|cx| far.borrow_mut().poll_read(cx, &mut buf)).await;
                        match n.unwrap() {
                            0 => break assert!(got == data, "after {k} polls"),
                            n => got.extend_from_slice(&buf[..n]),
                        }
                    }
                };
                let send = async {
                    let mut rest = &data[..];
                    while !rest.is_empty() {
                        let n = poll_fn(|cx| far.borrow_mut().poll_write(cx, rest)).await;
                        rest = &rest[n.unwrap()..];
                    }
                };
                join(here, join(receive, send)).await;
            });
        }
    }
}

/// Operation number 0, 1, 2, … of the sender fails: the receiver gets the bytes from the front on and
/// then an error, or all of them and the end.
///
/// Proves: X-io-5
pub fn byte_stream_with_every_operation_failing<H: Harness>() {
    for role in ROLES {
        for fault in Fault::ALL {
            let mut nth = 0;
            while broken_stream::<H>(role, fault, nth) {
                nth += 1;
                assert!(nth < 1000, "the stream does not come to an end");
            }
            assert!(nth > 5, "{fault:?} has struck only {nth} times");
        }
    }
}

fn broken_stream<H: Harness>(role: Role, fault: Fault, nth: usize) -> bool {
    let mut struck = false;
    run::<H>(async {
        let pair = pair::<H>(config().write_high_water(1000), 700);
        let (near, far, probe) = if role == Role::Client {
            (pair.client, pair.server, pair.client_probe)
        } else {
            (pair.server, pair.client, pair.server_probe)
        };
        probe.set_faults(Faults::at(fault, nth));
        let data = pattern(5000);
        let send = async {
            let mut stream = ByteStream::new(near);
            write_all(&mut stream, &data).await?;
            close(&mut stream).await
        };
        let receive = async {
            let mut stream = ByteStream::new(far);
            let mut got = Vec::new();
            loop {
                match read(&mut stream, 400).await {
                    Ok(some) if some.is_empty() => break (got, Ok(())),
                    Ok(some) => got.extend(some),
                    Err(error) => break (got, Err(error)),
                }
            }
        };
        let (sent, (got, ended)) = join(send, receive).await;
        struck = probe.has_struck();
        assert!(data.starts_with(&got), "{fault:?} at {nth}");
        assert!(
            got == data || ended.is_err(),
            "{fault:?} at {nth}: a part as the whole"
        );
        if !struck || fault.is_harmless() {
            sent.unwrap();
            ended.unwrap();
        }
    });
    struck
}
