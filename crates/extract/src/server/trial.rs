//! Trying settings and pairs of them.

use std::collections::BTreeSet;

use backstay_catalog::pack::Context;
use backstay_model::dependency::EvidenceKind;
use backstay_model::{EdgeKind, Severity};
use backstay_scratch::postgres::LogLine;

use super::verdict::Templates;
use super::{Assignment, Bench, ServerError, ends};
use crate::catalogue::Known;
use crate::finding::Finding;
use crate::text::rule::by_name;

/// Values tried per setting, at most.
const ENDS_MAX: usize = 4;
/// Pairs tried, at most: what is proposed beyond it is not tried.
const PAIRS_MAX: usize = 800;
/// Settings in one start of a server.
const TOGETHER: usize = 12;
/// Starts of servers, at most.
const STARTS_MAX: u32 = 240;
/// Likelihood ratio of an effective value that moves with another setting.
const MOVED: f64 = 5000.0;
/// Settings that one may move; more means that the server as a whole changed.
const MOVED_MAX: usize = 4;

/// Everything that trials find. `pairs` are those worth trying.
pub(crate) async fn findings(
    bench: &Bench,
    known: &[Known],
    pairs: &BTreeSet<(String, String)>,
) -> Result<Vec<Finding>, ServerError> {
    let templates = Templates::new(known);
    let mut trial = Trial {
        bench,
        templates,
        known,
        refused: BTreeSet::new(),
        findings: Vec::new(),
    };
    trial.computed_singles();
    trial.computed_pairs(pairs);
    trial.reloaded_singles().await;
    trial.started(pairs).await?;
    Ok(trial.findings)
}

struct Trial<'a> {
    bench: &'a Bench,
    templates: Templates<'a>,
    known: &'a [Known],
    /// Assignments that a start refuses whatever else is set.
    refused: BTreeSet<(String, String)>,
    findings: Vec<Finding>,
}

impl<'a> Trial<'a> {
    fn values(&self, setting: &Known) -> Vec<(String, String)> {
        let ends = ends(setting, self.bench).into_iter().take(ENDS_MAX);
        ends.map(|value| (setting.fact.name.clone(), value))
            .collect()
    }

    fn at_start(&self) -> Vec<&'a Known> {
        self.known
            .iter()
            .filter(|k| k.fact.context == Context::Postmaster && Bench::tries(k))
            .collect()
    }

    /// Settings that only a start can change, alone. A refusal that names another setting is repaired
    /// by that one's lowest value, and the search goes on from there: so refusals behind refusals show.
    fn computed_singles(&mut self) {
        let mut bases: Vec<Assignment> = Vec::new();
        for setting in self.at_start() {
            for assignment in self.values(setting) {
                let tried = vec![assignment.clone()];
                let Err(lines) = self.bench.compute(self.bench.computed(), &tried) else {
                    continue;
                };
                self.refused.insert(assignment);
                for finding in self.learn(&lines, &tried) {
                    let other = if finding.from == setting.fact.name {
                        &finding.to
                    } else {
                        &finding.from
                    };
                    let lowest = by_name(self.known)
                        .get(other.as_str())
                        .and_then(|k| k.fact.min);
                    if let Some(lowest) = lowest {
                        let mut base = tried.clone();
                        base.push((other.clone(), format!("{lowest}")));
                        bases.push(base);
                    }
                }
            }
        }
        bases.retain(|base| self.bench.compute(self.bench.computed(), base).is_ok());
        for base in bases.into_iter().take(4) {
            for setting in self.at_start() {
                for assignment in self.values(setting) {
                    let mut tried = base.clone();
                    tried.retain(|(name, _)| *name != assignment.0);
                    tried.push(assignment);
                    if let Err(lines) = self.bench.compute(self.bench.computed(), &tried) {
                        self.learn(&lines, &tried);
                    }
                }
            }
        }
    }

    /// Proposed pairs at their ends: by `postgres -C`, where the hooks of the settings themselves and
    /// the checks of a start speak.
    fn computed_pairs(&mut self, pairs: &BTreeSet<(String, String)>) {
        let all = by_name(self.known);
        for (a, b) in pairs.iter().take(PAIRS_MAX) {
            let (Some(a), Some(b)) = (all.get(a.as_str()), all.get(b.as_str())) else {
                continue;
            };
            if !Bench::tries(a) || !Bench::tries(b) {
                continue;
            }
            for first in self.unrefused(a) {
                for second in self.unrefused(b) {
                    let tried = vec![first.clone(), second];
                    if let Err(lines) = self.bench.compute(self.bench.computed(), &tried) {
                        self.learn(&lines, &tried);
                    }
                }
            }
        }
    }

    /// Values that are refused alone say nothing about a pair.
    fn unrefused(&mut self, setting: &Known) -> Assignment {
        let mut values = self.values(setting);
        values.retain(|assignment| {
            let alone = vec![assignment.clone()];
            let fails = self.refused.contains(assignment)
                || setting.fact.context != Context::Postmaster
                    && self.bench.compute(self.bench.computed(), &alone).is_err();
            if fails
                && self.refused.insert(assignment.clone())
                && let Err(lines) = self.bench.compute(self.bench.computed(), &alone)
            {
                self.findings
                    .extend(lines.iter().flat_map(|l| self.templates.read(l, &alone)));
            }
            !fails
        });
        values
    }

    /// Every setting that a reload can change, alone, in a live server.
    async fn reloaded_singles(&mut self) {
        let known = self.known;
        for setting in known
            .iter()
            .filter(|k| k.fact.context != Context::Postmaster && Bench::tries(k))
        {
            let mut moves: Vec<BTreeSet<String>> = Vec::new();
            for assignment in self.values(setting).into_iter().take(2) {
                let tried = vec![assignment];
                let outcome = self.bench.reload(&tried).await;
                self.learn(&outcome.lines, &tried);
                moves.push(outcome.moved.keys().cloned().collect());
            }
            self.moved(&setting.fact.name, &moves);
        }
    }

    /// Settings at their ends in real starts, many at once; halved while anything is said or moves.
    async fn started(&mut self, pairs: &BTreeSet<(String, String)>) -> Result<(), ServerError> {
        let modest = |a: &(String, String)| self.bench.modest(&vec![a.clone()]);
        let proposed = |name: &str| pairs.iter().any(|(a, b)| a == name || b == name);
        let wanted = |k: &&Known| {
            let early = matches!(k.fact.context, Context::Postmaster | Context::Sighup);
            let name = k.fact.name.as_str();
            Bench::tries(k)
                && !HARMFUL.contains(&name)
                && (early || k.fact.kind == "bool" && proposed(name))
        };
        let all: Assignment = (self.known.iter().filter(wanted))
            .flat_map(|k| {
                self.values(k)
                    .into_iter()
                    .filter(&modest)
                    .take(2)
                    .collect::<Vec<_>>()
            })
            .collect();
        // One setting of a group may hide what another would bring (a switch that is off): every
        // setting stands in two groups, once among its neighbours and once among strangers.
        let groups = all.len().div_ceil(TOGETHER).max(1);
        let strangers = (0..groups).map(|g| all.iter().skip(g).step_by(groups).cloned().collect());
        let mut open: Vec<Assignment> = all.chunks(TOGETHER).map(<[_]>::to_vec).collect();
        open.extend(strangers);
        let mut alone: BTreeSet<(String, String)> = BTreeSet::new();
        let mut starts = 0;
        while let Some(mut tried) = open.pop() {
            tried.retain(|assignment| !alone.contains(assignment));
            if tried.is_empty() || starts == STARTS_MAX {
                continue;
            }
            starts += 1;
            let outcome = self.bench.start(&tried).await?;
            if let [only] = tried.as_slice() {
                alone.insert(only.clone());
                self.learn(&outcome.lines, &tried);
                self.moved(&only.0, &[outcome.moved.into_keys().collect()]);
            } else if outcome.telling() {
                let (one, two) = tried.split_at(tried.len() / 2);
                open.push(two.to_vec());
                open.push(one.to_vec());
            }
        }
        Ok(())
    }

    /// Effective values that moved whenever `name` did.
    fn moved(&mut self, name: &str, moves: &[BTreeSet<String>]) {
        let Some((first, rest)) = moves.split_first() else {
            return;
        };
        let always: Vec<&String> = first
            .iter()
            .filter(|n| rest.iter().all(|m| m.contains(*n)))
            .collect();
        if always.len() > MOVED_MAX {
            return;
        }
        for moved in always {
            let all = by_name(self.known);
            // A switch that shows another's value gates it; numbers are computed, words replaced.
            let kind = match (all.get(name), all.get(moved.as_str())) {
                (_, Some(it)) if it.numeric() => EdgeKind::ScalesWith,
                (Some(by), Some(it)) if by.switch().is_some() && it.fact.kind != by.fact.kind => {
                    EdgeKind::Enables
                }
                _ => EdgeKind::Overrides,
            };
            self.findings.push(Finding {
                from: moved.clone(),
                to: name.to_owned(),
                kind: Some(kind),
                rule: None,
                severity: Some(Severity::Advice),
                source: EvidenceKind::Probe,
                anchor: "probe:effective".to_owned(),
                log_lr: MOVED.ln(),
                grip: 4,
            });
        }
    }

    fn learn(&mut self, lines: &[LogLine], tried: &Assignment) -> Vec<Finding> {
        let found: Vec<Finding> = lines
            .iter()
            .flat_map(|line| self.templates.read(line, tried))
            .collect();
        self.findings.extend(found.iter().cloned());
        found
    }
}

/// With these a start waits, or harms the machine, and says nothing about dependencies.
pub(super) const HARMFUL: [&str; 4] = [
    "pre_auth_delay",
    "post_auth_delay",
    "debug_discard_caches",
    "superuser_reserved_connections",
];
