//! One live screen: how the database does, and what Backstay sees, thinks and does.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use super::fold::fold;
use backstay_guard::news::{News, Tidings};
use backstay_model::{MetricName, Timestamp};
use ratatui::Terminal;
use ratatui::backend::Backend;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph, Sparkline};
use rustix::termios::{self, LocalModes, OptionalActions};

/// Seconds of metrics on the screen.
const SECONDS_MAX: usize = 120;
/// Lines of the story that are remembered.
const LINES_MAX: usize = 400;
/// Height of one metric's row on a screen with room, and on a low one.
const METRIC_HEIGHT: u16 = 3;
/// Lines that the story has at least before metrics take more than one line each.
const STORY_MIN: u16 = 20;
/// Columns of a metric's name and value.
const LABEL_COLUMNS: u16 = 26;

/// What the screen shows.
#[derive(Debug)]
pub(crate) struct Screen {
    title: String,
    phase: String,
    now: Timestamp,
    metrics: Vec<(MetricName, &'static str)>,
    values: BTreeMap<MetricName, VecDeque<Option<f64>>>,
    marks: VecDeque<Mark>,
    story: VecDeque<String>,
    learning: Option<(f64, f64)>,
}

/// What happened in a second, for the line under the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Nothing,
    Change,
    Verdict,
    Rollback,
}

impl Screen {
    pub(crate) fn new(title: &str, metrics: &[(MetricName, &'static str)]) -> Self {
        Self {
            title: title.to_owned(),
            phase: String::new(),
            now: Timestamp(0),
            metrics: metrics.to_vec(),
            values: BTreeMap::new(),
            marks: VecDeque::new(),
            story: VecDeque::new(),
            learning: None,
        }
    }

    /// Which part of the story plays.
    pub(crate) fn phase(&mut self, words: &str) {
        words.clone_into(&mut self.phase);
    }

    /// Adds a line to the story.
    pub(crate) fn say(&mut self, line: &str) {
        self.story.push_back(line.to_owned());
        if self.story.len() > LINES_MAX {
            self.story.pop_front();
        }
    }

    /// Takes in one piece of news; its lines come by [`Screen::say`].
    pub(crate) fn hear(&mut self, news: &News) {
        self.now = news.at;
        match &news.what {
            Tidings::Sampled(sample) => {
                for (name, _) in &self.metrics {
                    let row = self.values.entry(name.clone()).or_default();
                    row.push_back(value(sample, name));
                    if row.len() > SECONDS_MAX {
                        row.pop_front();
                    }
                }
                self.marks.push_back(Mark::Nothing);
                if self.marks.len() > SECONDS_MAX {
                    self.marks.pop_front();
                }
            }
            Tidings::Learning { have_s, want_s } => self.learning = Some((*have_s, *want_s)),
            Tidings::Seen(_) => self.mark(Mark::Change),
            Tidings::Ruled { .. } => self.mark(Mark::Verdict),
            Tidings::Replied { .. } => self.mark(Mark::Rollback),
            _ => {}
        }
    }

    fn mark(&mut self, mark: Mark) {
        match self.marks.back_mut() {
            Some(last) => *last = mark,
            None => self.marks.push_back(mark),
        }
    }

    /// Draws it.
    pub(crate) fn draw<B: Backend>(&self, terminal: &mut Terminal<B>) -> Result<(), B::Error> {
        terminal.draw(|frame| {
            let rows = u16::try_from(self.metrics.len()).unwrap_or(1);
            let row = (1..=METRIC_HEIGHT)
                .rev()
                .find(|row| 4 + row * rows + STORY_MIN <= frame.area().height)
                .unwrap_or(1);
            let height = 2 + row * rows;
            let [head, metrics, story] = Layout::vertical([
                Constraint::Length(2),
                Constraint::Length(height),
                Constraint::Min(3),
            ])
            .areas(frame.area());
            frame.render_widget(self.head(), head);
            self.draw_metrics(frame, metrics, row);
            frame.render_widget(self.story(story), story);
        })?;
        Ok(())
    }

    fn head(&self) -> Paragraph<'_> {
        let clock = super::lines::clock(self.now);
        let first = Line::from(vec![
            Span::styled(
                " Backstay ",
                Style::new().add_modifier(Modifier::BOLD | Modifier::REVERSED),
            ),
            Span::raw(format!("  {}   {clock} UTC", self.title)),
        ]);
        let progress = match self.learning {
            Some((have, want)) if have < want => format!("   {have:.0} of {want:.0} s"),
            _ => String::new(),
        };
        let second = Line::from(vec![
            Span::styled(format!(" {}", self.phase), Style::new().fg(Color::Cyan)),
            Span::raw(progress),
        ]);
        Paragraph::new(vec![first, second])
    }

    fn draw_metrics(&self, frame: &mut ratatui::Frame<'_>, area: Rect, height: u16) {
        let block = Block::new()
            .borders(Borders::TOP)
            .title(" last two minutes ");
        let inner = block.inner(area);
        frame.render_widget(block, area);
        let mut rows = vec![Constraint::Length(height); self.metrics.len()];
        rows.push(Constraint::Length(1));
        let areas = Layout::vertical(rows).split(inner);
        for ((name, title), row) in self.metrics.iter().zip(areas.iter()) {
            let [label, spark] =
                Layout::horizontal([Constraint::Length(LABEL_COLUMNS), Constraint::Min(10)])
                    .areas(*row);
            let values = self.values.get(name).cloned().unwrap_or_default();
            let last = values.back().copied().flatten();
            let shown = last.map_or_else(|| "–".to_owned(), |v| format!("{v:.1}"));
            frame.render_widget(self::label(title, &shown, height), label);
            let width = usize::from(spark.width);
            let tail: Vec<Option<u64>> = values
                .iter()
                .skip(values.len().saturating_sub(width))
                .map(|v| v.map(scaled))
                .collect();
            frame.render_widget(
                Sparkline::default()
                    .data(tail)
                    .style(Style::new().fg(Color::Cyan)),
                spark,
            );
        }
        if let Some(row) = areas.last() {
            let [_, line] =
                Layout::horizontal([Constraint::Length(LABEL_COLUMNS), Constraint::Min(10)])
                    .areas(*row);
            frame.render_widget(
                Paragraph::new(self.mark_line(usize::from(line.width))),
                line,
            );
        }
    }

    fn mark_line(&self, width: usize) -> Line<'_> {
        let skipped = self.marks.len().saturating_sub(width);
        let spans = self.marks.iter().skip(skipped).map(|mark| match mark {
            Mark::Nothing => Span::raw(" "),
            Mark::Change => Span::styled("▲", Style::new().fg(Color::Yellow)),
            Mark::Verdict => Span::styled(
                "!",
                Style::new().fg(Color::Red).add_modifier(Modifier::BOLD),
            ),
            Mark::Rollback => Span::styled("↺", Style::new().fg(Color::Green)),
        });
        Line::from(spans.collect::<Vec<_>>())
    }

    fn story(&self, area: Rect) -> Paragraph<'_> {
        let room = usize::from(area.height.saturating_sub(1));
        let columns = usize::from(area.width);
        let mut told: Vec<Span<'_>> = self
            .story
            .iter()
            .flat_map(|line| {
                let style = tone(line);
                let pieces = fold(line, columns).into_iter();
                pieces.map(move |piece| Span::styled(piece, style))
            })
            .collect();
        let skipped = told.len().saturating_sub(room);
        let lines: Vec<Line<'_>> = told.drain(skipped..).map(Line::from).collect();
        let block = Block::new()
            .borders(Borders::TOP)
            .title(" ▲ change   ! verdict   ↺ rolled back   Ctrl-C ends it ");
        Paragraph::new(lines).block(block)
    }
}

/// A metric's name and its last value, beside or below it.
fn label<'a>(title: &'a str, shown: &str, height: u16) -> Paragraph<'a> {
    let bold = Style::new().add_modifier(Modifier::BOLD);
    if height == 1 {
        return Paragraph::new(Line::from(vec![
            Span::raw(format!(" {title:<16}")),
            Span::styled(format!("{shown:>7}"), bold),
        ]));
    }
    Paragraph::new(vec![
        Line::raw(format!(" {title}")),
        Line::styled(format!(" {shown}"), bold),
    ])
}

/// A metric's value; the probe's comes from its readings.
fn value(sample: &backstay_model::Sample, name: &MetricName) -> Option<f64> {
    use backstay_model::sample::ProbeStep;
    if let Some(value) = sample.get(name.as_str()) {
        return Some(value);
    }
    if name.as_str() != "probe_write_ms" {
        return None;
    }
    match &sample.probes.last()?.write {
        ProbeStep::Done { ms } => Some(*ms),
        ProbeStep::Hung { limit_ms } => Some(*limit_ms),
        ProbeStep::Failed { .. } | ProbeStep::Skipped => None,
    }
}

/// Sparklines take whole numbers; tenths are kept.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the range of a bar"
)]
fn scaled(value: f64) -> u64 {
    (value * 10.0).clamp(0.0, 1e12) as u64
}

/// The colour of a line by its first word.
fn tone(line: &str) -> Style {
    let words = line.get(10..).unwrap_or(line).trim_start();
    let starts = |options: &[&str]| options.iter().any(|o| words.starts_with(o));
    let cleared = words.contains("healthy") || words.contains("no harm seen");
    if starts(&["PAGE", "STOPPED", "verdict    C", "target"]) && !cleared {
        Style::new().fg(Color::Red)
    } else if starts(&["KEPT", "ROLLED BACK", "recovery"]) || words.contains("healthy") {
        Style::new().fg(Color::Green)
    } else if starts(&["change", "HELD", "note", "simulate"]) {
        Style::new().fg(Color::Yellow)
    } else {
        Style::new()
    }
}

/// Whether a live screen has the terminal: nothing else may write on it then.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Takes the terminal; giving it back is the caller's duty on every way out.
pub(crate) fn take() -> io::Result<ratatui::DefaultTerminal> {
    let terminal = ratatui::try_init()?;
    TAKEN.store(true, Ordering::Relaxed);
    keep_interrupts()?;
    Ok(terminal)
}

/// Gives the terminal back as it was.
pub(crate) fn give_back() {
    // A terminal that was closed needs nothing back, and nobody could read a complaint.
    if let Err(error) = ratatui::try_restore() {
        tracing::debug!(%error, "the terminal was not given back");
    }
    TAKEN.store(false, Ordering::Relaxed);
}

/// Whether a live screen has the terminal.
pub(crate) fn taken() -> bool {
    TAKEN.load(Ordering::Relaxed)
}

/// Raw mode would hand Ctrl-C to us as a key; it stays the signal that everything here listens to.
fn keep_interrupts() -> io::Result<()> {
    let stdin = io::stdin();
    let mut modes = termios::tcgetattr(&stdin)?;
    modes.local_modes.insert(LocalModes::ISIG);
    termios::tcsetattr(&stdin, OptionalActions::Now, &modes)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use backstay_model::{Sample, TargetId};
    use ratatui::backend::TestBackend;

    #[test]
    fn a_screen_of_a_story() {
        let name = MetricName::from_static("commits_per_s");
        let mut screen = Screen::new(
            "demo · PostgreSQL 15 · auto",
            &[(name.clone(), "commits/s")],
        );
        screen.phase("3 of 3  a harmful change");
        for second in 0..30 {
            let value = if second < 25 { 180.0 } else { 0.0 };
            let sample = Sample {
                metrics: [(name.clone(), value)].into(),
                ..Sample::default()
            };
            let at = Timestamp::from_secs(1_000_000 + second);
            screen.hear(&News {
                at,
                target: TargetId::new("demo"),
                what: Tidings::Sampled(sample),
            });
        }
        screen.mark(Mark::Change);
        screen.say("18:00:01  change     C9 default_transaction_read_only  off -> on");
        screen.say("18:00:04  decision   C9 hold: the value stands in a file that people edit by hand, so a person puts it back");
        let mut low = Terminal::new(TestBackend::new(80, 14)).unwrap();
        screen.draw(&mut low).unwrap();
        insta::assert_snapshot!(low.backend());
        let mut high = Terminal::new(TestBackend::new(110, 42)).unwrap();
        screen.draw(&mut high).unwrap();
        insta::assert_snapshot!("a_high_screen_of_a_story", high.backend());
    }
}
