//! The Numenta Anomaly Benchmark, scored by its own rules, for the score stream of
//! `backstay detect --scores`: a sanity row, since its labels are noisy and cover a tenth of the data.
//!
//! The rules were learnt from the sources of numenta/NAB (`sweeper`, `runner`) and are written anew.
//! The scorer is checked with the detector `windowedGaussian`, whose scores NAB publishes by file.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use backstay_detect::Point;
use backstay_model::Timestamp;

pub mod gaussian;
pub mod published;
pub mod report;
pub mod scoring;

/// Groups of files that are looked for.
const GROUPS: [&str; 5] = [
    "artificialNoAnomaly",
    "artificialWithAnomaly",
    "realAWSCloudwatch",
    "realAdExchange",
    "realKnownCause",
];

/// One series with its labelled windows.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// `group/file.csv`.
    pub name: String,
    /// Its rows, in order.
    pub rows: Vec<Point>,
    /// First and last row of each labelled window, in order.
    pub windows: Vec<(usize, usize)>,
}

/// Reads every series below `folder` (the one with `data` and `labels`), in order of their names.
///
/// # Errors
/// When a file cannot be read, or is not what NAB's are.
pub fn read(folder: &Path) -> Result<Vec<Series>> {
    let labels = folder.join("labels/combined_windows.json");
    let text = std::fs::read_to_string(&labels)
        .with_context(|| format!("reading {}", labels.display()))?;
    let windows: BTreeMap<String, Vec<(String, String)>> =
        serde_json::from_str(&text).context("reading the labelled windows")?;
    let mut all = Vec::new();
    for group in GROUPS {
        let path = folder.join("data").join(group);
        let mut files: Vec<_> = std::fs::read_dir(&path)
            .with_context(|| format!("looking into {}", path.display()))?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.ends_with(".csv"))
            .collect();
        files.sort_unstable();
        for file in files {
            let text = std::fs::read_to_string(path.join(&file))
                .with_context(|| format!("reading {group}/{file}"))?;
            let name = format!("{group}/{file}");
            let limits = windows.get(&name).cloned().unwrap_or_default();
            all.push(series(name, &text, &limits)?);
        }
    }
    Ok(all)
}

fn series(name: String, text: &str, limits: &[(String, String)]) -> Result<Series> {
    let mut rows = Vec::new();
    for line in text.lines().skip(1).filter(|l| !l.trim().is_empty()) {
        let row = line.split_once(',').and_then(|(at, value)| {
            Some(Point {
                at: moment(at)?,
                value: value.trim().parse().ok()?,
            })
        });
        rows.push(row.with_context(|| format!("{name}: `{line}` is not a row"))?);
    }
    let row_at = |text: &str| {
        let at = moment(text)?;
        rows.iter().position(|r: &Point| r.at == at)
    };
    let windows = limits
        .iter()
        .map(|(from, to)| Some((row_at(from)?, row_at(to)?)))
        .collect::<Option<Vec<_>>>()
        .with_context(|| format!("{name}: a window begins or ends between rows"))?;
    Ok(Series {
        name,
        rows,
        windows,
    })
}

fn moment(text: &str) -> Option<Timestamp> {
    Timestamp::parse(&format!("{}Z", text.trim().replacen(' ', "T", 1)))
}
