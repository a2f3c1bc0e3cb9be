//! The thread that feeds a far store.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use backstay_graph::Batch;

use super::line::{Line, Next};
use super::{FarStore, Reach, Replay, Standing, Trouble};

/// Ops that are applied in one step, more only where one batch has more.
pub const GROUP_OPS: usize = 5_000;
/// Batches that are applied in one step: most of them are empty.
pub const GROUP_MAX: usize = 2_000;
/// Wait after the first trouble; doubled up to [`PATIENCE_MAX`].
const PATIENCE_MIN: Duration = Duration::from_millis(500);
/// Longest wait between two attempts.
const PATIENCE_MAX: Duration = Duration::from_secs(30);

/// Feeds the store from the line and the journal.
pub(super) struct Worker<R: Reach, J, T> {
    far: Far<R, T>,
    journal: J,
}

/// The far end: the store as long as it is well, and how far it is.
struct Far<R: Reach, T> {
    reach: R,
    store: Option<(R::Store, u64)>,
    line: Arc<Line>,
    tell: T,
    patience: Duration,
}

/// There is no sense in going on: the guard ends, and the store is not well.
struct Over;

impl<R: Reach, J: Replay, T: FnMut(&Standing)> Worker<R, J, T> {
    pub(super) fn new((reach, journal): (R, J), line: Arc<Line>, tell: T) -> Self {
        let far = Far {
            reach,
            store: None,
            line,
            tell,
            patience: PATIENCE_MIN,
        };
        Self { far, journal }
    }

    /// Until the line ends.
    pub(super) fn work(mut self) {
        let line = Arc::clone(&self.far.line);
        if line.anything() {
            while self.step().is_ok() {}
        }
        line.ended();
    }

    fn step(&mut self) -> Result<(), Over> {
        let have = self.far.have()?;
        match self.far.line.next(have) {
            Next::Group(batches) => self.far.deliver(&batches),
            Next::Replay(to) => self.replay(have + 1, to),
            Next::End => Err(Over),
        }
    }

    fn replay(&mut self, from: u64, to: u64) -> Result<(), Over> {
        tracing::info!(
            from,
            to,
            "the graph store gets from the journal what it lacks"
        );
        let mut group = Group::default();
        let mut done = Ok(());
        let far = &mut self.far;
        let read = self.journal.replay(from, &mut |batch| {
            let last = batch.seq >= to;
            group.push(batch);
            if group.full() || last {
                done = far.deliver(&group.take());
            }
            match last || done.is_err() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        });
        done?;
        match read {
            Ok(()) => Ok(()),
            Err(trouble) => self.far.bear(trouble),
        }
    }
}

/// Batches that are applied in one step.
#[derive(Debug, Default)]
pub struct Group {
    batches: Vec<Batch>,
    ops: usize,
}

impl Group {
    /// Adds a batch.
    pub fn push(&mut self, batch: Batch) {
        self.ops += batch.ops.len();
        self.batches.push(batch);
    }

    /// Whether there is enough in it for one step.
    #[must_use]
    pub fn full(&self) -> bool {
        self.ops >= GROUP_OPS || self.batches.len() >= GROUP_MAX
    }

    /// What is in it; it is empty then.
    pub fn take(&mut self) -> Vec<Batch> {
        std::mem::take(self).batches
    }
}

impl<R: Reach, T: FnMut(&Standing)> Far<R, T> {
    /// How far the store is; it is opened where it must be, with all the patience it takes.
    fn have(&mut self) -> Result<u64, Over> {
        loop {
            if let Some((_, have)) = &self.store {
                return Ok(*have);
            }
            let opened = self.reach.open();
            let asked = opened.and_then(|store| store.applied_seq().map(|have| (store, have)));
            match asked {
                Ok((store, have)) => {
                    self.store = Some((store, have));
                    self.well(have);
                }
                Err(trouble) => self.bear(trouble)?,
            }
        }
    }

    /// Gives the store these batches; returns when they are in it, or when it lacks others first.
    fn deliver(&mut self, batches: &[Batch]) -> Result<(), Over> {
        let (Some(first), Some(last)) = (batches.first(), batches.last()) else {
            return Ok(());
        };
        loop {
            let have = self.have()?;
            if last.seq <= have || first.seq > have + 1 {
                return Ok(());
            }
            let Some((store, have)) = &mut self.store else {
                continue;
            };
            match store.apply_group(batches) {
                Ok(seq) => {
                    *have = seq;
                    self.well(seq);
                }
                Err(trouble) => self.bear(trouble)?,
            }
        }
    }

    fn well(&mut self, have: u64) {
        self.patience = PATIENCE_MIN;
        let mut troubled = false;
        let standing = self.line.stand(|s| {
            s.applied = Some(have);
            troubled = s.trouble.take().is_some();
        });
        if troubled {
            tracing::info!(have, "the graph store answers again");
        }
        (self.tell)(&standing);
    }

    /// Puts up with trouble for a while.
    fn bear(&mut self, trouble: Trouble) -> Result<(), Over> {
        self.store = None;
        let mut new = false;
        let standing = self.line.stand(|s| {
            new = s.trouble.as_ref() != Some(&trouble);
            s.trouble = Some(trouble);
        });
        if let Some(Trouble { what, hint }) = standing.trouble.as_ref().filter(|_| new) {
            tracing::warn!(
                what,
                hint,
                "the graph store is not fed; it gets later what it lacks"
            );
        }
        (self.tell)(&standing);
        let goes_on = self.line.pause(self.patience);
        self.patience = (self.patience * 2).min(PATIENCE_MAX);
        if goes_on { Ok(()) } else { Err(Over) }
    }
}
