//! What source files look like.

use super::{files, none, read, shown};

const FILE_LINES_MAX: usize = 500;

/// Rust sources of the product; test files and benches have their own measure.
fn sources() -> Vec<std::path::PathBuf> {
    let mut all = files("crates", ".rs");
    all.extend(files("bench/scoreboard", ".rs"));
    all.extend(files("xtask/src", ".rs"));
    all
}

fn test_file(path: &str) -> bool {
    path.ends_with("tests.rs") || path.contains("/tests/")
}

/// Lines before an inline test module.
fn lines_without_tests(text: &str) -> usize {
    let code = text
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or(text);
    code.lines().count()
}

#[test]
fn files_fit_on_a_few_screens() {
    let long: Vec<String> = sources()
        .iter()
        .map(|p| (shown(p), read(p)))
        .filter(|(path, _)| !test_file(path))
        .map(|(path, text)| (path, lines_without_tests(&text)))
        .filter(|(_, lines)| *lines > FILE_LINES_MAX)
        .map(|(path, lines)| format!("{path}: {lines} lines, at most {FILE_LINES_MAX}"))
        .collect();
    none("a file that grows past 500 lines wants to be two", &long);
}

#[test]
fn no_mod_rs() {
    let found: Vec<String> = files("crates", "/mod.rs")
        .iter()
        .map(|p| shown(p))
        .collect();
    none("modules are foo.rs + foo/, not mod.rs", &found);
}

#[test]
fn errors_have_words_of_their_own() {
    const BANNED: &[(&str, &str)] = &[
        ("#[error(\"{0}\")]", "an error passes another's words on"),
        ("#[error(transparent)]", "an error hides behind another"),
        ("pub enum Error ", "an enum called plain Error"),
    ];
    let mut findings = Vec::new();
    for path in files("crates", ".rs") {
        let text = read(&path);
        for (form, why) in BANNED {
            if text.contains(form) {
                findings.push(format!("{}: {why}: `{form}`", shown(&path)));
            }
        }
    }
    for path in files("crates", ".rs") {
        let prints = |line: &&str| line.contains("#[error(") && line.contains("{source}");
        if let Some(line) = read(&path).lines().find(prints) {
            findings.push(format!(
                "{}: a message prints its source: {line}",
                shown(&path)
            ));
        }
    }
    none("errors name the operation that failed", &findings);
}

#[test]
fn nothing_waits_by_sleeping_in_tests() {
    let mut findings = Vec::new();
    for path in sources().into_iter().chain(files("e2e", ".rs")) {
        let name = shown(&path);
        if !test_file(&name) && !name.starts_with("e2e") || name.contains("tidy") {
            continue;
        }
        if read(&path).contains("thread::sleep") {
            findings.push(name);
        }
    }
    none("no sleeps for synchronisation", &findings);
}

#[test]
fn every_test_file_is_declared() {
    let mut findings = Vec::new();
    for path in files("crates", "tests.rs") {
        let module = path.with_extension("");
        let owner = module
            .parent()
            .map(|p| p.with_extension("rs"))
            .unwrap_or_default();
        let lib = module
            .parent()
            .map(|p| p.join("lib.rs"))
            .unwrap_or_default();
        let declared = [owner, lib].iter().any(|f| read(f).contains("mod tests;"));
        if !declared && !shown(&path).contains("/tests/") {
            findings.push(shown(&path));
        }
    }
    none("a tests.rs that no module declares is never run", &findings);
}

#[test]
fn nothing_belongs_to_one_machine() {
    let needles = [
        ["/ho", "me/"].concat(),
        ["/wo", "rk/"].concat(),
        ["/ro", "ot/"].concat(),
    ];
    let mut findings = Vec::new();
    let mut all = sources();
    for (folder, ending) in [
        ("docs", ".md"),
        ("e2e", ".rs"),
        ("bench", ".rs"),
        ("fixtures", ".toml"),
    ] {
        all.extend(files(folder, ending));
    }
    for path in all {
        let text = read(&path);
        for needle in &needles {
            if text.contains(needle.as_str()) {
                findings.push(format!("{}: {needle}", shown(&path)));
            }
        }
    }
    none("no machine's absolute path", &findings);
}
