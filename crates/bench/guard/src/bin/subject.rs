//! Runs one cell, to be counted from outside: `subject lent 16x16 [PROCESSOR]`.

fn main() {
    wskit_bench_guard::subject::main();
}
