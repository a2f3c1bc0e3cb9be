use proptest::prelude::*;

use super::*;

fn point(second: i64, value: f64) -> Point {
    Point {
        at: Timestamp::from_secs(second),
        value,
    }
}

fn single(trace: &Trace) -> bool {
    matches!(trace.values, Values::Single(_))
}

proptest! {
    /// A trace says what a plain list of the newest points says, however wide its values are.
    #[test]
    fn it_holds_what_a_list_holds(
        values in prop::collection::vec(
            prop_oneof![
                any::<f32>().prop_filter("finite", |v| v.is_finite()).prop_map(f64::from),
                (-1e12..1e12_f64),
            ],
            0..200,
        ),
        most in 1..150_usize,
        cut in 0..200_usize,
    ) {
        let (mut trace, mut list) = (Trace::default(), Vec::new());
        for (second, value) in values.iter().enumerate() {
            let point = point(second as i64, *value);
            trace.push(point, most, &mut Together::default());
            list.push(point);
        }
        let list = &list[list.len().saturating_sub(most)..];
        let bits = |points: &[Point]| -> Vec<(Timestamp, u64)> {
            points.iter().map(|p| (p.at, p.value.to_bits())).collect()
        };
        let cut = cut.min(list.len());
        let collected = |part: Stretch<'_>| bits(&part.iter().collect::<Vec<Point>>());
        prop_assert_eq!(collected(trace.all()), bits(list));
        prop_assert_eq!(collected(trace.all().oldest(cut)), bits(&list[..cut]));
        prop_assert_eq!(collected(trace.newest(list.len() - cut)), bits(&list[cut..]));
        let pairs: Vec<_> = trace.all().windows(2).map(collected).collect();
        prop_assert_eq!(pairs, list.windows(2).map(bits).collect::<Vec<_>>());
        for point in list {
            prop_assert_eq!(trace.all().at(point.at), Some(point.value));
        }
        prop_assert_eq!(&Trace::from(list), &trace);
    }
}

#[test]
fn values_of_single_precision_take_four_bytes_and_others_are_not_cut() {
    let mut trace = Trace::from(&[point(1, 0.5), point(2, -0.0)][..]);
    assert!(single(&trace));
    trace.push(point(3, 0.1), 9, &mut Together::default());
    assert!(!single(&trace));
    assert_eq!(trace.last(), Some(point(3, 0.1)));
    trace.replace_last(1e300);
    assert_eq!((trace.len(), trace.last()), (3, Some(point(3, 1e300))));
}

#[test]
fn traces_share_their_moments_while_they_take_in_the_same_ones() {
    let mut traces = vec![Trace::default(); 3];
    let push = |traces: &mut [Trace], second: i64| {
        let mut together = Together::default();
        for trace in traces {
            trace.push(point(second, 1.0), 50, &mut together);
        }
    };
    let shared = |a: &Trace, b: &Trace| Arc::ptr_eq(&a.times, &b.times);
    (0..10).for_each(|second| push(&mut traces, second));
    assert!(shared(&traces[0], &traces[1]) && shared(&traces[1], &traces[2]));
    // One of them was not read once: it goes on by itself.
    push(&mut traces[..2], 10);
    (11..100).for_each(|second| push(&mut traces, second));
    assert!(shared(&traces[0], &traces[1]) && !shared(&traces[1], &traces[2]));
    let seconds =
        |trace: &Trace| -> Vec<i64> { trace.iter().map(|p| p.at.0 / 1_000_000).collect() };
    assert_eq!(seconds(&traces[1]), (50..100).collect::<Vec<_>>());
    assert_eq!(seconds(&traces[2]), (50..100).collect::<Vec<_>>());
    let mut other = Trace::from(traces[1].iter().collect::<Vec<_>>());
    assert!(!shared(&other, &traces[1]));
    other.share(&traces[1]);
    assert!(shared(&other, &traces[1]));
}

#[test]
fn it_is_written_as_the_points_that_it_holds() {
    let points = vec![point(1, 0.1), point(2, 2.0)];
    let written = serde_json::to_string(&Trace::from(&points[..])).unwrap();
    assert_eq!(written, serde_json::to_string(&points).unwrap());
    let read: Trace = serde_json::from_str(&written).unwrap();
    assert_eq!(read, Trace::from(&points[..]));
}
