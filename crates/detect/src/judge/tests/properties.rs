//! What holds for every recording.

use super::*;

const SECONDS: i64 = 240;
const CHANGE: i64 = 120;

/// Four minutes of seconds of a target: completed work, its time, errors and work in flight. What is
/// asked for is `load` times as much since the change, the work takes `slow` times as long.
fn target(seed: u64, load: f64, slow: f64) -> Vec<Column> {
    let mut random = Random::new(seed);
    let mut noise = Noise::new(0.4);
    let base = 80.0 + 900.0 * random.unit();
    let mut rows: Vec<[f64; 4]> = Vec::new();
    for second in 0..SECONDS {
        let since = second >= CHANGE;
        let asked = base * if since { load } else { 1.0 };
        let takes = 2.0 * if since { slow } else { 1.0 } / (1.0 - (0.1 * asked / base).min(0.9));
        let wobble = 0.06 * noise.next(random.normal());
        let done = random.poisson(asked * wobble.exp());
        let flight = (done * takes / 100.0) * (0.1 * random.normal()).exp();
        let takes = takes * (0.1 * random.normal()).exp();
        rows.push([done, takes, random.poisson(0.2 * asked / base), flight]);
    }
    let named = [
        ("commits", MetricRole::Throughput, Worse::Down),
        ("latency_ms", MetricRole::Latency, Worse::Up),
        ("rollbacks", MetricRole::Errors, Worse::Up),
        ("active", MetricRole::Demand, Worse::Both),
    ];
    let column = |(place, (name, role, worse)): (usize, (&str, MetricRole, Worse))| {
        let value = |(second, row): (usize, &[f64; 4])| Point {
            at: Timestamp::from_secs(second as i64),
            value: row[place],
        };
        Column {
            name: MetricName::new(name),
            points: rows.iter().enumerate().map(value).collect(),
            ..column(role, worse, Vec::new())
        }
    };
    named.into_iter().enumerate().map(column).collect()
}

fn judge(columns: &[Column]) -> SeriesVerdict {
    judge_series(columns, Timestamp::from_secs(CHANGE), 0.05)
}

fn told(verdict: &SeriesVerdict) -> (&'static str, Option<f64>, f64) {
    let verdict = &verdict.verdict;
    (verdict.kind.word(), verdict.p_value, verdict.score)
}

#[test]
fn load_that_moves_is_never_harm_and_slowness_always_is() {
    let (mut blamed, mut missed) = (Vec::new(), 0);
    for seed in 0..150 {
        let mut random = Random::new(1_000 + seed);
        let load = 0.3 * (4.0_f64 / 0.3).powf(random.unit());
        if judge(&target(seed, load, 1.0)).verdict.kind.word() == "hurt" {
            blamed.push((seed, load));
        }
        missed += u32::from(judge(&target(seed, 1.0, 3.0)).verdict.kind.word() != "hurt");
    }
    println!("blamed {blamed:?}, missed {missed} of 150");
    assert!(blamed.is_empty(), "{blamed:?}");
    assert!(missed <= 3, "{missed}");
}

#[test]
fn a_column_of_zeros_changes_nothing() {
    for (seed, slow) in [(1, 1.0), (2, 1.5), (3, 3.0)] {
        let columns = target(seed, 1.0, slow);
        let mut more = columns.clone();
        for role in [
            MetricRole::Latency,
            MetricRole::Throughput,
            MetricRole::Errors,
        ] {
            let mut zeros = columns[0].clone();
            (zeros.name, zeros.role) = (MetricName::new("nothing"), role);
            zeros.points.iter_mut().for_each(|p| p.value = 0.0);
            more.push(zeros);
        }
        assert_eq!(told(&judge(&columns)), told(&judge(&more)));
    }
}

#[test]
fn units_days_and_the_order_of_rows_change_nothing() {
    let (points, at) = week(7, 1.2);
    let plain = judge_series(
        &[column(MetricRole::Other, Worse::Both, points.clone())],
        at,
        0.05,
    );
    let mut odd: Vec<Point> = points
        .iter()
        .map(|p| Point {
            at: Timestamp(p.at.0 + 30 * 86_400_000_000),
            value: 4_096.0 * p.value,
        })
        .collect();
    odd.reverse();
    // Half a step after a row: neither another moment of the season nor a second value of the row.
    let holes: Vec<Point> = odd.iter().step_by(100).copied().collect();
    odd.extend(holes.into_iter().map(|p| Point {
        at: p.at + Span::from_secs(30),
        value: f64::NAN,
    }));
    let later = Timestamp(at.0 + 30 * 86_400_000_000);
    let other = judge_series(&[column(MetricRole::Other, Worse::Both, odd)], later, 0.05);
    assert_eq!(plain.verdict.kind, other.verdict.kind);
    assert!((p_of(&plain) - p_of(&other)).abs() < 1e-9);
    assert!((plain.verdict.score - other.verdict.score).abs() < 1e-6);
}

#[test]
fn what_comes_after_an_alarm_does_not_move_it() {
    let (points, at) = week(3, 1.5);
    let judge = |points: Vec<Point>| {
        judge_series(&[column(MetricRole::Latency, Worse::Up, points)], at, 0.05)
    };
    let first = judge(points.clone());
    let alarm = first.verdict.alarm_at.unwrap();
    let other = points.iter().map(|p| Point {
        value: if p.at > alarm { 1.0 } else { p.value },
        ..*p
    });
    assert_eq!(judge(other.collect()).verdict.alarm_at, Some(alarm));
    assert_eq!(format!("{first:?}"), format!("{:?}", judge(points)));
}

#[test]
fn too_little_is_never_healthy() {
    for (before, since) in [(0, 120), (3, 120), (7, 60), (120, 1), (120, 7), (2, 2)] {
        let from = Timestamp::from_secs(CHANGE - before);
        let until = Timestamp::from_secs(CHANGE + since);
        let mut columns = target(5, 1.0, 1.0);
        for column in &mut columns {
            column.points.retain(|p| p.at >= from && p.at < until);
        }
        let verdict = judge(&columns);
        assert_ne!(verdict.verdict.kind.word(), "healthy", "{before} {since}");
        assert_ne!(verdict.verdict.kind.word(), "hurt", "{before} {since}");
    }
}

#[test]
fn harm_that_healed_is_not_blamed_and_a_long_horizon_finds_what_is_small() {
    let mut healed = target(11, 1.0, 3.0);
    let back = target(11, 1.0, 1.0);
    for (column, calm) in healed.iter_mut().zip(&back) {
        for (p, quiet) in column.points.iter_mut().zip(&calm.points).skip(150) {
            p.value = quiet.value;
        }
    }
    let verdict = judge(&healed);
    assert_ne!(verdict.verdict.kind.word(), "hurt", "{:?}", verdict.verdict);
    // A day after eight: bins of minutes, over as much of it as the past can judge.
    let mut found = 0;
    for seed in 0..5 {
        let (mut random, mut noise) = (Random::new(seed), Noise::new(0.6));
        let points = (0..9 * 1440).map(|minute| {
            let innovation = random.normal();
            let level = if minute >= 8 * 1440 + 240 { 1.25 } else { 1.0 };
            Point {
                at: Timestamp::from_secs(minute * 60),
                value: 50.0 * level * (0.2 * noise.next(innovation)).exp(),
            }
        });
        let columns = [column(MetricRole::Latency, Worse::Up, points.collect())];
        let verdict = judge_series(&columns, Timestamp::from_secs(8 * 86_400), 0.05);
        found += u32::from(verdict.verdict.kind.word() == "hurt");
    }
    assert!(found >= 4, "{found} of 5");
}

#[test]
fn a_small_shift_of_a_quiet_column_is_found_beside_large_incidents_of_its_past() {
    let (mut found, mut alarms) = (0, 0);
    for seed in 0..10 {
        let mut random = Random::new(seed);
        let change = 6 * 1440;
        let mut values: Vec<f64> = (0..change + 120)
            .map(|_| 1000.0 * (0.004 * random.normal()).exp())
            .collect();
        // Twice a day the value doubles for twenty minutes.
        for incident in 0..12 {
            let row = 720 * incident + (700.0 * random.unit()) as usize;
            values[row..row + 20].iter_mut().for_each(|v| *v *= 2.0);
        }
        let judged = |shift: f64| {
            let value = |(row, value): (usize, &f64)| Point {
                at: Timestamp::from_secs(row as i64 * 60),
                value: value * if row >= change { shift } else { 1.0 },
            };
            let points = values.iter().enumerate().map(value).collect();
            let columns = [column(MetricRole::Other, Worse::Both, points)];
            judge_series(&columns, Timestamp::from_secs(change as i64 * 60), 0.05)
        };
        found += u32::from(judged(1.01).verdict.kind.word() == "hurt");
        alarms += u32::from(judged(1.0).verdict.kind.word() == "hurt");
    }
    println!("found {found} of 10, {alarms} false alarms");
    assert!(found >= 9 && alarms <= 2, "{found} found, {alarms} alarms");
}

#[test]
fn a_stall_is_found_however_late_it_comes() {
    let mut columns = target(21, 1.0, 1.0);
    for column in &mut columns {
        let stalled = match column.role {
            MetricRole::Throughput | MetricRole::Latency => 0.0,
            _ => continue,
        };
        let late = Timestamp::from_secs(SECONDS - 10);
        column.points.retain(|p| p.at >= Timestamp::from_secs(40));
        let since = column.points.partition_point(|p| p.at < late);
        column.points[since..]
            .iter_mut()
            .for_each(|p| p.value = stalled);
    }
    let early = judge_series(&columns, Timestamp::from_secs(60), 0.05).verdict;
    assert_eq!(early.kind.word(), "hurt", "{early:?}");
    assert!(early.alarm_at.unwrap() >= Timestamp::from_secs(SECONDS - 10));
}

#[test]
fn what_moves_the_peers_as_well_is_a_common_cause() {
    let minutes = 3 * 1440 + 60;
    let change = Timestamp::from_secs(3 * 86_400);
    // All go with one wind; `storm` lifts all since the change, `own` only the target.
    let fleet = |seed: u64, storm: f64, own: f64| -> Vec<Column> {
        let mut random = Random::new(seed);
        let mut wind = Noise::new(0.99);
        let common: Vec<f64> = (0..minutes)
            .map(|_| 0.3 * wind.next(random.normal()))
            .collect();
        let series = |lift: f64, random: &mut Random| -> Vec<Point> {
            let value = |(minute, wind): (usize, &f64)| {
                let at = Timestamp::from_secs(minute as i64 * 60);
                let lifted = if at >= change { lift } else { 0.0 };
                Point {
                    at,
                    value: 20.0 * (wind + lifted + 0.05 * random.normal()).exp(),
                }
            };
            common.iter().enumerate().map(value).collect()
        };
        (0..4)
            .map(|i| {
                let lift = if i == 0 { storm + own } else { storm };
                column(MetricRole::Latency, Worse::Up, series(lift, &mut random))
            })
            .collect()
    };
    let judge = |fleet: &[Column]| {
        let (choice, clock) = (Choice::Seasonal, Clock::utc());
        let terms = Terms {
            changed_at: change,
            alpha: 0.05,
            choice: &choice,
            clock: &clock,
            peers: &fleet[1..],
        };
        judge_series_on(&fleet[..1], &terms).verdict
    };
    for seed in 0..3 {
        let storm = judge(&fleet(seed, 1.5, 0.0));
        assert_ne!(storm.kind.word(), "hurt", "{storm:?}");
        let small = judge(&fleet(seed, 0.0, 0.25));
        assert_eq!(small.kind.word(), "hurt", "{small:?}");
    }
    let storms = (0..3).map(|seed| judge(&fleet(seed, 1.5, 0.0)));
    let causes = storms.filter(|v| v.refusals.contains(&Refusal::CommonCause));
    assert!(causes.count() >= 2);
}
