//! How far Backstay goes in each mode.

use serde_json::Value;

use crate::bed::{Bed, Wanted, backstay};
use crate::guard::{Guard, Line, PATIENCE, Start};

const NAME: &str = "default_transaction_read_only";

/// Makes the harmful change and waits until it is held.
async fn held(bed: &Bed, mode: &str) -> (Guard, Line) {
    let person = bed.person().await;
    let mut guard = Guard::start(
        bed,
        &Start {
            mode,
            ..Start::on(bed)
        },
    );
    guard.learns().await;
    person
        .changes(&["/* OPS-77 */ ALTER SYSTEM SET default_transaction_read_only = on"])
        .await;
    let before = bed.read("postgresql.auto.conf");
    let seen = guard.sees(NAME).await;
    let report = guard.about("report", seen.text("change_set")).await;
    assert_eq!(report.text("outcome"), "held", "{}", guard.told());
    assert!(report.text("reason").contains(mode), "{}", report.said);
    assert!(guard.said("writing").is_empty());
    assert_eq!(bed.read("postgresql.auto.conf"), before, "not one byte");
    assert!(
        !bed.read("log/postgresql.json")
            .contains("backstay rollback")
    );
    (guard, report)
}

async fn observe() {
    let wanted = Wanted {
        grants: &[NAME],
        ..Wanted::default()
    };
    let Some(bed) = Bed::make(wanted).await else {
        return;
    };
    let (guard, _) = held(&bed, "observe").await;
    let person = bed.person().await;
    let names = "SELECT string_agg(DISTINCT application_name, ' ' ORDER BY application_name) \
                 FROM pg_stat_activity WHERE application_name LIKE 'backstay/%' \
                 AND application_name NOT IN ('backstay/probe', 'backstay/read-back')";
    let found = person.asks(names).await;
    assert_eq!(
        found, "backstay/observer",
        "a mode that never writes holds no connection for it"
    );
    guard.ends().await;
}

async fn approve() {
    let wanted = Wanted {
        grants: &[NAME],
        ..Wanted::default()
    };
    let Some(bed) = Bed::make(wanted).await else {
        return;
    };
    let (mut guard, report) = held(&bed, "approve").await;
    let id = report.text("change_set").to_owned();
    let page = guard
        .hears("page", PATIENCE, |l| l.text("change_set") == id)
        .await;
    let next = page.said["next"].to_string();
    assert!(next.contains("rollback approve"), "{}", page.said);
    let plan = ask(&bed, &["rollback", "plan", &id, "--json"]).await;
    let plan: Value = serde_json::from_slice(&plan).unwrap();
    ask(&bed, &["rollback", "approve", &id]).await;
    guard.about("write_reply", &id).await;
    let outcome = |l: &Line| l.text("outcome") == "rolled_back";
    let report = guard.hears("report", PATIENCE, outcome).await;
    assert_eq!(report.said["remediation"], plan["commands"]);
    let log = bed.read("log/postgresql.json");
    let ours: Vec<&str> = log
        .lines()
        .filter(|l| l.contains("backstay rollback"))
        .collect();
    let shown = plan["commands"][0].as_str().unwrap_or_default();
    assert_eq!(ours.len(), 1, "{ours:?}");
    assert!(ours[0].contains(shown.trim_end_matches(';')), "{ours:?}");
    assert_eq!(bed.entry(NAME), None);
    assert_eq!(bed.fresh("app", NAME).await.as_deref(), Some("off"));
    guard.ends().await;
}

/// What a command says of the guard's state directory; it must succeed.
async fn ask(bed: &Bed, arguments: &[&str]) -> Vec<u8> {
    let state = bed.state().join("state").display().to_string();
    let all = [arguments, &["--state-dir", &state]].concat();
    let output = backstay(&all).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    output.stdout
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn observing_never_writes_and_approving_waits_for_a_yes() {
    tokio::join!(observe(), approve());
}
