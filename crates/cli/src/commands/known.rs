//! What is known here beside what is shipped: the journal, read through the function that the guard
//! itself uses, from the last checkpoint on.

use backstay_guard::learning::Known;
use backstay_guard::learning::checkpoint::{Kept, keep};
use backstay_journal::Head;
use backstay_store_sqlite::Readers;

use crate::args::Common;
use crate::commands::record::{entries, journal_failure, there};
use crate::failure::Failure;
use crate::out::warn_once;
use crate::state;

/// Everything that the record of the command line's state directory teaches, and its stores; nothing,
/// when there is no record.
pub(crate) fn recorded(common: &Common) -> Result<(Option<Readers>, Known), Failure> {
    if !there(common) {
        return Ok((None, Known::new()));
    }
    let directory = state::directory(common);
    let readers = state::read(&directory)?;
    let Kept {
        head: kept,
        mut known,
    } = Kept::of(&readers.log, |why| {
        warn_once(&format!(
            "{why}; the journal is read from its beginning instead"
        ));
    });
    let mut head = kept;
    for entry in entries(&readers, &directory, kept) {
        let entry = entry.map_err(|e| journal_failure(&e, &directory))?;
        let place = (entry.seq.0, entry.at);
        known.enter(place, &entry.record, &readers.snapshots);
        head = Head {
            seq: entry.seq,
            hash: entry.hash,
        };
    }
    keep(&readers.log, kept.seq, (head, &known));
    Ok((Some(readers), known))
}
