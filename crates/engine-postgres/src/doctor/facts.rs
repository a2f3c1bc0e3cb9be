//! The questions, and what their answers look like.

use std::time::Duration;

use backstay_engine::ReadError;
use tokio_postgres::SimpleQueryRow;

use super::examine::Held;
use crate::connect::Session;

/// Longest wait for one answer.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Who we are, and where.
pub(super) const SELF_SQL: &str = "SELECT current_setting('server_version_num')::int / 10000, \
     current_setting('server_version'), current_user, current_database(), \
     (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user), \
     (SELECT rolcreaterole FROM pg_catalog.pg_roles WHERE rolname = current_user)";

/// Rights that every version knows, in the order of [`RIGHTS`].
pub(super) const RIGHTS_SQL: &str = "SELECT \
     pg_has_role('pg_read_all_stats', 'USAGE'), \
     has_table_privilege('pg_catalog.pg_file_settings', 'SELECT') \
       AND has_function_privilege('pg_catalog.pg_show_all_file_settings()', 'EXECUTE'), \
     has_table_privilege('pg_catalog.pg_hba_file_rules', 'SELECT') \
       AND has_function_privilege('pg_catalog.pg_hba_file_rules()', 'EXECUTE'), \
     has_function_privilege('pg_catalog.pg_stat_file(text)', 'EXECUTE'), \
     has_function_privilege('pg_catalog.pg_current_logfile()', 'EXECUTE'), \
     has_function_privilege('pg_catalog.pg_reload_conf()', 'EXECUTE'), \
     pg_has_role('pg_read_all_settings', 'USAGE'), \
     pg_has_role('pg_monitor', 'USAGE')";

/// Settings that this role may write (15 and later).
pub(super) const PARAMETERS_SQL: &str = "SELECT name FROM pg_catalog.pg_settings \
     WHERE has_parameter_privilege(name, 'ALTER SYSTEM') ORDER BY name";

/// Every setting that matters to a finding, as this session has it.
pub(super) const SETTINGS_SQL: &str = "SELECT name, setting, source, pending_restart \
     FROM pg_catalog.pg_settings ORDER BY name";

/// What is set for our own role and database: it hides the server's values from us.
pub(super) const OWN_SQL: &str = "SELECT pg_catalog.split_part(entry, '=', 1), \
     CASE WHEN s.setrole = 0 THEN 'database' WHEN s.setdatabase = 0 THEN 'role' ELSE 'both' END \
     FROM pg_catalog.pg_db_role_setting s CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) entry \
     WHERE s.setrole IN (0, (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user)) \
       AND s.setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())) \
     ORDER BY 1";

/// Lines that the server cannot use.
pub(super) const FILE_ERRORS_SQL: &str = "SELECT sourcefile, sourceline, error \
     FROM pg_catalog.pg_file_settings WHERE error IS NOT NULL ORDER BY seqno";

/// Where the configuration files stand: `postgresql.auto.conf` is in the data directory.
pub(super) const DATA_DIRECTORY_SQL: &str = "SELECT DISTINCT regexp_replace(sourcefile, '/[^/]*$', '') \
     FROM pg_catalog.pg_file_settings WHERE sourcefile LIKE '%/postgresql.auto.conf'";

/// Rules that the server cannot use.
pub(super) const HBA_ERRORS_SQL: &str = "SELECT line_number, error \
     FROM pg_catalog.pg_hba_file_rules WHERE error IS NOT NULL ORDER BY line_number";

/// Statement statistics, and the table of the probe.
pub(super) const OBJECTS_SQL: &str = "SELECT \
     EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = 'pg_stat_statements'), \
     to_regclass('backstay.probe') IS NOT NULL";

/// The file of the log that is written now, relative to the data directory or absolute.
pub(super) const LOG_SQL: &str = "SELECT pg_catalog.pg_current_logfile()";

/// One answer as rows.
pub(super) async fn rows(
    session: &Session,
    what: &str,
    sql: &str,
) -> Result<Vec<SimpleQueryRow>, ReadError> {
    session.rows(what, sql, ANSWER_MAX).await
}

/// Whether a cell says yes.
pub(super) fn held(row: Option<&SimpleQueryRow>, column: usize) -> Held {
    if row.and_then(|r| r.get(column)) == Some("t") {
        Held::Yes
    } else {
        Held::No
    }
}

/// A cell as text; empty when there is none.
pub(super) fn text(row: Option<&SimpleQueryRow>, column: usize) -> String {
    row.and_then(|r| r.get(column))
        .unwrap_or_default()
        .to_owned()
}
