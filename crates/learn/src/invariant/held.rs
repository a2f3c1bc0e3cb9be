//! A relation that was accepted, and how it fares.

use std::collections::{BTreeMap, BTreeSet};

use backstay_model::name::EngineKind;
use backstay_model::{Severity, Span, TargetId, Timestamp};
use serde::{Deserialize, Serialize};

use super::fleet::Fleet;
use super::search::{Relation, State};
use super::{CASES_MIN, Invariant};

/// Likelihood ratio at twenty cases (dependencies.md, 4), growing with them.
const RATIO_FIRST: f64 = 50.0;
/// With the prior it stays below even odds: what merely held so far is no edge by itself.
pub const RATIO_MAX: f64 = 200.0;
/// A violation counts when the target was well for this long with it.
const WELL: Span = Span::from_secs(86_400);
/// Violators that are remembered.
const VIOLATORS_MAX: usize = 64;

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Held {
    cases: usize,
    last: Timestamp,
    /// Targets that violate it and are well so far, and since when.
    suspects: BTreeMap<TargetId, Timestamp>,
    /// Targets that violated it and stayed well.
    violators: BTreeSet<TargetId>,
    said: Option<(u64, usize)>,
}

impl Held {
    /// It was found (again) to hold in this many cases.
    pub(super) fn found(&mut self, cases: usize, at: Timestamp) {
        self.cases = cases;
        self.last = self.last.max(at);
    }

    /// What a target's snapshot says of it; whether a violation was added.
    pub(super) fn seen(&mut self, target: &TargetId, at: Timestamp, state: State) -> bool {
        if state != State::Broken {
            self.suspects.remove(target);
            return false;
        }
        let full = self.violators.len().max(self.suspects.len()) == VIOLATORS_MAX;
        if self.violators.contains(target) || full && !self.suspects.contains_key(target) {
            return false;
        }
        let since = *self.suspects.entry(target.clone()).or_insert(at);
        if at.since(since) < WELL {
            return false;
        }
        self.suspects.remove(target);
        self.violators.insert(target.clone())
    }

    /// A target came into trouble: what it violated does not speak against the relation.
    pub(super) fn excuse(&mut self, target: &TargetId) {
        self.suspects.remove(target);
    }

    /// Forgets violators that no longer are.
    pub(super) fn check(&mut self, relation: &Relation, fleet: &Fleet) {
        self.violators.retain(|target| {
            let row = fleet.row(target);
            row.is_some_and(|r| relation.state(r) == State::Broken)
        });
    }

    /// Share of the weight that violations leave, 0..=1: the Beta mean of "it holds", from even odds
    /// up, against that without violations.
    fn standing(&self) -> f64 {
        let (n, v) = (self.cases as f64, self.violators.len() as f64);
        let mean = (n + 1.0) / (n + v + 2.0);
        let unbroken = (n + 1.0) / (n + 2.0);
        ((mean - 0.5) / (unbroken - 0.5)).clamp(0.0, 1.0)
    }

    fn log_lr(&self) -> f64 {
        let ratio = RATIO_FIRST * self.cases as f64 / CASES_MIN as f64;
        ratio.clamp(1.0, RATIO_MAX).ln() * self.standing()
    }

    pub(super) fn worth_keeping(&self) -> bool {
        self.standing() > 0.0
    }

    /// What is to be said, if it is not what was said last.
    pub(super) fn say(
        &mut self,
        engine: EngineKind,
        relation: &Relation,
        fleet: &Fleet,
    ) -> Option<Invariant> {
        let log_lr = self.log_lr();
        let now = (log_lr.to_bits(), self.violators.len());
        if self.said.replace(now) == Some(now) {
            return None;
        }
        Some(Invariant {
            engine,
            from: fleet.name(relation.x).clone(),
            to: fleet.name(relation.y).clone(),
            kind: relation.kind(),
            symmetric: relation.symmetric(),
            rule: relation.rule(fleet),
            severity: if self.violators.is_empty() {
                Severity::Warn
            } else {
                Severity::Advice
            },
            log_lr,
            cases: self.cases,
            violations: self.violators.len(),
            last: self.last,
        })
    }
}
