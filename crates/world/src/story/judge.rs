//! Compares a story with what is expected of it.

use backstay_guard::news::Tidings;
use backstay_model::verdict::VerdictKind;
use backstay_model::{Span, Timestamp, Value};

use super::telling::line;
use super::{Outcome, Story};
use crate::action::seconds;
use crate::scenario::Expectation;

pub(super) fn checks(
    story: &Story,
    expectations: &[Expectation],
) -> Vec<(Expectation, Result<(), String>)> {
    let check = |e: &Expectation| (e.clone(), met(story, e));
    expectations.iter().map(check).collect()
}

fn met(story: &Story, expectation: &Expectation) -> Result<(), String> {
    match expectation {
        Expectation::Noticed { change, within } => {
            let outcome = of(story, *change)?;
            in_time(outcome, outcome.noticed_at, *within)
        }
        Expectation::Verdict {
            change,
            word,
            within,
        } => verdict(story, of(story, *change)?, word, *within),
        Expectation::NoVerdict { change, word } => {
            let outcome = of(story, *change)?;
            match verdicts(story, outcome)
                .into_iter()
                .find(|(_, w)| w == word)
            {
                None => Ok(()),
                Some((at, _)) => Err(format!("it was, {} after the change", since(outcome, at))),
            }
        }
        Expectation::Ends {
            change,
            word,
            within,
        } => ends(of(story, *change)?, word, *within),
        Expectation::Writes(count) => {
            let found = story.writes.len();
            require(found == *count, || format!("{found} writes"))
        }
        Expectation::Value { key, value } => {
            let standing = story.world.standing(key);
            let found = standing.effective.as_ref().and_then(Value::as_text);
            require(found == value.as_deref(), || {
                format!("it is {}", found.unwrap_or("nothing"))
            })
        }
        Expectation::Told(text) => {
            let told = story.news.iter().filter_map(|n| line(n, story.began_at));
            require(told.into_iter().any(|l| l.contains(text)), || {
                "it was not".to_owned()
            })
        }
    }
}

fn of(story: &Story, change: usize) -> Result<&Outcome, String> {
    let outcome = change.checked_sub(1).and_then(|i| story.outcomes.get(i));
    outcome.ok_or_else(|| format!("there is no change {change}"))
}

#[expect(
    clippy::fn_params_excessive_bools,
    reason = "an assertion takes what must hold"
)]
fn require(holds: bool, found: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(found()) }
}

fn since(outcome: &Outcome, at: Timestamp) -> String {
    seconds(at - outcome.at)
}

fn in_time(outcome: &Outcome, at: Option<Timestamp>, within: Option<Span>) -> Result<(), String> {
    let at = at.ok_or("it never came")?;
    let late = within.is_some_and(|within| at > outcome.at + within);
    require(!late, || format!("only after {}", since(outcome, at)))
}

/// Every verdict that was told about a change, with its moment.
fn verdicts(story: &Story, outcome: &Outcome) -> Vec<(Timestamp, String)> {
    let told = story.news.iter().filter_map(|news| match &news.what {
        Tidings::Judged {
            change_set,
            verdict,
        } if Some(*change_set) == outcome.change_set => {
            // A story asks whether the change was cleared, not how much harm is excluded.
            let word = match &verdict.kind {
                VerdictKind::Healthy { .. } => "healthy",
                other => other.word(),
            };
            Some((news.at, word.to_owned()))
        }
        _ => None,
    });
    told.collect()
}

fn verdict(
    story: &Story,
    outcome: &Outcome,
    word: &str,
    within: Option<Span>,
) -> Result<(), String> {
    let all = verdicts(story, outcome);
    match all.iter().find(|(_, w)| w == word) {
        Some((at, _)) => in_time(outcome, Some(*at), within),
        None => {
            let words: Vec<&str> = all.iter().map(|(_, w)| w.as_str()).collect();
            Err(format!("verdicts were: {}", words.join(", ")))
        }
    }
}

fn ends(outcome: &Outcome, word: &str, within: Option<Span>) -> Result<(), String> {
    let Some(case) = &outcome.case else {
        return Err("it was never seen".to_owned());
    };
    let found = case.state.word();
    if found != word {
        let why = backstay_guard::report::Report::on(case).reason;
        let why = why.map_or_else(String::new, |why| format!(": {why}"));
        return Err(format!("it is {found}{why}"));
    }
    in_time(outcome, Some(case.moments.moved_at), within)
}
