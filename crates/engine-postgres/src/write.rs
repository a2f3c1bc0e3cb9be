//! The only door to a target's configuration: compare, write, activate, read back, all under one lock
//! on one held connection.
//!
//! What is promised: a value that is not the expected one is never overwritten knowingly; "effective"
//! is said only after a new session saw the wanted value from the predicted source; when an answer
//! gets lost after the first statement, the reply is `Unknown` and nothing else. Against writers that
//! do not take our lock the window between comparing and the durable write stays open (tens of
//! milliseconds): there we detect, we do not prevent.

use std::sync::Arc;

use backstay_engine::{ConfigWriter, ReadError};
use backstay_journal::Recorded;
use backstay_model::Timestamp;
use backstay_model::event::WriteReply;
use backstay_model::plan::{Found, Write};
use tokio::time::{Duration, Instant};

use crate::connect::Dialer;
use crate::dsn::Resolved;
use crate::secrets::{Redactor, redact_text};

mod control;
mod fresh;
mod precheck;
mod reading;
mod rights;
mod scalar;
mod sequence;
mod stand;

use control::{Control, ControlError};
pub use control::{LOCK_CLASS, LOCK_KEY};
pub use precheck::FOREIGN_EDITS;
use rights::Rights;
pub use rights::{Lack, News};
use sequence::{Stop, refused, unknown};

/// Longest wait for the lock on a target.
const LOCK_MAX: Duration = Duration::from_secs(30);

/// Whether writes are possible. Whatever cannot be read counts as closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Writes are possible.
    Open,
    /// Backstay is paused: nothing is written from now on.
    Closed,
}

/// Asked before the lock, before each statement that writes, and before the reload.
pub type Pause = Arc<dyn Fn() -> Gate + Send + Sync>;

/// Writes to one target. Holds one control connection; opens a fresh one for each read-back.
pub struct PostgresWriter {
    control_dialer: Dialer,
    fresh_dialer: Dialer,
    redactor: Redactor,
    pause: Pause,
    control: Option<Control>,
    /// The system identifier of the server that was first connected to; no other is ever written to.
    system: Option<String>,
    rights: Rights,
}

impl std::fmt::Debug for PostgresWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresWriter")
            .field("redactor", &self.redactor)
            .finish_non_exhaustive()
    }
}

impl PostgresWriter {
    /// A writer to the server at `dsn`; connects to nothing yet.
    ///
    /// # Errors
    /// When the certificates to trust cannot be read.
    pub fn new(dsn: &Resolved, redactor: Redactor, pause: Pause) -> Result<Self, ReadError> {
        Ok(Self {
            control_dialer: control::dialer(dsn)?,
            fresh_dialer: fresh::dialer(dsn)?,
            redactor,
            pause,
            control: None,
            system: None,
            rights: Rights::default(),
        })
    }

    /// Opens the control connection, or makes sure that it is still open. To be called long before it
    /// is needed and then now and again: a connection that is held gets in where new ones do not.
    ///
    /// # Errors
    /// When the server cannot be reached, another server answers, or a pooler is in between.
    pub async fn hold(&mut self) -> Result<(), ReadError> {
        let control = self
            .take_control()
            .await
            .map_err(|error| ReadError::Failed {
                what: "the control connection".to_owned(),
                why: error.to_string(),
            })?;
        self.control = Some(control);
        Ok(())
    }

    /// What became known since the last call about whether the role may write at all; to be called now
    /// and again while the connection is held. Nothing while it is not.
    pub async fn news_of_rights(&mut self) -> Option<News> {
        let control = self.control.as_ref().filter(|control| control.usable())?;
        let news = self.rights.ask(control).await;
        news.unwrap_or_else(|error| {
            tracing::debug!(%error, "whether the role may write is not known");
            None
        })
    }

    /// The held connection, or a new one to the same server.
    async fn take_control(&mut self) -> Result<Control, ControlError> {
        if let Some(control) = self.control.take().filter(Control::usable) {
            return Ok(control);
        }
        let control = Control::open(&self.control_dialer).await?;
        let first = self.system.get_or_insert_with(|| control.system.clone());
        if *first == control.system {
            return Ok(control);
        }
        let why = format!(
            "another server answers: system identifier {}, expected {first}",
            control.system
        );
        Err(ControlError::Refused { why })
    }

    fn gate(&self) -> Result<(), Stop> {
        match (self.pause)() {
            Gate::Open => Ok(()),
            Gate::Closed => Err(refused("Backstay is paused")),
        }
    }

    async fn carry_out(&mut self, write: &Write, now: Timestamp) -> Result<WriteReply, Stop> {
        let begun = Instant::now();
        let left = Duration::from_micros(u64::try_from(write.expires_at.since(now).0).unwrap_or(0));
        if left.is_zero() {
            return Err(refused("the intent expired before anything was written"));
        }
        if write.target != *self.redactor.target() {
            return Err(refused(format!(
                "this connection leads to another target than {}",
                write.target
            )));
        }
        self.gate()?;
        let control = self.take_control().await.map_err(before_any_write)?;
        let until = begun + left.min(LOCK_MAX);
        let locked = control
            .lock(&write.intent.to_string(), until)
            .await
            .map_err(before_any_write)?;
        let Some(locked) = locked else {
            self.control = Some(control);
            return Err(refused("another controller holds the lock of this target"));
        };
        let lock_s = begun.elapsed().as_secs_f64();
        let run = sequence::Run {
            writer: self,
            control: &control,
            locked: &locked,
            write,
        };
        let reply = if begun.elapsed() < left {
            run.under_lock(lock_s).await
        } else {
            Err(refused("the intent expired before anything was written"))
        };
        let unlocked = if control.usable() {
            control.unlock(locked).await
        } else {
            Ok(())
        };
        match unlocked {
            Err(ControlError::Pooler { why }) => return Err(unknown(why)),
            Err(error) => tracing::warn!(%error, "the lock ends with its connection"),
            Ok(()) => self.control = Some(control).filter(Control::usable),
        }
        reply
    }

    async fn look(&mut self, write: &Write) -> Result<Found, String> {
        let control = self.take_control().await.map_err(|e| e.to_string())?;
        let until = Instant::now() + LOCK_MAX;
        let locked = control
            .lock(&write.intent.to_string(), until)
            .await
            .map_err(|e| e.to_string())?;
        let Some(locked) = locked else {
            self.control = Some(control);
            return Err("another controller holds the lock of this target".to_owned());
        };
        let reading = fresh::read(&control, &self.fresh_dialer, &write.steps).await;
        let found = reading.map(|r| sequence::found_at(&write.steps, &r, &self.redactor));
        if let Err(error) = control.unlock(locked).await {
            tracing::warn!(%error, "the lock ends with its connection");
        } else {
            self.control = Some(control);
        }
        found.map_err(|e| e.to_string())
    }
}

impl ConfigWriter for PostgresWriter {
    async fn apply(&mut self, write: Recorded<Write>, now: Timestamp) -> WriteReply {
        let write = write.command();
        let reply = self
            .carry_out(write, now)
            .await
            .unwrap_or_else(Stop::into_reply);
        match &reply {
            WriteReply::Effective { .. } | WriteReply::RestartPending => {
                tracing::info!(intent = %write.intent, change_set = %write.change_set, "written and read back");
            }
            other => {
                let said = redact_text(&format!("{other:?}"));
                tracing::debug!(intent = %write.intent, change_set = %write.change_set, said, "not carried out");
            }
        }
        reply
    }

    async fn inspect(&mut self, write: &Recorded<Write>) -> Found {
        self.look(write.command())
            .await
            .unwrap_or_else(|why| Found::Unknown {
                why: redact_text(&why),
            })
    }
}

/// What an error means while nothing has been written: a refusal stays one, everything else is to be
/// asked again.
fn before_any_write(error: ControlError) -> Stop {
    match error {
        ControlError::Refused { why } | ControlError::Pooler { why } => refused(why),
        ControlError::Lost { why } => unknown(format!("nothing was written: {why}")),
    }
}
