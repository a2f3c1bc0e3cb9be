//! Scratch servers and loads on the PostgreSQL that is installed here.

mod neo4j;

use std::io::Write;
use std::time::Duration;

use backstay_scratch::load::{self, Load, Mix};
use backstay_scratch::postgres::{Binaries, DataDir, Options, Running, Server, StartError};
use tokio::time::Instant;

/// True, and says so loudly, when there is no PostgreSQL to test with.
fn skipped(test: &str) -> bool {
    let missing = Binaries::find().err();
    if let Some(error) = &missing {
        // Past the harness, which would keep it to itself.
        writeln!(std::io::stdout(), "SKIPPED: {test}: {error}")
            .expect("standard output is open while tests run");
    }
    missing.is_some()
}

fn options(settings: &[(&str, &str)]) -> Options {
    let settings = settings
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect();
    Options {
        settings,
        ..Options::default()
    }
}

async fn value(server: &Server, sql: &str) -> String {
    let rows = server.execute(sql).await.expect("the statement works");
    rows[0][0].clone().expect("the value is not null")
}

/// Looks until `holds`, at most 20 s.
async fn until(mut holds: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        if Instant::now() > deadline {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_starts_obeys_and_goes() {
    if skipped("a_server_starts_obeys_and_goes") {
        return;
    }
    let mut server = Server::start(options(&[("work_mem", "7MB")]))
        .await
        .unwrap();
    assert_eq!(value(&server, "SHOW work_mem").await, "7MB");
    assert_eq!(value(&server, "SHOW log_statement").await, "ddl");
    server
        .execute("ALTER SYSTEM SET shared_buffers = '32MB'")
        .await
        .unwrap();
    server.restart().await.unwrap();
    assert_eq!(value(&server, "SHOW shared_buffers").await, "32MB");
    server.kill9().unwrap();
    assert_eq!(server.running(), Running::No);
    server.start_again().await.unwrap();
    assert!(
        server.said().iter().any(|l| l.message.contains("recovery")),
        "{:?}",
        server.said()
    );
    server.stop().await.unwrap();
    let data = server.data_dir();
    drop(server);
    assert!(!data.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_server_hangs_and_resumes() {
    if skipped("a_paused_server_hangs_and_resumes") {
        return;
    }
    let server = Server::start(Options::default()).await.unwrap();
    server.pause().unwrap();
    let hung = tokio::time::timeout(Duration::from_millis(300), server.execute("SELECT 1")).await;
    assert!(hung.is_err());
    server.resume().unwrap();
    assert_eq!(value(&server, "SELECT 1").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_says_why() {
    if skipped("a_server_that_refuses_says_why") {
        return;
    }
    let refused = Server::start(options(&[
        ("max_wal_senders", "5"),
        ("wal_level", "minimal"),
    ]))
    .await;
    let Err(StartError::Refused { said }) = refused else {
        panic!("{refused:?}")
    };
    assert!(
        said.iter()
            .any(|l| l.severity == "FATAL" && l.message.contains("wal_level")),
        "{said:?}"
    );
}

#[test]
fn computed_values_need_no_server() {
    if skipped("computed_values_need_no_server") {
        return;
    }
    let dir = DataDir::create(&Binaries::find().unwrap()).unwrap();
    let with = |buffers: &str| {
        let settings = [("shared_buffers".to_owned(), buffers.to_owned())];
        dir.computed("shared_memory_size", &settings)
            .unwrap()
            .parse::<f64>()
            .unwrap()
    };
    let more = with("512MB") - with("256MB");
    assert!((256.0..290.0).contains(&more), "{more}");
    assert!(
        dir.computed("shared_buffers", &[("no_such".to_owned(), "1".to_owned())])
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_is_steady_counts_errors_and_comes_back() {
    if skipped("a_load_is_steady_counts_errors_and_comes_back") {
        return;
    }
    let mut server = Server::start(Options::default()).await.unwrap();
    load::prepare(&server, "shop", 1).await.unwrap();
    let handle = Load::start(&server.dsn("app", "shop"), &Mix::default()).unwrap();
    let services = ["checkout", "catalogue", "reports", "mobile"];
    let all = |least: u64| {
        services
            .iter()
            .all(|s| handle.counts().of(s).completed >= least)
    };
    assert!(until(|| all(5)).await, "{:?}", handle.counts());
    assert_eq!(handle.counts().failed(), 0);
    let names = value(
        &server,
        "SELECT string_agg(DISTINCT application_name, ',') FROM pg_stat_activity
                                WHERE usename = 'app' AND application_name <> 'mobile'",
    )
    .await;
    assert_eq!(names, "catalogue,checkout,reports");

    server
        .execute("ALTER SYSTEM SET default_transaction_read_only = on")
        .await
        .unwrap();
    server.reload().unwrap();
    let refused = || handle.counts().of("checkout").failed.contains_key("25006");
    assert!(until(refused).await, "{:?}", handle.counts());

    server.execute("ALTER SYSTEM RESET ALL").await.unwrap();
    server.restart().await.unwrap();
    let before = handle.counts();
    let back = || {
        services
            .iter()
            .all(|s| handle.counts().of(s).completed > before.of(s).completed + 3)
    };
    assert!(until(back).await, "{:?}", handle.counts());
    let last = handle.stop().await;
    assert!(last.failed() > 0 && last.of("checkout").mean_ms().is_some());
}
