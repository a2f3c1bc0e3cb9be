//! Where a recovery stops.

use super::{Judgement, list};

const IMMEDIATE: &str = "it takes immediate, or nothing";
const LSN: &str = "it takes a position in the log such as 0/3000000";
const NAME: &str = "it takes a name of 63 bytes at most";
const TIME: &str = "it takes a time such as 2024-05-31 14:00:00+02";
const TIMELINE: &str = "it takes latest, current or the number of a timeline";
const XID: &str = "it takes the number of a transaction";
const ODD_NUMBER: &str = "what the server makes of this number";
const ODD_TIME: &str = "what the server makes of this time";

/// Longest name of a restore point, in bytes.
const RESTORE_POINT_LEN_MAX: usize = 63;
/// The zone farthest from UTC that is read, in hours.
const ZONE_HOURS_MAX: u32 = 15;

/// Which part of a recovery target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part {
    Immediate,
    Lsn,
    Name,
    Time,
    Timeline,
    Xid,
}

impl Part {
    pub(super) fn judge(self, text: &str) -> Judgement {
        if text.is_empty() {
            return Judgement::Taken;
        }
        match self {
            Self::Immediate => Judgement::read((text == "immediate").then_some(()), IMMEDIATE),
            Self::Lsn => Judgement::read(lsn(text), LSN),
            Self::Name => {
                let short = text.len() <= RESTORE_POINT_LEN_MAX;
                Judgement::read(short.then_some(()), NAME)
            }
            Self::Time => time(text),
            Self::Timeline if matches!(text, "latest" | "current") => Judgement::Taken,
            Self::Timeline => number(text, TIMELINE),
            Self::Xid => number(text, XID),
        }
    }
}

/// Two hexadecimal halves of at most eight digits.
fn lsn(text: &str) -> Option<()> {
    let (high, low) = text.split_once('/')?;
    let half = |h: &str| (1..=8).contains(&h.len()) && h.bytes().all(|b| b.is_ascii_hexdigit());
    (half(high) && half(low)).then_some(())
}

/// Digits as far as they fit; of anything else the C library decides.
fn number(text: &str, takes: &'static str) -> Judgement {
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Judgement::undecided(ODD_NUMBER);
    }
    Judgement::read(text.parse::<u64>().ok().map(|_| ()), takes)
}

/// `YYYY-MM-DD`, `HH:MM`, `:SS`, a fraction and `+HH:MM`, as far as each is there. The server reads much more, but
/// no names of zones before it has started, which is when this is read.
fn time(text: &str) -> Judgement {
    let moving = ["now", "today", "tomorrow", "yesterday"];
    let endless = ["epoch", "infinity", "-infinity"];
    if moving.contains(&text) || endless.contains(&text) {
        return Judgement::refused(TIME);
    }
    match moment(text) {
        None => Judgement::undecided(ODD_TIME),
        Some(moment) => moment.judge(),
    }
}

struct Moment {
    year: u32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
    zone_hour: u32,
    zone_minute: u32,
}

impl Moment {
    fn judge(&self) -> Judgement {
        let days = match self.month {
            4 | 6 | 9 | 11 => 30,
            2 if leap(self.year) => 29,
            2 => 28,
            1..=12 => 31,
            _ => 0,
        };
        let wrong = self.year == 0
            || !(1..=days).contains(&self.day)
            || self.hour > 24
            || self.minute > 59
            || self.second > 60
            || self.zone_hour > ZONE_HOURS_MAX
            || self.zone_minute > 59;
        if wrong {
            Judgement::refused(TIME)
        } else if self.hour == 24 || self.second == 60 {
            Judgement::undecided(ODD_TIME)
        } else {
            Judgement::Taken
        }
    }
}

const fn leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// The numbers of the plain form; `None` for any other.
fn moment(text: &str) -> Option<Moment> {
    let mut rest = text;
    let year = digits(&mut rest, 4)?;
    let month = after(&mut rest, '-').and_then(|()| digits(&mut rest, 2))?;
    let day = after(&mut rest, '-').and_then(|()| digits(&mut rest, 2))?;
    let mut moment = Moment {
        year,
        month,
        day,
        hour: 0,
        minute: 0,
        second: 0,
        zone_hour: 0,
        zone_minute: 0,
    };
    if rest.is_empty() {
        return Some(moment);
    }
    after(&mut rest, ' ').or_else(|| after(&mut rest, 'T'))?;
    moment.hour = digits(&mut rest, 2)?;
    moment.minute = after(&mut rest, ':').and_then(|()| digits(&mut rest, 2))?;
    if after(&mut rest, ':').is_some() {
        moment.second = digits(&mut rest, 2)?;
        if after(&mut rest, '.').is_some() {
            let fraction = rest.bytes().take_while(u8::is_ascii_digit).count();
            (1..=6).contains(&fraction).then_some(())?;
            rest = rest.get(fraction..)?;
        }
    }
    if after(&mut rest, '+')
        .or_else(|| after(&mut rest, '-'))
        .is_some()
    {
        moment.zone_hour = digits(&mut rest, 2)?;
        if after(&mut rest, ':').is_some() {
            moment.zone_minute = digits(&mut rest, 2)?;
        }
    }
    rest.trim_start_matches(list::space)
        .is_empty()
        .then_some(moment)
}

/// Takes exactly `n` digits off `rest`.
fn digits(rest: &mut &str, n: usize) -> Option<u32> {
    let (number, after) = rest.split_at_checked(n)?;
    let all = number.bytes().all(|b| b.is_ascii_digit());
    *rest = after;
    if all { number.parse().ok() } else { None }
}

/// Takes `sign` off `rest`.
fn after(rest: &mut &str, sign: char) -> Option<()> {
    *rest = rest.strip_prefix(sign)?;
    Some(())
}
