//! The last changes of every target: what moved in the window of a watch.

use std::collections::{BTreeMap, VecDeque};

use backstay_model::name::EngineKind;
use backstay_model::{ChangeSetId, SettingName, TargetId, Timestamp, Value};
use serde::{Deserialize, Serialize};

use crate::mining::dose;

/// Changes kept per target; a window in which more happened is not measured.
const CHANGES_MAX: usize = 32;
/// Targets that are followed; effects on later ones are not learnt.
pub(super) const TARGETS_MAX: usize = 16_384;

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Moved {
    at: Timestamp,
    change_set: ChangeSetId,
    setting: SettingName,
    /// How far, when that has a measure.
    dose: Option<f64>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Site {
    version: (EngineKind, u32),
    moved: VecDeque<Moved>,
    /// The latest change that was dropped.
    dropped: Option<Timestamp>,
}

/// Targets, their versions and their last changes.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Recent {
    sites: BTreeMap<TargetId, Site>,
}

impl Recent {
    pub(super) fn server(&mut self, target: &TargetId, version: (EngineKind, u32)) {
        if let Some(site) = self.sites.get_mut(target) {
            site.version = version;
        } else if self.sites.len() < TARGETS_MAX {
            let site = Site {
                version,
                moved: VecDeque::new(),
                dropped: None,
            };
            self.sites.insert(target.clone(), site);
        }
    }

    pub(super) fn version(&self, target: &TargetId) -> Option<(EngineKind, u32)> {
        self.sites.get(target).map(|s| s.version)
    }

    pub(super) fn changed(
        &mut self,
        (target, at): (&TargetId, Timestamp),
        change_set: ChangeSetId,
        setting: &SettingName,
        (old, new): (Option<&Value>, Option<&Value>),
    ) {
        let Some(site) = self.sites.get_mut(target) else {
            return;
        };
        if site.moved.len() == CHANGES_MAX {
            site.dropped = site.dropped.max(site.moved.pop_front().map(|m| m.at));
        }
        site.moved.push_back(Moved {
            at,
            change_set,
            setting: setting.clone(),
            dose: dose(old, new),
        });
    }

    /// When a change set took effect, and how far every setting moved from then until `until`, by any
    /// change set. `None` when it is not known any more, or moved one setting that has no measure.
    pub(super) fn window(
        &self,
        target: &TargetId,
        change_set: ChangeSetId,
        until: Timestamp,
    ) -> Option<(Timestamp, Vec<(SettingName, f64)>)> {
        let site = self.sites.get(target)?;
        let own = site.moved.iter().filter(|m| m.change_set == change_set);
        let began = own.map(|m| m.at).min()?;
        if site.dropped.is_some_and(|d| d >= began) {
            return None;
        }
        let inside: Vec<&Moved> = site
            .moved
            .iter()
            .filter(|m| m.at >= began && m.at <= until)
            .collect();
        let first = inside.first()?;
        let alone = inside.iter().all(|m| m.setting == first.setting);
        if alone && inside.iter().any(|m| m.dose.is_none()) {
            return None;
        }
        let moves = inside
            .iter()
            .map(|m| (m.setting.clone(), m.dose.unwrap_or(1.0)));
        Some((began, moves.collect()))
    }
}
