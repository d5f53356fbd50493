//! The scenarios on an engine in memory: they are right about what is required, and fail if it is wrong.

mod bench;
mod engine;
mod mutants;

use bench::ModelBench;

wskit_hub_suite::engine_scenarios!(ModelBench);
wskit_hub_suite::hub_scenarios!(ModelBench);
