//! How statements of the simulated engine look: PostgreSQL's, as far as a story needs them.

use backstay_model::plan::{Dialect, Inverse, PlanStep, Route};
use backstay_model::{Scope, Value};

/// The dialect of the simulated engine.
#[derive(Debug, Clone, Copy, Default)]
pub struct WorldDialect;

impl Dialect for WorldDialect {
    fn statement(&self, step: &PlanStep) -> String {
        let name = &step.key.name;
        let subject = match &step.key.scope {
            Scope::Instance => "ALTER SYSTEM".to_owned(),
            Scope::Database { database } => format!("ALTER DATABASE {database}"),
            Scope::Role { role } => format!("ALTER ROLE {role}"),
            Scope::RoleInDatabase { role, database } => {
                format!("ALTER ROLE {role} IN DATABASE {database}")
            }
            Scope::FileRule { rule } => return rule_edit(step, *rule),
        };
        match &step.route {
            Route::File { path } => format!("-- edit {path}: {name}"),
            Route::CommandLine => format!("-- change -c {name}=… where the server is started"),
            Route::AlterSystem | Route::RoleOrDatabase => match &step.inverse {
                Inverse::Reset => format!("{subject} RESET {name};"),
                Inverse::Set(value) => format!("{subject} SET {name} = {};", literal(value)),
            },
        }
    }

    fn activate(&self, route: &Route) -> Option<String> {
        match route {
            Route::AlterSystem | Route::File { .. } => Some("SELECT pg_reload_conf();".to_owned()),
            Route::RoleOrDatabase | Route::CommandLine => None,
        }
    }
}

fn rule_edit(step: &PlanStep, rule: u32) -> String {
    let path = crate::server::RULES;
    match &step.inverse {
        Inverse::Reset => format!("-- edit {path}: delete rule {rule}"),
        Inverse::Set(value) => format!("-- edit {path}: make rule {rule} read: {value}"),
    }
}

fn literal(value: &Value) -> String {
    format!("'{}'", value.to_string().replace('\'', "''"))
}
