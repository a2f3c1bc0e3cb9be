//! Changes that overlap, and repairs by hand: what is told together, and what is never offered.

use crate::bed::{Bed, Wanted};
use crate::guard::{Guard, Line, PATIENCE, Start};
use crate::say::say;

const READ_ONLY: &str = "default_transaction_read_only";

/// A harmless change, and a harmful one while it is watched: the harmful one is put back, nobody is called
/// for the other, and it is watched anew and stays.
async fn beside() {
    let wanted = Wanted {
        grants: &[READ_ONLY, "work_mem"],
        ..Wanted::default()
    };
    let Some(bed) = Bed::make(wanted).await else {
        return;
    };
    let person = bed.person().await;
    let mut guard = Guard::learnt(&bed).await;
    person
        .changes(&["/* OPS-93 sorts */ ALTER SYSTEM SET work_mem = '8MB'"])
        .await;
    let seen = guard.sees("work_mem").await;
    let harmless = seen.text("change_set").to_owned();
    let statement = format!("/* OPS-94 freeze */ ALTER SYSTEM SET {READ_ONLY} = on");
    person.changes(&[&statement]).await;
    let seen = guard.sees(READ_ONLY).await;
    let harmful = seen.text("change_set").to_owned();
    let ends = |id: String, outcomes: &'static [&'static str]| {
        move |l: &Line| l.text("change_set") == id && outcomes.contains(&l.text("outcome"))
    };
    let put_back = ends(harmful, &["rolled_back"]);
    guard.hears("report", PATIENCE, put_back).await;
    let last = |l: &Line| {
        let busy = l.text("outcome") == "held" && !l.text("reason").contains("several changes");
        l.text("change_set") == harmless && (l.text("outcome") == "kept" || busy)
    };
    let report = guard.hears("report", PATIENCE, last).await;
    assert_ne!(report.said["verdict"]["kind"], "hurt", "{}", guard.told());
    let several = |l: &Line| l.text("message").contains("several changes");
    assert!(!guard.said("page").iter().any(several), "{}", guard.told());
    assert!(bed.entry("work_mem").is_some(), "it stands");
    assert_eq!(bed.fresh("app", READ_ONLY).await.as_deref(), Some("off"));
    say(&format!(
        "| work_mem beside {READ_ONLY} | {} |",
        report.text("outcome")
    ));
    guard.ends().await;
}

/// An outage that a person ends by hand: the repair is kept, and nobody is asked to take it back.
async fn repaired() {
    let wanted = Wanted {
        grants: &[READ_ONLY],
        ..Wanted::default()
    };
    let Some(bed) = Bed::make(wanted).await else {
        return;
    };
    let person = bed.person().await;
    let start = Start {
        mode: "approve",
        ..Start::on(&bed)
    };
    let mut guard = Guard::start(&bed, &start);
    guard.learns().await;
    let statement = format!("/* OPS-95 freeze */ ALTER SYSTEM SET {READ_ONLY} = on");
    person.changes(&[&statement]).await;
    let outage = guard.sees(READ_ONLY).await.text("change_set").to_owned();
    guard.hurt(&outage).await;
    let report = guard.about("report", &outage).await;
    assert_eq!(report.text("outcome"), "held", "{}", guard.told());
    guard.forget();
    person.says("SET default_transaction_read_only = off").await;
    let statement = format!("/* OPS-96 outage */ ALTER SYSTEM RESET {READ_ONLY}");
    person.changes(&[&statement]).await;
    let repair = guard.sees(READ_ONLY).await.text("change_set").to_owned();
    let report = guard.about("report", &outage).await;
    let by_hand = format!("{READ_ONLY} was put back by hand with {repair}");
    assert_eq!(report.text("reason"), by_hand, "{}", report.said);
    let report = guard.about("report", &repair).await;
    assert_eq!(report.text("outcome"), "kept", "{}", guard.told());
    assert_eq!(report.text("reason"), format!("ended what {outage} hurt"));
    assert!(guard.said("page").is_empty(), "{}", guard.told());
    assert!(guard.said("writing").is_empty());
    guard.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_overlaps_is_told_once_and_a_repair_is_not_taken_back() {
    tokio::join!(beside(), repaired());
}
