use std::collections::BTreeSet;

use backstay_model::metric::MetricRole;

use crate::board::{self, Recipe, Size};
use crate::case::{Family, Part, Truth};
use crate::document;
use crate::page::Seal;

const ONE: Size = Size {
    per_kind: 1,
    unchanged: 1,
    load: 1,
};

/// Words of a text, with the dashes in them.
fn words(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '-')
        .collect()
}

#[test]
fn kinds_are_told_only_when_the_seal_is_broken() {
    for family in [Family::Kpi, Family::Plant] {
        let kept = document::section(family, Part::HeldBack, ONE, 2, Seal::Kept);
        let broken = document::section(family, Part::HeldBack, ONE, 2, Seal::Broken);
        for kind in super::kinds(family).iter().filter(|k| k.name != "quiet") {
            assert!(!words(&kept).contains(kind.name), "`{}` is told", kind.name);
            assert!(
                words(&broken).contains(kind.name),
                "`{}` is not told",
                kind.name
            );
        }
    }
}

#[test]
fn no_case_is_found_by_its_name() {
    for family in [Family::Kpi, Family::Plant, Family::Real] {
        for kind in super::kinds(family) {
            let name = Part::HeldBack.name(family, kind, 0);
            assert_eq!(Recipe::named(&name), None, "{name}");
        }
    }
}

#[test]
fn every_family_has_harm_and_windows_without_a_change() {
    for family in [Family::Kpi, Family::Plant, Family::Real] {
        let kinds = board::kinds(family, Part::HeldBack);
        assert!(kinds.iter().any(|k| k.truth == Truth::Harm));
        assert!(kinds.iter().any(|k| k.name == "quiet"));
        assert!(kinds.iter().all(|k| k.part == Part::HeldBack));
        let names: BTreeSet<&str> = kinds.iter().map(|k| k.name).collect();
        assert_eq!(names.len(), kinds.len());
    }
}

/// A right answer needs outcomes, and what was asked for.
#[test]
fn recordings_of_databases_have_outcomes_and_a_demand() {
    for kind in super::kinds(Family::Plant) {
        for number in 0..4 {
            let case = super::case(Family::Plant, *kind, number).unwrap();
            let names: BTreeSet<&str> = case.columns.iter().map(|c| c.name.as_str()).collect();
            assert_eq!(names.len(), case.columns.len(), "{}", case.name);
            let roles: Vec<_> = case.columns.iter().map(|c| c.role.outcome()).collect();
            assert!(roles.iter().filter(|outcome| **outcome).count() >= 2);
            let demand = |c: &backstay_detect::Column| c.role == MetricRole::Demand;
            assert!(case.columns.iter().any(demand), "{}", case.name);
        }
    }
}
