//! `backstay graph stats`: how much is known, from where, how surely, and what was learnt here.

use std::collections::{BTreeMap, BTreeSet};

use backstay_catalog::PackFit;
use backstay_graph::export::counter_evidence;
use backstay_learn::belief::{Group, SHOW_FROM, Source};
use backstay_learn::effect::{Asked, Modification};
use backstay_model::{Edge, EdgeKind, NodeKey, Timestamp};
use serde_json::{Value, json};

use super::lens::Lens;
use crate::commands::rules::named;
use crate::failure::{Exit, Failure};
use crate::out::{Out, Tone};
use crate::page::{Page, cell, count, dim, plain};

/// Steps of the histogram.
const STEPS: usize = 10;
/// Width of the longest bar, in characters.
const BAR: usize = 32;
/// Learnt edges that are named; the rest is counted.
const NAMED_MAX: usize = 8;

/// The numbers.
struct Stats {
    nodes: BTreeMap<&'static str, usize>,
    strangers: Vec<String>,
    kinds: BTreeMap<EdgeKind, usize>,
    /// Edges with evidence of each group, and pieces of it.
    groups: BTreeMap<Group, (usize, usize)>,
    histogram: [usize; STEPS],
    shown: usize,
    shipped: usize,
    learnt: Vec<Edge>,
    from_history: Vec<Edge>,
    measured: Vec<Edge>,
    confirmed: Vec<Edge>,
    rejected: Vec<Edge>,
    against: usize,
    oldest: Option<Timestamp>,
    newest: Option<Timestamp>,
}

pub(super) fn run(lens: &Lens, out: Out) -> Result<Exit, Failure> {
    let stats = gather(lens);
    if out.json_wanted() {
        out.document(&document(lens, &stats))?;
    } else {
        show(lens, &stats, out);
    }
    Ok(Exit::Ok)
}

fn gather(lens: &Lens) -> Stats {
    let edges = lens.every_edge();
    let learnt = lens.learnt();
    let (measured, from_history): (Vec<Edge>, Vec<Edge>) =
        with(&learnt, |s, _| s.group() == Group::History)
            .into_iter()
            .partition(|e| e.kind == EdgeKind::Affects);
    let pack = lens.ground.choice.pack;
    let mut nodes: BTreeMap<&'static str, BTreeSet<&NodeKey>> = BTreeMap::new();
    let set = pack.settings.keys().cloned().map(NodeKey::Setting);
    let set: Vec<NodeKey> = set.collect();
    let known = lens.known.graph.nodes().filter(|n| matches!(n, NodeKey::Setting(name) if !name.as_str().starts_with("pg_hba") && pack.def(name.as_str()).is_none()));
    let strangers: Vec<&NodeKey> = known.collect();
    let ends = edges.iter().flat_map(|e| [&e.from, &e.to]);
    for node in set.iter().chain(ends).chain(strangers.iter().copied()) {
        nodes.entry(node.kind()).or_default().insert(node);
    }
    let mut stats = Stats {
        nodes: nodes.into_iter().map(|(k, n)| (k, n.len())).collect(),
        strangers: strangers.iter().map(|n| named(n)).collect(),
        kinds: BTreeMap::new(),
        groups: BTreeMap::new(),
        histogram: [0; STEPS],
        shown: 0,
        shipped: 0,
        from_history,
        measured,
        confirmed: with(&learnt, |s, ratio| s == Source::Person && ratio > 0.0),
        rejected: with(&learnt, |s, ratio| s == Source::Person && ratio < 0.0),
        against: edges.iter().filter(|e| counter_evidence(e) > 0).count(),
        learnt,
        oldest: None,
        newest: None,
    };
    for edge in edges.iter().filter(|e| e.kind != EdgeKind::Uses) {
        stats.count(edge);
    }
    stats.shipped = stats.kinds.values().sum::<usize>()
        - stats.learnt.iter().filter(|e| only_learnt(e)).count();
    stats
}

/// The edges with a piece of evidence of which this is so: its source, and its logarithmic ratio.
fn with(edges: &[Edge], so: impl Fn(Source, f64) -> bool) -> Vec<Edge> {
    let has = |e: &&Edge| e.evidence.iter().any(|v| so(Source::of(v), v.log_lr));
    edges.iter().filter(has).cloned().collect()
}

/// Whether no pack knows the edge.
fn only_learnt(edge: &Edge) -> bool {
    let ours = |s: Source| matches!(s.group(), Group::History | Group::Person);
    edge.evidence
        .iter()
        .all(|e| ours(Source::of(e)) || e.observed_at.is_some())
}

impl Stats {
    fn count(&mut self, edge: &Edge) {
        *self.kinds.entry(edge.kind).or_default() += 1;
        let p = edge.confidence.get();
        let step = ((p * STEPS as f64) as usize).min(STEPS - 1);
        self.histogram[step] += 1;
        self.shown += usize::from(p >= SHOW_FROM);
        let mut groups: BTreeSet<Group> = BTreeSet::new();
        for evidence in &edge.evidence {
            let group = Source::of(evidence).group();
            let entry = self.groups.entry(group).or_default();
            entry.1 += 1;
            entry.0 += usize::from(groups.insert(group));
            let seen = evidence.observed_at;
            self.oldest = self.oldest.into_iter().chain(seen).min();
            self.newest = self.newest.into_iter().chain(seen).max();
        }
    }

    fn edges(&self) -> usize {
        self.kinds.values().sum()
    }
}

fn fit(lens: &Lens) -> String {
    match lens.ground.choice.fit {
        PackFit::Exact => "made for this version".to_owned(),
        PackFit::Carried { from } => {
            format!("carried over from {from}: its evidence counts half")
        }
    }
}

fn day(at: Timestamp) -> String {
    at.to_string().get(..10).unwrap_or_default().to_owned()
}

fn bar(n: usize, most: usize) -> String {
    let full = (n * BAR).checked_div(most).unwrap_or(0);
    "█".repeat(if n > 0 { full.max(1) } else { 0 })
}

fn show(lens: &Lens, stats: &Stats, out: Out) {
    let mut page = Page::new(out);
    let pack = lens.ground.choice.pack;
    page.line(&format!(
        "{}  {}",
        out.paint(
            Tone::Bold,
            &format!("{} {}", pack.engine, lens.ground.major)
        ),
        out.paint(Tone::Dim, &format!("pack {}, {}", pack.major, fit(lens)))
    ));
    let nodes: Vec<String> = stats
        .nodes
        .iter()
        .map(|(kind, n)| count(*n, kind))
        .collect();
    page.rows(
        2,
        &[
            vec![dim("nodes"), plain(nodes.join(", "))],
            vec![
                dim("edges"),
                plain(format!(
                    "{}, {} of them at {SHOW_FROM} or surer",
                    stats.edges(),
                    stats.shown
                )),
            ],
        ],
    );
    if !stats.strangers.is_empty() {
        let names = stats.strangers.join(", ");
        page.rows(2, &[vec![dim("not in the pack"), plain(names)]]);
    }
    page.head("by type");
    let most = stats.kinds.values().copied().max().unwrap_or(0);
    let rows: Vec<_> = stats
        .kinds
        .iter()
        .map(|(kind, n)| bars(kind.word(), *n, most))
        .collect();
    page.rows(2, &rows);
    page.head("by evidence");
    let most = stats
        .groups
        .values()
        .map(|(edges, _)| *edges)
        .max()
        .unwrap_or(0);
    let rows: Vec<_> = stats
        .groups
        .iter()
        .map(|(group, (edges, pieces))| {
            let mut row = bars(group.word(), *edges, most);
            row.push(dim(count(*pieces, "piece")));
            row
        })
        .collect();
    page.rows(2, &rows);
    page.head("by confidence");
    let most = stats.histogram.iter().copied().max().unwrap_or(0);
    let step = |i: usize| format!("{:.1}–{:.1}", i as f64 / 10.0, (i + 1) as f64 / 10.0);
    let rows: Vec<_> = (0..STEPS)
        .rev()
        .map(|i| bars(&step(i), stats.histogram[i], most))
        .collect();
    page.rows(2, &rows);
    learnt(&mut page, lens, stats);
    page.say();
}

/// A row with a number and a bar.
fn bars(word: &str, n: usize, most: usize) -> Vec<crate::page::Cell> {
    vec![
        plain(word),
        plain(format!("{n:>5}")),
        cell(Tone::Dim, format!("{:BAR$}", bar(n, most))),
    ]
}

fn learnt(page: &mut Page, lens: &Lens, stats: &Stats) {
    page.head("learnt here");
    let when = match (stats.oldest, stats.newest) {
        (Some(oldest), Some(newest)) => format!("{} to {}", day(oldest), day(newest)),
        _ => "nothing yet: all of it is shipped".to_owned(),
    };
    page.rows(
        2,
        &[
            vec![dim("shipped"), plain(count(stats.shipped, "edge"))],
            vec![
                dim("learnt about"),
                plain(count(stats.learnt.len(), "edge")),
            ],
            vec![dim("from history"), plain(named_edges(&stats.from_history))],
            vec![dim("measured"), plain(named_edges(&stats.measured))],
            vec![dim("modified"), plain(modified(lens))],
            vec![dim("confirmed"), plain(named_edges(&stats.confirmed))],
            vec![dim("rejected"), plain(named_edges(&stats.rejected))],
            vec![
                dim("doubted"),
                plain(format!(
                    "{} with evidence against",
                    count(stats.against, "edge")
                )),
            ],
            vec![dim("observed"), plain(when)],
            vec![
                dim("judgements"),
                plain(count(lens.known.register.said().len(), "word") + " of people"),
            ],
        ],
    );
}

fn named_edges(edges: &[Edge]) -> String {
    if edges.is_empty() {
        return "none".to_owned();
    }
    let names: Vec<String> = edges
        .iter()
        .take(NAMED_MAX)
        .map(super::edge::typed)
        .collect();
    let rest = match edges.len().saturating_sub(NAMED_MAX) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    format!("{}: {}{rest}", edges.len(), names.join(", "))
}

/// How many effects depend on where another setting stands, of how many that were asked about.
fn modified(lens: &Lens) -> String {
    let (asked, seen) = questions(lens);
    match asked {
        0 => "no effect was asked about yet".to_owned(),
        _ => format!(
            "{} seen in {}",
            count(seen.len(), "effect"),
            count(asked, "question")
        ),
    }
}

/// The questions that were asked whether an effect depends on another setting, and those that it does.
fn questions(lens: &Lens) -> (usize, Vec<&Asked>) {
    let asked: Vec<&Asked> = lens.asked().collect();
    let seen = asked
        .iter()
        .filter(|a| matches!(a.answer, Modification::Seen { .. }));
    (asked.len(), seen.copied().collect())
}

fn document(lens: &Lens, stats: &Stats) -> Value {
    let (asked, seen) = questions(lens);
    let seen = seen.iter().map(|a| {
        json!({ "setting": a.setting.as_str(), "metric": a.metric.as_str(), "under": a.under.as_str() })
    });
    let pack = lens.ground.choice.pack;
    let edges = |all: &[Edge]| {
        let one = |e: &Edge| json!({ "from": named(&e.from), "to": named(&e.to), "type": e.kind.word(), "confidence": e.confidence.get() });
        all.iter().map(one).collect::<Vec<_>>()
    };
    let groups: serde_json::Map<String, Value> = stats
        .groups
        .iter()
        .map(|(g, (edges, pieces))| {
            (
                g.word().to_owned(),
                json!({ "edges": edges, "pieces": pieces }),
            )
        })
        .collect();
    let kinds: serde_json::Map<String, Value> = stats
        .kinds
        .iter()
        .map(|(k, n)| (k.word().to_owned(), json!(n)))
        .collect();
    json!({
        "kind": "graph_stats",
        "engine": pack.engine.to_string(),
        "version": lens.ground.major,
        "pack": {
            "version": pack.major,
            "fit": match lens.ground.choice.fit { PackFit::Exact => "exact", PackFit::Carried { .. } => "carried" },
        },
        "nodes": stats.nodes,
        "settings_not_in_the_pack": stats.strangers,
        "edges": stats.edges(),
        "edges_shown": stats.shown,
        "edges_by_type": kinds,
        "edges_by_evidence": groups,
        "confidence_histogram": stats.histogram,
        "shipped": stats.shipped,
        "learnt": stats.learnt.len(),
        "learnt_from_history": edges(&stats.from_history),
        "measured_effects": edges(&stats.measured),
        "modified_effects": { "questions": asked, "seen": seen.collect::<Vec<_>>() },
        "confirmed": edges(&stats.confirmed),
        "rejected": edges(&stats.rejected),
        "edges_with_counter_evidence": stats.against,
        "oldest_evidence": stats.oldest.map(|t| t.to_string()),
        "newest_evidence": stats.newest.map(|t| t.to_string()),
        "judgements": lens.known.register.said().len(),
    })
}
