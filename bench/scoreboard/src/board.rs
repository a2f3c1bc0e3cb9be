//! Judging many cases, and counting.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::case::{Case, Family, Kind, Part, Truth};
use crate::measure::{self, share};
use crate::rule::{Alarm, Answer, Promise, Rule};
use crate::{database, kpi, real, recorded, sealed};

/// The level at which `backstay detect` works by default.
pub const ALPHA: f64 = 0.05;
/// Levels at which unchanged windows are counted.
pub const NOMINAL: [f64; 4] = [0.01, 0.02, 0.05, 0.10];

/// How many cases there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Cases of each kind.
    pub per_kind: u64,
    /// Windows without a change, of which false alarms are counted.
    pub unchanged: u64,
    /// Cases of each kind in which only the load moves.
    pub load: u64,
}

/// A case to be made: making is cheap, keeping thousands is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recipe {
    /// Which family.
    pub family: Family,
    /// Which kind.
    pub kind: Kind,
    /// For whom.
    pub part: Part,
    /// Which of them.
    pub number: u64,
}

impl Recipe {
    /// Makes the case; `None` when it needs recorded data that are not at hand.
    #[must_use]
    pub fn make(&self) -> Option<Case> {
        match (self.part, self.family) {
            (Part::HeldBack, family) => sealed::case(family, self.kind, self.number),
            (_, Family::Kpi) => Some(kpi::case(self.kind, self.part, self.number)),
            (_, Family::Plant) => Some(database::case(self.kind, self.part, self.number)),
            (_, Family::Real) => real::case(recorded::real(), self.kind, self.part, self.number),
        }
    }

    /// The recipe of a case of an open part by its name; `None` when there is no such kind. Cases that
    /// are held back are not found by name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let (part, name) = match name.strip_prefix("opened/") {
            Some(rest) => (Part::Opened, rest),
            None => (Part::Open, name),
        };
        let mut words = name.split('/');
        let family = match words.next()? {
            "kpi" => Family::Kpi,
            "plant" => Family::Plant,
            "real" => Family::Real,
            _ => return None,
        };
        let word = words.next()?;
        let kind = kinds(family, part).into_iter().find(|k| k.name == word)?;
        let number = words.next()?.parse().ok()?;
        Some(Self {
            family,
            kind,
            part,
            number,
        })
    }
}

/// The kinds of a family that a part has.
#[must_use]
pub fn kinds(family: Family, part: Part) -> Vec<Kind> {
    let all: &[Kind] = match (part, family) {
        (Part::HeldBack, family) => sealed::kinds(family),
        (_, Family::Kpi) => &kpi::KINDS,
        (_, Family::Plant) => &database::KINDS,
        (_, Family::Real) => &real::KINDS,
    };
    all.iter().filter(|k| k.part <= part).copied().collect()
}

/// Cases of a family and part: `per_kind` of each kind, and more of `quiet` for the false alarms and
/// of mere load shifts.
#[must_use]
pub fn recipes(family: Family, part: Part, size: Size) -> Vec<Recipe> {
    let of = |kind: &Kind| {
        let more = match (kind.name, kind.truth) {
            ("quiet", _) => size.unchanged,
            (_, Truth::LoadShift) => size.load,
            _ => 0,
        };
        let recipe = |number| Recipe {
            family,
            kind: *kind,
            part,
            number,
        };
        (0..size.per_kind.max(more)).map(recipe).collect::<Vec<_>>()
    };
    kinds(family, part).iter().flat_map(of).collect()
}

/// A case, judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
    /// Its family of noise.
    pub noise: &'static str,
    /// What the rule said at [`ALPHA`].
    pub answer: Answer,
    /// On quiet windows, by a rule that promises a level: whether it alarmed at each of [`NOMINAL`].
    pub false_alarms: Option<[bool; 4]>,
}

/// Judges cases by rules on `threads` threads: for each rule its answers, in the order of the recipes.
/// Cases of which the data are not at hand are left out.
#[must_use]
pub fn judge(rules: &[&dyn Rule], recipes: &[Recipe], threads: usize) -> Vec<Vec<Judged>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((i, recipe)) = {
            let i = next.fetch_add(1, Ordering::Relaxed);
            recipes.get(i).map(|r| (i, r))
        } {
            let Some(case) = recipe.make() else { continue };
            let judged: Vec<Judged> = rules.iter().map(|rule| one(*rule, &case)).collect();
            done.push((i, judged));
        }
        done
    };
    let mut all: BTreeMap<usize, Vec<Judged>> = BTreeMap::new();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            all.extend(worker.join().expect("judging does not panic"));
        }
    });
    let mut by_rule: Vec<Vec<Judged>> = vec![Vec::new(); rules.len()];
    for judged in all.into_values() {
        by_rule
            .iter_mut()
            .zip(judged)
            .for_each(|(of, j)| of.push(j));
    }
    by_rule
}

fn one(rule: &dyn Rule, case: &Case) -> Judged {
    let quiet = case.kind.name == "quiet" && rule.promise() == Promise::Level;
    Judged {
        name: case.name.clone(),
        kind: case.kind,
        noise: case.noise,
        answer: rule.judge(case, ALPHA),
        false_alarms: quiet.then(|| NOMINAL.map(|a| rule.judge(case, a).alarm.raised())),
    }
}

/// What a rule reaches on a family.
#[derive(Debug, Clone, PartialEq)]
pub struct Tally {
    /// Harmful cases, harmless ones (load shifts among them).
    pub cases: (usize, usize),
    /// Area under the ROC curve.
    pub auc: Option<f64>,
    /// F1 at the best threshold on the score.
    pub best_f1: Option<f64>,
    /// F1 of the alarms at [`ALPHA`].
    pub f1: f64,
    /// Share of harmful cases that alarm at [`ALPHA`].
    pub recall: f64,
    /// Share of harmless cases that do.
    pub false_share: f64,
    /// Share of harmful cases above the threshold that 1 % and 5 % of the harmless ones pass.
    pub tpr: [Option<f64>; 2],
    /// Rows from onset to alarm: quartiles over the harmful cases that alarmed.
    pub delay: Option<[f64; 3]>,
    /// Mean processor time of a verdict, in milliseconds.
    pub cpu_ms: f64,
}

/// Counts cases of one family. Quiet windows beyond the first `per_kind` are left to [`far`].
#[must_use]
pub fn tally(judged: &[Judged], per_kind: u64) -> Tally {
    let balanced = balanced(judged, per_kind);
    let of = |harm: bool| {
        balanced
            .iter()
            .filter(move |j| (j.kind.truth == Truth::Harm) == harm)
    };
    let scores = |harm| of(harm).map(|j| j.answer.score).collect::<Vec<f64>>();
    let alarms = |harm| of(harm).filter(|j| j.answer.alarm.raised()).count();
    let (harmful, harmless) = (scores(true), scores(false));
    let delays: Vec<f64> = of(true).filter_map(|j| delay(j.answer.alarm)).collect();
    let cpu: f64 = balanced.iter().map(|j| j.answer.cpu.as_secs_f64()).sum();
    Tally {
        cases: (harmful.len(), harmless.len()),
        auc: measure::auc(&harmful, &harmless),
        best_f1: measure::best_f1(&harmful, &harmless),
        f1: measure::f1(alarms(true), alarms(false), harmful.len()),
        recall: share(alarms(true), harmful.len()),
        false_share: share(alarms(false), harmless.len()),
        tpr: [0.01, 0.05].map(|rate| measure::tpr_at(rate, &harmful, &harmless)),
        delay: quartiles(&delays),
        cpu_ms: 1_000.0 * cpu / balanced.len().max(1) as f64,
    }
}

/// The first `per_kind` cases of each kind; of quiet windows so many more that there is no less
/// harmless than harmful.
fn balanced(judged: &[Judged], per_kind: u64) -> Vec<&Judged> {
    let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
    let mut numbered: Vec<(u64, &Judged)> = Vec::new();
    for j in judged {
        let n = seen.entry(j.kind.name).or_default();
        *n += 1;
        numbered.push((*n, j));
    }
    let first = |of: fn(&Kind) -> bool| {
        let counts = |(n, j): &&(u64, &Judged)| *n <= per_kind && of(&j.kind);
        numbered.iter().filter(counts).count() as u64
    };
    let harmful = first(|k| k.truth == Truth::Harm);
    let others = first(|k| k.truth != Truth::Harm && k.name != "quiet");
    let quiet = per_kind.max(harmful.saturating_sub(others));
    let most = |j: &Judged| {
        if j.kind.name == "quiet" {
            quiet
        } else {
            per_kind
        }
    };
    let kept = numbered.iter().filter(|(n, j)| *n <= most(j));
    kept.map(|(_, j)| *j).collect()
}

fn delay(alarm: Alarm) -> Option<f64> {
    match alarm {
        Alarm::Raised { rows } => rows,
        Alarm::Silent => None,
    }
}

fn quartiles(values: &[f64]) -> Option<[f64; 3]> {
    let at = |q| measure::quantile(values, q);
    Some([at(0.25)?, at(0.5)?, at(0.75)?])
}

/// One kind, counted.
#[derive(Debug, Clone, PartialEq)]
pub struct OfKind {
    /// The kind.
    pub kind: Kind,
    /// Its cases, and those that alarmed at [`ALPHA`].
    pub cases: (usize, usize),
    /// Of harm: area under the curve against all harmless cases.
    pub auc: Option<f64>,
    /// Of harm: quartiles of the delay in rows.
    pub delay: Option<[f64; 3]>,
}

/// Each kind on its own, in the order of its family.
#[must_use]
pub fn kinds_of(judged: &[Judged], per_kind: u64) -> Vec<OfKind> {
    let balanced = balanced(judged, per_kind);
    let score = |j: &&&Judged| j.answer.score;
    let harmless: Vec<f64> = balanced
        .iter()
        .filter(|j| j.kind.truth != Truth::Harm)
        .map(|j| j.answer.score)
        .collect();
    let mut kinds: Vec<Kind> = Vec::new();
    for j in &balanced {
        if !kinds.contains(&j.kind) {
            kinds.push(j.kind);
        }
    }
    kinds
        .into_iter()
        .map(|kind| {
            let own: Vec<&&Judged> = balanced.iter().filter(|j| j.kind == kind).collect();
            let harm = kind.truth == Truth::Harm;
            let delays: Vec<f64> = own.iter().filter_map(|j| delay(j.answer.alarm)).collect();
            let scores: Vec<f64> = own.iter().map(score).collect();
            OfKind {
                kind,
                cases: (
                    own.len(),
                    own.iter().filter(|j| j.answer.alarm.raised()).count(),
                ),
                auc: measure::auc(&scores, &harmless).filter(|_| harm),
                delay: quartiles(&delays).filter(|_| harm),
            }
        })
        .collect()
}

/// All kinds of one truth, counted together.
#[derive(Debug, Clone, PartialEq)]
pub struct OfGroup {
    /// What the right answer is.
    pub truth: Truth,
    /// How many kinds there are.
    pub kinds: usize,
    /// Their cases, and those that alarmed at [`ALPHA`].
    pub cases: (usize, usize),
    /// Of harm: quartiles of the delay in rows.
    pub delay: Option<[f64; 3]>,
}

/// Harm, what is harmless, and mere load shifts, each as a whole: what may be told of kinds that are
/// held back.
#[must_use]
pub fn groups_of(judged: &[Judged], per_kind: u64) -> Vec<OfGroup> {
    let balanced = balanced(judged, per_kind);
    let group = |truth: Truth| {
        let own: Vec<&&Judged> = balanced.iter().filter(|j| j.kind.truth == truth).collect();
        let names: BTreeSet<&str> = own.iter().map(|j| j.kind.name).collect();
        let alarmed = own.iter().filter(|j| j.answer.alarm.raised()).count();
        let delays: Vec<f64> = own.iter().filter_map(|j| delay(j.answer.alarm)).collect();
        OfGroup {
            truth,
            kinds: names.len(),
            cases: (own.len(), alarmed),
            delay: quartiles(&delays).filter(|_| truth == Truth::Harm),
        }
    };
    let mut all = [Truth::Harm, Truth::Harmless, Truth::LoadShift]
        .map(group)
        .to_vec();
    all.retain(|of| of.kinds > 0);
    all
}

/// Verdicts of harm on mere load shifts, of how many; all cases that there are.
#[must_use]
pub fn blamed_load(judged: &[Judged]) -> (usize, usize) {
    let load = || judged.iter().filter(|j| j.kind.truth == Truth::LoadShift);
    (
        load().filter(|j| j.answer.alarm.raised()).count(),
        load().count(),
    )
}

/// Alarms of a rule at its own level on the quiet windows, of how many.
#[must_use]
pub fn quiet_alarms(judged: &[Judged]) -> (usize, usize) {
    let quiet = || judged.iter().filter(|j| j.kind.name == "quiet");
    (
        quiet().filter(|j| j.answer.alarm.raised()).count(),
        quiet().count(),
    )
}

/// False alarms on quiet windows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Far {
    /// What was promised.
    pub nominal: f64,
    /// Windows, and those that alarmed.
    pub windows: (usize, usize),
    /// Wilson's 95 % interval of their share.
    pub interval: (f64, f64),
}

/// Realised against nominal false-alarm rate on the quiet windows among `judged`.
#[must_use]
pub fn far(judged: &[Judged]) -> Vec<Far> {
    let windows: Vec<[bool; 4]> = judged.iter().filter_map(|j| j.false_alarms).collect();
    let at = |(i, nominal): (usize, &f64)| {
        let alarms = windows.iter().filter(|w| w[i]).count();
        Far {
            nominal: *nominal,
            windows: (windows.len(), alarms),
            interval: measure::wilson(alarms, windows.len()),
        }
    };
    NOMINAL.iter().enumerate().map(at).collect()
}

#[cfg(test)]
mod tests;
