//! Which questions of effect modification are asked, and what they rest on (dependencies.md, 10).
//!
//! What is asked follows from what moved and from the structure, never from what was measured: a choice
//! by the outcome would be a test that is not counted.

use std::collections::{BTreeMap, BTreeSet};

use backstay_model::name::EngineKind;
use backstay_model::{MetricName, SettingName, WorkClass};
use serde::{Deserialize, Serialize};

use super::levels::Standing;
use super::modify::{CELL_MIN, Exposure, Modification, Question, Together, answer};
use super::{Effects, Levels, Setup, Window};

/// Share of the answers on one metric that may be false discoveries.
pub const Q: f64 = 0.05;
/// Settings that are asked about beside one setting, at most.
pub const NEIGHBOURS_MAX: usize = 12;
/// Questions of one night, at most.
pub const QUESTIONS_MAX: usize = 2_048;
/// Windows in one class of work from which a setting is asked about: enough for both cells.
const WINDOWS_MIN: usize = 2 * CELL_MIN;

/// Whether `under` modifies what `setting` does to `metric`, as far as the past tells.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Asked {
    /// The engine and major version of the targets.
    pub version: (EngineKind, u32),
    /// The metric.
    pub metric: MetricName,
    /// X, whose effect it is.
    pub setting: SettingName,
    /// Y, which may modify it.
    pub under: SettingName,
    /// The answer.
    pub answer: Modification,
}

/// The settings near another one in a version of an engine, the nearest first: neighbours in the
/// structure, or of the same class of resource.
pub(crate) type Near<'a> = &'a mut dyn FnMut((EngineKind, u32), &SettingName) -> Vec<SettingName>;

/// Of each setting of a version the settings near it that did not stand still.
type Beside<'a> = BTreeMap<((EngineKind, u32), &'a SettingName), Vec<(SettingName, Together)>>;

/// A setting that could be asked about: where, on which metric, and its windows by class of work.
struct Candidate<'a> {
    setup: &'a Setup,
    metric: &'a MetricName,
    setting: &'a SettingName,
    windows: Vec<(WorkClass, &'a Window)>,
}

impl Candidate<'_> {
    fn worth_it(&self) -> bool {
        let of = |work| self.windows.iter().filter(move |(w, _)| *w == work);
        let mut told = WorkClass::ALL.into_iter().filter(WorkClass::told);
        told.any(|work| of(work).count() >= WINDOWS_MIN)
    }

    fn version(&self) -> (EngineKind, u32) {
        (self.setup.engine, self.setup.major)
    }
}

impl Effects {
    /// Asks of every setting and metric with enough windows whether the effect depends on a setting near
    /// it: those with most windows first, each with the nearest [`NEIGHBOURS_MAX`] of the settings that
    /// did not stand still, [`QUESTIONS_MAX`] in all. `standing` says where a setting stands that never
    /// moved.
    #[must_use]
    pub fn ask(&self, levels: &Levels, standing: Standing<'_>, near: Near<'_>) -> Vec<Asked> {
        let mut beside: Beside<'_> = BTreeMap::new();
        let mut by_metric: BTreeMap<&MetricName, Vec<(Candidate<'_>, usize)>> = BTreeMap::new();
        let mut left = QUESTIONS_MAX;
        for candidate in self.candidates() {
            let key = (candidate.version(), candidate.setting);
            let others = beside.entry(key).or_insert_with(|| {
                let mut told = BTreeSet::from([key.1.clone()]);
                let others = near(key.0, key.1).into_iter();
                let others = others.filter(|other| told.insert(other.clone()));
                let with = |other: SettingName| {
                    let together = Together::of(&levels.together(key.1, &other, standing));
                    (other, together)
                };
                let moved = |(_, t): &(SettingName, Together)| t.correlation.is_some();
                others
                    .map(with)
                    .filter(moved)
                    .take(NEIGHBOURS_MAX)
                    .collect()
            });
            let asked = others.len().min(left);
            left -= asked;
            by_metric
                .entry(candidate.metric)
                .or_default()
                .push((candidate, asked));
        }
        let mut all = Vec::new();
        for candidates in by_metric.into_values() {
            let mut questions = Vec::new();
            let mut versions = Vec::new();
            for (candidate, asked) in &candidates {
                let key = (candidate.version(), candidate.setting);
                for (under, together) in &beside[&key][..*asked] {
                    let question = question(candidate, (under, *together), (levels, standing));
                    versions.push(candidate.version());
                    questions.push(question);
                }
            }
            let answers = answer(&questions, Q);
            let told = versions.into_iter().zip(questions).zip(answers);
            all.extend(told.map(|((version, question), answer)| Asked {
                version,
                metric: question.metric,
                setting: question.of,
                under: question.under,
                answer,
            }));
        }
        all
    }

    /// What is worth asking about, most windows first.
    fn candidates(&self) -> Vec<Candidate<'_>> {
        let mut places: BTreeMap<_, Candidate<'_>> = BTreeMap::new();
        for ((setup, metric), cell) in self.cells.iter().filter(|((s, _), _)| s.work.told()) {
            let place = (setup.engine, setup.major, setup.hardware.as_str(), metric);
            for (setting, windows) in &cell.alone {
                let candidate = places.entry((place, setting)).or_insert_with(|| Candidate {
                    setup,
                    metric,
                    setting,
                    windows: Vec::new(),
                });
                let of_class = windows.values().map(|w| (setup.work, w));
                candidate.windows.extend(of_class);
            }
        }
        let all = places.into_values();
        let mut worth: Vec<Candidate<'_>> = all.filter(Candidate::worth_it).collect();
        worth.sort_by_key(|c| std::cmp::Reverse(c.windows.len()));
        worth
    }
}

fn question(
    candidate: &Candidate<'_>,
    (under, together): (&SettingName, Together),
    (levels, standing): (&Levels, Standing<'_>),
) -> Question {
    let exposure = |(work, window): &(WorkClass, &Window)| {
        Some(Exposure {
            effect: window.per_doubling(window.estimate)?,
            level: levels.at((&window.target, under), window.at, standing)?,
            work: *work,
        })
    };
    Question {
        metric: candidate.metric.clone(),
        of: candidate.setting.clone(),
        under: under.clone(),
        windows: candidate.windows.iter().filter_map(exposure).collect(),
        together,
    }
}
