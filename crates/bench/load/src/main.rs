//! `wskit-bench-load echo|idle|fanout|publish|accept|tls-accept|peer|quiet --address A …`; the runner starts it.

use wskit_bench_load::arguments::Arguments;
use wskit_bench_load::{accept, echo, fanout, idle, peer, publish, quiet, tls_accept};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::after_subcommand();
    match std::env::args().nth(1).as_deref() {
        Some("echo") => echo::run(&arguments),
        Some("idle") => idle::run(&arguments),
        Some("fanout") => fanout::run(&arguments),
        Some("publish") => publish::run(&arguments),
        Some("accept") => accept::run(&arguments),
        Some("tls-accept") => tls_accept::run(&arguments),
        Some("peer") => peer::run(&arguments),
        Some("quiet") => quiet::run(&arguments),
        _ => Err("echo, idle, fanout, publish, accept, tls-accept, peer or quiet".into()),
    }
}
