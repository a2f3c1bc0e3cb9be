//! Transitions of a change set, and verdicts on it.

use std::hint::black_box;

use backstay_bench::lives::transitions;
use backstay_bench::verdicts::{Case, recorded};
use backstay_detect::judge_series;
use backstay_lifecycle::step;
use criterion::{BatchSize, Criterion, Throughput};

/// What `backstay detect` takes when nothing else is asked for.
const ALPHA: f64 = 0.05;

pub(crate) fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("step");
    for transition in transitions().expect("the life is a legal one") {
        group.bench_function(transition.name, |b| {
            // The state that goes is dropped at another time.
            b.iter_with_large_drop(|| {
                black_box(step(
                    black_box(transition.before.as_ref()),
                    black_box(&transition.event),
                ))
            });
        });
    }
    group.finish();
    verdicts(criterion);
}

fn verdicts(criterion: &mut Criterion) {
    let case = Case::harmless();
    let (late, last) = case.at_its_end();
    let mut group = criterion.benchmark_group("verdict");
    group.throughput(Throughput::Elements(case.metrics as u64));
    group.bench_function("last_sample", |b| {
        b.iter_batched_ref(
            || late.clone(),
            |watch| black_box(watch.push(&last)),
            BatchSize::LargeInput,
        );
    });
    group.sample_size(10);
    group.throughput(Throughput::Elements(
        (case.metrics * case.after.len()) as u64,
    ));
    group.bench_function("whole_watch", |b| {
        b.iter_batched_ref(
            || case.watch.clone(),
            |watch| {
                for sample in &case.after {
                    black_box(watch.push(sample));
                }
            },
            BatchSize::PerIteration,
        );
    });
    let (column, at) = recorded();
    let columns = [column];
    group.throughput(Throughput::Elements(1));
    group.bench_function("recorded", |b| {
        b.iter_with_large_drop(|| judge_series(black_box(&columns), at, ALPHA));
    });
    group.finish();
}
