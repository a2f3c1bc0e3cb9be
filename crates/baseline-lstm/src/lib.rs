//! The baseline LSTM: a small recurrent net that reads the newest values and answers for a moment
//! ahead, given the time of day and how far ahead it is (candle).
//!
//! The net is asked for each moment by itself, so that errors do not add up on the way; it is never
//! shown a value after its fit. All chance comes from one fixed seed, and all sums are made on one
//! thread: neither the hour nor the number of processors changes a line. The number of examples that it
//! learns from is fixed, so a fit takes as long with two weeks of history as with four days.
//!
//! It knows nothing of how values are judged: it supplies a centre line.
#![deny(missing_docs)]

mod net;

use backstay_detect::Point;
use backstay_detect::baseline::{Baseline, BaselineId, Cost, DAY, Fitted, Grid, Needs, Unfit};
use backstay_model::{Span, Timestamp};
use net::{Moment, Net};

/// Values that make one day at the finest.
const A_DAY: i64 = 288;
/// Fewest values that it is trained on.
const BINS_MIN: usize = 1_000;

/// A recurrent net: one layer of 32 cells over the newest 12 values.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Lstm;

/// A fitted [`Lstm`].
#[derive(Debug)]
struct FittedLstm {
    net: Net,
    scale: Scale,
    /// The newest values it was fitted on, scaled.
    newest: Vec<f32>,
    /// The moment after them.
    end: Timestamp,
}

/// Centre and spread of the history.
#[derive(Clone, Copy, Debug)]
struct Scale {
    mean: f64,
    deviation: f64,
}

impl Baseline for Lstm {
    fn id(&self) -> BaselineId {
        BaselineId("lstm-1".into())
    }

    fn needs(&self) -> Needs {
        Needs {
            span: Span(2 * DAY.0),
            bins: BINS_MIN,
            reach: Span(15 * DAY.0),
            grain: Span(DAY.0 / A_DAY),
            keeps: DAY,
        }
    }

    fn cost(&self) -> Cost {
        Cost::Nightly
    }

    fn fit(&self, pre: &[Point]) -> Result<Box<dyn Fitted>, Unfit> {
        self.needs().met_by(pre)?;
        let grid = Grid::of(pre).ok_or(Unfit::Failed("no even steps".into()))?;
        let scale = Scale::of(&grid.values);
        let values: Vec<f32> = grid.values.iter().map(|v| scale.down(*v)).collect();
        let moment = |from: usize, to: usize| {
            let at = |i: usize| grid.from + Span(i as i64 * grid.step.0);
            Moment::of(at(to), at(from))
        };
        let lead = (grid.a_day() + grid.a_day() / 2).max(net::WINDOW);
        let net = alone(|| Net::trained(&values, lead, moment))?;
        Ok(Box::new(FittedLstm {
            net,
            scale,
            newest: values[values.len() - net::WINDOW..].to_vec(),
            end: grid.end(),
        }))
    }
}

impl Fitted for FittedLstm {
    fn predict(&self, at: &[Timestamp]) -> Result<Vec<f64>, Unfit> {
        if at.is_empty() {
            return Ok(Vec::new());
        }
        let moments: Vec<Moment> = at.iter().map(|t| Moment::of(*t, self.end)).collect();
        let line = alone(|| self.net.answer(&self.newest, &moments))?;
        Ok(line.into_iter().map(|v| self.scale.up(v)).collect())
    }
}

/// Does `work` on one thread: the products are so small that sharing them out costs more than it saves.
fn alone<T: Send>(work: impl FnOnce() -> candle_core::Result<T> + Send) -> Result<T, Unfit> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let pool = pool.map_err(|e| Unfit::Failed(e.to_string()))?;
    pool.install(work).map_err(|e| Unfit::Failed(e.to_string()))
}

impl Scale {
    fn of(values: &[f64]) -> Self {
        let n = values.len().max(1) as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
        Self {
            mean,
            // Rounding in a constant is no movement.
            deviation: variance
                .sqrt()
                .max(1e-9 * mean.abs())
                .max(f64::MIN_POSITIVE),
        }
    }

    fn down(self, value: f64) -> f32 {
        ((value - self.mean) / self.deviation) as f32
    }

    fn up(self, value: f32) -> f64 {
        self.mean + f64::from(value) * self.deviation
    }
}

#[cfg(test)]
mod tests;
