//! What detection, policy, operators and the rest of the world do.

use backstay_model::decision::{Clearance, HoldReason};
use backstay_model::verdict::VerdictKind;
use backstay_model::{Command, Event, Timestamp};

use super::{Harm, Move, Server, Val, World, spend};
use crate::policy::Brake;
use crate::samples::{self, EXPIRES, ID, NOW};
use crate::search::explore::Edge;
use crate::state::{Awaits, State};

impl World {
    /// What detection, policy and operators do when it is their turn.
    pub(super) fn life_moves(&self, moves: &mut Vec<Move>) {
        if self.ahead.is_some() || !self.inbox.is_empty() {
            return;
        }
        for (name, event) in self.turns() {
            let mut next = self.clone();
            if matches!(event, Event::Approved { .. }) {
                next.approvals_left -= 1;
                next.now = NOW;
            }
            if matches!(
                event,
                Event::Judged {
                    extend_until: Some(_),
                    ..
                }
            ) {
                next.extensions_left -= 1;
            }
            if matches!(event, Event::Restarted { .. }) {
                next.running = next.file;
                next.masked_by = None;
                next.remember();
            }
            next.take(&event);
            moves.push((Edge::Progress, name.into(), next));
        }
    }

    fn turns(&self) -> Vec<(&'static str, Event)> {
        let Some(state) = &self.durable else {
            let set = samples::change_set(ID, "good", "bad");
            return vec![("seen live", samples::seen(set, self.by_restart))];
        };
        let named = |names: &[&'static str]| {
            names
                .iter()
                .map(|n| (*n, samples::event(n)))
                .collect::<Vec<_>>()
        };
        let mut turns = match state.awaits() {
            Awaits::Verdict(_) => named(&[
                "judged hurt",
                "judged healthy",
                "judged inconclusive",
                "judged no data",
            ]),
            Awaits::Ruling => self.rulings(),
            Awaits::Recovery(_) => named(&["recovered", "not recovered", "recovery unknown"]),
            Awaits::Operator => named(&["kept", "closed"]),
            Awaits::Restart => named(&["kept", "closed", "restarted"]),
            _ => Vec::new(),
        };
        if matches!(state.awaits(), Awaits::Verdict(_)) && self.extensions_left > 0 {
            let later = Some(Timestamp::from_secs(2_800));
            turns.push((
                "more time",
                samples::judged(VerdictKind::Inconclusive, later),
            ));
        }
        let may_approve = matches!(state.awaits(), Awaits::Operator | Awaits::Restart);
        if may_approve && self.approvals_left > 0 {
            let intent = 10 + u64::from(self.approvals_left);
            turns.push((
                "approved",
                samples::approved(samples::plan(ID, "good", "bad"), intent),
            ));
        }
        // An unanswered inspection is asked again.
        if state.open_intent().is_some() && self.commands.is_empty() {
            turns.push(("ask again", Event::Resumed { at: self.now }));
        }
        turns
    }

    fn rulings(&self) -> Vec<(&'static str, Event)> {
        let plan = || samples::plan(ID, "good", "bad");
        let why = HoldReason::ObserveMode;
        vec![
            (
                "ruled automatic",
                samples::ruled(plan(), 1, Clearance::Automatic),
            ),
            (
                "ruled approval",
                samples::ruled(plan(), 1, Clearance::Approval { why: why.clone() }),
            ),
            (
                "ruled manual",
                samples::ruled(plan(), 1, Clearance::Manual { why }),
            ),
        ]
    }

    /// Crash, foreign hands, time, pause.
    pub(super) fn outside_moves(&self, moves: &mut Vec<Move>) {
        let mut fault = |name: &str, change: &dyn Fn(&mut World)| {
            let mut next = self.clone();
            change(&mut next);
            moves.push((Edge::Trouble, name.to_owned(), next));
        };
        if self.can(self.crashes_left) {
            fault("crash", &World::crash);
        }
        if self.can(self.foreign_left) {
            fault("somebody writes a third value", &|w| w.foreign(Val::Third));
            fault("somebody writes the good value", &|w| w.foreign(Val::Good));
            fault("somebody edits the file", &|w| {
                spend(&mut w.foreign_left, &mut w.troubles_left);
                w.file = Val::Third;
            });
            fault("somebody reloads", &|w| {
                spend(&mut w.foreign_left, &mut w.troubles_left);
                w.reload();
            });
        }
        if self.can(self.pauses_left) && self.brake == Brake::Off {
            fault("pause", &|w| {
                spend(&mut w.pauses_left, &mut w.troubles_left);
                w.brake = Brake::On;
            });
        }
        if self.brake == Brake::On {
            fault("resume", &|w| w.brake = Brake::Off);
        }
        let moved = self.file == Val::Third && self.ahead.is_none();
        if moved && self.durable.as_ref().is_some_and(|s| !s.settled()) {
            fault("the third value is seen", &|w| {
                w.take(&samples::overwritten(9, "third"))
            });
        }
        self.server_moves(moves);
    }

    /// The harm goes away, the server goes for good, time passes.
    fn server_moves(&self, moves: &mut Vec<Move>) {
        let mut add = |edge, name: &str, change: &dyn Fn(&mut World)| {
            let mut next = self.clone();
            change(&mut next);
            moves.push((edge, name.to_owned(), next));
        };
        let open = self.durable.as_ref().and_then(State::open_intent).is_some();
        if open && self.now < EXPIRES {
            // Waiting for somebody who never answers must come to an end by itself.
            let edge = match self.server {
                Server::There => Edge::Trouble,
                Server::GoneForEver => Edge::Progress,
            };
            add(edge, "the intent expires", &|w| w.now = EXPIRES);
        }
        if self.server == Server::There && self.can(self.faults_left) {
            add(Edge::Trouble, "the server is gone for ever", &|w| {
                spend(&mut w.faults_left, &mut w.troubles_left);
                w.server = Server::GoneForEver;
            });
        }
        let writing = self.commands.iter().any(|c| matches!(c, Command::Write(_)));
        let under_way = writing || !self.inbox.is_empty();
        if open && !under_way && self.harm == Harm::There && self.can(self.faults_left) {
            add(Edge::Trouble, "the harm goes away", &|w| {
                spend(&mut w.faults_left, &mut w.troubles_left);
                w.harm = Harm::Gone;
            });
        }
    }

    fn foreign(&mut self, value: Val) {
        spend(&mut self.foreign_left, &mut self.troubles_left);
        self.file = value;
        self.reload();
    }

    /// The guard dies and starts again: what was not durable is gone, open intents are asked after.
    pub(super) fn crash(&mut self) {
        spend(&mut self.crashes_left, &mut self.troubles_left);
        self.ahead = None;
        self.commands.clear();
        self.inbox.clear();
        if self
            .durable
            .as_ref()
            .is_some_and(|s| s.open_intent().is_some())
        {
            self.inbox.push_back(Event::Resumed { at: self.now });
        }
    }
}
