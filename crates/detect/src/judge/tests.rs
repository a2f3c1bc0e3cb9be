use super::*;
use crate::testing::{Noise, Random};
use crate::wording;
use backstay_model::verdict::Calibration;

mod causes;
mod honest;
mod properties;
mod views;

fn column(role: MetricRole, worse: Worse, points: Vec<Point>) -> Column {
    Column {
        name: MetricName::new("m"),
        role,
        worse,
        floor: 0.0,
        points,
    }
}

/// A week of minutes with a daily wave, then an hour in which the level is `factor` times as high.
fn week(seed: u64, factor: f64) -> (Vec<Point>, Timestamp) {
    let (mut random, mut noise) = (Random::new(seed), Noise::new(0.6));
    let change = 6 * 1440;
    let points = (0..change + 60)
        .map(|minute| {
            let wave = (f64::from(minute) / 1440.0 * std::f64::consts::TAU).sin();
            let innovation = random.normal();
            let level = 1000.0 * (0.5 * wave + 0.08 * noise.next(innovation)).exp();
            let value = if minute >= change {
                level * factor
            } else {
                level
            };
            Point {
                at: Timestamp::from_secs(i64::from(minute) * 60),
                value,
            }
        })
        .collect();
    (points, Timestamp::from_secs(i64::from(change) * 60))
}

fn p_of(verdict: &SeriesVerdict) -> f64 {
    verdict.verdict.p_value.unwrap()
}

#[test]
fn a_week_of_minutes_calibrates_itself() {
    let (mut alarms, mut found) = (0, 0);
    for seed in 0..40 {
        let (quiet, at) = week(seed, 1.0);
        let verdict = judge_series(&[column(MetricRole::Other, Worse::Both, quiet)], at, 0.05);
        assert_eq!(verdict.verdict.calibration, Calibration::Own);
        assert_eq!(verdict.baseline, "seasonal-median-1");
        alarms += u32::from(p_of(&verdict) <= 0.05);
        let (worse, at) = week(seed, 1.3);
        let verdict = judge_series(&[column(MetricRole::Latency, Worse::Up, worse)], at, 0.05);
        let effect = verdict.effect.unwrap();
        found += u32::from(verdict.verdict.kind.word() == "hurt" && effect > 0.0);
    }
    println!("alarms {alarms}/40, found {found}/40");
    assert!(alarms <= 6, "{alarms} of 40 quiet weeks alarmed at 5 %");
    assert!(found >= 36, "{found} of 40 lasting rises of 30 % found");
}

#[test]
fn seconds_of_history_find_a_stall_by_the_shipped_table() {
    for seed in 0..40 {
        let mut random = Random::new(seed);
        let mut at_level = |level: f64, second: i64| Point {
            at: Timestamp::from_secs(second),
            value: level * (0.12 * random.normal()).exp(),
        };
        let points: Vec<Point> = (0..32)
            .map(|s| at_level(if s < 17 { 900.0 } else { 90.0 }, s))
            .collect();
        let columns = [column(MetricRole::Throughput, Worse::Down, points.clone())];
        let verdict = judge_series(&columns, Timestamp::from_secs(17), 0.05);
        assert_eq!(verdict.verdict.kind.word(), "hurt", "{verdict:?}");
        assert_eq!(verdict.verdict.calibration, Calibration::Shipped);
        assert!(verdict.verdict.alarm_at.unwrap() <= Timestamp::from_secs(21));
        // Before the change there is nothing to find.
        let quiet = [column(
            MetricRole::Throughput,
            Worse::Down,
            points[..17].to_vec(),
        )];
        let verdict = judge_series(&quiet, Timestamp::from_secs(9), 0.05);
        assert_ne!(verdict.verdict.kind.word(), "hurt");
    }
}

#[test]
fn no_sentence_says_since_a_later_moment_than_the_alarm() {
    let (points, at) = week(1, 1.5);
    let early = judge_series(&[column(MetricRole::Latency, Worse::Up, points)], at, 0.05);
    let alarm_at = early.verdict.alarm_at.unwrap();
    let later = alarm_at + Span::from_secs(600);
    let mut late = early.clone();
    late.verdict.alarm_at = Some(later);
    for finding in &mut late.verdict.findings {
        let (before, after) = (finding.before, finding.after);
        finding.alarm_at = Some(later);
        finding.since = Some(later);
        finding.text = wording::since(&wording::moved(&finding.metric, before, after), later);
    }
    let told = together(late, early.clone()).verdict;
    assert_eq!(told.alarm_at, Some(alarm_at));
    assert_eq!(told.findings[0].alarm_at, Some(alarm_at));
    assert_eq!(told.findings[0].text, early.verdict.findings[0].text);
}

#[test]
fn odd_columns_get_a_stated_answer() {
    let at = Timestamp::from_secs(50);
    let every = |f: &dyn Fn(i64) -> f64| -> Vec<Point> {
        (0..100)
            .map(|s| Point {
                at: Timestamp::from_secs(s),
                value: f(s),
            })
            .collect()
    };
    for (name, points, changed_at, word) in [
        ("empty", Vec::new(), at, "no data"),
        ("not a number", every(&|_| f64::NAN), at, "no data"),
        ("constant", every(&|_| 5.0), at, "healthy"),
        ("zero", every(&|_| 0.0), at, "inconclusive"),
        (
            "nothing before",
            every(&|_| 5.0),
            Timestamp::from_secs(0),
            "inconclusive",
        ),
        (
            "nothing since",
            every(&|_| 5.0),
            Timestamp::from_secs(500),
            "no data",
        ),
        (
            "one spike",
            every(&|s| if s == 70 { 50.0 } else { 5.0 }),
            at,
            "healthy",
        ),
        (
            "a step",
            every(&|s| if s >= 50 { 50.0 } else { 5.0 }),
            at,
            "hurt",
        ),
        (
            "below zero",
            every(&|s| {
                if s >= 50 {
                    -50.0
                } else {
                    -5.0 - (s % 3) as f64
                }
            }),
            at,
            "hurt",
        ),
    ] {
        let verdict = judge_series(
            &[column(MetricRole::Other, Worse::Both, points)],
            changed_at,
            0.05,
        );
        assert_eq!(
            verdict.verdict.kind.word(),
            word,
            "{name}: {:?}",
            verdict.verdict
        );
        assert!(verdict.verdict.score.is_finite());
    }
}

#[test]
fn more_demand_explains_slowness_and_less_demand_explains_silence() {
    for (throughput, latency, demand, word) in [
        (4.0, 3.0, 4.0, "workload shift"),
        (0.1, 1.0, 0.1, "workload shift"),
        (0.3, 3.0, 1.0, "hurt"),
    ] {
        let mut random = Random::new(5);
        let mut series = |base: f64, factor: f64, spread: f64| -> Vec<Point> {
            (0..120)
                .map(|s| {
                    let level = if s >= 60 { base * factor } else { base };
                    let value = level * (spread * random.normal()).exp();
                    Point {
                        at: Timestamp::from_secs(s),
                        value,
                    }
                })
                .collect()
        };
        let columns = [
            column(
                MetricRole::Throughput,
                Worse::Down,
                series(1000.0, throughput, 0.1),
            ),
            column(MetricRole::Latency, Worse::Up, series(2.0, latency, 0.2)),
            column(MetricRole::Demand, Worse::Both, series(20.0, demand, 0.1)),
        ];
        let verdict = judge_series(&columns, Timestamp::from_secs(60), 0.05);
        assert_eq!(verdict.verdict.kind.word(), word, "{:?}", verdict.verdict);
    }
}

#[test]
fn the_band_holds_what_was_usual_and_not_what_came_after() {
    let value = |i: i64| {
        let noise = ((i * 7_919) % 101) as f64 / 101.0 - 0.5;
        10.0 + noise + if i >= 1_000 { 8.0 } else { 0.0 }
    };
    let points = (0..1_100).map(|i| Point {
        at: Timestamp::from_secs(i * 10),
        value: value(i),
    });
    let column = Column {
        name: MetricName::new("latency_ms"),
        role: MetricRole::Latency,
        worse: Worse::Up,
        floor: 0.0,
        points: points.collect(),
    };
    let changed_at = Timestamp::from_secs(10_000);
    let judged = judge_series(&[column], changed_at, 0.05);
    let bands = &judged.bands[0];
    let inside = |b: &&Band| {
        let value = value(b.at.0 / 10_000_000);
        (b.low..=b.high).contains(&value)
    };
    let (before, since): (Vec<_>, Vec<_>) = bands.iter().partition(|b| b.at < changed_at);
    assert_eq!((before.len() >= 60, since.len()), (true, 100));
    assert_eq!(before.iter().filter(|b| inside(b)).count(), before.len());
    assert_eq!(since.iter().filter(|b| inside(b)).count(), 0);
    assert!(bands.iter().all(|b| (b.middle - 10.0).abs() < 0.5));
}
