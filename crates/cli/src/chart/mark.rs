//! The two marks of every picture: the change, and the first moment that alarmed.

use backstay_detect::Clock;
use backstay_model::{Span, Timestamp};

/// Time of day by the clock: `18:04:11`.
pub(super) fn time(at: Timestamp, clock: &Clock) -> String {
    let text = clock.shows(at).to_string();
    text.get(11..19).unwrap_or_default().to_owned()
}

/// `+40 s`, `+7 min`, `+3 h`.
pub(super) fn later(by: Span) -> String {
    match by.0 / 1_000_000 {
        s if s < 120 => format!("+{s} s"),
        s if s < 7_200 => format!("+{} min", s / 60),
        s if s < 172_800 => format!("+{} h", s / 3_600),
        s => format!("+{} d", s / 86_400),
    }
}
