//! Configuration of a simulated PostgreSQL 15: files, ALTER SYSTEM, roles and databases, rules of
//! `pg_hba.conf`, the command line, and what of all that runs.

use std::collections::{BTreeMap, BTreeSet};

use backstay_catalog::{Context, Pack, PackChoice, SettingDef, ValueKind, pack, units};
use backstay_engine::Statement;
use backstay_engine::identity::identified;
use backstay_model::change::{Pending, Standing};
use backstay_model::name::EngineKind;
use backstay_model::snapshot::{ConfigFile, NodeRole, Server as Facts, ServiceUse};
use backstay_model::value::Fingerprint;
use backstay_model::{
    Scope, SettingKey, SettingName, Snapshot, TargetId, Timestamp, Value, ValueSource,
};

/// The file that people edit.
pub const CONF: &str = "/var/lib/postgresql/postgresql.conf";
/// The file of host rules.
pub const RULES: &str = "/var/lib/postgresql/pg_hba.conf";
/// The name that stands for a host rule in a key.
pub const RULE: SettingName = SettingName::from_static("pg_hba");

/// Values by setting.
pub type Values = BTreeMap<SettingName, String>;

/// A simulated server's configuration.
#[derive(Debug, Clone)]
pub struct Server {
    pack: &'static Pack,
    /// `postgresql.conf`.
    pub(crate) file: Values,
    /// `postgresql.auto.conf`, which ALTER SYSTEM writes.
    pub(crate) auto: Values,
    /// `-c name=value`.
    pub(crate) command_line: Values,
    /// What runs and is not the default.
    running: BTreeMap<SettingName, (String, ValueSource)>,
    /// ALTER ROLE and ALTER DATABASE.
    pub(crate) scoped: BTreeMap<SettingKey, String>,
    /// The same as it was when the pooled sessions began.
    scoped_then: BTreeMap<SettingKey, String>,
    /// Host rules in force.
    pub(crate) rules: Vec<String>,
    pub(crate) started_at: Timestamp,
    /// Rises whenever something that can be observed moves.
    pub(crate) generation: u64,
    /// Statements in the server's log.
    pub(crate) log: Vec<Statement>,
}

/// Who connects.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Login<'a> {
    pub(crate) role: &'a str,
    pub(crate) database: &'a str,
    pub(crate) age: Age,
}

/// When a session began, as far as it matters for what it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    /// With the server: it knows nothing of later ALTER ROLE and ALTER DATABASE.
    Old,
    /// Just now.
    Fresh,
}

impl Server {
    /// A server with these files, started at `at`.
    ///
    /// # Panics
    /// When the shipped knowledge of PostgreSQL 15 cannot be read, which a test of `catalog` excludes.
    #[must_use]
    pub fn start(file: Values, command_line: Values, at: Timestamp) -> Self {
        let PackChoice { pack, .. } =
            pack(EngineKind::Postgresql, 15).expect("the pack of PostgreSQL 15 is shipped");
        let mut server = Self {
            pack,
            file,
            auto: Values::new(),
            command_line,
            running: BTreeMap::new(),
            scoped: BTreeMap::new(),
            scoped_then: BTreeMap::new(),
            rules: [
                "local all all trust",
                "host all all 127.0.0.1/32 scram-sha-256",
                "host all all 0.0.0.0/0 scram-sha-256",
            ]
            .map(str::to_owned)
            .to_vec(),
            started_at: at,
            generation: 0,
            log: Vec::new(),
        };
        server.restart(at);
        server
    }

    /// The definition of a setting.
    #[must_use]
    pub fn def(&self, name: &SettingName) -> Option<&'static SettingDef> {
        self.pack.def(name.as_str())
    }

    /// The text as the server would show it: booleans as `on` and `off`.
    #[must_use]
    pub fn shown(&self, name: &SettingName, text: &str) -> String {
        let kind = self.def(name).map(|d| &d.kind);
        match (kind, units::parse_bool(text)) {
            (Some(ValueKind::Bool), Some(true)) => "on".to_owned(),
            (Some(ValueKind::Bool), Some(false)) => "off".to_owned(),
            _ => text.to_owned(),
        }
    }

    /// `ALTER SYSTEM SET` (or `RESET`), not activated yet.
    pub(crate) fn alter_system(&mut self, name: &SettingName, value: Option<&str>) {
        match value {
            Some(value) => self.auto.insert(name.clone(), self.shown(name, value)),
            None => self.auto.remove(name),
        };
        self.generation += 1;
    }

    /// `ALTER ROLE` or `ALTER DATABASE`: in force for sessions that begin from now on.
    pub(crate) fn alter_scoped(&mut self, key: &SettingKey, value: Option<&str>) {
        match value {
            Some(value) => {
                let value = self.shown(&key.name, value);
                self.scoped.insert(key.clone(), value)
            }
            None => self.scoped.remove(key),
        };
        self.generation += 1;
    }

    /// An edit of `postgresql.conf`, not activated yet.
    pub(crate) fn edit_file(&mut self, name: &SettingName, value: Option<&str>) {
        match value {
            Some(value) => self.file.insert(name.clone(), self.shown(name, value)),
            None => self.file.remove(name),
        };
        self.generation += 1;
    }

    /// Inserts a host rule at a position from 1, or deletes the one that stands there.
    pub(crate) fn edit_rule(&mut self, rule: u32, text: Option<&str>) {
        let index = (rule.max(1) as usize - 1).min(self.rules.len());
        match text {
            Some(text) => self.rules.insert(index, text.to_owned()),
            None if index < self.rules.len() => {
                self.rules.remove(index);
            }
            None => {}
        }
        self.generation += 1;
    }

    /// What the files and the command line say of a setting.
    fn resolved(&self, name: &SettingName) -> Option<(String, ValueSource)> {
        let path = CONF.to_owned();
        let from = |values: &Values, source| values.get(name).map(|v| (v.clone(), source));
        from(&self.command_line, ValueSource::CommandLine)
            .or_else(|| from(&self.auto, ValueSource::AutoFile))
            .or_else(|| from(&self.file, ValueSource::File { path }))
    }

    fn named(&self) -> BTreeSet<SettingName> {
        let files = [&self.command_line, &self.auto, &self.file];
        let named = files.into_iter().flat_map(|v| v.keys());
        named.chain(self.running.keys()).cloned().collect()
    }

    fn load(&mut self, name: &SettingName) {
        match self.resolved(name) {
            Some(value) => self.running.insert(name.clone(), value),
            None => self.running.remove(name),
        };
    }

    fn waits_for_restart(&self, name: &SettingName) -> bool {
        let context = self.def(name).map(|d| d.context);
        matches!(context, Some(Context::Postmaster | Context::Internal))
    }

    /// `pg_reload_conf()`.
    pub(crate) fn reload(&mut self) {
        for name in self.named() {
            if !self.waits_for_restart(&name) {
                self.load(&name);
            }
        }
        self.generation += 1;
    }

    /// A restart: everything is read anew, and every session begins anew.
    pub(crate) fn restart(&mut self, at: Timestamp) {
        for name in self.named() {
            self.load(&name);
        }
        self.scoped_then = self.scoped.clone();
        self.started_at = at;
        self.generation += 1;
    }

    /// The value that runs for the whole instance.
    #[must_use]
    pub fn running(&self, name: &str) -> Option<String> {
        let by_default = || self.pack.def(name).and_then(|d| d.default.clone());
        self.running
            .get(name)
            .map(|(value, _)| value.clone())
            .or_else(by_default)
    }

    /// The value that a session has.
    pub(crate) fn session(&self, name: &str, login: Login<'_>) -> Option<String> {
        let scoped = match login.age {
            Age::Old => &self.scoped_then,
            Age::Fresh => &self.scoped,
        };
        let (role, database) = (login.role.to_owned(), login.database.to_owned());
        let scopes = [
            Scope::RoleInDatabase {
                role: role.clone(),
                database: database.clone(),
            },
            Scope::Role { role },
            Scope::Database { database },
        ];
        let found = scopes.into_iter().find_map(|scope| {
            let name = SettingName::new(name);
            scoped.get(&SettingKey { scope, name }).cloned()
        });
        found.or_else(|| self.running(name))
    }

    /// A number in the base unit of its setting (bytes, microseconds, counts).
    pub(crate) fn number(&self, name: &str, text: &str) -> Option<f64> {
        use units::Quantity;
        let def = self.pack.def(name)?;
        Some(match units::parse(def, text).ok()? {
            Quantity::Bytes(n) | Quantity::Micros(n) | Quantity::Count(n) => n as f64,
            Quantity::Fraction(n) => n,
            _ => return None,
        })
    }

    /// The method by which the first fitting host rule lets a login in; `reject` when none fits.
    pub(crate) fn lets_in(&self, role: &str, database: &str) -> bool {
        let fits = |pattern: &str, name: &str| pattern == "all" || pattern == name;
        let rule = self.rules.iter().find(|rule| {
            let words: Vec<&str> = rule.split_whitespace().collect();
            words.len() >= 4
                && words[0] != "local"
                && fits(words[1], database)
                && fits(words[2], role)
        });
        rule.is_some_and(|r| !r.trim_end().ends_with("reject"))
    }

    /// How a setting stands; absent when nothing is set in that scope.
    #[must_use]
    pub fn standing(&self, key: &SettingKey) -> Standing {
        let source = match &key.scope {
            Scope::Instance => return self.instance(&key.name),
            Scope::FileRule { rule } => {
                let path = RULES.to_owned();
                let text = self.rules.get(rule.max(&1).saturating_sub(1) as usize);
                return Standing {
                    effective: text.map(Value::text),
                    ..Standing::absent(ValueSource::File { path })
                };
            }
            Scope::Database { .. } => ValueSource::Database,
            Scope::Role { .. } => ValueSource::Role,
            Scope::RoleInDatabase { .. } => ValueSource::RoleInDatabase,
        };
        let value = self.scoped.get(key).map(Value::text);
        Standing {
            effective: value.clone(),
            entry: value,
            ..Standing::absent(source)
        }
    }

    fn instance(&self, name: &SettingName) -> Standing {
        let effective = self.running(name.as_str());
        let source = self
            .running
            .get(name)
            .map_or(ValueSource::Default, |(_, source)| source.clone());
        let default = || self.def(name).and_then(|d| d.default.clone());
        let wanted = self.resolved(name).map(|(v, _)| v).or_else(default);
        let waits = self.waits_for_restart(name) && wanted != effective;
        Standing {
            effective: effective.map(Value::text),
            source,
            entry: self.auto.get(name).map(Value::text),
            waiting: None,
            pending_restart: if waits { Pending::Restart } else { Pending::No },
        }
    }

    /// The complete configuration at `now`.
    #[must_use]
    pub fn snapshot(
        &self,
        target: &TargetId,
        services: Vec<ServiceUse>,
        now: Timestamp,
    ) -> Snapshot {
        let names: BTreeSet<SettingName> = self
            .named()
            .into_iter()
            .chain(self.pack.settings.keys().cloned())
            .collect();
        let instance = names.into_iter().map(|name| SettingKey {
            scope: Scope::Instance,
            name,
        });
        let rules = (1..).zip(&self.rules).map(|(rule, _)| SettingKey {
            scope: Scope::FileRule { rule },
            name: RULE,
        });
        let keys = instance.chain(self.scoped.keys().cloned()).chain(rules);
        identified(Snapshot {
            id: backstay_model::SnapshotId(String::new()),
            target: target.clone(),
            taken_at: now,
            server: Facts {
                engine: EngineKind::Postgresql,
                version: "15.18".to_owned(),
                started_at: self.started_at,
                processes_since: None,
                system_identifier: None,
                data_directory: "/var/lib/postgresql".to_owned(),
                role: NodeRole::Primary,
            },
            settings: keys.map(|key| (key.clone(), self.standing(&key))).collect(),
            files: self.files(),
            unloaded: Vec::new(),
            file_errors: Vec::new(),
            services,
        })
    }

    fn files(&self) -> Vec<ConfigFile> {
        let auto = "/var/lib/postgresql/postgresql.auto.conf";
        let texts = [
            (CONF, format!("{:?}", self.file)),
            (auto, format!("{:?}", self.auto)),
            (RULES, format!("{:?}", self.rules)),
        ];
        let file = |(path, text): (&str, String)| ConfigFile {
            path: path.to_owned(),
            fingerprint: Some(Fingerprint(format!(
                "{:016x}",
                backstay_chance::Dice::of(0, &text).roll()
            ))),
            mode: Some(0o600),
            modified_at: None,
        };
        texts.into_iter().map(file).collect()
    }
}
