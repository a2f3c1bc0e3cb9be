//! Pairs of settings with evidence of every kind, as many as four hundred settings have.

use backstay_learn::belief::Source;
use backstay_model::Timestamp;
use backstay_model::dependency::{Evidence, EvidenceKind};

/// Pairs that are scored anew: four hundred settings with each other.
pub const PAIRS: usize = 80_000;
/// When they are scored.
pub const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const DAY_S: i64 = 86_400;

/// The evidence of each pair: one to six items, four and a half on average, half of them history that
/// has begun to fade.
#[must_use]
pub fn pairs() -> Vec<Vec<Evidence>> {
    (0..PAIRS).map(pair).collect()
}

/// The pair with the most evidence: what `explain` shows in full.
#[must_use]
pub fn rich() -> Vec<Evidence> {
    pair(5)
}

fn pair(n: usize) -> Vec<Evidence> {
    let all = [
        item(
            EvidenceKind::Documentation,
            format!("GUC-SETTING-{}:{n:032x}", n % 400),
            7.396,
        ),
        history(Source::CoChange, n, 90, 3.4),
        item(EvidenceKind::Naming, "naming:prefix".to_owned(), 7.901),
        history(Source::Fix, n, 200, 2.996),
        item(
            EvidenceKind::Verdict,
            "verdict:start:less".to_owned(),
            8.517,
        ),
        history(Source::Healthy, n, 30, -0.3),
    ];
    let [first, rest @ ..] = all;
    // Four in six pairs have all but one or two of them.
    let kept = [5, 4, 3, 5, 0, 5][n % 6];
    std::iter::once(first)
        .chain(rest.into_iter().take(kept))
        .collect()
}

fn history(source: Source, n: usize, days: i64, log_lr: f64) -> Evidence {
    let age = (n as i64 % days) * DAY_S;
    Evidence {
        observed_at: Some(Timestamp(NOW.0 - Timestamp::from_secs(age).0)),
        ..item(EvidenceKind::History, source.anchor(&n.to_string()), log_lr)
    }
}

fn item(kind: EvidenceKind, anchor: String, log_lr: f64) -> Evidence {
    Evidence {
        kind,
        anchor,
        log_lr,
        observed_at: None,
    }
}
