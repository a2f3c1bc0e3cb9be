//! What can be wrong with a configuration file, and what to type instead.

use std::fmt;

/// Everything that is wrong with a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// At least one problem.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.as_slice() {
            [one] => write!(f, "{}", one.what),
            many => {
                write!(f, "{} problems", many.len())?;
                many.iter().try_for_each(|p| write!(f, "; {}", p.what))
            }
        }
    }
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong.
    pub what: String,
    /// What to type instead.
    pub hint: String,
}

impl ConfigError {
    pub(super) fn syntax(error: &toml::de::Error, text: &str) -> Self {
        let line = error
            .span()
            .and_then(|s| text.get(..s.start))
            .map(|before| before.lines().count().max(1));
        let what = match line {
            Some(line) => format!("line {line}: {}", error.message()),
            None => error.message().to_owned(),
        };
        Self {
            problems: vec![Problem {
                what,
                hint: "see `backstay topic config` for a commented example".into(),
            }],
        }
    }
}

impl Problem {
    pub(super) fn unknown_key(path: &str, known: &[(&str, &[&str])]) -> Self {
        let (section, key) = path.rsplit_once('.').unwrap_or(("", path));
        let section_word = section.split('.').next().unwrap_or("");
        let candidates = known
            .iter()
            .find(|(s, _)| *s == section_word)
            .map_or(&[][..], |(_, keys)| keys);
        let nearest = candidates
            .iter()
            .map(|k| (strsim::damerau_levenshtein(key, k), *k))
            .min()
            .filter(|(distance, _)| *distance <= 3)
            .map(|(_, k)| k);
        let hint = match nearest {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => format!("known keys here: {}", candidates.join(", ")),
        };
        Self {
            what: format!("unknown key `{path}`"),
            hint,
        }
    }

    pub(super) fn newer_format(version: &str) -> Self {
        Self {
            what: format!("format_version {version} is newer than this Backstay reads (1.x)"),
            hint: "upgrade Backstay, or write format_version = \"1.0\"".into(),
        }
    }

    pub(super) fn bad_span(key: &str, text: &str) -> Self {
        Self {
            what: format!("`{key} = \"{text}\"` is not a length of time"),
            hint: "write a number with a unit: \"90s\", \"15m\", \"24h\"".into(),
        }
    }

    pub(super) fn bad_mode(key: &str, word: &str) -> Self {
        Self {
            what: format!("`{key} = \"{word}\"` is not a mode"),
            hint: "modes are \"observe\", \"approve\" and \"auto\"".into(),
        }
    }

    pub(super) fn two_targets(name: &str) -> Self {
        Self {
            what: format!("two targets are named `{name}`"),
            hint: "give each target its own name".into(),
        }
    }

    pub(super) fn two_addresses(name: &str) -> Self {
        Self {
            what: format!("target `{name}` has both `dsn` and `service`"),
            hint: "keep one of them".into(),
        }
    }

    pub(super) fn no_address(name: &str) -> Self {
        Self {
            what: format!("target `{name}` has no address"),
            hint: "add `dsn = \"postgresql://…\"` or `service = \"…\"`".into(),
        }
    }
}
