//! Every way in which a setting changes is noticed, with what is known of its author and no more.

use backstay_scratch::load::Mix;

use crate::bed::{Bed, Wanted};
use crate::guard::{Guard, Line, PATIENCE, Start};

/// A guard that only looks, from its first reading on.
async fn looks(bed: &Bed) -> Guard {
    let mut guard = Guard::start(
        bed,
        &Start {
            mode: "observe",
            ..Start::on(bed)
        },
    );
    guard.hears("baseline", PATIENCE, |_| true).await;
    guard.hears("learning", PATIENCE, |_| true).await;
    guard
}

/// The only change of a line.
fn change(line: &Line) -> (String, String) {
    let changes = line.said["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1, "{}", line.said);
    let text = |field: &str| changes[0][field].as_str().unwrap_or_default().to_owned();
    let told = format!(
        "{} ({}) {} -> {} by {}",
        text("setting"),
        text("scope"),
        text("old"),
        text("new"),
        text("author")
    );
    (told, text("source"))
}

async fn by_statement_and_by_hand() {
    let wanted = Wanted {
        load: None,
        settings: &[("include_if_exists", "extra.conf")],
        ..Wanted::default()
    };
    let Some(bed) = Bed::make(wanted).await else {
        return;
    };
    let person = bed.person().await;
    let mut guard = looks(&bed).await;

    person
        .says("/* OPS-1 */ ALTER DATABASE shop SET work_mem = '6MB'")
        .await;
    let (told, source) = change(&guard.sees("work_mem").await);
    assert_eq!(told, "work_mem (database shop) not set -> 6MB by ann");
    assert_eq!(source, "ALTER DATABASE");
    guard.forget();

    bed.write("extra.conf", "random_page_cost = 1.5\n");
    person.changes(&[]).await;
    let (told, source) = change(&guard.sees("random_page_cost").await);
    assert_eq!(told, "random_page_cost (instance) 4 -> 1.5 by unknown");
    assert!(source.contains("extra.conf"), "{source}");
    guard.forget();

    let text = bed.read("postgresql.conf");
    bed.write(
        "postgresql.conf",
        &format!("{text}\ncpu_tuple_cost = 0.02\n"),
    );
    person.changes(&[]).await;
    let (told, source) = change(&guard.sees("cpu_tuple_cost").await);
    assert_eq!(told, "cpu_tuple_cost (instance) 0.01 -> 0.02 by unknown");
    assert!(source.contains("postgresql.conf"), "{source}");
    guard.forget();

    bed.write("extra.conf", "random_page_cost = 1.5\nwork_mem = 'lots'\n");
    person.changes(&[]).await;
    let broken = |l: &Line| l.text("text").contains("would not start");
    let notice = guard.hears("notice", PATIENCE, broken).await;
    assert!(
        notice.text("text").contains("extra.conf:2"),
        "{}",
        notice.said
    );
    assert!(guard.said("change_seen").is_empty(), "{}", guard.told());
    guard.ends().await;
}

/// A change that waits for a restart sleeps until then, and is watched from then on.
async fn at_the_restart() {
    let wanted = Wanted {
        load: Some(Mix::paced([10.0, 10.0, 0.5, 1.0])),
        ..Wanted::default()
    };
    let Some(mut bed) = Bed::make(wanted).await else {
        return;
    };
    let mut guard = looks(&bed).await;
    let person = bed.person().await;
    person
        .changes(&["/* OPS-5 fewer */ ALTER SYSTEM SET max_connections = 60"])
        .await;
    let seen = guard.sees("max_connections").await;
    let id = seen.text("change_set").to_owned();
    assert_eq!(seen.text("takes_effect"), "at_restart", "{}", seen.said);
    assert_eq!(seen.text("author"), "ann");
    assert!(guard.said("watching").is_empty(), "nothing to watch yet");
    drop(person);
    bed.server.restart().await.unwrap();
    let restarted = |l: &Line| l.text("condition") == "restarted";
    guard.hears("condition", PATIENCE, restarted).await;
    guard.about("watching", &id).await;
    assert_eq!(guard.said("change_seen").len(), 1, "{}", guard.told());
    assert_eq!(
        bed.fresh("app", "max_connections").await.as_deref(),
        Some("60")
    );
    guard.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_is_noticed() {
    tokio::join!(by_statement_and_by_hand(), at_the_restart());
}
