//! Two change sets on one setting: A turned v0 to v1, then B turns v1 (or v0 again) to v2.

use std::collections::VecDeque;

use backstay_model::change::TakesEffect;
use backstay_model::decision::Clearance;
use backstay_model::event::WriteReply;
use backstay_model::plan::{Found, Write};
use backstay_model::{ChangeSetId, Command, Event, IntentId};

use super::explore::{Edge, Model};
use crate::invariants::{
    Invariant, Transition, broken_by_transition, broken_by_write, one_live_revert_each,
};
use crate::policy::Brake;
use crate::samples::{self, NOW};
use crate::state::{Awaits, State, step};

const A: usize = 0;
const B: usize = 1;

/// How the guard behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Guard {
    /// Hands a write to the engine only while its intent is open, and tells A when B comes.
    Careful,
    /// Hands over whatever was recorded once.
    RunsStaleCommands,
    /// Begins B's life without ending A's.
    ForgetsTheFirst,
}

#[derive(Clone, Debug)]
pub(super) struct Overlap {
    guard: Guard,
    value: &'static str,
    /// What stood there before B.
    before_b: &'static str,
    sets: [Option<State>; 2],
    commands: VecDeque<Command>,
    inbox: VecDeque<(usize, Event)>,
    crashes_left: u8,
    lost_left: u8,
    /// Writes of people that are still to come: v2, and v1 back again.
    people: VecDeque<&'static str>,
    /// People's writes that the guard has not seen.
    unseen: VecDeque<&'static str>,
    broken: Option<Invariant>,
}

impl Overlap {
    pub(super) fn begin(guard: Guard) -> Self {
        Self {
            guard,
            value: "v1",
            before_b: "v1",
            sets: [None, None],
            commands: VecDeque::new(),
            inbox: VecDeque::new(),
            crashes_left: 1,
            lost_left: 1,
            people: VecDeque::from(["v2", "v1"]),
            unseen: VecDeque::new(),
            broken: None,
        }
    }

    /// Old and new value of a change set.
    fn values(&self, which: usize) -> (&'static str, &'static str) {
        if which == A {
            ("v0", "v1")
        } else {
            (self.before_b, "v2")
        }
    }

    fn take(&mut self, which: usize, event: &Event) {
        let before = self.sets[which].take();
        match step(before.as_ref(), event) {
            Ok((after, commands)) => {
                let told = Transition {
                    before: before.as_ref(),
                    event,
                    after: &after,
                    commands: &commands,
                };
                self.blame(broken_by_transition(&told).first().copied());
                self.commands.extend(
                    commands
                        .into_iter()
                        .filter(|c| !matches!(c, Command::Page(_))),
                );
                self.sets[which] = Some(after);
            }
            Err(_) => self.sets[which] = before,
        }
        if !one_live_revert_each(self.sets.iter().flatten()) {
            self.blame(Some(Invariant::Rb4));
        }
    }

    /// The guard sees what a person wrote: a new life begins and the old one ends, in one commit.
    fn see(&mut self, value: &'static str) {
        if self.guard != Guard::ForgetsTheFirst {
            for which in [A, B] {
                self.take(which, &samples::overwritten(9, value));
            }
        }
        if value == "v2" {
            let set = samples::change_set(id(B), self.before_b, "v2");
            self.take(B, &samples::seen(set, TakesEffect::Now));
        }
    }

    fn run(&mut self, reply: Reply) {
        let (which, event) = match self.commands.pop_front() {
            Some(Command::Write(write)) => (which(&write), self.write(&write, reply)),
            Some(Command::Inspect(write)) => {
                let (at, intent, found) = (NOW, write.intent, self.found(&write));
                (which(&write), Some(samples::inspected(at, intent, found)))
            }
            Some(Command::Page(_)) | None => return,
        };
        self.inbox.extend(event.map(|e| (which, e)));
    }

    fn write(&mut self, write: &Write, reply: Reply) -> Option<Event> {
        let state = self.sets[which(write)].as_ref();
        let open = state.is_some_and(|s| s.open_intent() == Some(write.intent));
        if !open && self.guard != Guard::RunsStaleCommands {
            return None;
        }
        let broken = broken_by_write(state, write, NOW, Brake::Off);
        let (old, new) = self.values(which(write));
        let answer = if self.value == new || self.value == old {
            self.blame(broken.first().copied());
            self.value = old;
            samples::effective()
        } else {
            WriteReply::Conflict {
                found: self.found(write),
            }
        };
        let reply = if reply == Reply::Lost {
            samples::unknown()
        } else {
            answer
        };
        Some(Event::Replied {
            at: NOW,
            intent: write.intent,
            reply,
        })
    }

    fn found(&self, write: &Write) -> Found {
        let (old, new) = self.values(which(write));
        match self.value {
            v if v == old => Found::Effective,
            v if v == new => Found::NotApplied,
            v => samples::foreign(v),
        }
    }

    fn blame(&mut self, invariant: Option<Invariant>) {
        self.broken = self.broken.or(invariant);
    }

    fn turns(&self, which: usize) -> Vec<Event> {
        let Some(state) = &self.sets[which] else {
            let set = samples::change_set(id(A), "v0", "v1");
            let first = (which == A).then(|| samples::seen(set, TakesEffect::Now));
            return first.into_iter().collect();
        };
        let (old, new) = self.values(which);
        let plan = samples::plan(id(which), old, new);
        match state.awaits() {
            Awaits::Verdict(_) => vec![
                samples::event("judged hurt"),
                samples::event("judged healthy"),
            ],
            Awaits::Ruling => vec![samples::ruled(plan, id(which).0, Clearance::Automatic)],
            Awaits::Recovery(_) => {
                vec![samples::event("recovered"), samples::event("not recovered")]
            }
            Awaits::Reply(_) if self.commands.is_empty() && self.inbox.is_empty() => {
                vec![samples::event("resumed")]
            }
            _ => Vec::new(),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reply {
    Heard,
    Lost,
}

fn id(which: usize) -> ChangeSetId {
    ChangeSetId(if which == A { 7 } else { 8 })
}

fn which(write: &Write) -> usize {
    if write.change_set == id(A) { A } else { B }
}

impl Model for Overlap {
    fn key(&self) -> String {
        let state = |s: &Option<State>| {
            s.as_ref().map(|s| {
                let attempt = s.open_attempt().map(|a| (a.intent, a.delivery, a.footing));
                (s.word(), attempt, s.awaits())
            })
        };
        let command = |c: &Command| match c {
            Command::Write(w) => ("write", w.intent),
            Command::Inspect(w) => ("inspect", w.intent),
            Command::Page(_) => ("page", IntentId(0)),
        };
        let commands: Vec<_> = self.commands.iter().map(command).collect();
        let sets: Vec<_> = self.sets.iter().map(state).collect();
        format!(
            "{} {} {sets:?} {commands:?} {:?} {}{} {:?}{:?}{:?}",
            self.value,
            self.before_b,
            self.inbox,
            self.crashes_left,
            self.lost_left,
            self.people,
            self.unseen,
            self.broken,
        )
    }

    fn words(&self) -> Vec<&'static str> {
        self.sets.iter().flatten().map(State::word).collect()
    }

    fn broken(&self) -> Option<Invariant> {
        self.broken
    }

    fn rests(&self) -> bool {
        let over = |s: &State| matches!(s.awaits(), Awaits::Nothing | Awaits::Operator);
        self.commands.is_empty() && self.inbox.is_empty() && self.sets.iter().flatten().all(over)
    }

    fn moves(&self) -> Vec<(Edge, String, Self)> {
        let mut moves = Vec::new();
        let mut add = |edge, name: String, change: &dyn Fn(&mut Self)| {
            let mut next = self.clone();
            change(&mut next);
            moves.push((edge, name, next));
        };
        for which in [A, B] {
            for event in self.turns(which) {
                add(Edge::Progress, format!("{which} {}", event.word()), &|w| {
                    w.take(which, &event)
                });
            }
        }
        if let Some((which, event)) = self.inbox.front() {
            add(Edge::Progress, format!("{which} {}", event.word()), &|w| {
                w.inbox.pop_front();
                w.take(*which, event);
            });
        }
        if !self.commands.is_empty() {
            add(Edge::Progress, "run".into(), &|w| w.run(Reply::Heard));
            if self.lost_left > 0 {
                add(Edge::Trouble, "run, reply lost".into(), &|w| {
                    w.lost_left -= 1;
                    w.run(Reply::Lost);
                });
            }
        }
        if self.sets[A].is_some() && !self.people.is_empty() {
            add(Edge::Trouble, "a person writes".into(), &|w| {
                let value = w.people.pop_front().unwrap();
                if value == "v2" {
                    w.before_b = w.value;
                }
                w.value = value;
                w.unseen.push_back(value);
            });
        }
        if let Some(value) = self.unseen.front() {
            add(Edge::Progress, format!("{value} is seen"), &|w| {
                w.unseen.pop_front();
                w.see(value);
            });
        }
        if self.crashes_left > 0 {
            add(Edge::Trouble, "crash".into(), &|w| {
                w.crashes_left -= 1;
                w.commands.clear();
                w.inbox.clear();
            });
        }
        moves
    }
}
