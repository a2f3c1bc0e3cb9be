//! The time of day, where too few days tell the season: an edge of the day is no harm, and with less than
//! two days before the change nothing says when edges are.

use backstay_model::metric::Worse;
use backstay_model::{Span, Timestamp};

use super::{Column, Terms};
use crate::evidence::Evidence;
use crate::onset;
use crate::residual::Form;
use crate::season;
use crate::stats;
use crate::track::Track;

/// Rows since the change over less time than this see no edge of a day.
const EDGE: Span = Span::from_secs(20 * 60);
/// Newest rows whose move is compared, and the rows before the change from which they moved.
const NEWEST: usize = 10;
const BEFORE: usize = 60;
/// Fewest rows that tell a move.
const ROWS_MIN: usize = 5;
/// Share of a move that another one must have to be its like.
const ALIKE: f64 = 0.5;
/// Share of what there is now that an abrupt change shows soon.
const AT_ONCE: f64 = 0.75;
/// In how much time, and in how many rows at least, a change shows what it does; the edge of a day takes
/// longer.
const ABRUPT: Span = Span::from_secs(600);
const ABRUPT_ROWS: usize = 3;

/// What is known of the time of day around a change, of a column without a season.
#[derive(Clone, Copy, Debug)]
pub(super) struct Daytime {
    /// How far it moved at the same time a day earlier, in the scale it is judged on; `None` when nothing
    /// was recorded then.
    yesterday: Option<f64>,
}

impl Daytime {
    /// `None` where the season is known, or no edge of a day can show.
    pub(super) fn of(column: &Column, terms: &Terms<'_>) -> Option<Self> {
        let points = &column.points;
        let split = points.partition_point(|p| p.at < terms.changed_at);
        let (pre, post) = points.split_at(split);
        let (first, last) = (post.first()?, post.last()?);
        if season::long_enough(pre) || last.at.since(first.at) < EDGE {
            return None;
        }
        let form = Form::of(pre, column.floor);
        let earlier = |at: Timestamp| terms.clock.days_before(at, 1);
        let middle = |from: Timestamp, until: Timestamp| {
            let rows = &points[points.partition_point(|p| p.at < from)..];
            let rows = &rows[..rows.partition_point(|p| p.at <= until)];
            let values: Vec<f64> = rows.iter().map(|p| form.of_value(p.value)).collect();
            (values.len() >= ROWS_MIN).then(|| stats::median(&values))?
        };
        let from = |rows: &[crate::residual::Point], newest: usize| {
            Some(rows.get(rows.len().saturating_sub(newest))?.at)
        };
        let was = middle(earlier(from(pre, BEFORE)?), earlier(first.at));
        let is = middle(earlier(from(post, NEWEST)?), earlier(last.at));
        Some(Self {
            yesterday: was.zip(is).map(|(was, is)| is - was),
        })
    }

    /// Whether what a column shows may be the time of day: it moved likewise a day earlier, or, where nobody
    /// knows, it moved slowly.
    pub(super) fn excuses(self, evidence: &Evidence<'_>) -> bool {
        let track = evidence.track;
        let sign = if track.worse == Worse::Down {
            -1.0
        } else {
            1.0
        };
        match self.yesterday {
            Some(moved) => {
                let likewise = sign * moved * evidence.recent.signum();
                likewise >= ALIKE * evidence.recent.abs()
            }
            None => !abrupt(track),
        }
    }
}

/// Whether most of what there is now was there shortly after it began.
fn abrupt(track: &Track) -> bool {
    let post = track.post.all();
    let begins = onset::onset(track).map_or(0, |onset| post.count_early(|at| at < onset.at));
    let rows = post.part(begins, post.len());
    let soon = rows.first().map_or(0, |first| {
        let until = first.at + ABRUPT;
        rows.count_early(|at| at <= until).max(ABRUPT_ROWS)
    });
    let at_once = track.median_distance(rows.oldest(soon));
    let now = track.median_distance(track.newest(NEWEST));
    match at_once.zip(now) {
        Some((at_once, now)) => at_once * now.signum() >= AT_ONCE * now.abs(),
        None => true,
    }
}
