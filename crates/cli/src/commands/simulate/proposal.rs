//! The proposal: words of the command line and lines of a file.

use std::path::Path;

use backstay_catalog::ValueError;
use backstay_catalog::expr::Environment;
use backstay_model::SettingName;
use backstay_simulate::Proposed;
use backstay_simulate::proposal::put;

use super::{Wanted, refuse_values};
use crate::commands::subject::{Ground, read_conf};
use crate::failure::{Code, Failure};
use crate::wire::rules::Spot;

/// Beginnings of a connection string that is an address.
const SCHEMES: [&str; 6] = [
    "postgresql://",
    "postgres://",
    "mysql://",
    "mariadb://",
    "redis://",
    "rediss://",
];
/// Keywords of a connection string that are no settings.
const KEYWORDS: [&str; 6] = ["host", "hostaddr", "dbname", "user", "service", "passfile"];

/// The connection string, when the first word is one, and the other words.
pub(crate) fn split(words: &[String]) -> Result<(Option<&str>, &[String]), Failure> {
    match words.split_first() {
        Some((first, rest)) if connection_string(first) => Ok((Some(first), rest)),
        _ => Ok((None, words)),
    }
}

fn connection_string(word: &str) -> bool {
    let address = SCHEMES.iter().any(|s| word.starts_with(s));
    let keyed = word.split_whitespace().any(|part| {
        part.split_once('=')
            .is_some_and(|(key, _)| KEYWORDS.contains(&key))
    });
    address || keyed
}

/// Reads words and file; two different values for one setting are refused.
pub(super) fn read(words: &[String], file: Option<&Path>) -> Result<Vec<Wanted>, Failure> {
    let mut wanted: Vec<Wanted> = Vec::new();
    if let Some(path) = file {
        let (lines, _notes) = read_conf(path)?;
        for line in lines {
            // As the server does: the last line of a setting counts.
            wanted.retain(|w| w.proposed.key.name != line.name);
            wanted.push(Wanted {
                proposed: Proposed {
                    key: backstay_model::SettingKey::instance(line.name.as_str()),
                    new: Some(line.value),
                },
                spot: Some(Spot {
                    file: path.display().to_string(),
                    line: line.line,
                }),
            });
        }
    }
    for word in words {
        let proposed = Proposed::parse(word).ok_or_else(|| not_a_value(word))?;
        let other = wanted.iter().find(|w| w.proposed.key == proposed.key);
        if let Some(other) = other.filter(|o| o.proposed.new != proposed.new) {
            return Err(two_values(other, &proposed));
        }
        if other.is_none() {
            wanted.push(Wanted {
                proposed,
                spot: None,
            });
        }
    }
    if wanted.is_empty() && file.is_none() {
        return Err(Failure::new(Code::Usage, "nothing is proposed")
            .hint("backstay simulate work_mem=256MB --memory 64GB")
            .hint("backstay simulate -f postgresql.conf --current old.conf"));
    }
    Ok(wanted)
}

fn not_a_value(word: &str) -> Failure {
    Failure::new(Code::Usage, format!("`{word}` is not KEY=VALUE"))
        .hint("write work_mem=256MB; `work_mem=` puts a setting back to what the files give")
        .hint("a connection string comes first: postgresql://user@host/database")
}

fn two_values(other: &Wanted, proposed: &Proposed) -> Failure {
    let said = |p: &Proposed| p.new.clone().unwrap_or_else(|| "(reset)".into());
    Failure::new(
        Code::TwoValues,
        format!(
            "{} is given two values: {} and {}",
            proposed.key,
            said(&other.proposed),
            said(proposed)
        ),
    )
    .hint(format!(
        "keep one of them: {}={}",
        proposed.key,
        said(proposed)
    ))
}

/// Refuses what the engine would refuse to write: no such setting, not a value for it.
pub(super) fn refuse(ground: &Ground, wanted: &[Wanted]) -> Result<(), Failure> {
    let mut then = ground.now.clone();
    let mut errors = Vec::new();
    for w in wanted {
        let name = w.proposed.key.name.as_str();
        let refused = match (&w.proposed.new, &w.spot) {
            (Some(text), None) if text.contains('\n') => Err(ValueError::LineBreak {
                setting: w.proposed.key.name.clone(),
            }),
            (Some(text), _) => then.assign(name, text).map(|_| ()),
            // A reset of a setting that does not exist is as wrong as a value for it.
            (None, _) if ground.choice.pack.def(name).is_none() => {
                then.assign(name, "").map(|_| ())
            }
            (None, _) => Ok(()),
        };
        let line = w.spot.as_ref().map(|s| s.line);
        errors.extend(refused.err().map(|e| (line, e)));
    }
    let file = wanted.iter().find_map(|w| w.spot.as_ref());
    let place = file.map_or("the proposal", |s| s.file.as_str());
    refuse_values(&errors, place)
}

/// What moves a value, and the names of what is so already. Lines of a file that move nothing are
/// left out without a word: a file holds the whole configuration.
pub(super) fn moving(
    ground: &Ground,
    wanted: Vec<Wanted>,
    file: Option<&Path>,
) -> (Vec<Wanted>, Vec<SettingName>) {
    let mut unchanged = Vec::new();
    let moved = |w: &Wanted| {
        let alone = std::slice::from_ref(&w.proposed);
        let name = &w.proposed.key.name;
        put(&ground.now, alone).map_or(true, |then| {
            then.setting(name) != ground.now.setting(name) || then.setting(name).is_none()
        })
    };
    let kept = wanted
        .into_iter()
        .filter(|w| {
            let moves = moved(w);
            if !moves && (w.spot.is_none() || file.is_none()) {
                unchanged.push(w.proposed.key.name.clone());
            }
            moves
        })
        .collect();
    (kept, unchanged)
}
