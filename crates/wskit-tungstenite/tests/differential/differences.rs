//! Where this crate differs from tungstenite after the handshake, on purpose. What is refused here and
//! accepted there is in the table of the README.

use bytes::Bytes;

use crate::end::{End, Got, Send, Settings, Side, WOULD_BLOCK, ours, theirs};
use crate::wire::{close_body, frame, frames};

fn both(side: Side, settings: Settings) -> [Box<dyn End>; 2] {
    [ours(side, settings), theirs(side, settings)]
}

fn arrives(end: &mut dyn End, bytes: &[u8]) {
    end.script().input.push_back(bytes.to_vec());
}

fn error(text: &str) -> Got {
    Got::Error(text.to_owned())
}

fn already_closed() -> Got {
    error("AlreadyClosed / Trying to work with closed connection")
}

fn too_big() -> Got {
    error(
        "Protocol(ControlFrameTooBig) / WebSocket protocol error: \
         Control frame too big (payload must be 125 bytes or less)",
    )
}

#[test]
fn fault_ends_the_connection_and_the_peer_is_told() {
    let [mut ours, mut theirs] = both(Side::Client, Settings::default());
    for end in [&mut ours, &mut theirs] {
        arrives(&mut **end, &frame(0x81, false, b"\xff"));
        arrives(&mut **end, &frame(0x81, false, b"next"));
        assert_eq!(end.read(), Got::Utf8);
    }
    assert_eq!(
        frames(&ours.script().output),
        [(0x88, close_body(1007, ""))]
    );
    assert_eq!(ours.read(), already_closed());
    assert_eq!(ours.write(Send::Text("x".into())), already_closed());
    assert_eq!(ours.close(None), Got::Done);

    assert_eq!(theirs.script().output, b"");
    assert_eq!(theirs.read(), Got::Text("next".into()));
}

#[test]
fn fault_is_seen_as_soon_as_it_has_come() {
    let [mut ours, mut theirs] = both(Side::Client, Settings::default());
    let text = frame(0x81, false, b"ab\xffcd");
    for (end, expected) in [(&mut ours, Got::Utf8), (&mut theirs, WOULD_BLOCK)] {
        arrives(&mut **end, &text[..6]);
        assert_eq!(end.read(), expected);
    }
}

/// RFC 6455 §5.2 asks for the shortest form.
#[test]
fn length_that_is_longer_than_needed_is_refused() {
    let long = [0x82, 126, 0, 1, 7];
    let [mut ours, mut theirs] = both(Side::Client, Settings::default());
    let invalid = Got::Io(std::io::ErrorKind::InvalidData);
    let accepted = Got::Binary(Bytes::from_static(&[7]));
    for (end, expected) in [(&mut ours, invalid), (&mut theirs, accepted)] {
        arrives(&mut **end, &long);
        assert_eq!(end.read(), expected);
    }
}

/// RFC 6455 §5.5 allows 125 bytes.
#[test]
fn control_frames_that_are_too_long_are_not_sent() {
    let long = Bytes::from(vec![7; 126]);
    let [mut ours, mut theirs] = both(Side::Server, Settings::default());
    for message in [Send::Ping(long.clone()), Send::Pong(long)] {
        assert_eq!(ours.write(message.clone()), too_big());
        assert_eq!(theirs.write(message), Got::Done);
    }
    let close = Some((1000, "r".repeat(124)));
    assert_eq!(ours.close(close.clone()), too_big());
    assert_eq!(ours.can(), (true, true), "it stays open");
    assert_eq!(theirs.close(close), Got::Done);
}

/// RFC 6455 §7.4.1.
#[test]
fn close_codes_that_may_not_be_sent_are_not_sent() {
    let invalid =
        error("Protocol(InvalidCloseSequence) / WebSocket protocol error: Invalid close sequence");
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000] {
        let [mut ours, mut theirs] = both(Side::Server, Settings::default());
        assert_eq!(ours.close(Some((code, String::new()))), invalid, "{code}");
        assert_eq!(theirs.close(Some((code, String::new()))), Got::Done);
    }
}

/// Both return the same Close; ours answers without a reason.
#[test]
fn close_with_a_code_that_may_not_be_sent_is_answered_with_1002() {
    for code in [999, 1005, 1006, 2999, 5000] {
        let [mut ours, mut theirs] = both(Side::Client, Settings::default());
        for (end, reason) in [(&mut ours, ""), (&mut theirs, "Protocol violation")] {
            arrives(&mut **end, &frame(0x88, false, &close_body(code, "why")));
            let expected = Got::Close(Some((1002, "Protocol violation".into())));
            assert_eq!(end.read(), expected, "{code}");
            assert_eq!(end.read(), WOULD_BLOCK);
            assert_eq!(
                frames(&end.script().output),
                [(0x88, close_body(1002, reason))]
            );
            end.script().eof = true;
            assert_eq!(end.read(), Got::Closed);
        }
    }
}

#[test]
fn close_with_a_wrong_code_that_answers_ours_is_returned_without_its_reason() {
    let [mut ours, mut theirs] = both(Side::Client, Settings::default());
    for (end, reason) in [(&mut ours, ""), (&mut theirs, "why")] {
        assert_eq!(end.close(None), Got::Done);
        arrives(&mut **end, &frame(0x88, false, &close_body(1006, "why")));
        assert_eq!(end.read(), Got::Close(Some((1006, reason.into()))));
    }
}

/// 1014, "bad gateway", is registered. Both return 1002, as there is no name for it.
#[test]
fn close_code_1014_is_answered_as_it_is() {
    let [mut ours, mut theirs] = both(Side::Client, Settings::default());
    for (end, answer) in [(&mut ours, 1014), (&mut theirs, 1002)] {
        arrives(&mut **end, &frame(0x88, false, &close_body(1014, "")));
        assert_eq!(
            end.read(),
            Got::Close(Some((1002, "Protocol violation".into())))
        );
        assert_eq!(end.read(), WOULD_BLOCK);
        let sent = frames(&end.script().output);
        assert_eq!(sent[0].1[..2], close_body(answer, ""));
    }
}

/// RFC 6455 §5.5.1: what follows is thrown away.
#[test]
fn frames_behind_a_close_in_the_same_read_are_ignored() {
    let bytes = [frame(0x88, false, b""), frame(0x81, false, b"late")].concat();
    let [mut ours, mut theirs] = both(Side::Client, Settings::default());
    let late = error(
        "Protocol(ReceivedAfterClosing) / WebSocket protocol error: Remote sent after having closed",
    );
    for (end, expected) in [(&mut ours, WOULD_BLOCK), (&mut theirs, late.clone())] {
        arrives(&mut **end, &bytes);
        assert_eq!(end.read(), Got::Close(None));
        assert_eq!(end.read(), expected);
    }
    // In a later read they are an error for both.
    for end in [&mut ours, &mut theirs] {
        arrives(&mut **end, &frame(0x81, false, b"later"));
        assert_eq!(end.read(), late);
    }
}

#[test]
fn close_is_queued_though_the_queue_is_full() {
    let settings = Settings {
        write_buffer: 0,
        max_write_buffer: 10,
        ..Settings::default()
    };
    let [mut ours, mut theirs] = both(Side::Server, settings);
    for (end, expected) in [
        (&mut ours, WOULD_BLOCK),
        (&mut theirs, Got::Full(Bytes::from_static(&[3, 232]))),
    ] {
        end.script().blocked = true;
        assert_eq!(
            end.write(Send::Binary(Bytes::from_static(&[0; 8]))),
            WOULD_BLOCK
        );
        assert_eq!(end.close(Some((1000, String::new()))), expected);
        assert_eq!(end.can(), (true, false), "closing all the same");
        end.script().blocked = false;
        assert_eq!(end.flush(), Got::Done);
    }
    assert_eq!(frames(&ours.script().output).len(), 2);
    assert_eq!(frames(&theirs.script().output).len(), 1, "no Close");
}

#[test]
fn server_that_is_blocked_is_not_closed_before_its_close_is_out() {
    let [mut ours, mut theirs] = both(Side::Server, Settings::default());
    for (end, expected) in [(&mut ours, WOULD_BLOCK), (&mut theirs, Got::Closed)] {
        arrives(&mut **end, &frame(0x88, true, b""));
        assert_eq!(end.read(), Got::Close(None));
        end.script().blocked = true;
        assert_eq!(end.flush(), WOULD_BLOCK);
        assert_eq!(end.read(), expected);
    }
    ours.script().blocked = false;
    assert_eq!(ours.read(), Got::Closed);
    assert_eq!(frames(&ours.script().output), [(0x88, vec![])]);
    assert_eq!(theirs.script().output, b"");
}

/// RFC 6455 §5.5.3 asks for pongs as soon as is practical.
#[test]
fn pong_goes_before_messages_that_wait() {
    let [mut ours, mut theirs] = both(Side::Server, Settings::default());
    for (end, first) in [(&mut ours, 0x8a), (&mut theirs, 0x81)] {
        assert_eq!(end.write(Send::Text("waits".into())), Got::Done);
        arrives(&mut **end, &frame(0x89, true, b"p"));
        assert_eq!(end.read(), Got::Ping(Bytes::from_static(b"p")));
        assert_eq!(end.flush(), Got::Done);
        assert_eq!(frames(&end.script().output)[0].0, first);
    }
}

#[test]
fn newer_pong_replaces_an_older_one_while_the_stream_takes_nothing() {
    let [mut ours, mut theirs] = both(Side::Server, Settings::default());
    for (end, pongs) in [(&mut ours, 1), (&mut theirs, 3)] {
        end.script().blocked = true;
        for _ in 0..3 {
            arrives(&mut **end, &frame(0x89, true, b"p"));
            assert_eq!(end.read(), Got::Ping(Bytes::from_static(b"p")));
            assert_eq!(end.flush(), WOULD_BLOCK);
        }
        end.script().blocked = false;
        assert_eq!(end.flush(), Got::Done);
        assert_eq!(frames(&end.script().output).len(), pongs);
    }
}

#[test]
fn pong_that_waits_is_not_sent_after_a_close() {
    let [mut ours, mut theirs] = both(Side::Client, Settings::default());
    for (end, expected) in [(&mut ours, vec![0x88]), (&mut theirs, vec![0x8a, 0x88])] {
        assert_eq!(end.write(Send::Pong(Bytes::new())), Got::Done);
        arrives(&mut **end, &frame(0x88, false, b""));
        assert_eq!(end.read(), Got::Close(None));
        assert_eq!(end.flush(), Got::Done);
        let sent: Vec<u8> = frames(&end.script().output)
            .iter()
            .map(|frame| frame.0)
            .collect();
        assert_eq!(sent, expected);
    }
}

/// A ping of 20 bytes is no message of 20 bytes.
#[test]
fn limit_on_frames_is_for_data() {
    let settings = Settings {
        max_frame: Some(10),
        ..Settings::default()
    };
    let [mut ours, mut theirs] = both(Side::Client, settings);
    let ping = Got::Ping(Bytes::from_static(&[7; 20]));
    for (end, expected) in [(&mut ours, ping), (&mut theirs, Got::TooLong(10))] {
        arrives(&mut **end, &frame(0x89, false, &[7; 20]));
        assert_eq!(end.read(), expected);
    }
}
