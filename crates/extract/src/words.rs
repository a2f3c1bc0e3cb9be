//! The check that a pack holds facts and none of the documentation's sentences.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use crate::html::Block;

/// Longest run of the documentation's words that may stand in a pack.
const RUN_MAX: usize = 6;

/// The first run of more than six words of `blocks` in one of the texts of the JSON document `output`,
/// if there is one.
pub(crate) fn copied(blocks: &[Block], output: &str) -> Result<Option<String>, serde_json::Error> {
    let mut runs = BTreeSet::new();
    for block in blocks {
        for run in words(&block.text).windows(RUN_MAX + 1) {
            runs.insert(hash(run));
        }
    }
    Ok(find(&runs, &serde_json::from_str(output)?))
}

fn find(runs: &BTreeSet<u64>, value: &Value) -> Option<String> {
    match value {
        Value::String(text) => {
            let words = words(text);
            let found = words
                .windows(RUN_MAX + 1)
                .find(|run| runs.contains(&hash(run)));
            found.map(|run| run.join(" "))
        }
        Value::Array(items) => items.iter().find_map(|item| find(runs, item)),
        Value::Object(fields) => fields.values().find_map(|field| find(runs, field)),
        _ => None,
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

fn hash(run: &[String]) -> u64 {
    let mut hasher = DefaultHasher::new();
    run.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seven_words_in_a_row_are_found_six_are_not() {
        let block = Block {
            text: "One two three four five six seven eight".into(),
            ..Block::default()
        };
        let blocks = [block];
        let output = r#"["two three four five six seven", {"note": "x one TWO, three four five six seven"}]"#;
        let found = copied(&blocks, output).unwrap();
        assert_eq!(found.as_deref(), Some("one two three four five six seven"));
        let apart = r#"["one two three", "four five six seven"]"#;
        assert_eq!(copied(&blocks, apart).unwrap(), None);
    }
}
