use backstay_model::sample::Holding;

use super::*;

fn at(second: i64, [foreign, waiting, active]: [f64; 3]) -> Sample {
    let values = [(FOREIGN, foreign), (WAITING, waiting), (ACTIVE, active)];
    Sample {
        at: Timestamp(second * 1_000_000),
        metrics: values
            .into_iter()
            .filter(|(_, v)| v.is_finite())
            .map(|(name, v)| (MetricName::from_static(name), v))
            .collect(),
        ..Sample::default()
    }
}

/// Sessions that wait for such a lock, that wait, that are at work; and whether work stands behind it.
#[test]
fn work_stands_behind_a_lock_when_most_of_it_waits_for_that_and_for_nothing_else() {
    for (counts, expected) in [
        ([8.0, 8.0, 8.0], true),
        ([8.0, 10.0, 12.0], true),
        ([1.0, 1.0, 1.0], true),
        // One more waits for something else than a fifth may.
        ([7.0, 9.0, 9.0], false),
        // One migration's victim beside many that work, slowly: that is not why.
        ([1.0, 1.0, 8.0], false),
        ([0.0, 0.0, 0.0], false),
        ([0.0, 8.0, 8.0], false),
        // Nobody may look.
        ([f64::NAN, 8.0, 8.0], false),
        ([8.0, f64::NAN, 8.0], false),
    ] {
        assert_eq!(stands(&at(1, counts)), expected, "{counts:?}");
    }
}

const STEP: Span = Span::from_secs(1);
const HELD: [f64; 3] = [8.0, 8.0, 9.0];
const FREE: [f64; 3] = [0.0, 1.0, 9.0];

fn seen(waits: LockWaits, before: &[Sample], seconds: &[[f64; 3]]) -> (HeldUp, Vec<Counts>) {
    let mut held_up = HeldUp::begin(waits, before.iter());
    let counts = seconds.iter().enumerate();
    let counts = counts
        .map(|(i, counts)| held_up.see(&at(100 + i as i64, *counts), STEP))
        .collect();
    (held_up, counts)
}

#[test]
fn the_time_behind_the_lock_and_a_moment_after_is_not_judged() {
    let mut seconds = vec![FREE, HELD, FREE, HELD];
    seconds.extend([FREE; 7]);
    let (held_up, counts) = seen(LockWaits::Excused, &[], &seconds);
    let told: String = counts
        .iter()
        .map(|c| if *c == Counts::Yes { '.' } else { 'x' })
        .collect();
    assert_eq!(told, ".xxxxxxxx..");
    assert_eq!(held_up.bins(), 8);
    assert!(!held_up.amid(Timestamp(110_000_000), STEP) && held_up.ever());
}

#[test]
fn a_change_about_locks_is_not_excused_and_neither_is_what_was_so_before() {
    let (held_up, counts) = seen(LockWaits::Blamed, &[], &[HELD; 3]);
    assert!(counts.iter().all(|c| *c == Counts::Yes) && !held_up.ever());
    let usual: Vec<Sample> = (0..100)
        .map(|s| at(s, if s % 3 == 0 { HELD } else { FREE }))
        .collect();
    let (held_up, _) = seen(LockWaits::Excused, &usual, &[HELD; 3]);
    assert!(!held_up.ever(), "a third of the time before was the same");
    let rare: Vec<Sample> = (0..100)
        .map(|s| at(s, if s % 10 == 0 { HELD } else { FREE }))
        .collect();
    assert!(seen(LockWaits::Excused, &rare, &[HELD; 3]).0.ever());
}

#[test]
fn a_person_reads_who_keeps_the_lock_and_nothing_of_what_they_typed() {
    let mut held_up = HeldUp::default();
    let mut sample = at(36_013, HELD);
    let holder = |session, application: &str, doing| LockHolder {
        session,
        application: application.to_owned(),
        role: "ann".to_owned(),
        doing,
        since: Timestamp(36_010_000_000),
    };
    sample.holders = vec![holder(1234, "psql", Holding::Idle)];
    held_up.see(&sample, STEP);
    let text = |held_up: &HeldUp, second: i64| {
        let now = Timestamp(second * 1_000_000);
        held_up.finding(now, STEP).unwrap().text
    };
    insta::assert_snapshot!(text(&held_up, 36_013), @"8 sessions wait for a lock that session 1234 (psql, role ann, idle in transaction since 10:00:10) keeps, since 10:00:13");
    sample.at = Timestamp(36_014_000_000);
    sample.holders = vec![
        holder(7, "", Holding::Runs("ALTER TABLE".to_owned())),
        holder(8, "job", Holding::Idle),
    ];
    held_up.see(&sample, STEP);
    insta::assert_snapshot!(text(&held_up, 36_060), @"8 sessions waited for a lock that session 7 (role ann, ALTER TABLE since 10:00:10) and session 8 (job, role ann, idle in transaction since 10:00:10) kept, from 10:00:13 to 10:00:14: that time is not judged");
}
