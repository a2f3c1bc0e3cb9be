//! What every store must do, as plain functions: a store's own tests call each of them with a way to
//! make an empty store. They panic with the property that does not hold.

mod samples;

use backstay_model::{ChangeSetId, Sample, Seq, SnapshotId, TargetId, Timestamp};

use crate::chain::Head;
use crate::entry::StoredEntry;
use crate::journal::Journal;
use crate::metrics::MetricStore;
use crate::snapshots::SnapshotStore;
use crate::store::{Entries, EntryStore, PAGE_MAX, StoreError};
use crate::verify::verify;

pub use samples::{condition, entries, page_step, sample, snapshot, write_step};

const WHY: &str = "conformance: the store answers";

/// Runs every property of a log. `empty` makes an empty one.
///
/// # Panics
/// When a property does not hold.
pub fn log<S: EntryStore>(mut empty: impl FnMut() -> S) {
    log_is_empty_at_first(&empty());
    log_returns_what_it_got(empty());
    log_refuses_what_does_not_follow(empty());
    log_reads_pages(empty());
    log_finds_change_sets(empty());
    log_carries_a_journal(empty());
}

fn log_is_empty_at_first<S: EntryStore>(store: &S) {
    assert_eq!(
        store.head().expect(WHY),
        Head::EMPTY,
        "an empty log has the empty head"
    );
    assert!(
        store.read(Seq(1), 10).expect(WHY).is_empty(),
        "an empty log has no entries"
    );
    assert!(
        store.change_sets(None, 10).expect(WHY).is_empty(),
        "an empty log has no change sets"
    );
}

fn log_returns_what_it_got<S: EntryStore>(mut store: S) {
    let all = entries(40);
    for batch in all.chunks(7) {
        store.append(batch).expect(WHY);
        let last = batch.last().map(StoredEntry::head);
        assert_eq!(
            Some(store.head().expect(WHY)),
            last,
            "the head is the last entry"
        );
    }
    assert_eq!(
        store.read(Seq(1), 100).expect(WHY),
        all,
        "what comes back is what was appended"
    );
    store
        .append(&[])
        .expect("conformance: appending nothing succeeds");
    assert_eq!(
        store.head().expect(WHY).seq,
        Seq(40),
        "appending nothing does nothing"
    );
}

fn log_refuses_what_does_not_follow<S: EntryStore>(mut store: S) {
    let all = entries(6);
    let after_gap = store.append(&all[1..3]);
    assert!(
        matches!(after_gap, Err(StoreError::NotNext { .. })),
        "a gap at the start is refused"
    );
    store.append(&all[..3]).expect(WHY);
    for wrong in [&all[..1], &all[2..4], &all[4..6]] {
        let refused = store.append(wrong);
        assert!(
            matches!(refused, Err(StoreError::NotNext { .. })),
            "what does not follow is refused"
        );
    }
    let mut forged = all[3].clone();
    forged.prev = all[0].hash;
    let refused = store.append(&[forged]);
    assert!(
        matches!(refused, Err(StoreError::NotNext { .. })),
        "another chain is refused"
    );
    let torn = [all[3].clone(), all[5].clone()];
    assert!(
        store.append(&torn).is_err(),
        "a batch with a gap inside is refused"
    );
    assert_eq!(
        store.head().expect(WHY).seq,
        Seq(3),
        "a refused batch has no effect"
    );
}

fn log_reads_pages<S: EntryStore>(mut store: S) {
    let count = PAGE_MAX as u64 * 2 + 3;
    let all = entries(count);
    store.append(&all).expect(WHY);
    assert_eq!(
        store.read(Seq(5), 3).expect(WHY),
        all[4..7],
        "a page begins where it should"
    );
    assert_eq!(
        store.read(Seq(count), 9).expect(WHY).len(),
        1,
        "the last page is short"
    );
    assert!(
        store.read(Seq(count + 1), 9).expect(WHY).is_empty(),
        "there is nothing after the end"
    );
    let walked: Result<Vec<_>, _> = Entries::new(&store, Seq(1)).collect();
    assert_eq!(walked.expect(WHY), all, "a walk sees every entry once");
}

fn log_finds_change_sets<S: EntryStore>(mut store: S) {
    let all = entries(60);
    store.append(&all).expect(WHY);
    let wanted: Vec<_> = all
        .iter()
        .filter(|e| e.change_set == Some(ChangeSetId(3)))
        .cloned()
        .collect();
    assert!(wanted.len() > 1, "the sample has entries of one change set");
    let found = store.of_change_set(ChangeSetId(3)).expect(WHY);
    assert_eq!(
        found, wanted,
        "the entries of a change set are found in order"
    );
    assert!(
        store.of_change_set(ChangeSetId(999)).expect(WHY).is_empty(),
        "an unknown one has none"
    );
    let ids = |before, limit| store.change_sets(before, limit).expect(WHY);
    let newest: Vec<u64> = ids(None, 3).into_iter().map(|id| id.0).collect();
    assert_eq!(newest, [7, 6, 5], "change sets come newest first");
    assert_eq!(
        ids(Some(ChangeSetId(2)), 9),
        [ChangeSetId(1)],
        "only those before are listed"
    );
}

fn log_carries_a_journal<S: EntryStore>(store: S) {
    let mut journal = Journal::open(store).expect(WHY);
    let tokens = journal
        .commit(Timestamp(1), vec![condition(64_000), write_step(1)])
        .expect(WHY);
    assert_eq!(
        tokens.iter().map(|t| t.seq().0).collect::<Vec<_>>(),
        [2],
        "one step, one token"
    );
    let head = journal.head();
    let store = journal.into_store();
    let report = verify(&store, &[head]).expect(WHY);
    assert_eq!(
        (report.entries, report.head, report.first_bad),
        (2, head, None),
        "it verifies"
    );
    let journal = Journal::open(store).expect(WHY);
    assert_eq!(journal.next_seq(), Seq(3), "it goes on where it ended");
}

/// Runs every property of a snapshot store. `empty` makes an empty one.
///
/// # Panics
/// When a property does not hold.
pub fn snapshots<S: SnapshotStore>(mut empty: impl FnMut() -> S) {
    snapshots_are_kept_by_content(empty());
    snapshots_are_listed_by_target(empty());
    last_good_is_the_one_marked_last(empty());
}

fn snapshots_are_kept_by_content<S: SnapshotStore>(mut store: S) {
    let first = snapshot("shop", "4MB", 100);
    assert_eq!(
        store.get(&first.id).expect(WHY),
        None,
        "what was never stored is not there"
    );
    store.put(&first).expect(WHY);
    assert_eq!(
        store.get(&first.id).expect(WHY),
        Some(first.clone()),
        "what was stored is there"
    );
    let again = snapshot("shop", "4MB", 900);
    store.put(&again).expect(WHY);
    store.put(&snapshot("shop", "4MB", 500)).expect(WHY);
    let lines = store.list(None).expect(WHY);
    assert_eq!(
        lines.len(),
        1,
        "an equal configuration is the same snapshot"
    );
    assert_eq!(
        lines[0].first_at,
        Timestamp::from_secs(100),
        "it keeps its first time"
    );
    assert_eq!(lines[0].last_at, Timestamp::from_secs(900), "and its last");
    assert_eq!(
        store.get(&first.id).expect(WHY),
        Some(again),
        "the newest facts are kept"
    );
}

fn snapshots_are_listed_by_target<S: SnapshotStore>(mut store: S) {
    for (target, value, at) in [
        ("shop", "a", 1),
        ("bank", "a", 2),
        ("shop", "b", 3),
        ("shop", "a", 4),
    ] {
        store.put(&snapshot(target, value, at)).expect(WHY);
    }
    let shop = TargetId::new("shop");
    let ids = |lines: Vec<crate::snapshots::SnapshotLine>| {
        lines.into_iter().map(|l| l.id.0).collect::<Vec<_>>()
    };
    assert_eq!(
        ids(store.list(Some(&shop)).expect(WHY)),
        ["shop-a", "shop-b"],
        "last read first"
    );
    assert_eq!(
        ids(store.list(None).expect(WHY)),
        ["shop-a", "shop-b", "bank-a"],
        "of all targets"
    );
    let latest = store.latest(&shop).expect(WHY).map(|s| s.id.0);
    assert_eq!(
        latest.as_deref(),
        Some("shop-a"),
        "the latest is the one read last"
    );
    assert_eq!(
        store.latest(&TargetId::new("none")).expect(WHY),
        None,
        "an unknown target has none"
    );
}

fn last_good_is_the_one_marked_last<S: SnapshotStore>(mut store: S) {
    let shop = TargetId::new("shop");
    let (a, b) = (snapshot("shop", "a", 1), snapshot("shop", "b", 2));
    store.put(&a).expect(WHY);
    store.put(&b).expect(WHY);
    assert_eq!(
        store.last_good(&shop).expect(WHY),
        None,
        "nothing is good before it is marked"
    );
    store.mark_good(&b.id, Timestamp::from_secs(10)).expect(WHY);
    store.mark_good(&a.id, Timestamp::from_secs(20)).expect(WHY);
    store
        .mark_good(&SnapshotId("unknown".to_owned()), Timestamp::from_secs(30))
        .expect(WHY);
    assert_eq!(
        store.last_good(&shop).expect(WHY),
        Some(a.clone()),
        "the last marked one is it"
    );
    store.put(&snapshot("shop", "a", 50)).expect(WHY);
    let line = &store.list(Some(&shop)).expect(WHY)[0];
    assert_eq!(
        line.good_at,
        Some(Timestamp::from_secs(20)),
        "reading it again keeps the mark"
    );
    assert_eq!(
        store.last_good(&TargetId::new("bank")).expect(WHY),
        None,
        "targets do not mix"
    );
}

/// Runs every property of a metric store with room for at least a thousand samples. `empty` makes an
/// empty one.
///
/// # Panics
/// When a property does not hold.
pub fn metrics<S: MetricStore>(mut empty: impl FnMut() -> S) {
    samples_come_back_in_order(empty());
    late_samples_find_their_place(empty());
    targets_do_not_mix(empty());
    the_newest_of_what_was_learnt_is_kept(empty());
}

fn the_newest_of_what_was_learnt_is_kept<S: MetricStore>(mut store: S) {
    let (shop, till) = (TargetId::new("shop"), TargetId::new("till"));
    assert_eq!(
        store.learnt(&shop).expect(WHY),
        None,
        "nothing was learnt yet"
    );
    for learnt in [&b"first"[..], &[0, 255, 0]] {
        store.keep_learnt(&shop, learnt).expect(WHY);
        let kept = store.learnt(&shop).expect(WHY);
        assert_eq!(kept.as_deref(), Some(learnt), "the newest stays");
    }
    store
        .append(&shop, &[sample(1)])
        .expect("conformance: samples and what was learnt do not meet");
    assert_eq!(store.learnt(&till).expect(WHY), None, "targets do not mix");
}

fn all<S: MetricStore>(store: &S, target: &TargetId) -> Vec<Sample> {
    store
        .range(target, Timestamp(i64::MIN), Timestamp(i64::MAX))
        .expect(WHY)
}

fn samples_come_back_in_order<S: MetricStore>(mut store: S) {
    let shop = TargetId::new("shop");
    let samples: Vec<_> = (1..=500).map(sample).collect();
    for batch in samples.chunks(7) {
        store.append(&shop, batch).expect(WHY);
    }
    assert_eq!(
        all(&store, &shop),
        samples,
        "what comes back is what was appended"
    );
    let (from, to) = (Timestamp::from_secs(100), Timestamp::from_secs(350));
    let part = store.range(&shop, from, to).expect(WHY);
    assert_eq!(
        part,
        samples[99..349],
        "a range has its beginning and not its end"
    );
    assert!(
        store.range(&shop, to, from).expect(WHY).is_empty(),
        "a range that ends first is empty"
    );
    store
        .append(&shop, &[])
        .expect("conformance: appending nothing succeeds");
}

fn late_samples_find_their_place<S: MetricStore>(mut store: S) {
    let shop = TargetId::new("shop");
    for second in (1..=300).rev().step_by(2).chain((1..=300).step_by(2)) {
        store.append(&shop, &[sample(second)]).expect(WHY);
    }
    assert_eq!(
        all(&store, &shop),
        (1..=300).map(sample).collect::<Vec<_>>(),
        "order is by time"
    );
    let mut other = sample(150);
    other.metrics.clear();
    store
        .append(&shop, std::slice::from_ref(&other))
        .expect(WHY);
    let (from, to) = (Timestamp::from_secs(150), Timestamp::from_secs(151));
    assert_eq!(
        store.range(&shop, from, to).expect(WHY),
        [other],
        "the later appended one stays"
    );
}

fn targets_do_not_mix<S: MetricStore>(mut store: S) {
    let (shop, bank) = (TargetId::new("shop"), TargetId::new("bank"));
    assert!(
        store.targets().expect(WHY).is_empty(),
        "an empty store has no targets"
    );
    for second in 1..=200 {
        store.append(&shop, &[sample(second)]).expect(WHY);
        store.append(&bank, &[sample(1_000 + second)]).expect(WHY);
    }
    assert_eq!(
        all(&store, &shop),
        (1..=200).map(sample).collect::<Vec<_>>(),
        "one target's own"
    );
    assert_eq!(
        store.targets().expect(WHY),
        [bank, shop],
        "targets come in order"
    );
    assert!(
        all(&store, &TargetId::new("none")).is_empty(),
        "an unknown target has none"
    );
}

#[cfg(test)]
mod tests {
    use crate::memory::{MemoryEntries, MemoryMetrics, MemorySnapshots};

    #[test]
    fn the_log_in_memory_conforms() {
        super::log(MemoryEntries::new);
    }

    #[test]
    fn the_snapshots_in_memory_conform() {
        super::snapshots(MemorySnapshots::new);
    }

    #[test]
    fn the_metrics_in_memory_conform() {
        super::metrics(|| MemoryMetrics::new(1_000));
    }
}
