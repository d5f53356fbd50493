//! The messages that test compression, sent by our client to an echo server of other software, and what
//! they must look like on the wire. `peers/deflate.*` are the counterparts for our server.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use wskit::driver::{Transport, WebSocket};
use wskit::{Message, PreparedMessage};

type Failure = Box<dyn std::error::Error>;

/// What should be agreed on, and what both endpoints have reported.
pub(crate) struct Expected {
    server: Side,
    client: Side,
    threshold: usize,
    history: usize,
    dedicated: bool,
}

#[derive(Clone, Copy)]
struct Side {
    bits: u8,
    no_takeover: bool,
}

impl Expected {
    /// Reads a SPEC (README.md).
    pub(crate) fn read(spec: &str) -> Result<Self, Failure> {
        let full = Side {
            bits: 15,
            no_takeover: false,
        };
        let mut expected = Self {
            server: full,
            client: full,
            threshold: 0,
            history: 1024,
            dedicated: false,
        };
        for part in spec.split(',').filter(|part| !part.is_empty()) {
            match part.split_once('=').unwrap_or((part, "")) {
                ("server_bits", bits) => expected.server.bits = bits.parse()?,
                ("client_bits", bits) => expected.client.bits = bits.parse()?,
                ("server_no_takeover", _) => expected.server.no_takeover = true,
                ("client_no_takeover", _) => expected.client.no_takeover = true,
                ("threshold", bytes) => expected.threshold = bytes.parse()?,
                ("history", bytes) => expected.history = bytes.parse()?,
                ("dedicated", _) => expected.dedicated = true,
                ("level", _) => {}
                _ => return Err(format!("{part}: not known").into()),
            }
        }
        Ok(expected)
    }

    /// Runs the checks on an open connection.
    pub(crate) async fn check<T: Transport>(&self, ws: &mut WebSocket<T>) -> Result<(), Failure> {
        let agreed = ws.deflate().ok_or("no compression was agreed on")?;
        let ours = json!({
            "server_bits": agreed.server().bits,
            "client_bits": agreed.client().bits,
            "server_no_takeover": agreed.server().no_context_takeover,
            "client_no_takeover": agreed.client().no_context_takeover,
        });
        same_terms("agreed, says our client", &ours, &self.terms())?;
        let steps = self.series();
        for step in &steps {
            for item in &step.items {
                item.send(ws).await?;
            }
            for item in &step.items {
                item.same(step.name, ws.recv().await?)?;
            }
            println!("ok {}", step.name);
        }
        ws.send("on the wire").await?;
        let told = ws.recv().await?.ok_or("the server closed")?;
        let told: Value = serde_json::from_slice(told.as_bytes())?;
        same_terms(
            "agreed, says the server",
            told.get("agreed").unwrap_or(&Value::Null),
            &self.terms(),
        )?;
        for (who, side, key) in [
            (Who::Wskit, self.client, "received"),
            (Who::Peer, self.server, "sent"),
        ] {
            let log: Vec<(bool, usize)> =
                serde_json::from_value(told.get(key).cloned().unwrap_or_default())?;
            self.check_wire(&steps, who, side, &log)?;
        }
        println!("ok on the wire");
        Ok(())
    }

    fn terms(&self) -> Value {
        json!({
            "server_bits": self.server.bits,
            "client_bits": self.client.bits,
            "server_no_takeover": self.server.no_takeover,
            "client_no_takeover": self.client.no_takeover,
        })
    }

    /// In the order in which they are sent.
    fn series(&self) -> Vec<Step> {
        let quote = |n: u32| {
            let quote = json!({
                "id": n, "type": "quote", "symbol": format!("WSK{}", n % 7), "bid": 100 + n * 37 % 50,
                "ask": 101 + n * 53 % 50, "venue": "Zürich", "at": 1_700_000_000 + n,
            });
            Message::text(quote.to_string())
        };
        let text = long_text(100_000);
        let news = letters(200, 1);
        let prepared = (0..20).flat_map(|n| [Item::whole(quote(n)), Item::prepared(quote(n + 1))]);
        let bits = self.server.bits.min(self.client.bits);
        // As far as zlib refers back, less a few bytes.
        let far = letters((1 << bits) - 300, 3);
        vec![
            Step::new(
                "small JSON messages like each other",
                (0..150).map(quote).map(Item::whole),
            ),
            Step::new(CJK, [Item::whole(Message::text(text.clone()))]),
            Step::new(
                "incompressible binary",
                [Item::whole(Message::binary(noise(100_000, 2)))],
            ),
            Step::new(
                "empty messages",
                [
                    Message::text(""),
                    Message::binary(Vec::new()),
                    quote(7),
                    Message::text(""),
                ]
                .map(Item::whole),
            ),
            Step::new(
                "short and long by turns",
                (0..40).map(|n| {
                    Item::whole(if n % 2 == 0 {
                        Message::text(format!("short {n}"))
                    } else {
                        quote(n)
                    })
                }),
            ),
            Step::new(
                "messages in frames",
                [
                    Item::pieces(Message::text(format!("in pieces: {}", long_text(1000))), 5),
                    Item::pieces(Message::binary(noise(20_000, 4)), 777),
                    Item::pieces(Message::binary(text.clone().into_bytes()), 40_000),
                    Item::whole(quote(8)),
                ],
            ),
            Step::new(
                "prepared messages among others",
                prepared.chain([
                    Item::prepared(Message::text("")),
                    Item::whole(quote(9)),
                    Item::prepared(Message::text(text)),
                    Item::whole(quote(10)),
                    Item::prepared(Message::binary(noise(40_000, 5))),
                    Item::whole(quote(10)),
                ]),
            ),
            Step::new(
                "what was prepared is referred to",
                [
                    Item::prepared(Message::text(news.clone())),
                    Item::whole(Message::text(news)),
                ],
            ),
            Step::new(
                "the message before is referred to",
                [letters(212, 6), letters(212, 6)].map(|text| Item::whole(Message::text(text))),
            ),
            Step::new(
                "the far end of the window is referred to",
                [far.clone(), far].map(|text| Item::whole(Message::text(text))),
            ),
        ]
    }

    /// Compares what the server saw of one direction: (compressed, bytes of payload) a message.
    fn check_wire(
        &self,
        steps: &[Step],
        who: Who,
        side: Side,
        log: &[(bool, usize)],
    ) -> Result<(), Failure> {
        let mut log = log.iter().copied();
        for Step { name, items } in steps {
            let logged: Vec<_> = log.by_ref().take(items.len()).collect();
            if logged.len() != items.len() {
                return Err(format!("on the wire: {name}: {who:?} sent too few messages").into());
            }
            for (item, (compressed, size)) in items.iter().zip(&logged) {
                let len = item.message.len();
                let in_frames = match who {
                    Who::Wskit => item.how != How::Whole && item.how != How::Prepared,
                    Who::Peer => item.message.as_bytes().starts_with(b"in pieces"),
                };
                let wanted = in_frames || len >= self.threshold;
                // The peer flushes at the end of each frame.
                let most = len + len / 16 + 64 + if in_frames { len * 8 / 7 } else { 0 };
                if *compressed != wanted || *size > most {
                    return Err(format!(
                        "on the wire: {name}: {len} bytes of {who:?}, compressed: {compressed}, became {size}"
                    )
                    .into());
                }
            }
            let ((_, first), (_, last)) = (logged[0], logged[logged.len() - 1]);
            if *name == CJK && first > 75_000 {
                return Err(format!("on the wire: {name}: {who:?} sent {first} bytes").into());
            }
            if !name.ends_with(" is referred to") {
                continue;
            }
            // A stream of one's own may begin anew after a prepared message; history has an end.
            let reached = match who {
                Who::Peer => true,
                Who::Wskit if self.dedicated => items[0].how != How::Prepared,
                Who::Wskit => items[0].message.len() <= self.history,
            };
            let as_agreed = if side.no_takeover {
                last * 2 >= first
            } else {
                !reached || last * 4 <= first
            };
            if !as_agreed {
                return Err(format!(
                    "on the wire: {name}: {who:?} sent it again in {last} after {first} bytes"
                )
                .into());
            }
        }
        if log.next().is_some() {
            return Err(format!("on the wire: {who:?} sent too many messages").into());
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug)]
enum Who {
    Wskit,
    Peer,
}

struct Step {
    name: &'static str,
    items: Vec<Item>,
}

impl Step {
    fn new(name: &'static str, items: impl IntoIterator<Item = Item>) -> Self {
        Self {
            name,
            items: items.into_iter().collect(),
        }
    }
}

struct Item {
    message: Message,
    how: How,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Whole,
    Prepared,
    /// In pieces of this many bytes.
    Pieces(usize),
}

impl Item {
    fn whole(message: Message) -> Self {
        let how = How::Whole;
        Self { message, how }
    }

    fn prepared(message: Message) -> Self {
        let how = How::Prepared;
        Self { message, how }
    }

    fn pieces(message: Message, bytes: usize) -> Self {
        let how = How::Pieces(bytes);
        Self { message, how }
    }

    async fn send<T: Transport>(&self, ws: &mut WebSocket<T>) -> Result<(), Failure> {
        match self.how {
            How::Whole => ws.feed(&self.message).await?,
            How::Prepared => ws.feed(&PreparedMessage::new(&self.message)).await?,
            How::Pieces(bytes) => {
                let kind = self.message.kind();
                ws.outbox().begin(kind)?;
                for (n, piece) in self.message.as_bytes().chunks(bytes).enumerate() {
                    ws.outbox().piece(piece, false)?;
                    if n == 1 {
                        ws.flush().await?;
                        ws.ping(b"between").await?;
                    }
                }
                ws.outbox().piece(b"", true)?;
                ws.flush().await?;
            }
        }
        Ok(())
    }

    /// Compares by kind, length and content.
    fn same(&self, name: &str, echoed: Option<Message>) -> Result<(), Failure> {
        let echoed = echoed.ok_or_else(|| format!("{name}: the server closed"))?;
        let same = self.message.kind() == echoed.kind()
            && self.message.len() == echoed.len()
            && Sha256::digest(self.message.as_bytes()) == Sha256::digest(echoed.as_bytes());
        if same {
            return Ok(());
        }
        Err(format!(
            "{name}: {} bytes came back as {} bytes of another content",
            self.message.len(),
            echoed.len()
        )
        .into())
    }
}

fn same_terms(name: &str, found: &Value, expected: &Value) -> Result<(), Failure> {
    if found != expected {
        return Err(format!("{name}: expected {expected}, got {found}").into());
    }
    println!("ok {name}");
    Ok(())
}

/// Returns bytes that look random and are the same in every run.
fn noise(len: u32, seed: u32) -> Vec<u8> {
    (0..len.div_ceil(32))
        .flat_map(|block| {
            let mut hash = Sha256::new();
            hash.update(seed.to_be_bytes());
            hash.update(block.to_be_bytes());
            <[u8; 32]>::from(hash.finalize())
        })
        .take(len as usize)
        .collect()
}

fn letters(len: u32, seed: u32) -> String {
    let letter = |byte: u8| char::from(b'0' + byte % 64);
    noise(len, seed).into_iter().map(letter).collect()
}

/// Words in no order, so that there is much to refer to, near and far.
fn long_text(len: usize) -> String {
    let words =
        "Grüße, 世界! こんにちは 안녕하세요 שלום 👋🏽 👩‍🚀 🇺🇳 圧縮 窗口 메시지 🗜️ Verbindung сообщение";
    let words: Vec<_> = words.split(' ').collect();
    let mut text = String::new();
    for (n, byte) in noise(1 << 14, 7).into_iter().enumerate() {
        if text.len() >= len {
            break;
        }
        text += words[usize::from(byte) % words.len()];
        text += " ";
        text += &((n * n + usize::from(byte) * 31) % 1000).to_string();
        text += " ";
    }
    text
}

const CJK: &str = "100 KB of CJK and emoji";
