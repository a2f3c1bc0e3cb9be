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
    /// What the reader of the file's form says, with the line; of a key that stands twice, both lines.
    pub(super) fn syntax(error: &toml::de::Error, text: &str) -> Self {
        let start = error.span().map(|s| s.start);
        let line = start.and_then(|start| line_of(text, start));
        let twice = error.message().starts_with("duplicate key");
        let key = error.span().and_then(|s| text.get(s)).map(str::trim);
        let problem = match (line, key) {
            (Some(line), Some(key)) if twice => Problem {
                what: match first_line_of(text, key, line) {
                    Some(first) => {
                        format!("line {line}: `{key}` has a value in line {first} already")
                    }
                    None => format!("line {line}: `{key}` has a value already"),
                },
                hint: "keep one of the two lines".into(),
            },
            (line, _) => Problem {
                what: match line {
                    Some(line) => format!("line {line}: {}", error.message()),
                    None => error.message().to_owned(),
                },
                hint: "see `backstay topic config` for a commented example".into(),
            },
        };
        Self {
            problems: vec![problem],
        }
    }
}

/// The line that holds a byte of the text, from 1.
fn line_of(text: &str, byte: usize) -> Option<usize> {
    let before = text.get(..byte)?;
    Some(before.matches('\n').count() + 1)
}

/// The nearest line before `line`, in the same table, that gives `key` a value.
fn first_line_of(text: &str, key: &str, line: usize) -> Option<usize> {
    let above: Vec<&str> = text.lines().take(line - 1).collect();
    let table = above.iter().rposition(|l| l.trim_start().starts_with('['));
    let from = table.map_or(0, |t| t + 1);
    let given = |l: &&str| l.split_once('=').is_some_and(|(k, _)| k.trim() == key);
    let at = above.get(from..)?.iter().rposition(given)?;
    Some(from + at + 1)
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
            what: format!("`{key} = \"{text}\"` is not a length of time above zero"),
            hint: "write a number with a unit: \"90s\", \"15m\", \"24h\"".into(),
        }
    }

    pub(super) fn bad_mode(key: &str, word: &str) -> Self {
        Self {
            what: format!("`{key} = \"{word}\"` is not a mode"),
            hint: "modes are \"observe\", \"approve\" and \"auto\"".into(),
        }
    }

    pub(super) fn bad_store(word: &str) -> Self {
        Self {
            what: format!("`graph.store = \"{word}\"` is not a place to keep a graph in"),
            hint: "places are \"sqlite\" (the state directory) and \"neo4j\"".into(),
        }
    }

    pub(super) fn no_uri() -> Self {
        Self {
            what: "`graph.store = \"neo4j\"` does not say where".into(),
            hint: "add `uri = \"neo4j://HOST:7687\"`".into(),
        }
    }

    pub(super) fn idle_uri() -> Self {
        Self {
            what: "`graph.uri` is set, and the graph is kept in the state directory".into(),
            hint: "write `store = \"neo4j\"`, or leave out `uri`".into(),
        }
    }

    pub(super) fn bad_tls(word: &str) -> Self {
        Self {
            what: format!("`graph.tls = \"{word}\"` is neither off nor on"),
            hint: "write \"off\", \"on\" or \"any-certificate\"".into(),
        }
    }

    pub(super) fn two_targets(name: &str) -> Self {
        Self {
            what: format!("two targets are named `{name}`"),
            hint: "give each target its own name".into(),
        }
    }

    pub(super) fn no_name(place: usize) -> Self {
        Self {
            what: format!("target {place} of the file has no name"),
            hint: "add `name = \"…\"`: it is what the target is called everywhere".into(),
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
