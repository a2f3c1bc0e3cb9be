//! How a proposal would be undone: the plan that a rollback of it would run.

use std::collections::BTreeMap;

use backstay_catalog::pack::Context;
use backstay_engine_postgres::dialect::PostgresDialect;
use backstay_model::change::{Author, ChangeTime, Origin, Pending, Standing, TakesEffect};
use backstay_model::decision::SettingClass;
use backstay_model::name::EngineKind;
use backstay_model::plan::Plan;
use backstay_model::snapshot::{NodeRole, Server};
use backstay_model::{
    Change, ChangeSet, ChangeSetId, SettingKey, Snapshot, SnapshotId, Timestamp, Value, ValueSource,
};
use backstay_rollback::{Guilty, Request};
use backstay_simulate::Proposed;

use crate::commands::subject::Ground;

/// The plan that undoes `proposal` once it was made by `ALTER SYSTEM`; `None` when nothing moves.
pub(super) fn plan(ground: &Ground, proposal: &[Proposed]) -> Option<Plan> {
    if proposal.is_empty() {
        return None;
    }
    let before = snapshot(ground);
    let changes: Vec<Change> = proposal
        .iter()
        .map(|p| change(ground, &before, p))
        .collect();
    let mut after = before.clone();
    let made = changes.iter().map(|c| (c.key.clone(), c.new.clone()));
    after.settings.extend(made);
    let classes: BTreeMap<SettingKey, SettingClass> = changes
        .iter()
        .map(|c| (c.key.clone(), ground.choice.pack.class_of(&c.key.name)))
        .collect();
    let change_set = ChangeSet {
        id: ChangeSetId(0),
        target: ground.target(),
        changes,
    };
    Some(backstay_rollback::plan(&Request {
        change_set: &change_set,
        guilty: Guilty::All,
        now: &after,
        last_good: None,
        classes: &classes,
        requires: &[],
        dialect: &PostgresDialect,
    }))
}

/// The server's configuration, or an empty one of the version that is assumed.
fn snapshot(ground: &Ground) -> Snapshot {
    if let Some(live) = &ground.live {
        return live.snapshot.clone();
    }
    Snapshot {
        id: SnapshotId(String::new()),
        target: ground.target(),
        taken_at: Timestamp(0),
        server: Server {
            engine: EngineKind::Postgresql,
            version: ground.choice.pack.major.to_string(),
            started_at: Timestamp(0),
            processes_since: None,
            system_identifier: None,
            data_directory: String::new(),
            role: NodeRole::Primary,
        },
        settings: BTreeMap::new(),
        files: Vec::new(),
        unloaded: Vec::new(),
        file_errors: Vec::new(),
        services: Vec::new(),
    }
}

fn change(ground: &Ground, before: &Snapshot, proposed: &Proposed) -> Change {
    let name = &proposed.key.name;
    let old = before.settings.get(&proposed.key).cloned();
    let old = old.unwrap_or_else(|| Standing {
        effective: ground.now.shown(name).map(Value::text),
        source: ValueSource::Default,
        entry: None,
        waiting: None,
        pending_restart: Pending::No,
    });
    let context = ground.choice.pack.def(name.as_str()).map(|d| d.context);
    let waits = context == Some(Context::Postmaster);
    let value = proposed.new.as_deref().map(Value::text);
    let new = Standing {
        effective: if waits {
            old.effective.clone()
        } else {
            value.clone()
        },
        source: ValueSource::AutoFile,
        entry: value,
        waiting: None,
        pending_restart: if waits { Pending::Restart } else { Pending::No },
    };
    Change {
        key: proposed.key.clone(),
        old,
        new,
        time: ChangeTime {
            not_before: Timestamp(0),
            not_after: Timestamp(0),
            exact: None,
        },
        author: Author::Unknown,
        description: None,
        application: None,
        origin: Origin::Proposed,
        takes_effect: if waits {
            TakesEffect::AtRestart
        } else {
            TakesEffect::Now
        },
    }
}
