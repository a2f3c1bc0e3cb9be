//! Fix pairs: X changed, trouble, Y changed, recovered (dependencies.md, 9.2).
//!
//! The pair X–Y gets a likelihood ratio of 20 per independent incident: the same people who repeat the
//! same pair on the same day, be it on two thousand hosts, are one incident. A fix that only puts X
//! back is a revert and ties nothing to X. Where several settings could have been the cause or the cure, no
//! pair of them says more than a ratio of two.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use backstay_model::dependency::{Evidence, EvidenceKind};
use backstay_model::{ChangeSetId, SettingName, Span, TargetId, Timestamp, Value};
use serde::{Deserialize, Serialize};

use crate::belief::Source;

/// Natural logarithm of 20: one independent fix pair (dependencies.md, 4).
pub const FIX_LOG_LR: f64 = 2.995_732_273_553_991;
/// What a pair says that is one of several: a ratio of two (dependencies.md, 10).
const ONE_OF_SEVERAL: f64 = std::f64::consts::LN_2;
/// A cause is looked for this long before the trouble, a cure this long before the recovery.
pub const WINDOW: Span = Span::from_secs(86_400);
/// Pairs of one incident beyond which nothing is said.
const PAIRS_MAX: usize = 16;
/// Changes remembered per target, at most.
const CHANGES_MAX: usize = 256;
const DAY: Span = Span::from_secs(86_400);

/// One setting changed on one target.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Changed {
    /// When.
    pub at: Timestamp,
    /// The change set it belongs to.
    pub change_set: ChangeSetId,
    /// Who; `unknown` when nothing says.
    pub author: String,
    /// The setting.
    pub setting: SettingName,
    /// Its value before.
    pub old: Option<Value>,
    /// Its value since.
    pub new: Option<Value>,
}

/// X hurt until Y changed.
#[derive(Clone, PartialEq, Debug)]
pub struct FixPair {
    /// The setting whose change was followed by trouble: what depends.
    pub from: SettingName,
    /// The setting whose change ended it: on what it depends.
    pub to: SettingName,
    /// The evidence; its anchor names the incident by the change set that caused it.
    pub evidence: Evidence,
}

/// Trouble that is not over.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Trouble {
    since: Timestamp,
    blamed: Option<ChangeSetId>,
}

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
struct Site {
    changes: Vec<Changed>,
    trouble: Option<Trouble>,
}

/// Pair, both authors, and the day of the cause: what makes an incident one.
type Incident = (SettingName, SettingName, String, String, i64);

/// Finds fix pairs on a stream. The same stream gives the same pairs; what is told twice counts once.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Fixes {
    sites: BTreeMap<TargetId, Site>,
    known: BTreeSet<Incident>,
}

impl Fixes {
    /// Somebody changed a setting on `target`.
    pub fn changed(&mut self, target: &TargetId, change: Changed) {
        let site = self.sites.entry(target.clone()).or_default();
        // Before trouble only its window counts; in trouble the cause must stay.
        let since = site.trouble.as_ref().map_or(change.at, |t| t.since);
        site.changes.retain(|c| since.since(c.at) <= WINDOW);
        if !site.changes.contains(&change) {
            site.changes.push(change);
        }
        let surplus = site.changes.len().saturating_sub(CHANGES_MAX);
        site.changes.drain(..surplus);
    }

    /// `target` is in trouble; `blamed` is the change set that a verdict holds responsible. Trouble
    /// within trouble is the same one.
    pub fn troubled(&mut self, target: &TargetId, at: Timestamp, blamed: Option<ChangeSetId>) {
        let site = self.sites.entry(target.clone()).or_default();
        site.trouble.get_or_insert(Trouble { since: at, blamed });
    }

    /// A change set of `target` was undone: if it is what the trouble came from, nothing is learnt
    /// from the recovery.
    pub fn reverted(&mut self, target: &TargetId, change_set: ChangeSetId) {
        let Some(site) = self.sites.get_mut(target) else {
            return;
        };
        site.changes.retain(|c| c.change_set != change_set);
    }

    /// `target` is well again. Returns the pairs that this incident is the first to show.
    pub fn recovered(&mut self, target: &TargetId, at: Timestamp) -> Vec<FixPair> {
        let Some(site) = self.sites.get_mut(target) else {
            return Vec::new();
        };
        let Some(trouble) = site.trouble.take() else {
            return Vec::new();
        };
        let pairs = pairs(&site.changes, &trouble, at);
        site.changes.clear();
        let log_lr = match pairs.len() {
            0 => return Vec::new(),
            1 => FIX_LOG_LR,
            2..=PAIRS_MAX => ONE_OF_SEVERAL,
            _ => return Vec::new(),
        };
        let mut found = Vec::new();
        for (cause, cure) in pairs {
            if self.known.insert(incident(&cause, &cure)) {
                found.push(FixPair {
                    from: cause.setting,
                    to: cure.setting,
                    evidence: Evidence {
                        kind: EvidenceKind::History,
                        anchor: Source::Fix.anchor(&cause.change_set.to_string()),
                        log_lr,
                        observed_at: Some(at),
                    },
                });
            }
        }
        found
    }
}

/// Every cause with every cure; none when a cause was put back.
fn pairs(changes: &[Changed], trouble: &Trouble, at: Timestamp) -> Vec<(Changed, Changed)> {
    let causes: Vec<&Changed> = changes.iter().filter(|c| caused(c, trouble)).collect();
    let cures: Vec<&Changed> = changes
        .iter()
        .filter(|c| c.at > trouble.since && c.at <= at && at.since(c.at) <= WINDOW)
        .filter(|c| trouble.blamed != Some(c.change_set))
        .collect();
    let is_cause = |c: &Changed| causes.iter().any(|x| x.setting == c.setting);
    // A cause moved again, back or further, explains the recovery by itself.
    if cures.iter().any(|c| is_cause(c)) {
        return Vec::new();
    }
    let pairs = causes
        .iter()
        .flat_map(|x| cures.iter().map(move |y| (x, y)));
    let mut seen = BTreeSet::new();
    pairs
        .filter(|(x, y)| seen.insert((x.setting.clone(), y.setting.clone())))
        .map(|(x, y)| ((*x).clone(), (*y).clone()))
        .collect()
}

fn caused(change: &Changed, trouble: &Trouble) -> bool {
    match trouble.blamed {
        Some(blamed) => change.change_set == blamed,
        None => change.at <= trouble.since && trouble.since.since(change.at) <= WINDOW,
    }
}

fn incident(cause: &Changed, cure: &Changed) -> Incident {
    (
        cause.setting.clone(),
        cure.setting.clone(),
        cause.author.clone(),
        cure.author.clone(),
        cause.at.0.div_euclid(DAY.0),
    )
}
