//! Reasons that a verdict gives against blaming a change, reached.

use std::collections::BTreeSet;

use backstay_model::change::TakesEffect;
use backstay_model::value::Scope;
use backstay_model::verdict::{Refusal, Verdict};
use backstay_model::{MetricName, Sample, Span, Timestamp};

use super::story;
use crate::testing::bed::{Bed, Spread, State, change, specs};
use crate::{Banks, DetectPolicy, History, Opening, Watch};

const CALM: Spread = Spread {
    work: 0.05,
    phi: 0.3,
    drift: 0.0,
    latency: 0.15,
};

/// A busy target with placebo banks of its own, and its next second.
struct Known {
    bed: Bed,
    past: Vec<Sample>,
    banks: Banks,
    second: i64,
}

fn busy() -> State {
    State::good().with(|s| s.active = 20.0)
}

impl Known {
    fn new() -> Self {
        Self::as_noisy_as(CALM)
    }

    fn as_noisy_as(spread: Spread) -> Self {
        let policy = DetectPolicy::standard(Span::from_secs(30));
        let (mut bed, mut banks) = (Bed::new(11, spread), Banks::new(&specs(), &policy));
        let mut history = History::new(600);
        for second in 1..=4_500 {
            let sample = bed.sample(second, &busy());
            history.push(&sample);
            banks.push(&sample, |since| history.after(since, 600));
        }
        Self {
            bed,
            past: history.samples(),
            banks,
            second: 4_500,
        }
    }

    /// The last word of a watch of half a minute on what `during` says of each second.
    fn watched(&mut self, edit: impl FnOnce(&mut Watch), during: impl Fn(i64) -> State) -> Verdict {
        let until = Timestamp::from_secs(self.second + 30);
        let mut watch = Watch::open(&Opening {
            change: &change(self.second, TakesEffect::Now, Scope::Instance),
            specs: &specs(),
            history: &self.past,
            banks: &self.banks,
            policy: &DetectPolicy::standard(Span::from_secs(30)),
            until,
            lock_waits: crate::LockWaits::Excused,
        });
        edit(&mut watch);
        for second in 1..=30 {
            let _moved = watch.push(&self.bed.sample(self.second + second, &during(second)));
        }
        watch.verdict(until)
    }
}

/// A third of the work is lost, the clients wait for it.
fn lame() -> State {
    busy().work(0.67)
}

#[test]
fn harm_that_was_there_before_or_that_others_have_too_is_confounded() {
    let hurt = Known::new().watched(|_| {}, |_| lame());
    assert_eq!(hurt.kind.word(), "hurt", "{hurt:#?}");
    for reason in [Refusal::NotNew, Refusal::CommonCause] {
        let verdict = Known::new().watched(|w| w.refuse(reason), |_| lame());
        assert_eq!(verdict.kind.word(), "confounded", "{reason:?}");
        assert!(verdict.refusals.contains(&reason), "{verdict:#?}");
    }
    // A class change is compared with the moments before: what was there before is not new anyway.
    let dead = |_| busy().work(0.0);
    let verdict = Known::new().watched(|w| w.refuse(Refusal::NotNew), dead);
    assert_eq!(verdict.kind.word(), "hurt");
}

#[test]
fn what_harmless_changes_show_as_well_accuses_nobody_alone() {
    let work = ["commits_per_s", "writes_per_s", "reads_per_s"].map(MetricName::new);
    let usual: BTreeSet<MetricName> = work.into();
    let verdict = Known::new().watched(|w| w.discount(usual.clone()), |_| lame());
    assert_ne!(verdict.kind.word(), "hurt", "{verdict:#?}");
    assert!(
        verdict
            .refusals
            .contains(&Refusal::CommonAroundHarmlessChanges),
        "{:?}",
        verdict.refusals
    );
}

#[test]
fn what_is_too_small_to_matter_is_below_the_gate() {
    let even = Spread { work: 0.02, ..CALM };
    let verdict = Known::as_noisy_as(even).watched(|_| {}, |_| busy().work(0.97));
    assert_ne!(verdict.kind.word(), "hurt");
    assert!(
        verdict.refusals.contains(&Refusal::BelowGate),
        "{verdict:#?}"
    );
}

#[test]
fn what_heals_by_itself_is_transient() {
    let dips = |second: i64| if second <= 8 { lame() } else { busy() };
    let verdict = Known::new().watched(|_| {}, dips);
    assert_ne!(verdict.kind.word(), "hurt");
    assert!(
        verdict.refusals.contains(&Refusal::Transient),
        "{verdict:#?}"
    );
}

#[test]
fn a_broken_promise_switches_statistics_off_but_not_class_changes() {
    let mut known = Known::new();
    known.banks.break_promise();
    let verdict = known.watched(|_| {}, |_| lame());
    assert_ne!(verdict.kind.word(), "hurt", "{verdict:#?}");
    assert!(
        verdict.refusals.contains(&Refusal::Uncalibrated),
        "{verdict:#?}"
    );
    let mut known = Known::new();
    known.banks.break_promise();
    assert_eq!(
        known.watched(|_| {}, |_| busy().work(0.0)).kind.word(),
        "hurt"
    );
}

#[test]
fn a_time_before_that_was_not_normal_is_a_dirty_baseline() {
    let mut known = Known::new();
    let sick: Vec<Sample> = (1..=30)
        .map(|s| known.bed.sample(known.second + s, &busy().work(0.4)))
        .collect();
    known.second += 30;
    known.past.extend(sick);
    let verdict = known.watched(|_| {}, |_| busy().work(0.3));
    assert!(
        verdict.refusals.contains(&Refusal::DirtyBaseline),
        "{verdict:#?}"
    );
    assert_ne!(verdict.kind.word(), "healthy");
}

#[test]
fn without_samples_before_or_since_nothing_is_said() {
    let good = |_: i64| State::good();
    let mut short = story(3, &good);
    short.baseline = 3;
    let refusals = short.play().last.refusals;
    assert!(refusals.contains(&Refusal::NoBaseline), "{refusals:?}");
    let mut brief = story(3, &good);
    brief.length = 3;
    let end = brief.play().last;
    assert_eq!(end.kind.word(), "no data");
    assert!(end.refusals.contains(&Refusal::TooFew), "{end:#?}");
}

#[test]
fn a_change_for_sessions_that_no_probe_sees_is_said_to_be_unseen() {
    let unseen = |_: i64| State::good().with(|s| s.probes = false);
    let mut blind = story(3, &unseen);
    blind.takes_effect = TakesEffect::NewSessions;
    blind.before = State::good().with(|s| s.probes = false);
    let end = blind.play().last;
    assert_eq!(end.kind.word(), "inconclusive");
    assert!(end.refusals.contains(&Refusal::BlindProbe), "{end:#?}");
}

#[test]
fn a_quiet_target_with_banks_of_its_own_is_cleared_before_the_end() {
    let policy = DetectPolicy::standard(Span::from_secs(900));
    let still = Spread {
        work: 0.02,
        phi: 0.2,
        drift: 0.0,
        latency: 0.05,
    };
    let (mut bed, mut banks) = (Bed::new(21, still), Banks::new(&specs(), &policy));
    let mut history = History::new(600);
    for second in 1..=45_000 {
        let sample = bed.sample(second, &busy());
        history.push(&sample);
        banks.push(&sample, |since| history.after(since, 600));
    }
    let open = |banks: &Banks, policy: &DetectPolicy| {
        Watch::open(&Opening {
            change: &change(45_000, TakesEffect::Now, Scope::Instance),
            specs: &specs(),
            history: &history.samples(),
            banks,
            policy,
            until: Timestamp::from_secs(45_900),
            lock_waits: crate::LockWaits::Excused,
        })
    };
    let mut watch = open(&banks, &policy);
    let healthy = (45_001..45_900).find_map(|s| watch.push(&bed.sample(s, &busy())));
    let healthy = healthy.expect("a quiet watch ends early");
    assert_eq!(healthy.kind.word(), "healthy", "{healthy:#?}");
    assert!(healthy.at < Timestamp::from_secs(45_400), "{}", healthy.at);
    // A harm that matters is never cleared early.
    let mut watch = open(&banks, &policy);
    let slower = busy().with(|s| s.statement_ms = Some(0.8 * 1.3));
    let first = (45_001..45_900).find_map(|s| watch.push(&bed.sample(s, &slower)));
    assert!(first.is_none_or(|v| v.kind.word() != "healthy"));
}

#[test]
fn cold_caches_after_a_restart_are_no_harm_of_its_own() {
    // Reads find little in the caches at first; after a quarter of an hour that is no excuse any more.
    let cold = |hits: f64| {
        move |_: i64| {
            State::good().work(0.4).with(|s| {
                (s.hits, s.statement_ms) = (hits, Some(2.4));
                (s.read_ms, s.write_ms, s.active) = (6.0, 9.0, 8.0);
            })
        }
    };
    for (effect, hits, word) in [
        (TakesEffect::AtRestart, 0.7, "confounded"),
        (TakesEffect::AtRestart, 0.99, "hurt"),
        (TakesEffect::Now, 0.7, "hurt"),
    ] {
        let during = cold(hits);
        let mut restarted = story(5, &during);
        restarted.takes_effect = effect;
        let end = restarted.play();
        assert_eq!(
            end.last.kind.word(),
            word,
            "{effect:?} {hits}: {:#?}",
            end.last
        );
        assert_eq!(end.hurt_after.is_some(), word == "hurt");
    }
}
