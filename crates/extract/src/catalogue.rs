//! What a live server tells about its own settings.

use backstay_catalog::pack::{Context, SettingFact};
use tokio_postgres::{Client, SimpleQueryMessage};

/// A setting, with what only the extractor needs.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Known {
    /// What goes into the pack.
    pub(crate) fact: SettingFact,
    /// The server's own description; mined for names, never copied.
    pub(crate) description: String,
}

/// The settings whose text is a list: the server does not say which, its documentation does.
const LISTS: [&str; 17] = [
    "createrole_self_grant",
    "datestyle",
    "debug_io_direct",
    "listen_addresses",
    "local_preload_libraries",
    "log_connections",
    "log_destination",
    "oauth_validator_libraries",
    "output_plugin_libraries",
    "restrict_nonsystem_relation_kind",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "synchronized_standby_slots",
    "temp_tablespaces",
    "unix_socket_directories",
    "wal_consistency_checking",
];

/// Facts of one build or machine, not of the version: no built-in value, no range.
const LOCAL: [&str; 5] = [
    "config_file",
    "data_directory",
    "krb_server_keyfile",
    "server_version",
    "server_version_num",
];

/// Settings that only one distribution has.
const FOREIGN: [&str; 1] = ["extension_destdir"];

/// Words that depend on what a server was compiled with: every word of the version, in the server's order.
const WORDS: [(&str, &[&str]); 3] = [
    ("default_toast_compression", &["pglz", "lz4"]),
    ("io_method", &["sync", "worker", "io_uring"]),
    ("wal_compression", &["pglz", "lz4", "zstd", "on", "off"]),
];

/// A real without limit has the largest of its kind as its end.
const ENDLESS: f64 = 1e300;

const SQL: &str = "SELECT lower(name), vartype, unit, min_val, max_val, boot_val, context, category,
        short_desc || ' ' || coalesce(extra_desc, ''),
        (SELECT string_agg(v, E'\\x1f' ORDER BY n) FROM unnest(enumvals) WITH ORDINALITY AS e (v, n))
    FROM pg_catalog.pg_settings WHERE name NOT LIKE '%.%' ORDER BY 1";

/// Every setting of the server, in the order of the names.
pub(crate) async fn read(client: &Client) -> Result<Vec<Known>, tokio_postgres::Error> {
    let mut known: Vec<Known> = client
        .simple_query(SQL)
        .await?
        .iter()
        .filter_map(parse)
        .collect();
    known.sort_by(|a, b| a.fact.name.cmp(&b.fact.name));
    Ok(known)
}

fn parse(reply: &SimpleQueryMessage) -> Option<Known> {
    let SimpleQueryMessage::Row(row) = reply else {
        return None;
    };
    let cell = |i: usize| row.get(i).map(str::to_owned);
    let name = cell(0)?;
    let vartype = cell(1)?;
    let kind = match vartype.as_str() {
        "bool" | "integer" | "real" | "enum" => vartype.as_str(),
        _ if LISTS.contains(&name.as_str()) => "list",
        _ => "text",
    };
    if FOREIGN.contains(&name.as_str()) {
        return None;
    }
    let local = LOCAL.contains(&name.as_str());
    let number = |i: usize| {
        let number = row.get(i).and_then(|text| text.parse::<f64>().ok());
        number.filter(|n| !local && n.abs() < ENDLESS)
    };
    let words = |told: Vec<String>| match WORDS.iter().find(|(setting, _)| *setting == name) {
        Some((_, all)) if !told.is_empty() => all.iter().map(|w| (*w).to_owned()).collect(),
        _ => told,
    };
    let fact = SettingFact {
        kind: kind.to_owned(),
        unit: cell(2),
        min: number(3),
        max: number(4),
        default: cell(5).filter(|_| !local),
        context: context(&cell(6)?)?,
        category: cell(7)?,
        values: words(cell(9).map_or_else(Vec::new, |all| {
            all.split('\u{1f}').map(str::to_owned).collect()
        })),
        name,
    };
    Some(Known {
        fact,
        description: cell(8).unwrap_or_default(),
    })
}

fn context(word: &str) -> Option<Context> {
    Some(match word {
        "internal" => Context::Internal,
        "postmaster" => Context::Postmaster,
        "sighup" => Context::Sighup,
        "superuser-backend" => Context::SuperuserBackend,
        "backend" => Context::Backend,
        "superuser" => Context::Superuser,
        "user" => Context::User,
        _ => return None,
    })
}

impl Known {
    /// A value that switches the feature on, and one that switches it off, for settings that can.
    pub(crate) fn switch(&self) -> Option<(&str, &str)> {
        match self.fact.kind.as_str() {
            "bool" => Some(("on", "off")),
            "enum" => {
                let has = |word: &str| self.fact.values.iter().any(|v| v == word);
                (has("on") && has("off")).then_some(("on", "off"))
            }
            _ => None,
        }
    }

    /// Whether it holds a number.
    pub(crate) fn numeric(&self) -> bool {
        matches!(self.fact.kind.as_str(), "integer" | "real")
    }
}

/// A setting of the kind `kind` with nothing else known.
#[cfg(test)]
pub(crate) fn known_for_tests(name: &str, kind: &str) -> Known {
    Known {
        fact: SettingFact {
            name: name.to_owned(),
            kind: kind.to_owned(),
            unit: None,
            min: None,
            max: None,
            values: Vec::new(),
            default: None,
            context: Context::Sighup,
            category: String::new(),
        },
        description: String::new(),
    }
}
