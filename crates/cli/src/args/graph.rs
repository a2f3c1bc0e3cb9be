//! Commands about what depends on what.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{FarCommand, Subject};

/// Where to look: a target of the state directory, a live server, or what is shipped.
#[derive(Debug, Clone, Args)]
pub(crate) struct Place {
    /// A target of the state directory, with what was learnt about it; default: the only one there is.
    #[arg(long, value_name = "NAME")]
    pub(crate) target: Option<String>,
    #[command(flatten)]
    pub(crate) subject: Subject,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Graph {
    /// Dependencies for other programs.
    #[command(
        after_help = "Examples:\n  backstay graph export --engine postgresql --version 15 --format csv\n  backstay graph export --of work_mem --format svg > cone.svg\n  backstay graph export --effects --min-confidence 0.8 --format cypher"
    )]
    Export {
        /// Connection string of a live server, for its version.
        dsn: Option<String>,
        /// csv, json, cypher, dot, mermaid; or svg, with --of.
        #[arg(long, default_value = "csv")]
        format: String,
        /// Only what this setting reaches; may be given several times.
        #[arg(long, value_name = "SETTING")]
        of: Vec<String>,
        /// With the metrics that settings move, and the services that use a target.
        #[arg(long)]
        effects: bool,
        /// Leave out what is less sure.
        #[arg(long, value_name = "P", default_value_t = 0.0)]
        min_confidence: f64,
        #[command(flatten)]
        place: Place,
    },
    /// What a setting reaches, as a tree or a picture.
    #[command(
        after_help = "Examples:\n  backstay graph show work_mem\n  backstay graph show postgresql://me@db1/shop work_mem\n  backstay graph show fsync full_page_writes --depth 2 --svg cone.svg"
    )]
    Show {
        /// A connection string (optional), then settings.
        #[arg(required = true)]
        words: Vec<String>,
        /// Write the picture to this file.
        #[arg(long, value_name = "FILE")]
        svg: Option<PathBuf>,
        /// Edges to follow.
        #[arg(long, default_value_t = 3)]
        depth: u8,
        /// Leave out what is less sure.
        #[arg(long, value_name = "P", default_value_t = 0.5)]
        min_confidence: f64,
        #[command(flatten)]
        place: Place,
    },
    /// The best way from one node to another.
    #[command(
        after_help = "Examples:\n  backstay graph path max_connections statement_mean_ms\n  backstay graph path --target shop work_mem statement_mean_ms"
    )]
    Path {
        /// A connection string (optional), then from where to where.
        #[arg(required = true, num_args = 2..=3, value_names = ["FROM", "TO"])]
        words: Vec<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Say that a dependency is real.
    #[command(
        after_help = "Examples:\n  backstay graph confirm 'jit_above_cost -> jit' --why \"seen in production\"\n  backstay graph confirm jit_above_cost enables jit --target shop\n  backstay graph confirm pg.wal_level.archive"
    )]
    Confirm(Judge),
    /// Say that a dependency is not real.
    #[command(
        after_help = "Examples:\n  backstay graph reject 'work_mem -> shared_buffers' --why \"other hosts\"\n  backstay graph reject work_mem shares_resource shared_buffers"
    )]
    Reject(Judge),
    /// How much is known, from where, how surely, and what was learnt here.
    #[command(
        after_help = "Examples:\n  backstay graph stats\n  backstay graph stats --version 17\n  backstay graph stats --target shop --json"
    )]
    Stats {
        /// Connection string of a live server, for its version.
        dsn: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    #[command(flatten)]
    Far(FarCommand),
}

#[derive(Debug, Args)]
pub(crate) struct Judge {
    /// `from -> to`, `from requires to`, or the id of a rule.
    #[arg(required = true, value_name = "EDGE")]
    pub(crate) words: Vec<String>,
    /// Why, for the record.
    #[arg(long, value_name = "TEXT")]
    pub(crate) why: Option<String>,
    /// Only for this target; default: for all of this state directory.
    #[arg(long, value_name = "NAME")]
    pub(crate) target: Option<String>,
    #[command(flatten)]
    pub(crate) subject: Subject,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  backstay explain work_mem\n  backstay explain 'jit_above_cost -> jit'\n  backstay explain postgresql://me@db1/shop autovacuum_max_workers bounded_by max_worker_processes\n  backstay explain C17\n\nExit codes: 0 known, 4 nothing says that the one depends on the other."
)]
pub(crate) struct Explain {
    /// A connection string (optional), then a setting (`work_mem`), a dependency (`a -> b`, `a requires
    /// b`, the id of a rule) or a change set (`C17`).
    #[arg(required = true, value_name = "SUBJECT")]
    pub(crate) words: Vec<String>,
    /// The configuration, in the engine's own format, whose values the rule is tried on.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Draw the metrics around a change set into this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) place: Place,
}
