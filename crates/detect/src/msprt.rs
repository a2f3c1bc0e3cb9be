//! The mixture sequential probability ratio test on whitened residuals: a number that a statistician
//! can read at any moment, beside the verdict. It explains and never decides: on real metrics, which
//! drift and have heavy tails, its guarantee does not hold.

use crate::track::Track;

/// Spread of the shifts that are mixed over, in standard deviations.
const TAU: f64 = 1.0;

/// `ln Λ` of "the mean moved" against "it did not" over the values since the change (Robbins 1970),
/// `½ ln(v / (v + τ²t²)) + τ²t²S² / (2v (v + τ²t²))` with the sum `S` of `t` whitened residuals and
/// `v = t + t²/B`, which allows for a level known from `B` bins only. `None` without a baseline.
pub(crate) fn ln_likelihood_ratio(track: &Track) -> Option<f64> {
    let frame = track.frame.as_ref()?;
    let phi = frame.phi;
    let unit = (1.0 - phi * phi).sqrt();
    let (mut sum, mut last) = (0.0, None);
    for point in track.post.iter() {
        let residual = frame.residual(point);
        // The first one has none before it to be whitened by.
        sum += match last {
            Some(last) => (residual - phi * last) / unit,
            None => residual,
        };
        last = Some(residual);
    }
    let t = track.post.len() as f64;
    if t < 1.0 {
        return None;
    }
    let v = t + t * t / frame.bins.max(1) as f64;
    let mixed = v + TAU * TAU * t * t;
    Some(0.5 * (v / mixed).ln() + TAU * TAU * t * t * sum * sum / (2.0 * v * mixed))
}

#[cfg(test)]
mod tests {
    use backstay_model::metric::{MetricRole, Worse};
    use backstay_model::{MetricName, Timestamp};

    use super::*;
    use crate::residual::Point;
    use crate::testing::{Noise, Random};

    /// The largest value over forty bins after sixty, of which the mean is `lift` standard deviations
    /// higher.
    fn largest(seed: u64, phi: f64, lift: f64) -> f64 {
        let (mut random, mut noise) = (Random::new(seed), Noise::new(phi));
        let mut point = |second: i64| {
            let innovation = random.normal();
            let lift = if second >= 60 { lift } else { 0.0 };
            Point {
                at: Timestamp::from_secs(second),
                value: 100.0 * (0.3 * (noise.next(innovation) + lift)).exp(),
            }
        };
        let pre: Vec<Point> = (0..60).map(&mut point).collect();
        let mut track = Track::open(MetricName::new("m"), MetricRole::Latency, Worse::Up, 0.0);
        track = track.freeze(&pre);
        let each = (60..100).map(|second| {
            track.push(point(second));
            ln_likelihood_ratio(&track).unwrap()
        });
        each.fold(f64::NEG_INFINITY, f64::max)
    }

    #[test]
    fn its_promise_holds_where_its_model_does() {
        let bar = (1.0_f64 / 0.05).ln();
        for phi in [0.0, 0.3, 0.6] {
            let alarms = |lift: f64| (0..400).filter(|s| largest(*s, phi, lift) >= bar).count();
            let (quiet, moved) = (alarms(0.0), alarms(3.0));
            println!("phi {phi}: {quiet} of 400 quiet, {moved} of 400 moved");
            assert!(quiet <= 32, "phi {phi}: {quiet} of 400 alarm at 5 %");
            assert!(moved >= 320, "phi {phi}: {moved} of 400 found");
        }
    }
}
