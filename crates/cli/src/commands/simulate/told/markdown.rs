//! The report as markdown, for a pull request or the summary of a pipeline.

use super::super::Simulation;
use super::{change, effect, next_command, restart_words, start_text, verdict_line};
use crate::commands::rules::{advice, values};
use crate::view::{band, interval};

/// Metrics that are told.
const METRICS_MAX: usize = 8;

pub(crate) fn markdown(s: &Simulation<'_>) -> String {
    let risk = &s.report.risk;
    let mut text = format!(
        "### Backstay: risk {:.0} ({}), {}\n\n{}\n\n",
        risk.score,
        interval(risk),
        band(risk),
        verdict_line(s).1
    );
    text.push_str("| setting | change | takes effect |\n|---|---|---|\n");
    for line in &s.report.lines {
        text.push_str(&row(&[
            &format!("`{}`", line.key),
            &change(line),
            &effect(s, line),
        ]));
    }
    text.push_str(&format!(
        "\nSeverity {:.2} × probability {:.2} × confidence {:.2}; failure rate of similar changes {:.2}.\n",
        risk.severity,
        risk.probability.get(),
        risk.confidence.get(),
        risk.failure_rate.mean
    ));
    for term in &risk.terms {
        text.push_str(&format!(
            "- {:+.1} {}: {}\n",
            term.log_odds, term.name, term.reason
        ));
    }
    rules(&mut text, s);
    metrics(&mut text, s);
    text.push_str(&format!("\n**Start:** {}\n", start_text(s).1));
    if let Some(plan) = &s.undo {
        text.push_str("\n**Undo**\n\n```sql\n");
        for command in &plan.commands {
            text.push_str(command);
            text.push('\n');
        }
        text.push_str("```\n");
        for words in restart_words(s) {
            text.push_str(&format!("- {words}\n"));
        }
    }
    text.push_str(&format!("\nNext: `{}`\n", next_command(s)));
    text
}

fn rules(text: &mut String, s: &Simulation<'_>) {
    let rows: Vec<String> = s
        .broken()
        .map(|v| {
            row(&[
                v.severity.word(),
                &format!("`{}`", v.constraint.subject),
                &v.constraint.note,
                &values(v),
                &advice(v),
            ])
        })
        .collect();
    if !rows.is_empty() {
        text.push_str("\n| severity | setting | why | now | do |\n|---|---|---|---|---|\n");
        rows.iter().for_each(|r| text.push_str(r));
    }
}

fn metrics(text: &mut String, s: &Simulation<'_>) {
    let rows: Vec<String> = s
        .report
        .prediction
        .iter()
        .take(METRICS_MAX)
        .map(|e| row(&[e.metric.as_str(), &e.confidence.to_string(), &e.mechanism]))
        .collect();
    if !rows.is_empty() {
        text.push_str("\n| metric | confidence | by |\n|---|---|---|\n");
        rows.iter().for_each(|r| text.push_str(r));
    }
}

/// A row of a table; what would end a cell is escaped.
fn row(cells: &[&str]) -> String {
    let cells: Vec<String> = cells
        .iter()
        .map(|c| c.replace('|', "\\|").replace('\n', " "))
        .collect();
    format!("| {} |\n", cells.join(" | "))
}
