//! A sentence as it looks from two of its settings.
//!
//! `{a}` is the setting whose entry the sentence stands in (outside entries, the first one named),
//! `{b}` the other, `{x}` any third.

use std::sync::LazyLock;

use regex::Regex;

use crate::sentence::{Piece, Sentence, Typeface, joint};
use crate::setting::Setting;

/// Where a sentence stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Place {
    /// First sentence of the entry of `{a}`.
    Opening,
    /// Further down in the entry of `{a}`.
    Entry,
    /// Outside the entries.
    Elsewhere,
    /// The server's own short description of `{a}`.
    Catalogue,
}

/// Whether two settings are described in one section.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Section {
    /// They are.
    Same,
    /// They are not, or it is not known.
    Other,
}

/// Two settings and the sentence that may relate them.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The sentence.
    pub sentence: &'a Sentence,
    /// `{a}`: whose entry it is.
    pub owner: &'a Setting,
    /// `{b}`: who is mentioned.
    pub mentioned: &'a Setting,
    /// Where the sentence stands.
    pub place: Place,
    /// Where the two are described.
    pub section: Section,
}

/// The words of a sentence around `{a}` and `{b}`, lower case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct View {
    /// The whole sentence.
    pub text: String,
    /// Between semicolons, brackets and dashes around `{b}`.
    pub segment: String,
    /// Between commas around `{b}`.
    pub clause: String,
    /// Settings in the list in which `{b}` stands.
    pub listed: usize,
    /// Whether `or` joins that list.
    pub alternatives: bool,
    /// Different settings in the sentence.
    pub names: usize,
    /// How `{b}` is set at its first mention.
    pub typeface: Typeface,
    /// How `{a}` is there.
    pub presence: Presence,
}

/// How the owner appears in the sentence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Presence {
    /// By name.
    Named,
    /// As "this parameter" or "it".
    This,
    /// Not at all: the sentence is about it anyway.
    Silent,
}

static THIS: LazyLock<Regex> = LazyLock::new(|| {
    let own = "parameter|setting|option|value|variable|limit|threshold|delay|feature|timeout|number|directive";
    Regex::new(&format!(
        r"\b(?:this|the present) (?:{own})\b|^it\b|\bset(?:ting)? it\b"
    ))
    .expect("a fixed pattern")
});

impl View {
    /// How `candidate.sentence` looks from its two settings; `None` when `{b}` is not in it.
    #[must_use]
    pub fn new(candidate: &Candidate<'_>) -> Option<Self> {
        let (a, b) = (&candidate.owner.name, &candidate.mentioned.name);
        let lists = candidate.sentence.lists();
        let own_list = lists.iter().find(|list| list.contains(&b.as_str()))?;
        let raw = render(candidate.sentence, a, b);
        let mut presence = Presence::Silent;
        if raw.contains("{a}") {
            presence = Presence::Named;
        } else if candidate.place != Place::Elsewhere && THIS.is_match(&raw) {
            presence = Presence::This;
        }
        let text = match presence {
            Presence::This => THIS.replace_all(&raw, own).into_owned(),
            Presence::Named | Presence::Silent => raw,
        };
        let segment = segment(&text);
        let clause = around(&segment, &[',']);
        Some(Self {
            listed: own_list.len(),
            alternatives: own_list.len() > 1 && or_list(candidate.sentence, b),
            names: candidate.sentence.names().len(),
            typeface: typeface(candidate.sentence, b),
            presence,
            text,
            segment,
            clause,
        })
    }
}

/// "set it" keeps its verb; the others become the name.
fn own(found: &regex::Captures<'_>) -> String {
    match found[0].split_once(' ') {
        Some((verb @ ("set" | "setting"), _)) => format!("{verb} {{a}}"),
        _ => "{a}".to_owned(),
    }
}

/// The sentence with placeholders; a list of others around `{b}` becomes `{b}` alone.
fn render(sentence: &Sentence, a: &str, b: &str) -> String {
    let place = |name: &str| match name {
        _ if name == b => "{b}",
        _ if name == a => "{a}",
        _ => "{x}",
    };
    let mut text = String::new();
    let mut last: Option<&str> = None;
    let mut held = "";
    for piece in sentence.pieces() {
        match piece {
            Piece::Text(words) if joint(words) && last.is_some() => held = words,
            Piece::Text(words) => {
                text.push_str(words);
                last = None;
            }
            Piece::Name { name, .. } => {
                let now = place(name);
                match last {
                    // Members of one list: the third ones say nothing of their own.
                    Some("{x}") if now != "{x}" => {
                        text.truncate(text.len() - "{x}".len());
                        text.push_str(now);
                        last = Some(now);
                    }
                    Some(_) if now == "{x}" => {}
                    Some(before) if before == now => {}
                    _ => {
                        text.push_str(held);
                        text.push_str(now);
                        last = Some(now);
                    }
                }
                held = "";
            }
        }
    }
    text.push_str(held);
    text
}

/// Between semicolons and dashes around `{b}`; a bracket is cut out only when it points elsewhere.
fn segment(text: &str) -> String {
    let text = text.replace("(see", ";(see").replace("(but see", ";(see");
    around(&text, &[';', '—', '–', ':'])
}

/// The part of `text` between any of `ends` around the first `{b}`.
fn around(text: &str, ends: &[char]) -> String {
    let parts = text.split(ends);
    let own = parts.into_iter().find(|part| part.contains("{b}"));
    own.unwrap_or(text).trim().to_owned()
}

fn or_list(sentence: &Sentence, b: &str) -> bool {
    let is_b = |p: &Piece| matches!(p, Piece::Name { name, .. } if name == b);
    let pieces = sentence.pieces();
    let Some(at) = pieces.iter().position(is_b) else {
        return false;
    };
    let joints = |piece: &&Piece| match piece {
        Piece::Text(text) => joint(text),
        Piece::Name { .. } => true,
    };
    let says_or = |piece: &Piece| matches!(piece, Piece::Text(t) if t.contains("or"));
    let after = pieces.iter().skip(at).take_while(joints);
    let before = pieces.iter().take(at).rev().take_while(joints);
    after.chain(before).any(says_or)
}

fn typeface(sentence: &Sentence, b: &str) -> Typeface {
    let found = sentence.pieces().iter().find_map(|p| match p {
        Piece::Name { name, set } if name == b => Some(*set),
        _ => None,
    });
    found.unwrap_or(Typeface::Plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sentence::Names;
    use crate::setting::{Dimension, Kind};

    fn view(text: &str, place: Place) -> Option<View> {
        let names = Names::new(["s_a", "s_b", "s_c", "s_d"]);
        let setting = |name| Setting::new(name, Kind::Number, Dimension::Count);
        let sentence = Sentence::read(text, &names);
        View::new(&Candidate {
            sentence: &sentence,
            owner: &setting("s_a"),
            mentioned: &setting("s_b"),
            place,
            section: Section::Other,
        })
    }

    #[test]
    fn the_owner_is_found_behind_other_words() {
        let seen = view("It needs s_b.", Place::Entry).unwrap();
        assert_eq!(
            (seen.text.as_str(), seen.presence),
            ("{a} needs {b}.", Presence::This)
        );
        let seen = view("Setting this parameter needs s_b.", Place::Entry).unwrap();
        assert_eq!(seen.text, "setting {a} needs {b}.");
        let seen = view("It needs s_b.", Place::Elsewhere).unwrap();
        assert_eq!(seen.presence, Presence::Silent);
        assert_eq!(view("It needs s_c.", Place::Entry), None);
    }

    #[test]
    fn lists_shrink_to_the_two() {
        let seen = view("Of s_c, s_b, or s_d this is one; s_a is not.", Place::Entry).unwrap();
        assert_eq!(seen.text, "of {b} this is one; {a} is not.");
        assert_eq!((seen.listed, seen.alternatives, seen.names), (3, true, 4));
        assert_eq!(seen.segment, "of {b} this is one");
        let seen = view("The sum of s_a and s_b, once (s_c).", Place::Entry).unwrap();
        assert_eq!(seen.text, "the sum of {a} and {b}, once ({x}).");
        assert_eq!(seen.clause, "the sum of {a} and {b}");
        let seen = view("A fraction of s_c (that is s_b; see there).", Place::Entry).unwrap();
        assert_eq!(seen.segment, "a fraction of {x} (that is {b}");
        let seen = view("A fraction of s_c (see s_b).", Place::Entry).unwrap();
        assert_eq!(seen.segment, "(see {b}).");
        assert!(!seen.alternatives);
    }
}
