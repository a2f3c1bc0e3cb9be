//! What becomes of edges that fade: they wane, are buried with a reason, and only stronger evidence
//! than they died with brings them back (dependencies.md, 13).

use backstay_model::dependency::Evidence;
use backstay_model::{Span, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Belief, Group, SHOW_FROM, Source, WANE_BELOW};

/// Half-lives that an edge may stay below [`WANE_BELOW`] before it is buried.
const PATIENCE: i64 = 2;
/// How much more log-odds than it died with a buried edge needs to come back: a ratio of two.
pub const REVIVAL: f64 = std::f64::consts::LN_2;

/// An edge that is no longer kept, and why.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Tombstone {
    /// When it was buried.
    pub at: Timestamp,
    /// Since when it had been below [`WANE_BELOW`].
    pub since: Timestamp,
    /// Its log-odds then.
    pub log_odds: f64,
    /// The most that its evidence ever gave it while it waned, before it faded: the same evidence
    /// seen anew is not news.
    pub peak: f64,
}

impl Tombstone {
    /// One line for a person.
    #[must_use]
    pub fn reason(&self) -> String {
        format!(
            "below {WANE_BELOW} from {} to {}; log-odds {:.1} at the end",
            self.since, self.at, self.log_odds
        )
    }

    /// Whether `belief` may bring it back: it is worth showing, and more than the evidence it died
    /// with ever gave, or a server or a person speaks for it.
    #[must_use]
    pub fn yields_to(&self, belief: &Belief) -> bool {
        let direct = [Group::Runtime, Group::Person];
        let direct = direct.into_iter().any(|g| belief.from_group(g) > 0.0);
        let stronger = belief.unlimited() > self.peak + REVIVAL;
        belief.confidence.get() >= SHOW_FROM && (direct || stronger)
    }
}

/// What to do with an edge now.
#[derive(Clone, PartialEq, Debug)]
pub enum Fate {
    /// Keep it.
    Lives,
    /// It is below, and not yet for long enough.
    Wanes,
    /// Bury it.
    Dies(Tombstone),
}

/// How long an edge has been below [`WANE_BELOW`]; one per edge, told of every belief in the order
/// of time.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Wane {
    below: Option<(Timestamp, f64)>,
}

impl Wane {
    /// Takes notice of `belief` at `at`, which rests on `evidence`. What is told twice changes
    /// nothing; an edge without evidence that fades is never buried.
    pub fn notice(&mut self, belief: &Belief, evidence: &[Evidence], at: Timestamp) -> Fate {
        if belief.confidence.get() >= WANE_BELOW {
            self.below = None;
            return Fate::Lives;
        }
        let fresh = super::believe(evidence, None, super::Standing::Exact).unlimited();
        let (since, peak) = self.below.unwrap_or((at, fresh));
        let peak = peak.max(fresh);
        self.below = Some((since, peak));
        let longest = evidence.iter().filter_map(|e| Source::of(e).half_life());
        let Some(half_life) = longest.max() else {
            return Fate::Wanes;
        };
        if at.since(since) < Span(half_life.0 * PATIENCE) {
            return Fate::Wanes;
        }
        Fate::Dies(Tombstone {
            at,
            since,
            log_odds: belief.log_odds,
            peak,
        })
    }
}
