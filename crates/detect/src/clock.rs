//! Wall clocks: people and their batch jobs keep to local time, so a season does too.

use backstay_model::{Span, Timestamp};

/// How far the wall clock of a place is ahead of UTC, and since when. Plain data: whoever reads time
/// zones fills it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Clock {
    /// From when on, and how far ahead (negative: behind); in order of time.
    shifts: Vec<(Timestamp, Span)>,
}

impl Clock {
    /// Universal time.
    #[must_use]
    pub const fn utc() -> Self {
        Self { shifts: Vec::new() }
    }

    /// A clock that is so far ahead of UTC from these moments on; before the first, as from it on.
    #[must_use]
    pub fn shifted(mut shifts: Vec<(Timestamp, Span)>) -> Self {
        shifts.sort();
        Self { shifts }
    }

    /// How far it is ahead at a moment.
    #[must_use]
    pub fn ahead(&self, at: Timestamp) -> Span {
        let place = self.shifts.partition_point(|(from, _)| *from <= at);
        let shift = self.shifts.get(place.saturating_sub(1));
        shift.map_or(Span::ZERO, |(_, ahead)| *ahead)
    }

    /// What the clock shows, as if it were UTC.
    #[must_use]
    pub fn shows(&self, at: Timestamp) -> Timestamp {
        at + self.ahead(at)
    }

    /// The moment at which the clock showed the same time of day so many days before `at`.
    #[must_use]
    pub fn days_before(&self, at: Timestamp, days: i64) -> Timestamp {
        let earlier = at - Span(days * crate::baseline::DAY.0);
        earlier + Span(self.ahead(at).0 - self.ahead(earlier).0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_that_moves_keeps_its_time_of_day() {
        let hour = 3_600;
        // Central European time ends summer on 2026-10-25 at 01:00 UTC.
        let winter = Timestamp::parse("2026-10-25T01:00:00Z").unwrap();
        let clock = Clock::shifted(vec![
            (winter, Span::from_secs(hour)),
            (Timestamp::default(), Span::from_secs(2 * hour)),
        ]);
        let at = Timestamp::parse("2026-10-26T08:00:00Z").unwrap();
        let before = Timestamp::parse("2026-10-24T07:00:00Z").unwrap();
        assert_eq!(clock.days_before(at, 2), before);
        assert_eq!(
            clock.shows(at).since(clock.shows(before)).0,
            2 * 24 * 3_600_000_000
        );
        assert_eq!(
            Clock::utc().days_before(at, 1),
            at - Span::from_secs(24 * hour)
        );
        assert_eq!(
            clock.ahead(Timestamp::from_secs(-9)),
            Span::from_secs(2 * hour)
        );
    }
}
