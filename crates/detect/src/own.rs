//! Placebo windows of a recorded column: the same frame, line and scan at the moments before the
//! change, so that its own past says what a harmless window looks like.

use crate::baseline::{Centre, Flat};
use crate::choice::Chosen;
use crate::placebo::{self, Bank, PLACEBOS_MAX, Placebo};
use crate::residual::{Form, Point};
use crate::scan::{self, Views};
use crate::stats;
use crate::track::{PRE_BINS, Track};

/// Rows before a pseudo-change: the level takes the newest 60 of them, the scale all.
const WINDOW_PRE: usize = 360;
/// Fewest pseudo-changes that judge anything: fewer never say that something is rare.
const PLACEBOS_MIN: usize = 25;

/// A column up to the end of the horizon, and where the change cuts it.
pub(crate) struct Past<'a> {
    blank: &'a Track,
    form: Form,
    chosen: &'a Chosen,
    points: Vec<Point>,
    /// Rows before the change.
    split: usize,
    /// Rows since.
    horizon: usize,
}

impl<'a> Past<'a> {
    /// `points` before and since the change, of which the rows before `split` come before it. Only
    /// points that the line covers take part. `None` when there are none before the change.
    pub(crate) fn new(
        (blank, form, chosen): (&'a Track, Form, &'a Chosen),
        points: &[Point],
        split: usize,
    ) -> Option<Self> {
        let last = points.get(split.checked_sub(1)?)?.at;
        let horizon = points.len() - split;
        let covered: Vec<Point> = match &chosen.line {
            Some(line) => {
                let on = |p: &&Point| line.binary_search_by_key(&p.at, |l| l.at).is_ok();
                points.iter().filter(on).copied().collect()
            }
            None => points.to_vec(),
        };
        let split = covered.partition_point(|p| p.at <= last);
        Some(Self {
            blank,
            form,
            chosen,
            points: covered,
            split,
            horizon: horizon.max(1),
        })
    }

    /// The track of the change and the bank of the windows before it; `None` when those are too few.
    pub(crate) fn calibrated(&self) -> Option<(Track, Bank)> {
        let stride = (self.horizon / 2).max(1);
        let latest = self.split.checked_sub(self.horizon)?;
        let count = (latest.checked_sub(PRE_BINS)? / stride + 1).min(PLACEBOS_MAX);
        if count < PLACEBOS_MIN {
            return None;
        }
        let places = (0..count).rev().map(|back| latest - back * stride);
        let frozen: Vec<(usize, Track)> = places
            .map(|at| (at, self.frozen(at, at + self.horizon)))
            .collect();
        let typical = typical(frozen.iter().map(|(_, track)| track))?;
        let windows: Vec<(Placebo, Views)> = frozen
            .into_iter()
            .filter_map(|(at, track)| self.window(at, track, typical))
            .collect();
        if windows.len() < PLACEBOS_MIN {
            return None;
        }
        let maxima: Vec<Views> = windows.iter().map(|w| w.1).collect();
        let mut track = self.frozen(self.split, self.points.len());
        let baseline = self.settle(&mut track, self.split, typical)?;
        let weights = scan::weights(&maxima, self.horizon);
        let mut bank = Bank::default();
        for (placebo, maxima) in windows {
            let max = maxima.largest(&weights);
            bank.insert(&baseline, Placebo { max, ..placebo });
        }
        bank.level(0.5)?;
        bank.inflate();
        track.scan = track.scan.weighed(&weights);
        Some((track, bank))
    }

    /// A pseudo-change before the row `at`.
    fn window(&self, at: usize, mut track: Track, typical: f64) -> Option<(Placebo, Views)> {
        self.settle(&mut track, at, typical)?;
        let until = at + self.horizon;
        let horizon = &self.points[at..until];
        let placebo = placebo::scanned(&mut track, horizon)?;
        Some((placebo, track.scan.maxima()))
    }

    /// Puts the track, frozen at the row `at`, on the usual scale of all; the name of its baseline.
    fn settle(&self, track: &mut Track, at: usize, typical: f64) -> Option<String> {
        let frame = track.frame.as_mut()?;
        frame.settled(typical);
        let pre = &self.points[at.saturating_sub(WINDOW_PRE)..at];
        let (size, jump) = frame.usual_scatter(pre);
        track.scan = track.scan.clone().scattering(size, jump);
        Some(frame.baseline())
    }

    fn frozen(&self, at: usize, until: usize) -> Track {
        let from = at.saturating_sub(WINDOW_PRE);
        let centre = match &self.chosen.line {
            Some(line) => {
                let place = |row: usize| {
                    let moment = self.points.get(row).map(|p| p.at);
                    moment.map_or(line.len(), |at| line.partition_point(|l| l.at < at))
                };
                Centre::Line {
                    id: self.chosen.below.id.clone(),
                    line: line[place(from)..place(until)].to_vec(),
                }
            }
            None => Centre::Flat(Flat),
        };
        let pre = &self.points[from..at];
        self.blank.clone().freeze_around(pre, self.form, centre)
    }
}

/// The usual scale of tracks.
fn typical<'t>(tracks: impl Iterator<Item = &'t Track>) -> Option<f64> {
    let scales: Vec<f64> = tracks
        .filter_map(|t| t.frame.as_ref())
        .map(|f| f.scale)
        .collect();
    stats::median(&scales)
}
