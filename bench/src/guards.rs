//! Guards at work on targets that report every second.

use anyhow::{Context, Result};
use backstay_detect::DetectPolicy;
use backstay_engine::identity::identified;
use backstay_engine::{ConfigReader, Observation};
use backstay_engine_postgres::PostgresDialect;
use backstay_guard::Guard;
use backstay_guard::books::{Books, Shelf};
use backstay_guard::connector::Connector;
use backstay_guard::desk::DeskSetup;
use backstay_guard::inbox::{ARRIVALS_PER_TICK_MAX, Arrival, What};
use backstay_lifecycle::policy::Policy;
use backstay_model::decision::Mode;
use backstay_model::{Snapshot, Span, TargetId, Timestamp};
use backstay_world::story::at_once;
use backstay_world::{Beginning, World};

use crate::verdicts::WATCH_S;
use crate::weather::Weather;

/// What arrives at a guard, second by second.
#[derive(Debug)]
pub struct Feed {
    targets: Vec<TargetId>,
    weather: Weather,
    now: Timestamp,
}

impl Feed {
    /// The next second: a sample and a probe of each target, in ticks as a station makes them.
    pub fn next_second(&mut self) -> (Timestamp, Vec<Vec<Arrival>>) {
        self.now = self.now + Span::from_secs(1);
        let mut all = Vec::with_capacity(2 * self.targets.len());
        for target in &self.targets {
            let arrive = |what| Arrival {
                target: target.clone(),
                what,
            };
            all.push(arrive(What::Probed(self.weather.probe(self.now))));
            all.push(arrive(What::Sampled(self.weather.sample(self.now))));
        }
        let mut ticks = Vec::new();
        while !all.is_empty() {
            let rest = all.split_off(all.len().min(ARRIVALS_PER_TICK_MAX));
            ticks.push(std::mem::replace(&mut all, rest));
        }
        (self.now, ticks)
    }
}

/// A guard of `targets` targets that has read each configuration once.
///
/// # Errors
/// When the books cannot be used.
pub fn guard<B: Books>(shelf: Shelf<B>, targets: u32) -> Result<(Guard<B>, Feed)> {
    let world = World::new(Beginning::shop(7));
    let (now, snapshot) = (world.now(), snapshot(&world)?);
    let targets: Vec<TargetId> = (0..targets)
        .map(|n| TargetId::new(&format!("shop-{n:04}")))
        .collect();
    let desks = targets.iter().map(desk).collect();
    let mut guard = Guard::begin(shelf, desks, now)?;
    let weather = Weather::new(13);
    for target in &targets {
        let seen = identified(Snapshot {
            target: target.clone(),
            ..snapshot.clone()
        });
        let observed = What::Observed(Box::new(Observation::new(seen, Vec::new())));
        let whats = [What::Connected(weather.specs().to_vec()), observed];
        let arrivals = whats.map(|what| Arrival {
            target: target.clone(),
            what,
        });
        drop(guard.tick(now, arrivals.into())?);
    }
    drop(guard.keep_books());
    let feed = Feed {
        targets,
        weather,
        now,
    };
    Ok((guard, feed))
}

/// Lets one second pass, with everything that a station does in it: decide, record, keep the books.
///
/// # Errors
/// When the journal fails.
pub fn pass<B: Books>(
    guard: &mut Guard<B>,
    (now, ticks): (Timestamp, Vec<Vec<Arrival>>),
) -> Result<()> {
    for arrivals in ticks {
        drop(guard.tick(now, arrivals)?);
        drop(guard.keep_books());
    }
    Ok(())
}

fn snapshot(world: &World) -> Result<Snapshot> {
    let observer = at_once(world.observer()).context("a world answers at once")??;
    let mut observer = observer;
    Ok(at_once(observer.snapshot(world.now())).context("a world answers at once")??)
}

fn desk(target: &TargetId) -> DeskSetup {
    DeskSetup {
        target: target.clone(),
        address: "bench".to_owned(),
        policy: Policy {
            mode: Mode::Auto,
            ..Policy::observe()
        },
        weights: [].into(),
        dialect: Box::new(PostgresDialect),
        detect: DetectPolicy::standard(Span::from_secs(WATCH_S)),
    }
}
