//! Publications as messages of NATS, and back.
//!
//! The payload is as it is, so that every program can read and publish it. What else there is to say is said
//! in headers, and only if it has to be. This file needs the standard library, `bytes`, `wskit-hub` and
//! [`subject`](super::subject) alone, so that a fuzz target can include it.

use bytes::Bytes;
use wskit_hub::{MessageKind, Publication, Utf8Bytes};

use super::subject;

/// The header of the name of a message, by which the server knows it again.
pub(crate) const ID: &str = "Nats-Msg-Id";
/// The header that tells text from bytes. Without it, what is UTF-8 is text.
pub(crate) const KIND: &str = "Hub-Kind";
/// What it says of bytes that could be text.
pub(crate) const BINARY: &str = "binary";

/// The header of the milliseconds after which a message is not read any more, where that is not left to the
/// stream.
pub(crate) const WITHIN: &str = "Hub-Within";

/// The headers of a publication.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Headers {
    /// The value of [`ID`].
    pub(crate) id: Option<String>,
    /// The value of [`KIND`].
    pub(crate) kind: Option<String>,
}

/// Returns the headers of a publication to the topic of a token.
pub(crate) fn encode(token: &str, publication: &Publication) -> Headers {
    // The server has one set of names for all topics.
    let id = publication
        .get_id()
        .map(|id| format!("{token}.{}", subject::encode(id)));
    let is_binary = publication.kind() == MessageKind::Binary;
    let could_be_text = is_binary && std::str::from_utf8(publication.payload()).is_ok();
    Headers {
        id,
        kind: could_be_text.then(|| BINARY.into()),
    }
}

/// Returns the publication of a message to the topic of a token, of this crate's or of another program.
pub(crate) fn decode(token: &str, headers: Headers, payload: Bytes) -> Publication {
    let is_binary = headers.kind.as_deref() == Some(BINARY);
    let publication = match Utf8Bytes::try_from(payload.clone()) {
        Ok(text) if !is_binary => Publication::text(text),
        _ => Publication::binary(payload),
    };
    match headers.id {
        Some(id) => {
            let own = id.strip_prefix(token).and_then(|id| id.strip_prefix('.'));
            publication.id(own.and_then(subject::decode).unwrap_or(id))
        }
        None => publication,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn headers(id: Option<&str>, kind: Option<&str>) -> Headers {
        Headers {
            id: id.map(Into::into),
            kind: kind.map(Into::into),
        }
    }

    #[test]
    fn headers_say_only_what_the_payload_does_not() {
        for (publication, expected) in [
            (Publication::text("hi"), headers(None, None)),
            (Publication::binary(vec![0xff]), headers(None, None)),
            (
                Publication::binary(&b"hi"[..]),
                headers(None, Some("binary")),
            ),
            (
                Publication::text("hi").id("order 7"),
                headers(Some("chat:1.order%207"), None),
            ),
        ] {
            assert_eq!(encode("chat:1", &publication), expected);
        }
    }

    #[test]
    fn messages_of_other_programs_are_read() {
        let hi = Bytes::from_static(b"hi");
        for (headers, expected) in [
            (headers(None, None), Publication::text("hi")),
            (headers(None, Some("odd")), Publication::text("hi")),
            (headers(Some("7"), None), Publication::text("hi").id("7")),
            (headers(Some("a.%"), None), Publication::text("hi").id("")),
            (
                headers(Some("a.%zz"), None),
                Publication::text("hi").id("a.%zz"),
            ),
        ] {
            assert_eq!(decode("a", headers, hi.clone()), expected);
        }
        let bytes = Bytes::from_static(&[0xff]);
        assert_eq!(
            decode("a", headers(None, None), bytes.clone()),
            Publication::binary(bytes)
        );
    }

    proptest! {
        #[test]
        fn a_publication_comes_back(
            topic in ".{1,20}",
            id in proptest::option::of(".{0,20}"),
            is_text in any::<bool>(),
            text in any::<String>(),
            bytes in any::<Vec<u8>>(),
        ) {
            let mut publication = if is_text {
                Publication::text(text)
            } else {
                Publication::binary(bytes)
            };
            if let Some(id) = id {
                publication = publication.id(id);
            }
            let token = subject::encode(&topic);
            let headers = encode(&token, &publication);
            for value in [&headers.id, &headers.kind].into_iter().flatten() {
                prop_assert!(value.bytes().all(|byte| byte.is_ascii_graphic()));
            }
            let back = decode(&token, headers, publication.payload().clone());
            prop_assert_eq!(back, publication);
        }
    }
}
