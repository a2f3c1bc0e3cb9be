//! The file on one change set: its state, and what led to it. Built by events only, so the live file
//! and the one read back from the journal are the same.

use backstay_journal::History;
use backstay_lifecycle::attempt::Authority;
use backstay_lifecycle::state::{Ready, Wait};
use backstay_lifecycle::{Illegal, State, step};
use backstay_model::decision::Clearance;
use backstay_model::event::{WriteReply, WriteTiming};
use backstay_model::plan::{Found, Plan};
use backstay_model::risk::Risk;
use backstay_model::verdict::{Recovery, Refusal, Verdict};
use backstay_model::{ChangeSet, ChangeSetId, Command, Event, IntentId, Timestamp, WorkClass};

/// The file on one change set.
#[derive(Debug, Clone)]
pub struct Case {
    /// What was changed.
    pub change_set: ChangeSet,
    /// Where it stands.
    pub state: State,
    /// When it was first seen (or proposed).
    pub seen_at: Timestamp,
    /// The newest verdict, and the newest one of harm.
    pub verdict: Option<Verdict>,
    /// What kind of work the target did before the change, as its verdicts say.
    pub work: WorkClass,
    /// The risk that was ruled on.
    pub risk: Option<Risk>,
    /// What policy said to it.
    pub clearance: Option<Clearance>,
    /// The plan, when one was made.
    pub plan: Option<Plan>,
    /// Moments of its life.
    pub moments: Moments,
    /// What the parts of the write took.
    pub timing: Option<WriteTiming>,
    /// The last reply that was not an effect, in words.
    pub trouble: Option<String>,
    /// Whether the symptom went away.
    pub recovery: Option<Recovery>,
    /// Who of our people acted on it.
    pub operator: Option<String>,
    /// Attempts to put it back that began to write, or may have, oldest first. However it ends, they
    /// count against budget and cool-down.
    pub attempts: Vec<Begun>,
    /// It is watched anew, because what it was held for went away with another change.
    pub anew: Option<Anew>,
    /// The change set whose harm ended with it.
    pub mends: Option<ChangeSetId>,
    /// The change set that put its old value back by hand.
    pub undone_by: Option<ChangeSetId>,
}

/// A watch anew, on the level of before any of the suspects was in effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anew {
    /// Until when none of them was.
    pub good_until: Timestamp,
    /// When what hurt was gone.
    pub since: Timestamp,
}

/// An attempt that began to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// When its intent was recorded.
    pub at: Timestamp,
    /// Who set it off.
    pub by: Authority,
}

/// Moments in the life of a change set; the report's seconds are their differences.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Moments {
    /// The verdict of harm.
    pub judged_at: Option<Timestamp>,
    /// The decision (and the intent, when it was to roll back).
    pub ruled_at: Option<Timestamp>,
    /// The intent under which it was written.
    pub intent: Option<IntentId>,
    /// The old value was read back as effective.
    pub read_back_at: Option<Timestamp>,
    /// The symptom was gone (or the wait for it over).
    pub recovered_at: Option<Timestamp>,
    /// The last event.
    pub moved_at: Timestamp,
}

impl Case {
    /// Opens the file with the first event.
    ///
    /// # Errors
    /// `Illegal` when a life cannot begin with this event.
    pub fn open(change_set: ChangeSet, event: &Event) -> Result<(Self, Vec<Command>), Illegal> {
        let (state, commands) = step(None, event)?;
        let case = Self {
            change_set,
            state,
            seen_at: event.at(),
            verdict: None,
            risk: None,
            clearance: None,
            plan: None,
            moments: Moments {
                moved_at: event.at(),
                ..Moments::default()
            },
            work: WorkClass::Unknown,
            timing: None,
            trouble: None,
            recovery: None,
            operator: None,
            attempts: Vec::new(),
            anew: None,
            mends: None,
            undone_by: None,
        };
        Ok((case, commands))
    }

    /// Moves it by one event and files what the event says.
    ///
    /// # Errors
    /// `Illegal` when the event cannot happen in its state; the file is unchanged.
    pub fn apply(&mut self, event: &Event) -> Result<Vec<Command>, Illegal> {
        let (state, commands) = step(Some(&self.state), event)?;
        let before = std::mem::replace(&mut self.state, state);
        self.moments.moved_at = event.at();
        self.note(event);
        self.note_others(event);
        self.note_attempt(&before, event);
        self.note_waking(&before, event);
        Ok(commands)
    }

    /// Reads the file back from the journal; `None` when the entries are not those of a change set
    /// that has a life (our own writes have none).
    ///
    /// # Errors
    /// `Illegal` when the journal holds a step that cannot have happened.
    pub fn replay(history: &History) -> Result<Option<Self>, Illegal> {
        let Some(change_set) = history.change_set() else {
            return Ok(None);
        };
        let mut events = history.events();
        let Some(first) = events.next() else {
            return Ok(None);
        };
        let (mut case, _) = Self::open(change_set.clone(), first)?;
        for event in events {
            case.apply(event)?;
        }
        Ok(Some(case))
    }

    /// Whether it was judged harmful, and nothing else changed that may have been the cause.
    #[must_use]
    pub fn blamed(&self) -> bool {
        self.verdict.as_ref().is_some_and(|verdict| {
            let hurt = matches!(
                verdict.kind,
                backstay_model::verdict::VerdictKind::Hurt { .. }
            );
            hurt && !verdict.refusals.contains(&Refusal::JointChange)
        })
    }

    /// Whether what another change did ended with it.
    #[must_use]
    pub const fn mended(&self) -> bool {
        self.mends.is_some()
    }

    fn note(&mut self, event: &Event) {
        match event {
            Event::Judged {
                at,
                verdict,
                work,
                mends,
                ..
            } => {
                self.mends = self.mends.or(*mends);
                if matches!(
                    verdict.kind,
                    backstay_model::verdict::VerdictKind::Hurt { .. }
                ) {
                    self.moments.judged_at = Some(*at);
                }
                self.verdict = Some(verdict.clone());
                if work.told() {
                    self.work = *work;
                }
            }
            Event::Ruled {
                at,
                risk,
                clearance,
                plan,
                intent,
                ..
            } => {
                self.moments.ruled_at = Some(*at);
                self.moments.intent = Some(*intent);
                self.risk = Some(risk.as_ref().clone());
                self.clearance = Some(clearance.clone());
                self.plan = Some(plan.as_ref().clone());
            }
            Event::Approved {
                at,
                by,
                plan,
                intent,
                ..
            } => {
                self.moments.ruled_at = Some(*at);
                self.moments.intent = Some(*intent);
                self.operator = Some(by.clone());
                self.plan = Some(plan.as_ref().clone());
            }
            Event::Replied { at, reply, .. } => self.note_reply(*at, reply),
            Event::Inspected {
                at,
                found: Found::Effective,
                ..
            } => {
                self.moments.read_back_at = Some(*at);
            }
            Event::Recovered { at, recovery } => {
                self.moments.recovered_at = Some(*at);
                self.recovery = Some(*recovery);
            }
            Event::KeptByOperator { by, .. }
            | Event::ClosedByOperator { by, .. }
            | Event::Declined { by, .. } => {
                self.operator = Some(by.clone());
            }
            _ => {}
        }
    }

    /// What other change sets have to do with it.
    fn note_others(&mut self, event: &Event) {
        match event {
            Event::Overwritten { by, key, found, .. } => {
                let mut changes = self.change_set.changes.iter();
                let back = changes.any(|c| c.key == *key && c.old.effective == *found);
                self.undone_by = back.then_some(*by);
            }
            Event::Acquitted { at, good_until, .. } => {
                self.anew = Some(Anew {
                    good_until: *good_until,
                    since: *at,
                });
            }
            _ => {}
        }
    }

    /// An attempt counts from its intent on, unless it turns out that it wrote nothing.
    fn note_attempt(&mut self, before: &State, event: &Event) {
        match (before, &self.state) {
            (State::Reverting { .. }, State::Held { ready, .. })
                if !matches!(ready, Ready::Written(_)) =>
            {
                self.attempts.pop();
            }
            (State::Reverting { .. }, _) => {}
            (_, State::Reverting { attempt, .. }) => self.attempts.push(Begun {
                at: event.at(),
                by: attempt.by.clone(),
            }),
            _ => {}
        }
    }

    /// What waited for a restart took effect with it: watch and report split time there.
    fn note_waking(&mut self, before: &State, event: &Event) {
        let waited = matches!(
            before,
            State::Dormant {
                waits_for: Wait::Restart,
                ..
            }
        );
        if waited && let Event::Restarted { at, .. } = event {
            for change in &mut self.change_set.changes {
                change.time.exact = Some(*at);
            }
        }
    }

    fn note_reply(&mut self, at: Timestamp, reply: &WriteReply) {
        match reply {
            WriteReply::Effective { timing } => {
                self.moments.read_back_at = Some(at);
                self.timing = Some(*timing);
            }
            WriteReply::NotEffective {
                found: Found::Effective,
            }
            | WriteReply::Conflict {
                found: Found::Effective,
            } => {
                self.moments.read_back_at = Some(at);
            }
            WriteReply::NotEffective { .. } => {
                self.trouble = Some("written, but a new session does not see the old value".into());
            }
            WriteReply::Refused { why } | WriteReply::Unknown { why } => {
                self.trouble = Some(why.clone())
            }
            WriteReply::RestartPending | WriteReply::Conflict { .. } => {}
        }
    }
}
