use backstay_model::dependency::EvidenceKind;
use proptest::prelude::*;

use super::*;

/// `brier_score_loss`, `log_loss` (scikit-learn 1.9.1) with sample weights; ECE by NumPy over ten bins.
#[test]
fn scores_are_those_of_scikit_learn() {
    let p = [0.05, 0.12, 0.18, 0.33, 0.41, 0.57, 0.66, 0.72, 0.88, 0.97];
    let y = [0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0];
    let w = [1.0, 2.0, 1.0, 1.0, 1.0, 1.0, 2.0, 1.0, 1.0, 0.5];
    let scored: Vec<Scored> = (0..10)
        .map(|i| Scored {
            p: p[i],
            y: y[i],
            weight: w[i],
        })
        .collect();
    let found = quality(&scored);
    assert!((found.brier - 0.167_830_434_782_608_7).abs() < 1e-12);
    assert!((found.log_loss - 0.500_786_715_767_021_2).abs() < 1e-12);
    assert!((found.ece - 0.29).abs() < 1e-12);
    assert!(quality(&[]).brier.abs() < 1e-15);
}

/// Numbers in 0..1 from a fixed seed (Knuth's constants).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Pairs with text and naming evidence whose labels follow `text × L_text + L_naming − 5.5`.
fn world(text: f64, pairs: usize) -> Vec<Labelled> {
    let mut dice = Dice(7);
    let mut all = Vec::new();
    for n in 0..pairs {
        let (says, named) = (dice.roll() * 9.0, dice.roll() * 6.0);
        let p = logistic(PRIOR + text * says + named);
        let item = |kind, log_lr| Evidence {
            kind,
            anchor: "a:1".into(),
            log_lr,
            observed_at: None,
        };
        all.push(Labelled {
            family: format!("family {}", n % 12),
            evidence: vec![
                item(EvidenceKind::Documentation, says),
                item(EvidenceKind::Naming, named),
            ],
            label: if dice.roll() < p {
                Label::Yes
            } else {
                Label::No
            },
            weight: 1.0,
        });
    }
    all
}

#[test]
fn a_world_as_the_first_weights_say_keeps_them() {
    let found = compare(&world(1.0, 600), 4, 1.0).unwrap();
    assert_eq!(found.choice, Choice::First, "{found:?}");
    for (weight, group) in found.model.weights.0.iter().zip(Group::EVIDENCE).take(2) {
        assert!((weight - 1.0).abs() < 0.25, "{group:?} {weight}");
    }
}

#[test]
fn a_world_where_text_exaggerates_gets_its_weight() {
    let found = compare(&world(0.4, 600), 4, 1.0).unwrap();
    assert_eq!(found.choice, Choice::Fitted, "{found:?}");
    assert!((found.model.weights.of(Group::Text) - 0.4).abs() < 0.12);
    assert!((found.model.weights.of(Group::Naming) - 1.0).abs() < 0.25);
    assert!(
        (found.model.weights.of(Group::Runtime) - 1.0).abs() < 1e-9,
        "no evidence, no move"
    );
    assert!(found.fitted.brier < found.first.brier && found.fitted.ece < found.first.ece);
}

#[test]
fn families_are_never_split() {
    let world = world(1.0, 120);
    let parts = parts(&world, 5);
    let mut of = BTreeMap::new();
    for (pair, part) in world.iter().zip(parts) {
        assert_eq!(*of.entry(&pair.family).or_insert(part), part);
    }
    assert_eq!(
        of.values().collect::<std::collections::BTreeSet<_>>().len(),
        5
    );
}

#[test]
fn few_labels_get_a_line_and_many_get_steps() {
    let mut dice = Dice(3);
    let mut scored = |n: usize| -> Vec<(f64, Label)> {
        let one = |dice: &mut Dice| {
            let x = dice.roll() * 10.0 - 5.0;
            let real = dice.roll() < logistic(0.5 * x + 1.0);
            (x, if real { Label::Yes } else { Label::No })
        };
        (0..n).map(|_| one(&mut dice)).collect()
    };
    let line = Calibration::fit(&scored(150)).unwrap();
    assert!(
        matches!(line, Calibration::Platt { slope, .. } if (slope - 0.5).abs() < 0.2),
        "{line:?}"
    );
    let many = scored(4_000);
    let steps = Calibration::fit(&many).unwrap();
    assert!(matches!(&steps, Calibration::Points(p) if p.len() > 5));
    for x in [-4.0, -2.0, 0.0, 2.0] {
        assert!(
            (steps.apply(x) - (0.5 * x + 1.0)).abs() < 0.6,
            "{x} {}",
            steps.apply(x)
        );
    }
    let wrong: Vec<(f64, Label)> = many.into_iter().take(100).map(|(x, l)| (-x, l)).collect();
    assert_eq!(Calibration::fit(&wrong), Err(FitError::Unsettled));
}

proptest! {
    #[test]
    fn calibrations_rise(
        scored in prop::collection::vec((-8.0..8.0_f64, prop::bool::ANY), 200..300),
        a in -9.0..9.0_f64, more in 0.0..5.0_f64,
    ) {
        let label = |yes| if yes { Label::Yes } else { Label::No };
        let scored: Vec<(f64, Label)> = scored.into_iter().map(|(x, y)| (x, label(y))).collect();
        let fitted = Calibration::fit(&scored).unwrap();
        prop_assert!(fitted.apply(a + more) >= fitted.apply(a) - 1e-12);
        prop_assert!(fitted.apply(a).is_finite());
    }
}
