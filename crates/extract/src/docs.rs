//! Which documentation a pack is built from: that of its own version, or of the nearest one.

use std::path::PathBuf;

use crate::finding::Finding;
use crate::html::{self, Block, DocsError};

/// Versions away from which documentation is still looked for.
const FAR: u32 = 4;
/// Share of the weight that a sentence of another version keeps (design note "dependencies", section 13).
const CARRIED: f64 = 0.5;

/// Documentation to build a pack from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Docs {
    /// That of the version itself.
    Own {
        /// Its folder.
        folder: PathBuf,
    },
    /// That of another version: what it says counts half.
    Carried {
        /// Its folder.
        folder: PathBuf,
        /// Its major version.
        from: u32,
    },
    /// There is none.
    Missing,
}

impl Docs {
    /// What the distribution's packages have for PostgreSQL `major`: its own, else that of the nearest
    /// older version, else of the nearest newer one.
    #[must_use]
    pub fn packaged(major: u32) -> Self {
        let folder = |major: u32| {
            let folder = PathBuf::from(format!("/usr/share/doc/postgresql-doc-{major}/html"));
            folder.is_dir().then_some(folder)
        };
        if let Some(folder) = folder(major) {
            return Self::Own { folder };
        }
        let older = (1..=FAR).filter_map(|n| major.checked_sub(n));
        let newer = (1..=FAR).filter_map(|n| major.checked_add(n));
        let found = older
            .chain(newer)
            .find_map(|from| Some((folder(from)?, from)));
        found.map_or(Self::Missing, |(folder, from)| Self::Carried {
            folder,
            from,
        })
    }

    /// Its paragraphs.
    pub(crate) fn blocks(&self) -> Result<Vec<Block>, DocsError> {
        match self {
            Self::Own { folder } | Self::Carried { folder, .. } => html::read(folder),
            Self::Missing => Ok(Vec::new()),
        }
    }

    /// Findings of its text with the weight that they have for the version that is built.
    pub(crate) fn weigh(&self, mut findings: Vec<Finding>) -> Vec<Finding> {
        if let Self::Carried { from, .. } = self {
            for finding in &mut findings {
                finding.log_lr *= CARRIED;
                finding.anchor.push_str(&format!("@{from}"));
            }
        }
        findings
    }

    /// For a person: what it is.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Own { .. } => "its documentation package".to_owned(),
            Self::Carried { from, .. } => {
                format!("the documentation package of {from}, carried with half its weight")
            }
            Self::Missing => "no documentation".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use backstay_model::dependency::EvidenceKind;

    use super::*;

    #[test]
    fn sentences_of_another_version_count_half_and_say_so() {
        let finding = Finding {
            from: "a".into(),
            to: "b".into(),
            kind: None,
            rule: None,
            severity: None,
            source: EvidenceKind::Documentation,
            anchor: "GUC-A:1f".into(),
            log_lr: 4.0,
            grip: 0,
        };
        let folder = PathBuf::from("x");
        let carried = Docs::Carried {
            folder: folder.clone(),
            from: 15,
        };
        let found = carried.weigh(vec![finding.clone()]);
        assert_eq!(
            (found[0].log_lr, found[0].anchor.as_str()),
            (2.0, "GUC-A:1f@15")
        );
        assert_eq!(Docs::Own { folder }.weigh(vec![finding.clone()]), [finding]);
        assert_eq!(Docs::packaged(900), Docs::Missing);
    }
}
