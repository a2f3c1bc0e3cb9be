//! The baselines that this build has, and the one that was asked for.

use backstay_detect::Choice;
use backstay_detect::baseline::Baseline;

use crate::failure::{Code, Failure};

/// Every word that names a baseline.
const WORDS: &str = "seasonal, ets, prophet, lstm and auto";
/// Baselines that are parts of the program of their own.
const PARTS: [&str; 3] = ["ets", "prophet", "lstm"];

/// What `--baseline` asks for.
#[derive(Debug)]
pub(super) enum Asked {
    Seasonal,
    One(Box<dyn Baseline>),
    Auto(Vec<Box<dyn Baseline>>),
}

impl Asked {
    pub(super) fn parse(word: &str) -> Result<Self, Failure> {
        match word {
            "seasonal" => Ok(Self::Seasonal),
            "auto" => Ok(Self::Auto(PARTS.into_iter().filter_map(part).collect())),
            part_word if PARTS.contains(&part_word) => part(part_word)
                .map(Self::One)
                .ok_or_else(|| not_built(part_word)),
            other => Err(Failure::new(
                Code::Usage,
                format!("`--baseline {other}` is not a baseline"),
            )
            .hint(format!("baselines are {WORDS}"))),
        }
    }

    pub(super) fn choice(&self) -> Choice<'_> {
        match self {
            Self::Seasonal => Choice::Seasonal,
            Self::One(baseline) => Choice::Asked(baseline.as_ref()),
            Self::Auto(all) => Choice::Best(all.iter().map(AsRef::as_ref).collect()),
        }
    }
}

/// The part of that name, `None` when this build does not have it.
fn part(word: &str) -> Option<Box<dyn Baseline>> {
    match word {
        #[cfg(feature = "ets")]
        "ets" => Some(Box::new(backstay_baseline_ets::Ets)),
        #[cfg(feature = "prophet")]
        "prophet" => Some(Box::new(backstay_baseline_prophet::Prophet)),
        #[cfg(feature = "lstm")]
        "lstm" => Some(Box::new(backstay_baseline_lstm::Lstm)),
        _ => None,
    }
}

fn not_built(word: &str) -> Failure {
    let have: Vec<&str> = PARTS.into_iter().filter(|w| part(w).is_some()).collect();
    let have = if have.is_empty() {
        String::new()
    } else {
        format!(", {}", have.join(", "))
    };
    Failure::new(
        Code::NotBuilt,
        format!("this backstay was built without the baseline `{word}`"),
    )
    .hint(format!("it has seasonal{have} and auto"))
    .hint(format!(
        "cargo build --release -p backstay-cli --features {word}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_built_says_so_and_auto_takes_what_there_is() {
        for word in PARTS {
            let failure = not_built(word);
            assert_eq!(failure.code.entry().0, "E-MODEL-NOT-BUILT");
            assert!(failure.primary.contains(&format!("the baseline `{word}`")));
            let build = format!("cargo build --release -p backstay-cli --features {word}");
            assert_eq!(failure.hints.last(), Some(&build));
            match Asked::parse(word) {
                Ok(Asked::One(one)) => assert!(!one.id().to_string().is_empty()),
                Ok(other) => panic!("{word}: {other:?}"),
                Err(failure) => assert!(matches!(failure.code, Code::NotBuilt)),
            }
        }
        let built = PARTS.into_iter().filter(|w| part(w).is_some()).count();
        assert!(matches!(Asked::parse("auto"), Ok(Asked::Auto(all)) if all.len() == built));
        assert!(matches!(Asked::parse("seasonal"), Ok(Asked::Seasonal)));
    }
}
