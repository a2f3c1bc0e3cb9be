//! The report on a change set that came to rest: root cause, impacted services, steps taken and the
//! seconds of each.

use std::collections::BTreeSet;

use backstay_lifecycle::State;
use backstay_lifecycle::state::{Keeper, Ready, Successor};
use backstay_model::risk::Risk;
use backstay_model::verdict::{Harm, Recovery, Verdict, VerdictKind};
use backstay_model::{Change, ChangeSet, NodeKey, ServiceName, Timestamp};
use serde::{Deserialize, Serialize};

use crate::case::Case;
use crate::words::values;

/// Metrics that a root cause names at most.
const SYMPTOMS_MAX: usize = 3;

/// The report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What was changed, by whom, when and why.
    pub change_set: ChangeSet,
    /// How it ended, in the words of the states.
    pub outcome: String,
    /// The reason for the outcome, in one line, where there is one.
    pub reason: Option<String>,
    /// Root cause in one sentence; `None` when nothing hurt.
    pub root_cause: Option<String>,
    /// The verdict it rests on.
    pub verdict: Option<Verdict>,
    /// The risk that was ruled on.
    pub risk: Option<Risk>,
    /// Services that the change reaches.
    pub services: Vec<ServiceName>,
    /// The statements that were run, or are to be run by a person.
    pub commands: Vec<String>,
    /// Whether Backstay ran them.
    pub done: Done,
    /// Steps taken, in order.
    pub steps: Vec<Step>,
    /// What a configuration rollback does not put back.
    pub does_not_undo: Vec<String>,
}

/// Who runs the commands of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Done {
    /// There is nothing to run.
    Nothing,
    /// Backstay ran them.
    ByBackstay,
    /// A person has to, or has to approve.
    WaitsForPerson,
    /// Nobody has to: nothing speaks against the change, and these would take it back.
    Offered,
}

/// One step, with the seconds it took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What happened.
    pub what: String,
    /// When it was complete.
    pub at: Timestamp,
    /// Seconds since the step before.
    pub seconds: f64,
}

impl Report {
    /// The report on `case` as it stands.
    #[must_use]
    pub fn on(case: &Case) -> Self {
        let rolled_back = matches!(case.state, State::RolledBack { .. });
        let commands = case
            .plan
            .as_ref()
            .map(|p| p.commands.clone())
            .unwrap_or_default();
        let done = match (&case.state, commands.is_empty()) {
            (_, true) | (State::Kept { .. } | State::Superseded { .. }, _) => Done::Nothing,
            _ if rolled_back => Done::ByBackstay,
            (
                State::Held {
                    ready: Ready::Nothing,
                    ..
                },
                _,
            ) if !hurt(case) => Done::Offered,
            _ => Done::WaitsForPerson,
        };
        Self {
            change_set: case.change_set.clone(),
            outcome: case.state.word().to_owned(),
            reason: reason(case),
            root_cause: root_cause(case),
            verdict: case.verdict.clone(),
            risk: case.risk.clone(),
            services: services(case),
            commands: if done == Done::Nothing {
                Vec::new()
            } else {
                commands
            },
            done,
            steps: steps(case),
            does_not_undo: case
                .plan
                .as_ref()
                .map(|p| p.does_not_undo.clone())
                .unwrap_or_default(),
        }
    }
}

fn hurt(case: &Case) -> bool {
    let verdict = case.verdict.as_ref();
    verdict.is_some_and(|v| matches!(v.kind, VerdictKind::Hurt { .. }))
}

/// Why it came to rest there, in one line.
fn reason(case: &Case) -> Option<String> {
    match &case.state {
        State::Held { reason, .. } => Some(reason.to_string()),
        State::Refused { why, .. } | State::RollbackFailed { why, .. } => Some(why.clone()),
        State::Superseded { by, .. } => Some(match by {
            Successor::ChangeSet { id, key } if case.undone_by == Some(*id) => {
                format!("{key} was put back by hand with {id}")
            }
            Successor::ChangeSet { id, key } => {
                format!("{key} was written again by {id}; not overwritten")
            }
            Successor::Value { key, found } => {
                let found = found
                    .as_ref()
                    .map_or_else(|| "nothing".to_owned(), ToString::to_string);
                format!("{key} is {found} now, which somebody else wrote; not overwritten")
            }
            Successor::Operator { by } => format!("closed by {by}"),
        }),
        State::Kept {
            by: Keeper::Operator { by },
            ..
        } => Some(format!("kept by {by}")),
        State::Kept { .. } => case.mends.map(|of| format!("ended what {of} hurt")),
        _ => None,
    }
}

/// One sentence: who turned what, and what broke. Blames nothing that was not judged.
fn root_cause(case: &Case) -> Option<String> {
    case.moments.judged_at?;
    let verdict = case.verdict.as_ref()?;
    let changes: Vec<String> = case.change_set.changes.iter().map(told).collect();
    let symptom = symptom(verdict);
    let cleared = case.recovery == Some(Recovery::No);
    let (verb, beside) = match (cleared, case.blamed()) {
        (true, _) => ("was suspected of", ""),
        (false, true) => ("caused", ""),
        (false, false) => (
            "may have caused",
            "; other changes overlap, so the cause is not decided",
        ),
    };
    Some(format!(
        "{} by {} {verb} {symptom}{beside}",
        changes.join(", "),
        case.change_set.author()
    ))
}

fn told(change: &Change) -> String {
    let (old, new) = values(change);
    format!("{} {old} -> {new}", change.key)
}

/// What showed: the class of harm and the metrics that show it most.
fn symptom(verdict: &Verdict) -> String {
    let class = match &verdict.kind {
        VerdictKind::Hurt {
            by: Harm::ClassChange(trigger),
        } => trigger.words(),
        _ => "worse than without a change",
    };
    let alarmed = verdict.findings.iter().filter(|f| f.alarm_at.is_some());
    let mut told = BTreeSet::new();
    let distinct = alarmed.filter(|f| told.insert(&f.metric));
    let texts = distinct.take(SYMPTOMS_MAX).map(|f| f.text.as_str());
    let shown: Vec<&str> = texts.collect();
    if shown.is_empty() {
        class.to_owned()
    } else {
        format!("{class}: {}", shown.join("; "))
    }
}

fn services(case: &Case) -> Vec<ServiceName> {
    let reach = case.risk.iter().flat_map(|r| &r.reach);
    reach
        .filter_map(|r| match &r.node {
            NodeKey::Service(name) => Some(name.clone()),
            _ => None,
        })
        .collect()
}

fn steps(case: &Case) -> Vec<Step> {
    let moments = &case.moments;
    let took_effect = case.change_set.effective_at();
    let mut steps = Vec::new();
    let mut last = took_effect;
    let mut add = |what: &str, at: Option<Timestamp>| {
        if let Some(at) = at {
            steps.push(Step {
                what: what.to_owned(),
                at,
                seconds: (at - last).as_secs_f64().max(0.0),
            });
            last = at;
        }
    };
    add("noticed", Some(case.seen_at));
    add("judged harmful", moments.judged_at);
    add("ruled, snapshot and intent durable", moments.ruled_at);
    add("written, reloaded, read back", moments.read_back_at);
    add(
        "recovery confirmed",
        moments
            .recovered_at
            .filter(|_| case.recovery == Some(Recovery::Yes)),
    );
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use backstay_model::MetricName;
    use backstay_model::metric::MetricRole;
    use backstay_model::verdict::{Calibration, Finding, Trigger};

    #[test]
    fn a_symptom_names_a_metric_once() {
        let finding = |metric: &'static str, text: &str| Finding {
            metric: MetricName::from_static(metric),
            role: MetricRole::Throughput,
            before: Some(265.0),
            after: Some(0.0),
            harm: None,
            p_value: None,
            alarm_at: Some(Timestamp(0)),
            since: None,
            text: text.to_owned(),
        };
        let verdict = Verdict {
            kind: VerdictKind::Hurt {
                by: Harm::ClassChange(Trigger::Hang),
            },
            at: Timestamp(0),
            p_value: None,
            score: 1.0,
            alarm_at: Some(Timestamp(0)),
            findings: vec![
                finding("writes_per_s", "writes 265/s -> 0/s since 10:00:00"),
                finding("writes_per_s", "writes 265/s -> 0/s since 10:00:01"),
                finding("commits_per_s", "commits 90/s -> 0/s since 10:00:01"),
            ],
            refusals: Vec::new(),
            calibration: Calibration::None,
        };
        assert_eq!(
            symptom(&verdict),
            "work hangs: writes 265/s -> 0/s since 10:00:00; commits 90/s -> 0/s since 10:00:01"
        );
    }
}
