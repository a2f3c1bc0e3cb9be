//! The slow watch: for a day after a change, and three days at most, its effect is judged by the
//! minute. What it finds late is told to people; it writes nothing by itself, because much else may
//! rest on the change by then. What was undecided may be cleared by it.

use backstay_detect::slow::THREE_DAYS;
use backstay_journal::{Notice, Presence, Record};
use backstay_lifecycle::State;
use backstay_lifecycle::state::Keeper;
use backstay_model::decision::HoldReason;
use backstay_model::verdict::{Verdict, VerdictKind};
use backstay_model::{ChangeSet, ChangeSetId, Event, Sample};

use crate::books::Books;
use crate::case::Case;
use crate::desk::Desk;
use crate::news::Tidings;
use crate::tick::Guard;
use crate::turn::Turn;

/// Slow watches of one target at a time; of more the oldest end.
const LATE_MAX: usize = 8;
/// Change sets of which it is remembered that their slow watch is over.
const OVER_MAX: usize = 1_000;

impl<B: Books> Guard<B> {
    /// A sample came in: when it completes a minute, every slow watch is shown that minute.
    pub(crate) fn minute(&mut self, desk: &mut Desk, sample: &Sample, turn: &mut Turn) {
        let Some(minute) = desk.slow.push(sample) else {
            return;
        };
        if desk.quiet(turn.now) {
            desk.slow.learn(&minute);
        }
        let ids: Vec<ChangeSetId> = desk.late.keys().copied().collect();
        for id in ids {
            if !goes_on(desk, id) {
                end(desk, id);
                continue;
            }
            let Some(watch) = desk.late.get_mut(&id) else {
                continue;
            };
            let told = watch.push(&minute);
            let over = minute.at >= watch.until();
            match watch.kind().clone() {
                VerdictKind::Hurt { .. } => self.late_harm(desk, id, turn),
                VerdictKind::Healthy { .. } => self.cleared_late(desk, (id, told), turn),
                _ => {}
            }
            if over {
                end_or_extend(desk, id);
            }
        }
    }

    /// Opens the slow watch of a change.
    pub(crate) fn watch_slowly(&mut self, desk: &mut Desk, change_set: &ChangeSet) {
        while desk.late.len() >= LATE_MAX
            && let Some(oldest) = desk.late.keys().next().copied()
        {
            end(desk, oldest);
        }
        desk.late.insert(change_set.id, desk.slow.open(change_set));
    }

    /// Harm that showed late: people are told, with what to type.
    fn late_harm(&mut self, desk: &mut Desk, id: ChangeSetId, turn: &mut Turn) {
        let (Some(case), Some(watch)) = (desk.cases.get(&id), desk.late.get(&id)) else {
            return;
        };
        // While it is watched by the second, that watch has the word.
        if matches!(case.state, State::Watching { .. }) {
            return;
        }
        let verdict = watch.verdict(turn.now);
        let alarmed = verdict.findings.iter().filter(|f| f.alarm_at.is_some());
        let shown: Vec<&str> = alarmed.take(3).map(|f| f.text.as_str()).collect();
        let plan = self.plan(desk, case);
        let undo = if plan.commands.is_empty() {
            String::new()
        } else {
            format!("; to undo it: {}", plan.commands.join("; "))
        };
        let notice = Notice::LateHarm {
            change_set: id,
            text: format!(
                "worse since a change of hours ago: {}{undo}",
                shown.join("; ")
            ),
        };
        end(desk, id);
        turn.record(Record::Notice {
            target: Some(desk.target.clone()),
            notice: notice.clone(),
            presence: Presence::Begins,
        });
        turn.tell(&desk.target, Tidings::Notice(notice, Presence::Begins));
    }

    /// A watch by the second that decided nothing is decided by the minute: nothing hurts.
    fn cleared_late(
        &mut self,
        desk: &mut Desk,
        (id, told): (ChangeSetId, Option<Verdict>),
        turn: &mut Turn,
    ) {
        let undecided = desk.cases.get(&id).is_some_and(undecided);
        let verdict = told.or_else(|| desk.late.get(&id).map(|w| w.verdict(turn.now)));
        let work = desk.cases.get(&id).map(|case| desk.work_before(case));
        let Some(verdict) = verdict.filter(|_| undecided) else {
            return;
        };
        turn.tell(
            &desk.target,
            Tidings::Judged {
                change_set: id,
                verdict: verdict.clone(),
            },
        );
        let clears = verdict.kind.clears();
        let event = Event::Judged {
            at: turn.now,
            verdict,
            extend_until: None,
            hold: None,
            work: work.unwrap_or_default(),
            mends: None,
        };
        if self.advance(desk, id, &event, turn) {
            desk.watches.remove(&id);
            if clears {
                self.known_good(desk, id, turn);
            }
            self.settle(desk, id, turn);
        }
    }

    /// After a start: changes of the last day are watched on, by the minutes that were kept.
    pub(crate) fn reopen_slowly(&mut self, desk: &mut Desk, turn: &Turn) {
        let young = |case: &Case| turn.now.since(case.change_set.effective_at()) < THREE_DAYS;
        let open: Vec<ChangeSet> = desk
            .cases
            .values()
            .filter(|case| young(case) && goes_on(desk, case.change_set.id))
            .filter(|case| !desk.late.contains_key(&case.change_set.id))
            .filter(|case| !desk.late_over.contains(&case.change_set.id))
            .map(|case| case.change_set.clone())
            .collect();
        for change_set in open {
            self.watch_slowly(desk, &change_set);
            if let Some(watch) = desk.late.get_mut(&change_set.id)
                && turn.now >= watch.until()
            {
                watch.extend(change_set.effective_at() + THREE_DAYS);
            }
        }
    }
}

/// A day decided nothing: two more may; then it ends.
fn end_or_extend(desk: &mut Desk, id: ChangeSetId) {
    let Some(case) = desk.cases.get(&id) else {
        return end(desk, id);
    };
    let last = case.change_set.effective_at() + THREE_DAYS;
    match desk.late.get_mut(&id) {
        Some(watch)
            if watch.until() < last && !matches!(watch.kind(), VerdictKind::Healthy { .. }) =>
        {
            watch.extend(last);
        }
        _ => end(desk, id),
    }
}

/// The slow watch is over, and is not opened again when the target is connected anew.
fn end(desk: &mut Desk, id: ChangeSetId) {
    desk.late.remove(&id);
    desk.late_over.insert(id);
    while desk.late_over.len() > OVER_MAX {
        desk.late_over.pop_first();
    }
}

/// Whether a change set is still worth a slow watch: it stands, nobody decided about it, and none of
/// its settings moved since.
fn goes_on(desk: &Desk, id: ChangeSetId) -> bool {
    let Some(case) = desk.cases.get(&id) else {
        return false;
    };
    let stands = match &case.state {
        State::Watching { .. } => true,
        State::Kept { by, .. } => matches!(by, Keeper::Verdict(_)),
        State::Held { .. } => case.moments.judged_at.is_none(),
        _ => false,
    };
    let mut keys = case.change_set.changes.iter().map(|c| &c.key);
    stands && keys.all(|key| desk.moved.get(key).is_none_or(|m| m.seq <= id.0))
}

/// Whether a change set waits for a person only because the data decided nothing.
fn undecided(case: &Case) -> bool {
    let State::Held { reason, .. } = &case.state else {
        return false;
    };
    let by_data = matches!(
        reason,
        HoldReason::Inconclusive
            | HoldReason::NoData
            | HoldReason::Confounded
            | HoldReason::WorkloadShift
    );
    by_data && case.moments.judged_at.is_none()
}
