//! Random rearrangements from a seed: what chance alone would make of the same data.

use backstay_chance::Dice;

/// Random orders from a seed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shuffle(Dice);

impl Shuffle {
    /// The stream of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Dice::new(seed))
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0.roll()
    }

    /// A number in `0..n`, each equally likely but for less than one in 2³²; 0 when `n` is 0.
    pub fn below(&mut self, n: u32) -> u32 {
        // The high half of a product is even without a division (Lemire 2019).
        (((self.roll() >> 32) * u64::from(n)) >> 32) as u32
    }

    /// Puts a random choice of `count` of the items to the front, in random order (Fisher–Yates).
    pub fn to_front<T>(&mut self, items: &mut [T], count: usize) {
        for i in 0..count.min(items.len().saturating_sub(1)) {
            let rest = u32::try_from(items.len() - i).unwrap_or(u32::MAX);
            items.swap(i, i + self.below(rest) as usize);
        }
    }

    /// Puts all items in random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        self.to_front(items, items.len());
    }
}

/// Spreads the bits of `z` over all 64 (the last step of SplitMix64).
#[must_use]
pub(crate) const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Chance, as a natural logarithm, that a random matching of the values `x` with the values `y` (as
/// many) has every `x` at most its `y`. Exact: counting from the smallest `y` up, each may take any `x`
/// that is not above it and not taken, so no rearrangement has to be drawn. Both slices are sorted.
#[must_use]
pub fn ln_all_below(x: &mut [f64], y: &mut [f64]) -> f64 {
    x.sort_by(f64::total_cmp);
    y.sort_by(f64::total_cmp);
    let n = x.len().min(y.len());
    let mut below = 0;
    let mut sum = 0.0;
    for (taken, upper) in y.iter().take(n).enumerate() {
        while below < n && x[below] <= *upper {
            below += 1;
        }
        if below <= taken {
            return f64::NEG_INFINITY;
        }
        sum += ((below - taken) as f64 / (n - taken) as f64).ln();
    }
    sum
}

/// Chance, as a natural logarithm, that a random matching of `n` values with themselves puts every one
/// beside an equal one: the product of the factorials of their counts over `n!`.
#[must_use]
pub fn ln_all_matched(counts: &[u64]) -> f64 {
    let ln_factorial = |n: u64| (2..=n).map(|k| (k as f64).ln()).sum::<f64>();
    let n: u64 = counts.iter().sum();
    counts.iter().map(|c| ln_factorial(*c)).sum::<f64>() - ln_factorial(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Share of `rounds` random matchings that `holds` for every pair.
    fn drawn(x: &[f64], y: &[f64], rounds: u32, holds: impl Fn(f64, f64) -> bool) -> f64 {
        let mut shuffle = Shuffle::new(11);
        let mut y = y.to_vec();
        let all = (0..rounds).filter(|_| {
            shuffle.shuffle(&mut y);
            x.iter().zip(&y).all(|(x, y)| holds(*x, *y))
        });
        all.count() as f64 / f64::from(rounds)
    }

    #[test]
    fn the_exact_chances_are_those_of_drawn_matchings() {
        let x = [1.0, 4.0, 2.0, 7.0, 3.0, 3.0];
        let y = [2.0, 9.0, 5.0, 8.0, 3.0, 6.0];
        let exact = ln_all_below(&mut x.to_vec(), &mut y.to_vec()).exp();
        let found = drawn(&x, &y, 200_000, |x, y| x <= y);
        assert!((exact - found).abs() < 0.003, "{exact} {found}");
        let same = [1.0, 1.0, 2.0, 5.0, 5.0];
        let exact = ln_all_matched(&[2, 1, 2]).exp();
        let found = drawn(&same, &same, 200_000, |x, y| (x - y).abs() < 0.5);
        assert!((exact - found).abs() < 0.003, "{exact} {found}");
    }

    #[test]
    fn far_apart_columns_are_always_in_order_and_crossed_ones_never() {
        let low = |n: usize| (0..n).map(|i| i as f64).collect::<Vec<_>>();
        let high = low(30).iter().map(|v| v + 1e3).collect::<Vec<_>>();
        assert!(ln_all_below(&mut low(30), &mut high.clone()).abs() < 1e-12);
        assert!(ln_all_below(&mut high.clone(), &mut low(30)).is_infinite());
    }

    #[test]
    fn equal_seeds_shuffle_alike_and_evenly() {
        let order = |seed| {
            let mut items: Vec<u8> = (0..10).collect();
            Shuffle::new(seed).shuffle(&mut items);
            items
        };
        assert_eq!(order(3), order(3));
        assert_ne!(order(3), order(4));
        let mut first = [0_u32; 5];
        let mut shuffle = Shuffle::new(1);
        for _ in 0..50_000 {
            let mut items: Vec<usize> = (0..5).collect();
            shuffle.to_front(&mut items, 1);
            first[items[0]] += 1;
        }
        assert!(
            first.iter().all(|n| (9_600..10_400).contains(n)),
            "{first:?}"
        );
    }
}
