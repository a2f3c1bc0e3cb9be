//! The manual of a setting: what it means, what it depends on, what it moves, how it is undone; and,
//! where there is a record, how it stands and who moved it last.

mod made;
mod words;

use std::collections::BTreeSet;

use backstay_catalog::Candidate;
use backstay_catalog::expr::Environment;
use backstay_catalog::pack::{Context, ResourceClass, SettingDef, ValueKind};
use backstay_catalog::text::Form;
use backstay_catalog::units::Quantity;
use backstay_catalog::{Secrecy, secret};
use backstay_journal::SnapshotStore;
use backstay_learn::learner::Effect;
use backstay_model::change::{Pending, Waiting};
use backstay_model::dependency::EvidenceKind;
use backstay_model::{Edge, EdgeKind, NodeKey, SettingName, TargetId, WorkClass};
use backstay_store_sqlite::Readers;
use serde_json::{Value, json};

use crate::commands::explain::edge::short;
use crate::commands::explain::modified;
use crate::commands::graph::lens::Lens;
use crate::commands::graph::{no_setting, words as edge_words};
use crate::failure::{Code, Exit, Failure};
use crate::out::{Out, Tone};
use crate::page::{Page, cell, dim, plain};
use crate::wire::rules::evidence;
use made::{Made, changes};
use words::{class, kind, masks, meanings, takes_effect, undo};

/// Dependencies that are told; the rest is counted.
const EDGES_MAX: usize = 14;

/// How a setting stands on a target.
struct Here {
    target: TargetId,
    scope: String,
    value: String,
    source: String,
    pending: Pending,
    waiting: Option<Box<Waiting>>,
}

/// Everything about a setting.
struct Sheet<'a> {
    lens: &'a Lens,
    def: &'a SettingDef,
    edges: Vec<Edge>,
    here: Vec<Here>,
    changes: Vec<Made>,
}

pub(super) fn run(word: &str, lens: &Lens, out: Out) -> Result<Exit, Failure> {
    let name = SettingName::new(word);
    let node = NodeKey::Setting(name.clone());
    let stranger;
    let def = match lens.ground.choice.pack.def(name.as_str()) {
        Some(def) => def,
        None if lens.known.graph.nodes().any(|n| *n == node) => {
            stranger = unheard_of(lens, &name);
            &stranger
        }
        None => return Err(no_setting(&lens.ground, word)),
    };
    let (here, changes) = match &lens.readers {
        Some(readers) => (
            here(readers, def)?,
            changes(readers, &lens.known.register, def)?,
        ),
        None => (Vec::new(), Vec::new()),
    };
    let sheet = Sheet {
        lens,
        def,
        edges: lens.edges_of(&node),
        here,
        changes,
    };
    if out.json_wanted() {
        out.document(&document(&sheet))?;
    } else {
        show(out, &sheet);
    }
    Ok(Exit::Ok)
}

/// A setting that no pack knows: of an extension, or newer than the pack. What is told of it was seen
/// here.
fn unheard_of(lens: &Lens, name: &SettingName) -> SettingDef {
    let pack = lens.ground.choice.pack;
    let summary = format!(
        "Not in the pack of {} {}: a setting of an extension, or of another version. What stands here was learnt from this installation.",
        pack.engine, pack.major
    );
    SettingDef {
        name: name.clone(),
        kind: ValueKind::Text,
        form: Form::FREE,
        unit: None,
        min: None,
        max: None,
        default: None,
        context: Context::User,
        class: pack.class_of(name),
        category: "not in the pack".into(),
        resource: ResourceClass::Other,
        sentinels: Vec::new(),
        summary,
    }
}

fn here(readers: &Readers, def: &SettingDef) -> Result<Vec<Here>, Failure> {
    let failed = |e| Failure::of(Code::Store, &e);
    let lines = readers.snapshots.list(None).map_err(failed)?;
    let targets: BTreeSet<&TargetId> = lines.iter().map(|l| &l.target).collect();
    let mut found = Vec::new();
    for target in targets {
        let snapshot = readers.snapshots.latest(target).map_err(failed)?;
        for (key, standing) in snapshot.iter().flat_map(|s| &s.settings) {
            if key.name != def.name {
                continue;
            }
            let value = standing.effective.as_ref().map(ToString::to_string);
            found.push(Here {
                target: target.clone(),
                scope: key.scope.to_string(),
                value: value.map_or_else(|| "not set".into(), |v| with_unit(def, &v)),
                source: standing.source.to_string(),
                pending: standing.pending_restart,
                waiting: standing.waiting.clone(),
            });
        }
    }
    Ok(found)
}

fn with_unit(def: &SettingDef, text: &str) -> String {
    backstay_catalog::units::parse(def, text).map_or_else(|_| text.to_owned(), |q| q.to_string())
}

fn default(sheet: &Sheet<'_>) -> String {
    let built_in = Candidate::new(sheet.lens.ground.choice.pack);
    match built_in.setting(&sheet.def.name) {
        Some(Quantity::Text(text)) if text.is_empty() => "''".into(),
        Some(_) => built_in.shown(&sheet.def.name).unwrap_or_default(),
        None => "decided by the server".into(),
    }
}

/// The value that stands on the server or in the file that is looked at, where there is one.
fn stands(sheet: &Sheet<'_>) -> Option<String> {
    let ground = &sheet.lens.ground;
    let looked = ground.live.is_some() || !ground.lines.is_empty();
    ground.now.shown(&sheet.def.name).filter(|_| looked)
}

/// Which way the arrow of an edge points, as its setting sees it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    /// The setting depends on the other end.
    On,
    /// The other end depends on the setting.
    By,
    /// Both on each other.
    Both,
}

/// How the other end of an edge depends on the setting, in words.
const fn turned(kind: EdgeKind) -> &'static str {
    match kind {
        EdgeKind::Requires => "is required by",
        EdgeKind::BoundedBy => "bounds",
        EdgeKind::Enables => "decides whether it works:",
        EdgeKind::Overrides => "stands in for",
        EdgeKind::ScalesWith => "sizes",
        EdgeKind::Uses => "is used by",
        EdgeKind::ConflictsWith | EdgeKind::SharesResource | EdgeKind::Affects => edge_words(kind),
    }
}

/// The other end of an edge, and the edge in words as the setting sees it.
fn seen(edge: &Edge, def: &SettingDef) -> (Side, &'static str, String) {
    let own = NodeKey::Setting(def.name.clone());
    let from_here = edge.from == own;
    let other = if from_here { &edge.to } else { &edge.from };
    let (side, how) = match (edge.kind.symmetric(), from_here) {
        (true, _) => (Side::Both, edge_words(edge.kind)),
        (false, true) => (Side::On, edge_words(edge.kind)),
        (false, false) => (Side::By, turned(edge.kind)),
    };
    (side, how, crate::commands::rules::named(other))
}

/// The rule of an edge, else where it is known from.
fn why(edge: &Edge) -> String {
    let mut kinds: Vec<&str> = edge.evidence.iter().map(|e| e.kind.word()).collect();
    kinds.dedup();
    edge.rule.clone().unwrap_or_else(|| kinds.join(", "))
}

fn show(out: Out, sheet: &Sheet<'_>) {
    let def = sheet.def;
    let mut page = Page::new(out);
    page.line(&format!(
        "{}  {}",
        out.paint(Tone::Bold, def.name.as_str()),
        out.paint(
            Tone::Dim,
            &format!(
                "{} {}, {}",
                sheet.lens.ground.choice.pack.engine, sheet.lens.ground.major, def.category
            )
        )
    ));
    if !def.summary.is_empty() {
        page.paragraph(0, &def.summary);
    }
    page.gap();
    let mut rows = vec![
        vec![dim("value"), plain(kind(def))],
        vec![dim("default"), plain(default(sheet))],
        vec![dim("takes effect"), plain(takes_effect(def.context))],
        vec![dim("masked by"), plain(masks(def.context))],
        vec![dim("class"), plain(class(def))],
    ];
    if let Some(value) = stands(sheet) {
        rows.insert(1, vec![dim("stands at"), cell(Tone::Bold, value)]);
    }
    if secret(&def.name) == Secrecy::Secret {
        rows.push(vec![
            dim("secret"),
            plain("its value is kept as a fingerprint only"),
        ]);
    }
    rows.extend(
        meanings(def)
            .into_iter()
            .map(|m| vec![dim("special"), plain(m)]),
    );
    page.rows(2, &rows);
    dependencies(&mut page, sheet);
    effects(&mut page, sheet);
    modified::show(&mut page, sheet.lens, &def.name);
    page.head("undo");
    undo(def).iter().for_each(|l| page.line(&format!("  {l}")));
    recorded(&mut page, sheet);
    page.say();
}

fn dependencies(page: &mut Page, sheet: &Sheet<'_>) {
    let edges: Vec<&Edge> = sheet
        .edges
        .iter()
        .filter(|e| !matches!(e.to, NodeKey::Metric(_)))
        .collect();
    if edges.is_empty() {
        page.head("depends on nothing that is known, and nothing on it");
        return;
    }
    for (side, head) in [
        (Side::On, "depends on"),
        (Side::Both, "goes together with"),
        (Side::By, "others depend on it"),
    ] {
        let rows: Vec<_> = edges
            .iter()
            .take(EDGES_MAX)
            .map(|edge| (edge, seen(edge, sheet.def)))
            .filter(|(_, (s, _, _))| *s == side)
            .flat_map(|(edge, (_, how, other))| {
                let belief = sheet.lens.belief(edge);
                let row = vec![
                    plain(how),
                    cell(Tone::Bold, other),
                    plain(sheet.lens.sure(edge)),
                    plain(why(edge)),
                ];
                let below = vec![plain(""), plain(""), plain(""), dim(short(&belief))];
                [row, below]
            })
            .collect();
        if !rows.is_empty() {
            page.head(head);
            page.rows(2, &rows);
        }
    }
    if edges.len() > EDGES_MAX {
        let text = format!(
            "and {} less sure; `backstay graph export` has all",
            edges.len() - EDGES_MAX
        );
        page.rows(2, &[vec![dim(text)]]);
    }
}

fn effects(page: &mut Page, sheet: &Sheet<'_>) {
    let moved = |e: &&Edge| matches!(e.to, NodeKey::Metric(_));
    let rows: Vec<_> = sheet
        .edges
        .iter()
        .filter(moved)
        .map(|e| {
            let mechanisms = e.evidence.iter().filter(|v| v.kind == EvidenceKind::Review);
            let mut how: Vec<String> = mechanisms.map(|v| v.anchor.clone()).collect();
            how.extend(shown(estimates(sheet, e)).iter().map(|m| estimate(m)));
            vec![
                plain(e.to.name()),
                plain(sheet.lens.sure(e)),
                dim(how.join("; ")),
            ]
        })
        .collect();
    if !rows.is_empty() {
        page.head("moves");
        page.rows(2, &rows);
    }
}

/// What was measured here of an effect.
fn estimates<'a>(sheet: &'a Sheet<'_>, edge: &'a Edge) -> impl Iterator<Item = &'a Effect> {
    let all = sheet.lens.known.learning.effects();
    all.filter(|e| e.setting == sheet.def.name && e.metric.as_str() == edge.to.name())
}

/// The effects in each class of work; the one over all work where it rests on more than they do.
fn shown<'a>(estimates: impl Iterator<Item = &'a Effect>) -> Vec<&'a Effect> {
    let mut shown: Vec<&Effect> = estimates.collect();
    let told = shown.iter().filter(|e| e.work.told());
    let by_class: u32 = told.map(|e| e.n).sum();
    shown.retain(|e| e.work.told() || e.n > by_class);
    shown
}

/// `measured +12 % [+5 %, +19 %] per doubling or switch in 7 changes, I² 20 %, in oltp-read work`.
fn estimate(effect: &Effect) -> String {
    let work = match effect.work {
        WorkClass::Unknown => "over all work".to_owned(),
        told => format!("in {told} work"),
    };
    format!(
        "measured {} [{}, {}] per doubling or switch in {}, I² {:.0} %, {work}",
        percent(effect.mean),
        percent(effect.low),
        percent(effect.high),
        crate::page::count(usize::try_from(effect.n).unwrap_or(usize::MAX), "change"),
        effect.i2 * 100.0
    )
}

/// A natural logarithm of after over before: `−11 %`.
pub(super) fn percent(effect: f64) -> String {
    format!("{:+.0} %", effect.exp_m1() * 100.0).replace('-', "−")
}

fn recorded(page: &mut Page, sheet: &Sheet<'_>) {
    if !sheet.here.is_empty() {
        page.head("here");
        let rows: Vec<_> = sheet
            .here
            .iter()
            .map(|h| {
                let pending = match (h.pending, &h.waiting) {
                    (Pending::No, _) => String::new(),
                    (Pending::Restart, None) => "; another value waits for a restart".to_owned(),
                    (Pending::Restart, Some(w)) => match &w.line {
                        Some(line) => format!("; {} waits for a restart ({line})", w.value),
                        None => format!("; {} waits for a restart", w.value),
                    },
                };
                vec![
                    plain(h.target.as_str()),
                    cell(Tone::Bold, h.value.clone()),
                    dim(format!("{} from {}{pending}", h.scope, h.source)),
                ]
            })
            .collect();
        page.rows(2, &rows);
    }
    if !sheet.changes.is_empty() {
        page.head("last changes");
        let rows: Vec<_> = sheet
            .changes
            .iter()
            .map(|c| {
                vec![
                    plain(c.id.clone()),
                    dim(c.at.get(..19).unwrap_or(&c.at).replace('T', " ")),
                    plain(c.who.clone()),
                    cell(Tone::Bold, c.change.clone()),
                    plain(c.outcome.clone()),
                ]
            })
            .collect();
        page.rows(2, &rows);
    }
}

fn document(sheet: &Sheet<'_>) -> Value {
    let def = sheet.def;
    let pack = sheet.lens.ground.choice.pack;
    let [by_others, of_others] = modified::of(sheet.lens, &def.name);
    let work = |work: WorkClass| if work.told() { work.word() } else { "all" };
    let dependency = |e: &Edge| {
        let belief = sheet.lens.belief(e);
        json!({
            "from": e.from.name(),
            "to": e.to.name(),
            "type": e.kind.word(),
            "confidence": e.confidence.get(),
            "interval": [belief.low, belief.high],
            "waterfall": belief.lines.iter().map(|l| json!({
                "group": l.group.word(), "what": l.what, "log_odds": l.log_odds,
            })).collect::<Vec<_>>(),
            "rule": e.rule,
            "evidence": e.evidence.iter().map(evidence).collect::<Vec<_>>(),
        })
    };
    json!({
        "kind": "setting",
        "engine": pack.engine.to_string(),
        "version": sheet.lens.ground.major,
        "setting": def.name.as_str(),
        "summary": def.summary,
        "category": def.category,
        "value": kind(def),
        "unit": def.unit.map(|u| u.to_string()),
        "min": def.min,
        "max": def.max,
        "default": default(sheet),
        "stands_at": stands(sheet),
        "takes_effect": takes_effect(def.context),
        "context": format!("{:?}", def.context).to_lowercase(),
        "class": def.class,
        "masked_by": masks(def.context),
        "secret": secret(&def.name) == Secrecy::Secret,
        "special_values": meanings(def),
        "dependencies": sheet.edges.iter().map(dependency).collect::<Vec<_>>(),
        "effects": sheet.edges.iter().filter(|e| e.kind == EdgeKind::Affects).map(|e| json!({
            "metric": e.to.name(),
            "confidence": e.confidence.get(),
            "mechanism": e.evidence.first().map(|v| v.anchor.clone()),
            "measured": estimates(sheet, e).map(|m| json!({
                "mean": m.mean, "low": m.low, "high": m.high, "i2": m.i2, "changes": m.n, "work": work(m.work),
            })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "effect_modified_by": by_others.iter().map(|a| modified::document(sheet.lens, a)).collect::<Vec<_>>(),
        "modifies_effect_of": of_others.iter().map(|a| modified::document(sheet.lens, a)).collect::<Vec<_>>(),
        "undo": undo(def),
        "here": sheet.here.iter().map(|h| json!({
            "target": h.target.as_str(),
            "scope": h.scope,
            "value": h.value,
            "source": h.source,
            "pending_restart": h.pending == Pending::Restart,
        })).collect::<Vec<_>>(),
        "changes": sheet.changes.iter().map(|c| json!({
            "change_set": c.id,
            "at": c.at,
            "author": c.who,
            "change": c.change,
            "outcome": c.outcome,
        })).collect::<Vec<_>>(),
    })
}
