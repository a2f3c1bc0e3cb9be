//! Repairs: a change that came while another one's harm was on may be what ends it. What stood before it
//! is no level to compare with, and going back is no remedy. And values under which a target was judged
//! harmed: nobody is told to go back to one.

use backstay_detect::{Opening, Watch};
use backstay_journal::{Notice, Presence};
use backstay_lifecycle::State;
use backstay_lifecycle::state::{Keeper, Successor};
use backstay_model::decision::HoldReason;
use backstay_model::plan::Plan;
use backstay_model::verdict::{Finding, Recovery, Refusal, UNPROVEN, Verdict, VerdictKind};
use backstay_model::{ChangeSetId, Sample, Span, Timestamp};

use crate::books::Books;
use crate::case::{Anew, Case};
use crate::desk::Desk;
use crate::tick::Guard;
use crate::turn::Turn;
use crate::usual::lock_waits;
use crate::work::at_moment;

/// What alarmed must be back for so long before a change is said to have ended it.
const BACK_MIN: Span = Span::from_secs(5);

/// Newest samples that tell whether it is.
const NEWEST: usize = 30;

/// A change that is watched while another one's harm was on when it came.
#[derive(Debug)]
pub(crate) struct Mending {
    /// Whose harm, and how it shows.
    of: ChangeSetId,
    kind: VerdictKind,
    /// The watch of that one: it knows what alarmed, and the level before.
    harm: Watch,
    /// The change against that level too.
    good: Watch,
    /// When it took effect, and since when what alarmed is back.
    since: Timestamp,
    back_since: Option<Timestamp>,
    /// Whether what alarmed went on from before it, without an end.
    unbroken: Unbroken,
}

/// Whether what alarmed before a change went on after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unbroken {
    Yes,
    No,
}

/// A watch on `id` begins: was another change's harm on when it came?
pub(crate) fn look_for_harm(desk: &mut Desk, id: ChangeSetId, until: Timestamp) {
    desk.mending.remove(&id);
    let Some(case) = desk.cases.get(&id).filter(|case| case.anew.is_none()) else {
        return;
    };
    let since = case.change_set.effective_at();
    let harmful = desk.cases.values().filter(|other| {
        let earlier = other.change_set.effective_at() < since;
        other.change_set.id != id && earlier && harm_is_on(other, id)
    });
    // The newest of them says what hurts now.
    let Some(other) = harmful.max_by_key(|other| other.moments.judged_at) else {
        return;
    };
    let (history, at) = (desk.history.samples(), other.change_set.effective_at());
    let opening = |change, history, until| Opening {
        change,
        specs: &desk.specs,
        history,
        banks: &desk.banks,
        policy: &desk.detect,
        until,
        lock_waits: lock_waits(desk, change),
    };
    let before: Vec<Sample> = history.iter().filter(|s| s.at <= since).cloned().collect();
    let harm = Watch::open(&opening(&other.change_set, &before, since));
    let judged_at = other.moments.judged_at.unwrap_or(at);
    if harm.recovery(judged_at.min(since - BACK_MIN), &before) == Recovery::Yes {
        return;
    }
    let around = desk.around(Anew {
        good_until: at,
        since,
    });
    let good = Watch::open(&opening(
        &at_moment(&case.change_set, since),
        &around,
        until,
    ));
    let mending = Mending {
        of: other.change_set.id,
        kind: other
            .verdict
            .as_ref()
            .map_or(VerdictKind::NoData, |v| v.kind.clone()),
        harm,
        good,
        since,
        back_since: None,
        unbroken: Unbroken::Yes,
    };
    desk.mending.insert(id, mending);
}

/// Whether the harm of a change set was not known to be over when `by` came.
fn harm_is_on(case: &Case, by: ChangeSetId) -> bool {
    let hurt = case.verdict.as_ref().is_some_and(|v| v.kind.hurt());
    let on = match &case.state {
        State::Held { .. }
        | State::Judged { .. }
        | State::Reverting { .. }
        | State::Verifying { .. }
        | State::RollbackFailed { .. } => true,
        State::Superseded {
            by: Successor::ChangeSet { id, .. },
            ..
        } => *id == by,
        _ => false,
    };
    hurt && on
}

/// Whether the old value of one change set was put back with another.
pub(crate) fn put_back_by(desk: &Desk, of: ChangeSetId, id: ChangeSetId) -> bool {
    desk.cases.get(&of).is_some_and(|c| c.undone_by == Some(id))
}

impl Mending {
    /// Takes in a sample; the newest samples since the change are in `history`.
    fn see(&mut self, sample: &Sample, since: &[Sample]) {
        drop(self.good.push(sample));
        self.back_since = match self.harm.recovery(self.since, since) {
            Recovery::Yes => {
                self.unbroken = Unbroken::No;
                Some(self.back_since.unwrap_or(sample.at))
            }
            Recovery::No | Recovery::Unknown => None,
        };
    }

    /// Whether harm of this kind is what was there before, and never ended.
    fn old(&self, kind: &VerdictKind) -> bool {
        self.unbroken == Unbroken::Yes && self.kind == *kind
    }

    /// Whether what alarmed is back, and for long enough.
    fn back(&self, now: Timestamp) -> bool {
        self.back_since.is_some_and(|at| now.since(at) >= BACK_MIN)
    }
}

/// A sample of a change that came amid another one's harm. What is worse than in that time, and not worse
/// than before it, is no harm: then nothing is said before the end of the watch.
pub(crate) fn beside(
    desk: &mut Desk,
    (id, sample): (ChangeSetId, &Sample),
    told: Option<Verdict>,
) -> Option<Verdict> {
    let Some(mending) = desk.mending.get_mut(&id) else {
        return told;
    };
    mending.see(sample, &desk.history.after(mending.since, NEWEST));
    let mending = desk.mending.get(&id)?;
    let watch = desk.watches.get(&id)?;
    let worse = watch.kind().hurt();
    let old = mending.old(watch.kind()) && stands(desk, mending.of);
    match (worse, mending.good.kind().hurt()) {
        (false, _) => told,
        (true, _) if old => None,
        (true, true) => Some(told.unwrap_or_else(|| watch.verdict(sample.at))),
        (true, false) => None,
    }
}

/// Whether Backstay neither puts a change set back nor did: else what ended may have ended with that.
fn stands(desk: &Desk, id: ChangeSetId) -> bool {
    let state = desk.cases.get(&id).map(|c| &c.state);
    !matches!(
        state,
        Some(State::Reverting { .. } | State::Verifying { .. } | State::RolledBack { .. })
    )
}

/// The verdict of a watch that came amid another change's harm, and whose harm ended with it.
pub(crate) fn mended(
    desk: &Desk,
    id: ChangeSetId,
    verdict: Verdict,
) -> (Verdict, Option<ChangeSetId>) {
    let Some(mending) = desk.mending.get(&id) else {
        return (verdict, None);
    };
    let (worse, good) = (verdict.kind.hurt(), mending.good.verdict(verdict.at));
    let stands = stands(desk, mending.of);
    let old = stands && mending.old(&verdict.kind);
    if worse && good.kind.hurt() && !old {
        return (verdict, None);
    }
    if mending.back(verdict.at) && stands && !good.kind.hurt() {
        let kind = match good.kind {
            VerdictKind::Healthy { .. } => good.kind.clone(),
            _ => VerdictKind::Healthy { excludes: UNPROVEN },
        };
        let of = mending.of;
        let mut findings = what_ended(mending, of);
        findings.extend(good.findings.clone());
        let repaired = Verdict {
            kind,
            findings,
            ..good
        };
        return (repaired, Some(of));
    }
    if worse {
        // It was there before, or it is worse than the incident was and not worse than before that: nobody
        // can say what this one does.
        let mut undecided = Verdict {
            kind: VerdictKind::Confounded,
            ..verdict
        };
        undecided.refusals.push(match old {
            true => Refusal::NotNew,
            false => Refusal::DirtyBaseline,
        });
        return (undecided, None);
    }
    (verdict, None)
}

/// What alarmed and is back, in words.
fn what_ended(mending: &Mending, of: ChangeSetId) -> Vec<Finding> {
    let harm = mending.harm.verdict(mending.since);
    let alarmed = harm.findings.into_iter().find(|f| f.alarm_at.is_some());
    let told = |finding: Finding| Finding {
        text: format!("what {of} hurt ended with it: {}", finding.text),
        p_value: None,
        alarm_at: None,
        harm: None,
        ..finding
    };
    alarmed.map(told).into_iter().collect()
}

impl<B: Books> Guard<B> {
    /// Tells that the harm of one change ended with another.
    pub(crate) fn tell_mended(
        &mut self,
        desk: &Desk,
        (id, of): (ChangeSetId, ChangeSetId),
        turn: &mut Turn,
    ) {
        let how = if put_back_by(desk, of, id) {
            "which put its value back by hand"
        } else {
            "and its value still stands"
        };
        let text = format!("what {of} hurt ended with {id}, {how}");
        self.noticed(desk, Notice::Other { text }, Presence::Begins, turn);
    }
}

/// Makes of a plan that would lead back to harm one that says so: a value under which the target was
/// judged harmed, by what was judged of it last, or the end of a repair whose cause still stands.
pub fn refuse_known_bad<'a>(
    plan: &mut Plan,
    case: &Case,
    cases: impl Iterator<Item = &'a Case> + Clone,
) {
    let target = &case.change_set.target;
    let others = cases.filter(|c| c.change_set.id != case.change_set.id);
    let others = others.filter(|c| c.change_set.target == *target);
    let mut found: Option<(ChangeSetId, Vec<String>)> = None;
    for step in &plan.steps {
        let judged = others.clone().filter_map(|other| {
            let mut changes = other.change_set.changes.iter();
            let same = |c: &&backstay_model::Change| {
                c.key == step.key && c.new.effective == step.predict.effective
            };
            changes.find(same)?;
            Some((other.change_set.id, judged_bad(other)?))
        });
        // What was found last counts.
        if let Some((id, true)) = judged.max_by_key(|(id, _)| *id) {
            let settings = &mut found.get_or_insert((id, Vec::new())).1;
            settings.push(step.key.to_string());
        }
    }
    let mends = case.mends.filter(|of| {
        let cause = others.clone().find(|c| c.change_set.id == *of);
        cause.is_some_and(|c| !c.state.settled())
    });
    let found = found.or(mends.map(|of| (of, Vec::new())));
    if let Some((harm_of, settings)) = found {
        plan.manual = Some(HoldReason::KnownBad { harm_of, settings });
        plan.commands.clear();
    }
}

/// Whether the values of a change set were judged: `true` when they hurt, alone, and nothing says since
/// that they did not.
fn judged_bad(case: &Case) -> Option<bool> {
    let verdict = case.verdict.as_ref()?;
    match &case.state {
        State::RolledBack {
            recovered: Recovery::No,
            ..
        } => None,
        State::Kept {
            by: Keeper::Operator { .. },
            ..
        } => None,
        _ if verdict.kind.hurt() => case.blamed().then_some(true),
        _ => verdict.kind.clears().then_some(false),
    }
}
