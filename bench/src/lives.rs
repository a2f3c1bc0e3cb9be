//! The life of a change set that hurts, transition by transition, with a verdict over every metric and
//! a real risk in its events.

use anyhow::{Context, Result, anyhow};
use backstay_lifecycle::{State, step};
use backstay_model::change::TakesEffect;
use backstay_model::decision::Clearance;
use backstay_model::event::{WriteReply, WriteTiming};
use backstay_model::id::PlanHash;
use backstay_model::plan::{Inverse, Plan, PlanStep, Predicted, Route};
use backstay_model::risk::Risk;
use backstay_model::verdict::{Harm, Recovery, Trigger, Verdict, VerdictKind};
use backstay_model::{ChangeSet, Event, IntentId, Span, Timestamp, ValueSource, WorkClass};
use backstay_simulate::report;
use backstay_store_sqlite::ingest::example_change_sets;

use crate::knowledge::Known;
use crate::verdicts::{Case, WATCH_S};

/// One transition.
#[derive(Clone, Debug)]
pub struct Transition {
    /// What it is called in the table.
    pub name: &'static str,
    /// Where it begins.
    pub before: Option<State>,
    /// What happens.
    pub event: Event,
}

/// Noticed, watched for longer, found harmful, ruled on, put back, recovered.
///
/// # Errors
/// When the shipped knowledge cannot be used.
pub fn transitions() -> Result<Vec<Transition>> {
    let set = example_change_sets(1_000, 1).remove(0);
    let at = set.effective_at();
    let mut state = None;
    let mut all = Vec::new();
    for (name, event) in events(&set, at)? {
        let before: Option<State> = state.take();
        let stepped = step(before.as_ref(), &event);
        let (next, _commands) = stepped.map_err(|illegal| anyhow!("{name}: {illegal}"))?;
        all.push(Transition {
            name,
            before,
            event,
        });
        state = Some(next);
    }
    Ok(all)
}

fn events(set: &ChangeSet, at: Timestamp) -> Result<Vec<(&'static str, Event)>> {
    let watch_until = at + Span::from_secs(WATCH_S);
    let case = Case::harmless();
    let (watch, _last) = case.at_its_end();
    let verdict = |kind| Verdict {
        kind,
        ..watch.verdict(watch.until())
    };
    let hurt = VerdictKind::Hurt {
        by: Harm::ClassChange(Trigger::Hang),
    };
    let judged = |kind, extend_until| Event::Judged {
        at,
        verdict: verdict(kind),
        extend_until,
        hold: None,
        work: WorkClass::OltpMixed,
        mends: None,
    };
    let reply = WriteReply::Effective {
        timing: WriteTiming::default(),
    };
    let recovery = Recovery::Yes;
    Ok(vec![
        (
            "seen_live",
            Event::SeenLive {
                at,
                change_set: set.clone(),
                takes_effect: TakesEffect::Now,
                watch_until,
            },
        ),
        (
            "more_time",
            judged(
                VerdictKind::Inconclusive,
                Some(watch_until + Span::from_secs(WATCH_S)),
            ),
        ),
        ("judged_hurt", judged(hurt, None)),
        ("ruled_automatic", ruled(set, at)?),
        (
            "replied_effective",
            Event::Replied {
                at,
                intent: IntentId(1),
                reply,
            },
        ),
        ("recovered", Event::Recovered { at, recovery }),
    ])
}

fn ruled(set: &ChangeSet, at: Timestamp) -> Result<Event> {
    Ok(Event::Ruled {
        at,
        risk: risk()?.into(),
        clearance: Clearance::Automatic,
        plan: plan(set).into(),
        intent: IntentId(1),
        expires_at: at + Span::from_secs(300),
    })
}

fn risk() -> Result<Risk> {
    let known = Known::new()?;
    let report =
        report(&known.scene(), &Known::proposal()).context("the proposal is a good one")?;
    Ok(report.risk)
}

fn plan(set: &ChangeSet) -> Plan {
    let steps = set.changes.iter().map(|change| PlanStep {
        key: change.key.clone(),
        route: Route::AlterSystem,
        inverse: change
            .old
            .entry
            .clone()
            .map_or(Inverse::Reset, Inverse::Set),
        expect: change.new.clone(),
        predict: Predicted {
            effective: change.old.effective.clone(),
            source: ValueSource::AutoFile,
        },
    });
    Plan {
        hash: PlanHash("bench".to_owned()),
        change_set: set.id,
        target: set.target.clone(),
        back_to: None,
        steps: steps.collect(),
        manual: None,
        commands: vec![
            "ALTER SYSTEM …".to_owned(),
            "SELECT pg_reload_conf()".to_owned(),
        ],
        does_not_undo: vec!["data".to_owned()],
    }
}
