//! A fleet whose changes go into the graph and are learnt from.

use anyhow::Result;
use backstay_graph::{Batch, Graph, Op};
use backstay_learn::learner::{Config, Learner, Observation};
use backstay_learn::mining::Weights;
use backstay_learn::synthetic::{Fleet, changes, servers};
use backstay_model::{Span, Timestamp};

/// Changes in one batch.
pub const BATCH: usize = 1_000;
/// Changes that the learner has seen before it is measured: its memory of decisions is full.
pub const BEFORE: usize = 200_000;
/// Settings whose pairs are scored.
pub const SETTINGS: u16 = 400;

const FLEET: Fleet = Fleet {
    targets: 1_000,
    actors: 60,
    settings: SETTINGS as u32,
    pause: Span::from_secs(30),
};

/// A graph and a learner that are fed the same changes.
pub struct Pupil<I> {
    graph: Graph,
    learner: Learner,
    stream: I,
}

impl<I> std::fmt::Debug for Pupil<I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pupil")
            .field("tally", &self.learner.tally())
            .finish_non_exhaustive()
    }
}

/// One that has learnt from [`BEFORE`] changes; its graph begins empty.
#[must_use]
pub fn pupil() -> Pupil<impl Iterator<Item = Observation>> {
    let mut learner = Learner::new(Config::default());
    servers(FLEET).for_each(|o| drop(learner.observe(&o)));
    let mut stream = changes(FLEET, 5);
    for observation in stream.by_ref().take(BEFORE) {
        drop(learner.observe(&observation));
    }
    Pupil {
        graph: Graph::new(),
        learner,
        stream,
    }
}

impl<I: Iterator<Item = Observation>> Pupil<I> {
    /// The next [`BATCH`] changes.
    pub fn next_batch(&mut self) -> Vec<Observation> {
        self.stream.by_ref().take(BATCH).collect()
    }

    /// Puts changes into the graph as one batch, and then teaches them; how much was learnt.
    ///
    /// # Errors
    /// When the graph refuses.
    pub fn take(&mut self, observations: &[Observation]) -> Result<usize> {
        let batch = Batch {
            seq: self.graph.applied_seq() + 1,
            ops: observations.iter().filter_map(operation).collect(),
        };
        self.graph.apply(&batch)?;
        let learnt = observations.iter().map(|o| self.learner.observe(o).len());
        Ok(learnt.sum())
    }
}

fn operation(observation: &Observation) -> Option<Op> {
    let Observation::Change {
        target,
        author,
        at,
        change_set,
        key,
        old,
        new,
        ..
    } = observation
    else {
        return None;
    };
    Some(Op::SetValue {
        target: target.clone(),
        key: key.clone(),
        old: old.clone(),
        new: new.clone(),
        author: author.clone(),
        at: *at,
        change_set: Some(*change_set),
    })
}

/// Weights of [`SETTINGS`] settings, every pair of them changed together at some time.
#[must_use]
pub fn weights() -> Weights {
    let mut weights = Weights::new(Span::from_secs(90 * 86_400));
    for x in 0..SETTINGS {
        for y in x + 1..SETTINGS {
            let at = Timestamp::from_secs(i64::from(x) * 600 + i64::from(y));
            weights.decision(at, &[x, y]);
            weights.ordered(at, x, y, 1.0);
        }
    }
    weights
}

/// When the weights are read.
pub const NOW: Timestamp = Timestamp::from_secs(86_400 * 7);
