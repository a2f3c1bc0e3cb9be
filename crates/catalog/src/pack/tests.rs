use std::collections::BTreeSet;

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
        overrides: include_str!("../../packs/postgresql/15/overrides.toml"),
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
    let newer = pack(EngineKind::Postgresql, 18).unwrap();
    assert_eq!(newer.fit, PackFit::Carried { from: 15 });
    assert_eq!(
        pack(EngineKind::Postgresql, 15).unwrap().fit,
        PackFit::Exact
    );
    let missing = pack(EngineKind::Redis, 7).unwrap_err();
    assert_eq!(
        missing.to_string(),
        "no knowledge is shipped for redis 7; there is some for postgresql 15"
    );
    assert!(pack(EngineKind::Postgresql, 14).is_err());
}

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
    let generated = CONSTRAINTS.replace(
        "[]",
        r#"[{"id": "g", "kind": "enables", "subject": "A", "others": [{"setting": "B"}], "rule": "is_set(A) => b",
            "severity": "silent", "note": "", "evidence": [{"kind": "probe", "anchor": "p", "log_lr": 8.5}],
            "confidence": 0.99}]"#,
    );
    let overrides = "format = 1\n[[constraint]]\nid = \"r\"\nkind = \"enables\"\nsubject = \"a\"\nothers = [\"b\"]\n\
                     rule = \"is_set(a) => b\"\nseverity = \"advice\"\nnote = \"n\"\nconfidence = 0.9";
    let load = |overrides: &str| {
        let texts = Texts {
            settings: SETTINGS,
            constraints: &generated,
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
