//! What Backstay's roles need, what they have, and what cannot be seen from where it stands.
//!
//! [`grants`] prints exactly what an administrator types for each mode; [`examine()`] asks a server what
//! is there. The rule behind the grants: the database itself enforces which settings may be written,
//! and nobody gets `pg_monitor`, which shows passwords.

use backstay_model::SettingName;
use backstay_model::decision::Mode;

use crate::sql::{self, SqlError};

mod examine;
mod facts;
mod finding;

pub use examine::{ExamineError, Finding, Held, Level, Report, Right, examine};

/// Connections a role of ours may hold: observer, control, read-back, probe, and a few for commands.
const CONNECTIONS_MAX: u32 = 8;

/// The first version that can grant single settings.
pub(crate) const PARAMETER_GRANTS_SINCE: u32 = 15;

/// Settings that run or load code. They are never granted and never written automatically.
pub const CODE_RUNNING: &[&str] = &[
    "archive_cleanup_command",
    "archive_command",
    "archive_library",
    "dynamic_library_path",
    "jit_provider",
    "local_preload_libraries",
    "recovery_end_command",
    "restore_command",
    "session_preload_libraries",
    "shared_preload_libraries",
    "ssl_passphrase_command",
];

/// Settings that are granted when none are named: harmful ones that a reload undoes.
pub const USUALLY_GRANTED: [&str; 8] = [
    "work_mem",
    "statement_timeout",
    "lock_timeout",
    "default_transaction_read_only",
    "synchronous_standby_names",
    "jit_above_cost",
    "log_statement",
    "log_min_duration_statement",
];

/// The statements that let a role which may read write as well, without what is only said.
pub(crate) fn writing_grants(major: u32, role: &str) -> Vec<String> {
    let to = Grantee {
        role: role.to_owned(),
        parameters: USUALLY_GRANTED.map(SettingName::new).into(),
        ..Grantee::default()
    };
    let lines = |mode| grants(mode, major, &to).unwrap_or_default();
    let read = lines(Mode::Observe).len();
    let more = lines(Mode::Auto).into_iter().skip(read);
    more.filter(|line| !line.starts_with("--")).collect()
}

/// For whom and for what rights are to be granted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grantee {
    /// The role Backstay logs in as.
    pub role: String,
    /// The settings it may write, in `approve` those that a person may let it write.
    pub parameters: Vec<SettingName>,
    /// Roles whose settings it may put back.
    pub roles: Vec<String>,
    /// Databases whose settings it may put back, with their owners.
    pub databases: Vec<(String, String)>,
}

/// The statements that give `to.role` what `mode` needs on a server of this major version, in order; to
/// be run by a superuser. Lines that begin with `--` say what the next one costs. Settings that run
/// code are left out and named.
///
/// # Errors
/// When a name cannot be written as an identifier.
pub fn grants(mode: Mode, major: u32, to: &Grantee) -> Result<Vec<String>, SqlError> {
    let role = sql::identifier(&to.role)?;
    let mut lines = observe(&role);
    if mode == Mode::Observe {
        return Ok(lines);
    }
    if major < PARAMETER_GRANTS_SINCE {
        lines.extend(without_parameter_grants(major, &role));
        return Ok(lines);
    }
    lines.push(format!(
        "GRANT EXECUTE ON FUNCTION pg_catalog.pg_reload_conf() TO {role};"
    ));
    let refused = |name: &&SettingName| CODE_RUNNING.contains(&name.as_str());
    for name in to.parameters.iter().filter(refused) {
        lines.push(format!(
            "-- {name} runs or loads code: never granted, put it back by hand"
        ));
    }
    let names: Result<Vec<String>, SqlError> = to
        .parameters
        .iter()
        .filter(|n| !refused(n))
        .map(sql::setting_identifier)
        .collect();
    let names = names?;
    if names.is_empty() {
        lines.push(
            "-- name the settings that may be written: GRANT ALTER SYSTEM ON PARAMETER …"
                .to_owned(),
        );
    } else {
        lines.push(format!(
            "GRANT ALTER SYSTEM ON PARAMETER {} TO {role};",
            names.join(", ")
        ));
    }
    lines.extend(scoped(major, &role, to)?);
    Ok(lines)
}

fn observe(role: &str) -> Vec<String> {
    vec![
        format!(
            "CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE CONNECTION LIMIT {CONNECTIONS_MAX};"
        ),
        format!("GRANT pg_read_all_stats TO {role};"),
        format!(
            "GRANT SELECT ON pg_catalog.pg_file_settings, pg_catalog.pg_hba_file_rules TO {role};"
        ),
        format!(
            "GRANT EXECUTE ON FUNCTION pg_catalog.pg_show_all_file_settings(), \
             pg_catalog.pg_hba_file_rules(), pg_catalog.pg_stat_file(text), \
             pg_catalog.pg_current_logfile(), pg_catalog.pg_current_logfile(text) TO {role};"
        ),
    ]
}

/// Before 15 a single setting cannot be granted, and `ALTER SYSTEM` cannot be wrapped in a function.
fn without_parameter_grants(major: u32, role: &str) -> Vec<String> {
    vec![
        format!(
            "-- PostgreSQL {major} cannot grant single settings, and ALTER SYSTEM does not run inside"
        ),
        "-- a function. Either leave the writing to a person (stay in mode observe), or accept a"
            .to_owned(),
        "-- superuser, who may write everything, by typing:".to_owned(),
        format!("--   ALTER ROLE {role} SUPERUSER;"),
    ]
}

/// Rights to put settings of roles and databases back.
fn scoped(major: u32, role: &str, to: &Grantee) -> Result<Vec<String>, SqlError> {
    let mut lines = Vec::new();
    if !to.roles.is_empty() {
        let cost = if major >= 16 {
            "-- settings of other roles need CREATEROLE and ADMIN on each of them"
        } else {
            "-- settings of other roles need CREATEROLE, which may change every role but superusers'"
        };
        lines.push(cost.to_owned());
        lines.push(format!("ALTER ROLE {role} CREATEROLE;"));
    }
    if major >= 16 {
        for other in &to.roles {
            let other = sql::identifier(other)?;
            lines.push(format!(
                "GRANT {other} TO {role} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE;"
            ));
        }
    }
    for (database, owner) in &to.databases {
        let owner = sql::identifier(owner)?;
        lines.push(format!(
            "-- settings of database {} need its owner's rights, all of them",
            sql::identifier(database)?
        ));
        lines.push(format!("GRANT {owner} TO {role};"));
    }
    Ok(lines)
}

/// The statements that make the one-row table which the probe reads and updates, for `probe_role`; to
/// be run once in the probed database.
///
/// # Errors
/// When the role cannot be written as an identifier.
pub fn probe_setup(probe_role: &str) -> Result<Vec<String>, SqlError> {
    let role = sql::identifier(probe_role)?;
    Ok(vec![
        "CREATE SCHEMA IF NOT EXISTS backstay;".to_owned(),
        "CREATE TABLE IF NOT EXISTS backstay.probe (id integer PRIMARY KEY, touched_at timestamptz NOT NULL);"
            .to_owned(),
        "INSERT INTO backstay.probe VALUES (1, pg_catalog.now()) ON CONFLICT DO NOTHING;".to_owned(),
        format!("GRANT USAGE ON SCHEMA backstay TO {role};"),
        format!("GRANT SELECT, UPDATE ON backstay.probe TO {role};"),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grantee() -> Grantee {
        Grantee {
            role: "backstay".into(),
            parameters: ["work_mem", "archive_command", "auto_explain.log_timing"]
                .map(SettingName::new)
                .into(),
            roles: vec!["Order App".into()],
            databases: vec![("shop".into(), "shop_owner".into())],
        }
    }

    #[test]
    fn each_mode_gets_what_it_needs_and_no_more() {
        let observe = grants(Mode::Observe, 15, &grantee()).unwrap().join("\n");
        insta::assert_snapshot!(observe, @r#"
        CREATE ROLE backstay LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE CONNECTION LIMIT 8;
        GRANT pg_read_all_stats TO backstay;
        GRANT SELECT ON pg_catalog.pg_file_settings, pg_catalog.pg_hba_file_rules TO backstay;
        GRANT EXECUTE ON FUNCTION pg_catalog.pg_show_all_file_settings(), pg_catalog.pg_hba_file_rules(), pg_catalog.pg_stat_file(text), pg_catalog.pg_current_logfile(), pg_catalog.pg_current_logfile(text) TO backstay;
        "#);
        let auto = grants(Mode::Auto, 15, &grantee()).unwrap();
        insta::assert_snapshot!(auto[4..].join("\n"), @r#"
        GRANT EXECUTE ON FUNCTION pg_catalog.pg_reload_conf() TO backstay;
        -- archive_command runs or loads code: never granted, put it back by hand
        GRANT ALTER SYSTEM ON PARAMETER work_mem, auto_explain.log_timing TO backstay;
        -- settings of other roles need CREATEROLE, which may change every role but superusers'
        ALTER ROLE backstay CREATEROLE;
        -- settings of database shop need its owner's rights, all of them
        GRANT shop_owner TO backstay;
        "#);
        let newer = grants(Mode::Approve, 17, &grantee()).unwrap();
        insta::assert_snapshot!(newer[7..].join("\n"), @r#"
        -- settings of other roles need CREATEROLE and ADMIN on each of them
        ALTER ROLE backstay CREATEROLE;
        GRANT "Order App" TO backstay WITH ADMIN TRUE, INHERIT FALSE, SET FALSE;
        -- settings of database shop need its owner's rights, all of them
        GRANT shop_owner TO backstay;
        "#);
        let older = grants(Mode::Auto, 14, &grantee()).unwrap();
        insta::assert_snapshot!(older[4..].join("\n"), @r#"
        -- PostgreSQL 14 cannot grant single settings, and ALTER SYSTEM does not run inside
        -- a function. Either leave the writing to a person (stay in mode observe), or accept a
        -- superuser, who may write everything, by typing:
        --   ALTER ROLE backstay SUPERUSER;
        "#);
        assert!(
            !auto.join("\n").contains("pg_monitor"),
            "it shows passwords"
        );
    }

    #[test]
    fn a_role_cannot_smuggle_statements() {
        let role = "x; DROP TABLE t --".to_owned();
        let lines = grants(Mode::Observe, 15, &Grantee { role, ..grantee() }).unwrap();
        assert!(
            lines.iter().all(|l| l.contains("\"x; DROP TABLE t --\"")),
            "{lines:?}"
        );
        assert!(probe_setup("a\nb").is_err());
    }
}
