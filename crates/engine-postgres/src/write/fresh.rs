//! Reading what stands now: files and catalogue over the control connection, running values in a new
//! session, because a session that shields itself does not see what it is shielded from.

use std::time::Duration;

use backstay_engine::ReadError;
use backstay_model::plan::{PlanStep, Route};
use tokio::time::Instant;
use tokio_postgres::SimpleQueryRow;

use super::control::{self, Control, ControlError};
use super::precheck::{self, Certainty, Edit};
use super::reading::{self, FILES_SQL, Line, RUNNING_SQL, Reading, SCOPED_SQL};
use crate::connect::{Dialer, Purpose};
use crate::dsn::Resolved;
use crate::secrets::Redactor;
use crate::sql;

/// Longest time for a fresh connection.
const FRESH_MAX: Duration = Duration::from_secs(2);
/// No new attempt after so long: a very short `statement_timeout` or `idle_session_timeout` ends a fresh
/// session before it can free itself, now and then.
const ATTEMPTS_FOR: Duration = Duration::from_secs(2);

/// What a fresh session sets for itself AFTER the login, where `reset_val` still follows the server.
/// A value set by the session hides its source, so a setting that is being looked at is left alone;
/// all but the first, without which most likely nothing could be read.
const SHIELD: &[(&str, &str)] = &[
    ("statement_timeout", "0"),
    ("lock_timeout", "0"),
    ("jit", "off"),
    ("work_mem", "'8MB'"),
    ("search_path", "pg_catalog"),
];

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

/// Everything that stands now, for looking at `steps`. When no new session can be had, the held one
/// tells the running values, except of what it is shielded from.
pub(super) async fn read(
    control: &Control,
    dialer: &Dialer,
    steps: &[PlanStep],
) -> Result<Reading, ControlError> {
    let lines = control
        .rows(FILES_SQL)
        .await
        .map_err(|e| missing_right(e, "pg_file_settings"))?;
    let lines: Vec<Line> = lines.iter().map(reading::line).collect();
    if steps.iter().any(|s| s.route == Route::AlterSystem) {
        legible(&lines)?;
    }
    let scoped = control.rows(SCOPED_SQL).await?;
    let running = match running(control, dialer, steps).await {
        Ok(rows) => rows,
        Err(error) => {
            tracing::debug!(%error, "no fresh session: the held one is asked");
            control.rows(RUNNING_SQL).await?
        }
    };
    let reading = Reading {
        lines,
        running: running.iter().filter_map(reading::running).collect(),
        scoped: scoped.iter().filter_map(reading::scoped).collect(),
    };
    let mut system = steps.iter().filter(|s| s.route == Route::AlterSystem);
    match system.find_map(|s| reading.hidden(&s.key.name)) {
        None => Ok(reading),
        Some(why) => Err(ControlError::Refused { why }),
    }
}

/// Behind a line that it cannot read the server shows nothing, so what `ALTER SYSTEM` wrote looks as
/// if it were not there.
fn legible(lines: &[Line]) -> Result<(), ControlError> {
    match lines.iter().find(|l| l.name.is_none()) {
        None => Ok(()),
        Some(line) => Err(ControlError::Refused {
            why: precheck::nothing_changes(line),
        }),
    }
}

async fn running(
    control: &Control,
    dialer: &Dialer,
    steps: &[PlanStep],
) -> Result<Vec<SimpleQueryRow>, ControlError> {
    let looked_at = |name: &str| steps.iter().any(|s| s.key.name.as_str() == name);
    let kept = SHIELD
        .iter()
        .enumerate()
        .filter(|(i, (name, _))| *i == 0 || !looked_at(name));
    let shield: String = kept
        .map(|(_, (name, value))| format!("SET {name} = {value};"))
        .collect();
    let last = Instant::now() + ATTEMPTS_FOR;
    loop {
        match running_once(control, dialer, &shield).await {
            Err(_) if Instant::now() < last => {}
            answer => return answer,
        }
    }
}

async fn running_once(
    control: &Control,
    dialer: &Dialer,
    shield: &str,
) -> Result<Vec<SimpleQueryRow>, ControlError> {
    let session = dialer
        .connect()
        .await
        .map_err(|e| ControlError::Lost { why: e.to_string() })?;
    // One message: between two the session is idle, and may be ended for it.
    let sql = format!("{shield} SELECT system_identifier FROM pg_control_system(); {RUNNING_SQL}");
    let mut rows = control::rows(&session, &sql).await?;
    session.close().await;
    let who = (!rows.is_empty()).then(|| rows.remove(0));
    let system = who.as_ref().and_then(|r| r.get(0)).unwrap_or_default();
    if system != control.system {
        return Err(ControlError::Lost {
            why: format!("another server answers: system identifier {system}"),
        });
    }
    Ok(rows)
}

/// Whether `edit` may be one: not when the server itself turns its text into the running value, and
/// not when its file is older than the server's last load (file times are whole seconds here). What
/// cannot be asked may be one.
pub(super) async fn waits(
    control: &Control,
    edit: &Edit,
    redactor: &Redactor,
) -> Result<Waits, ControlError> {
    let literal = |text: &str| sql::literal(&edit.name, text);
    let Certainty::Spelling {
        path,
        text,
        running,
    } = &edit.certainty
    else {
        return Ok(Waits::Perhaps);
    };
    let (Ok(name), Ok(text), Ok(path), Ok(running)) = (
        literal(edit.name.as_str()),
        literal(text),
        literal(path),
        literal(running),
    ) else {
        return Ok(Waits::Perhaps);
    };
    let spelling = format!("SELECT set_config({name}, {text}, true) <> {running}");
    let age = format!(
        "SELECT (pg_stat_file({path})).modification + interval '1 second' > pg_conf_load_time()"
    );
    // a secret must not stand in a statement, which the server may log
    let secret = redactor.value(&edit.name, &text).as_text().is_none();
    let questions = if secret {
        vec![age]
    } else {
        vec![spelling, age]
    };
    for question in questions {
        match control.rows(&question).await {
            Ok(rows) if rows.first().and_then(|r| r.get(0)) == Some("f") => return Ok(Waits::No),
            Ok(_) | Err(ControlError::Refused { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Waits::Perhaps)
}

/// Whether an edit waits in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waits {
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
