//! What happens at a time.

use backstay_model::{Scope, SettingKey, SettingName};

use super::line::Line;
use crate::action::{Action, Door, Fault, PauseWish, Turn, Wish};
use crate::server::RULE;

/// Reads what happens.
pub(super) fn action(line: &mut Line<'_>) -> Result<Action, String> {
    let first = line.word("what happens")?;
    Ok(match first {
        "load" => load(line)?,
        "neighbour" => {
            let share = line.number("a share of the cores, 0 to 1")?;
            line.must("for")?;
            Action::Neighbour {
                share,
                lasts: line.span()?,
            }
        }
        "gap" => Action::Gap {
            lasts: lasting(line)?,
        },
        "away" => Action::Away {
            lasts: lasting(line)?,
        },
        "restart" => Action::Restart {
            lasts: lasting(line)?,
        },
        "crash" => Action::Crash {
            lasts: lasting(line)?,
        },
        "login" => {
            line.must("refused")?;
            Action::LoginRefused {
                lasts: lasting(line)?,
            }
        }
        "guard" => {
            line.must("dies")?;
            Action::GuardDies {
                lasts: lasting(line)?,
            }
        }
        who => deed(who, line)?,
    })
}

fn lasting(line: &mut Line<'_>) -> Result<backstay_model::Span, String> {
    line.must("for")?;
    line.span()
}

fn load(line: &mut Line<'_>) -> Result<Action, String> {
    let word = line.word("a factor like x3")?;
    let times = word
        .strip_prefix('x')
        .and_then(|n| n.parse::<f64>().ok())
        .filter(|n| n.is_finite() && *n > 0.0)
        .ok_or_else(|| format!("{word:?} is no factor; write x3 or x0.5"))?;
    let lasts = if line.takes("for") {
        Some(line.span()?)
    } else {
        None
    };
    let service = if line.takes("on") {
        Some(line.word("the name of a service")?.to_owned())
    } else {
        None
    };
    Ok(Action::Load {
        times,
        lasts,
        service,
    })
}

/// What a person does.
fn deed(who: &str, line: &mut Line<'_>) -> Result<Action, String> {
    let by = who.to_owned();
    let request = |by, wish, line: &mut Line<'_>| {
        line.must("change")?;
        let change = line.number("the number of a change")?;
        Ok(Action::Request { by, wish, change })
    };
    match line.word("what the person does")? {
        "approves" => request(by, Wish::Approve, line),
        "keeps" => request(by, Wish::Keep, line),
        "reverts" => request(by, Wish::Revert, line),
        "locks" => Ok(Action::Lock {
            by,
            lasts: lasting(line)?,
        }),
        "pauses" => Ok(Action::Pause {
            by,
            wish: PauseWish::Pause,
        }),
        "resumes" => Ok(Action::Pause {
            by,
            wish: PauseWish::Resume,
        }),
        "alters" => alters(who, line),
        "edits" => {
            line.must("file")?;
            turn(who, Scope::Instance, Door::File, line)
        }
        "inserts" => {
            let rule = rule(line)?;
            let text = line.rest().to_owned();
            Ok(rule_turn(who, rule, Some(text)))
        }
        "deletes" => Ok(rule_turn(who, rule(line)?, None)),
        other => Err(format!(
            "a person does not {other:?}; write alters system|role|database, edits file, inserts hba rule, \
             deletes hba rule, approves, keeps, reverts, locks, pauses or resumes"
        )),
    }
}

fn alters(who: &str, line: &mut Line<'_>) -> Result<Action, String> {
    let scope = match line.word("system, role or database")? {
        "system" => Scope::Instance,
        "database" => Scope::Database {
            database: line.word("the name of a database")?.to_owned(),
        },
        "role" => {
            let role = line.word("the name of a role")?.to_owned();
            if line.takes("in database") {
                let database = line.word("the name of a database")?.to_owned();
                Scope::RoleInDatabase { role, database }
            } else {
                Scope::Role { role }
            }
        }
        other => {
            return Err(format!(
                "{other:?} cannot be altered; write system, role or database"
            ));
        }
    };
    turn(who, scope, Door::Statement, line)
}

fn turn(who: &str, scope: Scope, door: Door, line: &mut Line<'_>) -> Result<Action, String> {
    let verb = line.word("set or reset")?;
    let name = SettingName::new(line.word("the name of a setting")?);
    match verb {
        "set" => line.must("=")?,
        "reset" => {}
        other => return Err(format!("expected set or reset, found {other:?}")),
    }
    let rest = line.rest();
    let (value, why) = match rest.split_once("/*") {
        Some((value, why)) => (
            value.trim(),
            Some(why.trim_end_matches("*/").trim().to_owned()),
        ),
        None => (rest.trim(), None),
    };
    if verb == "reset" && !value.is_empty() {
        return Err(format!("a reset takes no value, found {value:?}"));
    }
    Ok(Action::Change(Turn {
        by: author(who),
        key: SettingKey { scope, name },
        door,
        value: (verb == "set").then(|| value.trim_matches('\'').to_owned()),
        why,
    }))
}

/// `somebody` is whoever left no trace in the log.
fn author(who: &str) -> Option<String> {
    (who != "somebody").then(|| who.to_owned())
}

fn rule(line: &mut Line<'_>) -> Result<u32, String> {
    line.must("hba rule")?;
    let word = line.word("the position of a rule, from 1")?;
    let number = word.trim_end_matches(':').parse().ok();
    number
        .filter(|n| *n >= 1)
        .ok_or_else(|| format!("{word:?} is no position; the first rule is 1"))
}

fn rule_turn(who: &str, rule: u32, value: Option<String>) -> Action {
    Action::Change(Turn {
        by: author(who),
        key: SettingKey {
            scope: Scope::FileRule { rule },
            name: RULE,
        },
        door: Door::File,
        value,
        why: None,
    })
}

/// Reads a fault.
pub(super) fn fault(line: &mut Line<'_>) -> Result<Fault, String> {
    let known = [
        Fault::LostReply,
        Fault::LostRequest,
        Fault::Masked,
        Fault::Refused,
        Fault::CrashBefore,
        Fault::CrashAfter,
    ];
    if line.takes("foreign") {
        return Ok(Fault::Foreign(
            line.word("the value of somebody else")?.to_owned(),
        ));
    }
    let words = || {
        known
            .iter()
            .map(Fault::words)
            .collect::<Vec<_>>()
            .join(", ")
    };
    known
        .iter()
        .find(|f| line.takes(f.words()))
        .cloned()
        .ok_or_else(|| {
            format!(
                "no such fault: {:?}; write {} or foreign VALUE",
                line.peek(),
                words()
            )
        })
}
