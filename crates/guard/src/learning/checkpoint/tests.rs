use std::fmt::Write as _;

use backstay_graph::{EdgeFilter, EdgeScope, View};
use backstay_journal::store::Entries;
use backstay_journal::{Entry, Journal, MemoryEntries, StoredEntry};
use backstay_model::Timestamp;
use backstay_model::name::EngineKind;
use proptest::prelude::*;

use super::*;
use crate::books::Shelf;
use crate::tick::Guard;

mod chronicle;

/// A journal made from a seed, and its entries.
fn journal(seed: u64, deeds: usize) -> (MemoryEntries, Vec<Entry>) {
    let log = MemoryEntries::new();
    let mut journal = Journal::open(log.clone()).unwrap();
    for (at, records) in chronicle::of(seed, deeds) {
        drop(journal.commit(at, records).unwrap());
    }
    let entries = Entries::new(&log, Seq(1)).decoded();
    let entries = entries.map(Result::unwrap).collect();
    (log, entries)
}

fn enter(known: &mut Known, entries: &[Entry]) {
    let snapshots = chronicle::snapshots();
    for entry in entries {
        let place = (entry.seq.0, entry.at);
        drop(known.enter(place, &entry.record, &snapshots));
    }
}

fn head(entry: &Entry) -> Head {
    Head {
        seq: entry.seq,
        hash: entry.hash,
    }
}

/// A log with a checkpoint at its entry `cut`, the entries, and what is known at the cut.
fn kept_at(seed: u64, cut: usize) -> (MemoryEntries, Vec<Entry>, Known) {
    let (log, entries) = journal(seed, 60);
    let mut known = Known::new();
    enter(&mut known, &entries[..cut]);
    let bytes = sealed(head(&entries[cut - 1]), &known).unwrap();
    log.keep_checkpoint(&bytes).unwrap();
    (log, entries, known)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_checkpoint_at_any_cut_and_the_rest_are_the_whole(seed in any::<u64>(), cut in 0.0..1.0_f64) {
        let (log, entries) = journal(seed, 120);
        let mut whole = Known::new();
        enter(&mut whole, &entries);
        let cut = 1 + (cut * (entries.len() - 1) as f64) as usize;
        let (before, rest) = entries.split_at(cut);
        let mut known = Known::new();
        enter(&mut known, before);
        log.keep_checkpoint(&sealed(head(&before[cut - 1]), &known).unwrap()).unwrap();
        let Kept { head: at, known: mut again } = Kept::read(&log).unwrap().unwrap();
        prop_assert_eq!(at, head(&before[cut - 1]));
        prop_assert!(again == known, "not what was written, cut at {}", cut);
        enter(&mut again, rest);
        prop_assert!(again == whole, "not what the whole journal teaches, cut at {}", cut);
        // Nothing that equality does not see is different either.
        let last = head(entries.last().unwrap());
        prop_assert_eq!(sealed(last, &again).unwrap(), sealed(last, &whole).unwrap());
    }
}

#[test]
fn a_damaged_checkpoint_is_left_alone() {
    let (log, entries, known) = kept_at(3, 80);
    let good = sealed(head(&entries[79]), &known).unwrap();
    let step = good.len() / 97;
    let cut = (0..good.len()).step_by(step).map(|n| good[..n].to_vec());
    let flipped = (0..good.len()).step_by(step).map(|n| {
        let mut bytes = good.clone();
        bytes[n] ^= 0x11;
        bytes
    });
    let longer = [[good.as_slice(), b"x"].concat()];
    for bytes in cut.chain(flipped).chain(longer) {
        log.keep_checkpoint(&bytes).unwrap();
        Kept::read(&log).expect_err("damaged and taken all the same");
        assert_eq!(Kept::of(&log, |_| {}).known, Known::new());
    }
    log.keep_checkpoint(&good).unwrap();
    assert_eq!(Kept::read(&log).unwrap().unwrap().known, known);
}

#[test]
fn a_checkpoint_of_another_journal_is_left_alone() {
    let (log, _, known) = kept_at(3, 80);
    let bytes = log.checkpoint().unwrap().unwrap();
    let why = |entries: Vec<StoredEntry>| {
        let log = MemoryEntries::from_stored(entries);
        log.keep_checkpoint(&bytes).unwrap();
        assert_eq!(Kept::of(&log, |_| {}).known, Known::new());
        Kept::read(&log).expect_err("of another journal and taken all the same")
    };
    let stored = log.stored();
    let (other, _) = journal(4, 60);
    let mut altered = stored.clone();
    altered[79].body.push(b' ');
    for entries in [stored[..79].to_vec(), Vec::new(), other.stored(), altered] {
        let why = why(entries);
        assert!(matches!(why, Unusable::OtherJournal(_)), "{why}");
    }
    assert_eq!(Kept::read(&log).unwrap().unwrap().known, known);
}

#[test]
fn a_checkpoint_of_another_program_is_left_alone() {
    let (log, ..) = kept_at(3, 80);
    let good = log.checkpoint().unwrap().unwrap();
    let other = format!("{WORD} {} ", FORMAT + 1);
    let mine = format!("{WORD} {FORMAT} ");
    let bytes = [other.as_bytes(), &good[mine.len()..]].concat();
    log.keep_checkpoint(&bytes).unwrap();
    let why = Kept::read(&log).expect_err("of another program and taken all the same");
    assert!(matches!(why, Unusable::OtherProgram), "{why}");
}

#[test]
fn one_that_is_not_where_it_says_is_left_alone() {
    let (log, entries, known) = kept_at(3, 80);
    log.keep_checkpoint(&sealed(head(&entries[80]), &known).unwrap())
        .unwrap();
    let why = Kept::read(&log).expect_err("it lacks an entry");
    assert!(matches!(why, Unusable::Damaged(_)), "{why}");
}

#[test]
fn one_is_kept_only_when_much_was_read() {
    let (log, entries, mut known) = kept_at(3, 80);
    let before = log.checkpoint().unwrap();
    enter(&mut known, &entries[80..]);
    let end = head(entries.last().unwrap());
    keep(&log, Seq(80), (end, &known));
    assert_eq!(log.checkpoint().unwrap(), before, "it was not worth it");
    keep(&log, Seq(80), (head(&entries[80]), &known));
    assert_eq!(log.checkpoint().unwrap(), before, "it is not where it says");
}

/// A guard over `log`, whose graph store is as far as `applied`.
fn begun(log: &MemoryEntries, applied: usize) -> Guard<crate::books::InMemory> {
    let mut shelf = Shelf {
        entries: log.clone(),
        snapshots: chronicle::snapshots(),
        ..Shelf::in_memory(10)
    };
    let (mut known, snapshots) = (Known::new(), chronicle::snapshots());
    for entry in Entries::new(log, Seq(1)).decoded().take(applied) {
        let entry = entry.unwrap();
        let batch = known.enter((entry.seq.0, entry.at), &entry.record, &snapshots);
        shelf.graph.apply(&batch).unwrap();
    }
    Guard::begin(shelf, Vec::new(), Timestamp::from_secs(2_000_000_000)).unwrap()
}

#[test]
fn a_guard_goes_on_from_a_checkpoint_only_when_its_graph_store_lacks_nothing_before_it() {
    let (log, entries, known) = kept_at(3, 80);
    let mut whole = Known::new();
    enter(&mut whole, &entries);
    for applied in [0, 79, 80, entries.len()] {
        assert_eq!(*begun(&log, applied).known(), whole, "applied {applied}");
    }
    // A checkpoint that says something of its own shows whether it was taken.
    let mut marked = known;
    let stranger = chronicle::judgement("nobody");
    marked.register.enter(Timestamp(0), &stranger);
    log.keep_checkpoint(&sealed(head(&entries[79]), &marked).unwrap())
        .unwrap();
    let said = |applied| begun(&log, applied).known().register.said().len();
    let all = whole.register.said().len();
    assert_eq!([said(79), said(80)], [all, all + 1]);
}

/// What is learnt of one journal. When this differs, checkpoints of before hold something else than the
/// program would learn today: raise [`FORMAT`].
#[test]
fn the_same_journal_teaches_the_same_as_when_the_format_was_numbered() {
    let (_, entries) = journal(11, 600);
    let mut known = Known::new();
    enter(&mut known, &entries);
    let mut text = format!("format {FORMAT}\n{:?}\n", known.learning.tally());
    let now = entries.last().unwrap().at;
    let scope = EdgeScope::learnt(EngineKind::Postgresql, chronicle::MAJOR);
    let learnt = known
        .graph
        .edges(now, &EdgeFilter::view(View::Scope(scope)));
    let sure: f64 = learnt.iter().map(|e| e.confidence.get()).sum();
    writeln!(text, "{} edges, {sure:.2} together", learnt.len()).unwrap();
    for effect in known.learning.effects().step_by(4) {
        let (setting, metric, n) = (&effect.setting, &effect.metric, effect.n);
        let work = effect.work;
        writeln!(text, "{setting} {metric} {work} {:+.2} of {n}", effect.mean).unwrap();
    }
    let asked = known.learning.asked();
    writeln!(text, "{} questions asked", asked.len()).unwrap();
    for asked in asked.iter().step_by(4) {
        let (setting, metric, under) = (&asked.setting, &asked.metric, &asked.under);
        writeln!(text, "{setting} {metric} {under} {:?}", asked.answer).unwrap();
    }
    insta::assert_snapshot!(text);
}
