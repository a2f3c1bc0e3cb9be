//! Harmful changes that a person has to put back, and what the person is told.

use backstay_scratch::load::Mix;

use crate::bed::{Bed, Wanted};
use crate::guard::{Guard, Line, PATIENCE};
use crate::say::{Numbers, say};
use crate::turn::Turn;

/// The statements that a held change shows.
fn remedy(report: &Line) -> Vec<String> {
    let commands = report.said["remediation"].as_array().into_iter().flatten();
    commands
        .filter_map(|c| c.as_str().map(str::to_owned))
        .collect()
}

async fn refused_at_the_door() {
    let Some(bed) = Bed::make(Wanted::default()).await else {
        return;
    };
    let person = bed.person().await;
    let mut guard = Guard::learnt(&bed).await;
    let rules = bed.read("pg_hba.conf");
    bed.write(
        "pg_hba.conf",
        &format!("host all app 127.0.0.1/32 reject\n{rules}"),
    );
    let effect = person.changes(&[]).await;
    let seen = guard.sees("pg_hba").await;
    let id = seen.text("change_set").to_owned();
    let hurt = guard.hurt(&id).await;
    let report = guard.about("report", &id).await;
    assert_eq!(report.text("outcome"), "held", "{}", guard.told());
    assert_eq!(
        report.text("run_by"),
        "waits for a person",
        "{}",
        report.said
    );
    let remedy = remedy(&report).join("\n");
    assert!(
        remedy.contains("pg_hba.conf") && remedy.contains("pg_reload_conf"),
        "{remedy}"
    );
    assert_eq!(report.text("author"), "unknown", "a file has no author");
    assert!(guard.said("writing").is_empty());
    let numbers = Numbers {
        noticed: (seen.at - effect).as_secs_f64(),
        detected: (hurt.at - effect).as_secs_f64(),
        put_back: None,
    };
    numbers.tell("pg_hba.conf: reject app");
    numbers.hold(&guard.told());
    guard.ends().await;
}

async fn durability() {
    let wanted = Wanted {
        grants: &["fsync"],
        ..Wanted::default()
    };
    let Some(bed) = Bed::make(wanted).await else {
        return;
    };
    let person = bed.person().await;
    let mut guard = Guard::learnt(&bed).await;
    let effect = person
        .changes(&["/* OPS-90 faster */ ALTER SYSTEM SET fsync = off"])
        .await;
    let seen = guard.sees("fsync").await;
    let id = seen.text("change_set").to_owned();
    let about = |l: &Line| l.text("text").contains("durability") && l.text("text").contains(&id);
    let notice = guard.hears("notice", PATIENCE, about).await;
    assert!((notice.at - effect).as_secs_f64() < 6.0, "reported at once");
    let report = guard.about("report", &id).await;
    assert_eq!(report.text("outcome"), "held", "{}", guard.told());
    assert!(
        report.text("reason").contains("durability"),
        "{}",
        report.said
    );
    assert!(
        remedy(&report).join("\n").contains("fsync"),
        "{}",
        report.said
    );
    assert_eq!(bed.fresh("app", "fsync").await.as_deref(), Some("off"));
    assert!(guard.said("writing").is_empty());
    guard.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_door_and_lost_durability_wait_for_a_person() {
    tokio::join!(refused_at_the_door(), durability());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logging_everything_is_put_back_or_held_with_evidence() {
    let names = ["log_statement", "log_min_duration_statement"];
    let wanted = Wanted {
        turn: Turn::Alone,
        load: Some(Mix::busy()),
        grants: &names,
        ..Wanted::default()
    };
    let Some(bed) = Bed::make(wanted).await else {
        return;
    };
    let person = bed.person().await;
    let mut guard = Guard::learnt(&bed).await;
    let effect = person
        .changes(&[
            "/* OPS-82 find the slow ones */ ALTER SYSTEM SET log_statement = 'all'",
            "/* OPS-82 find the slow ones */ ALTER SYSTEM SET log_min_duration_statement = 0",
        ])
        .await;
    let seen = guard.sees(names[0]).await;
    let id = seen.text("change_set").to_owned();
    let report = guard.about("report", &id).await;
    let outcome = report.text("outcome").to_owned();
    let may_end = ["rolled_back", "held"].contains(&outcome.as_str());
    assert!(may_end, "{}", guard.told());
    let findings = report.said["verdict"]["findings"].as_array();
    assert!(findings.is_some_and(|f| !f.is_empty()), "{}", report.said);
    assert!(!remedy(&report).is_empty(), "{}", report.said);
    let reply = guard.said("write_reply");
    assert_eq!(!reply.is_empty(), outcome == "rolled_back");
    let harm = |l: &Line| l.said["verdict"]["kind"] == "hurt";
    if let Some(hurt) = guard.said("verdict").into_iter().find(harm) {
        let decision = guard.about("decision", &id).await;
        let numbers = Numbers {
            noticed: (seen.at - effect).as_secs_f64(),
            detected: (hurt.at - effect).as_secs_f64(),
            put_back: reply.first().map(|r| (r.at - decision.at).as_secs_f64()),
        };
        numbers.tell("log_statement=all, log_min_duration_statement=0");
        numbers.hold(&guard.told());
    } else {
        // On a machine that others keep busy the evidence may not suffice: then a person decides.
        say(&format!(
            "| log_statement=all | held: {} |",
            report.text("reason")
        ));
    }
    guard.ends().await;
}
