//! When to try again after a failure.

use backstay_model::{Span, Timestamp};

/// The first pause.
const FIRST: Span = Span::from_secs(1);
/// The longest pause: a database that comes back must be watched again soon.
const LONGEST_MAX: Span = Span::from_secs(15);

/// Pauses between attempts: 1 s, doubled after each failure, 15 s at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backoff {
    pause: Option<Span>,
    until: Option<Timestamp>,
}

impl Backoff {
    /// Whether an attempt may be made at `now`.
    #[must_use]
    pub fn ready(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now >= until)
    }

    /// An attempt failed at `now`; says when the next may be made.
    pub fn failed(&mut self, now: Timestamp) -> Timestamp {
        let pause = self.pause.map_or(FIRST, |last| {
            Span(last.0.saturating_mul(2)).min(LONGEST_MAX)
        });
        let until = now + pause;
        *self = Self {
            pause: Some(pause),
            until: Some(until),
        };
        until
    }

    /// An attempt succeeded.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_bounded() {
        let mut backoff = Backoff::default();
        let mut now = Timestamp::default();
        assert!(backoff.ready(now));
        let mut pauses = Vec::new();
        for _ in 0..6 {
            let until = backoff.failed(now);
            assert!(!backoff.ready(now));
            pauses.push(until.since(now).to_string());
            now = until;
            assert!(backoff.ready(now));
        }
        assert_eq!(pauses.join(" "), "1.0s 2.0s 4.0s 8.0s 15.0s 15.0s");
        backoff.succeeded();
        assert_eq!(backoff.failed(now).since(now), FIRST);
    }
}
