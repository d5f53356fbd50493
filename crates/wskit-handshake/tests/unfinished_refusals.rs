//! Refusals whose body does not end: status and headers are available early.

mod wire;

use wire::{assert_matches, client};
use wskit_handshake::{HandshakeError, Progress, Refusal};

/// Incomplete responses, and the part of the body that has arrived.
const ANSWERS: [(&str, &str); 6] = [
    (
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=x\r\n\r\n",
        "",
    ),
    (
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nno",
        "no",
    ),
    (
        "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "hello",
    ),
    (
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n\
         9\r\ndata: 1\r\n\r\n9\r\ndata: 2\r\n\r\n",
        "data: 1\r\ndata: 2\r\n",
    ),
    ("HTTP/1.1 302 Found\r\nLocation: /there\r\n\r\n", ""),
    ("HTTP/1.1 404 Not Found\r\n\r\n<html>", "<html>"),
];

fn refused(error: HandshakeError) -> Refusal {
    match error {
        HandshakeError::Refused(refusal) => *refusal,
        other => panic!("{other:?}"),
    }
}

/// Proves: R6455-4.1-x
#[test]
fn refusal_is_known_as_soon_as_its_head_is_in() {
    for (answer, body) in ANSWERS {
        let head = answer.find("\r\n\r\n").unwrap() + 4;
        let status: u16 = answer["HTTP/1.1 ".len()..][..3].parse().unwrap();
        for size in [1, 7, answer.len()] {
            let mut handshake = client();
            let mut given = 0;
            for piece in answer.as_bytes().chunks(size) {
                assert!(handshake.refusal().is_none() || given >= head);
                assert_matches!(handshake.receive(piece), Ok(Progress::NeedMore));
                given += piece.len();
                let known = handshake.refusal();
                assert_eq!(known.is_some(), given >= head, "{given} of {answer}");
                assert!(known.is_none_or(|refusal| refusal.status == status));
            }
            // When cut here, it has the data received so far.
            let error = handshake.cut_refusal().expect("its head is in");
            let refusal = refused(error);
            assert_eq!(refusal.status, status);
            assert_eq!(&refusal.body[..], body.as_bytes());
            assert!(!refusal.body_is_complete);
            assert!(handshake.refusal().is_none() && handshake.cut_refusal().is_none());
            // Later calls return the same error.
            for end in [
                handshake.receive(b"x").unwrap_err(),
                handshake.receive_eof(),
            ] {
                assert_eq!(refused(end).status, status);
            }
        }
    }
}

#[test]
fn what_is_no_refusal_cannot_be_cut() {
    for start in ["", "HTTP/1.1 401 x\r\nA: b\r\n", "HTTP/1.1 100 x\r\n\r\n"] {
        let mut handshake = client();
        assert_matches!(handshake.receive(start.as_bytes()), Ok(Progress::NeedMore));
        assert!(handshake.refusal().is_none() && handshake.cut_refusal().is_none());
        assert_matches!(
            handshake.receive_eof(),
            HandshakeError::UnexpectedEof { .. }
        );
    }
}
