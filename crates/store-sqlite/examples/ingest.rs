//! How many changes a second a state directory takes in durably: log with its hash chain, then graph,
//! the log synchronised to disk with each batch. Run with `--release`; the directory is an argument, else temporary.
#![allow(clippy::print_stdout, reason = "an example talks to a person")]
#![expect(
    clippy::disallowed_methods,
    reason = "it measures time; nothing decides by it"
)]

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use backstay_journal::Journal;
use backstay_model::Timestamp;
use backstay_store_sqlite::{Limits, Stores, ingest};

const BATCH: u64 = 1_000;
const BATCHES: u64 = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let temporary = tempfile::tempdir()?;
    let directory = std::env::args()
        .nth(1)
        .map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    let limits = Limits {
        metrics_bytes_max: 1 << 20,
        journal_bytes_max: None,
    };
    let stores = Stores::open(&directory, &limits)?;
    let mut journal = Journal::open(stores.log)?;
    let mut graph = stores.graph;
    let mut slowest = Duration::ZERO;
    let began = Instant::now();
    for _ in 0..BATCHES {
        let first = journal.next_seq().0;
        let sets = ingest::example_change_sets(first, BATCH);
        let batch_began = Instant::now();
        ingest::ingest(&mut journal, &mut graph, Timestamp(0), sets)?;
        slowest = slowest.max(batch_began.elapsed());
    }
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{} changes in {seconds:.2} s: {:.0} changes/s in batches of {BATCH}, slowest batch {slowest:?}",
        BATCH * BATCHES,
        (BATCH * BATCHES) as f64 / seconds
    );
    let began = Instant::now();
    let journal = Journal::open(journal.into_store())?;
    println!(
        "opened and verified {} entries in {:?}",
        journal.head().seq.0,
        began.elapsed()
    );
    Ok(())
}
