//! Taking changes in durably, and checking the log.

use std::hint::black_box;

use backstay_bench::books::{BATCH, ENTRIES, Intake, folder};
use backstay_journal::verify;
use criterion::{BatchSize, Criterion, Throughput};

pub(crate) fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("journal");
    group.sample_size(20);
    let directory = folder().expect("the build folder can be written to");
    let mut intake = Intake::open(directory.path()).expect("an empty folder can be opened");
    for _ in 0..ENTRIES / BATCH {
        let batch = intake.next_batch();
        intake.take(batch).expect("the disk takes it");
    }
    group.throughput(Throughput::Elements(ENTRIES));
    group.bench_function("verify", |b| {
        b.iter(|| black_box(verify(intake.log(), &[])));
    });
    group.throughput(Throughput::Elements(BATCH));
    let intake = std::cell::RefCell::new(intake);
    group.bench_function("ingest", |b| {
        b.iter_batched(
            || intake.borrow().next_batch(),
            |batch| intake.borrow_mut().take(batch).expect("the disk takes it"),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}
