use super::*;
use backstay_catalog::pack::{Context, SettingFact};

fn known(name: &str, kind: &str, values: &[&str]) -> Known {
    Known {
        fact: SettingFact {
            name: name.to_owned(),
            kind: kind.to_owned(),
            unit: None,
            min: Some(0.0),
            max: Some(100.0),
            values: values.iter().map(|v| (*v).to_owned()).collect(),
            default: Some("10".to_owned()),
            context: Context::Sighup,
            category: String::new(),
        },
        description: String::new(),
    }
}

fn found(owner: &str, text: &str) -> Vec<Finding> {
    let known = [
        known("s_limit", "integer", &[]),
        known("s_total", "integer", &[]),
        known("s_spare", "integer", &[]),
        known("s_log", "bool", &[]),
        known("s_level", "enum", &["low", "mid", "high"]),
        known("jit", "bool", &[]),
    ];
    let block = Block {
        owners: if owner.is_empty() {
            Vec::new()
        } else {
            vec![owner.to_owned()]
        },
        anchor: "GUC-X".to_owned(),
        section: "SEC".to_owned(),
        text: text.to_owned(),
    };
    documentation(&[block], &known)
}

/// from, kind, to, rule.
fn told(owner: &str, text: &str) -> Vec<String> {
    let line = |f: &Finding| {
        let kind = f.kind.map_or("?", EdgeKind::word);
        let rule = f.rule.as_deref().unwrap_or("-");
        format!("{} {kind} {}: {rule}", f.from, f.to)
    };
    found(owner, text).iter().map(line).collect()
}

#[test]
fn sentences_become_findings() {
    let table = [
        (
            "s_limit",
            "The value must be less than s_total.",
            "s_limit bounded_by s_total: s_limit < s_total",
        ),
        (
            "s_limit",
            "This parameter has no effect unless s_log is on.",
            "s_limit enables s_log: -",
        ),
        (
            "s_log",
            "s_level must be set to mid or higher to use this parameter.",
            "s_log requires s_level: is_set(s_log) and s_log = on => s_level in {'mid', 'high'}",
        ),
        (
            "s_limit",
            "If -1 is specified, the value of s_total will be used.",
            "s_limit overrides s_total: -",
        ),
        (
            "s_limit",
            "This overrides s_total.",
            "s_total overrides s_limit: -",
        ),
        (
            "s_limit",
            "This is computed by multiplying s_total by s_spare.",
            "s_limit scales_with s_total: -",
        ),
    ];
    for (owner, text, wanted) in table {
        let told = told(owner, text);
        assert!(told.iter().any(|t| t == wanted), "{text} {told:?}");
    }
}

#[test]
fn a_sum_binds_each_of_its_members() {
    assert_eq!(
        told(
            "s_limit",
            "The sum of s_limit and s_spare must be less than s_total."
        ),
        [
            "s_limit bounded_by s_total: s_limit + s_spare < s_total",
            "s_spare bounded_by s_total: s_limit + s_spare < s_total",
        ]
    );
}

#[test]
fn ordinary_words_and_pointers_say_nothing() {
    assert!(told("s_limit", "The jit is useless unless the jit is on.").is_empty());
    let typed = |text: &str| {
        found("s_limit", text)
            .into_iter()
            .filter(|f| f.kind.is_some())
            .count()
    };
    assert_eq!(typed("See also s_total."), 0);
    assert_eq!(
        typed("For example, s_limit = 3 and s_total = 4 would do."),
        0
    );
    assert_eq!(typed("This parameter does not depend on s_total."), 0);
}

#[test]
fn evidence_follows_the_probability_and_is_capped() {
    assert!((log_ratio(REAL) - MENTION.ln()).abs() < 1e-12);
    assert!(log_ratio(0.9) > log_ratio(0.8));
    assert!((log_ratio(1.0 - 1e-15) - 5000_f64.ln()).abs() < 1e-12);
    let one = &found(
        "s_limit",
        "This parameter has no effect unless s_log is on.",
    )[0];
    assert!(
        one.log_lr > 6.0 && one.log_lr <= RATIO_MAX.ln(),
        "{}",
        one.log_lr
    );
    assert!(one.anchor.starts_with("GUC-X:") && one.anchor.len() == "GUC-X:".len() + 32);
}

#[test]
fn a_family_is_one_rule_over_every_two() {
    let told = told("", "At most one of s_limit, s_total or s_spare can be set.");
    assert_eq!(told.len(), 3);
    assert!(
        told.iter()
            .all(|t| t.ends_with("count_set(s_limit, s_spare, s_total) <= 1"))
    );
}
