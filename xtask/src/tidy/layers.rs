//! Who may know whom.

use super::{files, none, read, shown};
use crate::run::root;

/// Our crates by layer; a crate may use lower layers, and what is listed beside it.
const LAYERS: &[(&str, u8, &[&str])] = &[
    ("chance", 0, &[]),
    ("model", 0, &[]),
    ("catalog", 1, &[]),
    ("graph", 1, &[]),
    ("detect", 1, &[]),
    ("typing", 1, &[]),
    ("baseline-ets", 2, &[]),
    ("baseline-lstm", 2, &[]),
    ("baseline-prophet", 2, &[]),
    ("learn", 2, &[]),
    ("risk", 2, &[]),
    ("rollback", 2, &[]),
    ("simulate", 3, &[]),
    ("lifecycle", 3, &[]),
    ("journal", 4, &[]),
    ("engine", 4, &["journal"]),
    ("engine-postgres", 5, &[]),
    ("store-sqlite", 5, &["graph"]),
    ("store-neo4j", 5, &["graph", "learn"]),
    ("host", 5, &[]),
    ("scratch", 5, &[]),
    (
        "extract",
        5,
        &["catalog", "graph", "learn", "scratch", "typing"],
    ),
    ("guard", 6, &[]),
    ("world", 6, &["guard"]),
    ("cli", 7, &[]),
    ("scoreboard", 7, &[]),
];

/// Crates without I/O, clock, threads or random order.
const PURE: &[&str] = &[
    "chance",
    "model",
    "catalog",
    "graph",
    "detect",
    "typing",
    "baseline-ets",
    "baseline-lstm",
    "baseline-prophet",
    "learn",
    "risk",
    "rollback",
    "simulate",
    "lifecycle",
];

fn layer(name: &str) -> Option<(u8, &'static [&'static str])> {
    LAYERS
        .iter()
        .find(|(n, _, _)| *n == name)
        .map(|(_, l, extra)| (*l, *extra))
}

/// Normal dependencies (not those of tests) that are crates of ours.
fn our_dependencies(manifest: &str) -> Vec<String> {
    let normal = manifest.split("[dev-dependencies]").next().unwrap_or("");
    normal
        .lines()
        .filter_map(|l| l.strip_prefix("backstay-"))
        .filter_map(|l| l.split(['.', ' ', '=']).next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn dependencies_point_down() {
    let mut findings = Vec::new();
    let mut manifests = files("crates", "Cargo.toml");
    manifests.extend(files("bench/scoreboard", "Cargo.toml"));
    for path in manifests {
        let folder = path
            .parent()
            .and_then(|p| p.file_name())
            .map(|n| n.to_string_lossy().into_owned());
        let Some(name) = folder else { continue };
        let Some((mine, extra)) = layer(&name) else {
            findings.push(format!("{}: not in the table of layers", shown(&path)));
            continue;
        };
        for other in our_dependencies(&read(&path)) {
            let Some((theirs, _)) = layer(&other) else {
                continue;
            };
            // Layers 4 and 5 stand beside the pure rooms: they know the words, not the decisions.
            let adapter = (4..=5).contains(&mine) && (1..=3).contains(&theirs);
            let allowed = extra.contains(&other.as_str()) || (theirs < mine && !adapter);
            if !allowed {
                findings.push(format!(
                    "{name} (layer {mine}) must not know {other} (layer {theirs})"
                ));
            }
        }
    }
    none("dependencies point down the layers", &findings);
}

#[test]
fn pure_crates_carry_the_purity_lint() {
    let shared = read(&root().join("crates/model/clippy.toml"));
    let differing: Vec<String> = PURE
        .iter()
        .filter(|name| read(&root().join(format!("crates/{name}/clippy.toml"))) != shared)
        .map(|name| format!("crates/{name}/clippy.toml differs from crates/model/clippy.toml"))
        .collect();
    none("pure crates carry the same clippy.toml", &differing);
}

#[test]
fn pure_crates_depend_on_nothing_impure() {
    const IMPURE: &[&str] = &[
        "tokio",
        "tokio-postgres",
        "rusqlite",
        "notify",
        "rustls",
        "rand",
        "getrandom",
        "tracing",
        "crossterm",
    ];
    let mut findings = Vec::new();
    for name in PURE {
        let manifest = read(&root().join(format!("crates/{name}/Cargo.toml")));
        let normal = manifest.split("[dev-dependencies]").next().unwrap_or("");
        for line in normal.lines() {
            let dependency = line.split(['.', ' ', '=']).next().unwrap_or("");
            if IMPURE.contains(&dependency) {
                findings.push(format!("{name} depends on {dependency}"));
            }
        }
    }
    none("pure crates depend on nothing impure", &findings);
}
