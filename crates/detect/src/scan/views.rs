//! Ways of looking at the bins since a change, and what each counts.

/// Window lengths in bins; a shift of δ standard deviations is found after about (h/δ)² bins.
pub(crate) const WINDOWS: [usize; 7] = [3, 5, 10, 20, 40, 80, 120];
/// How many of the window lengths look at the spread as well: single bins are all spread.
pub(super) const WIDE: usize = 4;
/// What each window counts before its own noise is known: the shipped maxima were made with these.
pub(super) const PLAIN: PerWindow = [1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
/// Share of harmless windows that stay below one in a way of looking that was weighed.
const USUAL: f64 = 0.9;
/// Shortest window in which jumps are counted, and what they count beside sums.
const JUMPS_MIN: usize = 80;
const JUMPS_COUNT: f64 = 0.9;
/// Repetitions in a row that are nothing yet, however restless the values were before.
const STILL_MIN: f64 = 8.0;

/// One number for each of [`WINDOWS`], then one for the spread in each of the [`WIDE`] longest of them.
pub(super) type PerWindow = [f64; WINDOWS.len() + WIDE];
/// One number for each of the [`WIDE`] longest windows: how far values jump from one to the next.
pub(super) type Jumps = [f64; WIDE];

/// One number for each way of looking: a maximum, or what it counts.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Views {
    /// Sums of clipped residuals, and their spread.
    pub(super) windows: PerWindow,
    /// Jumps from one value to the next.
    pub(super) jumps: Jumps,
    /// The sum of a few residuals that are not clipped.
    pub(super) large: f64,
    /// Repetitions of one value in a row.
    pub(super) still: f64,
}

impl Views {
    /// The largest of these maxima, each by what it counts.
    pub(crate) fn largest(&self, weights: &Self) -> f64 {
        let windows = self.windows.iter().zip(&weights.windows);
        let jumps = self.jumps.iter().zip(&weights.jumps);
        let rare = [(&self.large, &weights.large), (&self.still, &weights.still)];
        let all = windows.chain(jumps).chain(rare);
        all.map(|(max, weight)| max * weight).fold(0.0, f64::max)
    }
}

/// Weights under which every way of looking is as likely to reach one in a harmless window: slow noise
/// fills the long windows, and would hide a short effect. `harmless` are the maxima of such windows of
/// `horizon` bins. A window length that does not fit into them has no say; where nothing ever moved,
/// whatever moves is told.
pub(crate) fn weights(harmless: &[Views], horizon: usize) -> Views {
    let of = |place: &dyn Fn(&Views) -> f64, fits: bool| {
        let mut maxima: Vec<f64> = harmless.iter().map(place).collect();
        maxima.sort_by(f64::total_cmp);
        let unmoved = if fits { 1.0 } else { 0.0 };
        usual(&maxima).map_or(unmoved, |size| 1.0 / size)
    };
    let jumps = |i: usize| {
        let bins = length(WINDOWS.len() + i);
        // Jumps over few rows are chance, and a view more costs all others some of their sight.
        if bins < JUMPS_MIN {
            return 0.0;
        }
        JUMPS_COUNT * of(&|m| m.jumps[i], bins <= horizon)
    };
    Views {
        windows: std::array::from_fn(|i| of(&|m| m.windows[i], length(i) <= horizon)),
        jumps: std::array::from_fn(jumps),
        large: of(&|m| m.large, super::LARGE_BINS <= horizon),
        still: of(&|m| m.still, true).min(1.0 / STILL_MIN),
    }
}

/// What most harmless windows stay below, by their ascending maxima: the largest where most are zero, `None`
/// where nothing ever moved.
fn usual(maxima: &[f64]) -> Option<f64> {
    let usual = crate::stats::quantile_sorted(maxima, USUAL);
    let most = maxima.last().copied();
    [usual, most].into_iter().flatten().find(|m| *m > 0.0)
}

/// Bins of the window at a place of [`PerWindow`].
pub(super) const fn length(place: usize) -> usize {
    if place < WINDOWS.len() {
        WINDOWS[place]
    } else {
        WINDOWS[place - WIDE]
    }
}
