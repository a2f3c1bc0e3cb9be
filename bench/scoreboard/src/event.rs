//! What happens to the plant at and after the change, by kind.

use crate::case::Kind;
use crate::plant::{Influence, Plant};
use backstay_chance::Dice;

/// One event, its sizes drawn.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    name: &'static str,
    onset: usize,
    /// Main size: a factor or a share.
    size: f64,
    /// Second size.
    other: f64,
    /// Rows of a ramp, a dip, a period.
    rows: f64,
    /// Rows before the change at which the target was restarted earlier.
    earlier: Vec<f64>,
    burst_left: usize,
}

impl Event {
    pub(crate) fn draw(kind: Kind, horizon: usize, plant: &Plant, dice: &mut Dice) -> Self {
        let horizon = horizon as f64;
        let rare = plant.classes.last().map_or(0.1, |c| c.share);
        let (mut size, other) = sizes(kind.name, rare, dice);
        if kind.name == "batch" {
            // Short queries that take that share of the processors: so many that whoever counts what is
            // asked sees them.
            size *= 1_000.0 * plant.cores / plant.classes.first().map_or(1.0, |c| c.work_ms);
        }
        let rows = match kind.name {
            "ramp" | "load-ramp" => horizon * dice.between(0.2, 0.6),
            "transient" => dice.between(3.0, 10.0).min(0.2 * horizon),
            "restart" => dice.between(2.0, 12.0),
            "cold-cache" => horizon * dice.between(0.05, 0.15),
            "convoy" | "load-waves" => dice.between(8.0, 20.0).min(horizon / 3.0),
            "surge-and-back" => horizon * dice.between(0.2, 0.4),
            _ => horizon,
        };
        let restarts = if kind.name == "restart" && dice.happens(0.5) {
            3
        } else {
            0
        };
        let earlier = (0..restarts)
            .map(|_| dice.log_between(200.0, 5_000.0))
            .collect();
        Self {
            name: kind.name,
            onset: if kind.name.starts_with("load") {
                0
            } else {
                dice.whole(0, 2)
            },
            size,
            other,
            rows,
            earlier,
            burst_left: 0,
        }
    }

    /// Rows from the change to the onset.
    pub(crate) fn onset_rows(&self) -> usize {
        self.onset
    }

    /// Factor on the jitter of measurements in the row that is `rows` after the change.
    pub(crate) fn roughness(&self, rows: f64) -> f64 {
        if self.name == "variance" && rows >= 0.0 {
            self.size
        } else {
            1.0
        }
    }

    /// Puts its influence on the bin that is `rows` after the change; whether nothing is measured.
    pub(crate) fn work(
        &mut self,
        rows: f64,
        step_s: f64,
        influence: &mut Influence,
        dice: &mut Dice,
    ) -> Down {
        let since = rows - self.onset as f64;
        if self.name == "drift" {
            influence.slower *= 1.0 + self.size * (rows / 600.0).clamp(-1.0, 1.0) * 0.5;
            return Down::No;
        }
        if let Some(down) = self.restarted(rows, step_s, influence) {
            return down;
        }
        if since < 0.0 {
            return Down::No;
        }
        match self.name {
            "load-down" | "load-up" => influence.demand *= self.size,
            "load-ramp" => {
                influence.demand *= 1.0 + (self.size - 1.0) * (since / self.rows).min(1.0)
            }
            "load-waves" if ((since / self.rows) as usize).is_multiple_of(2) => {
                influence.demand *= self.size
            }
            "surge-and-back" if since < self.rows => influence.demand *= self.size,
            "batch" => influence.batch_per_s = self.size,
            "neighbour" => influence.stolen = self.size,
            "backup" => {
                influence.stolen = 0.4 * self.size;
                influence.slower *= 1.0 + 0.1 * self.size;
            }
            _ => self.harm(since, influence, dice),
        }
        Down::No
    }

    fn harm(&mut self, since: f64, influence: &mut Influence, dice: &mut Dice) {
        match self.name {
            "stall" => influence.hung = 1.0,
            "hang-part" => influence.hung = self.size,
            "errors" | "sessions-fail" => influence.failing = self.size,
            "slow-10x" | "slow-2x" | "slow-1.3x" | "improvement" => influence.slower *= self.size,
            "slow-in-surge" => {
                influence.slower *= self.size;
                influence.demand *= self.other;
            }
            "class-slow" | "plan-flip" => influence.class_slower = self.size,
            "ramp" => influence.slower *= 1.0 + (self.size - 1.0) * (since / self.rows).min(1.0),
            "leak" => influence.slower *= self.size.powf(since / self.rows),
            "transient" if since < self.rows => influence.slower *= self.size,
            "cold-cache" => {
                influence.slower *= 1.0 + (self.size - 1.0) * (-3.0 * since / self.rows).exp();
            }
            "convoy" if since % self.rows < 0.3 * self.rows => influence.hung = 0.95,
            "fewer-but-faster" => {
                influence.timeout_ms = 0.0;
            }
            "retry-storm" => {
                influence.failing = self.size;
                influence.demand *= 1.0 + 2.0 * self.size;
            }
            "locks" => {
                self.burst_left = self.burst_left.saturating_sub(1);
                if self.burst_left == 0 && dice.happens(0.2) {
                    self.burst_left = dice.whole(2, 6);
                }
                if self.burst_left > 0 {
                    influence.slower *= self.size;
                }
            }
            _ => {}
        }
    }

    /// A restart at the change, and earlier ones like it: nothing is measured, then caches are cold.
    fn restarted(&self, rows: f64, step_s: f64, influence: &mut Influence) -> Option<Down> {
        if self.name != "restart" {
            return None;
        }
        let since = self
            .earlier
            .iter()
            .map(|before| rows + before)
            .chain([rows])
            .filter(|since| *since >= 0.0)
            .reduce(f64::min)?;
        let down = (self.rows / step_s).max(1.0);
        if since < down {
            return Some(Down::Yes);
        }
        let warm = (since - down) * step_s / (2.0 * self.rows + 10.0);
        influence.slower *= 1.0 + self.size * (-warm).exp();
        Some(Down::No)
    }
}

/// Whether the server is down and nothing is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Down {
    Yes,
    No,
}

fn sizes(name: &str, rare: f64, dice: &mut Dice) -> (f64, f64) {
    match name {
        "hang-part" => (dice.between(0.4, 0.9), 0.0),
        "errors" => (dice.log_between(0.08, 1.0), 0.0),
        "sessions-fail" => (dice.log_between(0.03, 0.2), 0.0),
        "slow-10x" => (dice.log_between(4.0, 30.0), 0.0),
        "slow-2x" => (dice.between(1.8, 4.0), 0.0),
        "slow-1.3x" => (dice.between(1.25, 1.6), 0.0),
        "slow-in-surge" => (dice.between(2.0, 6.0), dice.between(1.3, 2.5)),
        // So slow that the mean of all work at least doubles.
        "class-slow" => (dice.between(2.0, 5.0) / rare.min(0.5), 0.0),
        "plan-flip" => (dice.between(4.0, 40.0), 0.0),
        "ramp" => (dice.between(1.8, 6.0), 0.0),
        "leak" => (dice.between(2.0, 5.0), 0.0),
        "locks" => (dice.between(4.0, 15.0), 0.0),
        "retry-storm" => (dice.between(0.2, 0.8), 0.0),
        "improvement" => (dice.between(0.3, 0.8), 0.0),
        "transient" => (dice.between(2.0, 6.0), 0.0),
        "cold-cache" => (dice.between(1.5, 4.0), 0.0),
        "variance" => (dice.between(1.5, 3.0), 0.0),
        "neighbour" => (dice.between(0.3, 0.8), 0.0),
        "backup" => (dice.between(0.3, 1.0), 0.0),
        "restart" => (dice.between(0.3, 3.0), 0.0),
        "drift" => (dice.between(0.05, 0.2), 0.0),
        "load-down" => (dice.between(0.3, 0.8), 0.0),
        "load-up" | "load-ramp" => (dice.log_between(1.2, 4.0), 0.0),
        "load-waves" | "surge-and-back" => (dice.log_between(1.5, 4.0), 0.0),
        "batch" => (dice.between(0.15, 0.5), 0.0),
        _ => (1.0, 0.0),
    }
}
