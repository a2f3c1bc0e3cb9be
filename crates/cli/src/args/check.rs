//! Words of `check`, and facts about a host that can be given by hand.

use std::path::PathBuf;

use clap::{Args, value_parser};

use super::Subject;

/// Facts about the host beside memory, processors and storage.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct HostFacts {
    /// Free space where the data are (`200GB`).
    #[arg(long, value_name = "SIZE")]
    pub(crate) disk_free: Option<String>,
    /// Files that a server process may open.
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    pub(crate) open_files: Option<u32>,
    /// Stack limit of the server's processes, `ulimit -s` (`8MB`; assumed when not known).
    #[arg(long, value_name = "SIZE")]
    pub(crate) stack_limit: Option<String>,
    /// Memory set aside as huge pages (`16GB`, `0`).
    #[arg(long, value_name = "SIZE")]
    pub(crate) huge_pages: Option<String>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  backstay check postgresql://me@db1/shop\n  backstay check -f postgresql.conf --version 18 --memory 64GB --cpus 16 -o json\n  backstay check postgresql://me@standby/shop --primary postgresql://me@db1/shop\n  backstay check -f postgresql.conf --pgbouncer pgbouncer.ini -o markdown\n\nA server on this machine tells its host's memory, processors, disk and limits; for others the options do.\n\nExit codes: 0 nothing at or over --fail-on, 3 something is."
)]
pub(crate) struct Check {
    /// Connection string of a live server.
    pub(crate) dsn: Option<String>,
    /// A configuration file in the engine's own format, with what it includes; given twice, the later
    /// one is stronger (postgresql.conf, then postgresql.auto.conf).
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Vec<PathBuf>,
    /// Least severity that trips the exit code: advice, clamp, warn, silent or reject.
    #[arg(long, value_name = "SEVERITY", default_value = "warn")]
    pub(crate) fail_on: String,
    /// The primary that this standby follows: connection string or configuration file.
    #[arg(long, value_name = "DSN|FILE")]
    pub(crate) primary: Option<String>,
    /// A pgbouncer in front: its configuration file, or the connection string of its console.
    #[arg(long, value_name = "FILE|DSN")]
    pub(crate) pgbouncer: Option<String>,
    /// Users that log in through the pgbouncer, when its files do not tell.
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    pub(crate) pgbouncer_users: Option<u32>,
    #[command(flatten)]
    pub(crate) subject: Subject,
}
