//! The client's side of the Autobahn|Testsuite: runs every case that the fuzzing server at
//! `$AUTOBAHN_URL` has. Started by the `autobahn` script beside it.

use wskit::{Config, Connector, Error, Message, deflate};

const AGENT: &str = "wskit";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::var("AUTOBAHN_URL")?;
    let connector = Connector::new()
        .config(Config::new().max_message_size(64 << 20))
        .deflate(deflate::Config::client());
    let cases = case_count(&connector, &url).await?;
    for case in 1..=cases {
        let url = format!("{url}/runCase?case={case}&agent={AGENT}");
        // Most cases break a rule: that they end in an error is what is being tested.
        let _ = echo(&connector, &url).await;
    }
    let (mut ws, _) = connector
        .connect(format!("{url}/updateReports?agent={AGENT}"))
        .await?;
    while ws.recv().await?.is_some() {}
    Ok(())
}

async fn case_count(connector: &Connector, url: &str) -> Result<usize, Box<dyn std::error::Error>> {
    let (mut ws, _) = connector.connect(format!("{url}/getCaseCount")).await?;
    let count = match ws.recv().await? {
        Some(Message::Text(count)) => count.parse()?,
        other => return Err(format!("no count of cases but {other:?}").into()),
    };
    while ws.recv().await?.is_some() {}
    Ok(count)
}

async fn echo(connector: &Connector, url: &str) -> Result<(), Error> {
    let (mut ws, _) = connector.connect(url).await?;
    while let Some((message, out)) = ws.recv_ref().await? {
        out.feed(message)?;
    }
    Ok(())
}
