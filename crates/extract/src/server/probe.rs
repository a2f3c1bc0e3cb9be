//! What a server computes from its settings: how much each takes, and which multiply.

use backstay_catalog::pack::Context;
use backstay_model::dependency::EvidenceKind;
use backstay_model::{EdgeKind, Severity};

use super::Bench;
use crate::catalogue::Known;
use crate::finding::Finding;

/// Likelihood ratio of a computed value that moves with a setting.
const PROBED: f64 = 5000.0;
/// Of two settings whose product is in the total: real, but too small a share of it to be an edge
/// by itself (design note, section 5).
const PRODUCT: f64 = 100.0;
/// Growth of the total that is not rounding: the total is in whole megabytes.
const GROWTH_MIN: f64 = 2.0;
/// Most memory that a probe asks for, in megabytes.
const TOTAL_MAX: f64 = 1_000_000.0;

/// Memory that a server takes, in megabytes.
pub(super) const MEMORY: &str = "shared_memory_size";
/// The same in huge pages.
const PAGES: &str = "shared_memory_size_in_huge_pages";
/// Semaphores that a server takes, where it tells.
const SEMAPHORES: &str = "num_os_semaphores";

/// The computed totals: everything moves them.
pub(super) const TOTALS: [&str; 3] = [MEMORY, PAGES, SEMAPHORES];

/// How a setting moves the total.
struct Contributor<'a> {
    known: &'a Known,
    value: String,
    growth: f64,
}

/// Everything that computed values tell.
pub(crate) fn findings(bench: &Bench, known: &[Known]) -> Vec<Finding> {
    let tells = |name: &str| known.iter().any(|k| k.fact.name == name);
    let mut findings = Vec::new();
    if tells(PAGES) {
        findings.push(finding(PAGES, MEMORY, "total", PROBED));
    }
    for whole in [MEMORY, SEMAPHORES].into_iter().filter(|name| tells(name)) {
        let contributors = contributors(bench, known, whole);
        for contributor in &contributors {
            let part = contributor.known.fact.name.as_str();
            findings.push(finding(whole, part, "total", PROBED));
        }
        if whole == MEMORY {
            findings.extend(products(bench, &contributors));
        }
    }
    findings
}

/// The settings that make the total `whole` grow.
fn contributors<'a>(bench: &Bench, known: &'a [Known], whole: &str) -> Vec<Contributor<'a>> {
    let Some(base) = total(bench, whole, &[]) else {
        return Vec::new();
    };
    let tried =
        |k: &&Known| k.fact.context == Context::Postmaster && k.numeric() && Bench::tries(k);
    let grown = known.iter().filter(tried).filter_map(|setting| {
        let (value, growth) = growth(bench, whole, setting, base)?;
        Some(Contributor {
            known: setting,
            value,
            growth,
        })
    });
    grown.collect()
}

/// Contributors whose product is in the total: together they add more than each alone.
fn products(bench: &Bench, contributors: &[Contributor<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(base) = total(bench, MEMORY, &[]) else {
        return findings;
    };
    for (i, a) in contributors.iter().enumerate() {
        for b in contributors.iter().skip(i + 1) {
            let both = [(a.known, a.value.as_str()), (b.known, b.value.as_str())];
            let Some(together) = total(bench, MEMORY, &both) else {
                continue;
            };
            let excess = together - base - a.growth - b.growth;
            // Twice the rounding of four totals, and more than a trifle beside what they take alone.
            if excess > 8.0 && excess > 0.2 * (a.growth + b.growth) {
                let (from, to) = per_unit_first(a, b);
                findings.push(finding(from, to, "product", PRODUCT));
            }
        }
    }
    findings
}

/// The one that says how much for each comes first, the one that says how many second.
fn per_unit_first<'a>(a: &'a Contributor<'_>, b: &'a Contributor<'_>) -> (&'a str, &'a str) {
    let (x, y) = (a.known.fact.name.as_str(), b.known.fact.name.as_str());
    let per_unit =
        |name: &str| name.contains("_per_") || name.ends_with("_size") || name.ends_with("_mem");
    if per_unit(y) && !per_unit(x) {
        (y, x)
    } else {
        (x, y)
    }
}

/// A value at which the total clearly grows, twice that value growing it more, and the growth.
fn growth(bench: &Bench, whole: &str, setting: &Known, base: f64) -> Option<(String, f64)> {
    let max = setting.fact.max?;
    let default = setting
        .fact
        .default
        .as_deref()
        .and_then(|d| d.parse::<f64>().ok())
        .map_or(0.0, |d| d.max(0.0));
    let mut step = (default * 4.0).max(1000.0);
    for _ in 0..3 {
        let (one, two) = (
            (default + step).min(max).floor(),
            (default + 2.0 * step).min(max).floor(),
        );
        let value = format!("{one:.0}");
        let first = total(bench, whole, &[(setting, &value)]);
        let second = total(bench, whole, &[(setting, &format!("{two:.0}"))]);
        if let (Some(first), Some(second)) = (first, second) {
            let grown = first - base;
            if first > TOTAL_MAX {
                return None;
            }
            if grown >= GROWTH_MIN && second >= first {
                return Some((value, grown));
            }
            step *= 16.0;
        } else {
            step /= 8.0;
        }
    }
    None
}

fn total(bench: &Bench, whole: &str, settings: &[(&Known, &str)]) -> Option<f64> {
    let settings = settings
        .iter()
        .map(|(k, v)| (k.fact.name.clone(), (*v).to_owned()))
        .collect();
    bench.compute(whole, &settings).ok()?.parse().ok()
}

fn finding(from: &str, to: &str, what: &str, ratio: f64) -> Finding {
    Finding {
        from: from.to_owned(),
        to: to.to_owned(),
        kind: Some(EdgeKind::ScalesWith),
        rule: None,
        severity: Some(Severity::Advice),
        source: EvidenceKind::Probe,
        anchor: format!("probe:{what}"),
        log_lr: ratio.ln(),
        grip: 4,
    }
}
