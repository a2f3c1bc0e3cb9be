//! From evidence to belief: every pair anew, and one edge in full.

use std::hint::black_box;

use backstay_bench::beliefs::{NOW, pairs, rich};
use backstay_learn::belief::{Standing, believe, score};
use criterion::Criterion;

pub(crate) fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("belief");
    let all = pairs();
    group.sample_size(20);
    group.bench_function("rescore", |b| {
        b.iter(|| {
            let scores = all
                .iter()
                .map(|e| score(e, Some(NOW), Standing::Exact).get());
            black_box(scores.sum::<f64>())
        });
    });
    let edge = rich();
    group.bench_function("one_edge", |b| {
        b.iter(|| black_box(believe(&edge, Some(NOW), Standing::Exact)));
    });
    group.finish();
}
