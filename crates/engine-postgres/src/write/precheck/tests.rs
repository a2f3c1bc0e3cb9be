use super::*;
use crate::sql::Known;

fn line(path: &str, name: &str, text: &str) -> Line {
    Line {
        path: path.into(),
        name: Some(SettingName::new(name)),
        text: text.into(),
        error: None,
    }
}

fn running(kind: &str, context: &str, source: &str, text: &str) -> Running {
    Running {
        text: Some(text.into()),
        built_in: None,
        source: source.into(),
        path: None,
        known: Known {
            kind: kind.into(),
            unit: None,
            context: context.into(),
        },
        pending_restart: Pending::No,
    }
}

#[test]
fn only_what_a_reload_would_move_counts_as_waiting() {
    const FILE: &str = "configuration file";
    for (kind, context, source, runs, file, waits) in [
        ("integer", "sighup", FILE, "5", Some("6"), true),
        ("integer", "sighup", FILE, "5", Some("5"), false),
        ("integer", "sighup", "default", "5", Some("6"), true),
        ("integer", "sighup", FILE, "5", None, true),
        ("integer", "sighup", "default", "5", None, false),
        ("integer", "postmaster", FILE, "5", Some("6"), false),
        ("integer", "sighup", "command line", "5", Some("6"), false),
        ("integer", "user", "database", "5", Some("6"), false),
        ("enum", "user", FILE, "on", Some("true"), false),
        ("string", "user", FILE, "ISO, MDY", Some("iso,mdy"), false),
        ("string", "user", FILE, "a", Some("b"), true),
    ] {
        let reading = Reading {
            lines: file
                .map(|text| line("/postgresql.conf", "x", text))
                .into_iter()
                .collect(),
            running: [(SettingName::new("x"), running(kind, context, source, runs))].into(),
            ..Reading::default()
        };
        let found = waiting_edits(&[], &reading);
        assert_eq!(
            !found.is_empty(),
            waits,
            "{kind} {context} {source} {runs} {file:?}"
        );
    }
}

#[test]
fn lines_that_the_server_cannot_use_at_all_swallow_a_reload() {
    let known = || {
        [(
            SettingName::new("x"),
            running("integer", "sighup", "default", "1"),
        )]
        .into()
    };
    let with = |line: Line| Reading {
        lines: vec![line],
        running: known(),
        ..Reading::default()
    };
    let error = || Some("syntax error".to_owned());
    let unreadable = Line {
        name: None,
        error: error(),
        ..line("/a.conf", "x", "")
    };
    let unknown = Line {
        error: error(),
        ..line("/a.conf", "nosuch", "1")
    };
    let bad_value = Line {
        error: error(),
        ..line("/a.conf", "x", "lots")
    };
    assert!(swallowed(&with(unreadable)).is_some());
    assert!(swallowed(&with(unknown)).is_some());
    assert!(
        swallowed(&with(bad_value)).is_none(),
        "the other lines are applied"
    );
    assert!(swallowed(&with(line("/a.conf", "ext.x", "1"))).is_none());
}
