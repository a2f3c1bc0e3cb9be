//! Which way an impact walks each kind of edge, and how much of it arrives. The only such table.

use backstay_model::{EdgeKind, NodeKey};
use serde::{Deserialize, Serialize};

/// Which way an impact walks along an edge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Walk {
    /// From `from` to `to`.
    Along,
    /// From `to` to `from`: `from` depends on `to`, so a change of `to` is felt by `from`.
    Against,
    /// Both ways.
    Both,
}

impl Walk {
    /// The way an impact walks edges of this kind.
    #[must_use]
    pub const fn of(kind: EdgeKind) -> Self {
        match kind {
            EdgeKind::Requires
            | EdgeKind::BoundedBy
            | EdgeKind::Enables
            | EdgeKind::Overrides
            | EdgeKind::ScalesWith
            | EdgeKind::Uses => Self::Against,
            EdgeKind::ConflictsWith | EdgeKind::SharesResource => Self::Both,
            EdgeKind::Affects => Self::Along,
        }
    }

    /// Whether an impact may leave an edge's `from` end towards its `to` end.
    #[must_use]
    pub const fn forward(self) -> bool {
        matches!(self, Self::Along | Self::Both)
    }

    /// Whether an impact may leave an edge's `to` end towards its `from` end.
    #[must_use]
    pub const fn backward(self) -> bool {
        matches!(self, Self::Against | Self::Both)
    }
}

/// Share of an impact, `0..=1`, that passes an edge of this kind (dependencies.md, section 11).
///
/// These are the plain shares. Those that depend on the state of a target (a bound that is far from
/// active, a switch that is off) are for the caller, who knows values: it overrides the edge in an
/// overlay. Section 5.4 of risk-and-simulation.md proposes coarser shares; we take the finer table,
/// because both notes agree on the order and only this one tells the kinds apart.
#[must_use]
pub const fn attenuation(kind: EdgeKind) -> f64 {
    match kind {
        EdgeKind::Requires | EdgeKind::ConflictsWith | EdgeKind::Affects | EdgeKind::Uses => 1.0,
        EdgeKind::BoundedBy => 0.9,
        EdgeKind::Enables | EdgeKind::Overrides => 0.8,
        EdgeKind::SharesResource => 0.5,
        EdgeKind::ScalesWith => 0.4,
    }
}

/// Whether an impact may step from `here` to `there` over an edge of this kind. A metric is left only
/// towards a service, a service not at all: structure never runs through a metric.
#[must_use]
pub fn passable(kind: EdgeKind, here: &NodeKey, there: &NodeKey) -> bool {
    match (here, there) {
        (NodeKey::Metric(_), NodeKey::Service(_)) => {
            matches!(kind, EdgeKind::Affects | EdgeKind::Uses)
        }
        (NodeKey::Metric(_) | NodeKey::Service(_), _) => false,
        (_, NodeKey::Metric(_)) => kind == EdgeKind::Affects,
        _ => true,
    }
}

/// A set of edge kinds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct KindSet(u16);

impl KindSet {
    /// Every kind.
    pub const ALL: KindSet = KindSet((1 << EdgeKind::ALL.len()) - 1);
    /// No kind.
    pub const NONE: KindSet = KindSet(0);

    /// These kinds.
    #[must_use]
    pub fn of(kinds: &[EdgeKind]) -> Self {
        kinds.iter().fold(Self::NONE, |set, kind| set.with(*kind))
    }

    /// The kinds between settings and resources: all but `affects` and `uses`.
    #[must_use]
    pub fn structural() -> Self {
        Self(Self::ALL.0 & !Self::of(&[EdgeKind::Affects, EdgeKind::Uses]).0)
    }

    /// This set and `kind`.
    #[must_use]
    pub const fn with(self, kind: EdgeKind) -> Self {
        Self(self.0 | (1 << kind as u16))
    }

    /// Whether `kind` is in the set.
    #[must_use]
    pub const fn contains(self, kind: EdgeKind) -> bool {
        self.0 & (1 << kind as u16) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symmetric_kinds_are_exactly_those_walked_both_ways() {
        for kind in EdgeKind::ALL {
            assert_eq!(kind.symmetric(), Walk::of(kind) == Walk::Both, "{kind}");
            assert!(KindSet::ALL.contains(kind) && !KindSet::NONE.contains(kind));
            assert!(attenuation(kind) > 0.0 && attenuation(kind) <= 1.0);
        }
        assert!(!KindSet::structural().contains(EdgeKind::Affects));
        assert!(KindSet::structural().contains(EdgeKind::Enables));
    }
}
