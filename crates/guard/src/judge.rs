//! Samples become verdicts, verdicts become events.

use backstay_detect::{Opening, Watch};
use backstay_journal::{Condition, MetricStore, Record};
use backstay_lifecycle::State;
use backstay_lifecycle::policy::Brake;
use backstay_lifecycle::state::{Check, Keeper};
use backstay_model::decision::{HoldReason, SettingClass};
use backstay_model::sample::{Held, ProbeStep};
use backstay_model::verdict::{Recovery, Refusal, Verdict, VerdictKind};
use backstay_model::{ChangeSetId, Event, MetricName, Sample, Span, TargetId, Timestamp};

use crate::books::Books;
use crate::desk::{Desk, Sight};
use crate::evidence::{gone, note_away, waits_for_answer};
use crate::mend::{beside, look_for_harm, mended, put_back_by};
use crate::news::{News, Tidings};
use crate::observe::class_of;
use crate::report::Report;
use crate::tick::Guard;
use crate::turn::Turn;
use crate::usual::{begun_before, common, lock_waits, note_unusual, shared};
use crate::work::{at_moment, in_effect};

/// An open intent that is not answered for is asked about again after this time.
const ASK_AGAIN: Span = Span::from_secs(10);
/// A writer that was handed a task and said nothing for so long is not going to answer it.
const ANSWER_MAX: Span = Span::from_secs(120);
/// A target is given this long after the start of the guard to be connected, before a watch that ended
/// meanwhile is judged without it.
const CONNECT_MAX: Span = Span::from_secs(30);
impl<B: Books> Guard<B> {
    /// A second of metrics: kept, shown to every open watch, and to the placebo banks when nothing is
    /// being watched.
    pub(crate) fn sampled(&mut self, desk: &mut Desk, mut sample: Sample, turn: &mut Turn) {
        // What another server measures says nothing about ours.
        if desk.sight == Sight::Another {
            return;
        }
        sample.probes.append(&mut desk.probes);
        measure_probes(&mut sample);
        if sample.held == Held::Answers {
            self.answers(desk, turn);
        } else {
            note_away(desk, sample.at);
        }
        desk.history.push(&sample);
        let unstored = self.unstored.entry(desk.target.clone()).or_default();
        unstored.samples.push(sample.clone());
        turn.tell(&desk.target, Tidings::Sampled(sample.clone()));
        if desk.quiet(turn.now) {
            desk.learn(&sample);
            tell_learning(desk, turn);
        }
        self.minute(desk, &sample, turn);
        note_unusual(desk, &sample, turn);
        for id in desk.open_cases() {
            match desk.cases.get(&id).map(|c| c.state.clone()) {
                Some(State::Watching { .. }) => self.watch(desk, id, &sample, turn),
                Some(State::Verifying {
                    check: Check::Health { since },
                    ..
                }) => {
                    self.check_recovery(desk, id, since, turn);
                }
                Some(State::Reverting { .. }) => self.reconsider(desk, id, turn),
                _ => {}
            }
        }
    }

    /// Opens the watch of a change set on the samples around it.
    pub(crate) fn open_watch(&mut self, desk: &mut Desk, id: ChangeSetId, turn: &mut Turn) {
        let Some(case) = desk.cases.get(&id) else {
            return;
        };
        // What is being put back is watched too: its watch answers whether that helped.
        let (change_set, until) = match case.state {
            State::Watching { until, .. } if let Some(anew) = case.anew => {
                (at_moment(&case.change_set, anew.since), until)
            }
            State::Watching { since, until, .. } => (in_effect(&case.change_set, since), until),
            State::Reverting { .. } | State::Verifying { .. } => {
                (case.change_set.clone(), turn.now)
            }
            _ => return,
        };
        let history = match case.anew {
            Some(anew) => desk.around(anew),
            None => desk.undisturbed(),
        };
        let mut watch = Watch::open(&Opening {
            change: &change_set,
            specs: &desk.specs,
            history: &history,
            banks: &desk.banks,
            policy: &desk.detect,
            until,
            lock_waits: lock_waits(desk, &change_set),
        });
        if begun_before(desk, &change_set) {
            watch.refuse(Refusal::NotNew);
        }
        watch.discount(common(desk, id));
        desk.watches.insert(id, watch);
        look_for_harm(desk, id, until);
        self.watch_slowly(desk, &change_set);
        if until > turn.now {
            turn.tell(
                &desk.target,
                Tidings::Watching {
                    change_set: id,
                    until,
                },
            );
        }
    }

    fn watch(&mut self, desk: &mut Desk, id: ChangeSetId, sample: &Sample, turn: &mut Turn) {
        let Some(watch) = desk.watches.get_mut(&id) else {
            return;
        };
        let told = watch.push(sample);
        let Some(mut verdict) = beside(desk, (id, sample), told) else {
            return;
        };
        let Some(watch) = desk.watches.get_mut(&id) else {
            return;
        };
        let hurts = matches!(verdict.kind, VerdictKind::Hurt { .. });
        if hurts && shared(self.desks.values(), &desk.specs, (watch, &verdict)) {
            watch.refuse(Refusal::CommonCause);
            verdict = watch.verdict(sample.at);
        }
        let over = sample.at >= watch.until();
        match verdict.kind {
            VerdictKind::Hurt { .. } | VerdictKind::Healthy { .. } => {
                self.judged(desk, id, verdict, turn);
            }
            _ if over => self.judged(desk, id, verdict, turn),
            _ => turn.tell(
                &desk.target,
                Tidings::Judged {
                    change_set: id,
                    verdict,
                },
            ),
        }
    }

    /// What time alone brings: a watch that got no samples ends all the same, and so does the wait for
    /// a recovery.
    pub(crate) fn overdue(&mut self, desk: &mut Desk, turn: &mut Turn) {
        for id in desk.open_cases() {
            let Some(state) = desk.cases.get(&id).map(|c| c.state.clone()) else {
                continue;
            };
            match state {
                State::Watching { until, .. }
                    if turn.now >= until + desk.detect.step
                        && (desk.watches.contains_key(&id)
                            || turn.now >= self.began_at + CONNECT_MAX) =>
                {
                    let verdict = desk.watches.get(&id).map(|w| w.verdict(turn.now));
                    let verdict = verdict.unwrap_or_else(|| no_data(turn.now));
                    self.judged(desk, id, verdict, turn);
                }
                State::Verifying {
                    check: Check::Health { since },
                    ..
                } if turn.now >= since.max(self.began_at) + desk.policy.recovery_window => {
                    self.recovery_over(desk, id, since, turn);
                }
                State::Judged { .. } => self.rule(desk, id, turn),
                _ => self.ask_again(desk, id, turn),
            }
        }
    }

    /// An intent whose answer was lost is asked about again. The observer may be kept out by the very
    /// change that is being put back, so as long as the intent can still be delivered the writer is
    /// asked whatever the observer says; after that it is enough to know once the target answers.
    fn ask_again(&mut self, desk: &mut Desk, id: ChangeSetId, turn: &mut Turn) {
        let Some(case) = desk.cases.get(&id) else {
            return;
        };
        let Some(attempt) = case.state.open_attempt() else {
            return;
        };
        let (intent, moved_at) = (attempt.intent, case.moments.moved_at);
        let answers = desk.condition.as_ref().is_none_or(Condition::watchable);
        let worth = answers || turn.now < attempt.expires_at;
        let silent = |since: Timestamp| turn.now >= since + ANSWER_MAX;
        let due = turn.now >= moved_at + ASK_AGAIN
            && desk.awaited.get(&intent).is_none_or(|a| silent(a.since));
        let free = self.brake() == Brake::Off && desk.stranger().is_none();
        if due && worth && free {
            desk.awaited.remove(&intent);
            self.advance(desk, id, &Event::Resumed { at: turn.now }, turn);
        } else if due && turn.now >= attempt.expires_at && waits_for_answer(&case.state) {
            self.given_up_on(desk, (id, intent), turn);
        }
    }

    /// A verdict that counts: harm, or the end of the watch.
    fn judged(&mut self, desk: &mut Desk, id: ChangeSetId, verdict: Verdict, turn: &mut Turn) {
        let Some(case) = desk.cases.get(&id) else {
            return;
        };
        let State::Watching {
            extensions, since, ..
        } = case.state
        else {
            return;
        };
        let work = desk.work_before(case);
        let (mut verdict, mends) = mended(desk, id, verdict);
        self.share_blame(desk, id, &mut verdict);
        let extend_until = match verdict.kind {
            VerdictKind::Hurt { .. } | VerdictKind::Healthy { .. } => None,
            _ => desk.policy.extend(turn.now, extensions),
        };
        let hold = match mends {
            // An old value that is back needs nobody's word.
            Some(of) if put_back_by(desk, of, id) => None,
            _ => reserved(desk, id).or_else(|| gone(desk, since, &verdict.kind)),
        };
        turn.tell(
            &desk.target,
            Tidings::Judged {
                change_set: id,
                verdict: verdict.clone(),
            },
        );
        let event = Event::Judged {
            at: turn.now,
            verdict,
            extend_until,
            hold,
            work,
            mends,
        };
        if !self.advance(desk, id, &event, turn) {
            return;
        }
        if let Some(of) = mends {
            self.tell_mended(desk, (id, of), turn);
        }
        self.after_verdict(desk, id, turn);
    }

    /// What follows a verdict: a ruling, more time, or rest.
    fn after_verdict(&mut self, desk: &mut Desk, id: ChangeSetId, turn: &mut Turn) {
        match desk.cases.get(&id).map(|c| c.state.clone()) {
            Some(State::Judged { .. }) => return self.rule(desk, id, turn),
            Some(State::Watching { until, .. }) => {
                if let Some(watch) = desk.watches.get_mut(&id) {
                    watch.extend(until);
                }
                let change_set = id;
                turn.tell(&desk.target, Tidings::Watching { change_set, until });
                return;
            }
            Some(State::Kept {
                by: Keeper::Verdict(v),
                ..
            }) if !v.kind.clears() => {}
            Some(State::Kept { .. }) => self.known_good(desk, id, turn),
            _ => self.lay_ready(desk, id),
        }
        self.settle(desk, id, turn);
    }

    /// A held change set shows its operator how it would be put back.
    fn lay_ready(&self, desk: &mut Desk, id: ChangeSetId) {
        let Some(case) = desk.cases.get(&id) else {
            return;
        };
        if case.plan.is_none() {
            let plan = self.plan(desk, case);
            desk.cases.entry(id).and_modify(|c| c.plan = Some(plan));
        }
    }

    /// The configuration on which a watch ended well is the one to go back to.
    pub(crate) fn known_good(&mut self, desk: &mut Desk, id: ChangeSetId, turn: &mut Turn) {
        let Some(snapshot) = desk.snapshot.clone() else {
            return;
        };
        // While something else is still being judged, this configuration is not known to be good.
        if desk.open_cases().iter().any(|other| *other != id) {
            return;
        }
        self.mark_good(&snapshot, turn.now);
        turn.record(Record::KnownGood {
            target: desk.target.clone(),
            snapshot: snapshot.id.clone(),
            change_set: Some(id),
        });
        desk.good = Some(snapshot);
    }

    fn check_recovery(
        &mut self,
        desk: &mut Desk,
        id: ChangeSetId,
        since: Timestamp,
        turn: &mut Turn,
    ) {
        let recovery = desk
            .watches
            .get(&id)
            .map(|w| w.recovery(since, &desk.history.since(since)));
        if recovery == Some(Recovery::Yes) {
            self.recovered(desk, id, Recovery::Yes, turn);
        }
    }

    fn recovery_over(
        &mut self,
        desk: &mut Desk,
        id: ChangeSetId,
        since: Timestamp,
        turn: &mut Turn,
    ) {
        let watch = desk.watches.get(&id);
        let recovery = watch.map_or(Recovery::Unknown, |w| {
            w.recovery(since, &desk.history.since(since))
        });
        self.recovered(desk, id, recovery, turn);
    }

    fn recovered(&mut self, desk: &mut Desk, id: ChangeSetId, recovery: Recovery, turn: &mut Turn) {
        desk.disturb(turn.now);
        let event = Event::Recovered {
            at: turn.now,
            recovery,
        };
        if self.advance(desk, id, &event, turn) {
            turn.tell(
                &desk.target,
                Tidings::Recovered {
                    change_set: id,
                    recovery,
                },
            );
            self.settle(desk, id, turn);
        }
    }

    /// Moves a case by one event and records the step. `false` when the event came too late for the
    /// state; that is told in the log and nowhere else.
    pub(crate) fn advance(
        &mut self,
        desk: &mut Desk,
        id: ChangeSetId,
        event: &Event,
        turn: &mut Turn,
    ) -> bool {
        let Some(case) = desk.cases.get_mut(&id) else {
            return false;
        };
        match case.apply(event) {
            Ok(commands) => {
                let target = desk.target.clone();
                turn.step(&target, id, event.clone(), commands);
                true
            }
            Err(error) => {
                tracing::info!(%error, %id, "an event came too late");
                false
            }
        }
    }

    /// A change set came to rest, for good or until a person acts: its report is told and recorded.
    pub(crate) fn settle(&mut self, desk: &mut Desk, id: ChangeSetId, turn: &mut Turn) {
        let Some(case) = desk.cases.get(&id) else {
            return;
        };
        if matches!(case.state, State::Held { .. })
            || case.state.settled()
            || matches!(case.state, State::RollbackFailed { .. })
        {
            let report = Report::on(case);
            if case.state.settled() {
                desk.watches.remove(&id);
                desk.mending.remove(&id);
            }
            match serde_json::to_value(&report) {
                Ok(value) => turn.record(Record::Reported {
                    change_set: id,
                    target: desk.target.clone(),
                    report: value,
                }),
                Err(error) => tracing::error!(%error, %id, "a report could not be recorded"),
            }
            turn.tell(&desk.target, Tidings::Settled(Box::new(report)));
        }
    }

    /// Stores the samples that came in; a failure narrows sight and is told as it begins and ends, it
    /// does not stop judging.
    pub(crate) fn store_samples(&mut self) -> Vec<News> {
        let mut news = Vec::new();
        for (target, unstored) in &mut self.unstored {
            let Some(at) = unstored.samples.last().map(|s| s.at) else {
                continue;
            };
            let stored = self.metrics.append(target, &unstored.samples);
            if let Some((notice, presence)) = unstored.settle(stored) {
                news.push(News {
                    at,
                    target: target.clone(),
                    what: Tidings::Notice(notice, presence),
                });
            }
        }
        news
    }
}

/// Why a change set waits for a person even when nothing hurts: no metric can clear durability.
fn reserved(desk: &Desk, id: ChangeSetId) -> Option<HoldReason> {
    let case = desk.cases.get(&id)?;
    let mut classes = case.change_set.changes.iter().map(|c| class_of(desk, c));
    let durable = classes.any(|class| class == SettingClass::Durability);
    durable.then_some(HoldReason::Class(SettingClass::Durability))
}

/// The newest readings as metrics, so that a slow answer to a fresh client is judged like any other.
fn measure_probes(sample: &mut Sample) {
    for reading in &sample.probes {
        let steps = [
            ("probe_connect_ms", &reading.connect),
            ("probe_read_ms", &reading.read),
            ("probe_write_ms", &reading.write),
        ];
        for (name, step) in steps {
            if let ProbeStep::Done { ms } = step {
                sample.metrics.insert(MetricName::from_static(name), *ms);
            }
        }
    }
}

fn no_data(now: Timestamp) -> Verdict {
    Verdict {
        kind: VerdictKind::NoData,
        at: now,
        p_value: None,
        score: 0.0,
        alarm_at: None,
        findings: Vec::new(),
        refusals: vec![Refusal::TooFew],
        calibration: backstay_model::verdict::Calibration::None,
    }
}

/// Progress of learning, told each second until there is enough.
fn tell_learning(desk: &mut Desk, turn: &mut Turn) {
    let answers = desk.condition.as_ref().is_some_and(Condition::watchable);
    if !answers {
        return;
    }
    let have = desk.learnt();
    let want = desk.detect.min_baseline;
    let seconds = have.0 / 1_000_000;
    if seconds != desk.told_learning_s && desk.told_learning_s * 1_000_000 < want.0 {
        desk.told_learning_s = seconds;
        let target: TargetId = desk.target.clone();
        turn.tell(
            &target,
            Tidings::Learning {
                have_s: have.as_secs_f64(),
                want_s: want.as_secs_f64(),
            },
        );
    }
}
