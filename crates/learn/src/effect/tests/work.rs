//! Classes of work, and what is asked of effects.

use super::*;

fn in_work(work: WorkClass, mut watched: Watched) -> Watched {
    watched.setup.work = work;
    watched
}

/// Five windows in which a doubling of `work_mem` did `d`.
fn five(work: WorkClass, d: f64) -> Vec<Watched> {
    let one = |i| watched(&format!("{work}{i}"), i, &[("work_mem", 1.0)], d, 0.03);
    (0..5).map(|i| in_work(work, one(i))).collect()
}

fn strata(all: &[Watched]) -> Vec<Estimated> {
    effects(all).strata(&subject("work_mem"), day(5))
}

fn told(strata: &[Estimated]) -> Vec<(WorkClass, usize)> {
    let of = |e: &Estimated| (e.subject.setup.work, e.pooled.k);
    strata.iter().map(of).collect()
}

#[test]
fn an_effect_is_told_in_each_class_of_work_and_over_all() {
    let (read, analytic, all) = (WorkClass::OltpRead, WorkClass::Analytic, WorkClass::Unknown);
    let mut windows = five(read, 0.4);
    windows.extend(five(analytic, -0.4));
    let both = strata(&windows);
    assert_eq!(told(&both), [(read, 5), (analytic, 5), (all, 10)]);
    assert!((both[0].publish().unwrap().mean - 0.4).abs() < 1e-9);
    assert!((both[1].publish().unwrap().mean + 0.4).abs() < 1e-9);
    assert_eq!(both[2].publish(), Err(Unpublished::Mixed));
    // The strongest of three speaks, for a third.
    let evidence = strongest(&both).unwrap();
    assert_eq!(evidence.anchor, "effect:work_mem:tps:analytic");
    assert!((evidence.log_lr - REPLICATES_MAX.min(both[1].log_e - 3_f64.ln())).abs() < 1e-12);
}

#[test]
fn where_all_work_is_of_one_class_nothing_is_picked() {
    for work in [WorkClass::Idle, WorkClass::Unknown] {
        let one = strata(&five(work, 0.1));
        let evidence = strongest(&one).unwrap();
        let said = REPLICATES_MAX.min(one[0].log_e);
        assert!((evidence.log_lr - said).abs() < 1e-12, "{work}");
        assert_eq!(evidence.anchor, "effect:work_mem:tps:all work");
    }
    let untold = strata(&five(WorkClass::Unknown, 0.1));
    assert_eq!(told(&untold), [(WorkClass::Unknown, 5)]);
    let idle = strata(&five(WorkClass::Idle, 0.1));
    assert_eq!(told(&idle), [(WorkClass::Idle, 5), (WorkClass::Unknown, 5)]);
    assert_eq!(strongest(&[]), None);
}

#[test]
fn windows_of_before_count_for_all_work_only() {
    let mut windows = five(WorkClass::OltpRead, 0.4);
    windows.extend(five(WorkClass::Unknown, 0.4));
    let both = strata(&windows);
    let expected = [(WorkClass::OltpRead, 5), (WorkClass::Unknown, 10)];
    assert_eq!(told(&both), expected);
}

#[test]
fn another_class_for_the_same_change_set_replaces_the_first() {
    let mut windows = five(WorkClass::Unknown, 0.4);
    let again = in_work(WorkClass::OltpRead, windows[0].clone());
    windows.push(again);
    let both = strata(&windows);
    let expected = [(WorkClass::OltpRead, 1), (WorkClass::Unknown, 5)];
    assert_eq!(told(&both), expected);
}

fn name(kind: &str, n: usize) -> SettingName {
    SettingName::new(&format!("{kind}{n:02}"))
}

/// Sixteen windows of each of `settings` on each of `metrics`.
fn crowd(settings: usize, metrics: usize) -> Effects {
    let mut effects = Effects::default();
    for setting in 0..settings {
        for window in 0..16 {
            let id = format!("{setting}-{window}");
            let mut watched = watched(&id, window, &[], 0.1, 0.1);
            watched.moves = vec![(name("x", setting), 1.0)];
            let estimate = watched.measured[0].1;
            let metric = |n| (MetricName::new(&format!("m{n}")), estimate);
            watched.measured = (0..metrics).map(metric).collect();
            effects.observe(&watched);
        }
    }
    effects
}

/// Settings `y00` to `y19` of one target; the first five stand still.
fn levels() -> Levels {
    let mut levels = Levels::default();
    let target = TargetId::new("db-1");
    for setting in 0..20 {
        for moment in 0..20 {
            let level = if setting < 5 { 1.0 } else { f64::from(moment) };
            let at = day(i64::from(moment) * 3);
            levels.moved((&target, at), &name("y", setting), (None, Some(level)));
        }
    }
    for setting in 0..40 {
        for moment in 0..20 {
            let level = Some(f64::from(moment % 3));
            let at = day(i64::from(moment) * 3);
            levels.moved((&target, at), &name("x", setting), (None, level));
        }
    }
    levels
}

fn ask(effects: &Effects) -> Vec<Asked> {
    let mut near = |_, x: &SettingName| {
        // Named twice, and itself: that is no other setting.
        let ys = (0..20).chain(0..20).map(|n| name("y", n));
        ys.chain([x.clone()]).collect()
    };
    effects.ask(&levels(), &|_, _| None, &mut near)
}

#[test]
fn the_nearest_that_did_not_stand_still_are_asked_about() {
    let asked = ask(&crowd(1, 1));
    let under: Vec<SettingName> = asked.iter().map(|a| a.under.clone()).collect();
    let expected: Vec<SettingName> = (5..5 + NEIGHBOURS_MAX).map(|n| name("y", n)).collect();
    assert_eq!(under, expected);
    let few = |a: &Asked| {
        matches!(
            a.answer,
            Modification::TooFew { .. } | Modification::Refused { .. }
        )
    };
    assert!(asked.iter().all(few), "{asked:?}");
}

#[test]
fn no_more_is_asked_than_a_night_allows() {
    let effects = crowd(40, 10);
    let asked = ask(&effects);
    assert_eq!(asked.len(), QUESTIONS_MAX);
    assert_eq!(ask(&effects), asked);
}

#[test]
fn fewer_windows_than_both_sides_need_ask_nothing() {
    let mut effects = crowd(1, 1);
    assert!(!ask(&effects).is_empty());
    // One of the sixteen turns out to have been something else.
    effects.observe(&watched("0-3", 3, &[("other", 1.0)], 0.1, 0.1));
    let mut again = watched("0-3", 3, &[("other", 1.0)], 0.1, 0.1);
    again.measured[0].0 = MetricName::new("m0");
    effects.observe(&again);
    assert_eq!(ask(&effects), []);
}
