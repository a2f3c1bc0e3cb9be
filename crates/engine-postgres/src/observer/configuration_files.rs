//! The configuration files, by fingerprint.

use std::collections::BTreeSet;
use std::io::Read;
use std::os::unix::fs::MetadataExt;

use backstay_model::Timestamp;
use backstay_model::snapshot::ConfigFile;

use super::link::Place;
use super::reading::Reading;
use super::standing::AUTO_FILE;
use crate::secrets::Redactor;

/// The largest file that is fingerprinted, in bytes.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// The most files that are listed.
const FILES_MAX: usize = 500;
/// Settings that name a configuration file.
const NAMED_BY: [&str; 3] = ["config_file", "hba_file", "ident_file"];

/// Every configuration file that the server names; its fingerprint only when the server is here.
pub(super) fn list(reading: &Reading, redactor: &Redactor, place: Place) -> Vec<ConfigFile> {
    let mut paths: BTreeSet<String> = BTreeSet::new();
    paths.extend(
        NAMED_BY
            .iter()
            .filter_map(|name| reading.setting(name))
            .map(str::to_owned),
    );
    paths.extend(reading.files.iter().flatten().map(|row| row.path.clone()));
    paths.extend(
        reading
            .rules
            .iter()
            .flatten()
            .filter_map(|row| row.path.clone()),
    );
    paths.extend(data_directory(reading).map(|directory| format!("{directory}/{AUTO_FILE}")));
    paths
        .into_iter()
        .take(FILES_MAX)
        .map(|path| file(path, redactor, place))
        .collect()
}

/// The data directory: what the server says, else what the files tell: a line that names it, where
/// `postgresql.auto.conf` lies, or, without either, where `postgresql.conf` lies.
pub(super) fn data_directory(reading: &Reading) -> Option<String> {
    let rows = || reading.files.iter().flatten();
    let line = || {
        rows()
            .rev()
            .find(|row| row.name.as_deref() == Some("data_directory"))
    };
    let beside = |file: &str| {
        let path = rows().find_map(|row| row.path.strip_suffix(file))?;
        Some(path.trim_end_matches('/').to_owned()).filter(|p| !p.is_empty())
    };
    let told = reading.setting("data_directory").map(str::to_owned);
    told.or_else(|| line()?.setting.clone())
        .or_else(|| beside(AUTO_FILE))
        .or_else(|| beside("postgresql.conf"))
}

fn file(path: String, redactor: &Redactor, place: Place) -> ConfigFile {
    let unread = ConfigFile {
        path,
        fingerprint: None,
        mode: None,
        modified_at: None,
    };
    if place == Place::Elsewhere {
        return unread;
    }
    let Ok(metadata) = std::fs::metadata(&unread.path) else {
        return unread;
    };
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(&unread.path);
    let whole = opened.and_then(|f| f.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
    let readable = whole.is_ok_and(|size| size as u64 <= FILE_BYTES_MAX);
    ConfigFile {
        fingerprint: readable.then(|| redactor.fingerprint(&unread.path, &bytes)),
        mode: Some(metadata.mode() & 0o7777),
        modified_at: Some(Timestamp(
            metadata.mtime() * 1_000_000 + metadata.mtime_nsec() / 1_000,
        )),
        path: unread.path,
    }
}
