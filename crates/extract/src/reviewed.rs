//! What people reviewed: labels for the kind of a dependency, and pairs worth trying.
//!
//! A reviewed pair keeps its reviewed kind and direction, so that generated evidence joins the
//! reviewed edge and does not stand beside it as another. Whether a pair is real is still decided by
//! evidence alone.

use std::collections::{BTreeMap, BTreeSet};

use backstay_catalog::expr;
use backstay_catalog::pack::OverridesFile;
use backstay_model::EdgeKind;

/// Kind, from, to.
pub(crate) type Typed = (EdgeKind, String, String);

/// The reviewed file, by pairs of names.
#[derive(Debug, Default)]
pub(crate) struct Reviewed {
    kinds: BTreeMap<(String, String), Vec<Typed>>,
    rules: BTreeMap<(String, String), Vec<String>>,
}

/// The reviewed file cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the reviewed rules")]
pub struct ReviewedError {
    /// Why.
    #[from]
    source: toml::de::Error,
}

impl Reviewed {
    /// Reads `overrides.toml`; no text, nothing reviewed.
    pub(crate) fn parse(text: &str) -> Result<Self, ReviewedError> {
        let mut reviewed = Self::default();
        if text.trim().is_empty() {
            return Ok(reviewed);
        }
        let file: OverridesFile = toml::from_str(text)?;
        for rule in file.constraint {
            let members: BTreeSet<&String> = rule
                .others
                .iter()
                .chain([&rule.subject])
                .filter(|n| !n.contains('.'))
                .collect();
            for (i, a) in members.iter().enumerate() {
                for b in members.iter().skip(i + 1) {
                    reviewed.add(
                        &rule.subject,
                        (rule.kind, a.as_str(), b.as_str()),
                        &rule.rule,
                    );
                }
            }
        }
        Ok(reviewed)
    }

    /// One pair of one rule; `a < b`.
    fn add(&mut self, subject: &str, (kind, a, b): (EdgeKind, &str, &str), rule: &Option<String>) {
        let pair = (a.to_owned(), b.to_owned());
        let meaning = rule.as_deref().and_then(meaning);
        self.rules.entry(pair.clone()).or_default().extend(meaning);
        let typed = if kind.symmetric() || a == subject {
            (kind, a.to_owned(), b.to_owned())
        } else if b == subject {
            (kind, b.to_owned(), a.to_owned())
        } else {
            return;
        };
        self.kinds.entry(pair).or_default().push(typed);
    }

    /// The reviewed pairs.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (String, String)> {
        self.kinds.keys().cloned()
    }

    /// Kind and direction of a pair: `found` where that is reviewed or nothing is, else the reviewed one.
    pub(crate) fn typed(&self, found: Typed) -> Typed {
        let pair = if found.1 <= found.2 {
            (&found.1, &found.2)
        } else {
            (&found.2, &found.1)
        };
        let Some(kinds) = self.kinds.get(&(pair.0.clone(), pair.1.clone())) else {
            return found;
        };
        match kinds.first() {
            Some(first) if !kinds.contains(&found) => first.clone(),
            _ => found,
        }
    }

    /// Whether people gave these settings a rule of another meaning than `rule`: theirs stands alone.
    pub(crate) fn replaces(&self, a: &str, b: &str, rule: &str) -> Replaced {
        let pair = if a <= b {
            (a.to_owned(), b.to_owned())
        } else {
            (b.to_owned(), a.to_owned())
        };
        let theirs = self.rules.get(&pair).filter(|rules| !rules.is_empty());
        match (theirs, meaning(rule)) {
            (Some(theirs), Some(ours)) if !theirs.contains(&ours) => Replaced::Yes,
            _ => Replaced::No,
        }
    }
}

/// Whether a reviewed rule stands in the place of a generated one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Replaced {
    Yes,
    No,
}

/// Normal form of a rule.
fn meaning(rule: &str) -> Option<String> {
    Some(expr::normalise(expr::parse(rule).ok()?).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        format = 1
        [[constraint]]
        id = "x"
        kind = "bounded_by"
        subject = "b"
        others = ["a", "host.memory"]
        rule = "b <= a"
        severity = "silent"
        note = "b under a"
    "#;

    #[test]
    fn reviewed_pairs_keep_their_kind_and_their_rule() {
        let reviewed = Reviewed::parse(FILE).unwrap();
        assert_eq!(
            reviewed.pairs().collect::<Vec<_>>(),
            [("a".to_owned(), "b".to_owned())]
        );
        let theirs = (EdgeKind::BoundedBy, "b".to_owned(), "a".to_owned());
        let ours = (EdgeKind::ScalesWith, "a".to_owned(), "b".to_owned());
        assert_eq!(reviewed.typed(ours), theirs);
        let stranger = (EdgeKind::Requires, "c".to_owned(), "a".to_owned());
        assert_eq!(reviewed.typed(stranger.clone()), stranger);
        assert_eq!(reviewed.replaces("a", "b", "a >= b"), Replaced::No);
        assert_eq!(reviewed.replaces("a", "b", "b < a"), Replaced::Yes);
        assert_eq!(reviewed.replaces("a", "c", "c < a"), Replaced::No);
    }
}
