use crate::input::Input;

/// Writes a request to open a WebSocket, changed as the input says: up to fifteen times. Then come a blank line and
/// what is left of the input, which is what follows the head.
///
/// The input begins with the number of changes. One change: a byte for what, one for which line, one more
/// for how; some take further bytes.
#[must_use]
pub fn request_script(input: &mut Input<'_>) -> Vec<u8> {
    script(input, &REQUEST, &REQUEST_WORDS)
}

/// The same of the answer to a request with the key of a nonce of sixteen times 7.
#[must_use]
pub fn response_script(input: &mut Input<'_>) -> Vec<u8> {
    script(input, &RESPONSE, &RESPONSE_WORDS)
}

fn script(input: &mut Input<'_>, lines: &[&str], words: &[&str]) -> Vec<u8> {
    let mut head: Vec<Line> = lines.iter().map(|text| Line::new(text)).collect();
    let mut cut = None;
    let mut before: &[u8] = &[];
    for _ in 0..input.byte() % 16 {
        let (what, at, how) = (input.byte(), usize::from(input.byte()), input.byte());
        let word = words[usize::from(how) % words.len()];
        let how = usize::from(how);
        let at = at % head.len();
        match what % 16 {
            0 => head[at] = Line::new(word),
            1 | 2 => head.insert(at + 1, Line::new(word)),
            3 if head.len() > 1 => drop(head.remove(at)),
            4 => head.insert(at, head[at].clone()),
            5 => {
                let other = how % head.len();
                head.swap(at, other);
            }
            6 => head[at].end = ENDS[how % ENDS.len()],
            7 => head[at].change_letters(how),
            8 => head[at].put(how, &[input.byte()], true),
            9 | 10 => {
                let piece = PIECES[usize::from(input.byte()) % PIECES.len()];
                head[at].put(how, piece, what % 16 == 9 && piece.len() == 1);
            }
            11 => {
                let len = usize::from(input.byte() % 8);
                head[at].put(how, input.slice(len), false);
            }
            // Around the number of lines that both take.
            12 => {
                let more = vec![Line::new("x: y"); how % 128];
                head.splice(at + 1..=at, more);
            }
            13 => head[at].text.extend(vec![b'a'; how * 32]),
            14 => before = BEFORE[how % BEFORE.len()],
            _ => cut = Some(at * 16 + how),
        }
    }
    let mut wire = before.to_vec();
    for line in head {
        wire.extend_from_slice(&line.text);
        wire.extend_from_slice(line.end);
    }
    wire.extend_from_slice(b"\r\n");
    if let Some(cut) = cut {
        wire.truncate(cut);
    } else {
        wire.extend_from_slice(input.rest());
    }
    wire
}

#[derive(Clone)]
struct Line {
    text: Vec<u8>,
    end: &'static [u8],
}

impl Line {
    fn new(text: &str) -> Self {
        Self {
            text: text.into(),
            end: b"\r\n",
        }
    }

    /// Puts some bytes at a place, or in the place of as many.
    fn put(&mut self, at: usize, bytes: &[u8], replace: bool) {
        // The ends of a value are where most happens: places count from both ends.
        let len = self.text.len();
        let at = if at < 128 {
            at.min(len)
        } else {
            len.saturating_sub(at - 128)
        };
        let end = if replace {
            (at + bytes.len()).min(len)
        } else {
            at
        };
        self.text.splice(at..end, bytes.iter().copied());
    }

    /// All letters in upper case, in lower case, or every second.
    fn change_letters(&mut self, how: usize) {
        for (at, byte) in self.text.iter_mut().enumerate() {
            match how % 3 {
                0 => byte.make_ascii_uppercase(),
                1 => byte.make_ascii_lowercase(),
                _ if at % 2 == 0 => byte.make_ascii_uppercase(),
                _ => {}
            }
        }
    }
}

const ENDS: [&[u8]; 6] = [b"\r\n", b"\n", b"\r", b"\r\n ", b"\r\r\n", b""];
const BEFORE: [&[u8]; 5] = [b"", b"\r\n", b"\n", b"\r", b" "];
const PIECES: [&[u8]; 20] = [
    b" ",
    b"\t",
    b",",
    b", ",
    b",,",
    b"; ",
    b"=",
    b"\"",
    b"x",
    b"websocket",
    b"Upgrade",
    b"chat",
    b"/",
    b"?",
    b"#",
    b":",
    b"%zz",
    b"\xc3\xa9",
    b"\xff",
    b"\0",
];

const REQUEST: [&str; 6] = [
    "GET /chat?x=1 HTTP/1.1",
    "Host: example.com",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: BwcHBwcHBwcHBwcHBwcHBw==",
    "Sec-WebSocket-Version: 13",
];
const REQUEST_WORDS: [&str; 40] = [
    "GET / HTTP/1.1",
    "GET / HTTP/1.0",
    "POST / HTTP/1.1",
    "get / HTTP/1.1",
    "GET  / HTTP/1.1",
    "GET /a b HTTP/1.1",
    "GET * HTTP/1.1",
    "GET http://example.com/x HTTP/1.1",
    "GET http://other/x HTTP/1.1",
    "GET ws://example.com?x HTTP/1.1",
    "GET /x#y HTTP/1.1",
    "GET /{x}|\"^ HTTP/1.1",
    "GET /\u{e9} HTTP/1.1",
    "Host: [::1]:8080",
    "Host: a:99999",
    "Host: a@b",
    "Host:",
    "Upgrade: h2c, websocket",
    "Upgrade: h2c",
    "Upgrade: websocket/13",
    "Upgrade:",
    "Connection: keep-alive, Upgrade",
    "Connection: keep-alive Upgrade",
    "Connection: close",
    "Connection:",
    "Sec-WebSocket-Version: 8",
    "Sec-WebSocket-Version: 13, 8",
    "Sec-WebSocket-Version: 013",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==",
    "Sec-WebSocket-Key: short==",
    "Sec-WebSocket-Protocol: chat, superchat",
    "Sec-WebSocket-Protocol: superchat,, x y",
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
    "Sec-WebSocket-Extensions: a; b=\"c d\"",
    "Origin: http://example.com",
    "Content-Length: 0",
    "Content-Length: 5",
    "Transfer-Encoding: chunked",
    "X-Header: \u{e9}\tx",
];

const RESPONSE: [&str; 4] = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Accept: CdXSYUsvsaMthlEXWDNURGWA/1o=",
];
const RESPONSE_WORDS: [&str; 28] = [
    "HTTP/1.0 101 Switching Protocols",
    "HTTP/1.1 101",
    "HTTP/1.1 101 ",
    "HTTP/1.1 200 OK",
    "HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 101 x",
    "HTTP/1.1 100 x\r\nX: y\r\n",
    "HTTP/1.1 999 x",
    "HTTP/1.1 099 x",
    "HTTP/1.1  101 x",
    "Upgrade: WebSocket",
    "Upgrade: websocket, h2c",
    "Upgrade:",
    "Connection: keep-alive, upgrade",
    "Connection: keep-alive Upgrade",
    "Connection: close",
    "Connection:",
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    "Sec-WebSocket-Accept: cdxsyusvsamthlexwdnurgwa/1o=",
    "Sec-WebSocket-Protocol: chat",
    "Sec-WebSocket-Protocol: Superchat",
    "Sec-WebSocket-Protocol: chat, superchat",
    "Sec-WebSocket-Protocol:",
    "Sec-WebSocket-Extensions: permessage-deflate",
    "Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate",
    "Sec-WebSocket-Extensions: x-other; a=\"b\"",
    "Content-Length: 0",
    "Transfer-Encoding: chunked",
    "X-Header: \u{e9}\tx",
];
