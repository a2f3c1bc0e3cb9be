//! `backstay graph`: the dependencies that are known, and a person's say in them.

pub(crate) mod edge;
mod far;
mod judge;
pub(crate) mod lens;
mod stats;

use std::path::Path;

use backstay_catalog::pack::{Elsewhere, elsewhere};
use backstay_graph::cone::{Changed, NODES_MAX, svg, tree};
use backstay_graph::export::{Format, Told, counter_evidence, export};
use backstay_graph::impact::{DEPTH_MAX, Felt};
use backstay_graph::{Cone, Impact, ImpactSpec, KindSet};
use backstay_journal::Opinion;
use backstay_model::{Confidence, Edge, EdgeKind, NodeKey, SettingName};
use serde_json::{Value, json};

use crate::args::{self, Common, Place};
use crate::commands::simulate::proposal::split;
use crate::commands::subject::{Ground, felt, near_miss};
use crate::failure::{Code, Exit, Failure};
use crate::out::{Out, Tone};
use crate::page::{Page, cell, dim, plain};
use crate::wire::rules::evidence;
use edge::node;
use lens::Lens;

/// Runs a command of `graph`.
pub(crate) fn run(args: &args::Graph, common: &Common, out: Out) -> Result<Exit, Failure> {
    match args {
        args::Graph::Export {
            dsn,
            format,
            of,
            effects,
            min_confidence,
            place,
        } => {
            let wish = Wish {
                form: wanted_form(format, out)?,
                of,
                kinds: match effects {
                    true => KindSet::ALL,
                    false => KindSet::structural(),
                },
                least: confidence(*min_confidence)?,
            };
            let lens = look(dsn.as_deref(), place, common, out)?;
            write_edges(&lens, &wish, out)
        }
        args::Graph::Show {
            words,
            svg,
            depth,
            min_confidence,
            place,
        } => {
            let (dsn, settings) = split(words)?;
            let least = confidence(*min_confidence)?;
            let lens = look(dsn, place, common, out)?;
            show(&lens, settings, (svg.as_deref(), *depth, least), out)
        }
        args::Graph::Path { words, place } => {
            let (dsn, ends) = split(words)?;
            let [from, to] = ends else {
                return Err(
                    Failure::new(Code::Usage, "a path leads from one node to another")
                        .hint("backstay graph path max_connections statement_mean_ms"),
                );
            };
            path(&look(dsn, place, common, out)?, (from, to), out)
        }
        args::Graph::Confirm(args) => judge::run(args, Opinion::Confirmed, common, out),
        args::Graph::Reject(args) => judge::run(args, Opinion::Rejected, common, out),
        args::Graph::Far(command) => far::run(command, common, out),
        args::Graph::Stats { dsn, place } => {
            stats::run(&look(dsn.as_deref(), place, common, out)?, out)
        }
    }
}

/// The lens of a command, with what is to be known about it.
fn look(dsn: Option<&str>, place: &Place, common: &Common, out: Out) -> Result<Lens, Failure> {
    let lens = Lens::open(dsn, place, common, None)?;
    let notes = &lens.ground.notes;
    notes.iter().for_each(|n| out.note(format!("note: {n}")));
    Ok(lens)
}

/// What is to be exported, and how.
struct Wish<'a> {
    form: Form,
    of: &'a [String],
    kinds: KindSet,
    least: Confidence,
}

/// A form of export.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Text(Format),
    Picture,
}

/// `--json` asks for JSON as `--format json` does.
fn wanted_form(word: &str, out: Out) -> Result<Form, Failure> {
    let named = match word {
        "svg" => Some(Form::Picture),
        word => Format::parse(word).map(Form::Text),
    };
    let named = named.ok_or_else(|| {
        Failure::new(Code::Usage, format!("`--format {word}` is not a format"))
            .hint("formats are csv, json, cypher, dot, mermaid and svg")
    })?;
    Ok(match out.json_wanted() {
        true => Form::Text(Format::Json),
        false => named,
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

fn write_edges(lens: &Lens, wish: &Wish<'_>, out: Out) -> Result<Exit, Failure> {
    let mut spec = spec(lens, backstay_graph::impact::DEPTH_DEFAULT, wish.least);
    spec.kinds = wish.kinds;
    let changes = starts(lens, wish.of)?;
    let graph = lens.compact();
    if wish.form == Form::Picture {
        if changes.is_empty() {
            return Err(
                Failure::new(Code::Usage, "a picture is of what a setting reaches")
                    .hint("backstay graph export --format svg --of work_mem > cone.svg"),
            );
        }
        spec.kinds = KindSet::ALL;
        let cone = Cone::of(&graph, &changes, &spec, NODES_MAX);
        out.text(&svg(&doubted(cone, lens)));
        return Ok(Exit::Ok);
    }
    let mut edges = lens.every_edge();
    edges.retain(|e| wish.kinds.contains(e.kind) && e.confidence >= wish.least);
    if !changes.is_empty() {
        let starts: Vec<NodeKey> = changes.into_iter().map(|c| c.node).collect();
        let mut nodes: Vec<NodeKey> = graph
            .impact(&starts, &spec)
            .into_iter()
            .map(|i| i.node)
            .collect();
        nodes.extend(starts);
        edges.retain(|e| nodes.contains(&e.from) && nodes.contains(&e.to));
    }
    let told: Vec<Told<'_>> = edges.iter().map(|e| lens.told(e)).collect();
    if let Form::Text(format) = wish.form {
        out.text(&export(&told, format));
    }
    Ok(Exit::Ok)
}

fn spec(lens: &Lens, depth: u8, least: Confidence) -> ImpactSpec {
    let mut spec = ImpactSpec::new(lens.ground.view(), lens.at);
    spec.depth = depth;
    spec.min_confidence = least;
    spec.felt = Felt::Only(felt());
    spec
}

/// Settings as the places where a cone begins, with the values that they have here.
fn starts(lens: &Lens, settings: &[String]) -> Result<Vec<Changed>, Failure> {
    let mut changes = Vec::new();
    for name in settings {
        let NodeKey::Setting(name) = node(lens, name)? else {
            return Err(no_setting(&lens.ground, name));
        };
        let def = lens.ground.choice.pack.def(name.as_str());
        let default = def.and_then(|d| d.default.clone());
        let value = lens.ground.now.shown(&name).or(default);
        let value = value.unwrap_or_else(|| "not set".into());
        changes.push(Changed::setting(name.as_str(), &value, ""));
    }
    Ok(changes)
}

/// The cone with the interval of every edge in it.
fn doubted(cone: Cone, lens: &Lens) -> Cone {
    let edges = lens.every_edge();
    let told: Vec<Told<'_>> = edges.iter().map(|e| lens.told(e)).collect();
    cone.with_doubts(&told)
}

fn show(
    lens: &Lens,
    settings: &[String],
    (picture, depth, least): (Option<&Path>, u8, Confidence),
    out: Out,
) -> Result<Exit, Failure> {
    if !(1..=DEPTH_MAX).contains(&depth) {
        return Err(Failure::new(
            Code::Usage,
            format!("`--depth {depth}` is not in 1–{DEPTH_MAX}"),
        )
        .hint("3 shows what matters; further away little arrives"));
    }
    let changes = starts(lens, settings)?;
    if changes.is_empty() {
        return Err(
            Failure::new(Code::Usage, "no setting is named").hint("backstay graph show work_mem")
        );
    }
    let spec = spec(lens, depth, least);
    let compact = lens.compact();
    let cone = doubted(Cone::of(&compact, &changes, &spec, NODES_MAX), lens);
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
            "reaches": impacts.iter().map(|i| impact(lens, i)).collect::<Vec<_>>(),
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

fn path(lens: &Lens, (from, to): (&str, &str), out: Out) -> Result<Exit, Failure> {
    let (a, b) = (node(lens, from)?, node(lens, to)?);
    let spec = spec(lens, DEPTH_MAX, Confidence::ZERO);
    let graph = lens.compact();
    let way_of = |from: &NodeKey, to: &NodeKey| {
        let reached = graph.impact(std::slice::from_ref(from), &spec);
        reached.into_iter().find(|i| i.node == *to)
    };
    let (there, back) = (way_of(&a, &b), way_of(&b, &a));
    if out.json_wanted() {
        out.document(&json!({
            "kind": "path",
            "from": a.name(),
            "to": b.name(),
            "there": there.as_ref().map(|i| impact(lens, i)),
            "back": back.as_ref().map(|i| impact(lens, i)),
        }))?;
        return Ok(Exit::Ok);
    }
    let mut page = Page::new(out);
    for (found, from, to) in [(&there, &a, &b), (&back, &b, &a)] {
        page.gap();
        match found {
            Some(found) => way(&mut page, lens, found),
            None => page.line(&format!(
                "a change of {from} is not known to reach {to} within {DEPTH_MAX} edges"
            )),
        }
    }
    page.say();
    Ok(Exit::Ok)
}

fn way(page: &mut Page, lens: &Lens, found: &Impact) {
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
                plain(lens.sure(edge)),
                dim(why),
            ]
        })
        .collect();
    page.rows(2, &rows);
}

fn impact(lens: &Lens, impact: &Impact) -> Value {
    let edge = |e: &Edge| {
        let told = lens.told(e);
        json!({
            "from": e.from.name(),
            "to": e.to.name(),
            "type": e.kind.word(),
            "confidence": e.confidence.get(),
            "interval": [told.low.get(), told.high.get()],
            "rule": e.rule,
            "evidence": e.evidence.iter().map(evidence).collect::<Vec<_>>(),
            "counter_evidence": counter_evidence(e),
        })
    };
    json!({
        "node": impact.node.name(),
        "kind": impact.node.kind(),
        "confidence": impact.score.get(),
        "hops": impact.hops,
        "path": impact.path.iter().map(NodeKey::name).collect::<Vec<_>>(),
        "edges": impact.edges.iter().map(edge).collect::<Vec<_>>(),
    })
}

pub(crate) fn no_setting(ground: &Ground, name: &str) -> Failure {
    let pack = ground.choice.pack;
    let of = elsewhere(pack.engine, ground.major, &SettingName::new(name));
    if let Some(of) = of {
        let text = format!("{name} is not in {} {}: {of}", pack.engine, ground.major);
        let has = match of {
            Elsewhere::NewIn(major) => major,
            Elsewhere::RemovedIn(major) => major - 1,
        };
        return Failure::new(Code::UnknownSetting, text)
            .hint(format!("backstay explain {name} --version {has}"));
    }
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
