use backstay_model::name::EngineKind;
use proptest::prelude::*;

use super::*;
use crate::Pack;

fn postgres() -> &'static Pack {
    crate::pack(EngineKind::Postgresql, 15).unwrap().pack
}

fn read(setting: &str, text: &str) -> Result<Quantity, ValueError> {
    offered(postgres().def(setting).unwrap(), text)
}

#[test]
fn values_are_read_as_the_server_reads_them() {
    for (setting, text, expected) in [
        ("shared_buffers", "16384", Quantity::Bytes(128 << 20)),
        ("shared_buffers", "128MB", Quantity::Bytes(128 << 20)),
        ("shared_buffers", " 1.5 GB ", Quantity::Bytes(1536 << 20)),
        ("work_mem", "4096", Quantity::Bytes(4 << 20)),
        ("work_mem", "65536B", Quantity::Bytes(64 << 10)),
        ("autovacuum_work_mem", "-1", Quantity::Bytes(-1)),
        ("max_wal_size", "1GB", Quantity::Bytes(1 << 30)),
        ("statement_timeout", "0", Quantity::Micros(0)),
        ("statement_timeout", "1.5s", Quantity::Micros(1_500_000)),
        ("checkpoint_timeout", "5min", Quantity::Micros(300_000_000)),
        ("checkpoint_timeout", "1d", Quantity::Micros(86_400_000_000)),
        (
            "autovacuum_vacuum_cost_delay",
            "2ms",
            Quantity::Micros(2_000),
        ),
        ("autovacuum_vacuum_cost_delay", "0.5", Quantity::Micros(500)),
        ("autovacuum_vacuum_cost_delay", "-1", Quantity::Micros(-1)),
        ("max_connections", "100", Quantity::Count(100)),
        ("max_connections", "1e2", Quantity::Count(100)),
        ("log_file_mode", "0640", Quantity::Count(0o640)),
        ("log_file_mode", "0x1A0", Quantity::Count(0o640)),
        ("random_page_cost", "1.1", Quantity::Fraction(1.1)),
        ("jit", "ON", Quantity::Bool(true)),
        ("jit", "f", Quantity::Bool(false)),
        ("jit", "no", Quantity::Bool(false)),
        ("wal_level", "Logical", Quantity::Text("logical".into())),
        ("wal_level", "hot_standby", Quantity::Text("replica".into())),
        ("synchronous_commit", "true", Quantity::Text("on".into())),
        ("log_min_messages", "debug", Quantity::Text("debug2".into())),
        (
            "search_path",
            "\"$user\", Public",
            Quantity::List(vec!["$user".into(), "public".into()]),
        ),
    ] {
        assert_eq!(read(setting, text), Ok(expected), "{setting} = {text}");
    }
}

#[test]
fn errors_say_what_is_wrong_and_what_is_allowed() {
    let errors: Vec<_> = [
        ("work_mem", "5 XB"),
        ("work_mem", "lots"),
        ("work_mem", "1kB"),
        ("work_mem", "5mb"),
        ("statement_timeout", "5 minutes"),
        ("max_connections", "100MB"),
        ("max_connections", "1000000"),
        ("max_connections", "0"),
        ("jit", "maybe"),
        ("wal_level", "full"),
        ("random_page_cost", "-1"),
        ("search_path", "a b"),
        ("log_line_prefix", "a\0b"),
    ]
    .into_iter()
    .map(|(setting, text)| read(setting, text).unwrap_err().to_string())
    .collect();
    insta::assert_snapshot!(errors.join("\n"), @r##"
    work_mem = 5 XB: unit XB is not one of B, kB, MB, GB, TB
    work_mem = lots: not a number with a unit of B, kB, MB, GB, TB (kB when there is none)
    work_mem = 1kB: outside 64kB .. 2147483647kB
    work_mem = 5mb: unit mb is not one of B, kB, MB, GB, TB
    statement_timeout = 5 minutes: unit minutes is not one of us, ms, s, min, h, d
    max_connections = 100MB: it takes a plain number, without unit MB
    max_connections = 1000000: outside 1 .. 262143
    max_connections = 0: outside 1 .. 262143
    jit = maybe: not one of on, off, true, false, yes, no, 1, 0
    wal_level = full: not one of minimal, replica, logical
    random_page_cost = -1: outside 0 .. any
    search_path = a b: it takes a list of names with commas between; names with spaces in double quotes
    log_line_prefix: a value must not hold a null character, or be over 1 MB
    "##);
}

#[test]
fn texts_are_refused_where_the_server_refuses_them() {
    // Each tried with `postgres -C` of 15.
    for (setting, text, taken) in [
        ("log_destination", "foo", false),
        ("log_destination", "stderr,foo", false),
        ("log_destination", "STDERR, CSVLOG", true),
        ("log_destination", "", true),
        ("client_encoding", "foo", false),
        ("client_encoding", "auto", false),
        ("client_encoding", "utf-8", true),
        ("client_encoding", "latin1", true),
        ("client_encoding", "SQL_ASCII", true),
        ("recovery_target", "now", false),
        ("recovery_target", "IMMEDIATE", false),
        ("recovery_target", "immediate", true),
        ("recovery_target", "", true),
        ("synchronous_standby_names", "ANY (", false),
        ("synchronous_standby_names", "ANY (a)", false),
        ("synchronous_standby_names", "ANY 1", false),
        ("synchronous_standby_names", "ANY 1 (a,b", false),
        ("synchronous_standby_names", "0 (a)", false),
        ("synchronous_standby_names", "first", false),
        ("synchronous_standby_names", "a,", false),
        ("synchronous_standby_names", "a b", false),
        ("synchronous_standby_names", "a-b", false),
        ("synchronous_standby_names", "1a", false),
        ("synchronous_standby_names", " ", false),
        ("synchronous_standby_names", "ANY 1 (a)", true),
        ("synchronous_standby_names", "first 1 (a)", true),
        ("synchronous_standby_names", "2 (a,b)", true),
        ("synchronous_standby_names", "*", true),
        ("synchronous_standby_names", "1, 2", true),
        ("synchronous_standby_names", "\"a b\", c", true),
        ("synchronous_standby_names", "", true),
        ("client_min_messages", "info", true),
        ("client_min_messages", "debug", true),
        ("client_min_messages", "fatal", false),
        ("archive_mode", "yes", true),
        ("archive_mode", "0", true),
        ("archive_mode", "t", false),
        ("synchronous_commit", "1", true),
        ("synchronous_commit", "no", true),
        ("wal_compression", "true", true),
        ("plan_cache_mode", "on", false),
    ] {
        assert_eq!(read(setting, text).is_ok(), taken, "{setting} = {text}");
    }
}

#[test]
fn quantities_show_the_largest_whole_unit() {
    for (quantity, text) in [
        (Quantity::Bytes(65536), "64kB"),
        (Quantity::Bytes(1 << 30), "1GB"),
        (Quantity::Bytes(1500), "1500B"),
        (Quantity::Bytes(-1), "-1"),
        (Quantity::Micros(300_000_000), "5min"),
        (Quantity::Micros(1_500), "1500us"),
        (Quantity::Micros(0), "0"),
        (Quantity::Bool(true), "on"),
        (Quantity::Fraction(1.1), "1.1"),
    ] {
        assert_eq!(quantity.to_string(), text);
    }
    assert_eq!(
        Unit::parse("8kB").map(|u| u.to_string()).as_deref(),
        Some("8kB")
    );
    assert_eq!(
        Quantity::parse_bytes("64GB"),
        Some(Quantity::Bytes(64 << 30))
    );
    assert_eq!(Quantity::parse_bytes("0"), Some(Quantity::Bytes(0)));
    for text in ["64 apples", "64", "5min"] {
        assert_eq!(Quantity::parse_bytes(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn reading_never_panics(text in "\\PC{0,30}", pick in 0_usize..400) {
        let defs: Vec<_> = postgres().settings.values().collect();
        let def = defs[pick % defs.len()];
        drop(offered(def, &text));
        drop(Quantity::parse_bytes(&text));
    }

    #[test]
    fn what_is_shown_reads_back(n in 8_i128..2_000_000, pick in 0_usize..400) {
        let numeric = postgres().settings.values().filter(|d| d.kind == ValueKind::Integer);
        let defs: Vec<_> = numeric.collect();
        let def = defs[pick % defs.len()];
        if let Ok(quantity) = parse(def, &n.to_string()) {
            prop_assert_eq!(parse(def, &quantity.to_string()), Ok(quantity));
        }
    }
}
