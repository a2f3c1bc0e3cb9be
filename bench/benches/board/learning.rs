//! Changes into graph and learning, and every pair of settings scored anew.

use std::cell::RefCell;
use std::hint::black_box;

use backstay_bench::learning::{BATCH, NOW, pupil, weights};
use criterion::{BatchSize, Criterion, Throughput};

pub(crate) fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("learning");
    group.sample_size(20);
    let weights = weights();
    group.bench_function("g2", |b| {
        b.iter(|| black_box(weights.rescore(NOW)));
    });
    let pupil = RefCell::new(pupil());
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function("ingest", |b| {
        b.iter_batched(
            || pupil.borrow_mut().next_batch(),
            |batch| pupil.borrow_mut().take(&batch).expect("the graph takes it"),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}
