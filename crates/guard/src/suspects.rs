//! Which of several changes may be the cause of harm, by what the graph knows of their reach.

use std::collections::BTreeSet;

use backstay_graph::{ImpactSpec, View};
use backstay_journal::{Notice, Presence};
use backstay_lifecycle::State;
use backstay_model::name::EngineKind;
use backstay_model::verdict::Verdict;
use backstay_model::{ChangeSetId, NodeKey};

use crate::books::Books;
use crate::case::Case;
use crate::desk::Desk;
use crate::learning::{Taken, at_least};
use crate::tick::Guard;
use crate::turn::Turn;

/// How surely a change set reaches what alarmed where the graph knows no way: a little, because the
/// graph is never complete.
const NO_WAY: f64 = 0.05;

/// A metric that alarmed and that the graph leads to, and how surely (0..=1).
type Way = (String, f64);

impl<B: Books> Guard<B> {
    /// How surely a change set reaches the metrics that alarmed (0..=1).
    pub(crate) fn reaches(&self, desk: &Desk, case: &Case, asked: (&Verdict, Taken)) -> f64 {
        surest(&self.ways(desk, case, asked))
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

    /// Tells whoever has to decide what may have caused harm for which no change is blamed alone: the
    /// surest way in the graph first, then the one that explains more of what alarmed.
    pub(crate) fn tell_suspects(
        &mut self,
        desk: &Desk,
        id: ChangeSetId,
        verdict: &Verdict,
        turn: &mut Turn,
    ) {
        let all = desk.cases.values();
        let mut suspects: Vec<(&Case, Vec<Way>)> = all
            .filter(|case| case.change_set.id == id || suspect(case))
            .map(|case| (case, self.ways(desk, case, (verdict, Taken::AsItIs))))
            .collect();
        suspects.sort_by(|(_, a), (_, b)| {
            let surer = surest(b).total_cmp(&surest(a));
            surer.then(b.len().cmp(&a.len()))
        });
        if suspects.len() < 2 {
            return;
        }
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
