//! Sources of labelled examples: documentation as entries, and what is known about the settings in it.

use std::collections::BTreeMap;
use std::path::Path;

use backstay_typing::sentence::Names;
use backstay_typing::setting::{Dimension, Kind, Setting};

use crate::html::{self, Block, DocsError, MARK};
use crate::text::passage::{Passage, passages, setting_of};

/// Documentation of one engine.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// `postgresql`, `mariadb`, `redis`.
    pub(crate) engine: &'static str,
    /// Every spelling of every name.
    pub(crate) names: Names,
    /// The settings by canonical name.
    pub(crate) settings: BTreeMap<String, Setting>,
    /// The sentences, in the order of the documentation.
    pub(crate) passages: Vec<Passage>,
}

/// Facts of the settings of PostgreSQL 15: the labels stand on its documentation.
const FACTS: &str = include_str!("../../../../catalog/packs/postgresql/15/settings.json");

/// The HTML documentation of PostgreSQL 15 in the folder `docs`.
pub(crate) fn postgresql(docs: &Path) -> Result<Source, DocsError> {
    let facts: Facts = serde_json::from_str(FACTS).unwrap_or_default();
    let settings: BTreeMap<String, Setting> = facts
        .settings
        .iter()
        .map(|fact| (fact.name.clone(), setting_of(fact)))
        .collect();
    let blocks = html::read(docs)?;
    Ok(Source {
        engine: "postgresql",
        names: Names::new(settings.keys().map(String::as_str)),
        passages: passages(&blocks),
        settings,
    })
}

#[derive(Default, serde::Deserialize)]
struct Facts {
    settings: Vec<backstay_catalog::pack::SettingFact>,
}

/// What `mariadbd --no-defaults --verbose --help` prints.
pub(crate) fn mariadb(help: &str) -> Source {
    let mut settings = BTreeMap::new();
    let mut entries: Vec<(String, String)> = Vec::new();
    let (options, table) = help.split_once("\nVariables (--").unwrap_or((help, ""));
    for line in options.lines() {
        if let Some((name, kind, text)) = option(line) {
            settings.insert(name.clone(), guessed(&name, kind));
            entries.push((name, text.to_owned()));
        } else if let Some((_, text)) = entries.last_mut() {
            text.push(' ');
            text.push_str(line.trim());
        }
    }
    for line in table.lines() {
        let name = line.split_whitespace().next().unwrap_or_default();
        if name.contains('-') && !name.starts_with('-') {
            let name = name.replace('-', "_");
            settings
                .entry(name.clone())
                .or_insert_with(|| guessed(&name, Kind::Text));
        }
    }
    let names = Names::new(settings.keys().map(String::as_str));
    let blocks: Vec<Block> = entries
        .into_iter()
        .map(|(owner, text)| entry(owner, &mark(&text, &names, &[])))
        .collect();
    Source {
        engine: "mariadb",
        passages: passages(&blocks),
        names,
        settings,
    }
}

/// `  --sort-buffer-size=# Text`: canonical name, kind, beginning of the text.
fn option(line: &str) -> Option<(String, Kind, &str)> {
    let indent = line.len() - line.trim_start().len();
    let start = line.find("--")?;
    if indent == 0 || indent > 6 || start > 8 {
        return None;
    }
    let rest = line.get(start + 2..)?;
    let end = rest
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .unwrap_or(rest.len());
    let (name, after) = rest.split_at_checked(end)?;
    let (kind, text) = match after.get(..2) {
        Some("=#") => (Kind::Number, after.get(2..)?),
        Some(value) if value.starts_with(['=', '[']) => (
            Kind::Text,
            after.split_once(' ').map_or("", |(_, text)| text),
        ),
        _ => (Kind::Switch, after),
    };
    Some((name.replace('-', "_").to_lowercase(), kind, text.trim()))
}

/// A setting about which only its name and kind are known.
pub(super) fn guessed(name: &str, kind: Kind) -> Setting {
    let ends = |tails: &[&str]| tails.iter().any(|tail| name.ends_with(tail));
    let dimension = if kind != Kind::Number {
        Dimension::Count
    } else if ends(&[
        "size", "buffer", "length", "packet", "space", "memory", "bytes",
    ]) {
        Dimension::Size
    } else if ends(&[
        "timeout", "time", "interval", "age", "delay", "seconds", "wait", "period",
    ]) {
        Dimension::Time
    } else {
        Dimension::Count
    };
    Setting::new(name, kind, dimension)
}

pub(super) fn entry(owner: String, text: &str) -> Block {
    Block {
        anchor: owner.clone(),
        section: String::new(),
        owners: vec![owner],
        text: text.split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

/// Marks names in quotes and after `--` or `@@`, and any word of `surely`.
fn mark(text: &str, names: &Names, surely: &[String]) -> String {
    let mut marked = Vec::new();
    for word in text.split_whitespace() {
        let bare = word.trim_start_matches(['\'', '"', '`', '(', '@', '-', '<']);
        let end = bare
            .find(|c: char| !c.is_ascii_alphanumeric() && !"_-".contains(c))
            .unwrap_or(bare.len());
        let name = bare.get(..end).unwrap_or_default();
        let head = word.get(..word.len() - bare.len()).unwrap_or_default();
        let set_apart = head.ends_with(['\'', '"', '`', '@']) || head.ends_with("--");
        let sure = set_apart || surely.iter().any(|s| s == name);
        if sure && names.canonical(name).is_some() {
            let head = head.trim_end_matches(['@', '-']);
            marked.push(format!("{head}{MARK}{bare}"));
        } else {
            marked.push(word.to_owned());
        }
    }
    marked.join(" ")
}

/// Names of Redis that are ordinary words too: they need quotes.
const ORDINARY: [&str; 9] = [
    "bind",
    "databases",
    "dir",
    "include",
    "port",
    "save",
    "timeout",
    "user",
    "hz",
];

/// The comments of `redis.conf`: a block of comments belongs to the directives right below it.
pub(crate) fn redis(conf: &str) -> Source {
    let mut settings = BTreeMap::new();
    let mut entries: Vec<(Vec<String>, String)> = Vec::new();
    let mut text = String::new();
    let mut open = false;
    for line in conf.lines() {
        let directive = directive(line);
        if let Some((name, value)) = directive {
            settings.insert(name.to_owned(), guessed_by(name, value));
            if open {
                if let Some((owners, _)) = entries.last_mut() {
                    owners.push(name.to_owned());
                }
            } else {
                entries.push((vec![name.to_owned()], std::mem::take(&mut text)));
                open = true;
            }
        } else if let Some(comment) = line.strip_prefix('#') {
            if open {
                open = false;
            }
            let rule = comment.starts_with('#') || comment.trim().is_empty();
            text.push(' ');
            text.push_str(if rule { "" } else { comment.trim() });
        }
    }
    let names = Names::new(settings.keys().map(String::as_str));
    let surely: Vec<String> = settings
        .keys()
        .filter(|n| !ORDINARY.contains(&n.as_str()))
        .cloned()
        .collect();
    let blocks: Vec<Block> = entries
        .into_iter()
        .map(|(owners, text)| Block {
            owners: owners.clone(),
            ..entry(owners.join("+"), &mark(&text, &names, &surely))
        })
        .collect();
    Source {
        engine: "redis",
        passages: passages(&blocks),
        names,
        settings,
    }
}

/// `name value`, or the same behind `# ` where the name cannot be an ordinary word.
fn directive(line: &str) -> Option<(&str, &str)> {
    let (bare, commented) = match line.strip_prefix("# ") {
        Some(rest) => (rest, true),
        None => (line, false),
    };
    let (name, value) = bare.split_once(' ')?;
    let word = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    let plain = value.split_whitespace().count() <= 3 && !value.ends_with('.');
    let fits = word && (!commented || (name.contains('-') && plain && !name.starts_with('-')));
    fits.then_some((name, value.trim()))
}

fn guessed_by(name: &str, value: &str) -> Setting {
    if ["yes", "no"].contains(&value) {
        return guessed(name, Kind::Switch);
    }
    let number = value.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    let sized = value.ends_with("mb") || value.ends_with("gb") || value.ends_with("kb");
    match (number, sized) {
        (true, true) => Setting::new(name, Kind::Number, Dimension::Size),
        (true, false) => guessed(name, Kind::Number),
        (false, _) => guessed(name, Kind::Text),
    }
}
