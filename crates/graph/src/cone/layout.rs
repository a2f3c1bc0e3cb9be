//! A layered layout, left to right: columns by longest path, order by barycentre sweeps, dummies where
//! an edge passes a column, heights by least squares. No randomness: equal cones, equal drawings.

use super::{Cone, ConeNode, Role};

/// Sweeps over the columns, to and fro, for the order.
const ORDER_SWEEPS: usize = 12;
/// Sweeps over the columns, to and fro, for the heights.
const HEIGHT_SWEEPS: usize = 40;
/// Free height between two boxes, and beside a passage, in pixels.
const GAP: f64 = 16.0;
const PASSAGE_GAP: f64 = 8.0;
/// Height that an edge passing a column takes, in pixels.
const PASSAGE: f64 = 10.0;

/// Where a box stands: its middle, in pixels.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Spot {
    pub(super) column: usize,
    pub(super) y: f64,
}

/// An edge with the heights at which it passes the columns between its ends.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Route {
    pub(super) edge: usize,
    /// Column and height of each passage.
    pub(super) passages: Vec<Spot>,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) struct Layout {
    pub(super) spots: Vec<Spot>,
    pub(super) routes: Vec<Route>,
    pub(super) columns: usize,
    /// Height of it all, in pixels; the topmost box begins at 0.
    pub(super) height: f64,
}

/// One thing in a column: a box, or a passage.
#[derive(Clone, Debug)]
struct Item {
    column: usize,
    height: f64,
    y: f64,
    passage: bool,
    /// Neighbours in the columns before and after.
    left: Vec<usize>,
    right: Vec<usize>,
}

impl Item {
    /// Free height it wants to its neighbours; the smaller of two wins.
    const fn gap(&self) -> f64 {
        if self.passage { PASSAGE_GAP } else { GAP }
    }
}

/// Lays out a cone whose boxes have these heights.
pub(super) fn lay_out(cone: &Cone, heights: &[f64]) -> Layout {
    let columns_of = columns(cone);
    let count = columns_of.iter().max().map_or(0, |c| c + 1);
    let mut items: Vec<Item> = columns_of
        .iter()
        .zip(heights)
        .map(|(column, height)| Item {
            column: *column,
            height: *height,
            y: 0.0,
            passage: false,
            left: Vec::new(),
            right: Vec::new(),
        })
        .collect();
    let chains: Vec<Vec<usize>> = cone
        .edges
        .iter()
        .map(|e| chain(&mut items, e.from, e.to))
        .collect();
    let mut order: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (i, item) in items.iter().enumerate() {
        order[item.column].push(i);
    }
    order_columns(&items, &mut order);
    set_heights(&mut items, &order);

    let top = items
        .iter()
        .map(|i| i.y - i.height / 2.0)
        .fold(f64::INFINITY, f64::min);
    let bottom = items
        .iter()
        .map(|i| i.y + i.height / 2.0)
        .fold(f64::NEG_INFINITY, f64::max);
    let spot = |i: &usize| Spot {
        column: items[*i].column,
        y: items[*i].y - top,
    };
    let routes = chains.iter().enumerate();
    Layout {
        spots: (0..cone.nodes.len()).map(|i| spot(&i)).collect(),
        routes: routes
            .map(|(edge, c)| Route {
                edge,
                passages: c.iter().map(spot).collect(),
            })
            .collect(),
        columns: count,
        height: if items.is_empty() { 0.0 } else { bottom - top },
    }
}

/// Settings and resources by longest path, then metrics, targets and services, a column each.
fn columns(cone: &Cone) -> Vec<usize> {
    let mut column = vec![0; cone.nodes.len()];
    let services = (0..cone.nodes.len()).filter(|i| cone.nodes[*i].kind() == "service");
    let others = (0..cone.nodes.len()).filter(|i| cone.nodes[*i].kind() != "service");
    for to in others.chain(services) {
        let before = cone
            .edges
            .iter()
            .filter(|e| e.to == to)
            .map(|e| column[e.from] + 1);
        column[to] = before.max().unwrap_or(0);
    }
    let stage = |node: &ConeNode| match (node.kind(), &node.role) {
        (_, Role::Changed(_)) => 0,
        ("metric", _) => 1,
        ("target", _) => 2,
        ("service", _) => 3,
        _ => 0,
    };
    let mut first = 0;
    for wanted in 0..=3 {
        let here: Vec<usize> = (0..cone.nodes.len())
            .filter(|i| stage(&cone.nodes[*i]) == wanted)
            .collect();
        if wanted > 0 {
            here.iter().for_each(|i| column[*i] = first);
        }
        let last = here.iter().map(|i| column[*i] + 1).max();
        first = last.unwrap_or(first);
    }
    column
}

/// Adds the passages of an edge and joins neighbours; gives the passages.
fn chain(items: &mut Vec<Item>, from: usize, to: usize) -> Vec<usize> {
    let (a, b) = (items[from].column, items[to].column);
    let mut passages = Vec::new();
    let mut before = from;
    for column in a + 1..b {
        let item = Item {
            column,
            height: PASSAGE,
            y: 0.0,
            passage: false,
            left: Vec::new(),
            right: Vec::new(),
        };
        items.push(item);
        let new = items.len() - 1;
        join(items, before, new);
        passages.push(new);
        before = new;
    }
    if a < b {
        join(items, before, to);
    }
    passages
}

fn join(items: &mut [Item], left: usize, right: usize) {
    items[left].right.push(right);
    items[right].left.push(left);
}

/// Sorts every column by the mean place of its neighbours, to and fro, and keeps the order with the
/// fewest crossings.
fn order_columns(items: &[Item], order: &mut Vec<Vec<usize>>) {
    let mut best = (crossings(items, order), order.clone());
    for sweep in 0..ORDER_SWEEPS {
        let forward = sweep % 2 == 0;
        for step in 1..order.len() {
            let column = if forward {
                step
            } else {
                order.len() - 1 - step
            };
            let place = places(items, order);
            let middle = |i: &usize| {
                let near = if forward {
                    &items[*i].left
                } else {
                    &items[*i].right
                };
                let sum: f64 = near.iter().map(|n| place[*n]).sum();
                if near.is_empty() {
                    place[*i]
                } else {
                    sum / near.len() as f64
                }
            };
            let mut keyed: Vec<(f64, usize)> =
                order[column].iter().map(|i| (middle(i), *i)).collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            order[column] = keyed.into_iter().map(|(_, i)| i).collect();
        }
        let now = crossings(items, order);
        if now < best.0 {
            best = (now, order.clone());
        }
    }
    *order = best.1;
}

/// Place of every item in its column, from 0 to 1.
fn places(items: &[Item], order: &[Vec<usize>]) -> Vec<f64> {
    let mut place = vec![0.0; items.len()];
    for column in order {
        for (i, item) in column.iter().enumerate() {
            place[*item] = (i as f64 + 0.5) / column.len() as f64;
        }
    }
    place
}

fn crossings(items: &[Item], order: &[Vec<usize>]) -> usize {
    let place = places(items, order);
    let mut sum = 0;
    for column in order {
        let ends = column
            .iter()
            .flat_map(|i| items[*i].right.iter().map(|n| (place[*i], place[*n])));
        let ends: Vec<(f64, f64)> = ends.collect();
        for (i, a) in ends.iter().enumerate() {
            let cross = |b: &&(f64, f64)| (a.0 - b.0) * (a.1 - b.1) < 0.0;
            sum += ends.iter().skip(i + 1).filter(cross).count();
        }
    }
    sum
}

/// Moves every item towards the mean height of its neighbours as far as order and gaps allow.
fn set_heights(items: &mut [Item], order: &[Vec<usize>]) {
    for column in order {
        let mut y = 0.0;
        for i in column {
            items[*i].y = y + items[*i].height / 2.0;
            y += items[*i].height + items[*i].gap();
        }
        // Centred, so that the first sweep begins with a symmetric picture.
        column.iter().for_each(|i| items[*i].y -= y / 2.0);
    }
    for sweep in 0..HEIGHT_SWEEPS {
        for step in 0..order.len() {
            let column = if sweep % 2 == 0 {
                step
            } else {
                order.len() - 1 - step
            };
            let wanted: Vec<(f64, f64)> = order[column].iter().map(|i| pulled(items, *i)).collect();
            let placed = spread(&wanted, &offsets(items, &order[column]));
            for (i, y) in order[column].iter().zip(placed) {
                items[*i].y = y;
            }
        }
    }
}

/// Where the neighbours of an item pull it, and how strongly: passages most, so that long lines are
/// straight.
fn pulled(items: &[Item], item: usize) -> (f64, f64) {
    let mut sum = 0.0;
    let mut weight = 0.0;
    for near in items[item].left.iter().chain(&items[item].right) {
        let pull = match usize::from(items[item].passage) + usize::from(items[*near].passage) {
            0 => 1.0,
            1 => 3.0,
            _ => 12.0,
        };
        sum += items[*near].y * pull;
        weight += pull;
    }
    if weight > 0.0 {
        (sum / weight, weight)
    } else {
        (items[item].y, 0.01)
    }
}

/// Least distances of the middles of a column from the first of them.
fn offsets(items: &[Item], column: &[usize]) -> Vec<f64> {
    let mut offset = 0.0;
    let mut offsets = vec![0.0; column.len()];
    for (pair, place) in column.windows(2).zip(offsets.iter_mut().skip(1)) {
        let [a, b] = [&items[pair[0]], &items[pair[1]]];
        offset += f64::midpoint(a.height, b.height) + a.gap().min(b.gap());
        *place = offset;
    }
    offsets
}

/// The heights nearest to the wanted ones (weighted least squares) that keep order and gaps: isotonic
/// regression by pooling neighbours, after the fixed offsets are taken off.
fn spread(wanted: &[(f64, f64)], offsets: &[f64]) -> Vec<f64> {
    let mut pools: Vec<(f64, f64, usize)> = Vec::new();
    for ((want, weight), offset) in wanted.iter().zip(offsets) {
        pools.push((want - offset, *weight, 1));
        while let [.., a, b] = pools.as_slice() {
            if a.0 <= b.0 {
                break;
            }
            let weight = a.1 + b.1;
            let pool = ((a.0 * a.1 + b.0 * b.1) / weight, weight, a.2 + b.2);
            pools.truncate(pools.len() - 2);
            pools.push(pool);
        }
    }
    let means = pools
        .into_iter()
        .flat_map(|(mean, _, count)| std::iter::repeat_n(mean, count));
    means
        .zip(offsets)
        .map(|(mean, offset)| mean + offset)
        .collect()
}
