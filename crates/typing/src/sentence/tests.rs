use super::*;

fn names() -> Names {
    let mut names = Names::new(["max_a", "max_b", "max_c", "jit", "tls-port", "a_b"]);
    names.alias("old_a", "max_a");
    names
}

fn found(text: &str) -> Vec<Vec<String>> {
    let sentence = Sentence::read(text, &names());
    let owned = |list: Vec<&str>| list.into_iter().map(str::to_owned).collect();
    sentence.lists().into_iter().map(owned).collect()
}

#[test]
fn sentences_end_where_a_new_one_begins() {
    let text = "Use 1.5 (e.g. For x) of postgresql.conf. Next one! (Then \u{1}this.) last bit.";
    assert_eq!(
        split(text),
        [
            "Use 1.5 (e.g. For x) of postgresql.conf.",
            "Next one!",
            "(Then \u{1}this.) last bit."
        ]
    );
}

#[test]
fn ordinary_words_need_a_mark() {
    assert!(found("the jit is a jit").is_empty());
    assert_eq!(found("the jit is \u{1}jit"), [["jit"]]);
    assert_eq!(found("the jit is \u{1}\u{1}jit"), [["jit"]]);
}

#[test]
fn lists_stay_together_and_spellings_are_one() {
    assert_eq!(
        found("of max_a, max_b, or \u{1}MAX_C is max_d"),
        [["max_a", "max_b", "max_c"]]
    );
    assert_eq!(found("old_a before max-b"), [["max_a"], ["max_b"]]);
    assert_eq!(
        found("a tls-port-like thing, max_a-based"),
        [["tls-port"], ["max_a"]]
    );
    assert_eq!(found("\u{1}max_a and max_a"), [["max_a"]]);
}

#[test]
fn a_mark_tells_how_a_name_is_set() {
    let sentence = Sentence::read("max_a \u{1}max_b \u{1}\u{1}max_c", &names());
    let set: Vec<Typeface> = sentence
        .pieces()
        .iter()
        .filter_map(|p| match p {
            Piece::Name { set, .. } => Some(*set),
            Piece::Text(_) => None,
        })
        .collect();
    assert_eq!(set, [Typeface::Plain, Typeface::Code, Typeface::Link]);
}

#[test]
fn the_hash_survives_changes_of_mark_up() {
    let one = hash("The \u{1}Max_A  is \u{1}\u{1}max_b ﬁne");
    assert_eq!(one, hash("the max_a is max_b fine"));
    assert_eq!(one.len(), 32);
    assert_ne!(one, hash("the max_a is max_b fin"));
    // The published vector of BLAKE3 for no input, cut to 128 bits.
    assert_eq!(hash(""), "af1349b9f5f9a1a6a0404dea36dcc949");
}
