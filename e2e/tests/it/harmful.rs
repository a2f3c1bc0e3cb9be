//! Harmful changes that a reload brings: noticed, judged, put back, and read back.

use crate::bed::{Bed, Turn, Wanted};
use crate::guard::{Guard, Line};

/// Who and why, as the report tells it.
#[track_caller]
fn told_by_ann(report: &Line, ticket: &str) {
    assert_eq!(report.text("author"), "ann", "{}", report.said);
    assert_eq!(report.text("description"), ticket, "{}", report.said);
    assert!(report.text("root_cause").contains("ann"), "{}", report.said);
    assert_eq!(report.text("run_by"), "backstay", "{}", report.said);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_only_database_is_put_back() {
    let wanted = Wanted {
        turn: Turn::Alone,
        grants: &["default_transaction_read_only"],
        ..Wanted::default()
    };
    let Some(bed) = Bed::make(wanted).await else { return };
    let person = bed.person().await;
    let mut guard = Guard::learnt(&bed).await;
    let before = bed.auto_conf();
    let effect = person
        .changes(&["/* OPS-77 protect the replica */ ALTER SYSTEM SET default_transaction_read_only = on"])
        .await;
    let name = "default_transaction_read_only";
    let (numbers, report) = guard.puts_back(name, effect).await;
    assert_eq!(bed.entry(name), None);
    assert_eq!(bed.auto_conf(), before);
    assert_eq!(bed.fresh("app", name).await.as_deref(), Some("off"));
    told_by_ann(&report, "OPS-77 protect the replica");
    numbers.tell("default_transaction_read_only=on");
    numbers.hold();
    guard.ends().await;
}
