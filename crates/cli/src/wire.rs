//! The shapes of our JSON. Own types, so that what people script against does not move when the
//! inside does.

pub(crate) mod rules;
pub(crate) mod simulate;

use backstay_guard::news::{News, Tidings};
use backstay_guard::report::{Done, Report};
use backstay_guard::words::values;
use backstay_journal::Presence;
use backstay_model::event::WriteReply;
use backstay_model::plan::Plan;
use backstay_model::risk::Risk;
use backstay_model::verdict::{Finding, Harm, Recovery, Verdict, VerdictKind};
use backstay_model::{Change, ChangeSet};
use serde_json::{Value, json};

use crate::postgres::trouble;

/// One piece of news as one document of a stream.
pub(crate) fn news(news: &News) -> Option<Value> {
    let (kind, mut body) = tidings(&news.what)?;
    let object = body.as_object_mut()?;
    object.insert("kind".into(), json!(kind));
    object.insert("at".into(), json!(news.at.to_string()));
    object.insert("target".into(), json!(news.target.as_str()));
    Some(body)
}

fn tidings(what: &Tidings) -> Option<(&'static str, Value)> {
    about_target(what).or_else(|| about_change(what))
}

fn presence(presence: Presence) -> &'static str {
    match presence {
        Presence::Begins => "begins",
        Presence::Ends => "ends",
    }
}

fn about_target(what: &Tidings) -> Option<(&'static str, Value)> {
    Some(match what {
        Tidings::Condition(condition) => (
            "condition",
            json!({
                "condition": condition.word(),
                "text": condition.to_string(),
                "code": trouble(condition).map(|t| t.code.entry().0),
                "hint": trouble(condition).map(|t| t.hint),
            }),
        ),
        Tidings::Waiting(waiting) => (
            "waiting",
            json!({ "tries": waiting.tries, "next_try_in_s": waiting.next_in.as_secs_f64() }),
        ),
        Tidings::Notice(notice, since) => (
            "notice",
            json!({ "text": notice.to_string(), "presence": presence(*since) }),
        ),
        Tidings::Baseline {
            settings,
            dependencies,
            services,
        } => (
            "baseline",
            json!({ "settings": settings, "dependencies": dependencies, "services": services }),
        ),
        Tidings::NewServices(services) => ("new_services", json!({ "services": services })),
        Tidings::Learning { have_s, want_s } => {
            ("learning", json!({ "have_s": have_s, "want_s": want_s }))
        }
        Tidings::Paused(since) => ("paused", json!({ "presence": presence(*since) })),
        Tidings::Stopped { why } => ("stopped", json!({ "why": why })),
        _ => return None,
    })
}

/// News about one change set; its id stands in every document.
fn about_change(what: &Tidings) -> Option<(&'static str, Value)> {
    let (kind, id, mut body) = match what {
        Tidings::Seen(set) => return Some(("change_seen", change_set(set))),
        Tidings::Ours(set) => return Some(("own_write_seen", change_set(set))),
        Tidings::Settled(settled) => return Some(("report", report(settled))),
        Tidings::Watching { change_set, until } => (
            "watching",
            change_set,
            json!({ "until": until.to_string() }),
        ),
        Tidings::Judged {
            change_set,
            verdict: v,
        } => ("verdict", change_set, json!({ "verdict": verdict(v) })),
        Tidings::Ruled {
            change_set,
            risk: r,
            decision,
        } => {
            let body = json!({ "risk": risk(r), "decision": decision });
            ("decision", change_set, body)
        }
        Tidings::Writing {
            change_set,
            intent,
            commands,
        } => {
            let body = json!({ "intent": intent.to_string(), "commands": commands });
            ("writing", change_set, body)
        }
        Tidings::Replied {
            change_set,
            reply: r,
        } => ("write_reply", change_set, json!({ "reply": reply(r) })),
        Tidings::Recovered {
            change_set,
            recovery: r,
        } => ("recovery", change_set, json!({ "recovered": recovery(*r) })),
        Tidings::Paged(page) => {
            let body = json!({ "message": page.message, "next": page.next });
            ("page", &page.change_set, body)
        }
        _ => return None,
    };
    body.as_object_mut()?
        .insert("change_set".into(), json!(id.to_string()));
    Some((kind, body))
}

pub(crate) fn change_set(set: &ChangeSet) -> Value {
    json!({
        "change_set": set.id.to_string(),
        "effective_at": set.effective_at().to_string(),
        "takes_effect": set.takes_effect(),
        "author": set.author().name(),
        "description": set.description(),
        "changes": set.changes.iter().map(change).collect::<Vec<_>>(),
    })
}

pub(crate) fn change(change: &Change) -> Value {
    let (old, new) = values(change);
    json!({
        "setting": change.key.name.as_str(),
        "scope": change.key.scope.to_string(),
        "old": old,
        "new": new,
        "source": change.new.source.to_string(),
        "author": change.author.name(),
        "description": change.description,
        "origin": change.origin,
        "takes_effect": change.takes_effect,
        "time": {
            "not_before": change.time.not_before.to_string(),
            "not_after": change.time.not_after.to_string(),
            "exact": change.time.exact.map(|t| t.to_string()),
        },
    })
}

pub(crate) fn verdict(verdict: &Verdict) -> Value {
    let (by, excludes) = match &verdict.kind {
        VerdictKind::Hurt {
            by: Harm::ClassChange(trigger),
        } => (Some(trigger.words()), None),
        VerdictKind::Hurt {
            by: Harm::Statistical,
        } => (Some("a metric left its band"), None),
        VerdictKind::Healthy { excludes } => (None, Some(*excludes)),
        _ => (None, None),
    };
    json!({
        "kind": verdict.kind.word().replace(' ', "_"),
        "by": by,
        "excludes_harm_of": excludes,
        "at": verdict.at.to_string(),
        "p_value": verdict.p_value,
        "score": verdict.score,
        "alarm_at": verdict.alarm_at.map(|t| t.to_string()),
        "calibration": verdict.calibration,
        "findings": verdict.findings.iter().map(finding).collect::<Vec<_>>(),
        "refusals": verdict.refusals.iter().map(|r| r.words()).collect::<Vec<_>>(),
    })
}

fn finding(finding: &Finding) -> Value {
    json!({
        "metric": finding.metric.as_str(),
        "role": finding.role,
        "before": finding.before,
        "after": finding.after,
        "harm": finding.harm,
        "p_value": finding.p_value,
        "alarm_at": finding.alarm_at.map(|t| t.to_string()),
        "since": finding.since.map(|t| t.to_string()),
        "text": finding.text,
    })
}

pub(crate) fn risk(risk: &Risk) -> Value {
    json!({
        "score": round(risk.score),
        "interval": [round(risk.interval.0), round(risk.interval.1)],
        "band": risk.band(),
        "factors": {
            "severity": risk.severity,
            "probability": risk.probability.get(),
            "confidence": risk.confidence.get(),
        },
        "failure_rate": {
            "mean": risk.failure_rate.mean,
            "low": risk.failure_rate.low,
            "high": risk.failure_rate.high,
            "samples": risk.failure_rate.samples,
        },
        "terms": risk.terms.iter().map(|t| json!({ "name": t.name, "log_odds": t.log_odds, "reason": t.reason })).collect::<Vec<_>>(),
        "act_above": risk.act_above,
        "blocked_by": risk.blocked_by,
        "reach": risk.reach.iter().map(|r| json!({
            "node": r.node.name(),
            "kind": r.node.kind(),
            "confidence": r.confidence.get(),
            "path": r.path.iter().map(backstay_model::NodeKey::name).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    })
}

pub(crate) fn plan(plan: &Plan) -> Value {
    json!({
        "change_set": plan.change_set.to_string(),
        "target": plan.target.as_str(),
        "hash": plan.hash.0,
        "back_to": plan.back_to.as_ref().map(ToString::to_string),
        "commands": plan.commands,
        "waits_for_a_person_because": plan.manual.as_ref().map(ToString::to_string),
        "does_not_undo": plan.does_not_undo,
    })
}

fn reply(reply: &WriteReply) -> Value {
    match reply {
        WriteReply::Effective { timing } => json!({
            "outcome": "effective",
            "seconds": {
                "lock": timing.lock_s, "check": timing.check_s,
                "write": timing.write_s, "read_back": timing.read_back_s,
            },
        }),
        WriteReply::NotEffective { found } => json!({ "outcome": "not_effective", "found": found }),
        WriteReply::RestartPending => json!({ "outcome": "restart_pending" }),
        WriteReply::Conflict { found } => json!({ "outcome": "conflict", "found": found }),
        WriteReply::Refused { why } => json!({ "outcome": "refused", "why": why }),
        WriteReply::Unknown { why } => json!({ "outcome": "unknown", "why": why }),
    }
}

const fn recovery(recovery: Recovery) -> &'static str {
    match recovery {
        Recovery::Yes => "yes",
        Recovery::No => "no",
        Recovery::Unknown => "unknown",
    }
}

/// The report on a change set that came to rest.
pub(crate) fn report(report: &Report) -> Value {
    json!({
        "change_set": report.change_set.id.to_string(),
        "outcome": report.outcome.replace(' ', "_"),
        "reason": report.reason,
        "root_cause": report.root_cause,
        "changes": report.change_set.changes.iter().map(change).collect::<Vec<_>>(),
        "author": report.change_set.author().name(),
        "description": report.change_set.description(),
        "verdict": report.verdict.as_ref().map(verdict),
        "risk": report.risk.as_ref().map(risk),
        "impacted_services": report.services.iter().map(|s| s.as_str()).collect::<Vec<_>>(),
        "remediation": report.commands,
        "run_by": match report.done {
            Done::Nothing => "nobody",
            Done::ByBackstay => "backstay",
            Done::WaitsForPerson => "waits for a person",
            Done::Offered => "whoever wants it back",
        },
        "steps": report.steps.iter().map(|s| json!({
            "what": s.what, "at": s.at.to_string(), "seconds": s.seconds,
        })).collect::<Vec<_>>(),
        "does_not_undo": report.does_not_undo,
    })
}

fn round(x: f64) -> f64 {
    (x * 10.0).round() / 10.0
}
