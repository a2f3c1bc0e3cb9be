use super::*;
use crate::sentence::Names;

fn read(text: &str) -> Vec<Rule> {
    let names = Names::new(["s_a", "s_b", "s_c", "s_d"]);
    rules(&Sentence::read(text, &names), Some("s_a"))
}

/// Every expression that the sentence gives.
fn expressions(text: &str) -> Vec<String> {
    read(text).iter().filter_map(Rule::expression).collect()
}

#[test]
fn comparisons_with_factors_and_sums() {
    let table = [
        ("The value must be less than s_b.", "s_a < s_b"),
        ("It must be at least twice s_b.", "s_a >= 2 * s_b"),
        (
            "s_a should be at least 3 times s_b plus 2.",
            "s_a >= 3 * s_b + 2",
        ),
        (
            "Its size cannot change; s_b must not exceed s_a.",
            "s_b <= s_a",
        ),
        (
            "The server limits the effective value to 95% of s_b.",
            "s_a <= 0.95 * s_b",
        ),
        (
            "The server limits the effective value to half the value of s_b.",
            "s_a <= 0.5 * s_b",
        ),
        (
            "Adjusts the effective value to no less than 105% of s_b.",
            "s_a >= 1.05 * s_b",
        ),
        (
            "The sum of s_a and s_c must be less than s_b.",
            "s_a + s_c < s_b",
        ),
        ("s_a plus s_c must stay below s_b.", "s_a + s_c < s_b"),
        ("s_b must be greater than s_c.", "s_b > s_c"),
        (
            "Set high, s_a is capped at 1/32nd of s_b.",
            "s_a <= 0.03125 * s_b",
        ),
        (
            "A value for s_a which is higher than s_b will have no effect.",
            "s_a <= s_b",
        ),
        (
            "If s_b is not zero, it is pointless to set s_a to the same or a larger value.",
            "s_a > 0 and s_b > 0 => s_a < s_b",
        ),
        (
            "Helpers are taken from the pool of processes set by s_b.",
            "s_a <= s_b",
        ),
        (
            "It makes no sense to set this to more than s_b.",
            "s_a <= s_b",
        ),
        ("There is no warning if s_b is less than s_a.", "s_a <= s_b"),
        ("s_a and s_b are both fine.", ""),
        ("s_a does not have to be less than s_b.", ""),
    ];
    for (text, wanted) in table {
        let wanted: &[&str] = if wanted.is_empty() { &[] } else { &[wanted] };
        assert_eq!(expressions(text), wanted, "{text}");
    }
}

#[test]
fn how_strongly_it_is_meant() {
    let force = |text| match read(text).first() {
        Some(Rule::Compare { force, .. }) => Some(*force),
        _ => None,
    };
    assert_eq!(force("It must be less than s_b."), Some(Force::Must));
    assert_eq!(force("It should be less than s_b."), Some(Force::Should));
    assert_eq!(
        force("The server cuts the effective value to 95% of s_b."),
        Some(Force::Clamp)
    );
}

#[test]
fn families_are_whole_and_alternatives_are_not_families() {
    assert_eq!(
        expressions("At most one of s_d, s_c, s_b or s_a can be set."),
        ["count_set(s_a, s_b, s_c, s_d) <= 1"]
    );
    assert_eq!(
        expressions("s_a and s_b are mutually exclusive."),
        ["count_set(s_a, s_b) <= 1"]
    );
    assert!(read("It needs s_b, s_c or s_d.").is_empty());
}

#[test]
fn special_values_stand_for_others() {
    let special = |value, factor| {
        vec![Rule::Special {
            from: "s_a".into(),
            value,
            factor,
            to: "s_b".into(),
        }]
    };
    assert_eq!(read("-1 means the value of s_b."), special(Some(-1), 1.0));
    assert_eq!(
        read("If -1 is given, the regular s_b value will be used."),
        special(Some(-1), 1.0)
    );
    assert_eq!(
        read("Zero selects 1/64th of s_b."),
        special(Some(0), 1.0 / 64.0)
    );
    assert_eq!(read("When not set, s_b is used."), special(None, 1.0));
    assert_eq!(read("It defaults to s_b."), special(None, 1.0));
    assert!(special(Some(-1), 1.0)[0].expression().is_none());
}

#[test]
fn products_begin_with_the_owner() {
    let product = |names: &[&str]| {
        vec![Rule::Product(
            names.iter().map(|n| (*n).to_owned()).collect(),
        )]
    };
    assert_eq!(
        read("There is room for s_b * (s_a + s_c) of them."),
        product(&["s_a", "s_b", "s_c"])
    );
    assert_eq!(
        read("It is found by multiplying s_b by s_a."),
        product(&["s_a", "s_b"])
    );
    assert!(read("Twice s_b rows are kept, 2 * 8 each.").is_empty());
}
