//! What is recorded of the plant: which columns there are, and the noise of counting.

use backstay_detect::{Column, Point};
use backstay_model::metric::{MetricRole, Worse};
use backstay_model::{MetricName, Timestamp};

use crate::case::{Kind, Truth};
use crate::database::Frame;
use crate::plant::Done;
use backstay_chance::Dice;

/// A column that may be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gauge {
    Completed,
    Latency,
    ClassLatency,
    Errors,
    Active,
    Started,
    Offered,
    Stolen,
    Busy,
}

impl Gauge {
    const fn column(self) -> (&'static str, MetricRole, Worse) {
        match self {
            Self::Completed => ("commits_per_s", MetricRole::Throughput, Worse::Down),
            Self::Latency => ("latency_ms", MetricRole::Latency, Worse::Up),
            Self::ClassLatency => ("reports_latency_ms", MetricRole::Latency, Worse::Up),
            Self::Errors => ("errors_per_s", MetricRole::Errors, Worse::Up),
            Self::Active => ("active_sessions", MetricRole::Demand, Worse::Both),
            Self::Started => ("started_per_s", MetricRole::Demand, Worse::Both),
            Self::Offered => ("requests_per_s", MetricRole::Demand, Worse::Both),
            Self::Stolen => ("host_steal", MetricRole::Host, Worse::Up),
            Self::Busy => ("cpu_busy", MetricRole::Saturation, Worse::Up),
        }
    }
}

/// What stands in a latency column when nothing completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Idle {
    Absent,
    Zero,
}

/// Records a plant.
#[derive(Debug)]
pub(crate) struct Meter {
    gauges: Vec<Gauge>,
    points: Vec<Vec<Point>>,
    idle: Idle,
    step_s: f64,
}

impl Meter {
    /// The columns of one recording: what a right answer needs is always among them.
    pub(crate) fn draw(kind: Kind, frame: &Frame, dice: &mut Dice) -> Self {
        let mut gauges = vec![Gauge::Completed, Gauge::Latency];
        let failing = matches!(
            kind.name,
            "errors" | "sessions-fail" | "fewer-but-faster" | "retry-storm"
        );
        if failing || dice.happens(0.5) {
            gauges.push(Gauge::Errors);
        }
        let moved = kind.truth == Truth::LoadShift || kind.name == "slow-in-surge";
        if moved || dice.happens(0.6) {
            // Clients that all hang start nothing: by starts alone that is no demand at all.
            let hangs = matches!(kind.name, "stall" | "hang-part" | "convoy");
            let demands: &[Gauge] = if hangs {
                &[Gauge::Active, Gauge::Offered]
            } else {
                &[Gauge::Active, Gauge::Started, Gauge::Offered]
            };
            gauges.push(dice.one_of(demands));
        }
        let host = matches!(kind.name, "neighbour" | "backup");
        if host || dice.happens(0.3) {
            gauges.push(Gauge::Stolen);
        }
        if dice.happens(0.3) {
            gauges.push(Gauge::Busy);
        }
        if dice.happens(0.3) || kind.name == "plan-flip" {
            gauges.push(Gauge::ClassLatency);
        }
        Self {
            points: vec![Vec::new(); gauges.len()],
            gauges,
            idle: dice.one_of(&[Idle::Absent, Idle::Zero]),
            step_s: frame.step_s as f64,
        }
    }

    /// One row: what was done, what others took of the host, and how far measurements jitter.
    pub(crate) fn read(
        &mut self,
        at: Timestamp,
        done: &Done,
        (stolen, jitter): (f64, f64),
        dice: &mut Dice,
    ) {
        // Single seconds jitter; a minute averages over them.
        let jitter = jitter / self.step_s.sqrt();
        let wobbled = done.completed * (jitter * dice.normal()).exp();
        let completed = dice.count(wobbled * self.step_s) / self.step_s;
        // The mean of few queries is as wild as the queries are.
        let few = 0.7 / (completed * self.step_s).max(1.0).sqrt();
        for (gauge, points) in self.gauges.iter().zip(&mut self.points) {
            let wobble = (jitter * dice.normal()).exp();
            let timed = |ms: f64| match self.idle {
                _ if completed > 0.0 => Some(ms * wobble),
                Idle::Zero => Some(0.0),
                Idle::Absent => None,
            };
            let mut counted = |rate: f64| Some(dice.count(rate * self.step_s) / self.step_s);
            let value = match gauge {
                Gauge::Completed => Some(completed),
                Gauge::Errors => counted(done.failed),
                Gauge::Started => counted(done.started),
                Gauge::Offered => counted(done.offered),
                Gauge::Active => Some(dice.count(done.in_flight * wobble)),
                Gauge::Latency => timed(done.mean_ms * (few * dice.normal()).exp()),
                Gauge::ClassLatency => {
                    timed(done.class_ms * (3.0 * few * dice.normal()).clamp(-1.5, 1.5).exp())
                }
                Gauge::Stolen => Some((stolen + 0.01 * dice.unit()).min(1.0)),
                Gauge::Busy => Some((done.busy * wobble).min(1.0)),
            };
            if let Some(value) = value {
                let value = (value * 1e6).round() / 1e6;
                points.push(Point { at, value });
            }
        }
    }

    /// What was recorded.
    pub(crate) fn columns(self) -> Vec<Column> {
        let column = |(gauge, points): (Gauge, Vec<Point>)| {
            let (name, role, worse) = gauge.column();
            Column {
                name: MetricName::from_static(name),
                role,
                worse,
                floor: 0.0,
                points,
            }
        };
        self.gauges
            .into_iter()
            .zip(self.points)
            .map(column)
            .collect()
    }
}
