//! The settings named in a text. Where sentences end, and their hash, is `backstay-typing`'s.

use std::collections::BTreeSet;
use std::sync::LazyLock;

pub(crate) use backstay_typing::sentence::hash;
use regex::Regex;

use crate::html::MARK;

static WORD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("\u{1}?[A-Za-z][A-Za-z0-9_]*(?:\\.[a-z_]+)*").expect("a fixed pattern")
});

/// What a text is made of: names of settings (one, or several in a list) and other text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    /// Plain text, lower case.
    Text(String),
    /// Settings that stand together: `a`, or `a, b or c`.
    Names(Vec<String>),
}

/// The parts of `sentence`. A name counts when it is marked as one, or when it has an underscore and
/// therefore cannot be an ordinary word.
pub(crate) fn parts(sentence: &str, names: &BTreeSet<String>) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut at = 0;
    for found in WORD.find_iter(sentence) {
        let word = found.as_str();
        let name = word.trim_start_matches(MARK).to_lowercase();
        let certain = word.starts_with(MARK) || name.contains('_');
        if certain && names.contains(&name) {
            push_text(
                &mut parts,
                sentence.get(at..found.start()).unwrap_or_default(),
            );
            push_name(&mut parts, name);
            at = found.end();
        }
    }
    push_text(&mut parts, sentence.get(at..).unwrap_or_default());
    parts
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    if !text.is_empty() {
        parts.push(Part::Text(text.replace(MARK, "").to_lowercase()));
    }
}

/// Joins a name to the list before it when only `,`, `and`, `or` stands between them.
fn push_name(parts: &mut Vec<Part>, name: String) {
    const JOINTS: [&str; 9] = [
        ",", "and", "or", "and/or", ", and", ", or", "/", "nor", ", and/or",
    ];
    let joint = matches!(parts.last(), Some(Part::Text(text)) if JOINTS.contains(&text.trim()));
    let before = parts.len().checked_sub(2).and_then(|i| parts.get(i));
    if joint && matches!(before, Some(Part::Names(_))) {
        parts.pop();
        if let Some(Part::Names(list)) = parts.last_mut()
            && !list.contains(&name)
        {
            list.push(name);
        }
        return;
    }
    parts.push(Part::Names(vec![name]));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> BTreeSet<String> {
        ["max_a", "max_b", "max_c", "jit"]
            .into_iter()
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn names_need_a_mark_or_an_underscore_and_lists_stay_together() {
        let parts = parts(
            "The jit of \u{1}jit and max_a, max_b, or \u{1}MAX_C is max_d.",
            &names(),
        );
        assert_eq!(
            parts,
            [
                Part::Text("the jit of ".into()),
                Part::Names(vec![
                    "jit".into(),
                    "max_a".into(),
                    "max_b".into(),
                    "max_c".into()
                ]),
                Part::Text(" is max_d.".into()),
            ]
        );
    }
}
