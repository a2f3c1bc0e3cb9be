//! Somebody else writes a third value while Backstay is about to put the old one back.

use backstay_engine_postgres::write::{LOCK_CLASS, LOCK_KEY};

use crate::bed::{Bed, Wanted};
use crate::guard::{Guard, PATIENCE};

const NAME: &str = "statement_timeout";

/// `reload`: whether the third value is in effect already, or only written.
async fn third_value(reload: &[&str]) {
    let wanted = Wanted {
        grants: &[NAME],
        ..Wanted::default()
    };
    let Some(bed) = Bed::make(wanted).await else {
        return;
    };
    let (person, other) = (bed.person().await, bed.person().await);
    let mut guard = Guard::learnt(&bed).await;
    person
        .says(&format!(
            "SELECT pg_advisory_lock({LOCK_CLASS}, {LOCK_KEY})"
        ))
        .await;
    person
        .changes(&["/* OPS-80 */ ALTER SYSTEM SET statement_timeout = '1ms'"])
        .await;
    let seen = guard.sees(NAME).await;
    let id = seen.text("change_set").to_owned();
    guard.about("writing", &id).await;
    other
        .says("/* OPS-83 mend it */ ALTER SYSTEM SET statement_timeout = '30s'")
        .await;
    for statement in reload {
        other.says(statement).await;
    }
    person
        .says(&format!(
            "SELECT pg_advisory_unlock({LOCK_CLASS}, {LOCK_KEY})"
        ))
        .await;
    let report = guard.about("report", &id).await;
    assert_eq!(report.text("outcome"), "superseded", "{}", guard.told());
    assert!(
        report.text("reason").contains("not overwritten"),
        "{}",
        report.said
    );
    let page = guard
        .hears("page", PATIENCE, |l| l.text("change_set") == id)
        .await;
    assert!(page.text("message").contains("left alone"), "{}", page.said);
    let entry = bed.entry(NAME).unwrap_or_default();
    assert!(entry.contains("30s"), "overwritten: {entry}");
    let log = bed.read("log/postgresql.json");
    assert!(!log.contains("backstay rollback"), "we wrote");
    guard.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_third_value_is_never_overwritten() {
    tokio::join!(third_value(&["SELECT pg_reload_conf()"]), third_value(&[]));
}
