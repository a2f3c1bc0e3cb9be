//! Two change sets that overlap and are held together: one of them, both or something else hurts, people
//! undo them in any order or keep them, and the guard may crash.

use std::collections::{BTreeMap, VecDeque};

use backstay_model::change::TakesEffect;
use backstay_model::decision::{Clearance, HoldReason};
use backstay_model::event::WriteReply;
use backstay_model::plan::{Found, Plan, Write};
use backstay_model::{ChangeSetId, Command, Event, IntentId, SettingKey};

use super::explore::{Edge, Model};
use crate::invariants::{Invariant, Transition, broken_by_transition};
use crate::joint;
use crate::samples::{self, EXPIRES, NOW};
use crate::state::{Awaits, State, step};

const IDS: [ChangeSetId; 2] = [ChangeSetId(7), ChangeSetId(8)];

/// What hurts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cause {
    First,
    Second,
    /// Each by itself.
    Both,
    /// None of them.
    Another,
}

/// How the guard behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Teller {
    /// Looks after those that are left.
    Careful,
    /// Leaves them to people for ever.
    Forgets,
    /// Leaves each to be told with the other one.
    TellsNobody,
}

#[derive(Clone, Debug)]
pub(super) struct Joint {
    cause: Cause,
    teller: Teller,
    /// Whether the old value stands again.
    undone: [bool; 2],
    sets: [Option<State>; 2],
    /// How often each was begun to be undone.
    attempts: [u8; 2],
    /// Whether a person was called about one that is held.
    told: [bool; 2],
    commands: VecDeque<Command>,
    inbox: VecDeque<(usize, Event)>,
    crashes_left: u8,
    lost_left: u8,
    broken: Option<Invariant>,
}

impl Joint {
    pub(super) fn begin(cause: Cause, teller: Teller) -> Self {
        Self {
            cause,
            teller,
            undone: [false; 2],
            sets: [None, None],
            attempts: [0; 2],
            told: [false; 2],
            commands: VecDeque::new(),
            inbox: VecDeque::new(),
            crashes_left: 1,
            lost_left: 1,
            broken: None,
        }
    }

    fn hurts(&self) -> bool {
        let [first, second] = self.undone;
        match self.cause {
            Cause::First => !first,
            Cause::Second => !second,
            Cause::Both => !first || !second,
            Cause::Another => true,
        }
    }

    fn take(&mut self, which: usize, event: &Event) {
        let before = self.sets[which].take();
        let Ok((after, commands)) = step(before.as_ref(), event) else {
            self.sets[which] = before;
            return;
        };
        let told = Transition {
            before: before.as_ref(),
            event,
            after: &after,
            commands: &commands,
        };
        self.blame(broken_by_transition(&told).first().copied());
        let begins = |s: &State| matches!(s, State::Reverting { .. });
        if begins(&after) && !before.as_ref().is_some_and(begins) {
            self.attempts[which] += 1;
        }
        if self.attempts[which] > 1 {
            self.blame(Some(Invariant::Rb14));
        }
        for command in commands {
            match command {
                Command::Page(_) => self.told[which] = true,
                other => self.commands.push_back(other),
            }
        }
        self.sets[which] = Some(after);
    }

    fn blame(&mut self, invariant: Option<Invariant>) {
        self.broken = self.broken.or(invariant);
    }

    /// What is said about the one that was judged now, the second of them being the more suspect.
    fn reason(&self, which: usize) -> HoldReason {
        let held = |s: &Option<State>| matches!(s, Some(State::Held { .. }));
        let other = 1 - which;
        let spoken = held(&self.sets[other]) || self.teller == Teller::TellsNobody;
        HoldReason::Joint {
            suspects: vec![IDS[1], IDS[0]],
            told_with: if spoken { IDS[other] } else { IDS[which] },
        }
    }

    /// Whether both may still be the cause when one is ruled on.
    fn overlaps(&self, which: usize) -> bool {
        self.sets[1 - which].as_ref().is_some_and(|s| !s.settled())
    }

    fn next(&self, which: usize) -> Option<Event> {
        let states = IDS.iter().zip(&self.sets);
        let states: BTreeMap<ChangeSetId, &State> = states
            .filter_map(|(id, s)| Some((*id, s.as_ref()?)))
            .collect();
        joint::next(
            self.sets[which].as_ref()?,
            &states,
            |_| false,
            (NOW, NOW, EXPIRES),
        )
    }

    fn turns(&self, which: usize) -> Vec<Event> {
        let Some(state) = &self.sets[which] else {
            let set = samples::change_set(IDS[which], "v0", "v1");
            // The second comes while the first is watched.
            let now = which == 0 || self.sets[0].is_some();
            let first = now.then(|| samples::seen(set, TakesEffect::Now));
            return first.into_iter().collect();
        };
        let intent = 10 * which as u64 + u64::from(self.attempts[which]);
        match state.awaits() {
            Awaits::Verdict(_) if self.sets[1].is_none() => Vec::new(),
            Awaits::Verdict(_) if self.hurts() => vec![samples::event("judged hurt")],
            Awaits::Verdict(_) => vec![samples::event("judged healthy")],
            Awaits::Ruling => {
                let why = match self.overlaps(which) {
                    true => self.reason(which),
                    false => HoldReason::ApproveMode,
                };
                vec![samples::ruled(
                    plan(which),
                    intent,
                    Clearance::Approval { why },
                )]
            }
            Awaits::Recovery(_) if self.hurts() => vec![samples::event("not recovered")],
            Awaits::Recovery(_) => vec![samples::event("recovered")],
            Awaits::Reply(_) if self.commands.is_empty() && self.inbox.is_empty() => {
                vec![samples::event("resumed")]
            }
            Awaits::Operator => {
                let held = matches!(state, State::Held { .. });
                let approved = samples::approved(plan(which), intent);
                if held { vec![approved] } else { Vec::new() }
            }
            _ => Vec::new(),
        }
    }

    fn run(&mut self, reply: WriteReply) {
        let (write, event) = match self.commands.pop_front() {
            Some(Command::Write(write)) => {
                let which = which(&write);
                let state = self.sets[which].as_ref();
                if state.is_none_or(|s| s.open_intent() != Some(write.intent)) {
                    return;
                }
                self.undone[which] = true;
                let event = replied(&write, reply);
                (write, event)
            }
            Some(Command::Inspect(write)) => {
                let found = match self.undone[which(&write)] {
                    true => Found::Effective,
                    false => Found::NotApplied,
                };
                let event = samples::inspected(NOW, write.intent, found);
                (write, event)
            }
            Some(Command::Page(_)) | None => return,
        };
        self.inbox.push_back((which(&write), event));
    }

    /// Whether somebody knows what to do while something hurts and changes are held together.
    fn spoken(&self) -> bool {
        let held = |s: &State| matches!(s, State::Held { .. });
        let mut sets = self.sets.iter().zip(self.told);
        !self.sets.iter().flatten().any(held) || sets.any(|(_, told)| told)
    }
}

fn replied(write: &Write, reply: WriteReply) -> Event {
    Event::Replied {
        at: NOW,
        intent: write.intent,
        reply,
    }
}

/// The plan of each writes a setting of its own.
fn plan(which: usize) -> Plan {
    let mut plan = samples::plan(IDS[which], "v0", "v1");
    for step in &mut plan.steps {
        step.key = SettingKey::instance(if which == 0 { "work_mem" } else { "jit" });
    }
    plan
}

fn which(write: &Write) -> usize {
    usize::from(write.change_set == IDS[1])
}

impl Model for Joint {
    fn key(&self) -> String {
        let state = |s: &Option<State>| {
            s.as_ref().map(|s| {
                let attempt = s.open_attempt().map(|a| (a.intent, a.delivery, a.footing));
                let reason = match s {
                    State::Held { reason, .. } => reason.to_string(),
                    _ => String::new(),
                };
                (s.word(), reason, attempt, s.awaits())
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
            "{:?} {sets:?} {:?}{:?} {commands:?} {:?} {}{} {:?}",
            self.undone,
            self.attempts,
            self.told,
            self.inbox,
            self.crashes_left,
            self.lost_left,
            self.broken,
        )
    }

    fn words(&self) -> Vec<&'static str> {
        self.sets.iter().flatten().map(State::word).collect()
    }

    fn broken(&self) -> Option<Invariant> {
        let rests = self.commands.is_empty() && self.inbox.is_empty();
        let nobody = rests && self.sets.iter().all(Option::is_some) && !self.spoken();
        self.broken.or(nobody.then_some(Invariant::P12))
    }

    /// Nothing has to happen: everything is over, or a person's turn because it may still hurt. What is
    /// held for a harm that went away with another change is nobody's turn.
    fn rests(&self) -> bool {
        let over = |s: &State| matches!(s.awaits(), Awaits::Nothing | Awaits::Operator);
        let joint = |s: &State| {
            matches!(
                s,
                State::Held {
                    reason: HoldReason::Joint { .. },
                    ..
                }
            )
        };
        let all: Vec<&State> = self.sets.iter().flatten().collect();
        let calm = !self.hurts() && all.iter().any(|s| joint(s));
        let quiet = self.commands.is_empty() && self.inbox.is_empty();
        all.len() == 2 && quiet && !calm && all.iter().all(|s| over(s))
    }

    fn moves(&self) -> Vec<(Edge, String, Self)> {
        let mut moves = Vec::new();
        let mut add = |edge, name: String, change: &dyn Fn(&mut Self)| {
            let mut next = self.clone();
            change(&mut next);
            moves.push((edge, name, next));
        };
        for which in [0, 1] {
            for event in self.turns(which) {
                // People do as they like: nothing may wait for them.
                let by_people = matches!(event, Event::Approved { .. });
                let edge = if by_people {
                    Edge::Trouble
                } else {
                    Edge::Progress
                };
                add(edge, format!("{which} {}", event.word()), &|w| {
                    w.take(which, &event)
                });
            }
            if self.teller != Teller::Forgets
                && let Some(event) = self.next(which)
            {
                add(Edge::Progress, format!("{which} {}", event.word()), &|w| {
                    w.take(which, &event)
                });
            }
            if matches!(self.sets[which], Some(State::Held { .. })) {
                let kept = samples::event("kept");
                add(Edge::Trouble, format!("{which} kept"), &|w| {
                    w.take(which, &kept)
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
            add(Edge::Progress, "run".into(), &|w| {
                w.run(samples::effective())
            });
            if self.lost_left > 0 {
                add(Edge::Trouble, "run, reply lost".into(), &|w| {
                    w.lost_left -= 1;
                    w.run(samples::unknown());
                });
            }
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
