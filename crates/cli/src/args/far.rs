//! Commands about a graph that is kept in Neo4j.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum FarCommand {
    /// Prepare a Neo4j database for the graph; harmless where that was done before.
    #[command(
        after_help = "Examples:\n  backstay graph init neo4j://backstay@graph.example --password-file neo4j.password\n  backstay graph init --config backstay.toml"
    )]
    Init {
        /// `neo4j://USER@HOST:PORT/DATABASE`; `neo4j+s://` speaks TLS.
        #[arg(value_name = "URI")]
        uri: Option<String>,
        #[command(flatten)]
        options: FarOptions,
    },
    /// Bring the graph in a Neo4j database up to date with the record.
    #[command(
        after_help = "Examples:\n  backstay graph sync --to neo4j://backstay@graph.example --password-file neo4j.password\n  backstay graph sync --config backstay.toml --follow"
    )]
    Sync {
        /// `neo4j://USER@HOST:PORT/DATABASE`; `neo4j+s://` speaks TLS.
        #[arg(long, value_name = "URI")]
        to: Option<String>,
        /// Go on with whatever is recorded, until Ctrl-C.
        #[arg(long)]
        follow: bool,
        #[command(flatten)]
        options: FarOptions,
    },
    /// Rebuild the graph of the state directory from a Neo4j database.
    #[command(
        after_help = "Examples:\n  backstay graph import --from neo4j://backstay@graph.example --deployment prod"
    )]
    Import {
        /// `neo4j://USER@HOST:PORT/DATABASE`; `neo4j+s://` speaks TLS.
        #[arg(long, value_name = "URI")]
        from: Option<String>,
        #[command(flatten)]
        options: FarOptions,
    },
}

/// Which graph in Neo4j.
#[derive(Debug, Args)]
pub(crate) struct FarOptions {
    /// Take the database from the [graph] section of this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The file whose first line is the password; else BACKSTAY_NEO4J_PASSWORD.
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
    /// Certificates to trust instead of the machine's.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Name of this installation's graph there; default: made from the key of the state directory.
    #[arg(long, value_name = "NAME")]
    pub(crate) deployment: Option<String>,
}
