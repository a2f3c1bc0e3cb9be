//! Passive derivation: one change, another effective value moved (dependencies.md, 5).
//!
//! When exactly one setting Y was changed on a target, nothing else, and the effective value of X moved
//! in the same short interval though nobody wrote it, then the server derives X from Y: directed
//! evidence `X -> Y`, as good as a probe. It is accepted from two targets, or from one where a probe
//! knows the pair. Changes that wait for a restart come into force together, and then nothing can be
//! told; values that move by themselves are not believed.

mod case;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use backstay_model::change::Pending;
use backstay_model::name::EngineKind;
use backstay_model::{EdgeKind, Scope, SettingKey, SettingName, Span, TargetId, Timestamp, Value};
use serde::{Deserialize, Serialize};

pub use self::case::DERIVED_LOG_LR;
use self::case::{Case, TARGETS_ALONE, TARGETS_PROBED};

/// A value that moves this long before or after a change may come from it; and only one change may
/// stand in that interval.
pub const INTERVAL: Span = Span::from_secs(120);
/// Changes and moves kept per target; more in one interval cannot be told apart anyway.
const KEPT_MAX: usize = 32;
/// Changes that wait for a restart, remembered per target: two are as bad as a hundred.
const WAITING_MAX: usize = 32;
/// Pairs that are followed; later ones are not.
pub const PAIRS_MAX: usize = 8_192;
/// Targets that are followed; later ones are not.
pub const TARGETS_MAX: usize = 16_384;

/// A setting that the server derives from another.
#[derive(Clone, PartialEq, Debug)]
pub struct Derived {
    /// Engine and major version.
    pub version: (EngineKind, u32),
    /// What moved: it depends.
    pub from: SettingName,
    /// What was changed.
    pub to: SettingName,
    /// How, when the values tell: `overrides` when X takes Y's value each time, `scales_with` when the
    /// numbers go one way together.
    pub kind: Option<EdgeKind>,
    /// Natural logarithm of the likelihood ratio; 0 takes back what was said before.
    pub log_lr: f64,
    /// Targets on which it was seen.
    pub targets: usize,
    /// When it was seen last.
    pub last: Timestamp,
}

/// A value going from one to another.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Turn {
    at: Timestamp,
    setting: SettingName,
    old: Option<Value>,
    new: Option<Value>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Site {
    version: (EngineKind, u32),
    changes: VecDeque<Turn>,
    moves: VecDeque<Turn>,
    waiting: BTreeMap<SettingName, Turn>,
}

/// Engine, major version, what was changed, what moved.
type Pair = (EngineKind, u32, SettingName, SettingName);

/// What is to be looked at when its interval is over.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
enum Due {
    Change,
    Move,
}

/// Follows which values move with which changes.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Derivations {
    probed: BTreeSet<(SettingName, SettingName)>,
    sites: BTreeMap<TargetId, Site>,
    due: BTreeSet<(Timestamp, TargetId, SettingName, Due)>,
    pairs: BTreeMap<Pair, Case>,
    /// How often a value moved although nothing was changed.
    restless: BTreeMap<(EngineKind, SettingName), u32>,
}

impl Derivations {
    /// Nothing seen yet; `probed` holds pairs `(from, to)` that a probe knows.
    #[must_use]
    pub fn new(probed: BTreeSet<(SettingName, SettingName)>) -> Self {
        Self {
            probed,
            ..Self::default()
        }
    }

    /// `target` runs this version. What waits for its interval is dropped when that is news.
    pub fn server(&mut self, target: &TargetId, version: (EngineKind, u32)) {
        let known = self.sites.get(target);
        let news = known.is_none_or(|s| s.version != version);
        if news && (known.is_some() || self.sites.len() < TARGETS_MAX) {
            let site = Site {
                version,
                changes: VecDeque::new(),
                moves: VecDeque::new(),
                waiting: BTreeMap::new(),
            };
            self.sites.insert(target.clone(), site);
        }
    }

    /// Somebody, or Backstay, changed a setting of `target`.
    pub fn changed(
        &mut self,
        (target, at): (&TargetId, Timestamp),
        key: &SettingKey,
        (old, new): (Option<&Value>, Option<&Value>),
        pending: Pending,
    ) {
        let (Some(site), Scope::Instance) = (self.sites.get_mut(target), &key.scope) else {
            return;
        };
        let turn = Turn {
            at,
            setting: key.name.clone(),
            old: old.cloned(),
            new: new.cloned(),
        };
        if pending == Pending::Restart {
            if site.waiting.len() < WAITING_MAX {
                site.waiting.insert(key.name.clone(), turn);
            }
            return;
        }
        site.waiting.remove(&key.name);
        keep(&mut site.changes, turn);
        let due = (at, target.clone(), key.name.clone(), Due::Change);
        self.due.insert(due);
    }

    /// `target` was restarted: everything that waited is changed at this moment.
    pub fn restarted(&mut self, target: &TargetId, at: Timestamp) {
        let Some(site) = self.sites.get_mut(target) else {
            return;
        };
        for (name, turn) in std::mem::take(&mut site.waiting) {
            keep(&mut site.changes, Turn { at, ..turn });
            self.due.insert((at, target.clone(), name, Due::Change));
        }
    }

    /// An effective value of `target` moved that nobody wrote.
    pub fn moved(
        &mut self,
        (target, at): (&TargetId, Timestamp),
        key: &SettingKey,
        (old, new): (Option<&Value>, Option<&Value>),
    ) {
        let (Some(site), Scope::Instance) = (self.sites.get_mut(target), &key.scope) else {
            return;
        };
        let turn = Turn {
            at,
            setting: key.name.clone(),
            old: old.cloned(),
            new: new.cloned(),
        };
        keep(&mut site.moves, turn);
        let due = (at, target.clone(), key.name.clone(), Due::Move);
        self.due.insert(due);
    }

    /// Lets time pass until `now`; what is believed differently since.
    pub fn advance(&mut self, now: Timestamp) -> Vec<Derived> {
        let mut derived = Vec::new();
        while let Some((at, ..)) = self.due.first() {
            // Twice, because a move may be late by one interval and its other cause by one more.
            if now.since(*at).0 <= 2 * INTERVAL.0 {
                break;
            }
            let Some((at, target, setting, what)) = self.due.pop_first() else {
                break;
            };
            match what {
                Due::Change => derived.extend(self.settle_change(&target, at, &setting)),
                Due::Move => self.settle_move(&target, at, &setting),
            }
        }
        derived
    }

    /// A value that moved when nothing was changed moves by itself.
    fn settle_move(&mut self, target: &TargetId, at: Timestamp, setting: &SettingName) {
        let Some(site) = self.sites.get(target) else {
            return;
        };
        if near(&site.changes, at).next().is_none() {
            let key = (site.version.0, setting.clone());
            if self.restless.len() < PAIRS_MAX || self.restless.contains_key(&key) {
                let count = self.restless.entry(key).or_default();
                *count = count.saturating_add(1);
            }
        }
    }

    /// A change whose interval is over: what moved with it, and what did not.
    fn settle_change(
        &mut self,
        target: &TargetId,
        at: Timestamp,
        setting: &SettingName,
    ) -> Vec<Derived> {
        let Some(site) = self.sites.get(target) else {
            return Vec::new();
        };
        let changes: Vec<&Turn> = near(&site.changes, at).collect();
        let [change] = changes.as_slice() else {
            return Vec::new();
        };
        // What waits may have come into force by a restart that nobody told of.
        if change.setting != *setting || !site.waiting.is_empty() {
            return Vec::new();
        }
        let (engine, major) = site.version;
        let moves: BTreeMap<SettingName, Turn> = near(&site.moves, at)
            .filter(|m| m.setting != *setting)
            .map(|m| (m.setting.clone(), m.clone()))
            .collect();
        let change = (*change).clone();
        let first = (engine, major, setting.clone(), SettingName::from_static(""));
        let of_it =
            |(pair, _): &(&Pair, &Case)| (pair.0, pair.1, &pair.2) == (engine, major, setting);
        let still: Vec<Pair> = self
            .pairs
            .range(first..)
            .take_while(of_it)
            .filter(|(pair, _)| !moves.contains_key(&pair.3))
            .map(|(pair, _)| pair.clone())
            .collect();
        let mut touched = Vec::new();
        for pair in still {
            if let Some(case) = self.pairs.get_mut(&pair) {
                case.stood_still();
                touched.push(pair);
            }
        }
        for (name, turn) in moves {
            let pair = (engine, major, setting.clone(), name);
            if self.pairs.len() >= PAIRS_MAX && !self.pairs.contains_key(&pair) {
                continue;
            }
            let case = self.pairs.entry(pair.clone()).or_default();
            let (y, x) = ((&change.old, &change.new), (&turn.old, &turn.new));
            case.moved(target, turn.at, y, x);
            touched.push(pair);
        }
        touched.iter().filter_map(|p| self.say(p)).collect()
    }

    /// What is to be said of a pair, if it is not what was said last.
    fn say(&mut self, pair: &Pair) -> Option<Derived> {
        let (engine, major, to, from) = pair;
        let restless = self.restless.get(&(*engine, from.clone()));
        let targets_min = if self.probed.contains(&(from.clone(), to.clone())) {
            TARGETS_PROBED
        } else {
            TARGETS_ALONE
        };
        let case = self.pairs.get_mut(pair)?;
        let log_lr = case.log_lr(restless.copied().unwrap_or(0), targets_min);
        let said = case.said.replace(log_lr);
        if said.unwrap_or(0.0).to_bits() == log_lr.to_bits() {
            return None;
        }
        Some(Derived {
            version: (*engine, *major),
            from: from.clone(),
            to: to.clone(),
            kind: case.kind(),
            log_lr,
            targets: case.targets(),
            last: case.last(),
        })
    }
}

fn keep(turns: &mut VecDeque<Turn>, turn: Turn) {
    if turns.len() == KEPT_MAX {
        turns.pop_front();
    }
    turns.push_back(turn);
}

/// What happened within the interval around `at`.
fn near(turns: &VecDeque<Turn>, at: Timestamp) -> impl Iterator<Item = &Turn> {
    let close = move |t: &&Turn| t.at.since(at).0.saturating_abs() <= INTERVAL.0;
    turns.iter().filter(close)
}
