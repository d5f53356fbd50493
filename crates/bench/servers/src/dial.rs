//! Many connections of a client: dialled, held, and closed.

use futures_util::stream::{self, StreamExt};

use crate::BoxError;
use crate::client::{Client, cpu_nanos};
use crate::serve::lift_open_files;

/// Dials `count` connections, up to `at_once` at a time, holds them all, and closes them in the same way.
/// Returns a line: CPU nanoseconds and resident bytes of each.
///
/// # Errors
/// The first that a connection fails with.
pub async fn run<C: Client, F: Future<Output = Result<C, BoxError>>>(
    count: usize,
    at_once: usize,
    dial: impl Fn() -> F,
) -> Result<String, BoxError> {
    lift_open_files();
    // So that code and allocator are there.
    let few = open(at_once, at_once, &dial).await?;
    close(few, at_once).await?;
    let (cpu, bytes) = (cpu_nanos(), resident()?);
    let all = open(count, at_once, &dial).await?;
    let (dialled, held) = (cpu_nanos(), resident()?);
    close(all, at_once).await?;
    let (closed, left) = (cpu_nanos(), resident()?);
    let each = |after: u64, before: u64| (after as f64 - before as f64) / count as f64;
    Ok(format!(
        "dial_nanos={:.0} bytes={:.0} close_nanos={:.0} left={:.0}",
        each(dialled, cpu),
        each(held, bytes),
        each(closed, dialled),
        each(left, bytes),
    ))
}

async fn open<C, F: Future<Output = Result<C, BoxError>>>(
    count: usize,
    at_once: usize,
    dial: impl Fn() -> F,
) -> Result<Vec<C>, BoxError> {
    let mut clients = Vec::with_capacity(count);
    let mut dialling = stream::iter(0..count)
        .map(|_| dial())
        .buffer_unordered(at_once);
    while let Some(client) = dialling.next().await {
        clients.push(client?);
    }
    Ok(clients)
}

async fn close<C: Client>(clients: Vec<C>, at_once: usize) -> Result<(), BoxError> {
    let mut closing = stream::iter(clients)
        .map(async |mut client: C| client.close().await)
        .buffer_unordered(at_once);
    while let Some(closed) = closing.next().await {
        closed?;
    }
    Ok(())
}

/// Resident bytes of this process.
fn resident() -> Result<u64, BoxError> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB"))
        .ok_or("no VmRSS")?;
    Ok(kib.parse::<u64>()? * 1024)
}
