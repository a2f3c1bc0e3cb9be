//! Whether the confidences of a pack come true: Brier score and expected calibration error by type.

use std::collections::{BTreeMap, BTreeSet};

use backstay_learn::calibrate::{Quality, Scored, quality};
use backstay_model::EdgeKind;

use super::list::{Claim, Pair};

/// The head of [`table`].
pub(crate) const HEAD: &str = "\n| type, as the pack tells it | n | of them not real | mean confidence \
    | Brier | ECE |\n|---|---|---|---|---|---|";

/// A dependency that the pack tells, and how sure the pack is that there is one.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Told {
    /// Which.
    pub(crate) claim: Claim,
    /// How sure, 0..=1.
    pub(crate) confidence: f64,
}

/// Confidences against what is known to be real: a pair in the list or judged real is, a pair judged
/// otherwise is not, of any other nothing is known and it does not count.
#[derive(Debug)]
pub(crate) struct Calibration {
    by_kind: BTreeMap<EdgeKind, Vec<Scored>>,
}

impl Calibration {
    pub(crate) fn of(
        told: &[Told],
        listed: &BTreeSet<Pair>,
        judged: &BTreeMap<Pair, bool>,
    ) -> Self {
        let mut by_kind: BTreeMap<EdgeKind, Vec<Scored>> = BTreeMap::new();
        for Told { claim, confidence } in told {
            let pair = claim.pair();
            let real = match (listed.contains(&pair), judged.get(&pair)) {
                (true, _) => true,
                (false, Some(real)) => *real,
                (false, None) => continue,
            };
            by_kind.entry(claim.kind).or_default().push(Scored {
                p: *confidence,
                y: f64::from(u8::from(real)),
                weight: 1.0,
            });
        }
        Self { by_kind }
    }

    /// One row for each type, and one for all.
    pub(crate) fn rows(&self) -> Vec<String> {
        let kinds = EdgeKind::ALL.into_iter();
        let of =
            kinds.filter_map(|kind| Some((kind.to_string(), self.by_kind.get(&kind)?.clone())));
        let all = self.by_kind.values().flatten().copied().collect();
        of.chain([("**all**".to_owned(), all)])
            .map(|(what, scored)| row(&what, &scored))
            .collect()
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of pairs are far below 2^52"
)]
fn row(what: &str, scored: &[Scored]) -> String {
    let n = scored.len();
    let unreal = scored.iter().filter(|s| s.y < 0.5).count();
    let mean = scored.iter().map(|s| s.p).sum::<f64>() / n.max(1) as f64;
    let Quality { brier, ece, .. } = quality(scored);
    format!("| {what} | {n} | {unreal} | {mean:.3} | {brier:.4} | {ece:.3} |")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pairs_of_which_something_is_known_count() {
        let told = |from: &str, to: &str, kind, confidence| Told {
            claim: Claim::new(from, to, kind),
            confidence,
        };
        let all = [
            told("a", "b", EdgeKind::Enables, 0.9),
            told("c", "d", EdgeKind::Enables, 0.8),
            told("e", "f", EdgeKind::Requires, 0.7),
            told("nobody", "knows", EdgeKind::Requires, 0.1),
        ];
        let pair = |at: usize| all[at].claim.pair();
        let listed = [pair(0)].into();
        let judged = [(pair(1), false), (pair(2), true)].into();
        let rows = Calibration::of(&all, &listed, &judged).rows();
        // Enables: ((1 - 0.9)^2 + 0.8^2) / 2, bins (|0.9 - 1| + |0.8 - 0|) / 2.
        // Requires: (1 - 0.7)^2, |0.7 - 1|.
        assert_eq!(
            rows,
            [
                "| requires | 1 | 0 | 0.700 | 0.0900 | 0.300 |",
                "| enables | 2 | 1 | 0.850 | 0.3250 | 0.450 |",
                "| **all** | 3 | 1 | 0.800 | 0.2467 | 0.400 |",
            ]
        );
    }
}
