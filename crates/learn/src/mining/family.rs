//! Co-changes of one engine: counting, testing, saying.

use std::collections::{BTreeMap, BTreeSet};

use backstay_model::name::EngineKind;
use backstay_model::{SettingName, Timestamp};
use serde::{Deserialize, Serialize};

use super::corpus::Corpus;
use super::curve::ReliabilityCurve;
use super::decision::{Decision, Place, Tag};
use super::discover::{Audit, How, TRANSACTIONS_MIN, audit, discover, judge};
use super::log::{Breadth, Independent, Log, Stratum};
use super::matrix::{PLACES_MAX, Square, Weights};
use super::sequence::Sequences;
use super::transaction::{Arrival, Closed, Transactions};
use super::{Config, Hint, Order, Tally};
use crate::stats::fisher::fair_coin_p;
use crate::stats::multiple::{Found, Lord};

/// Cases from which the order of a pair is tested (dependencies.md, 9.1).
const ORDER_MIN: u64 = 8;
/// Chance of an order that is none.
const ORDER_LEVEL: f64 = 0.05;
/// New decisions between two looks of the stream, at least; the share of the log makes looks rarer
/// where each costs more.
const LOOK_MIN: u64 = 64;
const LOOK_SHARE: u64 = 16;
/// Share of the log that must be new for a nightly pass.
const NIGHT_SHARE: u64 = 32;

const DAY_US: i64 = 86_400_000_000;
const QUARTER_US: i64 = 91 * DAY_US + DAY_US / 4;

/// Where a target belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Home {
    pub(crate) engine: EngineKind,
    pub(crate) major: u32,
    pub(crate) team: Tag,
}

/// What was said of a pair.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Said {
    rank: usize,
    hint: Hint,
}

/// A pair, the smaller place first.
type Pair = (Place, Place);

/// What is worth saying of a pair.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
struct Proof {
    together: u64,
    followed: u64,
    actors: usize,
    last: Timestamp,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Family {
    engine: EngineKind,
    q: f64,
    seed: u64,
    fresh: Weights,
    places: BTreeMap<SettingName, Place>,
    names: Vec<SettingName>,
    open: Transactions,
    log: Log,
    sequences: Sequences,
    weights: BTreeMap<u32, Weights>,
    /// Decisions with both, `x < y`.
    counts: Square<u32>,
    /// How often the first came before the second.
    order: Square<u32>,
    lord: Lord,
    /// Pairs whose count passed a step since the last look.
    due: BTreeSet<Pair>,
    looked: u64,
    night: Option<i64>,
    night_ever: u64,
    proofs: BTreeMap<Pair, Proof>,
    said: BTreeMap<Pair, Said>,
    curve: ReliabilityCurve,
    audit: Option<Audit>,
    tally: Tally,
}

impl Family {
    pub(crate) fn new(engine: EngineKind, config: &Config) -> Self {
        Self {
            engine,
            q: config.q / 2.0,
            seed: config.seed,
            fresh: Weights::new(config.half_life),
            places: BTreeMap::new(),
            names: Vec::new(),
            open: Transactions::default(),
            log: Log::default(),
            sequences: Sequences::default(),
            weights: BTreeMap::new(),
            counts: Square::new(),
            order: Square::new(),
            lord: Lord::new(config.q / 2.0),
            due: BTreeSet::new(),
            looked: 0,
            night: None,
            night_ever: 0,
            proofs: BTreeMap::new(),
            said: BTreeMap::new(),
            curve: ReliabilityCurve::default(),
            audit: None,
            tally: Tally::default(),
        }
    }

    /// The place of a setting; `None` when all are taken.
    pub(crate) fn place(&mut self, name: &SettingName) -> Option<Place> {
        if let Some(place) = self.places.get(name) {
            return Some(*place);
        }
        if self.names.len() == PLACES_MAX {
            return None;
        }
        let place = self.names.len() as Place;
        self.places.insert(name.clone(), place);
        self.names.push(name.clone());
        Some(place)
    }

    pub(crate) fn put(&mut self, arrival: &Arrival, homes: &BTreeMap<Tag, Home>) -> Vec<Hint> {
        let closed = self.open.put(arrival);
        closed.map_or_else(Vec::new, |c| self.closed(c, homes))
    }

    pub(crate) fn advance(&mut self, at: Timestamp, homes: &BTreeMap<Tag, Home>) -> Vec<Hint> {
        let mut hints = Vec::new();
        for closed in self.open.advance(at) {
            hints.extend(self.closed(closed, homes));
        }
        let night = at.0.div_euclid(DAY_US);
        let begins = self.night.is_some_and(|n| n < night);
        self.night = self.night.max(Some(night));
        let new = self.log.ever() - self.night_ever;
        if begins && new > self.log.len() as u64 / NIGHT_SHARE {
            self.night_ever = self.log.ever();
            hints.extend(self.nightly(at));
        }
        hints
    }

    fn closed(&mut self, closed: Closed, homes: &BTreeMap<Tag, Home>) -> Vec<Hint> {
        match closed {
            Closed::Decision(decision) => self.decided(&decision, homes),
            Closed::Bulk => {
                self.tally.bulks += 1;
                Vec::new()
            }
            Closed::Undone => {
                self.tally.undone += 1;
                Vec::new()
            }
        }
    }

    fn decided(&mut self, decision: &Decision, homes: &BTreeMap<Tag, Home>) -> Vec<Hint> {
        let Some(home) = homes.get(&decision.target) else {
            return Vec::new();
        };
        let breadth = Breadth::of(decision.touches.len());
        let stratum = Stratum {
            team: home.team,
            quarter: decision.at.0.div_euclid(QUARTER_US),
            major: home.major,
            breadth,
        };
        let number = match self.log.put(decision, stratum) {
            Independent::Yes(number) => {
                self.tally.decisions += 1;
                self.count(decision, home.major);
                number
            }
            Independent::RollOut(number) => {
                self.tally.roll_outs += 1;
                number
            }
            Independent::Copy => {
                self.tally.copies += 1;
                return Vec::new();
            }
        };
        if breadth == Breadth::Few {
            self.follow(decision, number, home.major);
        }
        self.trim(decision.at);
        let wait = LOOK_MIN.max(self.log.len() as u64 / LOOK_SHARE);
        if self.log.ever() - self.looked < wait {
            return Vec::new();
        }
        self.looked = self.log.ever();
        self.look()
    }

    fn weights_of(&mut self, major: u32) -> &mut Weights {
        let fresh = &self.fresh;
        self.weights.entry(major).or_insert_with(|| fresh.clone())
    }

    fn count(&mut self, decision: &Decision, major: u32) {
        let at = decision.at;
        let places = decision.places();
        self.weights_of(major).decision(at, &places);
        for (i, x) in decision.touches.iter().enumerate() {
            for y in decision.touches.iter().skip(i + 1) {
                let count = self.counts.at(x.setting, y.setting);
                *count += 1;
                if step(u64::from(*count)) {
                    self.due.insert((x.setting, y.setting));
                }
                let (first, then) = if x.first_at <= y.first_at {
                    (x, y)
                } else {
                    (y, x)
                };
                if first.first_at == then.first_at {
                    self.weights_of(major).at_once(at, x.setting, y.setting);
                    continue;
                }
                *self.order.at(first.setting, then.setting) += 1;
                self.weights_of(major)
                    .ordered(at, first.setting, then.setting, 1.0);
            }
        }
    }

    fn follow(&mut self, decision: &Decision, number: u64, major: u32) {
        for f in self.sequences.put(decision, number) {
            self.log.follow(f.earlier, f.then);
            *self.order.at(f.first, f.then) += 1;
            self.weights_of(major)
                .ordered(decision.at, f.first, f.then, f.share);
        }
    }

    fn trim(&mut self, now: Timestamp) {
        let counts = &mut self.counts;
        self.log.trim(now, |gone| {
            for (i, x) in gone.settings.iter().enumerate() {
                for y in gone.settings.iter().skip(i + 1) {
                    let count = counts.at(*x, *y);
                    *count = count.saturating_sub(1);
                }
            }
        });
    }

    /// The stream's look at the pairs whose count passed a step since the last one.
    fn look(&mut self) -> Vec<Hint> {
        let due = std::mem::take(&mut self.due);
        if due.is_empty() {
            return Vec::new();
        }
        let corpus = Corpus::of(&self.log, self.names.len());
        let mut hints = Vec::new();
        for pair in due {
            let judged = judge(&corpus, (pair.0, pair.1, How::Together));
            let p = judged.map_or(1.0, |(_, p)| p);
            if self.lord.test(p) == Found::Discovery && judged.is_some() {
                self.prove(&corpus, pair);
                hints.extend(self.say(pair, self.rank(pair)));
            }
        }
        hints
    }

    /// The nightly pass: every pair is tested, what no longer holds is taken back.
    fn nightly(&mut self, at: Timestamp) -> Vec<Hint> {
        self.trim(at);
        let corpus = Corpus::of(&self.log, self.names.len());
        let mut found = discover(&corpus, self.q);
        if !found.is_empty() {
            let seed = self.seed ^ self.log.ever();
            let audit = audit(&corpus, self.q, found.len(), seed);
            self.audit = Some(audit);
            if audit.fdr() > 2.0 * self.q {
                found.clear();
            }
        }
        let pairs: BTreeSet<Pair> = found.iter().map(|d| (d.x.min(d.y), d.x.max(d.y))).collect();
        let before: Vec<Pair> = self.proofs.keys().copied().collect();
        for pair in before.iter().chain(&pairs) {
            self.prove(&corpus, *pair);
        }
        let mut ranked: Vec<(f64, Pair)> = self.proofs.keys().map(|p| (self.g2(*p), *p)).collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let gone = before.into_iter().filter(|p| !self.proofs.contains_key(p));
        let gone: Vec<Pair> = gone.collect();
        let mut hints: Vec<Hint> = gone.iter().filter_map(|p| self.take_back(*p)).collect();
        for (rank, (_, pair)) in ranked.into_iter().enumerate() {
            hints.extend(self.say(pair, rank));
        }
        hints
    }

    /// Counts a pair that was found anew; what no longer passes alone is no longer proven.
    fn prove(&mut self, corpus: &Corpus, pair: Pair) {
        let ways = [
            (pair.0, pair.1, How::Together),
            (pair.0, pair.1, How::Followed),
            (pair.1, pair.0, How::Followed),
        ];
        let mut proof = Proof::default();
        for way in ways {
            let Some((counted, _)) = judge(corpus, way).filter(|(_, p)| *p <= self.q) else {
                continue;
            };
            match way.2 {
                How::Together => proof.together = counted.table.a,
                How::Followed => proof.followed += counted.table.a,
            }
            proof.actors = proof.actors.max(counted.actors);
            proof.last = proof.last.max(counted.last);
        }
        if proof.together + proof.followed == 0 {
            self.proofs.remove(&pair);
        } else {
            self.proofs.insert(pair, proof);
        }
    }

    /// Decayed G² of a pair over all major versions.
    fn g2(&self, (x, y): Pair) -> f64 {
        let now = Timestamp(self.night.unwrap_or(0).saturating_mul(DAY_US));
        self.weights.values().map(|w| w.g2(x, y, now)).sum()
    }

    fn rank(&self, pair: Pair) -> usize {
        let own = self.g2(pair);
        let others = self.proofs.keys().filter(|p| **p != pair);
        others.filter(|p| self.g2(**p) > own).count()
    }

    /// What is to be said of a pair, if it is not what was said last.
    fn say(&mut self, pair: Pair, rank: usize) -> Option<Hint> {
        let proof = *self.proofs.get(&pair)?;
        let (first, then, order) = self.ordered(pair);
        let hint = Hint {
            engine: self.engine,
            first,
            then,
            order,
            log_lr: self.curve.ratio(rank).ln(),
            last: proof.last,
            seen: seen(&proof),
        };
        let old = self.said.insert(
            pair,
            Said {
                rank,
                hint: hint.clone(),
            },
        );
        old.is_none_or(|o| o.hint != hint).then_some(hint)
    }

    fn take_back(&mut self, pair: Pair) -> Option<Hint> {
        let said = self.said.remove(&pair)?;
        Some(Hint {
            log_lr: 0.0,
            seen: "no longer more than chance".to_owned(),
            ..said.hint
        })
    }

    /// The names of a pair in the order in which they are changed, if there is one.
    fn ordered(&self, (x, y): Pair) -> (SettingName, SettingName, Order) {
        let name = |p: Place| self.names[usize::from(p)].clone();
        let forth = u64::from(self.order.get(x, y));
        let back = u64::from(self.order.get(y, x));
        let n = forth + back;
        if n >= ORDER_MIN && fair_coin_p(forth, n) <= ORDER_LEVEL {
            let (first, then) = if forth > back { (x, y) } else { (y, x) };
            return (name(first), name(then), Order::Known);
        }
        let (a, b) = (name(x), name(y));
        if a <= b {
            (a, b, Order::Unknown)
        } else {
            (b, a, Order::Unknown)
        }
    }

    pub(crate) fn verdict(&mut self, a: &SettingName, b: &SettingName, real: f64) {
        let places = (self.places.get(a), self.places.get(b));
        let (Some(x), Some(y)) = places else { return };
        if let Some(said) = self.said.get(&(*x.min(y), *x.max(y))) {
            self.curve.verdict(said.rank, real);
        }
    }

    pub(crate) const fn audit(&self) -> Option<Audit> {
        self.audit
    }

    pub(crate) fn weights(&self, major: u32) -> Option<&Weights> {
        self.weights.get(&major)
    }

    pub(crate) const fn add_to(&self, sum: Tally) -> Tally {
        let own = &self.tally;
        Tally {
            decisions: sum.decisions + own.decisions,
            roll_outs: sum.roll_outs + own.roll_outs,
            copies: sum.copies + own.copies,
            bulks: sum.bulks + own.bulks,
            undone: sum.undone + own.undone,
            ..sum
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        let names: usize = self.names.iter().map(|n| 2 * n.as_str().len() + 80).sum();
        let weights: usize = self.weights.values().map(Weights::bytes).sum();
        names
            + weights
            + self.counts.bytes()
            + self.order.bytes()
            + self.log.bytes()
            + self.sequences.bytes()
            + self.open.len() * 512
            + (self.proofs.len() + self.said.len()) * 256
    }
}

/// Counts at which the stream tests a pair: 5, 10, 20, 40, …
const fn step(count: u64) -> bool {
    count >= TRANSACTIONS_MIN
        && count.is_multiple_of(TRANSACTIONS_MIN)
        && (count / TRANSACTIONS_MIN).is_power_of_two()
}

fn seen(proof: &Proof) -> String {
    let together = match proof.together {
        0 => String::new(),
        n => format!("{n} decisions"),
    };
    let followed = match (proof.followed, proof.together) {
        (0, _) => String::new(),
        (n, 0) => format!("{n} follow-ups"),
        (n, _) => format!(", {n} follow-ups"),
    };
    format!("{together}{followed} by {} actors", proof.actors)
}
