//! Noticing, naming and measuring on a real server.

use std::time::Duration;

use backstay_engine::conformance::{Example, Harness, suite};
use backstay_engine::{ChangeSource, MetricSource, Observation, Poll, Probe, ReadError, changes};
use backstay_engine_postgres::connect::{Dialer, Purpose};
use backstay_engine_postgres::dsn::resolve_here;
use backstay_engine_postgres::{PostgresObserver, PostgresProbe, WATCH_CLASS};
use backstay_model::change::{Pending, TakesEffect};
use backstay_model::sample::ProbeStep;
use backstay_model::{Change, SettingKey, Snapshot, Span, TargetId, Timestamp, Value, ValueSource};
use backstay_scratch::postgres::Server;

use crate::bed::{redactor, run, server};

fn now() -> Timestamp {
    let clock = std::time::UNIX_EPOCH.elapsed().unwrap();
    Timestamp(i64::try_from(clock.as_micros()).unwrap())
}

fn observer_as(server: &Server, user: &str) -> PostgresObserver {
    let dsn = resolve_here(Some(&server.dsn(user, "postgres"))).unwrap();
    PostgresObserver::new(TargetId::new("shop"), &dsn, redactor()).unwrap()
}

/// An observer and what it knows.
struct Watch {
    observer: PostgresObserver,
    last: Snapshot,
}

impl Watch {
    async fn begin(server: &Server) -> Self {
        let mut observer = observer_as(server, "postgres");
        let Poll::Moved(first) = observer.poll(now()).await.unwrap() else {
            panic!("quiet")
        };
        Self {
            observer,
            last: first.snapshot,
        }
    }

    /// Looks until something moved.
    async fn moved(&mut self) -> Observation {
        for _ in 0..100 {
            if let Poll::Moved(seen) = self.observer.poll(now()).await.unwrap() {
                return *seen;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("nothing moved");
    }

    /// Looks until there are changes.
    async fn changes(&mut self) -> Vec<Change> {
        for _ in 0..20 {
            let seen = self.moved().await;
            let found = changes(&self.last, &seen);
            self.last = seen.snapshot;
            if !found.is_empty() {
                return found;
            }
        }
        panic!("no changes");
    }

    async fn quiet(&mut self) {
        for _ in 0..3 {
            assert_eq!(self.observer.poll(now()).await.unwrap(), Poll::Quiet);
        }
    }
}

fn line(c: &Change) -> String {
    let why = c.description.as_deref().unwrap_or("-");
    let exact = if c.time.exact.is_some() {
        "exactly"
    } else {
        "about"
    };
    format!(
        "{}: {} -> {} ({}) {:?} by {} {exact} because {why} {:?}",
        c.key,
        c.old_text(),
        c.new_text(),
        c.new.source,
        c.takes_effect,
        c.author,
        c.origin
    )
}

fn lines(changes: &[Change]) -> String {
    let all = changes.iter().map(line).collect::<Vec<_>>().join("\n");
    // The folder of a scratch server has another name each time.
    all.split(' ')
        .map(|word| match word.rsplit_once("/data/") {
            Some((_, file)) => format!("(DATA/{file}"),
            None => word.to_owned(),
        })
        .collect::<Vec<_>>()
        .join(" ")
}

struct RealServer {
    server: Server,
    observer: PostgresObserver,
    probe: PostgresProbe,
}

impl Harness for RealServer {
    type Target = PostgresObserver;
    type Probe = PostgresProbe;

    fn target(&mut self) -> &mut PostgresObserver {
        &mut self.observer
    }
    fn probe(&mut self) -> &mut PostgresProbe {
        &mut self.probe
    }
    fn now(&mut self) -> Timestamp {
        now()
    }
    async fn pass(&mut self) {
        tokio::time::sleep(Duration::from_millis(120)).await;
    }
    async fn change(&mut self) {
        run(
            &self.server,
            &[
                "/* OPS-77 why */ ALTER SYSTEM SET work_mem = '64MB'",
                "SELECT pg_reload_conf()",
            ],
        )
        .await;
    }
    async fn undo(&mut self) {
        run(
            &self.server,
            &["ALTER SYSTEM RESET work_mem", "SELECT pg_reload_conf()"],
        )
        .await;
    }
    fn example(&self) -> Example {
        Example {
            key: SettingKey::instance("work_mem"),
            entry: "64MB".to_owned(),
            said: Some(("postgres".to_owned(), "OPS-77 why".to_owned())),
        }
    }
}

#[tokio::test]
async fn it_passes_the_suite_of_every_engine() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    let observer = observer_as(&server, "postgres");
    let dsn = resolve_here(Some(&server.dsn("postgres", "postgres"))).unwrap();
    let probe = PostgresProbe::new(&dsn).unwrap();
    suite(&mut RealServer {
        server,
        observer,
        probe,
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn every_route_is_noticed_with_author_and_reason() {
    let Some(server) = server(&[("track_commit_timestamp", "on")], &[("jit", "off")]).await else {
        return;
    };
    run(&server, &["CREATE ROLE app LOGIN", "CREATE DATABASE shop"]).await;
    let mut watch = Watch::begin(&server).await;
    run(
        &server,
        &["/* OPS-1 */ ALTER ROLE app SET statement_timeout = '1ms'"],
    )
    .await;
    insta::assert_snapshot!(lines(&watch.changes().await), @"statement_timeout (role app): not set -> 1ms (ALTER ROLE) NewSessions by postgres exactly because OPS-1 Observed");
    run(
        &server,
        &["ALTER DATABASE shop SET work_mem = '1MB' /* OPS-2 */"],
    )
    .await;
    insta::assert_snapshot!(lines(&watch.changes().await), @"work_mem (database shop): not set -> 1MB (ALTER DATABASE) NewSessions by postgres exactly because OPS-2 Observed");
    run(&server, &["ALTER ROLE app IN DATABASE shop SET jit = on"]).await;
    insta::assert_snapshot!(lines(&watch.changes().await), @"jit (role app in database shop): not set -> on (ALTER ROLE) NewSessions by postgres exactly because - Observed");
    run(&server, &["ALTER ROLE app RESET ALL"]).await;
    insta::assert_snapshot!(lines(&watch.changes().await), @"statement_timeout (role app): 1ms -> not set (ALTER ROLE) NewSessions by postgres exactly because - Observed");
    run(
        &server,
        &[
            "ALTER SYSTEM SET log_connections = on",
            "ALTER SYSTEM SET jit = on",
            "ALTER SYSTEM SET max_connections = 50",
            "SELECT pg_reload_conf()",
        ],
    )
    .await;
    insta::assert_snapshot!(lines(&watch.changes().await), @"
    jit: off -> on (command line) Masked by postgres exactly because - Observed
    log_connections: off -> on (ALTER SYSTEM) NewSessions by postgres exactly because - Observed
    max_connections: 100 -> 50 (DATA/postgresql.conf) AtRestart by postgres exactly because - Observed
    ");
    watch.quiet().await;
    let conf = server.data_dir().join("postgresql.conf");
    let mut text = std::fs::read_to_string(&conf).unwrap();
    text.push_str("\nrandom_page_cost = 1.1\n");
    std::fs::write(&conf, text).unwrap();
    server.reload().unwrap();
    let found = watch.changes().await;
    assert!(
        lines(&found).starts_with("random_page_cost: 4 -> 1.1 ("),
        "{}",
        lines(&found)
    );
    assert!(lines(&found).contains("by unknown"), "{}", lines(&found));
    let hba = server.data_dir().join("pg_hba.conf");
    let text = std::fs::read_to_string(&hba).unwrap();
    std::fs::write(&hba, format!("host all app 10.9.0.0/16 reject\n{text}")).unwrap();
    server.reload().unwrap();
    let found = watch.changes().await;
    assert_eq!(found.len(), 1, "{}", lines(&found));
    assert!(
        lines(&found).starts_with("pg_hba (rule 1): not set -> host all app 10.9.0.0/16 reject"),
        "{}",
        lines(&found)
    );
}

#[tokio::test]
async fn every_format_of_the_log_names_the_author() {
    for settings in [
        [
            ("log_destination", "csvlog"),
            ("log_timezone", "Europe/Berlin"),
        ],
        [
            ("log_destination", "stderr"),
            ("log_line_prefix", "%m [%p] %q%u@%d/%a "),
        ],
    ] {
        let Some(server) = server(&settings, &[]).await else {
            return;
        };
        let mut watch = Watch::begin(&server).await;
        run(
            &server,
            &[
                "/* OPS-8 */ ALTER SYSTEM SET jit = off",
                "SELECT pg_reload_conf()",
            ],
        )
        .await;
        let found = watch.changes().await;
        assert_eq!(
            lines(&found),
            "jit: on -> off (ALTER SYSTEM) Now by postgres exactly because OPS-8 Observed"
        );
        let gap = now().since(found[0].time.best()).as_secs_f64();
        assert!((0.0..5.0).contains(&gap), "{gap} s");
    }
}

#[tokio::test]
async fn a_server_that_stands_still_is_waited_for_on_the_same_connection() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    let mut watch = Watch::begin(&server).await;
    let pid = watch.observer.backend_pid().unwrap();
    signal(pid, "STOP");
    let answer = watch.observer.poll(now()).await;
    signal(pid, "CONT");
    assert!(
        matches!(answer, Err(ReadError::Timeout { limit_ms: 2_000 })),
        "{answer:?}"
    );
    watch.quiet().await;
    assert_eq!(watch.observer.backend_pid(), Some(pid));
}

/// An address behind which one server can be exchanged for another.
async fn switchboard(first: u16) -> (u16, std::sync::Arc<std::sync::atomic::AtomicU16>) {
    use std::sync::atomic::{AtomicU16, Ordering};
    let line = std::sync::Arc::new(AtomicU16::new(first));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let current = std::sync::Arc::clone(&line);
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let port = current.load(Ordering::Relaxed);
            tokio::spawn(async move {
                let mut server = tokio::net::TcpStream::connect(("127.0.0.1", port))
                    .await
                    .unwrap();
                let done = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                done.map(drop).unwrap_or_default();
            });
        }
    });
    (port, line)
}

#[tokio::test]
async fn another_server_behind_the_same_address_is_refused() {
    let Some(mut one) = server(&[], &[]).await else {
        return;
    };
    let Some(two) = server(&[], &[]).await else {
        return;
    };
    let (port, line) = switchboard(one.port()).await;
    let text = format!("host=127.0.0.1 port={port} user=postgres dbname=postgres sslmode=disable");
    let dsn = resolve_here(Some(&text)).unwrap();
    let mut observer = PostgresObserver::new(TargetId::new("shop"), &dsn, redactor()).unwrap();
    assert!(matches!(observer.poll(now()).await, Ok(Poll::Moved(_))));
    line.store(two.port(), std::sync::atomic::Ordering::Relaxed);
    one.stop().await.unwrap();
    let mut last = observer.poll(now()).await;
    for _ in 0..50 {
        if matches!(last, Err(ReadError::AnotherServer { .. })) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        last = observer.poll(now()).await;
    }
    panic!("{:?}", last.map(drop));
}

fn signal(pid: u32, name: &str) {
    let status = std::process::Command::new("kill")
        .args([&format!("-{name}"), &pid.to_string()])
        .status();
    assert!(status.unwrap().success());
}

#[tokio::test]
async fn what_waits_for_a_reload_is_no_change_yet() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    let mut watch = Watch::begin(&server).await;
    run(&server, &["/* OPS-3 */ ALTER SYSTEM SET work_mem = '64MB'"]).await;
    let seen = watch.moved().await;
    assert_eq!(changes(&watch.last, &seen), []);
    watch.last = seen.snapshot;
    server.reload().unwrap();
    let found = watch.changes().await;
    insta::assert_snapshot!(lines(&found), @"work_mem: 4096 -> 65536 (ALTER SYSTEM) Now by postgres exactly because OPS-3 Observed");
    assert_eq!(found[0].old.entry, None);
}

/// Appends a line to `postgresql.conf`, as a person with an editor would.
fn edit(server: &Server, line: &str) {
    let path = server.data_dir().join("postgresql.conf");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}{line}\n")).unwrap();
}

#[tokio::test]
async fn an_edit_is_told_with_its_line_before_it_is_loaded() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    let mut watch = Watch::begin(&server).await;
    edit(&server, "work_mem = '9MB'");
    let begun = now();
    while watch.last.unloaded.is_empty() {
        let seen = watch.moved().await;
        assert_eq!(changes(&watch.last, &seen), []);
        watch.last = seen.snapshot;
    }
    assert!(now().since(begun) < Span::from_secs(5));
    let edit = &watch.last.unloaded[0];
    let text = |value: &Option<Value>| value.as_ref().map(ToString::to_string);
    assert_eq!(
        (edit.name.as_str(), text(&edit.loaded), text(&edit.edited)),
        ("work_mem", None, Some("9MB".to_owned()))
    );
    assert!(edit.at.path.ends_with("/postgresql.conf") && edit.at.line > 0);
    server.reload().unwrap();
    let found = watch.changes().await;
    assert_eq!(found.len(), 1, "{}", lines(&found));
    assert_eq!(watch.last.unloaded, []);
}

#[tokio::test]
async fn a_value_that_waits_in_an_edited_file_is_told_with_its_line() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    let mut watch = Watch::begin(&server).await;
    let before = watch.last.settings[&SettingKey::instance("max_connections")].clone();
    edit(&server, "max_connections = 77");
    server.reload().unwrap();
    let found = watch.changes().await;
    assert_eq!(found.len(), 1, "{}", lines(&found));
    assert_eq!(found[0].new.effective, before.effective);
    assert_eq!(found[0].takes_effect, TakesEffect::AtRestart);
    assert_eq!(found[0].new_text(), "77");
    let first = found[0].new.waiting.clone().unwrap().line.unwrap();
    assert!(first.path.ends_with("/postgresql.conf"), "{first}");
    edit(&server, "max_connections = 78");
    server.reload().unwrap();
    let found = watch.changes().await;
    assert_eq!(
        (found[0].old_text(), found[0].new_text()),
        ("77".into(), "78".into())
    );
    let second = found[0].new.waiting.clone().unwrap().line.unwrap();
    assert_eq!(second.line, first.line + 1);
}

#[tokio::test]
async fn a_service_is_noticed_by_itself_and_a_visitor_is_none() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    let mut watch = Watch::begin(&server).await;
    let names = |snapshot: &Snapshot| -> Vec<String> {
        snapshot
            .services
            .iter()
            .map(|s| s.service.to_string())
            .collect()
    };
    let client = server.connect_as("postgres", "postgres").await.unwrap();
    client
        .batch_execute("SET application_name = 'invoices'")
        .await
        .unwrap();
    let visitor = server.connect_as("postgres", "postgres").await.unwrap();
    visitor
        .batch_execute("SET application_name = 'once'")
        .await
        .unwrap();
    let (begun, mut visitor) = (now(), Some(visitor));
    for second in 0..=10 {
        let at = begun + Span::from_secs(second);
        client.batch_execute("SELECT 1").await.unwrap();
        watch.observer.sample(at).await.unwrap();
        drop(visitor.take());
        let told = match watch.observer.poll(at).await.unwrap() {
            Poll::Moved(seen) => names(&seen.snapshot),
            Poll::Quiet => Vec::new(),
        };
        if !told.is_empty() {
            assert_eq!((told, second), (vec!["invoices".to_owned()], 10));
            return;
        }
    }
    panic!("the service was not noticed");
}

#[tokio::test]
async fn a_restart_wakes_what_waited_and_is_survived() {
    let Some(mut server) = server(&[], &[]).await else {
        return;
    };
    let mut watch = Watch::begin(&server).await;
    run(
        &server,
        &[
            "ALTER SYSTEM SET max_connections = 50",
            "SELECT pg_reload_conf()",
        ],
    )
    .await;
    assert_eq!(
        watch.changes().await[0].new.pending_restart,
        Pending::Restart
    );
    let before = watch.last.server.started_at;
    server.restart().await.unwrap();
    let first = watch.observer.poll(now()).await;
    assert!(
        matches!(&first, Err(ReadError::Stopped { .. })),
        "a stop in order is told: {first:?}"
    );
    let found = watch.changes().await;
    assert!(
        backstay_engine::attribute::woken_by_restart(&found[0]),
        "{}",
        lines(&found)
    );
    assert_eq!(found[0].takes_effect, TakesEffect::Now);
    assert!(watch.last.server.started_at > before);
    watch.quiet().await;
}

/// The process id of a server's background writer, while it has one.
fn background_writer(server: &Server) -> Option<String> {
    let postmaster = server.pid()?;
    let children = format!("/proc/{postmaster}/task/{postmaster}/children");
    let children = std::fs::read_to_string(children).ok()?;
    let named = |pid: &&str| {
        std::fs::read_to_string(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|name| name.contains("background writer"))
    };
    children
        .split_whitespace()
        .find(named)
        .map(ToOwned::to_owned)
}

/// One of its processes is killed: the server ends every session and begins anew, under the same
/// postmaster. It says so to whoever listens; whose question was on its way may miss the word, and
/// sees it by the age of the processes.
#[tokio::test]
async fn a_crash_is_told_from_a_stop() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    let mut watch = Watch::begin(&server).await;
    let old = background_writer(&server).unwrap();
    let killed = std::process::Command::new("kill")
        .args(["-9", &old])
        .status();
    assert!(killed.unwrap().success());
    let over = async {
        while background_writer(&server).is_none_or(|new| new == old) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let over = tokio::time::timeout(Duration::from_secs(60), over).await;
    over.expect("the server begins anew");
    let error = watch.observer.poll(now()).await.unwrap_err();
    assert!(matches!(error, ReadError::Fell { .. }), "{error:?}");
    // It takes nobody until it has recovered.
    let back = loop {
        match watch.observer.poll(now()).await {
            Ok(Poll::Moved(seen)) => break seen.snapshot.server,
            Ok(Poll::Quiet) => panic!("a new session reads everything"),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    let before = &watch.last.server;
    assert_eq!(back.started_at, before.started_at, "the same postmaster");
    assert!(back.began_anew(before), "{back:?} after {before:?}");
}

#[tokio::test]
async fn lines_that_the_server_cannot_use_are_told_at_once() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    let mut watch = Watch::begin(&server).await;
    assert_eq!(watch.last.file_errors, []);
    let hba = server.data_dir().join("pg_hba.conf");
    let text = std::fs::read_to_string(&hba).unwrap();
    std::fs::write(&hba, format!("{text}\nhost all all db.example/24 md5\n")).unwrap();
    let seen = watch.moved().await;
    assert_eq!(
        seen.snapshot.file_errors.len(),
        1,
        "{:?}",
        seen.snapshot.file_errors
    );
    assert_eq!(changes(&watch.last, &seen), []);
}

/// What the server refuses and what waits for a reload, without folders and line numbers.
fn stands(snapshot: &Snapshot) -> String {
    let refused = snapshot.file_errors.iter();
    let refused = refused.map(|e| format!("{} ({:?})", e.message, e.spoils));
    let waits = snapshot.unloaded.iter();
    let waits = waits.map(|u| format!("{} waits", u.name));
    refused.chain(waits).collect::<Vec<_>>().join("; ")
}

#[tokio::test]
async fn a_line_that_is_refused_stays_refused_over_the_reload() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    let mut watch = Watch::begin(&server).await;
    edit(&server, "work_mem = 'lots'\njit = maybe");
    watch.last = watch.moved().await.snapshot;
    let refused = "work_mem = lots: setting could not be applied (Line); \
                   jit = maybe: setting could not be applied (Line)";
    assert_eq!(stands(&watch.last), refused);
    edit(&server, "enable_seqscan = off");
    server.reload().unwrap();
    let taken = watch.changes().await;
    assert_eq!(taken.len(), 1, "{}", lines(&taken));
    assert_eq!(stands(&watch.last), refused);
    // A name that nobody knows holds up everything.
    edit(&server, "wurk_mem = 1\nrandom_page_cost = 2");
    while watch.last.unloaded.is_empty() {
        watch.last = watch.moved().await.snapshot;
    }
    let unknown = "wurk_mem = 1: unrecognized configuration parameter; the values of other \
                   lines were not checked (All); random_page_cost waits";
    assert_eq!(stands(&watch.last), unknown);
    // What stands below a line that is none is not taken for gone.
    let path = server.data_dir().join("postgresql.conf");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("and so on\n{text}")).unwrap();
    watch.last = watch.moved().await.snapshot;
    let cut = "syntax error; lines after it were not read (All); random_page_cost waits";
    assert_eq!(stands(&watch.last), cut);
}

#[tokio::test]
async fn the_shield_holds_and_blinds_nobody() {
    let Some(server) = server(
        &[("archive_mode", "off"), ("archive_command", "cp %p /x")],
        &[],
    )
    .await
    else {
        return;
    };
    let mut watch = Watch::begin(&server).await;
    let archive = &watch.last.settings[&SettingKey::instance("archive_command")];
    assert!(
        matches!(archive.source, ValueSource::File { .. }),
        "{archive:?}"
    );
    assert!(
        !format!("{:?}", watch.last).contains("cp %p"),
        "a command may hold keys"
    );
    run(
        &server,
        &[
            "ALTER SYSTEM SET statement_timeout = '1ms'",
            "ALTER SYSTEM SET work_mem = '64kB'",
            "ALTER SYSTEM SET temp_file_limit = 0",
            "ALTER SYSTEM SET jit = on",
            "ALTER SYSTEM SET jit_above_cost = 0",
            "SELECT pg_reload_conf()",
        ],
    )
    .await;
    insta::assert_snapshot!(lines(&watch.changes().await), @"
    jit: on -> on (ALTER SYSTEM) Now by postgres exactly because - Observed
    jit_above_cost: 100000 -> 0 (ALTER SYSTEM) Now by postgres exactly because - Observed
    statement_timeout: 0 -> 1 (ALTER SYSTEM) Now by postgres exactly because - Observed
    temp_file_limit: -1 -> 0 (ALTER SYSTEM) Now by postgres exactly because - Observed
    work_mem: 4096 -> 64 (ALTER SYSTEM) Now by postgres exactly because - Observed
    ");
    let mut second = observer_as(&server, "postgres");
    let first = second.poll(now()).await;
    assert!(matches!(first, Ok(Poll::Moved(_))), "{:?}", first.map(drop));
}

#[tokio::test]
async fn another_guard_of_the_same_server_is_told_and_its_leave() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    let mut watch = Watch::begin(&server).await;
    let fellow = observer_as(&server, "postgres").poll(now()).await;
    assert!(fellow.is_ok(), "one of the same process is no other guard");
    let dsn = resolve_here(Some(&server.dsn("postgres", "postgres"))).unwrap();
    let dialer = Dialer::new(&dsn, &Purpose::of("observer")).unwrap();
    let other = dialer.connect().await.unwrap();
    let sql = format!("SELECT pg_try_advisory_lock_shared({WATCH_CLASS}, 7), pg_backend_pid()");
    let rows = other.rows("the other", &sql, Duration::from_secs(5)).await;
    let pid = rows.unwrap()[0].get(1).unwrap().to_owned();
    let later = |s| now() + Span::from_secs(s);
    let about = |notices: Vec<backstay_engine::Notice>| {
        let others = notices
            .into_iter()
            .filter(|n| n.what.contains("another Backstay"));
        others.map(|n| n.what).collect::<Vec<_>>()
    };
    watch.observer.poll(later(61)).await.unwrap();
    assert!(
        about(watch.observer.notices()).is_empty(),
        "it may only pass"
    );
    watch.observer.poll(later(67)).await.unwrap();
    let told = about(watch.observer.notices());
    assert!(told.len() == 1 && told[0].contains(&pid), "{told:?}");
    other.close().await;
    // The server's side ends a moment later.
    let mut gone = Vec::new();
    for beat in 3..100 {
        watch.observer.poll(later(61 * beat)).await.unwrap();
        gone.extend(about(watch.observer.mended()));
        if !gone.is_empty() {
            break;
        }
    }
    assert_eq!(gone, told);
}

#[tokio::test]
async fn missing_rights_are_told_and_the_rest_goes_on() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    run(&server, &["CREATE ROLE plain LOGIN"]).await;
    let mut observer = observer_as(&server, "plain");
    let Poll::Moved(first) = observer.poll(now()).await.unwrap() else {
        panic!("quiet")
    };
    assert!(first.snapshot.settings.len() > 250);
    let told: Vec<String> = observer
        .notices()
        .into_iter()
        .filter_map(|n| n.remedy)
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    GRANT pg_read_all_stats TO "plain";
    GRANT EXECUTE ON FUNCTION pg_current_logfile(text) TO "plain";
    GRANT SELECT ON pg_file_settings TO "plain"; GRANT EXECUTE ON FUNCTION pg_show_all_file_settings() TO "plain";
    GRANT SELECT ON pg_hba_file_rules TO "plain"; GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO "plain";
    GRANT EXECUTE ON FUNCTION pg_stat_file(text) TO "plain";
    "#);
    assert!(observer.notices().is_empty());
    for _ in 0..2 {
        observer.sample(now()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let sample = observer.sample(now()).await.unwrap();
    assert!(sample.get("commits_per_s").is_some() && sample.get("active_sessions").is_none());
    run(
        &server,
        &[
            "ALTER SYSTEM SET work_mem = '64MB'",
            "SELECT pg_reload_conf()",
        ],
    )
    .await;
    let mut found = Vec::new();
    for _ in 0..100 {
        if let Poll::Moved(seen) = observer.poll(now()).await.unwrap() {
            found = changes(&first.snapshot, &seen);
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(found.len(), 1, "{}", lines(&found));
}

#[tokio::test]
async fn the_grants_that_are_told_are_enough() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    run(&server, &["CREATE ROLE plain LOGIN"]).await;
    let mut observer = observer_as(&server, "plain");
    observer.poll(now()).await.unwrap();
    for grants in observer.notices().into_iter().filter_map(|n| n.remedy) {
        for grant in grants.split(';').map(str::trim).filter(|g| !g.is_empty()) {
            run(&server, &[grant]).await;
        }
    }
    let mut observer = observer_as(&server, "plain");
    let Poll::Moved(first) = observer.poll(now()).await.unwrap() else {
        panic!("quiet")
    };
    assert_eq!(observer.notices(), []);
    run(
        &server,
        &[
            "/* OPS-5 */ ALTER SYSTEM SET work_mem = '64MB'",
            "SELECT pg_reload_conf()",
        ],
    )
    .await;
    let mut found = Vec::new();
    for _ in 0..100 {
        if let Poll::Moved(seen) = observer.poll(now()).await.unwrap() {
            found = changes(&first.snapshot, &seen);
            if !found.is_empty() {
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    insta::assert_snapshot!(lines(&found), @"work_mem: 4096 -> 65536 (ALTER SYSTEM) Now by postgres exactly because OPS-5 Observed");
}

/// A probe as role `app`, with its table.
async fn probe_with_table(server: &Server) -> PostgresProbe {
    run(
        server,
        &["DROP ROLE IF EXISTS app", "CREATE ROLE app LOGIN"],
    )
    .await;
    let create = backstay_engine_postgres::probe::CREATE_TABLE.replace("{role}", "app");
    for statement in create.split(';').filter(|s| !s.trim().is_empty()) {
        run(server, &[statement]).await;
    }
    let dsn = resolve_here(Some(&server.dsn("app", "postgres"))).unwrap();
    PostgresProbe::new(&dsn).unwrap()
}

#[tokio::test]
async fn the_probe_reads_writes_and_names_what_fails() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    run(&server, &["CREATE ROLE app LOGIN"]).await;
    let dsn = resolve_here(Some(&server.dsn("app", "postgres"))).unwrap();
    let mut probe = PostgresProbe::new(&dsn).unwrap();
    let reading = probe.probe(now()).await;
    assert!(
        matches!(reading.read, ProbeStep::Done { .. }),
        "{reading:?}"
    );
    assert_eq!(reading.write, ProbeStep::Skipped);
    let mut probe = probe_with_table(&server).await;
    let reading = probe.probe(now()).await;
    assert!(
        matches!(reading.write, ProbeStep::Done { .. }),
        "{reading:?}"
    );
    run(
        &server,
        &["ALTER ROLE app SET default_transaction_read_only = on"],
    )
    .await;
    let reading = probe.probe(now()).await;
    assert!(
        matches!(&reading.write, ProbeStep::Failed { class, .. } if class == "25006"),
        "{reading:?}"
    );
    run(
        &server,
        &["ALTER ROLE app RESET ALL", "ALTER ROLE app NOLOGIN"],
    )
    .await;
    let reading = probe.probe(now()).await;
    assert!(
        matches!(&reading.connect, ProbeStep::Failed { class, .. } if class == "28000"),
        "{reading:?}"
    );
}

#[tokio::test]
async fn a_probe_that_hangs_leaves_nothing_behind() {
    let Some(server) = server(&[], &[]).await else {
        return;
    };
    let mut probe = probe_with_table(&server).await;
    run(
        &server,
        &[
            "ALTER SYSTEM SET synchronous_standby_names = 'nobody'",
            "SELECT pg_reload_conf()",
        ],
    )
    .await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let reading = probe.probe(now()).await;
    assert!(
        matches!(reading.write, ProbeStep::Hung { .. }),
        "{reading:?}"
    );
    assert!(
        matches!(reading.read, ProbeStep::Done { .. }),
        "{reading:?}"
    );
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'backstay/probe'";
    for _ in 0..100 {
        if crate::bed::cell(&server, waiting).await == "0" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the probe left a process behind");
}

/// Processor time of a process, in milliseconds.
fn cpu_ms(pid: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).unwrap();
    text.split_whitespace()
        .next()
        .unwrap()
        .parse::<f64>()
        .unwrap()
        / 1e6
}

/// What the observer costs the server over a minute. Slow, so only when asked for
/// (`BACKSTAY_MEASURE=1`, `--nocapture`).
#[tokio::test]
async fn the_cost_on_the_server_is_a_thousandth_of_a_core() {
    if std::env::var_os("BACKSTAY_MEASURE").is_none() {
        return;
    }
    let Some(server) = server(&[("shared_preload_libraries", "pg_stat_statements")], &[]).await
    else {
        return;
    };
    run(&server, &["CREATE EXTENSION pg_stat_statements"]).await;
    let mut watch = Watch::begin(&server).await;
    let pid = watch.observer.backend_pid().unwrap();
    for sampled in [false, true] {
        let begun = cpu_ms(pid);
        for _ in 0..60 {
            watch.observer.poll(now()).await.unwrap();
            if sampled {
                watch.observer.sample(now()).await.unwrap();
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let per_s = (cpu_ms(pid) - begun) / 60.0;
        eprintln!("samples {sampled}: {per_s:.3} ms of processor time per second");
    }
}
