#![allow(clippy::print_stderr, reason = "what is skipped is said")]

use super::*;

#[test]
fn the_scorer_agrees_with_what_nab_publishes_file_by_file() {
    let Some(folder) = crate::recorded::nab() else {
        eprintln!(
            "SKIPPED: NAB's data are not beside the checkout, and BACKSTAY_DATA does not name them"
        );
        return;
    };
    let corpus = super::super::read(&folder).unwrap();
    assert_eq!(corpus.len(), published::STANDARD.len());
    let (most, names) = differs(&corpus, &yardstick(&corpus));
    assert!(most < CLOSE, "{names:#?}");
}
