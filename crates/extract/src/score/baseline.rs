//! What simpler means would find, scored by the same code (design note "dependencies", section 17).

use std::collections::{BTreeMap, BTreeSet};

use backstay_model::SettingName;

use super::list::{Pair, pair};
use crate::catalogue::Known;
use crate::html::Block;
use crate::sentence::{self, Part};
use crate::text;

/// Pairs with a score; the same pair may come more than once.
pub(crate) type Scored = Vec<(Pair, f64)>;

/// Cosine of two descriptions from which they count as alike.
pub(crate) const ALIKE: f64 = 0.5;

/// Any mention of a setting in the entry of another; scored by how often.
pub(crate) fn mentions(blocks: &[Block], known: &[Known]) -> Scored {
    let names = names(known);
    let mut counts: BTreeMap<Pair, f64> = BTreeMap::new();
    for block in blocks.iter().filter(|b| !b.owners.is_empty()) {
        let named = named(&block.text, &names);
        for owner in block.owners.iter().filter(|o| names.contains(*o)) {
            for other in named.iter().filter(|n| *n != owner) {
                *counts.entry(of(owner, other)).or_default() += 1.0;
            }
        }
    }
    counts.into_iter().collect()
}

/// What the trained classifier reads in the documentation; scored by its evidence.
pub(crate) fn read(blocks: &[Block], known: &[Known]) -> Scored {
    text::documentation(blocks, known)
        .iter()
        .filter(|f| f.kind.is_some())
        .map(|f| (of(&f.from, &f.to), f.log_lr))
        .collect()
}

/// Mentions in the server's own descriptions.
pub(crate) fn catalogue(known: &[Known]) -> Scored {
    let names = names(known);
    let of_one = |k: &Known| {
        let own = k.fact.name.clone();
        let named = named(&k.description, &names).into_iter();
        let other = named.filter(|n| *n != own).collect::<Vec<_>>();
        other.into_iter().map(move |n| (of(&own, &n), 1.0))
    };
    known.iter().flat_map(of_one).collect()
}

/// Settings named in the same paragraph anywhere; scored by G² of the table of paragraphs.
pub(crate) fn together(blocks: &[Block], known: &[Known]) -> Scored {
    let names = names(known);
    let sets: Vec<BTreeSet<String>> = blocks
        .iter()
        .map(|b| {
            let owners = b.owners.iter().filter(|o| names.contains(*o)).cloned();
            named(&b.text, &names).into_iter().chain(owners).collect()
        })
        .filter(|set: &BTreeSet<String>| !set.is_empty())
        .collect();
    let mut single: BTreeMap<&str, u64> = BTreeMap::new();
    let mut both: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for set in &sets {
        let all: Vec<&str> = set.iter().map(String::as_str).collect();
        for (i, a) in all.iter().enumerate() {
            *single.entry(a).or_default() += 1;
            for b in all.iter().skip(i + 1) {
                *both.entry((a, b)).or_default() += 1;
            }
        }
    }
    let total = sets.len() as u64;
    both.into_iter()
        .filter_map(|((a, b), n)| {
            let (only_a, only_b) = (single[a] - n, single[b] - n);
            let neither = total - n - only_a - only_b;
            let expected = number(single[a]) * number(single[b]) / number(total);
            let more = number(n) > expected;
            more.then(|| (of(a, b), g2([n, only_a, only_b, neither])))
        })
        .collect()
}

/// Descriptions and names that are alike: cosine of their words, rare words counting more.
pub(crate) fn alike(known: &[Known]) -> Scored {
    let texts: Vec<(SettingName, BTreeMap<String, f64>)> = known
        .iter()
        .map(|k| {
            let text = format!("{} {}", k.fact.name.replace('_', " "), k.description);
            (SettingName::new(&k.fact.name), counts(&text))
        })
        .collect();
    let mut spread: BTreeMap<&str, f64> = BTreeMap::new();
    for (_, words) in &texts {
        for word in words.keys() {
            *spread.entry(word).or_default() += 1.0;
        }
    }
    let many = number(texts.len() as u64);
    let vectors: Vec<_> = texts
        .iter()
        .map(|(name, words)| {
            let weights: BTreeMap<&str, f64> = words
                .iter()
                .map(|(w, n)| (w.as_str(), n * (many / spread[w.as_str()]).ln()))
                .collect();
            let length = weights.values().map(|w| w * w).sum::<f64>().sqrt();
            (name, weights, length)
        })
        .collect();
    let mut found = Vec::new();
    for (i, (a, words, length)) in vectors.iter().enumerate() {
        for (b, others, other_length) in vectors.iter().skip(i + 1) {
            let common = |(w, x): (&&str, &f64)| others.get(*w).map(|y| x * y);
            let dot: f64 = words.iter().filter_map(common).sum();
            let cosine = dot / (length * other_length).max(f64::MIN_POSITIVE);
            if cosine >= ALIKE {
                found.push((pair(a, b), cosine));
            }
        }
    }
    found
}

fn counts(text: &str) -> BTreeMap<String, f64> {
    let mut counts = BTreeMap::new();
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    for word in words.filter(|w| w.len() > 2) {
        *counts.entry(word.to_lowercase()).or_insert(0.0) += 1.0;
    }
    counts
}

/// Likelihood-ratio statistic of a table of two by two; 0 when a margin is empty.
fn g2([both, a, b, neither]: [u64; 4]) -> f64 {
    let total = number(both + a + b + neither);
    let cell = |seen: u64, row: u64, column: u64| {
        let expected = number(row) * number(column) / total;
        if seen == 0 {
            0.0
        } else {
            number(seen) * (number(seen) / expected).ln()
        }
    };
    2.0 * (cell(both, both + a, both + b)
        + cell(a, both + a, a + neither)
        + cell(b, b + neither, both + b)
        + cell(neither, b + neither, a + neither))
}

fn names(known: &[Known]) -> BTreeSet<String> {
    known.iter().map(|k| k.fact.name.clone()).collect()
}

fn named(text: &str, names: &BTreeSet<String>) -> BTreeSet<String> {
    let parts = sentence::parts(text, names).into_iter();
    parts
        .flat_map(|part| match part {
            Part::Names(all) => all,
            Part::Text(_) => Vec::new(),
        })
        .collect()
}

fn of(a: &str, b: &str) -> Pair {
    pair(&SettingName::new(a), &SettingName::new(b))
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn number(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g2_is_the_textbooks() {
        // scipy.stats.chi2_contingency([[10, 20], [30, 940]], correction=False, lambda_="log-likelihood")
        assert!((g2([10, 20, 30, 940]) - 30.069_075_06).abs() < 1e-6);
        assert!(g2([0, 0, 3, 4]).abs() < 1e-12);
    }
}
