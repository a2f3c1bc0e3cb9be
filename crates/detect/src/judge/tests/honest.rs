//! What recorded rows cannot show is not said of them.

use super::*;
use crate::baseline::{Baseline, BaselineId, Cost, Fitted, Needs, SeasonalMedian, Unfit};
use crate::choice::Why;

fn minutes(count: i64, value: impl Fn(i64) -> f64) -> Vec<Point> {
    let point = |minute: i64| Point {
        at: Timestamp::from_secs(60 * minute),
        value: value(minute),
    };
    (0..count).map(point).collect()
}

#[test]
fn a_level_that_no_window_can_show_clears_nobody() {
    let (quiet, at) = week(2, 1.0);
    let judge = |alpha: f64| {
        let columns = [column(MetricRole::Latency, Worse::Up, quiet.clone())];
        judge_series(&columns, at, alpha)
    };
    let usual = judge(0.05);
    assert_eq!(usual.verdict.kind.word(), "healthy", "{:?}", usual.verdict);
    let least = usual.least_p_value.unwrap();
    assert!((0.000_3..0.05).contains(&least), "{least}");
    let tiny = judge(0.000_3);
    assert_eq!(tiny.verdict.kind, VerdictKind::Inconclusive);
    assert!(tiny.verdict.refusals.contains(&Refusal::TooFew));
    let shipped = || {
        let points = minutes(240, |m| 10.0 + (m * 7_919 % 101) as f64 / 101.0);
        [column(MetricRole::Latency, Worse::Up, points)]
    };
    let at = Timestamp::from_secs(60 * 200);
    let judge = |alpha: f64| judge_series(&shipped(), at, alpha);
    assert_eq!(judge(0.05).verdict.kind.word(), "healthy");
    assert_eq!(judge(0.000_03).verdict.kind.word(), "inconclusive");
}

#[test]
fn hours_without_a_row_clear_nobody_and_are_told() {
    let (mut points, at) = week(4, 1.0);
    let judge = |points: &[Point]| {
        let columns = [column(MetricRole::Latency, Worse::Up, points.to_vec())];
        judge_series(&columns, at, 0.05)
    };
    let whole = judge(&points);
    assert_eq!(whole.verdict.kind.word(), "healthy", "{:?}", whole.verdict);
    assert_eq!(whole.holes, []);
    // The second half hour comes three hours later.
    let half = at + Span::from_secs(30 * 60);
    let later = |p: &mut Point| {
        if p.at >= half {
            p.at = p.at + Span::from_secs(3 * 3_600);
        }
    };
    points.iter_mut().for_each(later);
    let holed = judge(&points);
    assert_eq!(holed.verdict.kind.word(), "inconclusive");
    assert!(holed.verdict.refusals.contains(&Refusal::TooFew));
    let hole = &holed.holes[0];
    assert_eq!(holed.holes.len(), 1);
    assert_eq!(hole.from, half - Span::from_secs(60));
    assert_eq!(hole.to, half + Span::from_secs(3 * 3_600));
}

#[test]
fn what_never_was_is_judged_whatever_its_unit() {
    let change = 3 * 1440;
    for (role, unit) in [
        (MetricRole::Errors, 1.0),
        (MetricRole::Errors, 1e-4),
        (MetricRole::Other, 40.0),
    ] {
        let noise = |m: i64| ((m * 7_919) % 101) as f64 / 101.0;
        let new = |m: i64| unit * (3.0 + noise(m));
        let now = |m: i64| if m >= change { new(m) } else { 0.0 };
        let judge = |points: Vec<Point>| {
            let at = Timestamp::from_secs(60 * change);
            judge_series(&[column(role, Worse::Up, points)], at, 0.05)
        };
        let verdict = judge(minutes(change + 60, now));
        assert_eq!(verdict.verdict.kind.word(), "hurt", "{:?}", verdict.verdict);
        let alarm = verdict.verdict.alarm_at.unwrap();
        assert!(alarm <= Timestamp::from_secs(60 * (change + 5)), "{alarm}");
        // A single one heals.
        let once = judge(minutes(change + 60, |m| {
            if m == change + 9 { unit } else { 0.0 }
        }));
        assert_ne!(once.verdict.kind.word(), "hurt", "{:?}", once.verdict);
    }
}

#[test]
fn a_constant_that_becomes_another_one_is_seen_by_its_own_windows() {
    let change = 3 * 1440;
    let points = minutes(change + 60, |m| if m >= change { 6.0 } else { 5.0 });
    let at = Timestamp::from_secs(60 * change);
    let verdict = judge_series(&[column(MetricRole::Other, Worse::Both, points)], at, 0.05);
    assert_eq!(verdict.verdict.kind.word(), "hurt", "{:?}", verdict.verdict);
    assert_eq!(verdict.verdict.calibration, Calibration::Own);
}

/// A week of minutes whose level is `factor` times as high from so many minutes after the change on.
fn moved(seed: u64, factor: f64, minutes: i64) -> (Vec<Point>, Timestamp) {
    let (mut points, at) = week(seed, 1.0);
    let from = at + Span::from_secs(60 * minutes);
    let later = points.iter_mut().filter(|p| p.at >= from);
    later.for_each(|p| p.value *= factor);
    (points, at)
}

#[test]
fn what_began_before_the_change_is_not_blamed_on_it_and_since_is_when_it_began() {
    let (mut blamed, mut missed, mut off) = (0, 0, 0);
    for seed in 0..30 {
        for minutes in [-10, -20, -28] {
            let (points, at) = moved(seed, 2.0, minutes);
            let columns = [column(MetricRole::Latency, Worse::Up, points)];
            let verdict = judge_series(&columns, at, 0.05).verdict;
            blamed += u32::from(verdict.kind.word() == "hurt");
        }
        for minutes in [0, 25] {
            let (points, at) = moved(seed, 2.0, minutes);
            let columns = [column(MetricRole::Latency, Worse::Up, points)];
            let verdict = judge_series(&columns, at, 0.05).verdict;
            missed += u32::from(verdict.kind.word() != "hurt");
            let told = verdict.findings[0].since.unwrap();
            let began = at + Span::from_secs(60 * minutes);
            off += u32::from(told.since(began).0.abs() > 120_000_000);
            assert!(told <= verdict.alarm_at.unwrap());
        }
    }
    println!("blamed {blamed}/90, missed {missed}/60, off {off}/60");
    assert!(blamed <= 2 && missed <= 2 && off <= 4);
}

#[test]
fn a_tail_that_grows_is_not_healthy_and_quiet_tails_are() {
    let (mut cleared, mut unclear) = (0, 0);
    for seed in 0..30 {
        let judge = |points: Vec<Point>, at: Timestamp| {
            judge_series(&[column(MetricRole::Latency, Worse::Up, points)], at, 0.05)
        };
        let (mut points, at) = week(seed, 1.0);
        let quiet = judge(points.clone(), at);
        assert!(quiet.about_extremes);
        unclear += u32::from(quiet.verdict.refusals.contains(&Refusal::OnlyExtremes));
        let since = points.iter_mut().filter(|p| p.at >= at);
        since.skip(7).step_by(20).for_each(|p| p.value *= 4.0);
        let tail = judge(points, at).verdict;
        cleared += u32::from(tail.kind.word() == "healthy");
        assert_ne!(tail.kind.word(), "hurt", "{tail:?}");
        let told = tail.refusals.contains(&Refusal::OnlyExtremes);
        assert!(!told || tail.findings[0].text.contains("; its worst twentieth "));
    }
    println!("tails cleared {cleared}/30, quiet ones unclear {unclear}/30");
    assert!(cleared <= 3 && unclear <= 4);
}

/// A model that wants nearly all of the history before it says anything.
#[derive(Debug)]
struct Late;

impl Baseline for Late {
    fn id(&self) -> BaselineId {
        BaselineId("late-1".into())
    }
    fn needs(&self) -> Needs {
        SeasonalMedian.needs()
    }
    fn cost(&self) -> Cost {
        Cost::Nightly
    }
    fn fit(&self, pre: &[Point]) -> Result<Box<dyn Fitted>, Unfit> {
        if pre
            .last()
            .is_none_or(|p| p.at < Timestamp::from_secs(5 * 86_400))
        {
            return Err(Unfit::Failed("not yet".into()));
        }
        Ok(Box::new(Late))
    }
}

impl Fitted for Late {
    fn predict(&self, at: &[Timestamp]) -> Result<Vec<f64>, Unfit> {
        Ok(vec![0.0; at.len()])
    }
}

#[test]
fn a_line_that_begins_too_late_gives_way_to_the_seasonal_median_and_says_so() {
    let (points, at) = week(6, 1.6);
    let columns = [column(MetricRole::Latency, Worse::Up, points)];
    let choice = Choice::Asked(&Late);
    let verdict = judge_series_with(&columns, at, 0.05, &choice, &Clock::utc());
    assert_eq!(verdict.baseline, "seasonal-median-1");
    let why = &verdict.below[0].why;
    assert_eq!(*why, Why::BeginsLate(BaselineId("late-1".into())));
    assert_eq!(verdict.verdict.calibration, Calibration::Own);
    assert_eq!(verdict.verdict.kind.word(), "hurt", "{:?}", verdict.verdict);
}

/// Minutes of a target that is busy from eight to six, twice as slow then, with edges of half an hour.
fn office(seed: u64, from: i64, count: i64) -> Vec<Point> {
    let (mut random, mut noise) = (Random::new(seed), Noise::new(0.6));
    let early = 30 * (seed as i64 % 3);
    let point = |minute: i64| {
        let of_day = (minute - early).rem_euclid(1440) as f64;
        let up = ((of_day - 480.0) / 30.0).clamp(0.0, 1.0);
        let down = ((of_day - 1080.0) / 30.0).clamp(0.0, 1.0);
        let innovation = random.normal();
        Point {
            at: Timestamp::from_secs(60 * minute),
            value: 10.0 * (0.7 * (up - down) + 0.08 * noise.next(innovation)).exp(),
        }
    };
    (from..from + count).map(point).collect()
}

#[test]
fn the_edge_of_a_day_is_not_harm_where_the_season_cannot_be_known() {
    for hours in [6, 24, 30, 47] {
        let (mut blamed, mut found) = (0, 0);
        // A change at every quarter of an hour of a day.
        for seed in 0..96 {
            let change = 4 * 1440 + 15 * seed as i64;
            let at = Timestamp::from_secs(60 * change);
            let mut points = office(seed, change - 60 * hours, 60 * hours + 60);
            let hurt = |points: Vec<Point>| {
                let columns = [column(MetricRole::Latency, Worse::Up, points)];
                judge_series(&columns, at, 0.05).verdict.kind.word() == "hurt"
            };
            blamed += u32::from(hurt(points.clone()));
            let since = points.iter_mut().filter(|p| p.at >= at);
            since.for_each(|p| p.value *= 3.0);
            found += u32::from(hurt(points));
        }
        println!("{hours} h: {blamed} of 96 blamed, {found} of 96 steps found");
        assert!(blamed <= 2, "{hours} h of history: {blamed} of 96");
        assert!(found >= 80, "{hours} h of history: {found} of 96 found");
    }
}

#[test]
fn spikes_are_seen_on_a_level_that_wanders_slowly() {
    let (mut found, mut alarms) = (0, 0);
    for seed in 0..30 {
        let (mut random, mut noise) = (Random::new(seed), Noise::new(0.97));
        let change = 6 * 1440;
        let quiet: Vec<f64> = (0..change + 120)
            .map(|_| 0.1 * noise.next(random.normal()))
            .collect();
        let spiky = |m: i64| m >= change && m % 7 == 3;
        let judge = |by: f64| {
            let value =
                |m: i64| 100.0 * (quiet[m as usize] + if spiky(m) { by } else { 0.0 }).exp();
            let columns = [column(
                MetricRole::Other,
                Worse::Both,
                minutes(change + 120, value),
            )];
            let at = Timestamp::from_secs(60 * change);
            judge_series(&columns, at, 0.05).verdict.kind.word() == "hurt"
        };
        found += u32::from(judge(0.15));
        alarms += u32::from(judge(0.0));
    }
    println!("found {found} of 30, {alarms} false");
    assert!(found >= 27 && alarms <= 4, "found {found}, {alarms} false");
}
