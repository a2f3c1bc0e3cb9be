//! Random numbers from a seed, the same on every run.
//!
//! The simulated world has the same generator, but building that room takes minutes; whoever tunes
//! the judge builds this one dozens of times a day.

/// SplitMix64.
#[derive(Debug, Clone)]
pub struct Chance {
    state: u64,
}

impl Chance {
    /// A stream that depends on `seed` and `purpose` only.
    #[must_use]
    pub fn of(seed: u64, purpose: &str) -> Self {
        let mix = |state: u64, byte: u8| (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let state = purpose.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, mix);
        let mut chance = Self { state };
        chance.bits();
        chance
    }

    fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in 0..1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in `low..high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Uniform on the logarithm in `low..high`, both positive.
    pub fn log_between(&mut self, low: f64, high: f64) -> f64 {
        self.between(low.ln(), high.ln()).exp()
    }

    /// Uniform in `low..high`; `low` when the range is empty.
    pub fn whole(&mut self, low: usize, high: usize) -> usize {
        let n = high.saturating_sub(low).max(1) as u64;
        low + usize::try_from(self.bits() % n).unwrap_or(0)
    }

    /// True with probability `p`.
    pub fn happens(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// One of `items`, which must not be empty.
    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.whole(0, items.len())]
    }

    /// Minus one or plus one.
    pub fn sign(&mut self) -> f64 {
        if self.happens(0.5) { 1.0 } else { -1.0 }
    }

    /// Normal with mean 0 and deviation 1 (Box-Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Student's t with `freedom` degrees: heavy tails below 5.
    pub fn student(&mut self, freedom: u32) -> f64 {
        let square: f64 = (0..freedom).map(|_| self.normal().powi(2)).sum();
        self.normal() / (square / f64::from(freedom)).sqrt().max(1e-6)
    }

    /// A count with mean `mean`: Poisson, by its normal approximation above 30.
    pub fn count(&mut self, mean: f64) -> f64 {
        if mean <= 0.0 {
            return 0.0;
        }
        if mean > 30.0 {
            return (mean + mean.sqrt() * self.normal()).round().max(0.0);
        }
        let (limit, mut product, mut count) = ((-mean).exp(), self.unit(), 0.0);
        while product > limit {
            product *= self.unit();
            count += 1.0;
        }
        count
    }
}

/// Autocorrelated noise of deviation `sd`: each value remembers `memory` (0..1) of the one before.
#[derive(Debug, Clone)]
pub struct Wander {
    memory: f64,
    fresh: f64,
    now: f64,
}

impl Wander {
    /// Begins where it usually is.
    pub fn new(memory: f64, sd: f64, chance: &mut Chance) -> Self {
        Self {
            memory,
            fresh: sd * (1.0 - memory * memory).sqrt(),
            now: sd * chance.normal(),
        }
    }

    /// The next value.
    pub fn step(&mut self, chance: &mut Chance) -> f64 {
        self.now = self.memory * self.now + self.fresh * chance.normal();
        self.now
    }
}
