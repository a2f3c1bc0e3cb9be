//! What must come of a story.

use backstay_model::{Scope, SettingKey, SettingName, Span};

use super::Expectation;
use super::line::Line;

/// Words of verdicts.
const VERDICTS: [&str; 6] = [
    "hurt",
    "healthy",
    "workload shift",
    "confounded",
    "inconclusive",
    "no data",
];
/// Words of states.
const STATES: [&str; 9] = [
    "dormant",
    "watching",
    "held",
    "reverting",
    "verifying",
    "kept",
    "rolled back",
    "rollback failed",
    "superseded",
];

pub(super) fn expectation(line: &mut Line<'_>) -> Result<Expectation, String> {
    if line.takes("writes") {
        return Ok(Expectation::Writes(line.number("a number of writes")?));
    }
    if line.takes("told") {
        return Ok(Expectation::Told(line.rest().to_owned()));
    }
    if !line.takes("change") {
        return value(line);
    }
    let change = line.number("the number of a change")?;
    match line.word("noticed, verdict, no verdict or ends as")? {
        "noticed" => Ok(Expectation::Noticed {
            change,
            within: within(line)?,
        }),
        "verdict" => Ok(Expectation::Verdict {
            change,
            word: one_of(line, &VERDICTS)?,
            within: within(line)?,
        }),
        "no" => {
            line.must("verdict")?;
            let word = one_of(line, &VERDICTS)?;
            Ok(Expectation::NoVerdict { change, word })
        }
        "ends" => {
            line.must("as")?;
            Ok(Expectation::Ends {
                change,
                word: one_of(line, &STATES)?,
                within: within(line)?,
            })
        }
        other => Err(format!(
            "nothing like {other:?} can be expected; write noticed, verdict, no verdict or ends as"
        )),
    }
}

fn one_of(line: &mut Line<'_>, words: &[&str]) -> Result<String, String> {
    let found = words.iter().find(|w| line.takes(w));
    found
        .map(|w| (*w).to_owned())
        .ok_or_else(|| format!("{:?} is none of {}", line.peek(), words.join(", ")))
}

fn within(line: &mut Line<'_>) -> Result<Option<Span>, String> {
    if line.takes("within") {
        line.span().map(Some)
    } else {
        Ok(None)
    }
}

fn value(line: &mut Line<'_>) -> Result<Expectation, String> {
    let scope = if line.takes("role") {
        let role = line.word("the name of a role")?.to_owned();
        if line.takes("in database") {
            let database = line.word("the name of a database")?.to_owned();
            Scope::RoleInDatabase { role, database }
        } else {
            Scope::Role { role }
        }
    } else if line.takes("database") {
        Scope::Database {
            database: line.word("the name of a database")?.to_owned(),
        }
    } else {
        Scope::Instance
    };
    let name = SettingName::new(line.word("change N, writes N, told TEXT or SETTING = VALUE")?);
    line.must("=")?;
    let text = line.rest();
    Ok(Expectation::Value {
        key: SettingKey { scope, name },
        value: (text != "nothing").then(|| text.to_owned()),
    })
}

/// The scope in the words of a scenario; `None` for the instance.
pub(super) fn scope_words(scope: &Scope) -> Option<String> {
    match scope {
        Scope::Instance | Scope::FileRule { .. } => None,
        other => Some(other.to_string()),
    }
}

/// The change that an expectation is about.
pub(super) const fn change_of(expectation: &Expectation) -> Option<usize> {
    match expectation {
        Expectation::Noticed { change, .. }
        | Expectation::Verdict { change, .. }
        | Expectation::NoVerdict { change, .. }
        | Expectation::Ends { change, .. } => Some(*change),
        Expectation::Writes(_) | Expectation::Value { .. } | Expectation::Told(_) => None,
    }
}
