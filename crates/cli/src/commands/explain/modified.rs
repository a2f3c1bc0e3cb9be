//! Whether what a setting does to a metric depends on where another one stands: the answers of the last
//! night. It is said of effects only and never makes a dependency.

use backstay_catalog::SettingDef;
use backstay_catalog::pack::ValueKind;
use backstay_catalog::units::{Quantity, Unit};
use backstay_learn::effect::{Asked, Cells, LEVEL, Modification};
use backstay_learn::stats::meta::Pooled;
use backstay_model::SettingName;
use serde_json::{Value, json};

use crate::commands::explain::setting::percent;
use crate::commands::graph::lens::Lens;
use crate::page::{Cell, Page, count, dim, plain};

/// What was asked here of which this is so.
pub(super) fn asked(lens: &Lens, so: impl Fn(&Asked) -> bool) -> Vec<&Asked> {
    lens.asked().filter(|a| so(a)).collect()
}

/// What was asked of a setting: first whether others change what it does, then whether it changes what
/// others do.
pub(super) fn of<'a>(lens: &'a Lens, name: &SettingName) -> [Vec<&'a Asked>; 2] {
    [
        asked(lens, |a| a.setting == *name),
        asked(lens, |a| a.under == *name),
    ]
}

/// Tells of a setting what was seen, and in one line what else was asked.
pub(super) fn show(page: &mut Page, lens: &Lens, name: &SettingName) {
    let [by_others, of_others] = of(lens, name);
    section(page, lens, "what it does depends on others", &by_others);
    section(page, lens, "it changes what others do", &of_others);
}

/// What was seen under a heading; else only, in one line, whether it could be.
fn section(page: &mut Page, lens: &Lens, head: &str, all: &[&Asked]) {
    let seen: Vec<Vec<Cell>> = all.iter().flat_map(|a| rows(lens, a)).collect();
    if !seen.is_empty() {
        page.head(head);
        page.rows(2, &seen);
    }
    if let Some(rest) = rest(all) {
        let told = match seen.is_empty() {
            true => format!("asked whether {head}: {rest}"),
            false => format!("also asked: {rest}"),
        };
        if seen.is_empty() {
            page.gap();
        }
        page.rows(2, &[vec![dim(told)]]);
    }
}

/// One that was seen: a sentence, and the effects in each class of work. Nothing for the others.
pub(super) fn rows(lens: &Lens, asked: &Asked) -> Vec<Vec<Cell>> {
    let Modification::Seen { p, cells } = &asked.answer else {
        return Vec::new();
    };
    let told = format!(
        "{}'s effect on {} is {} where {} is {}: per doubling or switch, seen in {}, p {}",
        asked.setting,
        asked.metric,
        compared(cells),
        asked.under,
        high(lens, &asked.under),
        classes(cells.len()),
        chance(*p),
    );
    let mut rows = vec![vec![plain(told)]];
    rows.extend(cells.iter().map(|c| {
        let above = limit(lens, &asked.under, c.split);
        let told = format!("{}; {above}: {}", effect(&c.low), effect(&c.high));
        vec![dim(format!("  {:<10}  {told}", c.work.word()))]
    }));
    rows
}

/// How the effect where the other setting is high compares with the one where it is low.
fn compared(cells: &[Cells]) -> &'static str {
    let every = |so: fn(&Cells) -> bool| cells.iter().all(so);
    let turned = |c: &Cells| c.low.mean * c.high.mean < 0.0;
    if every(turned) {
        "of the other sign"
    } else if every(|c| c.high.mean.abs() > c.low.mean.abs()) {
        "larger"
    } else if every(|c| c.high.mean.abs() < c.low.mean.abs()) {
        "smaller"
    } else {
        "another"
    }
}

/// `on` for a switch, else `high`.
fn high(lens: &Lens, name: &SettingName) -> &'static str {
    match def(lens, name).map(|d| &d.kind) {
        Some(ValueKind::Bool) => "on",
        _ => "high",
    }
}

/// `above 64MB`, or `on` for a switch. A level is the binary logarithm of a value in bytes, microseconds or
/// as it is.
fn limit(lens: &Lens, name: &SettingName, level: f64) -> String {
    let def = def(lens, name);
    if def.is_some_and(|d| d.kind == ValueKind::Bool) {
        return "on".to_owned();
    }
    format!("above {}", amount(def, level.exp2()))
}

fn amount(def: Option<&SettingDef>, value: f64) -> String {
    match def.and_then(|d| d.unit) {
        Some(Unit::Bytes(_)) => Quantity::Bytes(value.round() as i128).to_string(),
        Some(Unit::Micros(_)) => Quantity::Micros(value.round() as i128).to_string(),
        // Four figures, and no more noughts than are needed.
        None => ((value * 1_000.0).round() / 1_000.0).to_string(),
    }
}

fn def<'a>(lens: &'a Lens, name: &SettingName) -> Option<&'a SettingDef> {
    lens.ground.choice.pack.def(name.as_str())
}

/// `−11 % [−14 %, −9 %] in 16 changes`.
fn effect(pooled: &Pooled) -> String {
    let (low, high) = pooled.interval(LEVEL);
    format!(
        "{} [{}, {}] in {}",
        percent(pooled.mean),
        percent(low),
        percent(high),
        count(pooled.k, "change")
    )
}

fn classes(n: usize) -> String {
    match n {
        1 => "1 class of work".to_owned(),
        n => format!("{n} classes of work"),
    }
}

fn chance(p: f64) -> String {
    match p < 0.000_1 {
        true => "< 0.0001".to_owned(),
        false => format!("{p:.4}"),
    }
}

/// What became of the questions to which the answer is not yes, in one line.
fn rest(all: &[&Asked]) -> Option<String> {
    let mut refused = 0;
    let mut few = 0;
    let mut unseen = 0;
    for asked in all {
        match asked.answer {
            Modification::Refused { .. } => refused += 1,
            Modification::TooFew { .. } => few += 1,
            Modification::NotSeen => unseen += 1,
            Modification::Seen { .. } => {}
        }
    }
    let told = [
        (unseen, "that showed nothing"),
        (few, "without enough changes in two classes of work"),
        (
            refused,
            "that cannot be told apart, because both settings were moved together",
        ),
    ];
    let told: Vec<String> = told
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{n} {what}"))
        .collect();
    (!told.is_empty()).then(|| told.join(", "))
}

/// One question with its answer.
pub(super) fn document(lens: &Lens, asked: &Asked) -> Value {
    let mut told = json!({
        "setting": asked.setting.as_str(),
        "metric": asked.metric.as_str(),
        "under": asked.under.as_str(),
    });
    let (answer, more) = match &asked.answer {
        Modification::Seen { p, cells } => {
            let cells: Vec<Value> = cells.iter().map(|c| side_by_side(lens, asked, c)).collect();
            ("seen", json!({ "p_value": p, "by_work": cells }))
        }
        Modification::NotSeen => ("not_seen", json!({})),
        Modification::TooFew { classes } => (
            "too_few_changes",
            json!({ "classes_of_work_with_enough": classes }),
        ),
        Modification::Refused { correlation } => {
            ("moved_together", json!({ "correlation": correlation }))
        }
    };
    told["answer"] = json!(answer);
    if let (Some(told), Value::Object(more)) = (told.as_object_mut(), more) {
        told.extend(more);
    }
    told
}

fn side_by_side(lens: &Lens, asked: &Asked, cells: &Cells) -> Value {
    let side = |pooled: &Pooled| {
        let (low, high) = pooled.interval(LEVEL);
        json!({ "mean": pooled.mean, "low": low, "high": high, "changes": pooled.k })
    };
    json!({
        "work": cells.work.word(),
        "where": limit(lens, &asked.under, cells.split),
        "there": side(&cells.high),
        "else": side(&cells.low),
    })
}
