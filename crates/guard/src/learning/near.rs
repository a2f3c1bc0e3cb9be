//! Which settings are near another one: those that depend on it or that it depends on, as far as that is
//! believed, and those that draw on the same class of resource.

use std::collections::BTreeMap;

use backstay_catalog::pack;
use backstay_catalog::pack::ResourceClass;
use backstay_graph::{EdgeFilter, EdgeScope, Overlay, View};
use backstay_learn::belief::SHOW_FROM;
use backstay_model::{Confidence, NodeKey, SettingName, Timestamp};

use super::claims::Version;

/// Neighbours of a setting, with how surely they are.
type Beside = BTreeMap<SettingName, Confidence>;

/// The structure of each version, as it was looked at once.
pub(super) struct Near<'a> {
    then: &'a Overlay<'a>,
    at: Timestamp,
    looked: BTreeMap<Version, BTreeMap<SettingName, Beside>>,
}

impl<'a> Near<'a> {
    pub(super) const fn new(then: &'a Overlay<'a>, at: Timestamp) -> Self {
        Self {
            then,
            at,
            looked: BTreeMap::new(),
        }
    }

    /// The settings near `setting`, the nearest first: neighbours by how surely they are, then those of its
    /// class of resource by their names. Some may be named twice.
    pub(super) fn of(&mut self, version: Version, setting: &SettingName) -> Vec<SettingName> {
        let (then, at) = (self.then, self.at);
        let structure = self
            .looked
            .entry(version)
            .or_insert_with(|| structure(then, at, version));
        let mut beside: Vec<(&SettingName, &Confidence)> =
            structure.get(setting).into_iter().flatten().collect();
        beside.sort_by(|a, b| b.1.get().total_cmp(&a.1.get()));
        let neighbours = beside.into_iter().map(|(name, _)| name.clone());
        neighbours.chain(same_resource(version, setting)).collect()
    }
}

/// Who is believed to depend on whom between settings, both ways.
fn structure(
    then: &Overlay<'_>,
    at: Timestamp,
    (engine, major): Version,
) -> BTreeMap<SettingName, Beside> {
    let mut structure: BTreeMap<SettingName, Beside> = BTreeMap::new();
    // What was learnt lies over the rules.
    for scope in [
        EdgeScope::rules(engine, major),
        EdgeScope::learnt(engine, major),
    ] {
        for edge in then.edges(at, &EdgeFilter::view(View::Scope(scope))) {
            if let (NodeKey::Setting(a), NodeKey::Setting(b)) = (edge.from, edge.to) {
                for (one, other) in [(&a, &b), (&b, &a)] {
                    let beside = structure.entry(one.clone()).or_default();
                    beside.insert(other.clone(), edge.confidence);
                }
            }
        }
    }
    for beside in structure.values_mut() {
        beside.retain(|_, confidence| confidence.get() >= SHOW_FROM);
    }
    structure
}

/// The other settings of the same class of resource.
fn same_resource((engine, major): Version, setting: &SettingName) -> Vec<SettingName> {
    let Ok(choice) = pack(engine, major) else {
        return Vec::new();
    };
    let class = choice.pack.def(setting.as_str()).map(|def| def.resource);
    let Some(class) = class.filter(|class| *class != ResourceClass::Other) else {
        return Vec::new();
    };
    let all = choice.pack.settings.values();
    let same = all.filter(|def| def.resource == class && def.name != *setting);
    same.map(|def| def.name.clone()).collect()
}
