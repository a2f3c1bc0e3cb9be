//! A cone as a picture: SVG with classes only, light and dark by the reader's preference, fonts of the
//! reader's system, a title on everything one can point at.

mod boxes;
mod lines;
mod palette;

use backstay_model::EdgeKind;

use super::layout::{Layout, lay_out};
use super::{Badge, Cone, ConeNode, Role, Tone};
use boxes::Frame;

/// Free space around everything, in pixels.
const MARGIN: f64 = 32.0;
/// Height of title, subtitle and column heads, in pixels.
const HEAD: f64 = 118.0;
/// Least width of the picture, in pixels.
const WIDTH_MIN: f64 = 760.0;
/// Free width between two columns, in pixels: least, and more for each edge that crosses it.
const GUTTER: f64 = 64.0;
const GUTTER_PER_EDGE: f64 = 2.5;
const GUTTER_MAX: f64 = 104.0;
/// Width of a character of the box font (13 px, monospace) and of the text font per pixel of size.
const MONO: f64 = 0.602;
const SANS: f64 = 0.56;

/// The picture of a cone, a complete SVG document. Equal cones give equal bytes.
#[must_use]
pub fn svg(cone: &Cone) -> String {
    let heights: Vec<f64> = (0..cone.nodes.len())
        .map(|i| boxes::height(cone, i))
        .collect();
    let layout = lay_out(cone, &heights);
    let page = Page::new(cone, &layout, &heights);
    let mut out = Out::default();
    page.open(&mut out);
    page.heads(&mut out);
    lines::draw(cone, &layout, &page.frames, &page.columns, &mut out);
    for (node, frame) in cone.nodes.iter().zip(&page.frames) {
        boxes::draw(node, frame, &mut out);
    }
    page.legend(&mut out);
    out.line("</svg>");
    out.text
}

/// The text of the document, line by line.
#[derive(Debug, Default)]
struct Out {
    text: String,
}

impl Out {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// A text of a class at a place, anchored at its start.
    fn words(&mut self, class: &str, (x, y): (f64, f64), words: &str) {
        let words = escaped(words);
        self.line(&format!(
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{words}</text>"
        ));
    }
}

/// `text` for a place in SVG or XML: what means something there written out, control characters dropped.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            c if c.is_control() => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}

fn sans_width(text: &str, size: f64) -> f64 {
    text.chars().count() as f64 * size * SANS
}

fn mono_width(text: &str, size: f64) -> f64 {
    text.chars().count() as f64 * size * MONO
}

/// A column: from where to where it reaches, and what stands in it.
#[derive(Clone, Debug)]
struct Column {
    left: f64,
    right: f64,
    head: &'static str,
}

/// Where everything stands.
#[derive(Debug)]
struct Page {
    width: f64,
    height: f64,
    title: String,
    subtitle: String,
    columns: Vec<Column>,
    frames: Vec<Frame>,
    kinds: Vec<EdgeKind>,
    shapes: Vec<&'static str>,
    legend_top: f64,
}

impl Page {
    fn new(cone: &Cone, layout: &Layout, heights: &[f64]) -> Self {
        let (title, subtitle) = (title(cone), subtitle(cone));
        let (columns, right) = columns(cone, layout);
        let wide = sans_width(&title, 20.0).max(sans_width(&subtitle, 12.5)) + 2.0 * MARGIN;
        let width = (right + MARGIN).max(wide).max(WIDTH_MIN);
        // A narrow cone stands in the middle.
        let shift = (width - right - MARGIN) / 2.0;
        let moved = |c: Column| Column {
            left: c.left + shift,
            right: c.right + shift,
            ..c
        };
        let columns: Vec<Column> = columns.into_iter().map(moved).collect();
        let frames = layout
            .spots
            .iter()
            .zip(heights)
            .map(|(spot, height)| Frame {
                left: columns[spot.column].left,
                width: columns[spot.column].right - columns[spot.column].left,
                middle: HEAD + spot.y,
                height: *height,
            });
        let kinds = EdgeKind::ALL
            .into_iter()
            .filter(|k| cone.edges.iter().any(|e| e.kind == *k));
        let shapes = ["setting", "resource", "metric", "target", "service"];
        let shapes = shapes
            .into_iter()
            .filter(|s| cone.nodes.iter().any(|n| n.kind() == *s));
        let (frames, kinds, shapes): (Vec<_>, Vec<_>, Vec<_>) =
            (frames.collect(), kinds.collect(), shapes.collect());
        let legend_top = HEAD + layout.height + 34.0;
        let mut page = Self {
            width,
            height: 0.0,
            title,
            subtitle,
            columns,
            frames,
            kinds,
            shapes,
            legend_top,
        };
        page.height = page.legend(&mut Out::default()) + 26.0;
        page
    }

    fn open(&self, out: &mut Out) {
        let (w, h) = (self.width.ceil(), self.height.ceil());
        out.line(&format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" role=\"img\" aria-labelledby=\"t d\">"
        ));
        out.line(&format!("<title id=\"t\">{}</title>", escaped(&self.title)));
        out.line(&format!(
            "<desc id=\"d\">{}</desc>",
            escaped(&self.subtitle)
        ));
        out.line(palette::STYLE.trim_end());
        out.line(&format!(
            "<rect class=\"page\" x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"14\"/>",
            w - 1.0,
            h - 1.0
        ));
    }

    fn heads(&self, out: &mut Out) {
        out.words("title", (MARGIN, 42.0), &self.title);
        out.words("sub", (MARGIN, 63.0), &self.subtitle);
        for column in &self.columns {
            out.words("head", (column.left + 2.0, HEAD - 16.0), column.head);
        }
    }

    /// Draws the legend and gives its lower end.
    fn legend(&self, out: &mut Out) -> f64 {
        let top = self.legend_top;
        let right = self.width - MARGIN;
        out.line(&format!(
            "<path class=\"rule\" d=\"M{MARGIN} {top:.1}H{right:.1}\"/>"
        ));
        let (mut x, mut y) = (MARGIN, top + 26.0);
        for kind in &self.kinds {
            let words = kind.word().replace('_', " ");
            let wide = 42.0 + sans_width(&words, 11.5) + 22.0;
            if x + wide > right {
                (x, y) = (MARGIN, y + 22.0);
            }
            lines::sample(*kind, (x, y - 4.0), out);
            out.words("key", (x + 42.0, y), &words);
            x += wide;
        }
        (x, y) = (MARGIN, y + 26.0);
        for shape in &self.shapes {
            boxes::sample(shape, (x, y - 4.0), out);
            out.words("key", (x + 30.0, y), shape);
            x += 30.0 + sans_width(shape, 11.5) + 22.0;
        }
        let note = "number and bar: confidence along the best path; faint line: another way";
        if x + sans_width(note, 11.5) > right {
            (x, y) = (MARGIN, y + 22.0);
        }
        out.words("note", (x, y), note);
        y
    }
}

fn title(cone: &Cone) -> String {
    let changed: Vec<_> = cone
        .nodes
        .iter()
        .filter_map(|n| match &n.role {
            Role::Changed(changed) => Some(changed),
            _ => None,
        })
        .collect();
    match changed.as_slice() {
        [one] if one.new.is_empty() => format!("What {} reaches", one.node),
        [one] => format!("What {} {} reaches", one.node, one.values("→")),
        many => format!("What {} changed settings reach", many.len()),
    }
}

fn subtitle(cone: &Cone) -> String {
    let counted = ["setting", "resource", "metric", "service"]
        .into_iter()
        .filter_map(|kind| {
            let count = cone.count(kind);
            let plural = if count == 1 { "" } else { "s" };
            (count > 0).then(|| format!("{count} {kind}{plural}"))
        });
    let counted: Vec<String> = counted.collect();
    let worse = |n: &&ConeNode| {
        matches!(
            n.badge,
            Some(Badge {
                tone: Tone::Worse,
                ..
            })
        )
    };
    let worse = cone.nodes.iter().filter(worse).count();
    match (counted.is_empty(), worse) {
        (true, _) => "nothing that is known depends on it".to_owned(),
        (false, 0) => counted.join("  ·  "),
        (false, n) => format!("{}  ·  {n} got worse", counted.join("  ·  ")),
    }
}

/// The columns and the right end of the last.
fn columns(cone: &Cone, layout: &Layout) -> (Vec<Column>, f64) {
    let mut left = MARGIN;
    let mut columns: Vec<Column> = Vec::new();
    for column in 0..layout.columns {
        let inside = || {
            cone.nodes
                .iter()
                .zip(&layout.spots)
                .filter(move |(_, s)| s.column == column)
        };
        let head = inside().next().map_or("", |(node, _)| head(node, column));
        let width = inside()
            .map(|(node, _)| boxes::width(node))
            .fold(sans_width(head, 14.0), f64::max);
        columns.push(Column {
            left,
            right: left + width,
            head,
        });
        let crossing = layout.routes.iter().filter(|r| {
            let (from, to) = (cone.edges[r.edge].from, cone.edges[r.edge].to);
            layout.spots[from].column <= column && layout.spots[to].column > column
        });
        let gutter = GUTTER + GUTTER_PER_EDGE * crossing.count() as f64;
        left += width + gutter.min(GUTTER_MAX);
    }
    let right = columns.last().map_or(MARGIN, |c| c.right);
    (columns, right)
}

fn head(node: &ConeNode, column: usize) -> &'static str {
    match (node.kind(), &node.role, column) {
        (_, Role::Changed(_), _) => "CHANGED",
        ("metric", ..) => "METRICS",
        ("service", ..) => "SERVICES",
        ("target", ..) => "TARGETS",
        (_, _, 1) => "SETTINGS",
        _ => "FURTHER SETTINGS",
    }
}
