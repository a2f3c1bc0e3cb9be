//! From a verdict of harm to a decision: risk, plan, policy, intent.

use std::collections::{BTreeMap, BTreeSet};

use backstay_graph::Graph;
use backstay_lifecycle::State;
use backstay_lifecycle::attempt::Authority;
use backstay_lifecycle::policy::{Brake, Facts, PastRollback, RollbackBy, clear};
use backstay_model::change::Pending;
use backstay_model::decision::Clearance;
use backstay_model::event::WriteReply;
use backstay_model::plan::{Found, Plan};
use backstay_model::risk::Risk;
use backstay_model::verdict::{Refusal, Verdict, VerdictKind};
use backstay_model::{ChangeSetId, Event, IntentId, Scope, SettingKey, Span, ValueSource};
use backstay_risk::Outlook;
use backstay_rollback::{Guilty, plan};
use backstay_simulate::{Proposed, outlook, proposal};

use crate::books::Books;
use crate::case::Case;
use crate::desk::Desk;
use crate::knowledge::{before, knowledge, past, scene};
use crate::news::Tidings;
use crate::observe::class_of;
use crate::tick::Guard;
use crate::turn::Turn;

/// A change set is blamed alone when its share of the blame is at least this
/// (risk-and-simulation.md, 5.8).
const BLAME_SHARE: f64 = 0.6;
/// The blame of a change halves, by e, in this time.
const BLAME_MEMORY: Span = Span::from_secs(300);

impl<B: Books> Guard<B> {
    /// Puts risk, plan and policy beside a verdict of harm, and takes the decision.
    pub(crate) fn rule(&mut self, desk: &mut Desk, id: ChangeSetId, turn: &mut Turn) {
        let Some(case) = desk.cases.get(&id) else {
            return;
        };
        let Some(verdict) = case.verdict.clone() else {
            return;
        };
        let risk = self.risk(desk, case, &verdict, turn);
        let plan = self.plan(desk, case);
        let facts = facts(desk, &plan, turn, self.brake());
        let clearance = clear(&desk.policy, &facts, &verdict, &risk, &plan);
        let intent = turn.next_intent();
        let event = Event::Ruled {
            at: turn.now,
            risk: risk.clone(),
            clearance: clearance.clone(),
            plan: plan.clone(),
            intent,
            expires_at: turn.now + desk.policy.intent_ttl,
        };
        if !self.advance(desk, id, &event, turn) {
            return;
        }
        let decision = match &clearance {
            Clearance::Automatic => "roll back".to_owned(),
            Clearance::Approval { why } | Clearance::Manual { why } => format!("hold: {why}"),
        };
        turn.tell(
            &desk.target,
            Tidings::Ruled {
                change_set: id,
                risk,
                decision,
            },
        );
        self.tell_writing(desk, id, intent, turn);
        self.settle(desk, id, turn);
    }

    pub(crate) fn tell_writing(
        &self,
        desk: &Desk,
        id: ChangeSetId,
        intent: IntentId,
        turn: &mut Turn,
    ) {
        let Some(State::Reverting { attempt, .. }) = desk.cases.get(&id).map(|c| &c.state) else {
            return;
        };
        let commands = attempt.plan.commands.clone();
        turn.tell(
            &desk.target,
            Tidings::Writing {
                change_set: id,
                intent,
                commands,
            },
        );
    }

    pub(crate) const fn brake(&self) -> Brake {
        if self.paused { Brake::On } else { Brake::Off }
    }

    fn risk(&self, desk: &Desk, case: &Case, verdict: &Verdict, turn: &Turn) -> Risk {
        let outlook = self.outlook(desk, case, turn);
        backstay_risk::after(&outlook, verdict)
    }

    /// What was known of the change before it was judged.
    fn outlook(&self, desk: &Desk, case: &Case, turn: &Turn) -> Outlook {
        let snapshot = desk.snapshot.as_ref();
        let choice = snapshot.and_then(|s| knowledge(&s.server));
        let (Some(snapshot), Some(choice)) = (snapshot, choice) else {
            return bare_outlook();
        };
        let earlier = before(snapshot, case);
        let settled = self
            .desks
            .values()
            .flat_map(|d| d.cases.values())
            .chain(desk.cases.values());
        let past = past(choice.pack, settled);
        let graph: &Graph = &self.graph;
        let scene = scene(desk, &earlier, choice, (graph, &past), turn.now);
        let proposed = Proposed::of(&case.change_set);
        match proposal::put(&scene.now, &proposed) {
            Ok(then) => outlook(&scene, &then, &proposed),
            // A value that our pack cannot read is no reason to be silent about its reach.
            Err(_unreadable) => outlook(&scene, &scene.now.clone(), &proposed),
        }
    }

    pub(crate) fn plan(&self, desk: &Desk, case: &Case) -> Plan {
        let classes: BTreeMap<SettingKey, _> = case
            .change_set
            .changes
            .iter()
            .map(|c| (c.key.clone(), class_of(desk, c)))
            .collect();
        let fallback;
        let now = match &desk.snapshot {
            Some(snapshot) => snapshot,
            None => {
                fallback = crate::knowledge::empty_snapshot(&desk.target);
                &fallback
            }
        };
        plan(&backstay_rollback::Request {
            change_set: &case.change_set,
            guilty: Guilty::All,
            now,
            last_good: desk.good.as_ref(),
            classes: &classes,
            requires: &[],
            dialect: desk.dialect.as_ref(),
        })
    }

    /// Several changes in the window: the one that the evidence and the graph point to is blamed, and
    /// where they do not, nobody is.
    pub(crate) fn share_blame(&self, desk: &Desk, id: ChangeSetId, verdict: &mut Verdict) {
        if !matches!(verdict.kind, VerdictKind::Hurt { .. }) {
            return;
        }
        let watched: Vec<&Case> = desk
            .cases
            .values()
            .filter(|c| c.change_set.id == id || suspect(c))
            .collect();
        if watched.len() < 2 {
            return;
        }
        let weight = |case: &Case| {
            let reach = self.reaches(desk, case, verdict);
            let age = (verdict.at - case.change_set.effective_at()).as_secs_f64();
            reach * (-age / BLAME_MEMORY.as_secs_f64()).exp()
        };
        let total: f64 = watched.iter().map(|c| weight(c)).sum();
        let own: f64 = watched
            .iter()
            .filter(|c| c.change_set.id == id)
            .map(|c| weight(c))
            .sum();
        if total <= 0.0 || own / total < BLAME_SHARE {
            verdict.refusals.push(Refusal::JointChange);
        }
    }

    /// How surely a change set reaches the metrics that alarmed; a little even where the graph knows
    /// no way, because the graph is never complete.
    fn reaches(&self, desk: &Desk, case: &Case, verdict: &Verdict) -> f64 {
        let view = backstay_graph::View::Effective {
            engine: backstay_model::name::EngineKind::Postgresql,
            major: desk.snapshot.as_ref().map_or(0, |s| s.server.major()),
            target: desk.target.clone(),
        };
        let start: Vec<_> = case
            .change_set
            .changes
            .iter()
            .map(|c| backstay_model::NodeKey::Setting(c.key.name.clone()))
            .collect();
        let impacts = self
            .graph
            .impact(&start, &backstay_graph::ImpactSpec::new(view, verdict.at));
        let alarmed: BTreeSet<&str> = verdict
            .findings
            .iter()
            .filter(|f| f.alarm_at.is_some())
            .map(|f| f.metric.as_str())
            .collect();
        let best = impacts
            .iter()
            .filter(|i| alarmed.contains(i.node.name()))
            .map(|i| i.score.get());
        best.fold(0.05, f64::max)
    }

    /// The engine replied to a write.
    pub(crate) fn replied(
        &mut self,
        desk: &mut Desk,
        intent: IntentId,
        reply: WriteReply,
        turn: &mut Turn,
    ) {
        let Some(id) = by_intent(desk, intent) else {
            return;
        };
        turn.tell(
            &desk.target,
            Tidings::Replied {
                change_set: id,
                reply: reply.clone(),
            },
        );
        let event = Event::Replied {
            at: turn.now,
            intent,
            reply,
        };
        if self.advance(desk, id, &event, turn) {
            self.settle(desk, id, turn);
        }
    }

    /// The engine looked at the settings of an open intent.
    pub(crate) fn inspected(
        &mut self,
        desk: &mut Desk,
        intent: IntentId,
        found: Found,
        turn: &mut Turn,
    ) {
        let Some(id) = by_intent(desk, intent) else {
            return;
        };
        let event = Event::Inspected {
            at: turn.now,
            intent,
            found,
        };
        if self.advance(desk, id, &event, turn) {
            self.settle(desk, id, turn);
        }
    }
}

/// Whether a change set may be the cause of harm that shows now: it is watched, or it hurt and is not
/// known to be cured.
fn suspect(case: &Case) -> bool {
    let hurt = case.moments.judged_at.is_some();
    match case.state {
        State::Watching { .. } => true,
        State::Held { .. }
        | State::Reverting { .. }
        | State::Verifying { .. }
        | State::RollbackFailed { .. } => hurt,
        _ => false,
    }
}

fn by_intent(desk: &Desk, intent: IntentId) -> Option<ChangeSetId> {
    desk.cases
        .iter()
        .find(|(_, c)| c.state.open_intent() == Some(intent))
        .map(|(id, _)| *id)
}

fn bare_outlook() -> Outlook {
    Outlook {
        failure_rate: backstay_risk::failure_rate(
            &[],
            &backstay_risk::Query {
                engine: backstay_model::name::EngineKind::Postgresql,
                category: "other".into(),
                setting: backstay_model::SettingName::from_static("unknown"),
                direction: backstay_risk::history::Direction::Up(0.0),
                at: backstay_model::Timestamp(0),
            },
        ),
        mechanisms: Vec::new(),
        reach: Vec::new(),
        blast: 0.5,
        costs: backstay_risk::Costs::RELOAD,
    }
}

/// How things stand at the target, as far as policy asks.
fn facts(desk: &Desk, plan: &Plan, turn: &Turn, brake: Brake) -> Facts {
    let keys: BTreeSet<SettingKey> = plan.steps.iter().map(|s| s.key.clone()).collect();
    let changes = desk
        .cases
        .get(&plan.change_set)
        .map(|c| c.change_set.changes.as_slice())
        .unwrap_or_default();
    Facts {
        now: turn.now,
        brake,
        rollbacks: desk.cases.values().filter_map(rollback_of).collect(),
        classes: changes.iter().map(|c| class_of(desk, c)).collect(),
        foreign_edits: foreign_edits(desk, &keys),
    }
}

/// The rollback that a case led to, if one began to write.
fn rollback_of(case: &Case) -> Option<PastRollback> {
    let by = match &case.state {
        State::Reverting { attempt, .. }
        | State::Verifying { attempt, .. }
        | State::RollbackFailed { attempt, .. } => &attempt.by,
        State::RolledBack { .. } if case.operator.is_some() => {
            &Authority::Operator { by: String::new() }
        }
        State::RolledBack { .. } => &Authority::Policy,
        _ => return None,
    };
    Some(PastRollback {
        at: case.moments.ruled_at?,
        keys: case
            .change_set
            .changes
            .iter()
            .map(|c| c.key.clone())
            .collect(),
        by: match by {
            Authority::Policy => RollbackBy::Policy,
            Authority::Operator { .. } => RollbackBy::Operator,
        },
    })
}

/// Values in the files that a reload would activate and that are not part of the plan: an entry that
/// differs from what runs, that nothing masks and that does not wait for a restart.
fn foreign_edits(desk: &Desk, own: &BTreeSet<SettingKey>) -> BTreeSet<SettingKey> {
    let settings = desk.snapshot.iter().flat_map(|s| &s.settings);
    settings
        .filter(|(key, standing)| {
            key.scope == Scope::Instance
                && !own.contains(*key)
                && standing.pending_restart == Pending::No
                && standing.source == ValueSource::Default
                && standing.entry.is_some()
        })
        .map(|(key, _)| key.clone())
        .collect()
}
