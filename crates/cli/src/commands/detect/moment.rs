//! Moments as people and recorders write them, and the wall clock of a place.

use std::path::{Component, Path};

use backstay_detect::Clock;
use backstay_model::{Span, Timestamp};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::failure::{Code, Failure};

/// Where systems keep their time zones; `TZDIR` says otherwise.
const ZONES: &str = "/usr/share/zoneinfo";
/// Largest epoch in seconds that is a moment: the end of year 9999.
const EPOCH_MAX: f64 = 253_402_300_799.0;
/// Microseconds in a second.
const MICROS: f64 = 1e6;
/// Shifts of a clock that are read before a recording, at least.
const YEAR: Span = Span::from_secs(366 * 86_400);

/// How the times of a recording are to be read.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    /// Where times without an offset are meant.
    zone: TimeZone,
}

impl Reading {
    /// In the named zone, else in UTC.
    pub(super) fn new(zone: Option<&str>) -> Result<Self, Failure> {
        let zone = match zone {
            None | Some("UTC") => TimeZone::UTC,
            Some(name) => named(name)?,
        };
        Ok(Self { zone })
    }

    /// Reads a moment: RFC 3339, `YYYY-MM-DD HH:MM:SS` (fraction allowed) in the zone, or epoch
    /// seconds.
    pub(super) fn moment(&self, text: &str) -> Option<Timestamp> {
        let text = text.trim();
        if let Some(at) = epoch(text) {
            return at;
        }
        Timestamp::parse(text).or_else(|| {
            let civil: DateTime = text.parse().ok()?;
            // What the clock skips is read after, what it shows twice before the shift.
            let at = self.zone.to_ambiguous_timestamp(civil).compatible().ok()?;
            Some(Timestamp(at.as_microsecond()))
        })
    }

    /// The wall clock of the zone over a recording.
    pub(super) fn clock(&self, from: Timestamp, until: Timestamp) -> Clock {
        let Ok(begin) = jiff::Timestamp::from_microsecond((from - YEAR).0) else {
            return Clock::utc();
        };
        let ahead = |at| Span::from_secs(i64::from(self.zone.to_offset(at).seconds()));
        let mut shifts = vec![(Timestamp(begin.as_microsecond()), ahead(begin))];
        let following = self.zone.following(begin);
        shifts.extend(
            following
                .map(|shift| {
                    let at = shift.timestamp();
                    (Timestamp(at.as_microsecond()), ahead(at))
                })
                .take_while(|(at, _)| *at <= until),
        );
        Clock::shifted(shifts)
    }
}

/// The zone of that name in the data base of the system.
fn named(name: &str) -> Result<TimeZone, Failure> {
    let no_zone = |why: String| {
        Failure::new(Code::Usage, format!("`--tz {name}` is not a time zone"))
            .because(why)
            .hint("names are those of the IANA data base: Europe/Berlin, America/New_York, UTC")
    };
    let inside = Path::new(name)
        .components()
        .all(|c| matches!(c, Component::Normal(_)));
    if !inside {
        return Err(no_zone("it leads out of the data base".to_owned()));
    }
    let folder = std::env::var_os("TZDIR").unwrap_or_else(|| ZONES.into());
    let path = Path::new(&folder).join(name);
    let bytes = std::fs::read(&path).map_err(|e| no_zone(format!("{}: {e}", path.display())))?;
    TimeZone::tzif(name, &bytes).map_err(|e| no_zone(e.to_string()))
}

/// Epoch seconds; `None` when it is no number, `Some(None)` when it is one that is no moment.
fn epoch(text: &str) -> Option<Option<Timestamp>> {
    // Dates have a dash inside: no number reads on past it.
    if text.bytes().skip(1).any(|b| b == b'-') && !text.contains(['e', 'E']) {
        return None;
    }
    let seconds: f64 = text.parse().ok()?;
    let sane = seconds.is_finite() && seconds.abs() <= EPOCH_MAX;
    Some(sane.then(|| Timestamp((seconds * MICROS).round() as i64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_three_forms() {
        let utc = Reading::new(None).unwrap();
        let at = Timestamp::parse("2026-11-23T18:00:00Z").unwrap();
        for text in [
            "2026-11-23T18:00:00Z",
            "2026-11-23T19:00:00+01:00",
            "2026-11-23 18:00:00",
            " 2026-11-23 18:00:00.000 ",
            "2026-11-23T18:00:00",
            "1795456800",
            "1795456800.0",
            "1.7954568e9",
        ] {
            assert_eq!(utc.moment(text), Some(at), "{text}");
        }
        for text in [
            "",
            "yesterday",
            "NaN",
            "inf",
            "1e300",
            "2026-13-01 00:00:00",
        ] {
            assert_eq!(utc.moment(text), None, "{text}");
        }
        assert_eq!(utc.moment("-1"), Some(Timestamp::from_secs(-1)));
    }

    #[test]
    fn a_zone_is_for_times_that_name_none() {
        let berlin = Reading::new(Some("Europe/Berlin")).unwrap();
        let at = |text: &str| Timestamp::parse(text).unwrap();
        for (text, utc) in [
            ("2026-07-01 12:00:00", "2026-07-01T10:00:00Z"),
            ("2026-12-01 12:00:00", "2026-12-01T11:00:00Z"),
            ("2026-12-01T12:00:00Z", "2026-12-01T12:00:00Z"),
            // Skipped in spring, shown twice in autumn.
            ("2026-03-29 02:30:00", "2026-03-29T01:30:00Z"),
            ("2026-10-25 02:30:00", "2026-10-25T00:30:00Z"),
        ] {
            assert_eq!(berlin.moment(text), Some(at(utc)), "{text}");
        }
        let failure = Reading::new(Some("Mars/Base")).unwrap_err();
        assert_eq!(failure.primary, "`--tz Mars/Base` is not a time zone");
    }

    #[test]
    fn the_clock_shifts_when_the_place_does() {
        let berlin = Reading::new(Some("Europe/Berlin")).unwrap();
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let clock = berlin.clock(at("2026-10-20T00:00:00Z"), at("2026-10-30T00:00:00Z"));
        let hours = |text: &str| clock.ahead(at(text)).0 / 3_600_000_000;
        assert_eq!(hours("2026-10-25T00:59:59Z"), 2);
        assert_eq!(hours("2026-10-25T01:00:00Z"), 1);
        let utc = Reading::new(None).unwrap();
        assert_eq!(
            utc.clock(at("2026-10-20T00:00:00Z"), at("2026-10-30T00:00:00Z"))
                .ahead(at("2026-10-25T00:00:00Z")),
            Span::ZERO
        );
    }
}
