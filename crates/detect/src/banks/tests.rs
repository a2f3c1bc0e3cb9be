use super::*;
use crate::testing::bed::{Bed, Spread, State, specs};
use crate::{DetectPolicy, History};

/// Banks after so many windows of twenty seconds in which nothing is changed.
fn quiet(seed: u64, windows: i64, spread: Spread) -> Banks {
    let policy = DetectPolicy::standard(Span::from_secs(20));
    let (mut bed, mut banks) = (Bed::new(seed, spread), Banks::new(&specs(), &policy));
    let mut history = History::new(600);
    let state = State::good().with(|s| s.log_errors = 0.4);
    for second in 1..=60 + 20 * windows {
        let sample = bed.sample(second, &state);
        history.push(&sample);
        banks.push(&sample, |since| history.after(since, 600));
    }
    banks
}

#[test]
fn the_realised_rate_is_the_promised_one_and_is_told_for_each_metric() {
    let banks = quiet(1, 800, Spread::USUAL);
    let rates = banks.realised();
    for rate in &rates {
        println!(
            "{:<20} nominal {:.3} realised {:.4} ({:.4} to {:.4}) of {} level {:.4} {}",
            rate.metric.as_ref().map_or("decision", |m| m.as_str()),
            rate.nominal,
            rate.realised.unwrap_or(f64::NAN),
            rate.low,
            rate.high,
            rate.windows,
            rate.level,
            rate.state.word()
        );
    }
    let (whole, each) = rates.split_first().unwrap();
    assert_eq!((whole.metric.as_ref(), whole.windows), (None, 799));
    assert!(whole.realised.unwrap() <= 1.2 * whole.nominal, "{whole:?}");
    assert!(each.len() >= 8, "{}", each.len());
    for rate in each {
        assert!(rate.realised.unwrap() <= 1.2 * rate.nominal, "{rate:?}");
        assert_ne!(rate.state, Promise::Broken);
    }
}

#[test]
fn what_was_learnt_survives_a_restart_unless_windows_have_another_length() {
    let banks = quiet(2, 60, Spread::USUAL);
    let bytes = serde_json::to_string(&banks).unwrap();
    println!(
        "{} bytes for {} metrics and 60 windows",
        bytes.len(),
        banks.learnt.banks.len()
    );
    let kept: Banks = serde_json::from_str(&bytes).unwrap();
    let mut anew = Banks::new(&specs(), &DetectPolicy::standard(Span::from_secs(20)));
    anew.take_over(kept.clone());
    assert_eq!(anew.realised(), banks.realised());
    assert_eq!(
        serde_json::to_string(&anew.learnt).unwrap(),
        serde_json::to_string(&banks.learnt).unwrap()
    );
    let mut longer = Banks::new(&specs(), &DetectPolicy::standard(Span::from_secs(40)));
    longer.take_over(kept);
    assert_eq!(longer.windows(), 0);
}

#[test]
fn a_window_that_something_touches_is_none() {
    let policy = DetectPolicy::standard(Span::from_secs(20));
    let (mut bed, mut banks) = (Bed::new(3, Spread::USUAL), Banks::new(&specs(), &policy));
    let mut history = History::new(600);
    for second in 1..=400 {
        let sample = bed.sample(second, &State::good());
        history.push(&sample);
        banks.push(&sample, |since| history.after(since, 600));
        if second % 70 == 0 {
            banks.disturb(sample.at);
        }
    }
    // Sixty seconds of calm are needed before a window; none of them was left in peace.
    assert_eq!(banks.windows(), 0);
}
