//! Measures a pack against check lists that were made by other routes, and simpler means beside it.
//!
//! No list is complete, so precision against one is a lower bound; where people who do not know the
//! pack judged the pairs that are in no list, precision by their judgement is told too.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use backstay_catalog::{NoPack, Pack, PackFit, pack};
use backstay_graph::project;
use backstay_model::name::EngineKind;
use backstay_model::{EdgeKind, NodeKey, SettingName};
use backstay_scratch::postgres::{Options, Server, StartError};

use crate::catalogue::{self, Known};
use crate::html::{self, DocsError};

mod baseline;
mod calibration;
mod list;
mod measure;

pub use list::ListError;

use baseline::Scored;
use calibration::{Calibration, Told};
use list::{Claim, Pair, claims, judgements};
use measure::{
    Agreement, PRECISION_FLOOR, agreement, average_precision, directed, lenient, pairs, ranked,
    recall_at,
};

const MESSAGES: &str = include_str!("../data/checklist/messages.csv");
const EXPERT: &str = include_str!("../data/checklist/expert.csv");
const JUDGED: &str = include_str!("../data/checklist/judged.csv");

const TYPES_HEAD: &str =
    "\n| type | in the list | precision | recall | F1 |\n|---|---|---|---|---|";
const MEANS_HEAD: &str = "\n| means, pairs only | found | precision | recall | average precision \
    | recall at precision FLOOR |\n|---|---|---|---|---|---|";
const NO_DOCS: &str = "\nBaselines over the documentation were left out: its package for this \
    version is not installed.";

/// A pack could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// There is no pack of this version.
    #[error("there is no pack to measure")]
    Pack {
        /// Why.
        #[from]
        source: NoPack,
    },
    /// Only an older pack is there.
    #[error("there is no pack of PostgreSQL {major} itself, only one of {from}")]
    Carried {
        /// Asked for.
        major: u32,
        /// There.
        from: u32,
    },
    /// A check list cannot be read.
    #[error("a check list is damaged")]
    List {
        /// Where.
        #[from]
        source: ListError,
    },
    /// No server to read descriptions from.
    #[error("cannot start a scratch server to read its descriptions")]
    Start {
        /// Why.
        #[from]
        source: StartError,
    },
    /// The server does not tell its settings.
    #[error("cannot read the settings of a scratch server")]
    Read {
        /// Why.
        #[from]
        source: tokio_postgres::Error,
    },
    /// The documentation cannot be read.
    #[error("cannot read the documentation")]
    Docs {
        /// Why.
        #[from]
        source: DocsError,
    },
}

/// Measures the shipped pack of PostgreSQL `major`; Markdown for a person. The documentation in the
/// folder `docs` is needed by some of the baselines, which are left out, and said to be, without it.
///
/// # Errors
/// `ScoreError`.
pub async fn score(major: u32, docs: Option<&Path>) -> Result<String, ScoreError> {
    let choice = pack(EngineKind::Postgresql, major)?;
    if let PackFit::Carried { from } = choice.fit {
        return Err(ScoreError::Carried { major, from });
    }
    let options = Options {
        major: Some(major),
        ..Options::default()
    };
    let server = Server::start(options).await?;
    let known = catalogue::read(&server.connect("postgres").await?).await?;
    let names: BTreeSet<SettingName> = choice.pack.settings.keys().cloned().collect();
    let ours = Ours::of(choice.pack);
    let judged = judgements("judged.csv", JUDGED)?;
    let mut page = Vec::new();
    page.push(format!("## PostgreSQL {major}\n"));
    page.push(format!(
        "{} settings, {} pairs, {} typed dependencies between settings.\n",
        names.len(),
        ours.ranked.len(),
        ours.claims.len()
    ));
    let list = claims("expert.csv", EXPERT, &names)?;
    page.push(format!(
        "### Against an expert's list ({} dependencies)\n",
        list.len()
    ));
    ours.against(&list, &judged, &mut page);
    others(&list, &known, docs, &mut page)?;
    page.push("How sure the pack is of the pairs that are in the list or were judged:".to_owned());
    page.push(calibration::HEAD.to_owned());
    page.extend(Calibration::of(&ours.told, &pairs(&list), &judged).rows());
    page.push(String::new());
    let list = claims("messages.csv", MESSAGES, &names)?;
    page.push(ours.found_of_messages(&list));
    Ok(page.join("\n") + "\n")
}

/// The dependencies between settings that a pack tells.
struct Ours {
    claims: BTreeSet<Claim>,
    told: Vec<Told>,
    ranked: Vec<(Pair, f64)>,
}

impl Ours {
    fn of(pack: &Pack) -> Self {
        let mut told = Vec::new();
        for edge in project(&pack.constraints) {
            if let (NodeKey::Setting(from), NodeKey::Setting(to)) = (&edge.from, &edge.to) {
                let claim = Claim::new(from.as_str(), to.as_str(), edge.kind);
                let confidence = edge.confidence.get();
                told.push(Told { claim, confidence });
            }
        }
        Self {
            claims: told.iter().map(|t| t.claim.clone()).collect(),
            ranked: ranked(told.iter().map(|t| (t.claim.pair(), t.confidence))),
            told,
        }
    }

    fn against(
        &self,
        list: &BTreeSet<Claim>,
        judged: &BTreeMap<Pair, bool>,
        page: &mut Vec<String>,
    ) {
        let wanted = pairs(list);
        page.push("| | precision | recall | F1 |\n|---|---|---|---|".to_owned());
        for (what, found) in [
            ("pairs", agreement(&pairs(&self.claims), &wanted)),
            (
                "directed",
                agreement(&directed(&self.claims), &directed(list)),
            ),
            ("typed and directed", agreement(&self.claims, list)),
            (
                "the same, types that are hard to tell apart merged",
                agreement(&lenient(&self.claims), &lenient(list)),
            ),
        ] {
            page.push(format!("| {what} | {} |", cells(found)));
        }
        if let Some(real) = judged_real(&self.ranked, &wanted, judged) {
            page.push(format!(
                "\nOf the pairs that are in the list or were judged, {real:.3} are real."
            ));
        }
        let by_kind = EdgeKind::ALL.map(|kind| {
            let of = |all: &BTreeSet<Claim>| -> BTreeSet<Claim> {
                all.iter().filter(|c| c.kind == kind).cloned().collect()
            };
            (
                kind,
                of(list).len(),
                agreement(&of(&self.claims), &of(list)),
            )
        });
        page.push(TYPES_HEAD.to_owned());
        for (kind, listed, found) in by_kind.into_iter().filter(|(_, listed, _)| *listed > 0) {
            page.push(format!("| {kind} | {listed} | {} |", cells(found)));
        }
        page.push(MEANS_HEAD.replace("FLOOR", &PRECISION_FLOOR.to_string()));
        page.push(row("**this pack**", &self.ranked, &wanted));
    }
}

impl Ours {
    /// The server names few pairs, and all of them are real: only recall says something.
    fn found_of_messages(&self, list: &BTreeSet<Claim>) -> String {
        let recall = [
            agreement(&pairs(&self.claims), &pairs(list)),
            agreement(&directed(&self.claims), &directed(list)),
            agreement(&self.claims, list),
        ]
        .map(|found| format!("{:.3}", found.recall));
        let [pairs, directed, typed] = recall;
        format!(
            "### Against the server's own messages ({} dependencies)\n\n\
             Recall: pairs {pairs}, directed {directed}, typed and directed {typed}.\n",
            list.len()
        )
    }
}

/// Share of real pairs among those that are listed or judged; `None` when nothing was judged.
fn judged_real(
    ranked: &[(Pair, f64)],
    wanted: &BTreeSet<Pair>,
    judged: &BTreeMap<Pair, bool>,
) -> Option<f64> {
    let listed = ranked.iter().filter(|(p, _)| wanted.contains(p)).count();
    let verdicts: Vec<bool> = ranked
        .iter()
        .filter(|(p, _)| !wanted.contains(p))
        .filter_map(|(p, _)| judged.get(p).copied())
        .collect();
    let real = verdicts.iter().filter(|v| **v).count();
    let all = listed + verdicts.len();
    (!verdicts.is_empty()).then(|| Agreement::of(listed + real, all, all).precision)
}

/// One row for each simpler means.
fn others(
    list: &BTreeSet<Claim>,
    known: &[Known],
    docs: Option<&Path>,
    page: &mut Vec<String>,
) -> Result<(), DocsError> {
    let wanted = pairs(list);
    let mut means: Vec<(&str, Scored)> = Vec::new();
    if let Some(docs) = docs {
        let blocks = html::read(docs)?;
        means.push((
            "any mention in the documentation",
            baseline::mentions(&blocks, known),
        ));
        means.push((
            "the documentation, read by the classifier",
            baseline::read(&blocks, known),
        ));
        means.push(("named in one paragraph", baseline::together(&blocks, known)));
    }
    means.push(("mention in the catalogue", baseline::catalogue(known)));
    means.push(("descriptions alike", baseline::alike(known)));
    for (what, scored) in means {
        page.push(row(what, &ranked(scored), &wanted));
    }
    if docs.is_none() {
        page.push(NO_DOCS.to_owned());
    }
    page.push(String::new());
    Ok(())
}

fn cells(found: Agreement) -> String {
    format!(
        "{:.3} | {:.3} | {:.3}",
        found.precision,
        found.recall,
        found.f1()
    )
}

fn row(what: &str, ranked: &[(Pair, f64)], wanted: &BTreeSet<Pair>) -> String {
    let found: BTreeSet<Pair> = ranked.iter().map(|(p, _)| p.clone()).collect();
    let all = agreement(&found, wanted);
    let cut = recall_at(ranked, wanted, PRECISION_FLOOR);
    let cut = cut.map_or("–".to_owned(), |c| format!("{:.3}", c.recall));
    format!(
        "| {what} | {} | {:.3} | {:.3} | {:.3} | {cut} |",
        ranked.len(),
        all.precision,
        all.recall,
        average_precision(ranked, wanted)
    )
}
