//! Lists of words that the server knows.

use super::{Judgement, list};

const DATE_STYLES: &str =
    "it takes one of ISO, SQL, Postgres, German and one of MDY, DMY, YMD, with a comma between";
const LOGS: &str = "it takes a list of stderr, csvlog, syslog";
const LOGS_JSON: &str = "it takes a list of stderr, csvlog, jsonlog, syslog";
const CONNECTIONS: &str = "it takes a list of receipt, authentication, authorization, setup_durations, all; or on, off alone";
const RESOURCES: &str = "it takes all, or a list of resource managers such as heap, btree, gin";

/// First version that writes its log as JSON.
const JSON_LOG_SINCE: u32 = 15;
/// First version in which a library may bring a resource manager of its own.
const CUSTOM_RESOURCES_SINCE: u32 = 15;

/// Resource managers whose records can be compared.
const COMPARED: [&str; 11] = [
    "all", "heap2", "heap", "btree", "hash", "gin", "gist", "sequence", "spgist", "brin", "generic",
];
/// Resource managers whose records cannot.
const NOT_COMPARED: [&str; 12] = [
    "xlog",
    "transaction",
    "storage",
    "clog",
    "database",
    "tablespace",
    "multixact",
    "relmap",
    "standby",
    "committs",
    "replicationorigin",
    "logicalmessage",
];

/// Text search configurations that every database has.
pub(super) const SEARCH_CONFIGURATIONS: &[&str] = &[
    "simple",
    "arabic",
    "armenian",
    "basque",
    "catalan",
    "danish",
    "dutch",
    "english",
    "finnish",
    "french",
    "german",
    "greek",
    "hindi",
    "hungarian",
    "indonesian",
    "irish",
    "italian",
    "lithuanian",
    "nepali",
    "norwegian",
    "portuguese",
    "romanian",
    "russian",
    "serbian",
    "spanish",
    "swedish",
    "tamil",
    "turkish",
    "yiddish",
];

/// A list of `allowed` words, in any case.
pub(super) fn only(text: &str, allowed: &[&str], takes: &'static str) -> Judgement {
    let known = |item: &String| among(item, allowed);
    let items = list::identifiers(text).filter(|items| items.iter().all(known));
    Judgement::read(items.map(|_| ()), takes)
}

fn among(word: &str, words: &[&str]) -> bool {
    words.iter().any(|w| w.eq_ignore_ascii_case(word))
}

/// At most one style and one order; the same one may be said twice.
pub(super) fn date_style(text: &str) -> Judgement {
    Judgement::read(date_words(text), DATE_STYLES)
}

fn date_words(text: &str) -> Option<()> {
    let (mut style, mut order) = (None, None);
    for word in list::identifiers(text)? {
        let word = word.to_ascii_lowercase();
        let (place, said) = match word.as_str() {
            "iso" | "sql" | "german" => (&mut style, word.as_str()),
            "ymd" | "dmy" | "mdy" => (&mut order, word.as_str()),
            "us" => (&mut order, "mdy"),
            "default" => continue,
            // Only their beginnings are read.
            _ if word.starts_with("postgres") => (&mut style, "postgres"),
            _ if word.starts_with("euro") => (&mut order, "dmy"),
            _ if word.starts_with("noneuro") => (&mut order, "mdy"),
            _ => return None,
        };
        if place.as_deref().is_some_and(|before| before != said) {
            return None;
        }
        *place = Some(said.to_owned());
    }
    Some(())
}

pub(super) fn log_destination(text: &str, major: u32) -> Judgement {
    let json = major >= JSON_LOG_SINCE;
    let takes = if json { LOGS_JSON } else { LOGS };
    let known = |item: &str| {
        among(item, &["stderr", "csvlog", "syslog"]) || (json && among(item, &["jsonlog"]))
    };
    let Some(items) = list::identifiers(text) else {
        return Judgement::refused(takes);
    };
    let strange: Vec<&String> = items.iter().filter(|i| !known(i)).collect();
    match strange.as_slice() {
        [] => Judgement::Taken,
        only if only.iter().all(|i| among(i, &["eventlog"])) => {
            Judgement::undecided("a server on Windows takes eventlog, no other does")
        }
        _ => Judgement::refused(takes),
    }
}

/// On and off of earlier versions in full, and alone.
pub(super) fn log_connections(text: &str) -> Judgement {
    let switches = ["on", "off", "true", "false", "yes", "no", "1", "0"];
    let parts = [
        "receipt",
        "authentication",
        "authorization",
        "setup_durations",
        "all",
    ];
    let read = match list::identifiers(text).as_deref() {
        None => None,
        Some([one]) if among(one, &switches) => Some(()),
        Some(items) => items.iter().all(|i| among(i, &parts)).then_some(()),
    };
    Judgement::read(read, CONNECTIONS)
}

pub(super) fn wal_consistency(text: &str, major: u32) -> Judgement {
    let Some(items) = list::identifiers(text) else {
        return Judgement::refused(RESOURCES);
    };
    let strange: Vec<&String> = items.iter().filter(|i| !among(i, &COMPARED)).collect();
    if strange.is_empty() {
        return Judgement::Taken;
    }
    let may_be_custom = |i: &&String| major >= CUSTOM_RESOURCES_SINCE && !among(i, &NOT_COMPARED);
    if strange.iter().all(may_be_custom) {
        Judgement::undecided("a resource manager that a library would have to bring")
    } else {
        Judgement::refused(RESOURCES)
    }
}
