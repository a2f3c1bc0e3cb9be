//! Labelled examples from documentation: which pairs there are to label, and what is kept of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use backstay_typing::features::Features;
use backstay_typing::sentence::Sentence;
use backstay_typing::view::{Candidate, Section};

use super::passage::{Passage, pairs};
use crate::html::{DocsError, MARK};

mod pooler;
mod source;

use pooler::{pgbouncer, pgpool};
pub(crate) use source::{Source, mariadb, postgresql, redis};

/// A pair of settings in a sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Pair {
    /// Whose entry it is.
    pub(crate) owner: String,
    /// Who is mentioned.
    pub(crate) mentioned: String,
    /// What is seen of them.
    pub(crate) features: Features,
}

/// The sections of the settings: where each is described.
pub(crate) fn sections(passages: &[Passage]) -> BTreeMap<&str, &str> {
    let owned = |p: &'_ Passage| p.owner.is_some();
    passages
        .iter()
        .filter(|p| owned(p))
        .filter_map(|p| Some((p.owner.as_deref()?, p.section.as_str())))
        .collect()
}

impl Source {
    /// The pairs of one passage.
    pub(crate) fn pairs(&self, passage: &Passage, sections: &BTreeMap<&str, &str>) -> Vec<Pair> {
        let sentence = Sentence::read(&passage.text, &self.names);
        let mut found = Vec::new();
        for (owner, mentioned) in pairs(passage, &sentence) {
            let (Some(a), Some(b)) = (self.settings.get(&owner), self.settings.get(&mentioned))
            else {
                continue;
            };
            let of = |name: &str| sections.get(name).filter(|s| !s.is_empty());
            let together = of(&owner).is_some() && of(&owner) == of(&mentioned);
            let features = Features::of(&Candidate {
                sentence: &sentence,
                owner: a,
                mentioned: b,
                place: passage.place,
                section: if together {
                    Section::Same
                } else {
                    Section::Other
                },
            });
            found.extend(features.map(|features| Pair {
                owner,
                mentioned,
                features,
            }));
        }
        found
    }
}

/// Where labelled documentation is found on this machine.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Folder of the HTML documentation of PostgreSQL 15.
    pub postgresql: Option<PathBuf>,
    /// File with the help text of MariaDB's server.
    pub mariadb: Option<PathBuf>,
    /// A commented `redis.conf`.
    pub redis: Option<PathBuf>,
    /// Folder of Pgpool-II's HTML documentation.
    pub pgpool: Option<PathBuf>,
    /// PgBouncer's manual page of its configuration file, in roff.
    pub pgbouncer: Option<PathBuf>,
}

/// A source of labelled examples could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LabelError {
    /// The HTML documentation.
    #[error("cannot read labelled documentation")]
    Docs {
        /// Why.
        #[from]
        source: DocsError,
    },
    /// A text file.
    #[error("cannot read {path}")]
    Text {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {path}")]
    Written {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The stored examples.
    #[error("cannot read stored examples")]
    Stored {
        /// Which line.
        #[from]
        source: backstay_typing::data::DataError,
    },
}

/// The sources that `places` name.
fn sources(places: &Places) -> Result<Vec<Source>, LabelError> {
    let mut sources = Vec::new();
    if let Some(docs) = &places.postgresql {
        sources.push(postgresql(docs)?);
    }
    if let Some(help) = &places.mariadb {
        sources.push(mariadb(&file(help)?));
    }
    if let Some(conf) = &places.redis {
        sources.push(redis(&file(conf)?));
    }
    if let Some(folder) = &places.pgpool {
        sources.push(pgpool(&pages(folder)?));
    }
    if let Some(page) = &places.pgbouncer {
        sources.push(pgbouncer(&file(page)?));
    }
    Ok(sources)
}

/// The pages about settings in `folder`, in the order of their names; Latin-1, read as far as it is ASCII.
fn pages(folder: &Path) -> Result<Vec<(String, String)>, LabelError> {
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |source| LabelError::Text { path, source }
    };
    let mut pages = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed(folder))? {
        let path = entry.map_err(failed(folder))?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let html = path.extension().is_some_and(|e| e == "html");
        if html && !name.starts_with("release") && name != "bookindex" {
            let bytes = fs::read(&path).map_err(failed(&path))?;
            pages.push((
                name.into_owned(),
                String::from_utf8_lossy(&bytes).into_owned(),
            ));
        }
    }
    pages.sort();
    Ok(pages)
}

/// Every pair that could be labelled, with its sentence: for a person to read on a screen, never stored.
///
/// # Errors
/// `LabelError` when a source cannot be read.
pub fn candidates(places: &Places) -> Result<String, LabelError> {
    let mut page = String::new();
    let mut seen = BTreeSet::new();
    for source in sources(places)? {
        let sections = sections(&source.passages);
        for passage in &source.passages {
            let pairs = source.pairs(passage, &sections);
            let new: Vec<&Pair> = pairs
                .iter()
                .filter(|p| {
                    seen.insert((passage.hash.clone(), p.owner.clone(), p.mentioned.clone()))
                })
                .collect();
            if new.is_empty() {
                continue;
            }
            let text = passage.text.replace(MARK, "");
            page.push_str(&format!(
                "= {} {} {:?}: {text}\n",
                source.engine, passage.anchor, passage.place
            ));
            for pair in new {
                let features = pair.features.names().join(" ");
                page.push_str(&format!(
                    "{}\t{}\t{}\t{}\t{features}\n",
                    source.engine, passage.hash, pair.owner, pair.mentioned
                ));
            }
        }
    }
    Ok(page)
}

/// The labelled examples `stored`, and those of `added` (same form; anchor and features may be empty),
/// with anchors and features read anew from the sources that `places` name. Returns the new file and
/// the rows whose sentence is not in the documentation at hand.
///
/// # Errors
/// `LabelError` when a source or a row cannot be read.
fn relabel(
    places: &Places,
    stored: &str,
    added: &str,
) -> Result<(String, Vec<String>), LabelError> {
    let sources = sources(places)?;
    let mut found: BTreeMap<[String; 4], (String, Features)> = BTreeMap::new();
    for source in &sources {
        let sections = sections(&source.passages);
        for passage in &source.passages {
            for pair in source.pairs(passage, &sections) {
                let key = [
                    source.engine.to_owned(),
                    passage.hash.clone(),
                    pair.owner,
                    pair.mentioned,
                ];
                found
                    .entry(key)
                    .or_insert_with(|| (passage.anchor.clone(), pair.features));
            }
        }
    }
    let mut rows = BTreeSet::new();
    let mut lost = Vec::new();
    for line in stored.lines().skip(1).chain(added.lines().skip(1)) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [engine, anchor, hash, owner, mentioned, label, direction, ..] = columns.as_slice()
        else {
            continue;
        };
        let key = [*engine, *hash, *owner, *mentioned].map(str::to_owned);
        let seen = columns.get(7).copied().unwrap_or_default();
        let (anchor, features) = match found.get(&key) {
            Some((anchor, features)) => (anchor.as_str(), features.names().join(" ")),
            None => {
                lost.push(line.to_owned());
                (*anchor, seen.to_owned())
            }
        };
        let row = [
            engine, anchor, hash, owner, mentioned, label, direction, &features,
        ]
        .join("\t");
        rows.insert(row);
    }
    let rows: Vec<String> = rows.into_iter().collect();
    let text = format!("\n{}\n", rows.join("\n"));
    let examples = backstay_typing::data::documentation(&text)?;
    Ok((backstay_typing::data::write(&examples), lost))
}

/// Trains the classifier on the examples in `folder` and writes its weights and scores there; returns
/// the page of scores. Takes seconds; the same examples give the same bytes.
///
/// # Errors
/// `LabelError` when an example cannot be read or a file cannot be written.
pub fn train(folder: &Path) -> Result<String, LabelError> {
    let mut examples = backstay_typing::data::documentation(&file(&folder.join(DOCUMENTATION))?)?;
    examples.extend(backstay_typing::data::sentences(&file(
        &folder.join(SENTENCES),
    )?)?);
    let page = backstay_typing::score::page(&examples);
    let model = backstay_typing::train::train(&examples);
    put(&folder.join("weights.json"), &model.write())?;
    put(&folder.join("SCORES.md"), &page)?;
    Ok(page)
}

/// Reads the labelled examples in `folder` anew from the documentation at hand, with those in the file
/// `added`, if any, and writes them back. Returns the rows whose sentence was not found.
///
/// # Errors
/// `LabelError` when a source, a row or a file cannot be read or written.
pub fn label(
    folder: &Path,
    places: &Places,
    added: Option<&Path>,
) -> Result<Vec<String>, LabelError> {
    let path = folder.join(DOCUMENTATION);
    let added = added.map(file).transpose()?.unwrap_or_default();
    let (text, lost) = relabel(places, &file(&path)?, &added)?;
    put(&path, &text)?;
    Ok(lost)
}

/// Examples from documentation.
const DOCUMENTATION: &str = "documentation.tsv";
/// Our own sentences.
const SENTENCES: &str = "sentences.tsv";

fn file(path: &Path) -> Result<String, LabelError> {
    let read = fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    read.map_err(|source| LabelError::Text {
        path: path.to_path_buf(),
        source,
    })
}

fn put(path: &Path, text: &str) -> Result<(), LabelError> {
    fs::write(path, text).map_err(|source| LabelError::Written {
        path: path.to_path_buf(),
        source,
    })
}

#[cfg(test)]
mod tests;
