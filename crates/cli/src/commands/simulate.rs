//! `backstay simulate`: what a change would do, before it is made.

mod boot;
mod harm;
pub(crate) mod proposal;
pub(crate) mod told;
mod undo;

use std::collections::BTreeSet;

use backstay_catalog::Violation;
use backstay_model::change::TakesEffect;
use backstay_model::plan::Plan;
use backstay_model::risk::Risk;
use backstay_model::{SettingName, Severity, ValueSource};
use backstay_risk::{Costs, PastChange};
use backstay_simulate::report::{BrokenBy, Line, Undecided};
use backstay_simulate::{Proposed, Report, Ruling, Scene, WouldStart, report};

use crate::args::{Common, Format, Simulate};
use crate::commands::record::Book;
use crate::commands::subject::{Ground, clock_now, felt, live, offline, value_failures};
use crate::failure::{Code, Exit, Failure};
use crate::out::Out;
use crate::wire;
use crate::wire::rules::{Spot, sarif};

pub(crate) use boot::Boot;

/// So sure of a rule, its "the server refuses it" stops a proposal.
const BLOCKS_FROM: f64 = 0.8;
/// So sure of a rule, breaking it is never "ok".
const WARNS_FROM: f64 = 0.6;

/// A proposed value, and the line of the file that proposes it.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) proposed: Proposed,
    pub(crate) spot: Option<Spot>,
}

/// A simulation that was run.
#[derive(Debug)]
pub(crate) struct Simulation<'a> {
    pub(crate) ground: &'a Ground,
    /// What moves a value.
    pub(crate) wanted: Vec<Wanted>,
    /// What is proposed and is so already.
    pub(crate) unchanged: Vec<SettingName>,
    pub(crate) report: Report<'a>,
    pub(crate) boot: Boot,
    pub(crate) undo: Option<Plan>,
    /// Harm that the score cannot weigh: each stops the proposal by itself.
    pub(crate) harms: Vec<String>,
    pub(crate) threshold: f64,
    pub(crate) gate: Gate,
}

/// What the exit code says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Gate {
    Passed,
    /// At or over the threshold, or something that blocks by itself.
    Tripped {
        why: String,
    },
    /// Something that decides could not be looked at.
    Inconclusive {
        why: String,
    },
}

impl Gate {
    pub(crate) const fn word(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Tripped { .. } => "tripped",
            Self::Inconclusive { .. } => "inconclusive",
        }
    }
}

impl Simulation<'_> {
    /// Where a setting is proposed.
    pub(crate) fn spot(&self, name: &SettingName) -> Option<&Spot> {
        let wanted = self.wanted.iter().find(|w| w.proposed.key.name == *name)?;
        wanted.spot.as_ref()
    }

    /// Rules that the proposal breaks, worst first.
    pub(crate) fn broken(&self) -> impl Iterator<Item = &Violation<'_>> {
        let broken = self.report.violations.iter();
        broken
            .filter(|b| b.by == BrokenBy::Proposal)
            .map(|b| &b.violation)
    }

    /// What to do with it. A rule of which we are sure counts by itself: the score averages over
    /// everything that may happen, and must not hide what certainly will.
    pub(crate) fn ruling(&self) -> Ruling {
        let by_rule = self.broken().filter_map(|v| match v.severity {
            Severity::Reject | Severity::Silent | Severity::Warn
                if v.confidence.get() >= WARNS_FROM =>
            {
                Some(Ruling::Warn)
            }
            _ => None,
        });
        let boot = matches!(self.boot, Boot::Failed { .. });
        let blocked = boot || self.report.risk.blocked_by.is_some();
        let by_hand = !self.harms.is_empty() || matches!(self.boot, Boot::NoRoom { .. });
        by_rule
            .chain(by_hand.then_some(Ruling::Warn))
            .chain(blocked.then_some(Ruling::Block))
            .fold(self.report.ruling, Ruling::max)
    }

    /// Texts that nobody has judged: not the judge of texts, and not the boot check.
    pub(crate) fn open(&self) -> impl Iterator<Item = &Undecided> {
        let tried = matches!(self.boot, Boot::Passed { .. });
        let open = self.report.undecided.iter();
        open.filter(move |u| !tried || boot::replaced(&u.key.name))
    }

    /// Whether the server would start: as was seen, else as the rules say.
    pub(crate) fn would_start(&self) -> WouldStart {
        match &self.boot {
            Boot::Passed { .. } if self.open().next().is_none() => WouldStart::Yes,
            Boot::Passed { .. } => WouldStart::Unknown,
            Boot::Failed { .. } => WouldStart::No,
            Boot::NotAsked | Boot::NotRun { .. } | Boot::NoRoom { .. } => self.report.would_start,
        }
    }
}

/// Runs the simulation and says what came of it.
pub(crate) fn run(args: &Simulate, common: &Common, out: Out) -> Result<Exit, Failure> {
    if !(0.0..=100.0).contains(&args.risk_threshold) {
        return Err(Failure::new(
            Code::Usage,
            format!("`--risk-threshold {}` is not in 0–100", args.risk_threshold),
        )
        .hint("35 stops what is critical, 15 also what is high"));
    }
    let (dsn, words) = proposal::split(&args.words)?;
    let wanted = proposal::read(words, args.file.as_deref())?;
    let ground = match (dsn, &args.current) {
        (Some(_), Some(_)) => {
            return Err(Failure::new(
                Code::Usage,
                "a server and --current were named: the configuration is one of them",
            )
            .hint("leave out --current to simulate on the server's own configuration"));
        }
        (Some(dsn), None) => live(dsn, &args.subject, common)?,
        (None, current) => offline(&args.subject, current.as_deref())?,
    };
    proposal::refuse(&ground, &wanted)?;
    let (wanted, unchanged) = proposal::moving(&ground, wanted, args.file.as_deref());
    let past = history(&ground, common, out)?;
    let graph = ground.graph()?;
    let scene = Scene {
        pack: ground.choice.pack,
        now: ground.now.clone(),
        graph: &graph,
        view: ground.view(),
        felt: felt(),
        services: ground.services(),
        past: &past,
        costs: Costs::RELOAD,
        at: clock_now(),
    };
    let (masked, proposed): (Vec<Proposed>, Vec<Proposed>) = wanted
        .iter()
        .map(|w| w.proposed.clone())
        .partition(|p| masked(&ground, p));
    let mut report = report(&scene, &proposed).map_err(|e| Failure::of(Code::BadValue, &e))?;
    if proposed.is_empty() {
        report.risk = no_risk(report.risk);
    }
    let unheard = masked.iter().map(|p| masked_line(&ground, p));
    report.lines.extend(unheard);
    block(&mut report);
    let boot = if args.boot_check {
        boot::check(&ground, &proposed)?
    } else {
        Boot::NotAsked
    };
    let mut simulation = Simulation {
        undo: undo::plan(&ground, &[proposed, masked].concat()),
        harms: harm::harms(&ground, &wanted),
        ground: &ground,
        wanted,
        unchanged,
        report,
        boot,
        threshold: args.risk_threshold,
        gate: Gate::Passed,
    };
    simulation.gate = gate(&simulation);
    say(out, &simulation)?;
    Ok(exit(args, &simulation.gate))
}

fn say(out: Out, simulation: &Simulation<'_>) -> Result<(), Failure> {
    for note in &simulation.ground.notes {
        out.note(format!("note: {note}"));
    }
    match out.format() {
        Format::Json => out.document(&wire::simulate::document(simulation)),
        Format::Markdown => {
            out.text(&told::markdown(simulation));
            Ok(())
        }
        Format::Sarif => {
            let log = sarif(&wire::simulate::findings(simulation));
            let text =
                serde_json::to_string_pretty(&log).map_err(|e| Failure::of(Code::Internal, &e))?;
            out.line(text);
            Ok(())
        }
        Format::Table => {
            told::table(out, simulation);
            Ok(())
        }
    }
}

fn exit(args: &Simulate, gate: &Gate) -> Exit {
    match gate {
        Gate::Passed => Exit::Ok,
        Gate::Tripped { .. } => Exit::Gate,
        Gate::Inconclusive { .. } if args.allow_inconclusive => Exit::Ok,
        Gate::Inconclusive { .. } => Exit::Inconclusive,
    }
}

/// What was settled before, where this installation has a history. One that cannot be read is told,
/// and does not stand in the way.
fn history(ground: &Ground, common: &Common, out: Out) -> Result<Vec<PastChange>, Failure> {
    match Book::if_any(common) {
        Ok(None) => Ok(Vec::new()),
        Ok(Some(book)) => Ok(backstay_guard::knowledge::past(
            ground.choice.pack,
            book.cases.values(),
        )),
        Err(failure) if common.state_dir.is_some() => Err(failure),
        Err(failure) => {
            out.note(format!("note: no history is used: {}", failure.primary));
            Ok(Vec::new())
        }
    }
}

/// Whether a stronger source hides what is written into the server's own file: nothing moves then.
fn masked(ground: &Ground, proposed: &Proposed) -> bool {
    let live = ground.live.as_ref();
    let standing = live.and_then(|l| l.snapshot.settings.get(&proposed.key));
    standing.is_some_and(|s| matches!(s.source, ValueSource::CommandLine | ValueSource::Override))
}

/// The line of a proposal that has no effect.
fn masked_line(ground: &Ground, proposed: &Proposed) -> Line {
    Line {
        key: proposed.key.clone(),
        old: ground.now.shown(&proposed.key.name),
        new: proposed.new.clone(),
        takes_effect: TakesEffect::Masked,
    }
}

/// A proposal that the server would refuse is blocked by that rule, whatever the score says.
fn block(report: &mut Report<'_>) {
    let refused = report.violations.iter().find(|b| {
        b.by == BrokenBy::Proposal
            && b.violation.severity == Severity::Reject
            && b.violation.confidence.get() >= BLOCKS_FROM
    });
    if let (None, Some(broken)) = (&report.risk.blocked_by, refused) {
        let constraint = broken.violation.constraint;
        report.risk.blocked_by = Some(format!("{}: {}", constraint.subject, constraint.note));
    }
}

/// Nothing moves, so nothing can hurt.
fn no_risk(mut risk: Risk) -> Risk {
    risk.score = 0.0;
    risk.interval = (0.0, 0.0);
    risk.severity = 0.0;
    risk.probability = backstay_model::Confidence::ZERO;
    risk
}

fn gate(simulation: &Simulation<'_>) -> Gate {
    let risk = &simulation.report.risk;
    if let Boot::Failed { said } = &simulation.boot {
        let why = format!("a server does not start with it: {said}");
        return Gate::Tripped { why };
    }
    if let Some(rule) = &risk.blocked_by {
        return Gate::Tripped { why: rule.clone() };
    }
    if let Boot::NoRoom { why } = &simulation.boot {
        let why = format!("a start with it cannot even be tried: {why}");
        return Gate::Tripped { why };
    }
    if !simulation.report.outages.is_empty() {
        let why = format!("an outage: {}", simulation.report.outages.join("; "));
        return Gate::Tripped { why };
    }
    if !simulation.harms.is_empty() {
        let why = simulation.harms.join("; ");
        return Gate::Tripped { why };
    }
    if risk.score >= simulation.threshold && !simulation.wanted.is_empty() {
        return Gate::Tripped {
            why: format!(
                "risk {:.0} is at or over the threshold {:.0}",
                risk.score, simulation.threshold
            ),
        };
    }
    undecided(simulation).map_or(Gate::Passed, |why| Gate::Inconclusive { why })
}

/// What keeps the answer from being one.
fn undecided(simulation: &Simulation<'_>) -> Option<String> {
    if let Boot::NotRun { why } = &simulation.boot {
        return Some(format!("the boot check was not run: {why}"));
    }
    let pack = simulation.ground.choice.pack;
    let unknown: BTreeSet<&str> = simulation
        .wanted
        .iter()
        .map(|w| w.proposed.key.name.as_str())
        .filter(|name| pack.def(name).is_none())
        .collect();
    if !unknown.is_empty() {
        let names: Vec<&str> = unknown.into_iter().collect();
        return Some(format!("nothing is known about {}", names.join(", ")));
    }
    (simulation.would_start() == WouldStart::Unknown).then(|| {
        let missing = told::missing(&simulation.report);
        let rules = format!("whether the server would start depends on {missing}");
        let rules = (!missing.is_empty()).then_some(rules);
        let why = told::open(simulation).into_iter().chain(rules);
        why.collect::<Vec<_>>().join("; ")
    })
}

/// Refuses values that cannot be; shared with the reading of proposals.
fn refuse_values<'a>(
    errors: &'a [(Option<u32>, backstay_catalog::ValueError)],
    place: &str,
) -> Result<(), Failure> {
    let errors: Vec<(Option<u32>, &'a backstay_catalog::ValueError)> =
        errors.iter().map(|(line, e)| (*line, e)).collect();
    value_failures(place, errors.into_iter())
}
