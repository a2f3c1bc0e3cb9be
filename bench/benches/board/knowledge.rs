//! What is known about a change: impact, what-if copies, simulation.

use std::hint::black_box;

use backstay_bench::knowledge::Known;
use backstay_graph::Op;
use backstay_simulate::report;
use criterion::Criterion;

pub(crate) fn benches(criterion: &mut Criterion) {
    let known = Known::new().expect("the shipped pack loads");
    let mut group = criterion.benchmark_group("knowledge");
    let settings = known.settings();
    let spec = known.impact();
    let mut turns = settings.iter().cycle();
    group.bench_function("impact", |b| {
        b.iter(|| {
            let start = turns.next().map(std::slice::from_ref).unwrap_or_default();
            black_box(known.graph().impact(start, &spec))
        });
    });
    let start = &settings[..1];
    group.bench_function("overlay", |b| {
        b.iter(|| {
            let mut overlay = known.graph().overlay();
            for node in &settings[..3] {
                overlay.put(&Op::UpsertNode(node.clone()));
            }
            black_box(overlay.impact(start, &spec))
        });
    });
    let scene = known.scene();
    let proposal = Known::proposal();
    group.bench_function("simulate", |b| {
        b.iter(|| black_box(report(&scene, &proposal)));
    });
    group.finish();
}
