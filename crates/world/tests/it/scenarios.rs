//! Every scenario file is played, and what it expects must come.

use std::fs;
use std::path::{Path, PathBuf};

use backstay_world::check;

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/scenarios");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the folder of the scenarios is beside the crates")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "scenario"))
        .collect();
    files.sort();
    files
}

#[test]
fn every_scenario_comes_as_expected() {
    let files = files();
    assert!(files.len() >= 12);
    let mut failed = String::new();
    for path in files {
        let told = check(&fs::read_to_string(&path).unwrap());
        if told.contains("NOT AS EXPECTED") || !told.contains("as expected") {
            failed += &format!("{}\n{told}\n\n", path.display());
        }
    }
    assert!(failed.is_empty(), "{failed}");
}
