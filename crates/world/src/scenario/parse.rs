//! The reader: every line by itself, all problems at once.

use std::fmt;

use backstay_model::decision::Mode;
use backstay_model::{SettingName, Span};

use super::line::Line;
use super::{Scenario, actions, expectations};
use crate::server::Values;

/// Lines and bytes that a scenario may have at most.
const BYTES_MAX: usize = 256 * 1024;
/// Words a line may begin with.
const KEYWORDS: [&str; 11] = [
    "title",
    "seed",
    "lasts",
    "mode",
    "policy",
    "roughness",
    "file",
    "command-line",
    "at",
    "fault",
    "expect",
];

/// A scenario that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the scenario cannot be read: {} problem(s), first {}", problems.len(), First(problems))]
pub struct ParseError {
    /// Every problem, in the order of the lines.
    pub problems: Vec<Problem>,
}

/// A line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

struct First<'a>(&'a [Problem]);

impl fmt::Display for First<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.first().map_or(Ok(()), |p| write!(f, "{p}"))
    }
}

pub(super) fn parse(text: &str) -> Result<Scenario, ParseError> {
    let mut scenario = Scenario::quiet("", 0, Span::from_secs(180));
    let mut problems = Vec::new();
    if text.len() > BYTES_MAX {
        let what = format!("a scenario has at most {BYTES_MAX} bytes");
        return Err(ParseError {
            problems: vec![Problem { line: 1, what }],
        });
    }
    let mut expected_at = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Err(what) = statement(Line::new(line), &mut scenario) {
            problems.push(Problem { line: number, what });
        }
        expected_at.resize(scenario.expectations.len(), number);
    }
    let changes = scenario.changes().count();
    for (expectation, line) in scenario.expectations.iter().zip(expected_at) {
        if let Some(change) = expectations::change_of(expectation)
            && !(1..=changes).contains(&change)
        {
            let what = format!("change {change} is expected, but the story has {changes} changes");
            problems.push(Problem { line, what });
        }
    }
    if problems.is_empty() {
        Ok(scenario)
    } else {
        Err(ParseError { problems })
    }
}

fn statement(mut line: Line<'_>, scenario: &mut Scenario) -> Result<(), String> {
    let keyword = line.word("a statement")?;
    match keyword {
        "title" => scenario.title = line.rest().to_owned(),
        "seed" => scenario.seed = line.number("a seed, a whole number")?,
        "lasts" => scenario.lasts = line.span()?,
        "mode" => {
            let word = line.word("a mode")?;
            scenario.mode = Mode::parse(word)
                .ok_or_else(|| format!("{word:?} is no mode; write observe, approve or auto"))?;
        }
        "roughness" => scenario.roughness = line.number("a factor, 1 is usual")?,
        "policy" => policy(&mut line, scenario)?,
        "file" => assignment(&mut line, &mut scenario.file)?,
        "command-line" => assignment(&mut line, &mut scenario.command_line)?,
        "at" => {
            let at = line.span()?;
            scenario.events.push((at, actions::action(&mut line)?));
        }
        "fault" => scenario.faults.push(actions::fault(&mut line)?),
        "expect" => scenario
            .expectations
            .push(expectations::expectation(&mut line)?),
        other => {
            return Err(format!(
                "{other:?} begins no statement; write one of {}",
                KEYWORDS.join(", ")
            ));
        }
    }
    line.end()
}

fn policy(line: &mut Line<'_>, scenario: &mut Scenario) -> Result<(), String> {
    let policy = &mut scenario.policy;
    match line.word("a key of the policy")? {
        "watch" => policy.watch = line.span()?,
        "recovery" => policy.recovery = line.span()?,
        "intent_ttl" => policy.intent_ttl = line.span()?,
        "extensions" => policy.extensions = line.number("a number of extensions")?,
        "budget" => policy.budget = line.number("a number of rollbacks")?,
        other => {
            return Err(format!(
                "{other:?} is no key of the policy; write watch, extensions, recovery, intent_ttl or budget"
            ));
        }
    }
    Ok(())
}

fn assignment(line: &mut Line<'_>, values: &mut Values) -> Result<(), String> {
    let name = SettingName::new(line.word("the name of a setting")?);
    line.must("=")?;
    values.insert(name, line.rest().to_owned());
    Ok(())
}
