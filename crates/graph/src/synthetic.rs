//! Graphs made from a seed: for benches, and for the random runs of the conformance suite.

use backstay_chance::Dice;
use backstay_model::{Confidence, EdgeKind, NodeKey};

use crate::compact::{CompactGraph, Part};

/// A random graph of this many settings and structural edges, ends uniform, one in ten edges
/// symmetric, confidences in `0.5..1`.
#[must_use]
pub fn synthetic(nodes: u32, edges: u32, seed: u64) -> CompactGraph {
    const ARROWS: [EdgeKind; 5] = [
        EdgeKind::Requires,
        EdgeKind::BoundedBy,
        EdgeKind::Enables,
        EdgeKind::Overrides,
        EdgeKind::ScalesWith,
    ];
    let mut dice = Dice::new(seed);
    // The digits make the order of the names the order of the numbers.
    let keys = (0..nodes)
        .map(|n| NodeKey::setting(&format!("s{n:010}")))
        .collect();
    let parts: Vec<Part> = (0..edges)
        .map(|_| Part {
            from: dice.below(u64::from(nodes)) as u32,
            to: dice.below(u64::from(nodes)) as u32,
            kind: match dice.below(10) {
                0 => EdgeKind::SharesResource,
                n => ARROWS
                    .get(n as usize % ARROWS.len())
                    .copied()
                    .unwrap_or(EdgeKind::Requires),
            },
            confidence: Confidence::clamped(0.5 + dice.unit() / 2.0),
        })
        .collect();
    CompactGraph::from_parts(keys, &parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compact::TraceSpec;
    use crate::direction::KindSet;

    #[test]
    fn the_same_seed_gives_the_same_trace() {
        let spec = TraceSpec {
            kinds: KindSet::ALL,
            depth: 3,
            min_confidence: Confidence::ZERO,
        };
        let traces = [7, 7, 8].map(|seed| synthetic(10_000, 100_000, seed).trace(&[17], &spec));
        assert_eq!(traces[0], traces[1]);
        assert_ne!(traces[0], traces[2]);
        assert!(traces[0].len() > 500);
    }
}
