//! Words for tests: one setting `work_mem` of target `pg`, 4MB -> 64kB, and everything around it.

use backstay_model::change::{Author, Change, ChangeTime, Origin, Pending, Standing, TakesEffect};
use backstay_model::confidence::Confidence;
use backstay_model::decision::{Clearance, HoldReason, SettingClass};
use backstay_model::event::{Evidence, WriteReply, WriteTiming};
use backstay_model::id::PlanHash;
use backstay_model::plan::{Found, Inverse, Plan, PlanStep, Predicted, Route};
use backstay_model::risk::{FailureRate, Risk};
use backstay_model::verdict::{Calibration, Harm, Recovery, Trigger, Verdict, VerdictKind};
use backstay_model::{
    ChangeSet, ChangeSetId, Event, IntentId, SettingKey, TargetId, Timestamp, Value, ValueSource,
    WorkClass,
};

pub(crate) const ID: ChangeSetId = ChangeSetId(7);
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_000);
pub(crate) const EXPIRES: Timestamp = Timestamp::from_secs(1_300);

pub(crate) fn key() -> SettingKey {
    SettingKey::instance("work_mem")
}

pub(crate) fn standing(value: &str) -> Standing {
    Standing {
        effective: Some(Value::text(value)),
        source: ValueSource::AutoFile,
        entry: Some(Value::text(value)),
        waiting: None,
        pending_restart: Pending::No,
    }
}

pub(crate) fn change_set(id: ChangeSetId, old: &str, new: &str) -> ChangeSet {
    let change = Change {
        key: key(),
        old: standing(old),
        new: standing(new),
        time: ChangeTime {
            not_before: NOW,
            not_after: NOW,
            exact: None,
        },
        author: Author::Unknown,
        description: None,
        application: None,
        origin: Origin::Observed,
        takes_effect: TakesEffect::Now,
    };
    ChangeSet {
        id,
        target: TargetId::new("pg"),
        changes: vec![change],
    }
}

pub(crate) fn plan(id: ChangeSetId, old: &str, new: &str) -> Plan {
    Plan {
        hash: PlanHash(format!("{id}:{new}->{old}")),
        change_set: id,
        target: TargetId::new("pg"),
        back_to: None,
        steps: vec![PlanStep {
            key: key(),
            route: Route::AlterSystem,
            inverse: Inverse::Set(Value::text(old)),
            expect: standing(new),
            predict: Predicted {
                effective: Some(Value::text(old)),
                source: ValueSource::AutoFile,
            },
        }],
        manual: None,
        commands: vec![format!("ALTER SYSTEM SET work_mem = '{old}';")],
        does_not_undo: vec!["data".into()],
    }
}

pub(crate) fn verdict(kind: VerdictKind) -> Verdict {
    Verdict {
        kind,
        at: NOW,
        p_value: Some(0.001),
        score: 9.0,
        alarm_at: None,
        findings: Vec::new(),
        refusals: Vec::new(),
        calibration: Calibration::Own,
    }
}

pub(crate) fn hurt() -> VerdictKind {
    VerdictKind::Hurt {
        by: Harm::ClassChange(Trigger::Hang),
    }
}

pub(crate) fn risk(probability: f64, act_above: f64) -> Risk {
    Risk {
        score: 40.0,
        interval: (30.0, 50.0),
        severity: 0.6,
        probability: Confidence::clamped(probability),
        failure_rate: FailureRate {
            mean: 0.1,
            low: 0.0,
            high: 0.2,
            samples: 3.0,
            weight: 0.0,
        },
        confidence: Confidence::ONE,
        terms: Vec::new(),
        reach: Vec::new(),
        blocked_by: None,
        act_above,
    }
}

pub(crate) fn seen(set: ChangeSet, takes_effect: TakesEffect) -> Event {
    let watch_until = Timestamp::from_secs(1_900);
    Event::SeenLive {
        at: NOW,
        change_set: set,
        takes_effect,
        watch_until,
    }
}

pub(crate) fn judged(kind: VerdictKind, extend_until: Option<Timestamp>) -> Event {
    Event::Judged {
        at: NOW,
        verdict: verdict(kind),
        extend_until,
        hold: None,
        work: WorkClass::Unknown,
        mends: None,
    }
}

pub(crate) fn ruled(plan: Plan, intent: u64, clearance: Clearance) -> Event {
    let risk = risk(0.9, 0.3);
    Event::Ruled {
        at: NOW,
        risk: risk.into(),
        clearance,
        plan: plan.into(),
        intent: IntentId(intent),
        expires_at: EXPIRES,
    }
}

pub(crate) fn approved(plan: Plan, intent: u64) -> Event {
    Event::Approved {
        at: NOW,
        by: "ann".into(),
        plan: plan.into(),
        intent: IntentId(intent),
        expires_at: EXPIRES,
    }
}

pub(crate) fn overwritten(by: u64, found: &str) -> Event {
    Event::Overwritten {
        at: NOW,
        by: ChangeSetId(by),
        key: key(),
        found: Some(Value::text(found)),
    }
}

pub(crate) fn foreign(value: &str) -> Found {
    Found::Foreign {
        key: key(),
        found: standing(value),
    }
}

pub(crate) fn effective() -> WriteReply {
    WriteReply::Effective {
        timing: WriteTiming::default(),
    }
}

pub(crate) fn unknown() -> WriteReply {
    WriteReply::Unknown {
        why: "connection lost".into(),
    }
}

/// The event that one line of a test names: `judged hurt`, `replied unknown`.
pub(crate) fn event(line: &str) -> Event {
    let told = entry(line)
        .or_else(|| judgement(line))
        .or_else(|| decision(line));
    let told = told.or_else(|| reply(line)).or_else(|| finding(line));
    told.unwrap_or_else(|| panic!("no event is called {line:?}"))
}

fn entry(line: &str) -> Option<Event> {
    let set = || change_set(ID, "4MB", "64kB");
    Some(match line {
        "proposed" => Event::Proposed {
            at: NOW,
            change_set: set(),
        },
        "simulated" => Event::Simulated {
            at: NOW,
            risk: risk(0.1, 0.3).into(),
        },
        "declined" => Event::Declined {
            at: NOW,
            by: "ann".into(),
        },
        "seen live" => seen(set(), TakesEffect::Now),
        "seen live at restart" => seen(set(), TakesEffect::AtRestart),
        "seen live masked" => seen(set(), TakesEffect::Masked),
        "restarted" => Event::Restarted {
            at: NOW,
            watch_until: Timestamp::from_secs(1_900),
        },
        "resumed" => Event::Resumed { at: NOW },
        "overwritten" => overwritten(9, "1GB"),
        _ => return None,
    })
}

fn judgement(line: &str) -> Option<Event> {
    let recovered = |recovery| Event::Recovered { at: NOW, recovery };
    Some(match line {
        "judged hurt" => judged(hurt(), None),
        "judged healthy" => judged(VerdictKind::Healthy { excludes: 0.2 }, None),
        "judged inconclusive" => judged(VerdictKind::Inconclusive, None),
        "judged inconclusive, more time" => {
            judged(VerdictKind::Inconclusive, Some(Timestamp::from_secs(2_800)))
        }
        "judged healthy, durability" => Event::Judged {
            at: NOW,
            verdict: verdict(VerdictKind::Healthy { excludes: 0.2 }),
            extend_until: None,
            hold: Some(HoldReason::Class(SettingClass::Durability)),
            work: WorkClass::OltpWrite,
            mends: None,
        },
        "judged no data" => judged(VerdictKind::NoData, None),
        "judged load moved" => judged(VerdictKind::WorkloadShift, None),
        "judged confounded" => judged(VerdictKind::Confounded, None),
        "recovered" => recovered(Recovery::Yes),
        "not recovered" => recovered(Recovery::No),
        "recovery unknown" => recovered(Recovery::Unknown),
        _ => return None,
    })
}

fn decision(line: &str) -> Option<Event> {
    let plan = || plan(ID, "4MB", "64kB");
    let by_hand = || Plan {
        manual: Some(HoldReason::CommandLine),
        ..plan()
    };
    let why = HoldReason::ApproveMode;
    Some(match line {
        "ruled automatic" => ruled(plan(), 1, Clearance::Automatic),
        "ruled approval" => ruled(plan(), 1, Clearance::Approval { why }),
        "ruled automatic by hand" => ruled(by_hand(), 1, Clearance::Automatic),
        "ruled manual" => ruled(
            by_hand(),
            1,
            Clearance::Manual {
                why: HoldReason::CommandLine,
            },
        ),
        "approved" => approved(plan(), 1),
        "approved again" => approved(plan(), 2),
        "approved by hand" => approved(by_hand(), 1),
        "kept" => Event::KeptByOperator {
            at: NOW,
            by: "ann".into(),
        },
        "closed" => Event::ClosedByOperator {
            at: NOW,
            by: "ann".into(),
        },
        _ => return None,
    })
}

fn reply(line: &str) -> Option<Event> {
    let masked = Found::Masked {
        by: ValueSource::CommandLine,
    };
    let (intent, reply) = match line {
        "replied effective" => (1, effective()),
        "replied not effective" => (
            1,
            WriteReply::NotEffective {
                found: Found::NotApplied,
            },
        ),
        "replied masked" => (1, WriteReply::NotEffective { found: masked }),
        "replied restart pending" => (1, WriteReply::RestartPending),
        "replied conflict" => (
            1,
            WriteReply::Conflict {
                found: foreign("1GB"),
            },
        ),
        "replied refused" => (
            1,
            WriteReply::Refused {
                why: "permission denied".into(),
            },
        ),
        "replied unknown" => (1, unknown()),
        "replied to another intent" => (99, effective()),
        _ => return None,
    };
    Some(Event::Replied {
        at: NOW,
        intent: IntentId(intent),
        reply,
    })
}

fn finding(line: &str) -> Option<Event> {
    let (line, evidence) = match line.split_once("; harm ") {
        Some((line, "gone")) => (line, Evidence::Gone),
        Some((line, "unknown")) => (line, Evidence::Unknown),
        _ => (line, Evidence::StillBad),
    };
    let (at, found) = match line {
        "found not applied" => (NOW, Found::NotApplied),
        "found not applied, late" => (EXPIRES, Found::NotApplied),
        "found written" => (NOW, Found::Written),
        "found mixed" => (NOW, Found::Mixed),
        "found mixed, late" => (EXPIRES, Found::Mixed),
        "found effective" => (NOW, Found::Effective),
        "found masked" => (
            NOW,
            Found::Masked {
                by: ValueSource::Role,
            },
        ),
        "found foreign" => (NOW, foreign("1GB")),
        "found unknown" => (NOW, no_answer()),
        "found unknown, late" => (EXPIRES, no_answer()),
        _ => return None,
    };
    Some(Event::Inspected {
        at,
        intent: IntentId(1),
        found,
        evidence,
    })
}

/// What an inspection that gets no answer finds.
pub(crate) fn no_answer() -> Found {
    Found::Unknown {
        why: "no answer".into(),
    }
}

/// The answer to an inspection while the harm is there.
pub(crate) const fn inspected(at: Timestamp, intent: IntentId, found: Found) -> Event {
    Event::Inspected {
        at,
        intent,
        found,
        evidence: Evidence::StillBad,
    }
}
