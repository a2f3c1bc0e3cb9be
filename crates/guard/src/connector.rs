//! How a guard gets hold of a target: one connector per target, made by the command line.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use backstay_engine::{ChangeSource, ConfigWriter, MetricSource, Probe, ReadError};
use backstay_journal::{Notice, Presence};
use backstay_model::plan::Dialect;
use tokio::sync::Notify;

/// Makes the three connections to one target.
pub trait Connector: Send + Sync + 'static {
    /// Reads and measures over one long-lived connection.
    type Observer: ChangeSource + MetricSource + Notices + 'static;
    /// Connects afresh each time.
    type Probe: Probe + 'static;
    /// Writes over a connection that is opened before any trouble and held.
    type Writer: ConfigWriter + 'static;

    /// Opens the observing connection.
    fn observer(&self) -> impl Future<Output = Result<Self::Observer, ReadError>> + Send;

    /// A probe; it connects only when it runs.
    fn probe(&self) -> Self::Probe;

    /// Opens the writing connection. `paused` is looked at before each write.
    fn writer(
        &self,
        paused: Arc<AtomicBool>,
    ) -> impl Future<Output = Result<Self::Writer, ReadError>> + Send;

    /// Makes sure that the writing connection is still open; asked now and again, because a connection
    /// that is held gets in where new ones do not.
    fn hold(writer: &mut Self::Writer) -> impl Future<Output = Result<(), ReadError>> + Send {
        let _ = writer;
        async { Ok(()) }
    }

    /// What became known since the last call about whether the writer may write at all; asked as the
    /// connection is held, long before anything is to be written.
    fn doubts(
        writer: &mut Self::Writer,
    ) -> impl Future<Output = Option<(Notice, Presence)>> + Send {
        let _ = writer;
        async { None }
    }

    /// What wakes the observer before the second is over, when something can.
    fn wake(observer: &Self::Observer) -> Option<Arc<Notify>> {
        let _ = observer;
        None
    }

    /// How statements of this engine look.
    fn dialect(&self) -> Box<dyn Dialect + Send>;
}

/// What narrows an observer's sight, told as it begins and ends.
pub trait Notices {
    /// Notices since the last call.
    fn take_notices(&mut self) -> Vec<(Notice, Presence)>;
}
