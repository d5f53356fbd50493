//! `wskit-bench grid|counts|client|dial|memory|fanout|fairness|hub|tls|accept|workers|machine`: runs servers and
//! load, prints tables. README.md says how and what it means.

mod accept;
mod catalog;
mod cell;
mod chart;
mod client;
mod counts;
mod dial;
mod fairness;
mod fanout;
mod grid;
mod hub;
mod machine;
mod measure;
mod memory;
mod peer;
mod process;
mod settings;
mod table;
mod tls;
mod workers;

use wskit_bench_load::arguments::Arguments;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::after_subcommand();
    let settings = settings::Settings::parse(&arguments)?;
    match std::env::args().nth(1).as_deref() {
        Some("grid") => grid::run(&settings, &arguments),
        Some("counts") => counts::run(&settings, &arguments),
        Some("client") => client::run(&settings, &arguments),
        Some("dial") => dial::run(&settings, &arguments),
        Some("memory") => memory::run(&settings, &arguments),
        Some("fanout") => fanout::run(&settings, &arguments),
        Some("fairness") => fairness::run(&settings, &arguments),
        Some("hub") => hub::run(&settings, &arguments),
        Some("tls") => tls::run(&settings, &arguments),
        Some("accept") => accept::run(&settings, &arguments),
        Some("workers") => workers::run(&settings, &arguments),
        Some("machine") => {
            settings.print(&machine::facts());
            Ok(())
        }
        _ => Err(
            "grid, counts, client, dial, memory, fanout, fairness, hub, tls, accept, workers or machine"
                .into(),
        ),
    }
}
