//! A pgbouncer in front of the server: its configuration file as facts that rules can speak of.
//!
//! Total: every text gives facts and notes. Passwords and connection strings are never kept: of the list of
//! databases only names, sizes and whether a user is fixed are looked at.

use std::collections::BTreeMap;

use crate::expr::Type;
use crate::units::{Dimension, Quantity};

/// Longest line that is read, in bytes; a longer one is noted and passed over.
const LINE_LEN_MAX: usize = 1 << 16;
/// Most databases that are counted.
const DATABASES_MAX: usize = 10_000;

/// What a fact measures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Measure {
    Count,
    Seconds,
    Word,
}

/// The settings that rules may speak of, with pgbouncer's own built-in values.
const KNOWN: &[(&str, Measure, &str)] = &[
    ("default_pool_size", Measure::Count, "20"),
    ("idle_transaction_timeout", Measure::Seconds, "0"),
    ("max_client_conn", Measure::Count, "100"),
    ("max_db_connections", Measure::Count, "0"),
    ("max_user_connections", Measure::Count, "0"),
    ("min_pool_size", Measure::Count, "0"),
    ("pool_mode", Measure::Word, "session"),
    ("query_timeout", Measure::Seconds, "0"),
    ("query_wait_timeout", Measure::Seconds, "120"),
    ("reserve_pool_size", Measure::Count, "0"),
    ("reserve_pool_timeout", Measure::Seconds, "5"),
    ("server_connect_timeout", Measure::Seconds, "15"),
    ("server_idle_timeout", Measure::Seconds, "600"),
    ("server_lifetime", Measure::Seconds, "3600"),
];

/// Facts that are computed from the whole: how many databases there are, how many users may have a pool
/// of their own in each, and how many server connections all pools together may open.
const COMPUTED: [&str; 3] = ["databases", "users", "server_connections"];

/// What was read of a pooler.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Pooler {
    /// Facts by name: `default_pool_size`, `pool_mode`, `server_connections`.
    pub facts: BTreeMap<String, Quantity>,
    /// Things to know, each with its line where there is one.
    pub notes: Vec<String>,
    /// The file with the names of users, as written.
    pub auth_file: Option<String>,
}

/// A database of the pooler, as far as pools go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Database {
    pool_size: Option<i128>,
    reserve: Option<i128>,
    max: Option<i128>,
    /// A fixed user has one pool whoever asks.
    fixed_user: bool,
}

/// What has been read so far.
#[derive(Default)]
struct Reading {
    section: String,
    words: BTreeMap<String, String>,
    databases: BTreeMap<String, Database>,
    users: u32,
    notes: Vec<String>,
}

/// What `pgbouncer.name` yields in a rule.
#[must_use]
pub fn type_of(name: &str) -> Type {
    let known = KNOWN.iter().find(|(n, _, _)| *n == name);
    match known.map(|(_, measure, _)| *measure) {
        Some(Measure::Count) => Type::Number(Some(Dimension::Plain)),
        Some(Measure::Seconds) => Type::Number(Some(Dimension::Micros)),
        Some(Measure::Word) => Type::Text,
        None if COMPUTED.contains(&name) => Type::Number(Some(Dimension::Plain)),
        None => Type::Any,
    }
}

/// Reads the text of `pgbouncer.ini`. `users` is how many users are known to log in, from elsewhere;
/// without it those of the file's own list count, and at least one.
#[must_use]
pub fn parse(text: &str, users: Option<u32>) -> Pooler {
    let mut reading = Reading::default();
    for (number, line) in (1_u32..).zip(text.lines()) {
        if line.len() > LINE_LEN_MAX {
            reading.note(number, "is too long and was passed over");
            continue;
        }
        let line = line.trim();
        if line.is_empty() || line.starts_with([';', '#']) {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            reading.section = name.trim().to_ascii_lowercase();
        } else if let Some(path) = line.strip_prefix("%include") {
            let path = path.trim();
            reading.note(number, &format!("includes {path}, which was not read"));
        } else {
            reading.line(number, line);
        }
    }
    reading.pooler(users)
}

/// The number of users in the text of an authentication file: one quoted name at the beginning of a line.
#[must_use]
pub fn users_in(text: &str) -> u32 {
    let named = text.lines().filter(|l| l.trim_start().starts_with('"'));
    u32::try_from(named.count()).unwrap_or(u32::MAX)
}

/// The same facts out of rows of the admin console: settings as name and value, and per database its
/// pool size, reserve and own limit (0 = none).
#[must_use]
pub fn from_console(
    config: &[(String, String)],
    databases: &[(i128, i128, i128)],
    users: Option<u32>,
) -> Pooler {
    let mut reading = Reading {
        words: config.iter().cloned().collect(),
        ..Reading::default()
    };
    for (number, (pool_size, reserve, max)) in databases.iter().enumerate() {
        let database = Database {
            pool_size: Some(*pool_size),
            reserve: Some(*reserve),
            max: Some(*max),
            fixed_user: false,
        };
        reading.databases.insert(number.to_string(), database);
    }
    reading.pooler(users)
}

impl Reading {
    fn note(&mut self, line: u32, what: &str) {
        self.notes.push(format!("line {line} {what}"));
    }

    fn line(&mut self, number: u32, line: &str) {
        let Some((name, value)) = line.split_once('=') else {
            self.note(number, "is no setting");
            return;
        };
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        match self.section.as_str() {
            "databases" if self.databases.len() < DATABASES_MAX => {
                let read = database(value);
                self.databases.insert(name, read);
            }
            "databases" => self.note(number, "is one database too many and was passed over"),
            "users" => self.users += 1,
            "pgbouncer" => {
                self.words.insert(name, value.to_owned());
            }
            "peers" => {}
            _ => self.note(number, "stands in no section that is known"),
        }
    }

    fn pooler(mut self, users: Option<u32>) -> Pooler {
        let mut facts = BTreeMap::new();
        for (name, measure, built_in) in KNOWN {
            let text = self.words.get(*name).map_or(*built_in, String::as_str);
            match measured(*measure, text) {
                Some(quantity) => {
                    facts.insert((*name).to_owned(), quantity);
                }
                None => self
                    .notes
                    .push(format!("{name} is not understood and counts as unknown")),
            }
        }
        let own = (self.users > 0).then_some(self.users);
        let known = users.max(own);
        let users = i128::from(known.unwrap_or(1).max(1));
        if known.is_none() && self.databases.values().any(|d| !d.fixed_user) {
            let what = "how many users log in is not known: one per database is counted, the least";
            self.notes.push(what.to_owned());
        }
        let whole = |n: usize| Quantity::Count(i128::try_from(n).unwrap_or(i128::MAX));
        facts.insert("databases".to_owned(), whole(self.databases.len()));
        facts.insert("users".to_owned(), Quantity::Count(users));
        if let Some(all) = connections(&facts, &self.databases, users) {
            facts.insert("server_connections".to_owned(), Quantity::Count(all));
        }
        Pooler {
            facts,
            notes: self.notes,
            auth_file: self.words.remove("auth_file"),
        }
    }
}

/// Most server connections of all pools: per database the pools of all its users with their reserve, but
/// no more than the database's own limit.
fn connections(
    facts: &BTreeMap<String, Quantity>,
    databases: &BTreeMap<String, Database>,
    users: i128,
) -> Option<i128> {
    let count = |name: &str| match facts.get(name) {
        Some(Quantity::Count(n)) => Some(*n),
        _ => None,
    };
    let (pool, reserve) = (count("default_pool_size")?, count("reserve_pool_size")?);
    let limit = count("max_db_connections")?;
    databases.values().try_fold(0_i128, |sum, d| {
        let pools = if d.fixed_user { 1 } else { users };
        let one = d.pool_size.unwrap_or(pool);
        let one = one.checked_add(d.reserve.unwrap_or(reserve))?;
        let all = pools.checked_mul(one)?;
        let max = d.max.unwrap_or(limit);
        sum.checked_add(if max > 0 { all.min(max) } else { all })
    })
}

fn measured(measure: Measure, text: &str) -> Option<Quantity> {
    let text = text.trim().trim_matches('\'');
    match measure {
        Measure::Word => Some(Quantity::Text(text.to_ascii_lowercase())),
        Measure::Count => text
            .parse::<u32>()
            .ok()
            .map(|n| Quantity::Count(i128::from(n))),
        Measure::Seconds => {
            let seconds: f64 = text.parse().ok()?;
            (0.0..1e9)
                .contains(&seconds)
                .then(|| Quantity::Micros((seconds * 1e6).round() as i128))
        }
    }
}

/// The sizes in `host=… port=… pool_size=5`; everything else, passwords first, is left where it is.
fn database(value: &str) -> Database {
    let mut found = Database::default();
    for (name, value) in words(value) {
        let number = value.parse::<u32>().ok().map(i128::from);
        match name.to_ascii_lowercase().as_str() {
            "pool_size" => found.pool_size = number,
            "reserve_pool" | "reserve_pool_size" => found.reserve = number,
            "max_db_connections" => found.max = number,
            "user" => found.fixed_user = true,
            _ => {}
        }
    }
    found
}

/// `name=value` pairs; a quote holds blanks together.
fn words(text: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while let Some((name, after)) = rest.split_once('=') {
        let (value, after) = match after.strip_prefix('\'') {
            Some(quoted) => quoted.split_once('\'').unwrap_or((quoted, "")),
            None => after.split_once(char::is_whitespace).unwrap_or((after, "")),
        };
        found.push((name.trim(), value));
        rest = after.trim_start();
    }
    found
}

#[cfg(test)]
mod tests;
