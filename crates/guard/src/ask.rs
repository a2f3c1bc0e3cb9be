//! What people ask for: each request is answered, and request and answer are recorded.

use backstay_journal::record::Answer;
use backstay_journal::{Judgement, Record, Request, SnapshotStore};
use backstay_model::decision::{HoldReason, Mode};
use backstay_model::{ChangeSetId, Event, TargetId};

use crate::books::Books;
use crate::desk::Desk;
use crate::observe::class_of;
use crate::tick::{Guard, PausedBy};
use crate::turn::Turn;

/// The answer to a resume while the file is there, which would pause again at once.
const STILL_PAUSED: &str = "the file PAUSE in the state directory pauses; remove it";

/// A person's order to run a plan.
struct Order<'a> {
    id: ChangeSetId,
    /// Hash of the plan as it was shown; `None` when the person did not look at one.
    shown: Option<&'a str>,
    by: &'a str,
}

impl<B: Books> Guard<B> {
    /// A person asked for something; the answer is recorded either way.
    pub(crate) fn asked(&mut self, desk: &mut Desk, by: String, request: Request, turn: &mut Turn) {
        let outcome = match &request {
            Request::Pause => {
                self.pause(desk, (&by, PausedBy::Person), turn);
                Ok(())
            }
            Request::Resume if self.paused == Some(PausedBy::File) => Err(STILL_PAUSED.into()),
            Request::Resume => {
                self.unpause(desk, &by, turn);
                Ok(())
            }
            Request::TakeSnapshot { target } => self.snapshot_now(desk, target),
            Request::Judge(judgement) => self.judge_edge(desk, &by, judgement, turn),
            Request::Keep { change_set } => {
                let event = Event::KeptByOperator {
                    at: turn.now,
                    by: by.clone(),
                };
                self.operate(desk, *change_set, &event, turn)
            }
            Request::Close { change_set } => {
                let event = Event::ClosedByOperator {
                    at: turn.now,
                    by: by.clone(),
                };
                self.operate(desk, *change_set, &event, turn)
            }
            Request::Deny { change_set, .. } => {
                let event = Event::KeptByOperator {
                    at: turn.now,
                    by: by.clone(),
                };
                self.operate(desk, *change_set, &event, turn)
            }
            Request::Approve { change_set, plan } => {
                let shown = Some(plan.0.as_str());
                let order = Order {
                    id: *change_set,
                    shown,
                    by: &by,
                };
                self.approve(desk, &order, turn)
            }
            Request::Revert { change_set } => {
                let order = Order {
                    id: *change_set,
                    shown: None,
                    by: &by,
                };
                self.approve(desk, &order, turn)
            }
        };
        let answer = match outcome {
            Ok(()) => Answer::Accepted,
            Err(why) => Answer::Refused { why },
        };
        turn.record(Record::Operator {
            by,
            request,
            answer,
        });
    }

    /// A person's word on an edge is taken as it is: the journal has it, and the overlay follows.
    fn judge_edge(
        &self,
        desk: &Desk,
        by: &str,
        judgement: &Judgement,
        turn: &mut Turn,
    ) -> Result<(), String> {
        let strange = |t: &&TargetId| **t != desk.target && !self.desks.contains_key(*t);
        if let Some(target) = judgement.target.as_ref().filter(strange) {
            return Err(format!("{target} is not watched here"));
        }
        if let Some(why) = self.stopped() {
            return Err(format!("nothing can be recorded any more: {why}"));
        }
        turn.record(Record::Judgement {
            by: by.to_owned(),
            judgement: judgement.clone(),
        });
        Ok(())
    }

    fn snapshot_now(&mut self, desk: &Desk, target: &TargetId) -> Result<(), String> {
        if *target != desk.target {
            return Err(format!("{target} is not watched here"));
        }
        let snapshot = desk
            .snapshot
            .as_ref()
            .ok_or("nothing was read from the target yet")?;
        self.snapshots.put(snapshot).map_err(|e| e.to_string())
    }

    fn operate(
        &mut self,
        desk: &mut Desk,
        id: ChangeSetId,
        event: &Event,
        turn: &mut Turn,
    ) -> Result<(), String> {
        let Some(case) = desk.cases.get(&id) else {
            return Err(format!("{id} is not known on {}", desk.target));
        };
        let word = case.state.word();
        if let Some(why) = self.stopped() {
            return Err(format!("nothing can be recorded any more: {why}"));
        }
        if !self.advance(desk, id, event, turn) {
            return Err(format!("{id} is {word}; that cannot be done now"));
        }
        self.settle(desk, id, turn);
        Ok(())
    }

    /// Runs the plan of a change set because a person said so: only the plan that was shown.
    fn approve(
        &mut self,
        desk: &mut Desk,
        order: &Order<'_>,
        turn: &mut Turn,
    ) -> Result<(), String> {
        let Order { id, shown, by } = *order;
        if self.paused() {
            return Err("Backstay is paused; `backstay resume` first".into());
        }
        let Some(case) = desk.cases.get(&id) else {
            return Err(format!("{id} is not known on {}", desk.target));
        };
        let plan = self.plan(desk, case);
        if let Some(shown) = shown.filter(|hash| **hash != plan.hash.0) {
            let short: String = shown.chars().take(12).collect();
            return Err(format!(
                "the plan {short} was shown, but it is another one by now; look at it again"
            ));
        }
        if let Some(why) = plan.manual.as_ref().filter(|_| plan.commands.is_empty()) {
            return Err(why.to_string());
        }
        if let Some(why) = &plan.manual {
            return Err(format!("{why}; run by hand: {}", plan.commands.join(" ")));
        }
        if desk.policy.mode < Mode::Approve {
            return Err("the target is in observe mode: Backstay does not write here".into());
        }
        let mut classes = case.change_set.changes.iter().map(|c| class_of(desk, c));
        if let Some(class) = classes.find(|c| desk.policy.allows(*c) < Mode::Approve) {
            return Err(HoldReason::Class(class).to_string());
        }
        if let Some(why) = self.unable(desk) {
            return Err(why);
        }
        let intent = turn.next_intent();
        let event = Event::Approved {
            at: turn.now,
            by: by.to_owned(),
            plan: plan.into(),
            intent,
            expires_at: turn.now + desk.policy.intent_ttl,
        };
        self.operate(desk, id, &event, turn)?;
        self.tell_writing(desk, id, intent, turn);
        Ok(())
    }
}
