//! Where settings stood: what it takes to say whether two of them moved together, and where one stood
//! when another moved.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use backstay_model::{SettingName, Span, TargetId, Timestamp};
use serde::{Deserialize, Serialize};

/// Settings of targets whose past is followed. When there are more, a quarter is forgotten: those that moved
/// longest ago.
const TRACKS_MAX: usize = 16_384;
/// Moments kept of a setting of a target: the newest.
const MOMENTS_MAX: usize = 32;
/// Values that wait for a restart, in all; further ones are taken for not known when they come.
const WAITING_MAX: usize = 4_096;
/// Moments at which two settings are compared: the newest.
const COMPARED_MAX: usize = 4_096;
/// Changes of two settings that follow each other within this time are one act of tuning
/// (dependencies.md, 9.1).
const ACT: Span = Span::from_secs(86_400);

/// Where a setting of a target stood, from moment to moment; `None` when that has no measure.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
struct Track {
    /// Before the first moment that is kept.
    before: Option<f64>,
    moments: VecDeque<(Timestamp, Option<f64>)>,
}

impl Track {
    fn put(&mut self, at: Timestamp, level: Option<f64>) {
        let place = self.moments.partition_point(|(t, _)| *t <= at);
        self.moments.insert(place, (at, level));
        if self.moments.len() > MOMENTS_MAX
            && let Some((_, level)) = self.moments.pop_front()
        {
            self.before = level;
        }
    }

    fn at(&self, at: Timestamp) -> Option<f64> {
        let later = self.moments.partition_point(|(t, _)| *t <= at);
        let last = later.checked_sub(1).map(|i| self.moments[i].1);
        last.unwrap_or(self.before)
    }

    fn last(&self) -> Option<Timestamp> {
        self.moments.back().map(|(at, _)| *at)
    }
}

/// Where the settings of all targets stood, as far as they moved.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Levels {
    tracks: BTreeMap<SettingName, BTreeMap<TargetId, Track>>,
    followed: usize,
    /// Whether something was forgotten: then what is not followed may have moved.
    forgot: bool,
    /// Where settings stand, and will stand after the next restart of their target.
    waiting: BTreeMap<TargetId, BTreeMap<SettingName, Move>>,
}

/// From where to where a setting moved.
type Move = (Option<f64>, Option<f64>);

impl Levels {
    /// A setting stands at `since` from `at` on; it stood at `before`.
    pub fn moved(
        &mut self,
        (target, at): (&TargetId, Timestamp),
        setting: &SettingName,
        (before, since): Move,
    ) {
        if let Some(waiting) = self.waiting.get_mut(target) {
            waiting.remove(setting);
        }
        let of = self.tracks.entry(setting.clone()).or_default();
        if !of.contains_key(target) {
            self.followed += 1;
        }
        let track = of.entry(target.clone()).or_insert_with(|| Track {
            before,
            ..Track::default()
        });
        track.put(at, since);
        if self.followed > TRACKS_MAX {
            self.forget();
        }
    }

    /// A setting will move after the next restart of its target.
    pub fn waits(&mut self, target: &TargetId, setting: &SettingName, to_move: Move) {
        let all: usize = self.waiting.values().map(BTreeMap::len).sum();
        if all < WAITING_MAX {
            let of = self.waiting.entry(target.clone()).or_default();
            of.insert(setting.clone(), to_move);
        }
    }

    /// A target was restarted: what waited for it counts now.
    pub fn restarted(&mut self, target: &TargetId, at: Timestamp) {
        for (setting, moved) in self.waiting.remove(target).unwrap_or_default() {
            self.moved((target, at), &setting, moved);
        }
    }

    /// Where a setting of a target stood at `at`; `standing` says it of those that never moved. `None` when
    /// that is not known any more.
    #[must_use]
    pub fn at(
        &self,
        (target, setting): (&TargetId, &SettingName),
        at: Timestamp,
        standing: Standing<'_>,
    ) -> Option<f64> {
        match self.tracks.get(setting).and_then(|of| of.get(target)) {
            Some(track) => track.at(at),
            None if self.forgot => None,
            None => standing(target, setting),
        }
    }

    /// Where two settings stood after each act that moved one of them or both, on every target of which both
    /// are known; the newest acts.
    #[must_use]
    pub fn together(
        &self,
        x: &SettingName,
        y: &SettingName,
        standing: Standing<'_>,
    ) -> Vec<(f64, f64)> {
        let of = |setting| self.tracks.get(setting).into_iter().flatten();
        let targets: BTreeSet<&TargetId> = of(x).chain(of(y)).map(|(target, _)| target).collect();
        let mut stood = Vec::new();
        for target in targets {
            for at in self.acts(target, [x, y]) {
                let level = |setting| self.at((target, setting), at, standing);
                stood.extend(level(x).zip(level(y)).map(|pair| (at, pair)));
            }
        }
        if stood.len() > COMPARED_MAX {
            stood.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
            stood.truncate(COMPARED_MAX);
        }
        stood.into_iter().map(|(_, pair)| pair).collect()
    }

    /// The moments at which either of two settings of a target moved. When the other one moves within a
    /// day, they are one act, and the last moment of it counts: what stood in between was not meant.
    fn acts(&self, target: &TargetId, pair: [&SettingName; 2]) -> Vec<Timestamp> {
        let mut moments: BTreeMap<Timestamp, BTreeSet<&SettingName>> = BTreeMap::new();
        for setting in pair {
            let track = self.tracks.get(setting).and_then(|of| of.get(target));
            for (at, _) in track.into_iter().flat_map(|t| &t.moments) {
                moments.entry(*at).or_default().insert(setting);
            }
        }
        let mut acts: Vec<(Timestamp, BTreeSet<&SettingName>)> = Vec::new();
        for (at, moved) in moments {
            match acts.last_mut() {
                Some((last, before)) if at.since(*last) <= ACT && *before != moved => {
                    *last = at;
                    before.extend(moved);
                }
                _ => acts.push((at, moved)),
            }
        }
        acts.into_iter().map(|(at, _)| at).collect()
    }

    /// Forgets the quarter of the tracks that moved longest ago.
    fn forget(&mut self) {
        let all = self.tracks.values().flat_map(BTreeMap::values);
        let mut last: Vec<Option<Timestamp>> = all.map(Track::last).collect();
        let quarter = last.len() / 4;
        let (_, bound, _) = last.select_nth_unstable(quarter);
        let bound = *bound;
        for of in self.tracks.values_mut() {
            of.retain(|_, track| track.last() > bound);
        }
        self.forgot = true;
        self.tracks.retain(|_, of| !of.is_empty());
        self.followed = self.tracks.values().map(BTreeMap::len).sum();
    }
}

/// Where a setting of a target stands that never moved, when that is known.
pub(crate) type Standing<'a> = &'a dyn Fn(&TargetId, &SettingName) -> Option<f64>;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    fn name(n: usize) -> SettingName {
        SettingName::new(&format!("s{n}"))
    }

    fn nowhere(_: &TargetId, _: &SettingName) -> Option<f64> {
        None
    }

    #[test]
    fn a_level_is_that_of_the_last_move_before() {
        let (db, x) = (TargetId::new("db"), name(0));
        let mut levels = Levels::default();
        let level = |levels: &Levels, t| levels.at((&db, &x), at(t), &nowhere);
        assert_eq!(levels.at((&db, &x), at(5), &|_, _| Some(3.0)), Some(3.0));
        levels.moved((&db, at(10)), &x, (Some(1.0), Some(2.0)));
        // Told late: it was before.
        levels.moved((&db, at(8)), &x, (Some(1.0), Some(7.0)));
        levels.moved((&db, at(20)), &x, (Some(2.0), None));
        let told = [7, 8, 9, 10, 19, 20].map(|t| level(&levels, t));
        let expected = [Some(1.0), Some(7.0), Some(7.0), Some(2.0), Some(2.0), None];
        assert_eq!(told, expected);
        for n in 0..MOMENTS_MAX as i64 {
            levels.moved((&db, at(100 + n)), &x, (None, Some(n as f64)));
        }
        assert_eq!(level(&levels, 19), None, "too long ago");
        assert_eq!(level(&levels, 131), Some(31.0));
    }

    #[test]
    fn what_waits_for_a_restart_counts_from_it() {
        let (db, x) = (TargetId::new("db"), name(0));
        let mut levels = Levels::default();
        levels.waits(&db, &x, (Some(1.0), Some(4.0)));
        let before = |levels: &Levels| levels.at((&db, &x), at(50), &|_, _| Some(1.0));
        assert_eq!(before(&levels), Some(1.0));
        levels.restarted(&db, at(40));
        assert_eq!(before(&levels), Some(4.0));
        assert_eq!(levels.at((&db, &x), at(39), &nowhere), Some(1.0));
        // What is taken back before the restart never counts.
        levels.waits(&db, &x, (Some(4.0), Some(9.0)));
        levels.moved((&db, at(45)), &x, (Some(4.0), Some(4.0)));
        levels.restarted(&db, at(46));
        assert_eq!(before(&levels), Some(4.0));
    }

    #[test]
    fn two_settings_are_compared_where_both_are_known() {
        let [a, b, c] = ["a", "b", "c"].map(TargetId::new);
        let (x, y) = (name(0), name(1));
        let mut levels = Levels::default();
        let later = 2 * 86_400;
        levels.moved((&a, at(1)), &x, (Some(1.0), Some(2.0)));
        levels.moved((&a, at(later)), &y, (Some(5.0), Some(6.0)));
        levels.moved((&b, at(3)), &x, (Some(1.0), Some(3.0)));
        levels.moved((&c, at(4)), &x, (Some(1.0), Some(4.0)));
        let standing = |t: &TargetId, _: &SettingName| (*t == b).then_some(9.0);
        let stood = levels.together(&x, &y, &standing);
        assert_eq!(stood, [(2.0, 5.0), (2.0, 6.0), (3.0, 9.0)]);
    }

    #[test]
    fn what_a_tuner_moves_one_after_the_other_is_one_act() {
        let db = TargetId::new("db");
        let (x, y) = (name(0), name(1));
        let mut levels = Levels::default();
        for n in 0..6 {
            let (day, level) = (n * 10 * 86_400, f64::from(n as i32 % 2));
            let other = Some(1.0 - level);
            levels.moved((&db, at(day)), &y, (other, Some(level)));
            levels.moved((&db, at(day + 7_200)), &x, (other, Some(level)));
        }
        let stood = levels.together(&x, &y, &nowhere);
        let expected = [(0.0, 0.0), (1.0, 1.0)].repeat(3);
        assert_eq!(stood, expected, "never as they stood in between");
    }

    #[test]
    fn those_that_moved_longest_ago_are_forgotten() {
        let db = TargetId::new("db");
        let mut levels = Levels::default();
        for n in 0..3 * TRACKS_MAX {
            levels.moved((&db, at(n as i64)), &name(n), (None, Some(1.0)));
            assert!(levels.followed <= TRACKS_MAX);
        }
        let kept: usize = levels.tracks.values().map(BTreeMap::len).sum();
        assert_eq!(kept, levels.followed);
        let know = |n: usize| levels.at((&db, &name(n)), at(1 << 40), &nowhere);
        assert_eq!(know(3 * TRACKS_MAX - 1), Some(1.0));
        assert_eq!(know(0), None);
        let standing = levels.at((&db, &name(0)), at(1 << 40), &|_, _| Some(1.0));
        assert_eq!(standing, None, "it may have moved since it was read");
    }
}
