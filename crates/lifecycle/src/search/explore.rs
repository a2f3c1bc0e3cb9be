//! Breadth-first over all worlds.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::invariants::Invariant;

/// A world of some kind.
pub(super) trait Model: Sized {
    /// Everything that makes two worlds different.
    fn key(&self) -> String;
    /// The words of the states in it.
    fn words(&self) -> Vec<&'static str>;
    /// The invariant that is broken in it.
    fn broken(&self) -> Option<Invariant>;
    /// Whether nothing has to happen any more: it is settled, or a person's turn.
    fn rests(&self) -> bool;
    /// Everything that can happen next.
    fn moves(&self) -> Vec<(Edge, String, Self)>;
}

/// Whether a move is progress or one more trouble from outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Edge {
    Progress,
    Trouble,
}

/// What a search found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) worlds: usize,
    /// The states that occur in them.
    pub(super) words: BTreeSet<&'static str>,
    /// The first broken invariant and the shortest way to it.
    pub(super) broken: Option<(Invariant, Vec<String>)>,
    /// A world from which neither a settled state nor an operator's turn can be reached (RB-5).
    pub(super) stuck: Option<Vec<String>>,
}

struct Seen {
    came_by: Option<(usize, String)>,
    resting: Resting,
    /// Worlds that lead here without a further fault.
    from: Vec<usize>,
}

#[derive(PartialEq, Clone, Copy)]
enum Resting {
    Yes,
    No,
}

/// Walks every world that can be reached from `first`.
pub(super) fn explore<M: Model>(first: M) -> Found {
    let mut words = BTreeSet::new();
    let mut ids = BTreeMap::from([(first.key(), 0)]);
    let mut seen = vec![note(&first, None)];
    let mut queue = VecDeque::from([(0, first)]);
    while let Some((id, world)) = queue.pop_front() {
        words.extend(world.words());
        if let Some(invariant) = world.broken() {
            let broken = Some((invariant, way(&seen, id)));
            return Found {
                worlds: seen.len(),
                words,
                broken,
                stuck: None,
            };
        }
        for (edge, name, next) in world.moves() {
            let target = *ids.entry(next.key()).or_insert_with(|| {
                seen.push(note(&next, Some((id, name))));
                queue.push_back((seen.len() - 1, next));
                seen.len() - 1
            });
            if edge == Edge::Progress {
                seen[target].from.push(id);
            }
        }
    }
    let stuck = stuck(&seen).map(|id| way(&seen, id));
    Found {
        worlds: seen.len(),
        words,
        broken: None,
        stuck,
    }
}

fn note<M: Model>(world: &M, came_by: Option<(usize, String)>) -> Seen {
    let resting = if world.rests() {
        Resting::Yes
    } else {
        Resting::No
    };
    Seen {
        came_by,
        resting,
        from: Vec::new(),
    }
}

/// A world that cannot come to rest.
fn stuck(seen: &[Seen]) -> Option<usize> {
    let mut reaches = vec![Resting::No; seen.len()];
    let mut open: Vec<usize> = (0..seen.len())
        .filter(|i| seen[*i].resting == Resting::Yes)
        .collect();
    while let Some(id) = open.pop() {
        if reaches[id] == Resting::No {
            reaches[id] = Resting::Yes;
            open.extend(&seen[id].from);
        }
    }
    reaches.iter().position(|r| *r == Resting::No)
}

fn way(seen: &[Seen], mut id: usize) -> Vec<String> {
    let mut names = Vec::new();
    while let Some((from, name)) = &seen[id].came_by {
        names.push(name.clone());
        id = *from;
    }
    names.reverse();
    names
}
