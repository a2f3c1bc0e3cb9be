//! A real guard on a real server: what it costs both of them.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use backstay_bench::books::folder;
use backstay_engine::Probe;
use backstay_engine_postgres::PostgresProbe;
use backstay_engine_postgres::doctor::{Grantee, grants, probe_setup};
use backstay_engine_postgres::dsn::resolve_here;
use backstay_model::decision::Mode;
use backstay_model::{SettingName, Timestamp};
use backstay_scratch::load::{Load, Mix, prepare};
use backstay_scratch::postgres::{Binaries, Options, Server};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::process::{resident, spent, spent_exactly};
use crate::single::HOURS;
use crate::table::{Row, Section, Target, megabytes, percent, rate, time};

const DATABASE: &str = "shop";
/// How long the guard with load is measured.
const LOADED: Duration = Duration::from_secs(60);
/// How long the guard without load is measured.
const QUIET: Duration = Duration::from_secs(40);
/// What happens at the beginning is not measured.
const SETTLE: Duration = Duration::from_secs(15);
/// The guard's connections have to be there by then.
const CONNECTED_WITHIN: Duration = Duration::from_secs(20);
/// Until a connection's process is gone and its processor time is the postmaster's.
const REAPED: Duration = Duration::from_millis(300);
/// Probes by hand.
const PROBES: u32 = 200;
/// A megabyte, as in the target.
const MEGABYTE: f64 = 1e6;
/// Share of one core that a watched server may lose to Backstay.
const CORE_SHARE: f64 = 0.001;

const TITLE: &str = "A guard on a PostgreSQL";

/// Measures, or says loudly that it cannot.
///
/// `growth` is what a guard grows by over hours, in bytes.
pub(crate) fn run(backstay: &Path, growth: f64) -> Result<Section> {
    if let Err(error) = Binaries::find() {
        eprintln!("\nSKIPPED: the guard on a real PostgreSQL: {error}\n");
        return Ok(Section {
            title: TITLE,
            rows: Vec::new(),
            notes: vec![format!("**SKIPPED, nothing here was measured**: {error}.")],
        });
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    runtime.block_on(measure(backstay, growth))
}

async fn measure(backstay: &Path, growth: f64) -> Result<Section> {
    eprintln!(
        "a guard on a PostgreSQL with load, {} s …",
        LOADED.as_secs()
    );
    let server = server().await?;
    let began = Instant::now();
    let load = Load::start(&server.dsn("app", DATABASE), &Mix::default())?;
    let loaded = guarded(backstay, &server, LOADED).await?;
    let done = load.stop().await;
    let per_s = done.completed() as f64 / began.elapsed().as_secs_f64();
    drop(server);

    eprintln!(
        "a guard on a PostgreSQL without load, {} s …",
        QUIET.as_secs()
    );
    let server = self::server().await?;
    let quiet = guarded(backstay, &server, QUIET).await?;
    eprintln!("{PROBES} probes by hand …");
    let by_hand = probes(&server).await?;
    let notes = vec![
        format!(
            "PostgreSQL {}, throw-away, on this machine; {} work units of load, which failed {} times; \
             the guard is the release binary: `backstay watch DSN --probe-dsn DSN --mode auto`.",
            server.binaries().version,
            rate(per_s),
            done.failed()
        ),
        format!(
            "Shares are of one core. A backend's processor time is the kernel's own count for its \
             process (`/proc/<pid>/schedstat`). A probe's backend lives for milliseconds and cannot be \
             sampled: its time is what the postmaster's ended children cost, on the server without \
             load, where nothing else ends; what the postmaster spends on starting it is counted in. \
             {PROBES} probes by hand, one right after the other with warm caches, cost {} each.",
            time(by_hand * 1e9)
        ),
    ];
    Ok(Section {
        title: TITLE,
        rows: [memory(&loaded, growth), processor_time(&loaded, &quiet)].concat(),
        notes,
    })
}

/// What was seen of one guard and of the server it watches, as shares of one core and bytes.
struct Seen {
    steady: f64,
    peak: f64,
    guard: f64,
    observer: f64,
    control: f64,
    /// Postmaster and its children that ended.
    fresh: f64,
    lasting: usize,
}

fn memory(loaded: &Seen, growth: f64) -> Vec<Row> {
    let row = |what: &str, bytes, how: String| {
        let limit = Target::Below(40.0 * MEGABYTE);
        Row::measured(what, limit, bytes, megabytes, how)
    };
    vec![
        row(
            "guard memory, one target, steady",
            loaded.steady,
            format!("median resident size over {} s with load", LOADED.as_secs()),
        ),
        row(
            "guard memory, one target, peak",
            loaded.peak,
            "highest resident size since its start (VmHWM)".to_owned(),
        ),
        row(
            "guard memory, one target, after hours",
            loaded.steady + growth,
            format!(
                "the steady size and what a guard grew by in {HOURS} hours of samples in virtual time: {}",
                megabytes(growth)
            ),
        ),
    ]
}

fn processor_time(loaded: &Seen, quiet: &Seen) -> Vec<Row> {
    let share = Target::Below(CORE_SHARE);
    let window = format!("{} s with load", LOADED.as_secs());
    let quiet_too = |at_rest: f64| format!("{window}; {} without load", percent(at_rest));
    let total = loaded.observer + loaded.control + quiet.fresh;
    vec![
        Row::measured(
            "guard processor time",
            Target::None,
            loaded.guard,
            percent,
            quiet_too(quiet.guard),
        ),
        Row::measured(
            "server's processor time for the observer",
            share,
            loaded.observer,
            percent,
            quiet_too(quiet.observer),
        ),
        Row::measured(
            "server's processor time for the control connection",
            share,
            loaded.control,
            percent,
            quiet_too(quiet.control),
        ),
        Row::measured(
            "server's processor time for the probe",
            Target::None,
            quiet.fresh,
            percent,
            format!(
                "{} s without load, a new connection a second",
                QUIET.as_secs()
            ),
        ),
        Row::measured(
            "server's processor time for all of Backstay",
            share,
            total,
            percent,
            "the three together",
        ),
        Row::measured(
            "lasting connections",
            Target::Below(4.0),
            loaded.lasting as f64,
            |n| format!("{n:.0}"),
            "observer and control; the probe's comes and goes",
        ),
    ]
}

/// A server with the roles that doctor asks for. Nothing but connections ends on it: no autovacuum.
async fn server() -> Result<Server> {
    let server = Server::start(Options {
        settings: vec![("autovacuum".to_owned(), "off".to_owned())],
        ..Options::default()
    })
    .await
    .context("starting a throw-away server")?;
    prepare(&server, DATABASE, 1).await?;
    let to = Grantee {
        role: "backstay".into(),
        parameters: vec![SettingName::new("work_mem")],
        ..Grantee::default()
    };
    let major = server.binaries().major;
    let mut statements = grants(Mode::Auto, major, &to)?;
    statements.extend(probe_setup("app")?);
    for statement in statements.iter().filter(|s| !s.starts_with("--")) {
        server.execute_in(DATABASE, statement).await?;
    }
    Ok(server)
}

/// Runs a guard on `server`, waits until it has settled, and looks at both for `window`.
async fn guarded(backstay: &Path, server: &Server, window: Duration) -> Result<Seen> {
    let state = folder()?;
    let began = Instant::now();
    let mut guard = Command::new(backstay)
        .args(["watch", &server.dsn("backstay", DATABASE)])
        .args(["--probe-dsn", &server.dsn("app", DATABASE)])
        .args(["--mode", "auto", "--json", "--state-dir"])
        .arg(state.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .context("starting the guard")?;
    let deadline = began + CONNECTED_WITHIN;
    while backends(server).await?.len() < 2 {
        alive(&mut guard)?;
        ensure!(Instant::now() < deadline, "the guard did not connect");
        sleep(Duration::from_millis(200)).await;
    }
    sleep(SETTLE).await;
    let lasting = backends(server).await?;
    sleep(REAPED).await;
    let pid = guard.id().context("the guard has ended")?;
    let seen = watch(server, pid, &lasting, window).await?;
    alive(&mut guard)?;
    ensure!(
        backends(server).await? == lasting,
        "the guard connected anew while it was measured"
    );
    guard.kill().await.context("ending the guard")?;
    Ok(seen)
}

fn alive(guard: &mut Child) -> Result<()> {
    match guard.try_wait().context("looking at the guard")? {
        Some(status) => bail!("the guard ended by itself: {status}"),
        None => Ok(()),
    }
}

/// The lasting connections of a guard: name and process of the server's side.
async fn backends(server: &Server) -> Result<Vec<(String, u32)>> {
    let rows = server
        .execute(
            "SELECT application_name, pid::text FROM pg_stat_activity \
             WHERE application_name IN ('backstay/observer', 'backstay/control') ORDER BY 1",
        )
        .await?;
    let backend = |row: Vec<Option<String>>| {
        let mut cells = row.into_iter().flatten();
        Some((cells.next()?, cells.next()?.parse().ok()?))
    };
    Ok(rows.into_iter().filter_map(backend).collect())
}

async fn watch(
    server: &Server,
    guard: u32,
    lasting: &[(String, u32)],
    window: Duration,
) -> Result<Seen> {
    let postmaster = server.pid().context("the server has ended")?;
    let of = |job: &str| -> Result<f64> {
        let mine = lasting.iter().filter(|(name, _)| name == job);
        mine.map(|(_, pid)| spent_exactly(*pid)).sum()
    };
    let all = || -> Result<[f64; 4]> {
        let fresh = spent(postmaster)?;
        Ok([
            spent(guard)?.own_s,
            of("backstay/observer")?,
            of("backstay/control")?,
            fresh.own_s + fresh.ended_children_s,
        ])
    };
    let (began, before) = (Instant::now(), all()?);
    let mut sizes = Vec::new();
    while began.elapsed() < window {
        sleep(Duration::from_secs(1)).await;
        sizes.push(resident(guard)?.0);
    }
    let (after, took) = (all()?, began.elapsed().as_secs_f64());
    let [guard_cpu, observer, control, fresh] =
        std::array::from_fn(|i| (after[i] - before[i]) / took);
    sizes.sort_by(f64::total_cmp);
    Ok(Seen {
        steady: sizes.get(sizes.len() / 2).copied().unwrap_or(f64::NAN),
        peak: resident(guard)?.1,
        guard: guard_cpu,
        observer,
        control,
        fresh,
        lasting: lasting.len(),
    })
}

/// Processor time that one probe costs the server, in seconds, when they follow each other.
async fn probes(server: &Server) -> Result<f64> {
    let dsn = resolve_here(Some(&server.dsn("app", DATABASE)))?;
    let mut probe = PostgresProbe::new(&dsn)?;
    let postmaster = server.pid().context("the server has ended")?;
    // The first one looks for its table.
    ensure!(
        !probe.probe(Timestamp(0)).await.failed(),
        "the probe does not work"
    );
    sleep(REAPED).await;
    let before = spent(postmaster)?;
    for _ in 0..PROBES {
        ensure!(!probe.probe(Timestamp(0)).await.failed(), "a probe failed");
    }
    sleep(REAPED).await;
    let after = spent(postmaster)?;
    let all = |s: crate::process::Spent| s.own_s + s.ended_children_s;
    Ok((all(after) - all(before)) / f64::from(PROBES))
}
