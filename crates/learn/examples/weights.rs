//! Compares first and fitted weights of evidence groups on the pairs of the shipped packs:
//! `cargo run -p backstay-learn --example weights`. What it found: docs/decisions/005-confidence.md.
//!
//! Every pair of settings of a major version is a case. A pair is labelled a dependency when the reviewed
//! file holds it; its features are what the generated file has as evidence, which is made without
//! looking at the review. A family is the server's own group of settings.
#![allow(
    clippy::print_stdout,
    reason = "an example tells what it found on its output"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use backstay_catalog::pack::{ConstraintsFile, OverridesFile, SettingsFile};
use backstay_learn::belief::Group;
use backstay_learn::calibrate::{Labelled, Quality, compare};
use backstay_learn::stats::logistic::Label;
use backstay_model::NodeKey;
use backstay_model::dependency::Evidence;

/// Settings and generated constraints of a major version.
macro_rules! pack {
    ($major:literal) => {
        (
            include_str!(concat!(
                "../../catalog/packs/postgresql/",
                $major,
                "/settings.json"
            )),
            include_str!(concat!(
                "../../catalog/packs/postgresql/",
                $major,
                "/constraints.json"
            )),
        )
    };
}

const PACKS: [(&str, &str); 5] = [
    pack!("14"),
    pack!("15"),
    pack!("16"),
    pack!("17"),
    pack!("18"),
];
const REVIEW: &str = include_str!("../../catalog/packs/postgresql/overrides.toml");
const FOLDS: usize = 5;
/// Strength of the penalty: a prior standard deviation of 0.3 around weights of one.
const STRENGTH: f64 = 11.0;

type Pair = (String, String);

fn main() -> Result<(), Box<dyn Error>> {
    let review: OverridesFile = toml::from_str(REVIEW)?;
    PACKS.iter().try_for_each(|pack| tell(pack, &review))
}

/// What the pairs of one pack say.
fn tell(
    (settings, constraints): &(&str, &str),
    review: &OverridesFile,
) -> Result<(), Box<dyn Error>> {
    let settings: SettingsFile = serde_json::from_str(settings)?;
    let major = settings.major;
    let families: BTreeMap<String, String> = settings
        .settings
        .into_iter()
        .map(|s| (s.name, s.category))
        .collect();
    let real = reviewed(review, major, &families);
    let evidence = generated(&serde_json::from_str(constraints)?);
    let labelled = cases(&families, &real, &evidence);
    let found = evidence.keys().filter(|p| real.contains(*p)).count();
    println!(
        "\nPostgreSQL {major}: {} settings, {} reviewed pairs, {} pairs with evidence, {found} of them reviewed",
        families.len(),
        real.len(),
        evidence.len()
    );
    for (what, cases) in [
        ("pairs with evidence", with_evidence(&labelled)),
        ("all pairs", labelled),
    ] {
        let compared = match compare(&cases, FOLDS, STRENGTH) {
            Ok(compared) => compared,
            // With two false pairs a fold can hold all of them.
            Err(why) => {
                println!("{what}: {why}");
                continue;
            }
        };
        println!("{what}, {FOLDS} folds by family: {:?}", compared.choice);
        for (name, q) in [
            ("first weights", compared.first),
            ("first, calibrated", compared.calibrated),
            ("fitted weights", compared.fitted),
        ] {
            let Quality {
                brier,
                ece,
                log_loss,
            } = q;
            println!("  {name:<18} Brier {brier:.5}  ECE {ece:.5}  log loss {log_loss:.5}");
        }
        let weights = Group::EVIDENCE.map(|g| {
            let weight = compared.model.weights.of(g);
            format!("{} {weight:.2}", g.word())
        });
        println!(
            "  fitted: {}, {:?}",
            weights.join(", "),
            compared.model.calibration
        );
    }
    Ok(())
}

fn pair(a: &str, b: &str) -> Pair {
    if a <= b {
        (a.to_owned(), b.to_owned())
    } else {
        (b.to_owned(), a.to_owned())
    }
}

/// Pairs of subject and other that hold in `major`, among its settings.
fn reviewed(
    review: &OverridesFile,
    major: u32,
    families: &BTreeMap<String, String>,
) -> BTreeSet<Pair> {
    let rules = review.constraint.iter();
    rules
        .filter(|r| r.since.is_none_or(|s| s <= major) && r.until.is_none_or(|u| major < u))
        .flat_map(|r| r.others.iter().map(|o| (r.subject.as_str(), o.as_str())))
        .filter(|(a, b)| a != b && families.contains_key(*a) && families.contains_key(*b))
        .map(|(a, b)| pair(a, b))
        .collect()
}

/// Generated evidence by pair.
fn generated(file: &ConstraintsFile) -> BTreeMap<Pair, Vec<Evidence>> {
    let mut found: BTreeMap<Pair, Vec<Evidence>> = BTreeMap::new();
    for constraint in &file.constraints {
        for other in &constraint.others {
            if let NodeKey::Setting(other) = other {
                let pair = pair(constraint.subject.as_str(), other.as_str());
                found
                    .entry(pair)
                    .or_default()
                    .extend(constraint.evidence.iter().cloned());
            }
        }
    }
    found
}

/// One case per pair with evidence; the others of a family and label are one case that counts for all.
fn cases(
    families: &BTreeMap<String, String>,
    real: &BTreeSet<Pair>,
    evidence: &BTreeMap<Pair, Vec<Evidence>>,
) -> Vec<Labelled> {
    let mut cases = Vec::new();
    let mut silent: BTreeMap<(&str, Label), f64> = BTreeMap::new();
    let names: Vec<&String> = families.keys().collect();
    for (i, a) in names.iter().enumerate() {
        for b in &names[i + 1..] {
            let pair = pair(a, b);
            let label = if real.contains(&pair) {
                Label::Yes
            } else {
                Label::No
            };
            let family = &families[*a];
            match evidence.get(&pair) {
                Some(evidence) => cases.push(Labelled {
                    family: family.clone(),
                    evidence: evidence.clone(),
                    label,
                    weight: 1.0,
                }),
                None => *silent.entry((family, label)).or_default() += 1.0,
            }
        }
    }
    cases.extend(
        silent
            .into_iter()
            .map(|((family, label), weight)| Labelled {
                family: family.to_owned(),
                evidence: Vec::new(),
                label,
                weight,
            }),
    );
    cases
}

fn with_evidence(all: &[Labelled]) -> Vec<Labelled> {
    let some = all.iter().filter(|l| !l.evidence.is_empty());
    some.cloned().collect()
}
