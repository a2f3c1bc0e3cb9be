//! Effect modification: does what X does to a metric depend on where Y stands? (dependencies.md, 10)
//!
//! It is refused when X and Y moved together in the past: a tuner or a template that sets both makes
//! either look like the other's companion.

use std::collections::BTreeMap;

use backstay_model::{MetricName, SettingName, WorkClass};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

use crate::stats::meta::{Estimate, Pooled, correlation, difference, pool};
use crate::stats::multiple::bh_adjusted;

/// Correlation of exposures beyond which nothing is said (dependencies.md, 10).
pub const CORRELATION_MAX: f64 = 0.3;
/// Windows in each of the two cells, at least (dependencies.md, 10).
pub const CELL_MIN: usize = 8;
/// Classes of work in which it must be seen (dependencies.md, 10).
pub const WORKLOADS_MIN: usize = 2;
/// Moments of exposure below which a correlation cannot be told.
const EXPOSURES_MIN: usize = 2 * CELL_MIN;

/// One window in which X moved alone.
#[derive(Clone, PartialEq, Debug)]
pub struct Exposure {
    /// What it did per doubling of X.
    pub effect: Estimate,
    /// Where Y stood, on a logarithmic scale for numbers.
    pub level: f64,
    /// Class of the work.
    pub work: WorkClass,
}

/// How two settings stood together in the past, over all targets.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Together {
    /// Moments at which either of them moved, and both were known.
    pub moments: usize,
    /// Correlation of where they stood then; `None` when one of them stood still.
    pub correlation: Option<f64>,
}

impl Together {
    /// Of where they stood at each moment, on a logarithmic scale for numbers.
    #[must_use]
    pub fn of(stood: &[(f64, f64)]) -> Self {
        Self {
            moments: stood.len(),
            correlation: correlation(stood),
        }
    }
}

/// Whether `under` modifies what `of` does to `metric`.
#[derive(Clone, PartialEq, Debug)]
pub struct Question {
    /// The metric.
    pub metric: MetricName,
    /// X, the setting whose effect it is.
    pub of: SettingName,
    /// Y, the setting that may modify it.
    pub under: SettingName,
    /// Windows of X.
    pub windows: Vec<Exposure>,
    /// How X and Y stood together in the past.
    pub together: Together,
}

/// Effects of X where Y is low and where it is high, in one class of work.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Cells {
    /// The class of work.
    pub work: WorkClass,
    /// Y at or below this is low.
    pub split: f64,
    /// The effect where Y is low.
    pub low: Pooled,
    /// The effect where Y is high.
    pub high: Pooled,
}

/// The answer to a [`Question`].
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Modification {
    /// X and Y moved together in the past, or one of them never moved.
    Refused {
        /// Their correlation; `None` when one never moved.
        correlation: Option<f64>,
    },
    /// Too few windows where Y is low or high, in too few classes of work, or too short a past.
    TooFew {
        /// Classes of work with enough windows on both sides.
        classes: usize,
    },
    /// Nothing that survives the number of questions asked.
    NotSeen,
    /// The effect differs, in the same sense in two classes of work at least.
    Seen {
        /// p-value that it differs in two of them, adjusted for all questions on this metric.
        p: f64,
        /// The effects by class of work.
        cells: Vec<Cells>,
    },
}

/// Answers questions together: per metric, discoveries are false at a rate of at most `q` (Benjamini
/// and Hochberg 1995). That it differs in two workloads at least is tested by the partial conjunction
/// of Benjamini and Heller (2008), each sense by itself. The answers are in the order of the questions.
#[must_use]
pub fn answer(questions: &[Question], q: f64) -> Vec<Modification> {
    let tried: Vec<Result<Tested, Modification>> = questions.iter().map(test).collect();
    let mut by_metric: BTreeMap<&MetricName, Vec<usize>> = BTreeMap::new();
    for (index, question) in questions.iter().enumerate() {
        if tried[index].is_ok() {
            by_metric.entry(&question.metric).or_default().push(index);
        }
    }
    let mut adjusted = BTreeMap::new();
    for places in by_metric.into_values() {
        let raw = places.iter().filter_map(|i| tried[*i].as_ref().ok());
        let raw: Vec<f64> = raw.map(|t| t.p).collect();
        adjusted.extend(places.into_iter().zip(bh_adjusted(&raw)));
    }
    let answers = tried.into_iter().enumerate();
    answers
        .map(|(index, tested)| match (tested, adjusted.get(&index)) {
            (Ok(tested), Some(p)) if *p <= q => Modification::Seen {
                p: *p,
                cells: tested.cells,
            },
            (Ok(_), _) => Modification::NotSeen,
            (Err(answer), _) => answer,
        })
        .collect()
}

/// A question that could be tested.
struct Tested {
    p: f64,
    cells: Vec<Cells>,
}

fn test(question: &Question) -> Result<Tested, Modification> {
    let mut by_class: BTreeMap<WorkClass, Vec<&Exposure>> = BTreeMap::new();
    let placed = question.windows.iter().filter(|w| w.level.is_finite());
    for window in placed.filter(|w| w.work.told()) {
        by_class.entry(window.work).or_default().push(window);
    }
    let cells: Vec<Cells> = by_class
        .into_iter()
        .filter_map(|(work, windows)| cells(work, &windows))
        .collect();
    let together = question.together;
    if together.moments < EXPOSURES_MIN {
        return Err(Modification::TooFew {
            classes: cells.len(),
        });
    }
    if together
        .correlation
        .is_none_or(|r| r.abs() > CORRELATION_MAX)
    {
        return Err(Modification::Refused {
            correlation: together.correlation,
        });
    }
    if cells.len() < WORKLOADS_MIN {
        return Err(Modification::TooFew {
            classes: cells.len(),
        });
    }
    let z: Vec<f64> = cells
        .iter()
        .map(|c| difference(&c.high, &c.low).0)
        .collect();
    let upwards = in_two(z.iter().map(|z| Normal::standard().sf(*z)).collect());
    let downwards = in_two(z.iter().map(|z| Normal::standard().cdf(*z)).collect());
    Ok(Tested {
        p: (2.0 * upwards.min(downwards)).min(1.0),
        cells,
    })
}

/// p-value that at least two of the hypotheses are false: the second smallest times all but one.
fn in_two(mut p_values: Vec<f64>) -> f64 {
    p_values.sort_by(f64::total_cmp);
    let others = p_values.len().saturating_sub(1) as f64;
    p_values.get(1).map_or(1.0, |p| (p * others).min(1.0))
}

/// Splits at the value of Y that makes the cells most even; `None` when one stays too small.
fn cells(work: WorkClass, windows: &[&Exposure]) -> Option<Cells> {
    let mut levels: Vec<f64> = windows.iter().map(|w| w.level).collect();
    levels.sort_by(f64::total_cmp);
    let middle = levels.len() / 2;
    let even = |split: &f64| levels.partition_point(|l| l <= split).abs_diff(middle);
    let split = levels.iter().copied().min_by_key(even)?;
    let side = |high: bool| -> Vec<Estimate> {
        let of = windows.iter().filter(|w| (w.level > split) == high);
        of.map(|w| w.effect).collect()
    };
    let (low, high) = (pool(&side(false))?, pool(&side(true))?);
    (low.k >= CELL_MIN && high.k >= CELL_MIN).then_some(Cells {
        work,
        split,
        low,
        high,
    })
}
