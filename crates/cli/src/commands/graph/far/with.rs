//! The commands themselves, in a build that has Neo4j.

use std::time::Duration;

use backstay_graph::{GraphStore, Op};
use backstay_journal::EntryStore;
use backstay_store_neo4j::{Neo4jGraph, schema};
use serde_json::json;

use crate::args::{Common, FarOptions};
use crate::commands::record::{Running, running};
use crate::failure::{Code, Exit, Failure};
use crate::far::{Course, Dial, Far, Fed, Server, directory, failure, first_entry};
use crate::out::Out;
use crate::page::count;
use crate::state;

/// Deployments that are told by name.
const NAMED_MAX: usize = 5;
/// How often the journal is looked at while it is followed.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Wait after a trouble while it is followed.
const PATIENCE: Duration = Duration::from_secs(5);

/// Prepares a database.
pub(super) fn init((uri, options): (Option<&str>, &FarOptions), out: Out) -> Result<Exit, Failure> {
    let server = Server::named(uri, options)?;
    let password = server.password()?;
    let prepared = schema::prepare(&server.address, &password).map_err(|e| failure(&e))?;
    let found = schema::deployments(&server.address, &password).map_err(|e| failure(&e))?;
    if out.json_wanted() {
        out.document(&json!({
            "kind": "graph_init",
            "address": server.address.to_string(),
            "version": prepared.version,
            "form": schema::FORM,
            "form_before": prepared.form_before,
            "deployments": found.iter().map(|(name, applied)| json!({
                "deployment": name, "applied": applied,
            })).collect::<Vec<_>>(),
        }))?;
        return Ok(Exit::Ok);
    }
    let what = match prepared.form_before {
        0 => "is prepared now",
        form if form == schema::FORM => "was prepared already",
        _ => "was brought to the form of now",
    };
    let (address, version) = (&server.address, &prepared.version);
    out.line(format!("{address} {what} (Neo4j {version})"));
    for (name, applied) in found.iter().take(NAMED_MAX) {
        out.line(format!(
            "  it holds deployment {name} up to entry {applied}"
        ));
    }
    if let Some(more) = found.len().checked_sub(NAMED_MAX).filter(|n| *n > 0) {
        out.line(format!("  and {more} more; --json tells them all"));
    }
    Ok(Exit::Ok)
}

/// How long a journal is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// Up to its end of now.
    Now,
    /// Until somebody ends us.
    CtrlC,
}

/// Puts into a database what it lacks of the journal.
pub(super) fn sync(
    (to, options): (Option<&str>, &FarOptions),
    until: Until,
    (common, out): (&Common, Out),
) -> Result<Exit, Failure> {
    let directory = directory(options, common)?;
    if !directory.join("journal.db").exists() {
        return Err(Failure::new(
            Code::Store,
            format!("there is no record in {}", directory.display()),
        )
        .hint("backstay watch postgresql://backstay@host/database    makes one"));
    }
    let far = Far::named(to, options, &directory)?;
    let dial = Dial { far, directory };
    loop {
        let stopped = match (follow(&dial, until, out), until) {
            (Ok(()), Until::Now) => return Ok(Exit::Ok),
            (Err(failure), Until::Now) => return Err(failure),
            (Ok(()), Until::CtrlC) => continue,
            (Err(failure), Until::CtrlC) => failure,
        };
        // Who follows lives through a server that is away, and begins with what it says then.
        out.failure(&stopped);
        std::thread::sleep(PATIENCE);
    }
}

fn follow(dial: &Dial, until: Until, out: Out) -> Result<(), Failure> {
    let mut graph = dial.open()?;
    let have = applied(&graph)?;
    let mut course = Course::before(state::read(&dial.directory)?, have + 1);
    let mut fed = course.feed(&mut graph)?;
    tell(&graph, dial, (fed, out))?;
    if until == Until::Now {
        return Ok(());
    }
    loop {
        std::thread::sleep(LOOK_EVERY);
        fed = course.feed(&mut graph)?;
        if fed.batches > 0 {
            tell(&graph, dial, (fed, out))?;
        }
    }
}

fn applied(graph: &Neo4jGraph) -> Result<u64, Failure> {
    graph
        .applied_seq()
        .map_err(|e| Failure::of(Code::Unreachable, &e))
}

fn tell(graph: &Neo4jGraph, dial: &Dial, (fed, out): (Fed, Out)) -> Result<(), Failure> {
    let applied = applied(graph)?;
    let (address, deployment) = (&dial.far.server.address, &dial.far.deployment);
    if out.json_wanted() {
        return out.stream(&json!({
            "kind": "graph_sync",
            "address": address.to_string(),
            "deployment": deployment.to_string(),
            "applied": applied,
            "new_entries": fed.batches,
            "new_operations": fed.ops,
        }));
    }
    let new = match fed.batches {
        0 => "nothing was new".to_owned(),
        _ => format!(
            "{} with {} new",
            count_of(fed.batches, "entry", "entries"),
            count_of(fed.ops, "operation", "operations")
        ),
    };
    out.line(format!(
        "{address} holds deployment {deployment} up to entry {applied}: {new}"
    ));
    Ok(())
}

fn count_of(n: u64, one: &str, many: &str) -> String {
    match n {
        1 => format!("1 {one}"),
        n => format!("{n} {many}"),
    }
}

/// Replaces the graph of the state directory by the one in a database.
pub(super) fn import(
    (from, options): (Option<&str>, &FarOptions),
    common: &Common,
    out: Out,
) -> Result<Exit, Failure> {
    let directory = directory(options, common)?;
    if running(&directory) == Running::Yes {
        return Err(Failure::new(
            Code::Locked,
            format!(
                "a guard works on {}, and keeps its graph itself",
                directory.display()
            ),
        )
        .hint("stop it first, or name another --state-dir"));
    }
    let far = Far::named(from, options, &directory)?;
    let graph = far.open()?;
    let claimed = graph.journal().map_err(|e| failure(&e))?;
    let (ops, seq) = graph.everything().map_err(|e| failure(&e))?;
    if seq == 0 {
        return Err(nothing_there(&far));
    }
    let mut stores = state::stores(&directory, u64::MAX)?;
    let head = stores
        .log
        .head()
        .map_err(|e| Failure::of(Code::Store, &e))?;
    let readers = state::read(&directory)?;
    let own = first_entry(&readers)?;
    if own.is_some() && (own != claimed || head.seq.0 < seq) {
        return Err(Failure::new(
            Code::Conflict,
            format!(
                "{} has a journal that this graph was not made from",
                directory.display()
            ),
        )
        .hint("name a --state-dir without a journal, or the deployment of this one"));
    }
    let restored = stores.graph.restore(&ops, seq);
    restored.map_err(|e| Failure::of(Code::Store, &e))?;
    let kinds = |wanted: fn(&Op) -> bool| ops.iter().filter(|op| wanted(op)).count();
    let nodes = kinds(|op| matches!(op, Op::UpsertNode(_)));
    let edges = kinds(|op| matches!(op, Op::OpenEdge { .. }));
    let values = kinds(|op| matches!(op, Op::SetValue { .. }));
    if out.json_wanted() {
        out.document(&json!({
            "kind": "graph_import",
            "address": far.server.address.to_string(),
            "deployment": far.deployment.to_string(),
            "applied": seq,
            "nodes": nodes,
            "edges": edges,
            "values": values,
        }))?;
        return Ok(Exit::Ok);
    }
    out.line(format!(
        "{} has the graph of deployment {} up to entry {seq}: {}, {}, {}",
        directory.display(),
        far.deployment,
        count(nodes, "node"),
        count(edges, "edge"),
        count(values, "value")
    ));
    if own.is_none() {
        out.note("note: it has no journal; a guard that starts here makes its graph anew");
    }
    Ok(Exit::Ok)
}

/// There is no such deployment: which ones are there.
fn nothing_there(far: &Far) -> Failure {
    let password = far.server.password().ok();
    let found = password.and_then(|p| schema::deployments(&far.server.address, &p).ok());
    let names = found.into_iter().flatten().map(|(name, _)| name);
    let names: Vec<String> = names.take(NAMED_MAX).collect();
    let text = format!(
        "{} holds nothing of deployment {}",
        far.server.address, far.deployment
    );
    Failure::new(Code::Unknown, text).hint(match names.is_empty() {
        true => "backstay graph sync --to …    puts a graph there".to_owned(),
        false => format!("--deployment {}", names.join(", or --deployment ")),
    })
}
