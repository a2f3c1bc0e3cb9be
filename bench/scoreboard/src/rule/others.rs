//! Rules that others use, written anew from their documentation and sources, on the same columns.

use backstay_model::metric::MetricRole;
use backstay_model::{Span, Timestamp};

use super::column::{Around, Said, columns, loudest};
use super::{Answer, Promise, Rule, thread_cpu};
use crate::case::Case;
use crate::measure::quantile;

mod ranks;

/// Which rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// A limit of half as much or half as much again, passed in three checks of a minute in a row.
    Checks,
    /// Kayenta's judge: Mann-Whitney with a 98 % interval beyond a quarter of the Hodges-Lehmann
    /// estimate, against the window before the change.
    Kayenta,
    /// Any value beyond three deviations of the values before.
    ThreeSigma,
    /// The mixture sequential probability ratio test on whitened values, anytime-valid where its
    /// model holds.
    Msprt,
}

/// All of them.
pub const ALL: [Others; 4] = [
    Others::Checks,
    Others::Kayenta,
    Others::ThreeSigma,
    Others::Msprt,
];

/// A check looks at the mean of a minute.
const CHECK: Span = Span::from_secs(60);
/// Checks in a row that must fail.
const CHECKS: usize = 3;
/// A check fails when a metric is half as much again, or the other way round.
const LIMIT: f64 = 1.5;
/// Share of the throughput that errors may be.
const ERRORS: f64 = 0.01;
/// Longest control window, in rows: two hours of minutes.
const CONTROL_MAX: usize = 120;
/// Fewest values on each side that Kayenta's test takes.
const CONTROL_MIN: usize = 3;
/// Longest baseline of mean and deviation, in rows: a day of minutes.
const BASELINE_MAX: usize = 1_440;
/// Deviations.
const SIGMAS: f64 = 3.0;
/// Baseline of the sequential test, in rows.
const SEQUENTIAL_MAX: usize = 360;

impl Rule for Others {
    fn name(&self) -> &str {
        match self {
            Self::Checks => "fixed limit, 3 checks of 60 s",
            Self::Kayenta => "Kayenta, Mann-Whitney",
            Self::ThreeSigma => "mean ± 3σ",
            Self::Msprt => "mSPRT, whitened",
        }
    }

    fn promise(&self) -> Promise {
        match self {
            Self::Msprt => Promise::Once,
            Self::Checks | Self::Kayenta | Self::ThreeSigma => Promise::None,
        }
    }

    fn judge(&self, case: &Case, alpha: f64) -> Answer {
        let began = thread_cpu();
        let columns = columns(case);
        let level = alpha / columns.len().max(1) as f64;
        let said = loudest(columns.iter().map(|c| match self {
            Self::Checks => checks(c, work(&columns)),
            Self::Kayenta => kayenta(c),
            Self::ThreeSigma => three_sigma(c),
            Self::Msprt => msprt(c, level),
        }));
        let cpu = thread_cpu().saturating_sub(began);
        said.answer(case, cpu)
    }
}

/// Median throughput before the change; zero when there is none.
fn work(columns: &[Around]) -> f64 {
    let work = columns.iter().find(|c| c.role == MetricRole::Throughput);
    work.and_then(|c| quantile(&c.newest(BASELINE_MAX), 0.5))
        .unwrap_or(0.0)
}

/// Means of whole minutes since the change, each with its end.
fn minutes(since: &[(Timestamp, f64)]) -> Vec<(Timestamp, f64)> {
    let Some((first, _)) = since.first() else {
        return Vec::new();
    };
    let mut means = Vec::new();
    let (mut end, mut sum, mut n) = (*first + CHECK, 0.0, 0.0);
    for (at, value) in since {
        while *at >= end {
            if n > 0.0 {
                means.push((end, sum / n));
            }
            (end, sum, n) = (end + CHECK, 0.0, 0.0);
        }
        sum += value;
        n += 1.0;
    }
    // Rows a minute apart or more: the last of them is a whole check.
    if n > 0.0 && since.len() <= means.len() + 1 {
        means.push((end, sum / n));
    }
    means
}

fn checks(column: &Around, work: f64) -> Said {
    let Some(usual) = quantile(&column.newest(BASELINE_MAX), 0.5) else {
        return Said::NOTHING;
    };
    // What errors are compared with is the work; a metric that is zero has no ratio.
    let offset = match column.role {
        MetricRole::Errors => ERRORS * work,
        _ => 0.0,
    }
    .max(1e-9);
    let passed: Vec<(Timestamp, f64)> = minutes(&column.since)
        .into_iter()
        .map(|(at, mean)| {
            let ratio = (mean.max(0.0) + offset) / (usual.max(0.0) + offset);
            (at, column.harm(ratio.max(1e-9).ln()))
        })
        .collect();
    let held = |w: &[(Timestamp, f64)]| w.iter().map(|(_, r)| *r).fold(f64::INFINITY, f64::min);
    let windows = || passed.windows(CHECKS);
    Said {
        score: windows().map(held).fold(0.0, f64::max),
        alarm_at: windows()
            .find(|w| held(w) > LIMIT.ln())
            .map(|w| w[CHECKS - 1].0),
    }
}

fn kayenta(column: &Around) -> Said {
    let control = column.newest(CONTROL_MAX.min(column.since.len().max(CONTROL_MIN)));
    let newest = column.since.len().saturating_sub(CONTROL_MAX);
    let experiment: Vec<f64> = column.since[newest..].iter().map(|(_, v)| *v).collect();
    if control.len() < CONTROL_MIN || experiment.len() < CONTROL_MIN {
        return Said::NOTHING;
    }
    let test = ranks::mann_whitney(&experiment, &control);
    let bound = 0.25 * test.estimate.abs();
    let high = column.harm(1.0) > 0.0 && test.low > bound;
    let low = column.harm(-1.0) > 0.0 && test.high < -bound;
    // It looks once, at the end.
    let end = column.since.last().map(|(at, _)| *at);
    Said {
        score: column.harm(test.z).max(0.0),
        alarm_at: end.filter(|_| high || low),
    }
}

fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    (mean, variance.sqrt().max(1e-9))
}

fn three_sigma(column: &Around) -> Said {
    let before = column.newest(BASELINE_MAX);
    if before.len() < 2 {
        return Said::NOTHING;
    }
    let (mean, deviation) = mean_and_deviation(&before);
    let away = |v: f64| column.harm((v - mean) / deviation);
    let beyond = column.since.iter().find(|(_, v)| away(*v) > SIGMAS);
    Said {
        score: column
            .since
            .iter()
            .map(|(_, v)| away(*v))
            .fold(0.0, f64::max),
        alarm_at: beyond.map(|(at, _)| *at),
    }
}

/// `ln Λ = ½ ln(v / (v + τ²t²)) + τ²t²S² / (2v(v + τ²t²))` with S the sum of t whitened values,
/// v = t + t²/B for a baseline of B rows, τ = 1; an alarm at Λ ≥ 1/level.
fn msprt(column: &Around, level: f64) -> Said {
    let before = column.newest(SEQUENTIAL_MAX);
    if before.len() < 10 {
        return Said::NOTHING;
    }
    let (mean, deviation) = mean_and_deviation(&before);
    let away: Vec<f64> = before.iter().map(|v| (v - mean) / deviation).collect();
    let products: f64 = away.windows(2).map(|w| w[0] * w[1]).sum();
    let memory = (products / away.len() as f64).clamp(0.0, 0.99);
    let scale = (1.0 - memory * memory).sqrt();
    let mut last = away.last().copied().unwrap_or(0.0);
    let (mut sum, mut t, mut said) = (0.0, 0.0, Said::NOTHING);
    for (at, value) in &column.since {
        let now = (value - mean) / deviation;
        sum += (now - memory * last) / scale;
        (last, t) = (now, t + 1.0);
        let v = t + t * t / before.len() as f64;
        let grown = v + t * t;
        let ratio = 0.5 * (v / grown).ln() + t * t * sum * sum / (2.0 * v * grown);
        if column.harm(sum) > 0.0 {
            said.score = said.score.max(ratio);
            if ratio >= -level.ln() && said.alarm_at.is_none() {
                said.alarm_at = Some(*at);
            }
        }
    }
    said
}

#[cfg(test)]
mod tests;
