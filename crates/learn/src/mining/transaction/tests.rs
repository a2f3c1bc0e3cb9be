use backstay_model::Value;

use super::*;

fn arrival(second: i64, setting: Place, old: &str, new: &str) -> Arrival {
    Arrival {
        target: Tag(1),
        actor: Tag(2),
        at: Timestamp::from_secs(second),
        change_set: ChangeSetId(second.unsigned_abs()),
        setting,
        old: Mark::of(Some(&Value::text(old))),
        new: Mark::of(Some(&Value::text(new))),
    }
}

/// The settings of every decision that these changes make, and what made none.
fn decided(arrivals: &[Arrival]) -> Vec<Result<Vec<Place>, Closed>> {
    let mut open = Transactions::default();
    let mut closed = Vec::new();
    for a in arrivals {
        closed.extend(open.advance(a.at));
        closed.extend(open.put(a));
    }
    closed.extend(open.advance(Timestamp::OPEN_END));
    assert_eq!(open.len(), 0);
    let places = |c| match c {
        Closed::Decision(d) => Ok(d.places()),
        other => Err(other),
    };
    closed.into_iter().map(places).collect()
}

#[test]
fn a_pause_of_more_than_five_minutes_ends_it() {
    let together = [arrival(0, 1, "a", "b"), arrival(300, 2, "a", "b")];
    assert_eq!(decided(&together), [Ok(vec![1, 2])]);
    let apart = [arrival(0, 1, "a", "b"), arrival(301, 2, "a", "b")];
    assert_eq!(decided(&apart), [Ok(vec![1]), Ok(vec![2])]);
}

#[test]
fn one_change_set_is_one_transaction_whatever_the_pause() {
    let mut late = arrival(900, 2, "a", "b");
    late.change_set = ChangeSetId(0);
    let mut open = Transactions::default();
    assert_eq!(open.put(&arrival(0, 1, "a", "b")), None);
    assert_eq!(open.put(&late), None);
}

#[test]
fn another_actor_or_target_is_another_transaction() {
    let mut other = arrival(1, 2, "a", "b");
    other.actor = Tag(3);
    let mut elsewhere = arrival(2, 3, "a", "b");
    elsewhere.target = Tag(9);
    let all = [arrival(0, 1, "a", "b"), other, elsewhere];
    assert_eq!(decided(&all), [Ok(vec![1]), Ok(vec![2]), Ok(vec![3])]);
}

#[test]
fn what_is_put_back_at_once_was_not_decided() {
    let back = [arrival(0, 1, "a", "b"), arrival(9, 1, "b", "a")];
    assert_eq!(decided(&back), [Err(Closed::Undone)]);
    let half = [back[0], back[1], arrival(10, 2, "a", "b")];
    assert_eq!(decided(&half), [Ok(vec![2])]);
}

#[test]
fn a_loaded_configuration_is_no_decision() {
    let many: Vec<Arrival> = (0..17).map(|s| arrival(0, s, "a", "b")).collect();
    assert_eq!(decided(&many), [Err(Closed::Bulk)]);
    assert_eq!(decided(&many[..16]).len(), 1);
    assert!(decided(&many[..16])[0].is_ok());
}

#[test]
fn who_never_pauses_ends_after_an_hour() {
    let busy: Vec<Arrival> = (0..90)
        .map(|m| arrival(m * 60, (m % 3) as Place, &m.to_string(), "x"))
        .collect();
    assert_eq!(decided(&busy).len(), 2);
}

#[test]
fn open_transactions_are_bounded() {
    let mut open = Transactions::default();
    let mut closed = 0;
    for n in 0..(OPEN_MAX as u64 + 1_000) {
        let mut a = arrival(0, 1, "a", "b");
        a.target = Tag(n);
        closed += open.advance(a.at).len();
        assert_eq!(open.put(&a), None);
    }
    assert!(open.len() <= OPEN_MAX + 1);
    assert!(closed >= 999);
}
