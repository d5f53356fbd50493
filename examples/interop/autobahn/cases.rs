//! The cases of the Autobahn|Testsuite for a client, on any runtime.

use wskit::driver::{Transport, WebSocket};
use wskit::{ConnectionError, DialError, Message};

/// Runs every case of the fuzzing server at `$AUTOBAHN_URL`, over connections that `connect` opens.
///
/// # Errors
/// The server cannot be reached, or does not say how many cases it has.
pub(crate) async fn run<T: Transport>(
    connect: impl AsyncFn(String) -> Result<WebSocket<T>, DialError>,
) -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::var("AUTOBAHN_URL")?;
    let mut ws = connect(format!("{url}/getCaseCount")).await?;
    let cases: usize = match ws.recv().await? {
        Some(Message::Text(count)) => count.parse()?,
        other => return Err(format!("no count of cases but {other:?}").into()),
    };
    while ws.recv().await?.is_some() {}
    for case in 1..=cases {
        // Most cases break a rule, so their connections end in an error.
        let url = format!("{url}/runCase?case={case}&agent={AGENT}");
        if let Ok(ws) = connect(url).await {
            let _ = echo(ws).await;
        }
    }
    let mut ws = connect(format!("{url}/updateReports?agent={AGENT}")).await?;
    while ws.recv().await?.is_some() {}
    Ok(())
}

const AGENT: &str = "wskit";

async fn echo<T: Transport>(mut ws: WebSocket<T>) -> Result<(), ConnectionError> {
    while let Some((message, out)) = ws.recv_ref().await? {
        out.feed(message)?;
    }
    Ok(())
}
