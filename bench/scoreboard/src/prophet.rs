//! Python's Prophet on the same cases, side by side with our judge in one run.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::board::{self, ALPHA, Judged, Recipe, Size};
use crate::case::{Case, Family, Part};
use crate::measure::quantile;
use crate::page;
use crate::rule::ours::Ours;
use crate::rule::{Alarm, Answer, Rule};

/// The version that is compared with.
const VERSION: &str = "prophet==1.5.0";
/// How many times slower Python's Prophet is to be.
const TARGET: f64 = 50.0;

/// The section of the document, on `per_kind` cases of each kind of KPI: a fit takes seconds.
///
/// # Errors
/// When Python or Prophet is not there and cannot be fetched, or its answers are no answers.
pub fn section(per_kind: u64) -> Result<String> {
    let python = environment()?;
    let size = Size {
        per_kind,
        unchanged: 0,
        load: 0,
    };
    let recipes = board::recipes(Family::Kpi, Part::Open, size);
    let cases: Vec<Case> = recipes.iter().filter_map(Recipe::make).collect();
    let folder = tempfile::tempdir().context("making a folder for the cases")?;
    write(folder.path(), &cases)?;
    let theirs = judge(&python, folder.path(), &cases)?;
    let ours: Vec<Judged> = cases
        .iter()
        .map(|c| judged(c, Ours.judge(c, ALPHA)))
        .collect();
    Ok(text(&ours, &theirs, per_kind))
}

/// A Python with Prophet in it, made once below the folder of builds.
fn environment() -> Result<PathBuf> {
    let home = std::env::current_exe().context("asking where this program is")?;
    let home = home.with_file_name("prophet-venv");
    let python = home.join("bin/python");
    if !python.is_file() {
        let venv = &mut Command::new("python3");
        run(
            "making an environment for Python",
            venv.args(["-m", "venv"]).arg(&home),
        )?;
    }
    let there = Command::new(&python)
        .args([
            "-c",
            "import prophet; assert prophet.__version__ == '1.5.0'",
        ])
        .output();
    if !there.is_ok_and(|o| o.status.success()) {
        let pip = &mut Command::new(&python);
        run(
            "fetching Prophet",
            pip.args(["-m", "pip", "install", "--quiet", VERSION]),
        )?;
    }
    Ok(python)
}

/// What the program writes. `what` names the step: its arguments are paths of this machine.
fn run(what: &'static str, command: &mut Command) -> Result<Vec<u8>> {
    let output = command.output().context(what)?;
    let why = String::from_utf8_lossy(&output.stderr);
    let why = why.lines().last().unwrap_or_default();
    ensure!(
        output.status.success(),
        "{what} ended with {}: {why}",
        output.status
    );
    Ok(output.stdout)
}

fn write(folder: &Path, cases: &[Case]) -> Result<()> {
    let mut list = Vec::new();
    for (i, case) in cases.iter().enumerate() {
        let file = format!("{i}.csv");
        std::fs::write(folder.join(&file), case.csv()).context("writing a case")?;
        let changed_at = case.changed_at.as_secs_f64();
        list.push(json!({ "name": case.name, "file": file, "changed_at": changed_at }));
    }
    let text = serde_json::to_string(&list).context("writing the list of cases")?;
    std::fs::write(folder.join("cases.json"), text).context("writing the list of cases")
}

fn judge(python: &Path, folder: &Path, cases: &[Case]) -> Result<Vec<Judged>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../prophet/judge.py");
    // As many threads as our judge has on a case.
    let command = &mut Command::new(python);
    let threads = [("OMP_NUM_THREADS", "1"), ("OPENBLAS_NUM_THREADS", "1")];
    let said = run(
        "judging by Prophet",
        command.arg(script).arg(folder).envs(threads),
    )?;
    let said = String::from_utf8(said).context("reading Prophet's answers")?;
    let answers: Vec<&str> = said.lines().collect();
    ensure!(
        answers.len() == cases.len(),
        "Prophet answered {} of {} cases",
        answers.len(),
        cases.len()
    );
    cases
        .iter()
        .zip(answers)
        .map(|(case, line)| Ok(judged(case, answer(case, line)?)))
        .collect()
}

fn answer(case: &Case, line: &str) -> Result<Answer> {
    let said: Value = serde_json::from_str(line).context("reading an answer of Prophet")?;
    let number = |name: &str| said.get(name).and_then(Value::as_f64);
    let about = said.get("name").and_then(Value::as_str);
    ensure!(
        about == Some(case.name.as_str()),
        "an answer for {about:?}, not {}",
        case.name
    );
    let rows = |at: f64| (at - case.onset_at.as_secs_f64()) / case.step.as_secs_f64();
    Ok(Answer {
        score: number("score").context("an answer of Prophet without a score")?,
        alarm: number("alarm_at").map_or(Alarm::Silent, |at| Alarm::Raised {
            rows: Some(rows(at)),
        }),
        p_value: None,
        cpu: Duration::from_secs_f64(number("cpu_s").unwrap_or(0.0).max(0.0)),
    })
}

fn judged(case: &Case, answer: Answer) -> Judged {
    Judged {
        name: case.name.clone(),
        kind: case.kind,
        noise: case.noise,
        answer,
        false_alarms: None,
    }
}

fn text(ours: &[Judged], theirs: &[Judged], per_kind: u64) -> String {
    let cpu =
        |all: &[Judged]| -> Vec<f64> { all.iter().map(|j| j.answer.cpu.as_secs_f64()).collect() };
    let ratios: Vec<f64> = cpu(theirs)
        .iter()
        .zip(cpu(ours))
        .map(|(t, o)| t / o.max(1e-9))
        .collect();
    let at = |q| quantile(&ratios, q).unwrap_or(0.0);
    let met = if at(0.5) >= TARGET { "met" } else { "missed" };
    format!(
        "\n## Python Prophet 1.5.0 side by side\n\n\
         {} KPI cases of the open part, one after another in one run; processor time of fit, forecast and verdict, \
         the optimiser that Prophet starts counted in. An alarm of Prophet is any value outside its 99 % interval, its \
         score the largest distance in half-widths.\n\n{}{}{}\n\
         Python Prophet takes {:.0} × the processor time of our verdict (median; quartiles {:.0}–{:.0}); \
         at least {TARGET:.0} × is wanted: {met}.\n",
        ours.len(),
        page::tally_head(),
        page::tally_row(Ours.name(), &board::tally(ours, per_kind)),
        page::tally_row(
            "Prophet's own interval, 99 %",
            &board::tally(theirs, per_kind)
        ),
        at(0.5),
        at(0.25),
        at(0.75),
    )
}
