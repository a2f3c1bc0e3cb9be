//! How a plan's steps look: the statement that is run, or what a person types instead.

use backstay_model::plan::{Dialect, Inverse, PlanStep, Route};
use backstay_model::{Scope, Value};

use crate::sql::{self, SqlError};

/// Makes written files take effect.
pub const RELOAD: &str = "SELECT pg_reload_conf();";

/// PostgreSQL's statements, and the words for the routes that only people take.
#[derive(Debug, Clone, Copy, Default)]
pub struct PostgresDialect;

impl Dialect for PostgresDialect {
    fn statement(&self, step: &PlanStep) -> String {
        match &step.route {
            Route::AlterSystem | Route::RoleOrDatabase => {
                sql::statement(step).unwrap_or_else(|why| unwritable(step, &why))
            }
            Route::File { path } => file_edit(step, path),
            Route::CommandLine => command_line(step),
        }
    }

    fn activate(&self, route: &Route) -> Option<String> {
        match route {
            Route::AlterSystem | Route::File { .. } => Some(RELOAD.to_owned()),
            Route::RoleOrDatabase | Route::CommandLine => None,
        }
    }
}

/// A line that shows as a comment wherever it is pasted.
fn unwritable(step: &PlanStep, why: &SqlError) -> String {
    let key = one_line(&step.key.to_string());
    format!(
        "-- {key} cannot be put back by a statement: {}",
        one_line(&why.to_string())
    )
}

fn file_edit(step: &PlanStep, path: &str) -> String {
    let path = one_line(path);
    let name = one_line(step.key.name.as_str());
    let now = step
        .expect
        .effective
        .as_ref()
        .map_or_else(|| "not set".to_owned(), shown);
    if let Scope::FileRule { rule } = step.key.scope {
        return match &step.inverse {
            Inverse::Set(value) => {
                format!("-- edit {path}: make rule {rule} read: {}", shown(value))
            }
            Inverse::Reset => format!("-- edit {path}: delete rule {rule}, which reads: {now}"),
        };
    }
    match &step.inverse {
        Inverse::Set(value) => {
            format!(
                "-- edit {path}: change the line of {name} to: {name} = {} (now {now})",
                conf_value(value)
            )
        }
        Inverse::Reset => format!("-- edit {path}: delete the line of {name} (now {now})"),
    }
}

fn command_line(step: &PlanStep) -> String {
    let name = one_line(step.key.name.as_str());
    let change = match &step.inverse {
        Inverse::Set(value) => format!("set -c {name}={}", shown(value)),
        Inverse::Reset => format!("remove -c {name}=…"),
    };
    format!("-- {change} where the server is started (service unit, orchestrator), then restart it")
}

/// A value as a configuration file holds it.
fn conf_value(value: &Value) -> String {
    match value {
        Value::Text(raw) => format!(
            "'{}'",
            one_line(raw.as_str())
                .replace('\\', "\\\\")
                .replace('\'', "''")
        ),
        Value::Secret(_) => "(the secret that stood there before; it is not kept)".to_owned(),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Text(raw) => one_line(raw.as_str()),
        Value::Secret(_) => "(a secret, not kept)".to_owned(),
    }
}

/// Text from a target never starts a new line of what a person pastes.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    use backstay_model::change::Standing;
    use backstay_model::plan::Predicted;
    use backstay_model::value::Fingerprint;
    use backstay_model::{SettingKey, SettingName, ValueSource};

    fn step(key: SettingKey, route: Route, inverse: Inverse) -> PlanStep {
        let expect = Standing {
            effective: Some(Value::text("64kB")),
            ..Standing::absent(ValueSource::AutoFile)
        };
        let predict = Predicted {
            effective: None,
            source: ValueSource::Default,
        };
        PlanStep {
            key,
            route,
            inverse,
            expect,
            predict,
        }
    }

    #[test]
    fn every_route_says_what_to_type() {
        let file = || Route::File {
            path: "/etc/postgresql/postgresql.conf".into(),
        };
        let hba = || Route::File {
            path: "/etc/postgresql/pg_hba.conf".into(),
        };
        let rule = || SettingKey {
            scope: Scope::FileRule { rule: 3 },
            name: SettingName::new("pg_hba"),
        };
        let role = SettingKey {
            scope: Scope::Role { role: "app".into() },
            name: SettingName::new("work_mem"),
        };
        let four = || Inverse::Set(Value::text("4MB"));
        let hostile = Inverse::Set(Value::text("x'\nDROP TABLE t"));
        let lines: Vec<String> = [
            step(
                SettingKey::instance("work_mem"),
                Route::AlterSystem,
                Inverse::Reset,
            ),
            step(role, Route::RoleOrDatabase, four()),
            step(SettingKey::instance("work_mem"), file(), four()),
            step(SettingKey::instance("work_mem"), file(), Inverse::Reset),
            step(SettingKey::instance("work_mem"), file(), hostile.clone()),
            step(
                SettingKey::instance("work_mem"),
                Route::AlterSystem,
                hostile,
            ),
            step(
                rule(),
                hba(),
                Inverse::Set(Value::text("host all all 10.0.0.0/8 scram-sha-256")),
            ),
            step(rule(), hba(), Inverse::Reset),
            step(SettingKey::instance("work_mem"), Route::CommandLine, four()),
            step(
                SettingKey::instance("primary_conninfo"),
                Route::AlterSystem,
                Inverse::Set(Value::Secret(Fingerprint("ab".into()))),
            ),
        ]
        .iter()
        .map(|s| PostgresDialect.statement(s))
        .collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        ALTER SYSTEM RESET work_mem;
        ALTER ROLE app SET work_mem = '4MB';
        -- edit /etc/postgresql/postgresql.conf: change the line of work_mem to: work_mem = '4MB' (now 64kB)
        -- edit /etc/postgresql/postgresql.conf: delete the line of work_mem (now 64kB)
        -- edit /etc/postgresql/postgresql.conf: change the line of work_mem to: work_mem = 'x'' DROP TABLE t' (now 64kB)
        -- work_mem cannot be put back by a statement: the value of work_mem holds a line break or NUL
        -- edit /etc/postgresql/pg_hba.conf: make rule 3 read: host all all 10.0.0.0/8 scram-sha-256
        -- edit /etc/postgresql/pg_hba.conf: delete rule 3, which reads: 64kB
        -- set -c work_mem=4MB where the server is started (service unit, orchestrator), then restart it
        -- primary_conninfo cannot be put back by a statement: the old value of primary_conninfo is a secret that is not kept
        ");
        assert!(lines.iter().all(|l| !l.contains('\n')));
        assert_eq!(PostgresDialect.activate(&file()).as_deref(), Some(RELOAD));
        assert_eq!(
            PostgresDialect.activate(&Route::AlterSystem).as_deref(),
            Some(RELOAD)
        );
        assert_eq!(PostgresDialect.activate(&Route::RoleOrDatabase), None);
    }
}
