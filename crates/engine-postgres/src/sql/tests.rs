use super::*;

use backstay_model::ValueSource;
use backstay_model::change::Standing;
use backstay_model::plan::Predicted;
use backstay_model::value::Fingerprint;
use proptest::prelude::*;

fn step(scope: Scope, name: &str, inverse: Inverse) -> PlanStep {
    let route = if scope == Scope::Instance {
        Route::AlterSystem
    } else {
        Route::RoleOrDatabase
    };
    PlanStep {
        key: SettingKey {
            scope,
            name: SettingName::new(name),
        },
        route,
        inverse,
        expect: Standing::absent(ValueSource::Default),
        predict: Predicted {
            effective: None,
            source: ValueSource::Default,
        },
    }
}

fn set(name: &str, value: &str) -> Result<String, SqlError> {
    statement(&step(
        Scope::Instance,
        name,
        Inverse::Set(Value::text(value)),
    ))
}

#[test]
fn statements_read_as_a_person_would_type_them() {
    let role = Scope::Role { role: "app".into() };
    let database = Scope::Database {
        database: "shop".into(),
    };
    let both = Scope::RoleInDatabase {
        role: "Order App".into(),
        database: "shop".into(),
    };
    let texts: Vec<String> = [
        step(Scope::Instance, "work_mem", Inverse::Reset),
        step(
            Scope::Instance,
            "work_mem",
            Inverse::Set(Value::text("4MB")),
        ),
        step(
            Scope::Instance,
            "auto_explain.log_format",
            Inverse::Set(Value::text("json")),
        ),
        step(role.clone(), "statement_timeout", Inverse::Reset),
        step(
            database,
            "search_path",
            Inverse::Set(Value::text("\"$user\", public")),
        ),
        step(both, "work_mem", Inverse::Set(Value::text("4MB"))),
        step(
            Scope::Role {
                role: EVERY_ROLE.into(),
            },
            "work_mem",
            Inverse::Reset,
        ),
        step(
            Scope::Role { role: "all".into() },
            "work_mem",
            Inverse::Reset,
        ),
    ]
    .iter()
    .map(|s| statement(s).unwrap())
    .collect();
    insta::assert_snapshot!(texts.join("\n"), @r#"
    ALTER SYSTEM RESET work_mem;
    ALTER SYSTEM SET work_mem = '4MB';
    ALTER SYSTEM SET auto_explain.log_format = 'json';
    ALTER ROLE app RESET statement_timeout;
    ALTER DATABASE shop SET search_path = '$user', 'public';
    ALTER ROLE "Order App" IN DATABASE shop SET work_mem = '4MB';
    ALTER ROLE ALL RESET work_mem;
    ALTER ROLE "all" RESET work_mem;
    "#);
}

#[test]
fn hostile_text_stays_inside_its_quotes_or_is_refused() {
    assert_eq!(
        set("application_name", "a'; fsync=off --").unwrap(),
        "ALTER SYSTEM SET application_name = 'a''; fsync=off --';"
    );
    assert_eq!(
        set("application_name", r"a\'").unwrap(),
        r"ALTER SYSTEM SET application_name = E'a\\''';"
    );
    for control in ["a\nb", "a\0b", "a\rb"] {
        assert!(matches!(
            set("application_name", control),
            Err(SqlError::ControlCharacter { .. })
        ));
    }
    for name in ["", "a.b.c", "work_mem\n", "a\0"] {
        let name = SettingName::from_static(name);
        assert!(setting_identifier(&name).is_err(), "{name:?}");
    }
    assert_eq!(
        setting_identifier(&SettingName::from_static("work_mem = '1'; --")).unwrap(),
        "\"work_mem = '1'; --\""
    );
    assert!(
        identifier(&"r".repeat(64)).is_err(),
        "a cut name would be another role"
    );
}

#[test]
fn secrets_and_file_routes_have_no_statement() {
    let secret = Inverse::Set(Value::Secret(Fingerprint("ab".into())));
    assert!(matches!(
        statement(&step(Scope::Instance, "primary_conninfo", secret)),
        Err(SqlError::Secret { .. })
    ));
    let mut file = step(Scope::Instance, "work_mem", Inverse::Reset);
    file.route = Route::File {
        path: "/etc/postgresql.conf".into(),
    };
    assert!(matches!(
        statement(&file),
        Err(SqlError::NoStatement { .. })
    ));
    let rule = step(Scope::FileRule { rule: 3 }, "pg_hba", Inverse::Reset);
    assert!(matches!(
        statement(&rule),
        Err(SqlError::NoStatement { .. })
    ));
}

#[test]
fn lists_are_quoted_by_element() {
    for (name, raw, written) in [
        ("search_path", "\"$user\", public", "'$user', 'public'"),
        ("search_path", "Foo,\"Foo\"", "'foo', 'Foo'"),
        ("search_path", "\"\"", "''"),
        ("search_path", "\"a\"\"b, c\"", "'a\"b, c'"),
        (
            "shared_preload_libraries",
            "auto_explain, $libdir/Other",
            "'auto_explain', '$libdir/Other'",
        ),
        (
            "unix_socket_directories",
            "/var/run/a b, /tmp",
            "'/var/run/a b', '/tmp'",
        ),
        ("datestyle", "ISO, DMY", "'ISO, DMY'"),
        (
            "synchronous_standby_names",
            "FIRST 1 (a, \"b c\")",
            "'FIRST 1 (a, \"b c\")'",
        ),
        ("log_destination", "stderr,jsonlog", "'stderr,jsonlog'"),
        (
            "listen_addresses",
            "localhost, 10.0.0.1",
            "'localhost, 10.0.0.1'",
        ),
    ] {
        assert_eq!(
            set_value(&SettingName::new(name), raw).as_deref(),
            Ok(written),
            "{name} {raw}"
        );
    }
    for (name, raw) in [
        ("search_path", "a b"),
        ("search_path", "\"a"),
        ("search_path", "a,,b"),
        ("search_path", "\"a\"b"),
    ] {
        assert!(
            matches!(
                set_value(&SettingName::new(name), raw),
                Err(SqlError::List { .. })
            ),
            "{raw}"
        );
    }
    let empty = set_value(&SettingName::new("shared_preload_libraries"), "");
    assert!(
        matches!(empty, Err(SqlError::EmptyList { .. })),
        "the server would store one empty name"
    );
}

#[test]
fn only_names_of_the_target_are_accepted() {
    let known = Known {
        kind: "integer".into(),
        unit: Some("kB".into()),
        context: "user".into(),
    };
    let catalogue = Catalogue::new(
        BTreeMap::from([(SettingName::new("work_mem"), known)]),
        [SettingName::new("auto_explain.log_timing")],
    );
    assert!(catalogue.accept(&SettingName::new("work_mem")).is_ok());
    assert!(
        catalogue
            .accept(&SettingName::new("auto_explain.log_timing"))
            .is_ok()
    );
    assert!(matches!(
        catalogue.accept(&SettingName::new("work_mem = 1; --")),
        Err(SqlError::UnknownSetting { .. })
    ));
}

proptest! {
    #[test]
    fn literals_read_back_in_both_string_modes(text in "[^\0\n\r]{0,40}") {
        let quoted = literal(&SettingName::from_static("x"), &text).unwrap();
        prop_assert_eq!(read_literal(&quoted), Some(text));
    }

    #[test]
    fn identifiers_read_back(text in "[^\\p{Cc}]{1,20}") {
        prop_assume!(text.len() <= IDENTIFIER_BYTES_MAX);
        let quoted = identifier(&text).unwrap();
        let read = match quoted.strip_prefix('"').and_then(|q| q.strip_suffix('"')) {
            Some(inner) => {
                prop_assert!(!inner.replace("\"\"", "").contains('"'));
                inner.replace("\"\"", "\"")
            }
            None => quoted,
        };
        prop_assert_eq!(read, text);
    }

    #[test]
    fn quoted_lists_split_into_their_elements(elements in prop::collection::vec("[^\0\n\r]{1,10}", 1..5)) {
        let raw: Vec<String> = elements.iter().map(|e| format!("\"{}\"", e.replace('"', "\"\""))).collect();
        prop_assert_eq!(list::split(list::ListKind::Names, &raw.join(", ")), Some(elements));
    }

    #[test]
    fn splitting_is_total(text in ".{0,40}") {
        drop(list::split(list::ListKind::Names, &text));
        drop(list::split(list::ListKind::Paths, &text));
    }
}

/// A reader of literals as the server has one: `E''` with escapes, `''` without backslashes.
fn read_literal(quoted: &str) -> Option<String> {
    let (body, escapes) = match quoted.strip_prefix("E'") {
        Some(body) => (body, true),
        None => (quoted.strip_prefix('\'')?, false),
    };
    let mut characters = body.strip_suffix('\'')?.chars();
    let mut read = String::new();
    while let Some(c) = characters.next() {
        match c {
            '\'' => read.push(characters.next().filter(|c| *c == '\'')?),
            '\\' if escapes => read.push(characters.next().filter(|c| *c == '\\')?),
            '\\' => return None,
            c => read.push(c),
        }
    }
    Some(read)
}
