//! Relations that hold in every snapshot of a fleet (dependencies.md, 9.3; after Daikon, Ernst et al.
//! 2001): `X <= Y`, `X = Y`, `X = k Y`, and "X is set, so Y is".
//!
//! Only values of one dimension are compared. Copies count once: pairs of values, or sets of chosen
//! settings, not hosts. A relation is accepted when it holds in all of at least twenty distinct cases
//! and would hardly do so if the values of a column were dealt out anew: that chance is counted
//! exactly, not drawn. One violation by a healthy target makes it advice; each further one takes more
//! of its weight.

mod fleet;
mod held;
mod search;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use backstay_model::name::EngineKind;
use backstay_model::{EdgeKind, SettingName, Severity, TargetId, Timestamp};
use serde::{Deserialize, Serialize};

use self::fleet::Fleet;
pub use self::fleet::{SETTINGS_MAX, TARGETS_MAX};
use self::held::Held;
pub use self::held::RATIO_MAX;
use self::search::Relation;
use crate::learner::{Comparable, Reading};

/// Distinct cases that are needed (dependencies.md, 9.3).
pub const CASES_MIN: usize = 20;
/// False-discovery rate of all relations that are accepted.
const Q: f64 = 0.05;
/// Share of the fleet that must have changed for a new search.
const SEARCH_SHARE: usize = 8;
/// Relations that are held at a time; the weakest are left out.
pub const HELD_MAX: usize = 2_048;
const DAY_US: i64 = 86_400_000_000;

/// A relation, as it stands.
#[derive(Clone, PartialEq, Debug)]
pub struct Invariant {
    /// The engine.
    pub engine: EngineKind,
    /// What depends: the smaller of a bound, what is set.
    pub from: SettingName,
    /// On what it depends.
    pub to: SettingName,
    /// The kind of dependency that it suggests.
    pub kind: EdgeKind,
    /// Whether `from` and `to` could be the other way round.
    pub symmetric: Symmetric,
    /// The relation in the rule language.
    pub rule: String,
    /// Never more than a warning; advice after a healthy violation.
    pub severity: Severity,
    /// Natural logarithm of the likelihood ratio; 0 takes back what was said before.
    pub log_lr: f64,
    /// Distinct cases in which it holds.
    pub cases: usize,
    /// Healthy targets that violate it.
    pub violations: usize,
    /// When it was last found to hold.
    pub last: Timestamp,
}

/// Whether a relation has a direction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Symmetric {
    /// It has none.
    Yes,
    /// It has one.
    No,
}

/// What holds in the snapshots of a fleet.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Invariants {
    fleets: BTreeMap<EngineKind, Fleet>,
    held: BTreeMap<EngineKind, BTreeMap<Relation, Held>>,
    engines: BTreeMap<TargetId, EngineKind>,
    /// Targets with harm that has not gone: what they violate counts for nothing.
    troubled: BTreeSet<TargetId>,
    day: Option<i64>,
}

impl Invariants {
    /// `target` runs this engine.
    pub fn server(&mut self, target: &TargetId, engine: EngineKind) {
        if self.engines.len() < TARGETS_MAX || self.engines.contains_key(target) {
            self.engines.insert(target.clone(), engine);
        }
    }

    /// `target` is in trouble, or was.
    pub fn troubled(&mut self, target: &TargetId) {
        if !self.engines.contains_key(target) {
            return;
        }
        self.troubled.insert(target.clone());
        let all = self.held.values_mut().flat_map(BTreeMap::values_mut);
        all.for_each(|held| held.excuse(target));
    }

    /// `target` is well again.
    pub fn recovered(&mut self, target: &TargetId) {
        self.troubled.remove(target);
    }

    /// The whole configuration of a target at `at`.
    pub fn snapshot(
        &mut self,
        (target, at): (&TargetId, Timestamp),
        values: &BTreeMap<SettingName, Reading>,
    ) -> Vec<Invariant> {
        let Some(engine) = self.engines.get(target).copied() else {
            return Vec::new();
        };
        let fleet = self.fleets.entry(engine).or_default();
        fleet.put(target, at, values);
        if self.troubled.contains(target) {
            return Vec::new();
        }
        let (Some(held), Some(row)) = (self.held.get_mut(&engine), fleet.row(target)) else {
            return Vec::new();
        };
        let mut said = Vec::new();
        for (relation, held) in held {
            if held.seen(target, at, relation.state(row)) {
                said.extend(held.say(engine, relation, fleet));
            }
        }
        said
    }

    /// What the last snapshot of a target says of a setting, when it is a number or a switch.
    #[must_use]
    pub fn comparable(&self, target: &TargetId, setting: &SettingName) -> Option<Comparable> {
        let engine = self.engines.get(target)?;
        self.fleets.get(engine)?.comparable(target, setting)
    }

    /// Lets time pass until `at`: at the first moment of a new day (UTC) the fleet is searched, if enough
    /// of it is new.
    pub fn advance(&mut self, at: Timestamp) -> Vec<Invariant> {
        let day = at.0.div_euclid(DAY_US);
        let begins = self.day.is_some_and(|d| d < day);
        self.day = self.day.max(Some(day));
        let mut said = Vec::new();
        if !begins {
            return said;
        }
        for (engine, fleet) in &mut self.fleets {
            if fleet.len() < CASES_MIN || fleet.fresh() * SEARCH_SHARE < fleet.len() {
                continue;
            }
            fleet.searched();
            let held = self.held.entry(*engine).or_default();
            said.extend(renew(*engine, fleet, held, at));
        }
        said
    }

    /// Bytes of the state, but for the overhead of the allocator.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let held: usize = self.held.values().map(BTreeMap::len).sum();
        self.fleets.values().map(Fleet::bytes).sum::<usize>() + held * 256
    }
}

/// Searches the fleet, keeps what was violated since it was found, and says what is different.
fn renew(
    engine: EngineKind,
    fleet: &Fleet,
    held: &mut BTreeMap<Relation, Held>,
    at: Timestamp,
) -> Vec<Invariant> {
    let found = search::search(fleet, Q);
    let mut said = Vec::new();
    for (relation, cases) in found.into_iter().take(HELD_MAX) {
        if held.len() < HELD_MAX || held.contains_key(&relation) {
            held.entry(relation).or_default().found(cases, at);
        }
    }
    for (relation, held) in held.iter_mut() {
        held.check(relation, fleet);
        said.extend(held.say(engine, relation, fleet));
    }
    held.retain(|_, h| h.worth_keeping());
    said
}
