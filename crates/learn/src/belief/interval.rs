//! The interval around a confidence.

use statrs::distribution::{Beta, ContinuousCDF};

/// Cases that one group of independent evidence is worth (dependencies.md, 12.6).
pub const CASES_PER_GROUP: f64 = 20.0;
/// Probability in each tail outside the interval: it holds 90 %.
const TAIL: f64 = 0.05;

/// The 90 % interval of `Beta(p·s, (1 − p)·s)`, `s` = 20 × `groups`, widened where needed so that it
/// holds `p` itself (the mean of so skewed a distribution may lie outside). No group counts as one.
pub(super) fn interval(p: f64, groups: usize) -> (f64, f64) {
    let cases = CASES_PER_GROUP * groups.max(1) as f64;
    let Ok(beta) = Beta::new(p * cases, (1.0 - p) * cases) else {
        return (0.0, 1.0);
    };
    let low = beta.inverse_cdf(TAIL).clamp(0.0, p);
    let high = beta.inverse_cdf(1.0 - TAIL).clamp(p, 1.0);
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `scipy.stats.beta.ppf([.05, .95], p*s, (1-p)*s)`, SciPy 1.17.1.
    #[test]
    fn quantiles_are_those_of_scipy() {
        for (p, groups, low, high) in QUANTILES {
            let found = interval(p, groups);
            assert!((found.0 - low).abs() < 1e-9, "{p} {groups}: {found:?}");
            assert!((found.1 - high).abs() < 1e-9, "{p} {groups}: {found:?}");
        }
    }

    /// A confidence that rests on as many labels as a group is worth holds the truth nine times in
    /// ten: 0.899, 0.892, 0.891 by the same simulation with NumPy and SciPy.
    #[test]
    fn intervals_cover_what_they_say() {
        let mut state = 3_u64;
        let mut roll = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        for groups in 1..=3 {
            let labels = 20 * groups;
            let known: Vec<(f64, f64)> = (0..=labels)
                .map(|yes| interval(yes as f64 / labels as f64, groups))
                .collect();
            let mut held = 0;
            for _ in 0..20_000 {
                let truth = 0.05 + 0.9 * roll();
                let yes = (0..labels).filter(|_| roll() < truth).count();
                let (low, high) = known[yes];
                held += usize::from((low..=high).contains(&truth));
            }
            assert!(
                (17_600..=18_400).contains(&held),
                "{groups} groups: {held} of 20,000"
            );
        }
    }

    const QUANTILES: [(f64, usize, f64, f64); 8] = [
        (0.97, 2, 0.916_948_916_131_332_7, 0.997_608_356_193_652_5),
        (0.97, 1, 0.893_660_394_184_829_1, 0.999_706_062_755_273),
        (0.87, 1, 0.731_106_588_738_860_1, 0.966_491_806_084_969_2),
        (0.5, 1, 0.320_086_529_588_724_2, 0.679_913_470_411_275_7),
        (0.11, 1, 0.023_559_768_253_233_04, 0.240_882_736_816_100_15),
        (0.999, 6, 0.994_283_324_393_332_2, 0.999_999_999_999_925_7),
        (0.9, 3, 0.830_037_444_474_249_1, 0.954_777_358_297_354_8),
        (
            0.02,
            2,
            0.000_559_876_852_836_395_6,
            0.064_215_785_914_458_26,
        ),
    ];
}
