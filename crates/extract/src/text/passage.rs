//! Sentences with their places, and the pairs of settings in them.

use backstay_catalog::pack::SettingFact;
use backstay_typing::sentence::{Sentence, hash, split};
use backstay_typing::setting::{Dimension, Kind, Setting};
use backstay_typing::view::Place;

use crate::html::Block;

/// A sentence and where it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Passage {
    /// Whose entry it is; `None` outside entries.
    pub(crate) owner: Option<String>,
    /// Anchor in the documentation.
    pub(crate) anchor: String,
    /// The section around it.
    pub(crate) section: String,
    /// Where it stands.
    pub(crate) place: Place,
    /// The sentence, names marked.
    pub(crate) text: String,
    /// Hash of the sentence.
    pub(crate) hash: String,
}

/// Settings in one sentence outside the entries, at most: longer ones are lists.
const ELSEWHERE_MAX: usize = 5;

/// Every sentence of `blocks`, once for each owner of its entry.
pub(crate) fn passages(blocks: &[Block]) -> Vec<Passage> {
    let mut passages = Vec::new();
    let mut last = "";
    for block in blocks {
        let first_block = last != block.anchor;
        last = &block.anchor;
        for (i, text) in split(&block.text).into_iter().enumerate() {
            let hash = hash(&text);
            let one = |owner: Option<&String>| Passage {
                owner: owner.cloned(),
                anchor: block.anchor.clone(),
                section: block.section.clone(),
                place: match owner {
                    None => Place::Elsewhere,
                    Some(_) if first_block && i == 0 => Place::Opening,
                    Some(_) => Place::Entry,
                },
                text: text.clone(),
                hash: hash.clone(),
            };
            if block.owners.is_empty() {
                passages.push(one(None));
            }
            passages.extend(block.owners.iter().map(|owner| one(Some(owner))));
        }
    }
    passages
}

/// The pairs (owner, mentioned) that `sentence` may relate. Outside entries the first name stands for
/// the owner, and only a sentence with two lists of names, or two names, counts.
pub(crate) fn pairs(passage: &Passage, sentence: &Sentence) -> Vec<(String, String)> {
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    let names = sentence.names();
    if let Some(owner) = &passage.owner {
        let others = names.into_iter().filter(|n| n != owner);
        return others.map(|other| pair(owner, other)).collect();
    }
    if names.len() > ELSEWHERE_MAX {
        return Vec::new();
    }
    match (sentence.lists().as_slice(), names.as_slice()) {
        ([first, second], _) => {
            let pairs = first
                .iter()
                .flat_map(|a| second.iter().map(move |b| (a, b)));
            let different = pairs.filter(|(a, b)| a != b);
            different.map(|(a, b)| pair(a, b)).collect()
        }
        (_, [a, b]) => vec![pair(a, b)],
        _ => Vec::new(),
    }
}

/// What the classifier needs to know of a setting.
pub(crate) fn setting_of(fact: &SettingFact) -> Setting {
    let kind = match fact.kind.as_str() {
        "bool" => Kind::Switch,
        "enum" if fact.values.iter().any(|v| v == "off") => Kind::Switch,
        "enum" => Kind::Choice,
        "integer" | "real" => Kind::Number,
        _ => Kind::Text,
    };
    let dimension = match fact.unit.as_deref() {
        None => Dimension::Count,
        Some("ms" | "s" | "min") => Dimension::Time,
        Some(_) => Dimension::Size,
    };
    Setting::new(&fact.name, kind, dimension)
}
