//! What a server said: its start-up messages and its log in JSON or CSV, as one kind of line.

use serde_json::Value;

/// One message of the server, with what belongs to it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LogLine {
    /// `FATAL`, `WARNING`, `LOG`, …
    pub severity: String,
    /// SQLSTATE; empty when the line came from standard error, which does not carry it.
    pub sqlstate: String,
    /// The message.
    pub message: String,
    /// Its `DETAIL`, or empty.
    pub detail: String,
    /// Its `HINT`, or empty.
    pub hint: String,
    /// Kind of process that said it (`postmaster`, `client backend`, …); empty when not known.
    pub backend: String,
}

impl LogLine {
    /// Worth telling somebody: a warning or worse.
    #[must_use]
    pub fn serious(&self) -> bool {
        matches!(
            self.severity.as_str(),
            "WARNING" | "ERROR" | "FATAL" | "PANIC"
        )
    }
}

/// Messages from text of `log_destination = jsonlog`; what is not such a line is passed over.
pub(crate) fn from_json(text: &str) -> Vec<LogLine> {
    text.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .map(|v| {
            let field = |name: &str| {
                v.get(name)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            LogLine {
                severity: field("error_severity"),
                sqlstate: field("state_code"),
                message: field("message"),
                detail: field("detail"),
                hint: field("hint"),
                backend: field("backend_type"),
            }
        })
        .collect()
}

/// Messages from text of `log_destination = csvlog`; a record that is cut off is passed over.
pub(crate) fn from_csv(text: &str) -> Vec<LogLine> {
    records(text)
        .iter()
        .filter(|fields| fields.len() > CSV_BACKEND)
        .map(|fields| {
            let field = |at: usize| fields.get(at).cloned().unwrap_or_default();
            LogLine {
                severity: field(CSV_SEVERITY),
                sqlstate: field(CSV_SEVERITY + 1),
                message: field(CSV_SEVERITY + 2),
                detail: field(CSV_SEVERITY + 3),
                hint: field(CSV_SEVERITY + 4),
                backend: field(CSV_BACKEND),
            }
        })
        .collect()
}

/// Column of the severity; SQLSTATE, message, detail and hint follow it.
const CSV_SEVERITY: usize = 11;
/// Column of the kind of process.
const CSV_BACKEND: usize = 23;

/// The complete records of a CSV text: quoted fields hold commas, line breaks and doubled quotes.
fn records(text: &str) -> Vec<Vec<String>> {
    let (mut all, mut record, mut field, mut quoted) =
        (Vec::new(), Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.next_if_eq(&'"').is_some() => field.push('"'),
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                record.push(std::mem::take(&mut field));
                all.push(std::mem::take(&mut record));
            }
            c => field.push(c),
        }
    }
    all
}

/// Messages from standard error: `… FATAL:  text`, with `DETAIL` and `HINT` joined to their message.
pub(crate) fn from_stderr(text: &str) -> Vec<LogLine> {
    const WORDS: [&str; 7] = [
        "PANIC", "FATAL", "ERROR", "WARNING", "LOG", "DETAIL", "HINT",
    ];
    let mut lines: Vec<LogLine> = Vec::new();
    for line in text.lines() {
        let tagged = WORDS.iter().find_map(|word| {
            let (before, said) = line.split_once(&format!("{word}:  "))?;
            before
                .chars()
                .all(|c| !c.is_lowercase() || before.contains('['))
                .then_some((*word, said))
        });
        match (tagged, lines.last_mut()) {
            (Some(("DETAIL", said)), Some(last)) => said.clone_into(&mut last.detail),
            (Some(("HINT", said)), Some(last)) => said.clone_into(&mut last.hint),
            (Some((severity, said)), _) => lines.push(LogLine {
                severity: severity.to_owned(),
                message: said.to_owned(),
                ..LogLine::default()
            }),
            // A message of several lines, or one from before the server's own logging.
            (None, Some(last)) => {
                last.message.push(' ');
                last.message.push_str(line.trim());
            }
            (None, None) => lines.push(LogLine {
                severity: "FATAL".to_owned(),
                message: line.to_owned(),
                ..LogLine::default()
            }),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_and_hints_join_their_message() {
        let text = "2026-11-23 18:00:00.1 UTC [7] FATAL:  no room\n\
                    2026-11-23 18:00:00.1 UTC [7] DETAIL:  asked for 9\n\
                    2026-11-23 18:00:00.1 UTC [7] HINT:  ask for less\n\
                    2026-11-23 18:00:00.2 UTC [7] LOG:  database system is shut down\n";
        let lines = from_stderr(text);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].detail, "asked for 9");
        assert_eq!(lines[0].hint, "ask for less");
        assert!(lines[0].serious() && !lines[1].serious());
    }

    #[test]
    fn csv_records_keep_their_quotes_and_breaks() {
        let columns = |message: &str| {
            let mut fields = vec![String::new(); 26];
            fields[CSV_SEVERITY] = "WARNING".into();
            fields[CSV_SEVERITY + 1] = "01000".into();
            fields[CSV_SEVERITY + 2] = format!("\"{message}\"");
            fields[CSV_BACKEND] = "postmaster".into();
            fields.join(",")
        };
        let text = format!(
            "{}\n{}\ncut,off",
            columns("a \"\"b\"\", c\nd"),
            columns("e")
        );
        let lines = from_csv(&text);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].message, "a \"b\", c\nd");
        assert_eq!(
            (lines[1].sqlstate.as_str(), lines[1].backend.as_str()),
            ("01000", "postmaster")
        );
        assert!(lines[0].serious());
    }

    #[test]
    fn lines_that_are_not_json_are_passed_over() {
        let text =
            "{\"error_severity\":\"WARNING\",\"state_code\":\"01000\",\"message\":\"m\"}\nno\n";
        let lines = from_json(text);
        assert_eq!(lines.len(), 1);
        assert_eq!(
            (lines[0].sqlstate.as_str(), lines[0].message.as_str()),
            ("01000", "m")
        );
    }
}
