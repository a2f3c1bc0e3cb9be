//! Why one setting is believed to depend on another: a waterfall of evidence whose terms sum to the
//! log-odds, the rule on the values that stand here, and what speaks against it
//! (dependencies.md, section 14).

mod waterfall;

use std::collections::BTreeSet;

use backstay_catalog::expr::{Closeness, Environment, Slack, Tri, eval, slack, vars};
use backstay_catalog::pack::packs;
use backstay_catalog::{Pack, pack};
use backstay_graph::project;
use backstay_guard::learning::register::Said;
use backstay_learn::belief::{Belief, Group, Source, Standing, without};
use backstay_learn::effect::Asked;
use backstay_model::{Constraint, Edge, EdgeKind, Evidence, NodeKey, Timestamp};
use serde_json::{Value, json};

use crate::commands::explain::modified;
use crate::commands::graph::edge::{Named, read, typed};
use crate::commands::graph::lens::Lens;
use crate::commands::graph::words;
use crate::commands::rules::{consequence, named, shown};
use crate::failure::{Exit, Failure};
use crate::out::{Out, Tone};
use crate::page::{Page, cell, dim, plain, signed};
use crate::wire::rules::evidence;

pub(super) use waterfall::short;

/// What is told of an edge.
struct Sheet<'a> {
    lens: &'a Lens,
    edge: Edge,
    belief: Belief,
    /// What would be believed had one group said nothing.
    without: Vec<(Group, Belief)>,
    constraint: Option<&'a Constraint>,
    stand: Option<Stand>,
    /// Major versions whose packs know the edge.
    versions: Vec<u32>,
    /// What people said of it.
    said: Vec<&'a Said>,
    /// What was asked of the effects of its ends.
    asked: Vec<&'a Asked>,
}

/// How the rule of an edge stands on the values that are known.
struct Stand {
    values: Vec<(String, Option<String>)>,
    holds: Tri,
    slack: Option<Slack>,
}

/// Explains the dependency that `text` names.
pub(super) fn run(text: &str, lens: &Lens, out: Out) -> Result<Exit, Failure> {
    let what = read(text, lens)?;
    let sheets: Vec<Sheet<'_>> = what.edges().iter().map(|e| sheet(lens, e)).collect();
    let otherwise: Vec<Sheet<'_>> = what.otherwise().iter().map(|e| sheet(lens, e)).collect();
    if out.json_wanted() {
        out.document(&json!({
            "kind": "dependency",
            "engine": lens.ground.choice.pack.engine.to_string(),
            "version": lens.ground.major,
            "asked": text,
            "known": !sheets.is_empty(),
            "edges": sheets.iter().map(document).collect::<Vec<_>>(),
            "otherwise": otherwise.iter().map(document).collect::<Vec<_>>(),
        }))?;
    } else if sheets.is_empty() && otherwise.is_empty() {
        unknown(lens, &what, out);
    } else {
        let mut page = Page::new(out);
        for sheet in &otherwise {
            page.paragraph(0, &what.turned(&sheet.edge));
        }
        for sheet in sheets.iter().chain(&otherwise) {
            page.gap();
            show(&mut page, sheet, out);
        }
        page.say();
    }
    Ok(match sheets.is_empty() && otherwise.is_empty() {
        true => Exit::Inconclusive,
        false => Exit::Ok,
    })
}

fn sheet<'a>(lens: &'a Lens, edge: &Edge) -> Sheet<'a> {
    let belief = lens.belief(edge);
    let at = Some(lens.at);
    let leave_out = |g| (g, without(&edge.evidence, at, Standing::Exact, g));
    let pack = lens.ground.choice.pack;
    let constraint = edge
        .constraint
        .as_deref()
        .and_then(|id| pack.constraint(id));
    let about = |s: &&Said| {
        let j = &s.judgement;
        let here = j.target.as_ref().is_none_or(|t| *t == lens.ground.target());
        let there = (&j.from, &j.to) == (&edge.from, &edge.to);
        let back = edge.kind.symmetric() && (&j.to, &j.from) == (&edge.from, &edge.to);
        here && j.kind == edge.kind && (there || back)
    };
    Sheet {
        without: belief.groups().map(leave_out).collect(),
        belief,
        constraint,
        stand: constraint.and_then(|c| stand(lens, pack, c)),
        versions: versions(lens, edge),
        said: lens.known.register.said().iter().filter(about).collect(),
        asked: modified::asked(lens, |a| ties(a, edge)),
        edge: edge.clone(),
        lens,
    }
}

/// Whether a question is about this edge: about the effect that it is, or about what its two settings do
/// together.
fn ties(asked: &Asked, edge: &Edge) -> bool {
    let [x, y] = [&asked.setting, &asked.under].map(|s| NodeKey::Setting(s.clone()));
    match &edge.to {
        NodeKey::Metric(metric) => edge.from == x && asked.metric == *metric,
        to => (&edge.from, to) == (&x, &y) || (&edge.from, to) == (&y, &x),
    }
}

fn stand(lens: &Lens, pack: &Pack, constraint: &Constraint) -> Option<Stand> {
    let rule = pack.rule(&constraint.id)?;
    let now = &lens.ground.now;
    let value = |node: &NodeKey| match node {
        NodeKey::Setting(name) => now.shown(name),
        NodeKey::Resource(fact) => now.host(fact).map(|q| shown(&q)),
        _ => None,
    };
    let of = |node: &NodeKey| {
        let quoted = value(node).map(|v| if v.is_empty() { "''".to_owned() } else { v });
        (named(node), quoted)
    };
    Some(Stand {
        values: vars(rule).iter().map(of).collect(),
        holds: eval(rule, now),
        slack: slack(rule, now),
    })
}

/// The major versions whose packs know the edge.
fn versions(lens: &Lens, edge: &Edge) -> Vec<u32> {
    let engine = lens.ground.choice.pack.engine;
    let knows = |major: &u32| {
        let Ok(choice) = pack(engine, *major) else {
            return false;
        };
        let of_kind = choice
            .pack
            .constraints
            .iter()
            .filter(|c| c.kind == edge.kind);
        let mut edges = project(&of_kind.cloned().collect::<Vec<_>>()).into_iter();
        let effects = &choice.pack.effects;
        edges.any(|e| (&e.from, &e.to) == (&edge.from, &edge.to))
            || effects.iter().any(|e| {
                e.setting.as_str() == edge.from.name() && e.metric.as_str() == edge.to.name()
            })
    };
    packs()
        .filter(|(e, _)| *e == engine)
        .map(|(_, major)| major)
        .filter(knows)
        .collect()
}

/// Nothing is known: that is told, with what was looked at. It is not "independent".
fn unknown(lens: &Lens, what: &Named, out: Out) {
    let mut page = Page::new(out);
    let (from, to, how) = match what {
        Named::Ends { from, to, kind, .. } => (named(from), named(to), kind),
        Named::Rule { id, .. } => {
            page.line(&format!("the rule {id} ties no two settings together"));
            page.say();
            return;
        }
    };
    page.line(&format!(
        "nothing says that {} depends on {}",
        out.paint(Tone::Bold, &from),
        out.paint(Tone::Bold, &to)
    ));
    let pack = lens.ground.choice.pack;
    page.paragraph(
        2,
        &format!(
            "looked at: {} rules and {} effects of {} {}, {} changed or learnt here. Unknown is not the same as independent: about one pair of settings in 250 depends on each other.",
            pack.constraints.len(),
            pack.effects.len(),
            pack.engine,
            lens.ground.major,
            crate::page::count(lens.learnt().len(), "edge"),
        ),
    );
    page.head("next");
    page.line(&format!("  backstay graph path {from} {to}"));
    let how = how.map_or("requires", EdgeKind::word);
    page.line(&format!("  backstay graph confirm '{from} {how} {to}'"));
    page.say();
}

/// What was observed at a moment: first and last.
fn seen(edge: &Edge) -> Option<(Timestamp, Timestamp)> {
    let moments: BTreeSet<Timestamp> = edge.evidence.iter().filter_map(|e| e.observed_at).collect();
    Some((*moments.first()?, *moments.last()?))
}

fn against(edge: &Edge) -> Vec<&Evidence> {
    edge.evidence.iter().filter(|e| e.log_lr < 0.0).collect()
}

fn moment(at: Timestamp) -> String {
    let text = at.to_string();
    text.get(..16).unwrap_or(&text).replace('T', " ")
}

fn show(page: &mut Page, sheet: &Sheet<'_>, out: Out) {
    let edge = &sheet.edge;
    page.line(&format!(
        "{} {} {}",
        out.paint(Tone::Bold, &named(&edge.from)),
        words(edge.kind),
        out.paint(Tone::Bold, &named(&edge.to))
    ));
    page.line(&out.paint(Tone::Dim, &sheet.lens.ground.title()));
    page.gap();
    waterfall::gauge(page, sheet);
    page.gap();
    waterfall::rows(page, sheet);
    page.gap();
    facts(page, sheet);
    let seen = sheet
        .asked
        .iter()
        .flat_map(|a| modified::rows(sheet.lens, a));
    let seen: Vec<_> = seen.collect();
    if !seen.is_empty() {
        page.gap();
        page.rows(2, &seen);
    }
}

fn facts(page: &mut Page, sheet: &Sheet<'_>) {
    let mut rows = Vec::new();
    let leave_out: Vec<String> = sheet
        .without
        .iter()
        .map(|(group, belief)| format!("without {} {}", group.word(), belief.confidence))
        .collect();
    if !leave_out.is_empty() {
        rows.push(vec![dim("rests on"), plain(leave_out.join(" · "))]);
    }
    if let Some(rule) = &sheet.edge.rule {
        let id = sheet.edge.constraint.as_deref().unwrap_or("learnt here");
        rows.push(vec![dim("rule"), plain(format!("{rule}  ({id})"))]);
    }
    if let Some(constraint) = sheet.constraint {
        let severity = constraint.severity;
        let told = format!("{severity}: {}", consequence(severity));
        rows.push(vec![dim("if broken"), plain(told)]);
    }
    if let Some(stand) = &sheet.stand {
        rows.extend(stood(sheet, stand));
    }
    rows.push(vec![dim("seen"), plain(when(sheet))]);
    for (i, e) in against(&sheet.edge).into_iter().enumerate() {
        let head = if i == 0 { "against it" } else { "" };
        let at = e.observed_at.map(|t| format!(", {}", moment(t)));
        let told = format!(
            "{}: {} {}{}",
            Source::of(e).word(),
            e.anchor,
            signed(e.log_lr),
            at.unwrap_or_default()
        );
        rows.push(vec![dim(head), cell(Tone::Warn, told)]);
    }
    for (i, said) in sheet.said.iter().enumerate() {
        let head = if i == 0 { "people" } else { "" };
        let why = said.judgement.why.as_ref().map(|w| format!(": {w}"));
        let told = format!(
            "{} {} it, {}{}",
            said.by,
            said.judgement.opinion.word(),
            moment(said.at),
            why.unwrap_or_default()
        );
        rows.push(vec![dim(head), plain(told)]);
    }
    page.rows(2, &rows);
}

/// The values that stand here, and whether the rule holds on them.
fn stood(sheet: &Sheet<'_>, stand: &Stand) -> Vec<Vec<crate::page::Cell>> {
    let one = |(name, value): &(String, Option<String>)| {
        format!("{name} = {}", value.as_deref().unwrap_or("unknown"))
    };
    let values: Vec<String> = stand.values.iter().map(one).collect();
    let ground = &sheet.lens.ground;
    let place = match (&ground.live, ground.lines.is_empty()) {
        (Some(_), _) => "here",
        (None, false) => "in the file",
        (None, true) => "built in",
    };
    let left = |s: &Slack| match s.margin.is_finite() {
        true => format!(", {:.0} % left", s.margin.max(0.0) * 100.0),
        false => ", without a limit".to_owned(),
    };
    let (tone, told) = match (stand.holds, &stand.slack) {
        (Tri::False, _) => (Tone::Bad, "VIOLATED".to_owned()),
        (Tri::Unknown, _) => (Tone::Warn, "cannot be told".to_owned()),
        (Tri::True, Some(s)) if s.closeness == Closeness::Near => {
            (Tone::Warn, format!("holds, barely{}", left(s)))
        }
        (Tri::True, Some(s)) => (Tone::Good, format!("holds{}", left(s))),
        (Tri::True, None) => (Tone::Good, "holds".to_owned()),
    };
    vec![
        vec![dim(place), plain(values.join(", "))],
        vec![dim(""), cell(tone, told)],
    ]
}

fn when(sheet: &Sheet<'_>) -> String {
    let versions: Vec<String> = sheet.versions.iter().map(u32::to_string).collect();
    let versions = match versions.is_empty() {
        true => "in no pack: learnt here only".to_owned(),
        false => format!("in version {}", versions.join(", ")),
    };
    match seen(&sheet.edge) {
        Some((first, last)) if first == last => format!("{versions}; here {}", moment(first)),
        Some((first, last)) => {
            format!(
                "{versions}; here first {}, last {}",
                moment(first),
                moment(last)
            )
        }
        None => format!("{versions}; nothing observed here yet"),
    }
}

fn document(sheet: &Sheet<'_>) -> Value {
    let (edge, belief) = (&sheet.edge, &sheet.belief);
    let leave_out: serde_json::Map<String, Value> = sheet
        .without
        .iter()
        .map(|(g, b)| (g.word().to_owned(), json!(b.confidence.get())))
        .collect();
    let line = |l: &backstay_learn::belief::Line| json!({ "group": l.group.word(), "what": l.what, "anchors": l.anchors, "log_odds": l.log_odds });
    let values = |s: &Stand| -> serde_json::Map<String, Value> {
        s.values
            .iter()
            .map(|(n, v)| (n.clone(), json!(v)))
            .collect()
    };
    let said = |s: &&Said| {
        let j = &s.judgement;
        json!({
            "by": s.by,
            "at": s.at.to_string(),
            "opinion": j.opinion.word(),
            "target": j.target.as_ref().map(backstay_model::TargetId::as_str),
            "why": j.why,
        })
    };
    let (first, last) = seen(edge).unzip();
    json!({
        "from": named(&edge.from),
        "to": named(&edge.to),
        "type": edge.kind.word(),
        "edge": typed(edge),
        "confidence": belief.confidence.get(),
        "interval": [belief.low, belief.high],
        "log_odds": belief.log_odds,
        "lines": belief.lines.iter().map(line).collect::<Vec<_>>(),
        "without": leave_out,
        "constraint": edge.constraint,
        "rule": edge.rule,
        "severity": sheet.constraint.map(|c| c.severity.word()),
        "note": sheet.constraint.map(|c| c.note.clone()),
        "values": sheet.stand.as_ref().map(values),
        "holds": sheet.stand.as_ref().map(|s| match s.holds {
            Tri::True => "yes",
            Tri::False => "no",
            Tri::Unknown => "unknown",
        }),
        "slack": sheet.stand.as_ref().and_then(|s| s.slack).map(|s| s.margin).filter(|m| m.is_finite()),
        "evidence": edge.evidence.iter().map(evidence).collect::<Vec<_>>(),
        "counter_evidence": against(edge).into_iter().map(evidence).collect::<Vec<_>>(),
        "first_seen": first.map(|t| t.to_string()),
        "last_seen": last.map(|t| t.to_string()),
        "versions": sheet.versions,
        "judgements": sheet.said.iter().map(said).collect::<Vec<_>>(),
        "effect_modification": sheet.asked.iter().map(|a| modified::document(sheet.lens, a)).collect::<Vec<_>>(),
    })
}
