//! Reading what stands now: files and catalogue over the control connection, running values in a new
//! session, because a session that shields itself does not see what it is shielded from.

use std::time::Duration;

use backstay_engine::ReadError;
use tokio_postgres::SimpleQueryRow;

use super::control::{self, Control, ControlError};
use super::reading::{self, FILES_SQL, RUNNING_SQL, Reading, SCOPED_SQL};
use crate::connect::{Dialer, Purpose};
use crate::dsn::Resolved;
use crate::sql;

/// Longest time for a fresh connection.
const FRESH_MAX: Duration = Duration::from_secs(2);
/// Attempts of a fresh session to free itself of a very short `statement_timeout`.
const ATTEMPTS_MAX: u32 = 5;

/// What a fresh session sets for itself AFTER the login: its `reset_val` still follows the server.
const SHIELD: &str = "SET statement_timeout = 0; SET lock_timeout = 0; SET jit = off; \
     SET work_mem = '8MB'; SET search_path = pg_catalog";

/// Prepares fresh connections.
pub(super) fn dialer(dsn: &Resolved) -> Result<Dialer, ReadError> {
    Dialer::new(
        dsn,
        &Purpose {
            limit: FRESH_MAX,
            ..Purpose::of("read-back")
        },
    )
}

/// Everything that stands now. When no new session can be had, the held one tells the running values,
/// except of what it is shielded from.
pub(super) async fn read(control: &Control, dialer: &Dialer) -> Result<Reading, ControlError> {
    let lines = control
        .rows(FILES_SQL)
        .await
        .map_err(|e| missing_right(e, "pg_file_settings"))?;
    let scoped = control.rows(SCOPED_SQL).await?;
    let running = match running(control, dialer).await {
        Ok(rows) => rows,
        Err(error) => {
            tracing::debug!(%error, "no fresh session: the held one is asked");
            control.rows(RUNNING_SQL).await?
        }
    };
    Ok(Reading {
        lines: lines.iter().map(reading::line).collect(),
        running: running.iter().filter_map(reading::running).collect(),
        scoped: scoped.iter().filter_map(reading::scoped).collect(),
    })
}

async fn running(control: &Control, dialer: &Dialer) -> Result<Vec<SimpleQueryRow>, ControlError> {
    let mut attempt = 1;
    loop {
        match running_once(control, dialer).await {
            Err(_) if attempt < ATTEMPTS_MAX => attempt += 1,
            answer => return answer,
        }
    }
}

async fn running_once(
    control: &Control,
    dialer: &Dialer,
) -> Result<Vec<SimpleQueryRow>, ControlError> {
    let session = dialer
        .connect()
        .await
        .map_err(|e| ControlError::Lost { why: e.to_string() })?;
    control::rows(&session, SHIELD).await?;
    let who = control::rows(
        &session,
        "SELECT system_identifier FROM pg_control_system()",
    )
    .await?;
    let system = who.first().and_then(|r| r.get(0)).unwrap_or_default();
    if system != control.system {
        return Err(ControlError::Lost {
            why: format!("another server answers: system identifier {system}"),
        });
    }
    let rows = control::rows(&session, RUNNING_SQL).await;
    session.close().await;
    rows
}

/// Whether the file at `path` was written after the server last read its configuration, or at a time
/// that does not tell (file times are whole seconds here). A file that cannot be asked may have been.
pub(super) async fn newer_than_load(control: &Control, path: &str) -> Result<Newer, ControlError> {
    let Ok(literal) = sql::literal(
        &backstay_model::SettingName::from_static("config_file"),
        path,
    ) else {
        return Ok(Newer::Perhaps);
    };
    let sql = format!(
        "SELECT (pg_stat_file({literal})).modification + interval '1 second' > pg_conf_load_time()"
    );
    match control.rows(&sql).await {
        Ok(rows) if rows.first().and_then(|r| r.get(0)) == Some("f") => Ok(Newer::No),
        Ok(_) | Err(ControlError::Refused { .. }) => Ok(Newer::Perhaps),
        Err(error) => Err(error),
    }
}

/// Whether a file is newer than what the server has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Newer {
    No,
    Perhaps,
}

fn missing_right(error: ControlError, what: &str) -> ControlError {
    match error {
        ControlError::Refused { why } => ControlError::Refused {
            why: format!("{what} cannot be read: {why}; `backstay doctor` prints the grants"),
        },
        other => other,
    }
}
