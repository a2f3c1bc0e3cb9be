//! The files of a pack, as they are written.

use backstay_model::dependency::Evidence;
use backstay_model::name::EngineKind;
use backstay_model::{Confidence, Constraint, EdgeKind, Reach, Severity, Versions};
use serde::{Deserialize, Serialize};

use crate::pack::{Context, ResourceClass, Sentinel};

/// Version of the format of all four files.
pub const FORMAT: u32 = 1;

/// `settings.json`: facts that a server tells about its own settings. Generated.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsFile {
    /// [`FORMAT`].
    pub format: u32,
    /// The engine.
    pub engine: EngineKind,
    /// Its major version.
    pub major: u32,
    /// The exact version the facts were read from: `15.20`.
    pub server_version: String,
    /// The settings, in the order of their names.
    pub settings: Vec<SettingFact>,
}

/// One setting, as its server describes it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingFact {
    /// Its name, lower case.
    pub name: String,
    /// `bool`, `integer`, `real`, `enum`, `text` or `list`.
    pub kind: String,
    /// Base unit as the server names it: `8kB`, `ms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Smallest value, in base units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Largest value, in base units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// The words of an enum.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// Built-in value, in base units; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// When and by whom it can be set.
    pub context: Context,
    /// The server's own grouping.
    pub category: String,
}

/// `constraints.json`: what the extractor found and a scratch server confirmed. Generated.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConstraintsFile {
    /// [`FORMAT`].
    pub format: u32,
    /// The engine.
    pub engine: EngineKind,
    /// Its major version.
    pub major: u32,
    /// What made this file, and from what: for a person.
    pub built_from: String,
    /// The constraints, in the order of their ids.
    pub constraints: Vec<Constraint>,
}

/// `overrides.toml` of an engine: what people know and reviewed, for all its versions. Stronger than the
/// generated files: what these say about a pair that people reviewed is evidence for the reviewed rule.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OverridesFile {
    /// [`FORMAT`].
    pub format: u32,
    /// Reviewed rules.
    #[serde(default)]
    pub constraint: Vec<ReviewedRule>,
    /// What people know about single settings.
    #[serde(default)]
    pub setting: Vec<ReviewedSetting>,
    /// Generated constraints that are wrong.
    #[serde(default)]
    pub retired: Vec<Retired>,
    /// Old names that the engine still takes.
    #[serde(default)]
    pub alias: Vec<Alias>,
}

/// An old name that the engine still takes for a setting.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alias {
    /// The old name.
    pub name: String,
    /// The setting's name now.
    pub of: String,
    /// First major version in which the old name means the new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u32>,
}

/// A reviewed rule.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewedRule {
    /// Stable identity: `pg.wal_level.archive`.
    pub id: String,
    /// Kind of the edges it projects to.
    pub kind: EdgeKind,
    /// The setting whose value the rule is about.
    pub subject: String,
    /// Other participants: names of settings, or `host.memory` for resources of the host.
    pub others: Vec<String>,
    /// What the rule speaks of besides, without the subject depending on it: conditions under which a
    /// violation matters. No edge leads there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<String>,
    /// The rule; absent when only the dependency is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What happens when it is violated.
    pub severity: Severity,
    /// One sentence of ours for a person.
    pub note: String,
    /// What to do where no change of one setting is what people would do; absent: what is computed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Whether it is worth telling that the rule barely holds: not where values stand close on purpose.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub near: bool,
    /// Whether a breach stops the work of clients, at once or as soon as they come back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub outage: bool,
    /// How sure we are; absent: 0.97.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Confidence>,
    /// Evidence besides the review: server verdicts, probes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// Between which instances it holds.
    #[serde(default, skip_serializing_if = "Reach::is_same_node")]
    pub reach: Reach,
    /// First major version in which it holds; absent: as far back as is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u32>,
    /// First major version in which it no longer holds; absent: it still does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<u32>,
}

const fn yes() -> bool {
    true
}

/// What people know about a setting.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewedSetting {
    /// Its name.
    pub name: String,
    /// One sentence of ours.
    #[serde(default)]
    pub summary: String,
    /// Values with a meaning of their own.
    #[serde(default)]
    pub sentinels: Vec<Sentinel>,
    /// What it is about, where the category does not say it.
    #[serde(default)]
    pub resource: Option<ResourceClass>,
    /// First major version that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u32>,
    /// First major version that it is no longer about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<u32>,
}

/// A generated constraint that is wrong, or every generated one about a pair.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retired {
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Two settings that have nothing to do with each other, whatever a build finds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pair: Option<[String; 2]>,
    /// Why it is wrong.
    pub why: String,
}

/// `effects.toml`: which settings move which metrics.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EffectsFile {
    /// [`FORMAT`].
    pub format: u32,
    /// The effects: every setting of an entry moves every metric of it.
    #[serde(default)]
    pub effect: Vec<ReviewedEffect>,
}

/// A family of effects with one mechanism.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewedEffect {
    /// The settings; `pg_hba` stands for the authentication rules.
    #[serde(default)]
    pub settings: Vec<String>,
    /// Every setting of these groups of the server as well (`Query Tuning` includes all below it).
    #[serde(default)]
    pub categories: Vec<String>,
    /// The metrics.
    pub metrics: Vec<String>,
    /// How sure we are.
    pub confidence: Confidence,
    /// By what mechanism, in our words.
    pub mechanism: String,
    /// First major version in which it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u32>,
    /// First major version in which it no longer holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<u32>,
}

impl ReviewedRule {
    /// The versions in which it holds.
    #[must_use]
    pub fn versions(&self) -> Versions {
        Versions {
            since: self.since,
            until: self.until,
        }
    }
}

impl ReviewedSetting {
    /// The versions that it is about.
    #[must_use]
    pub fn versions(&self) -> Versions {
        Versions {
            since: self.since,
            until: self.until,
        }
    }
}

impl ReviewedEffect {
    /// The versions in which it holds.
    #[must_use]
    pub fn versions(&self) -> Versions {
        Versions {
            since: self.since,
            until: self.until,
        }
    }
}
