//! Random numbers from a seed: for made-up worlds, random rearrangements, loads and tests. Equal seeds
//! give equal numbers on every run and platform, so that whatever chance brought can be brought again.

use rand_core::{Rng as _, SeedableRng as _};
use rand_xoshiro::SplitMix64;

/// A stream of numbers (SplitMix64, Steele et al. 2014): small, fast, and good enough for noise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dice(SplitMix64);

impl Dice {
    /// The stream of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(SplitMix64::seed_from_u64(seed))
    }

    /// A stream of its own that depends on `seed` and `purpose` only.
    #[must_use]
    pub fn of(seed: u64, purpose: &str) -> Self {
        let mix = |state: u64, byte: u8| (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let mut dice = Self::new(purpose.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, mix));
        dice.roll();
        dice
    }

    /// 64 random bits.
    pub fn roll(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in `0..1`.
    pub fn unit(&mut self) -> f64 {
        (self.roll() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in `low..high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Uniform on the logarithm in `low..high`, both positive.
    pub fn log_between(&mut self, low: f64, high: f64) -> f64 {
        self.between(low.ln(), high.ln()).exp()
    }

    /// Uniform in `0..n`; 0 when `n` is 0.
    pub fn below(&mut self, n: u64) -> u64 {
        self.roll().checked_rem(n).unwrap_or(0)
    }

    /// Uniform in `low..high`; `low` when the range is empty.
    pub fn whole(&mut self, low: usize, high: usize) -> usize {
        let n = high.saturating_sub(low).max(1) as u64;
        low + usize::try_from(self.below(n)).unwrap_or(0)
    }

    /// True with probability `p`.
    pub fn happens(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Minus one or plus one.
    pub fn sign(&mut self) -> f64 {
        if self.happens(0.5) { 1.0 } else { -1.0 }
    }

    /// One of `items`; `None` when there are none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.whole(0, items.len()))
    }

    /// One of `items`.
    ///
    /// # Panics
    /// When there are none.
    pub fn one_of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.whole(0, items.len())]
    }

    /// Normal with mean 0 and deviation 1 (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Student's t with `freedom` degrees: heavy tails below 5.
    pub fn student(&mut self, freedom: u32) -> f64 {
        let square: f64 = (0..freedom).map(|_| self.normal().powi(2)).sum();
        self.normal() / (square / f64::from(freedom)).sqrt().max(1e-6)
    }

    /// A count with mean `mean`: Poisson (Knuth), by its normal approximation above 30; 0 when the mean is
    /// not positive.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Worlds and benchmarks are known by their seeds: their numbers must never become others.
    #[test]
    fn a_seed_gives_the_published_numbers() {
        let mut dice = Dice::new(1_234_567);
        let first = [dice.roll(), dice.roll(), dice.roll()];
        assert_eq!(
            first,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn one_seed_gives_one_stream_and_purposes_differ() {
        let draw = |purpose| Dice::of(7, purpose).roll();
        assert_eq!(draw("load"), draw("load"));
        assert_ne!(draw("load"), draw("probe"));
    }

    #[test]
    fn numbers_keep_to_their_ranges() {
        let mut dice = Dice::new(3);
        let faces: Vec<usize> = (0..200).map(|_| dice.whole(1, 7)).collect();
        assert!((1..7).all(|face| faces.contains(&face)) && !faces.contains(&7));
        assert_eq!((dice.below(0), dice.whole(5, 5)), (0, 5));
        assert_eq!(dice.pick::<u8>(&[]), None);
        assert!((0..200).all(|_| (2.0..8.0).contains(&dice.log_between(2.0, 8.0))));
    }

    #[test]
    fn means_and_spreads_are_what_they_are_named_for() {
        let mut dice = Dice::new(1);
        for mean in [0.5, 8.0, 200.0] {
            let total: f64 = (0..2_000).map(|_| dice.count(mean)).sum();
            assert!((total / 2_000.0 - mean).abs() < 0.1 * mean, "{mean}");
        }
        let normal: Vec<f64> = (0..20_000).map(|_| dice.normal()).collect();
        let mean = normal.iter().sum::<f64>() / 20_000.0;
        let square = normal.iter().map(|v| v * v).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.03 && (square - 1.0).abs() < 0.05);
        let far = |dice: &mut Dice| dice.student(3).abs() > 5.0;
        assert!(
            (0..5_000).filter(|_| far(&mut dice)).count() > 20,
            "heavy tails"
        );
    }
}
