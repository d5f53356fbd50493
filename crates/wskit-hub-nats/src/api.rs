use std::time::{Duration, SystemTime};

use async_nats::client::{Client, Request, RequestErrorKind};
use async_nats::{HeaderMap, HeaderName, HeaderValue, Message};
use base64::Engine as _;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::error::Failure;
use crate::time;

/// How long an answer may take.
pub(crate) const ANSWER: Duration = Duration::from_secs(4);

/// JetStream's requests, as far as they are needed.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    pub(crate) client: Client,
}

/// A stored message.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) subject: String,
    pub(crate) offset: u64,
    pub(crate) headers: Option<HeaderMap>,
    pub(crate) payload: Bytes,
    /// When it was stored.
    pub(crate) at: Option<SystemTime>,
}

/// Returns the value of a header; the last one, which the server has written, if there are several.
pub(crate) fn header<'a>(headers: Option<&'a HeaderMap>, name: &'static str) -> Option<&'a str> {
    // A name that is not made so is not found in async-nats 0.46, if it is one of NATS's own.
    let name = HeaderName::from_static(name);
    headers?.get_last(name).map(HeaderValue::as_str)
}

impl Api {
    /// Sends a request, and waits for its answer.
    pub(crate) async fn request(
        &self,
        subject: String,
        headers: Option<HeaderMap>,
        payload: impl Into<Bytes>,
    ) -> Result<Message, Failure> {
        let request = Request::new().payload(payload.into());
        let mut request = request.timeout(None);
        if let Some(headers) = headers {
            request = request.headers(headers);
        }
        // The time for handing it to the connection is part of it.
        let answer = tokio::time::timeout(ANSWER, self.client.send_request(subject, request));
        match answer.await {
            Err(_) => Err(Failure::Timeout),
            Ok(Ok(message)) => Ok(message),
            // Newer versions of the crate have more kinds.
            Ok(Err(error)) if error.kind() == RequestErrorKind::NoResponders => {
                Err(Failure::NoResponders)
            }
            Ok(Err(_)) => Err(Failure::down(
                "the connection was lost before the answer came",
            )),
        }
    }

    /// Sends a request to JetStream's administration.
    pub(crate) async fn call(&self, what: &str, body: &Value) -> Result<Value, Failure> {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let answer = self.request(format!("$JS.API.{what}"), None, body).await;
        parse(&answer?.payload)
    }

    /// Stores a message. Returns its offset and its stream.
    pub(crate) async fn store(
        &self,
        subject: String,
        headers: Option<HeaderMap>,
        payload: Bytes,
    ) -> Result<Ack, Failure> {
        let answer = self.request(subject, headers, payload).await?;
        Ack::parse(&answer.payload)
    }

    /// Returns the newest message of a subject, from the stream's leader.
    pub(crate) async fn newest(
        &self,
        stream: &str,
        subject: &str,
    ) -> Result<Option<Stored>, Failure> {
        self.stored_at_leader(stream, &json!({ "last_by_subj": subject }))
            .await
    }

    /// Returns the first message of a subject that has at least an offset, from the stream's leader.
    pub(crate) async fn next(
        &self,
        stream: &str,
        subject: &str,
        offset: u64,
    ) -> Result<Option<Stored>, Failure> {
        let body = json!({ "seq": offset, "next_by_subj": subject });
        self.stored_at_leader(stream, &body).await
    }

    async fn stored_at_leader(
        &self,
        stream: &str,
        body: &Value,
    ) -> Result<Option<Stored>, Failure> {
        let answer = match self.call(&format!("STREAM.MSG.GET.{stream}"), body).await {
            // There is no such message.
            Err(Failure::Api { code: 10037, .. }) => return Ok(None),
            answer => answer?,
        };
        let nonsense = || Failure::Nonsense("the server sent a stored message that cannot be read");
        let message = answer.get("message").ok_or_else(nonsense)?;
        let bytes = |name: &str| match message.get(name).and_then(Value::as_str) {
            Some(text) => base64::engine::general_purpose::STANDARD
                .decode(text)
                .map_err(|_| nonsense()),
            None => Ok(Vec::new()),
        };
        let headers = bytes("hdrs")?;
        let headers = std::str::from_utf8(&headers).map_err(|_| nonsense())?;
        Ok(Some(Stored {
            subject: text(message, "subject").ok_or_else(nonsense)?,
            offset: message
                .get("seq")
                .and_then(Value::as_u64)
                .ok_or_else(nonsense)?,
            headers: Some(headers_of(headers)),
            payload: bytes("data")?.into(),
            at: text(message, "time").and_then(|at| time::parse(&at)),
        }))
    }

    /// Returns a message from one of the servers that have the stream, which may not have the newest yet.
    pub(crate) async fn direct(
        &self,
        stream: &str,
        body: &Value,
    ) -> Result<Option<Stored>, Failure> {
        let subject = format!("$JS.API.DIRECT.GET.{stream}");
        let answer = self.request(subject, None, body.to_string()).await?;
        stored(answer)
    }
}

/// Reads the answer of a direct get. `None` is that there is no message.
pub(crate) fn stored(answer: Message) -> Result<Option<Stored>, Failure> {
    let status = answer.status.map(|status| status.as_u16());
    match status {
        None => {}
        Some(404) => return Ok(None),
        Some(503) => return Err(Failure::NoResponders),
        Some(status) => {
            return Err(Failure::Api {
                code: status.into(),
                text: answer.description.unwrap_or_default(),
            });
        }
    }
    let headers = answer.headers.as_ref();
    let offset = header(headers, "Nats-Sequence").and_then(|offset| offset.parse().ok());
    let subject = header(headers, "Nats-Subject").map(Into::into);
    let at = header(headers, "Nats-Time-Stamp").and_then(time::parse);
    match (offset, subject) {
        (Some(offset), Some(subject)) => Ok(Some(Stored {
            subject,
            offset,
            headers: answer.headers,
            payload: answer.payload,
            at,
        })),
        _ => Err(Failure::Nonsense(
            "the server sent a stored message without its sequence or subject",
        )),
    }
}

/// Reads headers as they are stored.
fn headers_of(text: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in text.lines().skip(1) {
        if let Some((name, value)) = line.split_once(':') {
            let value = value.trim().parse::<HeaderValue>();
            if let (Ok(name), Ok(value)) = (name.trim().parse::<HeaderName>(), value) {
                headers.append(name, value);
            }
        }
    }
    headers
}

/// That a message was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ack {
    pub(crate) stream: String,
    pub(crate) offset: u64,
    /// The message was stored before, when one of the same id was sent.
    pub(crate) is_duplicate: bool,
}

impl Ack {
    pub(crate) fn parse(payload: &[u8]) -> Result<Self, Failure> {
        let answer = parse(payload)?;
        let offset = answer.get("seq").and_then(Value::as_u64);
        let is_duplicate = answer.get("duplicate").and_then(Value::as_bool) == Some(true);
        match (text(&answer, "stream"), offset) {
            (Some(stream), Some(offset)) if offset > 0 => Ok(Self {
                stream,
                offset,
                is_duplicate,
            }),
            // Older servers answer so while a message of the same id is being stored.
            (Some(_), Some(0)) if is_duplicate => Err(Failure::Api {
                code: 10158,
                text: "a message of the same id is being stored".into(),
            }),
            _ => Err(Failure::Nonsense(
                "the answer to a publication is not one of JetStream: another program answers on the \
                 hub's subjects",
            )),
        }
    }
}

pub(crate) fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name).and_then(Value::as_str).map(Into::into)
}

/// Reads an answer of JetStream.
fn parse(payload: &[u8]) -> Result<Value, Failure> {
    let answer: Value = serde_json::from_slice(payload)
        .map_err(|_| Failure::Nonsense("an answer of JetStream is not JSON"))?;
    if !answer.is_object() {
        return Err(Failure::Nonsense("an answer of JetStream is no object"));
    }
    let Some(error) = answer.get("error") else {
        return Ok(answer);
    };
    let number = |name: &str| error.get(name).and_then(Value::as_u64);
    let code = number("err_code").or_else(|| number("code"));
    match code {
        Some(10039 | 10076) => Err(Failure::NoJetStream),
        code => Err(Failure::Api {
            code: code.unwrap_or_default(),
            text: text(error, "description").unwrap_or_default(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wskit_hub::{EngineError, EngineErrorKind};

    #[test]
    fn answers_to_publications_are_read() {
        let ack = |stream: &str, offset, is_duplicate| {
            let stream = stream.into();
            Ok(Ack {
                stream,
                offset,
                is_duplicate,
            })
        };
        for (payload, expected) in [
            (r#"{"stream":"hub","seq":7}"#, ack("hub", 7, false)),
            (
                r#"{"stream":"hub","seq":7,"duplicate":true}"#,
                ack("hub", 7, true),
            ),
            (
                r#"{"error":{"code":503,"err_code":10039,"description":"no"}}"#,
                Err(Failure::NoJetStream),
            ),
            (
                r#"{"error":{"code":400,"err_code":10071,"description":"wrong"}}"#,
                Err(Failure::Api {
                    code: 10071,
                    text: "wrong".into(),
                }),
            ),
        ] {
            assert_eq!(Ack::parse(payload.as_bytes()), expected, "{payload}");
        }
    }

    #[test]
    fn what_a_leader_that_changes_answers_passes() {
        for payload in [
            r#"{"error":{"code":503,"description":"raft: not leader"}}"#,
            r#"{"error":{"code":503,"err_code":10008,"description":"temporarily unavailable"}}"#,
            r#"{"error":{"code":409,"err_code":10158,"description":"in process"}}"#,
            r#"{"stream":"hub","seq":0,"duplicate":true}"#,
        ] {
            let failure = Ack::parse(payload.as_bytes()).expect_err(payload);
            assert!(failure.is_passing(), "{payload}: {failure:?}");
        }
        // Of others it is not known whether the message was stored. The server's trouble is no refusal.
        let payload = r#"{"error":{"code":503,"description":"store is closed"}}"#;
        let failure = Ack::parse(payload.as_bytes()).expect_err(payload);
        assert!(!failure.is_passing());
        assert_eq!(
            EngineError::from(failure).kind(),
            EngineErrorKind::Unavailable
        );
    }

    #[test]
    fn nonsense_is_told() {
        for payload in [
            "",
            "{}",
            "[]",
            "null",
            r#"{"stream":"hub"}"#,
            r#"{"stream":"","seq":0}"#,
            "\u{0}",
        ] {
            let result = Ack::parse(payload.as_bytes());
            assert!(
                matches!(result, Err(Failure::Nonsense(_))),
                "{payload}: {result:?}"
            );
        }
    }

    #[test]
    fn stored_headers_are_read() {
        let headers = headers_of("NATS/1.0\r\nNats-Msg-Id: a.7\r\nodd\r\n: x\r\n\r\n");
        assert_eq!(header(Some(&headers), "Nats-Msg-Id"), Some("a.7"));
        assert_eq!(header(Some(&headers), "Hub-Kind"), None);
    }
}
