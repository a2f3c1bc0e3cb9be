//! Placebo windows as a bank keeps them: in single precision, twenty bytes a window. There are hundreds of
//! them for each metric of each target.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serializer};

use super::Placebo;

/// Windows by which a bank grows: doubling would keep half of it empty.
const GROWTH: usize = 50;

/// One placebo window; not a number is what is not known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packed {
    max: f32,
    shift: f32,
    early: [f32; 2],
    extremes: f32,
}

impl PartialEq for Packed {
    fn eq(&self, other: &Self) -> bool {
        Placebo::from(*self) == Placebo::from(*other)
    }
}

impl From<Placebo> for Packed {
    fn from(placebo: Placebo) -> Self {
        Self {
            max: at_least(placebo.max),
            shift: (placebo.shift as f32).clamp(f32::MIN, f32::MAX),
            early: placebo.early.map(|e| e.unwrap_or(f32::NAN)),
            extremes: placebo.extremes.unwrap_or(f32::NAN),
        }
    }
}

impl From<Packed> for Placebo {
    fn from(packed: Packed) -> Self {
        let known = |value: f32| Some(value).filter(|v| !v.is_nan());
        Self {
            max: f64::from(packed.max),
            shift: f64::from(packed.shift),
            early: packed.early.map(known),
            extremes: known(packed.extremes),
        }
    }
}

/// The smallest number of single precision that is not below `value`: what was as large as a maximum must
/// not be beyond it now.
fn at_least(value: f64) -> f32 {
    let near = value as f32;
    let up = if f64::from(near) < value {
        near.next_up()
    } else {
        near
    };
    up.min(f32::MAX)
}

/// Adds a window; the oldest leaves where there are `most` of them. They are copied only while a watch
/// shares them.
pub(super) fn add(placebos: &mut Arc<Vec<Packed>>, placebo: Placebo, most: usize) {
    let placebos = Arc::make_mut(placebos);
    if placebos.len() >= most {
        placebos.remove(0);
    }
    if placebos.len() == placebos.capacity() {
        placebos.reserve_exact(GROWTH);
    }
    placebos.push(placebo.into());
}

/// They are written as what they say.
pub(super) fn serialize<S: Serializer>(
    placebos: &Arc<Vec<Packed>>,
    to: S,
) -> Result<S::Ok, S::Error> {
    to.collect_seq(placebos.iter().copied().map(Placebo::from))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Arc<Vec<Packed>>, D::Error> {
    let placebos: Vec<Placebo> = Vec::deserialize(from)?;
    let mut packed: Vec<Packed> = placebos.into_iter().map(Packed::from).collect();
    // Read item by item, there may be room for twice as many.
    packed.shrink_to_fit();
    Ok(Arc::new(packed))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::placebo::{Bank, Placebo};

    fn bank(maxima: &[f64]) -> Bank {
        let mut bank = Bank::disjoint();
        for max in maxima {
            let placebo = Placebo {
                max: *max,
                shift: -max / 9.0,
                early: [Some(0.25), None],
                extremes: None,
            };
            bank.insert("flat-1", placebo);
        }
        bank
    }

    proptest! {
        /// A maximum that was seen before is a tie, and no less likely than the share of those not below
        /// it; what is kept on disk says the same.
        #[test]
        fn a_maximum_that_was_seen_is_not_beyond_itself(
            maxima in prop::collection::vec(0.0..40.0_f64, 10..60),
            place in 0..10_usize,
        ) {
            let bank = bank(&maxima);
            let max = maxima[place];
            let n = maxima.len() as f64;
            let over = maxima.iter().filter(|m| **m >= max).count() as f64;
            let by_rank = (1.0 + over) / (n + 1.0);
            let p = bank.p_value(max).unwrap();
            let tail = maxima.len() >= 25 && over <= 0.1 * n;
            prop_assert!(tail || p >= by_rank - 1e-9, "{} {}", p, by_rank);
            let written = serde_json::to_string(&bank).unwrap();
            let read: Bank = serde_json::from_str(&written).unwrap();
            prop_assert_eq!(&read, &bank);
            prop_assert_eq!(serde_json::to_string(&read).unwrap(), written);
        }
    }

    #[test]
    fn windows_of_earlier_versions_are_read() {
        let window = r#"{"max":3.1234567890123456,"shift":-0.0123456789012,"early":[0.5,null]}"#;
        let all = vec![window; 20].join(",");
        let kept = format!(r#"{{"baseline":"flat-1","placebos":[{all}],"spacing":"Disjoint"}}"#);
        let bank: Bank = serde_json::from_str(&kept).unwrap();
        assert_eq!(bank.len(), 20);
        let first = bank.each().next().unwrap();
        assert!((first.max - 3.123_456_789).abs() < 1e-6 && first.max >= 3.123_456_789_012_345);
        assert!((first.shift + 0.012_345_678_9).abs() < 1e-8);
        assert_eq!((first.early, first.extremes), ([Some(0.5), None], None));
        assert_eq!(bank.p_value(3.0), Some(1.0));
    }
}
