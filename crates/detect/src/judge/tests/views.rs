//! What a column can show beside another level: that it stands still, that it falls out of a past that
//! is wild already, that it repeats; and what a row or two do not show.

use super::*;

fn told(points: &[Point], at: Timestamp) -> SeriesVerdict {
    let columns = [column(MetricRole::Other, Worse::Both, points.to_vec())];
    judge_series(&columns, at, 0.05)
}

fn since(points: &mut [Point], at: Timestamp) -> &mut [Point] {
    let split = points.partition_point(|p| p.at < at);
    &mut points[split..]
}

#[test]
fn a_gauge_that_stands_still_is_told() {
    for seed in 0..10 {
        let (mut points, at) = week(seed, 1.0);
        let rows = since(&mut points, at);
        let stuck = rows[0].value;
        rows.iter_mut().for_each(|p| p.value = stuck);
        let verdict = told(&points, at).verdict;
        assert_eq!(verdict.kind.word(), "hurt", "{seed}: {verdict:?}");
        let text = &verdict.findings[0].text;
        assert!(text.contains("stands still at"), "{text}");
    }
}

#[test]
fn a_standstill_from_before_the_change_is_not_its_work() {
    for (seed, rows) in [(1, 10), (2, 25), (3, 45), (4, 90)] {
        let (mut points, at) = week(seed, 1.0);
        let from = points.partition_point(|p| p.at < at) - rows;
        let stuck = points[from].value;
        points[from..].iter_mut().for_each(|p| p.value = stuck);
        let verdict = told(&points, at).verdict;
        assert_ne!(verdict.kind.word(), "hurt", "{rows}: {verdict:?}");
    }
}

#[test]
fn a_count_that_repeats_itself_anyway_does_not_stand_still() {
    let mut alarms = 0;
    for seed in 0..20 {
        let (mut points, at) = week(seed, 1.0);
        let whole = |p: &mut Point| p.value = (p.value / 500.0).round();
        points.iter_mut().for_each(whole);
        alarms += u32::from(told(&points, at).verdict.kind.word() == "hurt");
    }
    assert!(alarms <= 3, "{alarms} of 20");
}

#[test]
fn one_wild_row_or_two_are_no_change() {
    let (mut alarms, mut found) = (0, 0);
    for seed in 0..20 {
        let (mut points, at) = week(seed, 1.0);
        let rows = since(&mut points, at);
        rows[20..22].iter_mut().for_each(|p| p.value *= 30.0);
        alarms += u32::from(told(&points, at).verdict.kind.word() == "hurt");
        let rows = since(&mut points, at);
        rows[20..32].iter_mut().for_each(|p| p.value *= 3.0);
        found += u32::from(told(&points, at).verdict.kind.word() == "hurt");
    }
    assert!(alarms <= 3 && found >= 19, "{alarms} alarms, {found} found");
}

#[test]
fn what_scatters_more_is_told_so() {
    let (mut points, at) = week(3, 1.0);
    let mut random = Random::new(5);
    for point in since(&mut points, at) {
        point.value *= (0.5 * random.normal()).exp();
    }
    let verdict = told(&points, at).verdict;
    assert_eq!(verdict.kind.word(), "hurt", "{verdict:?}");
    let text = &verdict.findings[0].text;
    assert!(text.contains("times as much since"), "{text}");
}

/// A level that is now this, now that by the hour, as of a cache that fills and is emptied.
fn regimes(seed: u64) -> (Vec<Point>, Timestamp) {
    let (mut points, at) = week(seed, 1.0);
    let mut random = Random::new(seed + 1_000);
    let mut high = false;
    for point in &mut points {
        if random.unit() < 1.0 / 60.0 {
            high = !high;
        }
        point.value *= if high { 3.0 } else { 1.0 };
    }
    (points, at)
}

#[test]
fn an_outage_stands_out_of_a_past_that_is_wild_already() {
    let mut found = 0;
    for seed in 0..20 {
        let (mut points, at) = regimes(seed);
        since(&mut points, at)
            .iter_mut()
            .for_each(|p| p.value = 0.0);
        // Not by standing still: nothing repeats.
        let mut random = Random::new(seed);
        since(&mut points, at)
            .iter_mut()
            .for_each(|p| p.value += random.unit());
        found += u32::from(told(&points, at).verdict.kind.word() == "hurt");
    }
    assert!(found >= 19, "{found} of 20");
}

#[test]
fn two_and_a_half_days_know_yesterday() {
    let (mut alarms, mut found) = (0, 0);
    for seed in 0..20 {
        for factor in [1.0, 1.6] {
            let (points, at) = week(seed, factor);
            let from = at - Span::from_secs(60 * 3_600);
            let newest = &points[points.partition_point(|p| p.at < from)..];
            let judged = told(newest, at);
            assert_eq!(judged.baseline, "yesterday-1");
            let hurt = judged.verdict.kind.word() == "hurt";
            if factor > 1.0 {
                found += u32::from(hurt);
            } else {
                alarms += u32::from(hurt);
            }
        }
    }
    assert!(alarms <= 3 && found >= 18, "{alarms} alarms, {found} found");
}

#[test]
fn a_cycle_of_hours_is_no_harm_and_hides_none() {
    let (mut alarms, mut found) = (0, 0);
    for seed in 0..10 {
        for factor in [1.0, 1.4] {
            let (mut points, at) = week(seed, factor);
            for (i, point) in points.iter_mut().enumerate() {
                point.value *= 1.0 + 2.0 * (i % 101) as f64 / 101.0;
            }
            let judged = told(&points, at);
            assert_eq!(judged.baseline, "seasonal-median-1+cycle-6060s");
            let hurt = judged.verdict.kind.word() == "hurt";
            if factor > 1.0 {
                found += u32::from(hurt);
            } else {
                alarms += u32::from(hurt);
            }
        }
    }
    assert!(alarms <= 2 && found >= 9, "{alarms} alarms, {found} found");
}
