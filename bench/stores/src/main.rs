//! `cargo xtask neo4j bench`: puts one large graph into memory, SQLite and a throw-away Neo4j, one after
//! the other, and asks all three the same. Prints a table; nothing is asserted but that they agree.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "it measures time; nothing decides by it"
)]

mod fleet;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use backstay_graph::store::View;
use backstay_graph::{Batch, Graph, GraphStore, Impact, ImpactSpec};
use backstay_guard::far::{GROUP_MAX, GROUP_OPS};
use backstay_model::name::EngineKind;
use backstay_model::{NodeKey, TargetId, Timestamp};
use backstay_scratch::neo4j::{Jvm, Options, Server};
use backstay_store_neo4j::{Address, Deployment, Neo4jGraph, Password, schema};
use backstay_store_sqlite::{Limits, Stores};

use fleet::{CHANGES, SETTINGS, TARGETS};

/// Single changes that are handed over one by one.
const ALONE: usize = 500;
/// Settings whose impact is asked, each of another target, after as many that warm up.
const STARTS: usize = 200;
/// How many edges far.
const DEPTH: u8 = 3;

/// What is put into each store, in order: rules, values, and changes in groups and one by one.
type Parts = [Vec<Batch>; 4];

/// How long each part took.
type Times = [Duration; 4];

/// Times of the impacts that were asked, in order of length, and how many nodes each reached.
type Asked = (Vec<Duration>, Vec<usize>);

fn main() -> Result<()> {
    let server = Server::start(Options {
        settings: vec![("server.memory.pagecache.size".into(), "256m".into())],
        jvm: Jvm::Usual,
        ..Options::default()
    })?;
    let parts = parts();
    eprintln!("in memory …");
    let mut memory = Graph::new();
    let in_memory = filled(&parts, |group| {
        group.iter().try_for_each(|b| memory.apply(b).map(drop))?;
        Ok(())
    })?;
    eprintln!("in SQLite …");
    let folder = tempfile::tempdir()?;
    let limits = Limits {
        metrics_bytes_max: 1 << 20,
        journal_bytes_max: None,
    };
    let mut sqlite = Stores::open(folder.path(), &limits)?.graph;
    let in_sqlite = filled(&parts, |group| {
        group.iter().try_for_each(|b| sqlite.apply(b).map(drop))?;
        Ok(())
    })?;
    eprintln!("in Neo4j …");
    let mut neo4j = open(&server)?;
    let in_neo4j = filled(&parts, |group| {
        neo4j.apply_group(group)?;
        Ok(())
    })?;
    eprintln!("asking all three …");
    let asked = [
        ask(|start, spec| Ok(memory.impact(start, spec)))?,
        ask(|start, spec| Ok(sqlite.impact(start, spec)?))?,
        ask(|start, spec| Ok(neo4j.impact(start, spec)?))?,
    ];
    ensure!(asked[0].1 == asked[1].1, "SQLite answers otherwise");
    ensure!(asked[0].1 == asked[2].1, "Neo4j answers otherwise");
    tell(&parts, [in_memory, in_sqlite, in_neo4j], &asked);
    Ok(())
}

fn parts() -> Parts {
    let mut seq = 0;
    let mut number = |ops| {
        seq += 1;
        Batch { seq, ops }
    };
    let rules = fleet::rules().into_iter().map(&mut number).collect();
    let values = fleet::values().map(&mut number).collect();
    let mut steady: Vec<Batch> = fleet::changes().map(&mut number).collect();
    let alone = steady.split_off(CHANGES - ALONE);
    [rules, values, steady, alone]
}

fn tell(parts: &Parts, times: [Times; 3], asked: &[Asked; 3]) {
    let line = |what: &str, cells: [String; 3], target: &str| {
        println!("| {what} | {} | {target} |", cells.join(" | "));
    };
    println!("| | in memory | in SQLite | in Neo4j | target |\n|---|---|---|---|---|");
    let ops: usize = parts[0].iter().map(|b| b.ops.len()).sum();
    let what = format!("rules of {} versions ({ops} ops)", parts[0].len());
    line(&what, times.map(|t| seconds(t[0])), "");
    let what = format!("{TARGETS} targets with {SETTINGS} values each, a batch a target");
    line(&what, times.map(|t| seconds(t[1])), "");
    let both = times.map(|t| seconds(t[0] + t[1]));
    line("the initial load: both", both, "< 5 min");
    let count = parts[2].len();
    let what = format!("{count} changes, a batch each, in groups as a guard hands them over");
    line(&what, times.map(|t| rate(count, t[2])), "≥ 500/s");
    let what = format!("{ALONE} changes, one by one, each durable before the next");
    line(&what, times.map(|t| rate(ALONE, t[3])), "");
    let found = asked[0].1.iter().sum::<usize>() as f64 / STARTS as f64;
    let what = format!(
        "impact, depth {DEPTH}, of a setting on a target: median (95th percentile) of {STARTS}, \
         {found:.0} nodes reached on average"
    );
    line(&what, [0, 1, 2].map(|i| told(&asked[i].0)), "");
}

fn open(server: &Server) -> Result<Neo4jGraph> {
    let access = server.access();
    let address = Address::parse(&access.uri)?;
    let password = Password::new(access.password().context("reading a password")?);
    schema::prepare(&address, &password)?;
    Ok(Neo4jGraph::open(
        &address,
        &password,
        Deployment::new("bench")?,
    )?)
}

/// How long each part takes to get in: rules, values and steady changes in groups, the rest one by one.
fn filled(
    [rules, values, steady, alone]: &Parts,
    mut put: impl FnMut(&[Batch]) -> Result<()>,
) -> Result<Times> {
    let mut times = [Duration::ZERO; 4];
    for (time, part) in times.iter_mut().zip([rules, values, steady]) {
        let began = Instant::now();
        let mut rest = part.as_slice();
        while !rest.is_empty() {
            let mut ops = 0;
            let fits = rest.iter().take_while(|b| {
                ops += b.ops.len();
                ops <= GROUP_OPS
            });
            let count = fits.count().clamp(1, GROUP_MAX);
            let (group, after) = rest.split_at(count);
            put(group)?;
            rest = after;
        }
        *time = began.elapsed();
    }
    let began = Instant::now();
    alone
        .iter()
        .try_for_each(|b| put(std::slice::from_ref(b)))?;
    times[3] = began.elapsed();
    Ok(times)
}

/// Asks for impacts in the view of a target, after as many that warm up.
fn ask(mut impact: impl FnMut(&[NodeKey], &ImpactSpec) -> Result<Vec<Impact>>) -> Result<Asked> {
    let names = fleet::names();
    let (mut times, mut reached) = (Vec::new(), Vec::new());
    for turn in 0..2 * STARTS {
        let view = View::Effective {
            engine: EngineKind::Postgresql,
            major: 14 + (turn % 5) as u32,
            target: TargetId::new(&fleet::target(turn)),
        };
        let mut spec = ImpactSpec::new(view, Timestamp(fleet::END));
        spec.depth = DEPTH;
        let start = [NodeKey::Setting(names[turn * 7 % names.len()].clone())];
        let began = Instant::now();
        let found = impact(&start, &spec)?;
        if turn >= STARTS {
            times.push(began.elapsed());
            reached.push(found.len());
        }
    }
    times.sort();
    Ok((times, reached))
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

fn rate(count: usize, time: Duration) -> String {
    format!("{:.0}/s", count as f64 / time.as_secs_f64())
}

fn told(times: &[Duration]) -> String {
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    format!("{:.2} ms ({:.2} ms)", at(0.5), at(0.95))
}
