//! What PostgreSQL accepts in silence: every contradiction of `fixtures/silent/trials.toml` is a rule that
//! `backstay check` knows, and is tried on a real server again, which must still say what `docs/silent.md`
//! says it does.
//!
//! `BACKSTAY_SILENT=all` (or `14,16`) tries it on every version there is; `BACKSTAY_RENEW_DOCS=1` writes what came of
//! it into the fixtures and the page.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use backstay_catalog::{Candidate, Pack, Quantity, check, pack, parse_conf};
use backstay_model::name::EngineKind;
use backstay_scratch::postgres::{Bare, BareEnd, Binaries, DataDir};
use serde::{Deserialize, Serialize};

use crate::say::say;
use crate::turn::{MyTurn, Turn};

mod page;

/// Versions that are tried when all are wanted.
const MAJORS: [u32; 5] = [14, 15, 16, 17, 18];
/// Starts without any contradiction whose words are nothing to tell: more than one, because a server
/// does not say the same each time.
const CALM_STARTS: usize = 3;
/// Words of a message by which it is known again.
const WORDS_KEPT: usize = 5;

/// `fixtures/silent/trials.toml`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Trials {
    trials: Vec<Trial>,
}

/// A contradiction to try.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trial {
    /// The rule that it breaks.
    pub(crate) rule: String,
    /// Lines of configuration.
    pub(crate) conf: Vec<String>,
    /// Facts of the host that the rule needs: `memory=24GB`.
    #[serde(default)]
    pub(crate) host: Vec<String>,
    /// Beginnings of messages that the settings bring whatever else is set.
    #[serde(default)]
    expects: Vec<String>,
}

/// What a server did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// It started, let a session in, stopped, and said nothing about it.
    Silent,
    /// The same, but it said something.
    Logged,
    /// It started and let nobody in.
    Closed,
    /// It did not start.
    Rejected,
}

/// `fixtures/silent/verdicts.json`: made by trying.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Verdicts {
    /// The exact version behind each major version.
    pub(crate) servers: BTreeMap<u32, String>,
    /// By rule and major version.
    pub(crate) verdicts: BTreeMap<String, BTreeMap<u32, Verdict>>,
}

fn place(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

pub(crate) fn trials() -> Vec<Trial> {
    let text = fs::read_to_string(place("fixtures/silent/trials.toml")).unwrap();
    toml::from_str::<Trials>(&text).unwrap().trials
}

fn recorded() -> Verdicts {
    let text = fs::read_to_string(place("fixtures/silent/verdicts.json")).unwrap_or_default();
    if text.is_empty() {
        Verdicts::default()
    } else {
        serde_json::from_str(&text).unwrap()
    }
}

pub(crate) fn knowledge(major: u32) -> &'static Pack {
    pack(EngineKind::Postgresql, major).unwrap().pack
}

fn host_fact(text: &str) -> (String, Quantity) {
    let (name, value) = text.split_once('=').unwrap();
    let quantity = match name {
        "memory" | "disk_free" => Quantity::parse_bytes(value).unwrap(),
        _ => Quantity::Count(value.parse().unwrap()),
    };
    (name.to_owned(), quantity)
}

/// Whether `check` finds the rule broken by the trial.
fn caught(trial: &Trial, pack: &'static Pack) -> Result<(), String> {
    let (lines, notes) = parse_conf(&trial.conf.join("\n"));
    if !notes.is_empty() {
        return Err(format!("{notes:?}"));
    }
    let (mut candidate, errors) = Candidate::new(pack).with_conf(&lines);
    // What the pack's ranges refuse is caught before any rule.
    if !errors.is_empty() {
        return Err(format!("{errors:?}"));
    }
    for (fact, quantity) in trial.host.iter().map(|t| host_fact(t)) {
        candidate = candidate.with_host(&fact, quantity);
    }
    let report = check(pack, &candidate);
    let broken = |id: &str| report.violations.iter().any(|v| v.constraint.id == id);
    if broken(&trial.rule) {
        return Ok(());
    }
    let all: Vec<&str> = report
        .violations
        .iter()
        .map(|v| v.constraint.id.as_str())
        .collect();
    Err(format!("only {all:?} are found broken"))
}

#[test]
fn check_catches_every_contradiction() {
    let mut missed = Vec::new();
    for trial in trials() {
        let majors = MAJORS.map(knowledge);
        let knowing = majors.iter().filter(|p| p.rule(&trial.rule).is_some());
        let mut known = false;
        for pack in knowing {
            known = true;
            if let Err(why) = caught(&trial, pack) {
                missed.push(format!("{} in {}: {why}", trial.rule, pack.major));
            }
        }
        if !known {
            missed.push(format!("{}: no pack has such a rule", trial.rule));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// The severity of a rule is what the newest server did, not what somebody believed.
#[test]
fn severities_are_what_servers_did() {
    let recorded = recorded();
    let mut wrong = Vec::new();
    for (rule, by_major) in &recorded.verdicts {
        for (major, verdict) in by_major {
            let Some(constraint) = knowledge(*major).constraint(rule) else {
                continue;
            };
            let word = constraint.severity.word();
            let fits = match verdict {
                Verdict::Silent => matches!(word, "silent" | "clamp" | "advice"),
                Verdict::Logged | Verdict::Closed => matches!(word, "warn" | "silent" | "reject"),
                Verdict::Rejected => word == "reject",
            };
            if !fits {
                wrong.push(format!("{rule} in {major}: {word}, but {verdict:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_page_says_what_was_tried() {
    let text = page::text(&trials(), &recorded());
    let path = place("docs/silent.md");
    let written = fs::read_to_string(&path).unwrap_or_default();
    if std::env::var_os("BACKSTAY_RENEW_DOCS").is_some() {
        fs::write(&path, text).unwrap();
    } else {
        assert_eq!(
            written, text,
            "docs/silent.md is old: BACKSTAY_RENEW_DOCS=1 renews it"
        );
    }
}

#[tokio::test]
async fn servers_still_do_what_the_page_says() {
    let _turn = MyTurn::comes(Turn::Beside).await;
    let asked = std::env::var("BACKSTAY_SILENT").unwrap_or_default();
    let wanted: Vec<u32> = match asked.as_str() {
        "" => vec![18],
        "all" => MAJORS.to_vec(),
        majors => majors.split(',').map(|m| m.parse().unwrap()).collect(),
    };
    let mut verdicts = recorded();
    let mut moved = Vec::new();
    for major in &wanted {
        let Ok(binaries) = Binaries::find_major(*major) else {
            say(&format!(
                "SKIPPED: no PostgreSQL {major} to try contradictions on; `cargo xtask setup` installs it"
            ));
            continue;
        };
        let found = tried(&binaries).await;
        for (rule, verdict, said) in found {
            let by_major = verdicts.verdicts.entry(rule.clone()).or_default();
            let before = by_major.insert(*major, verdict);
            if before != Some(verdict) {
                let version = &binaries.version;
                moved.push(format!(
                    "{rule} on {version}: {verdict:?}, was {before:?} {said:?}"
                ));
            }
        }
        verdicts.servers.insert(*major, binaries.version);
    }
    if std::env::var_os("BACKSTAY_RENEW_DOCS").is_some() {
        let text = serde_json::to_string_pretty(&verdicts).unwrap();
        fs::write(place("fixtures/silent/verdicts.json"), text + "\n").unwrap();
        fs::write(place("docs/silent.md"), page::text(&trials(), &verdicts)).unwrap();
        println!("{}", moved.join("\n"));
    } else {
        assert!(moved.is_empty(), "{}", moved.join("\n"));
    }
}

/// Every trial whose rule holds in this version, on one data directory.
async fn tried(binaries: &Binaries) -> Vec<(String, Verdict, Vec<String>)> {
    let pack = knowledge(binaries.major);
    let dir = DataDir::create(binaries).unwrap();
    let mut calm = Vec::new();
    for _ in 0..CALM_STARTS {
        let bare = dir.bare_start("").await.unwrap();
        assert_eq!(bare.end, BareEnd::Stood, "{:?}", bare.said);
        calm.extend(heads(&bare));
    }
    let mut found = Vec::new();
    for trial in trials() {
        if pack.rule(&trial.rule).is_none() {
            continue;
        }
        let bare = dir.bare_start(&trial.conf.join("\n")).await.unwrap();
        let told: Vec<String> = heads(&bare)
            .into_iter()
            .filter(|h| trial.tells(h, &calm))
            .collect();
        found.push((trial.rule.clone(), verdict(&trial, &bare, &told), told));
    }
    found
}

impl Trial {
    /// Whether a message is about the contradiction.
    fn tells(&self, head: &String, calm: &[String]) -> bool {
        !calm.contains(head) && !self.expects.iter().any(|e| head.contains(e.as_str()))
    }
}

fn verdict(trial: &Trial, bare: &Bare, told: &[String]) -> Verdict {
    match bare.end {
        BareEnd::Stood if !told.is_empty() => Verdict::Logged,
        BareEnd::Stood => Verdict::Silent,
        BareEnd::Closed => Verdict::Closed,
        BareEnd::Fell => Verdict::Rejected,
        BareEnd::Late => panic!("{}: the server was not ready in time", trial.rule),
    }
}

/// What was said, without what differs from start to start.
fn heads(bare: &Bare) -> Vec<String> {
    let head = |message: &str| {
        let words = message.split_whitespace().take(WORDS_KEPT);
        let words = words.filter(|w| !w.chars().any(|c| c.is_ascii_digit()));
        words.collect::<Vec<_>>().join(" ")
    };
    // How much a checkpoint wrote differs each time, and whether our own session was gone before the stop.
    let passing = [
        "checkpoint ",
        "terminating connection due to administrator",
        "could not send data to client",
    ];
    let told = |message: &str| !passing.iter().any(|p| message.starts_with(p));
    let said = bare.said.iter().filter(|l| told(&l.message));
    said.map(|l| format!("{}: {}", l.severity, head(&l.message)))
        .collect()
}
