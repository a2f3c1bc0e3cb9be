//! Documents name only what exists.

use std::collections::BTreeSet;

use super::{files, none, read};
use crate::run::root;

/// Words in backticks that are neither paths nor commands are identifiers of the code.
fn identifiers(text: &str) -> BTreeSet<String> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter(|w| {
            !w.is_empty() && !w.contains([' ', '\n', '/', '-', '.', '=', '*', '<', '$', '…'])
        })
        .map(|w| {
            w.trim_end_matches("()")
                .rsplit("::")
                .next()
                .unwrap_or(w)
                .to_owned()
        })
        .filter(|w| w.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
        .collect()
}

#[test]
fn architecture_names_only_what_exists() {
    let map = read(&root().join("ARCHITECTURE.md"));
    let code: String = ["crates", "xtask", "bench", "e2e"]
        .iter()
        .flat_map(|f| [files(f, ".rs"), files(f, ".toml")].concat())
        .map(|p| read(&p))
        .collect();
    let folders: BTreeSet<String> = std::fs::read_dir(root().join("crates"))
        .map(|d| {
            d.flatten()
                .map(|e| e.file_name().to_string_lossy().into_owned())
                .collect()
        })
        .unwrap_or_default();
    let dead: Vec<String> = identifiers(&map)
        .into_iter()
        .filter(|word| !folders.contains(word) && !code.contains(word.as_str()))
        .collect();
    none("ARCHITECTURE.md names only what exists", &dead);
}

#[test]
fn architecture_is_short() {
    let lines = read(&root().join("ARCHITECTURE.md")).lines().count();
    assert!(
        (1..=200).contains(&lines),
        "ARCHITECTURE.md has {lines} lines; 1 to 200 are wanted"
    );
}

#[test]
fn the_readme_says_how_to_begin() {
    let readme = read(&root().join("README.md"));
    for command in ["cargo xtask demo", "cargo xtask test"] {
        assert!(
            readme.contains(command),
            "README.md does not say `{command}`"
        );
    }
}
