//! `wsk bench`.

mod closed;
mod open;
mod pace;
mod payload;
mod progress;
mod report;
mod stats;
mod worker;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use tokio::io::{AsyncRead, AsyncWrite};
use wskit::dial::Dial;
use wskit::{ClientRequest, Connector};

use crate::client::ClientOptions;
use crate::exit::{Exit, Failure};
use crate::files::raise_limit;
use crate::signals::interrupt;
use crate::units;
use payload::{Payloads, SizeRange};
use progress::Progress;
use report::Report;
use stats::{Snapshot, Stats};
use worker::{Phase, Shared};

/// Load a server, and measure its throughput and latency.
///
/// Closed model (the default): each connection sends --burst messages, waits for all answers, and begins
/// again. Open model (--rate): messages are sent at a fixed rate, and the latency of each counts from the
/// time at which it should have been sent, so that a slow server is not asked less often.
///
/// An answer to each message is expected, as of `wsk echo`; see --expect.
#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    client: ClientOptions,
    /// Connect from these local addresses in turn; each has about 28,000 ports
    #[arg(long, value_name = "ADDRESS,...", value_delimiter = ',', help_heading = "Network", conflicts_with_all = ["ipv4", "ipv6"])]
    local_addr: Vec<IpAddr>,
    /// How many connections to open
    #[arg(short, long, value_name = "NUMBER", default_value = "10", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Load")]
    connections: u32,
    /// Messages that a connection sends at once, before it waits for the answers
    #[arg(short = 'n', long, value_name = "NUMBER", default_value = "1", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Load")]
    burst: u32,
    /// Send this many messages a second, over all connections (open model)
    #[arg(
        short,
        long,
        value_name = "NUMBER",
        conflicts_with = "burst",
        help_heading = "Load"
    )]
    rate: Option<f64>,
    /// Only hold the connections
    #[arg(long, conflicts_with_all = ["burst", "rate"], help_heading = "Load")]
    idle: bool,
    /// Size of a message in bytes, or a range such as 16-4k
    #[arg(long, value_name = "SIZE", default_value = "32", help_heading = "Load")]
    size: SizeRange,
    /// Send binary messages (random bytes) instead of text (JSON)
    #[arg(short, long, help_heading = "Load")]
    binary: bool,
    /// What the server does with a message
    #[arg(
        short,
        long,
        value_name = "WHAT",
        default_value = "echo",
        help_heading = "Load"
    )]
    expect: Expect,
    /// How long to measure
    #[arg(short, long, value_name = "TIME", default_value = "10s", value_parser = units::duration, help_heading = "Load")]
    duration: Duration,
    /// Send for this time before measuring
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = units::duration, help_heading = "Load")]
    warm_up: Duration,
    /// Open the connections evenly over this time, each sending as soon as it is open. Default: as fast as
    /// --concurrency allows, and none sends before all are open
    #[arg(long, value_name = "TIME", value_parser = units::duration, help_heading = "Load")]
    ramp: Option<Duration>,
    /// How many connections are being opened at the same time
    #[arg(long, value_name = "NUMBER", default_value = "64", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Load")]
    concurrency: u16,
    /// How many threads send and receive
    #[arg(short, long, value_name = "NUMBER", default_value = "1", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Load")]
    threads: u16,
    /// Print the report as JSON
    #[arg(short, long, help_heading = "Output")]
    json: bool,
    /// Show no progress
    #[arg(short, long, help_heading = "Output")]
    quiet: bool,
}

/// What the server does with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Expect {
    /// One answer to each message, in order
    Echo,
    /// Nothing: messages are sent as fast as the server takes them, or at --rate
    None,
}

/// How messages are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Model {
    Closed { burst: u32 },
    Open { rate: f64 },
    Idle,
}

/// Runs it.
pub(crate) fn run(options: Options) -> Result<Exit, Failure> {
    if options
        .rate
        .is_some_and(|rate| !(rate.is_finite() && rate > 0.0))
    {
        return Err(Failure::usage("--rate: not a positive number"));
    }
    let needed = u64::from(options.connections) + RESERVE;
    if let Some(limit) = raise_limit().filter(|limit| *limit < needed) {
        return Err(Failure::usage(format_args!(
            "{} connections need {needed} open files, and the limit of this process is {limit}: raise it \
             (ulimit -Hn), or run several",
            units::count(options.connections.into()),
        )));
    }
    let request = options.client.request()?;
    let payloads = Payloads::new(options.size, options.binary);
    let largest = payloads.largest();
    let config = options
        .client
        .config()
        .keepalive(None)
        .close_timeout(CLOSE_WITHIN)
        .write_queue_limit(largest.saturating_mul(2).max(1 << 20));
    // One for each local address; they share how many dial at the same time.
    let addresses: Vec<Option<IpAddr>> = if options.local_addr.is_empty() {
        vec![None]
    } else {
        options.local_addr.iter().copied().map(Some).collect()
    };
    let first = options
        .client
        .connector(&request, config, addresses.first().copied().flatten())?
        .max_concurrent(options.concurrency.into());
    let connectors: Vec<Connector> = addresses
        .into_iter()
        .map(|address| match address {
            Some(address) => first.clone().local_address(address),
            None => first.clone(),
        })
        .collect();
    #[cfg(unix)]
    if let Some(path) = options.client.unix.clone() {
        let tls = options.client.tls_for(&request)?;
        let dialer = crate::unix::UnixDialer { path, tls };
        let connectors = vec![first.dial_by(dialer)];
        return load(&options, &request, payloads, &connectors);
    }
    load(&options, &request, payloads, &connectors)
}

/// Files besides the connections: standard streams, pollers, name lookups.
const RESERVE: u64 = 64;

/// How long the closing handshakes may take at the end.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// How long answers are waited for after the last message.
const DRAIN: Duration = Duration::from_secs(2);

/// Runs the threads through the phases, and reports.
fn load<D>(
    options: &Options,
    request: &ClientRequest,
    payloads: Payloads,
    connectors: &[Connector<D>],
) -> Result<Exit, Failure>
where
    D: Dial<Stream: AsyncRead + AsyncWrite + Unpin> + Clone + 'static,
{
    let model = match options.rate {
        Some(rate) => Model::Open { rate },
        None if options.idle => Model::Idle,
        None => Model::Closed {
            burst: options.burst,
        },
    };
    let threads = u32::from(options.threads).min(options.connections);
    let shared = Arc::new(Shared::new(
        model,
        options.expect,
        payloads,
        options.connections,
        threads,
        options.ramp,
    ));
    let workers: Vec<_> = (0..threads)
        .map(|thread| {
            let (shared, request, connectors) =
                (shared.clone(), request.clone(), connectors.to_vec());
            std::thread::spawn(move || worker::run(thread, &shared, &request, &connectors))
        })
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::of("the runtime", &error))?;
    let mut report = runtime.block_on(conduct(options, &shared));
    for worker in workers {
        match worker.join() {
            Ok(Ok(stats)) => report.stats.merge(&stats),
            Ok(Err(error)) => return Err(Failure::of("the runtime", &error)),
            Err(_) => return Err(Failure::new(Exit::Local, "a thread has panicked")),
        }
    }
    report.print(options, request, model)?;
    Ok(report.exit())
}

/// Leads through the phases: opening, running, measuring, draining, closing.
async fn conduct(options: &Options, shared: &Shared) -> Report {
    let progress = Progress::new(options.quiet || options.json);
    let begun = Instant::now();
    let mut interrupted = std::pin::pin!(interrupt());
    let mut report = Report::default();
    tokio::select! {
        () = progress.opening(shared, options.connections) => {}
        () = &mut interrupted => report.interrupted = true,
    }
    report.opening = begun.elapsed();
    if !report.interrupted && shared.total(|live| &live.open) > 0 {
        shared.enter(Phase::Running);
        tokio::select! {
            () = progress.running("warming up", shared, options.warm_up) => {}
            () = &mut interrupted => report.interrupted = true,
        }
        if !report.interrupted {
            shared.window_begin.store(shared.now(), Ordering::Relaxed);
            let (from, begun) = (Snapshot::of(shared), Instant::now());
            tokio::select! {
                () = progress.running("measuring", shared, options.duration) => {}
                () = &mut interrupted => report.interrupted = true,
            }
            report.measured = begun.elapsed();
            report.counts = Snapshot::of(shared) - from;
            shared.window_end.store(shared.now(), Ordering::Relaxed);
        }
    }
    report.held = shared.total(|live| &live.open);
    shared.enter(Phase::Draining);
    let drained = async {
        while shared.total(|live| &live.busy) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let _ = tokio::time::timeout(DRAIN, drained).await;
    shared.enter(Phase::Closing);
    report.opened = shared.total(|live| &live.opened);
    report.stats = Stats::new();
    report
}
