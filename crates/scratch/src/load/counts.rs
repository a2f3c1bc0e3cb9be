//! Counting what the clients do, readable at any moment.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::mix::{Class, Pace};

/// What every class did so far.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// One entry per class, in the order of the mix.
    pub classes: Vec<ClassCounts>,
}

/// What one class did so far.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ClassCounts {
    /// Name of the service.
    pub service: String,
    /// Work that fell due; in a closed loop, work that was begun.
    pub attempted: u64,
    /// Work that succeeded.
    pub completed: u64,
    /// Work given up because it was more than two seconds late.
    pub missed: u64,
    /// Work that failed, by SQLSTATE; `connection` where the server gave none.
    pub failed: BTreeMap<String, u64>,
    /// Sum over completed work of the time from falling due to the end, in microseconds.
    pub latency_us: u64,
}

impl Counts {
    /// The class of `service`; zero when there is none.
    #[must_use]
    pub fn of(&self, service: &str) -> ClassCounts {
        self.classes
            .iter()
            .find(|c| c.service == service)
            .cloned()
            .unwrap_or_default()
    }

    /// Completed work of all classes.
    #[must_use]
    pub fn completed(&self) -> u64 {
        self.classes.iter().map(|c| c.completed).sum()
    }

    /// Failed work of all classes.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.classes.iter().map(ClassCounts::failures).sum()
    }
}

impl ClassCounts {
    /// Failed work, whatever the reason.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failed.values().sum()
    }

    /// Mean latency in milliseconds; `None` before anything completed.
    #[must_use]
    pub fn mean_ms(&self) -> Option<f64> {
        (self.completed > 0).then(|| self.latency_us as f64 / self.completed as f64 / 1000.0)
    }
}

/// Work that is later than this is given up, so that a stall is not followed by a storm.
const LATE_MAX: Duration = Duration::from_secs(2);

/// The tickets and counters of one class, shared by its clients.
#[derive(Debug)]
pub(crate) struct Counter {
    pub(crate) class: Class,
    began: Instant,
    tickets: AtomicU64,
    completed: AtomicU64,
    missed: AtomicU64,
    latency_us: AtomicU64,
    failed: Mutex<BTreeMap<String, u64>>,
}

impl Counter {
    pub(crate) fn new(class: Class) -> Self {
        Self {
            class,
            began: Instant::now(),
            tickets: AtomicU64::new(0),
            completed: AtomicU64::new(0),
            missed: AtomicU64::new(0),
            latency_us: AtomicU64::new(0),
            failed: Mutex::new(BTreeMap::new()),
        }
    }

    /// Waits for the next work of the class to fall due and says when that was.
    pub(crate) async fn next_due(&self) -> Instant {
        loop {
            let ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
            let Pace::PerSecond(per_s) = self.class.pace else {
                return Instant::now();
            };
            let due = self.began + Duration::from_secs_f64(ticket as f64 / per_s.max(0.001));
            if due.elapsed() > LATE_MAX {
                self.missed.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            tokio::time::sleep_until(due).await;
            return due;
        }
    }

    pub(crate) fn done(&self, due: Instant) {
        let us = u64::try_from(due.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.latency_us.fetch_add(us, Ordering::Relaxed);
        self.completed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self, error: &tokio_postgres::Error) {
        let code = error.code().map_or("connection", |state| state.code());
        *self.failures().entry(code.to_owned()).or_default() += 1;
    }

    pub(crate) fn read(&self) -> ClassCounts {
        let attempted = match self.class.pace {
            Pace::PerSecond(per_s) => (self.began.elapsed().as_secs_f64() * per_s) as u64,
            Pace::Closed => self.tickets.load(Ordering::Relaxed),
        };
        ClassCounts {
            service: self.class.service.clone(),
            attempted,
            completed: self.completed.load(Ordering::Relaxed),
            missed: self.missed.load(Ordering::Relaxed),
            failed: self.failures().clone(),
            latency_us: self.latency_us.load(Ordering::Relaxed),
        }
    }

    fn failures(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::mix::Work;
    use super::*;

    fn counter(per_s: f64) -> Counter {
        let class = Class {
            service: "s".into(),
            work: Work::PointRead,
            pace: Pace::PerSecond(per_s),
            connections: 1,
        };
        Counter::new(class)
    }

    #[tokio::test(start_paused = true)]
    async fn work_falls_due_at_fixed_moments() {
        let counter = counter(10.0);
        for _ in 0..=20 {
            counter.next_due().await;
        }
        assert_eq!(counter.began.elapsed().as_millis(), 2000);
        assert_eq!(counter.read().attempted, 20);
    }

    #[tokio::test(start_paused = true)]
    async fn late_work_is_given_up_and_counted() {
        let counter = counter(10.0);
        tokio::time::advance(Duration::from_secs(5)).await;
        let due = counter.next_due().await;
        assert!(due.elapsed() <= LATE_MAX);
        assert_eq!(counter.read().missed, 30);
    }
}
