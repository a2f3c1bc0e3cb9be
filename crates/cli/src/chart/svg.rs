//! The picture: one panel a metric below each other, with classes only, light and dark by the reader's
//! preference, fonts of the reader's system.

mod panel;

use std::fmt::Write;

use backstay_graph::cone::escaped;

use super::{Chart, axis, palette};
use axis::Axis;

/// Free space around everything, in pixels.
const MARGIN: f64 = 32.0;
/// Width of the picture.
const WIDTH: f64 = 960.0;
/// Left and right end of what is plotted.
const PLOT: (f64, f64) = (88.0, WIDTH - MARGIN);
/// Height of the title.
const HEAD: f64 = 84.0;
/// Height of a panel, and of what is plotted in it.
const PANEL: f64 = 208.0;
const PLOTTED: f64 = 132.0;
/// From the top of a panel to what is plotted in it.
const ABOVE: f64 = 46.0;
/// Height of the time axis and the legend.
const FOOT: f64 = 76.0;
/// Most panels.
const PANELS_MAX: usize = 8;
/// Round moments on the time axis, at most.
const MOMENTS: i64 = 8;

/// The picture of a chart, a complete SVG document. Equal charts give equal bytes.
pub(crate) fn svg(chart: &Chart) -> String {
    let mut shown = chart.shown();
    let left_out = shown.len().saturating_sub(PANELS_MAX);
    shown.truncate(PANELS_MAX);
    let height = HEAD + PANEL * shown.len() as f64 + FOOT;
    let mut out = Sheet::default();
    open(chart, height, &mut out);
    let (from, until) = chart.reach();
    let time = Axis::new((from.0 as f64, until.0 as f64), PLOT);
    for (i, panel) in shown.iter().enumerate() {
        panel::draw(panel, chart, time, HEAD + PANEL * i as f64, &mut out);
    }
    let bottom = HEAD + PANEL * shown.len() as f64;
    for (at, words) in axis::moments((from, until), MOMENTS, &chart.clock) {
        let x = time.place(at.0 as f64);
        out.words("tick", "middle", (x, bottom + 4.0), &words);
    }
    legend(left_out, bottom + 40.0, &mut out);
    out.line("</svg>");
    out.text
}

fn open(chart: &Chart, height: f64, out: &mut Sheet) {
    out.line(&format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"t d\">"
    ));
    let (title, subtitle) = (escaped(&chart.title), escaped(&chart.subtitle));
    out.line(&format!("<title id=\"t\">{title}</title>"));
    out.line(&format!("<desc id=\"d\">{subtitle}</desc>"));
    out.line(palette::STYLE);
    let (w, h) = (WIDTH - 1.0, height - 1.0);
    out.line(&format!(
        "<rect class=\"page\" x=\"0.5\" y=\"0.5\" width=\"{w}\" height=\"{h}\" rx=\"14\"/>"
    ));
    out.words("title", "start", (MARGIN, 42.0), &chart.title);
    out.words("sub", "start", (MARGIN, 64.0), &chart.subtitle);
}

fn legend(left_out: usize, y: f64, out: &mut Sheet) {
    let rule = y - 18.0;
    let right = PLOT.1;
    out.line(&format!(
        "<path class=\"rule\" d=\"M{MARGIN} {rule}H{right}\"/>"
    ));
    let mut x = MARGIN;
    for (class, words) in [
        ("band", "usual (two standard deviations)"),
        ("middle", "baseline"),
        ("out", "since the change, not usual"),
        ("change", "change"),
        ("alarm", "first alarm"),
    ] {
        let sample = match class {
            "band" => format!(
                "<rect class=\"band\" x=\"{x}\" y=\"{}\" width=\"22\" height=\"11\"/>",
                y - 9.0
            ),
            "out" => format!(
                "<circle class=\"out\" cx=\"{}\" cy=\"{}\" r=\"2.6\"/>",
                x + 11.0,
                y - 4.0
            ),
            line => format!("<path class=\"{line}\" d=\"M{x} {}h22\"/>", y - 4.0),
        };
        out.line(&sample);
        out.words("tick", "start", (x + 29.0, y), words);
        x += 29.0 + 6.4 * words.chars().count() as f64 + 20.0;
    }
    if left_out > 0 {
        let words = format!("and {left_out} more columns");
        out.words("tick", "end", (PLOT.1, y), &words);
    }
}

/// The document, line by line.
#[derive(Default)]
struct Sheet {
    text: String,
}

impl Sheet {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn words(&mut self, class: &str, anchor: &str, (x, y): (f64, f64), words: &str) {
        let words = escaped(words);
        self.line(&format!(
            "<text class=\"{class}\" text-anchor=\"{anchor}\" x=\"{x:.1}\" y=\"{y:.1}\">{words}</text>"
        ));
    }

    /// A line through places; a place `None` lifts the pen.
    fn path(&mut self, class: &str, places: impl Iterator<Item = Option<(f64, f64)>>) {
        let mut d = String::new();
        let mut down = false;
        for place in places {
            let Some((x, y)) = place else {
                down = false;
                continue;
            };
            let pen = if down { 'L' } else { 'M' };
            // Writing to text cannot fail.
            let _written = write!(d, "{pen}{x:.1} {y:.1}");
            down = true;
        }
        if !d.is_empty() {
            self.line(&format!("<path class=\"{class}\" d=\"{d}\"/>"));
        }
    }
}
