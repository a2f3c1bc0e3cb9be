use std::collections::BTreeSet;

use backstay_model::EdgeKind;

use super::*;

fn postgres() -> &'static Pack {
    pack(EngineKind::Postgresql, 15).unwrap().pack
}

#[test]
fn the_pack_loads_and_is_not_small() {
    let pack = postgres();
    assert!(pack.settings.len() > 350, "{}", pack.settings.len());
    assert!(pack.rules.len() > 200, "{}", pack.rules.len());
    let moved: BTreeSet<_> = pack.effects.iter().map(|e| &e.setting).collect();
    assert!(moved.len() > 200, "{}", moved.len());
    let work_mem = pack.def("work_mem").unwrap();
    assert_eq!(work_mem.unit, Unit::parse("kB"));
    assert_eq!(work_mem.class, SettingClass::Reloadable);
    assert_eq!(
        pack.def("shared_buffers").unwrap().class,
        SettingClass::Restart
    );
    assert_eq!(pack.def("datestyle").unwrap().kind, ValueKind::List);
    assert_eq!(
        pack.class_of(&SettingName::new("pg_hba")),
        SettingClass::Authentication
    );
}

#[test]
fn every_effect_names_a_metric_that_exists() {
    let metrics = [
        "commits_per_s",
        "writes_per_s",
        "reads_per_s",
        "statement_mean_ms",
        "probe_connect_ms",
        "probe_read_ms",
        "probe_write_ms",
        "rollbacks_per_s",
        "deadlocks_per_s",
        "log_errors_per_s",
        "sessions_fatal_per_s",
        "active_sessions",
        "sessions",
        "waiting_sessions",
        "lock_waits",
        "sync_rep_waits",
        "connections_used",
        "temp_bytes_per_s",
        "blks_read_per_s",
        "hit_ratio",
        "wal_bytes_per_s",
        "checkpoint_buffers_per_s",
        "log_bytes_per_s",
        "host_cpu_busy",
        "host_steal",
        "host_run_queue",
    ];
    for effect in &postgres().effects {
        assert!(
            metrics.contains(&effect.metric.as_str()),
            "{}",
            effect.metric
        );
    }
    let first = postgres().effects_of(&SettingName::new("synchronous_standby_names"));
    assert!(first.first().is_some_and(|e| e.confidence.get() > 0.9));
}

#[test]
fn every_reviewed_rule_reads_back_and_has_words() {
    for constraint in &postgres().constraints {
        assert!(!constraint.note.is_empty(), "{}", constraint.id);
        if let Some(rule) = postgres().rule(&constraint.id) {
            assert_eq!(
                crate::expr::parse(&rule.to_string()).as_ref(),
                Ok(rule),
                "{}",
                constraint.id
            );
        }
    }
}

#[test]
fn the_evidence_of_reviewed_rules_sums_to_their_confidence() {
    let texts = Texts {
        settings: include_str!("../../packs/postgresql/15/settings.json"),
        constraints: CONSTRAINTS,
        overrides: include_str!("../../packs/postgresql/overrides.toml"),
        effects: "format = 1",
    };
    let reviewed = Pack::load(EngineKind::Postgresql, 15, texts).unwrap();
    for constraint in &reviewed.constraints {
        // 5.5: minus the prior log-odds of the evidence model.
        let odds = constraint.evidence.iter().map(|e| e.log_lr).sum::<f64>() - 5.5;
        let sum = 1.0 / (1.0 + (-odds).exp());
        assert!(
            (sum - constraint.confidence.get()).abs() < 1e-6,
            "{}",
            constraint.id
        );
    }
}

#[test]
fn an_older_pack_is_carried_and_says_so() {
    let newest = pack(EngineKind::Postgresql, 18).unwrap();
    assert_eq!(newest.fit, PackFit::Exact);
    let newer = pack(EngineKind::Postgresql, 19).unwrap();
    assert_eq!(newer.fit, PackFit::Carried { from: 18 });
    assert_eq!(newer.pack.constraints.len(), newest.pack.constraints.len());
    for (carried, exact) in newer.pack.constraints.iter().zip(&newest.pack.constraints) {
        assert!(carried.confidence < exact.confidence, "{}", exact.id);
        for (half, whole) in carried.evidence.iter().zip(&exact.evidence) {
            assert!(
                (2.0 * half.log_lr - whole.log_lr).abs() < 1e-9,
                "{}",
                exact.id
            );
        }
    }
    let missing = pack(EngineKind::Redis, 7).unwrap_err();
    assert_eq!(
        missing.to_string(),
        "no knowledge is shipped for redis 7; there is some for postgresql 14, 15, 16, 17, 18"
    );
    assert!(pack(EngineKind::Postgresql, 13).is_err());
}

#[test]
fn every_major_loads_and_reviewed_entries_name_only_what_it_has() {
    let majors: Vec<u32> = packs().map(|(_, major)| major).collect();
    assert_eq!(majors, [14, 15, 16, 17, 18]);
    for (engine, major) in packs() {
        let pack = pack(engine, major).unwrap_or_else(|e| panic!("{e}")).pack;
        assert!(
            pack.settings.len() > 340,
            "{major}: {}",
            pack.settings.len()
        );
        assert!(pack.rules.len() > 200, "{major}: {}", pack.rules.len());
        for constraint in &pack.constraints {
            assert!(
                constraint.versions.hold_in(major),
                "{major}: {}",
                constraint.id
            );
            let reviewed = constraint.id.starts_with("pg.");
            assert_eq!(
                reviewed,
                !constraint.id.starts_with("gen."),
                "{}",
                constraint.id
            );
        }
    }
}

#[test]
fn built_in_values_break_no_rule() {
    for (engine, major) in packs() {
        let pack = pack(engine, major).unwrap().pack;
        let report = crate::check(pack, &crate::Candidate::new(pack));
        let broken: Vec<&str> = (report.violations.iter())
            .map(|v| v.constraint.id.as_str())
            .collect();
        assert_eq!(broken, Vec::<&str>::new(), "{major}");
    }
}

/// A range must be needed: an entry that could hold in a further version, by its settings, is there
/// because its meaning differs, and then another entry takes over.
#[test]
fn ranges_leave_no_gap() {
    let file: OverridesFile =
        toml::from_str(include_str!("../../packs/postgresql/overrides.toml")).unwrap();
    for rule in file.constraint.iter().filter(|r| !r.versions().unbounded()) {
        for (engine, major) in packs() {
            let pack = pack(engine, major).unwrap().pack;
            let names = std::iter::once(&rule.subject).chain(&rule.others);
            let has = |name: &String| name.contains('.') || pack.def(name).is_some();
            let possible = names.into_iter().all(has) && !rule.versions().hold_in(major);
            let replaced = pack
                .constraints
                .iter()
                .any(|c| c.subject.as_str() == rule.subject && c.id != rule.id)
                || pack.constraint(&rule.id).is_some();
            assert!(!possible || replaced, "{} could hold in {major}", rule.id);
        }
    }
}

#[test]
fn settings_of_other_versions_are_known() {
    let said = |major, name| {
        elsewhere(EngineKind::Postgresql, major, &SettingName::new(name)).map(|e| e.to_string())
    };
    assert_eq!(
        said(18, "old_snapshot_threshold").as_deref(),
        Some("removed in 17")
    );
    assert_eq!(
        said(15, "reserved_connections").as_deref(),
        Some("new in 16")
    );
    assert_eq!(said(17, "io_method").as_deref(), Some("new in 18"));
    assert_eq!(
        said(19, "db_user_namespace").as_deref(),
        Some("removed in 17")
    );
    assert_eq!(said(16, "work_mem"), None);
    assert_eq!(said(99, "io_method"), None);
    assert_eq!(said(16, "no_such_thing"), None);
    let of = |major| crate::Candidate::new(pack(EngineKind::Postgresql, major).unwrap().pack);
    let gone = of(18).assign("vacuum_defer_cleanup_age", "5").unwrap_err();
    let told = "vacuum_defer_cleanup_age: no such setting in postgresql 18 (removed in 16)";
    assert!(gone.to_string().starts_with(told), "{gone}");
    assert!(of(16).assign("force_parallel_mode", "on").is_err());
    assert!(of(18).assign("ssl_ecdh_curve", "X25519").is_ok());
    assert!(of(17).assign("io_method", "sync").is_err());
}

#[test]
fn the_difference_of_two_majors_is_readable() {
    let of = |major| pack(EngineKind::Postgresql, major).unwrap().pack;
    let text = diff::diff(of(15), of(16)).to_string();
    for line in [
        "postgresql 15 -> postgresql 16",
        "  reserved_connections",
        "  promote_trigger_file",
        "  pg.wal.archive_one_way: severity silent -> warn",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    let same = diff::diff(of(15), of(15));
    assert_eq!(same.to_string(), "postgresql 15 -> postgresql 15\n");
}

/// Every byte of a shipped pack may be damaged: reading it ends in a pack or in words.
#[test]
fn damaged_bytes_and_cuts_never_panic() {
    let whole = Texts {
        settings: SETTINGS,
        constraints: GENERATED,
        overrides: "format = 1\n[[constraint]]\nid = \"r\"\nkind = \"enables\"\nsubject = \"a\"\nothers = [\"b\"]\nrule = \"is_set(a) => b\"\nseverity = \"advice\"\nnote = \"n\"\nsince = 14\nuntil = 16\n",
        effects: "format = 1\n[[effect]]\nsettings = [\"a\"]\nmetrics = [\"m\"]\nconfidence = 0.5\nmechanism = \"x\"\n",
    };
    assert!(Pack::load(EngineKind::Postgresql, 15, whole).is_ok());
    let parts = [
        whole.settings,
        whole.constraints,
        whole.overrides,
        whole.effects,
    ];
    for (which, part) in parts.iter().enumerate() {
        let broken = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            let mut texts = whole;
            *[
                &mut texts.settings,
                &mut texts.constraints,
                &mut texts.overrides,
                &mut texts.effects,
            ][which] = &text;
            match Pack::load(EngineKind::Postgresql, 15, texts) {
                Ok(_) | Err(NoPack::Corrupt { .. }) => {}
                Err(other) => panic!("{other}"),
            }
        };
        for at in 0..part.len() {
            broken(&part.as_bytes()[..at]);
            for byte in [0, b'"', b'9', b'}', 0xff] {
                let mut bytes = part.as_bytes().to_vec();
                bytes[at] = byte;
                broken(&bytes);
            }
        }
    }
}

const GENERATED: &str = r#"{"format": 1, "engine": "postgresql", "major": 15, "built_from": "", "constraints": [
    {"id": "g", "kind": "enables", "subject": "A", "others": [{"setting": "B"}], "rule": "is_set(A) => b",
     "severity": "silent", "note": "", "evidence": [{"kind": "probe", "anchor": "p", "log_lr": 8.5}], "confidence": 0.99}]}"#;

const SETTINGS: &str = r#"{"format": 1, "engine": "postgresql", "major": 15, "server_version": "15.0", "settings": [
    {"name": "A", "kind": "integer", "unit": "kB", "min": 0, "default": "4", "context": "user", "category": "x"},
    {"name": "b", "kind": "bool", "default": "on", "context": "user", "category": "x"}]}"#;
const CONSTRAINTS: &str =
    r#"{"format": 1, "engine": "postgresql", "major": 15, "built_from": "", "constraints": []}"#;

fn load(settings: &str, overrides: &str, effects: &str) -> Result<Pack, String> {
    let (overrides, effects) = (
        format!("format = 1\n{overrides}"),
        format!("format = 1\n{effects}"),
    );
    let texts = Texts {
        settings,
        constraints: CONSTRAINTS,
        overrides: &overrides,
        effects: &effects,
    };
    Pack::load(EngineKind::Postgresql, 15, texts).map_err(|e| e.to_string())
}

#[test]
fn damaged_packs_say_where() {
    let rule = |text: &str| {
        format!(
            "[[constraint]]\nid = \"r\"\nkind = \"enables\"\nsubject = \"a\"\nothers = [\"b\"]\n\
             rule = \"{text}\"\nseverity = \"advice\"\nnote = \"n\""
        )
    };
    assert!(load(SETTINGS, &rule("is_set(a) => b"), "").is_ok());
    let errors: Vec<_> = [
        load("{", "", ""),
        load(&SETTINGS.replace("\"format\": 1", "\"format\": 2"), "", ""),
        load(&SETTINGS.replace("15,", "16,"), "", ""),
        load(&SETTINGS.replace("\"b\"", "\"a\""), "", ""),
        load(&SETTINGS.replace("\"kB\"", "\"fog\""), "", ""),
        load(&SETTINGS.replace("\"4\"", "\"-4\""), "", ""),
        load(SETTINGS, &rule("a =>"), ""),
        load(SETTINGS, &rule("a > 5s"), ""),
        load(SETTINGS, &rule("a"), ""),
        load(SETTINGS, &rule("host.memory > 0"), ""),
        load(SETTINGS, &rule("b").replace("[\"b\"]", "[\"c\"]"), ""),
        load(
            SETTINGS,
            &format!("{}\n{}", rule("b"), rule("b").replace("\"r\"", "\"s\"")),
            "",
        ),
        load(SETTINGS, "[[setting]]\nname = \"c\"", ""),
        load(
            SETTINGS,
            "",
            "[[effect]]\nsettings = [\"c\"]\nmetrics = []\nconfidence = 1\nmechanism = \"\"",
        ),
    ]
    .into_iter()
    .map(|r| r.unwrap_err())
    .collect();
    insta::assert_snapshot!(errors.join("\n"), @r##"
    the pack of postgresql 15 is damaged: settings.json: EOF while parsing an object at line 1 column 1
    the pack of postgresql 15 is damaged: settings.json: format 2 instead of 1
    the pack of postgresql 15 is damaged: settings.json: it is about postgresql 16
    the pack of postgresql 15 is damaged: settings.json: a is there twice
    the pack of postgresql 15 is damaged: settings.json: A: unit fog
    the pack of postgresql 15 is damaged: settings.json: default of a = -4: outside 0 .. any
    the pack of postgresql 15 is damaged: overrides.toml: r: at character 5 of the rule: expected a value
    the pack of postgresql 15 is damaged: overrides.toml: r: the parts of "a > 5s" do not go together
    the pack of postgresql 15 is damaged: overrides.toml: r: the rule is not something that holds or not
    the pack of postgresql 15 is damaged: overrides.toml: r: memory is in the rule but no participant
    the pack of postgresql 15 is damaged: overrides.toml: r: no setting c
    the pack of postgresql 15 is damaged: overrides.toml: s says what r says
    the pack of postgresql 15 is damaged: overrides.toml: no setting c
    the pack of postgresql 15 is damaged: effects.toml: no setting c
    "##);
}

#[test]
fn a_generated_rule_adds_its_evidence_to_the_reviewed_one() {
    let overrides = "format = 1\n[[constraint]]\nid = \"r\"\nkind = \"enables\"\nsubject = \"a\"\nothers = [\"b\"]\n\
                     rule = \"is_set(a) => b\"\nseverity = \"advice\"\nnote = \"n\"\nconfidence = 0.9";
    let load = |overrides: &str| {
        let texts = Texts {
            settings: SETTINGS,
            constraints: GENERATED,
            overrides,
            effects: "format = 1",
        };
        Pack::load(EngineKind::Postgresql, 15, texts).unwrap()
    };
    let joined = load(overrides);
    assert_eq!(joined.constraints.len(), 1);
    let only = joined.constraint("r").unwrap();
    assert_eq!((only.evidence.len(), only.confidence.get()), (2, 0.99));
    assert_eq!(load("format = 1").constraints.len(), 1);
    assert_eq!(
        load("format = 1\n[[retired]]\nid = \"g\"\nwhy = \"wrong\"")
            .constraints
            .len(),
        0
    );
}

#[test]
fn reviewed_kinds_win_over_generated_ones() {
    let overrides = "format = 1\n[[constraint]]\nid = \"r\"\nkind = \"bounded_by\"\nsubject = \"b\"\nothers = [\"a\"]\n\
                     severity = \"advice\"\nnote = \"n\"\nconfidence = 0.9";
    let texts = Texts {
        settings: SETTINGS,
        constraints: GENERATED,
        overrides,
        effects: "format = 1",
    };
    let joined = Pack::load(EngineKind::Postgresql, 15, texts).unwrap();
    let only = joined.constraint("r").unwrap();
    assert_eq!(joined.constraints.len(), 1);
    assert_eq!((only.kind, only.rule.as_ref()), (EdgeKind::BoundedBy, None));
    assert_eq!(only.evidence.len(), 2);
}

#[test]
fn misspelt_names_find_their_neighbours() {
    let near = |name| {
        postgres()
            .nearest(name, 3)
            .into_iter()
            .map(SettingName::as_str)
            .collect::<Vec<_>>()
    };
    assert_eq!(near("work_men").first(), Some(&"work_mem"));
    assert_eq!(near("max_connection").first(), Some(&"max_connections"));
    assert!(near("zzzz").is_empty());
}

#[test]
fn rules_whose_breach_stops_the_work_of_clients_say_so_themselves() {
    let stopping = |major| {
        let pack = pack(EngineKind::Postgresql, major).unwrap().pack;
        let ids = pack.constraints.iter().map(|c| c.id.as_str());
        ids.filter(|id| pack.stops_work(id)).collect::<Vec<_>>()
    };
    insta::assert_snapshot!(stopping(18).join("\n"), @r"
    pg.bouncer.connections
    pg.connections.some
    pg.statistics.read_only
    pg.timeout.idle_session_tiny
    pg.timeout.idle_tiny
    pg.timeout.lock_tiny
    pg.timeout.statement_tiny
    pg.wal.sync_names_senders
    ");
    for major in 14..=17 {
        assert!(stopping(major).len() >= 7, "{major}: {:?}", stopping(major));
    }
}
