//! Co-change: which settings people change together, or one after the other (dependencies.md, 9.1).
//!
//! The unit is the *independent decision*: what one actor changed on one target without a pause of five
//! minutes, where a roll-out of the same change set counts once a day and a copied template once at
//! all. Pairs are tested within strata of team or target, quarter, major version and breadth; many
//! tests share one false-discovery rate, half of it for the nightly pass (Benjamini–Yekutieli, audited
//! by dealing the settings out by chance) and half for the stream (LORD++). What is found is a
//! *likelihood ratio* by the pair's rank, bounded so that co-change alone never makes an edge.
//!
//! Memory is bounded whatever comes: the limits are the `*_MAX` of the modules below.

mod corpus;
mod curve;
mod decision;
mod discover;
mod family;
mod log;
mod matrix;
mod sequence;
mod transaction;

use std::collections::BTreeMap;

use backstay_model::change::AuthorEvidence;
use backstay_model::name::EngineKind;
use backstay_model::{Author, ChangeSetId, SettingName, Span, TargetId, Timestamp, Value};

pub use curve::{RATIO_MAX, ReliabilityCurve};
pub use discover::{ACTORS_MIN, Audit, TRANSACTIONS_MIN};
pub use log::{AGE_MAX, DECISIONS_MAX};
pub use matrix::{PLACES_MAX, Weights};
pub use sequence::{FOLLOW_UP, RING, TARGETS_MAX};
pub use transaction::{GAP, LENGTH_MAX, OPEN_MAX, SETTINGS_MAX};

use decision::{Mark, Tag};
pub(crate) use decision::{Way, dose, way};
use family::{Family, Home};
use serde::{Deserialize, Serialize};
use transaction::Arrival;

/// What mining goes by.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Config {
    /// False-discovery rate of everything that is found, 0..1.
    pub q: f64,
    /// Half-life of the weights that rank pairs.
    pub half_life: Span,
    /// The team that runs a target, where it is known: targets of one team are compared with each
    /// other, targets without one only with themselves.
    pub teams: BTreeMap<TargetId, String>,
    /// Seed of the audit; the same seed and observations give the same state.
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            q: 0.05,
            half_life: crate::belief::CO_CHANGE_HALF_LIFE,
            teams: BTreeMap::new(),
            seed: 1,
        }
    }
}

/// What mining has seen, in numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Changes.
    pub changes: u64,
    /// Independent decisions.
    pub decisions: u64,
    /// Change sets that were one more target of a roll-out.
    pub roll_outs: u64,
    /// Change sets that were copies of a template.
    pub copies: u64,
    /// Transactions with more settings than are decided on together.
    pub bulks: u64,
    /// Transactions in which everything was put back.
    pub undone: u64,
    /// Changes that were not counted: of settings or targets beyond the limits, or of targets whose
    /// server is not known.
    pub left_out: u64,
}

/// One change of a setting.
#[derive(Clone, Copy, Debug)]
pub struct Changed<'a> {
    /// The target.
    pub target: &'a TargetId,
    /// Who.
    pub author: &'a Author,
    /// When.
    pub at: Timestamp,
    /// Its change set.
    pub change_set: ChangeSetId,
    /// The setting.
    pub setting: &'a SettingName,
    /// Its value before.
    pub old: Option<&'a Value>,
    /// Its value since.
    pub new: Option<&'a Value>,
}

/// What co-change says of a pair, in place of what it said before.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Hint {
    /// The engine.
    pub engine: EngineKind,
    /// The one that is changed first, so that the other depends on it; the smaller name when that is
    /// not known.
    pub first: SettingName,
    /// The one that is changed then.
    pub then: SettingName,
    /// Whether the order is known.
    pub order: Order,
    /// Natural logarithm of the likelihood ratio; 0 takes back what was said before.
    pub log_lr: f64,
    /// When the two last went together.
    pub last: Timestamp,
    /// What was seen, in a few words.
    pub seen: String,
}

/// Whether one of a pair is changed before the other (exact binomial test, at least 8 cases).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Order {
    /// It is.
    Known,
    /// Neither, or too few cases.
    Unknown,
}

/// The miner of co-changes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CoChange {
    config: Config,
    homes: BTreeMap<Tag, Home>,
    families: BTreeMap<EngineKind, Family>,
    left_out: u64,
    changes: u64,
}

impl CoChange {
    /// Nothing seen yet.
    #[must_use]
    pub const fn new(config: Config) -> Self {
        Self {
            config,
            homes: BTreeMap::new(),
            families: BTreeMap::new(),
            left_out: 0,
            changes: 0,
        }
    }

    /// A target runs this server.
    pub fn server(&mut self, target: &TargetId, engine: EngineKind, major: u32) {
        let tag = Tag::of(target.as_str());
        if self.homes.len() >= TARGETS_MAX && !self.homes.contains_key(&tag) {
            return;
        }
        let team = self.config.teams.get(target).map_or(tag, |t| Tag::of(t));
        let home = Home {
            engine,
            major,
            team,
        };
        self.homes.insert(tag, home);
    }

    /// Takes in a change. Call [`CoChange::advance`] with its moment before.
    pub fn change(&mut self, change: &Changed<'_>) -> Vec<Hint> {
        self.changes += 1;
        let ours = matches!(
            change.author,
            Author::Known {
                via: AuthorEvidence::OwnWrite,
                ..
            }
        );
        let target = Tag::of(change.target.as_str());
        let Some(home) = self.homes.get(&target).filter(|_| !ours) else {
            self.left_out += 1;
            return Vec::new();
        };
        let new = || Family::new(home.engine, &self.config);
        let family = self.families.entry(home.engine).or_insert_with(new);
        let Some(setting) = family.place(change.setting) else {
            self.left_out += 1;
            return Vec::new();
        };
        let arrival = Arrival {
            target,
            actor: Tag::of(change.author.name()),
            at: change.at,
            change_set: change.change_set,
            setting,
            old: Mark::of(change.old),
            new: Mark::of(change.new),
        };
        family.put(&arrival, &self.homes)
    }

    /// Lets time pass until `at`: transactions end, and at the first moment of a new day (UTC) the
    /// nightly pass runs.
    pub fn advance(&mut self, at: Timestamp) -> Vec<Hint> {
        let mut hints = Vec::new();
        for family in self.families.values_mut() {
            hints.extend(family.advance(at, &self.homes));
        }
        hints
    }

    /// A person said whether there is a dependency between two settings: the curve of every engine in
    /// which the pair stands learns from it.
    pub fn verdict(&mut self, a: &SettingName, b: &SettingName, real: f64) {
        for family in self.families.values_mut() {
            family.verdict(a, b, real);
        }
    }

    /// What was seen, in numbers.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let first = Tally {
            changes: self.changes,
            left_out: self.left_out,
            ..Tally::default()
        };
        self.families.values().fold(first, |sum, f| f.add_to(sum))
    }

    /// The last nightly audit of an engine; `None` before anything was found.
    #[must_use]
    pub fn audit(&self, engine: EngineKind) -> Option<Audit> {
        self.families.get(&engine)?.audit()
    }

    /// The decayed weights of an engine and major version.
    #[must_use]
    pub fn weights(&self, engine: EngineKind, major: u32) -> Option<&Weights> {
        self.families.get(&engine)?.weights(major)
    }

    /// Bytes of the state, but for the overhead of the allocator.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let families: usize = self.families.values().map(Family::bytes).sum();
        families + self.homes.len() * (size_of::<Home>() + 24)
    }
}

#[cfg(test)]
mod tests;
