//! Effects of settings on metrics, from watched changes (dependencies.md, 10).
//!
//! Every change is an intervention, so the direction is known. Windows in which one setting moved are
//! pooled by random effects per setting, metric and setup, of which the class of the work is a part; and
//! over all work, for whatever work could not be told. Windows in which several moved only split the
//! credit, are marked, and say next to nothing. An effect never becomes an edge between settings.

mod ask;
mod levels;
mod modify;
mod pooled;

#[cfg(test)]
mod tests;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use backstay_model::name::EngineKind;
use backstay_model::{ChangeSetId, MetricName, SettingName, TargetId, Timestamp, WorkClass};
use serde::{Deserialize, Serialize};

pub use self::ask::{Asked, NEIGHBOURS_MAX, Q, QUESTIONS_MAX};
pub use self::levels::Levels;
pub use self::modify::{
    CELL_MIN, CORRELATION_MAX, Cells, Exposure, Modification, Question, Together, WORKLOADS_MIN,
    answer,
};
pub use self::pooled::{
    Estimated, LEVEL, LOG_E_FROM, PUBLISH_FROM, Published, Purity, SPREAD, Unpublished, strongest,
};

use crate::belief::{EFFECT_HALF_LIFE, faded};
use crate::stats::linear::{Observed, ridge};
use crate::stats::meta::{Estimate, log_e_value, pool};

/// Windows kept per setting, metric and setup, at most; the oldest go. As many, the newest, are pooled over
/// all work.
const WINDOWS_MAX: usize = 128;
/// Settings moved in one window, beyond which nothing can be told from it.
const JOINT_MAX: usize = 8;
/// Standard deviation of effects per doubling that is expected beforehand, in natural logarithms;
/// what shrinks shared credit.
const PRIOR_SD: f64 = 0.3;
/// Movements of a setting smaller than this share of a doubling tell nothing about a doubling.
const DOSE_MIN: f64 = 0.05;

/// Where effects may be compared. A change of any of it is a change of regime, and cuts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Setup {
    /// Engine.
    pub engine: EngineKind,
    /// Major version.
    pub major: u32,
    /// Class of the hardware, as the measurer calls it; empty when unknown.
    pub hardware: String,
    /// Class of the work; [`WorkClass::Unknown`] in a window when it could not be told, and in a
    /// [`Subject`] for all work, whatever its class.
    pub work: WorkClass,
}

/// Effect of what, on what, where.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Subject {
    /// The setting that moves.
    pub setting: SettingName,
    /// The metric that it moves.
    pub metric: MetricName,
    /// Where.
    pub setup: Setup,
}

impl Subject {
    /// The same in another class of work; [`WorkClass::Unknown`] for all work.
    #[must_use]
    pub fn at_work(&self, work: WorkClass) -> Self {
        let mut other = self.clone();
        other.setup.work = work;
        other
    }
}

/// One watched change set.
#[derive(Clone, PartialEq, Debug)]
pub struct Watched {
    /// Which.
    pub change_set: ChangeSetId,
    /// When it took effect.
    pub at: Timestamp,
    /// On which target.
    pub target: TargetId,
    /// Where.
    pub setup: Setup,
    /// Settings that moved in the window, by any change set, and how far: doublings for numbers
    /// (negative for halvings), 1 for switched on, −1 for switched off.
    pub moves: Vec<(SettingName, f64)>,
    /// What it did to metrics, after control for what moved without it: natural logarithm of after
    /// over before.
    pub measured: Vec<(MetricName, Estimate)>,
}

/// One metric in one window.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Window {
    at: Timestamp,
    target: TargetId,
    moves: Vec<(SettingName, f64)>,
    estimate: Estimate,
}

/// Windows of one metric in one setup.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
struct Cell {
    alone: BTreeMap<SettingName, BTreeMap<ChangeSetId, Window>>,
    joint: BTreeMap<ChangeSetId, Window>,
    /// The setting under which each window in `alone` is kept.
    under: BTreeMap<ChangeSetId, SettingName>,
}

/// All windows, by setup and metric. The same windows give the same effects in any order, as long as
/// none was too old to be kept.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Effects {
    cells: BTreeMap<(Setup, MetricName), Cell>,
}

impl Effects {
    /// Takes a watched change set; the same one again replaces what was said before. Returns whose
    /// effects may have moved: in its class of work, and with that over all work.
    pub fn observe(&mut self, watched: &Watched) -> Vec<Subject> {
        let moves = moves(&watched.moves);
        let telling = !moves.is_empty() && moves.len() <= JOINT_MAX;
        let mut touched = Vec::new();
        for (metric, estimate) in &watched.measured {
            let key = (watched.setup.clone(), metric.clone());
            self.forget(&key, watched.change_set);
            if !telling || !estimate.usable() {
                continue;
            }
            let window = Window {
                at: watched.at,
                target: watched.target.clone(),
                moves: moves.clone(),
                estimate: *estimate,
            };
            let cell = self.cells.entry(key).or_default();
            cell.put(watched.change_set, window);
            touched.extend(moves.iter().map(|(setting, _)| Subject {
                setting: setting.clone(),
                metric: metric.clone(),
                setup: watched.setup.clone(),
            }));
        }
        touched
    }

    /// Forgets what was said of a change set, whatever class of work was told then.
    fn forget(&mut self, (setup, metric): &(Setup, MetricName), id: ChangeSetId) {
        for work in WorkClass::ALL {
            let setup = Setup {
                work,
                ..setup.clone()
            };
            if let Some(cell) = self.cells.get_mut(&(setup, metric.clone())) {
                cell.forget(id);
            }
        }
    }

    /// The cells that tell of `subject`: the one of its class of work; for all work those of each class.
    fn cells_of(&self, subject: &Subject) -> Vec<&Cell> {
        let own = [subject.setup.work];
        let classes = match subject.setup.work {
            WorkClass::Unknown => WorkClass::ALL.as_slice(),
            _ => own.as_slice(),
        };
        let of = |work: &WorkClass| {
            let key = (subject.at_work(*work).setup, subject.metric.clone());
            self.cells.get(&key)
        };
        classes.iter().filter_map(of).collect()
    }

    /// What `subject` is estimated to do at `at`: from windows in which its setting moved alone when
    /// there are three, else from shared ones too, marked so. `None` without any window.
    #[must_use]
    pub fn estimate(&self, subject: &Subject, at: Timestamp) -> Option<Estimated> {
        let cells = self.cells_of(subject);
        let setting = &subject.setting;
        let alone = newest(cells.iter().flat_map(|c| c.alone_of(setting)));
        let shared: Vec<&Window> = cells.iter().flat_map(|c| c.joint_with(setting)).collect();
        if alone.len() < PUBLISH_FROM && !shared.is_empty() {
            return split(&cells, subject, &shared, at);
        }
        let last = alone.iter().map(|w| w.at).max()?;
        let each = |estimate: &dyn Fn(&Window) -> Estimate| -> Vec<Estimate> {
            let all = alone.iter().map(|w| w.per_doubling(estimate(w)));
            all.flatten().collect()
        };
        let (plain, fading) = (each(&|w| w.estimate), each(&|w| w.faded(at)));
        Some(Estimated {
            subject: subject.clone(),
            pooled: pool(&fading)?,
            log_e: log_e_value(&plain, SPREAD),
            plain,
            purity: Purity::Alone,
            last,
        })
    }

    /// What the setting of `touched` is estimated to do to its metric: in each class of work that was told,
    /// and last over all work. Where all of it was one class the two rest on the same windows.
    #[must_use]
    pub fn strata(&self, touched: &Subject, at: Timestamp) -> Vec<Estimated> {
        let told = WorkClass::ALL.into_iter().filter(WorkClass::told);
        let mut strata: Vec<Estimated> = told
            .filter_map(|work| self.estimate(&touched.at_work(work), at))
            .collect();
        let all = touched.at_work(WorkClass::Unknown);
        let untold = (all.setup.clone(), all.metric.clone());
        let untold = self
            .cells
            .get(&untold)
            .is_some_and(|c| c.tells_of(&all.setting));
        match strata.as_slice() {
            [only] if !untold => strata.push(Estimated {
                subject: all,
                ..only.clone()
            }),
            _ => strata.extend(self.estimate(&all, at)),
        }
        strata
    }
}

/// The newest of these windows.
fn newest<'a>(windows: impl Iterator<Item = &'a Window>) -> Vec<&'a Window> {
    let mut windows: Vec<&Window> = windows.collect();
    if windows.len() > WINDOWS_MAX {
        windows.sort_by_key(|w| std::cmp::Reverse(w.at));
        windows.truncate(WINDOWS_MAX);
    }
    windows
}

/// Splits the credit of shared windows by ridge regression on how far each setting moved.
fn split(
    cells: &[&Cell],
    subject: &Subject,
    shared: &[&Window],
    at: Timestamp,
) -> Option<Estimated> {
    let moved = shared.iter().flat_map(|w| &w.moves).map(|(s, _)| s);
    let columns: Vec<&SettingName> = moved.collect::<BTreeSet<_>>().into_iter().collect();
    let alone = cells
        .iter()
        .flat_map(|c| columns.iter().flat_map(|s| c.alone_of(s)));
    let rows: Vec<Observed> = shared
        .iter()
        .copied()
        .chain(alone)
        .map(|w| row(w, w.faded(at), &columns))
        .collect();
    let fit = ridge(&rows, PRIOR_SD)?;
    let place = columns.iter().position(|s| **s == subject.setting)?;
    let estimate = Estimate {
        d: fit.coefficients[place],
        se: fit.errors[place],
    };
    Some(Estimated {
        subject: subject.clone(),
        pooled: pool(&[estimate])?,
        log_e: log_e_value(&[estimate], SPREAD),
        plain: vec![estimate],
        purity: Purity::Confounded,
        last: shared.iter().map(|w| w.at).max()?,
    })
}

/// Settings once each, those that moved far enough, in order.
fn moves(moves: &[(SettingName, f64)]) -> Vec<(SettingName, f64)> {
    let mut sums: BTreeMap<&SettingName, f64> = BTreeMap::new();
    for (setting, dose) in moves {
        *sums.entry(setting).or_default() += dose;
    }
    let far = sums.into_iter();
    far.filter(|(_, dose)| dose.is_finite() && dose.abs() >= DOSE_MIN)
        .map(|(setting, dose)| (setting.clone(), dose))
        .collect()
}

impl Window {
    /// What `estimate` is for one doubling, when one setting moved.
    fn per_doubling(&self, estimate: Estimate) -> Option<Estimate> {
        let [(_, dose)] = self.moves.as_slice() else {
            return None;
        };
        Some(Estimate {
            d: estimate.d / dose,
            se: estimate.se / dose.abs(),
        })
    }

    /// The estimate with the weight that is left of it: half after 180 days.
    fn faded(&self, at: Timestamp) -> Estimate {
        let left = faded(at.since(self.at), EFFECT_HALF_LIFE).max(f64::MIN_POSITIVE);
        Estimate {
            d: self.estimate.d,
            se: self.estimate.se / left.sqrt(),
        }
    }
}

impl Cell {
    fn forget(&mut self, id: ChangeSetId) {
        self.joint.remove(&id);
        let Some(setting) = self.under.remove(&id) else {
            return;
        };
        if let Entry::Occupied(mut windows) = self.alone.entry(setting) {
            windows.get_mut().remove(&id);
            if windows.get().is_empty() {
                windows.remove();
            }
        }
    }

    fn put(&mut self, id: ChangeSetId, window: Window) {
        let windows = match window.moves.as_slice() {
            [(setting, _)] => {
                self.under.insert(id, setting.clone());
                self.alone.entry(setting.clone()).or_default()
            }
            _ => &mut self.joint,
        };
        windows.insert(id, window);
        if windows.len() > WINDOWS_MAX {
            let oldest = windows.iter().min_by_key(|(id, w)| (w.at, *id));
            let oldest = oldest.map(|(id, _)| *id);
            if let Some(id) = oldest {
                windows.remove(&id);
                self.under.remove(&id);
            }
        }
    }

    fn alone_of(&self, setting: &SettingName) -> impl Iterator<Item = &Window> {
        self.alone.get(setting).into_iter().flat_map(|w| w.values())
    }

    fn joint_with<'a>(&'a self, setting: &SettingName) -> impl Iterator<Item = &'a Window> {
        let moved = move |w: &&Window| w.moves.iter().any(|(s, _)| s == setting);
        self.joint.values().filter(moved)
    }

    fn tells_of(&self, setting: &SettingName) -> bool {
        self.alone.contains_key(setting) || self.joint_with(setting).next().is_some()
    }
}

fn row(window: &Window, estimate: Estimate, columns: &[&SettingName]) -> Observed {
    let dose = |column: &&SettingName| {
        let of = window.moves.iter().find(|(s, _)| s == *column);
        of.map_or(0.0, |(_, dose)| *dose)
    };
    Observed {
        x: columns.iter().map(dose).collect(),
        y: estimate.d,
        se: estimate.se,
    }
}
