//! What a KPI does when nothing happens: its expected course, and its noise.

use crate::case::Part;
use backstay_chance::Dice;

use crate::wander::Wander;

const DAY_MIN: f64 = 1_440.0;

/// A family of noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Noise {
    pub(crate) name: &'static str,
    pub(crate) part: Part,
    shape: Shape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Orders,
    Traffic,
    Gauge,
    Latency,
    Errors,
    Ratio,
    Regimes,
    Sawtooth,
    Hourly,
    Pink,
    Steps,
}

/// Every family of noise.
pub(crate) const ALL: [Noise; 11] = [
    open("orders", Shape::Orders),
    open("traffic", Shape::Traffic),
    open("gauge", Shape::Gauge),
    open("latency", Shape::Latency),
    open("errors", Shape::Errors),
    open("ratio", Shape::Ratio),
    opened("regimes", Shape::Regimes),
    opened("sawtooth", Shape::Sawtooth),
    opened("hourly", Shape::Hourly),
    opened("pink", Shape::Pink),
    opened("steps", Shape::Steps),
];

const fn open(name: &'static str, shape: Shape) -> Noise {
    Noise {
        name,
        part: Part::Open,
        shape,
    }
}

const fn opened(name: &'static str, shape: Shape) -> Noise {
    Noise {
        name,
        part: Part::Opened,
        shape,
    }
}

/// A course of values, one a minute, and what was expected at each.
#[derive(Debug, Clone)]
pub(crate) struct Course {
    pub(crate) values: Vec<f64>,
    pub(crate) expected: Vec<f64>,
    /// Values can be no higher: a percentage.
    pub(crate) top: f64,
}

/// The course of `minutes` minutes from minute `from` of a week. `shift` is the minute at which
/// business moves by an hour against the recorded clock, if it does.
pub(crate) fn course(
    noise: Noise,
    (from, minutes): (usize, usize),
    shift: Option<usize>,
    dice: &mut Dice,
) -> Course {
    let season = Season::draw(noise.shape, dice);
    let mut process = Process::draw(noise.shape, dice);
    let trend = dice.between(-0.15, 0.2) / minutes as f64;
    let (mut values, mut expected) = (Vec::new(), Vec::new());
    for i in 0..minutes {
        let moved = if shift.is_some_and(|s| i >= s) { 60 } else { 0 };
        let season = season.at((from + i + moved) as f64) * (1.0 + trend * i as f64);
        let mean = process.mean(season, i);
        expected.push(mean);
        values.push(process.value(mean, dice));
    }
    Course {
        values,
        expected,
        top: if noise.shape == Shape::Gauge || noise.shape == Shape::Ratio {
            100.0
        } else {
            f64::INFINITY
        },
    }
}

/// How a day and a week go: two humps, a quiet night, another weekend.
#[derive(Debug, Clone)]
struct Season {
    depth: f64,
    humps: [(f64, f64, f64); 2],
    weekend: f64,
}

impl Season {
    fn draw(shape: Shape, dice: &mut Dice) -> Self {
        let depth = match shape {
            Shape::Orders | Shape::Traffic => dice.between(0.3, 0.9),
            Shape::Gauge | Shape::Latency | Shape::Hourly => dice.between(0.0, 0.4),
            Shape::Pink => dice.between(0.0, 0.6),
            Shape::Errors => dice.between(0.0, 0.5),
            _ => dice.between(0.0, 0.1),
        };
        Self {
            depth,
            humps: [
                (dice.between(9.0, 14.0), dice.between(2.0, 4.5), 1.0),
                (
                    dice.between(18.0, 22.0),
                    dice.between(1.0, 3.0),
                    dice.between(0.2, 1.2),
                ),
            ],
            weekend: if depth > 0.2 {
                dice.between(0.6, 1.15)
            } else {
                1.0
            },
        }
    }

    /// Factor at a minute of the week; around 1.
    fn at(&self, minute: f64) -> f64 {
        let hour = (minute / 60.0) % 24.0;
        let day = (minute / DAY_MIN) as usize % 7;
        let hump = |&(centre, width, height): &(f64, f64, f64)| {
            let away = (hour - centre).abs();
            let away = away.min(24.0 - away);
            height * (-0.5 * (away / width).powi(2)).exp()
        };
        let high: f64 = self.humps.iter().map(hump).sum();
        let factor = 1.0 - self.depth + 1.3 * self.depth * high;
        if day >= 5 {
            factor * self.weekend
        } else {
            factor
        }
    }
}

/// Noise around the season.
#[derive(Debug, Clone)]
struct Process {
    shape: Shape,
    base: f64,
    wanders: Vec<Wander>,
    spread: f64,
    burst: (f64, f64, usize),
    regime: (f64, f64),
    period: usize,
}

impl Process {
    fn draw(shape: Shape, dice: &mut Dice) -> Self {
        let base = match shape {
            Shape::Orders => dice.log_between(4.0, 3_000.0),
            Shape::Errors => dice.log_between(0.2, 20.0),
            Shape::Gauge => dice.between(10.0, 60.0),
            Shape::Ratio => dice.log_between(0.2, 4.0),
            _ => dice.log_between(5.0, 50_000.0),
        };
        let sd = match shape {
            Shape::Traffic => dice.log_between(0.004, 0.03),
            Shape::Orders => dice.log_between(0.01, 0.12),
            Shape::Pink => dice.log_between(0.02, 0.1),
            _ => dice.log_between(0.02, 0.15),
        };
        let memories: &[f64] = match shape {
            Shape::Pink => &[0.5, 0.95, 0.998],
            _ => &[0.0],
        };
        let wanders = memories
            .iter()
            .map(|m| {
                let memory = if *m > 0.0 {
                    *m
                } else {
                    dice.one_of(&[0.0, 0.3, 0.6, 0.9, 0.97])
                };
                Wander::new(memory, sd, dice)
            })
            .collect();
        Self {
            shape,
            base,
            wanders,
            spread: sd * dice.between(0.5, 2.0),
            burst: (dice.between(0.0, 0.004), dice.between(1.3, 3.0), 0),
            regime: (0.0, dice.between(0.3, 0.8)),
            period: dice.whole(20, 180),
        }
    }

    /// What is expected at minute `i` when the season is `season`.
    fn mean(&mut self, season: f64, i: usize) -> f64 {
        let base = self.base * season.max(0.02);
        match self.shape {
            Shape::Sawtooth => base * (0.6 + 0.8 * (i % self.period) as f64 / self.period as f64),
            Shape::Hourly if i % 60 < 4 => base * (1.0 + self.regime.1),
            Shape::Ratio => self.base,
            _ => base,
        }
    }

    fn value(&mut self, mean: f64, dice: &mut Dice) -> f64 {
        let wander: f64 = self.wanders.iter_mut().map(|w| w.step(dice)).sum();
        match self.shape {
            Shape::Orders | Shape::Errors => {
                let rate = mean * wander.exp() * self.bursts(dice);
                dice.count(rate)
            }
            Shape::Traffic | Shape::Pink | Shape::Hourly | Shape::Sawtooth => {
                mean * (wander + 0.3 * self.spread * dice.normal()).exp()
            }
            Shape::Gauge => {
                let tail = 0.6 * self.spread * dice.student(3);
                (mean * (1.0 + wander + tail) * self.bursts(dice)).clamp(0.0, 100.0)
            }
            Shape::Latency => {
                let tail = self.spread * dice.student(4);
                mean * (wander + tail.clamp(-1.5, 2.5)).exp() * self.bursts(dice)
            }
            Shape::Ratio => {
                let failed = mean * (2.0 * wander + 2.0 * self.spread * dice.normal()).exp();
                (100.0 - failed * self.bursts(dice)).clamp(0.0, 100.0)
            }
            Shape::Regimes => {
                if dice.happens(1.0 / 240.0) {
                    self.regime.0 = if self.regime.0 > 0.0 {
                        0.0
                    } else {
                        self.regime.1
                    };
                }
                mean * (1.0 + self.regime.0) * (1.0 + 0.5 * wander)
            }
            Shape::Steps => {
                let steps = (10.0 * (1.0 + 2.0 * wander)).round().max(0.0);
                mean * steps / 10.0
            }
        }
    }

    /// Now and then a few minutes are higher, as ever.
    fn bursts(&mut self, dice: &mut Dice) -> f64 {
        let (often, times, left) = self.burst;
        if left > 0 {
            self.burst.2 = left - 1;
            return times;
        }
        if dice.happens(often) {
            self.burst.2 = dice.whole(1, 4);
        }
        1.0
    }
}
