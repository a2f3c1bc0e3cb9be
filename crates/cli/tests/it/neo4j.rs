//! The graph in Neo4j, by the commands: on the server that `cargo xtask test` starts for all tests.

use std::fs;

use backstay_graph::store::GraphStore;
use backstay_model::Timestamp;
use backstay_scratch::neo4j::{Access, own_name, shared_for};
use backstay_store_sqlite::Readers;

use crate::support::{Bench, Ran, Watched};

/// The URI with its user, as people write it.
fn uri(access: &Access) -> String {
    let (scheme, rest) = access.uri.split_once("://").unwrap();
    format!("{scheme}://{}@{rest}", access.user)
}

/// Runs a command of `graph` on the server, and requires that it does not tell the password.
fn on(bench: &Bench, access: &Access, line: &str) -> Ran {
    let file = access.password_file.display().to_string();
    let mut words: Vec<&str> = vec!["graph"];
    words.extend(line.split_whitespace());
    words.extend(["--password-file", &file]);
    let ran = bench.run(&words);
    let password = access.password().unwrap();
    assert!(!ran.out.contains(&password) && !ran.err.contains(&password));
    ran
}

#[test]
fn the_record_goes_to_neo4j_and_comes_back_as_it_was() {
    let Some(access) = shared_for("the_record_goes_to_neo4j_and_comes_back_as_it_was") else {
        return;
    };
    let (uri, deployment) = (uri(&access), own_name().unwrap());
    let bench = Bench::new();
    drop(Watched::story(&bench));
    let init = on(&bench, &access, &format!("init {uri}"));
    assert_eq!(init.code, 0, "{}", init.err);
    assert!(init.out.contains("(Neo4j 5.26"), "{}", init.out);

    let to = format!("sync --to {uri} --deployment {deployment}");
    let first = on(&bench, &access, &format!("{to} --json")).json();
    let entries = bench.say("status --json").json()["entries"].clone();
    assert_eq!(first["applied"], entries);
    assert_eq!(first["new_entries"], entries);
    let again = on(&bench, &access, &to);
    assert!(again.out.contains("nothing was new"), "{}", again.out);
    // A later guard records that it began.
    drop(Watched::begin(&bench));
    let more = on(&bench, &access, &format!("{to} --json")).json();
    assert_eq!(more["new_entries"], 1, "{more}");

    let other = Bench::new();
    let from = format!("import --from {uri} --deployment {deployment}");
    let import = on(&other, &access, &from);
    assert_eq!(import.code, 0, "{}", import.err);
    let graph = |bench: &Bench| Readers::open(&bench.state()).unwrap().graph;
    let (made, imported) = (graph(&bench), graph(&other));
    assert_eq!(more["applied"], imported.applied_seq().unwrap());
    let now = Timestamp(i64::MAX - 1);
    let snapshot = made.snapshot(now).unwrap();
    assert!(snapshot.edges.len() > 100 && !snapshot.settings.is_empty());
    assert_eq!(imported.snapshot(now).unwrap(), snapshot);
    foreign(&access, &to);
}

/// Another journal does not get into the same graph.
fn foreign(access: &Access, to: &str) {
    let bench = Bench::new();
    drop(Watched::begin(&bench));
    let refused = on(&bench, access, to);
    assert_eq!(refused.code, 5, "{}", refused.err);
    assert!(refused.err.contains("another journal"), "{}", refused.err);
}

/// The files of one state directory, in another bench.
fn copied(bench: &Bench) -> Bench {
    let copy = Bench::new();
    fs::create_dir_all(copy.state()).unwrap();
    for entry in fs::read_dir(bench.state()).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, copy.state().join(path.file_name().unwrap())).unwrap();
    }
    copy
}

#[test]
fn a_journal_that_went_another_way_is_not_taken_for_the_same() {
    let Some(access) = shared_for("a_journal_that_went_another_way_is_not_taken_for_the_same")
    else {
        return;
    };
    let (uri, deployment) = (uri(&access), own_name().unwrap());
    let bench = Bench::new();
    drop(Watched::begin(&bench));
    assert_eq!(on(&bench, &access, &format!("init {uri}")).code, 0);
    let to = format!("sync --to {uri} --deployment {deployment}");
    assert_eq!(on(&bench, &access, &to).code, 0);
    // What a restored backup has, and then what it went on with.
    let restored = copied(&bench);
    drop(Watched::begin(&bench));
    assert_eq!(on(&bench, &access, &to).code, 0);
    for step in ["it ends before that", "it says something else there"] {
        let refused = on(&restored, &access, &to);
        assert_eq!(refused.code, 5, "{step}: {}", refused.err);
        assert!(refused.err.contains("went another way"), "{}", refused.err);
        drop(Watched::nothing(&restored));
    }
    let from = format!("import --from {uri} --deployment {deployment}");
    assert_eq!(on(&restored, &access, &from).code, 5);
    // Whoever imported a graph without its journal has nothing to sync.
    let other = Bench::new();
    assert_eq!(on(&other, &access, &from).code, 0);
    let empty = on(&other, &access, &to);
    assert!(empty.err.contains("no record"), "{}", empty.err);
    // A graph that is behind its journal is behind after an import, and says so.
    drop(Watched::begin(&bench));
    let behind = on(&bench, &access, &from);
    assert!(behind.err.contains("1 entry behind"), "{}", behind.err);
}

#[test]
fn what_is_wrong_with_a_server_is_told_with_a_hint() {
    let Some(access) = shared_for("what_is_wrong_with_a_server_is_told_with_a_hint") else {
        return;
    };
    let bench = Bench::new();
    let wrong = bench.file("wrong", "not the password\n");
    let uri = uri(&access);
    let refused = bench.run(&[
        "graph",
        "init",
        &uri,
        "--password-file",
        &wrong.display().to_string(),
    ]);
    assert_eq!(refused.code, 6);
    assert!(refused.err.contains("E-CONN-LOGIN"), "{}", refused.err);
    assert!(!refused.err.contains("not the password"), "{}", refused.err);
    let nowhere = on(&bench, &access, &format!("init {uri}/nowhere"));
    assert_eq!(nowhere.code, 6);
    assert!(nowhere.err.contains("no such database"), "{}", nowhere.err);
    let lost = format!("import --from {uri} --deployment {}", own_name().unwrap());
    let lost = on(&bench, &access, &lost);
    assert_eq!(lost.code, 2, "{}", lost.err);
    assert!(lost.err.contains("holds nothing"), "{}", lost.err);
}

#[test]
fn what_is_wrong_with_a_command_is_told_without_a_server() {
    let bench = Bench::new();
    let password = bench.file("password", "geheim\n").display().to_string();
    let init = |uri: &str| bench.run(&["graph", "init", uri, "--password-file", &password]);
    let away = init("neo4j://127.0.0.1:1");
    assert_eq!(away.code, 6);
    assert!(away.err.contains("does not answer"), "{}", away.err);
    assert!(away.err.contains("Bolt port"), "{}", away.err);
    let shown = init("neo4j://ann:geheim@127.0.0.1:1");
    assert_eq!(shown.code, 2);
    assert!(!shown.err.contains("geheim"), "{}", shown.err);
    assert_eq!(init("http://127.0.0.1:1").code, 2);
    let silent = bench.run(&["graph", "init", "neo4j://127.0.0.1:1"]);
    assert_eq!(silent.code, 2);
    assert!(
        silent.err.contains("BACKSTAY_NEO4J_PASSWORD"),
        "{}",
        silent.err
    );
    assert_eq!(bench.run(&["graph", "init"]).code, 2);
    let named = |words: &str| {
        let said = bench.say(&format!("graph init neo4j://127.0.0.1:1 {words}"));
        (said.code, said.err)
    };
    let (code, said) = named("--password-file nowhere");
    assert!(
        code == 1 && said.contains("password cannot be read"),
        "{said}"
    );
    bench.file("empty", "\n");
    let (code, said) = named("--password-file empty");
    assert!(code == 1 && said.contains("is empty"), "{said}");
    let (code, said) = named("--password-file password --ca-file password");
    assert!(code == 2 && said.contains("nobody looks at"), "{said}");
    for contradiction in [
        "uri = \"neo4j+s://h\"\ntls = \"off\"",
        "uri = \"neo4j://ann@h\"\nuser = \"bob\"",
        "uri = \"neo4j://h/a\"\ndatabase = \"b\"",
    ] {
        bench.file(
            "far.toml",
            &format!("[graph]\nstore = \"neo4j\"\n{contradiction}\n"),
        );
        let said = bench.say("graph init --config far.toml");
        assert_eq!(said.code, 2, "{}", said.err);
        assert!(said.err.contains("contradict"), "{}", said.err);
    }
    let both = bench.say("graph init neo4j://h --config far.toml");
    assert!(both.err.contains("not both"), "{}", both.err);
    let empty = ["graph", "sync", "--to", "neo4j://127.0.0.1:1"];
    assert_eq!(bench.run(&empty).code, 1);
}
