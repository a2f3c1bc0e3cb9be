use backstay_model::metric::{MetricRole, Worse};
use backstay_model::{MetricName, Timestamp};

use super::*;
use crate::residual::Point;
use crate::testing::{Noise, Random};
use crate::track::Track;

/// The generator of the shipped table: ascending maxima of harmless series.
fn simulate(baseline: usize, horizon: usize, runs: usize) -> Vec<f64> {
    let mut random = Random::new(1);
    let mut maxima: Vec<f64> = (0..runs)
        .map(|_| one(&mut random, baseline, horizon))
        .collect();
    maxima.sort_by(f64::total_cmp);
    maxima
}

fn one(random: &mut Random, baseline: usize, horizon: usize) -> f64 {
    let phi = match random.unit() {
        u if u < 0.3 => 0.0,
        u if u < 0.6 => 0.3,
        u if u < 0.85 => 0.6,
        _ => 0.8,
    };
    let (kind, drifts) = (random.unit(), random.unit() < 0.25);
    let role = if random.unit() < 0.5 {
        MetricRole::Throughput
    } else {
        MetricRole::Latency
    };
    let prior = if role == MetricRole::Throughput {
        0.12
    } else {
        0.35
    };
    let spread = prior * 0.7 * (2.0_f64 / 0.7).powf(random.unit());
    let (mut noise, mut drift) = (Noise::new(phi), 0.0);
    let points: Vec<Point> = (0..baseline + horizon + 20)
        .map(|i| {
            let innovation = match kind {
                k if k < 0.5 => random.normal(),
                k if k < 0.75 => random.heavy(),
                _ if random.unit() < 0.05 => 4.0,
                _ => random.normal(),
            };
            drift += if drifts { 0.05 * random.normal() } else { 0.0 };
            let value = (spread * (noise.next(innovation) + drift)).exp() * 100.0;
            Point {
                at: Timestamp::from_secs(i as i64),
                value,
            }
        })
        .skip(20)
        .collect();
    let mut track =
        Track::open(MetricName::new("m"), role, Worse::Up, 0.0).freeze(&points[..baseline]);
    points[baseline..].iter().for_each(|p| track.push(*p));
    track.scan.max() / memory(track.frame.unwrap().phi)
}

#[test]
fn the_shipped_maxima_are_what_the_simulation_gives() {
    for (b, baseline) in BASELINES.iter().enumerate() {
        for (h, horizon) in HORIZONS.iter().enumerate() {
            if b * h > 0 && b != h {
                continue;
            }
            let maxima = simulate(*baseline, *horizon, RUNS);
            let found: Vec<f64> = CHANCES
                .iter()
                .map(|c| crate::stats::quantile_sorted(&maxima, 1.0 - c).unwrap())
                .collect();
            println!(
                "{baseline} {horizon} [{}],",
                found
                    .iter()
                    .map(|q| format!("{q:.2}"))
                    .collect::<Vec<_>>()
                    .join(", ")
            );
            let off = (found[3] / MAXIMA[b][h][3]).ln().abs();
            assert!(
                off < 0.2,
                "baseline {baseline}, horizon {horizon}: {found:?}"
            );
        }
    }
}

const RUNS: usize = 400;

#[test]
fn chances_fall_as_maxima_rise_and_levels_invert_them() {
    for (baseline, horizon) in [(5, 5), (15, 20), (25, 30), (60, 300), (600, 10_000)] {
        let p: Vec<f64> = (0..60)
            .map(|m| p_value(f64::from(m), baseline, horizon))
            .collect();
        assert!(p.windows(2).all(|w| w[1] <= w[0]), "{p:?}");
        assert!(p[0] > 0.99 && p[59] < 1e-3);
        for alpha in [0.7, 0.05, 0.01, 0.002, 0.0005] {
            let back = p_value(level(alpha, baseline, horizon), baseline, horizon);
            assert!((back / alpha - 1.0).abs() < 0.01, "{back} for {alpha}");
        }
    }
}
