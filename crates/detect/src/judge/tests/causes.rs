//! Other causes than the change: more is asked for, and everybody moved.

use super::*;

/// What is asked for, and the time that each takes: by a law that the change leaves alone, unless it makes
/// it `slower` times as slow.
fn asked(seed: u64, (more, slower): (f64, f64)) -> (Vec<Column>, Timestamp) {
    let (requests, at) = week(seed, more);
    let mut random = Random::new(seed + 100);
    let time = |p: &Point| {
        let factor = if p.at < at { 1.0 } else { slower };
        let law = (10.0 + 0.02 * p.value) * (1.0 + 0.05 * random.normal());
        Point {
            at: p.at,
            value: factor * law,
        }
    };
    let times = requests.iter().map(time).collect();
    let latency = column(MetricRole::Latency, Worse::Up, times);
    let demand = Column {
        name: MetricName::new("d"),
        ..column(MetricRole::Demand, Worse::Up, requests)
    };
    (vec![latency, demand], at)
}

#[test]
fn more_that_is_asked_for_is_no_harm_and_excuses_none_without_it() {
    let mut found = 0;
    for seed in 0..8 {
        for more in [1.5, 2.0, 3.0] {
            let (columns, at) = asked(seed, (more, 1.0));
            let verdict = judge_series(&columns, at, 0.05).verdict;
            assert_ne!(verdict.kind.word(), "hurt", "{seed}, {more}: {verdict:?}");
        }
        let (columns, at) = asked(seed, (1.0, 1.6));
        found += u32::from(judge_series(&columns, at, 0.05).verdict.kind.word() == "hurt");
    }
    assert!(found >= 7, "{found} of 8");
}

#[test]
fn work_in_flight_that_rises_as_it_takes_longer_excuses_nothing() {
    for seed in 0..8 {
        let (flight, at) = week(seed, 2.0);
        let (mut times, _) = week(seed + 50, 2.0);
        times.iter_mut().for_each(|p| p.value /= 100.0);
        let columns = [
            column(MetricRole::Latency, Worse::Up, times),
            Column {
                name: MetricName::new("active"),
                ..column(MetricRole::Demand, Worse::Up, flight)
            },
        ];
        let verdict = judge_series(&columns, at, 0.05).verdict;
        assert_eq!(verdict.kind.word(), "hurt", "{seed}: {verdict:?}");
    }
}

#[test]
fn what_peers_of_another_noise_do_as_well_has_a_common_cause() {
    for seed in 0..6 {
        let (own, at) = week(seed, 1.4);
        let columns = [column(MetricRole::Latency, Worse::Up, own)];
        let judge = |factor: f64| {
            let peers: Vec<Column> = (1..4)
                .map(|i| {
                    let (points, _) = week(seed + 100 * i, factor);
                    column(MetricRole::Other, Worse::Both, points)
                })
                .collect();
            let terms = Terms {
                changed_at: at,
                alpha: 0.05,
                choice: &Choice::Seasonal,
                clock: &Clock::utc(),
                peers: &peers,
            };
            judge_series_on(&columns, &terms).verdict
        };
        let common = judge(1.4);
        assert_eq!(common.kind, VerdictKind::Confounded, "{seed}: {common:?}");
        assert!(common.refusals.contains(&Refusal::CommonCause));
        let alone = judge(1.0);
        assert_eq!(alone.kind.word(), "hurt", "{seed}: {alone:?}");
    }
}
