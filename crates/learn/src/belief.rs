//! Confidence in a dependency: a pure fold over its evidence (dependencies.md, 12 to 14).
//!
//! Log-likelihood ratios add to the log-odds of a base rate. Within a group, whose sources may share
//! a cause, the strongest item counts whole and the others a quarter, what speaks for and what speaks
//! against apart; several items of one source at one place are one. Groups add. History fades, what
//! is carried from another version halves, and nothing becomes certain. The same evidence gives the
//! same bits in any order: sums are taken in whole units ([`Line`]s sum to the log-odds exactly).

mod fold;
mod interval;
mod quick;
mod source;

#[cfg(test)]
mod tests;

use backstay_model::dependency::Evidence;
use backstay_model::{Confidence, Timestamp};
use serde::{Deserialize, Serialize};

pub use self::fold::{ECHO, ITEM_MAX, REPLICATES_MAX, SOURCE_MAX};
pub use self::interval::CASES_PER_GROUP;
pub use self::source::{
    CO_CHANGE_HALF_LIFE, EFFECT_HALF_LIFE, Group, INCIDENT_HALF_LIFE, Source, faded,
};

use self::fold::{Exact, Item, Part, Side};
use crate::calibrate::Calibration;

/// Log-odds of a dependency between two settings picked at random: about 0.4 % of all pairs
/// (dependencies.md, 1.9).
pub const PRIOR: f64 = -5.5;
/// Log-odds beyond which nothing is believed or rejected: probabilities 0.999 and 0.001.
pub const LOG_ODDS_MAX: f64 = 6.906_754_778_648_554;
/// From this confidence on an edge is shown (dependencies.md, 12.7).
pub const SHOW_FROM: f64 = 0.5;
/// A group that says less than a ratio of two does not narrow the interval.
const SAYS_SOMETHING: f64 = std::f64::consts::LN_2;
/// Anchors that a line names, at most: the strongest.
const ANCHORS_MAX: usize = 6;

/// Whether evidence is about the version that is asked about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is, or it was found again there.
    #[default]
    Exact,
    /// It is about another major version: what is bound to a version counts half. Evidence of a pack
    /// that halved it already (`Pack::carried`) is [`Standing::Exact`] here.
    Carried,
}

/// One term of the log-odds.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Line {
    /// Its group, or the prior, the calibration, the limit.
    pub group: Group,
    /// What speaks, in a few words: `documentation, 2 places`.
    pub what: String,
    /// Where the strongest of its items can be looked up, at most six.
    pub anchors: Vec<String>,
    /// What it adds, in natural log-odds.
    pub log_odds: f64,
}

/// How far a dependency is believed, and why.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Belief {
    /// Natural log-odds, −6.9..=6.9: the exact sum of the lines.
    pub log_odds: f64,
    /// The probability of these log-odds.
    pub confidence: Confidence,
    /// Lower end of the 90 % interval, 0..=1.
    pub low: f64,
    /// Upper end of the 90 % interval, 0..=1.
    pub high: f64,
    /// The terms: prior first, then groups, then calibration and limit where they do something.
    pub lines: Vec<Line>,
}

/// Weights of the groups of evidence: finite and not negative, in the order of [`Group::EVIDENCE`].
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Weights(pub [f64; Group::EVIDENCE.len()]);

impl Weights {
    /// All groups as they say themselves: the first weights (dependencies.md, 12.2), which fitting
    /// did not beat (docs/decisions/005-confidence.md).
    pub const FIRST: Weights = Weights([1.0; Group::EVIDENCE.len()]);

    /// The weight of `group`; 1 for lines without evidence.
    #[must_use]
    pub fn of(&self, group: Group) -> f64 {
        let weight = group.index().map_or(1.0, |i| self.0[i]);
        if weight.is_finite() {
            weight.max(0.0)
        } else {
            1.0
        }
    }
}

/// How evidence becomes belief: weights of the groups and, where there are labels enough to have
/// one, a calibration.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Model {
    /// Weights of the groups.
    pub weights: Weights,
    /// Moves log-odds to what labelled pairs show.
    pub calibration: Option<Calibration>,
}

impl Model {
    /// What Backstay ships.
    pub const SHIPPED: Model = Model {
        weights: Weights::FIRST,
        calibration: None,
    };

    /// What to believe of a dependency with this `evidence` at the moment `at`. Without a moment
    /// nothing has faded.
    #[must_use]
    pub fn believe(
        &self,
        evidence: &[Evidence],
        at: Option<Timestamp>,
        standing: Standing,
    ) -> Belief {
        self.believe_each(evidence.iter().map(|e| (e, standing)), at)
    }

    /// The same where each item has a standing of its own: text that was found again at the same
    /// anchor of the new version counts whole at once.
    #[must_use]
    pub fn believe_each<'a>(
        &self,
        evidence: impl Iterator<Item = (&'a Evidence, Standing)>,
        at: Option<Timestamp>,
    ) -> Belief {
        let items = fold::items(evidence, at, &self.weights);
        let parts = fold::parts(&items, &self.weights);
        let ends = self.ends(parts.iter().map(|p| p.counts).sum());
        let mut lines = vec![plain(
            Group::Prior,
            "base rate of a dependency",
            Exact::of(PRIOR),
        )];
        for group in Group::EVIDENCE {
            let mut of: Vec<&Part> = parts.iter().filter(|p| p.source.group() == group).collect();
            of.sort_by(|a, b| b.counts.cmp(&a.counts).then(a.source.cmp(&b.source)));
            lines.extend(of.into_iter().map(|p| line(p, &items)));
        }
        if ends.calibrated != ends.sum {
            let moved = ends.calibrated - ends.sum;
            lines.push(plain(
                Group::Calibration,
                "calibrated on labelled pairs",
                moved,
            ));
        }
        if ends.limited != ends.calibrated {
            let cut = ends.limited - ends.calibrated;
            lines.push(plain(Group::Limit, "nothing is certain", cut));
        }
        let confidence = logistic(ends.limited.get());
        let (low, high) = interval::interval(confidence, groups(&parts));
        Belief {
            log_odds: ends.limited.get(),
            confidence: Confidence::clamped(confidence),
            low,
            high,
            lines,
        }
    }

    /// Only the confidence, without the interval and the lines: the same number, for many pairs.
    #[must_use]
    pub fn score(
        &self,
        evidence: &[Evidence],
        at: Option<Timestamp>,
        standing: Standing,
    ) -> Confidence {
        let sum = quick::sum(evidence, at, standing, &self.weights);
        Confidence::clamped(logistic(self.ends(sum).limited.get()))
    }

    fn ends(&self, groups: Exact) -> Ends {
        let sum = Exact::of(PRIOR) + groups;
        let calibration = self.calibration.as_ref();
        let calibrated = calibration.map_or(sum, |c| Exact::of(c.apply(sum.get())));
        let most = Exact::of(LOG_ODDS_MAX);
        Ends {
            sum,
            calibrated,
            limited: calibrated.clamp(Exact::default() - most, most),
        }
    }
}

impl Default for Model {
    fn default() -> Self {
        Self::SHIPPED
    }
}

/// Log-odds after each of the last steps.
struct Ends {
    sum: Exact,
    calibrated: Exact,
    limited: Exact,
}

/// What to believe of a dependency with this `evidence`, by the model that is shipped: see
/// [`Model::believe`]. Pure, the same bits for any order of the evidence, and never less when
/// something is added that speaks for it.
#[must_use]
pub fn believe(evidence: &[Evidence], at: Option<Timestamp>, standing: Standing) -> Belief {
    Model::SHIPPED.believe(evidence, at, standing)
}

/// The confidence alone, for many pairs: see [`Model::score`].
#[must_use]
pub fn score(evidence: &[Evidence], at: Option<Timestamp>, standing: Standing) -> Confidence {
    Model::SHIPPED.score(evidence, at, standing)
}

/// What would be believed had `group` said nothing.
#[must_use]
pub fn without(
    evidence: &[Evidence],
    at: Option<Timestamp>,
    standing: Standing,
    group: Group,
) -> Belief {
    let others = evidence.iter().filter(|e| Source::of(e).group() != group);
    Model::SHIPPED.believe_each(others.map(|e| (e, standing)), at)
}

impl Belief {
    /// Whether it is worth showing.
    #[must_use]
    pub fn shows(&self) -> bool {
        self.confidence.get() >= SHOW_FROM
    }

    /// What `group` adds, in natural log-odds.
    #[must_use]
    pub fn from_group(&self, group: Group) -> f64 {
        let of = self.lines.iter().filter(|l| l.group == group);
        of.map(|l| l.log_odds).sum()
    }

    /// Log-odds before the limit, to rank what the limit makes equal.
    #[must_use]
    pub fn unlimited(&self) -> f64 {
        self.log_odds - self.from_group(Group::Limit)
    }

    /// The groups that say something, in the order of the lines.
    pub fn groups(&self) -> impl Iterator<Item = Group> + '_ {
        let lines = &self.lines;
        let speaks = |g: &Group| lines.iter().any(|l| l.group == *g);
        Group::EVIDENCE.into_iter().filter(speaks)
    }
}

/// Inverse of the natural log-odds.
#[must_use]
pub fn logistic(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

/// Groups that say enough to narrow the interval.
fn groups(parts: &[Part]) -> usize {
    let says = |g: &Group| fold::group(parts, *g).get().abs() >= SAYS_SOMETHING;
    Group::EVIDENCE.into_iter().filter(says).count()
}

fn plain(group: Group, what: &str, log_odds: Exact) -> Line {
    Line {
        group,
        what: what.to_owned(),
        anchors: Vec::new(),
        log_odds: log_odds.get(),
    }
}

fn line(part: &Part, items: &[Item<'_>]) -> Line {
    let mut of: Vec<&Item<'_>> = items[part.range.0..part.range.1].iter().collect();
    of.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.anchor.cmp(b.anchor)));
    let mut what = part.source.word().to_owned();
    if of.len() > 1 {
        let noun = match part.source {
            Source::Fix => "incidents",
            Source::Person => "people",
            _ => "places",
        };
        what.push_str(&format!(", {} {noun}", of.len()));
    }
    if part.side == Side::Against {
        what.push_str(", against");
    }
    Line {
        group: part.source.group(),
        what,
        anchors: of
            .iter()
            .take(ANCHORS_MAX)
            .map(|i| i.anchor.to_owned())
            .collect(),
        log_odds: part.counts.get(),
    }
}
