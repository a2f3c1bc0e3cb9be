//! Labelled examples, as they are kept.

use std::collections::BTreeSet;

use backstay_model::EdgeKind;

use crate::features::Features;
use crate::sentence::{MARK, Names, Sentence, hash};
use crate::setting::{Dimension, Kind, Setting, family};
use crate::view::{Candidate, Place, Section};

/// What a sentence says of a pair: one of the seven kinds, or nothing.
pub type Label = Option<EdgeKind>;

/// Every label, in the order of the classifier's outputs; the last is "none".
pub const LABELS: [Label; 8] = [
    Some(EdgeKind::Requires),
    Some(EdgeKind::ConflictsWith),
    Some(EdgeKind::BoundedBy),
    Some(EdgeKind::Enables),
    Some(EdgeKind::Overrides),
    Some(EdgeKind::SharesResource),
    Some(EdgeKind::ScalesWith),
    None,
];

/// Place of "none" in [`LABELS`].
pub const NONE: usize = 7;

/// The word of a label: `enables`, `none`.
#[must_use]
pub fn word(label: Label) -> &'static str {
    label.map_or("none", EdgeKind::word)
}

/// Place of `label` in [`LABELS`].
#[must_use]
pub fn place(label: Label) -> usize {
    LABELS.iter().position(|l| *l == label).unwrap_or(NONE)
}

fn parse_label(word_: &str) -> Option<Label> {
    LABELS.into_iter().find(|label| word(*label) == word_)
}

/// Which of the two depends on the other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Direction {
    /// The owner of the entry depends on the mentioned setting.
    Forward,
    /// The mentioned setting depends on the owner.
    Backward,
}

impl Direction {
    const fn word(direction: Option<Self>) -> &'static str {
        match direction {
            Some(Self::Forward) => "forward",
            Some(Self::Backward) => "backward",
            None => "-",
        }
    }

    fn parse(word: &str) -> Option<Option<Self>> {
        [Some(Self::Forward), Some(Self::Backward), None]
            .into_iter()
            .find(|d| Self::word(*d) == word)
    }
}

/// One labelled pair in one sentence; the sentence itself is not kept, unless it is ours.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Example {
    /// `postgresql`, `mariadb`, `redis`, or `ours`.
    pub engine: String,
    /// Anchor of the entry or section in the documentation; `ours` for our own sentences.
    pub anchor: String,
    /// Hash of the sentence.
    pub hash: String,
    /// Whose entry it is.
    pub owner: String,
    /// Who is mentioned.
    pub mentioned: String,
    /// What the sentence says.
    pub label: Label,
    /// Which way; `None` for symmetric kinds and "none".
    pub direction: Option<Direction>,
    /// What is seen in the sentence.
    pub features: Features,
}

/// Stored examples could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read line {line} of the labelled examples: {what}")]
pub struct DataError {
    line: usize,
    what: &'static str,
}

impl Example {
    /// The family of settings it belongs to.
    #[must_use]
    pub fn family(&self) -> String {
        format!("{}.{}", self.engine, family(&self.owner))
    }

    /// Whether documentation was read for it.
    #[must_use]
    pub fn documented(&self) -> bool {
        self.engine != OURS
    }

    /// Whether the two are told apart by direction.
    #[must_use]
    pub fn directed(&self) -> bool {
        self.label.is_some_and(|kind| !kind.symmetric())
    }
}

const OURS: &str = "ours";
const HEAD: &str = "engine\tanchor\tsentence_hash\towner\tmentioned\tlabel\tdirection\tfeatures\n";

/// Reads the examples from documentation: one a line, columns apart by tabs, a headline first.
///
/// # Errors
/// `DataError` names the line.
pub fn documentation(text: &str) -> Result<Vec<Example>, DataError> {
    let lines = text.lines().enumerate().skip(1);
    lines
        .filter(|(_, line)| !line.is_empty())
        .map(|(i, line)| {
            let fail = |what| DataError { line: i + 1, what };
            let columns: Vec<&str> = line.split('\t').collect();
            let &[
                engine,
                anchor,
                hash,
                owner,
                mentioned,
                label,
                direction,
                features,
            ] = columns.as_slice()
            else {
                return Err(fail("not eight columns"));
            };
            let features = Features::parse(features.split_whitespace());
            checked(
                Example {
                    engine: engine.to_owned(),
                    anchor: anchor.to_owned(),
                    hash: hash.to_owned(),
                    owner: owner.to_owned(),
                    mentioned: mentioned.to_owned(),
                    label: parse_label(label).ok_or(fail("an unknown label"))?,
                    direction: Direction::parse(direction).ok_or(fail("an unknown direction"))?,
                    features: features.ok_or(fail("an unknown feature"))?,
                },
                fail,
            )
        })
        .collect()
}

/// A directed kind has a direction, another label has none.
fn checked(
    example: Example,
    fail: impl Fn(&'static str) -> DataError,
) -> Result<Example, DataError> {
    if example.directed() == example.direction.is_some() {
        Ok(example)
    } else {
        Err(fail("label and direction do not fit"))
    }
}

/// Writes the examples from documentation, sorted, each once.
#[must_use]
pub fn write(examples: &[Example]) -> String {
    let sorted: BTreeSet<&Example> = examples.iter().collect();
    let mut text = HEAD.to_owned();
    for e in sorted {
        let row = [
            e.engine.as_str(),
            &e.anchor,
            &e.hash,
            &e.owner,
            &e.mentioned,
            word(e.label),
            Direction::word(e.direction),
            &e.features.names().join(" "),
        ];
        text.push_str(&format!("{}\n", row.join("\t")));
    }
    text
}

/// Reads our own sentences: label, direction, owner, mentioned (`name:kind:dimension`) and the sentence,
/// apart by tabs, a headline first. Names that are ordinary words stand in backticks.
///
/// # Errors
/// `DataError` names the line.
pub fn sentences(text: &str) -> Result<Vec<Example>, DataError> {
    let lines = text.lines().enumerate().skip(1);
    lines
        .filter(|(_, line)| !line.is_empty())
        .map(|(i, line)| {
            let fail = |what| DataError { line: i + 1, what };
            let columns: Vec<&str> = line.split('\t').collect();
            let &[label, direction, owner, mentioned, sentence] = columns.as_slice() else {
                return Err(fail("not five columns"));
            };
            let a = setting(owner).ok_or(fail("the owner cannot be read"))?;
            let b = setting(mentioned).ok_or(fail("the mentioned setting cannot be read"))?;
            let features = seen(sentence, &a, &b);
            checked(
                Example {
                    engine: OURS.to_owned(),
                    anchor: OURS.to_owned(),
                    hash: hash(sentence),
                    owner: a.name,
                    mentioned: b.name,
                    label: parse_label(label).ok_or(fail("an unknown label"))?,
                    direction: Direction::parse(direction).ok_or(fail("an unknown direction"))?,
                    features: features.ok_or(fail("the mentioned setting is not in it"))?,
                },
                fail,
            )
        })
        .collect()
}

/// Features of one of our own sentences. Words with an underscore are other settings.
fn seen(sentence: &str, a: &Setting, b: &Setting) -> Option<Features> {
    let marked = sentence.replace('`', &MARK.to_string());
    let words = sentence.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let others = words.filter(|w| w.contains('_'));
    let names = Names::new(others.chain([a.name.as_str(), b.name.as_str()]));
    Features::of(&Candidate {
        sentence: &Sentence::read(&marked, &names),
        owner: a,
        mentioned: b,
        place: Place::Entry,
        section: Section::Other,
    })
}

fn setting(text: &str) -> Option<Setting> {
    let mut parts = text.split(':');
    let name = parts.next()?;
    let kind = match parts.next()? {
        "switch" => Kind::Switch,
        "choice" => Kind::Choice,
        "number" => Kind::Number,
        "text" => Kind::Text,
        _ => return None,
    };
    let dimension = match parts.next() {
        None => Dimension::Count,
        Some("time") => Dimension::Time,
        Some("size") => Dimension::Size,
        Some(_) => return None,
    };
    Some(Setting::new(name, kind, dimension))
}
