//! What was found, for a pull request or the summary of a pipeline.

use super::table::{left, open, place, shortened, summary, unjudged};
use super::{Found, WORST_FIRST};
use crate::commands::rules::{consequence, values};

pub(super) fn markdown(found: &Found<'_>) -> String {
    let mut text = format!("### Backstay check: {}\n\n", summary(found));
    let files = found.files.iter().map(|f| format!("`{f}`"));
    let files = files.collect::<Vec<_>>().join(" + ");
    let about = if files.is_empty() {
        String::new()
    } else {
        format!("{files}, for ")
    };
    text.push_str(&format!("{about}{}\n", found.ground.title()));
    if found.count() > 0 {
        text.push_str("\n| severity | setting | what happens | now | do | where |\n|---|---|---|---|---|---|\n");
    }
    for r in &found.refused {
        text.push_str(&row(&[
            "**refused**",
            &r.setting
                .as_ref()
                .map_or_else(String::new, |s| format!("`{s}`")),
            &shortened(&r.why),
            "",
            &r.remedy,
            &format!("`{}:{}`", r.file, r.line),
        ]));
    }
    for severity in WORST_FIRST {
        for b in found.of(severity) {
            let v = &b.violation;
            let place = match found.spot(v) {
                Some(s) => format!("`{}:{}`", s.file, s.line),
                None => place(&b.when).trim_matches([' ', '(', ')']).to_owned(),
            };
            text.push_str(&row(&[
                &format!("**{}**", severity.word()),
                &format!("`{}`", v.constraint.subject),
                &v.constraint.note,
                &format!("`{}`", shortened(&values(v)).replace('`', "'")),
                &b.advice(),
                &place,
            ]));
        }
    }
    if !found.report.near.is_empty() {
        text.push_str("\n**Near**: these hold, with less than a fifth to spare.\n\n");
        for v in &found.report.near {
            let values = shortened(&values(v)).replace('`', "'");
            let subject = &v.constraint.subject;
            text.push_str(&format!(
                "- `{subject}`, {}: {} (`{values}`)\n",
                left(v),
                v.constraint.note
            ));
        }
    }
    text.push_str(&undecided(found));
    if let Some(unjudged) = unjudged(found) {
        text.push_str(&format!("\n{unjudged}.\n"));
    }
    let kinds = WORST_FIRST.iter().filter(|s| !found.of(**s).is_empty());
    let kinds: Vec<String> = kinds
        .map(|s| format!("*{}*: {}", s.word(), consequence(*s)))
        .collect();
    if !kinds.is_empty() {
        text.push_str(&format!("\n<sub>{}</sub>\n", kinds.join(" · ")));
    }
    text
}

/// Texts that only the server can judge, with their places.
fn undecided(found: &Found<'_>) -> String {
    let open = open(found);
    if open.is_empty() {
        return String::new();
    }
    let lines = open
        .into_iter()
        .map(|(names, why)| format!("- {names}: {why}\n"));
    let lines: String = lines.collect();
    format!("\n**Undecided**: only the server can judge these texts.\n\n{lines}")
}

fn row(cells: &[&str]) -> String {
    let cells: Vec<String> = cells
        .iter()
        .map(|c| c.replace('|', "\\|").replace('\n', " "))
        .collect();
    format!("| {} |\n", cells.join(" | "))
}
