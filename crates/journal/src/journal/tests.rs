use backstay_model::{ChangeSetId, Command, Event, Seq, TargetId, Timestamp};

use super::*;
use crate::conformance::{condition, entries, page_step, write_step};
use crate::memory::{Fault, MemoryEntries};
use crate::recorded::Task;

fn open(store: &MemoryEntries) -> Journal<MemoryEntries> {
    Journal::open(store.clone()).unwrap()
}

#[test]
fn commands_come_back_as_tokens_only_from_steps_and_in_order() {
    let mut journal = open(&MemoryEntries::new());
    let records = vec![
        condition(10),
        write_step(1),
        condition(0),
        page_step(1, "look"),
    ];
    let tokens = journal.commit(Timestamp(5), records).unwrap();
    let seqs: Vec<u64> = tokens.iter().map(|t| t.seq().0).collect();
    assert_eq!(seqs, [2, 4]);
    let kinds: Vec<&str> = tokens
        .into_iter()
        .map(|token| match token.into_task() {
            Task::Write(_) => "write",
            Task::Inspect(_) => "inspect",
            Task::Page(_) => "page",
        })
        .collect();
    assert_eq!(kinds, ["write", "page"]);
    assert_eq!(journal.next_seq(), Seq(5));
}

#[test]
fn nothing_is_written_for_no_records() {
    let store = MemoryEntries::new();
    assert!(
        open(&store)
            .commit(Timestamp(5), Vec::new())
            .unwrap()
            .is_empty()
    );
    assert!(store.stored().is_empty());
}

#[test]
fn a_full_disk_stops_the_journal_for_good() {
    let store = MemoryEntries::new();
    let mut journal = open(&store);
    store.set_fault(Some(Fault::Full));
    let error = journal
        .commit(Timestamp(1), vec![write_step(1)])
        .unwrap_err();
    assert!(matches!(
        error,
        CommitError::Store {
            source: StoreError::Full { .. }
        }
    ));
    assert!(journal.stopped());
    store.set_fault(None);
    let error = journal
        .commit(Timestamp(2), vec![write_step(1)])
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the journal has stopped: no space left in the log in memory"
    );
    assert!(
        store.stored().is_empty(),
        "space came back, and still nothing is written"
    );
    let mut journal = Journal::open(journal.into_store()).unwrap();
    assert!(!journal.stopped());
    assert_eq!(
        journal
            .commit(Timestamp(3), vec![write_step(1)])
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn an_unknown_effect_shows_when_the_journal_is_opened_again() {
    let store = MemoryEntries::new();
    let mut journal = open(&store);
    store.set_fault(Some(Fault::LostReply));
    assert!(journal.commit(Timestamp(1), vec![write_step(1)]).is_err());
    assert!(journal.stopped());
    assert_eq!(
        open(&store).next_seq(),
        Seq(2),
        "the entry is there although nobody was told"
    );
}

#[test]
fn a_disk_that_lies_is_caught_at_the_next_commit() {
    let store = MemoryEntries::new();
    let mut journal = open(&store);
    store.set_fault(Some(Fault::LostWrite));
    drop(journal.commit(Timestamp(1), vec![condition(1)]).unwrap());
    let error = journal
        .commit(Timestamp(2), vec![write_step(1)])
        .unwrap_err();
    assert!(matches!(
        error,
        CommitError::Store {
            source: StoreError::NotNext { .. }
        }
    ));
    assert!(journal.stopped());
}

#[test]
fn a_record_that_would_not_come_back_is_refused_and_harms_nothing() {
    let store = MemoryEntries::new();
    let mut journal = open(&store);
    let timing = backstay_model::event::WriteTiming {
        lock_s: f64::INFINITY,
        ..Default::default()
    };
    let reply = backstay_model::event::WriteReply::Effective { timing };
    let event = Event::Replied {
        at: Timestamp(1),
        intent: backstay_model::IntentId(1),
        reply,
    };
    let target = TargetId::new("shop");
    let bad = Record::Step {
        change_set: ChangeSetId(1),
        target,
        event,
        commands: Vec::new(),
    };
    let error = journal
        .commit(Timestamp(1), vec![condition(1), bad])
        .unwrap_err();
    assert!(matches!(
        error,
        CommitError::Record {
            source: EncodeError::NotFaithful { kind: "step" }
        }
    ));
    assert!(!journal.stopped());
    assert!(store.stored().is_empty(), "all or nothing");
    drop(journal.commit(Timestamp(1), vec![condition(1)]).unwrap());
}

#[test]
fn opening_shows_every_entry_and_names_the_first_bad_one() {
    let mut seen = Vec::new();
    let good = entries(30);
    let store = MemoryEntries::from_stored(good.clone());
    let journal = Journal::open_with(store, |entry| seen.push(entry.seq.0)).unwrap();
    assert_eq!(seen, (1..=30).collect::<Vec<u64>>());
    assert_eq!(journal.entries(Seq(29)).decoded().count(), 2);

    let mut bad = good;
    bad[16].body[20] ^= 1;
    let error = Journal::open(MemoryEntries::from_stored(bad)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the journal is broken at entry 17: its content was altered"
    );
}

#[test]
fn reissue_is_a_new_step_with_a_new_token() {
    let mut journal = open(&MemoryEntries::new());
    let first = journal.commit(Timestamp(1), vec![write_step(1)]).unwrap();
    let Command::Write(write) = first[0].command().clone() else {
        panic!("a write")
    };
    let target = write.target.clone();
    let event = Event::Resumed { at: Timestamp(2) };
    let commands = vec![Command::Inspect(write)];
    let again = Record::Step {
        change_set: ChangeSetId(1),
        target,
        event,
        commands,
    };
    let second = journal.commit(Timestamp(2), vec![again]).unwrap();
    assert_eq!((first[0].seq(), second[0].seq()), (Seq(1), Seq(2)));
}
