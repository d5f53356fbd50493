//! The cases under criterion.

use std::time::Instant;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use wskit_bench_codec::cases;

fn codec(criterion: &mut Criterion) {
    for case in cases() {
        let mut group = criterion.benchmark_group(&case.name);
        for mut run in case.runs {
            group.throughput(Throughput::Elements(run.each));
            group.bench_function(run.who, |bencher| {
                bencher.iter_custom(|n| {
                    let start = Instant::now();
                    (run.go)(n);
                    start.elapsed()
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, codec);
criterion_main!(benches);
