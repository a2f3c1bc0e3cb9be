//! What the comments of the server's sample configuration say: short, and of the version itself.

use std::sync::LazyLock;

use backstay_model::dependency::EvidenceKind;
use backstay_model::{EdgeKind, Severity};
use regex::Regex;

use crate::catalogue::Known;
use crate::finding::Finding;
use crate::sentence;
use crate::text::rule::{by_name, dimension};

/// Likelihood ratio of a comment with a cue: as sure as the server's own descriptions.
const COMMENT: f64 = 3700.0;

/// What a wording says of the setting before it and the one it names.
struct Cue {
    wording: Regex,
    kind: EdgeKind,
    /// Whether it says that the first is at most the second.
    rule: bool,
    severity: Severity,
}

static CUES: LazyLock<Vec<Cue>> = LazyLock::new(|| {
    let cue = |wording: &str, kind, rule, severity| Cue {
        wording: Regex::new(wording).expect("a fixed pattern, compiled in a test"),
        kind,
        rule,
        severity,
    };
    vec![
        cue(
            r"(?:limited by|taken from) ([a-z_0-9]+)",
            EdgeKind::BoundedBy,
            true,
            Severity::Silent,
        ),
        cue(
            r"-1 (?:means use|to use) ([a-z_0-9]+)",
            EdgeKind::Overrides,
            false,
            Severity::Advice,
        ),
        cue(
            r"-1 sets based on ([a-z_0-9]+)",
            EdgeKind::ScalesWith,
            false,
            Severity::Advice,
        ),
        cue(
            r"requires ([a-z_0-9]+) to also be on",
            EdgeKind::Requires,
            false,
            Severity::Silent,
        ),
        cue(
            r"exceeding ([a-z_0-9]+)",
            EdgeKind::Enables,
            false,
            Severity::Silent,
        ),
    ]
});
static GROUP: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^# These are only used if ([a-z_0-9]+) is on").expect("a fixed pattern")
});
static SETTING: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^#?([a-z_0-9]+) = ").expect("a fixed pattern"));

/// Every finding that the text of a sample configuration gives.
pub(crate) fn findings(sample: &str, known: &[Known]) -> Vec<Finding> {
    let known = by_name(known);
    let mut findings = Vec::new();
    for entry in entries(sample) {
        let Some(from) = known.get(entry.name.as_str()) else {
            continue;
        };
        let anchor = format!(
            "postgresql.conf.sample.{}:{}",
            entry.name,
            sentence::hash(&entry.comment)
        );
        let mut add = |to: &str, kind, rule: Option<String>, severity| {
            if known.contains_key(to) && to != entry.name {
                findings.push(Finding {
                    from: entry.name.clone(),
                    to: to.to_owned(),
                    kind: Some(kind),
                    rule,
                    severity: Some(severity),
                    source: EvidenceKind::Catalogue,
                    anchor: anchor.clone(),
                    log_lr: COMMENT.ln(),
                    grip: 3,
                });
            }
        };
        if let Some(switch) = &entry.switch {
            add(switch, EdgeKind::Enables, None, Severity::Silent);
        }
        for cue in CUES.iter() {
            let Some(other) = cue.wording.captures(&entry.comment).and_then(|c| c.get(1)) else {
                continue;
            };
            let to = other.as_str();
            let compared = known.get(to).is_some_and(|to| {
                to.numeric() && from.numeric() && dimension(from) == dimension(to)
            });
            let rule = (cue.rule && compared).then(|| format!("{} <= {to}", entry.name));
            add(to, cue.kind, rule, cue.severity);
        }
    }
    findings
}

/// A setting with the comment beside and below it.
struct Entry {
    name: String,
    comment: String,
    /// The switch that the heading of its group names.
    switch: Option<String>,
}

fn entries(sample: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut switch: Option<String> = None;
    for line in sample.lines() {
        if let Some(name) = SETTING.captures(line).and_then(|c| c.get(1)) {
            let after = line.get(name.end()..).unwrap_or_default();
            let comment = after.split_once('#').map_or("", |(_, comment)| comment);
            entries.push(Entry {
                name: name.as_str().to_owned(),
                comment: comment.trim().to_owned(),
                switch: switch.clone(),
            });
        } else if let Some(group) = GROUP.captures(line).and_then(|c| c.get(1)) {
            switch = Some(group.as_str().to_owned());
        } else if line.trim().is_empty() {
            switch = None;
        } else if line.starts_with(char::is_whitespace)
            && let Some(last) = entries.last_mut()
        {
            last.comment.push(' ');
            last.comment
                .push_str(line.trim().trim_start_matches('#').trim());
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::known_for_tests as known;

    #[test]
    fn comments_beside_below_and_above_count() {
        let settings = [
            known("small", "integer"),
            known("large", "integer"),
            known("a_switch", "bool"),
            known("file_mode", "text"),
        ];
        let text = "#large = 8\n#small = 2\t\t# limited by large\n\t\t\t# (change requires restart)\n\
                    # These are only used if a_switch is on:\n#file_mode = 'x'\n\n\
                    #a_switch = on\t# requires large\n\t\t# and taken from small\n";
        let found = findings(text, &settings);
        let said: Vec<_> = found
            .iter()
            .map(|f| {
                (
                    f.from.as_str(),
                    f.to.as_str(),
                    f.kind.unwrap(),
                    f.rule.as_deref(),
                )
            })
            .collect();
        assert_eq!(
            said,
            [
                (
                    "small",
                    "large",
                    EdgeKind::BoundedBy,
                    Some("small <= large")
                ),
                ("file_mode", "a_switch", EdgeKind::Enables, None),
                ("a_switch", "small", EdgeKind::BoundedBy, None),
            ]
        );
        assert_eq!(CUES.len(), 5);
    }
}
