use super::*;

const V17: (EngineKind, u32) = (EngineKind::Postgresql, 17);

struct Site<'a>(&'a mut Derivations, TargetId);

impl Site<'_> {
    fn change(&mut self, second: i64, name: &str, old: &str, new: &str) -> &mut Self {
        self.change_as(second, name, (old, new), Pending::No)
    }

    fn change_as(
        &mut self,
        second: i64,
        name: &str,
        (old, new): (&str, &str),
        pending: Pending,
    ) -> &mut Self {
        let at = Timestamp::from_secs(second);
        let (old, new) = (Value::text(old), Value::text(new));
        let key = SettingKey::instance(name);
        self.0
            .changed((&self.1, at), &key, (Some(&old), Some(&new)), pending);
        self
    }

    fn moves(&mut self, second: i64, name: &str, old: &str, new: &str) -> &mut Self {
        let at = Timestamp::from_secs(second);
        let (old, new) = (Value::text(old), Value::text(new));
        let key = SettingKey::instance(name);
        self.0.moved((&self.1, at), &key, (Some(&old), Some(&new)));
        self
    }
}

fn on<'a>(derivations: &'a mut Derivations, target: &str) -> Site<'a> {
    let target = TargetId::new(target);
    derivations.server(&target, V17);
    Site(derivations, target)
}

/// Everything that is said until well after the last event.
fn end(derivations: &mut Derivations) -> Vec<Derived> {
    derivations.advance(Timestamp::from_secs(1_000_000))
}

fn last<'a>(said: &'a [Derived], from: &str) -> Option<&'a Derived> {
    said.iter().rfind(|d| d.from.as_str() == from)
}

#[test]
fn two_targets_make_a_derivation() {
    let mut d = Derivations::default();
    on(&mut d, "a")
        .change(0, "shared_buffers", "128MB", "1GB")
        .moves(3, "wal_buffers", "4MB", "16MB");
    assert!(
        d.advance(Timestamp::from_secs(1_000)).is_empty(),
        "one target is not enough"
    );
    on(&mut d, "b")
        .change(2_000, "shared_buffers", "1GB", "256MB")
        .moves(1_998, "wal_buffers", "16MB", "8MB");
    let said = end(&mut d);
    let [derived] = said.as_slice() else {
        panic!("{said:?}")
    };
    assert_eq!(
        (derived.from.as_str(), derived.to.as_str()),
        ("wal_buffers", "shared_buffers")
    );
    assert_eq!(
        (derived.kind, derived.targets),
        (Some(EdgeKind::ScalesWith), 2)
    );
    assert!((derived.log_lr - 5_000.0_f64.ln()).abs() < 1e-12);
}

#[test]
fn one_target_and_a_probe_are_enough() {
    let pair = (
        SettingName::new("wal_buffers"),
        SettingName::new("shared_buffers"),
    );
    let mut d = Derivations::new(BTreeSet::from([pair]));
    on(&mut d, "a")
        .change(0, "shared_buffers", "128MB", "1GB")
        .moves(3, "wal_buffers", "4MB", "16MB");
    assert_eq!(end(&mut d).len(), 1);
}

#[test]
fn a_value_that_becomes_the_other_is_a_fallback() {
    let mut d = Derivations::default();
    for (n, target) in ["a", "b"].into_iter().enumerate() {
        let at = n as i64 * 5_000;
        on(&mut d, target)
            .change(at, "maintenance_work_mem", "64MB", "1GB")
            .moves(at, "autovacuum_work_mem", "64MB", "1GB");
    }
    assert_eq!(
        last(&end(&mut d), "autovacuum_work_mem").unwrap().kind,
        Some(EdgeKind::Overrides)
    );
}

#[test]
fn another_change_in_the_interval_spoils_it() {
    let mut d = Derivations::default();
    for (n, target) in ["a", "b", "c"].into_iter().enumerate() {
        let at = n as i64 * 5_000;
        on(&mut d, target)
            .change(at, "y", "1", "2")
            .change(at + 60, "z", "1", "2")
            .moves(at + 2, "x", "1", "2");
    }
    assert_eq!(end(&mut d), []);
}

#[test]
fn a_restart_with_three_queued_changes_tells_nothing() {
    let mut d = Derivations::default();
    for (n, target) in ["a", "b", "c"].into_iter().enumerate() {
        let at = n as i64 * 50_000;
        let mut site = on(&mut d, target);
        for y in ["y1", "y2", "y3"] {
            site.change_as(at, y, ("1", "2"), Pending::Restart);
        }
        let target = site.1.clone();
        site.moves(at + 3_605, "x", "1", "2");
        d.restarted(&target, Timestamp::from_secs(at + 3_600));
    }
    assert_eq!(end(&mut d), []);
}

#[test]
fn a_restart_with_one_queued_change_tells_as_much_as_a_reload() {
    let mut d = Derivations::default();
    for (n, target) in ["a", "b"].into_iter().enumerate() {
        let at = n as i64 * 50_000;
        on(&mut d, target).change_as(at, "y", ("1", "2"), Pending::Restart);
        d.restarted(&TargetId::new(target), Timestamp::from_secs(at + 3_600));
        on(&mut d, target).moves(at + 3_605, "x", "10", "20");
    }
    let said = end(&mut d);
    assert_eq!(last(&said, "x").unwrap().to.as_str(), "y");
}

#[test]
fn what_waits_spoils_a_change_that_does_not() {
    // The restart may have come without anybody telling.
    let mut d = Derivations::default();
    for target in ["a", "b"] {
        on(&mut d, target)
            .change_as(0, "queued", ("1", "2"), Pending::Restart)
            .change(600, "y", "1", "2")
            .moves(601, "x", "1", "2");
    }
    assert_eq!(end(&mut d), []);
}

#[test]
fn a_clock_is_not_derived() {
    let mut d = Derivations::default();
    for (n, target) in ["a", "b", "c"].into_iter().enumerate() {
        let at = n as i64 * 5_000;
        on(&mut d, target)
            .change(at, "y", "1", "2")
            .moves(at + 1, "clock", "1", "2")
            .moves(at + 1_000, "clock", "2", "3")
            .moves(at + 2_000, "clock", "3", "4");
    }
    assert!(end(&mut d).iter().all(|d| d.log_lr < 1e-12));
}

#[test]
fn changes_without_a_move_speak_against() {
    let mut d = Derivations::default();
    for target in ["a", "b"] {
        on(&mut d, target)
            .change(0, "y", "1", "2")
            .moves(0, "x", "1", "2");
    }
    let before = d.advance(Timestamp::from_secs(900))[0].log_lr;
    on(&mut d, "a").change(1_000, "y", "2", "3");
    let after = d.advance(Timestamp::from_secs(1_900))[0].log_lr;
    assert!(after < before && after > 0.0);
    on(&mut d, "b").change(2_000, "y", "2", "3");
    let taken_back = d.advance(Timestamp::from_secs(2_900))[0].log_lr;
    assert!(taken_back.abs() < 1e-12);
}

#[test]
fn settings_of_roles_and_unknown_targets_are_not_followed() {
    let mut d = Derivations::default();
    let key = SettingKey {
        scope: Scope::Role { role: "app".into() },
        name: SettingName::new("y"),
    };
    let target = TargetId::new("a");
    let value = Value::text("1");
    d.changed(
        (&target, Timestamp(0)),
        &key,
        (None, Some(&value)),
        Pending::No,
    );
    d.server(&target, V17);
    d.changed(
        (&target, Timestamp(0)),
        &key,
        (None, Some(&value)),
        Pending::No,
    );
    assert!(d.due.is_empty());
}
