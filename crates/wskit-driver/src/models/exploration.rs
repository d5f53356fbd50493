//! Runs a model in every order of its threads' steps. Shared with the models of `wskit-dial`.

use std::any::type_name;
use std::env;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use loom::thread;

/// Runs `f` in every order of its threads' steps with at most `preemptions` forced switches.
///
/// Each model runs in its own process: when a model fails, loom drops its other threads in the middle,
/// their destructors run outside loom, and a panic in a destructor aborts the process and loses the
/// output of the other tests.
pub(super) fn model<F: Fn() + Sync + Send + 'static>(preemptions: usize, f: F) {
    if env::var_os(ALONE).is_some() {
        return explore(preemptions, f);
    }
    // The path of the closure begins with the crate and that of the test.
    let path = type_name::<F>();
    let test = path.split_once("::").map_or(path, |(_, path)| path);
    let test = test.trim_end_matches("::{{closure}}");
    let output = Command::new(env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(ALONE, "1")
        // A backtrace shows only loom's stacks.
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complaints = String::from_utf8_lossy(&output.stderr);
    let orders = said.lines().find(|line| line.ends_with(" orders"));
    match orders {
        Some(orders) if output.status.success() => println!("{test}: {orders}"),
        _ => panic!("{test}: {}\n{said}{complaints}", output.status),
    }
}

/// Set in the processes of single models.
const ALONE: &str = "WSKIT_MODEL_ALONE";

fn explore(preemptions: usize, f: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(preemptions));
    builder.max_branches = 50_000;
    let orders = Arc::new(AtomicUsize::new(0));
    let counter = orders.clone();
    let began = Instant::now();
    builder.check(move || {
        counter.fetch_add(1, Ordering::Relaxed);
        f();
    });
    let orders = orders.load(Ordering::Relaxed);
    println!("\n{:.1?}, {orders} orders", began.elapsed());
}

/// Runs `f` on a thread of the model, with a clone of `shared`.
pub(super) fn spawn_with<S: Clone + 'static, T: 'static>(
    shared: &S,
    f: impl FnOnce(S) -> T + 'static,
) -> thread::JoinHandle<T> {
    let shared = shared.clone();
    thread::spawn(move || f(shared))
}

pub(super) fn join<T>(threads: impl IntoIterator<Item = thread::JoinHandle<T>>) -> Vec<T> {
    let joined = threads.into_iter().map(|thread| thread.join().unwrap());
    joined.collect()
}
