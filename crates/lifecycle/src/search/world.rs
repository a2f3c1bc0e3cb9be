//! One setting, one guard, and everything that can go wrong around them.

mod life;
mod server;
mod shape;

use std::collections::VecDeque;

use backstay_model::change::TakesEffect;
use backstay_model::event::Evidence;
use backstay_model::plan::{Found, Write};
use backstay_model::verdict::Recovery;
use backstay_model::{Command, Event, IntentId, Timestamp, ValueSource};

use super::explore::{Edge, Model};
use crate::attempt::Authority;
use crate::invariants::{Invariant, Transition, broken_by_transition};
use crate::policy::Brake;
use crate::samples::{self, NOW};
use crate::state::{Awaits, Check, State, step};
use shape::{command_shape, event_shape, shape};

type Move = (Edge, String, World);

/// What can stand at the setting: what stood before, what the change wrote, somebody else's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Val {
    Good,
    Bad,
    Third,
}

/// A safeguard that can be taken away, to see that the search notices.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Safeguard {
    /// The journal entry comes before the act.
    WriteAhead,
    /// The engine compares with what is expected.
    Compare,
    /// The engine reads the value back.
    ReadBack,
    /// A pause is looked at before each write.
    HeedPause,
    /// An expired intent does not begin to write.
    HeedExpiry,
    /// What was not written yet is written later only while the harm is still there.
    Rejudge,
}

#[derive(Clone, Copy, Debug)]
struct Rules {
    without: Option<Safeguard>,
}

impl Rules {
    fn has(self, safeguard: Safeguard) -> bool {
        self.without != Some(safeguard)
    }
}

/// Whether the harm that was judged is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Harm {
    There,
    Gone,
}

/// Whether the server will ever answer again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Server {
    There,
    GoneForEver,
}

/// How the server takes a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Outcome {
    Works,
    Refuses,
    LosesTheReply,
    FailsAndLosesTheReply,
    StopsHalfWay,
    AcknowledgesAndDoesNothing,
    Masks,
}

#[derive(Clone, Debug)]
pub(super) struct World {
    rules: Rules,
    file: Val,
    running: Val,
    /// The server takes new values only at a restart.
    by_restart: TakesEffect,
    masked_by: Option<ValueSource>,
    harm: Harm,
    server: Server,
    /// What the journal holds.
    durable: Option<State>,
    /// What the guard believes before it is durable; only without write-ahead.
    ahead: Option<State>,
    commands: VecDeque<Command>,
    inbox: VecDeque<Event>,
    brake: Brake,
    now: Timestamp,
    /// Troubles of all kinds together.
    troubles_left: u8,
    crashes_left: u8,
    faults_left: u8,
    foreign_left: u8,
    pauses_left: u8,
    approvals_left: u8,
    extensions_left: u8,
    automatic: u8,
    /// The good value ran at some time since the attempt began.
    ran_good: Option<IntentId>,
    broken: Option<Invariant>,
}

impl World {
    /// Somebody has just written the bad value and the guard has not seen it yet.
    pub(super) fn begin(by_restart: TakesEffect, without: Option<Safeguard>) -> Self {
        let running = if by_restart == TakesEffect::AtRestart {
            Val::Good
        } else {
            Val::Bad
        };
        Self {
            rules: Rules { without },
            file: Val::Bad,
            running,
            by_restart,
            masked_by: None,
            harm: Harm::There,
            server: Server::There,
            durable: None,
            ahead: None,
            commands: VecDeque::new(),
            inbox: VecDeque::new(),
            brake: Brake::Off,
            now: NOW,
            troubles_left: 3,
            crashes_left: 2,
            faults_left: 2,
            foreign_left: 1,
            pauses_left: 1,
            approvals_left: 2,
            extensions_left: 1,
            automatic: 0,
            ran_good: None,
            broken: None,
        }
    }

    fn can(&self, left: u8) -> bool {
        left.min(self.troubles_left) > 0
    }

    /// The guard carries out a command, takes in a reply, or makes its belief durable.
    fn guard_moves(&self, moves: &mut Vec<Move>) {
        if self.ahead.is_some() {
            let mut next = self.clone();
            next.durable = next.ahead.take();
            moves.push((Edge::Progress, "persist".into(), next));
        }
        if let Some(event) = self.inbox.front() {
            let mut next = self.clone();
            next.inbox.pop_front();
            next.take(event);
            moves.push((
                Edge::Progress,
                format!("deliver {}", event_shape(event)),
                next,
            ));
        }
        match self.commands.front() {
            Some(Command::Write(write)) => self.write_moves(write, moves),
            Some(Command::Inspect(write)) => self.inspect_moves(write, moves),
            Some(Command::Page(_)) | None => {}
        }
    }

    fn write_moves(&self, write: &Write, moves: &mut Vec<Move>) {
        if self.server == Server::GoneForEver {
            return self.unheard(write, moves);
        }
        let mut outcomes = vec![(Edge::Progress, Outcome::Works)];
        if self.can(self.faults_left) {
            let faults = [
                Outcome::Refuses,
                Outcome::LosesTheReply,
                Outcome::FailsAndLosesTheReply,
                Outcome::StopsHalfWay,
                Outcome::AcknowledgesAndDoesNothing,
                Outcome::Masks,
            ];
            outcomes.extend(faults.map(|o| (Edge::Trouble, o)));
        }
        for (edge, outcome) in outcomes {
            let mut next = self.clone();
            next.commands.pop_front();
            if edge == Edge::Trouble {
                spend(&mut next.faults_left, &mut next.troubles_left);
            }
            if let Some(reply) = next.write(write, outcome) {
                let at = next.now;
                next.inbox.push_back(Event::Replied {
                    at,
                    intent: write.intent,
                    reply,
                });
            }
            moves.push((edge, format!("write: {outcome:?}"), next));
        }
        if self.can(self.crashes_left) {
            let mut next = self.clone();
            let _reply_nobody_hears = next.write(write, Outcome::StopsHalfWay);
            next.crash();
            moves.push((Edge::Trouble, "crash half-way through a write".into(), next));
        }
    }

    /// A write to nobody.
    fn unheard(&self, write: &Write, moves: &mut Vec<Move>) {
        let mut next = self.clone();
        next.commands.pop_front();
        next.inbox.push_back(Event::Replied {
            at: self.now,
            intent: write.intent,
            reply: samples::unknown(),
        });
        moves.push((Edge::Progress, "write: nobody answers".into(), next));
    }

    fn inspect_moves(&self, write: &Write, moves: &mut Vec<Move>) {
        let inspected = |found, evidence| Event::Inspected {
            at: self.now,
            intent: write.intent,
            found,
            evidence,
        };
        let mut honest = self.clone();
        honest.commands.pop_front();
        honest.remember();
        let mut silent = honest.clone();
        let unanswered = inspected(samples::no_answer(), Evidence::Unknown);
        if self.server == Server::GoneForEver {
            silent.inbox.push_back(unanswered);
            moves.push((Edge::Progress, "inspect: nobody answers".into(), silent));
            return;
        }
        let found = honest.stands();
        for (name, evidence) in self.evidence() {
            let mut told = honest.clone();
            told.inbox.push_back(inspected(found.clone(), evidence));
            moves.push((Edge::Progress, name.into(), told));
        }
        if self.can(self.faults_left) {
            spend(&mut silent.faults_left, &mut silent.troubles_left);
            silent.inbox.push_back(unanswered);
            moves.push((Edge::Trouble, "inspect: no answer".into(), silent));
        }
    }

    /// What a guard can say of the harm when it asks what stands there.
    fn evidence(&self) -> Vec<(&'static str, Evidence)> {
        match (self.harm, self.rules.has(Safeguard::Rejudge)) {
            (Harm::There, _) | (Harm::Gone, false) => vec![("inspect", Evidence::StillBad)],
            (Harm::Gone, true) => vec![
                ("inspect, too early to say", Evidence::Unknown),
                ("inspect, the harm is gone", Evidence::Gone),
            ],
        }
    }

    /// One event through the real machine.
    fn take(&mut self, event: &Event) {
        let before = self.ahead.take().or_else(|| self.durable.clone());
        // Late replies to closed intents are dropped, as the guard does.
        let Ok((after, commands)) = step(before.as_ref(), event) else {
            self.ahead = before.filter(|b| self.durable.as_ref() != Some(b));
            return;
        };
        let told = Transition {
            before: before.as_ref(),
            event,
            after: &after,
            commands: &commands,
        };
        self.blame(broken_by_transition(&told).first().copied());
        self.judge(before.as_ref(), &after, event);
        self.judge_evidence(before.as_ref(), event, &commands);
        self.commands.extend(
            commands
                .into_iter()
                .filter(|c| !matches!(c, Command::Page(_))),
        );
        if self.rules.has(Safeguard::WriteAhead) {
            self.durable = Some(after);
        } else {
            self.ahead = Some(after);
        }
    }

    /// What only somebody who sees the server can tell.
    fn judge(&mut self, before: Option<&State>, after: &State, event: &Event) {
        let attempt = match after {
            State::Verifying {
                attempt,
                check: Check::Health { .. },
                ..
            } => Some(attempt),
            _ => None,
        };
        if attempt.is_some_and(|a| self.ran_good != Some(a.intent)) {
            self.blame(Some(Invariant::Rb3));
        }
        let automatic = matches!(
            (before, event),
            (Some(State::Judged { .. }), Event::Ruled { .. })
        );
        if automatic && matches!(after, State::Reverting { .. }) {
            self.automatic += 1;
        }
        if self.automatic > 1 {
            self.blame(Some(Invariant::Rb8));
        }
        let helped = matches!(
            event,
            Event::Recovered {
                recovery: Recovery::Yes,
                ..
            }
        );
        if matches!(
            after,
            State::RolledBack {
                recovered: Recovery::Yes,
                ..
            }
        ) && !helped
        {
            self.blame(Some(Invariant::P12));
        }
    }

    /// The harm went away before this was asked: policy has no reason left to write.
    fn judge_evidence(&mut self, before: Option<&State>, event: &Event, commands: &[Command]) {
        let asked = matches!(
            event,
            Event::Inspected {
                found: Found::NotApplied,
                ..
            }
        );
        let by_policy = before
            .and_then(State::open_attempt)
            .is_some_and(|a| a.by == Authority::Policy);
        let writes = commands.iter().any(|c| matches!(c, Command::Write(_)));
        if asked && by_policy && writes && self.harm == Harm::Gone {
            self.blame(Some(Invariant::Rb13));
        }
    }

    fn blame(&mut self, invariant: Option<Invariant>) {
        self.broken = self.broken.or(invariant);
    }
}

impl Model for World {
    fn key(&self) -> String {
        let state = |s: &Option<State>| s.as_ref().map(shape);
        format!(
            "{:?}{:?} {:?}{:?}{:?}{:?} {:?} {:?} {:?} {:?} {:?}{:?} {}{}{}{}{}{}{}{} {:?}{:?}",
            self.harm,
            self.server,
            self.file,
            self.running,
            self.by_restart,
            self.masked_by,
            state(&self.durable),
            state(&self.ahead),
            self.commands.iter().map(command_shape).collect::<Vec<_>>(),
            self.inbox.iter().map(event_shape).collect::<Vec<_>>(),
            self.brake,
            self.now,
            self.troubles_left,
            self.crashes_left,
            self.faults_left,
            self.foreign_left,
            self.pauses_left,
            self.approvals_left,
            self.extensions_left,
            self.automatic,
            self.ran_good,
            self.broken,
        )
    }

    fn words(&self) -> Vec<&'static str> {
        vec![self.durable.as_ref().map_or("new", State::word)]
    }

    fn broken(&self) -> Option<Invariant> {
        self.broken
    }

    fn rests(&self) -> bool {
        let waits = self.durable.as_ref().map(State::awaits);
        let still = self.commands.is_empty() && self.inbox.is_empty() && self.ahead.is_none();
        still
            && matches!(
                waits,
                Some(Awaits::Nothing | Awaits::Operator | Awaits::Restart)
            )
    }

    fn moves(&self) -> Vec<Move> {
        let mut moves = Vec::new();
        self.guard_moves(&mut moves);
        self.life_moves(&mut moves);
        self.outside_moves(&mut moves);
        moves
    }
}

fn spend(kind: &mut u8, all: &mut u8) {
    *kind -= 1;
    *all -= 1;
}
