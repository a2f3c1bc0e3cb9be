//! What is proposed, and putting it on a copy.

use std::collections::BTreeSet;

use backstay_catalog::candidate::Candidate;
use backstay_catalog::units::ValueError;
use backstay_model::{Change, ChangeSet, Scope, SettingKey, SettingName};

/// One proposed value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proposed {
    /// Which setting, and where.
    pub key: SettingKey,
    /// The value as a person writes it; `None` puts it back to what the files or the server give.
    pub new: Option<String>,
}

/// A proposal cannot be simulated.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum ProposalError {
    /// Two different values for one setting.
    #[error("{key} is given two values: {first} and {second}")]
    TwoValues {
        /// The setting.
        key: SettingKey,
        /// The first value.
        first: String,
        /// The second value.
        second: String,
    },
    /// A value is not one that the setting can have.
    #[error("{key} cannot be set so")]
    BadValue {
        /// The setting.
        key: SettingKey,
        /// What is wrong with it.
        source: Box<ValueError>,
    },
}

impl Proposed {
    /// Reads `KEY=VALUE`; `KEY=` (nothing after it) is a reset. `None` without a `=`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, value) = text.split_once('=')?;
        let value = value.trim();
        let unquoted = value
            .strip_prefix('\'')
            .and_then(|v| v.strip_suffix('\''))
            .unwrap_or(value);
        let new = (!value.is_empty()).then(|| unquoted.to_owned());
        Some(Self {
            key: SettingKey::instance(name),
            new,
        })
    }

    /// The same as it was made: the new values of a change set that was seen. Secrets and values of
    /// other scopes are left out: the rules speak of the instance.
    #[must_use]
    pub fn of(change_set: &ChangeSet) -> Vec<Self> {
        let made = |c: &Change| Self {
            key: c.key.clone(),
            new: c
                .new
                .effective
                .as_ref()
                .or(c.new.entry.as_ref())
                .and_then(|v| v.as_text())
                .map(str::to_owned),
        };
        change_set.changes.iter().map(made).collect()
    }
}

/// Names of the settings of a proposal.
pub(crate) fn touched(proposal: &[Proposed]) -> BTreeSet<SettingName> {
    proposal.iter().map(|p| p.key.name.clone()).collect()
}

/// Refuses two different values for one setting.
///
/// # Errors
/// `TwoValues`.
pub fn consistent(proposal: &[Proposed]) -> Result<(), ProposalError> {
    for (i, a) in proposal.iter().enumerate() {
        for b in proposal.iter().skip(i + 1) {
            if a.key == b.key && a.new != b.new {
                let shown = |p: &Proposed| p.new.clone().unwrap_or_else(|| "(reset)".into());
                return Err(ProposalError::TwoValues {
                    key: a.key.clone(),
                    first: shown(a),
                    second: shown(b),
                });
            }
        }
    }
    Ok(())
}

/// `now` with the proposal on it. Values of a role or a database count as if they were the instance's:
/// for the sessions they reach they are.
///
/// # Errors
/// `BadValue` names the first value that its setting cannot have.
pub fn put<'p>(now: &Candidate<'p>, proposal: &[Proposed]) -> Result<Candidate<'p>, ProposalError> {
    let mut then = now.clone();
    for p in proposal {
        // Rules of a file (pg_hba) are no settings of the catalogue.
        if matches!(p.key.scope, Scope::FileRule { .. }) {
            continue;
        }
        match &p.new {
            Some(text) => {
                then.assign(p.key.name.as_str(), text).map_err(|source| {
                    ProposalError::BadValue {
                        key: p.key.clone(),
                        source: Box::new(source),
                    }
                })?;
            }
            None => then.reset(&p.key.name),
        }
    }
    Ok(then)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proposal_reads_like_a_line_of_a_configuration_file() {
        let p = Proposed::parse("Work_Mem = '64MB'").unwrap();
        assert_eq!(
            (p.key, p.new.as_deref()),
            (SettingKey::instance("work_mem"), Some("64MB"))
        );
        assert_eq!(Proposed::parse("work_mem=").unwrap().new, None);
        assert_eq!(Proposed::parse("work_mem"), None);
    }

    #[test]
    fn two_values_for_one_setting_are_refused() {
        let two = [
            Proposed::parse("work_mem=4MB").unwrap(),
            Proposed::parse("WORK_MEM=8MB").unwrap(),
        ];
        assert_eq!(
            consistent(&two).unwrap_err().to_string(),
            "work_mem is given two values: 4MB and 8MB"
        );
        let same = [two[0].clone(), two[0].clone()];
        assert!(consistent(&same).is_ok());
    }
}
