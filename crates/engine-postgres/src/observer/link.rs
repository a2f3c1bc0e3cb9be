//! The observer's one long-lived connection: shield, rights, prepared looks.

use std::collections::BTreeMap;
use std::time::Duration;

use backstay_engine::{Notice, ReadError};
use tokio_postgres::{Client, SimpleQueryRow, Statement};

use super::{guards, queue};
use crate::connect::{Dialer, Session, within};

/// Longest wait for the answer to a look.
pub(super) const LOOK_MAX: Duration = Duration::from_millis(2_000);
/// Longest wait for a whole reading.
pub(super) const READ_MAX: Duration = Duration::from_secs(10);
/// Attempts to get out of reach of a very short `statement_timeout`.
const ATTEMPTS_MAX: u32 = 50;

/// Parameters that the observer sets for itself after the login, so that a change of them on the
/// server does not blind it. Set like this, `reset_val` still follows the server.
pub(super) const SHIELD: [(&str, &str); 7] = [
    ("statement_timeout", "0"),
    ("lock_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    ("idle_session_timeout", "0"),
    ("work_mem", "8MB"),
    ("jit", "off"),
    ("search_path", "pg_catalog"),
];

/// What the role may read, and what this server has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Facts {
    pub(crate) version: u32,
    pub(crate) user: String,
    pub(crate) database: String,
    pub(crate) pid: u32,
    pub(crate) same_address: bool,
    pub(crate) file_settings: bool,
    pub(crate) hba_rules: bool,
    pub(crate) stat_file: bool,
    /// The file that `ALTER SYSTEM` writes is there to be asked about.
    pub(crate) auto_file: bool,
    pub(crate) current_logfile: bool,
    pub(crate) all_stats: bool,
    pub(crate) commit_times: bool,
    pub(crate) checkpointer: bool,
    pub(crate) wal: bool,
    pub(crate) sessions_fatal: bool,
    /// `pg_stat_statements(boolean)` with its schema, if it is there.
    pub(crate) statements: Option<String>,
}

const FACTS_SQL: &str = "SELECT current_setting('server_version_num')::int4, current_user::text, \
    current_database()::text, pg_backend_pid(), \
    coalesce(inet_server_addr() = inet_client_addr(), false), \
    has_table_privilege('pg_file_settings', 'SELECT') \
        AND has_function_privilege('pg_show_all_file_settings()', 'EXECUTE'), \
    has_table_privilege('pg_hba_file_rules', 'SELECT') \
        AND has_function_privilege('pg_hba_file_rules()', 'EXECUTE'), \
    has_function_privilege('pg_stat_file(text)', 'EXECUTE'), \
    has_function_privilege('pg_current_logfile(text)', 'EXECUTE'), \
    pg_has_role('pg_read_all_stats', 'MEMBER'), \
    current_setting('track_commit_timestamp') = 'on', \
    to_regclass('pg_catalog.pg_stat_checkpointer') IS NOT NULL, \
    to_regclass('pg_catalog.pg_stat_wal') IS NOT NULL, \
    EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'pg_catalog.pg_stat_database'::regclass \
        AND attname = 'sessions_fatal'), \
    (SELECT quote_ident(n.nspname) || '.pg_stat_statements(false)' FROM pg_proc p \
        JOIN pg_namespace n ON n.oid = p.pronamespace \
        WHERE p.proname = 'pg_stat_statements' AND p.pronargs = 1 \
        AND EXISTS (SELECT FROM pg_settings WHERE name = 'pg_stat_statements.max') \
        AND has_schema_privilege(n.oid, 'USAGE') LIMIT 1)";

impl Facts {
    async fn ask(client: &Client) -> Result<Self, tokio_postgres::Error> {
        let row = client.query_one(FACTS_SQL, &[]).await?;
        Ok(Self {
            version: u32::try_from(row.get::<_, i32>(0)).unwrap_or(0),
            user: row.get(1),
            database: row.get(2),
            pid: u32::try_from(row.get::<_, i32>(3)).unwrap_or(0),
            same_address: row.get(4),
            file_settings: row.get(5),
            hba_rules: row.get(6),
            stat_file: row.get(7),
            auto_file: false,
            current_logfile: row.get(8),
            all_stats: row.get(9),
            commit_times: row.get(10),
            checkpointer: row.get(11),
            wal: row.get(12),
            sessions_fatal: row.get(13),
            statements: row.get(14),
        })
    }

    /// What is missing, with the statement that grants it.
    pub(super) fn notices(&self) -> Vec<Notice> {
        let user = quoted(&self.user);
        let missing = |here: bool, what: &str, effect: &str, grant: String| {
            (!here).then(|| Notice {
                what: format!("no right to read {what}"),
                effect: effect.to_owned(),
                remedy: Some(grant),
            })
        };
        [
            missing(
                self.file_settings,
                "pg_file_settings",
                "entries of postgresql.auto.conf and broken lines are not seen, so a rollback cannot \
                 be exact",
                format!(
                    "GRANT SELECT ON pg_file_settings TO {user}; GRANT EXECUTE ON FUNCTION \
                     pg_show_all_file_settings() TO {user};"
                ),
            ),
            missing(
                self.hba_rules,
                "pg_hba_file_rules",
                "changes of pg_hba.conf are not seen",
                format!(
                    "GRANT SELECT ON pg_hba_file_rules TO {user}; GRANT EXECUTE ON FUNCTION \
                     pg_hba_file_rules() TO {user};"
                ),
            ),
            missing(
                self.stat_file,
                "pg_stat_file",
                "an ALTER SYSTEM that no reload has activated is seen ten seconds later",
                format!("GRANT EXECUTE ON FUNCTION pg_stat_file(text) TO {user};"),
            ),
            missing(
                self.current_logfile,
                "pg_current_logfile",
                "authors and reasons of changes stay unknown",
                format!("GRANT EXECUTE ON FUNCTION pg_current_logfile(text) TO {user};"),
            ),
            missing(
                self.all_stats,
                "other sessions' activity",
                "active, waiting and blocked sessions are not measured",
                format!("GRANT pg_read_all_stats TO {user};"),
            ),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// What one cheap look finds; equal marks mean that nothing moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marks {
    /// When this connection's process last read the files, in microseconds. It moves with every reload.
    pub(super) loaded: i64,
    /// When the server was started, in microseconds.
    pub(super) started: i64,
    in_recovery: bool,
    scoped: String,
    auto_file: Option<String>,
}

impl Marks {
    /// The same marks, but for the moments that a whole reading told later.
    pub(super) fn at(self, loaded: i64, started: i64) -> Self {
        Self {
            loaded,
            started,
            ..self
        }
    }
}

fn marks_sql(facts: &Facts) -> String {
    let auto_file = if facts.auto_file {
        "(SELECT f.size::text || '/' || extract(epoch FROM f.modification)::text \
            FROM pg_stat_file('postgresql.auto.conf') f)"
    } else {
        "NULL::text"
    };
    format!(
        "SELECT (extract(epoch FROM pg_conf_load_time()) * 1000000)::int8, \
         (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::int8, pg_is_in_recovery(), \
         (SELECT coalesce(md5(string_agg(setdatabase::text || '/' || setrole::text || '/' \
            || setconfig::text, '|' ORDER BY setdatabase, setrole)), '') FROM pg_db_role_setting), \
         {auto_file}"
    )
}

/// What the look every ten seconds compares: everything, in case the marks are blind to it, and what
/// stands in files that no reload has activated.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Digest {
    settings: Option<String>,
    files: Option<String>,
    rules: Option<String>,
}

/// Where the server writes its log now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct LogPlace {
    pub(super) json: Option<String>,
    pub(super) csv: Option<String>,
    pub(super) plain: Option<String>,
    pub(super) prefix: String,
    /// Seconds that the log's time zone is ahead of UTC.
    pub(super) ahead_s: i64,
}

/// `jsonlog` came with version 15.
const JSON_SINCE: u32 = 150_000;

/// One statement for both, because each costs the server a wake-up.
fn digest_sql(facts: &Facts) -> String {
    let (files, rules) = (
        "(SELECT md5(string_agg(f::text, '|')) FROM pg_file_settings f)",
        "(SELECT md5(string_agg(h::text, '|')) FROM pg_hba_file_rules h)",
    );
    let if_allowed = |allowed: bool, sql: &'static str| if allowed { sql } else { "NULL::text" };
    let (json, csv, plain) = (
        if_allowed(
            facts.current_logfile && facts.version >= JSON_SINCE,
            "pg_current_logfile('jsonlog')",
        ),
        if_allowed(facts.current_logfile, "pg_current_logfile('csvlog')"),
        if_allowed(facts.current_logfile, "pg_current_logfile('stderr')"),
    );
    format!(
        "SELECT (SELECT md5(string_agg(name || '=' || coalesce(reset_val, '') || '/' || source \
            || '/' || pending_restart::text, '|')) FROM pg_show_all_settings()), \
         {}, {}, {json}, {csv}, {plain}, current_setting('log_line_prefix'), \
         extract(epoch FROM (now() AT TIME ZONE current_setting('log_timezone')) \
            - (now() AT TIME ZONE 'UTC'))::int8",
        if_allowed(facts.file_settings, files),
        if_allowed(facts.hba_rules, rules),
    )
}

/// Where the server runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// On this machine: its files, its log and its host can be read.
    Here,
    /// On another one, or behind a tunnel.
    Elsewhere,
}

/// The connection and what was prepared on it.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) session: Session,
    pub(super) facts: Facts,
    /// What gave the shielded parameters their values before the shield, by name.
    pub(super) origins: BTreeMap<String, String>,
    pub(super) place: Place,
    marks: Statement,
    digest: Statement,
    others: Statement,
    pub(super) metrics: Statement,
    /// Who holds the locks; `None` where other sessions may not be looked at.
    pub(super) queue: Option<Statement>,
}

impl Link {
    /// Connects, shields the session and prepares the looks.
    pub(super) async fn open(dialer: &Dialer) -> Result<Self, ReadError> {
        let session = dialer.connect().await?;
        let origins = shield(&session).await?;
        let client = session.client();
        let mut facts = within(LOOK_MAX, "the server's facts", Facts::ask(client)).await?;
        if facts.stat_file {
            let sql = "SELECT size FROM pg_stat_file('postgresql.auto.conf')";
            facts.auto_file = session
                .rows("postgresql.auto.conf", sql, LOOK_MAX)
                .await
                .is_ok();
        }
        // Whether it is had makes no difference to what can be read.
        if let Err(error) = session
            .rows("the watch", &guards::watch_sql(), LOOK_MAX)
            .await
        {
            tracing::debug!(%error, "other guards do not see this one");
        }
        let marks = prepared(client, &marks_sql(&facts)).await?;
        let digest = prepared(client, &digest_sql(&facts)).await?;
        let others = prepared(client, &guards::others_sql()).await?;
        let metrics = prepared(client, &crate::metrics::sql(&facts)).await?;
        let queue = match facts.all_stats {
            true => Some(prepared(client, &queue::sql()).await?),
            false => None,
        };
        let here = dialer.over_unix_socket() || facts.same_address;
        let place = if here && process_is_postgres(facts.pid) {
            Place::Here
        } else {
            Place::Elsewhere
        };
        Ok(Self {
            session,
            origins,
            place,
            marks,
            digest,
            others,
            metrics,
            queue,
            facts,
        })
    }

    /// The cheap look, one round trip.
    pub(super) async fn marks(&self) -> Result<Marks, ReadError> {
        let row = self.session.client().query_one(&self.marks, &[]);
        let row = within(LOOK_MAX, "the server's marks", row).await?;
        Ok(Marks {
            loaded: row.get(0),
            started: row.get(1),
            in_recovery: row.get(2),
            scoped: row.get(3),
            auto_file: row.get(4),
        })
    }

    /// Sessions of other guards.
    pub(super) async fn others(&self) -> Result<String, ReadError> {
        let row = self.session.client().query_one(&self.others, &[]);
        let row = within(LOOK_MAX, "other guards", row).await?;
        Ok(row.get::<_, Option<String>>(0).unwrap_or_default())
    }

    /// The digest of everything, and where the log is.
    pub(super) async fn digest(&self) -> Result<(Digest, LogPlace), ReadError> {
        let row = self.session.client().query_one(&self.digest, &[]);
        let row = within(LOOK_MAX, "the settings' digest", row).await?;
        let digest = Digest {
            settings: row.get(0),
            files: row.get(1),
            rules: row.get(2),
        };
        let place = LogPlace {
            json: row.get(3),
            csv: row.get(4),
            plain: row.get(5),
            prefix: row.get(6),
            ahead_s: row.get(7),
        };
        Ok((digest, place))
    }
}

/// Sets the shield, again and again if a `statement_timeout` of a millisecond stops it; what had given
/// its parameters their values before (where that could be read: the patient may be very ill).
async fn shield(session: &Session) -> Result<BTreeMap<String, String>, ReadError> {
    let names: Vec<String> = SHIELD.iter().map(|(name, _)| format!("'{name}'")).collect();
    let origins = format!(
        "SELECT name, source FROM pg_settings WHERE name IN ({})",
        names.join(", ")
    );
    let mut rows = session.rows("the shield", &origins, LOOK_MAX).await;
    let mut outcome = Ok(Vec::new());
    for _ in 0..ATTEMPTS_MAX {
        outcome = session
            .rows("the shield", "SET statement_timeout = 0", LOOK_MAX)
            .await;
        if outcome.is_ok() || session.closed() {
            break;
        }
    }
    outcome?;
    // Memory before anything that needs some.
    session
        .rows("the shield", "SET work_mem = '8MB'", LOOK_MAX)
        .await?;
    if rows.is_err() {
        rows = session.rows("the shield", &origins, LOOK_MAX).await;
    }
    let values: Vec<String> = SHIELD
        .iter()
        .map(|(n, v)| format!("('{n}', '{v}')"))
        .collect();
    // Which of them there are depends on the version.
    let sets = format!(
        "SELECT set_config(s.name, v.value, false) FROM (VALUES {}) v(name, value) \
         JOIN pg_settings s ON s.name = v.name",
        values.join(", ")
    );
    session.rows("the shield", &sets, LOOK_MAX).await?;
    let text = |row: &SimpleQueryRow, index| row.get(index).map(str::to_owned);
    Ok(rows?
        .iter()
        .filter_map(|row| Some((text(row, 0)?, text(row, 1)?)))
        .collect())
}

async fn prepared(client: &Client, sql: &str) -> Result<Statement, ReadError> {
    within(LOOK_MAX, "a prepared look", client.prepare(sql)).await
}

/// Whether process `pid` on this machine is a PostgreSQL process: an address may be a tunnel's end.
fn process_is_postgres(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/comm"))
        .is_ok_and(|name| name.starts_with("postgres") || name.starts_with("postmaster"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_missing_right_comes_with_its_grant() {
        let facts = Facts {
            user: "we\"ird".to_owned(),
            ..Facts::default()
        };
        let notices = facts.notices();
        assert_eq!(notices.len(), 5);
        for notice in notices {
            let grant = notice.remedy.unwrap();
            assert!(
                grant.starts_with("GRANT ") && grant.ends_with("TO \"we\"\"ird\";"),
                "{grant}"
            );
        }
    }

    #[test]
    fn what_may_not_be_read_is_not_asked_for() {
        let none = Facts::default();
        let sql = marks_sql(&none) + &digest_sql(&none);
        for view in [
            "pg_hba_file_rules",
            "pg_file_settings",
            "pg_stat_file",
            "pg_current_logfile",
        ] {
            assert!(!sql.contains(view), "{view}");
        }
        let all = Facts {
            hba_rules: true,
            stat_file: true,
            auto_file: true,
            file_settings: true,
            ..none
        };
        assert!(
            marks_sql(&all).contains("pg_stat_file")
                && digest_sql(&all).contains("pg_file_settings")
        );
    }
}
