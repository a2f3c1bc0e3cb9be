//! Names: whether they can be names, and whether what they name is always there.

use std::net::IpAddr;

use super::{EmptyLocale, Judgement, NAME_LEN_MAX, list};

const IDENTIFIERS: &str =
    "it takes a list of names with commas between; names with spaces in double quotes";
const SLOTS: &str = "it takes a list of replication slots: lower-case letters, digits and _";
const SLOT: &str = "it takes a replication slot: lower-case letters, digits and _, 63 at most";
const ACCESS_METHOD: &str = "it must not be empty";
const PATHS: &str = "it takes a list with commas between, and nothing after the last";
const ADDRESSES: &str = "it takes a list of addresses or host names with commas between";
const LOCALE: &str = "it must not be empty; C is always there";
const FUNCTIONS: &str = "it takes names of C functions: letters, digits, _, commas and spaces";

/// Addresses that every host answers under.
const EVERYWHERE: [&str; 4] = ["*", "0.0.0.0", "127.0.0.1", "localhost"];
/// Libraries that come with the server itself.
const LIBRARIES: [&str; 7] = [
    "auto_explain",
    "pg_stat_statements",
    "pg_prewarm",
    "auth_delay",
    "passwordcheck",
    "basic_archive",
    "llvmjit",
];

pub(super) fn identifiers(text: &str) -> Judgement {
    Judgement::read(list::identifiers(text).map(|_| ()), IDENTIFIERS)
}

pub(super) fn slot_names(text: &str) -> Judgement {
    match list::identifiers(text) {
        Some(items) if items.is_empty() => Judgement::Taken,
        Some(items) if items.iter().all(|i| slot(i)) => {
            Judgement::undecided("whether there are such replication slots")
        }
        _ => Judgement::refused(SLOTS),
    }
}

pub(super) fn slot_name(text: &str) -> Judgement {
    let short = text.len() <= NAME_LEN_MAX;
    let read = text.is_empty() || (short && slot(text));
    Judgement::read(read.then_some(()), SLOT)
}

fn slot(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    !name.is_empty() && name.bytes().all(allowed)
}

pub(super) fn tablespaces(text: &str) -> Judgement {
    let usual = |name: &String| matches!(name.as_str(), "" | "pg_default");
    match list::identifiers(text) {
        None => Judgement::refused(IDENTIFIERS),
        Some(items) if items.iter().all(usual) => Judgement::Taken,
        Some(_) => Judgement::undecided("whether there are such tablespaces"),
    }
}

/// A name of something in the databases: a file may say any, a statement only one that is there.
pub(super) fn object(text: &str, known: &[&str], what: &'static str) -> Judgement {
    let name = text.strip_prefix("pg_catalog.").unwrap_or(text);
    match known.contains(&name) {
        true => Judgement::Taken,
        false => Judgement::Undecided(format!("whether it is {what}").into()),
    }
}

pub(super) fn access_method(text: &str) -> Judgement {
    match text {
        "" => Judgement::refused(ACCESS_METHOD),
        "heap" => Judgement::Taken,
        _ => Judgement::undecided("whether the databases have such an access method"),
    }
}

/// One address at which it can listen is enough for a server to start.
pub(super) fn addresses(text: &str) -> Judgement {
    let Some(items) = list::identifiers(text) else {
        return Judgement::refused(ADDRESSES);
    };
    let everywhere = |i: &String| EVERYWHERE.contains(&i.as_str());
    if items.is_empty() || items.iter().any(everywhere) {
        return Judgement::Taken;
    }
    if items.iter().any(|i| i.parse::<IpAddr>().is_ok()) {
        Judgement::undecided("whether the server's host has this address")
    } else {
        Judgement::undecided("whether a name service knows this name as one of the server's host")
    }
}

pub(super) fn sockets(text: &str) -> Judgement {
    match list::directories(text) {
        None => Judgement::refused(PATHS),
        Some(items) if items.iter().all(|i| i == "/tmp") => Judgement::Taken,
        Some(_) => Judgement::undecided("whether the server can write to such folders"),
    }
}

pub(super) fn group(text: &str) -> Judgement {
    match text {
        "" => Judgement::Taken,
        _ => Judgement::undecided("whether the server's host has such a group"),
    }
}

/// The server starts with a list that it cannot part, and loads nothing of it.
pub(super) fn libraries(text: &str) -> Judgement {
    let items = list::directories(text).unwrap_or_default();
    let known = |i: &String| LIBRARIES.contains(&i.trim_start_matches("$libdir/"));
    match items.iter().find(|i| !known(i)) {
        None => Judgement::Taken,
        Some(strange) => {
            Judgement::Undecided(format!("whether the library {strange} is installed").into())
        }
    }
}

/// The server looks for them in a folder of their own, which is empty as it comes.
pub(super) fn plugins(text: &str) -> Judgement {
    match list::directories(text).unwrap_or_default().as_slice() {
        [] => Judgement::Taken,
        _ => Judgement::undecided("whether these libraries are installed for everybody"),
    }
}

pub(super) fn locale(text: &str, empty: EmptyLocale) -> Judgement {
    match (text, empty) {
        ("C" | "POSIX", _) => Judgement::Taken,
        ("", EmptyLocale::Refused) => Judgement::refused(LOCALE),
        ("", EmptyLocale::Environment) => {
            Judgement::undecided("which locale the server's environment names")
        }
        _ => Judgement::undecided("whether the server's host has this locale"),
    }
}

pub(super) fn functions(text: &str) -> Judgement {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ',' | ' ' | '\n' | '\t');
    Judgement::read(text.chars().all(allowed).then_some(()), FUNCTIONS)
}
