//! What `simulate` says to the harmful change before it is made.

use std::collections::{BTreeMap, BTreeSet};

use backstay_catalog::candidate::Candidate;
use backstay_catalog::pack;
use backstay_graph::{Batch, Graph, View};
use backstay_guard::knowledge::{rules, uses};
use backstay_model::name::EngineKind;
use backstay_model::{ServiceName, TargetId, Timestamp};
use backstay_risk::Costs;
use backstay_simulate::report::Expected;
use backstay_simulate::{Proposed, Report, Ruling, Scene, report};
use serde_json::{Value, json};

use super::director::Scenario;
use crate::failure::{Code, Failure};
use crate::out::{Out, Tone};
use crate::view::risk_lines;
use crate::wire;

/// What the simulator says to a scenario: for a person, and as a document of the stream.
pub(crate) struct Forecast {
    pub(crate) lines: Vec<String>,
    pub(crate) document: Value,
}

/// The simulator's report on `scenario`, before its change is made on `target`.
pub(crate) fn of(
    out: Out,
    scenario: &Scenario,
    services: &[String],
    (target, at): (&TargetId, Timestamp),
) -> Result<Forecast, Failure> {
    let knowledge = pack(EngineKind::Postgresql, 15)
        .map_err(|e| Failure::of(Code::NoPack, &e))?
        .pack;
    let graph = graph(knowledge, target, services)?;
    let scene = Scene {
        pack: knowledge,
        now: Candidate::new(knowledge),
        graph: &graph,
        view: View::Effective {
            engine: knowledge.engine,
            major: knowledge.major,
            target: target.clone(),
        },
        felt: BTreeSet::from_iter(super::director::SHOWN.map(|(name, _)| name)),
        services: services
            .iter()
            .map(|s| (ServiceName::new(s), 1))
            .collect::<BTreeMap<_, _>>(),
        past: &[],
        costs: Costs::RELOAD,
        at,
    };
    let proposal: Vec<Proposed> = scenario
        .values
        .iter()
        .filter_map(|(name, value)| Proposed::parse(&format!("{name}={value}")))
        .collect();
    let report = report(&scene, &proposal).map_err(|e| Failure::of(Code::BadValue, &e))?;
    let mut document = wire::simulate::forecast(&report);
    if let Some(object) = document.as_object_mut() {
        object.insert("at".into(), json!(at.to_string()));
        object.insert("target".into(), json!(target.as_str()));
    }
    Ok(Forecast {
        lines: told(out, &report),
        document,
    })
}

fn graph(
    knowledge: &backstay_catalog::Pack,
    target: &TargetId,
    services: &[String],
) -> Result<Graph, Failure> {
    let mut ops = rules(knowledge);
    let service = |name: &String| uses(target, ServiceName::new(name), Timestamp::default());
    ops.extend(services.iter().map(service));
    let mut graph = Graph::new();
    graph
        .apply(&Batch { seq: 1, ops })
        .map_err(|e| Failure::of(Code::Internal, &e))?;
    Ok(graph)
}

/// Metrics that are named at most.
const METRICS_MAX: usize = 4;

fn told(out: Out, report: &Report<'_>) -> Vec<String> {
    let tone = match report.ruling {
        Ruling::Ok => Tone::Good,
        Ruling::Warn => Tone::Warn,
        Ruling::Block => Tone::Bad,
    };
    let mut lines = Vec::new();
    for line in &report.lines {
        let shown = |v: &Option<String>| v.clone().unwrap_or_else(|| "not set".into());
        lines.push(format!(
            "           ~ {}  {} -> {}",
            line.key,
            shown(&line.old),
            shown(&line.new)
        ));
    }
    lines.extend(risk_lines(out, &report.risk));
    for Expected {
        metric,
        confidence,
        mechanism,
    } in report.prediction.iter().take(METRICS_MAX)
    {
        lines.push(format!(
            "           moves {metric:<18} {confidence}  {mechanism}"
        ));
    }
    for outage in &report.outages {
        lines.push(format!("           outage {outage}"));
    }
    lines.push(format!(
        "           says {}",
        out.paint(tone, report.ruling.word())
    ));
    lines
}
