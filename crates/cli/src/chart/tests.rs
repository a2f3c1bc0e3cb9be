use super::*;
use crate::out::Out;

/// A quarter of an hour of tens, then five minutes of fifteens that alarm after 40 s.
fn chart() -> Chart {
    let changed_at = Timestamp::parse("2026-11-23T18:00:00Z").unwrap();
    let at = |i: i64| changed_at + Span::from_secs(10 * i);
    let value = |i: i64| {
        let noise = ((i.rem_euclid(97) * 7_919) % 101) as f64 / 101.0 - 0.5;
        10.0 + noise + if i >= 3 { 5.0 } else { 0.0 }
    };
    let points = (-90..30).map(|i| Point {
        at: at(i),
        value: value(i),
    });
    let bands = (-90..30).map(|i| Band {
        at: at(i),
        low: 9.2,
        middle: 10.0,
        high: 10.8,
    });
    let panel = Panel {
        name: "latency_ms".to_owned(),
        note: "latency <b>&".to_owned(),
        points: points.collect(),
        bands: bands.collect(),
        alarm_at: Some(at(4)),
    };
    Chart {
        title: "hurt: \"slow\"".to_owned(),
        subtitle: String::new(),
        changed_at,
        clock: Clock::utc(),
        panels: vec![panel],
    }
}

#[test]
fn the_picture_has_the_band_both_sides_and_both_marks() {
    let picture = svg(&chart());
    for piece in [
        "class=\"band\" d=\"M",
        "class=\"before\" d=\"M",
        "class=\"since\" d=\"M",
        "class=\"change\" d=\"M",
        "class=\"alarm\" d=\"M",
        "change 18:00:00",
        "alarm +40 s",
        "prefers-color-scheme: dark",
        "latency &lt;b&gt;&amp;",
    ] {
        assert!(picture.contains(piece), "no {piece}");
    }
    assert_eq!(picture.matches("<circle class=\"out\"").count(), 27 + 1);
    assert_eq!(svg(&chart()), picture, "equal charts, equal bytes");
    assert!(!picture.contains("NaN") && !picture.contains("inf"));
}

#[test]
fn gaps_lift_the_pen_and_odd_input_is_drawn_all_the_same() {
    let mut gappy = chart();
    gappy.panels[0].points.drain(20..40);
    let line = |picture: &str| {
        let before = picture.split("class=\"before\" d=\"").nth(1).unwrap();
        before.split('"').next().unwrap().matches('M').count()
    };
    assert_eq!((line(&svg(&chart())), line(&svg(&gappy))), (1, 2));
    let mut empty = chart();
    empty.panels[0].points.clear();
    assert!(svg(&empty).ends_with("</svg>\n"));
    assert!(sparkline(&empty, 0, 40, Out::plain(None)).is_empty());
    let mut one = chart();
    one.panels[0].points.truncate(1);
    assert!(!svg(&one).contains("NaN"));
}

#[test]
fn many_values_do_not_make_the_picture_large() {
    let mut large = chart();
    let from = large.changed_at - Span::from_secs(100_000);
    let points = (0..200_000).map(|i| Point {
        at: from + Span::from_secs(i),
        value: ((i * 7_919) % 101) as f64,
    });
    large.panels[0].points = points.collect();
    large.panels[0].bands.clear();
    let picture = svg(&large);
    assert!(picture.len() < 200_000, "{}", picture.len());
}

#[test]
fn a_course_shows_the_change_and_the_alarm() {
    let lines = sparkline(&chart(), 0, 48, Out::plain(None));
    insta::assert_snapshot!(lines.join("\n"));
    assert!(lines.iter().all(|l| l.chars().count() <= 48));
}
