//! Data directories: one template per version, a fresh copy for each server.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::account::Account;
use super::binaries::Binaries;

/// How the folder of a data directory is called, before the process id of its owner.
pub const SCRATCH_FOLDER: &str = "backstay-scratch-";
/// First major version that can write its log as JSON.
pub(crate) const JSON_LOG_SINCE: u32 = 15;

/// A data directory that goes when it is dropped. No server runs on it.
#[derive(Debug)]
pub struct DataDir {
    pub(crate) binaries: Binaries,
    pub(crate) account: Account,
    root: TempDir,
}

/// A data directory could not be made. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// `initdb` refused.
    #[error("initdb failed: {said}")]
    Initdb {
        /// Its last lines.
        said: String,
    },
    /// The file system refused.
    #[error("cannot make scratch folder {path}")]
    Folder {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The folder for templates belongs to somebody else.
    #[error("template folder {path} belongs to user {found}, not {wanted}; remove it")]
    Foreign {
        /// Which one.
        path: PathBuf,
        /// Its owner.
        found: u32,
        /// Who ought to own it.
        wanted: u32,
    },
}

/// The server program could not tell a computed value.
#[derive(Debug, thiserror::Error)]
pub enum ComputeError {
    /// The program could not be run.
    #[error("cannot run {program}")]
    Run {
        /// Which one.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It refused the settings.
    #[error("the server refuses these settings: {said}")]
    Refused {
        /// What it said, in English.
        said: String,
    },
}

impl DataDir {
    /// A fresh data directory for `binaries`: superuser `postgres`, trust on loopback and socket only.
    ///
    /// # Errors
    /// `CreateError`; nothing is left behind.
    pub fn create(binaries: &Binaries) -> Result<Self, CreateError> {
        let account = Account::choose();
        let template = template(binaries, account)?;
        let temp = std::env::temp_dir();
        let root = tempfile::Builder::new()
            .prefix(&format!("{SCRATCH_FOLDER}{}-", std::process::id()))
            .tempdir_in(&temp)
            .map_err(|source| CreateError::Folder { path: temp, source })?;
        let dir = Self {
            binaries: binaries.clone(),
            account,
            root,
        };
        let failed = |source| CreateError::Folder {
            path: dir.root().to_path_buf(),
            source,
        };
        account.give(dir.root()).map_err(failed)?;
        copy_tree(&template, &dir.path(), account).map_err(failed)?;
        Ok(dir)
    }

    /// The folder `postgres -D` takes.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.root().join("data")
    }

    /// The folder around it: socket, start-up messages.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// What `postgres -C name` prints with `settings` given on the command line. No server is started.
    ///
    /// # Errors
    /// `ComputeError::Refused` with the server's own words when it does not accept the settings.
    pub fn computed(
        &self,
        name: &str,
        settings: &[(String, String)],
    ) -> Result<String, ComputeError> {
        let program = self.binaries.postgres();
        let mut command = Command::new(&program);
        command.arg("-D").arg(self.path()).args(["-C", name]);
        for (setting, value) in settings {
            command.arg("-c").arg(format!("{setting}={value}"));
        }
        command
            .args(["-c", "lc_messages=C"])
            .stdin(Stdio::null())
            .current_dir(self.root());
        self.account.dress(&mut command);
        let output = command
            .output()
            .map_err(|source| ComputeError::Run { program, source })?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        } else {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            Err(ComputeError::Refused { said })
        }
    }

    /// Writes our settings, and `settings` over them, at the end of `postgresql.conf`.
    pub(crate) fn configure(&self, settings: &[(String, String)]) -> io::Result<()> {
        let file = self.path().join("postgresql.conf");
        let mut text = fs::read_to_string(&file)?;
        let destination = if self.binaries.major >= JSON_LOG_SINCE {
            "jsonlog"
        } else {
            "csvlog"
        };
        let ours = [
            ("logging_collector", "on"),
            ("log_destination", destination),
            ("log_directory", "log"),
            ("log_filename", "postgresql.log"),
            ("log_statement", "ddl"),
            ("lc_messages", "C"),
        ];
        text.push_str("\n# scratch server\n");
        let settings = settings.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        for (name, value) in ours.into_iter().chain(settings) {
            text.push_str(&format!("{name} = '{}'\n", value.replace('\'', "''")));
        }
        fs::write(&file, text)
    }
}

/// The template of `binaries`, made by `initdb` once per machine and account: that takes seconds, a
/// copy of it does not.
fn template(binaries: &Binaries, account: Account) -> Result<PathBuf, CreateError> {
    let shelf = std::env::temp_dir().join(format!("backstay-templates-{}", account.uid()));
    let failed = |source| CreateError::Folder {
        path: shelf.clone(),
        source,
    };
    if !shelf.exists() {
        match fs::DirBuilder::new().mode(0o700).create(&shelf) {
            Ok(()) => account.give(&shelf).map_err(failed)?,
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(failed(e)),
        }
    }
    trusted(&shelf, account)?;
    let done = shelf.join(format!("postgresql-{}", binaries.version));
    if done.exists() {
        return Ok(done);
    }
    let fresh = tempfile::Builder::new()
        .prefix("new-")
        .tempdir_in(&shelf)
        .map_err(failed)?;
    account.give(fresh.path()).map_err(failed)?;
    let data = fresh.path().join("data");
    initdb(binaries, account, &data)?;
    match fs::rename(&data, &done) {
        Ok(()) => Ok(done),
        // Another process was quicker; its template is as good.
        Err(_) if done.exists() => Ok(done),
        Err(e) => Err(failed(e)),
    }
}

/// The shelf is in a folder that everybody can write to: somebody else's must not be used.
fn trusted(shelf: &Path, account: Account) -> Result<(), CreateError> {
    let wanted = account.uid();
    let meta = fs::symlink_metadata(shelf).map_err(|source| CreateError::Folder {
        path: shelf.to_path_buf(),
        source,
    })?;
    let just_made_by_root = meta.uid() == 0 && rustix::process::geteuid().is_root();
    if meta.is_dir() && (meta.uid() == wanted || just_made_by_root) {
        return Ok(());
    }
    Err(CreateError::Foreign {
        path: shelf.to_path_buf(),
        found: meta.uid(),
        wanted,
    })
}

fn initdb(binaries: &Binaries, account: Account, data: &Path) -> Result<(), CreateError> {
    let mut command = Command::new(binaries.initdb());
    command
        .arg("-D")
        .arg(data)
        .args(["--no-sync", "--auth=trust", "--username=postgres"]);
    command
        .args(["--encoding=UTF8", "--locale=C"])
        .stdin(Stdio::null());
    command.env("LC_ALL", "C").current_dir("/");
    account.dress(&mut command);
    let output = command.output().map_err(|source| CreateError::Folder {
        path: binaries.initdb(),
        source,
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last: Vec<&str> = said.lines().rev().take(5).collect();
    Err(CreateError::Initdb {
        said: last.into_iter().rev().collect::<Vec<_>>().join("; "),
    })
}

fn copy_tree(from: &Path, to: &Path, account: Account) -> io::Result<()> {
    fs::create_dir(to)?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o700))?;
    account.give(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target, account)?;
        } else {
            fs::copy(entry.path(), &target)?;
            account.give(&target)?;
        }
    }
    Ok(())
}
