//! Which server it is.

use backstay_engine::ReadError;
use backstay_model::Timestamp;
use backstay_model::name::EngineKind;
use backstay_model::snapshot::{NodeRole, Server};

use super::reading::Reading;
use super::{PostgresObserver, configuration_files};

/// What tells one server from another behind the same address, as far as it may be read.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    system: Option<String>,
    directory: Option<String>,
}

impl PostgresObserver {
    /// Remembers which server this is, and refuses another one: by what both readings tell.
    pub(super) fn recognise(&mut self, reading: &Reading) -> Result<(), ReadError> {
        let now = Identity {
            system: reading.system_identifier.clone(),
            directory: reading.setting("data_directory").map(str::to_owned),
        };
        let known = self.identity.get_or_insert_with(|| now.clone());
        for (what, expected, found) in [
            ("system identifier", &known.system, &now.system),
            ("data directory", &known.directory, &now.directory),
        ] {
            if let (Some(expected), Some(found)) = (expected, found)
                && expected != found
            {
                let (found, expected) = (format!("{what} {found}"), format!("{what} {expected}"));
                self.link = None;
                return Err(ReadError::AnotherServer { found, expected });
            }
        }
        self.directory = configuration_files::data_directory(reading);
        Ok(())
    }

    pub(super) fn server(&self, reading: &Reading) -> Server {
        let identifier = reading.system_identifier.as_deref().unwrap_or("unknown");
        let unnamed = || format!("system identifier {identifier}");
        Server {
            engine: EngineKind::Postgresql,
            version: reading.version.clone(),
            started_at: Timestamp(reading.started),
            processes_since: reading.processes_since.map(Timestamp),
            system_identifier: reading.system_identifier.clone(),
            data_directory: self.directory.clone().unwrap_or_else(unnamed),
            role: if reading.in_recovery {
                NodeRole::Standby
            } else {
                NodeRole::Primary
            },
        }
    }
}
