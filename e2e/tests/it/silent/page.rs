//! `docs/silent.md`, out of trials, verdicts and packs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use backstay_catalog::Pack;

use super::{Trial, Verdict, Verdicts, knowledge};

const HEAD: &str = "\
# What PostgreSQL accepts in silence

Each row is a configuration that contradicts itself or harms, started on real servers: `initdb`'s own
configuration with these lines at its end, one session, an orderly stop. *Silent* means that the server
started, let the session in, and wrote no line to its log, from start to stop, that it does not write without
these settings. `backstay check` finds every one of them by its rule.

The tables are made by trying, and tried again by the tests:

```
BACKSTAY_SILENT=all BACKSTAY_RENEW_DOCS=1 cargo test -p backstay-e2e silent   # try all versions, renew
cargo test -p backstay-e2e silent                                             # try the newest, compare
backstay check -f postgresql.conf --version 18 --memory 64GB                  # your own
```

A trial sees a start and a quiet moment. What a server says only under load, or at the first use of what is
broken, counts as silence here, because nobody is told when the change is made.
";

/// The whole page.
pub(super) fn text(trials: &[Trial], verdicts: &Verdicts) -> String {
    let mut text = HEAD.to_owned();
    let servers: Vec<&str> = verdicts.servers.values().map(String::as_str).collect();
    let silent = |t: &&Trial| by(verdicts, t).values().any(|v| *v == Verdict::Silent);
    let (quiet, loud): (Vec<&Trial>, Vec<&Trial>) = trials.iter().partition(silent);
    let grave = |t: &&&Trial| rule(t).is_some_and(|c| c.0 == "silent");
    let counted = quiet.iter().filter(grave).count();
    let _unused = write!(
        text,
        "\nTried on PostgreSQL {}: {} contradictions, {} of them accepted in silence by at least one version \
         ({counted} of class `silent`, the rest clamped or merely unwise), {} logged or refused by all.\n",
        servers.join(", "),
        trials.len(),
        quiet.len(),
        loud.len(),
    );
    table(&mut text, "Accepted in silence", &quiet, verdicts);
    table(&mut text, "Logged or refused", &loud, verdicts);
    text
}

fn by(verdicts: &Verdicts, trial: &Trial) -> BTreeMap<u32, Verdict> {
    verdicts
        .verdicts
        .get(&trial.rule)
        .cloned()
        .unwrap_or_default()
}

/// Severity and note of the rule, in the newest version that has it.
fn rule(trial: &Trial) -> Option<(&'static str, &'static str)> {
    let packs = super::MAJORS.iter().rev().map(|m| knowledge(*m));
    let found = |p: &'static Pack| p.constraint(&trial.rule).filter(|c| c.rule.is_some());
    let constraint = packs.into_iter().find_map(found)?;
    Some((constraint.severity.word(), &constraint.note))
}

fn table(text: &mut String, title: &str, trials: &[&Trial], verdicts: &Verdicts) {
    let majors: Vec<u32> = verdicts.servers.keys().copied().collect();
    let heads: Vec<String> = majors.iter().map(u32::to_string).collect();
    let _unused = write!(
        text,
        "\n## {title}\n\n| configuration | what happens | class | {} | rule |\n|---|---|---|{}---|\n",
        heads.join(" | "),
        "---|".repeat(majors.len()),
    );
    for trial in trials {
        let by = by(verdicts, trial);
        let (severity, note) = rule(trial).unwrap_or_default();
        let mut conf: Vec<String> = trial.conf.iter().map(|l| format!("`{l}`")).collect();
        conf.extend(
            trial
                .host
                .iter()
                .map(|h| format!("on a host with {}", h.replace('=', " "))),
        );
        let cells: Vec<&str> = majors.iter().map(|m| word(by.get(m))).collect();
        let _unused = writeln!(
            text,
            "| {} | {note} | {severity} | {} | `{}` |",
            conf.join("<br>"),
            cells.join(" | "),
            trial.rule,
        );
    }
}

/// A dash where the version does not have the settings or the rule.
fn word(verdict: Option<&Verdict>) -> &'static str {
    match verdict {
        Some(Verdict::Silent) => "silent",
        Some(Verdict::Logged) => "logged",
        Some(Verdict::Closed) => "lets nobody in",
        Some(Verdict::Rejected) => "refused",
        None => "–",
    }
}
