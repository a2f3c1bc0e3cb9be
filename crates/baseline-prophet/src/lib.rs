//! The baseline Prophet: a trend with turning points and smooth seasons of a day and a week, fitted by
//! the original's own Stan model, compiled to WebAssembly and run in the process (augurs).
//!
//! The model is compiled to machine code once in a process, at its first fit, which takes seconds;
//! every fit works on a clone of it. Only the most likely curve is fitted: no intervals are drawn,
//! because nothing judges by them. A fit ends after a fixed number of steps at the latest.
//!
//! It knows nothing of how values are judged: it supplies a centre line.
#![deny(missing_docs)]

use std::fmt;
use std::panic::catch_unwind;
use std::sync::LazyLock;

use augurs_prophet::optimizer::OptimizeOpts;
use augurs_prophet::wasmstan::WasmstanOptimizer;
use augurs_prophet::{
    PredictionData, Prophet as Model, ProphetOptions, SeasonalityOption, TrainingData,
};
use backstay_detect::Point;
use backstay_detect::baseline::{Baseline, BaselineId, Cost, DAY, Fitted, Needs, Unfit};
use backstay_model::{Span, Timestamp};

/// Values that make one day at the finest.
const A_DAY: i64 = 288;
/// Of the optimiser's start; any will do, the same must stay the same.
const SEED: u32 = 7;
/// Steps of the optimiser, at most: Stan's own default, said here because it bounds a fit.
const STEPS_MAX: u32 = 2_000;

/// The model as machine code; `None` where a process may not make any (the library panics then).
static OPTIMISER: LazyLock<Option<WasmstanOptimizer>> =
    LazyLock::new(|| catch_unwind(WasmstanOptimizer::new).ok());

/// Prophet with its own defaults, without a yearly season.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Prophet;

/// A fitted [`Prophet`].
struct FittedProphet {
    model: Model<WasmstanOptimizer>,
}

impl fmt::Debug for FittedProphet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FittedProphet")
    }
}

impl Baseline for Prophet {
    fn id(&self) -> BaselineId {
        BaselineId("prophet-1".into())
    }

    fn needs(&self) -> Needs {
        Needs {
            // Below two whole seasons it extrapolates wildly.
            span: Span(2 * DAY.0),
            bins: 48,
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
        let at = pre.iter().map(|p| seconds(p.at)).collect();
        let values = pre.iter().map(|p| p.value).collect();
        let data = TrainingData::new(at, values).map_err(failed)?;
        let optimiser = OPTIMISER.clone();
        let optimiser =
            optimiser.ok_or_else(|| failed("this process may not make machine code"))?;
        let mut model = Model::new(options(), optimiser);
        let bounded = OptimizeOpts {
            seed: Some(SEED),
            iter: Some(STEPS_MAX),
            ..OptimizeOpts::default()
        };
        model.fit(data, bounded).map_err(failed)?;
        Ok(Box::new(FittedProphet { model }))
    }
}

impl Fitted for FittedProphet {
    fn predict(&self, at: &[Timestamp]) -> Result<Vec<f64>, Unfit> {
        if at.is_empty() {
            return Ok(Vec::new());
        }
        let data = PredictionData::new(at.iter().map(|t| seconds(*t)).collect());
        let predicted = self.model.predict(data).map_err(failed)?;
        Ok(predicted.yhat.point)
    }
}

/// The defaults of the original; only the most likely curve, and no year in two weeks of history.
fn options() -> ProphetOptions {
    ProphetOptions {
        uncertainty_samples: 0,
        yearly_seasonality: SeasonalityOption::Manual(false),
        ..ProphetOptions::default()
    }
}

fn seconds(at: Timestamp) -> i64 {
    at.0.div_euclid(1_000_000)
}

fn failed(why: impl fmt::Display) -> Unfit {
    Unfit::Failed(why.to_string())
}

#[cfg(test)]
mod tests;
