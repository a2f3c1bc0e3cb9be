//! Builds knowledge packs: what is known about the settings of one major version of an engine.
//!
//! Sources: the catalogue of a live scratch server and the comments of its sample configuration, names,
//! the server's own verdicts on combinations tried on scratch servers, values that move with others,
//! and the documentation package of the distribution. Each gives findings; log-odds fold them into
//! constraints. Same inputs, same bytes. What people know (`overrides.toml`, `effects.toml`) is not
//! built here, and not looked at.
//!
//! This crate does not know: production servers, history, risk, or the graph. It stores anchors and
//! hashes of sentences, never sentences.
#![deny(missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use backstay_catalog::pack::{ConstraintsFile, FORMAT, SettingsFile};
use backstay_model::Constraint;
use backstay_model::name::EngineKind;
use backstay_scratch::postgres::{Binaries, FindError};

mod catalogue;
mod finding;
mod html;
mod sentence;

mod docs;
mod naming;
mod sample;
mod server;
mod text;

pub mod score;

mod fold;
mod words;
mod write;

pub use docs::Docs;
pub use html::DocsError;
pub use server::ServerError;
pub use text::training::{LabelError, Places, candidates, label, train};

/// A built pack.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Built {
    /// Text of `settings.json`.
    pub settings: String,
    /// Text of `constraints.json`.
    pub constraints: String,
    /// For a person: counts per kind of edge and of evidence.
    pub summary: String,
}

/// A pack could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// There are no server programs of this major version.
    #[error("cannot build a pack without a server")]
    NoBinaries {
        /// Which, and what helps.
        #[from]
        source: FindError,
    },
    /// The documentation could not be read.
    #[error("cannot build a pack without documentation")]
    Docs {
        /// Why.
        #[from]
        source: DocsError,
    },
    /// A scratch server failed.
    #[error("cannot build a pack without a scratch server")]
    Server {
        /// Why.
        #[from]
        source: ServerError,
    },
    /// What servers said in earlier builds could not be read or kept.
    #[error("cannot use the folder of earlier tries")]
    Tries {
        /// Why.
        #[from]
        source: std::io::Error,
    },
    /// The pack could not be written as text.
    #[error("cannot write the pack as text")]
    Encode {
        /// Why.
        #[from]
        source: serde_json::Error,
    },
    /// The settings just read make no pack.
    #[error("the server's own settings make no pack")]
    Settings {
        /// Why.
        #[from]
        source: backstay_catalog::NoPack,
    },
    /// The pack would copy the documentation.
    #[error("the pack would hold a run of words of the documentation: {run}")]
    Copied {
        /// The run.
        run: String,
    },
}

/// Builds the pack of PostgreSQL `major` from the pinned server of that version, else the one installed
/// here, and documentation. Takes minutes: hundreds of settings are tried on scratch servers.
///
/// What servers say is kept in the folder `tries`, when one is given, and looked up there first.
///
/// # Errors
/// `BuildError`; nothing is written.
pub async fn postgresql(
    major: u32,
    docs: &Docs,
    tries: Option<&Path>,
) -> Result<Built, BuildError> {
    let binaries = Binaries::pinned(major).map_or_else(|| Binaries::find_major(major), Ok)?;
    let blocks = docs.blocks()?;
    let memo = server::memo::Memo::open(tries, &binaries.version)?;
    let bench = server::Bench::open(&binaries, memo).await?;
    let client = bench
        .live
        .connect("postgres")
        .await
        .map_err(ServerError::from)?;
    let known = catalogue::read(&client).await.map_err(ServerError::from)?;
    drop(client);

    let mut findings = docs.weigh(text::documentation(&blocks, &known));
    findings.extend(text::catalogue(&known));
    findings.extend(sample::findings(&bench.sample(), &known));
    findings.extend(naming::findings(&known));
    let mut pairs: BTreeSet<(String, String)> = findings
        .iter()
        .map(finding::Finding::pair)
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .collect();
    pairs.extend(html::entry_mates(&blocks));
    let settings = write::settings(&SettingsFile {
        format: FORMAT,
        engine: EngineKind::Postgresql,
        major,
        server_version: binaries.version.clone(),
        settings: known.iter().map(|k| k.fact.clone()).collect(),
    })?;
    findings.extend(server::probe::findings(&bench, &known));
    bench.memo.save()?;
    findings.extend(server::trial::findings(&bench, &known, &pairs).await?);
    bench.memo.save()?;
    let bounds = write::bare(&settings, major)?;
    server::bounds::judge(&bench, &bounds, &known, &mut findings).await?;
    bench.memo.save()?;
    let constraints = write::sound(&settings, fold::constraints(&findings, &known), major)?;
    let summary = summary(&constraints);
    let constraints = write::constraints(&ConstraintsFile {
        format: FORMAT,
        engine: EngineKind::Postgresql,
        major,
        built_from: format!(
            "backstay-extract, PostgreSQL {} and {}",
            binaries.version,
            docs.words()
        ),
        constraints,
    })?;
    if let Some(run) = words::copied(&blocks, &constraints)? {
        return Err(BuildError::Copied { run });
    }
    Ok(Built {
        settings,
        constraints,
        summary,
    })
}

fn summary(constraints: &[Constraint]) -> String {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    let mut sources: BTreeMap<&str, usize> = BTreeMap::new();
    for constraint in constraints {
        *kinds.entry(constraint.kind.word()).or_default() += 1;
        let of: BTreeSet<&str> = constraint.evidence.iter().map(|e| e.kind.word()).collect();
        for source in of {
            *sources.entry(source).or_default() += 1;
        }
    }
    let rules = constraints.iter().filter(|c| c.rule.is_some()).count();
    let list = |counts: &BTreeMap<&str, usize>| {
        counts
            .iter()
            .map(|(word, n)| format!("  {word}: {n}\n"))
            .collect::<String>()
    };
    format!(
        "{} constraints, {rules} with a rule\nby kind:\n{}by evidence:\n{}",
        constraints.len(),
        list(&kinds),
        list(&sources)
    )
}
