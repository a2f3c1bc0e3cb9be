//! Commands that look into the record, or speak to the guard that keeps it.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum Changes {
    /// The newest first.
    #[command(
        after_help = "Examples:\n  backstay changes list\n  backstay changes list --most 100 --json"
    )]
    List {
        /// At most this many.
        #[arg(long, default_value_t = 20)]
        most: usize,
    },
    /// Everything about one.
    #[command(after_help = "Examples:\n  backstay changes show C17")]
    Show {
        /// `C17`.
        id: String,
    },
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  backstay status\n  backstay status --json --state-dir /var/lib/backstay"
)]
pub(crate) struct Status {
    /// Tell also everything about targets that only an earlier guard watched.
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Rollback {
    /// The plan, as it would be run.
    #[command(after_help = "Examples:\n  backstay rollback plan C17")]
    Plan {
        /// `C17`.
        id: String,
    },
    /// Roll back now, by the running guard.
    #[command(after_help = "Examples:\n  backstay rollback run C17 --confirm shop")]
    Run {
        /// `C17`.
        id: String,
        /// The target's name, typed as a confirmation.
        #[arg(long, value_name = "TARGET")]
        confirm: Option<String>,
    },
    /// Approve the plan that was shown.
    #[command(after_help = "Examples:\n  backstay rollback approve C17")]
    Approve {
        /// `C17`.
        id: String,
    },
    /// Keep the change.
    #[command(after_help = "Examples:\n  backstay rollback deny C17")]
    Deny {
        /// `C17`.
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Snapshot {
    /// Read and store the configuration now.
    #[command(after_help = "Examples:\n  backstay snapshot create postgresql://backstay@db1/shop")]
    Create {
        /// Connection string.
        dsn: String,
    },
    /// The recorded ones.
    #[command(after_help = "Examples:\n  backstay snapshot list")]
    List,
    /// What differs between two.
    #[command(
        after_help = "Examples:\n  backstay snapshot diff 3fa9c1\n  backstay snapshot diff 3fa9c1 b20e77"
    )]
    Diff {
        /// The older one (or its beginning).
        old: String,
        /// The newer one (or its beginning); default: the latest.
        new: Option<String>,
    },
    /// One as JSON.
    #[command(after_help = "Examples:\n  backstay snapshot export 3fa9c1 > before.json")]
    Export {
        /// Which (or its beginning).
        id: String,
    },
    /// Put a whole configuration back.
    #[command(after_help = "Examples:\n  backstay snapshot restore 3fa9c1")]
    Restore {
        /// Which (or its beginning).
        id: String,
    },
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  backstay replay --policy stricter.toml\n  backstay replay /var/lib/backstay --policy stricter.toml --json"
)]
pub(crate) struct Replay {
    /// A state directory or its `journal.db`; default: the state directory.
    pub(crate) journal: Option<PathBuf>,
    /// Configuration file whose policy is tried.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Check every entry; names the first that was altered or is missing.
    #[command(
        after_help = "Examples:\n  backstay audit verify\n  backstay audit verify journal.jsonl --head 812:9f3c…"
    )]
    Verify {
        /// A state directory or its `journal.db`; default: the state directory.
        journal: Option<PathBuf>,
        /// The head as it was noted elsewhere (`#812:9f3c…`): finds a cut-off end.
        #[arg(long, value_name = "HEAD")]
        head: Option<String>,
    },
    /// Put a damaged journal into a folder of its own, so that the next guard begins a new one.
    #[command(
        after_help = "Examples:\n  backstay audit set-aside\n  backstay audit set-aside --yes\n\nOnly a journal that is damaged, or holds a step that cannot have happened, is set aside; it stays\nwhole and can be read there. No guard may be running. A pause stays."
    )]
    SetAside {
        /// Do it; without it, only what is wrong and what would be lost is told.
        #[arg(long)]
        yes: bool,
    },
    /// Every entry as one JSON document a line.
    #[command(after_help = "Examples:\n  backstay audit export > journal.jsonl")]
    Export {
        /// A state directory or its `journal.db`; default: the state directory.
        journal: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  backstay pause --why \"maintenance until six\"")]
pub(crate) struct Pause {
    /// Why, for the record.
    #[arg(long, value_name = "TEXT")]
    pub(crate) why: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  backstay rescue --pgdata /var/lib/postgresql/15/main")]
pub(crate) struct Rescue {
    /// Data directory of the server.
    #[arg(long, value_name = "DIR")]
    pub(crate) pgdata: PathBuf,
}
