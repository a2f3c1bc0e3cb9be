//! Knowledge packs: what is known about the settings of one major version of one engine.
//!
//! A pack is two files of its major version in `packs/<engine>/<major>/` and two of its engine in
//! `packs/<engine>/`. `settings.json` ([`SettingsFile`]) and `constraints.json` ([`ConstraintsFile`]) are
//! generated; `overrides.toml` ([`OverridesFile`]) and `effects.toml` ([`EffectsFile`]) are written and
//! reviewed by hand and say in which versions an entry holds. Loading joins them, and refuses a pack
//! that contradicts itself.

use std::collections::BTreeMap;

use backstay_model::decision::SettingClass;
use backstay_model::name::EngineKind;
use backstay_model::{Confidence, Constraint, MetricName, SettingName};
use serde::{Deserialize, Serialize};

use crate::expr::Expr;
use crate::text::{Form, Judgement};
use crate::units::Unit;

pub mod diff;
mod file;
mod load;
mod shipped;

pub use file::{
    Alias, ConstraintsFile, EffectsFile, FORMAT, OverridesFile, Retired, ReviewedEffect,
    ReviewedRule, ReviewedSetting, SettingFact, SettingsFile,
};
pub use shipped::{Elsewhere, elsewhere, pack, packs, texts};

/// Natural log-odds of a dependency between two settings picked at random: 0.4 % of all pairs.
const PRIOR_LOG_ODDS: f64 = -5.5;

/// What is known about one major version of one engine.
#[derive(Clone, Debug)]
pub struct Pack {
    /// The engine.
    pub engine: EngineKind,
    /// Its major version.
    pub major: u32,
    /// Every setting, by canonical name.
    pub settings: BTreeMap<SettingName, SettingDef>,
    /// Every constraint, in the order of their ids.
    pub constraints: Vec<Constraint>,
    /// Which settings move which metrics: seeds, before this installation has learnt its own.
    pub effects: Vec<Effect>,
    rules: BTreeMap<String, Expr>,
    /// By id of the constraint.
    telling: BTreeMap<String, Telling>,
    expansions: BTreeMap<SettingName, Vec<Expansion>>,
    aliases: BTreeMap<SettingName, SettingName>,
}

/// What a special value of a setting stands for.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Expansion {
    /// The special value.
    pub(crate) value: crate::units::Quantity,
    /// Its meaning as an expression; `None` means no limit at all.
    pub(crate) effective: Option<Expr>,
}

/// Definition of a setting.
#[derive(Clone, PartialEq, Debug)]
pub struct SettingDef {
    /// Canonical name.
    pub name: SettingName,
    /// Kind of its values.
    pub kind: ValueKind,
    /// What texts it takes, where its kind is text or a list.
    pub form: Form,
    /// Base unit: what a bare number counts.
    pub unit: Option<Unit>,
    /// Smallest value, in base units.
    pub min: Option<f64>,
    /// Largest value, in base units.
    pub max: Option<f64>,
    /// Value built into the engine, as the engine shows it (in base units); `None` when it has none.
    pub default: Option<String>,
    /// When and by whom it can be set.
    pub context: Context,
    /// What is at stake when it is written.
    pub class: SettingClass,
    /// The engine's own grouping.
    pub category: String,
    /// What it is about, in one word.
    pub resource: ResourceClass,
    /// Values with a meaning of their own.
    pub sentinels: Vec<Sentinel>,
    /// One sentence of ours; may be empty.
    pub summary: String,
}

/// Kind of the values of a setting.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ValueKind {
    /// On or off.
    Bool,
    /// Whole number, with or without a unit.
    Integer,
    /// Number, with or without a unit.
    Real,
    /// One of these words.
    Enum(Vec<String>),
    /// Any text.
    Text,
    /// Items with commas between them.
    List,
}

/// When and by whom a setting can be set (PostgreSQL's contexts).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Context {
    /// Never: it tells a fact.
    Internal,
    /// At the start of the server.
    Postmaster,
    /// In the files, with a reload.
    Sighup,
    /// When a session begins, by a superuser.
    SuperuserBackend,
    /// When a session begins.
    Backend,
    /// In a session, by a superuser.
    Superuser,
    /// In a session, by anybody.
    User,
}

/// What a setting is about, in one word. Settings of one class draw on the same thing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceClass {
    /// Memory.
    Memory,
    /// Background processes.
    Workers,
    /// Reads and writes of data files.
    Io,
    /// Write-ahead log.
    Wal,
    /// Server log.
    Log,
    /// Locks.
    Locks,
    /// Client connections.
    Connections,
    /// Choice of plans.
    Planner,
    /// Vacuum.
    Vacuum,
    /// Replicas and archives.
    Replication,
    /// Who may do what.
    Security,
    /// Time limits.
    Timeouts,
    /// Counters and traces.
    Statistics,
    /// How sessions behave.
    Client,
    /// Anything else.
    Other,
}

/// A value with a meaning of its own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sentinel {
    /// The value, as the engine shows it: `-1`.
    pub value: String,
    /// What it means.
    pub meaning: Meaning,
    /// What it stands for, as an expression, where that can be said: `maintenance_work_mem`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective: Option<String>,
}

/// What a special value means.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// The engine computes the value.
    Derived,
    /// The value of another setting is used.
    Fallback,
    /// No limit.
    Unlimited,
    /// The feature is off.
    Off,
}

/// How a reviewed rule wants to be told.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Telling {
    /// What people would do, where that is not a change of one setting.
    remedy: Option<String>,
    /// Whether barely holding is worth a word.
    near: bool,
    /// Whether a breach stops the work of clients.
    outage: bool,
}

/// A setting moves a metric: a seed for the effect edges of the graph.
#[derive(Clone, PartialEq, Debug)]
pub struct Effect {
    /// The setting.
    pub setting: SettingName,
    /// The metric.
    pub metric: MetricName,
    /// How sure we are that it can.
    pub confidence: Confidence,
    /// By what mechanism, in our words.
    pub mechanism: String,
}

/// A pack, and how well it fits what was asked for.
#[derive(Clone, Copy, Debug)]
pub struct PackChoice {
    /// The pack.
    pub pack: &'static Pack,
    /// How well it fits.
    pub fit: PackFit,
}

/// How well a pack fits a version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PackFit {
    /// Made for this major version.
    Exact,
    /// Made for the older major version `from`: everything in it is carried over, unconfirmed. Its
    /// evidence weighs half and its confidences are lowered already ([`Pack::carried`]).
    Carried {
        /// The major version it was made for.
        from: u32,
    },
}

/// There is no usable pack.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NoPack {
    /// Nothing is shipped for this engine at this version or an older one.
    #[error("no knowledge is shipped for {engine} {major}; there is some for {known}")]
    Missing {
        /// The engine asked for.
        engine: EngineKind,
        /// The major version asked for.
        major: u32,
        /// What there is, for a person: `postgresql 14, 15`.
        known: String,
    },
    /// The pack is damaged, or contradicts itself.
    #[error("the pack of {engine} {major} is damaged: {file}: {why}")]
    Corrupt {
        /// Whose pack.
        engine: EngineKind,
        /// Its major version.
        major: u32,
        /// The file in it.
        file: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

/// The four texts of a pack.
#[derive(Clone, Copy, Debug)]
pub struct Texts<'a> {
    /// `settings.json`
    pub settings: &'a str,
    /// `constraints.json`
    pub constraints: &'a str,
    /// `overrides.toml`
    pub overrides: &'a str,
    /// `effects.toml`
    pub effects: &'a str,
}

impl Pack {
    /// Reads a pack from its four texts.
    ///
    /// # Errors
    /// `Corrupt`, naming the file and what is wrong with it.
    pub fn load(engine: EngineKind, major: u32, texts: Texts<'_>) -> Result<Self, NoPack> {
        load::load(engine, major, texts)
    }

    /// The same pack for a newer version that nobody looked at: every log-likelihood ratio is halved,
    /// and confidence with it (design note "dependencies", section 13). Rules and settings stay.
    #[must_use]
    pub fn carried(&self) -> Self {
        let mut pack = self.clone();
        for constraint in &mut pack.constraints {
            let p = constraint.confidence.get().clamp(1e-6, 1.0 - 1e-6);
            let weight = (p / (1.0 - p)).ln() - PRIOR_LOG_ODDS;
            let odds = PRIOR_LOG_ODDS + 0.5 * weight;
            constraint.confidence = Confidence::clamped(1.0 / (1.0 + (-odds).exp()));
            for evidence in &mut constraint.evidence {
                evidence.log_lr *= 0.5;
            }
        }
        pack
    }

    /// The definition of the setting `name`.
    #[must_use]
    pub fn def(&self, name: &str) -> Option<&SettingDef> {
        self.settings.get(name)
    }

    /// What is to say about `text` as a value of the setting `name` before a server sees it; `None` where
    /// that is no text, or nobody knows the setting.
    #[must_use]
    pub fn judge_text(&self, name: &SettingName, text: &str) -> Option<Judgement> {
        let def = self.settings.get(&self.canonical(name.clone()))?;
        let spoken = matches!(def.kind, ValueKind::Text | ValueKind::List);
        spoken.then(|| def.form.judge(text))
    }

    /// The name of a setting as this version spells it, when `name` is an old one that it still takes.
    #[must_use]
    pub fn canonical(&self, name: SettingName) -> SettingName {
        self.aliases.get(&name).cloned().unwrap_or(name)
    }

    /// The constraint with the id `id`.
    #[must_use]
    pub fn constraint(&self, id: &str) -> Option<&Constraint> {
        self.constraints.iter().find(|c| c.id == id)
    }

    /// The parsed rule of the constraint with the id `id`; `None` when it has none.
    #[must_use]
    pub fn rule(&self, id: &str) -> Option<&Expr> {
        self.rules.get(id)
    }

    /// The class of the setting `name`, also when the pack does not know it.
    #[must_use]
    pub fn class_of(&self, name: &SettingName) -> SettingClass {
        match self.settings.get(name) {
            Some(def) => def.class,
            None => crate::class::class_of(self.engine, name, None),
        }
    }

    /// The metrics that the setting `name` can move, surest first.
    #[must_use]
    pub fn effects_of(&self, name: &SettingName) -> Vec<&Effect> {
        let mut found: Vec<_> = self.effects.iter().filter(|e| e.setting == *name).collect();
        found.sort_by(|a, b| b.confidence.get().total_cmp(&a.confidence.get()));
        found
    }

    /// Up to `most` names of settings that look like `name`, most alike first; none when nothing does.
    #[must_use]
    pub fn nearest(&self, name: &str, most: usize) -> Vec<&SettingName> {
        let name = name.trim().to_lowercase();
        let alike = |known: &SettingName| {
            let known = known.as_str();
            let inside = known.contains(&name) && name.len() >= 4;
            strsim::jaro_winkler(known, &name).max(if inside { 0.9 } else { 0.0 })
        };
        let mut found: Vec<_> = self.settings.keys().map(|k| (alike(k), k)).collect();
        found.retain(|(score, _)| *score >= 0.85);
        found.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        found.into_iter().take(most).map(|(_, k)| k).collect()
    }

    /// Whether a breach of the rule with the id `id` stops the work of clients, at once or as soon as they
    /// come back.
    #[must_use]
    pub fn stops_work(&self, id: &str) -> bool {
        self.telling.get(id).is_some_and(|t| t.outage)
    }

    /// What people would do about the rule with the id `id`, where that is not a change of one setting.
    pub(crate) fn remedy(&self, id: &str) -> Option<&String> {
        self.telling.get(id)?.remedy.as_ref()
    }

    /// Whether it is worth telling that the rule with the id `id` barely holds.
    pub(crate) fn near_matters(&self, id: &str) -> bool {
        self.telling.get(id).is_none_or(|t| t.near)
    }

    pub(crate) fn expansions(&self, name: &SettingName) -> &[Expansion] {
        self.expansions.get(name).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests;
