//! One setting, one guard, and everything that can go wrong around them.

use std::collections::VecDeque;

use backstay_model::change::TakesEffect;
use backstay_model::decision::{Clearance, HoldReason};
use backstay_model::event::WriteReply;
use backstay_model::plan::{Found, Write};
use backstay_model::verdict::{Recovery, VerdictKind};
use backstay_model::{Command, Event, IntentId, Timestamp, ValueSource};

use crate::invariants::{Invariant, Transition, broken_by_transition, broken_by_write};
use crate::policy::Brake;
use crate::samples::{self, EXPIRES, ID, NOW};
use crate::state::{Awaits, Check, Ready, State, step};

use super::explore::{Edge, Model};

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
    fn guard_moves(&self, moves: &mut Vec<(Edge, String, World)>) {
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

    fn write_moves(&self, write: &Write, moves: &mut Vec<(Edge, String, World)>) {
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

    /// The engine, as its contract has it: look at pause and expiry, compare, write, reload, read back.
    /// `None` when the guard finds that the write is not its business any more.
    fn write(&mut self, write: &Write, outcome: Outcome) -> Option<WriteReply> {
        let believed = self.ahead.as_ref().or(self.durable.as_ref());
        if believed.and_then(State::open_intent) != Some(write.intent) {
            return None;
        }
        let broken = broken_by_write(self.durable.as_ref(), write, self.now, self.brake);
        if self.brake == Brake::On && self.rules.has(Safeguard::HeedPause) {
            return Some(WriteReply::Refused {
                why: "paused".into(),
            });
        }
        if self.now >= write.expires_at && self.rules.has(Safeguard::HeedExpiry) {
            return Some(WriteReply::Refused {
                why: "expired".into(),
            });
        }
        let ours = self.file == Val::Good;
        let expected = ours || (self.file == Val::Bad && self.running != Val::Third);
        if !expected && self.rules.has(Safeguard::Compare) {
            return Some(WriteReply::Conflict {
                found: self.stands(),
            });
        }
        if outcome == Outcome::Refuses {
            return Some(WriteReply::Refused {
                why: "permission denied".into(),
            });
        }
        // From here on bytes may reach the server.
        self.blame(broken.first().copied());
        if !expected {
            self.blame(Some(Invariant::Rb2));
        }
        self.put(outcome);
        Some(match outcome {
            Outcome::LosesTheReply | Outcome::FailsAndLosesTheReply | Outcome::StopsHalfWay => {
                samples::unknown()
            }
            _ if !self.rules.has(Safeguard::ReadBack) => samples::effective(),
            _ => self.read_back(),
        })
    }

    fn put(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Works | Outcome::LosesTheReply => {
                self.file = Val::Good;
                self.reload();
            }
            Outcome::StopsHalfWay => self.file = Val::Good,
            Outcome::Masks => {
                self.file = Val::Good;
                self.masked_by = Some(ValueSource::Role);
            }
            Outcome::AcknowledgesAndDoesNothing
            | Outcome::FailsAndLosesTheReply
            | Outcome::Refuses => {}
        }
    }

    fn reload(&mut self) {
        if self.by_restart != TakesEffect::AtRestart && self.masked_by.is_none() {
            self.running = self.file;
        }
        self.remember();
    }

    fn remember(&mut self) {
        let believed = self.ahead.as_ref().or(self.durable.as_ref());
        if self.running == Val::Good
            && let Some(intent) = believed.and_then(State::open_intent)
        {
            self.ran_good = Some(intent);
        }
    }

    fn read_back(&mut self) -> WriteReply {
        self.remember();
        match self.stands() {
            Found::Effective => samples::effective(),
            Found::Written if self.by_restart == TakesEffect::AtRestart => {
                WriteReply::RestartPending
            }
            found => WriteReply::NotEffective { found },
        }
    }

    /// What an honest look finds.
    fn stands(&self) -> Found {
        match (self.file, self.running, &self.masked_by) {
            (Val::Good, _, Some(by)) => Found::Masked { by: by.clone() },
            (Val::Good, Val::Good, None) => Found::Effective,
            (Val::Good, Val::Bad, None) => Found::Written,
            (Val::Bad, Val::Bad | Val::Good, _) => Found::NotApplied,
            (Val::Third, _, _) | (_, Val::Third, _) => samples::foreign("third"),
        }
    }

    fn inspect_moves(&self, write: &Write, moves: &mut Vec<(Edge, String, World)>) {
        let mut honest = self.clone();
        honest.commands.pop_front();
        honest.remember();
        let mut silent = honest.clone();
        let found = honest.stands();
        honest.inbox.push_back(Event::Inspected {
            at: self.now,
            intent: write.intent,
            found,
        });
        moves.push((Edge::Progress, "inspect".into(), honest));
        if self.can(self.faults_left) {
            spend(&mut silent.faults_left, &mut silent.troubles_left);
            let found = Found::Unknown {
                why: "no answer".into(),
            };
            silent.inbox.push_back(Event::Inspected {
                at: self.now,
                intent: write.intent,
                found,
            });
            moves.push((Edge::Trouble, "inspect: no answer".into(), silent));
        }
    }

    /// What detection, policy and operators do when it is their turn.
    fn life_moves(&self, moves: &mut Vec<(Edge, String, World)>) {
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
    fn outside_moves(&self, moves: &mut Vec<(Edge, String, World)>) {
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
        let open = self
            .durable
            .as_ref()
            .is_some_and(|s| s.open_intent().is_some());
        if open && self.now < EXPIRES {
            fault("the intent expires", &|w| w.now = EXPIRES);
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
    }

    fn foreign(&mut self, value: Val) {
        spend(&mut self.foreign_left, &mut self.troubles_left);
        self.file = value;
        self.reload();
    }

    /// The guard dies and starts again: what was not durable is gone, open intents are asked after.
    fn crash(&mut self) {
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

    fn blame(&mut self, invariant: Option<Invariant>) {
        self.broken = self.broken.or(invariant);
    }
}

impl Model for World {
    fn key(&self) -> String {
        let state = |s: &Option<State>| s.as_ref().map(shape);
        format!(
            "{:?}{:?}{:?}{:?} {:?} {:?} {:?} {:?} {:?}{:?} {}{}{}{}{}{}{}{} {:?}{:?}",
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

    fn moves(&self) -> Vec<(Edge, String, World)> {
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

fn shape(state: &State) -> String {
    let more = match state {
        State::Watching {
            until, extensions, ..
        } => format!("{until:?}{extensions}"),
        State::Held {
            since,
            reason,
            ready,
            ..
        } => format!("{since:?}{reason:?}{}", ready_shape(ready)),
        State::Reverting { attempt, .. } => attempt_shape(attempt),
        State::RollbackFailed { attempt, why, .. } => format!("{}{why}", attempt_shape(attempt)),
        State::Verifying { attempt, check, .. } => format!("{}{check:?}", attempt_shape(attempt)),
        State::RolledBack { recovered, at, .. } => format!("{recovered:?}{at:?}"),
        State::Kept { .. } | State::Judged { .. } => String::new(),
        other => format!("{other:?}"),
    };
    format!("{state} {more}")
}

fn ready_shape(ready: &Ready) -> String {
    match ready {
        Ready::Nothing => "nothing".into(),
        Ready::Plan(_) => "plan".into(),
        Ready::Written(attempt) => attempt_shape(attempt),
    }
}

fn attempt_shape(a: &crate::Attempt) -> String {
    format!("{}{:?}{}{:?}", a.intent, a.by, a.delivery, a.footing)
}

fn command_shape(command: &Command) -> String {
    match command {
        Command::Write(w) => format!("write {}", w.intent),
        Command::Inspect(w) => format!("inspect {}", w.intent),
        Command::Page(_) => "page".into(),
    }
}

fn event_shape(event: &Event) -> String {
    match event {
        Event::Replied { at, intent, reply } => format!("{at:?}{intent}{reply:?}"),
        Event::Inspected { at, intent, found } => format!("{at:?}{intent}{found:?}"),
        other => format!("{}{:?}", other.word(), other.at()),
    }
}
