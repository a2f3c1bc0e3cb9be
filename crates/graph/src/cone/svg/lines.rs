//! The lines of a cone: curves between columns, straight where they pass one.

use std::collections::BTreeSet;

use backstay_model::EdgeKind;

use super::boxes::Frame;
use super::{Column, HEAD, Out, escaped};
use crate::cone::layout::{Layout, Route};
use crate::cone::{Badge, Cone, ConeEdge, Part, Tone};

/// Length of an arrow head, in pixels.
const ARROW: f64 = 8.0;
/// Most distance between two lines at one side of a box, in pixels.
const PORT_GAP: f64 = 9.0;

pub(super) fn draw(
    cone: &Cone,
    layout: &Layout,
    frames: &[Frame],
    columns: &[Column],
    out: &mut Out,
) {
    let ports = ports(cone, layout, frames);
    let paths: Vec<String> = layout
        .routes
        .iter()
        .map(|r| path(r, cone, &ports, frames, columns))
        .collect();
    for place in hurt(cone) {
        out.line(&format!("<path class=\"glow\" d=\"{}\"/>", paths[place]));
    }
    for part in [Part::Beside, Part::BestPath] {
        for (place, edge) in cone
            .edges
            .iter()
            .enumerate()
            .filter(|(_, e)| e.part == part)
        {
            line(
                cone,
                edge,
                &paths[place],
                (frames[edge.to].left, ports[place].1),
                out,
            );
        }
    }
}

fn line(cone: &Cone, edge: &ConeEdge, path: &str, (x, y): (f64, f64), out: &mut Out) {
    let beside = if edge.part == Part::Beside {
        " beside"
    } else {
        ""
    };
    let (from, to) = (cone.nodes[edge.from].label(), cone.nodes[edge.to].label());
    let doubt = edge.doubt.map(|d| format!(" {d}")).unwrap_or_default();
    let told = format!(
        "{from} → {to}: {}, confidence {}{doubt}",
        edge.kind.word(),
        edge.confidence
    );
    let width = 1.2 + 1.2 * edge.confidence.get();
    out.line(&format!(
        "<g class=\"edge {}{beside}\"><title>{}</title>",
        edge.kind.word(),
        escaped(&told)
    ));
    out.line(&format!(
        "<path class=\"line\" stroke-width=\"{width:.1}\" d=\"{path}\"/>"
    ));
    let (back, half) = (x - ARROW, ARROW * 0.45);
    out.line(&format!(
        "<path class=\"tip\" d=\"M{x:.1} {y:.1}L{back:.1} {:.1}L{back:.1} {:.1}z\"/></g>",
        y - half,
        y + half
    ));
}

/// Heights at which every edge leaves and reaches its boxes, spread so that lines do not meet.
fn ports(cone: &Cone, layout: &Layout, frames: &[Frame]) -> Vec<(f64, f64)> {
    let mut ports: Vec<(f64, f64)> = cone
        .edges
        .iter()
        .map(|e| (frames[e.from].middle, frames[e.to].middle))
        .collect();
    for (node, frame) in frames.iter().enumerate() {
        let mut leaving: Vec<(f64, usize)> = Vec::new();
        let mut reaching: Vec<(f64, usize)> = Vec::new();
        for route in &layout.routes {
            let edge = &cone.edges[route.edge];
            let mut passages = route.passages.iter().map(|p| HEAD + p.y);
            if edge.from == node {
                leaving.push((
                    passages.clone().next().unwrap_or(frames[edge.to].middle),
                    route.edge,
                ));
            }
            if edge.to == node {
                reaching.push((
                    passages.next_back().unwrap_or(frames[edge.from].middle),
                    route.edge,
                ));
            }
        }
        for (y, edge) in spread(leaving, frame) {
            ports[edge].0 = y;
        }
        for (y, edge) in spread(reaching, frame) {
            ports[edge].1 = y;
        }
    }
    ports
}

fn spread(mut ends: Vec<(f64, usize)>, frame: &Frame) -> Vec<(f64, usize)> {
    ends.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let count = ends.len();
    let gap = ((frame.height - 18.0) / (count.max(2) - 1) as f64).min(PORT_GAP);
    let first = frame.middle - gap * (count.max(1) - 1) as f64 / 2.0;
    ends.into_iter()
        .enumerate()
        .map(|(i, (_, edge))| (first + gap * i as f64, edge))
        .collect()
}

fn path(
    route: &Route,
    cone: &Cone,
    ports: &[(f64, f64)],
    frames: &[Frame],
    columns: &[Column],
) -> String {
    let edge = &cone.edges[route.edge];
    let (mut x, mut y) = (frames[edge.from].right(), ports[route.edge].0);
    let mut path = format!("M{x:.1} {y:.1}");
    let mut curve = |x: &mut f64, y: &mut f64, to: (f64, f64)| {
        let bend = (to.0 - *x) / 2.0;
        path.push_str(&format!(
            "C{:.1} {:.1} {:.1} {:.1} {:.1} {:.1}",
            *x + bend,
            *y,
            to.0 - bend,
            to.1,
            to.0,
            to.1
        ));
        (*x, *y) = to;
    };
    for passage in &route.passages {
        let column = &columns[passage.column];
        let height = HEAD + passage.y;
        curve(&mut x, &mut y, (column.left, height));
        curve(&mut x, &mut y, (column.right, height));
    }
    curve(
        &mut x,
        &mut y,
        (frames[edge.to].left - ARROW + 1.0, ports[route.edge].1),
    );
    path
}

/// The edges by which something that got worse was reached, and those over which services feel it.
fn hurt(cone: &Cone) -> BTreeSet<usize> {
    let worse = |place: usize| {
        matches!(
            cone.nodes[place].badge,
            Some(Badge {
                tone: Tone::Worse,
                ..
            })
        )
    };
    let mut hurt = BTreeSet::new();
    let mut towards: BTreeSet<usize> = (0..cone.nodes.len()).filter(|n| worse(*n)).collect();
    // Nodes stand behind those they are reached from, so one walk backwards is enough.
    for node in (0..cone.nodes.len()).rev() {
        if !towards.contains(&node) {
            continue;
        }
        for (place, edge) in cone.edges.iter().enumerate() {
            if edge.to == node && edge.part == Part::BestPath {
                hurt.insert(place);
                towards.insert(edge.from);
            }
        }
    }
    let felt = |e: &ConeEdge| worse(e.from) && cone.nodes[e.to].kind() == "service";
    hurt.extend(
        cone.edges
            .iter()
            .enumerate()
            .filter(|(_, e)| felt(e))
            .map(|(place, _)| place),
    );
    hurt
}

/// A short line of a kind for the legend; `y` is its height.
pub(super) fn sample(kind: EdgeKind, (x, y): (f64, f64), out: &mut Out) {
    let end = x + 34.0;
    out.line(&format!("<g class=\"edge {}\">", kind.word()));
    out.line(&format!(
        "<path class=\"line\" stroke-width=\"2\" d=\"M{x:.1} {y:.1}H{:.1}\"/>",
        end - ARROW + 1.0
    ));
    out.line(&format!(
        "<path class=\"tip\" d=\"M{end:.1} {y:.1}L{:.1} {:.1}L{:.1} {:.1}z\"/></g>",
        end - ARROW,
        y - ARROW * 0.45,
        end - ARROW,
        y + ARROW * 0.45
    ));
}
