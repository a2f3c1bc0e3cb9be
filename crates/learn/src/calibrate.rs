//! Fitting weights of evidence groups to labelled pairs, and what calibration does to log-odds
//! (dependencies.md, 12.5).
//!
//! A fit is only worth having when it is better on families of settings that it has not seen:
//! [`compare`] tells, and says what to ship.

use std::collections::BTreeMap;

use backstay_model::dependency::Evidence;
use serde::{Deserialize, Serialize};

use crate::belief::{Group, LOG_ODDS_MAX, Model, PRIOR, Standing, Weights, logistic};
use crate::stats::logistic::{Case, FitError, Label, Logistic, Penalty, fit, isotonic, platt};

/// Labels below which calibration is Platt's line rather than isotonic (dependencies.md, 12.5).
const ISOTONIC_FROM: usize = 200;
/// Bins of the expected calibration error.
const BINS: usize = 10;
/// Penalty on the slope of a calibration: a prior standard deviation of 1 around 1. Without it, few false
/// pairs let the slope grow without end.
const LINE_STRENGTH: f64 = 1.0;
/// How much a fit must lower the Brier score out of fold, as a share of it, to be shipped.
const WORTH_IT: f64 = 0.05;

/// A rising function from log-odds to log-odds.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calibration {
    /// `slope × x + shift`; `slope` is not negative.
    Platt {
        /// Factor of the log-odds.
        slope: f64,
        /// What is added.
        shift: f64,
    },
    /// Straight lines between points, which rise in both coordinates; flat outside.
    Points(Vec<(f64, f64)>),
}

impl Calibration {
    /// The calibrated log-odds of `log_odds`.
    #[must_use]
    pub fn apply(&self, log_odds: f64) -> f64 {
        match self {
            Self::Platt { slope, shift } => slope * log_odds + shift,
            Self::Points(points) => between(points, log_odds),
        }
    }

    /// Fits one to scored pairs: isotonic from 200 labels, Platt's line below.
    ///
    /// # Errors
    /// [`FitError`] when there are too few labels, or they fall with the log-odds.
    pub fn fit(scored: &[(f64, Label)]) -> Result<Self, FitError> {
        if scored.len() < ISOTONIC_FROM {
            let (slope, shift) = platt(scored)?;
            return if slope >= 0.0 {
                Ok(Self::Platt { slope, shift })
            } else {
                Err(FitError::Unsettled)
            };
        }
        Ok(Self::Points(steps(scored)))
    }
}

/// Points of the isotonic fit: one per level, at the mean of its log-odds.
fn steps(scored: &[(f64, Label)]) -> Vec<(f64, f64)> {
    // Pairs of equal score must get equal values, so they enter as one.
    let mut sorted: Vec<&(f64, Label)> = scored.iter().filter(|s| s.0.is_finite()).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut levels: Vec<(f64, f64, f64)> = Vec::new();
    for (score, label) in sorted {
        match levels.last_mut() {
            Some(last) if last.0.total_cmp(score).is_eq() => {
                last.1 += label.number();
                last.2 += 1.0;
            }
            _ => levels.push((*score, label.number(), 1.0)),
        }
    }
    let rates: Vec<(f64, f64)> = levels.iter().map(|(_, yes, n)| (yes / n, *n)).collect();
    let mut points: Vec<(f64, f64)> = Vec::new();
    let mut weights: Vec<f64> = Vec::new();
    for (level, rate) in levels.iter().zip(isotonic(&rates)) {
        let odds = (rate / (1.0 - rate))
            .ln()
            .clamp(-LOG_ODDS_MAX, LOG_ODDS_MAX);
        match (points.last_mut(), weights.last_mut()) {
            (Some(point), Some(weight)) if point.1.total_cmp(&odds).is_eq() => {
                *weight += level.2;
                point.0 += (level.0 - point.0) * level.2 / *weight;
            }
            _ => {
                points.push((level.0, odds));
                weights.push(level.2);
            }
        }
    }
    points
}

fn between(points: &[(f64, f64)], x: f64) -> f64 {
    let after = points.partition_point(|p| p.0 <= x);
    let before = after.checked_sub(1).and_then(|i| points.get(i));
    match (before, points.get(after)) {
        (Some(a), Some(b)) => a.1 + (b.1 - a.1) * (x - a.0) / (b.0 - a.0),
        (Some(end), None) | (None, Some(end)) => end.1,
        (None, None) => x,
    }
}

/// A pair that somebody labelled, with all evidence about it but the label's own.
#[derive(Clone, PartialEq, Debug)]
pub struct Labelled {
    /// Family of settings it belongs to; pairs of one family are never split between learning and
    /// testing.
    pub family: String,
    /// Evidence about it.
    pub evidence: Vec<Evidence>,
    /// Whether it is real.
    pub label: Label,
    /// How many pairs of the world it stands for; positive.
    pub weight: f64,
}

/// How good probabilities are; smaller is better.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Quality {
    /// Mean squared distance from the labels (Brier 1950).
    pub brier: f64,
    /// Expected calibration error over ten bins of equal width.
    pub ece: f64,
    /// Mean negative log-likelihood.
    pub log_loss: f64,
}

/// What to ship.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Choice {
    /// The first weights: fitting is not better on families that it has not seen.
    First,
    /// The first weights with a calibration.
    Calibrated,
    /// The fitted weights.
    Fitted,
}

/// First weights against fitted ones, out of fold.
#[derive(Clone, PartialEq, Debug)]
pub struct Comparison {
    /// All weights 1, nothing calibrated.
    pub first: Quality,
    /// All weights 1, Platt's line fitted.
    pub calibrated: Quality,
    /// Weights and base rate fitted.
    pub fitted: Quality,
    /// The fit to all of the pairs.
    pub model: Model,
    /// What to ship.
    pub choice: Choice,
}

/// Compares first and fitted weights by leaving out whole families, `folds` parts of them, with an L2
/// penalty of `strength` towards weights of one. A fit is chosen only when it lowers the Brier score
/// by a twentieth and the log loss too.
///
/// # Errors
/// [`FitError`] when the labels do not settle a fit.
pub fn compare(labelled: &[Labelled], folds: usize, strength: f64) -> Result<Comparison, FitError> {
    let rows: Vec<Case> = labelled.iter().map(case).collect();
    let parts = parts(labelled, folds.max(2));
    let mut found = [Vec::new(), Vec::new(), Vec::new()];
    for part in 0..folds.max(2) {
        let side = |inside: bool| {
            let of = rows.iter().zip(&parts);
            of.filter(move |(_, p)| (**p == part) == inside)
                .map(|(r, _)| r)
        };
        let learn: Vec<Case> = side(false).cloned().collect();
        if side(true).next().is_none() {
            continue;
        }
        let fitted = weights_of(&learn, strength)?;
        let line = line_of(&learn)?;
        for row in side(true) {
            let first = first_odds(row);
            let odds = [first, line.log_odds(&[first]), fitted.log_odds(&row.x)];
            for (list, odds) in found.iter_mut().zip(odds) {
                list.push(Scored {
                    p: logistic(odds.clamp(-LOG_ODDS_MAX, LOG_ODDS_MAX)),
                    y: row.y,
                    weight: row.weight,
                });
            }
        }
    }
    let [first, calibrated, fitted] = found.map(|list| quality(&list));
    let better =
        |q: &Quality| q.brier < first.brier * (1.0 - WORTH_IT) && q.log_loss < first.log_loss;
    let choice = if better(&fitted) && fitted.brier <= calibrated.brier {
        Choice::Fitted
    } else if better(&calibrated) {
        Choice::Calibrated
    } else {
        Choice::First
    };
    let model = model_of(&weights_of(&rows, strength)?);
    Ok(Comparison {
        first,
        calibrated,
        fitted,
        model,
        choice,
    })
}

/// Families to folds, the largest first to the emptiest, so that folds are of like size.
fn parts(labelled: &[Labelled], folds: usize) -> Vec<usize> {
    let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
    for pair in labelled {
        *sizes.entry(&pair.family).or_default() += 1;
    }
    let mut order: Vec<(&str, usize)> = sizes.into_iter().collect();
    order.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let mut filled = vec![0; folds];
    let mut place: BTreeMap<&str, usize> = BTreeMap::new();
    for (family, size) in order {
        let least = (0..folds).min_by_key(|i| filled[*i]).unwrap_or(0);
        filled[least] += size;
        place.insert(family, least);
    }
    let of = labelled.iter().map(|l| place.get(l.family.as_str()));
    of.map(|p| p.copied().unwrap_or(0)).collect()
}

/// What each group adds to the log-odds, with first weights.
fn case(pair: &Labelled) -> Case {
    let belief = Model::SHIPPED.believe(&pair.evidence, None, Standing::Exact);
    Case {
        x: Group::EVIDENCE.map(|g| belief.from_group(g)).to_vec(),
        y: pair.label.number(),
        weight: pair.weight,
    }
}

fn first_odds(row: &Case) -> f64 {
    PRIOR + row.x.iter().sum::<f64>()
}

fn weights_of(rows: &[Case], strength: f64) -> Result<Logistic, FitError> {
    fit(
        rows,
        Penalty {
            strength,
            towards: 1.0,
        },
    )
}

/// A line through the first log-odds.
fn line_of(rows: &[Case]) -> Result<Logistic, FitError> {
    let rows: Vec<Case> = rows
        .iter()
        .map(|r| Case {
            x: vec![first_odds(r)],
            ..r.clone()
        })
        .collect();
    fit(
        &rows,
        Penalty {
            strength: LINE_STRENGTH,
            towards: 1.0,
        },
    )
}

fn model_of(fit: &Logistic) -> Model {
    let mut weights = Weights::FIRST;
    for (weight, fitted) in weights.0.iter_mut().zip(&fit.coefficients) {
        *weight = fitted.max(0.0);
    }
    Model {
        weights,
        calibration: Some(Calibration::Platt {
            slope: 1.0,
            shift: fit.intercept - PRIOR,
        }),
    }
}

/// A probability, what came true, and how often it counts.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Scored {
    /// The probability that was told, inside 0..1.
    pub p: f64,
    /// 1 when it was so, else 0.
    pub y: f64,
    /// How often it counts.
    pub weight: f64,
}

/// Brier score, expected calibration error and log loss; zeros for nothing.
#[must_use]
pub fn quality(scored: &[Scored]) -> Quality {
    let total: f64 = scored.iter().map(|s| s.weight).sum();
    let mean = |of: fn(&Scored) -> f64| {
        let sum: f64 = scored.iter().map(|s| s.weight * of(s)).sum();
        if total > 0.0 { sum / total } else { 0.0 }
    };
    let mut bins = [(0.0, 0.0); BINS];
    for s in scored {
        let bin = &mut bins[((s.p * BINS as f64) as usize).min(BINS - 1)];
        bin.0 += s.weight * s.p;
        bin.1 += s.weight * s.y;
    }
    let apart: f64 = bins.iter().map(|(told, came)| (told - came).abs()).sum();
    Quality {
        brier: mean(|s| (s.p - s.y) * (s.p - s.y)),
        ece: if total > 0.0 { apart / total } else { 0.0 },
        log_loss: mean(|s| -(s.y * s.p.ln() + (1.0 - s.y) * (1.0 - s.p).ln())),
    }
}

#[cfg(test)]
mod tests;
