//! Numbers as engines write them.

/// A number that was read.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Scanned {
    /// Written in base ten without a fraction.
    Whole(i128),
    /// Written in base eight (`0600`) or sixteen (`0x1F`); only whole-number settings take it.
    Prefixed(i128),
    /// With a fraction or an exponent.
    Real(f64),
}

impl Scanned {
    pub(crate) const fn as_f64(self) -> f64 {
        match self {
            Self::Whole(n) | Self::Prefixed(n) => n as f64,
            Self::Real(x) => x,
        }
    }

    pub(crate) const fn radix_prefixed(self) -> bool {
        matches!(self, Self::Prefixed(_))
    }
}

/// A number at the start of `text`, and the unit after it (maybe empty). `None` when there is no
/// number, or something that is not a word comes after it.
pub(crate) fn scan(text: &str) -> Option<(Scanned, &str)> {
    let text = text.trim();
    let (negative, body) = match text.strip_prefix(['-', '+']) {
        Some(body) => (text.starts_with('-'), body),
        None => (false, text),
    };
    let (number, rest) = prefixed(body).or_else(|| decimal(body))?;
    let unit = rest.trim();
    if !unit.chars().all(char::is_alphabetic) {
        return None;
    }
    let number = match number {
        Scanned::Whole(n) if negative => Scanned::Whole(-n),
        Scanned::Prefixed(n) if negative => Scanned::Prefixed(-n),
        Scanned::Real(x) if negative => Scanned::Real(-x),
        number => number,
    };
    Some((number, unit))
}

fn prefixed(body: &str) -> Option<(Scanned, &str)> {
    let (digits, radix) = match body.strip_prefix("0x").or_else(|| body.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None => (
            body.strip_prefix('0')
                .filter(|d| d.starts_with(|c: char| c.is_ascii_digit()))?,
            8,
        ),
    };
    let end = digits
        .find(|c: char| !c.is_digit(radix))
        .unwrap_or(digits.len());
    let (digits, rest) = digits.split_at_checked(end)?;
    if rest.starts_with(['.', 'e', 'E']) || rest.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    i128::from_str_radix(digits, radix)
        .ok()
        .map(|n| (Scanned::Prefixed(n), rest))
}

fn decimal(body: &str) -> Option<(Scanned, &str)> {
    let digits = |from: usize| {
        let rest = body.get(from..).unwrap_or_default();
        from + rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len())
    };
    let whole_end = digits(0);
    let fraction_end = match body.get(whole_end..) {
        Some(rest) if rest.starts_with('.') => digits(whole_end + 1),
        _ => whole_end,
    };
    let end = exponent_end(body, fraction_end).unwrap_or(fraction_end);
    let (number, rest) = body.split_at_checked(end)?;
    if whole_end == 0 && fraction_end <= 1 {
        return None;
    }
    let scanned = if end == whole_end {
        number.parse().ok().map(Scanned::Whole)
    } else {
        None
    };
    let real = || {
        number
            .parse()
            .ok()
            .filter(|x: &f64| x.is_finite())
            .map(Scanned::Real)
    };
    scanned.or_else(real).map(|n| (n, rest))
}

fn exponent_end(body: &str, from: usize) -> Option<usize> {
    let rest = body.get(from..)?.strip_prefix(['e', 'E'])?;
    let unsigned = rest.strip_prefix(['-', '+']).unwrap_or(rest);
    let count = unsigned
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(unsigned.len());
    (count > 0).then(|| from + 1 + (rest.len() - unsigned.len()) + count)
}

/// A whole number from a float that holds one.
pub(crate) fn to_i128(x: f64) -> Option<i128> {
    (x.is_finite() && x.abs() < 1e30).then_some(x as i128)
}
