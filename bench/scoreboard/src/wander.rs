//! Noise that remembers.

use backstay_chance::Dice;

/// Autocorrelated noise of deviation `sd`: each value remembers `memory` (0..1) of the one before.
#[derive(Debug, Clone)]
pub struct Wander {
    memory: f64,
    fresh: f64,
    now: f64,
}

impl Wander {
    /// Begins where it usually is.
    pub fn new(memory: f64, sd: f64, dice: &mut Dice) -> Self {
        Self {
            memory,
            fresh: sd * (1.0 - memory * memory).sqrt(),
            now: sd * dice.normal(),
        }
    }

    /// The next value.
    pub fn step(&mut self, dice: &mut Dice) -> f64 {
        self.now = self.memory * self.now + self.fresh * dice.normal();
        self.now
    }
}
