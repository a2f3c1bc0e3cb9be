//! One line, word by word.

use backstay_model::Span;

/// What is left of a line. Every reader says what it wanted when it does not find it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    rest: &'a str,
}

impl<'a> Line<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text.trim() }
    }

    /// The next word; empty at the end.
    pub(super) fn peek(&self) -> &'a str {
        self.rest.split_whitespace().next().unwrap_or("")
    }

    /// Takes the next word.
    pub(super) fn word(&mut self, wanted: &str) -> Result<&'a str, String> {
        let word = self.peek();
        if word.is_empty() {
            return Err(format!("the line ends where {wanted} should stand"));
        }
        self.rest = self.rest.strip_prefix(word).unwrap_or("").trim_start();
        Ok(word)
    }

    /// Takes `words` if the line goes on with them.
    pub(super) fn takes(&mut self, words: &str) -> bool {
        let mut ahead = *self;
        for word in words.split(' ') {
            if ahead.word(word) != Ok(word) {
                return false;
            }
        }
        *self = ahead;
        true
    }

    /// The line must go on with `words`.
    pub(super) fn must(&mut self, words: &str) -> Result<(), String> {
        if self.takes(words) {
            Ok(())
        } else {
            Err(format!("expected {words:?}, found {:?}", self.rest))
        }
    }

    /// All that is left.
    pub(super) fn rest(&mut self) -> &'a str {
        std::mem::take(&mut self.rest)
    }

    /// A length of time: `90s`, `500ms`, `2m`.
    pub(super) fn span(&mut self) -> Result<Span, String> {
        let word = self.word("a time like 90s")?;
        span(word).ok_or_else(|| format!("{word:?} is no time; write 90s, 500ms or 2m"))
    }

    /// A number.
    pub(super) fn number<N: std::str::FromStr>(&mut self, wanted: &str) -> Result<N, String> {
        let word = self.word(wanted)?;
        word.parse()
            .map_err(|_| format!("{word:?} is not {wanted}"))
    }

    /// Nothing may be left.
    pub(super) fn end(&self) -> Result<(), String> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(format!("too much on this line: {:?}", self.rest))
        }
    }
}

fn span(word: &str) -> Option<Span> {
    let (number, unit_us) = [("ms", 1e3), ("s", 1e6), ("m", 60e6), ("h", 3_600e6)]
        .into_iter()
        .find_map(|(unit, us)| word.strip_suffix(unit).map(|n| (n, us)))?;
    let number: f64 = number.parse().ok()?;
    let micros = number * unit_us;
    (micros.is_finite() && (0.0..1e15).contains(&micros)).then_some(Span(micros.round() as i64))
}
