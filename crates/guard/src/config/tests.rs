use super::*;

fn problems(text: &str) -> String {
    let error = Config::parse(text).unwrap_err();
    error
        .problems
        .iter()
        .map(|p| format!("{}\n  -> {}\n", p.what, p.hint))
        .collect()
}

#[test]
fn a_whole_file() {
    let config = Config::parse(
        r#"
        format_version = "1.0"
        state_dir = "state"
        [policy]
        mode = "approve"
        watch = "10m"
        [[target]]
        name = "shop"
        dsn = "postgresql://backstay@db1/shop"
        mode = "auto"
        services = { checkout = 5 }
        [[target]]
        name = "crm"
        service = "crm"
        "#,
    )
    .unwrap();
    assert_eq!(config.policy.mode, Mode::Approve);
    assert_eq!(config.policy.watch, Span::from_secs(600));
    assert_eq!(config.policy.cooldown, PolicyConfig::default().cooldown);
    assert_eq!(config.targets[0].mode, Some(Mode::Auto));
    assert_eq!(config.targets[1].dsn, "service=crm");
}

#[test]
fn the_default_mode_never_writes() {
    assert_eq!(Config::parse("").unwrap().policy.mode, Mode::Observe);
}

#[test]
fn all_problems_at_once_each_with_what_to_type() {
    insta::assert_snapshot!(problems(
        r#"
        [policy]
        mod = "auto"
        watch = "soon"
        [[target]]
        name = "a"
        [[target]]
        name = "b"
        dsn = "x"
        probe_dns = "y"
        [[target]]
        name = "b"
        dsn = "x"
        mode = "act"
        "#
    ));
}

#[test]
fn syntax_errors_name_the_line() {
    insta::assert_snapshot!(problems("[policy]\nmode = observe\n"));
    insta::assert_snapshot!(problems("format_version = \"2.0\"\n"));
}

#[test]
fn every_listed_key_is_read() {
    for (section, keys) in KEYS {
        for key in *keys {
            let text = match *section {
                "" => continue,
                "policy" | "graph" => format!("[{section}]\n{key} = []\n"),
                _ => format!("[[target]]\nname = \"a\"\n{key} = 1.5\n"),
            };
            let told = problems(&text);
            assert!(!told.contains("unknown key"), "{section}.{key}: {told}");
        }
    }
}

#[test]
fn a_key_that_stands_twice_is_named_with_both_lines() {
    let text = "[policy]\nmode = \"observe\"\nwatch = \"15m\"\nmode = \"auto\"\n";
    let error = Config::parse(text).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 4: `mode` has a value in line 2 already"
    );
}

#[test]
fn a_misspelt_name_does_not_hide_what_else_is_wrong() {
    let text = "[policy]\nwach = \"15m\"\nmode = \"turbo\"\n[[target]]\nnam = \"x\"\n";
    let error = Config::parse(text).unwrap_err();
    let told: Vec<&str> = error.problems.iter().map(|p| p.what.as_str()).collect();
    assert_eq!(
        told,
        [
            "unknown key `policy.wach`",
            "unknown key `target.0.nam`",
            "`policy.mode = \"turbo\"` is not a mode",
            "target 1 of the file has no name",
        ]
    );
    assert_eq!(error.problems[1].hint, "did you mean `name`?");
}

#[test]
fn a_graph_in_neo4j_needs_an_address_and_never_a_password() {
    let config = Config::parse(
        "[graph]\nstore = \"neo4j\"\nuri = \"neo4j://g:7687\"\npassword_file = \"/etc/p\"\ntls = \"on\"\n",
    );
    let GraphConfig::Neo4j(graph) = config.unwrap().graph else {
        panic!("the graph is in Neo4j")
    };
    assert_eq!(
        (graph.uri.as_str(), graph.tls),
        ("neo4j://g:7687", Some(Tls::On))
    );
    assert_eq!(Config::parse("").unwrap().graph, GraphConfig::Sqlite);
    let slips = "[graph]\nstore = \"neo4j\"\ntls = \"yes\"\npassword = \"x\"\n";
    insta::assert_snapshot!(problems(slips), @r#"
    unknown key `graph.password`
      -> known keys here: store, uri, user, password_file, database, tls, ca_file, deployment
    `graph.tls = "yes"` is neither off nor on
      -> write "off", "on" or "any-certificate"
    `graph.store = "neo4j"` does not say where
      -> add `uri = "neo4j://HOST:7687"`
    "#);
    insta::assert_snapshot!(problems("[graph]\nstore = \"mysql\"\n"), @r#"
    `graph.store = "mysql"` is not a place to keep a graph in
      -> places are "sqlite" (the state directory) and "neo4j"
    "#);
    insta::assert_snapshot!(problems("[graph]\nuri = \"neo4j://g\"\n"), @r#"
    `graph.uri` is set, and the graph is kept in the state directory
      -> write `store = "neo4j"`, or leave out `uri`
    "#);
}
