//! NAB's scoring function.
//!
//! The first 15 % of a file (at most 750 rows) count for nothing. A window that is hit scores by the
//! earliest hit, from 1 at its left edge towards 0 at its right; one that is missed costs the weight
//! of a miss. A false alarm costs little just after a window and its whole weight three widths later,
//! or before any window. One threshold serves all files; 0 is the detector that never calls, 100 the
//! one that calls the first row of each window and nothing else.

use super::Series;

/// Weights of a profile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Profile {
    /// Its name in NAB.
    pub name: &'static str,
    /// A window that is found.
    pub hit: f64,
    /// A false alarm.
    pub false_alarm: f64,
    /// A window that is missed.
    pub miss: f64,
}

/// NAB's three profiles.
pub const PROFILES: [Profile; 3] = [
    Profile {
        name: "standard",
        hit: 1.0,
        false_alarm: 0.11,
        miss: 1.0,
    },
    Profile {
        name: "reward_low_FP_rate",
        hit: 1.0,
        false_alarm: 0.22,
        miss: 1.0,
    },
    Profile {
        name: "reward_low_FN_rate",
        hit: 1.0,
        false_alarm: 0.11,
        miss: 2.0,
    },
];

/// Share of a file that is not scored, and most rows of it.
const PROBATION: (f64, f64) = (0.15, 5_000.0);
/// Widths of a window behind it at which a false alarm costs its whole weight.
const FAR: f64 = 3.0;

/// One row that counts.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Row {
    score: f64,
    /// What calling it adds, at most once for each window.
    worth: f64,
    /// The window it lies in.
    window: Option<usize>,
}

/// From nearly 1 at the left edge of a window (-1) over 0 at its right edge to nearly -1.
fn by_position(position: f64) -> f64 {
    if position >= FAR {
        return -1.0;
    }
    2.0 / (1.0 + (5.0 * position).exp()) - 1.0
}

/// Rows of a file that are not scored.
fn probation(rows: usize) -> usize {
    let share = (PROBATION.0 * rows as f64).floor();
    share.min(PROBATION.0 * PROBATION.1) as usize
}

/// What each scored row of a series is worth when it is called; windows count from `first`.
fn rows(series: &Series, scores: &[f64], profile: Profile, first: usize) -> Vec<Row> {
    let mut all = Vec::new();
    for (i, score) in scores.iter().enumerate().skip(probation(scores.len())) {
        let inside = series
            .windows
            .iter()
            .position(|(from, to)| (*from..=*to).contains(&i));
        let worth = match inside {
            Some(window) => {
                let (from, to) = series.windows[window];
                let position = -((to - i + 1) as f64) / (to - from + 1) as f64;
                by_position(position) * profile.hit / by_position(-1.0)
            }
            None => {
                let before = series.windows.iter().rev().find(|(_, to)| *to < i);
                let position = before.map_or(FAR, |(from, to)| {
                    (i - to) as f64 / ((to - from) as f64).max(1.0)
                });
                by_position(position) * profile.false_alarm
            }
        };
        all.push(Row {
            score: *score,
            worth,
            window: inside.map(|w| w + first),
        });
    }
    all
}

/// The sum over called rows: false alarms each, windows by their best row.
#[derive(Debug)]
struct Sum {
    windows: Vec<f64>,
    false_alarms: f64,
}

impl Sum {
    /// Nothing called yet: each of these windows is missed.
    fn new(windows: usize, miss: f64) -> Self {
        Self {
            windows: vec![-miss; windows],
            false_alarms: 0.0,
        }
    }

    fn call(&mut self, row: &Row) {
        match row.window {
            Some(window) => self.windows[window] = self.windows[window].max(row.worth),
            None => self.false_alarms += row.worth,
        }
    }

    fn total(&self) -> f64 {
        self.windows.iter().sum::<f64>() + self.false_alarms
    }
}

/// Score of one series when every row of at least `threshold` is called.
#[must_use]
pub fn raw(series: &Series, scores: &[f64], profile: Profile, threshold: f64) -> f64 {
    let mut sum = Sum::new(series.windows.len(), profile.miss);
    rows(series, scores, profile, 0)
        .iter()
        .filter(|row| row.score >= threshold)
        .for_each(|row| sum.call(row));
    sum.total()
}

/// Score of a corpus.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// The threshold that suits the corpus best.
    pub threshold: f64,
    /// Sum over the files at that threshold.
    pub raw: f64,
    /// The same between the detector that never calls (0) and the perfect one (100).
    pub normal: f64,
}

/// `raw` between 0 and 100 for a corpus of so many windows.
#[must_use]
pub fn normal(raw: f64, windows: usize, profile: Profile) -> f64 {
    let (null, perfect) = (-profile.miss * windows as f64, profile.hit * windows as f64);
    100.0 * (raw - null) / (perfect - null)
}

/// The best that one threshold reaches over all files; `scores` belong to `corpus` one by one.
#[must_use]
pub fn best(corpus: &[Series], scores: &[Vec<f64>], profile: Profile) -> Score {
    let windows: usize = corpus.iter().map(|s| s.windows.len()).sum();
    let (mut all, mut first) = (Vec::new(), 0);
    for (series, scores) in corpus.iter().zip(scores) {
        all.extend(rows(series, scores, profile, first));
        first += series.windows.len();
    }
    all.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut sum = Sum::new(windows, profile.miss);
    let (mut hits, mut false_alarms) = (sum.total(), 0.0);
    let mut best = (f64::INFINITY, hits);
    for (i, row) in all.iter().enumerate() {
        match row.window {
            Some(window) => {
                let before = sum.windows[window];
                sum.call(row);
                hits += sum.windows[window] - before;
            }
            None => false_alarms += row.worth,
        }
        let last = all.get(i + 1).is_none_or(|next| next.score < row.score);
        if last && hits + false_alarms > best.1 {
            best = (row.score, hits + false_alarms);
        }
    }
    Score {
        threshold: best.0,
        raw: best.1,
        normal: normal(best.1, windows, profile),
    }
}

#[cfg(test)]
mod tests;
