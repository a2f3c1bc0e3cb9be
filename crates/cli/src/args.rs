//! The command line, defined once: parser, help, completion and reference come from here.

mod check;
mod far;
mod graph;
mod record;

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::demo::{SCENARIOS, Scenario};

pub(crate) use check::{Check, HostFacts};
pub(crate) use far::FarCommand;
#[cfg(feature = "neo4j")]
pub(crate) use far::FarOptions;
pub(crate) use graph::{Explain, Graph, Judge, Place};
pub(crate) use record::{Audit, Changes, Pause, Replay, Rescue, Rollback, Snapshot, Status};

/// Keeps a database standing when its configuration changes.
#[derive(Debug, Parser)]
#[command(name = "backstay", version, max_term_width = 100, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  backstay demo                                    see a bad change caught on a throw-away server
  backstay doctor postgresql://me@db1/shop         missing rights, with the exact statements
  backstay watch postgresql://backstay@db1/shop    watch a database (observe mode: never writes)
  backstay simulate work_mem=256MB --memory 64GB   what a change would do, before it is made
  backstay check postgresql://me@db1/shop          rules that the configuration breaks now
  backstay explain 'jit_above_cost -> jit'         why one setting is believed to depend on another

More: `backstay topic exit-codes`, `topic modes`, `topic verdicts`, `topic config`.";

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// How to print data.
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
    /// The same as `--output json`.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Where the guard keeps its state.
    #[arg(
        long,
        global = true,
        env = "BACKSTAY_STATE_DIR",
        hide_env_values = true,
        value_name = "DIR"
    )]
    pub(crate) state_dir: Option<PathBuf>,
    /// No colour (also: NO_COLOR, BACKSTAY_NO_COLOR, TERM=dumb, no terminal).
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
    /// Say more about what Backstay does (twice: much more).
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// Formats of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// For programs; carries `format_version`.
    Json,
    /// For pull requests and post-mortems (`check` and `simulate`).
    Markdown,
    /// For code scanning (`check` and `simulate`).
    Sarif,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Play the story: a harmless change is kept, a harmful one rolled back.
    Demo(Demo),
    /// Watch databases, in the foreground.
    Watch(Watch),
    /// Tell what a change would do, before it is made.
    Simulate(Simulate),
    /// Evaluate every rule on a configuration.
    Check(Check),
    /// Look at the dependency graph, and have a say in it.
    #[command(
        subcommand,
        after_help = "Examples:\n  backstay graph show work_mem --svg cone.svg\n  backstay graph stats\n  backstay graph confirm 'jit_above_cost enables jit' --why \"seen in production\"\n  backstay graph export --format csv > edges.csv"
    )]
    Graph(Graph),
    /// Explain a setting, a dependency, a change set or a rollback.
    Explain(Explain),
    /// Judge recorded data around a change.
    Detect(Detect),
    /// Evaluate the performance model on a table of measurements.
    #[command(
        subcommand,
        after_help = "Examples:\n  backstay model eval --data runs.csv --target latency_ms --train 200"
    )]
    Model(Model),
    /// Change sets that were seen.
    #[command(
        subcommand,
        after_help = "Examples:\n  backstay changes list\n  backstay changes show C17"
    )]
    Changes(Changes),
    /// Look at, approve or deny rollbacks.
    #[command(
        subcommand,
        after_help = "Examples:\n  backstay rollback plan C17\n  backstay rollback approve C17"
    )]
    Rollback(Rollback),
    /// Recorded configurations.
    #[command(
        subcommand,
        after_help = "Examples:\n  backstay snapshot list\n  backstay snapshot diff 3fa9c1"
    )]
    Snapshot(Snapshot),
    /// Tell what would have been decided with another policy.
    Replay(Replay),
    /// Verify or export the record.
    #[command(
        subcommand,
        after_help = "Examples:\n  backstay audit verify\n  backstay audit export > journal.jsonl"
    )]
    Audit(Audit),
    /// Stop all writing, now.
    Pause(Pause),
    /// Allow writing again.
    #[command(after_help = "Examples:\n  backstay resume")]
    Resume,
    /// How the watched databases stand.
    Status(Status),
    /// Bring back a server that does not start.
    Rescue(Rescue),
    /// Which rights are missing, with the exact statements.
    Doctor(Doctor),
    /// Look at the configuration file.
    #[command(
        subcommand,
        after_help = "Examples:\n  backstay config check backstay.toml"
    )]
    Config(ConfigCommand),
    /// Completion for a shell.
    #[command(
        after_help = "Examples:\n  backstay completion bash > /etc/bash_completion.d/backstay"
    )]
    Completion {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Explanations beyond the commands: exit-codes, modes, verdicts, config.
    #[command(after_help = "Examples:\n  backstay topic\n  backstay topic exit-codes")]
    Topic {
        /// Which topic.
        topic: Option<String>,
    },
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  backstay demo\n  backstay demo --simulated\n  backstay demo --json > story.jsonl"
)]
pub(crate) struct Demo {
    /// Which harmful change the story has.
    #[arg(long, value_name = "NAME", default_value = SCENARIOS[0].name, value_parser = scenarios())]
    pub(crate) scenario: String,
    /// Play it on a simulated database: nothing is started.
    #[arg(long)]
    pub(crate) simulated: bool,
}

/// The scenarios of the demo, each with its line for the help.
fn scenarios() -> PossibleValuesParser {
    let named = |s: &Scenario| PossibleValue::new(s.name).help(s.about);
    PossibleValuesParser::new(SCENARIOS.iter().map(named))
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  backstay watch postgresql://backstay@db1/shop\n  backstay watch --config backstay.toml\n  backstay watch postgresql://backstay@db1/shop --mode auto --probe-dsn postgresql://app@db1/shop"
)]
pub(crate) struct Watch {
    /// Connection strings: `postgresql://user@host/database` or `host=… dbname=…`.
    pub(crate) dsn: Vec<String>,
    /// Read targets and policy from a file.
    #[arg(long, value_name = "FILE", conflicts_with = "dsn")]
    pub(crate) config: Option<PathBuf>,
    /// How far Backstay may go: observe, approve or auto.
    #[arg(long, value_name = "MODE")]
    pub(crate) mode: Option<String>,
    /// How the probe connects: the way an application does.
    #[arg(long, value_name = "DSN")]
    pub(crate) probe_dsn: Option<String>,
    /// How Backstay connects to write; default: as the observer.
    #[arg(long, value_name = "DSN")]
    pub(crate) control_dsn: Option<String>,
    /// How long a change is watched (`15m`).
    #[arg(long, value_name = "TIME")]
    pub(crate) watch: Option<String>,
    /// How often a watch that decided nothing goes on for its own length again.
    #[arg(long, value_name = "N")]
    pub(crate) extensions: Option<u32>,
    /// Least history before a change that a verdict needs (`60s`).
    #[arg(long, value_name = "TIME")]
    pub(crate) min_baseline: Option<String>,
    /// How long after a rollback the symptom may take to go away (`120s`).
    #[arg(long, value_name = "TIME")]
    pub(crate) recovery: Option<String>,
    /// Stop by itself after this time.
    #[arg(long, value_name = "TIME")]
    pub(crate) duration: Option<String>,
}

/// A configuration: of a live server, of a file, or of what is shipped.
#[derive(Debug, Clone, Args)]
pub(crate) struct Subject {
    /// Engine, when no server is named.
    #[arg(long, default_value = "postgresql")]
    pub(crate) engine: String,
    /// Major version, when no server is named.
    #[arg(long, default_value_t = 15, value_name = "N")]
    pub(crate) version: u32,
    /// Memory of the host (`64GB`).
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<String>,
    /// Processors of the host.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) cpus: Option<u32>,
    /// Storage of the host: ssd, nvme or hdd.
    #[arg(long, value_name = "KIND")]
    pub(crate) storage: Option<String>,
    #[command(flatten)]
    pub(crate) host: HostFacts,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  backstay simulate work_mem=256MB --memory 64GB\n  backstay simulate postgresql://me@db1/shop jit_above_cost=0\n  backstay simulate -f postgresql.conf --current old.conf -o sarif\n\nExit codes: 0 under the threshold, 3 at or over it, 4 inconclusive."
)]
pub(crate) struct Simulate {
    /// A connection string (optional), then KEY=VALUE…
    pub(crate) words: Vec<String>,
    /// Settings from a file in the engine's own format.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// The configuration as it is now, in the engine's own format.
    #[arg(long, value_name = "FILE")]
    pub(crate) current: Option<PathBuf>,
    /// Risk (0–100) at which the exit code is 3.
    #[arg(long, value_name = "N", default_value_t = 35.0)]
    pub(crate) risk_threshold: f64,
    /// Start a scratch server of the same binaries with it.
    #[arg(long)]
    pub(crate) boot_check: bool,
    /// Exit 0 also when nothing can be said.
    #[arg(long)]
    pub(crate) allow_inconclusive: bool,
    #[command(flatten)]
    pub(crate) subject: Subject,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  backstay detect kpi.csv --changed-at 2026-11-23T18:00:00Z --role latency_ms=latency\n  backstay detect kpi.csv --changed-at '2026-11-23 19:00:00' --tz Europe/Berlin --baseline auto --svg kpi.svg\n  backstay detect kpi.csv --scores"
)]
pub(crate) struct Detect {
    /// CSV with a header, a column `timestamp` and value columns.
    pub(crate) file: PathBuf,
    /// When the change was made: RFC 3339, `YYYY-MM-DD HH:MM:SS` or epoch seconds.
    #[arg(long, value_name = "TIME")]
    pub(crate) changed_at: Option<String>,
    /// Chance of a false alarm over the whole recording.
    #[arg(long, value_name = "P", default_value_t = 0.05)]
    pub(crate) alpha: f64,
    /// Baseline: seasonal, or auto: for each column what would have predicted the time before the change
    /// best. Also ets, prophet and lstm, in a backstay that was built with these features.
    #[arg(long, default_value = "seasonal")]
    pub(crate) baseline: String,
    /// Which way is worse: up, down or both.
    #[arg(long, default_value = "both")]
    pub(crate) direction: String,
    /// Role of a column: COLUMN=throughput|latency|errors|demand|saturation|other, or peer: a metric of
    /// another target, which the change did not touch. What two or more peers do as well is not blamed
    /// on the change.
    #[arg(long, value_name = "COLUMN=ROLE")]
    pub(crate) role: Vec<String>,
    /// Take the roles that --role does not say from well-known names of columns, and tell which.
    #[arg(long)]
    pub(crate) guess_roles: bool,
    /// Time zone of times without an offset, and of the season: Europe/Berlin.
    #[arg(long, value_name = "ZONE")]
    pub(crate) tz: Option<String>,
    /// Draw the columns around the change into this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    /// One anomaly score per row instead of a verdict.
    #[arg(long)]
    pub(crate) scores: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Model {
    /// Fit on some rows, predict the others, say how well.
    #[command(
        after_help = "Examples:\n  backstay model eval --data runs.csv --target latency_ms --train 200 --lower-is-better"
    )]
    Eval {
        /// Numeric CSV.
        #[arg(long, value_name = "FILE")]
        data: PathBuf,
        /// Column to predict.
        #[arg(long, value_name = "COLUMN")]
        target: String,
        /// File with zero-based row numbers to fit on.
        #[arg(long, value_name = "FILE")]
        train_rows: Option<PathBuf>,
        /// Rows to fit on, drawn by chance.
        #[arg(long, value_name = "N")]
        train: Option<usize>,
        /// Seed of the draw.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Less is better.
        #[arg(long)]
        lower_is_better: bool,
    },
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  backstay doctor postgresql://postgres@db1/shop\n  backstay doctor postgresql://postgres@db1/shop --mode auto --settings work_mem,jit"
)]
pub(crate) struct Doctor {
    /// Connection string; without one, the statements are printed for a server of version 15.
    pub(crate) dsn: Option<String>,
    /// For which mode: observe, approve or auto; default: all three.
    #[arg(long, value_name = "MODE")]
    pub(crate) mode: Option<String>,
    /// The role to be made.
    #[arg(long, default_value = "backstay")]
    pub(crate) role: String,
    /// The role that the probe logs in as.
    #[arg(long, value_name = "ROLE")]
    pub(crate) probe_role: Option<String>,
    /// Settings that Backstay may write, with commas.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) settings: Vec<String>,
    /// Roles whose own settings (`ALTER ROLE … SET`) Backstay may put back, with commas.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) roles: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Read a configuration file and say everything that is wrong with it.
    #[command(after_help = "Examples:\n  backstay config check backstay.toml")]
    Check {
        /// The file.
        file: PathBuf,
    },
}
