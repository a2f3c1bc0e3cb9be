//! Where secrets stop: values become fingerprints, texts lose their passwords.
//!
//! The server hides some settings from plain roles, but not `archive_command` or what people put into
//! extension settings, so our list is wider than the server's. A [`Redactor`] is held by everything
//! that reads from a target; nothing behind it sees the text of a secret.

use std::collections::BTreeSet;
use std::fmt;

use backstay_model::value::Fingerprint;
use backstay_model::{SettingName, TargetId, Value};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

mod patterns;

pub use patterns::redact_text;

/// Separates our hashes from every other use of the same key.
const DOMAIN: &[u8] = b"backstay/setting/1";

/// Settings that hold a secret, or a command line that often does. Every `*_command` is one, too.
const SECRET: &[&str] = &[
    "primary_conninfo",
    "ssl_passphrase_command",
    "restore_command",
    "archive_command",
    "archive_cleanup_command",
    "recovery_end_command",
];

/// Prefixes of extensions whose settings are known to hold no secret.
const OPEN_PREFIXES: &[&str] = &[
    "auth_delay.",
    "auto_explain.",
    "pg_prewarm.",
    "pg_stat_statements.",
    "pg_trgm.",
    "pgaudit.",
    "plpgsql.",
    "postgres_fdw.",
];

/// Turns secret values of one target into fingerprints under the installation's key. Equal secrets of
/// one setting of one target have equal fingerprints; different targets or settings do not.
#[derive(Clone)]
pub struct Redactor {
    mac: Hmac<Sha256>,
    target: TargetId,
    open: BTreeSet<SettingName>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

impl Redactor {
    /// A redactor for `target` under `key`, the installation's secret (any length; 32 bytes or more
    /// are meant).
    #[must_use]
    pub fn new(key: &[u8], target: &TargetId) -> Self {
        let mac = Hmac::new_from_slice(key).expect("HMAC takes keys of any length");
        Self {
            mac,
            target: target.clone(),
            open: BTreeSet::new(),
        }
    }

    /// The same, with extension settings that an operator declared free of secrets.
    #[must_use]
    pub fn with_open(mut self, names: impl IntoIterator<Item = SettingName>) -> Self {
        self.open.extend(names);
        self
    }

    /// Whose secrets it fingerprints.
    #[must_use]
    pub const fn target(&self) -> &TargetId {
        &self.target
    }

    /// The value as it may be kept: its text, or a fingerprint when the setting or the text may hold a
    /// secret.
    #[must_use]
    pub fn value(&self, setting: &SettingName, text: &str) -> Value {
        if text.is_empty() || !(self.secret_setting(setting, text) || patterns::holds_secret(text))
        {
            return Value::text(text);
        }
        Value::Secret(self.fingerprint(setting.as_str(), text.as_bytes()))
    }

    /// The keyed hash of `bytes` under the name `of` (a setting, a file), in hex.
    #[must_use]
    pub fn fingerprint(&self, of: &str, bytes: &[u8]) -> Fingerprint {
        let mut mac = self.mac.clone();
        for part in [
            DOMAIN,
            self.target.as_str().as_bytes(),
            of.as_bytes(),
            bytes,
        ] {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        let hex = mac
            .finalize()
            .into_bytes()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        Fingerprint(hex)
    }

    /// Whether `text` is the text of `value`, secret or not.
    #[must_use]
    pub fn matches(&self, setting: &SettingName, value: &Value, text: &str) -> bool {
        match value {
            Value::Text(raw) => raw.as_str() == text,
            Value::Secret(known) => self.fingerprint(setting.as_str(), text.as_bytes()) == *known,
        }
    }

    fn secret_setting(&self, setting: &SettingName, text: &str) -> bool {
        let name = setting.as_str();
        if SECRET.contains(&name) || name.ends_with("_command") {
            return text != "(disabled)";
        }
        name.contains('.')
            && !self.open.contains(setting)
            && !open_prefix(name)
            && !patterns::harmless(text)
    }
}

fn open_prefix(name: &str) -> bool {
    OPEN_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests;
