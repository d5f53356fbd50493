//! One topic, as many subscribers, drivers and seconds as are said: `hub-drivers DRIVERS SUBSCRIBERS SECONDS`.

use std::time::Duration;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = || arguments.next().and_then(|text| text.parse().ok());
    let (Some(drivers), Some(subscribers), Some(seconds)) = (number(), number(), number()) else {
        eprintln!("hub-drivers DRIVERS SUBSCRIBERS SECONDS");
        std::process::exit(2);
    };
    let per_second =
        wskit_bench_guard::hub::drivers(drivers, subscribers, Duration::from_secs(seconds as u64));
    println!("per_second {per_second:.0}");
}
