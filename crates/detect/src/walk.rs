//! The centre line of a whole recorded series by a model: fitted again and again on what came before,
//! never on anything later.

use backstay_model::{Span, Timestamp};

use crate::baseline::{Baseline, Unfit};
use crate::clock::Clock;
use crate::residual::{LEVEL_BINS, Point, SCALE_SPAN};
use crate::stats;

/// Fits made for one series; what is older has no line.
const FITS_MAX: usize = 14;

/// Where and when a line is drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) step: Span,
    pub(crate) changed_at: Timestamp,
    /// By which models know the time of day.
    pub(crate) clock: &'a Clock,
}

/// The line of `baseline` below `points` (transformed, in order of time), for a change.
///
/// The newest fit stands so long before the change that level and scale are frozen on values it has
/// not seen, and it serves for all that follows. Earlier fits stand whole periods of
/// [`crate::baseline::Needs::keeps`] before it.
///
/// # Errors
/// [`Unfit`] when the newest fit is refused; when an older one is, the line begins later.
pub(crate) fn line(
    baseline: &dyn Baseline,
    points: &[Point],
    scene: &Scene<'_>,
) -> Result<Vec<Point>, Unfit> {
    let (step, changed_at) = (scene.step, scene.changed_at);
    let lead = Span((LEVEL_BINS as i64 * step.0).max(SCALE_SPAN.0));
    let keeps = baseline.needs().keeps.0.max(2 * lead.0);
    let mut pieces = Vec::new();
    let mut until = points.len();
    for fit in 0..FITS_MAX as i64 {
        let origin = changed_at - Span(lead.0 + fit * keeps);
        match piece(baseline, points, scene, (origin, until)) {
            Ok((from, piece)) => {
                pieces.push(piece);
                until = from;
            }
            Err(why) if fit == 0 => return Err(why),
            Err(_) => break,
        }
    }
    pieces.reverse();
    Ok(pieces.concat())
}

/// The line from `origin` to the point `until`, fitted on what came before `origin`; and its first
/// point's place.
fn piece(
    baseline: &dyn Baseline,
    points: &[Point],
    scene: &Scene<'_>,
    (origin, until): (Timestamp, usize),
) -> Result<(usize, Vec<Point>), Unfit> {
    let needs = baseline.needs();
    let from = points.partition_point(|p| p.at < origin);
    let oldest = points.partition_point(|p| p.at < origin - needs.reach);
    let grain = Span(needs.grain.0.max(scene.step.0));
    let pre = binned(&points[oldest..from], grain, scene.clock);
    needs.met_by(&pre)?;
    let fitted = baseline.fit(&pre)?;
    let at: Vec<Timestamp> = points[from..until].iter().map(|p| p.at).collect();
    let shown: Vec<Timestamp> = at.iter().map(|t| scene.clock.shows(*t)).collect();
    let line = fitted.predict(&shown)?;
    if line.len() != at.len() || line.iter().any(|v| !v.is_finite()) {
        return Err(Unfit::Failed("its line has holes".into()));
    }
    let joined = at.into_iter().zip(line);
    let piece = joined.map(|(at, value)| Point { at, value }).collect();
    Ok((from, piece))
}

/// One point for each `grain` of the clock's time that holds any: in its middle, their median. An hour
/// that the clock shows twice is joined.
fn binned(points: &[Point], grain: Span, clock: &Clock) -> Vec<Point> {
    let slot = |p: &Point| p.at.0.div_euclid(grain.0.max(1));
    let mut shown: Vec<Point> = points
        .iter()
        .map(|p| Point {
            at: clock.shows(p.at),
            ..*p
        })
        .collect();
    shown.sort_by_key(|p| p.at);
    shown
        .chunk_by(|a, b| slot(a) == slot(b))
        .filter_map(|same| {
            let mut values: Vec<f64> = same.iter().map(|p| p.value).collect();
            Some(Point {
                at: Timestamp(slot(same.first()?) * grain.0 + grain.0 / 2),
                value: stats::median_mut(&mut values)?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::{BaselineId, Cost, Needs};
    use crate::baseline::{DAY, Fitted, SeasonalMedian};

    const MINUTE: Span = Span::from_secs(60);

    static UTC: Clock = Clock::utc();

    fn scene(changed_at: Timestamp) -> Scene<'static> {
        Scene {
            step: MINUTE,
            changed_at,
            clock: &UTC,
        }
    }

    fn points(minutes: i64) -> Vec<Point> {
        (0..minutes)
            .map(|m| Point {
                at: Timestamp(m * MINUTE.0),
                value: (m as f64 / 1440.0 * std::f64::consts::TAU).sin() + m as f64 * 1e-5,
            })
            .collect()
    }

    #[test]
    fn the_future_never_changes_the_line() {
        let whole = points(7 * 1440);
        let changed_at = whole[6 * 1440].at;
        let long = line(&SeasonalMedian, &whole, &scene(changed_at)).unwrap();
        for cut in [6 * 1440 + 1, 6 * 1440 + 60, 5 * 1440] {
            let short = line(&SeasonalMedian, &whole[..cut], &scene(changed_at)).unwrap();
            assert_eq!(short[..], long[..short.len()]);
        }
        let mut other = whole.clone();
        other[6 * 1440..].iter_mut().for_each(|p| p.value = 9.0);
        assert_eq!(
            line(&SeasonalMedian, &other, &scene(changed_at)).unwrap(),
            long
        );
    }

    #[test]
    fn the_line_begins_when_the_need_is_met_and_a_short_history_is_refused() {
        let whole = points(7 * 1440);
        let changed_at = whole[6 * 1440].at;
        let line = line(&SeasonalMedian, &whole, &scene(changed_at)).unwrap();
        // Fits stand six hours before the change and days before that; the oldest has two days.
        assert_eq!(line[0].at, changed_at - Span(3 * DAY.0 + 6 * 60 * MINUTE.0));
        let early = whole[2 * 1440].at;
        assert_eq!(
            super::line(&SeasonalMedian, &whole, &scene(early))
                .unwrap_err()
                .to_string(),
            "1.7 days of history, it needs 2"
        );
    }

    /// Says how many values it saw, and predicts what it is told to.
    #[derive(Debug)]
    struct Told(f64);

    impl Baseline for Told {
        fn id(&self) -> BaselineId {
            BaselineId("told-1".into())
        }
        fn needs(&self) -> Needs {
            SeasonalMedian.needs()
        }
        fn cost(&self) -> Cost {
            Cost::Hot
        }
        fn fit(&self, pre: &[Point]) -> Result<Box<dyn Fitted>, Unfit> {
            assert!(pre.len() <= 7 * 288 + 1, "{} values", pre.len());
            Ok(Box::new(Self(self.0)))
        }
    }

    impl Fitted for Told {
        fn predict(&self, at: &[Timestamp]) -> Result<Vec<f64>, Unfit> {
            Ok(vec![self.0; at.len()])
        }
    }

    #[test]
    fn a_line_that_is_no_number_is_refused_and_values_are_joined_first() {
        let whole = points(9 * 1440);
        let at = whole[8 * 1440].at;
        assert!(line(&Told(1.0), &whole, &scene(at)).is_ok());
        let why = line(&Told(f64::NAN), &whole, &scene(at)).unwrap_err();
        assert_eq!(why, Unfit::Failed("its line has holes".into()));
    }
}
