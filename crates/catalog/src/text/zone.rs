//! Time zones: names of the IANA database, offsets, and the plain half of POSIX's form.

use super::Judgement;

/// Every name of the IANA time zone database, one a line (public domain; release 2025b or later).
const NAMES: &str = include_str!("zones.txt");
/// Folders of that database: a name in one of them may be newer than our list.
const AREAS: [&str; 23] = [
    "africa",
    "america",
    "antarctica",
    "arctic",
    "asia",
    "atlantic",
    "australia",
    "brazil",
    "canada",
    "chile",
    "etc",
    "europe",
    "indian",
    "mexico",
    "pacific",
    "us",
    "posix",
    "right",
    "argentina",
    "indiana",
    "kentucky",
    "north_dakota",
    "systemv",
];
/// Names that some systems keep beside the database.
const SYSTEM: [&str; 2] = ["localtime", "posixrules"];
/// Sets of abbreviations that come with the server.
const ABBREVIATIONS: [&str; 3] = ["Default", "Australia", "India"];
/// From this many hours on an offset is refused.
const HOURS_END: f64 = 168.0;
/// The same for the whole hours of POSIX's form.
const HOURS_MAX: u32 = 167;
/// Longest name that is read, in bytes.
const LEN_MAX: usize = 255;
/// So alike must a name be to be proposed.
const ALIKE_FROM: f64 = 0.9;

const TAKES: &str = "it takes a time zone such as UTC, Europe/Berlin or -3";
const SETS: &str = "it takes Default, Australia, India, or a name of letters only";
const ODD: &str = "what the server makes of this time zone";
const FILES: &str = "whether the server has such a set of abbreviations";

/// `TimeZone`, which also takes hours from UTC.
pub(super) fn session(text: &str) -> Judgement {
    match text.parse::<f64>() {
        Ok(hours) if hours.abs() < HOURS_END => Judgement::Taken,
        Ok(_) => Judgement::refused(TAKES),
        Err(_) if begins(text, "interval") => Judgement::undecided(ODD),
        Err(_) => log(text),
    }
}

/// `log_timezone`.
pub(super) fn log(text: &str) -> Judgement {
    let known = NAMES.lines().any(|name| name.eq_ignore_ascii_case(text));
    if known {
        return Judgement::Taken;
    }
    let named = !text.contains(|c: char| c.is_ascii_digit() || c == '<');
    if named { unknown(text) } else { posix(text) }
}

fn begins(text: &str, word: &str) -> bool {
    text.get(..word.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(word))
}

/// A name without any digit is the name of a file, or nothing.
fn unknown(text: &str) -> Judgement {
    let area = text.split_once('/').map(|(area, _)| area);
    let may_be_newer = area.is_some_and(|a| AREAS.iter().any(|k| k.eq_ignore_ascii_case(a)));
    let beside = SYSTEM.iter().any(|n| n.eq_ignore_ascii_case(text));
    let nearest = nearest(text).map(|name| format!("did you mean {name}?"));
    match (may_be_newer, nearest) {
        (true, Some(nearest)) => Judgement::Undecided(
            format!("no time zone of this name is known here; {nearest}").into(),
        ),
        (true, None) => Judgement::undecided("no time zone of this name is known here"),
        (false, _) if beside => Judgement::undecided(ODD),
        (false, Some(nearest)) => {
            Judgement::Refused(format!("no such time zone; {nearest}").into())
        }
        (false, None) => Judgement::refused(TAKES),
    }
}

fn nearest(text: &str) -> Option<&'static str> {
    let text: String = text.chars().take(LEN_MAX).collect();
    let text = text.to_ascii_lowercase();
    let alike = |name: &str| strsim::jaro_winkler(&name.to_ascii_lowercase(), &text);
    let scored = NAMES.lines().map(|name| (alike(name), name));
    let (score, name) = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (score >= ALIKE_FROM).then_some(name)
}

/// A name, hours west of UTC, minutes, and a name for the summer. What follows it is left to the server.
fn posix(text: &str) -> Judgement {
    let letter = |c: char| c.is_ascii_alphabetic();
    let end = text.find(|c| !letter(c)).unwrap_or(text.len());
    let offset = text.get(end..).unwrap_or_default();
    let offset = offset.strip_prefix(['+', '-']).unwrap_or(offset);
    let (hours, rest) = number(offset);
    let (minutes, rest) = match rest.strip_prefix(':') {
        Some(rest) => number(rest),
        None => (Some(0), rest),
    };
    let (Some(hours), Some(minutes)) = (hours, minutes) else {
        return Judgement::undecided(ODD);
    };
    let plain = rest.chars().all(letter) && text.len() <= LEN_MAX;
    match (hours <= HOURS_MAX && minutes < 60, plain) {
        (true, true) => Judgement::Taken,
        (true, false) => Judgement::undecided(ODD),
        (false, _) => Judgement::refused(TAKES),
    }
}

/// The number at the beginning; more digits than any offset has are as good as too many hours.
fn number(text: &str) -> (Option<u32>, &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at_checked(digits).unwrap_or(("", text));
    let read = match number {
        "" => None,
        number => Some(number.parse().unwrap_or(u32::MAX)),
    };
    (read, rest)
}

/// `timezone_abbreviations`: the name of a file beside the server.
pub(super) fn abbreviations(text: &str) -> Judgement {
    if ABBREVIATIONS.contains(&text) {
        return Judgement::Taken;
    }
    let letters = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphabetic());
    if letters {
        Judgement::undecided(FILES)
    } else {
        Judgement::refused(SETS)
    }
}
