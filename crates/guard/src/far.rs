//! A graph store far away, fed on a thread of its own: nobody ever waits for it.
//!
//! What is recorded is put in line, a bounded number of batches. What does not fit, and what was recorded
//! while nobody fed the store, is read again from the journal. The store itself says how far it is, so
//! every batch gets there exactly once, after any crash on either side.

mod line;
mod worker;

use std::ops::ControlFlow;
use std::sync::Arc;

use backstay_graph::{Applied, ApplyError, Batch, ReadError};
use serde::{Deserialize, Serialize};

use crate::books::Feed;
use line::Line;
use worker::Worker;

pub use worker::{GROUP_MAX, GROUP_OPS, Group};

/// Why the store cannot be fed, and what a person can do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub hint: String,
}

/// A store that can be far away.
pub trait FarStore {
    /// Number of the last batch that is in it; 0 when there is none.
    ///
    /// # Errors
    /// `Trouble`; it is asked again later.
    fn applied_seq(&self) -> Result<u64, Trouble>;

    /// Applies batches in one step, those that it has already passed over; gives the number of the last
    /// one in it.
    ///
    /// # Errors
    /// `Trouble`; the store is opened anew and asked how far it is.
    fn apply_group(&mut self, batches: &[Batch]) -> Result<u64, Trouble>;
}

/// How a store is reached.
pub trait Reach: Send + 'static {
    /// The store.
    type Store: FarStore + Send;

    /// Opens it. It is called on the thread that feeds it, again after every trouble, and only when
    /// something is recorded.
    ///
    /// # Errors
    /// `Trouble`; it is tried again later, with growing patience.
    fn open(&mut self) -> Result<Self::Store, Trouble>;
}

/// Reads the journal again.
pub trait Replay: Send + 'static {
    /// Hands the batches from `from` on to `take`, in order, until it says that it has enough.
    ///
    /// # Errors
    /// `Trouble`; it is tried again later.
    fn replay(
        &mut self,
        from: u64,
        take: &mut dyn FnMut(Batch) -> ControlFlow<()>,
    ) -> Result<(), Trouble>;
}

/// How a far store stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Standing {
    /// Number of the last batch in it; `None` while it has not said.
    pub applied: Option<u64>,
    /// Number of the last entry of the journal.
    pub head: u64,
    /// Why it is not fed now.
    pub trouble: Option<Trouble>,
}

/// The near end of a far store: batches go in, and never wait.
#[derive(Debug)]
pub struct FarGraph(Arc<Line>);

impl FarGraph {
    /// Begins to feed the store, whose journal has `head` entries now. `tell` hears how it stands,
    /// whenever that changes.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start<R: Reach, J: Replay>(
        (reach, journal): (R, J),
        head: u64,
        tell: impl FnMut(&Standing) + Send + 'static,
    ) -> std::io::Result<Self> {
        let line = Arc::new(Line::new(head));
        let worker = Worker::new((reach, journal), Arc::clone(&line), tell);
        let thread = std::thread::Builder::new().name("graph-store".into());
        // It ends with the line; whoever drops this waits for that, but not for long.
        drop(thread.spawn(move || worker.work())?);
        Ok(Self(line))
    }

    /// How it stands.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.0.standing()
    }
}

impl Drop for FarGraph {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Feed for FarGraph {
    /// As far as the journal is: the store gets by itself what it lacks.
    fn applied_seq(&self) -> Result<u64, ReadError> {
        Ok(self.0.standing().head)
    }

    fn apply(&mut self, batch: &Batch) -> Result<Applied, ApplyError> {
        self.0.push(batch);
        Ok(Applied::Now)
    }
}

#[cfg(test)]
mod tests;
