//! The baseline MSTL + ETS: the seasons of a day and a week by decomposition (MSTL), what remains by
//! exponential smoothing (ETS, chosen automatically). Both come from augurs; its `ets` knows no
//! seasons by itself.
//!
//! It knows nothing of how values are judged: it supplies a centre line.
#![deny(missing_docs)]

use augurs_core::{Fit, Predict};
use augurs_ets::AutoETS;
use augurs_mstl::{FittedMSTLModel, MSTLModel};
use backstay_detect::Point;
use backstay_detect::baseline::{
    Baseline, BaselineId, Cost, DAY, Fitted, Grid, Needs, Unfit, as_far_as,
};
use backstay_model::{Span, Timestamp};

/// Days in a week, and weeks that make a weekly season.
const WEEK: usize = 7;
const WEEKS_MIN: usize = 2;
/// Values that make one day at the finest.
const A_DAY: i64 = 288;

/// MSTL with an automatic ETS below it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ets;

/// A fitted [`Ets`].
#[derive(Debug)]
struct FittedEts {
    model: FittedMSTLModel,
    /// The moment after the last value it was fitted on.
    end: Timestamp,
    step: Span,
}

impl Baseline for Ets {
    fn id(&self) -> BaselineId {
        BaselineId("mstl-ets-1".into())
    }

    fn needs(&self) -> Needs {
        Needs {
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
        let grid = Grid::of(pre).ok_or(Unfit::Failed("no even steps".into()))?;
        let a_day = grid.a_day();
        if a_day < 2 {
            return Err(Unfit::Failed("values stand days apart".into()));
        }
        let mut periods = vec![a_day];
        if grid.values.len() >= WEEKS_MIN * WEEK * a_day {
            periods.push(WEEK * a_day);
        }
        let trend = AutoETS::non_seasonal().into_trend_model();
        let model = MSTLModel::new(periods, trend)
            .fit(&grid.values)
            .map_err(|e| Unfit::Failed(e.to_string()))?;
        Ok(Box::new(FittedEts {
            model,
            end: grid.end(),
            step: grid.step,
        }))
    }
}

impl Fitted for FittedEts {
    fn predict(&self, at: &[Timestamp]) -> Result<Vec<f64>, Unfit> {
        let values = self
            .model
            .predict(as_far_as(at, self.end, self.step), None)
            .map_err(|e| Unfit::Failed(e.to_string()))?
            .point;
        let ahead = Grid {
            from: self.end,
            step: self.step,
            values,
        };
        Ok(at.iter().map(|t| ahead.at(*t)).collect())
    }
}

#[cfg(test)]
mod tests;
