//! Precision and recall of ranked claims against a check list.

use std::collections::{BTreeMap, BTreeSet};

use backstay_model::EdgeKind;

use super::list::{Claim, Pair};

/// The precision at which recall is asked for.
pub(crate) const PRECISION_FLOOR: f64 = 0.90;

/// How well a set agrees with a list. All in 0..=1.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Agreement {
    /// Share of the set that is in the list: a lower bound, because no list is complete.
    pub(crate) precision: f64,
    /// Share of the list that is in the set.
    pub(crate) recall: f64,
}

impl Agreement {
    /// Of `hits` common items of a set of `found` and a list of `wanted`.
    pub(crate) fn of(hits: usize, found: usize, wanted: usize) -> Self {
        let share = |of: usize| if of == 0 { 0.0 } else { ratio(hits, of) };
        Self {
            precision: share(found),
            recall: share(wanted),
        }
    }

    /// Harmonic mean of the two.
    pub(crate) fn f1(self) -> f64 {
        let sum = self.precision + self.recall;
        if sum == 0.0 {
            0.0
        } else {
            2.0 * self.precision * self.recall / sum
        }
    }
}

/// Agreement of two sets.
pub(crate) fn agreement<T: Ord>(found: &BTreeSet<T>, wanted: &BTreeSet<T>) -> Agreement {
    let hits = found.intersection(wanted).count();
    Agreement::of(hits, found.len(), wanted.len())
}

/// Claims without their kinds: the direction stays.
pub(crate) fn directed(claims: &BTreeSet<Claim>) -> BTreeSet<(String, String)> {
    let ends = |c: &Claim| {
        let (a, b) = if c.kind.symmetric() {
            c.pair()
        } else {
            (c.from.clone(), c.to.clone())
        };
        (a.as_str().to_owned(), b.as_str().to_owned())
    };
    claims.iter().map(ends).collect()
}

/// Claims without kinds and direction.
pub(crate) fn pairs(claims: &BTreeSet<Claim>) -> BTreeSet<Pair> {
    claims.iter().map(Claim::pair).collect()
}

/// Claims with kinds that are hard to tell apart merged (design note "dependencies", section 18).
pub(crate) fn lenient(claims: &BTreeSet<Claim>) -> BTreeSet<Claim> {
    let merged = |kind| match kind {
        EdgeKind::Requires | EdgeKind::Enables => EdgeKind::Enables,
        EdgeKind::BoundedBy | EdgeKind::ScalesWith => EdgeKind::BoundedBy,
        other => other,
    };
    let one = |c: &Claim| Claim {
        kind: merged(c.kind),
        ..c.clone()
    };
    claims.iter().map(one).collect()
}

/// Pairs with their scores, best first; a pair counts once, with its best score.
pub(crate) fn ranked(scored: impl IntoIterator<Item = (Pair, f64)>) -> Vec<(Pair, f64)> {
    let mut best: BTreeMap<Pair, f64> = BTreeMap::new();
    for (pair, score) in scored {
        let known = best.entry(pair).or_insert(f64::MIN);
        *known = known.max(score);
    }
    let mut ranked: Vec<_> = best.into_iter().collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    ranked
}

/// Area under the curve of precision over recall (average precision), ties taken as one step.
pub(crate) fn average_precision(ranked: &[(Pair, f64)], wanted: &BTreeSet<Pair>) -> f64 {
    let mut area = 0.0;
    let mut before = 0.0;
    for point in curve(ranked, wanted) {
        area += point.precision * (point.recall - before);
        before = point.recall;
    }
    area
}

/// Highest recall of a cut through the ranking at which precision is at least `floor`; with the number
/// of pairs above the cut. `None` when there is no such cut.
pub(crate) fn recall_at(
    ranked: &[(Pair, f64)],
    wanted: &BTreeSet<Pair>,
    floor: f64,
) -> Option<Agreement> {
    curve(ranked, wanted)
        .into_iter()
        .filter(|point| point.precision >= floor)
        .max_by(|a, b| a.recall.total_cmp(&b.recall))
}

/// One point per distinct score.
fn curve(ranked: &[(Pair, f64)], wanted: &BTreeSet<Pair>) -> Vec<Agreement> {
    let (mut found, mut hits) = (0, 0);
    let mut points = Vec::new();
    for tie in ranked.chunk_by(|a, b| a.1.total_cmp(&b.1).is_eq()) {
        found += tie.len();
        hits += tie.iter().filter(|(pair, _)| wanted.contains(pair)).count();
        points.push(Agreement::of(hits, found, wanted.len()));
    }
    points
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of pairs are far below 2^52"
)]
fn ratio(a: usize, b: usize) -> f64 {
    a as f64 / b as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use backstay_model::SettingName;

    fn pair(a: &str, b: &str) -> Pair {
        (SettingName::new(a), SettingName::new(b))
    }

    #[test]
    fn agreement_is_of_both_sets() {
        let found: BTreeSet<_> = [1, 2, 3, 4].into();
        let wanted: BTreeSet<_> = [3, 4, 5].into();
        let both = agreement(&found, &wanted);
        assert!((both.precision - 0.5).abs() < 1e-12);
        assert!((both.recall - 2.0 / 3.0).abs() < 1e-12);
        assert!((both.f1() - 4.0 / 7.0).abs() < 1e-12);
        assert!(agreement(&BTreeSet::new(), &wanted).f1().abs() < 1e-12);
    }

    #[test]
    fn ties_are_taken_whole_and_the_best_cut_is_found() {
        let wanted = [pair("a", "b"), pair("a", "c")].into();
        let scored = [
            (pair("a", "b"), 0.9),
            (pair("a", "b"), 0.1),
            (pair("x", "y"), 0.5),
            (pair("a", "c"), 0.5),
        ];
        let ranked = ranked(scored);
        assert_eq!(ranked.len(), 3);
        let cut = recall_at(&ranked, &wanted, 0.9).unwrap();
        assert!((cut.recall - 0.5).abs() < 1e-12);
        let cut = recall_at(&ranked, &wanted, 0.6).unwrap();
        assert!((cut.recall - 1.0).abs() < 1e-12);
        assert!((average_precision(&ranked, &wanted) - (0.5 + 0.5 * 2.0 / 3.0)).abs() < 1e-12);
    }

    #[test]
    fn direction_and_kind_count_only_where_they_are_asked_for() {
        let ours: BTreeSet<_> = [
            Claim::new("a", "b", EdgeKind::Requires),
            Claim::new("d", "c", EdgeKind::BoundedBy),
        ]
        .into();
        let list: BTreeSet<_> = [
            Claim::new("a", "b", EdgeKind::Enables),
            Claim::new("c", "d", EdgeKind::BoundedBy),
        ]
        .into();
        let hits = |a: Agreement| (a.recall * 2.0).round();
        assert!((hits(agreement(&ours, &list)) - 0.0).abs() < 1e-12);
        assert!((hits(agreement(&lenient(&ours), &lenient(&list))) - 1.0).abs() < 1e-12);
        assert!((hits(agreement(&directed(&ours), &directed(&list))) - 1.0).abs() < 1e-12);
        assert!((hits(agreement(&pairs(&ours), &pairs(&list))) - 2.0).abs() < 1e-12);
    }
}
