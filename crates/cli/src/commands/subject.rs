//! What a command speaks about: the knowledge of a version, a configuration, its host, and the
//! history that this installation has.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use backstay_catalog::candidate::{At, Candidate};
use backstay_catalog::conf::{ConfLine, Note, Remark};
use backstay_catalog::{PackChoice, PackFit, Quantity, ValueError, pack, parse_conf};
use backstay_engine::ConfigReader;
use backstay_engine_postgres::dsn::Host;
use backstay_engine_postgres::metrics::specs;
use backstay_engine_postgres::observer::PostgresObserver;
use backstay_engine_postgres::secrets::Redactor;
use backstay_graph::{Batch, Graph, View};
use backstay_guard::clock::{Clock, SystemClock};
use backstay_guard::knowledge::{rules_in, uses};
use backstay_model::name::EngineKind;
use backstay_model::{MetricName, ServiceName, SettingKey, Snapshot, TargetId, Timestamp, Value};

use crate::args::{Common, Subject};
use crate::commands::machine::{host_options, this_machine};
use crate::commands::watch::runtime;
use crate::failure::{Code, Failure};
use crate::postgres::{read_failure, resolve};
use crate::state;

/// Name of the target when no server is named.
const NOWHERE: &str = "offline";
/// Bytes of the key under which the secrets of a look that is not kept become fingerprints.
const PASSING_KEY_BYTES: usize = 32;

/// The setting whose text may hold a key, and that may as well do nothing.
const ARCHIVE_COMMAND: &str = "archive_command";
/// Archive commands that report success and do nothing, as the rule about them names them.
const ARCHIVES_NOTHING: [&str; 6] = ["true", "/bin/true", "/usr/bin/true", ":", "exit 0", "cd ."];

/// A configuration, where it stands, and what is known about it.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) choice: PackChoice,
    /// The major version that is asked about; the pack may be an older one's.
    pub(crate) major: u32,
    /// The configuration before anything is proposed.
    pub(crate) now: Candidate<'static>,
    /// Facts about the host, as text: `memory`, `cpus`, `storage`.
    pub(crate) host: BTreeMap<String, String>,
    /// The server, when one was asked.
    pub(crate) live: Option<Live>,
    /// Lines of the file with the configuration, when there is one.
    pub(crate) lines: Vec<ConfLine>,
    /// Things to know that are no data.
    pub(crate) notes: Vec<String>,
    /// What stands beside it and was read as well: a primary, a pooler.
    pub(crate) beside: Vec<String>,
}

/// A server that was asked.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) address: String,
    pub(crate) snapshot: Snapshot,
}

impl Ground {
    /// `postgresql 15`, with where it was read.
    pub(crate) fn title(&self) -> String {
        let version = match &self.live {
            Some(live) => format!(
                "{} {} at {}",
                live.snapshot.server.engine, live.snapshot.server.version, live.address
            ),
            None => format!("{} {}", self.choice.pack.engine, self.choice.pack.major),
        };
        let host: Vec<String> = self.host.iter().map(|(k, v)| format!("{k} {v}")).collect();
        let mut title = if host.is_empty() {
            format!("{version}; nothing known about the host")
        } else {
            format!("{version}; {}", host.join(", "))
        };
        for one in &self.beside {
            title.push_str(&format!("; {one}"));
        }
        title
    }

    pub(crate) fn target(&self) -> TargetId {
        match &self.live {
            Some(live) => live.snapshot.target.clone(),
            None => TargetId::new(NOWHERE),
        }
    }

    /// The part of the graph that counts here.
    pub(crate) fn view(&self) -> View {
        View::Effective {
            engine: self.choice.pack.engine,
            major: self.major,
            target: self.target(),
        }
    }

    /// Services by sessions.
    pub(crate) fn services(&self) -> BTreeMap<ServiceName, u32> {
        let mut services = BTreeMap::new();
        for seen in self.live.iter().flat_map(|l| &l.snapshot.services) {
            *services.entry(seen.service.clone()).or_insert(0) += seen.sessions;
        }
        services
    }

    /// The rules of the version, and the services that use the server.
    pub(crate) fn graph(&self) -> Result<Graph, Failure> {
        self.graph_over(Graph::new())
    }

    /// The same over what is known already.
    pub(crate) fn graph_over(&self, mut graph: Graph) -> Result<Graph, Failure> {
        let mut ops = rules_in(self.choice.pack, self.major);
        let target = self.target();
        let service = |name: &ServiceName| uses(&target, name.clone(), Timestamp::default());
        ops.extend(self.services().keys().map(service));
        let seq = graph.applied_seq() + 1;
        graph
            .apply(&Batch { seq, ops })
            .map_err(|e| Failure::of(Code::Internal, &e))?;
        Ok(graph)
    }

    /// With a fact about the host, and where it was read.
    pub(crate) fn with_host(mut self, fact: &str, quantity: Quantity, from: &str) -> Self {
        let shown = format!("{quantity}{from}");
        self.now = self.now.with_host(fact, quantity);
        self.host.insert(fact.to_owned(), shown);
        self
    }
}

/// The metrics that services feel: outcomes.
pub(crate) fn felt() -> BTreeSet<MetricName> {
    let outcomes = specs().into_iter().filter(|s| s.role.outcome());
    outcomes.map(|s| s.name).collect()
}

/// Now.
pub(crate) fn clock_now() -> Timestamp {
    SystemClock::start().now()
}

/// The knowledge shipped for an engine and a version.
pub(crate) fn knowledge(engine: EngineKind, major: u32) -> Result<PackChoice, Failure> {
    pack(engine, major).map_err(|e| {
        Failure::of(Code::NoPack, &e).hint("use --engine postgresql --version 15, or a newer one")
    })
}

/// The knowledge that the options name.
pub(crate) fn named_knowledge(subject: &Subject) -> Result<PackChoice, Failure> {
    let engines = [
        EngineKind::Postgresql,
        EngineKind::Mariadb,
        EngineKind::Redis,
    ];
    let wanted = subject.engine.to_lowercase();
    let engine = engines.into_iter().find(|e| e.to_string() == wanted);
    let Some(engine) = engine else {
        return Err(Failure::new(
            Code::Usage,
            format!("`{}` is not an engine", subject.engine),
        )
        .hint("engines are postgresql, mariadb and redis"));
    };
    knowledge(engine, subject.version)
}

/// A configuration without a server: built-in values, with those of `file` over them.
pub(crate) fn offline(subject: &Subject, file: Option<&Path>) -> Result<Ground, Failure> {
    let choice = named_knowledge(subject)?;
    let mut ground = Ground {
        now: Candidate::new(choice.pack),
        choice,
        major: subject.version,
        host: BTreeMap::new(),
        live: None,
        lines: Vec::new(),
        beside: Vec::new(),
        notes: carried(choice, subject.version),
    };
    if let Some(path) = file {
        let (lines, notes) = read_conf(path)?;
        let (now, errors) = ground.now.clone().with_conf(&lines);
        let failed = errors.iter().map(|(line, e)| (Some(*line), e));
        value_failures(&path.display().to_string(), failed)?;
        ground.now = now;
        ground.lines = lines;
        ground
            .notes
            .extend(notes.iter().map(|n| format!("{}: {n}", path.display())));
    }
    host_options(ground, subject)
}

fn carried(choice: PackChoice, major: u32) -> Vec<String> {
    match choice.fit {
        PackFit::Exact => Vec::new(),
        PackFit::Carried { from } => vec![format!(
            "no knowledge is shipped for version {major}; that of {from} is used, unconfirmed"
        )],
    }
}

/// The configuration of a live server. Nothing is written to it.
pub(crate) fn live(dsn: &str, subject: &Subject, common: &Common) -> Result<Ground, Failure> {
    let (snapshot, place) = look(dsn, common)?;
    let archives = place.archives.clone();
    let mut ground = of_snapshot(snapshot, place.address)?;
    if let Some(command) = archives {
        // Refused values are told by the snapshot's own reading; a command is any text.
        drop(ground.now.assign(ARCHIVE_COMMAND, &command));
    }
    let ground = match place.here {
        Here::Yes => this_machine(ground),
        Here::No => ground,
    };
    host_options(ground, subject)
}

/// The configuration of a target as it was recorded last.
pub(crate) fn recorded(
    snapshot: Snapshot,
    address: &str,
    subject: &Subject,
) -> Result<Ground, Failure> {
    let place = format!("{address}, as recorded at {}", snapshot.taken_at);
    host_options(of_snapshot(snapshot, place)?, subject)
}

fn of_snapshot(snapshot: Snapshot, address: String) -> Result<Ground, Failure> {
    let server = &snapshot.server;
    let choice = knowledge(server.engine, server.major())?;
    let (now, unread) = Candidate::new(choice.pack).with_snapshot(&snapshot, At::Now);
    let mut notes = carried(choice, server.major());
    notes.extend(unread.iter().map(|e| format!("not understood: {e}")));
    Ok(Ground {
        choice,
        now,
        major: server.major(),
        host: BTreeMap::new(),
        live: Some(Live { address, snapshot }),
        lines: Vec::new(),
        beside: Vec::new(),
        notes,
    })
}

/// Where a server is.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) address: String,
    here: Here,
    /// What stands for the archive command, whose text is never kept: one that does nothing by itself,
    /// any other by a word.
    archives: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Here {
    Yes,
    No,
}

/// Reads the configuration of the server behind `dsn`, once.
pub(crate) fn look(dsn: &str, common: &Common) -> Result<(Snapshot, Place), Failure> {
    let resolved = resolve(dsn)?;
    let here = match &resolved.host {
        Host::Unix { .. } => Here::Yes,
        Host::Tcp { name, .. } if ["localhost", "127.0.0.1", "::1"].contains(&name.as_str()) => {
            Here::Yes
        }
        Host::Tcp { .. } => Here::No,
    };
    let mut place = Place {
        address: resolved.address(),
        here,
        archives: None,
    };
    let target = TargetId::new(&resolved.database);
    let redactor = Redactor::new(&passing_key(common)?, &target);
    let known = redactor.clone();
    let snapshot = runtime()?.block_on(async {
        let failed = |e: &backstay_engine::ReadError| read_failure(e, &place.address);
        let mut observer =
            PostgresObserver::new(target, &resolved, redactor).map_err(|e| failed(&e))?;
        observer.snapshot(clock_now()).await.map_err(|e| failed(&e))
    })?;
    place.archives = archives(&snapshot, &known);
    Ok((snapshot, place))
}

/// Tells an archive command that does nothing from any other, by its fingerprint.
fn archives(snapshot: &Snapshot, redactor: &Redactor) -> Option<String> {
    let key = SettingKey::instance(ARCHIVE_COMMAND);
    let value = snapshot.settings.get(&key)?.effective.as_ref()?;
    let idle = |text: &&&str| redactor.matches(&key.name, value, text);
    match (value, ARCHIVES_NOTHING.iter().find(idle)) {
        (Value::Text(_), _) => None,
        (Value::Secret(_), Some(idle)) => Some((*idle).to_owned()),
        (Value::Secret(_), None) => Some("(secret)".to_owned()),
    }
}

/// The installation's key when there is one, so that fingerprints can be compared; else one for this
/// look only.
fn passing_key(common: &Common) -> Result<Vec<u8>, Failure> {
    let directory = state::directory(common);
    if directory.join("key").exists() {
        return state::key(&directory);
    }
    let mut key = vec![0; PASSING_KEY_BYTES];
    getrandom::fill(&mut key)
        .map_err(|e| Failure::new(Code::Internal, format!("no random bytes to be had: {e}")))?;
    Ok(key)
}

/// Reads a configuration file; a line that the server could not read is a failure, because the server
/// would refuse the whole file.
pub(crate) fn read_conf(path: &Path) -> Result<(Vec<ConfLine>, Vec<Note>), Failure> {
    let text = read_text(path)?;
    let (lines, notes) = parse_conf(&text);
    let broken: Vec<&Note> = notes
        .iter()
        .filter(|n| matches!(n.what, Remark::Syntax { .. }))
        .collect();
    if broken.is_empty() {
        return Ok((lines, notes));
    }
    let head = Failure::new(
        Code::File,
        format!("{} is not a configuration file", path.display()),
    )
    .hint("the server refuses a file with such a line as a whole: correct it first");
    Err(broken.iter().fold(head, |f, n| f.because(n.to_string())))
}

/// Reads a file as text; `-` is standard input.
pub(crate) fn read_text(path: &Path) -> Result<String, Failure> {
    let bytes = if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin(), &mut bytes).map(|_| bytes)
    } else {
        fs::read(path)
    };
    bytes
        .map(|b| String::from_utf8_lossy(&b).into_owned())
        .map_err(|e| Failure::of(Code::File, &e).because(format!("file {}", path.display())))
}

/// One failure out of all values that cannot be, or none.
pub(crate) fn value_failures<'a>(
    place: &str,
    errors: impl Iterator<Item = (Option<u32>, &'a ValueError)>,
) -> Result<(), Failure> {
    let errors: Vec<(Option<u32>, &ValueError)> = errors.collect();
    let Some((_, first)) = errors.first() else {
        return Ok(());
    };
    let said = |line: &Option<u32>, e: &ValueError| {
        line.map_or_else(|| e.to_string(), |n| format!("{place} line {n}: {e}"))
    };
    if let [(line, only)] = errors.as_slice() {
        let mut failure = value_failure(only);
        failure.primary = said(line, only);
        return Err(failure);
    }
    let head = Failure::new(
        value_failure(first).code,
        format!("{} values of {place} cannot be", errors.len()),
    );
    Err(errors.iter().fold(head, |f, (line, e)| {
        value_failure(e)
            .hints
            .into_iter()
            .fold(f.because(said(line, e)), Failure::hint)
    }))
}

/// A value that cannot be, with its code and what to type instead.
pub(crate) fn value_failure(error: &ValueError) -> Failure {
    let setting = error.setting();
    match error {
        ValueError::UnknownSetting { nearest, .. } => {
            let failure = Failure::of(Code::UnknownSetting, error);
            match nearest.first() {
                Some(name) => failure.hint(format!("backstay explain {name}")),
                None => failure.hint(near_miss(setting.as_str())),
            }
        }
        _ => Failure::of(Code::BadValue, error).hint(format!(
            "`backstay explain {setting}` tells unit, range and words"
        )),
    }
}

/// Slips of the finger in short names, which look unlike everything by their letters.
const SLIPS_MAX: usize = 2;

/// The setting that somebody may have meant, by the fewest slips.
pub(crate) fn near_miss(name: &str) -> String {
    let newest = pack(EngineKind::Postgresql, u32::MAX).ok();
    let known = newest.iter().flat_map(|c| c.pack.settings.keys());
    let nearest = known
        .map(|k| (strsim::damerau_levenshtein(k.as_str(), name), k))
        .min()
        .filter(|(slips, _)| *slips <= SLIPS_MAX);
    nearest.map_or_else(
        || "`backstay graph export` names every setting that depends on another".into(),
        |(_, k)| format!("did you mean {k}? `backstay explain {k}`"),
    )
}
