//! What one second costs a guard.

use backstay_bench::books::{folder, shelf};
use backstay_bench::guards::{guard, pass};
use backstay_guard::books::Shelf;
use criterion::{BatchSize, Criterion};

/// Targets of the large guard.
const MANY: u32 = 1_000;
/// Samples that each of its targets keeps in the store in memory.
const KEEP: usize = 600;

pub(crate) fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("second");
    let directory = folder().expect("the build folder can be written to");
    let books = shelf(directory.path()).expect("an empty folder can be opened");
    let (mut one, mut feed) = guard(books, 1).expect("new books are good ones");
    group.bench_function("one_target_on_disk", |b| {
        b.iter_batched(
            || feed.next_second(),
            |arrived| pass(&mut one, arrived).expect("the disk takes it"),
            BatchSize::SmallInput,
        );
    });
    drop(one);
    group.sample_size(10);
    let (mut many, mut feed) =
        guard(Shelf::in_memory(KEEP), MANY).expect("books in memory are good ones");
    group.bench_function("thousand_targets", |b| {
        b.iter_batched(
            || feed.next_second(),
            |arrived| pass(&mut many, arrived).expect("memory takes it"),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}
