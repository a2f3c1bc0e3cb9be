//! Which pairs of settings go together more than chance would have it.

use serde::{Deserialize, Serialize};

use super::corpus::{Corpus, Counted};
use super::decision::Place;
use super::matrix::Square;
use crate::stats::multiple::by_adjusted_of;
use crate::stats::permutation::Shuffle;
use crate::stats::table::Table;

/// Decisions that a pair needs, at least (dependencies.md, 9.1).
pub const TRANSACTIONS_MIN: u64 = 5;
/// Different actors among them, at least.
pub const ACTORS_MIN: usize = 3;
/// The 95 % interval of the lift must lie above this.
const LIFT_MIN: f64 = 2.0;
/// And that of the share of X that comes with Y above this.
const SHARE_MIN: f64 = 0.3;
/// Settings dealt out in one audit; rounds follow from it.
const AUDIT_WORK: usize = 200_000;

/// How a pair shows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum How {
    /// Both in one decision.
    Together,
    /// The second after the first on one target.
    Followed,
}

/// A pair that is more than chance.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Discovery {
    pub(crate) x: Place,
    pub(crate) y: Place,
    pub(crate) how: How,
    pub(crate) counted: Counted,
}

/// What chance alone would have found in the same decisions.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Audit {
    /// Pairs that were found.
    pub found: u32,
    /// Pairs found on average when settings are dealt out by chance.
    pub by_chance: f64,
    /// How often they were.
    pub rounds: u32,
}

impl Audit {
    /// The empirical false-discovery rate, 0..=1; 0 when nothing was found.
    #[must_use]
    pub fn fdr(&self) -> f64 {
        if self.found == 0 {
            return 0.0;
        }
        (self.by_chance / f64::from(self.found)).min(1.0)
    }
}

/// Every pair whose false-discovery rate is at most `q` (Benjamini–Yekutieli over all pairs that occur
/// often enough to be tested) and that passes support and effect filters. A pair that fails a filter
/// counts as tested with p = 1, so that filtering cannot make room for others.
pub(crate) fn discover(corpus: &Corpus, q: f64) -> Vec<Discovery> {
    let (mut found, mut p_values) = (Vec::new(), Vec::new());
    let mut tests = 0;
    for how in [How::Together, How::Followed] {
        tests += pairs(corpus, how, |candidate| {
            if let Some((counted, p)) = judge(corpus, candidate) {
                let (x, y, how) = candidate;
                p_values.push(p);
                found.push(Discovery { x, y, how, counted });
            }
        });
    }
    let adjusted = by_adjusted_of(&p_values, tests);
    let found = found.into_iter().zip(adjusted);
    found.filter(|(_, a)| *a <= q).map(|(d, _)| d).collect()
}

/// Calls `visit` for each pair with enough decisions and an effect that matters; how many pairs could
/// have had enough decisions.
fn pairs(corpus: &Corpus, how: How, mut visit: impl FnMut((Place, Place, How))) -> usize {
    let often = |column: &[Vec<u32>]| -> Vec<Place> {
        let all = (0..).zip(column);
        let often = all.filter(|(_, c)| c.len() as u64 >= TRANSACTIONS_MIN);
        often.map(|(place, _)| place).collect()
    };
    let counts = counts(corpus, how);
    let firsts = often(&corpus.has);
    let column = match how {
        How::Together => &corpus.has,
        How::Followed => &corpus.followed,
    };
    let seconds = often(column);
    let mut tests = 0;
    for x in &firsts {
        for y in &seconds {
            if x == y || (how == How::Together && x > y) {
                continue;
            }
            tests += 1;
            let both = u64::from(counts.get(*x, *y));
            if both < TRANSACTIONS_MIN {
                continue;
            }
            // Most pairs fail here, before anything is counted anew.
            let size = |columns: &[Vec<u32>], p: &Place| columns[usize::from(*p)].len() as u64;
            let margins = (size(&corpus.has, x), size(column, y));
            let table = Table::of_margins(both, margins.0, margins.1, corpus.len() as u64);
            if matters(&table, how) {
                visit((*x, *y, how));
            }
        }
    }
    tests
}

/// Decisions with both, for every pair.
fn counts(corpus: &Corpus, how: How) -> Square<u32> {
    let mut counts = Square::new();
    let rows = corpus.rows();
    match how {
        How::Together => {
            for row in rows.iter() {
                for (i, x) in row.iter().enumerate() {
                    let after = row.get(i + 1..).unwrap_or_default();
                    after.iter().for_each(|y| *counts.at(*x, *y) += 1);
                }
            }
        }
        How::Followed => {
            let follows = corpus.follow_rows();
            for (row, then) in rows.iter().zip(follows.iter()) {
                for x in row {
                    let others = then.iter().filter(|y| *y != x);
                    others.for_each(|y| *counts.at(*x, *y) += 1);
                }
            }
        }
    }
    counts
}

/// Counts and tests one pair; `None` when it fails support or a filter.
pub(crate) fn judge(corpus: &Corpus, (x, y, how): (Place, Place, How)) -> Option<(Counted, f64)> {
    let seconds = match how {
        How::Together => &corpus.has,
        How::Followed => &corpus.followed,
    };
    let x = corpus.has.get(usize::from(x))?;
    let y = seconds.get(usize::from(y))?;
    let counted = corpus.count(x, y);
    let supported = counted.table.a >= TRANSACTIONS_MIN && counted.actors >= ACTORS_MIN;
    if !supported || !matters(&counted.table, how) {
        return None;
    }
    Some((counted, corpus.p_value(x, y)))
}

/// Both effect filters (dependencies.md, 9.1). Either setting of an unordered pair may be the one that
/// brings the other along.
fn matters(table: &Table, how: How) -> bool {
    let lifted = table.log_lift_low().is_some_and(|low| low > LIFT_MIN.ln());
    let turned = Table {
        b: table.c,
        c: table.b,
        ..*table
    };
    let share = match how {
        How::Together => table.share_low().max(turned.share_low()),
        How::Followed => table.share_low(),
    };
    lifted && share > SHARE_MIN
}

/// Deals the settings out by chance, several times, and counts what is found then.
pub(crate) fn audit(corpus: &Corpus, q: f64, found: usize, seed: u64) -> Audit {
    let rounds = (AUDIT_WORK / corpus.memberships().max(1)).clamp(4, 40) as u32;
    let mut shuffle = Shuffle::new(seed);
    let chance = (0..rounds).map(|_| discover(&corpus.permuted(&mut shuffle), q).len());
    Audit {
        found: u32::try_from(found).unwrap_or(u32::MAX),
        by_chance: chance.sum::<usize>() as f64 / f64::from(rounds),
        rounds,
    }
}
