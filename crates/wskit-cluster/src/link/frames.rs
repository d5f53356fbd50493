use crate::engine::Kind;

/// Takes apart what a server sends, so that whole messages can be left out.
pub(super) struct Frames {
    kind: Kind,
    /// Whether the names of Redis' processes are hidden.
    masks: bool,
    buffer: Vec<u8>,
}

/// A frame at the beginning of what has come.
struct Frame {
    len: usize,
    /// Whether it is a message of a topic.
    is_message: bool,
}

impl Frames {
    pub(super) fn new(kind: Kind, masks: bool) -> Self {
        Self {
            kind,
            masks,
            buffer: Vec::new(),
        }
    }

    /// Takes what the server has sent, and returns what passes on.
    pub(super) fn pass(&mut self, bytes: &[u8], mut is_lost: impl FnMut() -> bool) -> Vec<u8> {
        self.buffer.extend_from_slice(bytes);
        let mut out = Vec::with_capacity(self.buffer.len());
        let mut at = 0;
        while let Some(frame) = self.next(&self.buffer[at..]) {
            let bytes = &self.buffer[at..at + frame.len];
            at += frame.len;
            if frame.is_message && is_lost() {
                continue;
            }
            match bytes.strip_prefix(b"INFO ") {
                Some(info) if self.kind == Kind::Nats => out.extend(without_others(info)),
                _ if self.masks && self.kind == Kind::Redis => out.extend(masked(bytes)),
                _ => out.extend_from_slice(bytes),
            }
        }
        self.buffer.drain(..at);
        out
    }

    fn next(&self, bytes: &[u8]) -> Option<Frame> {
        match self.kind {
            Kind::Nats => nats(bytes),
            Kind::Redis => redis(bytes),
            Kind::None => None,
        }
    }
}

/// The end of the first line, after its CRLF.
fn line(bytes: &[u8]) -> Option<(&str, usize)> {
    let end = bytes.windows(2).position(|two| two == b"\r\n")?;
    Some((
        std::str::from_utf8(&bytes[..end]).unwrap_or_default(),
        end + 2,
    ))
}

/// `MSG subject sid [reply] bytes`, `HMSG subject sid [reply] head bytes`, or a line.
fn nats(bytes: &[u8]) -> Option<Frame> {
    let (line, end) = line(bytes)?;
    let words: Vec<_> = line.split(' ').collect();
    let has_payload = matches!(words[0], "MSG" | "HMSG");
    let payload = words.last().and_then(|len| len.parse::<usize>().ok());
    let len = end + if has_payload { payload? + 2 } else { 0 };
    let subject = words.get(1).copied().unwrap_or_default();
    // Answers to requests are not lost: that would be a connection that is broken.
    let is_message = has_payload && subject.starts_with("hub.out.");
    (bytes.len() >= len).then_some(Frame { len, is_message })
}

/// The server tells its clients of the others of its cluster: they would not go through the links any more.
fn without_others(info: &[u8]) -> Vec<u8> {
    let mut value: serde_json::Value = serde_json::from_slice(info).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.remove("connect_urls");
    }
    format!("INFO {value}\r\n").into_bytes()
}

/// A value of RESP3. A message is a push of three: `message`, the channel, the payload.
fn redis(bytes: &[u8]) -> Option<Frame> {
    let len = value(bytes)?;
    let is_push = bytes.starts_with(b">");
    let kind = is_push
        .then(|| line(bytes))
        .flatten()
        .map(|(_, end)| &bytes[end..]);
    let is_message = kind.is_some_and(|kind| {
        kind.starts_with(b"$7\r\nmessage\r\n") || kind.starts_with(b"$8\r\nsmessage\r\n")
    });
    Some(Frame { len, is_message })
}

/// Replaces the numbers by which `INFO` names a process and a history.
fn masked(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for name in [&b"\nrun_id:"[..], b"\nmaster_replid:"] {
        let at = bytes.windows(name.len()).position(|part| part == name);
        for byte in at.into_iter().flat_map(|at| at + name.len()..) {
            match bytes.get_mut(byte) {
                Some(digit) if digit.is_ascii_hexdigit() => *digit = b'0',
                _ => break,
            }
        }
    }
    bytes
}

/// The length of a value of RESP3, if all of it is there.
fn value(bytes: &[u8]) -> Option<usize> {
    let (line, end) = line(bytes)?;
    let number = line.get(1..).and_then(|number| number.parse::<i64>().ok());
    let inside = match line.as_bytes().first()? {
        b'$' | b'=' | b'!' => {
            let len = usize::try_from(number?).map_or(end, |len| end + len + 2);
            return (bytes.len() >= len).then_some(len);
        }
        b'*' | b'~' | b'>' => number?.max(0),
        b'%' | b'|' => 2 * number?.max(0),
        _ => 0,
    };
    let mut len = end;
    for _ in 0..inside {
        len += value(bytes.get(len..)?)?;
    }
    Some(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Passes bytes one by one. Each message is lost.
    fn passed(kind: Kind, bytes: &[u8]) -> (String, usize) {
        let (mut frames, mut lost) = (Frames::new(kind, true), 0);
        let mut out = Vec::new();
        for byte in bytes {
            out.extend(frames.pass(&[*byte], || {
                lost += 1;
                true
            }));
        }
        assert!(frames.buffer.is_empty());
        (String::from_utf8(out).unwrap(), lost)
    }

    #[test]
    fn messages_of_nats_are_lost_and_the_rest_passes() {
        let bytes = b"INFO {\"connect_urls\":[\"127.0.0.1:1\"],\"port\":1}\r\nPING\r\n\
            MSG hub.out.1.t 1 2\r\nhi\r\nHMSG hub.out.1.t 1 4 6\r\nheadhi\r\nMSG _INBOX.1 2 3\r\nack\r\n+OK\r\n";
        let rest = "INFO {\"port\":1}\r\nPING\r\nMSG _INBOX.1 2 3\r\nack\r\n+OK\r\n";
        assert_eq!(passed(Kind::Nats, bytes), (rest.to_owned(), 2));
    }

    #[test]
    fn processes_of_redis_look_like_one_if_that_is_asked_for() {
        let frame = |run: &str, replication: &str| {
            let text = format!("txt:# Server\r\nrun_id:{run}\r\nmaster_replid:{replication}\r\n");
            format!("={}\r\n{text}\r\n", text.len())
        };
        let (info, masked) = (frame("12ab", "ff0"), frame("0000", "000"));
        assert_eq!(passed(Kind::Redis, info.as_bytes()), (masked, 0));
    }

    #[test]
    fn messages_of_redis_are_lost_and_the_rest_passes() {
        let message = ">3\r\n$7\r\nmessage\r\n$3\r\nt:1\r\n$4\r\na\r\nb\r\n";
        let rest =
            "+OK\r\n*2\r\n:1\r\n$-1\r\n%1\r\n+a\r\n_\r\n>3\r\n$9\r\nsubscribe\r\n$1\r\nt\r\n:1\r\n";
        let bytes = format!("{message}{rest}{message}");
        assert_eq!(passed(Kind::Redis, bytes.as_bytes()), (rest.to_owned(), 2));
    }
}
