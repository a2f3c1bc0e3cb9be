//! A journal that a guard cannot go on with, and the command that sets it aside.

use std::fs;

use backstay_guard::requests::LetterBox;
use backstay_journal::{Entries, Journal, Record};
use backstay_model::{Seq, Timestamp};
use backstay_store_sqlite::{Limits, Stores};

use crate::record::settled;
use crate::support::{Bench, Watched};

/// Writes the last step of a life that is over once more: the chain is whole, the life is not.
fn forge(bench: &Bench, id: &str) {
    let limits = Limits {
        metrics_bytes_max: 16 << 20,
        journal_bytes_max: None,
    };
    let stores = Stores::open(&bench.state(), &limits).unwrap();
    let entries: Vec<_> = Entries::new(&stores.log, Seq(1))
        .decoded()
        .map(Result::unwrap)
        .collect();
    let of_life =
        |r: &&Record| matches!(r, Record::Step { change_set, .. } if change_set.to_string() == id);
    let step = entries.iter().map(|e| &e.record).rfind(of_life).unwrap();
    let now: Timestamp = entries.last().unwrap().at;
    let mut journal = Journal::open_with(stores.log, |_| {}).unwrap();
    journal.commit(now, vec![step.clone()]).unwrap();
}

fn rolled_back(bench: &Bench) -> String {
    let list = bench.say("changes list --json").json();
    let sets = list["change_sets"].as_array().unwrap();
    let found = sets.iter().find(|s| s["state"] == "rolled_back").unwrap();
    found["change_set"].as_str().unwrap().to_owned()
}

#[test]
fn an_impossible_step_is_named_and_its_journal_set_aside() {
    let bench = settled();
    let good = bench.say("audit set-aside --yes");
    assert_eq!(good.code, 2, "{}", good.out);
    assert!(good.err.contains("is good"), "{}", good.err);
    let id = rolled_back(&bench);
    forge(&bench, &id);

    // Everything else is still told.
    let list = bench.say("changes list");
    assert!(
        list.out.contains("work_mem 4MB -> 8MB"),
        "{}{}",
        list.out,
        list.err
    );
    let status = bench.say("status").out;
    assert!(status.contains("backstay audit set-aside"), "{status}");
    for line in ["audit verify".to_owned(), format!("explain {id}")] {
        let ran = bench.say(&line);
        assert_eq!(ran.code, 1, "{line}");
        let named = format!("the record of {id} holds a step that cannot have happened");
        assert!(ran.err.contains(&named), "{line}: {}", ran.err);
    }

    let asked = bench.say("audit set-aside");
    assert_eq!(asked.code, 2);
    assert!(asked.err.contains("fsync on -> off, held"), "{}", asked.err);
    assert!(asked.err.contains("audit set-aside --yes"), "{}", asked.err);
    let done = bench.say("audit set-aside --yes");
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.out.contains("journal-aside-1"), "{}", done.out);
    assert!(!LetterBox::of(&bench.state()).paused());

    let aside = bench.state().join("journal-aside-1");
    assert!(aside.join("journal.db").exists() && aside.join("journal.head").exists());
    let old = bench.run(&["changes", "list", "--state-dir", aside.to_str().unwrap()]);
    assert!(old.out.contains("fsync on -> off"), "{}", old.err);
    drop(Watched::begin(&bench));
    assert_eq!(bench.say("audit verify").code, 0);
    assert_eq!(bench.say("changes list").out, "no change was seen yet\n");
}

#[test]
fn a_pause_outlives_a_journal_that_nobody_can_read() {
    let bench = settled();
    fs::write(bench.state().join("journal.db"), vec![7; 8_192]).unwrap();
    for beside in ["journal.db-wal", "journal.db-shm"] {
        let path = bench.state().join(beside);
        if path.exists() {
            fs::remove_file(path).unwrap();
        }
    }
    let done = bench.say("audit set-aside --yes");
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(
        done.out.contains("nobody can read whether it was"),
        "{}",
        done.out
    );
    assert!(LetterBox::of(&bench.state()).paused());
}
