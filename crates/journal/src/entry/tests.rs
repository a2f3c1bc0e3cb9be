use proptest::prelude::*;

use backstay_model::verdict::{Calibration, Verdict, VerdictKind};
use backstay_model::{ChangeSetId, EdgeKind, Event, NodeKey, TargetId, WorkClass};

use super::*;
use crate::conformance::{condition, write_step};
use crate::record::{Judgement, Opinion};

#[test]
fn a_body_is_canonical_and_says_its_version() {
    let entry = StoredEntry::seal(Head::EMPTY, Timestamp(7), &condition(4)).unwrap();
    let text = String::from_utf8(entry.body.clone()).unwrap();
    assert_eq!(
        text,
        r#"{"v":1,"record":{"condition":{"target":"shop","condition":{"unreachable":{"why":"éé"}}}}}"#
    );
    assert_eq!(entry.kind, "condition");
    assert_eq!(entry.decode().unwrap().record, condition(4));
}

#[test]
fn a_word_of_a_person_is_kept_whole() {
    let judgement = Judgement {
        target: None,
        from: NodeKey::setting("jit_above_cost"),
        to: NodeKey::setting("jit"),
        kind: EdgeKind::Enables,
        opinion: Opinion::Confirmed,
        why: Some("seen in production".to_owned()),
    };
    let record = Record::Judgement {
        by: "ann".to_owned(),
        judgement,
    };
    let entry = StoredEntry::seal(Head::EMPTY, Timestamp(7), &record).unwrap();
    let text = String::from_utf8(entry.body.clone()).unwrap();
    assert_eq!(
        text,
        r#"{"v":1,"record":{"judgement":{"by":"ann","judgement":{"target":null,"from":{"setting":"jit_above_cost"},"to":{"setting":"jit"},"kind":"enables","opinion":"confirmed","why":"seen in production"}}}}"#
    );
    assert_eq!(entry.decode().unwrap().record, record);
}

#[test]
fn a_verdict_from_before_work_was_told_says_nothing_of_it() {
    let judged = |work| Record::Step {
        change_set: ChangeSetId(3),
        target: TargetId::new("shop"),
        event: Event::Judged {
            at: Timestamp(1),
            verdict: Verdict {
                kind: VerdictKind::NoData,
                at: Timestamp(1),
                p_value: None,
                score: 0.0,
                alarm_at: None,
                findings: Vec::new(),
                refusals: Vec::new(),
                calibration: Calibration::None,
            },
            extend_until: None,
            hold: None,
            work,
            mends: None,
        },
        commands: Vec::new(),
    };
    let sealed = |work| StoredEntry::seal(Head::EMPTY, Timestamp(7), &judged(work)).unwrap();
    let before = r#"{"v":1,"record":{"step":{"change_set":3,"target":"shop","event":{"event":"judged","at":1,"verdict":{"kind":"no_data","at":1,"p_value":null,"score":0.0,"alarm_at":null,"findings":[],"refusals":[],"calibration":"none"},"extend_until":null,"hold":null},"commands":[]}}}"#;
    let unknown = sealed(WorkClass::Unknown);
    let text = String::from_utf8(unknown.body.clone()).unwrap();
    assert_eq!(text, before, "as it was written then");
    assert_eq!(unknown.decode().unwrap().record, judged(WorkClass::Unknown));
    let told = sealed(WorkClass::OltpRead);
    let text = String::from_utf8(told.body.clone()).unwrap();
    assert!(
        text.contains(r#""hold":null,"work":"oltp-read"}"#),
        "{text}"
    );
    assert_eq!(told.decode().unwrap().record, judged(WorkClass::OltpRead));
    // A class that a later version tells is none to this one.
    let mut later = told;
    later.body = text.replace("oltp-read", "time-travel").into_bytes();
    assert_eq!(later.decode().unwrap().record, judged(WorkClass::Unknown));
}

#[test]
fn a_newer_format_is_said_so() {
    let mut entry = StoredEntry::seal(Head::EMPTY, Timestamp(7), &condition(4)).unwrap();
    entry.body = br#"{"v":9,"record":{"unheard_of":{}}}"#.to_vec();
    let error = entry.decode().unwrap_err();
    assert_eq!(
        error.to_string(),
        "entry 1 has format 9; this program reads up to 1"
    );
    entry.body = br#"{"v":1,"record":{"unheard_of":{}}}"#.to_vec();
    assert_eq!(
        entry.decode().unwrap_err().to_string(),
        "entry 1 is not readable"
    );
}

#[test]
fn a_wrong_label_is_said_so() {
    let mut entry = StoredEntry::seal(Head::EMPTY, Timestamp(7), &write_step(3)).unwrap();
    entry.change_set = None;
    let error = entry.decode().unwrap_err();
    assert_eq!(
        error.to_string(),
        "entry 1 is labelled step, its body is step C3"
    );
}

#[test]
fn a_body_has_a_limit() {
    let error =
        StoredEntry::seal(Head::EMPTY, Timestamp(7), &condition(BODY_BYTES_MAX)).unwrap_err();
    assert!(matches!(
        error,
        EncodeError::TooLarge {
            kind: "condition",
            ..
        }
    ));
}

proptest! {
    #[test]
    fn no_bytes_make_the_decoder_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut entry = StoredEntry::seal(Head::EMPTY, Timestamp(7), &condition(4)).unwrap();
        entry.body = body;
        prop_assert!(entry.decode().is_err());
    }

    #[test]
    fn numbers_come_back_bit_for_bit(bits in any::<u64>()) {
        let seconds = f64::from_bits(bits);
        let timing = backstay_model::event::WriteTiming { lock_s: seconds, ..Default::default() };
        let record = Record::Step {
            change_set: backstay_model::ChangeSetId(1),
            target: backstay_model::TargetId::new("shop"),
            event: backstay_model::Event::Replied {
                at: Timestamp(1),
                intent: backstay_model::IntentId(1),
                reply: backstay_model::event::WriteReply::Effective { timing },
            },
            commands: Vec::new(),
        };
        match StoredEntry::seal(Head::EMPTY, Timestamp(7), &record) {
            Ok(entry) => prop_assert_eq!(entry.decode().unwrap().record, record),
            Err(_) => prop_assert!(!seconds.is_finite()),
        }
    }
}
