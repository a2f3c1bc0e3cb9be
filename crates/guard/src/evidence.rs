//! Is the harm still there? Asked before anything of a decided revert is delivered again: while the
//! target was away it may have healed, and then there is no reason to write any more.

use backstay_journal::Condition;
use backstay_lifecycle::State;
use backstay_lifecycle::policy::Brake;
use backstay_model::decision::HoldReason;
use backstay_model::event::Evidence;
use backstay_model::plan::Found;
use backstay_model::sample::Held;
use backstay_model::snapshot::Server;
use backstay_model::verdict::{Harm, Recovery, Trigger, VerdictKind};
use backstay_model::{ChangeSetId, Event, IntentId, Sample, Timestamp};

use crate::books::Books;
use crate::case::Case;
use crate::desk::{Desk, Ending};
use crate::tick::Guard;
use crate::turn::Turn;

/// Share of a watch for which the server must have been gone to be the reason that nothing can be said.
const GONE_SHARE: f64 = 0.25;

impl<B: Books> Guard<B> {
    /// Whether the harm of a change set that is being put back is still there. After the target, or the
    /// guard, was away only what was measured since then says so.
    pub(crate) fn evidence(&self, desk: &Desk, case: &Case) -> Evidence {
        let decided_at = case.moments.ruled_at.unwrap_or(case.seen_at);
        let blind_until = desk.away_at.max(self.began_at);
        let since = decided_at.max(blind_until);
        let watch = desk.watches.get(&case.change_set.id);
        let recovery = watch.map(|w| w.recovery(since, &desk.history.since(since)));
        match recovery {
            Some(Recovery::Yes) => Evidence::Gone,
            Some(Recovery::No) => Evidence::StillBad,
            Some(Recovery::Unknown) | None if since > decided_at && !fell(case) => {
                Evidence::Unknown
            }
            Some(Recovery::Unknown) | None => Evidence::StillBad,
        }
    }

    /// Remembers that only evidence is missing, so that it is asked again as soon as there is some.
    pub(crate) fn note_undecided(&self, desk: &mut Desk, id: ChangeSetId, event: &Event) {
        let undecided = matches!(
            event,
            Event::Inspected {
                found: Found::NotApplied,
                evidence: Evidence::Unknown,
                ..
            }
        );
        if undecided {
            desk.undecided.insert(id);
        }
    }

    /// A sample came in: when it tells whether the harm is still there, the target is asked once more.
    pub(crate) fn reconsider(&mut self, desk: &mut Desk, id: ChangeSetId, turn: &mut Turn) {
        let Some(case) = desk.cases.get(&id) else {
            return;
        };
        let free = self.brake() == Brake::Off && desk.stranger().is_none();
        if !free || !desk.undecided.contains(&id) || self.evidence(desk, case) == Evidence::Unknown
        {
            return;
        }
        desk.undecided.remove(&id);
        self.advance(desk, id, &Event::Resumed { at: turn.now }, turn);
    }

    /// The intent has expired and nobody can be asked what stands there: a person has to know.
    pub(crate) fn given_up_on(
        &mut self,
        desk: &mut Desk,
        (id, intent): (ChangeSetId, IntentId),
        turn: &mut Turn,
    ) {
        let event = Event::Inspected {
            at: turn.now,
            intent,
            found: Found::Unknown {
                why: self.nobody_to_ask(desk),
            },
            evidence: Evidence::Unknown,
        };
        if self.advance(desk, id, &event, turn) {
            self.settle(desk, id, turn);
        }
    }

    fn nobody_to_ask(&self, desk: &Desk) -> String {
        if let Some(why) = desk.stranger() {
            return why.to_owned();
        }
        if self.brake() == Brake::On {
            return "Backstay is paused".to_owned();
        }
        let condition = desk.condition.as_ref();
        condition.map_or_else(|| "it was not reached yet".to_owned(), ToString::to_string)
    }
}

/// Whether what hurt is that the server falls: when it is back, that is no sign of recovery yet, and it
/// may not stand for long.
fn fell(case: &Case) -> bool {
    let kind = case.verdict.as_ref().map(|v| &v.kind);
    let by = Harm::ClassChange(Trigger::Unavailable);
    kind.is_some_and(|kind| *kind == VerdictKind::Hurt { by })
}

/// Whether nobody, or somebody else, answers at the address of the target. A server that answers and
/// refuses us is there: what keeps us out may be the very change that is put back.
pub(crate) const fn away(condition: &Condition) -> bool {
    matches!(
        condition,
        Condition::Unreachable { .. } | Condition::TooSlow { .. } | Condition::AnotherServer { .. }
    )
}

/// When a server that is back from an end began anew.
pub(crate) fn began(server: &Server) -> Timestamp {
    server
        .processes_since
        .map_or(server.started_at, |p| p.max(server.started_at))
}

/// The server is back from an end at `at`: one that was not in order counts against what was changed
/// before it.
pub(crate) fn note_end(desk: &mut Desk, at: Timestamp) {
    let ending = std::mem::replace(&mut desk.ending, Ending::Unsaid);
    if ending != Ending::Stopped {
        desk.watches.values_mut().for_each(|watch| watch.fell(at));
    }
}

/// The reason to hold a change set of which a watch could say nothing because the server was gone.
pub(crate) fn gone(desk: &Desk, since: Timestamp, verdict: &VerdictKind) -> Option<HoldReason> {
    let needed = match verdict {
        VerdictKind::NoData => 0.0,
        VerdictKind::Inconclusive | VerdictKind::Confounded => GONE_SHARE,
        _ => return None,
    };
    let samples = desk.history.since(since);
    let lost = |sample: &&Sample| sample.held != Held::Answers;
    let from = samples.iter().find(lost)?.at;
    // Whoever is kept out by a refused login does not know the server to be gone.
    let share = samples.iter().filter(lost).count() as f64 / samples.len() as f64;
    if desk.away_at < from || share < needed {
        return None;
    }
    let last = samples.iter().rposition(|sample| lost(&sample))?;
    Some(HoldReason::ServerGone {
        from,
        until: samples.get(last + 1).map(|sample| sample.at),
    })
}

/// What a lost connection says about how long nothing can be known of the target.
pub(crate) fn note_away(desk: &mut Desk, now: Timestamp) {
    if desk.condition.as_ref().is_some_and(away) {
        desk.away_at = desk.away_at.max(now);
    }
}

/// Whether a change set waits for the answer to an intent.
pub(crate) const fn waits_for_answer(state: &State) -> bool {
    matches!(state, State::Reverting { .. } | State::Verifying { .. })
}
