//! What makes an edge the same edge: its scope, its line and the moment it begins.

use std::fmt;

use backstay_model::name::EngineKind;
use backstay_model::{Confidence, Edge, EdgeKind, NodeKey, TargetId, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// To what an edge belongs: the rules of an engine and major version, what this installation learnt
/// about them, or one target.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeScope {
    /// The rules of an engine and its major version, shared by all targets that run it.
    Rules {
        /// The engine.
        engine: EngineKind,
        /// Its major version.
        major: u32,
    },
    /// What this installation learnt about an engine and major version, from all its targets and its
    /// people. Such an edge wins over the rule edge of the same ends and kind.
    Learnt {
        /// The engine.
        engine: EngineKind,
        /// Its major version.
        major: u32,
    },
    /// The overlay of one target. Such an edge wins over the others of the same ends and kind; with
    /// confidence zero it mutes them.
    Target(TargetId),
}

impl EdgeScope {
    /// The rules of an engine and its major version.
    #[must_use]
    pub const fn rules(engine: EngineKind, major: u32) -> Self {
        Self::Rules { engine, major }
    }

    /// What this installation learnt about an engine and its major version.
    #[must_use]
    pub const fn learnt(engine: EngineKind, major: u32) -> Self {
        Self::Learnt { engine, major }
    }

    /// Reads the form that `Display` writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(target) = text.strip_prefix("db:") {
            return Some(Self::Target(TargetId::new(target)));
        }
        let (word, version) = text.split_once(':')?;
        let (engine, major) = version.split_once('/')?;
        let engines = [
            EngineKind::Postgresql,
            EngineKind::Mariadb,
            EngineKind::Redis,
        ];
        let engine = engines.into_iter().find(|e| e.to_string() == engine)?;
        let major = major.parse().ok()?;
        match word {
            "rule" => Some(Self::Rules { engine, major }),
            "learnt" => Some(Self::Learnt { engine, major }),
            _ => None,
        }
    }
}

impl fmt::Display for EdgeScope {
    /// `rule:postgresql/15`, `learnt:postgresql/15` or `db:shop-1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rules { engine, major } => write!(f, "rule:{engine}/{major}"),
            Self::Learnt { engine, major } => write!(f, "learnt:{engine}/{major}"),
            Self::Target(target) => write!(f, "db:{target}"),
        }
    }
}

/// The versions of one edge through time share a line: scope, ends and kind. At any moment at most
/// one version of a line is visible.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct LineKey {
    /// Where it belongs.
    pub scope: EdgeScope,
    /// What depends; for symmetric kinds the smaller of the two.
    pub from: NodeKey,
    /// On what it depends.
    pub to: NodeKey,
    /// How.
    pub kind: EdgeKind,
}

impl LineKey {
    /// The line of these ends, names sorted when the kind is symmetric.
    #[must_use]
    pub fn new(scope: EdgeScope, from: NodeKey, to: NodeKey, kind: EdgeKind) -> Self {
        let (from, to) = if kind.symmetric() && to < from {
            (to, from)
        } else {
            (from, to)
        };
        Self {
            scope,
            from,
            to,
            kind,
        }
    }

    /// The line of `edge` in `scope`.
    #[must_use]
    pub fn of(scope: &EdgeScope, edge: &Edge) -> Self {
        Self::new(scope.clone(), edge.from.clone(), edge.to.clone(), edge.kind)
    }
}

/// The one form in which an edge is kept: ends of symmetric kinds sorted, no negative zero.
#[must_use]
pub fn canonical(mut edge: Edge) -> Edge {
    if edge.kind.symmetric() && edge.to < edge.from {
        std::mem::swap(&mut edge.from, &mut edge.to);
    }
    edge.confidence = Confidence::clamped(edge.confidence.get() + 0.0);
    for evidence in &mut edge.evidence {
        evidence.log_lr += 0.0;
    }
    edge
}

/// Identity of one version of an edge: the first 16 bytes of SHA-256 over its length-prefixed scope,
/// ends, kind and beginning. The same version has the same id in every store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EdgeId(pub [u8; 16]);

impl EdgeId {
    /// The id of the version of `line` that begins at `valid_from`.
    #[must_use]
    pub fn of(line: &LineKey, valid_from: Timestamp) -> Self {
        let mut hash = Sha256::new();
        let ends = [&line.from, &line.to].map(|n| (n.kind(), n.name()));
        let scope = line.scope.to_string();
        let texts = [
            scope.as_str(),
            ends[0].0,
            ends[0].1,
            ends[1].0,
            ends[1].1,
            line.kind.word(),
        ];
        for text in texts {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        }
        hash.update(valid_from.0.to_be_bytes());
        let digest = hash.finalize();
        let mut id = [0; 16];
        id.copy_from_slice(digest.get(..16).unwrap_or(&[0; 16]));
        Self(id)
    }
}

impl fmt::Display for EdgeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for EdgeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_read_what_they_write() {
        for scope in [
            EdgeScope::rules(EngineKind::Postgresql, 15),
            EdgeScope::learnt(EngineKind::Postgresql, 18),
            EdgeScope::Target(TargetId::new("shop-1")),
            EdgeScope::Target(TargetId::new("learnt:postgresql/15")),
        ] {
            assert_eq!(EdgeScope::parse(&scope.to_string()), Some(scope));
        }
        assert_eq!(EdgeScope::parse("rule:oracle/9"), None);
    }

    #[test]
    fn ids_are_fixed_and_tell_versions_apart() {
        let scope = EdgeScope::rules(EngineKind::Postgresql, 15);
        let (a, b) = (NodeKey::setting("a"), NodeKey::setting("b"));
        let there = LineKey::new(scope.clone(), a.clone(), b.clone(), EdgeKind::ConflictsWith);
        let back = LineKey::new(scope.clone(), b.clone(), a.clone(), EdgeKind::ConflictsWith);
        assert_eq!(there, back);
        let id = EdgeId::of(&there, Timestamp(1));
        insta::assert_snapshot!(id, @"2976891a2030888e6fd5e5e2c732dfdc");
        assert_ne!(id, EdgeId::of(&there, Timestamp(2)));
        let metric = NodeKey::Metric(backstay_model::MetricName::new("a"));
        assert_ne!(
            EdgeId::of(
                &LineKey::new(scope, metric, b, EdgeKind::ConflictsWith),
                Timestamp(1)
            ),
            id
        );
    }
}
