//! The whole table, held against servers, is `fixtures/texts/offers.toml`; here is what each form is about.

use backstay_model::name::EngineKind;
use proptest::prelude::*;

use super::*;
use crate::pack::ValueKind;

fn word(judgement: &Judgement) -> &'static str {
    match judgement {
        Judgement::Taken => "taken",
        Judgement::Refused(_) => "refused",
        Judgement::Undecided(_) => "undecided",
    }
}

#[test]
fn texts_are_judged_as_servers_do() {
    for (setting, major, text, expected) in [
        ("datestyle", 18, "German, DMY", "taken"),
        ("datestyle", 18, "iso, sql", "refused"),
        ("datestyle", 18, "noneuro, dmy", "refused"),
        ("log_destination", 14, "jsonlog", "refused"),
        ("log_destination", 15, "jsonlog", "taken"),
        ("log_destination", 15, "eventlog", "undecided"),
        ("log_connections", 18, "off, receipt", "refused"),
        ("wal_consistency_checking", 14, "mine", "refused"),
        ("wal_consistency_checking", 15, "mine", "undecided"),
        ("wal_consistency_checking", 15, "heap, clog", "refused"),
        ("search_path", 16, "a b", "refused"),
        ("search_path", 16, "\"a b\"", "taken"),
        ("listen_addresses", 16, "localhost,", "refused"),
        ("listen_addresses", 16, "localhost, no.such.host", "taken"),
        ("listen_addresses", 16, "10.1.2.3", "undecided"),
        ("timezone", 17, "europe/BERLIN", "taken"),
        ("timezone", 17, "Europe/Berln", "undecided"),
        ("timezone", 17, "Mars/Phobos", "refused"),
        ("timezone", 17, "-5.5", "taken"),
        ("timezone", 17, "168", "refused"),
        ("timezone", 17, "CET-1CEST", "taken"),
        ("timezone", 17, "CET-1CEST,M3.5.0,M10.5.0/3", "undecided"),
        ("recovery_target_lsn", 17, "0/3000000", "taken"),
        ("recovery_target_lsn", 17, "0/3000000x", "refused"),
        ("recovery_target_time", 17, "2024-02-30 12:00", "refused"),
        ("recovery_target_time", 17, "Jan 5 2024", "undecided"),
        (
            "shared_preload_libraries",
            17,
            "$libdir/auto_explain",
            "taken",
        ),
        ("shared_preload_libraries", 17, "timescaledb", "undecided"),
        ("synchronous_standby_names", 17, "2147483648 (a)", "refused"),
        ("lc_messages", 17, "", "refused"),
        ("client_encoding", 17, "latin1", "undecided"),
        ("log_line_prefix", 17, "%q%Z%", "taken"),
    ] {
        let judgement = Form::of(setting, major).judge(text);
        assert_eq!(
            word(&judgement),
            expected,
            "{setting} = {text}: {judgement:?}"
        );
    }
}

#[test]
fn a_name_that_is_nearly_one_is_told_with_it() {
    let Judgement::Undecided(why) = Form::of("timezone", 18).judge("Europe/Berln") else {
        panic!("it is decided");
    };
    assert!(why.ends_with("did you mean Europe/Berlin?"), "{why}");
}

#[test]
fn libraries_are_parted_as_the_server_parts_them() {
    let form = Form::of("shared_preload_libraries", 18);
    assert_eq!(form.items("a, $libdir/b ,\"c d\""), ["a", "b", "c d"]);
    // The server loads none of a list that it cannot read.
    assert!(form.items("a,").is_empty());
}

/// Texts made of what the grammars are about, and anything else.
fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[\\x00-\\x7f]{0,12}",
        "\\PC{0,12}",
        "(FIRST|ANY|iso|\"|,|\\(|\\)|/|:|\\+|-|[0-9]{1,12}|Europe/|T){1,8}",
        "[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}.{0,9}",
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn judging_never_panics(text in texts(), major in 12_u32..20, pick in 0_usize..400) {
        let pack = crate::pack(EngineKind::Postgresql, 18).unwrap().pack;
        let spoken = |d: &&crate::SettingDef| matches!(d.kind, ValueKind::Text | ValueKind::List);
        let defs: Vec<_> = pack.settings.values().filter(spoken).collect();
        let form = Form::of(defs[pick % defs.len()].name.as_str(), major);
        drop(form.judge(&text));
        drop(form.items(&text));
    }

    #[test]
    fn a_text_of_ten_thousand_signs_is_judged_too(c in any::<char>(), pick in 0_usize..400) {
        let pack = crate::pack(EngineKind::Postgresql, 18).unwrap().pack;
        let defs: Vec<_> = pack.settings.values().collect();
        let def = defs[pick % defs.len()];
        drop(def.form.judge(&c.to_string().repeat(10_000)));
    }
}
