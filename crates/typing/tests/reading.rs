//! The shipped classifier on sentences that it was not trained on.

use backstay_model::EdgeKind;
use backstay_typing::data::Direction::{self, Backward, Forward};
use backstay_typing::features::Features;
use backstay_typing::model::{Model, Reading};
use backstay_typing::sentence::{Names, Sentence};
use backstay_typing::setting::{Dimension, Kind, Setting};
use backstay_typing::view::{Candidate, Place, Section};
use proptest::prelude::*;

fn read(text: &str, a: Kind, b: Kind) -> Option<Reading> {
    let names = Names::new(["q_one", "q_two", "q_three", "jit"]);
    let sentence = Sentence::read(text, &names);
    let features = Features::of(&Candidate {
        sentence: &sentence,
        owner: &Setting::new("q_one", a, Dimension::Count),
        mentioned: &Setting::new("q_two", b, Dimension::Count),
        place: Place::Entry,
        section: Section::Other,
    })?;
    Some(Model::shipped().read(features))
}

fn told(text: &str, a: Kind, b: Kind) -> Option<(EdgeKind, Direction)> {
    let reading = read(text, a, b)?;
    (reading.exists() >= 0.5).then(|| (reading.kind().0, reading.direction()))
}

#[test]
fn kinds_and_directions() {
    use EdgeKind::{BoundedBy, ConflictsWith, Enables, Overrides, Requires, ScalesWith};
    use Kind::{Number, Switch};
    let table = [
        (
            "This value is not used unless q_two is on.",
            Number,
            Switch,
            Enables,
            Forward,
        ),
        (
            "q_one has no effect if q_two is off.",
            Number,
            Switch,
            Enables,
            Forward,
        ),
        (
            "q_two must also be on for q_one to work.",
            Switch,
            Switch,
            Requires,
            Forward,
        ),
        (
            "q_one must be less than q_two.",
            Number,
            Number,
            BoundedBy,
            Forward,
        ),
        (
            "The number is limited by q_two.",
            Number,
            Number,
            BoundedBy,
            Forward,
        ),
        (
            "If it is -1, the value of q_two is used.",
            Number,
            Number,
            Overrides,
            Forward,
        ),
        (
            "This parameter overrides q_two.",
            Number,
            Number,
            Overrides,
            Backward,
        ),
        (
            "The total is computed by multiplying q_one by q_two.",
            Number,
            Number,
            ScalesWith,
            Forward,
        ),
    ];
    for (text, a, b, kind, way) in table {
        assert_eq!(told(text, a, b), Some((kind, way)), "{text}");
    }
    let both = told("q_one and q_two are mutually exclusive.", Switch, Switch);
    assert_eq!(both.map(|(kind, _)| kind), Some(ConflictsWith));
}

#[test]
fn negation_pointers_and_examples_say_nothing() {
    let table = [
        "See also q_two.",
        "This parameter does not depend on q_two.",
        "It can be changed whether or not q_two is on.",
        "For example, q_one = 4 and q_two = 8.",
        "Unlike q_two, this is read at the start.",
        "In versions prior to 9, q_two was called q_one.",
    ];
    for text in table {
        assert_eq!(told(text, Kind::Number, Kind::Number), None, "{text}");
    }
}

#[test]
fn a_negated_need_is_weaker_than_a_need() {
    let exists = |text| read(text, Kind::Switch, Kind::Switch).unwrap().exists();
    let denied = exists("q_one does not require q_two.");
    let said = exists("q_one requires q_two.");
    assert!(denied < said - 0.2, "{denied} {said}");
}

#[test]
fn ordinary_words_are_no_settings() {
    let names = Names::new(["jit"]);
    assert!(Sentence::read("A jit is good.", &names).names().is_empty());
}

proptest! {
    #[test]
    fn any_text_is_read_and_probabilities_are_probabilities(text in ".{0,200}") {
        if let Some(reading) = read(&format!("q_two {text}"), Kind::Number, Kind::Switch) {
            let sum: f64 = reading.probabilities.iter().sum();
            prop_assert!((sum - 1.0).abs() < 1e-9);
            prop_assert!(reading.probabilities.iter().all(|p| (0.0..=1.0).contains(p)));
            prop_assert!((0.0..=1.0).contains(&reading.forward));
        }
    }
}
