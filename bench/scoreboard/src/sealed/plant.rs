//! Recordings of databases that are held back: mostly seconds, mostly short, as faults are recorded.

use backstay_chance::Dice;
use backstay_detect::{Column, Point};
use backstay_model::metric::{MetricRole, Worse};
use backstay_model::{MetricName, Span, Timestamp};

use super::fault::{Fault, Moment};
use crate::case::{Case, Family, Kind, Part, Truth};
use crate::trouble;
use crate::wander::Wander;

/// 2025-10-06T00:00:00Z, a Monday.
const MONDAY_S: i64 = 1_759_708_800;
/// Share of recordings with gaps, doubles or missing numbers.
const TROUBLED: f64 = 0.05;

const fn kind(name: &'static str, truth: Truth) -> Kind {
    Kind {
        name,
        truth,
        part: Part::HeldBack,
    }
}

/// Every kind.
pub(super) const KINDS: [Kind; 21] = [
    kind("lock-waits", Truth::Harm),
    kind("standstill", Truth::Harm),
    kind("bad-plan", Truth::Harm),
    kind("disks-full", Truth::Harm),
    kind("processors-taken", Truth::Harm),
    kind("slow-network", Truth::Harm),
    kind("dump", Truth::Harm),
    kind("restore", Truth::Harm),
    kind("no-index", Truth::Harm),
    kind("flushes", Truth::Harm),
    kind("refused", Truth::Harm),
    kind("running-out", Truth::Harm),
    kind("quiet", Truth::Harmless),
    kind("hiccup", Truth::Harmless),
    kind("faster", Truth::Harmless),
    kind("busier", Truth::Harmless),
    kind("flushing-ever", Truth::Harmless),
    kind("surge", Truth::LoadShift),
    kind("more-asked", Truth::LoadShift),
    kind("lull", Truth::LoadShift),
    kind("ebb", Truth::LoadShift),
];

/// Case `number` of a kind: the same arguments, the same bytes.
pub(super) fn case(kind: Kind, number: u64) -> Case {
    let seed = Part::HeldBack.seed_word();
    let mut dice = Dice::of(number, &format!("plant/{}/{seed}", kind.name));
    let (step_s, before, horizon) = frame(&mut dice);
    let fault = Fault::draw(kind, horizon, &mut dice);
    let mut server = Server::draw(kind, step_s, &mut dice);
    let start = MONDAY_S + dice.whole(0, 28 * 86_400) as i64;
    let at = |row: usize| Timestamp::from_secs(start + step_s * row as i64);
    for row in 0..before + horizon {
        let moment = fault.at(row as i64 - before as i64, &mut dice);
        server.read(at(row), row, moment, &mut dice);
    }
    let (step, noise) = (Span::from_secs(step_s), server.noise.name);
    let mut columns = server.columns;
    columns.retain(|c| !c.points.is_empty());
    if dice.happens(TROUBLED) {
        trouble::spoil(&mut columns, step, &mut dice);
    }
    Case {
        name: Part::HeldBack.name(Family::Plant, &kind, number),
        family: Family::Plant,
        kind,
        noise,
        columns,
        changed_at: at(before),
        onset_at: at(before + fault.onset),
        step,
    }
}

/// Seconds of a row, rows before the change, rows since.
fn frame(dice: &mut Dice) -> (i64, usize, usize) {
    match dice.whole(0, 20) {
        0..=13 => (1, dice.whole(17, 41), dice.whole(15, 31)),
        14..=16 => (1, dice.whole(60, 900), dice.whole(30, 180)),
        17 | 18 => (5, dice.whole(40, 400), dice.whole(24, 60)),
        _ => (60, dice.whole(1_500, 4_300), dice.whole(30, 90)),
    }
}

/// What is recorded, in this order.
const GAUGES: [(&str, MetricRole, Worse, f64); 7] = [
    ("commits_per_s", MetricRole::Throughput, Worse::Down, 1.0),
    ("mean_latency_ms", MetricRole::Latency, Worse::Up, 1.0),
    ("sessions_active", MetricRole::Demand, Worse::Both, 1.0),
    ("errors_per_s", MetricRole::Errors, Worse::Up, 0.4),
    ("cpu_share", MetricRole::Saturation, Worse::Up, 0.8),
    ("io_wait_share", MetricRole::Saturation, Worse::Up, 0.5),
    ("lock_waiters", MetricRole::Saturation, Worse::Up, 0.3),
];

/// How a server moves by itself.
#[derive(Debug, Clone, Copy)]
struct Noise {
    name: &'static str,
    /// Deviation of single rows, of work and of time.
    jitter: (f64, f64),
    /// Deviation of what lasts for some rows.
    lasting: f64,
    /// Waves: their height, and rows from one to the next.
    wave: (f64, f64),
    /// Dips of a row or two: how often.
    dips: f64,
}

impl Noise {
    fn draw(dice: &mut Dice) -> Self {
        let names = ["even", "jittery", "gusty", "breathing", "crowded"];
        let name = dice.one_of(&names);
        let jitter = dice.log_between(0.02, 0.08);
        let usual = Self {
            name,
            jitter: (jitter, jitter * dice.between(0.8, 2.5)),
            lasting: dice.log_between(0.005, 0.03),
            wave: (0.0, 10.0),
            dips: 0.0,
        };
        match name {
            "jittery" => Self {
                jitter: (dice.between(0.08, 0.22), dice.between(0.15, 0.5)),
                ..usual
            },
            "gusty" => Self {
                dips: dice.between(0.01, 0.05),
                ..usual
            },
            "breathing" => Self {
                wave: (dice.between(0.08, 0.25), dice.between(6.0, 25.0)),
                ..usual
            },
            "crowded" => Self {
                lasting: dice.between(0.05, 0.14),
                ..usual
            },
            _ => usual,
        }
    }
}

/// A server, and what was recorded of it.
struct Server {
    noise: Noise,
    work: f64,
    time_ms: f64,
    idle: f64,
    busy: (f64, f64),
    failures: f64,
    most_active: f64,
    /// Flushes that belong to it: rows from one to the next, rows that one takes, factor on time.
    flushes: Option<(usize, usize, f64)>,
    /// Whether a mean of nothing is written as zero, or not at all.
    zero: bool,
    step_s: f64,
    wander: (Wander, Wander),
    columns: Vec<Column>,
}

impl Server {
    fn draw(kind: Kind, step_s: i64, dice: &mut Dice) -> Self {
        let noise = Noise::draw(dice);
        // So many that they tell what is asked for.
        let sessions = dice.log_between(4.0, 150.0);
        let time_ms = dice.log_between(0.8, 120.0);
        let work = 1_000.0 * sessions / time_ms;
        let needed = |role| match kind.name {
            "refused" => role == MetricRole::Errors,
            _ => false,
        };
        let mut columns = Vec::new();
        for (name, role, worse, often) in GAUGES {
            let kept = dice.happens(often) || needed(role);
            columns.push(Column {
                name: MetricName::from_static(name),
                role: if kept { role } else { MetricRole::Other },
                worse,
                floor: 0.0,
                points: Vec::new(),
            });
        }
        let flushes = (kind.name == "flushing-ever" || dice.happens(0.08)).then(|| {
            let every = dice.whole(5, 13);
            (every, dice.whole(1, 3), dice.between(1.4, 3.0))
        });
        Self {
            work,
            time_ms,
            idle: dice.one_of(&[0.0, 0.0, 1.0]),
            busy: (dice.between(0.08, 0.6), dice.between(0.01, 0.15)),
            failures: dice.one_of(&[0.0, 0.0, 0.001, 0.01]),
            most_active: sessions * dice.between(2.0, 8.0) + 8.0,
            flushes,
            zero: dice.happens(0.7),
            step_s: step_s as f64,
            wander: (
                Wander::new(dice.one_of(&[0.6, 0.9, 0.97]), noise.lasting, dice),
                Wander::new(0.8, noise.lasting, dice),
            ),
            columns,
            noise,
        }
    }

    /// One row of all columns.
    fn read(&mut self, at: Timestamp, row: usize, moment: Moment, dice: &mut Dice) {
        let jitter = 1.0 / self.step_s.sqrt();
        let lasting = self.wander.0.step(dice);
        let angle = std::f64::consts::TAU * row as f64 / self.noise.wave.1;
        let wave = self.noise.wave.0 * angle.sin();
        let dip = if dice.happens(self.noise.dips) {
            dice.between(0.3, 0.8)
        } else {
            1.0
        };
        let flush = match self.flushes {
            Some((every, long, times)) if row % every < long => times,
            _ => 1.0,
        };
        let own = lasting + wave;
        let work = self.work
            * moment.work
            * dip
            * flush.powf(-0.5)
            * (own + jitter * self.noise.jitter.0 * dice.normal()).exp();
        let tail = dice.student(5);
        let slow = self.wander.1.step(dice) - 0.5 * lasting;
        let time = self.time_ms
            * moment.time
            * flush
            * dip.powf(-0.7)
            * (slow + jitter * (self.noise.jitter.1 * tail).clamp(-1.0, 1.5)).exp();
        let commits = dice.count(work * self.step_s) / self.step_s;
        let usual = self.work * self.time_ms / 1_000.0;
        let kept = usual * moment.active * (own + slow).exp() * flush.sqrt();
        let active = (self.idle + kept).min(self.most_active);
        let failures = self.failures * work + moment.failing * self.work;
        let wobble = (0.1 * jitter * dice.normal()).exp();
        let values = [
            Some(commits),
            match (commits > 0.0, self.zero) {
                (true, _) => Some(time),
                (false, true) => Some(0.0),
                (false, false) => None,
            },
            Some(dice.count(active)),
            Some(dice.count(failures * self.step_s) / self.step_s),
            Some((self.busy.0 * moment.busy.0 * wobble).min(1.0)),
            Some((self.busy.1 * moment.busy.1 * flush * wobble).min(1.0)),
            Some(dice.count(usual * moment.locked + 0.02 * usual)),
        ];
        for (column, value) in self.columns.iter_mut().zip(values) {
            let kept = column.role != MetricRole::Other;
            if let Some(value) = value.filter(|_| kept) {
                let value = (value * 1e6).round() / 1e6;
                column.points.push(Point { at, value });
            }
        }
    }
}
