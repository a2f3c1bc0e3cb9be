//! What the journal says beside the graph, as far as those ask who look at what was learnt: which
//! targets there are, who moved which setting last, and what people said of dependencies.

use std::collections::{BTreeMap, VecDeque};

use backstay_journal::record::Watched;
use backstay_journal::{Judgement, Record};
use backstay_model::snapshot::Server;
use backstay_model::{ChangeSet, ChangeSetId, SettingName, TargetId, Timestamp};
use serde::{Deserialize, Serialize};

/// Change sets that are remembered per setting: the newest.
const MOVED_MAX: usize = 32;
/// Settings of which change sets are remembered; later ones are not.
const SETTINGS_MAX: usize = 16_384;

/// Everything recorded, by who it is about.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Register {
    targets: BTreeMap<TargetId, Site>,
    moved: BTreeMap<SettingName, VecDeque<ChangeSetId>>,
    said: Vec<Said>,
}

/// A target of which something is recorded.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Site {
    /// How it was watched last; `None` when no guard said so.
    pub watched: Option<Watched>,
    /// Its server, as it was read last; `None` when it was not.
    pub server: Option<Server>,
}

/// What a person said of a dependency.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// What.
    pub judgement: Judgement,
}

impl Register {
    /// Every target of which something is recorded.
    #[must_use]
    pub const fn targets(&self) -> &BTreeMap<TargetId, Site> {
        &self.targets
    }

    /// The change sets that moved a setting, the newest first; only the newest are remembered.
    pub fn moved(&self, setting: &SettingName) -> impl Iterator<Item = ChangeSetId> {
        let sets = self.moved.get(setting).into_iter().flatten();
        sets.rev().copied()
    }

    /// What people said of dependencies, oldest first.
    #[must_use]
    pub fn said(&self) -> &[Said] {
        &self.said
    }

    /// Enters a record, made at `at`.
    pub(crate) fn enter(&mut self, at: Timestamp, record: &Record) {
        if let Some(target) = record.target() {
            self.site(target);
        }
        match record {
            Record::Started { targets, .. } => {
                for watched in targets {
                    self.site(&watched.target).watched = Some(watched.clone());
                }
            }
            Record::Baseline { target, server, .. } => {
                self.site(target).server = Some(server.clone());
            }
            Record::Seen { change_set, .. } => self.seen(change_set),
            Record::Judgement { by, judgement } => self.said.push(Said {
                at,
                by: by.clone(),
                judgement: judgement.clone(),
            }),
            _ => {}
        }
    }

    fn site(&mut self, target: &TargetId) -> &mut Site {
        self.targets.entry(target.clone()).or_default()
    }

    fn seen(&mut self, set: &ChangeSet) {
        for change in &set.changes {
            let name = &change.key.name;
            if self.moved.len() >= SETTINGS_MAX && !self.moved.contains_key(name) {
                continue;
            }
            let sets = self.moved.entry(name.clone()).or_default();
            if sets.back() == Some(&set.id) {
                continue;
            }
            if sets.len() == MOVED_MAX {
                sets.pop_front();
            }
            sets.push_back(set.id);
        }
    }
}
