//! Service files and password files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{DsnError, Files, Host, Password, text};

/// Where packages put the system-wide service file.
const SYSTEM_SERVICE_FILES: [&str; 2] = [
    "/etc/postgresql-common/pg_service.conf",
    "/etc/pg_service.conf",
];

/// The parameters of service `name`: its section in the user's file, else in the system's.
pub(super) fn service(
    name: &str,
    env: &BTreeMap<String, String>,
    files: &dyn Files,
) -> Result<BTreeMap<String, String>, DsnError> {
    let mut tried = Vec::new();
    match (env.get("PGSERVICEFILE"), env.get("HOME")) {
        (Some(path), _) => tried.push(PathBuf::from(path)),
        (None, Some(home)) => tried.push(Path::new(home).join(".pg_service.conf")),
        (None, None) => {}
    }
    match env.get("PGSYSCONFDIR") {
        Some(directory) => tried.push(Path::new(directory).join("pg_service.conf")),
        None => tried.extend(SYSTEM_SERVICE_FILES.map(PathBuf::from)),
    }
    for path in &tried {
        let Some(file) = files.read(path) else {
            continue;
        };
        if let Some(found) = section(&file.text, name) {
            text::known(&found)?;
            return Ok(found);
        }
    }
    let tried = tried
        .iter()
        .map(|p| p.display().to_string())
        .collect::<Vec<_>>()
        .join(", ");
    Err(DsnError::NoService {
        name: name.to_owned(),
        tried,
    })
}

/// The `key=value` lines under `[name]`.
fn section(file: &str, name: &str) -> Option<BTreeMap<String, String>> {
    let mut inside = None;
    for line in file.lines().map(str::trim) {
        if let Some(title) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            if inside.is_some() {
                break;
            }
            inside = (title.trim() == name).then(BTreeMap::new);
        } else if let Some(found) = inside.as_mut()
            && !line.starts_with('#')
            && let Some((key, value)) = line.split_once('=')
        {
            found.insert(key.trim().to_owned(), value.trim().to_owned());
        }
    }
    inside
}

/// Whose password is looked for.
pub(super) struct Login<'a> {
    pub(super) host: &'a Host,
    pub(super) port: u16,
    pub(super) database: &'a str,
    pub(super) user: &'a str,
}

/// What the password file gave.
#[derive(Default)]
pub(super) struct FromPasswordFile {
    pub(super) password: Option<Password>,
    pub(super) notice: Option<String>,
}

/// The first matching line of the password file. A file that others may read is not used.
pub(super) fn password(
    login: &Login<'_>,
    passfile: Option<&str>,
    env: &BTreeMap<String, String>,
    files: &dyn Files,
) -> FromPasswordFile {
    let path = match (passfile, env.get("HOME")) {
        (Some(path), _) => PathBuf::from(path),
        (None, Some(home)) => Path::new(home).join(".pgpass"),
        (None, None) => return FromPasswordFile::default(),
    };
    let Some(file) = files.read(&path) else {
        return FromPasswordFile::default();
    };
    if file.mode & 0o077 != 0 {
        let notice = format!(
            "{path} is not used, because others may read it: chmod 600 {path}",
            path = path.display()
        );
        return FromPasswordFile {
            password: None,
            notice: Some(notice),
        };
    }
    let password = file
        .text
        .lines()
        .find_map(|line| matching(line, login))
        .map(Password::new);
    FromPasswordFile {
        password,
        notice: None,
    }
}

/// The password of a line `host:port:database:user:password` that fits.
fn matching(line: &str, login: &Login<'_>) -> Option<String> {
    if line.starts_with('#') {
        return None;
    }
    let fields = fields(line);
    let [host, port, database, user, password] = fields.as_slice() else {
        return None;
    };
    let place = match login.host {
        Host::Tcp { name, .. } => name.clone(),
        // A socket in one of the usual places is known as localhost.
        Host::Unix { directory } => {
            let usual = super::SOCKET_DIRECTORIES
                .iter()
                .any(|d| Path::new(d) == directory);
            if usual && host.text != directory.to_string_lossy() {
                "localhost".to_owned()
            } else {
                directory.to_string_lossy().into_owned()
            }
        }
    };
    let fits = host.fits(&place)
        && port.fits(&login.port.to_string())
        && database.fits(login.database)
        && user.fits(login.user);
    fits.then(|| password.text.clone())
}

/// A field of a password line; `*` without a backslash fits everything.
struct Field {
    text: String,
    any: bool,
}

impl Field {
    fn fits(&self, value: &str) -> bool {
        self.any || self.text == value
    }
}

fn fields(line: &str) -> Vec<Field> {
    let mut fields = vec![Field {
        text: String::new(),
        any: false,
    }];
    let mut chars = line.trim_end_matches('\r').chars();
    let mut raw = String::new();
    while let Some(c) = chars.next() {
        let last = fields.len() - 1;
        match c {
            '\\' => {
                raw.push('\\');
                fields[last].text.extend(chars.next());
            }
            // The password is the fifth field; a colon in it may stand as it is.
            ':' if fields.len() < 5 => {
                fields[last].any = raw == "*";
                raw.clear();
                fields.push(Field {
                    text: String::new(),
                    any: false,
                });
            }
            _ => {
                raw.push(c);
                fields[last].text.push(c);
            }
        }
    }
    fields
}
