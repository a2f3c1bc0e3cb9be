//! A server of our own, a writer on it, and the tokens it needs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use backstay_engine::ConfigWriter;
use backstay_engine_postgres::dsn::resolve_here;
use backstay_engine_postgres::secrets::Redactor;
use backstay_engine_postgres::write::{Gate, Pause, PostgresWriter};
use backstay_journal::memory::MemoryEntries;
use backstay_journal::recorded::Task;
use backstay_journal::{Journal, Record, Recorded};
use backstay_model::change::{Pending, Standing};
use backstay_model::event::WriteReply;
use backstay_model::id::PlanHash;
use backstay_model::plan::{Found, Inverse, PlanStep, Predicted, Route, Write};
use backstay_model::{
    ChangeSetId, Command, Event, IntentId, Scope, SettingKey, SettingName, TargetId, Timestamp,
    Value, ValueSource,
};
use backstay_scratch::postgres::{Binaries, Options, Server};

/// The moment at which every write of a test begins.
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_000_000);

/// Says that this test is skipped, past the harness, which would keep it to itself.
pub(crate) fn skip(why: &str) {
    let current = std::thread::current();
    let test = current.name().unwrap_or("a test");
    let line = format!("SKIPPED: {test}: {why}\n");
    std::io::Write::write_all(&mut std::io::stdout(), line.as_bytes()).unwrap();
}

/// A started server; `None`, said loudly, when this machine has no server programs.
pub(crate) async fn server(
    settings: &[(&str, &str)],
    command_line: &[(&str, &str)],
) -> Option<Server> {
    if let Err(why) = Binaries::find() {
        skip(&why.to_string());
        return None;
    }
    let owned = |pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    };
    let options = Options {
        settings: owned(settings),
        command_line: owned(command_line),
        ..Options::default()
    };
    Some(Server::start(options).await.unwrap())
}

/// Runs statements one by one as superuser.
pub(crate) async fn run(server: &Server, statements: &[&str]) {
    for statement in statements {
        server
            .execute(statement)
            .await
            .unwrap_or_else(|e| panic!("{statement}: {e:?}"));
    }
}

/// Runs statements, reloads, and waits until a new session sees `name` = `text`.
pub(crate) async fn change(server: &Server, statements: &[&str], shows: (&str, &str)) {
    run(server, statements).await;
    run(server, &["SELECT pg_reload_conf()"]).await;
    wait_for(server, shows.0, shows.1).await;
}

/// Waits until a new session gets `text` for `name`.
pub(crate) async fn wait_for(server: &Server, name: &str, text: &str) {
    for _ in 0..500 {
        // a 1 ms statement_timeout may hit this very session
        if let Ok(found) = server.execute(&format!("SHOW {name}")).await
            && found
                .first()
                .and_then(|r| r.first().cloned().flatten())
                .as_deref()
                == Some(text)
        {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("{name} never became {text}");
}

/// The one cell of a query's answer.
pub(crate) async fn cell(server: &Server, sql: &str) -> String {
    let rows = server.execute(sql).await.unwrap();
    rows.first()
        .and_then(|r| r.first().cloned().flatten())
        .unwrap_or_default()
}

/// The entries of `postgresql.auto.conf`, without comments.
pub(crate) fn auto_conf(server: &Server) -> String {
    let text = std::fs::read_to_string(server.data_dir().join("postgresql.auto.conf")).unwrap();
    text.lines()
        .filter(|l| !l.starts_with('#'))
        .collect::<Vec<_>>()
        .join("\n")
}

/// How many statements of ours the server logged.
pub(crate) fn our_statements(server: &Server) -> usize {
    let log = std::fs::read_to_string(server.log_dir().join("postgresql.json")).unwrap();
    log.lines()
        .filter(|l| l.contains("backstay rollback") && l.contains("ALTER"))
        .count()
}

/// A writer as `user`.
pub(crate) fn writer_as(server: &Server, user: &str, pause: Pause) -> PostgresWriter {
    let dsn = resolve_here(Some(&server.dsn(user, "postgres"))).unwrap();
    PostgresWriter::new(&dsn, redactor(), pause).unwrap()
}

/// A writer as superuser that nobody pauses.
pub(crate) fn writer(server: &Server) -> PostgresWriter {
    writer_as(server, "postgres", Arc::new(|| Gate::Open))
}

/// The redactor of every test.
pub(crate) fn redactor() -> Redactor {
    Redactor::new(&[1; 32], &TargetId::new("shop"))
}

/// The token for a write of `steps`, with half a minute to begin.
pub(crate) fn recorded(steps: Vec<PlanStep>) -> Recorded<Write> {
    recorded_until(steps, Timestamp(NOW.0 + 30_000_000))
}

/// The token for a write of `steps` that expires at `expires_at`.
pub(crate) fn recorded_until(steps: Vec<PlanStep>, expires_at: Timestamp) -> Recorded<Write> {
    static INTENTS: AtomicU64 = AtomicU64::new(42);
    let write = Write {
        intent: IntentId(INTENTS.fetch_add(1, Ordering::Relaxed)),
        change_set: ChangeSetId(17),
        target: TargetId::new("shop"),
        plan: PlanHash("ab".into()),
        steps,
        expires_at,
    };
    let mut journal = Journal::open(MemoryEntries::new()).unwrap();
    let step = Record::Step {
        change_set: write.change_set,
        target: write.target.clone(),
        event: Event::Resumed { at: NOW },
        commands: vec![Command::Write(write)],
    };
    let token = journal.commit(NOW, vec![step]).unwrap().pop().unwrap();
    match token.into_task() {
        Task::Write(write) => write,
        other => panic!("{other:?}"),
    }
}

/// Applies `steps`.
pub(crate) async fn apply(writer: &mut PostgresWriter, steps: Vec<PlanStep>) -> WriteReply {
    writer.apply(recorded(steps), NOW).await
}

/// Inspects `steps`.
pub(crate) async fn inspect(writer: &mut PostgresWriter, steps: Vec<PlanStep>) -> Found {
    writer.inspect(&recorded(steps)).await
}

/// A step for the instance: `bad` stands in `postgresql.auto.conf` and runs; `back` is the entry to
/// come back to (`None` = reset), after which `good` runs.
pub(crate) fn step(
    name: &str,
    bad: &str,
    back: Option<&str>,
    good: (&str, ValueSource),
) -> PlanStep {
    PlanStep {
        key: SettingKey::instance(name),
        route: Route::AlterSystem,
        inverse: back.map_or(Inverse::Reset, |v| Inverse::Set(Value::text(v))),
        expect: Standing {
            effective: Some(Value::text(bad)),
            source: ValueSource::AutoFile,
            entry: Some(Value::text(bad)),
            waiting: None,
            pending_restart: Pending::No,
        },
        predict: Predicted {
            effective: Some(Value::text(good.0)),
            source: good.1,
        },
    }
}

/// A step for a role or database: the entry `bad` goes back to `back`.
pub(crate) fn scoped(scope: Scope, name: &str, bad: &str, back: Option<&str>) -> PlanStep {
    let source = ValueSource::Role;
    let value = |text: &str| Some(Value::text(text));
    PlanStep {
        key: SettingKey {
            scope,
            name: SettingName::new(name),
        },
        route: Route::RoleOrDatabase,
        inverse: back.map_or(Inverse::Reset, |v| Inverse::Set(Value::text(v))),
        expect: Standing {
            effective: value(bad),
            source: source.clone(),
            entry: value(bad),
            waiting: None,
            pending_restart: Pending::No,
        },
        predict: Predicted {
            effective: back.map(Value::text),
            source,
        },
    }
}

/// Fails unless `reply` says that the wanted values are effective.
#[track_caller]
pub(crate) fn effective(reply: &WriteReply) {
    assert!(matches!(reply, WriteReply::Effective { .. }), "{reply:?}");
}

/// The words of a refusal.
#[track_caller]
pub(crate) fn refusal(reply: WriteReply) -> String {
    match reply {
        WriteReply::Refused { why } => why,
        other => panic!("{other:?}"),
    }
}
