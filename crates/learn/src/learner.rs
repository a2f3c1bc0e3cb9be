//! The one door: observations in, what is learnt out.
//!
//! A [`Learner`] is told everything that happens, once and in the order of the journal, and answers
//! each time with what it believes differently since: evidence for dependencies, never edges. It keeps
//! no clock and draws nothing at random but from its seed, so that the same observations make the same
//! state, bit by bit: a stored one only spares the time to make it again, and is never needed.

mod observation;
mod recent;

use std::collections::{BTreeMap, BTreeSet};

use backstay_model::change::{AuthorEvidence, Pending};
use backstay_model::dependency::EvidenceKind;
use backstay_model::name::EngineKind;
use backstay_model::{Author, EdgeKind, Evidence, NodeKey, SettingName, TargetId, Timestamp};
use serde::{Deserialize, Serialize};

pub use observation::{
    Comparable, Dimension, Direction, Effect, Extent, Harm, Learnt, Measured, Observation, Opinion,
    Origin, Position, Reading,
};

use self::recent::Recent;
use crate::belief::Source;
use crate::derive::{Derivations, Derived};
use crate::effect::{Asked, Effects, Levels, Published, Setup, Subject, Watched, strongest};
use crate::fix::{self, FixPair, Fixes};
use crate::invariant::{Invariant, Invariants, Symmetric};
use crate::mining::{self, Audit, Changed, CoChange, Hint, Order, Tally, Weights};
use crate::stats::meta::Estimate;

/// Likelihood ratio of a person who confirms; a rejection is its inverse (dependencies.md, 4).
pub const PERSON_RATIO: f64 = 100.0;
/// Effects that are said, at most; further ones are not.
const EFFECTS_MAX: usize = 65_536;

/// What a learner goes by.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Config {
    /// For co-change.
    pub mining: mining::Config,
    /// Pairs `(from, to)` of which a probe knows that `from` is derived from `to`.
    pub probed: BTreeSet<(SettingName, SettingName)>,
}

/// Learns from what happens.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Learner {
    co_change: CoChange,
    derivations: Derivations,
    invariants: Invariants,
    fixes: Fixes,
    effects: Effects,
    levels: Levels,
    recent: Recent,
    said: BTreeMap<Subject, Published>,
    asked: Vec<Asked>,
    /// Whether windows came in since it was asked last.
    news: News,
}

/// Whether something came in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
enum News {
    Some,
    #[default]
    None,
}

impl Learner {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            co_change: CoChange::new(config.mining),
            derivations: Derivations::new(config.probed),
            invariants: Invariants::default(),
            fixes: Fixes::default(),
            effects: Effects::default(),
            levels: Levels::default(),
            recent: Recent::default(),
            said: BTreeMap::new(),
            asked: Vec::new(),
            news: News::None,
        }
    }

    /// Takes in what happened; what is believed differently since.
    pub fn observe(&mut self, observation: &Observation) -> Vec<Learnt> {
        let mut learnt = self.advance(observation.at());
        match observation {
            Observation::Server {
                target,
                engine,
                major,
                ..
            } => self.server(target, *engine, *major),
            Observation::Change { .. } => learnt.extend(self.change(observation)),
            Observation::Outcome { .. } => learnt.extend(self.outcome(observation)),
            Observation::Troubled { target, at } => self.fixes.troubled(target, *at, None),
            Observation::Recovered { target, at } => {
                self.invariants.recovered(target);
                let engine = self.recent.version(target).map(|(engine, _)| engine);
                let pairs = self.fixes.recovered(target, *at);
                learnt.extend(pairs.into_iter().map(|p| fixed(p, engine)));
            }
            Observation::Reverted {
                change_set, target, ..
            } => self.fixes.reverted(target, *change_set),
            Observation::Effective {
                target,
                at,
                key,
                old,
                new,
            } => {
                let values = (old.as_ref(), new.as_ref());
                self.derivations.moved((target, *at), key, values);
            }
            Observation::Stands { .. } => self.stands(observation),
            Observation::Restarted { target, at } => {
                self.derivations.restarted(target, *at);
                self.levels.restarted(target, *at);
            }
            Observation::Snapshot { target, at, values } => {
                let said = self.invariants.snapshot((target, *at), values);
                learnt.extend(said.into_iter().map(held));
            }
            Observation::Person { .. } => learnt.extend(self.person(observation)),
        }
        learnt
    }

    /// Lets time pass: what ended, and what the night brings.
    fn advance(&mut self, at: Timestamp) -> Vec<Learnt> {
        let hints = self.co_change.advance(at).into_iter().map(hinted);
        let derived = self.derivations.advance(at).into_iter().map(derived);
        let held = self.invariants.advance(at).into_iter().map(held);
        hints.chain(derived).chain(held).collect()
    }

    fn server(&mut self, target: &TargetId, engine: EngineKind, major: u32) {
        self.co_change.server(target, engine, major);
        self.derivations.server(target, (engine, major));
        self.invariants.server(target, engine);
        self.recent.server(target, (engine, major));
    }

    fn change(&mut self, observation: &Observation) -> Vec<Learnt> {
        let Observation::Change {
            target,
            author,
            at,
            change_set,
            key,
            old,
            new,
            pending,
        } = observation
        else {
            return Vec::new();
        };
        let values = (old.as_ref(), new.as_ref());
        self.derivations
            .changed((target, *at), key, values, *pending);
        if *pending == Pending::No {
            self.recent
                .changed((target, *at), *change_set, &key.name, values);
        }
        if !ours(author) {
            let change = fix::Changed {
                at: *at,
                change_set: *change_set,
                author: author.name().to_owned(),
                setting: key.name.clone(),
                old: old.clone(),
                new: new.clone(),
            };
            self.fixes.changed(target, change);
        }
        let hints = self.co_change.change(&Changed {
            target,
            author,
            at: *at,
            change_set: *change_set,
            setting: &key.name,
            old: values.0,
            new: values.1,
        });
        hints.into_iter().map(hinted).collect()
    }

    fn stands(&mut self, observation: &Observation) {
        let Observation::Stands {
            target,
            at,
            setting,
            before,
            since,
            pending,
        } = observation
        else {
            return;
        };
        let to_move = (before.level(), since.level());
        match pending {
            Pending::No => self.levels.moved((target, *at), setting, to_move),
            Pending::Restart => self.levels.waits(target, setting, to_move),
        }
    }

    fn outcome(&mut self, observation: &Observation) -> Vec<Learnt> {
        let Observation::Outcome {
            change_set,
            target,
            at,
            effects,
            harm,
            work,
        } = observation
        else {
            return Vec::new();
        };
        if *harm == Harm::Hurt {
            self.fixes.troubled(target, *at, Some(*change_set));
            self.invariants.troubled(target);
        }
        let Some((engine, major)) = self.recent.version(target) else {
            return Vec::new();
        };
        let Some((began, moves)) = self.recent.window(target, *change_set, *at) else {
            return Vec::new();
        };
        let estimate = |m: &Measured| (m.metric.clone(), Estimate { d: m.d, se: m.se });
        let subjects = self.effects.observe(&Watched {
            change_set: *change_set,
            at: began,
            target: target.clone(),
            setup: Setup {
                engine,
                major,
                hardware: String::new(),
                work: *work,
            },
            moves,
            measured: effects.iter().map(estimate).collect(),
        });
        if !subjects.is_empty() {
            self.news = News::Some;
        }
        let said = subjects.into_iter().flat_map(|s| self.effect(&s, *at));
        said.collect()
    }

    /// What is said of an effect now: evidence for the effect graph, and the numbers when they may be
    /// shown, in its class of work and over all work.
    fn effect(&mut self, touched: &Subject, at: Timestamp) -> Vec<Learnt> {
        let strata = self.effects.strata(touched, at);
        let Some(evidence) = strongest(&strata) else {
            return Vec::new();
        };
        let version = Extent::Version(touched.setup.engine, touched.setup.major);
        let mut learnt = vec![Learnt::Evidence {
            from: NodeKey::Setting(touched.setting.clone()),
            to: NodeKey::Metric(touched.metric.clone()),
            kind: Some(EdgeKind::Affects),
            direction: Direction::Known,
            rule: None,
            extent: version.clone(),
            evidence,
        }];
        for estimated in strata {
            let subject = estimated.subject.clone();
            let shown = estimated.publish().ok();
            let before = match shown {
                Some(_) if self.said.len() >= EFFECTS_MAX && !self.said.contains_key(&subject) => {
                    continue;
                }
                Some(p) => self.said.insert(subject.clone(), p),
                None => self.said.remove(&subject),
            };
            // What may no longer be shown is taken back with no change to rest on.
            let told = shown.or_else(|| before.map(|b| Published { n: 0, ..b }));
            let told = told.filter(|_| shown != before);
            learnt.extend(told.map(|p| Learnt::Effect(effect(subject, &p, version.clone()))));
        }
        learnt
    }

    /// Asks whether effects depend on other settings, if anything came in since it was asked last; to be
    /// called once a night. `near` names the settings near another one, the nearest first.
    pub fn ask(
        &mut self,
        mut near: impl FnMut((EngineKind, u32), &SettingName) -> Vec<SettingName>,
    ) {
        if std::mem::take(&mut self.news) == News::None {
            return;
        }
        let invariants = &self.invariants;
        let standing = |target: &TargetId, setting: &SettingName| {
            invariants.comparable(target, setting)?.level()
        };
        self.asked = self.effects.ask(&self.levels, &standing, &mut near);
    }

    /// What was asked last, and the answers.
    #[must_use]
    pub fn asked(&self) -> &[Asked] {
        &self.asked
    }

    fn person(&mut self, observation: &Observation) -> Option<Learnt> {
        let Observation::Person {
            target,
            from,
            to,
            kind,
            opinion,
            who,
            at,
        } = observation
        else {
            return None;
        };
        let (log_lr, real) = match opinion {
            Opinion::Confirmed => (PERSON_RATIO.ln(), 1.0),
            Opinion::Rejected => (-PERSON_RATIO.ln(), 0.0),
        };
        if let (NodeKey::Setting(a), NodeKey::Setting(b)) = (from, to) {
            self.co_change.verdict(a, b, real);
        }
        Some(Learnt::Evidence {
            from: from.clone(),
            to: to.clone(),
            kind: Some(*kind),
            direction: Direction::Known,
            rule: None,
            extent: target.clone().map_or(Extent::Installation, Extent::Target),
            evidence: Evidence {
                kind: EvidenceKind::Person,
                anchor: Source::Person.anchor(who),
                log_lr,
                observed_at: Some(*at),
            },
        })
    }

    /// What co-change mining has seen, in numbers.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.co_change.tally()
    }

    /// The last nightly audit of co-changes of an engine.
    #[must_use]
    pub fn audit(&self, engine: EngineKind) -> Option<Audit> {
        self.co_change.audit(engine)
    }

    /// The decayed weights of co-changes of an engine and major version.
    #[must_use]
    pub fn weights(&self, engine: EngineKind, major: u32) -> Option<&Weights> {
        self.co_change.weights(engine, major)
    }
}

fn ours(author: &Author) -> bool {
    matches!(
        author,
        Author::Known {
            via: AuthorEvidence::OwnWrite,
            ..
        }
    )
}

fn history(source: Source, what: &str, log_lr: f64, at: Timestamp) -> Evidence {
    Evidence {
        kind: EvidenceKind::History,
        anchor: source.anchor(what),
        log_lr,
        observed_at: Some(at),
    }
}

/// Who is changed later depends on who is changed first: people change what a setting rests on before
/// it, and what a change upset after it.
fn hinted(hint: Hint) -> Learnt {
    let (from, to, direction) = match hint.order {
        Order::Known => (hint.then, hint.first, Direction::Known),
        Order::Unknown => (hint.first, hint.then, Direction::Unknown),
    };
    Learnt::Evidence {
        from: NodeKey::Setting(from),
        to: NodeKey::Setting(to),
        kind: None,
        direction,
        rule: None,
        extent: Extent::Engine(hint.engine),
        evidence: history(Source::CoChange, &hint.seen, hint.log_lr, hint.last),
    }
}

fn derived(derived: Derived) -> Learnt {
    let (engine, major) = derived.version;
    Learnt::Evidence {
        from: NodeKey::Setting(derived.from),
        to: NodeKey::Setting(derived.to),
        kind: derived.kind,
        direction: Direction::Known,
        rule: None,
        extent: Extent::Version(engine, major),
        evidence: Evidence {
            kind: EvidenceKind::Probe,
            anchor: format!("passive:moved with it on {} targets", derived.targets),
            log_lr: derived.log_lr,
            observed_at: Some(derived.last),
        },
    }
}

fn held(invariant: Invariant) -> Learnt {
    let direction = match invariant.symmetric {
        Symmetric::Yes => Direction::Unknown,
        Symmetric::No => Direction::Known,
    };
    let what = format!(
        "{} cases, {} healthy violations ({})",
        invariant.cases, invariant.violations, invariant.severity
    );
    Learnt::Evidence {
        from: NodeKey::Setting(invariant.from),
        to: NodeKey::Setting(invariant.to),
        kind: Some(invariant.kind),
        direction,
        rule: Some(invariant.rule),
        extent: Extent::Engine(invariant.engine),
        evidence: history(Source::Invariant, &what, invariant.log_lr, invariant.last),
    }
}

fn fixed(pair: FixPair, engine: Option<EngineKind>) -> Learnt {
    Learnt::Evidence {
        from: NodeKey::Setting(pair.from),
        to: NodeKey::Setting(pair.to),
        kind: None,
        direction: Direction::Known,
        rule: None,
        extent: engine.map_or(Extent::Installation, Extent::Engine),
        evidence: pair.evidence,
    }
}

fn effect(subject: Subject, published: &Published, extent: Extent) -> Effect {
    Effect {
        setting: subject.setting,
        metric: subject.metric,
        work: subject.setup.work,
        extent,
        mean: published.mean,
        low: published.low,
        high: published.high,
        i2: published.i2,
        n: u32::try_from(published.n).unwrap_or(u32::MAX),
    }
}

#[cfg(test)]
mod tests;
