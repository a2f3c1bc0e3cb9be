//! The sequence of one write, from the comparison to the read-back.

use std::time::Duration;

use backstay_model::change::Pending;
use backstay_model::event::{WriteReply, WriteTiming};
use backstay_model::plan::{Found, PlanStep, Route, Write};
use tokio::time::Instant;

use super::control::{Control, ControlError, Locked};
use super::fresh::{self, Waits};
use super::precheck::{self, Certainty, FOREIGN_EDITS};
use super::reading::Reading;
use super::stand::{self, Stand};
use super::{PostgresWriter, before_any_write};
use crate::secrets::{Redactor, redact_text};
use crate::sql;

/// Longest time until a reload must show in a new session. It is asynchronous; measured on
/// PostgreSQL 15: 3 ms in the median, 7 ms at most.
const READ_BACK_MAX: Duration = Duration::from_secs(2);
/// First pause between two looks; it doubles up to [`LOOK_AGAIN_MAX`].
const LOOK_AGAIN: Duration = Duration::from_millis(2);
/// Longest pause between two looks.
const LOOK_AGAIN_MAX: Duration = Duration::from_millis(100);

/// The reply that ends a sequence early.
#[derive(Debug)]
pub(super) struct Stop(Box<WriteReply>);

impl Stop {
    pub(super) fn into_reply(self) -> WriteReply {
        *self.0
    }
}

pub(super) fn refused(why: impl Into<String>) -> Stop {
    Stop(Box::new(WriteReply::Refused { why: why.into() }))
}

pub(super) fn unknown(why: impl Into<String>) -> Stop {
    Stop(Box::new(WriteReply::Unknown { why: why.into() }))
}

/// What stands at `steps` in `reading`.
pub(super) fn found_at(steps: &[PlanStep], reading: &Reading, redactor: &Redactor) -> Found {
    stand::found(steps, &stands_at(steps, reading, redactor))
}

fn stands_at(steps: &[PlanStep], reading: &Reading, redactor: &Redactor) -> Vec<Stand> {
    steps
        .iter()
        .map(|step| stand::stand(step, reading, redactor))
        .collect()
}

/// One write under the lock.
pub(super) struct Run<'a> {
    pub(super) writer: &'a PostgresWriter,
    pub(super) control: &'a Control,
    pub(super) locked: &'a Locked,
    pub(super) write: &'a Write,
}

/// How far the statements got.
enum Written {
    /// Not one.
    Nothing,
    /// All of them.
    All,
    /// Some; then this happened.
    Some(String),
}

impl Run<'_> {
    /// Compares, writes, activates and reads back.
    pub(super) async fn under_lock(&self, lock_s: f64) -> Result<WriteReply, Stop> {
        let begun = Instant::now();
        let reading = self.read().await.map_err(before_any_write)?;
        let stands = stands_at(&self.write.steps, &reading, &self.writer.redactor);
        let mut timing = WriteTiming {
            lock_s,
            ..WriteTiming::default()
        };
        match stand::found(&self.write.steps, &stands) {
            Found::Effective => {
                timing.check_s = begun.elapsed().as_secs_f64();
                return Ok(WriteReply::Effective { timing });
            }
            found @ Found::Foreign { .. } => return Ok(WriteReply::Conflict { found }),
            found @ Found::Masked { .. } => return Ok(WriteReply::NotEffective { found }),
            _ => {}
        }
        self.precheck(&reading, &stands).await?;
        timing.check_s = begun.elapsed().as_secs_f64();
        let begun = Instant::now();
        self.control
            .same_session(self.locked)
            .await
            .map_err(before_any_write)?;
        self.writer.gate()?;
        match self.statements(&stands).await? {
            Written::All => {}
            Written::Nothing => return Err(refused("nothing was left to write")),
            Written::Some(why) => return self.half_way(&why).await,
        }
        timing.write_s = begun.elapsed().as_secs_f64();
        self.read_back(timing).await
    }

    async fn read(&self) -> Result<Reading, ControlError> {
        fresh::read(self.control, &self.writer.fresh_dialer, &self.write.steps).await
    }

    /// Everything that speaks against writing.
    async fn precheck(&self, reading: &Reading, stands: &[Stand]) -> Result<(), Stop> {
        let steps = &self.write.steps;
        if let Some(why) = precheck::unwritable(steps, reading) {
            return Err(refused(why));
        }
        if !steps.iter().any(|s| s.route == Route::AlterSystem) {
            return Ok(());
        }
        if let Some(why) = precheck::swallowed(reading) {
            return Err(refused(why));
        }
        if let Some(why) = precheck::fallback(steps, stands, reading, &self.writer.redactor) {
            return Err(refused(why));
        }
        self.rights().await?;
        self.foreign_edits(reading).await
    }

    /// Refuses when a statement would be refused half-way for want of a right.
    async fn rights(&self) -> Result<(), Stop> {
        let reload = self
            .ask("SELECT has_function_privilege('pg_reload_conf()', 'EXECUTE')")
            .await?;
        if !reload {
            return Err(refused(format!(
                "missing right to reload: GRANT EXECUTE ON FUNCTION pg_reload_conf() TO {};",
                self.role().await?
            )));
        }
        for step in self
            .write
            .steps
            .iter()
            .filter(|s| s.route == Route::AlterSystem)
        {
            let name = &step.key.name;
            let literal = sql::literal(name, name.as_str()).map_err(|e| refused(e.to_string()))?;
            let question = if self.control.version >= 15 {
                format!("SELECT has_parameter_privilege({literal}, 'ALTER SYSTEM')")
            } else {
                "SELECT rolsuper FROM pg_roles WHERE rolname = current_user".to_owned()
            };
            if !self.ask(&question).await? {
                return Err(refused(format!(
                    "permission denied to set parameter \"{name}\": GRANT ALTER SYSTEM ON PARAMETER {} TO {};",
                    sql::setting_identifier(name).map_err(|e| refused(e.to_string()))?,
                    self.role().await?
                )));
            }
        }
        Ok(())
    }

    async fn ask(&self, question: &str) -> Result<bool, Stop> {
        let rows = self
            .control
            .rows(question)
            .await
            .map_err(before_any_write)?;
        Ok(rows.first().and_then(|r| r.get(0)) == Some("t"))
    }

    async fn role(&self) -> Result<String, Stop> {
        let rows = self
            .control
            .rows("SELECT current_user")
            .await
            .map_err(before_any_write)?;
        let role = rows.first().and_then(|r| r.get(0)).unwrap_or_default();
        sql::identifier(role).map_err(|e| refused(e.to_string()))
    }

    /// Refuses when our reload would activate what others left in the files.
    async fn foreign_edits(&self, reading: &Reading) -> Result<(), Stop> {
        let mut names = Vec::new();
        for edit in precheck::waiting_edits(&self.write.steps, reading) {
            let waits = match &edit.certainty {
                Certainty::Sure => Waits::Perhaps,
                Certainty::Spelling { .. } => {
                    let redactor = &self.writer.redactor;
                    fresh::waits(self.control, &edit, redactor)
                        .await
                        .map_err(before_any_write)?
                }
            };
            if waits == Waits::Perhaps {
                names.push(edit.name.to_string());
            }
        }
        if names.is_empty() {
            return Ok(());
        }
        Err(refused(format!("{FOREIGN_EDITS}{}", names.join(", "))))
    }

    /// Runs what is not written yet: role and database entries first, in one transaction, because it
    /// can fail as a whole; then `ALTER SYSTEM`, which shows nowhere until the one reload.
    async fn statements(&self, stands: &[Stand]) -> Result<Written, Stop> {
        let steps = || self.write.steps.iter().zip(stands);
        let open = |route: Route| {
            steps()
                .filter(move |(s, stand)| s.route == route && **stand == Stand::NotApplied)
                .map(|(s, _)| s)
        };
        let mut written = Written::Nothing;
        let scoped: Vec<&PlanStep> = open(Route::RoleOrDatabase).collect();
        if !scoped.is_empty() {
            self.transaction(&scoped).await?;
            written = Written::All;
        }
        for step in open(Route::AlterSystem) {
            if let Err(error) = self.one(step).await {
                return after(written, error);
            }
            written = Written::All;
        }
        if !self
            .write
            .steps
            .iter()
            .any(|s| s.route == Route::AlterSystem)
        {
            return Ok(written);
        }
        if self.writer.gate().is_err() {
            return Ok(Written::Some(
                "Backstay was paused before the reload".to_owned(),
            ));
        }
        match self.control.rows("SELECT pg_reload_conf()").await {
            Ok(_) => Ok(Written::All),
            Err(error) => after(Written::All, error),
        }
    }

    /// One statement, if Backstay is not paused.
    async fn one(&self, step: &PlanStep) -> Result<(), ControlError> {
        let refuse = |why: String| ControlError::Refused { why };
        if self.writer.gate().is_err() {
            return Err(refuse("Backstay is paused".to_owned()));
        }
        let statement = sql::statement(step).map_err(|e| refuse(e.to_string()))?;
        let Write {
            change_set, intent, ..
        } = self.write;
        let marked = format!("/* backstay rollback {change_set} {intent} */ {statement}");
        self.control.rows(&marked).await.map(|_| ())
    }

    /// Role and database entries, all or none.
    async fn transaction(&self, steps: &[&PlanStep]) -> Result<(), Stop> {
        self.control
            .rows("BEGIN READ WRITE")
            .await
            .map_err(before_any_write)?;
        for step in steps {
            if let Err(error) = self.one(step).await {
                let undone = self.control.rows("ROLLBACK").await;
                return Err(before_any_write(undone.err().unwrap_or(error)));
            }
        }
        match self.control.rows("COMMIT").await {
            Ok(_) => Ok(()),
            Err(ControlError::Refused { why }) => Err(refused(why)),
            Err(error) => Err(unknown(error.to_string())),
        }
    }

    /// Some statements ran and the next did not: says what stands there now. Undoing or finishing is
    /// a decision, and so its own recorded write.
    async fn half_way(&self, why: &str) -> Result<WriteReply, Stop> {
        tracing::warn!(intent = %self.write.intent, why = redact_text(why), "stopped half-way");
        let reading = self
            .read()
            .await
            .map_err(|e| unknown(format!("{why}; then {e}")))?;
        let found = found_at(&self.write.steps, &reading, &self.writer.redactor);
        Ok(WriteReply::NotEffective { found })
    }

    /// Looks in new sessions until the wanted values run from the predicted sources.
    async fn read_back(&self, mut timing: WriteTiming) -> Result<WriteReply, Stop> {
        let begun = Instant::now();
        let mut pause = LOOK_AGAIN;
        loop {
            let reading = self.read().await.map_err(|e| unknown(e.to_string()))?;
            let stands = stands_at(&self.write.steps, &reading, &self.writer.redactor);
            let found = stand::found(&self.write.steps, &stands);
            timing.read_back_s = begun.elapsed().as_secs_f64();
            if found == Found::Effective && self.no_file_error(&reading) {
                return Ok(WriteReply::Effective { timing });
            }
            if self.waits_for_restart(&stands, &reading) {
                return Ok(WriteReply::RestartPending);
            }
            if begun.elapsed() > READ_BACK_MAX {
                return Ok(WriteReply::NotEffective { found });
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LOOK_AGAIN_MAX);
        }
    }

    /// Whether no line of ours has an error.
    fn no_file_error(&self, reading: &Reading) -> bool {
        let system = |s: &&PlanStep| s.route == Route::AlterSystem;
        let clean = |s: &PlanStep| {
            reading
                .winner(&s.key.name)
                .is_none_or(|line| line.error.is_none())
        };
        self.write.steps.iter().filter(system).all(clean)
    }

    /// Whether every step is either effective or written and flagged by the server as waiting for a
    /// restart.
    fn waits_for_restart(&self, stands: &[Stand], reading: &Reading) -> bool {
        let flagged = |step: &PlanStep| {
            let running = reading.running.get(&step.key.name);
            running.is_some_and(|r| r.pending_restart == Pending::Restart)
        };
        let settled = |(step, stand): (&PlanStep, &Stand)| match stand {
            Stand::Effective => true,
            Stand::Written => flagged(step),
            Stand::NotApplied | Stand::Masked(_) | Stand::Foreign(_) => false,
        };
        stands.contains(&Stand::Written) && self.write.steps.iter().zip(stands).all(settled)
    }
}

/// What an error means after `written`: a refusal before anything was written is a clean one; a lost
/// answer leaves the effect unknown.
fn after(written: Written, error: ControlError) -> Result<Written, Stop> {
    match (written, error) {
        (_, ControlError::Lost { why } | ControlError::Pooler { why }) => Err(unknown(why)),
        (Written::Nothing, ControlError::Refused { why }) => Err(refused(why)),
        (_, ControlError::Refused { why }) => Ok(Written::Some(why)),
    }
}
