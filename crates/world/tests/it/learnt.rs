//! What is learnt from the record of months: whether one setting changes what another does.

use backstay_guard::learning::Known;
use backstay_guard::learning::checkpoint::{self, Kept};
use backstay_journal::store::Entries;
use backstay_journal::{Head, Journal, MemoryEntries, MemorySnapshots, SnapshotStore};
use backstay_learn::effect::{Asked, Modification};
use backstay_learn::learner::Effect;
use backstay_model::{Seq, Span, WorkClass};
use backstay_world::annals::{CHANGED, Habit, MOVED, UNDER, annals};
use backstay_world::{Scenario, run};

/// What everybody knows who reads the record.
fn known(habit: Habit) -> Known {
    let (pages, read) = annals(habit, 7);
    let mut snapshots = MemorySnapshots::new();
    read.iter().for_each(|s| snapshots.put(s).unwrap());
    let log = MemoryEntries::new();
    let mut journal = Journal::open(log.clone()).unwrap();
    for (at, records) in pages {
        drop(journal.commit(at, records).unwrap());
    }
    let mut known = Kept::nothing().known;
    for entry in Entries::new(&log, Seq(1)).decoded() {
        let entry = entry.unwrap();
        drop(known.enter((entry.seq.0, entry.at), &entry.record, &snapshots));
    }
    known
}

/// The one question that there is something to ask about.
fn asked(known: &Known) -> &Asked {
    let about = |a: &&Asked| a.setting.as_str() == CHANGED && a.metric.as_str() == MOVED;
    let asked: Vec<&Asked> = known.learning.asked().iter().filter(about).collect();
    let [only] = asked.as_slice() else {
        panic!("{asked:?}");
    };
    assert_eq!(only.under.as_str(), UNDER);
    only
}

fn effects(known: &Known) -> Vec<&Effect> {
    let about = |e: &&Effect| e.setting.as_str() == CHANGED && e.metric.as_str() == MOVED;
    known.learning.effects().filter(about).collect()
}

#[test]
fn an_effect_that_depends_on_another_setting_is_seen_in_two_kinds_of_work() {
    let known = known(Habit::TwoKindsOfWork);
    let Modification::Seen { p, cells } = &asked(&known).answer else {
        panic!("{:?}", asked(&known));
    };
    assert!(*p < 0.01, "{p}");
    let work: Vec<WorkClass> = cells.iter().map(|c| c.work).collect();
    assert_eq!(work, [WorkClass::OltpRead, WorkClass::Analytic]);
    for cell in cells {
        // The multiplier is 2 or 4; what a doubling does was put in.
        assert!((1.0..2.0).contains(&cell.split), "{cell:?}");
        assert!((cell.low.mean + 0.12).abs() < 0.05, "{cell:?}");
        assert!((cell.high.mean + 0.6).abs() < 0.15, "{cell:?}");
    }
}

#[test]
fn one_kind_of_work_is_no_replication_and_untold_work_is_none() {
    let one = known(Habit::OneKindOfWork);
    assert_eq!(asked(&one).answer, Modification::TooFew { classes: 1 });
    assert_eq!(known(Habit::Untold).learning.asked(), []);
}

#[test]
fn what_a_tuner_moved_with_it_is_refused() {
    let known = known(Habit::Tuner);
    let Modification::Refused {
        correlation: Some(r),
    } = asked(&known).answer
    else {
        panic!("{:?}", asked(&known));
    };
    assert!(r > 0.9, "{r}");
}

#[test]
fn effects_are_told_by_the_kind_of_work_and_over_all_of_it() {
    let told = |habit| {
        let known = known(habit);
        let lines = effects(&known).into_iter();
        lines.map(|e| (e.work, e.n)).collect::<Vec<_>>()
    };
    let [
        (WorkClass::OltpRead, a),
        (WorkClass::Analytic, b),
        (WorkClass::Unknown, all),
    ] = told(Habit::TwoKindsOfWork)[..]
    else {
        panic!("{:?}", told(Habit::TwoKindsOfWork));
    };
    assert_eq!(a + b, all);
    // A record of before said nothing of the work: everything is pooled, as it was then.
    assert_eq!(told(Habit::Untold), [(WorkClass::Unknown, all)]);
}

#[test]
fn what_was_asked_and_answered_is_kept_in_a_checkpoint() {
    let mut known = known(Habit::TwoKindsOfWork);
    assert!(
        known == self::known(Habit::TwoKindsOfWork),
        "not the same again"
    );
    // A checkpoint is worth its while after so many entries only.
    let log = MemoryEntries::new();
    let mut journal = Journal::open(log.clone()).unwrap();
    let (mut pages, _) = annals(Habit::TwoKindsOfWork, 7);
    let (at, last) = pages.last().cloned().unwrap();
    pages.push((at, last.iter().cycle().take(5_000).cloned().collect()));
    for (at, records) in pages {
        drop(journal.commit(at, records).unwrap());
    }
    let (none, mut head) = (MemorySnapshots::new(), Head::EMPTY);
    for entry in Entries::new(&log, Seq(1)).decoded() {
        let entry = entry.unwrap();
        if entry.seq.0 > known.graph.applied_seq() {
            drop(known.enter((entry.seq.0, entry.at), &entry.record, &none));
        }
        head = Head {
            seq: entry.seq,
            hash: entry.hash,
        };
    }
    checkpoint::keep(&log, Seq(0), (head, &known));
    let mut kept = Kept::read(&log).unwrap().unwrap().known;
    assert!(kept == known);
    assert!(!kept.learning.asked().is_empty());
    let later = (head.seq.0 + 1, at + Span::from_secs(2 * 86_400));
    drop(kept.enter(later, &last[0], &none));
    drop(known.enter(later, &last[0], &none));
    assert!(kept == known, "it goes on otherwise");
}

/// The class that a guard told of the demo's four services, from the time before a change at `second`.
fn told_live(second: u32) -> WorkClass {
    let text = format!(
        "title what work it was\nseed 3\nlasts {}s\nmode observe\nat {second}s ann alters system set work_mem = 8MB\n",
        second + 75
    );
    let story = run(&Scenario::parse(&text).unwrap()).unwrap();
    let [outcome] = story.outcomes.as_slice() else {
        panic!("one change was made");
    };
    let case = outcome.case.as_ref().unwrap();
    assert!(case.verdict.is_some(), "{:?}", case.state);
    case.work
}

#[test]
fn a_guard_tells_the_kind_of_work_before_a_change() {
    assert_eq!(told_live(90), WorkClass::OltpMixed);
    assert_eq!(
        told_live(30),
        WorkClass::Unknown,
        "half a minute is too short"
    );
}
