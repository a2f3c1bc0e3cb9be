//! Decisions laid out for counting, as they were or rearranged by chance.

use std::collections::BTreeMap;

use backstay_model::Timestamp;

use super::decision::{Place, Tag};
use super::log::{Log, Stratum};
use crate::stats::fisher::{fisher_mid_p, stratified_mid_p};
use crate::stats::permutation::Shuffle;
use crate::stats::table::{Table, chi2_1_tail, cmh};

/// A team or target with fewer decisions in a stratum shares one with the others of its kind.
const STRATUM_MIN: usize = 8;
/// Below this expected count a test is exact (dependencies.md, 9.1).
const EXPECTED_MIN: f64 = 5.0;

/// Decisions in columns: for each setting, the decisions that have it.
#[derive(Clone, Debug)]
pub(crate) struct Corpus {
    actors: Vec<Tag>,
    at: Vec<Timestamp>,
    stratum: Vec<u32>,
    /// Decisions of each stratum.
    strata: Vec<Vec<u32>>,
    pub(crate) has: Vec<Vec<u32>>,
    /// Decisions after which the setting was changed soon on the same target.
    pub(crate) followed: Vec<Vec<u32>>,
}

/// A pair as it was counted.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Counted {
    pub(crate) table: Table,
    /// Different actors among the decisions with both.
    pub(crate) actors: usize,
    /// When the last of these was.
    pub(crate) last: Timestamp,
}

impl Corpus {
    pub(crate) fn of(log: &Log, settings: usize) -> Self {
        let merged = merged(log);
        let strata = merged.iter().max().map_or(0, |n| *n as usize + 1);
        let mut corpus = Self {
            actors: Vec::with_capacity(log.len()),
            at: Vec::with_capacity(log.len()),
            stratum: Vec::with_capacity(log.len()),
            strata: vec![Vec::new(); strata],
            has: vec![Vec::new(); settings],
            followed: vec![Vec::new(); settings],
        };
        for (n, kept) in (0..).zip(log.iter()) {
            let stratum = merged[kept.stratum as usize];
            corpus.strata[stratum as usize].push(n);
            corpus.actors.push(kept.actor);
            corpus.at.push(kept.at);
            corpus.stratum.push(stratum);
            for s in &kept.settings {
                corpus.has[usize::from(*s)].push(n);
            }
            for s in &kept.followed {
                corpus.followed[usize::from(*s)].push(n);
            }
        }
        corpus
    }

    pub(crate) fn len(&self) -> usize {
        self.at.len()
    }

    /// Settings in all decisions together.
    pub(crate) fn memberships(&self) -> usize {
        self.has.iter().map(Vec::len).sum()
    }

    /// The same decisions, their settings dealt out anew within each stratum: every setting keeps how
    /// often it is changed there, and nothing ties two settings but chance.
    pub(crate) fn permuted(&self, shuffle: &mut Shuffle) -> Self {
        let mut strata = self.strata.clone();
        let mut counts = vec![0_usize; strata.len()];
        let deal = |column: &Vec<u32>| {
            column
                .iter()
                .for_each(|n| counts[self.stratum[*n as usize] as usize] += 1);
            let mut dealt = Vec::with_capacity(column.len());
            for n in column {
                let stratum = self.stratum[*n as usize] as usize;
                let count = std::mem::take(&mut counts[stratum]);
                shuffle.to_front(&mut strata[stratum], count);
                dealt.extend_from_slice(&strata[stratum][..count]);
            }
            dealt.sort_unstable();
            dealt
        };
        Self {
            has: self.has.iter().map(deal).collect(),
            ..self.clone()
        }
    }

    /// The settings of every decision.
    pub(crate) fn rows(&self) -> Rows {
        Rows::of(&self.has, self.len())
    }

    /// What follows every decision.
    pub(crate) fn follow_rows(&self) -> Rows {
        Rows::of(&self.followed, self.len())
    }

    /// Counts two columns against each other.
    pub(crate) fn count(&self, x: &[u32], y: &[u32]) -> Counted {
        let both = common(x, y);
        let mut actors: Vec<Tag> = both.iter().map(|n| self.actors[*n as usize]).collect();
        actors.sort_unstable();
        actors.dedup();
        let last = both.iter().map(|n| self.at[*n as usize]).max();
        let (both, x, y) = (both.len() as u64, x.len() as u64, y.len() as u64);
        Counted {
            table: Table::of_margins(both, x, y, self.len() as u64),
            actors: actors.len(),
            last: last.unwrap_or_default(),
        }
    }

    /// The table of every stratum in which both columns occur and differ from always.
    fn tables(&self, x: &[u32], y: &[u32]) -> Vec<Table> {
        let mut counts: BTreeMap<u32, [u64; 3]> = BTreeMap::new();
        let both = common(x, y);
        for (kind, column) in [x, y, &both].into_iter().enumerate() {
            for n in column {
                counts.entry(self.stratum[*n as usize]).or_default()[kind] += 1;
            }
        }
        let tables = counts.into_iter().map(|(stratum, [x, y, both])| {
            let n = self.strata[stratum as usize].len() as u64;
            Table::of_margins(both, x, y, n)
        });
        tables.filter(|t| t.x() > 0 && t.y() > 0).collect()
    }

    /// p-value of independence within strata: exact mid-p while any expected count is below 5, else
    /// G² for one stratum and Cochran–Mantel–Haenszel for several.
    pub(crate) fn p_value(&self, x: &[u32], y: &[u32]) -> f64 {
        let tables = self.tables(x, y);
        let expected: f64 = tables.iter().map(Table::least_expected).sum();
        match tables.as_slice() {
            [] => 1.0,
            [one] if expected < EXPECTED_MIN => fisher_mid_p(one),
            [one] => chi2_1_tail(one.g2()),
            several if expected < EXPECTED_MIN => stratified_mid_p(several),
            several => cmh(several).map_or(1.0, |(_, p)| p),
        }
    }
}

/// Columns turned to rows, one after the other in one list.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    /// Where each row ends.
    ends: Vec<u32>,
    places: Vec<Place>,
}

impl Rows {
    fn of(columns: &[Vec<u32>], rows: usize) -> Self {
        let mut ends = vec![0; rows];
        for n in columns.iter().flatten() {
            ends[*n as usize] += 1;
        }
        let mut sum = 0;
        for end in &mut ends {
            // First the beginning of the row; it moves to the end while the row is filled.
            sum += std::mem::replace(end, sum);
        }
        let mut places = vec![0; sum as usize];
        for (place, column) in (0..).zip(columns) {
            for n in column {
                let end = &mut ends[*n as usize];
                places[*end as usize] = place;
                *end += 1;
            }
        }
        Self { ends, places }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[Place]> {
        let begins = std::iter::once(&0).chain(&self.ends);
        begins
            .zip(&self.ends)
            .map(|(from, to)| &self.places[*from as usize..*to as usize])
    }
}

/// For each stratum of the log the one that it is counted in: a small one shares one with the other
/// small ones of its quarter, major version and breadth.
fn merged(log: &Log) -> Vec<u32> {
    let mut index: BTreeMap<Stratum, u32> = BTreeMap::new();
    let strata = log.strata().iter();
    strata
        .map(|(stratum, size)| {
            let small = (*size as usize) < STRATUM_MIN;
            let team = if small { Tag(0) } else { stratum.team };
            let next = index.len() as u32;
            *index.entry(Stratum { team, ..*stratum }).or_insert(next)
        })
        .collect()
}

/// What two sorted lists have in common.
fn common(x: &[u32], y: &[u32]) -> Vec<u32> {
    let (few, many) = if x.len() <= y.len() { (x, y) } else { (y, x) };
    if few.len() * 16 < many.len() {
        let found = few.iter().filter(|n| many.binary_search(n).is_ok());
        return found.copied().collect();
    }
    let (mut found, mut from) = (Vec::new(), 0);
    for n in few {
        while from < many.len() && many[from] < *n {
            from += 1;
        }
        if many.get(from) == Some(n) {
            found.push(*n);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mining::decision::{Decision, Touch};
    use crate::mining::log::Breadth;

    /// `decisions` of (team, settings), an hour apart.
    fn corpus(decisions: &[(u64, &[Place])]) -> Corpus {
        let mut log = Log::default();
        for (n, (team, settings)) in (0_i64..).zip(decisions) {
            let at = Timestamp::from_secs(n * 100_000);
            let touch = |s: &Place| Touch {
                setting: *s,
                first_at: at,
                class: Tag(0),
            };
            let decision = Decision {
                target: Tag(*team),
                actor: Tag(n.unsigned_abs() % 4),
                at,
                touches: settings.iter().map(touch).collect(),
            };
            let stratum = Stratum {
                team: Tag(*team),
                quarter: 0,
                major: 17,
                breadth: Breadth::of(settings.len()),
            };
            log.put(&decision, stratum);
        }
        Corpus::of(&log, 8)
    }

    #[test]
    fn columns_are_counted_and_tested() {
        let mut decisions: Vec<(u64, &[Place])> = vec![(1, &[1, 2]); 6];
        decisions.extend([(1, &[2][..])]);
        decisions.extend((0..293).map(|n| (1, [&[3][..], &[4], &[5]][n % 3])));
        let corpus = corpus(&decisions);
        let counted = corpus.count(&corpus.has[1], &corpus.has[2]);
        assert_eq!(
            counted.table,
            Table {
                a: 6,
                b: 0,
                c: 1,
                d: 293
            }
        );
        assert_eq!(counted.actors, 4);
        let p = corpus.p_value(&corpus.has[1], &corpus.has[2]);
        assert!((p - 3.635_144_317_561_612_5e-12).abs() < 1e-20, "{p:e}");
    }

    #[test]
    fn what_only_one_team_does_more_of_is_no_association() {
        // Team 1 changes 1 and 2 in two of three decisions each, independently; team 2 hardly ever.
        let busy: [&[Place]; 9] = [
            &[1, 2],
            &[1, 2],
            &[1, 2],
            &[1, 2],
            &[1],
            &[1],
            &[2],
            &[2],
            &[3],
        ];
        let calm: [&[Place]; 9] = [&[1], &[2], &[3], &[3], &[3], &[4], &[4], &[4], &[5]];
        let mut decisions = Vec::new();
        for _ in 0..8 {
            decisions.extend(busy.iter().map(|s| (1_u64, *s)));
            decisions.extend(calm.iter().map(|s| (2_u64, *s)));
        }
        let corpus = corpus(&decisions);
        let pooled = corpus.count(&corpus.has[1], &corpus.has[2]).table;
        assert!(chi2_1_tail(pooled.g2()) < 0.01);
        assert!(corpus.p_value(&corpus.has[1], &corpus.has[2]) > 0.3);
    }

    #[test]
    fn small_teams_share_a_stratum() {
        let decisions: Vec<(u64, &[Place])> = (0..20).map(|t| (t, &[1, 2][..])).collect();
        assert_eq!(corpus(&decisions).strata.len(), 1);
    }

    #[test]
    fn dealing_out_anew_keeps_the_counts_of_every_stratum() {
        let sets: [&[Place]; 4] = [&[1, 2], &[1, 2], &[3], &[4, 5]];
        let decisions: Vec<(u64, &[Place])> =
            (0..80).map(|n| (n % 2, sets[n as usize % 4])).collect();
        let corpus = corpus(&decisions);
        let dealt = corpus.permuted(&mut Shuffle::new(5));
        assert_eq!(dealt.strata.len(), 2);
        for (before, after) in corpus.has.iter().zip(&dealt.has) {
            let in_stratum = |column: &[u32], k| {
                column
                    .iter()
                    .filter(|n| corpus.stratum[**n as usize] == k)
                    .count()
            };
            for k in 0..2 {
                assert_eq!(in_stratum(before, k), in_stratum(after, k));
            }
            assert!(after.is_sorted_by(|a, b| a < b));
        }
        let tied = |c: &Corpus| c.count(&c.has[1], &c.has[2]).table.a;
        assert!(tied(&corpus) == 40 && tied(&dealt) < 40);
    }
}
