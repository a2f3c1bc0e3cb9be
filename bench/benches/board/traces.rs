//! How far a change reaches in a graph of a million nodes.

use std::hint::black_box;

use backstay_bench::graphs::{self, impact, trace};
use criterion::Criterion;

pub(crate) fn benches(criterion: &mut Criterion) {
    let graph = graphs::large();
    let mut group = criterion.benchmark_group("trace");
    let mut starts = graphs::starts(1);
    group.bench_function("large", |b| {
        b.iter(|| {
            let start = starts.next().unwrap_or(0);
            black_box(graph.trace(&[start], &trace()))
        });
    });
    let nodes = graph.nodes();
    let spec = impact();
    group.bench_function("large_ranked", |b| {
        b.iter(|| {
            let start = starts.next().unwrap_or(0) as usize;
            black_box(graph.impact(&nodes[start..=start], &spec))
        });
    });
    group.finish();
}
