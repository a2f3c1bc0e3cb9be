//! Simple rules whose figures on a collection of real labelled changes are known: beside them one sees
//! how hard made-up cases are. None is anybody's product.

use backstay_model::{Span, Timestamp};

use super::column::{Around, Said, columns, loudest};
use super::{Answer, Promise, Rule, thread_cpu};
use crate::case::Case;
use crate::measure::quantile;

mod scan;

/// Which rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    /// The value furthest from the median of the 24 h before, in their scaled median absolute deviations.
    RobustZ,
    /// The mean since the change against the mean of the 120 rows before, in their deviations.
    MeanShift,
    /// Residuals of the median of the same time on earlier days, scanned by windows of five lengths, the
    /// maximum ranked among the same at earlier moments of the series.
    SeasonalScan,
}

/// All of them.
pub const ALL: [Reference; 3] = [
    Reference::RobustZ,
    Reference::MeanShift,
    Reference::SeasonalScan,
];

/// What the furthest value is compared with.
const DAY: Span = Span::from_secs(86_400);
/// Scaled deviations at which a value is called an outlier (Iglewicz and Hoaglin 1993).
const OUTLIER: f64 = 3.5;
/// Rows whose mean the mean since the change is compared with: two hours of minutes.
const MEAN_ROWS: usize = 120;
/// Deviations at which a mean is called shifted.
const SHIFTED: f64 = 3.0;
/// Makes the median absolute deviation of normal values their standard deviation.
const MAD_SCALE: f64 = 1.4826;

impl Rule for Reference {
    fn name(&self) -> &str {
        match self {
            Self::RobustZ => "max robust z, 24 h",
            Self::MeanShift => "mean-shift z, 120 rows",
            Self::SeasonalScan => "seasonal median, scan, placebo",
        }
    }

    fn promise(&self) -> Promise {
        match self {
            Self::SeasonalScan => Promise::Once,
            Self::RobustZ | Self::MeanShift => Promise::None,
        }
    }

    fn judge(&self, case: &Case, alpha: f64) -> Answer {
        let began = thread_cpu();
        let columns = columns(case);
        let level = alpha / columns.len().max(1) as f64;
        let said = loudest(columns.iter().map(|c| match self {
            Self::RobustZ => robust_z(c, case.changed_at),
            Self::MeanShift => mean_shift(c),
            Self::SeasonalScan => scan::said(c, case, level),
        }));
        let cpu = thread_cpu().saturating_sub(began);
        said.answer(case, cpu)
    }
}

/// Median and scaled median absolute deviation of values, which may not be empty.
fn middle(values: &[f64]) -> Option<(f64, f64)> {
    let median = quantile(values, 0.5)?;
    let away: Vec<f64> = values.iter().map(|v| (v - median).abs()).collect();
    Some((median, MAD_SCALE * quantile(&away, 0.5)?))
}

fn robust_z(column: &Around, changed_at: Timestamp) -> Said {
    let from = column
        .before
        .partition_point(|(at, _)| changed_at.since(*at) > DAY);
    let day: Vec<f64> = column.before[from..].iter().map(|(_, v)| *v).collect();
    let Some((median, scale)) = middle(&day) else {
        return Said::NOTHING;
    };
    // Where most values are the same, the standard deviation has to do.
    let scale = if scale > 0.0 {
        scale
    } else {
        let squares = day.iter().map(|v| (v - median).powi(2)).sum::<f64>();
        (squares / day.len() as f64)
            .sqrt()
            .max(0.01 * median.abs())
            .max(1e-9)
    };
    let away = |v: f64| column.harm((v - median) / scale);
    let far = column.since.iter().map(|(_, v)| away(*v));
    Said {
        score: far.fold(0.0, f64::max),
        alarm_at: column
            .since
            .iter()
            .find(|(_, v)| away(*v) > OUTLIER)
            .map(|(at, _)| *at),
    }
}

fn mean_shift(column: &Around) -> Said {
    let before = column.newest(MEAN_ROWS);
    if before.len() < 2 || column.since.is_empty() {
        return Said::NOTHING;
    }
    let mean = |values: &mut dyn Iterator<Item = f64>| {
        let (sum, n) = values.fold((0.0, 0.0), |(s, n), v| (s + v, n + 1.0));
        sum / f64::max(n, 1.0)
    };
    let usual = mean(&mut before.iter().copied());
    let variance = mean(&mut before.iter().map(|v| (v - usual).powi(2)));
    let now = mean(&mut column.since.iter().map(|(_, v)| *v));
    let score = column.harm((now - usual) / variance.sqrt().max(1e-9));
    // It looks once, at the end.
    let end = column.since.last().map(|(at, _)| *at);
    Said {
        score: score.max(0.0),
        alarm_at: end.filter(|_| score > SHIFTED),
    }
}

#[cfg(test)]
mod tests;
