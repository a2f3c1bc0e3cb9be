//! The guard is killed in the middle of a write. The next one asks the database what stands there, and
//! finishes or gives up.

use backstay_engine_postgres::write::{LOCK_CLASS, LOCK_KEY};
use tokio::time::Instant;

use crate::bed::{Bed, Person, WRITER, Wanted, until};
use crate::guard::{Guard, PATIENCE, Start};

const NAME: &str = "default_transaction_read_only";
const HARM: &str = "/* OPS-77 */ ALTER SYSTEM SET default_transaction_read_only = on";

async fn bed() -> Option<Bed> {
    let wanted = Wanted {
        grants: &[NAME],
        ..Wanted::default()
    };
    Bed::make(wanted).await
}

/// Takes the lock that every writer takes, so that the guard waits with its intent recorded.
async fn locks(person: &Person) {
    person
        .says(&format!(
            "SELECT pg_advisory_lock({LOCK_CLASS}, {LOCK_KEY})"
        ))
        .await;
}

async fn unlocks(person: &Person) {
    person
        .says(&format!(
            "SELECT pg_advisory_unlock({LOCK_CLASS}, {LOCK_KEY})"
        ))
        .await;
}

/// Statements of ours that the server logged.
fn written(bed: &Bed) -> usize {
    let log = bed.read("log/postgresql.json");
    let ours = |l: &&str| l.contains("backstay rollback") && l.contains("ALTER SYSTEM");
    log.lines().filter(ours).count()
}

/// The new guard finishes what the old one began; the bad value is gone, written once.
async fn finishes(bed: &Bed) {
    let mut guard = Guard::start(bed, &Start::on(bed));
    let report = guard.hears("report", PATIENCE, |_| true).await;
    assert_eq!(report.text("outcome"), "rolled_back", "{}", guard.told());
    assert_eq!(bed.entry(NAME), None);
    assert_eq!(bed.fresh("app", NAME).await.as_deref(), Some("off"));
    assert_eq!(written(bed), 1, "one statement, by one of the two guards");
    assert!(guard.said("change_seen").is_empty(), "{}", guard.told());
    guard.ends().await;
}

async fn before_the_write() {
    let Some(bed) = bed().await else { return };
    let person = bed.person().await;
    let mut guard = Guard::learnt(&bed).await;
    locks(&person).await;
    person.changes(&[HARM]).await;
    guard.hears("writing", PATIENCE, |_| true).await;
    let said = guard.kill9().await;
    assert!(said.iter().all(|l| l.text("kind") != "write_reply"));
    assert_eq!(written(&bed), 0, "an intent is no write");
    assert!(bed.entry(NAME).is_some());
    unlocks(&person).await;
    finishes(&bed).await;
}

/// The server's door is frozen after the comparison, so that the read-back cannot come: only then is
/// the guard killed.
async fn before_the_read_back() {
    let Some(bed) = bed().await else { return };
    let person = bed.person().await;
    let mut guard = Guard::learnt(&bed).await;
    person.changes(&[HARM]).await;
    guard.sees(NAME).await;
    // The last question before the write is the one for the right to it; what the guard's session
    // remembers of an earlier answer becomes void by another grant.
    let again = format!("GRANT ALTER SYSTEM ON PARAMETER {NAME} TO {WRITER}");
    person
        .says(&format!("BEGIN READ WRITE; {again}; COMMIT"))
        .await;
    person.says("BEGIN READ WRITE").await;
    person
        .says("LOCK TABLE pg_catalog.pg_parameter_acl IN ACCESS EXCLUSIVE MODE")
        .await;
    guard.hears("writing", PATIENCE, |_| true).await;
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted \
                   AND relation = 'pg_catalog.pg_parameter_acl'::regclass";
    person.waits(waiting, "1").await;
    bed.server.pause().unwrap();
    person.says("COMMIT").await;
    until("the entry is written", || bed.entry(NAME).is_none()).await;
    let said = guard.kill9().await;
    assert!(said.iter().all(|l| l.text("kind") != "write_reply"));
    bed.server.resume().unwrap();
    finishes(&bed).await;
}

async fn until_the_intent_expired() {
    let Some(bed) = bed().await else { return };
    let start = Start {
        policy: Some("intent_ttl = \"3s\""),
        ..Start::on(&bed)
    };
    let person = bed.person().await;
    let mut guard = Guard::start(&bed, &start);
    guard.learns().await;
    locks(&person).await;
    person.changes(&[HARM]).await;
    let writing = guard.hears("writing", PATIENCE, |_| true).await;
    guard.kill9().await;
    unlocks(&person).await;
    let expired = writing.at + std::time::Duration::from_millis(3_200);
    tokio::time::sleep_until(expired.max(Instant::now())).await;
    let mut guard = Guard::start(&bed, &start);
    let report = guard.hears("report", PATIENCE, |_| true).await;
    assert_eq!(report.text("outcome"), "held", "{}", guard.told());
    assert!(report.text("reason").contains("expired"), "{}", report.said);
    let page = guard.hears("page", PATIENCE, |_| true).await;
    assert!(page.text("message").contains("expired"), "{}", page.said);
    assert_eq!(written(&bed), 0);
    assert!(bed.entry(NAME).is_some(), "abandoned: nothing was written");
    guard.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_guard_finishes_or_gives_up() {
    tokio::join!(
        before_the_write(),
        before_the_read_back(),
        until_the_intent_expired()
    );
}
