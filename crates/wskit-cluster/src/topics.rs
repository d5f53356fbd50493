//! The topics of the proof, which nodes, clients and the checker agree on.

use wskit::hub::{Access, History, Rules};

/// The name of a topic.
pub(crate) fn name(number: usize) -> String {
    format!("t:{number}")
}

/// A topic that only those with a grant may read.
pub(crate) const SECRET: &str = "secret:0";

/// How many messages a topic keeps: of both kinds that engines have.
pub(crate) fn history(topic: &str) -> usize {
    let number = topic
        .rsplit(':')
        .next()
        .and_then(|n| n.parse::<usize>().ok());
    if number.unwrap_or(0) % 2 == 1 {
        50
    } else {
        200
    }
}

/// The rules of a topic.
pub(crate) fn rules(topic: &str) -> Rules {
    let stream = Rules::stream(History::last(history(topic)));
    match topic.split_once(':') {
        // For measurements.
        Some(("m", _)) => Rules::stream(History::last(64))
            .subscribe(Access::Everyone)
            .publish(Access::Everyone),
        Some(("t", _)) => stream
            .presence()
            .subscribe(Access::Everyone)
            .publish(Access::Everyone),
        Some(("secret", _)) => stream,
        _ => Rules::unknown(),
    }
}
