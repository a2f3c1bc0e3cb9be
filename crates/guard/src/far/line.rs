//! The line in which batches stand, between the guard and the thread that feeds the store.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backstay_graph::Batch;

use super::Standing;
use super::worker::{GROUP_MAX, GROUP_OPS};

/// Batches that may stand in line.
pub(super) const BATCHES_MAX: usize = 16_384;
/// Ops that may stand in line, over all batches.
const OPS_MAX: usize = 262_144;
/// A guard that stops gives the store so long to take what it lacks; the next one goes on from there.
const LEAVE: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Batch>,
    ops: usize,
    standing: Standing,
    ending: bool,
    ended: bool,
}

/// The line itself.
#[derive(Debug)]
pub(super) struct Line {
    state: Mutex<State>,
    moved: Condvar,
}

/// What is to be done next for a store.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// These batches come next.
    Group(Vec<Batch>),
    /// The next ones up to this number do not stand in line: they are in the journal.
    Replay(u64),
    /// Nothing, and nothing will come.
    End,
}

impl Line {
    pub(super) fn new(head: u64) -> Self {
        let state = State {
            standing: Standing {
                head,
                ..Standing::default()
            },
            ..State::default()
        };
        Self {
            state: Mutex::new(state),
            moved: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that is done under the lock can leave it half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn standing(&self) -> Standing {
        self.state().standing.clone()
    }

    /// Changes how it stands; gives how it stands then.
    pub(super) fn stand(&self, change: impl FnOnce(&mut Standing)) -> Standing {
        let mut state = self.state();
        change(&mut state.standing);
        state.standing.clone()
    }

    /// Puts a batch in line, or leaves it to the journal where there is no room.
    pub(super) fn push(&self, batch: &Batch) {
        let mut state = self.state();
        state.standing.head = state.standing.head.max(batch.seq);
        if state.waiting.len() < BATCHES_MAX && state.ops + batch.ops.len() <= OPS_MAX {
            state.ops += batch.ops.len();
            state.waiting.push_back(batch.clone());
        }
        drop(state);
        self.moved.notify_all();
    }

    /// What comes next for a store that is at `have`; waits until there is something.
    pub(super) fn next(&self, have: u64) -> Next {
        let mut state = self.state();
        loop {
            while state.waiting.front().is_some_and(|b| b.seq <= have) {
                state.pop();
            }
            match state.waiting.front().map(|b| b.seq) {
                Some(seq) if seq == have + 1 => return Next::Group(state.group()),
                Some(seq) => return Next::Replay(seq - 1),
                None if state.standing.head > have => return Next::Replay(state.standing.head),
                None if state.ending => return Next::End,
                None => {}
            }
            let waited = self.moved.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until something is recorded; whether that is so, and not the end.
    pub(super) fn anything(&self) -> bool {
        let idle = |s: &mut State| s.standing.head == 0 && !s.ending;
        let waited = self.moved.wait_while(self.state(), idle);
        waited.unwrap_or_else(PoisonError::into_inner).standing.head > 0
    }

    /// Waits for `patience`; whether to go on then.
    pub(super) fn pause(&self, patience: Duration) -> bool {
        let waited = self
            .moved
            .wait_timeout_while(self.state(), patience, |s| !s.ending);
        !waited.unwrap_or_else(PoisonError::into_inner).0.ending
    }

    /// Nothing more is put in line. Waits a little for what stands there.
    pub(super) fn end(&self) {
        self.state().ending = true;
        self.moved.notify_all();
        let waited = self
            .moved
            .wait_timeout_while(self.state(), LEAVE, |s| !s.ended);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Nobody takes from the line any more.
    pub(super) fn ended(&self) {
        self.state().ended = true;
        self.moved.notify_all();
    }
}

impl State {
    fn pop(&mut self) -> Option<Batch> {
        let batch = self.waiting.pop_front()?;
        self.ops -= batch.ops.len();
        Some(batch)
    }

    /// The batches at the front that follow one another, as many as are applied at once.
    fn group(&mut self) -> Vec<Batch> {
        let mut group: Vec<Batch> = Vec::new();
        let mut ops = 0;
        while let Some(front) = self.waiting.front() {
            let follows = group.last().is_none_or(|last| front.seq == last.seq + 1);
            let room = group.is_empty() || ops + front.ops.len() <= GROUP_OPS;
            if !follows || !room || group.len() >= GROUP_MAX {
                break;
            }
            ops += front.ops.len();
            group.extend(self.pop());
        }
        group
    }
}
