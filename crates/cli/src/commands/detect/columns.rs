//! Columns of a recording as metrics: their roles, and counters as what they count a second.

use std::path::Path;

use backstay_detect::{Column, Point, role_of_name};
use backstay_model::metric::{MetricRole, Worse};
use backstay_model::{MetricName, Timestamp};

use super::table::{ColumnOfRows, Recorded};
use crate::failure::{Code, Failure};

/// Values before the change from which on a column can be told to be a counter.
const COUNTER_MIN: usize = 30;
/// Share of the steps of a counter that may fall: each is a reset.
const RESETS_MAX: f64 = 0.02;
/// Share of the steps of a counter that rise.
const RISES_MIN: f64 = 0.5;
/// A reset falls to less than this share of what it was.
const RESET_TO: f64 = 0.5;

/// How the command line says that a column is a peer's.
const PEER: &str = "=peer";

/// A role that the command line gives a column.
pub(super) type Named = (String, MetricRole);

/// What the command line says of columns.
#[derive(Debug)]
pub(super) struct Said {
    /// Roles, by column.
    pub(super) roles: Vec<Named>,
    /// Columns of other targets.
    pub(super) peers: Vec<String>,
}

/// The roles and peers of the command line.
pub(super) fn said(words: &[String], recorded: &Recorded, file: &Path) -> Result<Said, Failure> {
    let peer = |word: &&String| word.ends_with(PEER);
    let peers: Result<Vec<String>, Failure> = words
        .iter()
        .filter(peer)
        .map(|word| known(word.trim_end_matches(PEER), recorded, file))
        .collect();
    let roles: Result<Vec<Named>, Failure> = words
        .iter()
        .filter(|word| !peer(word))
        .map(|word| role(word, recorded, file))
        .collect();
    let said = Said {
        roles: roles?,
        peers: peers?,
    };
    let others = |c: &&ColumnOfRows| !said.peers.contains(&c.name);
    if recorded.columns.iter().filter(others).count() == 0 {
        return Err(Failure::new(
            Code::Usage,
            format!("every column of {} is a peer", file.display()),
        )
        .hint("leave the columns of the changed target without that role"));
    }
    Ok(said)
}

impl Said {
    /// What is to be said about the peers.
    pub(super) fn notes(&self) -> Vec<String> {
        match self.peers.as_slice() {
            [only] => vec![format!(
                "{only} is the only peer and is left aside: what one other target does is no sign of a common cause"
            )],
            _ => Vec::new(),
        }
    }

    /// Adds roles by the names of columns that have none and are no peer's, and says which.
    pub(super) fn guess(&mut self, recorded: &Recorded) -> Vec<String> {
        let named = |name: &String| self.roles.iter().any(|(said, _)| said == name);
        let open = |c: &&ColumnOfRows| !named(&c.name) && !self.peers.contains(&c.name);
        let guess = |c: &ColumnOfRows| Some((c.name.clone(), role_of_name(&c.name)?));
        let columns = recorded.columns.iter().filter(open);
        let guessed: Vec<Named> = columns.filter_map(guess).collect();
        let note = |(name, role): &Named| format!("column {name} is taken for {}", word(*role));
        let notes = guessed.iter().map(note).collect();
        self.roles.extend(guessed);
        notes
    }
}

/// The word of the command line for a role.
const fn word(role: MetricRole) -> &'static str {
    match role {
        MetricRole::Throughput => "throughput",
        MetricRole::Latency => "latency",
        MetricRole::Errors => "errors",
        MetricRole::Demand => "demand",
        MetricRole::Saturation => "saturation",
        MetricRole::Host => "host",
        MetricRole::Other => "other",
    }
}

/// The name of a column that is there.
fn known(column: &str, recorded: &Recorded, file: &Path) -> Result<String, Failure> {
    if recorded.columns.iter().any(|c| c.name == column) {
        return Ok(column.to_owned());
    }
    let names: Vec<&str> = recorded.columns.iter().map(|c| c.name.as_str()).collect();
    Err(Failure::new(
        Code::Usage,
        format!("{} has no value column `{column}`", file.display()),
    )
    .hint(format!("its value columns are {}", names.join(", "))))
}

fn role(word: &str, recorded: &Recorded, file: &Path) -> Result<Named, Failure> {
    // A column may have `=` in its name, a role has none.
    let (column, role) = word.rsplit_once('=').ok_or_else(|| {
        Failure::new(Code::Usage, format!("`--role {word}` is not COLUMN=ROLE"))
            .hint("--role latency_ms=latency")
    })?;
    let role = MetricRole::parse(role).ok_or_else(|| {
        Failure::new(Code::Usage, format!("`{role}` is not a role"))
            .hint("roles are throughput, latency, errors, demand, saturation, other and peer")
    })?;
    Ok((known(column, recorded, file)?, role))
}

/// A role says which way is worse; the option speaks for columns without one.
const fn worse(role: MetricRole, direction: Worse) -> Worse {
    match role {
        MetricRole::Throughput => Worse::Down,
        MetricRole::Latency | MetricRole::Errors => Worse::Up,
        _ => direction,
    }
}

/// The columns to judge, and what is to be said about them.
pub(super) fn columns(
    recorded: Recorded,
    roles: &[Named],
    direction: Worse,
    changed_at: Timestamp,
) -> (Vec<Column>, Vec<String>) {
    let mut notes = Vec::new();
    let at = recorded.at;
    let columns = recorded.columns.into_iter().map(|rows| {
        let named = roles.iter().find(|(name, _)| *name == rows.name);
        let role = named.map_or(MetricRole::Other, |(_, role)| *role);
        let mut points = points(&at, &rows);
        let split = points.partition_point(|p| p.at < changed_at);
        if counts(&points[..split]) {
            points = rate(&points);
            notes.push(format!(
                "column {} only ever rises: it is judged by how much a second",
                rows.name
            ));
        }
        Column {
            name: MetricName::new(&rows.name),
            role,
            worse: worse(role, direction),
            floor: 0.0,
            points,
        }
    });
    let columns: Vec<Column> = columns.collect();
    (columns, notes)
}

/// Which columns are not judged because others have the role of an outcome, to be said.
pub(super) fn unjudged(columns: &[Column]) -> Option<String> {
    if !columns.iter().any(|c| c.role.outcome()) {
        return None;
    }
    let aside = columns.iter().filter(|c| c.role == MetricRole::Other);
    let names: Vec<&str> = aside.map(|c| c.name.as_str()).collect();
    let (them, are) = match names.as_slice() {
        [] => return None,
        [only] => (format!("column {only}"), "is"),
        _ => (format!("columns {}", names.join(", ")), "are"),
    };
    Some(format!(
        "{them} {are} not judged: beside throughput, latency or errors only columns with such a role are (--role)"
    ))
}

/// The rows of a column that hold a number.
pub(super) fn points(at: &[Timestamp], rows: &ColumnOfRows) -> Vec<Point> {
    at.iter()
        .zip(&rows.values)
        .filter(|(_, value)| value.is_finite())
        .map(|(at, value)| Point {
            at: *at,
            value: *value,
        })
        .collect()
}

/// Whether values only ever rise, but for falls to nearly nothing: a counter and its resets.
fn counts(points: &[Point]) -> bool {
    if points.len() < COUNTER_MIN || points.iter().any(|p| p.value < 0.0) {
        return false;
    }
    let steps = || points.windows(2).filter(|w| w[0].at < w[1].at);
    let all = steps().count() as f64;
    let rises = steps().filter(|w| w[1].value > w[0].value).count() as f64;
    let falls: Vec<bool> = steps()
        .filter(|w| w[1].value < w[0].value)
        .map(|w| w[1].value < RESET_TO * w[0].value)
        .collect();
    rises >= RISES_MIN * all && falls.len() as f64 <= RESETS_MAX * all && falls.iter().all(|f| *f)
}

/// How much a counter rose a second, by real time; where it fell, it was reset and says nothing.
fn rate(points: &[Point]) -> Vec<Point> {
    points
        .windows(2)
        .filter(|w| w[1].at > w[0].at && w[1].value >= w[0].value)
        .map(|w| Point {
            at: w[1].at,
            value: (w[1].value - w[0].value) / w[1].at.since(w[0].at).as_secs_f64(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(values: impl IntoIterator<Item = f64>) -> Vec<Point> {
        let values = values.into_iter().enumerate();
        values
            .map(|(i, value)| Point {
                at: Timestamp::from_secs(10 * i as i64),
                value,
            })
            .collect()
    }

    fn recording(names: &[&str]) -> Recorded {
        Recorded {
            columns: names
                .iter()
                .map(|name| ColumnOfRows {
                    name: (*name).to_owned(),
                    values: Vec::new(),
                })
                .collect(),
            ..Recorded::default()
        }
    }

    #[test]
    fn peers_are_told_from_roles_and_names_speak_where_nobody_did() {
        let recorded = recording(&["tps", "tps_b", "latency_ms", "platform"]);
        let words = ["tps=throughput", "tps_b=peer"].map(String::from);
        let mut said = said(&words, &recorded, Path::new("x.csv")).unwrap();
        assert_eq!(said.roles, [("tps".to_owned(), MetricRole::Throughput)]);
        assert_eq!(said.peers, ["tps_b"]);
        let all = ["tps=peer", "tps_b=peer", "latency_ms=peer", "platform=peer"].map(String::from);
        assert!(super::said(&all, &recorded, Path::new("x.csv")).is_err());
        let unknown = ["tpx=peer".to_owned()];
        assert!(super::said(&unknown, &recorded, Path::new("x.csv")).is_err());
        assert_eq!(said.notes().len(), 1, "one peer alone is no control");
        assert_eq!(
            said.guess(&recorded),
            ["column latency_ms is taken for latency"],
            "what was said stays, and `platform` says nothing"
        );
        assert_eq!(said.roles.len(), 2);
    }

    #[test]
    fn counters_become_rates_and_resets_say_nothing() {
        let counter =
            series((0..100).map(|i| f64::from(if i < 60 { 500 * i } else { 500 * (i - 60) })));
        assert!(counts(&counter));
        let rate = rate(&counter);
        assert_eq!(rate.len(), 98);
        assert!(rate.iter().all(|p| (p.value - 50.0).abs() < 1e-9));
    }

    #[test]
    fn gauges_stay_what_they_are() {
        let wave = series((0..100).map(|i| 50.0 + f64::from(i % 7)));
        let constant = series((0..100).map(|_| 5.0));
        let falling = series((0..100).map(|i| 500.0 - f64::from(i)));
        let signed = series((0..100).map(|i| f64::from(i) - 50.0));
        let few = series((0..20).map(f64::from));
        for points in [wave, constant, falling, signed, few] {
            assert!(!counts(&points));
        }
        // It rises and falls by half: no counter falls to where it has been.
        let stairs = series((0..100).map(|i| f64::from(100 + i % 50)));
        assert!(!counts(&stairs));
    }
}
