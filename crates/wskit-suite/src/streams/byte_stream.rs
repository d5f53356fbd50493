//! A connection as a stream of bytes.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;

use wskit_driver::{ByteStream, Transport};
use wskit_frame::OpCode;
use wskit_proto::{Config, Role};
use wskit_test::{Boxed, Harness, Io, Probe, Script, join, join_all, once, pause, run, run_timed};

use crate::scene::{CAPACITY, ROLES, config, facing, facing_through, pair, pattern};

fn stream_facing<H: Harness>(role: Role, config: Config) -> (ByteStream<Io<H>>, Script, Probe) {
    let (ws, peer, probe) = facing::<H>(role, config);
    (ByteStream::new(ws), peer, probe)
}

pub(crate) async fn read<T: Transport>(
    stream: &mut ByteStream<T>,
    most: usize,
) -> io::Result<Vec<u8>> {
    let mut buf = vec![0; most];
    let n = poll_fn(|cx| stream.poll_read(cx, &mut buf)).await?;
    buf.truncate(n);
    Ok(buf)
}

async fn read_all<T: Transport>(stream: &mut ByteStream<T>, most: usize) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    loop {
        let some = read(stream, most).await?;
        if some.is_empty() {
            return Ok(all);
        }
        all.extend(some);
    }
}

pub(crate) async fn write<T: Transport>(
    stream: &mut ByteStream<T>,
    data: &[u8],
) -> io::Result<usize> {
    poll_fn(|cx| stream.poll_write(cx, data)).await
}

pub(crate) async fn write_all<T: Transport>(
    stream: &mut ByteStream<T>,
    mut data: &[u8],
) -> io::Result<()> {
    while !data.is_empty() {
        let n = write(stream, data).await?;
        data = &data[n..];
    }
    Ok(())
}

pub(crate) async fn flush<T: Transport>(stream: &mut ByteStream<T>) -> io::Result<()> {
    poll_fn(|cx| stream.poll_flush(cx)).await
}

pub(crate) async fn close<T: Transport>(stream: &mut ByteStream<T>) -> io::Result<()> {
    poll_fn(|cx| stream.poll_close(cx)).await
}

/// Proves: R6455-5.6-b, R6455-5.4-k
pub fn written_bytes_come_out<H: Harness>() {
    for role in ROLES {
        for (capacity, size) in [(7, 3000), (1000, 100_000), (CAPACITY, 2_000_000)] {
            run::<H>(async {
                let pair = pair::<H>(config().write_high_water(5000), capacity);
                let (near, far) = if role == Role::Client {
                    (pair.client, pair.server)
                } else {
                    (pair.server, pair.client)
                };
                let (mut near, mut far) = (ByteStream::new(near), ByteStream::new(far));
                let data = pattern(size);
                let send = async {
                    let mut rest = &data[..];
                    for at in 1.. {
                        if rest.is_empty() {
                            break;
                        }
                        let (now, after) = rest.split_at(rest.len().min(at * 37));
                        write_all(&mut near, now).await.unwrap();
                        rest = after;
                    }
                    close(&mut near).await.unwrap();
                };
                let receive = async {
                    let mut got = Vec::new();
                    for at in 1.. {
                        let some = read(&mut far, at * 3).await.unwrap();
                        if some.is_empty() {
                            break;
                        }
                        got.extend(some);
                    }
                    assert!(got == data, "{} bytes", got.len());
                    assert!(read(&mut far, 9).await.unwrap().is_empty(), "the end stays");
                    close(&mut far).await.unwrap();
                };
                join(send, receive).await;
                assert!(near.get_ref().outcome().unwrap().is_clean());
                assert!(far.get_ref().outcome().unwrap().is_clean());
            });
        }
    }
}

/// Messages of any size in any number of frames, empty ones among them: only their bytes count.
///
/// Proves: R6455-5.4-h, X-mem-1
pub fn borders_of_messages_mean_nothing<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let limits = config().max_message_size(100).max_fragments(2);
            let (mut stream, mut peer, _) = stream_facing::<H>(role, limits);
            let data = pattern(300_000);
            let script = async {
                let frames = peer.frames();
                peer.send(frames.binary(b"")).await;
                peer.send(frames.binary(&data[..1])).await;
                peer.send(frames.frame(OpCode::Binary, false, b"")).await;
                peer.send(frames.frame(OpCode::Continuation, false, &data[1..10]))
                    .await;
                peer.send(frames.ping(b"between")).await;
                peer.send(frames.frame(OpCode::Continuation, false, b""))
                    .await;
                peer.send(frames.frame(OpCode::Continuation, true, &data[10..200]))
                    .await;
                peer.send(frames.binary(&data[200..])).await;
                peer.send(frames.binary(b"")).await;
            };
            let receive = async {
                let mut got = Vec::new();
                loop {
                    let some = read(&mut stream, 1000).await.unwrap();
                    // The read buffer for bulk input, and no assembled message.
                    assert!(stream.get_ref().buffer_bytes() <= 128 << 10);
                    got.extend_from_slice(&some);
                    if got.len() == data.len() {
                        break;
                    }
                    // Lent bytes must survive a flush, which reads too.
                    flush(&mut stream).await.unwrap();
                }
                assert!(got == data);
                assert!(once(read(&mut stream, 10)).await.is_none(), "no end yet");
            };
            join(receive, script).await;
            peer.expect(OpCode::Pong, "between").await;
            peer.send(peer.frames().close(1000, "")).await;
            peer.finish().await;
            assert!(read(&mut stream, 10).await.unwrap().is_empty());
        });
    }
}

/// Proves: R6455-7.1.5-a, R6455-7.1.7-b
pub fn only_an_ordinary_close_is_the_end<H: Harness>() {
    for role in ROLES {
        for (code, kind) in [
            (Some(1000), None),
            (Some(1001), None),
            (None, None),
            (Some(1011), Some(io::ErrorKind::ConnectionAborted)),
            (Some(4000), Some(io::ErrorKind::ConnectionAborted)),
        ] {
            run::<H>(async {
                let (mut stream, mut peer, _) = stream_facing::<H>(role, config());
                let frames = peer.frames();
                let close =
                    code.map_or_else(|| frames.close_empty(), |code| frames.close(code, ""));
                peer.send([frames.binary(b"last"), close].concat()).await;
                peer.finish().await;
                assert_eq!(read(&mut stream, 10).await.unwrap(), b"last");
                for _ in 0..3 {
                    let end = read(&mut stream, 10).await;
                    assert_eq!(end.as_ref().err().map(io::Error::kind), kind, "{code:?}");
                    assert!(end.is_err() || end.is_ok_and(|end| end.is_empty()));
                }
                let error = write(&mut stream, b"late").await.unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
            });
        }
        run::<H>(async {
            let (mut stream, mut peer, _) = stream_facing::<H>(role, config());
            peer.send(peer.frames().binary(b"last")).await;
            peer.hang_up();
            // A write that fails first must not make the end look clean.
            let _ = write(&mut stream, b"x").await;
            let _ = flush(&mut stream).await;
            assert_eq!(read(&mut stream, 10).await.unwrap(), b"last");
            for _ in 0..3 {
                assert!(read(&mut stream, 10).await.is_err());
            }
        });
        run::<H>(async {
            let (mut stream, mut peer, _) = stream_facing::<H>(role, config());
            peer.send(peer.frames().text("text")).await;
            for _ in 0..3 {
                let error = read(&mut stream, 10).await.unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::InvalidData);
            }
            peer.expect_close(1003).await;
        });
    }
}

/// Proves: R6455-6.1-f
pub fn small_writes_leave_together<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut stream, mut peer, probe) = stream_facing::<H>(role, config());
            for at in 0..100_u8 {
                assert_eq!(write(&mut stream, &[at]).await.unwrap(), 1);
            }
            assert_eq!(write(&mut stream, b"").await.unwrap(), 0);
            assert_eq!(probe.writes(), 0);
            flush(&mut stream).await.unwrap();
            assert_eq!((probe.writes(), probe.flushes()), (1, 1));
            for at in 0..100_u8 {
                peer.expect(OpCode::Binary, [at]).await;
            }
            let large = pattern(40_000);
            assert_eq!(write(&mut stream, &large).await.unwrap(), 40_000);
            assert!(once(read(&mut stream, 1)).await.is_none());
            assert_eq!(probe.writes(), 2, "a read that waits writes first");
            for message in large.chunks(16 << 10) {
                peer.expect(OpCode::Binary, message).await;
            }
        });
    }
}

/// Proves: X-io-3, X-io-4
pub fn stream_waits_while_the_peer_does_not_read<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (ws, mut peer, _) =
                facing_through::<H>(role, config().write_high_water(8 << 10), 1024);
            let mut stream = ByteStream::new(ws);
            let data = pattern(100_000);
            let mut written = 0;
            while let Some(n) = once(write(&mut stream, &data[written..])).await {
                written += n.unwrap();
                assert!(written < 50_000, "{written} bytes and no end");
            }
            let held = stream.get_ref().buffer_bytes();
            for _ in 0..100 {
                assert!(once(write(&mut stream, &data)).await.is_none());
                assert!(once(flush(&mut stream)).await.is_none());
                assert!(once(read(&mut stream, 10)).await.is_none());
            }
            assert_eq!(stream.get_ref().buffer_bytes(), held);
            assert!(once(close(&mut stream)).await.is_none());
            let script = async {
                let mut got = Vec::new();
                loop {
                    let frame = peer.frame().await;
                    match frame.opcode {
                        OpCode::Binary => got.extend(frame.payload),
                        opcode => break assert_eq!(opcode, OpCode::Close),
                    }
                }
                assert!(got == data[..written]);
                peer.send(peer.frames().close(1000, "")).await;
                peer.hang_up();
            };
            let (closed, ()) = join(close(&mut stream), script).await;
            closed.unwrap();
        });
    }
}

/// As `tokio::io::split` does it: one task reads, another writes, a lock between.
pub fn two_tasks_share_a_stream<H: Harness>() {
    for capacity in [50, CAPACITY] {
        run::<H>(async {
            let pair = pair::<H>(config().write_high_water(2000), capacity);
            let data = pattern(30_000);
            let streams = [pair.client, pair.server].map(|ws| RefCell::new(ByteStream::new(ws)));
            let mut tasks: Vec<Boxed<'_, ()>> = Vec::new();
            for stream in &streams {
                let data = &data;
                tasks.push(Box::pin(async move {
                    let mut got = Vec::new();
                    let mut buf = [0; 700];
                    while got.len() < data.len() {
                        let n = poll_fn(|cx| stream.borrow_mut().poll_read(cx, &mut buf))
                            .await
                            .unwrap();
                        assert!(n > 0, "ended after {}", got.len());
                        got.extend_from_slice(&buf[..n]);
                    }
                    assert!(got == *data);
                }));
                tasks.push(Box::pin(async move {
                    let mut rest = &data[..];
                    while !rest.is_empty() {
                        let now = &rest[..rest.len().min(900)];
                        // Without a flush: the waiting reader writes it.
                        let n = poll_fn(|cx| stream.borrow_mut().poll_write(cx, now))
                            .await
                            .unwrap();
                        rest = &rest[n..];
                    }
                    // The reader may be gone already.
                    poll_fn(|cx| stream.borrow_mut().poll_flush(cx))
                        .await
                        .unwrap();
                }));
            }
            join_all(tasks).await;
        });
    }
}

/// A task that writes and ends does not take the reader's wake-ups with it, and its bytes leave without
/// a flush because a reader waits.
pub fn waiting_reader_is_woken_after_a_write_of_another<H: Harness>() {
    for role in ROLES {
        for flushes in [true, false] {
            run::<H>(async {
                let (stream, mut peer, _) = stream_facing::<H>(role, config());
                let stream = RefCell::new(stream);
                let mut buf = [0; 10];
                let reader = async {
                    let n = poll_fn(|cx| stream.borrow_mut().poll_read(cx, &mut buf)).await;
                    assert_eq!(n.unwrap(), 6);
                };
                let writer = async {
                    pause().await;
                    let n = poll_fn(|cx| stream.borrow_mut().poll_write(cx, b"ask")).await;
                    assert_eq!(n.unwrap(), 3);
                    if flushes {
                        let flushed = poll_fn(|cx| stream.borrow_mut().poll_flush(cx));
                        flushed.await.unwrap();
                    }
                };
                let script = async {
                    peer.expect(OpCode::Binary, "ask").await;
                    pause().await;
                    pause().await;
                    peer.send(peer.frames().binary(b"answer")).await;
                };
                join(reader, join(writer, script)).await;
            });
        }
    }
}

/// Proves: R6455-5.5.2-a
pub fn stream_that_only_writes_answers_pings<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut stream, mut peer, _) = stream_facing::<H>(role, config());
            peer.send(peer.frames().ping(b"?")).await;
            write(&mut stream, b"data").await.unwrap();
            flush(&mut stream).await.unwrap();
            let frames = [peer.frame().await, peer.frame().await];
            assert!(frames.iter().any(|frame| frame.opcode == OpCode::Pong));
            // A message that comes meanwhile is not assembled.
            let large = pattern(200_000);
            let head = peer.frames().binary(&large);
            peer.send(&head[..40_000]).await;
            write(&mut stream, b"data").await.unwrap();
            flush(&mut stream).await.unwrap();
            assert!(stream.get_ref().buffer_bytes() <= 32 << 10);
            let rest = async {
                peer.send(&head[40_000..]).await;
                peer.send(peer.frames().close(1000, "")).await;
                peer.finish().await;
            };
            let (got, ()) = join(read_all(&mut stream, 5000), rest).await;
            assert!(got.unwrap() == large);
        });
    }
}

/// Bytes in transit when this end closed can still be read.
///
/// Proves: R6455-5.5.1-i
pub fn closed_stream_can_be_read_to_the_end<H: Harness>() {
    for role in ROLES {
        run::<H>(async {
            let (mut stream, mut peer, _) = stream_facing::<H>(role, config());
            let frames = peer.frames();
            let script = async {
                peer.expect(OpCode::Binary, "request").await;
                peer.expect_close(1000).await;
                peer.send([frames.binary(b"answer"), frames.close(1000, "")].concat())
                    .await;
                peer.finish().await;
            };
            let talk = async {
                write(&mut stream, b"request").await.unwrap();
                close(&mut stream).await.unwrap();
                assert_eq!(read_all(&mut stream, 3).await.unwrap(), b"answer");
                close(&mut stream).await.unwrap();
            };
            join(talk, script).await;
            assert!(stream.get_ref().outcome().unwrap().is_clean());
        });
        run_timed::<H>(async {
            let (mut stream, _peer, _) = stream_facing::<H>(role, config());
            let error = close(&mut stream).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut, "no peer answers");
        });
    }
}
