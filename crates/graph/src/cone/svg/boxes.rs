//! The boxes of a cone: one shape for each kind of node.

use super::{Out, escaped, mono_width};
use crate::cone::{Cone, ConeNode, Role, Tone};

/// Where a box stands, in pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) width: f64,
    pub(super) middle: f64,
    pub(super) height: f64,
}

impl Frame {
    fn top(&self) -> f64 {
        self.middle - self.height / 2.0
    }

    pub(super) fn right(&self) -> f64 {
        self.left + self.width
    }
}

/// Least width of a box, in pixels.
const WIDTH_MIN: f64 = 132.0;
/// Height that one more line takes at a changed setting, and the most it may grow to, in pixels.
const LINE_GAP: f64 = 8.0;
const CHANGED_MAX: f64 = 220.0;
/// Length of a full confidence bar, in pixels.
const BAR: f64 = 56.0;

/// Height of a box. That of a changed setting grows with the lines that leave it.
pub(super) fn height(cone: &Cone, place: usize) -> f64 {
    match cone.nodes[place].role {
        Role::Changed(_) => {
            let leaving = cone.edges.iter().filter(|e| e.from == place).count();
            (30.0 + LINE_GAP * leaving as f64).clamp(62.0, CHANGED_MAX)
        }
        Role::Reached(_) => 48.0,
        Role::Group { .. } => 34.0,
    }
}

pub(super) fn width(node: &ConeNode) -> f64 {
    let name = mono_width(&node.label(), 13.0);
    let second = match &node.role {
        Role::Changed(changed) => mono_width(&changed.values("→"), 13.0),
        Role::Reached(_) => {
            BAR + 34.0
                + node
                    .badge
                    .as_ref()
                    .map_or(0.0, |b| badge_width(&b.text) + 10.0)
        }
        Role::Group { .. } => 0.0,
    };
    let name = if matches!(node.role, Role::Changed(_)) {
        name * 15.0 / 13.0
    } else {
        name
    };
    (name.max(second) + 2.0 * inset(node.kind())).max(WIDTH_MIN)
}

fn badge_width(text: &str) -> f64 {
    mono_width(text, 11.5) + 14.0
}

/// Free space left and right of the text, which depends on the shape.
fn inset(kind: &str) -> f64 {
    match kind {
        "metric" | "resource" => 22.0,
        "service" | "target" => 18.0,
        _ => 14.0,
    }
}

pub(super) fn draw(node: &ConeNode, frame: &Frame, out: &mut Out) {
    let tone = match node.badge.as_ref().map(|b| b.tone) {
        Some(Tone::Worse) => " worse",
        Some(Tone::Better) => " better",
        _ => "",
    };
    let role = match node.role {
        Role::Changed(_) => "changed",
        Role::Reached(_) => node.kind(),
        Role::Group { .. } => "group",
    };
    out.line(&format!(
        "<g class=\"box {role}{tone}\"><title>{}</title>",
        escaped(&told(node))
    ));
    shape(node.kind(), frame, out);
    let left = frame.left + inset(node.kind());
    match &node.role {
        Role::Changed(changed) => {
            out.words("name", (left, frame.middle - 5.0), &node.label());
            out.words("value", (left, frame.middle + 16.0), &changed.values("→"));
        }
        Role::Group { .. } => out.words("name", (left, frame.middle + 4.5), &node.label()),
        Role::Reached(_) => {
            out.words("name", (left, frame.top() + 19.5), &node.label());
            bar(node, left, frame.top() + 34.0, out);
            badge(node, frame, out);
        }
    }
    out.line("</g>");
}

fn told(node: &ConeNode) -> String {
    match &node.role {
        Role::Changed(c) => format!("{}: {}", c.node, c.values("→")),
        Role::Group { .. } => format!("{}, at most {}", node.label(), node.score),
        Role::Reached(key) => {
            let edges = if node.hops == 1 { "edge" } else { "edges" };
            let badge = node
                .badge
                .as_ref()
                .map(|b| format!(", {}", b.text))
                .unwrap_or_default();
            format!(
                "{} {key}{badge}: confidence {} over {} {edges}",
                node.kind(),
                node.score,
                node.hops
            )
        }
    }
}

fn bar(node: &ConeNode, x: f64, y: f64, out: &mut Out) {
    let full = BAR * node.score.get();
    out.line(&format!(
        "<rect class=\"track\" x=\"{x:.1}\" y=\"{:.1}\" width=\"{BAR}\" height=\"4\" rx=\"2\"/>",
        y - 2.0
    ));
    out.line(&format!(
        "<rect class=\"fill\" x=\"{x:.1}\" y=\"{:.1}\" width=\"{full:.1}\" height=\"4\" rx=\"2\"/>",
        y - 2.0
    ));
    out.words("score", (x + BAR + 8.0, y + 4.0), &node.score.to_string());
}

fn badge(node: &ConeNode, frame: &Frame, out: &mut Out) {
    let Some(badge) = &node.badge else { return };
    let width = badge_width(&badge.text);
    let (x, y) = (
        frame.right() - inset(node.kind()) + 6.0 - width,
        frame.top() + 24.0,
    );
    out.line(&format!("<rect class=\"badge\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"16\" rx=\"8\"/>"));
    out.words("badge", (x + 7.0, y + 12.0), &badge.text);
}

fn shape(kind: &str, frame: &Frame, out: &mut Out) {
    let (x, y, w, h) = (frame.left, frame.top(), frame.width, frame.height);
    let rect = |r: f64| {
        format!(
            "<rect class=\"shape\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" rx=\"{r:.1}\"/>"
        )
    };
    match kind {
        "metric" => out.line(&rect(h / 2.0)),
        "resource" => {
            let cut = (h / 2.6).min(w / 4.0);
            out.line(&format!(
                "<path class=\"shape\" d=\"M{:.1} {y:.1}h{:.1}l{cut:.1} {:.1}l-{cut:.1} {:.1}h-{:.1}l-{cut:.1} -{:.1}z\"/>",
                x + cut, w - 2.0 * cut, h / 2.0, h / 2.0, w - 2.0 * cut, h / 2.0
            ));
        }
        "service" => {
            out.line(&rect(3.0));
            let inner = (w / 10.0).min(7.0);
            out.line(&format!(
                "<path class=\"shape\" d=\"M{:.1} {y:.1}v{h:.1}M{:.1} {y:.1}v{h:.1}\"/>",
                x + inner,
                x + w - inner
            ));
        }
        "target" => {
            let cap = (h / 8.0).min(6.0);
            let (r, body) = (w / 2.0, h - 2.0 * cap);
            out.line(&format!(
                "<path class=\"shape\" d=\"M{x:.1} {:.1}a{r:.1} {cap:.1} 0 0 1 {w:.1} 0v{body:.1}a{r:.1} {cap:.1} 0 0 1 -{w:.1} 0z\"/>",
                y + cap
            ));
        }
        _ => out.line(&rect((h / 4.0).min(9.0))),
    }
}

/// A small box of a kind for the legend; `y` is its middle.
pub(super) fn sample(kind: &str, (x, y): (f64, f64), out: &mut Out) {
    out.line(&format!("<g class=\"box {kind}\">"));
    shape(
        kind,
        &Frame {
            left: x,
            width: 22.0,
            middle: y,
            height: 14.0,
        },
        out,
    );
    out.line("</g>");
}
