//! What wskit's client checks of an echo server of other software, on any runtime.

#[path = "../compression.rs"]
mod compression;
#[path = "series.rs"]
mod series;

use series::Expected;
use sha2::{Digest, Sha256};
use wskit::dial::{Connector, Net};
use wskit::{ClientRequest, CloseCode, Config, Event, Message, MessageKind, deflate};

type Failure = Box<dyn std::error::Error>;

struct Arguments {
    url: String,
    ca: Option<String>,
    expect_close: Option<(u16, String)>,
    expect_deflate: Option<Expected>,
}

/// Does what the command line says; ends the process if a check fails.
pub(crate) async fn run<R: Net>() {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("{error}\nusage: {USAGE}");
            std::process::exit(2);
        }
    };
    let checked = if let Some((code, reason)) = &arguments.expect_close {
        closed_by_server::<R>(&arguments, *code, reason).await
    } else if let Some(expected) = &arguments.expect_deflate {
        compressed::<R>(&arguments, expected).await
    } else {
        echoes::<R>(&arguments).await
    };
    if let Err(error) = checked {
        println!("FAILED {}", error.to_string().replace('\n', " "));
        std::process::exit(1);
    }
}

fn arguments() -> Result<Arguments, Failure> {
    let mut given = std::env::args().skip(1);
    let mut arguments = Arguments {
        url: given.next().ok_or("no URL")?,
        ca: None,
        expect_close: None,
        expect_deflate: None,
    };
    while let Some(argument) = given.next() {
        let mut value = || given.next().ok_or_else(|| format!("{argument} wants more"));
        match argument.as_str() {
            "--ca" => arguments.ca = Some(value()?),
            deflate if deflate.starts_with("--deflate") => {}
            "--expect-deflate" => arguments.expect_deflate = Some(Expected::read(&value()?)?),
            "--expect-close" => arguments.expect_close = Some((value()?.parse()?, value()?)),
            other => return Err(format!("what is {other}?").into()),
        }
    }
    Ok(arguments)
}

fn connector<R: Net>(arguments: &Arguments) -> Result<Connector<R>, Failure> {
    let mut connector = Connector::new().config(Config::new().max_message_size(64 << 20));
    if let Some(config) = compression::from_arguments(deflate::Config::client())? {
        connector = connector.deflate(config);
    }
    let Some(ca) = &arguments.ca else {
        return Ok(connector);
    };
    let pem = std::fs::read(ca)?;
    #[cfg(feature = "tls")]
    return Ok(connector.tls(wskit::dial::tls::Connector::trusting(pem)?));
    #[cfg(not(feature = "tls"))]
    Err(format!("--ca ({} bytes) wants the feature tls", pem.len()).into())
}

async fn echoes<R: Net>(arguments: &Arguments) -> Result<(), Failure> {
    let request = ClientRequest::new(&arguments.url)?.protocols(["never", "echo"])?;
    let (mut ws, response) = connector::<R>(arguments)?.connect(request).await?;
    check(
        "the handshake",
        response.status() == 101,
        &response.status(),
    )?;
    check(
        "the sub-protocol",
        ws.protocol() == Some("echo"),
        &format!("{:?}", ws.protocol()),
    )?;

    if let Some(agreed) = ws.deflate() {
        println!(
            "ok compression: server {:?}, client {:?}",
            agreed.server(),
            agreed.client()
        );
    }

    for (name, message) in messages() {
        ws.send(&message).await?;
        same(&name, &message, ws.recv().await?)?;
    }

    // Many in flight at once, in order.
    let numbered: Vec<_> = (0..500)
        .map(|n| Message::text(format!("message {n} {}", "x".repeat(n))))
        .collect();
    for message in &numbered {
        ws.feed(message).await?;
    }
    for message in &numbered {
        same("one of 500 in order", message, ws.recv().await?)?;
    }
    println!("ok 500 messages in order");

    // Sent in pieces, cut within characters, with a ping between them.
    let text = "in pieces: Grüße, 世界! 👋🏽 ".repeat(50);
    let out = ws.outbox();
    out.begin(MessageKind::Text)?;
    for piece in text.as_bytes().chunks(5) {
        out.piece(piece, false)?;
    }
    ws.flush().await?;
    ws.ping(b"between").await?;
    ws.outbox().piece(b"", true)?;
    ws.flush().await?;
    let (mut ponged, mut echoed) = (false, None);
    while !(ponged && echoed.is_some()) {
        match ws.recv_event().await?.ok_or("the server closed")? {
            Event::Message(message) => echoed = Some(message),
            Event::Pong(payload) => ponged |= *payload == *b"between",
            _ => {}
        }
    }
    println!("ok the pong");
    same("text in pieces", &Message::text(text), echoed)?;

    let outcome = ws.close(CloseCode::new(4001), "done, 世界").await?;
    check(
        "our close",
        outcome.is_clean() && outcome.code() == CloseCode::new(4001),
        &outcome,
    )
}

async fn compressed<R: Net>(arguments: &Arguments, expected: &Expected) -> Result<(), Failure> {
    let (mut ws, _) = connector::<R>(arguments)?
        .connect(arguments.url.as_str())
        .await?;
    expected.check(&mut ws).await?;
    let outcome = ws.close(CloseCode::NORMAL, "").await?;
    check("our close", outcome.is_clean(), &outcome)
}

async fn closed_by_server<R: Net>(
    arguments: &Arguments,
    code: u16,
    reason: &str,
) -> Result<(), Failure> {
    let (mut ws, _) = connector::<R>(arguments)?
        .connect(arguments.url.as_str())
        .await?;
    ws.send("close me").await?;
    let end = ws.recv().await?;
    check("nothing but the close", end.is_none(), &format!("{end:?}"))?;
    let outcome = ws.outcome().ok_or("no outcome")?;
    let as_told = outcome.is_clean() && outcome.code().get() == code && outcome.reason() == reason;
    check("the server's close", as_told, &outcome)
}

fn messages() -> Vec<(String, Message)> {
    let mut messages = Vec::new();
    for size in [0, 1, 125, 126, 65_535, 65_536, 16 << 20] {
        let bytes: Vec<u8> = (0..size)
            .map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect();
        let letters: String = bytes
            .iter()
            .map(|byte| char::from(b'a' + byte % 26))
            .collect();
        messages.push((format!("text of {size} bytes"), Message::text(letters)));
        messages.push((format!("binary of {size} bytes"), Message::binary(bytes)));
    }
    let scripts = "Grüße, 世界! こんにちは 안녕하세요 שלום 👋🏽 👩‍🚀 🇺🇳 \u{0} 𝄞 ";
    messages.push(("text with emoji and CJK".to_owned(), Message::text(scripts)));
    messages.push((
        "long text with emoji and CJK".to_owned(),
        Message::text(scripts.repeat(2000)),
    ));
    messages
}

/// Compares by kind, length and content.
fn same(name: &str, sent: &Message, echoed: Option<Message>) -> Result<(), Failure> {
    let echoed = echoed.ok_or_else(|| format!("{name}: the server closed"))?;
    let same = sent.kind() == echoed.kind()
        && sent.len() == echoed.len()
        && Sha256::digest(sent.as_bytes()) == Sha256::digest(echoed.as_bytes());
    if !same {
        return Err(format!(
            "{name}: {} bytes came back as {} bytes of another content",
            sent.len(),
            echoed.len()
        )
        .into());
    }
    if !name.starts_with("one of") {
        println!("ok {name}");
    }
    Ok(())
}

fn check(name: &str, ok: bool, found: &dyn std::fmt::Display) -> Result<(), Failure> {
    if !ok {
        return Err(format!("{name}: {found}").into());
    }
    println!("ok {name}");
    Ok(())
}

const USAGE: &str = "interop_client URL [--ca PEM] [--deflate[=SPEC]] \
    [--expect-close CODE REASON | --expect-deflate SPEC]";
