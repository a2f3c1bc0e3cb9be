//! The commands themselves, in a build that has Neo4j.

use std::convert::Infallible;
use std::path::Path;
use std::time::Duration;

use backstay_graph::{GraphStore, Op};
use backstay_journal::EntryStore;
use backstay_store_neo4j::{Neo4jGraph, Standing, schema};
use backstay_store_sqlite::Readers;
use serde_json::json;

use crate::args::{Common, FarOptions};
use crate::commands::explain::short;
use crate::commands::record::{Running, running};
use crate::commands::subject::clock_now;
use crate::failure::{Code, Exit, Failure};
use crate::far::{Course, Dial, Far, Fed, Server, directory, failure, first_entry, same_course};
use crate::out::Out;
use crate::page::{count, counted};
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
    if !directory.join("journal.db").exists() || first_entry(&state::read(&directory)?)?.is_none() {
        return Err(Failure::new(
            Code::Store,
            format!("there is no record in {}", directory.display()),
        )
        .hint("backstay watch postgresql://backstay@host/database    makes one"));
    }
    let far = Far::named(to, options, &directory)?;
    let dial = Dial { far, directory };
    match until {
        Until::Now => Feeding::begin(&dial, out).map(|_| Exit::Ok),
        Until::CtrlC => follow(&dial, out),
    }
}

/// Feeds a database for as long as nobody ends us, through times when it is away. What was wrong before it
/// was ever fed, and is not that nobody answers, will not mend itself.
fn follow(dial: &Dial, out: Out) -> Result<Exit, Failure> {
    let mut ever = false;
    let mut said = None;
    loop {
        let ended = Feeding::begin(dial, out).and_then(|mut feeding| {
            (ever, said) = (true, None);
            feeding.go_on()
        });
        let Err(failure) = ended;
        if !ever && failure.code != Code::Unreachable {
            return Err(failure);
        }
        if said.as_deref() != Some(failure.primary.as_str()) {
            out.failure(&failure);
            let now = short(&clock_now().to_string());
            let every = PATIENCE.as_secs();
            out.note(format!("{now} UTC  it is tried again every {every} s"));
            said = Some(failure.primary);
        }
        std::thread::sleep(PATIENCE);
    }
}

/// A database that is being fed from a journal.
struct Feeding<'a> {
    graph: Neo4jGraph,
    course: Course,
    dial: &'a Dial,
    out: Out,
}

impl<'a> Feeding<'a> {
    /// Brings the database up to date.
    fn begin(dial: &'a Dial, out: Out) -> Result<Self, Failure> {
        let (mut graph, journal) = dial.open()?;
        let have = applied(&graph)?;
        let mut course = Course::before(journal, have + 1);
        let fed = course.feed(&mut graph)?;
        tell(&graph, dial, (fed, out))?;
        Ok(Self {
            graph,
            course,
            dial,
            out,
        })
    }

    /// Until something goes wrong.
    fn go_on(&mut self) -> Result<Infallible, Failure> {
        loop {
            std::thread::sleep(LOOK_EVERY);
            let fed = self.course.feed(&mut self.graph)?;
            if fed.batches > 0 {
                tell(&self.graph, self.dial, (fed, self.out))?;
            }
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
            counted(fed.batches, "entry", "entries"),
            counted(fed.ops, "operation", "operations")
        ),
    };
    out.line(format!(
        "{address} holds deployment {deployment} up to entry {applied}: {new}"
    ));
    Ok(())
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
    let standing = graph.standing().map_err(|e| failure(&e))?;
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
    made_from(&readers, &standing, (&far, &directory))?;
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
    if head.seq.0 == 0 {
        out.note("note: it has no journal; a guard that starts here makes its graph anew");
    } else if head.seq.0 > seq {
        let behind = counted(head.seq.0 - seq, "entry", "entries");
        out.note(format!(
            "note: that is {behind} behind its journal; the next guard catches up"
        ));
    }
    Ok(Exit::Ok)
}

/// Whether a graph was made from the journal of `directory`, as far as it has one.
fn made_from(
    readers: &Readers,
    standing: &Standing,
    (far, directory): (&Far, &Path),
) -> Result<(), Failure> {
    match first_entry(readers)? {
        None => Ok(()),
        own if own == standing.journal => same_course(readers, standing, &far.deployment),
        Some(_) => {
            let what = format!(
                "{} has a journal that this graph was not made from",
                directory.display()
            );
            Err(Failure::new(Code::Conflict, what)
                .hint("name a --state-dir without a journal, or the deployment of this one"))
        }
    }
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
