use proptest::prelude::*;

use super::*;
use crate::conformance::entries;
use crate::entry::StoredEntry;
use crate::export;
use crate::memory::MemoryEntries;

fn check(entries: Vec<StoredEntry>, known: &[Head]) -> Report {
    verify(&MemoryEntries::from_stored(entries), known).unwrap()
}

fn bad(report: &Report) -> String {
    report
        .first_bad
        .as_ref()
        .map_or("none".into(), |bad| format!("{}: {}", bad.seq, bad.why))
}

#[test]
fn an_untouched_log_verifies() {
    let log = entries(12);
    let head = log[11].head();
    let report = check(log, &[head]);
    assert_eq!(
        report,
        Report {
            entries: 12,
            head,
            first_bad: None
        }
    );
    assert_eq!(check(Vec::new(), &[]).head, Head::EMPTY);
}

#[test]
fn an_entry_follows_only_the_one_it_was_written_after() {
    let log = entries(3);
    assert!(log[0].follows(Head::EMPTY) && log[1].follows(log[0].head()));
    assert!(!log[2].follows(log[0].head()) && !log[1].follows(Head::EMPTY));
    let mut altered = log[1].clone();
    altered.body[9] ^= 1;
    assert!(!altered.follows(log[0].head()));
}

/// Alters a log.
type Edit = fn(&mut Vec<StoredEntry>);

#[test]
fn every_kind_of_damage_is_named() {
    let table: [(Edit, &str); 9] = [
        (|log| log[5].body[9] ^= 1, "#6: its content was altered"),
        (|log| log[5].at.0 += 1, "#6: its content was altered"),
        (
            |log| log[5].kind = "seen".into(),
            "#6: its content was altered",
        ),
        (|log| log[5].hash.0[0] ^= 1, "#6: its content was altered"),
        (
            |log| drop(log.remove(5)),
            "#6: it is missing, entry 7 stands there",
        ),
        (
            |log| log.swap(5, 6),
            "#6: it is missing, entry 7 stands there",
        ),
        (
            |log| log.truncate(8),
            "#9: it is missing, the journal is known to reach entry 12",
        ),
        (
            |log| log.clear(),
            "#1: it is missing, the journal is known to reach entry 12",
        ),
        (
            |log| log[5].change_set = None,
            "#6: it cannot be used: entry 6 is labelled step, its body is step C1",
        ),
    ];
    for (edit, text) in table {
        let mut log = entries(12);
        let head = log[11].head();
        edit(&mut log);
        assert_eq!(bad(&check(log, &[head])), text);
    }
}

#[test]
fn a_log_rewritten_with_fresh_hashes_is_caught_by_a_known_head() {
    let head = entries(12)[11].head();
    let mut longer = entries(13);
    longer.truncate(12);
    assert_eq!(
        bad(&check(longer.clone(), &[head])),
        "none",
        "the same log made again is the same log"
    );
    for entry in &mut longer {
        entry.at.0 += 1;
    }
    let mut previous = Head::EMPTY;
    for entry in &mut longer {
        entry.prev = previous.hash;
        entry.hash = entry.expected_hash(previous);
        previous = entry.head();
    }
    assert_eq!(
        bad(&check(longer.clone(), &[])),
        "none",
        "by itself it looks right"
    );
    assert_eq!(
        bad(&check(longer, &[head])),
        "#12: another entry stands where a known one stood"
    );
}

#[test]
fn a_head_without_its_number_is_found() {
    let log = entries(12);
    let wanted = log[6].head();
    let store = MemoryEntries::from_stored(log);
    assert_eq!(find(&store, wanted.hash).unwrap(), Some(wanted));
    assert_eq!(find(&store, Hash([7; 32])).unwrap(), None);
}

#[test]
fn an_export_verifies_like_the_log() {
    let log = entries(12);
    let head = log[11].head();
    let text: Vec<String> = log.iter().map(|e| export::line(e).unwrap()).collect();
    let read = |lines: &[String]| export::read(&lines.join("\n")).unwrap();
    assert_eq!(read(&text).stored(), log);
    assert_eq!(
        bad(&verify(&read(&text[..7]), &[head]).unwrap()),
        "#8: it is missing, the journal is known to reach entry 12"
    );
    let altered: Vec<String> = text
        .iter()
        .map(|line| line.replace("look", "rest"))
        .collect();
    assert_eq!(
        bad(&verify(&read(&altered), &[]).unwrap()),
        "#1: its content was altered"
    );
    assert_eq!(
        export::read("{}").unwrap_err().to_string(),
        "line 1 is not an exported entry"
    );
}

proptest! {
    /// P-22: no flipped byte goes unnoticed, and the entry that is named is the one.
    #[test]
    fn any_flipped_bit_is_found(at in 0usize..20, byte in any::<prop::sample::Index>(), bit in 0u8..8) {
        let mut log = entries(20);
        let index = byte.index(log[at].body.len());
        log[at].body[index] ^= 1 << bit;
        let report = check(log, &[]);
        prop_assert_eq!(report.first_bad.map(|b| (b.seq.0, b.why)), Some((at as u64 + 1, Why::Altered)));
        prop_assert_eq!(report.entries, at as u64);
    }

    /// P-22: no cut suffix goes unnoticed when the head is known.
    #[test]
    fn any_cut_suffix_is_found(keep in 0usize..20) {
        let mut log = entries(20);
        let head = log[19].head();
        log.truncate(keep);
        let report = check(log, &[head]);
        let truncated = Bad { seq: Seq(keep as u64 + 1), why: Why::Truncated { known: Seq(20) } };
        prop_assert_eq!(report.first_bad, Some(truncated));
    }
}
