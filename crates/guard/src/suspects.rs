//! Which of several changes may be the cause of harm, by what the graph knows of their reach; who of them
//! is told to people, and what becomes of those that are left.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use backstay_graph::{ImpactSpec, View};
use backstay_journal::{Notice, Presence};
use backstay_lifecycle::policy::{Joint, Standing};
use backstay_lifecycle::{State, joint};
use backstay_model::decision::HoldReason;
use backstay_model::name::EngineKind;
use backstay_model::verdict::{Refusal, Verdict};
use backstay_model::{ChangeSetId, Event, NodeKey, Span, Timestamp};

use crate::books::Books;
use crate::case::Case;
use crate::desk::Desk;
use crate::learning::{Taken, at_least};
use crate::tick::Guard;
use crate::turn::Turn;

/// How surely a change set reaches what alarmed where the graph knows no way: a little, because the
/// graph is never complete.
const NO_WAY: f64 = 0.05;
/// A change set is blamed alone when its share of the blame is at least this
/// (risk-and-simulation.md, 5.8).
const BLAME_SHARE: f64 = 0.6;
/// The blame of a change halves, by e, in this time.
const BLAME_MEMORY: Span = Span::from_secs(300);
/// A suspect alone reaches what alarmed when it does so this many times as surely as the next one.
const ALONE_TIMES: f64 = 3.0;

/// A metric that alarmed and that the graph leads to, and how surely (0..=1).
type Way = (String, f64);

impl<B: Books> Guard<B> {
    /// The share of the blame that a change set has among `watched`. Before anything is done to one alone,
    /// that one counts for as little as is sure, the others in full.
    pub(crate) fn share(
        &self,
        desk: &Desk,
        verdict: &Verdict,
        (id, watched): (ChangeSetId, &[&Case]),
    ) -> f64 {
        let weight = |case: &Case| {
            let taken = match case.change_set.id == id {
                true => Taken::AtLeast,
                false => Taken::AsItIs,
            };
            let reach = surest(&self.ways(desk, case, (verdict, taken)));
            let age = (verdict.at - case.change_set.effective_at()).as_secs_f64();
            reach * (-age / BLAME_MEMORY.as_secs_f64()).exp()
        };
        let total: f64 = watched.iter().map(|c| weight(c)).sum();
        let own = watched.iter().filter(|c| c.change_set.id == id);
        let own: f64 = own.map(|c| weight(c)).sum();
        if total > 0.0 { own / total } else { 0.0 }
    }

    /// Several changes in the window: the one that the evidence and the graph point to is blamed, and
    /// where they do not, nobody is.
    pub(crate) fn share_blame(&self, desk: &Desk, id: ChangeSetId, verdict: &mut Verdict) {
        let watched = watched(desk, id);
        let hurt = verdict.kind.hurt();
        if hurt && watched.len() > 1 && self.share(desk, verdict, (id, &watched)) < BLAME_SHARE {
            verdict.refusals.push(Refusal::JointChange);
        }
    }

    /// The metrics that alarmed and that the change set reaches, the surest first.
    fn ways(&self, desk: &Desk, case: &Case, (verdict, taken): (&Verdict, Taken)) -> Vec<Way> {
        let server = desk.snapshot.as_ref().map(|s| &s.server);
        let (engine, major) = server.map_or((EngineKind::Postgresql, 0), |server| {
            (server.engine, server.major())
        });
        let view = View::Effective {
            engine,
            major,
            target: desk.target.clone(),
        };
        let changes = case.change_set.changes.iter();
        let start: Vec<_> = changes
            .map(|c| NodeKey::Setting(c.key.name.clone()))
            .collect();
        let graph = &self.known.graph;
        let impacts = graph.impact(&start, &ImpactSpec::new(view, verdict.at));
        let alarmed: BTreeSet<&str> = verdict
            .findings
            .iter()
            .filter(|f| f.alarm_at.is_some())
            .map(|f| f.metric.as_str())
            .collect();
        let hit = impacts.iter().filter(|i| alarmed.contains(i.node.name()));
        let way = hit.map(|i| {
            let sure = match taken {
                Taken::AsItIs => i.score.get(),
                Taken::AtLeast => at_least(i, verdict.at),
            };
            (i.node.name().to_owned(), sure)
        });
        let mut ways: Vec<Way> = way.collect();
        ways.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        ways
    }

    /// All that may have caused what `verdict` says of `id`, the most suspect first: the surest way in the
    /// graph, then the one that explains more of what alarmed, then what took effect last before it began.
    fn ranked<'a>(
        &self,
        desk: &'a Desk,
        id: ChangeSetId,
        verdict: &Verdict,
    ) -> Vec<(&'a Case, Vec<Way>)> {
        let onset = onset(verdict);
        let mut suspects: Vec<(&Case, Vec<Way>)> = watched(desk, id)
            .into_iter()
            .map(|case| (case, self.ways(desk, case, (verdict, Taken::AsItIs))))
            .collect();
        let late = |case: &Case| {
            let at = case.change_set.effective_at();
            (at <= onset, Reverse((onset - at).0.abs()))
        };
        suspects.sort_by(|(a, by_a), (b, by_b)| {
            let surer = surest(by_b).total_cmp(&surest(by_a));
            let more = by_b.len().cmp(&by_a.len());
            surer.then(more).then(late(b).cmp(&late(a)))
        });
        suspects
    }

    /// How a change set of which `verdict` says that it may be the cause among others stands among them.
    pub(crate) fn joint(&self, desk: &Desk, id: ChangeSetId, verdict: &Verdict) -> Option<Joint> {
        if !verdict.refusals.contains(&Refusal::JointChange) {
            return None;
        }
        let ranked = self.ranked(desk, id, verdict);
        let own = ranked.iter().find(|(c, _)| c.change_set.id == id);
        let own = self.ways(desk, own?.0, (verdict, Taken::AtLeast));
        let others = ranked.iter().filter(|(c, _)| c.change_set.id != id);
        let next = others.map(|(_, ways)| surest(ways)).fold(0.0, f64::max);
        let standing = if surest(&own) >= ALONE_TIMES * next {
            Standing::Alone
        } else {
            Standing::AmongOthers
        };
        let suspects: Vec<ChangeSetId> = ranked.iter().map(|(c, _)| c.change_set.id).collect();
        (suspects.len() > 1).then(|| Joint {
            told_with: self.speaker(desk, id, verdict).unwrap_or(id),
            suspects,
            standing,
        })
    }

    /// The other suspect with which people are told already, or will be: one that was ruled on, or one
    /// that the same evidence blames alone.
    fn speaker(&self, desk: &Desk, id: ChangeSetId, verdict: &Verdict) -> Option<ChangeSetId> {
        let watched = watched(desk, id);
        let others = || watched.iter().filter(|c| c.change_set.id != id);
        let told = others().find_map(|case| match &case.state {
            State::Held {
                reason: HoldReason::Joint { told_with, .. },
                ..
            } => Some(*told_with).filter(|speaker| *speaker != id),
            State::Held { .. }
            | State::Judged { .. }
            | State::Reverting { .. }
            | State::Verifying { .. } => Some(case.change_set.id),
            _ => None,
        });
        let blamed = |case: &&&Case| {
            let other = (case.change_set.id, watched.as_slice());
            matches!(case.state, State::Watching { .. })
                && self.share(desk, verdict, other) >= BLAME_SHARE
        };
        told.or_else(|| others().find(blamed).map(|case| case.change_set.id))
    }

    /// Tells whoever has to decide why which change is how suspect.
    pub(crate) fn tell_suspects(
        &mut self,
        desk: &Desk,
        id: ChangeSetId,
        verdict: &Verdict,
        turn: &mut Turn,
    ) {
        let suspects = self.ranked(desk, id, verdict);
        let told: Vec<String> = suspects
            .iter()
            .map(|(case, ways)| told(case, ways))
            .collect();
        let text = format!(
            "what {id} is held for may have come from any of these, the most suspect first: {}",
            told.join("; ")
        );
        self.noticed(desk, Notice::Other { text }, Presence::Begins, turn);
    }

    /// Looks after changes that are held together: one of them was put back, was kept, or was the cause.
    pub(crate) fn look_after_joint(&mut self, desk: &mut Desk, turn: &mut Turn) {
        for id in desk.open_cases() {
            let Some(event) = after_others(desk, id, turn.now) else {
                continue;
            };
            if !self.advance(desk, id, &event, turn) {
                continue;
            }
            if let Event::Acquitted { cause, .. } = event {
                let text = format!(
                    "{id} was held for a symptom that went away with {cause}: it is watched anew"
                );
                self.noticed(desk, Notice::Other { text }, Presence::Begins, turn);
                self.open_watch(desk, id, turn);
            }
            self.settle(desk, id, turn);
        }
    }
}

/// What becomes of a change set that is held together with others, now that those stand as they do.
fn after_others(desk: &Desk, id: ChangeSetId, now: Timestamp) -> Option<Event> {
    let own = &desk.cases.get(&id)?.state;
    let State::Held {
        reason: HoldReason::Joint { suspects, .. },
        ..
    } = own
    else {
        return None;
    };
    let states: BTreeMap<ChangeSetId, &State> =
        desk.cases.iter().map(|(id, c)| (*id, &c.state)).collect();
    let took_effect = suspects.iter().filter_map(|s| desk.cases.get(s));
    let first = took_effect.map(|c| c.change_set.effective_at()).min()?;
    let mended = |other: ChangeSetId| desk.cases.get(&other).is_some_and(Case::mended);
    joint::next(own, &states, mended, (now, first, now + desk.detect.watch))
}

/// A change set and all others that may be the cause of harm that shows now.
fn watched(desk: &Desk, id: ChangeSetId) -> Vec<&Case> {
    let all = desk.cases.values();
    all.filter(|c| c.change_set.id == id || suspect(c))
        .collect()
}

/// When what alarmed began, as far as the values tell.
fn onset(verdict: &Verdict) -> Timestamp {
    let alarmed = verdict.findings.iter().filter(|f| f.alarm_at.is_some());
    let began = alarmed.filter_map(|f| f.since.or(f.alarm_at)).min();
    began.or(verdict.alarm_at).unwrap_or(verdict.at)
}

fn surest(ways: &[Way]) -> f64 {
    ways.iter().map(|(_, sure)| *sure).fold(NO_WAY, f64::max)
}

/// `C4 jit_above_cost, which leads to commits_per_s (0.72) and 2 more that alarmed`.
fn told(case: &Case, ways: &[Way]) -> String {
    let keys: Vec<String> = case
        .change_set
        .changes
        .iter()
        .map(|c| c.key.to_string())
        .collect();
    let why = match ways {
        [] => "from which the graph knows no way to what alarmed".to_owned(),
        [(metric, sure)] => format!("which leads to {metric} ({sure:.2})"),
        [(metric, sure), more @ ..] => {
            let more = more.len();
            format!("which leads to {metric} ({sure:.2}) and {more} more that alarmed")
        }
    };
    format!("{} {}, {why}", case.change_set.id, keys.join(", "))
}

/// Whether a change set may be the cause of harm that shows now: it is watched, or it hurt and is not
/// known to be cured.
pub(crate) fn suspect(case: &Case) -> bool {
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
