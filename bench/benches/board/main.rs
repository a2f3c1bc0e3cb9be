//! The benches, short enough to run them all: `cargo bench -p backstay-bench`.

use std::time::Duration;

use criterion::Criterion;

mod beliefs;
mod ingest;
mod knowledge;
mod learning;
mod lives;
mod seconds;
mod traces;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(700))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    lives::benches(&mut criterion);
    knowledge::benches(&mut criterion);
    beliefs::benches(&mut criterion);
    learning::benches(&mut criterion);
    seconds::benches(&mut criterion);
    ingest::benches(&mut criterion);
    traces::benches(&mut criterion);
    criterion.final_summary();
}
