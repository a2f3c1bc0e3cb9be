//! The clock seam: the one place of the shell that asks what time it is.

use backstay_model::Timestamp;

/// Where time comes from.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The machine's clock, made monotonic: it never goes back within one process, so that windows and
/// expiries survive a clock step.
#[derive(Debug)]
pub struct SystemClock {
    started: std::time::Instant,
    wall: Timestamp,
}

impl SystemClock {
    /// A clock that starts at the machine's wall time and goes on by its monotonic one.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the clock seam")]
    pub fn start() -> Self {
        let wall = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX));
        Self {
            started: std::time::Instant::now(),
            wall: Timestamp(wall),
        }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let elapsed = i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX);
        Timestamp(self.wall.0.saturating_add(elapsed))
    }
}
