//! Every inequality that a text gives, tried just inside and just outside its bound: what the server does
//! tells how severe a violation is. That it accepts one deletes no rule.

use std::collections::BTreeSet;

use backstay_catalog::expr::{self, Expr, Tri};
use backstay_catalog::{Candidate, Pack};
use backstay_model::dependency::EvidenceKind;
use backstay_model::{EdgeKind, Severity};
use backstay_scratch::postgres::LogLine;

use super::trial::HARMFUL;
use super::{Assignment, Bench, End, ServerError};
use crate::catalogue::Known;
use crate::finding::Finding;
use crate::text::rule::by_name;

/// Likelihood ratio of a bound that the server itself refuses or warns of.
const TOLD: f64 = 5000.0;
/// Halvings of a range until its bound is found: enough for every whole number.
const HALVINGS: u32 = 64;

/// What the server does outside a bound.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    Rejected,
    Logged,
    Silent,
}

/// Tries the rules of `findings` and adds what the server says to them.
pub(crate) async fn judge(
    bench: &Bench,
    pack: &Pack,
    known: &[Known],
    findings: &mut Vec<Finding>,
) -> Result<(), ServerError> {
    let all = by_name(known);
    let mut tried = BTreeSet::new();
    let mut misread = BTreeSet::new();
    let mut told = Vec::new();
    for finding in findings
        .iter()
        .filter(|f| f.kind == Some(EdgeKind::BoundedBy))
    {
        let (Some(text), Some(from), Some(to)) = (
            &finding.rule,
            all.get(finding.from.as_str()),
            all.get(finding.to.as_str()),
        ) else {
            continue;
        };
        let harmless = Bench::tries(from) && !HARMFUL.contains(&from.fact.name.as_str());
        if !harmless || !tried.insert(text.clone()) {
            continue;
        }
        let Some((inside, outside)) = bound(pack, text, from, to) else {
            continue;
        };
        if let Some(verdict) = verdict(bench, (from, to), &inside, &outside).await? {
            if verdict == Verdict::Silent {
                misread.insert(text.clone());
            }
            told.push(added(finding, verdict));
        }
    }
    // A message of the server was read as this rule, and the server does not hold to it.
    for finding in findings.iter_mut() {
        let theirs = finding.source == EvidenceKind::Verdict;
        if theirs && finding.rule.as_ref().is_some_and(|r| misread.contains(r)) {
            finding.rule = None;
        }
    }
    findings.extend(told);
    Ok(())
}

/// Assignments of two settings just inside and just outside a rule, others at their built-in values.
fn bound(pack: &Pack, rule: &str, from: &Known, to: &Known) -> Option<(Assignment, Assignment)> {
    let rule = expr::parse(rule).ok()?;
    let low = from.fact.min?.max(0.0);
    let high = from.fact.max?;
    let whole = from.fact.kind == "integer";
    let others = [None, to.fact.min, to.fact.max];
    others.into_iter().find_map(|other| {
        let other = other.map(|n| (to.fact.name.clone(), text(n, to)));
        let holds = |value: f64| {
            holds(
                pack,
                &rule,
                &from.fact.name,
                &text(value, from),
                other.as_ref(),
            )
        };
        let (at_low, at_high) = (holds(low)?, holds(high)?);
        if at_low == at_high {
            return None;
        }
        let (mut good, mut bad) = if at_low { (low, high) } else { (high, low) };
        for _ in 0..HALVINGS {
            if whole && (good - bad).abs() <= 1.0 {
                break;
            }
            let middle = f64::midpoint(good, bad);
            let middle = if whole { middle.floor() } else { middle };
            if holds(middle)? {
                good = middle;
            } else {
                bad = middle;
            }
        }
        let with = |value: f64| {
            let mut settings = vec![(from.fact.name.clone(), text(value, from))];
            settings.extend(other.clone());
            settings
        };
        Some((with(good), with(bad)))
    })
}

fn holds(
    pack: &Pack,
    rule: &Expr,
    name: &str,
    value: &str,
    other: Option<&(String, String)>,
) -> Option<bool> {
    let mut candidate = Candidate::new(pack);
    candidate.assign(name, value).ok()?;
    if let Some((name, value)) = other {
        // What a build fixes can be assumed, not set.
        candidate.assign(name, value).ok()?;
    }
    match expr::eval(rule, &candidate) {
        Tri::True => Some(true),
        Tri::False => Some(false),
        Tri::Unknown => None,
    }
}

fn text(value: f64, setting: &Known) -> String {
    if setting.fact.kind == "integer" {
        format!("{value:.0}")
    } else {
        format!("{value}")
    }
}

/// What the server does outside; `None` when inside fails as well, or trying would take too much.
async fn verdict(
    bench: &Bench,
    (from, to): (&Known, &Known),
    inside: &Assignment,
    outside: &Assignment,
) -> Result<Option<Verdict>, ServerError> {
    let computed = bench.computed();
    if bench.compute(computed, inside).is_err() {
        return Ok(None);
    }
    if bench.compute(computed, outside).is_err() {
        return Ok(Some(Verdict::Rejected));
    }
    if !bench.modest(outside) || !bench.modest(inside) {
        return Ok(None);
    }
    let outcome = bench.start(outside).await?;
    if outcome.end == End::Fell {
        let stands = bench.start(inside).await?.end == End::Stood;
        return Ok(stands.then_some(Verdict::Rejected));
    }
    let names = [from.fact.name.as_str(), to.fact.name.as_str()];
    let about = |line: &LogLine| {
        let said = format!("{} {} {}", line.message, line.detail, line.hint);
        names.iter().any(|name| said.contains(name))
    };
    Ok(Some(if outcome.lines.iter().any(about) {
        Verdict::Logged
    } else {
        Verdict::Silent
    }))
}

/// The verdict as one more finding about the pair. Silence says nothing about whether a rule is real.
fn added(finding: &Finding, verdict: Verdict) -> Finding {
    let (word, severity, log_lr) = match verdict {
        Verdict::Rejected => ("rejected", Some(Severity::Reject), TOLD.ln()),
        Verdict::Logged => ("logged", Some(Severity::Warn), TOLD.ln()),
        Verdict::Silent => ("silent", None, 0.0),
    };
    Finding {
        severity,
        source: EvidenceKind::Verdict,
        anchor: format!("verdict:trial:{word}"),
        log_lr,
        grip: if severity.is_some() { 5 } else { finding.grip },
        ..finding.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::known_for_tests;
    use crate::write;

    #[test]
    fn a_bound_is_met_from_both_sides() {
        let number = |name: &str, max: f64| {
            let mut known = known_for_tests(name, "integer");
            known.fact.min = Some(0.0);
            known.fact.max = Some(max);
            known.fact.default = Some("8".into());
            known
        };
        let (a, b) = (number("a", 1000.0), number("b", 1000.0));
        let settings = r#"{"format": 1, "engine": "postgresql", "major": 15, "server_version": "15.0", "settings": [
            {"name": "a", "kind": "integer", "min": 0, "max": 1000, "default": "8", "context": "user", "category": "x"},
            {"name": "b", "kind": "integer", "min": 0, "max": 1000, "default": "8", "context": "user", "category": "x"}]}"#;
        let pack = write::bare(settings, 15).unwrap();
        let tried = |rule: &str| {
            let (inside, outside) = bound(&pack, rule, &a, &b)?;
            Some((inside[0].1.clone(), outside[0].1.clone()))
        };
        let pair = |x: &str, y: &str| Some((x.to_owned(), y.to_owned()));
        assert_eq!(tried("a <= b"), pair("8", "9"));
        assert_eq!(tried("a < b"), pair("7", "8"));
        assert_eq!(tried("a >= 1.5 * b"), pair("12", "11"));
        assert_eq!(tried("a >= 0"), None);
        assert_eq!(tried("a <= 2000 + b"), None);
    }
}
