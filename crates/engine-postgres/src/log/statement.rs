//! Configuration statements in SQL text: which settings they name, and why.
//!
//! Total: text that is no configuration statement names nothing. The reason is what the comments of a
//! statement say, wherever they stand; in a string of several statements a comment before the first
//! speaks for those that have none of their own.

use backstay_engine::Statement;
use backstay_engine::observe::EVERY_SETTING;
use backstay_model::{Scope, SettingKey, SettingName};

use super::LogLine;

mod tag;
mod token;

pub use tag::locking_tag;
use token::{Token, tokens};

/// The longest description that is kept, in characters.
const DESCRIPTION_CHARS_MAX: usize = 500;
/// The most statements that are read from one string.
const STATEMENTS_MAX: usize = 256;

/// Whether `sql` may hold a configuration statement: a cheap look before the careful one.
#[must_use]
pub fn relevant(sql: &str) -> bool {
    sql.as_bytes()
        .windows(5)
        .any(|window| window.eq_ignore_ascii_case(b"alter"))
}

/// The configuration statement or statements that a log entry tells of, as one; `None` when it tells
/// of none. The server's own line about a changed parameter gives a time without an author.
#[must_use]
pub fn from_line(line: &LogLine) -> Option<Statement> {
    if let Some(name) = parameter_changed(&line.message) {
        return Some(Statement {
            at: line.at,
            role: None,
            application: None,
            keys: vec![SettingKey::instance(name)],
            description: None,
        });
    }
    None
}

/// All configuration statements of a log entry that logs SQL, in order.
#[must_use]
pub fn all_from_line(line: &LogLine) -> Vec<Statement> {
    if line.error() {
        return Vec::new();
    }
    if let Some(statement) = from_line(line) {
        return vec![statement];
    }
    let Some(sql) = line.sql().filter(|sql| relevant(sql)) else {
        return Vec::new();
    };
    let session = Session {
        role: line.role.as_deref(),
        database: line.database.as_deref(),
    };
    let found = statements(sql, &session).into_iter();
    let statement = |found: Found| Statement {
        at: line.at,
        role: line.role.clone(),
        application: line.application.clone().filter(|a| !a.is_empty()),
        keys: vec![found.key],
        description: found.description,
    };
    found.map(statement).collect()
}

/// `parameter "work_mem" changed to "64MB"`: the postmaster's word on a reload.
fn parameter_changed(message: &str) -> Option<&str> {
    let (name, rest) = message.strip_prefix("parameter \"")?.split_once('"')?;
    let told = [" changed to", " removed from", " cannot be changed without"];
    told.iter()
        .any(|words| rest.starts_with(words))
        .then_some(name)
}

/// Whose session ran the text, for `CURRENT_USER` and the like.
#[derive(Debug, Clone, Copy, Default)]
pub struct Session<'a> {
    /// Its role.
    pub role: Option<&'a str>,
    /// Its database.
    pub database: Option<&'a str>,
}

/// A configuration statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The setting it names.
    pub key: SettingKey,
    /// What its comments say.
    pub description: Option<String>,
}

/// The configuration statements in `sql`.
#[must_use]
pub fn statements(sql: &str, session: &Session<'_>) -> Vec<Found> {
    let all = tokens(sql);
    let mut found = Vec::new();
    let mut first = None;
    for (index, part) in all
        .split(|t| *t == Token::Mark(';'))
        .take(STATEMENTS_MAX)
        .enumerate()
    {
        let own = comments(part);
        if index == 0 {
            first.clone_from(&own);
        }
        let code: Vec<&Token> = part
            .iter()
            .filter(|t| !matches!(t, Token::Comment(_)))
            .collect();
        if let Some(key) = key(&code, session) {
            found.push(Found {
                key,
                description: own.or_else(|| first.clone()),
            });
        }
    }
    found
}

/// The comments of one statement, joined, without passwords.
fn comments(part: &[Token]) -> Option<String> {
    let texts: Vec<&str> = part
        .iter()
        .filter_map(|token| match token {
            Token::Comment(text) => Some(text.trim()).filter(|t| !t.is_empty()),
            _ => None,
        })
        .collect();
    let joined: String = texts
        .join(" ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let short: String = joined.chars().take(DESCRIPTION_CHARS_MAX).collect();
    (!short.is_empty()).then(|| crate::secrets::redact_text(&short))
}

/// The setting that a statement names, if it is a configuration statement.
fn key(code: &[&Token], session: &Session<'_>) -> Option<SettingKey> {
    let mut rest = Words(code);
    rest.word("alter")?;
    let scope = if rest.word("system").is_some() {
        Scope::Instance
    } else if rest.word("database").is_some() {
        Scope::Database {
            database: rest.name()?,
        }
    } else {
        rest.word("role").or_else(|| rest.word("user"))?;
        let role = rest.role(session)?;
        if rest.word("in").is_some() {
            rest.word("database")?;
            Scope::RoleInDatabase {
                role,
                database: rest.name()?,
            }
        } else {
            Scope::Role { role }
        }
    };
    let name = if rest.word("reset").is_some() {
        match rest.word("all") {
            Some(()) => EVERY_SETTING,
            None => rest.setting()?,
        }
    } else {
        rest.word("set")?;
        // `ALTER DATABASE … SET TABLESPACE` moves files, it configures nothing.
        if rest.word("tablespace").is_some() {
            return None;
        }
        rest.setting()?
    };
    Some(SettingKey { scope, name })
}

/// The words of a statement that are still to be read.
struct Words<'a>(&'a [&'a Token]);

impl Words<'_> {
    /// Takes the keyword `expected`.
    fn word(&mut self, expected: &str) -> Option<()> {
        let (first, rest) = self.0.split_first()?;
        match first {
            Token::Word(word) if word == expected => {
                self.0 = rest;
                Some(())
            }
            _ => None,
        }
    }

    /// Takes a name: a word, folded as the server folds it, or a quoted identifier as it is.
    fn name(&mut self) -> Option<String> {
        let (first, rest) = self.0.split_first()?;
        let (Token::Word(name) | Token::Quoted(name)) = first else {
            return None;
        };
        self.0 = rest;
        Some(name.clone())
    }

    /// Takes a role, with the words that stand for one.
    fn role(&mut self, session: &Session<'_>) -> Option<String> {
        match self.0.first()? {
            Token::Word(w)
                if matches!(w.as_str(), "current_user" | "current_role" | "session_user") =>
            {
                self.0 = self.0.get(1..)?;
                session.role.map(str::to_owned)
            }
            // Every role; the catalogue has it under no name at all.
            Token::Word(w) if w == "all" => {
                self.0 = self.0.get(1..)?;
                Some(crate::observer::EVERY_ROLE.to_owned())
            }
            _ => self.name(),
        }
    }

    /// Takes the name of a setting, with the spellings that the grammar allows for some.
    fn setting(&mut self) -> Option<SettingName> {
        if self.word("time").is_some() {
            self.word("zone")?;
            return Some(SettingName::from_static("timezone"));
        }
        if self.word("schema").is_some() {
            return Some(SettingName::from_static("search_path"));
        }
        if self.word("names").is_some() {
            return Some(SettingName::from_static("client_encoding"));
        }
        let mut name = self.name()?;
        while self.0.first() == Some(&&Token::Mark('.')) {
            self.0 = self.0.get(1..)?;
            name.push('.');
            name.push_str(&self.name()?);
        }
        Some(SettingName::new(&name))
    }
}
