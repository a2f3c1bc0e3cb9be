//! Sentences: where they end, their hash, and the settings named in them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use unicode_normalization::UnicodeNormalization;

/// Stands before a word that the documentation itself sets as a name; twice before a link.
pub const MARK: char = '\u{1}';

static WORD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("\u{1}{0,3}[A-Za-z][A-Za-z0-9_]*(?:[-.][A-Za-z0-9_]+)*").expect("a fixed pattern")
});

/// The names of an engine's settings and their other spellings.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Names(BTreeMap<String, String>);

impl Names {
    /// From canonical names.
    pub fn new<'a>(canonical: impl IntoIterator<Item = &'a str>) -> Self {
        let own = |name: &str| (name.to_lowercase(), name.to_lowercase());
        Self(canonical.into_iter().map(own).collect())
    }

    /// Adds another spelling.
    pub fn alias(&mut self, other: &str, canonical: &str) {
        self.0
            .insert(other.to_lowercase(), canonical.to_lowercase());
    }

    /// The canonical form of a word, if it is a name. Dashes and underscores are the same.
    #[must_use]
    pub fn canonical(&self, word: &str) -> Option<&str> {
        let word = word.to_lowercase();
        let found = self.0.get(&word);
        let found = found.or_else(|| self.0.get(&word.replace('-', "_")));
        found
            .or_else(|| self.0.get(&word.replace('_', "-")))
            .map(String::as_str)
    }
}

/// How a name is set in the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Typeface {
    /// As plain text: an underscore or a dash tells it from an ordinary word.
    Plain,
    /// In the type of names.
    Code,
    /// As a link to its entry.
    Link,
}

/// A piece of a sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Piece {
    /// Plain text, lower case.
    Text(String),
    /// A setting.
    Name {
        /// Its canonical name.
        name: String,
        /// How it is set.
        set: Typeface,
    },
}

/// A sentence with its names told apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sentence {
    pieces: Vec<Piece>,
}

impl Sentence {
    /// Reads `text`. A name counts when it is marked as one, or when it has an underscore or a dash and
    /// therefore cannot be an ordinary word.
    #[must_use]
    pub fn read(text: &str, names: &Names) -> Self {
        let mut pieces = Vec::new();
        let mut at = 0;
        for found in WORD.find_iter(text) {
            let Some((word, end)) = longest(found.as_str(), names) else {
                continue;
            };
            let bare = word.trim_start_matches(MARK);
            let set = match word.len() - bare.len() {
                0 => Typeface::Plain,
                1 => Typeface::Code,
                _ => Typeface::Link,
            };
            let certain = set != Typeface::Plain || bare.contains(['_', '-']);
            if let (true, Some(name)) = (certain, names.canonical(bare)) {
                push_text(&mut pieces, text.get(at..found.start()).unwrap_or_default());
                pieces.push(Piece::Name {
                    name: name.to_owned(),
                    set,
                });
                at = found.start() + end;
            }
        }
        push_text(&mut pieces, text.get(at..).unwrap_or_default());
        Self { pieces }
    }

    /// The pieces in order.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Every name once, in the order of first mention.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        let mut found: Vec<&str> = Vec::new();
        for piece in &self.pieces {
            if let Piece::Name { name, .. } = piece
                && !found.contains(&name.as_str())
            {
                found.push(name);
            }
        }
        found
    }

    /// The names by lists: those that only `,`, `and`, `or`, `/` keep apart stand in one.
    #[must_use]
    pub fn lists(&self) -> Vec<Vec<&str>> {
        let mut lists: Vec<Vec<&str>> = Vec::new();
        let mut joined = false;
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => joined = joint(text),
                Piece::Name { name, .. } => {
                    match lists.last_mut().filter(|_| joined) {
                        Some(list) if !list.contains(&name.as_str()) => list.push(name),
                        Some(_) => {}
                        None => lists.push(vec![name]),
                    }
                    joined = false;
                }
            }
        }
        lists
    }
}

/// Whether nothing but a joint of a list stands in `text`.
pub(crate) fn joint(text: &str) -> bool {
    const JOINTS: [&str; 10] = [
        ",", "and", "or", "and/or", ", and", ", or", "/", "nor", ", and/or", "and the",
    ];
    // With room around it, a stroke divides.
    text != " / " && JOINTS.contains(&text.trim())
}

/// The longest beginning of `word` at a dash or dot that is a name, and where it ends.
fn longest<'w>(word: &'w str, names: &Names) -> Option<(&'w str, usize)> {
    let mut end = word.len();
    loop {
        let part = word.get(..end)?;
        if names.canonical(part.trim_start_matches(MARK)).is_some() {
            return Some((part, end));
        }
        end = part.rfind(['-', '.'])?;
    }
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    if !text.is_empty() {
        pieces.push(Piece::Text(text.replace(MARK, "").to_lowercase()));
    }
}

/// The sentences of `text`. Dots inside names, numbers and abbreviations end nothing.
#[must_use]
pub fn split(text: &str) -> Vec<String> {
    let mut sentences = vec![String::new()];
    let mut words = text.split(' ').peekable();
    while let Some(word) = words.next() {
        let last = sentences.last_mut().expect("never empty");
        if !last.is_empty() {
            last.push(' ');
        }
        last.push_str(word);
        let bare = word.trim_end_matches([')', '"', '”']);
        let ends = bare.ends_with(['.', '!', '?']) && !abbreviation(bare);
        let next_begins = words.peek().is_some_and(|next| begins(next));
        if ends && next_begins {
            sentences.push(String::new());
        }
    }
    sentences.retain(|s| !s.trim().is_empty());
    sentences
}

fn abbreviation(word: &str) -> bool {
    let word = word.trim_start_matches('(').to_lowercase();
    ["e.g.", "i.e.", "etc.", "vs.", "cf.", "approx."].contains(&word.as_str())
}

fn begins(word: &str) -> bool {
    word.chars()
        .find(|c| c.is_alphanumeric() || *c == MARK)
        .is_some_and(|c| c.is_uppercase() || c == MARK || word.starts_with('('))
}

/// BLAKE3-128 of a sentence, in hex, after mark-up, compatibility forms (NFKC), case and white space
/// are gone.
#[must_use]
pub fn hash(sentence: &str) -> String {
    let plain: String = sentence.nfkc().filter(|c| *c != MARK).collect();
    let plain = plain.to_lowercase();
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    let digest = blake3::hash(plain.as_bytes());
    digest
        .as_bytes()
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests;
