use backstay_model::change::Pending;
use backstay_model::plan::Predicted;
use backstay_model::{SettingKey, SettingName, TargetId};

use super::super::reading::{Line, Running};
use super::*;
use crate::sql::Known;

fn redactor() -> Redactor {
    Redactor::new(b"key", &TargetId::new("shop"))
}

/// `work_mem` as `file` says it in `postgresql.auto.conf` and as it `runs`, by `source`.
fn reading(file: Option<&str>, runs: &str, source: &str) -> Reading {
    let line = |text: &str| Line {
        path: "/data/postgresql.auto.conf".into(),
        name: Some(SettingName::new("work_mem")),
        text: text.into(),
        error: None,
    };
    let running = Running {
        text: Some(runs.into()),
        built_in: Some("4096".into()),
        source: source.into(),
        path: None,
        known: Known {
            kind: "integer".into(),
            unit: Some("kB".into()),
            context: "user".into(),
        },
        pending_restart: Pending::No,
    };
    Reading {
        lines: file.map(line).into_iter().collect(),
        running: [(SettingName::new("work_mem"), running)].into(),
        ..Reading::default()
    }
}

/// From `64kB` back to no entry and `4MB`.
fn reset() -> PlanStep {
    PlanStep {
        key: SettingKey::instance("work_mem"),
        route: Route::AlterSystem,
        inverse: Inverse::Reset,
        expect: Standing {
            effective: Some(Value::text("64")),
            source: ValueSource::AutoFile,
            entry: Some(Value::text("64kB")),
            waiting: None,
            pending_restart: Pending::No,
        },
        predict: Predicted {
            effective: Some(Value::text("4MB")),
            source: ValueSource::Default,
        },
    }
}

/// From `64kB` back to the entry `8MB`.
fn set() -> PlanStep {
    PlanStep {
        inverse: Inverse::Set(Value::text("8MB")),
        predict: Predicted {
            effective: Some(Value::text("8192")),
            source: ValueSource::AutoFile,
        },
        ..reset()
    }
}

#[test]
fn the_table_of_what_can_stand() {
    const FILE: &str = "configuration file";
    for (step, file, runs, source, expected) in [
        (reset(), Some("64kB"), "64", FILE, "not applied"),
        (reset(), None, "64", FILE, "written"),
        (reset(), None, "4096", "default", "effective"),
        (
            reset(),
            None,
            "64",
            "command line",
            "masked by command line",
        ),
        (
            reset(),
            None,
            "5120",
            "command line",
            "masked by command line",
        ),
        (reset(), None, "64", "user", "masked by ALTER ROLE"),
        (reset(), None, "1024", FILE, "foreign"),
        (reset(), Some("1MB"), "1024", FILE, "foreign"),
        (reset(), Some("1MB"), "64", FILE, "foreign"),
        (reset(), Some("64 kB"), "64", FILE, "foreign"),
        (set(), Some("64kB"), "64", FILE, "not applied"),
        (set(), Some("8MB"), "64", FILE, "written"),
        (set(), Some("8MB"), "8192", FILE, "effective"),
        (
            set(),
            Some("8MB"),
            "8192",
            "command line",
            "masked by command line",
        ),
        (set(), None, "4096", "default", "foreign"),
    ] {
        let stood = match stand(&step, &reading(file, runs, source), &redactor()) {
            Stand::NotApplied => "not applied".to_owned(),
            Stand::Written => "written".to_owned(),
            Stand::Effective => "effective".to_owned(),
            Stand::Masked(by) => format!("masked by {by}"),
            Stand::Foreign(_) => "foreign".to_owned(),
        };
        assert_eq!(stood, expected, "{file:?} {runs} {source}");
    }
}

#[test]
fn the_same_value_from_a_file_of_people_is_not_ours() {
    let mut reading = reading(Some("64kB"), "64", "configuration file");
    reading.lines[0].path = "/etc/postgresql.conf".into();
    // for the reset the entry is gone as wanted, and the file of people masks what was planned
    let by = ValueSource::File {
        path: "/etc/postgresql.conf".into(),
    };
    assert_eq!(stand(&reset(), &reading, &redactor()), Stand::Masked(by));
    assert!(matches!(
        stand(&set(), &reading, &redactor()),
        Stand::Foreign(_)
    ));
}

#[test]
fn steps_together_say_the_worst() {
    let steps = vec![reset(), reset()];
    let standing = Standing::absent(ValueSource::Default);
    for (first, second, expected) in [
        (Stand::Effective, Stand::Effective, Found::Effective),
        (Stand::NotApplied, Stand::NotApplied, Found::NotApplied),
        (Stand::Written, Stand::Effective, Found::Written),
        (Stand::Written, Stand::NotApplied, Found::Mixed),
        (Stand::Effective, Stand::NotApplied, Found::Mixed),
        (
            Stand::Masked(ValueSource::CommandLine),
            Stand::Effective,
            Found::Masked {
                by: ValueSource::CommandLine,
            },
        ),
        (
            Stand::Masked(ValueSource::CommandLine),
            Stand::NotApplied,
            Found::Mixed,
        ),
        (
            Stand::Masked(ValueSource::CommandLine),
            Stand::Foreign(standing.clone()),
            Found::Foreign {
                key: SettingKey::instance("work_mem"),
                found: standing,
            },
        ),
    ] {
        assert_eq!(found(&steps, &[first, second]), expected);
    }
}

#[test]
fn secrets_are_compared_by_fingerprint() {
    let name = SettingName::new("primary_conninfo");
    let secret = |text: &str| Some(redactor().value(&name, text));
    let mut reading = reading(Some("password=old"), "password=old", "configuration file");
    let running = reading.running.remove("work_mem").unwrap();
    let known = Known {
        kind: "string".into(),
        unit: None,
        context: "sighup".into(),
    };
    reading
        .running
        .insert(name.clone(), Running { known, ..running });
    reading.lines[0].name = Some(name.clone());
    let mut step = reset();
    step.key = SettingKey::instance("primary_conninfo");
    step.expect.effective = secret("password=old");
    step.expect.entry = secret("password=old");
    assert_eq!(stand(&step, &reading, &redactor()), Stand::NotApplied);
    step.expect.entry = secret("password=other");
    let foreign = stand(&step, &reading, &redactor());
    assert!(!format!("{foreign:?}").contains("password"), "{foreign:?}");
}
