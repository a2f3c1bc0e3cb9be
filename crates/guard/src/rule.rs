//! From a verdict of harm to a decision: risk, plan, policy, intent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use backstay_graph::Graph;
use backstay_journal::SnapshotStore;
use backstay_lifecycle::State;
use backstay_lifecycle::attempt::{Attempt, Authority};
use backstay_lifecycle::policy::{Brake, Facts, PastRollback, RollbackBy, clear};
use backstay_model::change::Pending;
use backstay_model::decision::{Clearance, HoldReason};
use backstay_model::event::{Evidence, WriteReply};
use backstay_model::name::EngineKind;
use backstay_model::plan::{Found, Plan};
use backstay_model::risk::Risk;
use backstay_model::verdict::Verdict;
use backstay_model::{
    Author, Change, ChangeSet, ChangeSetId, Event, IntentId, NodeKey, Scope, ServiceName,
    SettingKey, Snapshot, Timestamp, ValueSource,
};
use backstay_risk::Outlook;
use backstay_rollback::{Guilty, plan};
use backstay_simulate::{Proposed, outlook, proposal};

use crate::books::Books;
use crate::case::Case;
use crate::desk::Desk;
use crate::knowledge::{before, knowledge, past, scene};
use crate::mend::refuse_known_bad;
use crate::news::Tidings;
use crate::observe::class_of;
use crate::tick::Guard;
use crate::turn::Turn;

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
        let joint = self.joint(desk, id, &verdict);
        let facts = Facts {
            joint,
            ..facts(desk, &plan, turn, self.brake())
        };
        let clearance = match self.unable(desk) {
            None => clear(&desk.policy, &facts, &verdict, &risk, &plan),
            Some(why) => Clearance::Manual {
                why: HoldReason::NoPlan { why },
            },
        };
        let intent = turn.next_intent();
        let event = Event::Ruled {
            at: turn.now,
            risk: Arc::new(risk.clone()),
            clearance: clearance.clone(),
            plan: Arc::new(plan),
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
        if facts.joint.is_some_and(|joint| joint.told_with == id) {
            self.tell_suspects(desk, id, &verdict, turn);
        }
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

    /// Why nothing can be put back here now: it is another server, or the configuration of now cannot
    /// be stored, and no intent may be recorded without it.
    pub(crate) fn unable(&mut self, desk: &Desk) -> Option<String> {
        if let Some(why) = desk.stranger() {
            return Some(why.to_owned());
        }
        let stored = desk.snapshot.as_ref().map(|s| self.snapshots.put(s));
        let error = stored?.err()?;
        Some(format!(
            "the configuration of now cannot be stored: {error}"
        ))
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
        let graph: &Graph = &self.known.graph;
        let mut scene = scene(desk, &earlier, choice, (graph, &past), turn.now);
        let makers = makers(&case.change_set, snapshot);
        scene
            .services
            .retain(|service, _| !makers.contains(service));
        let proposed = Proposed::of(&case.change_set);
        let mut outlook = match proposal::put(&scene.now, &proposed) {
            Ok(then) => outlook(&scene, &then, &proposed),
            // A value that our pack cannot read is no reason to be silent about its reach.
            Err(_unreadable) => outlook(&scene, &scene.now.clone(), &proposed),
        };
        // Whoever worked here once does not feel what is done now.
        outlook.reach.retain(|reach| match &reach.node {
            NodeKey::Service(service) => scene.services.contains_key(service),
            _ => true,
        });
        outlook
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
        let mut plan = plan(&backstay_rollback::Request {
            change_set: &case.change_set,
            guilty: Guilty::All,
            now,
            last_good: desk.good.as_ref(),
            classes: &classes,
            requires: &[],
            dialect: desk.dialect.as_ref(),
        });
        refuse_known_bad(&mut plan, case, desk.cases.values());
        plan
    }

    /// The engine replied to a write.
    pub(crate) fn replied(
        &mut self,
        desk: &mut Desk,
        intent: IntentId,
        reply: WriteReply,
        turn: &mut Turn,
    ) {
        desk.answered(intent);
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

    /// The engine looked at the settings of an open intent. What is not in effect yet would be delivered
    /// again: not while that is stopped (it is asked about again then), and not in a mode that is
    /// stricter than when the intent was recorded.
    pub(crate) fn inspected(
        &mut self,
        desk: &mut Desk,
        intent: IntentId,
        found: Found,
        turn: &mut Turn,
    ) {
        desk.answered(intent);
        let Some((id, case)) =
            by_intent(desk, intent).and_then(|id| Some((id, desk.cases.get(&id)?)))
        else {
            return;
        };
        let unfinished = matches!(found, Found::NotApplied | Found::Written | Found::Mixed);
        let event = match &case.state {
            State::Reverting { attempt, .. } if unfinished => {
                if self.brake() == Brake::On || desk.stranger().is_some() {
                    return;
                }
                let at = age_known(case, attempt, turn.now);
                let evidence = self.evidence(desk, case);
                match desk.forbids(&attempt.by) {
                    Some(why) => given_up(at, intent, found, why),
                    None => Event::Inspected {
                        at,
                        intent,
                        found,
                        evidence,
                    },
                }
            }
            _ => Event::Inspected {
                at: turn.now,
                intent,
                found,
                evidence: Evidence::Unknown,
            },
        };
        if self.advance(desk, id, &event, turn) {
            self.note_undecided(desk, id, &event);
            self.settle(desk, id, turn);
        }
    }
}

/// The moment to judge the age of an attempt by. When the clock went back since it began, nobody knows
/// how old it is, and it counts as expired.
fn age_known(case: &Case, attempt: &Attempt, now: Timestamp) -> Timestamp {
    let begun = case.moments.ruled_at.unwrap_or(now);
    if now < begun { attempt.expires_at } else { now }
}

/// An attempt that is not delivered again, as if the engine had refused: what stands there decides who
/// has to know.
fn given_up(at: Timestamp, intent: IntentId, found: Found, why: &str) -> Event {
    let reply = match found {
        Found::NotApplied => WriteReply::Refused {
            why: why.to_owned(),
        },
        found => WriteReply::NotEffective { found },
    };
    Event::Replied { at, intent, reply }
}

fn by_intent(desk: &Desk, intent: IntentId) -> Option<ChangeSetId> {
    desk.cases
        .iter()
        .find(|(_, c)| c.state.open_intent() == Some(intent))
        .map(|(id, _)| *id)
}

/// Applications of which the only session is the one that made the change: that is its author, not a
/// service that feels it.
fn makers(change_set: &ChangeSet, snapshot: &Snapshot) -> BTreeSet<ServiceName> {
    let sessions = |service: &ServiceName| {
        let used = snapshot.services.iter().filter(|s| s.service == *service);
        used.map(|s| s.sessions).sum::<u32>()
    };
    let maker = |change: &Change| {
        let application = change.application.as_deref().filter(|a| !a.is_empty());
        let author = match &change.author {
            Author::Known { name, .. } => Some(name.as_str()),
            Author::Unknown => None,
        };
        application.or(author).map(ServiceName::new)
    };
    let makers = change_set.changes.iter().filter_map(maker);
    makers.filter(|service| sessions(service) <= 1).collect()
}

fn bare_outlook() -> Outlook {
    Outlook {
        failure_rate: backstay_risk::failure_rate(
            &[],
            &backstay_risk::Query {
                engine: EngineKind::Postgresql,
                category: "other".into(),
                setting: backstay_model::SettingName::from_static("unknown"),
                direction: backstay_risk::history::Direction::Up(0.0),
                at: Timestamp(0),
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
        rollbacks: desk.cases.values().flat_map(rollbacks_of).collect(),
        classes: changes.iter().map(|c| class_of(desk, c)).collect(),
        foreign_edits: foreign_edits(desk, &keys),
        joint: None,
    }
}

/// The rollbacks of a case that began to write, however it ended: a tool that writes the bad value again
/// supersedes the case, and must not win a fresh budget by that.
fn rollbacks_of(case: &Case) -> impl Iterator<Item = PastRollback> {
    let keys = case.change_set.changes.iter().map(|c| c.key.clone());
    let keys: BTreeSet<SettingKey> = keys.collect();
    case.attempts.iter().map(move |begun| PastRollback {
        at: begun.at,
        keys: keys.clone(),
        by: match begun.by {
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
