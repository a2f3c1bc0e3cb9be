//! `backstay graph`: the dependencies that are known.

use std::path::Path;

use backstay_graph::cone::{Changed, NODES_MAX, svg, tree};
use backstay_graph::export::{Format, Told, export};
use backstay_graph::impact::{DEPTH_MAX, Felt};
use backstay_graph::{Cone, EdgeFilter, Graph, Impact, ImpactSpec};
use backstay_model::{Confidence, EdgeKind, MetricName, NodeKey, ServiceName};
use serde_json::{Value, json};

use crate::args::{self, Common, Subject};
use crate::commands::subject::{Ground, clock_now, felt, live, near_miss, offline};
use crate::failure::{Code, Exit, Failure};
use crate::out::{Out, Tone};
use crate::page::{Page, cell, dim, plain};
use crate::wire::rules::evidence;

/// Runs `graph export`, `graph show` or `graph path`.
pub(crate) fn run(args: &args::Graph, common: &Common, out: Out) -> Result<Exit, Failure> {
    match args {
        args::Graph::Export {
            dsn,
            format,
            min_confidence,
            subject,
        } => {
            let format = wanted_format(format, out)?;
            let least = confidence(*min_confidence)?;
            let ground = match dsn {
                Some(dsn) => live(dsn, subject, common)?,
                None => offline(subject, None)?,
            };
            write_edges(&ground, format, least, out)
        }
        args::Graph::Show {
            settings,
            svg,
            depth,
            subject,
        } => show(settings, svg.as_deref(), *depth, (subject, out)),
        args::Graph::Path { from, to, subject } => path(from, to, subject, out),
    }
}

/// `--json` asks for JSON as `--format json` does.
fn wanted_format(word: &str, out: Out) -> Result<Format, Failure> {
    let named = Format::parse(word).ok_or_else(|| {
        Failure::new(Code::Usage, format!("`--format {word}` is not a format"))
            .hint("formats are csv, json, cypher, dot and mermaid")
    })?;
    Ok(if out.json_wanted() {
        Format::Json
    } else {
        named
    })
}

fn confidence(p: f64) -> Result<Confidence, Failure> {
    Confidence::new(p).map_err(|_| {
        Failure::new(
            Code::Usage,
            format!("`--min-confidence {p}` is not in 0..=1"),
        )
        .hint("0.5 leaves out what is more likely wrong than right")
    })
}

fn write_edges(
    ground: &Ground,
    format: Format,
    least: Confidence,
    out: Out,
) -> Result<Exit, Failure> {
    ground
        .notes
        .iter()
        .for_each(|n| out.note(format!("note: {n}")));
    let mut filter = EdgeFilter::view(ground.view());
    filter.min_confidence = least;
    let edges = ground.graph()?.edges(clock_now(), &filter);
    let told: Vec<Told<'_>> = edges.iter().map(Told::bare).collect();
    out.text(&export(&told, format));
    Ok(Exit::Ok)
}

fn spec(ground: &Ground, depth: u8) -> ImpactSpec {
    let mut spec = ImpactSpec::new(ground.view(), clock_now());
    spec.depth = depth;
    spec.felt = Felt::Only(felt());
    spec
}

fn show(
    settings: &[String],
    picture: Option<&Path>,
    depth: u8,
    (subject, out): (&Subject, Out),
) -> Result<Exit, Failure> {
    if !(1..=DEPTH_MAX).contains(&depth) {
        return Err(Failure::new(
            Code::Usage,
            format!("`--depth {depth}` is not in 1–{DEPTH_MAX}"),
        )
        .hint("3 shows what matters; further away little arrives"));
    }
    let ground = offline(subject, None)?;
    let graph = ground.graph()?;
    let mut changes = Vec::new();
    for name in settings {
        let def = ground.choice.pack.def(&name.to_lowercase());
        let def = def.ok_or_else(|| no_setting(&ground, name))?;
        let value = def.default.clone().unwrap_or_else(|| "not set".into());
        let value = ground.now.shown(&def.name).unwrap_or(value);
        changes.push(Changed::setting(def.name.as_str(), &value, ""));
    }
    let spec = spec(&ground, depth);
    let compact = graph.compact(&ground.view(), spec.at);
    let cone = Cone::of(&compact, &changes, &spec, NODES_MAX);
    if let Some(path) = picture {
        std::fs::write(path, svg(&cone))
            .map_err(|e| Failure::of(Code::File, &e).because(format!("file {}", path.display())))?;
        out.note(format!("picture written to {}", path.display()));
    }
    let starts: Vec<NodeKey> = changes.iter().map(|c| c.node.clone()).collect();
    if out.json_wanted() {
        let impacts = compact.impact(&starts, &spec);
        out.document(&json!({
            "kind": "impact",
            "settings": starts.iter().map(NodeKey::name).collect::<Vec<_>>(),
            "reaches": impacts.iter().map(impact).collect::<Vec<_>>(),
        }))?;
    } else if picture.is_none() {
        for line in tree(&cone).lines() {
            out.line(line.replace(" -> …", ""));
        }
        legend(out, &cone);
    }
    Ok(Exit::Ok)
}

fn legend(out: Out, cone: &Cone) {
    let kinds = ["setting", "metric", "service", "resource"];
    let counts: Vec<String> = kinds
        .iter()
        .map(|k| (k, cone.count(k)))
        .filter(|(_, n)| *n > 0)
        .map(|(k, n)| crate::page::count(n, k))
        .collect();
    let text = match counts.is_empty() {
        true => "nothing is known to depend on it".to_owned(),
        false => format!("reaches {}; the number is how surely", counts.join(", ")),
    };
    out.line(out.paint(Tone::Dim, &text));
}

fn path(from: &str, to: &str, subject: &Subject, out: Out) -> Result<Exit, Failure> {
    let ground = offline(subject, None)?;
    let graph = ground.graph()?;
    let (a, b) = (node(&ground, &graph, from)?, node(&ground, &graph, to)?);
    let spec = spec(&ground, DEPTH_MAX);
    let there = graph.path(&a, &b, &spec);
    let back = graph.path(&b, &a, &spec);
    if out.json_wanted() {
        out.document(&json!({
            "kind": "path",
            "from": a.name(),
            "to": b.name(),
            "there": there.as_ref().map(impact),
            "back": back.as_ref().map(impact),
        }))?;
        return Ok(Exit::Ok);
    }
    let mut page = Page::new(out);
    for (found, from, to) in [(&there, &a, &b), (&back, &b, &a)] {
        page.gap();
        match found {
            Some(found) => way(&mut page, found),
            None => page.line(&format!(
                "a change of {from} is not known to reach {to} within {DEPTH_MAX} edges"
            )),
        }
    }
    page.say();
    Ok(Exit::Ok)
}

fn way(page: &mut Page, found: &Impact) {
    let first = found.path.first().map_or("", NodeKey::name);
    page.line(&format!(
        "a change of {first} reaches {} in {}, {}",
        found.node,
        crate::page::count(usize::from(found.hops), "step"),
        found.score
    ));
    let rows: Vec<_> = found
        .edges
        .iter()
        .zip(found.path.windows(2))
        .map(|(edge, pair)| {
            let name = |i: usize| pair.get(i).map_or("", NodeKey::name);
            let why = match (&edge.rule, edge.evidence.first()) {
                (Some(rule), _) => rule.clone(),
                (None, Some(e)) => format!("{}: {}", e.kind.word(), e.anchor),
                (None, None) => String::new(),
            };
            vec![
                plain(name(0)),
                plain(format!("> {}", name(1))),
                cell(Tone::Bold, edge.kind.word()),
                plain(edge.confidence.to_string()),
                dim(why),
            ]
        })
        .collect();
    page.rows(2, &rows);
}

fn impact(impact: &Impact) -> Value {
    json!({
        "node": impact.node.name(),
        "kind": impact.node.kind(),
        "confidence": impact.score.get(),
        "hops": impact.hops,
        "path": impact.path.iter().map(NodeKey::name).collect::<Vec<_>>(),
        "edges": impact.edges.iter().map(|e| json!({
            "from": e.from.name(),
            "to": e.to.name(),
            "type": e.kind.word(),
            "confidence": e.confidence.get(),
            "rule": e.rule,
            "evidence": e.evidence.iter().map(evidence).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    })
}

/// A node by its bare name: a setting, else a metric, a resource (`host.memory`), a service.
fn node(ground: &Ground, graph: &Graph, text: &str) -> Result<NodeKey, Failure> {
    let lower = text.to_lowercase();
    let bare = lower.strip_prefix("host.").unwrap_or(&lower);
    let candidates = [
        NodeKey::setting(&lower),
        NodeKey::Metric(MetricName::new(&lower)),
        NodeKey::Resource(bare.to_owned()),
        NodeKey::Service(ServiceName::new(text)),
    ];
    let known = candidates
        .into_iter()
        .find(|c| graph.nodes().any(|n| n == c));
    known.ok_or_else(|| no_setting(ground, text))
}

pub(crate) fn no_setting(ground: &Ground, name: &str) -> Failure {
    let pack = ground.choice.pack;
    let nearest = pack.nearest(name, 3);
    let failure = Failure::new(
        Code::UnknownSetting,
        format!(
            "nothing called `{name}` is known for {} {}",
            pack.engine, pack.major
        ),
    );
    if nearest.is_empty() {
        failure.hint(near_miss(name))
    } else {
        let names: Vec<&str> = nearest.iter().map(|n| n.as_str()).collect();
        failure.hint(format!("did you mean {}?", names.join(" or ")))
    }
}

/// How `from` depends on `to`, in words; `{a} {words} {b}`.
pub(crate) const fn words(kind: EdgeKind) -> &'static str {
    match kind {
        EdgeKind::Requires => "requires",
        EdgeKind::ConflictsWith => "conflicts with",
        EdgeKind::BoundedBy => "is bounded by",
        EdgeKind::Enables => "works only with",
        EdgeKind::Overrides => "falls back to",
        EdgeKind::SharesResource => "shares a resource with",
        EdgeKind::ScalesWith => "scales with",
        EdgeKind::Affects => "moves",
        EdgeKind::Uses => "uses",
    }
}
