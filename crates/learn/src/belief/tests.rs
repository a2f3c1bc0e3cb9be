use backstay_model::Span;
use backstay_model::dependency::EvidenceKind;
use proptest::prelude::*;

use super::*;

const DAY: i64 = 86_400;

fn item(kind: EvidenceKind, anchor: &str, ratio: f64) -> Evidence {
    Evidence {
        kind,
        anchor: anchor.to_owned(),
        log_lr: ratio.ln(),
        observed_at: None,
    }
}

fn seen(mut evidence: Evidence, day: i64) -> Evidence {
    evidence.observed_at = Some(Timestamp::from_secs(day * DAY));
    evidence
}

fn doc() -> Evidence {
    item(EvidenceKind::Documentation, "GUC-A:1", 1_630.0)
}

fn now(evidence: &[Evidence]) -> Belief {
    believe(evidence, None, Standing::Exact)
}

fn close(found: f64, wanted: f64) {
    assert!((found - wanted).abs() < 0.005, "{found} is not {wanted}");
}

#[test]
fn the_worked_numbers_of_the_design_note() {
    let history = |what: Source, ratio| item(EvidenceKind::History, &what.anchor("1"), ratio);
    // Section 4: one cue +1.9, catalogue +2.7, co-change alone −2.1.
    for (evidence, log_odds, confidence) in [
        (vec![doc()], 1.9, 0.87),
        (
            vec![item(EvidenceKind::Catalogue, "pg_settings.a:1", 3_700.0)],
            2.7,
            0.94,
        ),
        (vec![history(Source::CoChange, 30.0)], -2.1, 0.11),
        (
            vec![item(EvidenceKind::Naming, "naming:prefix", 2_700.0)],
            2.4,
            0.92,
        ),
        (
            vec![item(EvidenceKind::Documentation, "GUC-A:1", 950.0)],
            1.4,
            0.795,
        ),
        (
            vec![item(EvidenceKind::Verdict, "verdict:start:less", 5_000.0)],
            3.0,
            0.953,
        ),
        (vec![], -5.5, 0.004),
    ] {
        let belief = now(&evidence);
        assert!((belief.log_odds - log_odds).abs() < 0.06, "{belief:?}");
        close(belief.confidence.get(), confidence);
    }
    // Section 14: −5.5 + 7.4 + 1.9 − 0.3 = 3.5, and what it is without either.
    let all = vec![
        doc(),
        item(EvidenceKind::History, &Source::CoChange.anchor("pair"), 6.7),
        item(EvidenceKind::History, &Source::Healthy.anchor("pair"), 0.74),
    ];
    let belief = now(&all);
    assert!((belief.log_odds - 3.5).abs() < 0.05);
    close(belief.confidence.get(), 0.97);
    assert!(
        (belief.low - 0.92).abs() < 0.01 && belief.high > 0.995,
        "{belief:?}"
    );
    let less = without(&all, None, Standing::Exact, Group::Text);
    close(less.confidence.get(), 0.02);
    let less = without(&all, None, Standing::Exact, Group::History);
    close(less.confidence.get(), 0.87);
    assert!((less.low - 0.73).abs() < 0.005 && (less.high - 0.97).abs() < 0.005);
}

#[test]
fn a_group_counts_its_best_item_and_a_quarter_of_the_others() {
    let catalogue = item(EvidenceKind::Catalogue, "pg_settings.a:1", 3_700.0);
    let elsewhere = item(EvidenceKind::Documentation, "GUC-B:2", 950.0);
    let belief = now(&[doc(), catalogue, elsewhere]);
    let wanted = 3_700_f64.ln() + 0.25 * (1_630_f64.ln() + 950_f64.ln());
    assert!((belief.from_group(Group::Text) - wanted).abs() < 1e-10);
    let words: Vec<&str> = belief.lines.iter().map(|l| l.what.as_str()).collect();
    assert_eq!(
        words,
        [
            "base rate of a dependency",
            "catalogue",
            "documentation, 2 places"
        ]
    );
    assert_eq!(belief.lines[2].anchors, ["GUC-A:1", "GUC-B:2"]);
}

#[test]
fn what_speaks_against_is_folded_apart() {
    let probe = item(EvidenceKind::Probe, "probe:effective", 5_000.0);
    let still = item(EvidenceKind::Probe, "still:effective", 0.2);
    let both = now(&[probe.clone(), still]);
    let wanted = 5_000_f64.ln() + 0.2_f64.ln();
    assert!((both.from_group(Group::Runtime) - wanted).abs() < 1e-10);
    assert!(both.lines.iter().any(|l| l.what == "probe, against"));
    assert!(both.confidence < now(&[probe]).confidence);
}

#[test]
fn fixes_of_different_incidents_add_up_to_the_word_of_a_server() {
    let fix = |incident: &str| item(EvidenceKind::History, &Source::Fix.anchor(incident), 20.0);
    let once = now(&[fix("a"), fix("a")]);
    assert!((once.from_group(Group::History) - 20_f64.ln()).abs() < 1e-10);
    let twice = now(&[fix("a"), fix("b")]);
    assert!((twice.from_group(Group::History) - 400_f64.ln()).abs() < 1e-10);
    let many: Vec<Evidence> = (0..50).map(|i| fix(&i.to_string())).collect();
    assert!((now(&many).from_group(Group::History) - REPLICATES_MAX).abs() < 1e-10);
    assert_eq!(now(&many).lines[1].what, "fix, 50 incidents");
}

#[test]
fn a_thousand_mentions_stay_under_the_cap() {
    let here = vec![doc(); 1_000];
    assert_eq!(now(&here), now(&[doc()]));
    let places = |n: usize| -> Vec<Evidence> {
        (0..n)
            .map(|i| item(EvidenceKind::Documentation, &format!("GUC-{i}:1"), 1_630.0))
            .collect()
    };
    let belief = now(&places(1_000));
    let most = 0.75 * 1_630_f64.ln() + 0.25 * SOURCE_MAX;
    assert!((belief.from_group(Group::Text) - most).abs() < 1e-10);
    assert_eq!(belief.confidence, now(&places(3)).confidence);
    assert_eq!(belief.lines[1].anchors.len(), 6);
}

#[test]
fn nothing_is_certain_and_the_cut_is_a_line() {
    let belief = now(&[
        doc(),
        item(EvidenceKind::Verdict, "verdict:start:less", 5_000.0),
        item(EvidenceKind::Naming, "naming:prefix", 2_700.0),
    ]);
    assert_eq!(belief.lines.last().map(|l| l.group), Some(Group::Limit));
    close(belief.confidence.get(), 0.999);
    assert!(belief.unlimited() > 18.0);
    let never = now(&[item(EvidenceKind::Person, "person:ada", 0.01)]);
    assert!(never.log_odds >= -LOG_ODDS_MAX - 1e-11 && never.low <= never.confidence.get());
}

#[test]
fn only_what_is_not_a_number_is_left_out() {
    let mut odd = doc();
    for (log_lr, log_odds) in [
        (f64::NAN, PRIOR),
        (f64::INFINITY, LOG_ODDS_MAX),
        (f64::NEG_INFINITY, -LOG_ODDS_MAX),
        (f64::MIN_POSITIVE, PRIOR),
    ] {
        odd.log_lr = log_lr;
        assert!(
            (now(&[odd.clone()]).log_odds - log_odds).abs() < 1e-10,
            "{log_lr}"
        );
    }
}

#[test]
fn history_fades_by_its_kind_and_structure_does_not() {
    let at = |day| Some(Timestamp::from_secs(day * DAY));
    for (source, half_life) in [
        (Source::CoChange, Some(90)),
        (Source::Effect, Some(180)),
        (Source::Invariant, Some(180)),
        (Source::Past, Some(180)),
        (Source::Fix, Some(365)),
        (Source::Healthy, Some(365)),
        (Source::Documentation, None),
        (Source::Verdict, None),
        (Source::Review, None),
        (Source::Person, None),
    ] {
        let evidence = [seen(item(kind(source), &source.anchor("1"), 20.0), 1_000)];
        let says = |day| believe(&evidence, at(day), Standing::Exact).from_group(source.group());
        assert!((says(1_000) - 20_f64.ln()).abs() < 1e-10);
        assert!(
            (says(0) - 20_f64.ln()).abs() < 1e-10,
            "not yet seen is not old"
        );
        let later = says(1_000 + half_life.unwrap_or(10_000));
        let share = if half_life.is_some() { 0.5 } else { 1.0 };
        assert!(
            (later - share * 20_f64.ln()).abs() < 1e-10,
            "{source:?} {later}"
        );
    }
}

fn kind(source: Source) -> EvidenceKind {
    match source {
        Source::Documentation => EvidenceKind::Documentation,
        Source::Catalogue => EvidenceKind::Catalogue,
        Source::Naming => EvidenceKind::Naming,
        Source::Verdict => EvidenceKind::Verdict,
        Source::Probe => EvidenceKind::Probe,
        Source::Person => EvidenceKind::Person,
        Source::Review => EvidenceKind::Review,
        _ => EvidenceKind::History,
    }
}

#[test]
fn what_is_carried_halves_unless_it_is_of_this_installation() {
    let fix = item(EvidenceKind::History, &Source::Fix.anchor("a"), 20.0);
    let evidence = [doc(), fix];
    let carried = believe(&evidence, None, Standing::Carried);
    assert!((carried.from_group(Group::Text) - 0.5 * 1_630_f64.ln()).abs() < 1e-10);
    assert!((carried.from_group(Group::History) - 20_f64.ln()).abs() < 1e-10);
    // Found again at the same anchor of the new version: whole at once.
    let again = evidence.iter().zip([Standing::Exact, Standing::Carried]);
    assert_eq!(Model::SHIPPED.believe_each(again, None), now(&evidence));
}

#[test]
fn a_person_may_change_their_mind_and_another_may_not() {
    let says = |who: &str, ratio, day| {
        seen(
            item(EvidenceKind::Person, &Source::Person.anchor(who), ratio),
            day,
        )
    };
    let of = |evidence: &[Evidence]| now(evidence).from_group(Group::Person);
    let (yes, no) = (100_f64.ln(), 0.01_f64.ln());
    assert!((of(&[says("ada", 100.0, 1), says("ada", 0.01, 2)]) - no).abs() < 1e-10);
    assert!((of(&[says("ada", 0.01, 1), says("ada", 100.0, 2)]) - yes).abs() < 1e-10);
    assert!((of(&[says("ada", 0.01, 2), says("ada", 100.0, 2)]) - no).abs() < 1e-10);
    assert!((of(&[says("ada", 100.0, 1), says("bob", 0.01, 2)])).abs() < 1e-10);
    let agreed = of(&[says("ada", 100.0, 1), says("bob", 100.0, 2)]);
    assert!((agreed - 1.25 * yes).abs() < 1e-10);
}

#[test]
fn calibration_is_a_line_of_its_own() {
    let model = Model {
        weights: Weights::FIRST,
        calibration: Some(Calibration::Platt {
            slope: 0.5,
            shift: 1.0,
        }),
    };
    let belief = model.believe(&[doc()], None, Standing::Exact);
    let raw = now(&[doc()]).log_odds;
    assert!((belief.log_odds - (0.5 * raw + 1.0)).abs() < 1e-10);
    assert_eq!(
        belief.lines.last().map(|l| l.group),
        Some(Group::Calibration)
    );
    assert_eq!(sum(&belief).to_bits(), belief.log_odds.to_bits());
    let halved = Model {
        weights: Weights([0.5, 1.0, 1.0, 1.0, 1.0, 1.0]),
        calibration: None,
    };
    let says = halved.believe(&[doc()], None, Standing::Exact);
    assert!((says.from_group(Group::Text) - 0.5 * 1_630_f64.ln()).abs() < 1e-10);
}

fn sum(belief: &Belief) -> f64 {
    belief.lines.iter().map(|l| l.log_odds).sum()
}

fn sources() -> impl Strategy<Value = (EvidenceKind, String)> {
    let kinds = prop::sample::select(vec![
        Source::Documentation,
        Source::Catalogue,
        Source::Naming,
        Source::Verdict,
        Source::Probe,
        Source::CoChange,
        Source::Effect,
        Source::Fix,
        Source::Invariant,
        Source::Healthy,
        Source::Past,
        Source::Person,
        Source::Review,
    ]);
    (kinds, 0..4_u8, 0..3_u8).prop_map(|(source, place, item)| {
        let anchor = match kind(source) {
            EvidenceKind::History | EvidenceKind::Person => {
                source.anchor(&format!("{place}:{item}"))
            }
            _ => format!("place-{place}:{item}"),
        };
        (kind(source), anchor)
    })
}

fn any_evidence(log_lr: impl Strategy<Value = f64>) -> impl Strategy<Value = Evidence> {
    let day = prop::option::of(0..2_000_i64);
    (sources(), log_lr, day).prop_map(|((kind, anchor), log_lr, day)| Evidence {
        kind,
        anchor,
        log_lr,
        observed_at: day.map(|d| Timestamp::from_secs(d * DAY)),
    })
}

fn many() -> impl Strategy<Value = Vec<Evidence>> {
    let log_lr = prop_oneof![8 => -10.0..10.0_f64, 1 => Just(0.0), 1 => any::<f64>()];
    prop::collection::vec(any_evidence(log_lr), 0..24)
}

fn standing() -> impl Strategy<Value = Standing> {
    prop::sample::select(vec![Standing::Exact, Standing::Carried])
}

fn moment() -> impl Strategy<Value = Option<Timestamp>> {
    prop::option::of((0..3_000_i64).prop_map(|d| Timestamp::from_secs(d * DAY)))
}

proptest! {
    #[test]
    fn a_confidence_is_a_probability_inside_its_interval(
        evidence in many(), at in moment(), standing in standing()
    ) {
        let belief = believe(&evidence, at, standing);
        let p = belief.confidence.get();
        prop_assert!((0.0..=1.0).contains(&p));
        prop_assert!(0.0 <= belief.low && belief.low <= p && p <= belief.high && belief.high <= 1.0);
        prop_assert!(belief.log_odds.abs() <= LOG_ODDS_MAX + 1e-11);
        prop_assert_eq!(score(&evidence, at, standing), belief.confidence);
    }

    #[test]
    fn lines_sum_to_the_log_odds_exactly(evidence in many(), at in moment(), standing in standing()) {
        let belief = believe(&evidence, at, standing);
        prop_assert_eq!(sum(&belief).to_bits(), belief.log_odds.to_bits());
        let backwards: f64 = belief.lines.iter().rev().map(|l| l.log_odds).sum();
        prop_assert_eq!(backwards.to_bits(), belief.log_odds.to_bits());
        prop_assert_eq!(belief.lines[0].group, Group::Prior);
    }

    #[test]
    fn order_and_repetition_change_no_bit(
        (evidence, shuffled) in many().prop_flat_map(|e| (Just(e.clone()), Just(e).prop_shuffle())),
        at in moment(), standing in standing(),
    ) {
        let belief = believe(&evidence, at, standing);
        prop_assert_eq!(&believe(&shuffled, at, standing), &belief);
        let twice: Vec<Evidence> = shuffled.iter().chain(&evidence).cloned().collect();
        prop_assert_eq!(&believe(&twice, at, standing), &belief);
    }

    #[test]
    fn more_that_speaks_for_it_never_lowers_it(
        evidence in many(), more in any_evidence(0.0..14.0_f64), at in moment(), standing in standing()
    ) {
        let before = believe(&evidence, at, standing);
        let with: Vec<Evidence> = evidence.iter().cloned().chain([more]).collect();
        let after = believe(&with, at, standing);
        prop_assert!(after.log_odds >= before.log_odds, "{} < {}", after.log_odds, before.log_odds);
        prop_assert!(after.confidence >= before.confidence);
        prop_assert!(after.unlimited() >= before.unlimited());
    }

    #[test]
    fn more_that_speaks_against_it_never_raises_it(
        evidence in many(), more in any_evidence(-14.0..0.0_f64), at in moment(), standing in standing()
    ) {
        let before = believe(&evidence, at, standing);
        let with: Vec<Evidence> = evidence.iter().cloned().chain([more]).collect();
        prop_assert!(believe(&with, at, standing).unlimited() <= before.unlimited());
    }

    #[test]
    fn without_a_group_is_the_fold_of_the_others(evidence in many(), at in moment()) {
        let whole = believe(&evidence, at, Standing::Exact);
        for group in Group::EVIDENCE {
            let less = without(&evidence, at, Standing::Exact, group);
            let wanted = whole.unlimited() - whole.from_group(group);
            prop_assert_eq!(less.unlimited().to_bits(), wanted.to_bits());
            prop_assert!(less.lines.iter().all(|l| l.group != group));
        }
    }

    #[test]
    fn fading_only_moves_towards_the_prior(age in 0..5_000_i64, more in 0..1_000_i64) {
        let half = INCIDENT_HALF_LIFE;
        let share = |days| faded(Span::from_secs(days * DAY), half);
        prop_assert!(share(age + more) <= share(age) && share(age) <= 1.0);
    }
}
