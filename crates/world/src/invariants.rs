//! What must hold in every story, whatever happens in it.

use std::collections::BTreeMap;

use backstay_guard::case::Case;
use backstay_guard::news::Tidings;
use backstay_journal::{Entry, History, MemoryEntries, Record, verify};
use backstay_lifecycle::State;
use backstay_lifecycle::invariants::{Transition, broken_by_transition, one_live_revert_each};
use backstay_lifecycle::state::{Keeper, step};
use backstay_model::decision::{Clearance, Mode};
use backstay_model::{ChangeSetId, Event, Origin, Span, Timestamp};

use crate::scenario::Scenario;
use crate::story::{Story, histories};

/// Share of the seconds of a watch that must have been measured when it ends as healthy.
const MEASURED_MIN: f64 = 0.7;

/// Everything in `story` that must not be; empty when all is well.
#[must_use]
pub fn violations(scenario: &Scenario, story: &Story) -> Vec<String> {
    let entries = MemoryEntries::from_stored(story.journal.clone());
    let mut broken = Vec::new();
    if let Some(bad) = verify(&entries, &[]).ok().and_then(|r| r.first_bad) {
        broken.push(format!("the chain of the journal breaks at {}", bad.seq.0));
    }
    let Ok(histories) = histories(&entries) else {
        broken.push("the journal cannot be read".to_owned());
        return broken;
    };
    if scenario.mode == Mode::Observe && !story.writes.is_empty() {
        broken.push("OP-1: written in observe mode".to_owned());
    }
    let end = story.began_at + scenario.lasts;
    let cases: Vec<(&History, Case)> = histories
        .iter()
        .filter_map(|h| Some((h, Case::replay(h).ok()??)))
        .collect();
    let lives = histories.iter().filter(|h| h.events().next().is_some());
    if lives.count() != cases.len() {
        broken.push("RB-6: a life cannot be replayed".to_owned());
    }
    for (history, case) in &cases {
        let id = history.id;
        let mut say = |what: String| broken.push(format!("{id}: {what}"));
        transitions(history).into_iter().for_each(&mut say);
        automatic_once(history).into_iter().for_each(&mut say);
        comes_to_rest(case, end).into_iter().for_each(&mut say);
        really_back(story, history, case)
            .into_iter()
            .for_each(&mut say);
        healthy_by_data(story, case).into_iter().for_each(&mut say);
        reported_as_it_is(history, case)
            .into_iter()
            .for_each(&mut say);
    }
    broken.extend(foreign_values(story, &cases));
    broken.extend(one_revert_each(&entries));
    broken
}

/// The invariants of each move.
fn transitions(history: &History) -> Vec<String> {
    let mut broken = Vec::new();
    let mut state: Option<State> = None;
    for (_, event, commands) in history.steps() {
        let Ok((after, derived)) = step(state.as_ref(), event) else {
            broken.push(format!("RB-6: {} cannot have happened", event.word()));
            break;
        };
        if derived != commands {
            broken.push(format!(
                "RB-6: {} leads to other commands now",
                event.word()
            ));
        }
        let transition = Transition {
            before: state.as_ref(),
            event,
            after: &after,
            commands,
        };
        let ids = broken_by_transition(&transition);
        broken.extend(ids.iter().map(|id| format!("{id} by {}", event.word())));
        state = Some(after);
    }
    broken
}

fn automatic_once(history: &History) -> Option<String> {
    let automatic = |e: &&Event| {
        matches!(
            e,
            Event::Ruled {
                clearance: Clearance::Automatic,
                ..
            }
        )
    };
    let count = history.events().filter(automatic).count();
    (count > 1).then(|| format!("P-4: {count} automatic rollbacks"))
}

/// After a calm end every case is settled, or waits for a person or a restart.
fn comes_to_rest(case: &Case, end: Timestamp) -> Option<String> {
    let rests = match &case.state {
        State::Watching { until, .. } => *until >= end,
        State::Judged { .. } | State::Reverting { .. } | State::Verifying { .. } => {
            end - case.moments.moved_at < Span::from_secs(30)
        }
        _ => true,
    };
    (!rests).then(|| format!("RB-5: it never came to rest and is {}", case.state.word()))
}

/// "Rolled back" only when the old value runs; unless somebody moved it since.
fn really_back(story: &Story, history: &History, case: &Case) -> Vec<String> {
    let State::RolledBack { plan, .. } = &case.state else {
        return Vec::new();
    };
    let mut broken = Vec::new();
    for plan_step in &plan.steps {
        let moved = story.news.iter().any(|news| {
            matches!(&news.what, Tidings::Seen(set)
                if set.id > history.id && set.changes.iter().any(|c| c.key == plan_step.key))
        });
        let stands = story.world.standing(&plan_step.key);
        if !moved && stands.effective != plan_step.predict.effective {
            broken.push(format!("RB-3: rolled back, but {} is not", plan_step.key));
        }
    }
    broken
}

/// A watch that ends as healthy has seen most of its seconds.
fn healthy_by_data(story: &Story, case: &Case) -> Option<String> {
    let State::Kept {
        by: Keeper::Verdict(verdict),
        ..
    } = &case.state
    else {
        return None;
    };
    let from = case.change_set.effective_at();
    let ends = story.news.iter().filter_map(|news| match &news.what {
        Tidings::Watching { change_set, until } if *change_set == case.change_set.id => {
            Some(*until)
        }
        _ => None,
    });
    let to = ends.max().unwrap_or(verdict.at).min(verdict.at);
    let measured = story.news.iter().filter(|news| match &news.what {
        Tidings::Sampled(s) => from < s.at && s.at <= to && s.get("commits_per_s").is_some(),
        _ => false,
    });
    let (count, span) = (measured.count() as f64, (to - from).as_secs_f64());
    let waited = case.change_set.takes_effect() == backstay_model::change::TakesEffect::AtRestart;
    (!waited && count < MEASURED_MIN * span)
        .then(|| format!("DT-2: healthy by {count} of {span:.0} seconds"))
}

/// The last report says what the journal replays to.
fn reported_as_it_is(history: &History, case: &Case) -> Option<String> {
    let mut reports = history.entries.iter().filter_map(|e| match &e.record {
        Record::Reported { report, .. } => report.get("outcome"),
        _ => None,
    });
    let last = reports
        .next_back()
        .and_then(|o| o.as_str())
        .map(str::to_owned);
    let now = case.state.word();
    (case.state.settled() && last.as_deref() != Some(now))
        .then(|| format!("RB-6: reported as {last:?}, but it is {now}"))
}

/// What Backstay overwrote is what the change it undoes had put there, and nothing else.
fn foreign_values(story: &Story, cases: &[(&History, Case)]) -> Vec<String> {
    let mut broken = Vec::new();
    for write in &story.writes {
        let case = cases.iter().find(|(h, _)| h.id == write.change_set);
        let changes = case.into_iter().flat_map(|(_, c)| &c.change_set.changes);
        let change = changes
            .filter(|c| c.origin != Origin::Ours)
            .find(|c| c.key == write.key);
        let own = change.is_some_and(|c| c.new.entry == write.before.entry);
        let expected = write.before.entry == write.expected.entry
            && write.before.source == write.expected.source;
        if !own || !expected {
            broken.push(format!(
                "RB-2: {} of {} overwrote what the change had not put there",
                write.key, write.change_set
            ));
        }
    }
    broken
}

/// At most one live revert for each setting at any time.
fn one_revert_each(entries: &MemoryEntries) -> Option<String> {
    let mut states: BTreeMap<ChangeSetId, State> = BTreeMap::new();
    let decoded = entries.stored();
    for entry in decoded.iter().filter_map(|e| e.decode().ok()) {
        let Entry {
            record: Record::Step {
                change_set, event, ..
            },
            ..
        } = entry
        else {
            continue;
        };
        let Ok((state, _)) = step(states.get(&change_set), &event) else {
            continue;
        };
        states.insert(change_set, state);
        if !one_live_revert_each(states.values()) {
            return Some(format!(
                "RB-4: two live reverts of one setting, with {change_set}"
            ));
        }
    }
    None
}
