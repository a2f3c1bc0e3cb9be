//! Which baseline lies below a recorded column: the one that was asked for, or the one that would
//! have predicted the time before the change best.

mod backtest;

use std::fmt;

use crate::baseline::{Baseline, BaselineId, Flat, SeasonalMedian, Unfit};
use crate::cycle;
use crate::residual::Point;
use crate::season;
use crate::walk::{self, Scene};
pub use backtest::Loss;

/// Share by which a challenger must beat the seasonal median, at both quantiles.
const BETTER: f64 = 0.05;

/// How baselines are picked.
#[derive(Debug)]
pub enum Choice<'a> {
    /// The seasonal median wherever the history allows it.
    Seasonal,
    /// This one wherever the history allows it.
    Asked(&'a dyn Baseline),
    /// For each column the best of these, of the seasonal median and of no season at all, by a
    /// back-test on the time before the change.
    Best(Vec<&'a dyn Baseline>),
}

/// The baseline below one column.
#[derive(Clone, PartialEq, Debug)]
pub struct Below {
    /// Which.
    pub id: BaselineId,
    /// Why this one.
    pub why: Why,
    /// What the back-test said of each candidate, in the order in which they were tried; empty
    /// without one.
    pub tried: Vec<Tried>,
}

/// Why a baseline lies below a column.
#[derive(Clone, PartialEq, Debug)]
pub enum Why {
    /// It was asked for, or is the default.
    Asked,
    /// It was at least 5 % better than the seasonal median in the back-test.
    Better,
    /// None was 5 % better.
    NoneBetter,
    /// The one that was asked for could not be fitted.
    Refused(Unfit),
    /// The line of this one begins too late for placebo windows around it.
    BeginsLate(BaselineId),
    /// There are too few values for placebo windows around any line.
    TooFew,
}

/// A candidate of the back-test.
#[derive(Clone, PartialEq, Debug)]
pub struct Tried {
    /// Which.
    pub id: BaselineId,
    /// Its loss, or why it has none.
    pub loss: Result<Loss, Unfit>,
}

/// A choice and its line, `None` without a season.
pub(crate) struct Chosen {
    pub(crate) below: Below,
    pub(crate) line: Option<Vec<Point>>,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => f.write_str("as asked"),
            Self::Better => f.write_str("best in the back-test"),
            Self::NoneBetter => f.write_str("nothing else was 5 % better in the back-test"),
            Self::Refused(why) => write!(f, "the one asked for was refused: {why}"),
            Self::BeginsLate(id) => write!(
                f,
                "the line of {id} begins too late for windows without a change around it"
            ),
            Self::TooFew => f.write_str("too few rows before the change for another"),
        }
    }
}

impl Choice<'_> {
    /// The line below `points` (transformed, in order of time).
    pub(crate) fn below(&self, points: &[Point], scene: &Scene<'_>) -> Chosen {
        match self {
            Self::Seasonal => seasonal(points, scene, Why::Asked),
            Self::Asked(baseline) => match walk::line(*baseline, points, scene) {
                Ok(line) => Chosen::of(baseline.id(), Why::Asked, Some(line)),
                Err(why) => seasonal(points, scene, Why::Refused(why)),
            },
            Self::Best(challengers) => best(challengers, points, scene),
        }
    }
}

impl Chosen {
    /// The seasonal median instead of another line, which leaves too few windows.
    pub(crate) fn instead(&self, points: &[Point], scene: &Scene<'_>) -> Option<Self> {
        if self.line.is_none() || self.below.id == SeasonalMedian.id() {
            return None;
        }
        let chosen = seasonal(points, scene, Why::BeginsLate(self.below.id.clone()));
        chosen.line.is_some().then(|| Self {
            below: Below {
                tried: self.below.tried.clone(),
                ..chosen.below
            },
            ..chosen
        })
    }

    /// The day before alone, where a line of more days leaves too few windows.
    pub(crate) fn yesterday(&self, points: &[Point], scene: &Scene<'_>) -> Option<Self> {
        let line = season::yesterday(points, scene.step, scene.clock);
        (!line.is_empty()).then(|| self.by(season::yesterday_id(), Some(line)))
    }

    /// No season at all.
    pub(crate) fn flat(&self) -> Self {
        self.by(Flat.id(), None)
    }

    /// Another line, for want of windows on this one.
    fn by(&self, id: BaselineId, line: Option<Vec<Point>>) -> Self {
        let why = match &self.below.why {
            refused @ Why::Refused(_) => refused.clone(),
            asked if self.line.is_none() => asked.clone(),
            _ => Why::TooFew,
        };
        let tried = self.below.tried.clone();
        Self {
            below: Below { id, why, tried },
            line,
        }
    }

    /// The same line with the cycle above it that repeats within hours; `None` where there is none, or
    /// where a model was asked for, which knows its own.
    pub(crate) fn cyclic(
        &self,
        points: &[Point],
        horizon: usize,
        scene: &Scene<'_>,
    ) -> Option<Self> {
        let ours = [SeasonalMedian.id(), season::yesterday_id(), Flat.id()];
        if !ours.contains(&self.below.id) {
            return None;
        }
        let cycle = cycle::above(points, self.line.as_deref(), horizon, scene)?;
        let period = cycle.period.as_secs_f64();
        let id = BaselineId(format!("{}+cycle-{period:.0}s", self.below.id));
        Some(Self {
            below: Below {
                id,
                ..self.below.clone()
            },
            line: Some(cycle.line),
        })
    }

    fn of(id: BaselineId, why: Why, line: Option<Vec<Point>>) -> Self {
        let tried = Vec::new();
        Self {
            below: Below { id, why, tried },
            line,
        }
    }
}

/// The seasonal median, or no season when the history is short.
fn seasonal(points: &[Point], scene: &Scene<'_>, why: Why) -> Chosen {
    let split = points.partition_point(|p| p.at < scene.changed_at);
    if season::long_enough(&points[..split]) {
        let line = season::newest_line(points, scene.step, scene.clock);
        if !line.is_empty() {
            return Chosen::of(SeasonalMedian.id(), why, Some(line));
        }
    }
    let why = match why {
        // Nobody asks for a line without a season: it is what is left.
        Why::Asked => Why::TooFew,
        told => told,
    };
    Chosen::of(Flat.id(), why, None)
}

/// The winner of a back-test against the seasonal median.
fn best(challengers: &[&dyn Baseline], points: &[Point], scene: &Scene<'_>) -> Chosen {
    let usual = seasonal(points, scene, Why::NoneBetter);
    let Some(usual_line) = usual.line else {
        return Chosen::of(usual.below.id, Why::TooFew, None);
    };
    let none = usual_line.iter().map(|p| Point { value: 0.0, ..*p });
    let mut lines = vec![
        (usual.below.id, Ok(usual_line.clone())),
        (Flat.id(), Ok(none.collect())),
    ];
    lines.extend(
        challengers
            .iter()
            .map(|b| (b.id(), walk::line(*b, points, scene))),
    );
    let split = points.partition_point(|p| p.at < scene.changed_at);
    let tried = backtest::run(&lines, &points[..split]);
    let place = winner(&tried);
    let (id, line) = lines.swap_remove(place);
    let why = if place == 0 {
        Why::NoneBetter
    } else {
        Why::Better
    };
    Chosen {
        below: Below { id, why, tried },
        line: line.ok(),
    }
}

/// The place of the winner; the first one is the champion.
fn winner(tried: &[Tried]) -> usize {
    let Some(Ok(usual)) = tried.first().map(|t| &t.loss) else {
        return 0;
    };
    let share = |t: &Tried| {
        let loss = t.loss.as_ref().ok()?;
        let (middle, upper) = (loss.middle / usual.middle, loss.upper / usual.upper);
        (middle <= 1.0 - BETTER && upper <= 1.0 - BETTER).then_some(middle + upper)
    };
    let shares = tried.iter().enumerate().skip(1);
    shares
        .filter_map(|(i, t)| Some((i, share(t)?)))
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .map_or(0, |(i, _)| i)
}

#[cfg(test)]
mod tests;
