//! The large graph.

use backstay_chance::Dice;
use backstay_graph::compact::TraceSpec;
use backstay_graph::synthetic::synthetic;
use backstay_graph::{CompactGraph, ImpactSpec, KindSet, View};
use backstay_model::{Confidence, Timestamp};

/// Nodes of the large graph.
pub const NODES: u32 = 1_000_000;
/// Edges of the large graph; one in ten can be walked both ways.
pub const EDGES: u32 = 10_000_000;
/// Edges from a start that are followed.
pub const DEPTH: u8 = 3;

/// A random graph of [`NODES`] and [`EDGES`]; about 400 MB while it is made, half of that after.
#[must_use]
pub fn large() -> CompactGraph {
    synthetic(NODES, EDGES, 7)
}

/// How it is traced: every kind of edge, [`DEPTH`] edges far.
#[must_use]
pub const fn trace() -> TraceSpec {
    TraceSpec {
        kinds: KindSet::ALL,
        depth: DEPTH,
        min_confidence: Confidence::ZERO,
    }
}

/// The same as a specification of an impact.
#[must_use]
pub fn impact() -> ImpactSpec {
    ImpactSpec {
        depth: DEPTH,
        ..ImpactSpec::new(View::All, Timestamp(0))
    }
}

/// Positions of random start nodes.
pub fn starts(seed: u64) -> impl Iterator<Item = u32> {
    let mut dice = Dice::new(seed);
    std::iter::repeat_with(move || dice.below(u64::from(NODES)) as u32)
}
