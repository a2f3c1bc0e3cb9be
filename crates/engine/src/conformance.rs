//! What every engine promises, as a suite that any engine and any twin of one passes.
//!
//! The suite knows no engine: a [`Harness`] gives it a target that nobody else uses, a clock, and a way
//! to change one setting as a stranger would. It tells the first broken promise.

use std::collections::BTreeSet;
use std::future::Future;

use backstay_model::sample::ProbeStep;
use backstay_model::{Author, Change, Sample, SettingKey, Snapshot, Timestamp};

use crate::attribute::changes;
use crate::identity::snapshot_id;
use crate::observe::{Observation, Poll};
use crate::seam::{ChangeSource, ConfigReader, MetricSource, Probe, ReadError};

/// Looks that a change may take until it is noticed (one a second).
const LOOKS_MAX: usize = 3;

/// A target to try an engine on.
pub trait Harness {
    /// Reads, notices and measures.
    type Target: ConfigReader + ChangeSource + MetricSource;
    /// Looks as a new client does.
    type Probe: Probe;

    /// The target.
    fn target(&mut self) -> &mut Self::Target;
    /// The probe.
    fn probe(&mut self) -> &mut Self::Probe;
    /// A moment, later at each call.
    fn now(&mut self) -> Timestamp;
    /// Lets the time between two looks go by (about a second; a twin may only move its clock).
    fn pass(&mut self) -> impl Future<Output = ()>;
    /// Gives the setting of [`Harness::example`] its other value and activates it, as a stranger.
    fn change(&mut self) -> impl Future<Output = ()>;
    /// Takes that back, so that nothing is left of it.
    fn undo(&mut self) -> impl Future<Output = ()>;
    /// What [`Harness::change`] does.
    fn example(&self) -> Example;
}

/// A change that the harness can make.
#[derive(Debug, Clone)]
pub struct Example {
    /// Which setting; it must have no entry before.
    pub key: SettingKey,
    /// The entry that is written, raw.
    pub entry: String,
    /// The author and the reason, where the engine can know them.
    pub said: Option<(String, String)>,
}

/// A promise that an engine broke.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Broken {
    /// A read failed.
    #[error("{promise}: a read failed")]
    Read {
        /// What was being tried.
        promise: &'static str,
        /// The failure.
        source: ReadError,
    },
    /// Something else happened than was promised.
    #[error("{promise}: {found}")]
    Promise {
        /// The promise.
        promise: &'static str,
        /// What happened instead.
        found: String,
    },
}

/// Runs the whole suite.
///
/// # Errors
/// The first broken promise.
pub async fn suite<H: Harness>(harness: &mut H) -> Result<(), Broken> {
    let first = first_look(harness).await?;
    quiet(harness).await?;
    whole_reading(harness, &first).await?;
    let changed = noticed_change(harness, &first).await?;
    undone(harness, &first, &changed).await?;
    measures(harness).await?;
    probes(harness).await
}

async fn poll<H: Harness>(harness: &mut H, promise: &'static str) -> Result<Poll, Broken> {
    let now = harness.now();
    harness
        .target()
        .poll(now)
        .await
        .map_err(|source| Broken::Read { promise, source })
}

async fn first_look<H: Harness>(harness: &mut H) -> Result<Observation, Broken> {
    const PROMISE: &str = "the first look reads everything";
    match poll(harness, PROMISE).await? {
        Poll::Moved(seen) => {
            let known = snapshot_id(&seen.snapshot) == seen.snapshot.id;
            require(known, PROMISE, || {
                "the identity is not the content hash".to_owned()
            })?;
            require(!seen.snapshot.settings.is_empty(), PROMISE, || {
                "no settings".to_owned()
            })?;
            Ok(*seen)
        }
        Poll::Quiet => broken(PROMISE, "it said that nothing moved".to_owned()),
    }
}

async fn quiet<H: Harness>(harness: &mut H) -> Result<(), Broken> {
    const PROMISE: &str = "a target that nobody touches is quiet";
    for _ in 0..LOOKS_MAX {
        harness.pass().await;
        if let Poll::Moved(seen) = poll(harness, PROMISE).await? {
            return broken(PROMISE, format!("something moved: {:?}", seen.snapshot.id));
        }
    }
    Ok(())
}

async fn whole_reading<H: Harness>(harness: &mut H, first: &Observation) -> Result<(), Broken> {
    const PROMISE: &str = "a whole reading agrees with the look";
    let now = harness.now();
    let read = harness.target().snapshot(now).await;
    let read = read.map_err(|source| Broken::Read {
        promise: PROMISE,
        source,
    })?;
    let found = || format!("{} is not {}", read.id, first.snapshot.id);
    require(
        read.id == first.snapshot.id && read.taken_at == now,
        PROMISE,
        found,
    )
}

/// Looks until there are changes; they must be the one that was made. (Something may move before the
/// change is in force: a file that no reload has activated.)
async fn expect_change<H: Harness>(
    harness: &mut H,
    promise: &'static str,
    before: &Snapshot,
) -> Result<(Observation, Change), Broken> {
    let mut before = before.clone();
    for _ in 0..LOOKS_MAX {
        if let Poll::Moved(seen) = poll(harness, promise).await? {
            let all = changes(&before, &seen);
            match all.as_slice() {
                [] => before = seen.snapshot,
                [one] if one.key == harness.example().key => return Ok((*seen, one.clone())),
                _ => return broken(promise, format!("changes of {:?}", keys(&all))),
            }
        }
        harness.pass().await;
    }
    broken(promise, format!("not noticed in {LOOKS_MAX} looks"))
}

async fn noticed_change<H: Harness>(
    harness: &mut H,
    first: &Observation,
) -> Result<Observation, Broken> {
    const PROMISE: &str = "a change is noticed, with its entry, author and reason";
    let example = harness.example();
    let not_before = harness.now();
    harness.change().await;
    let (seen, change) = expect_change(harness, PROMISE, &first.snapshot).await?;
    let entry = change
        .new
        .entry
        .as_ref()
        .and_then(|v| v.as_text())
        .map(str::to_owned);
    require(entry.as_ref() == Some(&example.entry), PROMISE, || {
        format!("the entry is {entry:?}")
    })?;
    require(change.old.entry.is_none(), PROMISE, || {
        "there was an entry before".to_owned()
    })?;
    require(change.time.not_after > not_before, PROMISE, || {
        "seen before it was made".to_owned()
    })?;
    if let Some((role, why)) = example.said {
        let author = matches!(&change.author, Author::Known { name, .. } if *name == role);
        require(author, PROMISE, || {
            format!("the author is {:?}", change.author)
        })?;
        let reason = change.description.as_ref() == Some(&why);
        require(reason, PROMISE, || {
            format!("the reason is {:?}", change.description)
        })?;
    }
    Ok(seen)
}

async fn undone<H: Harness>(
    harness: &mut H,
    first: &Observation,
    changed: &Observation,
) -> Result<(), Broken> {
    const PROMISE: &str = "what is undone has the identity it had";
    harness.pass().await;
    harness.undo().await;
    let (seen, change) = expect_change(harness, PROMISE, &changed.snapshot).await?;
    let entry = change.new.entry;
    require(entry.is_none(), PROMISE, || {
        format!("the entry is {entry:?}")
    })?;
    let found = || format!("{} is not {}", seen.snapshot.id, first.snapshot.id);
    require(seen.snapshot.id == first.snapshot.id, PROMISE, found)
}

async fn measures<H: Harness>(harness: &mut H) -> Result<(), Broken> {
    const PROMISE: &str = "samples hold finite values of announced metrics";
    let specs = harness.target().specs();
    let names: BTreeSet<&str> = specs.iter().map(|s| s.name.as_str()).collect();
    require(names.len() == specs.len(), PROMISE, || {
        "a metric is announced twice".to_owned()
    })?;
    let floors = specs
        .iter()
        .all(|s| s.floor.is_finite() && s.floor >= 0.0 && !s.help.is_empty());
    require(floors, PROMISE, || {
        "a metric has no floor or no help".to_owned()
    })?;
    let mut last = Sample::default();
    for _ in 0..LOOKS_MAX {
        harness.pass().await;
        let now = harness.now();
        let sample = harness.target().sample(now).await;
        last = sample.map_err(|source| Broken::Read {
            promise: PROMISE,
            source,
        })?;
        require(last.at == now, PROMISE, || {
            "the sample has another time".to_owned()
        })?;
        let odd = last
            .metrics
            .iter()
            .find(|(n, v)| !v.is_finite() || !names.contains(n.as_str()));
        require(odd.is_none(), PROMISE, || format!("{odd:?}"))?;
    }
    require(!last.metrics.is_empty(), PROMISE, || {
        "nothing was measured".to_owned()
    })
}

async fn probes<H: Harness>(harness: &mut H) -> Result<(), Broken> {
    const PROMISE: &str = "a probe of a healthy target gets through";
    let now = harness.now();
    let reading = harness.probe().probe(now).await;
    let done =
        |step: &ProbeStep| matches!(step, ProbeStep::Done { ms } if ms.is_finite() && *ms >= 0.0);
    let found = || format!("{reading:?}");
    require(
        done(&reading.connect) && done(&reading.read) && !reading.failed(),
        PROMISE,
        found,
    )?;
    require(reading.at == now, PROMISE, || {
        "the reading has another time".to_owned()
    })
}

fn keys(changes: &[Change]) -> Vec<&SettingKey> {
    changes.iter().map(|c| &c.key).collect()
}

#[expect(
    clippy::fn_params_excessive_bools,
    reason = "an assertion takes what must hold"
)]
fn require(
    holds: bool,
    promise: &'static str,
    found: impl FnOnce() -> String,
) -> Result<(), Broken> {
    if holds {
        Ok(())
    } else {
        broken(promise, found())
    }
}

fn broken<T>(promise: &'static str, found: String) -> Result<T, Broken> {
    Err(Broken::Promise { promise, found })
}
