//! Commands that answer from the record of a simulated story: one change kept, one rolled back, one
//! held; and the same record damaged.

use std::fs;

use backstay_guard::requests::LetterBox;

use crate::support::{Bench, Ran, Watched, copy};

/// The change set with this word in its line.
fn id_of(bench: &Bench, setting: &str) -> String {
    let list = bench.say("changes list --json").json();
    let sets = list["change_sets"].as_array().unwrap();
    let found = sets
        .iter()
        .find(|s| s["changes"][0]["setting"] == setting && s["state"] != "own_write");
    found.unwrap()["change_set"].as_str().unwrap().to_owned()
}

pub(crate) fn settled() -> Bench {
    let bench = Bench::new();
    drop(Watched::story(&bench));
    bench
}

#[test]
fn the_record_answers() {
    let bench = settled();
    changes(&bench);
    stories(&bench);
    plans(&bench);
    standing(&bench);
    snapshots(&bench);
    settings(&bench);
    replays(&bench);
}

fn changes(bench: &Bench) {
    let list = bench.say("changes list");
    assert_eq!(list.code, 0, "{}", list.err);
    for part in [
        "work_mem 4MB -> 8MB",
        "kept",
        "rolled back",
        "held",
        "own write",
        "fsync on -> off",
    ] {
        assert!(list.out.contains(part), "no {part} in\n{}", list.out);
    }
    assert_eq!(bench.say("changes list --most 1").out.lines().count(), 3);
    let unknown = bench.say("changes show C999");
    assert_eq!(unknown.code, 2);
    assert!(unknown.err.contains("the newest is C"), "{}", unknown.err);
    assert_eq!(bench.say("changes show seventeen").code, 2);
}

fn stories(bench: &Bench) {
    let bad = id_of(bench, "default_transaction_read_only");
    let told = bench.say(&format!("explain {bad}"));
    for part in [
        "rolled back",
        "ann",
        "OPS-77 freeze for the audit",
        "verdict: hurt",
        "risk ",
        "ALTER SYSTEM RESET default_transaction_read_only;",
        "recovery confirmed",
    ] {
        assert!(told.out.contains(part), "no {part} in\n{}", told.out);
    }
    // What was put back is not told as if it were in effect.
    assert!(told.out.contains("was in effect for "), "{}", told.out);
    assert!(told.out.contains("; put back to off"), "{}", told.out);
    let story = bench.say(&format!("changes show {bad} --json")).json();
    assert_eq!(story["state"], "rolled_back");
    assert_eq!(story["run_by"], "backstay");
    assert!(story["steps"].as_array().unwrap().len() >= 4);
    assert!(story["risk"]["factors"]["severity"].is_number());
    assert_eq!(story["plan"]["hash"].as_str().unwrap().len(), 64);
    let held = id_of(bench, "fsync");
    let told = bench.say(&format!("explain {held}"));
    assert!(
        told.out
            .contains("not rolled back: settings of class \"durability\""),
        "{}",
        told.out
    );
    let next = format!("backstay rollback approve {held}");
    assert!(told.out.contains(&next), "{}", told.out);
}

fn plans(bench: &Bench) {
    let held = id_of(bench, "fsync");
    let plan = bench.say(&format!("rollback plan {held}"));
    assert_eq!(plan.code, 0, "{}", plan.err);
    assert!(
        plan.out.contains("ALTER SYSTEM RESET fsync;"),
        "{}",
        plan.out
    );
    // No guard owns the directory any more.
    let alone = bench.say(&format!("rollback deny {held}"));
    assert_eq!(alone.code, 6);
    assert!(alone.err.contains("E-AGENT-NO-GUARD"));
    // The severe act names its flag.
    let severe = bench.say(&format!("rollback run {held}"));
    assert_eq!(severe.code, 2);
    assert!(severe.err.contains("--confirm "), "{}", severe.err);
    let wrong = bench.say(&format!("rollback run {held} --confirm elsewhere"));
    assert!(wrong.err.contains("not on elsewhere"), "{}", wrong.err);
}

fn standing(bench: &Bench) {
    let status = bench.say("status --json").json();
    assert_eq!(status["guard_running"], false);
    let target = &status["targets"][0];
    assert_eq!(target["mode"], "auto");
    assert_eq!(target["condition"], "up");
    assert_eq!(target["open"][0]["state"], "held");
    let page = bench.say("status");
    assert!(page.out.contains("did not stop in order"), "{}", page.out);
    let paused = bench.run(&["pause", "--why", "maintenance until six"]);
    assert_eq!(paused.code, 0, "{}", paused.err);
    let letters = LetterBox::of(&bench.state());
    assert!(letters.paused());
    assert_eq!(letters.paused_by(), "ann");
    let page = bench.say("status").out;
    assert!(page.contains("by ann: maintenance until six"), "{page}");
    assert_eq!(bench.say("resume").code, 0);
    assert!(!letters.paused());
    assert!(bench.say("resume").err.contains("it was not paused"));
}

fn snapshots(bench: &Bench) {
    let list = bench.say("snapshot list --json").json();
    let all = list["snapshots"].as_array().unwrap();
    assert!(all.len() >= 3);
    let id = |i: usize| all[i]["id"].as_str().unwrap();
    let oldest = all
        .iter()
        .min_by_key(|s| s["first_at"].as_str().unwrap().to_owned())
        .unwrap();
    let oldest = oldest["id"].as_str().unwrap();
    let diff = bench.say(&format!("snapshot diff {}", oldest.get(..8).unwrap()));
    assert!(diff.out.contains("~ work_mem"), "{}", diff.out);
    assert!(diff.out.contains("4MB -> 8MB"), "{}", diff.out);
    let export = bench.say(&format!("snapshot export {}", id(0))).json();
    assert_eq!(export["format_version"], "1.0");
    assert!(export["settings"].as_array().unwrap().len() > 3);
    assert!(bench.say("snapshot list").out.contains("known good since"));
    assert_eq!(bench.say("snapshot export zzzz").code, 2);
}

fn settings(bench: &Bench) {
    let sheet = bench.say("explain work_mem");
    for part in ["here", "last changes", "4MB -> 8MB", "ann", "kept; healthy"] {
        assert!(sheet.out.contains(part), "no {part} in\n{}", sheet.out);
    }
    // What hurt once makes the same change riskier.
    let fresh = Bench::new();
    let line = "simulate default_transaction_read_only=on --json";
    let before = fresh.say(line).json()["probability_of_harm"]
        .as_f64()
        .unwrap();
    let after = bench.say(line).json();
    assert!(after["probability_of_harm"].as_f64().unwrap() > before);
    assert_eq!(after["similar_changes"][0]["outcome"], "harm");
}

fn replays(bench: &Bench) {
    bench.file("same.toml", "[policy]\nmode = \"auto\"\n");
    bench.file("watcher.toml", "[policy]\nmode = \"observe\"\n");
    let same = bench.say("replay --policy same.toml --json").json();
    assert_eq!(same["differ"], 0, "{same}");
    let stricter = bench.say("replay --policy watcher.toml --json").json();
    let decisions = stricter["decisions"].as_array().unwrap();
    let bad = decisions.iter().find(|d| d["was"] == "roll back").unwrap();
    assert_eq!(
        bad["would_be"],
        "hold: observe mode: Backstay does not write here"
    );
    let page = bench.say("replay --policy watcher.toml").out;
    assert!(page.contains("would be decided differently"), "{page}");
}

#[test]
fn a_good_journal_is_verified_and_a_bad_entry_is_named() {
    let bench = settled();
    let good = bench.say("audit verify");
    assert_eq!(good.code, 0, "{}", good.err);
    assert!(
        good.out.starts_with("ok: ") && good.out.contains("head "),
        "{}",
        good.out
    );
    let head = bench.say("audit verify --json").json()["head"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(bench.say(&format!("audit verify --head #{head}")).code, 0);

    let export = bench.say("audit export");
    assert_eq!(export.code, 0);
    let lines: Vec<&str> = export.out.lines().collect();
    let verify = |name: &str, text: &str| -> Ran {
        bench.file(name, text);
        bench.say(&format!("audit verify {name}"))
    };
    assert_eq!(verify("good.jsonl", &export.out).code, 0);

    let altered = export.out.replacen("OPS-76", "OPS-99", 1);
    let ran = verify("altered.jsonl", &altered);
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains("its content was altered") && ran.err.contains("E-AUDIT-BROKEN"),
        "{}",
        ran.err
    );

    let gap = [&lines[..4], &lines[5..]].concat().join("\n");
    let ran = verify("gap.jsonl", &gap);
    assert!(
        ran.err.contains("entry 5 is bad: it is missing"),
        "{}",
        ran.err
    );

    let cut = lines[..lines.len() - 1].join("\n");
    bench.file("cut.jsonl", &cut);
    let ran = bench.say(&format!("audit verify cut.jsonl --head {head}"));
    assert!(
        ran.err.contains(&format!("entry {} is bad", lines.len())),
        "{}",
        ran.err
    );
    let json = bench.say("audit verify gap.jsonl --json");
    assert_eq!(json.json()["first_bad"]["entry"], 5);
}

#[test]
fn a_journal_file_that_was_cut_or_scribbled_on_is_told() {
    let bench = settled();
    let file = bench.state().join("journal.db");
    let size = fs::metadata(&file).unwrap().len();
    for (name, damage) in [("half", size / 2), ("cut", size / 16 * 15), ("short", 100)] {
        let copied = bench.path(name);
        copy(&bench.state(), &copied);
        let db = fs::OpenOptions::new()
            .write(true)
            .open(copied.join("journal.db"))
            .unwrap();
        db.set_len(damage).unwrap();
        for beside in ["journal.db-wal", "journal.db-shm"] {
            if copied.join(beside).exists() {
                fs::remove_file(copied.join(beside)).unwrap();
            }
        }
        let ran = bench.say(&format!("audit verify {name}"));
        assert_eq!(ran.code, 1, "{name}: {}{}", ran.out, ran.err);
        assert!(ran.err.contains("E-AUDIT-BROKEN"), "{name}: {}", ran.err);
        assert!(ran.err.contains("audit set-aside"), "{name}: {}", ran.err);
        assert!(!ran.err.contains("`backstay audit verify`"), "{}", ran.err);
    }
    // What was cut off does not hide what is left: it is named, and exported.
    let told = bench.say("audit verify cut").err;
    let good = told
        .split_once("entries 1–")
        .and_then(|(_, rest)| rest.split_once(" are good; what follows cannot be read"));
    let good: usize = good.unwrap_or_else(|| panic!("{told}")).0.parse().unwrap();
    let export = bench.say("audit export cut");
    assert_eq!((export.code, export.out.lines().count()), (1, good));
    assert!(
        export.err.contains("the export ends there"),
        "{}",
        export.err
    );
    bench.file("left.jsonl", &export.out);
    assert_eq!(bench.say("audit verify left.jsonl").code, 0);
}

#[test]
fn an_altered_entry_is_not_exported_and_readers_are_warned() {
    let bench = settled();
    let listed = bench.say("changes list");
    assert_eq!(listed.err, "");
    let whole = bench.say("audit export").out;
    let before = whole.lines().take_while(|line| !line.contains("OPS-77"));
    let before = before.count();
    let seq = before + 1;
    let file = bench.state().join("journal.db");
    let mut bytes = fs::read(&file).unwrap();
    while let Some(at) = bytes.windows(6).position(|part| part == b"OPS-77") {
        bytes[at..at + 6].copy_from_slice(b"OPS-99");
    }
    fs::write(&file, bytes).unwrap();

    let export = bench.say("audit export");
    assert_eq!(export.code, 1);
    assert_eq!(export.out.lines().count(), before);
    assert!(!export.out.contains("OPS-99"));
    for part in [
        format!("entry {seq} is bad: its content was altered"),
        format!("{before} good entries"),
    ] {
        assert!(export.err.contains(&part), "{}", export.err);
    }
    for line in ["changes list", "explain work_mem", "status"] {
        let ran = bench.say(line);
        let warning = format!("warning: the journal was altered at entry {seq}");
        assert_eq!(ran.err.matches(&warning).count(), 1, "{line}: {}", ran.err);
        assert_eq!(ran.code, 0, "{line}");
    }
}

#[test]
fn a_state_directory_of_a_newer_format_is_refused_untouched() {
    let bench = settled();
    let file = bench.state().join("journal.db");
    let mut bytes = fs::read(&file).unwrap();
    // SQLite's user version, which holds our format: four bytes, big end first, at offset 60.
    bytes[60..64].copy_from_slice(&99_u32.to_be_bytes());
    fs::write(&file, &bytes).unwrap();
    let ran = bench.say("changes list");
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("E-STORE-NEWER-FORMAT"), "{}", ran.err);
    assert_eq!(fs::read(&file).unwrap(), bytes);
}

/// Runs the binary while the guard goes on, hands over its letters, and returns what it said.
pub(crate) fn with_guard(bench: &Bench, watched: &mut Watched, line: &str) -> Ran {
    let words: Vec<&str> = line.split_whitespace().collect();
    let letters = LetterBox::of(&bench.state());
    let (send, received) = std::sync::mpsc::channel();
    let mut command = bench.command(&words);
    std::thread::scope(|scope| {
        scope.spawn(move || send.send(command.output().unwrap()).unwrap());
        loop {
            for letter in letters.take() {
                watched.lockstep.ask(&letter.by, letter.request);
                watched.second();
                watched.second();
            }
            match received.recv_timeout(std::time::Duration::from_millis(5)) {
                Ok(output) => {
                    return Ran {
                        code: output.status.code().unwrap_or(-1),
                        out: String::from_utf8_lossy(&output.stdout).into_owned(),
                        err: String::from_utf8_lossy(&output.stderr).into_owned(),
                    };
                }
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
                Err(gone) => panic!("{gone}"),
            }
        }
    })
}

#[test]
fn a_person_approves_the_plan_that_was_shown() {
    let bench = Bench::new();
    let mut watched = Watched::story(&bench);
    let held = id_of(&bench, "fsync");
    let status = bench.say("status --json").json();
    assert_eq!(status["guard_running"], true);
    let busy = bench.say("snapshot create postgresql://x@127.0.0.1:1/elsewhere");
    assert_eq!(busy.code, 5, "{}", busy.err);
    let approved = with_guard(&bench, &mut watched, &format!("rollback approve {held}"));
    assert_eq!(approved.code, 0, "{}{}", approved.out, approved.err);
    assert_eq!(approved.out, format!("{held} rolled back and read back\n"));
    let again = with_guard(&bench, &mut watched, &format!("rollback approve {held}"));
    assert_eq!(again.code, 7, "{}{}", again.out, again.err);
    assert!(again.err.contains("was refused"), "{}", again.err);
    let story = bench.say(&format!("changes show {held}"));
    assert!(story.out.contains("approve"), "{}", story.out);
}

#[test]
fn a_person_denies_and_the_change_stays() {
    let bench = Bench::new();
    let mut watched = Watched::story(&bench);
    let held = id_of(&bench, "fsync");
    let denied = with_guard(&bench, &mut watched, &format!("rollback deny {held}"));
    assert_eq!(
        denied.out,
        format!("{held} denied; the change stays\n"),
        "{}",
        denied.err
    );
    assert!(bench.say("changes list").out.contains("kept"));
    let story = bench.say(&format!("explain {held}"));
    assert!(story.out.contains("kept by ann"), "{}", story.out);
}

#[test]
fn nothing_is_approved_while_paused() {
    let bench = Bench::new();
    let watched = Watched::story(&bench);
    let held = id_of(&bench, "fsync");
    assert_eq!(bench.say("pause").code, 0);
    let ran = bench.say(&format!("rollback approve {held}"));
    assert_eq!(ran.code, 7);
    assert!(ran.err.contains("Backstay is paused by ann") && ran.err.contains("backstay resume"));
    drop(watched);
}
