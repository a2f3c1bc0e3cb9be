//! A cone as a tree of text, for a terminal.

use super::{Cone, ConeEdge, Part, Role};

/// The cone as text: every node once, under the node its best path comes through, strongest first;
/// the services that feel a metric on one line under it.
#[must_use]
pub fn tree(cone: &Cone) -> String {
    let mut text = String::new();
    for (place, node) in cone.nodes.iter().enumerate() {
        let Role::Changed(changed) = &node.role else {
            continue;
        };
        text.push_str(&format!("{}  {}\n", changed.node, changed.values("->")));
        branches(cone, place, "", &mut text);
    }
    text
}

fn branches(cone: &Cone, place: usize, indent: &str, text: &mut String) {
    let ways = || cone.edges.iter().filter(move |e| e.from == place);
    let service = |e: &&ConeEdge| cone.nodes[e.to].kind() == "service";
    let mut below: Vec<&ConeEdge> = ways()
        .filter(|e| shown_under(cone, e))
        .filter(|e| !service(e))
        .collect();
    below.sort_by(|a, b| {
        let (x, y) = (&cone.nodes[a.to], &cone.nodes[b.to]);
        y.score
            .get()
            .total_cmp(&x.score.get())
            .then(a.to.cmp(&b.to))
    });
    let mut services: Vec<&ConeEdge> = ways().filter(service).collect();
    services.dedup_by_key(|e| e.to);
    let more = usize::from(!services.is_empty());
    let width = below
        .iter()
        .map(|e| cone.nodes[e.to].label().chars().count())
        .max()
        .unwrap_or(0);
    for (i, edge) in below.iter().enumerate() {
        let last = i + 1 == below.len() + more;
        let (branch, rail) = if last {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        let node = &cone.nodes[edge.to];
        let badge = node
            .badge
            .as_ref()
            .map(|b| format!("  {}", b.text))
            .unwrap_or_default();
        let label = format!("{:width$}", node.label());
        let kind = edge.kind.word();
        let told = format!("{indent}{branch}{kind:<15} {label}  {}{badge}", node.score);
        // The score is of the whole path, the interval of the last edge on it.
        let doubt = edge
            .doubt
            .map(|d| format!("  edge {} {d}", edge.confidence));
        let told = told + &doubt.unwrap_or_default();
        text.push_str(told.trim_end());
        text.push('\n');
        branches(cone, edge.to, &format!("{indent}{rail}"), text);
    }
    if more == 1 {
        let names: Vec<String> = services.iter().map(|e| cone.nodes[e.to].label()).collect();
        let best = services
            .iter()
            .map(|e| e.confidence.get())
            .fold(0.0, f64::max);
        let score = cone.nodes[place].score.get() * best;
        text.push_str(&format!(
            "{indent}└─ felt by {}  {score:.2}\n",
            names.join(", ")
        ));
    }
}

/// Whether a node is told under this edge: the edge of its best path, or the first into a group.
fn shown_under(cone: &Cone, edge: &ConeEdge) -> bool {
    match cone.nodes[edge.to].role {
        Role::Group { .. } => {
            let first = cone.edges.iter().find(|e| e.to == edge.to);
            first.is_some_and(|e| e.from == edge.from)
        }
        _ => edge.part == Part::BestPath,
    }
}
