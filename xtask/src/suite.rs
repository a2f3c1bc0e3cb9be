//! The test suite: set up, build, run everything, say what was skipped and what it took.

mod lanes;
mod programs;
mod tally;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use backstay_scratch::neo4j::{Options, SHARED, Server};

use crate::{neo4j, run, servers, setup};
use programs::Program;
use tally::Tally;

/// The package of the stories on a real server; it runs when nothing else does, because what it
/// judges are seconds.
const STORIES: &str = "backstay-e2e";
/// Threads for the stories: more than there are, for they queue for their turns themselves.
const STORY_THREADS: usize = 64;
/// What the tests ought to stay below on two cores that nobody else uses.
const AIM: Duration = Duration::from_secs(5 * 60);
/// Programs that take longest, so that none of them is the last one to begin.
const LONGEST: [&str; 9] = [
    "crates/engine-postgres/tests/it",
    "crates/store-neo4j/tests/it",
    "crates/store-neo4j/src",
    "crates/detect/src",
    "crates/learn/tests",
    "crates/baseline-lstm/src",
    "crates/cli/tests",
    "crates/world/tests/it",
    "crates/journal/tests",
];

/// Everything: unit, property, scenario and doc tests, then end-to-end on a real server.
pub(crate) fn test(rest: &[String]) -> Result<ExitCode> {
    let mut tally = Tally::default();
    step("servers", || install(&mut tally))?;
    let (built, neo4j) = built_beside_a_neo4j(&mut tally)?;
    let began = now();
    let (stories, mut others): (Vec<_>, Vec<_>) =
        built.into_iter().partition(|p| p.package == STORIES);
    let place = |p: &Program| LONGEST.iter().position(|l| p.title.starts_with(l));
    others.sort_by_key(|p| place(p).unwrap_or(LONGEST.len()));
    let words = rest.iter().map(String::as_str);
    let filter: Vec<&str> = words.filter(|w| *w != "--").collect();
    step("unit, property, scenario and doc tests", || {
        let mut jobs: Vec<_> = others.iter().map(|p| p.job(cores(), &filter)).collect();
        jobs.push(programs::documentation(&filter));
        if let Some(server) = &neo4j {
            let access = server.access().to_string();
            for job in &mut jobs {
                job.command.env(SHARED, &access);
            }
        }
        lanes::side_by_side(jobs, cores(), &mut tally)
    })?;
    // The stories judge seconds: nothing runs beside them.
    drop(neo4j);
    let stories_began = now();
    step("end to end, on a real PostgreSQL", || {
        let jobs = stories.iter().map(|p| p.job(STORY_THREADS, &filter));
        jobs.into_iter()
            .try_for_each(|job| lanes::aloud(job, &mut tally))
    })?;
    tally.close();
    say_times(began.elapsed(), stories_began.elapsed());
    Ok(tally.code())
}

/// Builds the tests while a Neo4j for them starts; without one, theirs are skipped.
fn built_beside_a_neo4j(tally: &mut Tally) -> Result<(Vec<Program>, Option<Server>)> {
    let (built, neo4j) = std::thread::scope(|scope| {
        let neo4j = scope.spawn(|| Server::start(Options::default()));
        (step("build", programs::build), neo4j.join())
    });
    let neo4j = match neo4j {
        Ok(Ok(server)) => Some(server),
        Ok(Err(error)) => {
            tally.skip(&format!(
                "everything that needs a Neo4j: {:#}",
                anyhow!(error)
            ));
            None
        }
        Err(_) => bail!("the thread that starts a Neo4j fell"),
    };
    Ok((built?, neo4j))
}

/// Installs what is missing; what cannot be had is counted as skipped.
fn install(tally: &mut Tally) -> Result<()> {
    if let Err(error) = setup::postgres() {
        tally.skip(&format!(
            "everything that needs a real PostgreSQL: {error:#}"
        ));
    }
    let wanted = servers::majors();
    let there = servers::ensure(&wanted);
    for major in wanted.iter().filter(|m| !there.contains(m)) {
        tally.skip(&format!(
            "everything on PostgreSQL {major}: no server of it"
        ));
    }
    neo4j::ensure_all();
    Ok(())
}

/// What CI runs.
pub(crate) fn ci() -> Result<ExitCode> {
    step("format", || run::cargo(&["fmt", "--all", "--check"]))?;
    let lints = "clippy --workspace --all-targets --all-features -- -D warnings";
    let lints: Vec<&str> = lints.split(' ').collect();
    step("lints", || run::cargo(&lints))?;
    test(&[])
}

/// Says what begins, and how long it took.
fn step<T>(title: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    eprintln!("\n== {title}");
    let began = now();
    let done = work();
    eprintln!("== {title}: {}", told(began.elapsed()));
    done
}

fn say_times(all: Duration, stories: Duration) {
    println!("tests took {}, of which e2e {}", told(all), told(stories));
    if all > AIM {
        println!(
            "LATE: they ought to take less than {} on two cores that nobody else uses",
            told(AIM)
        );
    }
}

/// `4 min 12 s`.
fn told(time: Duration) -> String {
    let seconds = time.as_secs_f64().round() as u64;
    match (seconds / 60, seconds % 60) {
        (0, s) => format!("{s} s"),
        (m, s) => format!("{m} min {s} s"),
    }
}

/// Processors that we may use; two at least, for a test that waits is no use of one.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, |n| n.get().max(2))
}

#[expect(clippy::disallowed_methods, reason = "a task runner times its steps")]
fn now() -> Instant {
    Instant::now()
}
