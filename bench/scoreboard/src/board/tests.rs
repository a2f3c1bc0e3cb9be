use std::collections::BTreeSet;
use std::time::Duration;

use super::*;

const SMALL: Size = Size {
    per_kind: 2,
    unchanged: 3,
    load: 2,
};

fn all(part: Part) -> Vec<Recipe> {
    [Family::Kpi, Family::Plant]
        .into_iter()
        .flat_map(|family| recipes(family, part, SMALL))
        .collect()
}

const PARTS: [Part; 3] = [Part::Open, Part::Opened, Part::HeldBack];

#[test]
fn the_same_recipe_gives_the_same_bytes() {
    for recipe in PARTS.into_iter().flat_map(all) {
        let (a, b) = (recipe.make().unwrap(), recipe.make().unwrap());
        // As text: numbers that are none are equal there, too.
        assert_eq!(a.csv(), b.csv(), "{}", a.name);
        assert_eq!((a.changed_at, a.onset_at), (b.changed_at, b.onset_at));
    }
}

#[test]
fn parts_share_no_case() {
    let csvs =
        |part| -> BTreeSet<String> { all(part).iter().map(|r| r.make().unwrap().csv()).collect() };
    let [open, opened, held_back] = PARTS.map(csvs);
    assert!(open.is_disjoint(&opened) && opened.is_disjoint(&held_back));
    assert!(open.is_disjoint(&held_back));
    let of = |part: Part| move |r: &Recipe| r.kind.part == part;
    assert!(all(Part::Open).iter().all(of(Part::Open)));
    assert!(all(Part::Opened).iter().any(of(Part::Opened)));
    assert!(!all(Part::Opened).iter().any(of(Part::HeldBack)));
    assert!(all(Part::HeldBack).iter().all(of(Part::HeldBack)));
}

/// What a part is called may change, the cases that everybody knows by their names may not. Sums to six
/// digits: the last ones of a logarithm are not the same on every machine.
#[test]
fn open_cases_are_what_they_ever_were() {
    let known = [
        ("kpi/step/3", 1_773_062_760, 10_260, "5.06628e5"),
        ("plant/stall/7", 1_772_480_737, 535, "9.46872e3"),
        ("opened/kpi/leak/1", 1_773_485_700, 10_170, "1.97752e5"),
        ("opened/plant/convoy/2", 1_772_469_854, 1_900, "8.93166e5"),
    ];
    for (name, changed_at_s, numbers, sum) in known {
        let case = Recipe::named(name).unwrap().make().unwrap();
        let values = case.columns.iter().flat_map(|c| &c.points);
        let finite: Vec<f64> = values.map(|p| p.value).filter(|v| v.is_finite()).collect();
        let found = (finite.len(), format!("{:.5e}", finite.iter().sum::<f64>()));
        assert_eq!(found, (numbers, sum.to_owned()), "{name}");
        assert_eq!(
            case.changed_at,
            backstay_model::Timestamp::from_secs(changed_at_s)
        );
    }
}

#[test]
fn every_case_has_rows_on_both_sides_and_its_effect_after_the_change() {
    for recipe in PARTS.into_iter().flat_map(all) {
        let case = recipe.make().unwrap();
        assert!(case.onset_at >= case.changed_at, "{}", case.name);
        assert!(
            case.horizon() >= 4,
            "{} has {} rows",
            case.name,
            case.horizon()
        );
        let before = |c: &backstay_detect::Column| c.points.iter().any(|p| p.at < case.changed_at);
        assert!(case.columns.iter().all(before), "{}", case.name);
    }
}

#[test]
fn a_case_is_found_by_its_name() {
    for name in ["plant/stall/7", "opened/plant/stall/7", "opened/kpi/leak/0"] {
        assert_eq!(Recipe::named(name).unwrap().make().unwrap().name, name);
    }
    assert_eq!(Recipe::named("plant/nothing/7"), None);
    assert_eq!(Recipe::named("kpi/leak/0"), None);
}

/// What a stall does to the columns, whatever is drawn.
#[test]
fn nothing_completes_in_a_stall_and_much_does_before() {
    for number in 0..5 {
        let case = Recipe::named(&format!("plant/stall/{number}"))
            .unwrap()
            .make()
            .unwrap();
        let work = &case.columns[0];
        let sum = |since: bool| {
            let of = work
                .points
                .iter()
                .filter(|p| (p.at >= case.onset_at) == since);
            of.filter(|p| p.value.is_finite())
                .map(|p| p.value)
                .sum::<f64>()
        };
        assert!(sum(true) < 1e-9 && sum(false) > 10.0, "{}", case.name);
    }
}

/// Calls by the size of the number in its name.
struct Fixed;

impl Rule for Fixed {
    fn name(&self) -> &str {
        "fixed"
    }

    fn promise(&self) -> Promise {
        Promise::Level
    }

    fn judge(&self, case: &Case, alpha: f64) -> Answer {
        let number: f64 = case.name.rsplit('/').next().unwrap().parse().unwrap();
        let harm = case.kind.truth == Truth::Harm;
        let raised =
            (harm && number < 1.0) || (case.kind.name == "quiet" && number < 100.0 * alpha);
        Answer {
            score: if harm { number + 0.5 } else { number },
            alarm: if raised {
                Alarm::Raised { rows: Some(number) }
            } else {
                Alarm::Silent
            },
            p_value: None,
            cpu: Duration::from_millis(2),
        }
    }
}

#[test]
fn the_board_counts_what_the_rule_says() {
    let size = Size {
        per_kind: 2,
        unchanged: 10,
        load: 2,
    };
    let judged = judge(&[&Fixed], &recipes(Family::Kpi, Part::Open, size), 2).remove(0);
    let tally = tally(&judged, 2);
    // Seven harmful kinds and eight harmless, two cases each; one of two harmful ones alarms, and
    // both quiet ones.
    assert_eq!(tally.cases, (14, 16));
    assert!((tally.recall - 0.5).abs() < 1e-12);
    assert!((tally.false_share - 2.0 / 16.0).abs() < 1e-12);
    // Harm scores 0.5 and 1.5, harmless 0 and 1: three of four pairs in order.
    assert!((tally.auc.unwrap() - 0.75).abs() < 1e-12);
    assert!((tally.cpu_ms - 2.0).abs() < 1e-9);
    let alarms: Vec<(usize, usize)> = far(&judged).iter().map(|f| f.windows).collect();
    assert_eq!(alarms, [(10, 1), (10, 2), (10, 5), (10, 10)]);
    assert_eq!(quiet_alarms(&judged), (5, 10));
    assert_eq!(blamed_load(&judged), (0, 0));
}

#[test]
fn quiet_windows_make_up_for_harmless_kinds_that_are_missing() {
    let kinds = [
        ("step", Truth::Harm),
        ("ramp", Truth::Harm),
        ("quiet", Truth::Harmless),
    ];
    let judged = kinds.iter().flat_map(|(name, truth)| {
        (0..9).map(move |i| Judged {
            name: format!("real/{name}/{i}"),
            kind: Kind {
                name,
                truth: *truth,
                part: Part::Open,
            },
            noise: "recorded",
            answer: Answer {
                score: 0.0,
                alarm: Alarm::Silent,
                p_value: None,
                cpu: Duration::ZERO,
            },
            false_alarms: None,
        })
    });
    let judged: Vec<Judged> = judged.collect();
    assert_eq!(tally(&judged, 3).cases, (6, 6));
}
