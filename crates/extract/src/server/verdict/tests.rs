use backstay_catalog::pack::{Context, SettingFact};

use super::*;

fn known(name: &str, kind: &str, values: &[&str]) -> Known {
    let fact = SettingFact {
        name: name.into(),
        kind: kind.into(),
        unit: None,
        min: Some(0.0),
        max: Some(100.0),
        values: values.iter().map(|v| (*v).to_owned()).collect(),
        default: None,
        context: Context::Postmaster,
        category: String::new(),
    };
    Known {
        fact,
        description: String::new(),
    }
}

fn catalogue() -> Vec<Known> {
    vec![
        known("few_things", "integer", &[]),
        known("many_things", "integer", &[]),
        known("do_this", "bool", &[]),
        known("do_that", "bool", &[]),
        known("how_much", "enum", &["little", "some", "all"]),
    ]
}

fn said(message: &str, detail: &str, tried: &[&str]) -> Vec<String> {
    let line = LogLine {
        severity: "FATAL".into(),
        message: message.into(),
        detail: detail.into(),
        ..LogLine::default()
    };
    let tried = tried
        .iter()
        .map(|n| ((*n).to_owned(), "1".to_owned()))
        .collect();
    let catalogue = catalogue();
    let found = Templates::new(&catalogue).read(&line, &tried);
    let rule = |f: &Finding| f.rule.clone().unwrap_or_default();
    found
        .iter()
        .map(|f| format!("{} {:?} {}: {}", f.from, f.kind.unwrap(), f.to, rule(f)))
        .collect()
}

#[test]
fn sums_are_no_comparison_of_their_parts() {
    let sum = "few_things (9) plus do_this (1) must be less than many_things (5)";
    assert_eq!(
        said(sum, "", &[]),
        [
            "few_things BoundedBy many_things: ",
            "do_this BoundedBy many_things: "
        ]
    );
    let total = "few_things (9) plus many_things (1) must be less than 262143";
    assert_eq!(said(total, "", &[]), ["few_things BoundedBy many_things: "]);
    let most = "few_things (9) should be less than or equal to many_things (5)";
    assert_eq!(
        said(most, "", &[]),
        ["few_things BoundedBy many_things: few_things <= many_things"]
    );
}

#[test]
fn templates_give_kind_direction_and_rule() {
    let less = said(
        "few_things (9) must be less than many_things (5)",
        "",
        &["few_things"],
    );
    assert_eq!(
        less,
        ["few_things BoundedBy many_things: few_things < many_things"]
    );
    let twice = said(
        "\"many_things\" must be at least twice \"few_things\"",
        "",
        &["many_things"],
    );
    assert_eq!(
        twice,
        ["many_things BoundedBy few_things: many_things >= 2 * few_things"]
    );
    let needs = said(
        "work (few_things > 0) requires how_much \"some\" or \"all\"",
        "",
        &[],
    );
    let rule = "few_things > 0 => how_much in {'some', 'all'}";
    assert_eq!(needs, [format!("few_things Requires how_much: {rule}")]);
    let tried = ["how_much", "do_this"];
    let absent = said(
        "this cannot be enabled when how_much is \"little\"",
        "",
        &tried,
    );
    let rule = "do_this = on => how_much in {'some', 'all'}";
    assert_eq!(absent, [format!("do_this Requires how_much: {rule}")]);
    let one = said(
        "several given",
        "At most one of \"do_this\", \"do_that\" can be set.",
        &[],
    );
    assert_eq!(
        one,
        ["do_that ConflictsWith do_this: count_set(do_that, do_this) <= 1"]
    );
    let both = said(
        "no",
        "Cannot enable \"do_this\" when \"do_that\" is true.",
        &[],
    );
    assert_eq!(
        both,
        ["do_that ConflictsWith do_this: not (do_that = on and do_this = on)"]
    );
}

#[test]
fn other_languages_and_strangers_give_nothing() {
    assert!(said("few_things (9) muss kleiner sein", "", &["few_things"]).is_empty());
    assert!(said("\"no_such\" must be less than \"nothing_at_all\"", "", &[]).is_empty());
}
