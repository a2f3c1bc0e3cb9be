//! `backstay detect` on recordings as they come: odd clocks, holes, counters, and what it shows.

use crate::support::Bench;

/// Monday noon, UTC.
const NOON: i64 = 1_795_435_200;
const DAY: i64 = 86_400;

/// Noise that every run has the same, in -0.5..0.5.
fn noise(i: i64) -> f64 {
    ((i.rem_euclid(10_007) * 7_919) % 1_009) as f64 / 1_009.0 - 0.5
}

/// One row for each moment that has a value.
fn csv(head: &str, rows: impl Iterator<Item = (i64, Option<String>)>) -> String {
    let mut text = format!("timestamp,{head}\n");
    for (at, values) in rows {
        if let Some(values) = values {
            text.push_str(&format!("{at},{values}\n"));
        }
    }
    text
}

/// Days of five minutes with a daily season, worse by `factor` for the two hours from noon of the last
/// day.
fn seasonal(days: i64, factor: f64) -> String {
    let rows = (0..days * 288 + 24).map(|i| {
        let at = NOON - days * DAY + i * 300;
        let turn = at as f64 / DAY as f64 * std::f64::consts::TAU;
        let usual = 20.0 + 8.0 * turn.sin() + noise(i);
        let value = if at >= NOON { usual * factor } else { usual };
        (at, Some(format!("{value:.3}")))
    });
    csv("latency_ms", rows)
}

fn judged(bench: &Bench, words: &str) -> serde_json::Value {
    bench.say(&format!("detect {words} --json")).json()
}

/// Baselines that this build has beside the seasonal median, and their names in a verdict.
fn parts() -> Vec<(&'static str, &'static str)> {
    let ets = cfg!(feature = "ets").then_some(("ets", "mstl-ets-1"));
    let prophet = cfg!(feature = "prophet").then_some(("prophet", "prophet-1"));
    let lstm = cfg!(feature = "lstm").then_some(("lstm", "lstm-1"));
    [ets, prophet, lstm].into_iter().flatten().collect()
}

#[test]
fn each_column_says_which_baseline_lay_below_it_and_why() {
    let bench = Bench::new();
    bench.file("hurt.csv", &seasonal(7, 1.8));
    let words = format!("hurt.csv --changed-at {NOON} --role latency_ms=latency --baseline");
    for (baseline, id) in [vec![("seasonal", "seasonal-median-1")], parts()].concat() {
        let hurt = judged(&bench, &format!("{words} {baseline}"));
        let metric = &hurt["per_metric"]["latency_ms"];
        assert_eq!(
            (hurt["verdict"].as_str(), hurt["baseline"].as_str()),
            (Some("hurt"), Some(id))
        );
        assert_eq!(metric["baseline"], id);
        assert_eq!(metric["baseline_why"], "as asked");
    }
}

#[test]
fn the_back_test_tries_all_that_is_built() {
    let bench = Bench::new();
    bench.file("hurt.csv", &seasonal(5, 1.8));
    let words = format!("--changed-at {NOON} --role latency_ms=latency --baseline auto");
    let hurt = judged(&bench, &format!("hurt.csv {words}"));
    assert_eq!(hurt["verdict"], "hurt");
    let tried = hurt["per_metric"]["latency_ms"]["baselines_tried"]
        .as_array()
        .unwrap();
    let ids: Vec<&str> = tried
        .iter()
        .filter_map(|t| t["baseline"].as_str())
        .collect();
    let parts = parts().into_iter().map(|(_, id)| id);
    let wanted: Vec<&str> = ["seasonal-median-1", "flat-1"]
        .into_iter()
        .chain(parts)
        .collect();
    assert_eq!(ids, wanted);
    assert!(tried.iter().all(|t| t["loss_median"].is_f64()), "{tried:?}");
}

#[test]
fn a_calm_file_hurts_over_no_light_baseline() {
    let bench = Bench::new();
    bench.file("calm.csv", &seasonal(10, 1.0));
    let words = format!("calm.csv --changed-at {NOON} --role latency_ms=latency --baseline");
    let ets = cfg!(feature = "ets").then_some("ets");
    for baseline in [Some("seasonal"), ets].into_iter().flatten() {
        let calm = judged(&bench, &format!("{words} {baseline}"));
        assert_ne!(calm["verdict"], "hurt", "{baseline}");
    }
}

#[test]
fn a_baseline_that_needs_more_history_is_refused_and_the_verdict_stands() {
    let bench = Bench::new();
    let rows = (0..400).map(|i| {
        (
            NOON + i * 10,
            Some(format!(
                "{:.3}",
                10.0 + noise(i) + if i >= 300 { 8.0 } else { 0.0 }
            )),
        )
    });
    bench.file("short.csv", &csv("latency_ms", rows));
    let changed_at = NOON + 3_000;
    let words = format!("short.csv --changed-at {changed_at} --role latency_ms=latency");
    for (baseline, _) in parts() {
        let short = judged(&bench, &format!("{words} --baseline {baseline}"));
        assert_eq!(
            (short["verdict"].as_str(), short["baseline"].as_str()),
            (Some("hurt"), Some("flat-1"))
        );
        assert_eq!(
            short["per_metric"]["latency_ms"]["baseline_why"],
            "the one asked for was refused: 0.0 days of history, it needs 2",
            "{baseline}"
        );
    }
}

/// Three targets behind one host, by minutes for two days: noise that all three share, and noise of each;
/// since noon `since` is added to the first, and `elsewhere` to the others.
fn beside_others(since: f64, elsewhere: f64) -> String {
    let rows = (-2_880..90).map(|i| {
        let shared = 4.0 * noise(i / 7) + 2.0 * noise(i);
        let value = |own: i64, worse: f64| {
            let worse = if i >= 0 { worse } else { 0.0 };
            20.0 + shared + 0.5 * noise(i * 31 + own) + worse
        };
        let (a, b, c) = (value(1, since), value(2, elsewhere), value(3, elsewhere));
        (NOON + 60 * i, Some(format!("{a:.3},{b:.3},{c:.3}")))
    });
    csv("latency_ms,latency_b,latency_c", rows)
}

#[test]
fn what_the_peers_do_as_well_is_not_blamed_on_the_change() {
    let bench = Bench::new();
    bench.file("alone.csv", &beside_others(9.0, 0.0));
    bench.file("common.csv", &beside_others(9.0, 9.0));
    let words = format!("--changed-at {NOON} --role latency_ms=latency");
    let peers = "--role latency_b=peer --role latency_c=peer";
    let alone = judged(&bench, &format!("alone.csv {words} {peers}"));
    assert_eq!(alone["verdict"], "hurt", "{alone}");
    assert!(
        alone["per_metric"]["latency_b"].is_null(),
        "a peer is no column of the target"
    );
    let common = judged(&bench, &format!("common.csv {words} {peers}"));
    assert_eq!(common["verdict"], "confounded", "{common}");
    let one = bench.say(&format!("detect common.csv {words} --role latency_b=peer"));
    assert!(
        one.err.contains("latency_b is the only peer"),
        "{}",
        one.err
    );
}

#[test]
fn roles_can_be_taken_from_names_and_are_told() {
    let bench = Bench::new();
    bench.file("named.csv", &beside_others(9.0, 0.0));
    let words =
        format!("detect named.csv --changed-at {NOON} --guess-roles --role latency_c=other");
    let told = bench.say(&words);
    for name in ["latency_ms", "latency_b"] {
        let note = format!("column {name} is taken for latency");
        assert!(told.err.contains(&note), "{}", told.err);
    }
    assert!(!told.err.contains("latency_c is taken"), "{}", told.err);
}

/// Tens, then half as much again, in rows that `bend` may move, empty or drop.
fn bent(bend: impl Fn(i64) -> (i64, Option<String>)) -> String {
    csv("latency_ms", (0..1_200).map(bend))
}

fn value(i: i64) -> f64 {
    10.0 + noise(i) + if i >= 1_000 { 6.0 } else { 0.0 }
}

#[test]
fn odd_rows_change_no_verdict() {
    let bench = Bench::new();
    let at = |i: i64| NOON + i * 10;
    let text = |i: i64| Some(format!("{:.3}", value(i)));
    bench.file("even.csv", &bent(|i| (at(i), text(i))));
    // Steps of 6 to 14 s.
    bench.file(
        "irregular.csv",
        &bent(|i| (at(i) + (8.0 * noise(i)) as i64, text(i))),
    );
    bench.file(
        "holes.csv",
        &bent(|i| (at(i), text(i).filter(|_| i % 97 < 80))),
    );
    bench.file("twice.csv", &bent(|i| (at(i - i % 2), text(i))));
    let odd = |i: i64| ["", "NaN", "inf", "n/a", "-"][(i / 31) as usize % 5].to_owned();
    bench.file(
        "no-numbers.csv",
        &bent(|i| (at(i), text(i).map(|t| if i % 31 == 0 { odd(i) } else { t }))),
    );
    bench.file("backwards.csv", &bent(|i| (at(1_199 - i), text(1_199 - i))));
    for file in [
        "even",
        "irregular",
        "holes",
        "twice",
        "no-numbers",
        "backwards",
    ] {
        let hurt = judged(
            &bench,
            &format!(
                "{file}.csv --changed-at {} --role latency_ms=latency",
                at(1_000)
            ),
        );
        assert_eq!(hurt["verdict"], "hurt", "{file}");
        let calm = judged(
            &bench,
            &format!(
                "{file}.csv --changed-at {} --role latency_ms=latency",
                at(600)
            ),
        );
        assert_ne!(
            calm["alarm_at"]
                .as_str()
                .map(|t| t < "2026-11-23T14:46:00Z"),
            Some(true),
            "{file}"
        );
    }
}

#[test]
fn constants_and_single_rows_decide_nothing_that_is_not_there() {
    let bench = Bench::new();
    let at = |i: i64| NOON + i * 10;
    bench.file("constant.csv", &bent(|i| (at(i), Some("5".to_owned()))));
    bench.file("one.csv", &format!("timestamp,latency_ms\n{NOON},5\n"));
    bench.file(
        "step.csv",
        &bent(|i| (at(i), Some(if i < 1_000 { "5" } else { "9" }.to_owned()))),
    );
    let constant = judged(&bench, &format!("constant.csv --changed-at {}", at(1_000)));
    assert_ne!(constant["verdict"], "hurt");
    for changed_at in [NOON - 5, NOON, NOON + 5] {
        let one = judged(&bench, &format!("one.csv --changed-at {changed_at}"));
        assert!(
            one["verdict"] == "inconclusive" || one["verdict"] == "no_data",
            "{one}"
        );
    }
    let step = judged(
        &bench,
        &format!(
            "step.csv --changed-at {} --role latency_ms=latency",
            at(1_000)
        ),
    );
    assert_eq!(step["verdict"], "hurt");
}

#[test]
fn a_counter_is_judged_by_how_much_a_second_also_over_a_reset() {
    let bench = Bench::new();
    // A restart at the change empties it; work goes on as before, or at half.
    for (file, late) in [("same.csv", 1.0), ("half.csv", 0.5)] {
        let mut total = 0.0;
        let rows = (0..1_200).map(|i| {
            let share = if i >= 1_000 { late } else { 1.0 };
            total = if i == 1_000 { 0.0 } else { total } + share * (500.0 + 40.0 * noise(i));
            (NOON + i * 10, Some(format!("{total:.0}")))
        });
        let text = csv("commits", rows);
        bench.file(file, &text);
    }
    let words = format!("--changed-at {} --role commits=throughput", NOON + 10_000);
    let ran = bench.say(&format!("detect same.csv {words} --json"));
    assert_ne!(ran.json()["verdict"], "hurt");
    assert!(
        ran.err.contains("column commits only ever rises"),
        "{}",
        ran.err
    );
    let half = judged(&bench, &format!("half.csv {words}"));
    assert_eq!(half["verdict"], "hurt");
    let before = half["per_metric"]["commits"]["before"].as_f64().unwrap();
    assert!((before - 50.0).abs() < 2.0, "{before} a second");
}

#[test]
fn a_season_keeps_to_the_clock_of_the_place() {
    // Work begins at nine in Berlin; summer time ends on 2026-10-25 at 01:00 UTC.
    let shift = 1_792_890_000;
    let rows = (0..9 * 288 + 192).map(|i| {
        let at = shift - 9 * DAY - 3_600 + i * 300;
        let ahead = if at < shift { 7_200 } else { 3_600 };
        let of_day = (at + ahead).rem_euclid(DAY) as f64 / 3_600.0;
        let busy = if (9.0..17.0).contains(&of_day) {
            60.0
        } else {
            10.0
        };
        (at, Some(format!("{:.3}", busy * (1.0 + 0.1 * noise(i)))))
    });
    let bench = Bench::new();
    bench.file("berlin.csv", &csv("load", rows));
    // On the Sunday of the shift people leave at 16:00 UTC, an hour later than on the days before.
    let words = "berlin.csv --changed-at 2026-10-25T14:30:00Z --direction up";
    let there = judged(&bench, &format!("{words} --tz Europe/Berlin"));
    let utc = judged(&bench, words);
    let score = |d: &serde_json::Value| d["score"].as_f64().unwrap();
    assert!(
        score(&there) < score(&utc),
        "{} {}",
        score(&there),
        score(&utc)
    );
    let local = "berlin.csv --changed-at 2026-10-25T15:30:00 --direction up --tz Europe/Berlin";
    assert_eq!(judged(&bench, local)["changed_at"], "2026-10-25T14:30:00Z");
}

#[test]
fn a_person_reads_what_moved_and_what_else_was_considered() {
    let bench = Bench::new();
    let rows = (0..1_200).map(|i| {
        let latency = value(i);
        (
            NOON + i * 10,
            Some(format!("{latency:.3},{:.2}", 100.0 + 4.0 * noise(i + 7))),
        )
    });
    bench.file("hurt.csv", &csv("latency_ms,rps", rows));
    let ran = bench.say(&format!(
        "detect hurt.csv --changed-at {} --role latency_ms=latency --role rps=demand --svg hurt.svg",
        NOON + 10_000
    ));
    for piece in [
        "hurt: ",
        "latency 9.99 ms -> 16 ms",
        "60 % worse; noticed ",
        "│▇█",
        "^ alarm +",
        "baseline  flat-1 (too few rows",
        "considered besides the change:",
        "load           ruled out  rps +0 %: level",
        "restart        unknown    no row is missing at the change, but rows 10 s apart",
    ] {
        assert!(ran.out.contains(piece), "no {piece} in\n{}", ran.out);
    }
    let picture = std::fs::read_to_string(bench.path("hurt.svg")).unwrap();
    for piece in [
        "class=\"band\"",
        "class=\"change\"",
        "class=\"alarm\"",
        "latency_ms",
        "rps",
    ] {
        assert!(picture.contains(piece), "no {piece}");
    }
    let json = bench
        .say(&format!(
            "detect hurt.csv --changed-at {} --role latency_ms=latency --role rps=demand --json",
            NOON + 10_000
        ))
        .json();
    let considered = json["explanation"]["considered"].as_array().unwrap();
    let words: Vec<String> = considered
        .iter()
        .map(|c| {
            format!(
                "{} {}",
                c["what"].as_str().unwrap(),
                c["ruling"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        words,
        [
            "load ruled_out",
            "other columns unknown",
            "restart unknown",
            "before ruled_out"
        ]
    );
}

#[test]
fn what_nobody_looked_at_is_not_said_to_be_ruled_out() {
    let bench = Bench::new();
    let rows = (0..1_200).map(|i| {
        let better = if i < 1_000 { 1.0 } else { 0.5 };
        let row = format!("{:.3},{:.3}", better * value(i), 5.0 + noise(i + 3));
        (NOON + i * 10, Some(row))
    });
    bench.file("better.csv", &csv("latency_ms,queue", rows));
    let say = |words: &str| bench.say(&format!("detect better.csv {words}"));
    let told = say(&format!(
        "--changed-at {} --role latency_ms=latency",
        NOON + 10_000
    ));
    assert!(told.out.contains("No column became worse than is usual"));
    assert!(told.out.contains("% better."), "{}", told.out);
    assert!(
        told.err.contains("note: column queue is not judged"),
        "{}",
        told.err
    );
    for (at, words) in [
        (NOON - 50, "comes before the second row"),
        (NOON + 90_000, "comes after the last row"),
    ] {
        let told = say(&format!("--changed-at {at}"));
        let text: String = told.out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(words), "{text}");
        assert!(text.contains("there are no rows on both sides"), "{text}");
        assert!(!text.contains("healthy"), "{text}");
    }
}

#[test]
fn hours_without_rows_and_a_level_nobody_can_show_are_told() {
    let bench = Bench::new();
    let rows = (0..1_100).map(|i| {
        let later = if i < 1_030 { 0 } else { 10_800 };
        (
            NOON + i * 60 + later,
            Some(format!("{:.3}", 10.0 + noise(i))),
        )
    });
    bench.file("hole.csv", &csv("latency_ms", rows));
    let at = NOON + 60_000;
    let hole = judged(&bench, &format!("hole.csv --changed-at {at}"));
    assert_eq!(hole["verdict"], "inconclusive");
    assert_eq!(hole["missing"][0]["column"], "latency_ms");
    let rows = (0..1_100).map(|i| (NOON + i * 60, Some(format!("{:.3}", 10.0 + noise(i)))));
    bench.file("calm.csv", &csv("latency_ms", rows));
    let calm = judged(&bench, &format!("calm.csv --changed-at {at}"));
    assert_eq!(calm["verdict"], "healthy");
    let words = format!("calm.csv --changed-at {at} --alpha 0.00003");
    let tiny = judged(&bench, &words);
    assert_eq!(tiny["verdict"], "inconclusive");
    assert!(tiny["least_p_value"].as_f64().unwrap() > 0.000_03);
    assert!(
        tiny["explanation"]["text"]
            .as_str()
            .unwrap()
            .contains("decides nothing")
    );
}
