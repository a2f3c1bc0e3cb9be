//! NAB's simplest serious detector, `windowedGaussian`, as a yardstick: one minus the tail chance of
//! a value under a normal distribution fitted to the values before it.

use backstay_detect::Point;
use statrs::function::erf::erfc;

/// Values that the distribution is fitted to, at most.
const WINDOW: usize = 6_400;
/// Once the window is full it moves on by so many values at a time.
const STEP: usize = 100;
/// Deviation of values that do not vary.
const DEVIATION_MIN: f64 = 1e-6;

/// One score for each row, in 0..=1.
#[must_use]
pub fn scores(rows: &[Point]) -> Vec<f64> {
    let mut window: Vec<f64> = Vec::new();
    let mut waiting: Vec<f64> = Vec::new();
    let (mut mean, mut deviation) = (0.0, 1.0);
    rows.iter()
        .map(|row| {
            let score = if window.is_empty() {
                0.0
            } else {
                let away = (row.value - mean).abs() / deviation;
                1.0 - 0.5 * erfc(away / std::f64::consts::SQRT_2)
            };
            if window.len() < WINDOW {
                window.push(row.value);
                (mean, deviation) = fit(&window);
            } else {
                waiting.push(row.value);
                if waiting.len() == STEP {
                    window.drain(..STEP);
                    window.append(&mut waiting);
                    (mean, deviation) = fit(&window);
                }
            }
            score
        })
        .collect()
}

/// Mean and deviation of a population.
fn fit(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    let deviation = variance.sqrt();
    (
        mean,
        if deviation > 0.0 {
            deviation
        } else {
            DEVIATION_MIN
        },
    )
}
