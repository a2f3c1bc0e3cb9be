//! The net and its training.

use backstay_chance::Dice;
use candle_core::{DType, Device, Result, Tensor, Var};
use candle_nn::rnn::{LSTM, LSTMConfig, RNN, lstm};
use candle_nn::{AdamW, Linear, Module, Optimizer, ParamsAdamW, VarBuilder, VarMap};

use backstay_detect::baseline::DAY;
use backstay_model::Timestamp;

/// Newest values that are read.
pub(crate) const WINDOW: usize = 12;
/// Cells of the recurrent layer, and of the one above it.
const HIDDEN: usize = 32;
/// Numbers that tell a moment.
const CLOCK: usize = 7;
/// Examples of one step of training, and steps.
const BATCH: usize = 128;
const STEPS: usize = 100;
/// Rates of learning at the first and the last step.
const RATE: (f64, f64) = (8e-3, 5e-4);
/// Of all weights and examples.
const SEED: u64 = 20_261_126;

/// A moment as the net is told it: three waves of the day, and how far ahead it lies, in days.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment([f32; CLOCK]);

impl Moment {
    /// The moment `at`, seen from `now`.
    pub(crate) fn of(at: Timestamp, now: Timestamp) -> Self {
        let day = DAY.0 as f64;
        let turn = at.0.rem_euclid(DAY.0) as f64 / day * std::f64::consts::TAU;
        let mut told = [0.0; CLOCK];
        for wave in 0..3 {
            let (sine, cosine) = (turn * (wave + 1) as f64).sin_cos();
            (told[2 * wave], told[2 * wave + 1]) = (sine as f32, cosine as f32);
        }
        told[CLOCK - 1] = (at.since(now).0 as f64 / day) as f32;
        Self(told)
    }
}

/// A trained net.
#[derive(Debug)]
pub(crate) struct Net {
    reader: LSTM,
    middle: Linear,
    end: Linear,
}

impl Net {
    /// Trains on `values`: from each window, to a moment at most `lead` values after it. `moment`
    /// tells the place of one value as seen from another.
    pub(crate) fn trained(
        values: &[f32],
        lead: usize,
        moment: impl Fn(usize, usize) -> Moment,
    ) -> Result<Self> {
        let mut dice = Dice::new(SEED);
        let weights = VarMap::new();
        let net = Self::blank(&weights)?;
        let mut optimiser = AdamW::new(seeded(&weights, &mut dice)?, ParamsAdamW::default())?;
        for step in 0..STEPS {
            let done = step as f64 / STEPS as f64;
            optimiser.set_learning_rate(RATE.0 * (RATE.1 / RATE.0).powf(done));
            let examples = Examples::drawn(values, lead, &moment, &mut dice)?;
            let answers = net.forward(&examples.windows, &examples.moments)?;
            let loss = candle_nn::loss::huber(&answers, &examples.truths, 1.0)?;
            optimiser.backward_step(&loss)?;
        }
        Ok(net)
    }

    fn blank(weights: &VarMap) -> Result<Self> {
        let place = VarBuilder::from_varmap(weights, DType::F32, &Device::Cpu);
        Ok(Self {
            reader: lstm(1, HIDDEN, LSTMConfig::default(), place.pp("reader"))?,
            middle: candle_nn::linear(HIDDEN + CLOCK, HIDDEN, place.pp("middle"))?,
            end: candle_nn::linear(HIDDEN, 1, place.pp("end"))?,
        })
    }

    /// One answer for each row: `windows` of (rows, values, 1), `moments` of (rows, numbers).
    fn forward(&self, windows: &Tensor, moments: &Tensor) -> Result<Tensor> {
        let states = self.reader.seq(windows)?;
        let read = states.last().map(|s| s.h().clone());
        let read = read.ok_or_else(|| candle_core::Error::msg("an empty window"))?;
        self.head(&read, moments)
    }

    fn head(&self, read: &Tensor, moments: &Tensor) -> Result<Tensor> {
        let joined = Tensor::cat(&[read, moments], 1)?;
        self.end
            .forward(&self.middle.forward(&joined)?.relu()?)?
            .squeeze(1)
    }

    /// The answers for `moments` after one window.
    pub(crate) fn answer(&self, window: &[f32], moments: &[Moment]) -> Result<Vec<f32>> {
        let window = Tensor::from_slice(window, (1, window.len(), 1), &Device::Cpu)?;
        let states = self.reader.seq(&window)?;
        let read = states.last().map(|s| s.h().clone());
        let read = read.ok_or_else(|| candle_core::Error::msg("an empty window"))?;
        let read = read.repeat((moments.len(), 1))?;
        self.head(&read, &told(moments)?)?.to_vec1()
    }
}

fn told(moments: &[Moment]) -> Result<Tensor> {
    let numbers: Vec<f32> = moments.iter().flat_map(|m| m.0).collect();
    Tensor::from_vec(numbers, (moments.len(), CLOCK), &Device::Cpu)
}

/// The weights, in order of their names, drawn anew: thresholds zero, others uniform by fan-in.
fn seeded(weights: &VarMap, dice: &mut Dice) -> Result<Vec<Var>> {
    let mut named: Vec<(String, Var)> = {
        let data = weights.data().lock();
        let data = data.map_err(|_| candle_core::Error::msg("the weights are in use"))?;
        data.iter().map(|(n, v)| (n.clone(), v.clone())).collect()
    };
    named.sort_by(|a, b| a.0.cmp(&b.0));
    for (_, weight) in &named {
        let bound = match weight.dims() {
            [_, inputs] => 1.0 / (*inputs as f64).sqrt(),
            _ => 0.0,
        };
        let numbers: Vec<f32> = (0..weight.elem_count())
            .map(|_| ((2.0 * dice.unit() - 1.0) * bound) as f32)
            .collect();
        weight.set(&Tensor::from_vec(numbers, weight.shape(), &Device::Cpu)?)?;
    }
    Ok(named.into_iter().map(|(_, weight)| weight).collect())
}

/// A whole number in `0..end`; zero when that is empty.
fn below(end: usize, dice: &mut Dice) -> usize {
    ((dice.unit() * end as f64) as usize).min(end.saturating_sub(1))
}

/// One step's worth of examples.
struct Examples {
    windows: Tensor,
    moments: Tensor,
    truths: Tensor,
}

impl Examples {
    fn drawn(
        values: &[f32],
        lead: usize,
        moment: &impl Fn(usize, usize) -> Moment,
        dice: &mut Dice,
    ) -> Result<Self> {
        let (mut windows, mut moments, mut truths) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..BATCH {
            let now = WINDOW + below(values.len() - WINDOW, dice);
            let to = now + below(lead.min(values.len() - now), dice);
            windows.extend_from_slice(&values[now - WINDOW..now]);
            moments.push(moment(now, to));
            truths.push(values[to]);
        }
        Ok(Self {
            windows: Tensor::from_vec(windows, (BATCH, WINDOW, 1), &Device::Cpu)?,
            moments: told(&moments)?,
            truths: Tensor::from_vec(truths, BATCH, &Device::Cpu)?,
        })
    }
}
