//! The complete configuration of a target at one moment.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::change::{FileLine, Standing};
use crate::id::{SnapshotId, TargetId};
use crate::name::{EngineKind, ServiceName, SettingName};
use crate::time::Timestamp;
use crate::value::{Fingerprint, SettingKey, Value};

/// The complete configuration of a target at one moment, from files and server. Secrets are
/// fingerprints already.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// Hash of everything below but `taken_at`, `started_at`, `processes_since`, `system_identifier` and `services`.
    pub id: SnapshotId,
    /// Whose configuration.
    pub target: TargetId,
    /// When it was read.
    pub taken_at: Timestamp,
    /// The server.
    pub server: Server,
    /// Every setting in every scope.
    #[serde(with = "pairs")]
    pub settings: BTreeMap<SettingKey, Standing>,
    /// Every configuration file.
    pub files: Vec<ConfigFile>,
    /// Lines of configuration files that the server cannot use: tolerated while it runs, fatal at its
    /// next start.
    pub file_errors: Vec<FileError>,
    /// Values in configuration files that the server has not loaded yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unloaded: Vec<Unloaded>,
    /// Applications that use the target.
    pub services: Vec<ServiceUse>,
}

/// Facts about a server.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Server {
    /// Its engine.
    pub engine: EngineKind,
    /// Its version as it says it: `15.18`.
    pub version: String,
    /// When it was started.
    pub started_at: Timestamp,
    /// Since when its own processes run: later than [`Self::started_at`] once one of them crashed and
    /// all began anew. `None` when it may not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processes_since: Option<Timestamp>,
    /// The identifier that its cluster got when it was made, which tells one server from another
    /// behind the same address; `None` when it may not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_identifier: Option<String>,
    /// Its data directory, which tells a cluster from its copy on the same machine.
    pub data_directory: String,
    /// Its role in replication.
    pub role: NodeRole,
}

impl Server {
    /// Whether it ended, in order or not, since it was `before`.
    #[must_use]
    pub fn began_anew(&self, before: &Self) -> bool {
        let processes = self.processes_since.zip(before.processes_since);
        self.started_at > before.started_at || processes.is_some_and(|(now, then)| now > then)
    }

    /// The major version: 15 for `15.18`; 0 when the text has no number.
    #[must_use]
    pub fn major(&self) -> u32 {
        let digits: String = self
            .version
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        digits.parse().unwrap_or(0)
    }
}

/// Role of a node in replication.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeRole {
    /// Takes writes.
    Primary,
    /// Follows a primary.
    Standby,
}

/// A configuration file, by fingerprint.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ConfigFile {
    /// Path as the server reports it.
    pub path: String,
    /// Keyed hash of its bytes; `None` when we may not read it.
    pub fingerprint: Option<Fingerprint>,
    /// Permission bits, if it can be read.
    pub mode: Option<u32>,
    /// Last modification.
    pub modified_at: Option<Timestamp>,
}

/// A line that the server cannot use.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct FileError {
    /// The file.
    pub path: String,
    /// The line, from 1.
    pub line: u32,
    /// The setting and value, if the line has one, and the server's words; redacted.
    pub message: String,
    /// What else the server leaves out because of it.
    #[serde(default, skip_serializing_if = "Spoils::is_line")]
    pub spoils: Spoils,
}

/// What a server leaves out while a line stands that it cannot use.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spoils {
    /// That line; what else was edited is applied.
    #[default]
    Line,
    /// Everything that was edited in files of its kind.
    All,
}

impl Spoils {
    // By reference, because that is how serde asks.
    fn is_line(&self) -> bool {
        *self == Self::Line
    }
}

/// A value that was edited in a configuration file, and that a reload would activate.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Unloaded {
    /// The setting.
    pub name: SettingName,
    /// The value that the files held when the server last read them; `None` when they held none.
    pub loaded: Option<Value>,
    /// The value that they hold now; `None` when its last line was taken away.
    pub edited: Option<Value>,
    /// Where the value stands, or stood.
    pub at: FileLine,
}

/// An application as it shows in the target's sessions.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct ServiceUse {
    /// The service: its application name, or its role where it gives none.
    pub service: ServiceName,
    /// The role it logs in as.
    pub role: String,
    /// The database it uses.
    pub database: String,
    /// Sessions it held when the snapshot was taken.
    pub sessions: u32,
}

/// Maps with structured keys as lists of pairs, because JSON keys are strings.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use crate::change::Standing;
    use crate::value::SettingKey;

    pub(super) fn serialize<S: Serializer>(
        map: &BTreeMap<SettingKey, Standing>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map.iter())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<SettingKey, Standing>, D::Error> {
        Vec::<(SettingKey, Standing)>::deserialize(deserializer).map(|v| v.into_iter().collect())
    }
}
