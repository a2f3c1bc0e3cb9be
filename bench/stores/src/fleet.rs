//! A large fleet: the rules of every version, a thousand targets, and people who change them.

use backstay_catalog::pack::{pack, packs};
use backstay_graph::Op;
use backstay_guard::knowledge;
use backstay_model::change::AuthorEvidence;
use backstay_model::name::EngineKind;
use backstay_model::{
    Author, ChangeSetId, ServiceName, SettingKey, SettingName, TargetId, Timestamp, Value,
};

/// Servers.
pub(crate) const TARGETS: usize = 1_000;
/// Settings of each that stand in the graph.
pub(crate) const SETTINGS: usize = 400;
/// Changes after the initial load.
pub(crate) const CHANGES: usize = 20_500;
/// After all changes.
pub(crate) const END: i64 = BEGIN + CHANGES as i64 * SECOND;

const SECOND: i64 = 1_000_000;
const BEGIN: i64 = 1_790_000_000 * SECOND;

/// The rules of each version of PostgreSQL and its effects on metrics, as a guard enters them.
pub(crate) fn rules() -> Vec<Vec<Op>> {
    let shipped = packs().filter(|(engine, _)| *engine == EngineKind::Postgresql);
    let packs = shipped.map(|(engine, major)| pack(engine, major).expect("it is shipped").pack);
    packs.map(knowledge::rules).collect()
}

/// Names of as many settings as a target has here: those of the newest version, and made-up ones of
/// extensions.
pub(crate) fn names() -> Vec<SettingName> {
    let pack = pack(EngineKind::Postgresql, 18)
        .expect("it is shipped")
        .pack;
    let more = (0..SETTINGS).map(|n| SettingName::new(&format!("extension.setting_{n}")));
    pack.settings
        .keys()
        .cloned()
        .chain(more)
        .take(SETTINGS)
        .collect()
}

/// The name of a target by its number, which may be larger than there are.
pub(crate) fn target(number: usize) -> String {
    format!("shop-{:04}", number % TARGETS)
}

/// What stands on each target when it is first seen, and a service that uses it.
pub(crate) fn values() -> impl Iterator<Item = Vec<Op>> {
    let names = names();
    (0..TARGETS).map(move |number| {
        let named = names.iter().enumerate();
        let set = named.map(|(n, name)| Op::SetValue {
            target: TargetId::new(&target(number)),
            key: SettingKey::instance(name.as_str()),
            old: None,
            new: Some(Value::text(format!("{}MB", (number * 31 + n) % 997))),
            author: Author::Unknown,
            at: Timestamp(BEGIN - SECOND),
            change_set: None,
        });
        let service = ServiceName::new(&format!("service-{:02}", number % 50));
        let here = TargetId::new(&target(number));
        set.chain([knowledge::uses(&here, service, Timestamp(0))])
            .collect()
    })
}

/// What people change afterwards, one setting at a time, anywhere.
pub(crate) fn changes() -> impl Iterator<Item = Vec<Op>> {
    let names = names();
    (0..CHANGES).map(move |number| {
        let name = &names[number * 37 % names.len()];
        vec![Op::SetValue {
            target: TargetId::new(&target(number * 7_919)),
            key: SettingKey::instance(name.as_str()),
            old: Some(Value::text("before")),
            new: Some(Value::text(format!("{number}kB"))),
            author: Author::Known {
                name: ["ann", "bob", "cleo"][number % 3].into(),
                via: AuthorEvidence::ServerLog,
            },
            at: Timestamp(BEGIN + number as i64 * SECOND),
            change_set: Some(ChangeSetId(number as u64 + 1)),
        }]
    })
}
