//! The waterfall: one bar for each term, beginning where the one above ends.

use backstay_learn::belief::{Belief, Group, Line};

use super::Sheet;
use crate::out::Tone;
use crate::page::{Page, cell, dim, plain, signed};

/// Columns of a bar, where there is room.
const WIDTH: usize = 34;
/// Columns of the gauge from 0 to 1, where there is room.
const GAUGE: usize = 41;
/// A bar or gauge of fewer columns shows nothing.
const PICTURE_MIN: usize = 8;
/// Columns of a number of log-odds, and of `→ 1.00`.
const NUMBER: usize = 6;

/// The confidence on a scale from 0 to 1, with its interval.
pub(super) fn gauge(page: &mut Page, sheet: &Sheet<'_>) {
    let belief = &sheet.belief;
    let sure = belief.confidence.to_string();
    let told = format!("[{:.2}–{:.2}]", belief.low, belief.high);
    let head = "confidence";
    // Two columns in, two between each, and `0 ` and ` 1` around the gauge.
    let before = [head, &sure, &told].map(|t| t.chars().count() + 2);
    let room = page.room(before.iter().sum::<usize>() + 2 + 4, GAUGE);
    let last = room.saturating_sub(1) as f64;
    let column = |p: f64| (p.clamp(0.0, 1.0) * last).round() as usize;
    let (low, mean, high) = (
        column(belief.low),
        column(belief.confidence.get()),
        column(belief.high),
    );
    let dot = |i: usize| match i {
        i if i == mean => '●',
        i if (low..=high).contains(&i) => '━',
        _ => '·',
    };
    let scale: String = (0..room).map(dot).collect();
    let mut row = vec![dim(head), cell(Tone::Bold, sure), plain(told)];
    if room >= PICTURE_MIN {
        row.push(plain(format!("0 {scale} 1")));
    }
    page.rows(2, &[row]);
}

/// The terms, then their sum.
pub(super) fn rows(page: &mut Page, sheet: &Sheet<'_>) {
    let belief = &sheet.belief;
    let names = belief.lines.iter().map(|l| l.what.chars().count());
    // Two columns in and two after each of name, number and bar; what the sum comes to stands last.
    let before = 2 + names.max().unwrap_or(0) + 2 + NUMBER + 2;
    let room = page.room(before + 2 + NUMBER, WIDTH);
    let scale = Scale::of(belief, room);
    let wide = !page.narrow();
    let mut at = 0.0;
    let mut rows = Vec::new();
    for line in &belief.lines {
        let (from, to) = (at, at + line.log_odds);
        at = to;
        let beside = if wide { places(line) } else { String::new() };
        rows.push(vec![
            plain(line.what.clone()),
            cell(tone(line), format!("{:>6}", signed(line.log_odds))),
            cell(tone(line), scale.bar(from, to)),
            dim(beside),
        ]);
    }
    rows.push(vec![
        cell(Tone::Bold, "sum"),
        cell(Tone::Bold, format!("{:>6}", signed(belief.log_odds))),
        cell(Tone::Bold, scale.mark(belief.log_odds)),
        dim(format!("→ {}", belief.confidence)),
    ]);
    page.rows(2, &rows);
    if !wide {
        page.gap();
        let found = belief.lines.iter().filter(|l| !l.anchors.is_empty());
        let found = found.map(|l| vec![dim(l.what.clone()), dim(places(l))]);
        page.rows(2, &found.collect::<Vec<_>>());
    }
}

/// Where a term can be looked up.
fn places(line: &Line) -> String {
    let places: Vec<String> = line.anchors.iter().map(|a| shortened(a)).collect();
    places.join(", ")
}

/// Hex digits of a hash that are shown: enough to find it again.
const HASH_SHOWN: usize = 8;
/// A run of hex digits from this length on is a hash.
const HASH_MIN: usize = 24;

/// An anchor with its hash cut short: `GUC-WORK-MEM:27e160ce…`.
fn shortened(anchor: &str) -> String {
    let Some((head, tail)) = anchor.rsplit_once(':') else {
        return anchor.to_owned();
    };
    let hash = tail.len() >= HASH_MIN && tail.chars().all(|c| c.is_ascii_hexdigit());
    match tail.get(..HASH_SHOWN).filter(|_| hash) {
        Some(shown) => format!("{head}:{shown}…"),
        None => anchor.to_owned(),
    }
}

const fn tone(line: &Line) -> Tone {
    match line.group {
        Group::Prior | Group::Calibration | Group::Limit => Tone::Dim,
        _ if line.log_odds < 0.0 => Tone::Bad,
        _ => Tone::Good,
    }
}

/// The terms on one line: `prior −5.50 | text +7.40 | sum +1.90`.
pub(in super::super) fn short(belief: &Belief) -> String {
    let mut groups: Vec<(Group, f64)> = Vec::new();
    for line in &belief.lines {
        match groups.last_mut() {
            Some((group, sum)) if *group == line.group => *sum += line.log_odds,
            _ => groups.push((line.group, line.log_odds)),
        }
    }
    let term = |(group, sum): &(Group, f64)| format!("{} {}", group.word(), signed(*sum));
    let mut terms: Vec<String> = groups.iter().map(term).collect();
    terms.push(format!("sum {}", signed(belief.log_odds)));
    terms.join(" | ")
}

/// Where log-odds stand among the columns.
struct Scale {
    least: f64,
    most: f64,
    columns: usize,
}

impl Scale {
    fn of(belief: &Belief, room: usize) -> Self {
        let mut at = 0.0;
        let (mut least, mut most) = (0.0_f64, 0.0_f64);
        for line in &belief.lines {
            at += line.log_odds;
            (least, most) = (least.min(at), most.max(at));
        }
        let columns = if room < PICTURE_MIN { 0 } else { room };
        Self {
            least,
            most,
            columns,
        }
    }

    fn column(&self, log_odds: f64) -> usize {
        let span = (self.most - self.least).max(f64::MIN_POSITIVE);
        let last = self.columns.saturating_sub(1) as f64;
        ((log_odds - self.least) / span * last).round() as usize
    }

    /// A bar from one place to another, with the line of even odds through it.
    fn bar(&self, from: f64, to: f64) -> String {
        let (a, b) = (self.column(from), self.column(to));
        let (a, b) = (a.min(b), a.max(b));
        let even = self.column(0.0);
        let block = if to < from { '▒' } else { '█' };
        let draw = |i: usize| match i {
            i if (a..=b).contains(&i) => block,
            i if i == even => '│',
            _ => ' ',
        };
        (0..self.columns).map(draw).collect()
    }

    fn mark(&self, at: f64) -> String {
        let (place, even) = (self.column(at), self.column(0.0));
        let draw = |i: usize| match i {
            i if i == place => '●',
            i if i == even => '│',
            i if i > place.min(even) && i < place.max(even) => '─',
            _ => ' ',
        };
        (0..self.columns).map(draw).collect()
    }
}
