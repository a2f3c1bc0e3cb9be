//! One line through time: at most one version visible at any moment.

use std::collections::BTreeMap;

use backstay_model::{Edge, Timestamp};
use serde::{Deserialize, Serialize};

use crate::setting::SettingVersion;

/// The versions of one edge by their beginning.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct EdgeLine(BTreeMap<Timestamp, Edge>);

impl EdgeLine {
    /// Puts a version in its place; see `Op::OpenEdge`.
    pub(crate) fn open(&mut self, mut edge: Edge) {
        let from = edge.valid_from;
        let next = self
            .0
            .range(from..)
            .find(|(begin, _)| **begin > from)
            .map(|(begin, _)| *begin);
        edge.valid_to = edge.valid_to.min(next.unwrap_or(Timestamp::OPEN_END));
        if edge.valid_to <= from {
            return;
        }
        if let Some((_, before)) = self.0.range_mut(..from).next_back() {
            before.valid_to = before.valid_to.min(from);
        }
        self.0.insert(from, edge);
    }

    /// Ends the version visible at `at`; see `Op::CloseEdge`.
    pub(crate) fn close(&mut self, at: Timestamp) {
        let Some((begin, edge)) = self.0.range_mut(..=at).next_back() else {
            return;
        };
        if *begin == at {
            self.0.remove(&at);
        } else {
            edge.valid_to = edge.valid_to.min(at);
        }
    }

    /// The version visible at `at`.
    pub(crate) fn at(&self, at: Timestamp) -> Option<&Edge> {
        let (_, edge) = self.0.range(..=at).next_back()?;
        (edge.valid_to > at).then_some(edge)
    }

    /// Every version, oldest first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Edge> {
        self.0.values()
    }
}

/// The entries of one setting by the moment they were made. An entry ends where the next begins.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct SettingLine(BTreeMap<Timestamp, SettingVersion>);

impl SettingLine {
    /// Puts an entry in its place; see `Op::SetValue`.
    pub(crate) fn set(&mut self, version: SettingVersion) {
        self.0.insert(version.changed_at, version);
    }

    /// The entry that holds at `at`.
    pub(crate) fn at(&self, at: Timestamp) -> Option<SettingVersion> {
        let (begin, version) = self.0.range(..=at).next_back()?;
        let next = self.0.range(*begin..).nth(1).map(|(begin, _)| *begin);
        let valid_to = next.unwrap_or(Timestamp::OPEN_END);
        (valid_to > at).then(|| SettingVersion {
            valid_to,
            ..version.clone()
        })
    }

    /// Every entry, oldest first.
    pub(crate) fn all(&self) -> Vec<SettingVersion> {
        self.0.keys().filter_map(|begin| self.at(*begin)).collect()
    }
}
