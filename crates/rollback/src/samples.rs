//! Words for tests: a made-up dialect and change sets in one line.

use std::collections::BTreeMap;

use backstay_model::change::{Author, ChangeTime, Origin, Pending, Standing, TakesEffect};
use backstay_model::decision::SettingClass;
use backstay_model::name::EngineKind;
use backstay_model::plan::{Dialect, Inverse, PlanStep, Route};
use backstay_model::snapshot::{ConfigFile, NodeRole, Server};
use backstay_model::value::Fingerprint;
use backstay_model::{
    Change, ChangeSet, ChangeSetId, Scope, SettingKey, SettingName, Snapshot, SnapshotId, TargetId,
    Timestamp, Value, ValueSource,
};

use crate::plan::{Guilty, Request};

/// Statements that say what they do.
pub(crate) struct Plain;

impl Dialect for Plain {
    fn statement(&self, step: &PlanStep) -> String {
        let what = match &step.inverse {
            Inverse::Reset => "reset".to_owned(),
            Inverse::Set(value) => format!("set to {value}"),
        };
        let door = match &step.route {
            Route::AlterSystem => "system".to_owned(),
            Route::RoleOrDatabase => "catalogue".to_owned(),
            Route::File { path } => format!("by hand in {path}"),
            Route::CommandLine => "by hand on the command line".to_owned(),
        };
        format!("{door}: {} {what}", step.key)
    }

    fn activate(&self, route: &Route) -> Option<String> {
        match route {
            Route::AlterSystem | Route::File { .. } => Some("reload".to_owned()),
            Route::RoleOrDatabase | Route::CommandLine => None,
        }
    }
}

pub(crate) fn role(name: &str) -> SettingKey {
    SettingKey {
        scope: Scope::Role { role: "app".into() },
        name: SettingName::new(name),
    }
}

pub(crate) fn rule(number: u32) -> SettingKey {
    SettingKey {
        scope: Scope::FileRule { rule: number },
        name: SettingName::new("pg_hba"),
    }
}

pub(crate) fn file(path: &str) -> ValueSource {
    ValueSource::File {
        path: path.to_owned(),
    }
}

pub(crate) fn secret() -> Value {
    Value::Secret(Fingerprint("5ec4e7".into()))
}

/// A value that nothing but its source gives.
pub(crate) fn plain(value: &str, source: ValueSource) -> Standing {
    Standing {
        effective: Some(Value::text(value)),
        ..Standing::absent(source)
    }
}

/// A value from an entry that a statement wrote.
pub(crate) fn entry(value: &str, source: ValueSource) -> Standing {
    Standing {
        entry: Some(Value::text(value)),
        ..plain(value, source)
    }
}

pub(crate) fn system(value: &str) -> Standing {
    entry(value, ValueSource::AutoFile)
}

/// An entry that waits for a restart while `running` runs.
pub(crate) fn waiting(running: &str, source: ValueSource, value: &str) -> Standing {
    Standing {
        entry: Some(Value::text(value)),
        waiting: None,
        pending_restart: Pending::Restart,
        ..plain(running, source)
    }
}

pub(crate) fn change(key: SettingKey, old: Standing, new: Standing) -> Change {
    let at = Timestamp::from_secs(100);
    Change {
        key,
        old,
        new,
        time: ChangeTime {
            not_before: at,
            not_after: at,
            exact: None,
        },
        author: Author::Unknown,
        description: None,
        application: None,
        origin: Origin::Observed,
        takes_effect: TakesEffect::Now,
    }
}

pub(crate) fn takes_effect(change: Change, takes_effect: TakesEffect) -> Change {
    Change {
        takes_effect,
        ..change
    }
}

/// Everything a request needs, owned.
pub(crate) struct World {
    pub(crate) set: ChangeSet,
    pub(crate) now: Snapshot,
    pub(crate) good: Option<Snapshot>,
    pub(crate) classes: BTreeMap<SettingKey, SettingClass>,
    pub(crate) requires: Vec<(SettingKey, SettingKey)>,
}

impl World {
    /// The changes as they stand now, all of them reloadable.
    pub(crate) fn of(changes: Vec<Change>) -> Self {
        let settings = changes
            .iter()
            .map(|c| (c.key.clone(), c.new.clone()))
            .collect();
        let classes = changes
            .iter()
            .map(|c| (c.key.clone(), SettingClass::Reloadable))
            .collect();
        let set = ChangeSet {
            id: ChangeSetId(7),
            target: TargetId::new("pg"),
            changes,
        };
        Self {
            set,
            now: snapshot("now", settings),
            good: None,
            classes,
            requires: Vec::new(),
        }
    }

    pub(crate) fn class(mut self, key: SettingKey, class: SettingClass) -> Self {
        self.classes.insert(key, class);
        self
    }

    pub(crate) fn now(mut self, key: SettingKey, standing: Standing) -> Self {
        self.now.settings.insert(key, standing);
        self
    }

    pub(crate) fn good(mut self, settings: Vec<(SettingKey, Standing)>) -> Self {
        self.good = Some(snapshot("good", settings.into_iter().collect()));
        self
    }

    pub(crate) fn requires(mut self, before: &str, after: &str) -> Self {
        self.requires
            .push((SettingKey::instance(before), SettingKey::instance(after)));
        self
    }

    pub(crate) fn request(&self) -> Request<'_> {
        Request {
            change_set: &self.set,
            guilty: Guilty::All,
            now: &self.now,
            last_good: self.good.as_ref(),
            classes: &self.classes,
            requires: &self.requires,
            dialect: &Plain,
        }
    }
}

fn snapshot(id: &str, settings: BTreeMap<SettingKey, Standing>) -> Snapshot {
    Snapshot {
        id: SnapshotId(id.to_owned()),
        target: TargetId::new("pg"),
        taken_at: Timestamp::from_secs(200),
        server: Server {
            engine: EngineKind::Postgresql,
            version: "15.18".into(),
            started_at: Timestamp::from_secs(1),
            processes_since: None,
            system_identifier: None,
            data_directory: "/data".into(),
            role: NodeRole::Primary,
        },
        settings,
        files: ["postgresql.conf", "pg_hba.conf"].map(config_file).to_vec(),
        unloaded: Vec::new(),
        file_errors: Vec::new(),
        services: Vec::new(),
    }
}

fn config_file(name: &str) -> ConfigFile {
    ConfigFile {
        path: format!("/etc/{name}"),
        fingerprint: Some(Fingerprint("f1".into())),
        mode: None,
        modified_at: None,
    }
}
