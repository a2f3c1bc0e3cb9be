//! The two forms of a connection string: URI and keywords.

use std::collections::BTreeMap;

use super::{DsnError, malformed};

/// Parameters that clients of PostgreSQL know. Those that `resolve` does not read change nothing for
/// us (or are ours to set, as `application_name`), so they are accepted and left alone.
const KNOWN: [&str; 39] = [
    "application_name",
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "dbname",
    "fallback_application_name",
    "gssdelegation",
    "gssencmode",
    "gsslib",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "load_balance_hosts",
    "max_protocol_version",
    "min_protocol_version",
    "options",
    "passfile",
    "password",
    "port",
    "require_auth",
    "service",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcertmode",
    "sslcompression",
    "sslcrl",
    "sslkey",
    "sslmode",
    "sslnegotiation",
    "sslpassword",
    "sslrootcert",
    "sslsni",
    "target_session_attrs",
    "user",
];

/// The parameters in `text`, URI or keywords. A text without `=` and scheme is a database name.
pub(super) fn parse(text: &str) -> Result<BTreeMap<String, String>, DsnError> {
    let text = text.trim();
    let uri = ["postgresql://", "postgres://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    let found = match uri {
        Some(rest) => uri_parts(rest)?,
        None if other_scheme(text) => {
            let why = "it must begin with postgresql:// or postgres://".to_owned();
            return Err(malformed("scheme", why));
        }
        None if !text.is_empty() && !text.contains('=') => {
            BTreeMap::from([("dbname".to_owned(), text.to_owned())])
        }
        None => keywords(text)?,
    };
    known(&found)?;
    Ok(found)
}

/// Whether a text begins like a URI; a value among keywords may hold the same signs.
fn other_scheme(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    text.split_once("://")
        .is_some_and(|(scheme, _)| scheme.chars().all(word))
}

/// Refuses parameters that nobody knows.
pub(super) fn known(found: &BTreeMap<String, String>) -> Result<(), DsnError> {
    match found.keys().find(|name| !KNOWN.contains(&name.as_str())) {
        None => Ok(()),
        // Whatever follows a stray `=` may be a secret, so only something like a name is repeated.
        Some(name) if name.chars().all(|c| c.is_ascii_lowercase() || c == '_') => {
            Err(DsnError::UnknownParameter { name: name.clone() })
        }
        Some(_) => Err(malformed(
            "parameter",
            "one of the names is not a word".to_owned(),
        )),
    }
}

fn uri_parts(rest: &str) -> Result<BTreeMap<String, String>, DsnError> {
    let mut found = BTreeMap::new();
    let (rest, query) = match rest.split_once('?') {
        Some((before, query)) => (before, Some(query)),
        None => (rest, None),
    };
    let (authority, database) = match rest.split_once('/') {
        Some((authority, database)) => (authority, Some(database)),
        None => (rest, None),
    };
    let (login, place) = match authority.rsplit_once('@') {
        Some((login, place)) => (Some(login), place),
        None => (None, authority),
    };
    if let Some(login) = login {
        let (user, password) = match login.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (login, None),
        };
        put(&mut found, "user", user)?;
        if let Some(password) = password {
            put(&mut found, "password", password)?;
        }
    }
    place_parts(place, &mut found)?;
    if let Some(database) = database {
        put(&mut found, "dbname", database)?;
    }
    for pair in query
        .unwrap_or_default()
        .split('&')
        .filter(|p| !p.is_empty())
    {
        let Some((name, value)) = pair.split_once('=') else {
            let why = "every parameter after `?` is name=value".to_owned();
            return Err(malformed("parameter", why));
        };
        let value = decode("parameter", value)?;
        // JDBC's spelling, which PostgreSQL's own clients accept too.
        match (name, value.as_str()) {
            ("ssl", "true") => found.insert("sslmode".to_owned(), "require".to_owned()),
            _ => found.insert(decode("parameter", name)?, value),
        };
    }
    Ok(found)
}

fn place_parts(place: &str, found: &mut BTreeMap<String, String>) -> Result<(), DsnError> {
    if place.contains(',') {
        return Err(DsnError::ManyHosts {
            count: place.split(',').count(),
        });
    }
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let Some((host, after)) = rest.split_once(']') else {
                return Err(malformed("host", "`[` without `]`".to_owned()));
            };
            match (after, after.strip_prefix(':')) {
                ("", _) => (host, None),
                (_, Some(port)) => (host, Some(port)),
                _ => return Err(malformed("host", "after `]` comes `:port`".to_owned())),
            }
        }
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    put(found, "host", host)?;
    if let Some(port) = port {
        if !port.is_empty() && !port.chars().all(|c| c.is_ascii_digit()) {
            // Perhaps the end of a password with an `@` or `/` in it: not repeated.
            let why = "it is not a number (encode `@`, `:` and `/` in a password as %40, %3A, %2F)";
            return Err(malformed("port", why.to_owned()));
        }
        put(found, "port", port)?;
    }
    Ok(())
}

fn put(
    found: &mut BTreeMap<String, String>,
    part: &'static str,
    text: &str,
) -> Result<(), DsnError> {
    if !text.is_empty() {
        found.insert(part.to_owned(), decode(part, text)?);
    }
    Ok(())
}

/// Undoes percent encoding.
fn decode(part: &'static str, text: &str) -> Result<String, DsnError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
        let (Some(high), Some(low)) = (digit(rest.next()), digit(rest.next())) else {
            return Err(malformed(
                part,
                "`%` must be followed by two hexadecimal digits".to_owned(),
            ));
        };
        bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
    }
    match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Ok(text),
        _ => Err(malformed(part, "it is not UTF-8 text".to_owned())),
    }
}

/// `name = value` pairs; a value may stand in single quotes, a backslash takes the next character as
/// it is.
fn keywords(text: &str) -> Result<BTreeMap<String, String>, DsnError> {
    let mut found = BTreeMap::new();
    let mut chars = text.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        if chars.peek().is_none() {
            return Ok(found);
        }
        let mut name = String::new();
        while let Some(c) = chars.next_if(|c| *c != '=' && !c.is_whitespace()) {
            name.push(c);
        }
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        if chars.next() != Some('=') {
            // What stands here may be a piece of a password with a space in it.
            let why = "`=` is missing after a name (a value with spaces stands in single quotes)";
            return Err(malformed("parameter", why.to_owned()));
        }
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        found.insert(name, value(&mut chars)?);
    }
}

fn value(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<String, DsnError> {
    let mut value = String::new();
    let quoted = chars.next_if_eq(&'\'').is_some();
    loop {
        match chars.peek() {
            None if quoted => {
                return Err(malformed(
                    "parameter",
                    "a single quote is not closed".to_owned(),
                ));
            }
            None => return Ok(value),
            Some('\'') if quoted => {
                chars.next();
                return Ok(value);
            }
            Some(c) if !quoted && c.is_whitespace() => return Ok(value),
            Some('\\') => {
                chars.next();
                value.extend(chars.next());
            }
            Some(_) => value.extend(chars.next()),
        }
    }
}
