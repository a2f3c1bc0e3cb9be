//! No write to a database without a durable intent: a full disk stops all writing.

use crate::bed::{Bed, Wanted};
use crate::guard::{Guard, PATIENCE, Start};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_stops_all_writing() {
    let name = "default_transaction_read_only";
    let wanted = Wanted {
        grants: &[name],
        ..Wanted::default()
    };
    let Some(bed) = Bed::make(wanted).await else {
        return;
    };
    let person = bed.person().await;
    Guard::learnt(&bed).await.ends().await;
    // Room for what is there, and for hardly more.
    let size = std::fs::metadata(bed.state().join("state/journal.db"))
        .unwrap()
        .len();
    let limit = (size + 4_096).to_string();
    let start = Start {
        environment: &[("BACKSTAY_JOURNAL_BYTES_MAX", &limit)],
        ..Start::on(&bed)
    };
    let mut guard = Guard::start(&bed, &start);
    guard.learns().await;
    person
        .changes(&["/* OPS-77 */ ALTER SYSTEM SET default_transaction_read_only = on"])
        .await;
    let stopped = guard.hears("stopped", PATIENCE, |_| true).await;
    assert!(
        stopped.text("why").contains("no space left"),
        "{}",
        stopped.said
    );
    assert!(guard.said("writing").is_empty(), "{}", guard.told());
    assert!(guard.said("write_reply").is_empty(), "{}", guard.told());
    assert!(bed.entry(name).is_some());
    assert!(
        !bed.read("log/postgresql.json")
            .contains("backstay rollback")
    );
    assert!(guard.runs(), "it goes on observing");
    guard
        .ends_after(&["nothing more is written", "no space left"])
        .await;
}
