//! Saying things: data to standard output, everything else to standard error.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the one place that talks"
)]

use std::io::{IsTerminal, Write};

use backstay_guard::station::PAGE_LOG;
use serde::Serialize;
use tracing_subscriber::EnvFilter;

use crate::args::{Common, Format};
use crate::failure::{Code, Failure};

/// Version of every JSON document that we write.
pub(crate) const FORMAT_VERSION: &str = "1.0";

/// How and where to say things.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Out {
    format: Format,
    color: Color,
    /// Columns of the page; a pipe has no end.
    columns: Option<usize>,
}

/// Whether to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Color {
    Yes,
    No,
}

/// What a word means, for its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Bad,
    Warn,
    Dim,
    Bold,
    Plain,
}

impl Tone {
    const fn code(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Bad => "1;31",
            Self::Warn => "33",
            Self::Dim => "2",
            Self::Bold => "1",
            Self::Plain => "0",
        }
    }
}

impl Out {
    pub(crate) fn new(common: &Common) -> Self {
        let wanted = !common.no_color
            && std::env::var_os("NO_COLOR").is_none()
            && std::env::var_os("BACKSTAY_NO_COLOR").is_none()
            && std::env::var_os("TERM").is_none_or(|t| t != "dumb")
            && std::io::stdout().is_terminal();
        let format = if common.json {
            Format::Json
        } else {
            common.output
        };
        Self {
            format,
            color: if wanted { Color::Yes } else { Color::No },
            columns: columns(),
        }
    }

    /// Lines for a screen that has its own colours and this many columns.
    pub(crate) const fn plain(columns: Option<usize>) -> Self {
        Self {
            format: Format::Table,
            color: Color::No,
            columns,
        }
    }

    pub(crate) const fn columns(self) -> Option<usize> {
        self.columns
    }

    pub(crate) const fn format(self) -> Format {
        self.format
    }

    pub(crate) fn json_wanted(self) -> bool {
        self.format == Format::Json
    }

    /// Whether a person looks at the screen.
    pub(crate) fn screen(self) -> bool {
        self.format == Format::Table && std::io::stdout().is_terminal()
    }

    /// `text` in a tone, or plain where no colour is wanted.
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        if self.color == Color::No || tone == Tone::Plain {
            return text.to_owned();
        }
        format!("\u{1b}[{}m{text}\u{1b}[0m", tone.code())
    }

    /// A line of data.
    pub(crate) fn line(self, text: impl AsRef<str>) {
        // A closed pipe is the reader's way to say "enough".
        if writeln!(std::io::stdout(), "{}", text.as_ref()).is_err() {
            std::process::exit(0);
        }
    }

    /// Text of data as it is.
    pub(crate) fn text(self, text: &str) {
        if write!(std::io::stdout(), "{text}").is_err() {
            std::process::exit(0);
        }
    }

    /// A JSON document with its version.
    pub(crate) fn document(self, document: &impl Serialize) -> Result<(), Failure> {
        let versioned = Versioned {
            format_version: FORMAT_VERSION,
            document,
        };
        let text = serde_json::to_string_pretty(&versioned)
            .map_err(|e| Failure::of(Code::Internal, &e))?;
        self.line(text);
        Ok(())
    }

    /// A JSON document on one line: one of a stream.
    pub(crate) fn stream(self, document: &impl Serialize) -> Result<(), Failure> {
        let versioned = Versioned {
            format_version: FORMAT_VERSION,
            document,
        };
        let text =
            serde_json::to_string(&versioned).map_err(|e| Failure::of(Code::Internal, &e))?;
        self.line(text);
        Ok(())
    }

    /// Something to know that is no data.
    pub(crate) fn note(self, text: impl AsRef<str>) {
        eprintln!("{}", text.as_ref());
    }

    /// A failure: what failed, why, what to type next, its code.
    pub(crate) fn failure(self, failure: &Failure) {
        let (name, _) = failure.code.entry();
        if self.json_wanted() {
            let document = serde_json::json!({
                "format_version": FORMAT_VERSION,
                "kind": "error",
                "code": name,
                "message": failure.primary,
                "detail": failure.detail,
                "hints": failure.hints,
                "exit_code": failure.exit.code(),
            });
            eprintln!("{document}");
            return;
        }
        eprintln!("{} {}", self.paint(Tone::Bad, "error:"), failure.primary);
        for why in &failure.detail {
            eprintln!("  why:  {why}");
        }
        for hint in &failure.hints {
            eprintln!("  try:  {hint}");
        }
        eprintln!("  code: {name}");
    }
}

/// Something that must be known of all that is told; said once, however often it is found.
pub(crate) fn warn_once(text: &str) {
    static SAID: std::sync::Once = std::sync::Once::new();
    SAID.call_once(|| eprintln!("warning: {text}"));
}

/// Columns of standard output: as `COLUMNS` says, else those of the terminal.
fn columns() -> Option<usize> {
    let asked = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok());
    let terminal = || {
        let here = std::io::stdout().is_terminal();
        let size = here.then(|| crossterm::terminal::size().ok()).flatten();
        size.map(|(columns, _)| usize::from(columns))
    };
    asked.or_else(terminal)
}

#[derive(Serialize)]
struct Versioned<'a, T> {
    format_version: &'static str,
    #[serde(flatten)]
    document: &'a T,
}

/// Standard error, or nothing while a live screen has the terminal.
fn log_writer() -> Box<dyn std::io::Write> {
    if crate::view::screen::taken() {
        Box::new(std::io::sink())
    } else {
        Box::new(std::io::stderr())
    }
}

/// What a person sees beside our own log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beside {
    /// The news, on the same terminal: what is paged is said there.
    News,
    Nothing,
}

/// That a graph store is away, and that it is back, is logged at any verbosity: no news tell it.
const STORE_LOG: &str = "backstay_guard::far=info";

/// What is logged when nobody said what: once more for each `-v`.
fn filter(verbose: u8, beside: Beside) -> String {
    let level = match verbose {
        0 => "error",
        1 => "info",
        _ => "debug",
    };
    match beside {
        Beside::News => format!("backstay={level},{STORE_LOG},{PAGE_LOG}=off"),
        Beside::Nothing => format!("backstay={level},{STORE_LOG}"),
    }
}

/// Our own log goes to standard error, quiet unless asked for.
pub(crate) fn log_to_stderr(common: &Common) {
    let terminal = std::io::stdout().is_terminal() && std::io::stderr().is_terminal();
    let beside = if terminal {
        Beside::News
    } else {
        Beside::Nothing
    };
    let filter = EnvFilter::try_from_env("BACKSTAY_LOG")
        .unwrap_or_else(|_unset| EnvFilter::new(filter(common.verbose, beside)));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(log_writer)
        .with_target(false)
        .init();
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A log that is kept.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(beside: Beside) -> String {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(filter(0, beside)))
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::error!(target: PAGE_LOG, "a person is needed");
            tracing::error!(target: "backstay_guard::tick", "something else");
        });
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_page_is_said_once_on_a_terminal() {
        let beside_news = logged(Beside::News);
        assert!(!beside_news.contains("a person is needed"), "{beside_news}");
        assert!(beside_news.contains("something else"), "{beside_news}");
        assert!(logged(Beside::Nothing).contains("a person is needed"));
    }
}
