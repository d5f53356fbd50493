//! `wsk connect`.

mod session;

use std::cell::{Cell, RefCell};
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use clap::Args;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep};
use wskit::dial::Dial;
use wskit::http::Response;
use wskit::reconnect::{Backoff, Loss, Verdict};
use wskit::{ClientRequest, Connector, DialError, Error, WebSocket};

use crate::client::ClientOptions;
use crate::control::COMMANDS;
use crate::exit::{Exit, Failure};
use crate::input::Framing;
use crate::output::{OutputOptions, Printer};
use crate::signals::interrupt;
use crate::units;
use session::{Ended, Input, Talk};

/// Connect to a server: lines in, messages out.
///
/// Each line of standard input is sent as a message, and each message is printed as a line on standard
/// output. Everything else is printed on standard error. The end of standard input closes the connection.
#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    client: ClientOptions,
    /// Connect from this local address
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["ipv4", "ipv6"], help_heading = "Network")]
    local_addr: Option<IpAddr>,
    #[command(flatten)]
    framing: Framing,
    /// Send this message, and do not read standard input; may be repeated
    #[arg(
        short = 'x',
        long,
        allow_hyphen_values = true,
        value_name = "MESSAGE",
        help_heading = "Messages"
    )]
    execute: Vec<String>,
    /// Close when this many messages have come
    #[arg(short, long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Ending")]
    count: Option<u64>,
    /// Close when one message has come: --count 1
    #[arg(short = '1', long, conflicts_with = "count", help_heading = "Ending")]
    one: bool,
    /// How long to stay after the end of what is to be sent. Default: 2s after -x, else 0s; with --count,
    /// until the messages have come
    #[arg(short, long, value_name = "TIME", value_parser = units::duration, help_heading = "Ending")]
    wait: Option<Duration>,
    /// Stay until the server closes
    #[arg(short, long, conflicts_with = "wait", help_heading = "Ending")]
    no_close: bool,
    /// Fail if all of it takes longer
    #[arg(long, value_name = "TIME", value_parser = units::duration, help_heading = "Ending")]
    timeout: Option<Duration>,
    /// Send a ping each INTERVAL, and print the round-trip times
    #[arg(short, long, value_name = "INTERVAL", value_parser = units::duration, help_heading = "Connection")]
    ping: Option<Duration>,
    /// Connect again when the connection is lost, after a growing delay
    #[arg(short, long, help_heading = "Connection")]
    reconnect: bool,
    /// Give up after this many attempts in a row
    #[arg(
        long,
        value_name = "NUMBER",
        requires = "reconnect",
        help_heading = "Connection"
    )]
    retries: Option<u32>,
    #[command(flatten)]
    output: OutputOptions,
}

/// What happens when nothing is left to be sent.
#[derive(Clone, Copy, Debug)]
enum Then {
    Stay,
    CloseAfter(Duration),
}

impl Options {
    fn count(&self) -> Option<u64> {
        self.count.or(self.one.then_some(1))
    }

    fn then(&self) -> Then {
        match self.wait {
            Some(time) => Then::CloseAfter(time),
            None if self.no_close || self.count().is_some() => Then::Stay,
            None if self.execute.is_empty() => Then::CloseAfter(Duration::ZERO),
            None => Then::CloseAfter(Duration::from_secs(2)),
        }
    }
}

/// Runs it.
pub(crate) fn run(options: Options) -> Result<Exit, Failure> {
    let request = options.client.request()?;
    let connector =
        options
            .client
            .connector(&request, options.client.config(), options.local_addr)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::of("the runtime", &error))?;
    runtime.block_on(async {
        #[cfg(unix)]
        if let Some(path) = options.client.unix.clone() {
            let tls = options.client.tls_for(&request)?;
            let dialer = crate::unix::UnixDialer { path, tls };
            return run_on(&options, &request, connector.dial_by(dialer)).await;
        }
        run_on(&options, &request, connector).await
    })
}

/// Connects by `connector`, within the time that the whole may take.
async fn run_on<D>(
    options: &Options,
    request: &ClientRequest,
    connector: Connector<D>,
) -> Result<Exit, Failure>
where
    D: Dial<Stream: AsyncRead + AsyncWrite + Unpin>,
{
    let printer = RefCell::new(Printer::new(&options.output, &options.framing));
    let running = keep_connected(options, request, connector, &printer);
    let done = match options.timeout {
        None => running.await,
        Some(limit) => match tokio::time::timeout(limit, running).await {
            Ok(done) => done,
            Err(_) => {
                let text = format!("not done within {}", units::time(limit));
                printer.borrow_mut().error(&text, &[])?;
                Ok(Exit::Timeout)
            }
        },
    };
    printer.borrow_mut().flush()?;
    done
}

/// Connects, and again as long as that is wanted.
async fn keep_connected<D>(
    options: &Options,
    request: &ClientRequest,
    connector: Connector<D>,
    printer: &RefCell<Printer>,
) -> Result<Exit, Failure>
where
    D: Dial<Stream: AsyncRead + AsyncWrite + Unpin>,
{
    let input = if options.execute.is_empty() {
        Input::new(options.framing.read_stdin())
    } else {
        let commands = options
            .execute
            .iter()
            .map(|text| options.framing.argument(text));
        let commands = commands.collect::<Result<_, _>>();
        Input::of(commands.map_err(|bad| Failure::new(bad.exit, format_args!("-x: {}", bad.text)))?)
    };
    let talk = Talk {
        printer,
        input: RefCell::new(input),
        then: options.then(),
        left: Cell::new(options.count()),
        ping: options.ping,
    };
    let mut retry = Retry {
        enabled: options.reconnect,
        retries: options.retries,
        backoff: Backoff::new()
            .first(Duration::from_secs(1))
            .most(Duration::from_secs(30)),
    };
    if options.output.verbose {
        printer
            .borrow_mut()
            .status(&format!("* {}", request.url()))?;
    }
    loop {
        let (loss, exit) = match connect(request, &connector).await? {
            Ok((ws, response)) => {
                announce(options, request, printer, &ws, &response)?;
                let since = Instant::now();
                match talk.run(ws).await? {
                    Ended::Done(exit) => return Ok(exit),
                    Ended::Lost(loss, exit) => {
                        if since.elapsed() >= HEALTHY {
                            retry.backoff.reset();
                        }
                        (loss, exit)
                    }
                }
            }
            Err(error) => {
                let exit = Exit::of_dial(&error);
                (Loss::NotOpened(error.into()), exit)
            }
        };
        let text = text_of(&loss);
        match retry.after(&loss) {
            Some(delay) => {
                printer.borrow_mut().lost(&text, delay)?;
                printer.borrow_mut().flush()?;
                pause(delay).await?;
            }
            None => {
                // A Close has been told as the end of the connection.
                if !matches!(loss, Loss::Closed(_)) {
                    printer.borrow_mut().error(&text, &facts_of(&loss, exit))?;
                }
                if options.output.verbose {
                    explain(printer, &loss)?;
                }
                return Ok(exit);
            }
        }
    }
}

/// After this time a connection counts as good, and the delays begin anew.
const HEALTHY: Duration = Duration::from_secs(60);

/// Whether, and when, another attempt is made.
struct Retry {
    enabled: bool,
    retries: Option<u32>,
    backoff: Backoff,
}

impl Retry {
    fn after(&mut self, loss: &Loss) -> Option<Duration> {
        if !self.enabled
            || self
                .retries
                .is_some_and(|most| self.backoff.given() >= most)
        {
            return None;
        }
        let least = match Verdict::of(loss) {
            Verdict::Retry => Duration::ZERO,
            Verdict::RetryAfter(time) => time,
            _ => return None,
        };
        let random = RandomState::new().build_hasher().finish();
        Some(self.backoff.next_delay(random).max(least))
    }
}

/// What `connect` of a connector returns.
type Connected<D> = Result<(WebSocket<<D as Dial>::Stream>, Response<()>), DialError>;

/// Connects, unless it is interrupted.
async fn connect<D>(
    request: &ClientRequest,
    connector: &Connector<D>,
) -> Result<Connected<D>, Failure>
where
    D: Dial<Stream: AsyncRead + AsyncWrite + Unpin>,
{
    tokio::select! {
        connected = connector.connect(request.clone()) => Ok(connected),
        () = interrupt() => Err(Failure::new(Exit::Interrupted, "interrupted")),
    }
}

async fn pause(delay: Duration) -> Result<(), Failure> {
    tokio::select! {
        () = sleep(delay) => Ok(()),
        () = interrupt() => Err(Failure::new(Exit::Interrupted, "interrupted")),
    }
}

/// Prints that the connection is open.
fn announce<S: AsyncRead + AsyncWrite + Unpin>(
    options: &Options,
    request: &ClientRequest,
    printer: &RefCell<Printer>,
    ws: &WebSocket<S>,
    response: &Response<()>,
) -> io::Result<()> {
    let mut printer = printer.borrow_mut();
    if options.output.verbose {
        printer.status(&format!("* {:?} {}", response.version(), response.status()))?;
        for (name, value) in response.headers() {
            let value = String::from_utf8_lossy(value.as_bytes());
            printer.status(&format!("* {name}: {}", value.escape_debug()))?;
        }
    }
    let facts = [
        ("address", ws.peer_addr().map(|address| address.to_string())),
        ("sub-protocol", ws.protocol().map(str::to_owned)),
        (
            "compression",
            ws.deflate().map(|_| "permessage-deflate".to_owned()),
        ),
    ];
    printer.open(None, &format!("connected to {}", request.url()), &facts)?;
    if io::IsTerminal::is_terminal(&io::stdin()) && options.execute.is_empty() {
        printer.status(&format!("Ctrl-D closes; {COMMANDS}"))?;
    }
    printer.flush()
}

/// Returns the text of a loss: that of its error. A Close has been told.
fn text_of(loss: &Loss) -> String {
    let error = loss.error().map(ToString::to_string);
    error.unwrap_or_else(|| "the connection has ended".to_owned())
}

/// Returns what a program wants to know of an error.
fn facts_of(loss: &Loss, exit: Exit) -> Vec<(&'static str, Value)> {
    let mut facts = vec![("exit_code", exit.number().into())];
    if let Some(Error::Dial(DialError::Connect(error))) = loss.error() {
        facts.push((
            "stage",
            format!("{:?}", error.stage()).to_lowercase().into(),
        ));
        if let Some(refusal) = error.refusal() {
            facts.push(("status", refusal.status.as_u16().into()));
        }
    }
    facts
}

/// Prints the answer of a server that refused.
fn explain(printer: &RefCell<Printer>, loss: &Loss) -> io::Result<()> {
    let Some(Error::Dial(DialError::Connect(error))) = loss.error() else {
        return Ok(());
    };
    let Some(refusal) = error.refusal() else {
        return Ok(());
    };
    let mut printer = printer.borrow_mut();
    for (name, value) in &refusal.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        printer.status(&format!("* {name}: {}", value.escape_debug()))?;
    }
    for line in String::from_utf8_lossy(&refusal.body).lines().take(20) {
        printer.status(&format!("* {}", line.escape_debug()))?;
    }
    Ok(())
}
