//! `backstay doctor`: what is missing, with the exact statements.

use std::collections::BTreeMap;

use backstay_engine_postgres::connect::{Dialer, Purpose};
use backstay_engine_postgres::doctor::{Grantee, USUALLY_GRANTED, examine, grants, probe_setup};
use backstay_engine_postgres::doctor::{Held, Level, Report, Right};
use backstay_model::SettingName;
use backstay_model::decision::Mode;
use serde_json::{Value, json};

use crate::args::Doctor;
use crate::commands::watch::{mode, runtime};
use crate::failure::{Code, Exit, Failure};
use crate::out::{Out, Tone};
use crate::postgres::{read_failure, resolve};

/// The version whose statements are printed when no server is named.
const MAJOR_WITHOUT_SERVER: u32 = 15;
/// Examines a server, or only prints the statements.
pub(crate) fn run(args: &Doctor, out: Out) -> Result<Exit, Failure> {
    let modes = match &args.mode {
        Some(word) => vec![mode(word)?],
        None => vec![Mode::Observe, Mode::Approve, Mode::Auto],
    };
    let report = match &args.dsn {
        Some(dsn) => Some(look(dsn)?),
        None => None,
    };
    let major = report
        .as_ref()
        .map_or(MAJOR_WITHOUT_SERVER, |r| major(&r.version));
    let statements = statements(args, &modes, major)?;
    let probe = args.probe_role.clone().unwrap_or_else(|| args.role.clone());
    let probe = probe_setup(&probe).map_err(|e| Failure::of(Code::Usage, &e))?;
    if out.json_wanted() {
        out.document(&document(report.as_ref(), &statements, &probe))?;
    } else {
        show(out, report.as_ref(), &statements, &probe);
    }
    let refused = match (&args.mode, &report) {
        (Some(_), Some(report)) => modes.iter().any(|m| !missing(report, *m).is_empty()),
        _ => false,
    };
    let alarm =
        refused || report.is_some_and(|r| r.findings.iter().any(|f| f.level == Level::Alarm));
    Ok(if alarm { Exit::Gate } else { Exit::Ok })
}

fn look(dsn: &str) -> Result<Report, Failure> {
    let resolved = resolve(dsn)?;
    let address = resolved.address();
    runtime()?.block_on(async {
        let failed = |e: &backstay_engine::ReadError| read_failure(e, &address);
        let dialer = Dialer::new(&resolved, &Purpose::of("doctor")).map_err(|e| failed(&e))?;
        let session = dialer.connect().await.map_err(|e| failed(&e))?;
        let report = examine(&session)
            .await
            .map_err(|e| Failure::of(Code::Unreachable, &e))?;
        session.close().await;
        Ok(report)
    })
}

fn major(version: &str) -> u32 {
    version
        .split('.')
        .next()
        .and_then(|m| m.parse().ok())
        .unwrap_or(MAJOR_WITHOUT_SERVER)
}

fn statements(
    args: &Doctor,
    modes: &[Mode],
    major: u32,
) -> Result<Vec<(Mode, Vec<String>)>, Failure> {
    let named: Vec<&str> = match args.settings.as_slice() {
        [] => USUALLY_GRANTED.to_vec(),
        named => named.iter().map(String::as_str).collect(),
    };
    let to = Grantee {
        role: args.role.clone(),
        parameters: named.into_iter().map(SettingName::new).collect(),
        roles: args.roles.clone(),
        ..Grantee::default()
    };
    let of_mode = |m: &Mode| {
        grants(*m, major, &to)
            .map(|lines| (*m, lines))
            .map_err(|e| Failure::of(Code::Usage, &e))
    };
    modes.iter().map(of_mode).collect()
}

/// What `mode` needs and the role that looked does not have. To observe needs nothing: less is seen.
fn missing(report: &Report, mode: Mode) -> Vec<&'static str> {
    if mode == Mode::Observe {
        return Vec::new();
    }
    let lacking = |right: &&Right| right.mode <= mode && right.held == Held::No;
    let lacking = report.rights.iter().filter(lacking).map(|r| r.what);
    let mut missing: Vec<&str> = lacking.collect();
    if report.superuser == Held::No && report.parameters.is_empty() {
        missing.push("the right to set any parameter (ALTER SYSTEM)");
    }
    missing
}

/// Says that the role does not allow a mode that was asked about by name, and why.
fn refusal(out: Out, report: &Report, mode: Mode) {
    let missing = missing(report, mode);
    if !missing.is_empty() {
        out.line(format!(
            "  {} mode {mode} is not allowed to {}; missing: {}",
            out.paint(Tone::Bad, "alarm  "),
            report.role,
            missing.join(", ")
        ));
        out.line("          run the statements below, then ask again as the role that they name");
    }
}

fn show(out: Out, report: Option<&Report>, statements: &[(Mode, Vec<String>)], probe: &[String]) {
    if let Some(report) = report {
        out.line(format!(
            "PostgreSQL {}, as {} in {}; allows mode {}",
            report.version,
            report.role,
            report.database,
            report.allows()
        ));
        for right in &report.rights {
            let mark = match right.held {
                Held::Yes => out.paint(Tone::Good, "yes"),
                Held::No => out.paint(Tone::Bad, "no "),
            };
            out.line(format!("  {mark}  {}", right.what));
        }
        // One mode is one that was asked about by name.
        if let [(mode, _)] = statements {
            refusal(out, report, *mode);
        }
        for finding in &report.findings {
            let (tone, word) = match finding.level {
                Level::Alarm => (Tone::Bad, "alarm  "),
                Level::Warning => (Tone::Warn, "warning"),
                Level::Note => (Tone::Dim, "note   "),
                Level::Fine => (Tone::Good, "fine   "),
            };
            out.line(format!("  {} {}", out.paint(tone, word), finding.what));
            finding
                .next
                .iter()
                .for_each(|n| out.line(format!("          {n}")));
        }
        out.line("");
    }
    for (head, lines) in sections(statements) {
        out.line(out.paint(Tone::Bold, &head));
        lines.iter().for_each(|l| out.line(l));
        out.line("");
    }
    out.line(out.paint(
        Tone::Bold,
        "-- the probe's own table: run once in the probed database",
    ));
    probe.iter().for_each(|l| out.line(l));
}

/// The statements of each mode under a head: modes with the same ones are said once, and what the
/// mode before has already is not said again.
fn sections(statements: &[(Mode, Vec<String>)]) -> Vec<(String, &[String])> {
    let mut told: &[String] = &[];
    let mut sections = Vec::new();
    for same in statements.chunk_by(|(_, one), (_, other)| one == other) {
        let Some((_, lines)) = same.first() else {
            continue;
        };
        let modes: Vec<&str> = same.iter().map(|(mode, _)| mode.word()).collect();
        let modes = match modes.as_slice() {
            [one] => format!("mode {one}"),
            several => format!("modes {}", several.join(" and ")),
        };
        let more = lines.strip_prefix(told).filter(|_| !told.is_empty());
        let head = match more {
            Some(_) => format!("-- {modes}: all of the above, and, as a superuser"),
            None => format!("-- {modes}: run as a superuser"),
        };
        sections.push((head, more.unwrap_or(lines)));
        told = lines;
    }
    sections
}

fn document(
    report: Option<&Report>,
    statements: &[(Mode, Vec<String>)],
    probe: &[String],
) -> Value {
    json!({
        "kind": "doctor",
        "server": report.map(|r| json!({
            "version": r.version,
            "role": r.role,
            "database": r.database,
            "allows": r.allows().word(),
            "missing": statements.iter().map(|(m, _)| (m.word(), missing(r, *m))).collect::<BTreeMap<_, _>>(),
            "rights": r.rights.iter().map(|right| json!({
                "mode": right.mode.word(), "what": right.what, "held": right.held == Held::Yes,
            })).collect::<Vec<_>>(),
            "findings": r.findings.iter().map(|f| json!({
                "level": format!("{:?}", f.level).to_lowercase(), "what": f.what, "next": f.next,
            })).collect::<Vec<_>>(),
        })),
        "grants": statements.iter().map(|(m, lines)| json!({ "mode": m.word(), "statements": lines })).collect::<Vec<_>>(),
        "probe_setup": probe,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(superuser: Held, may_cancel: Held, parameters: &[&str]) -> Report {
        let right = |mode, what, held| Right { mode, what, held };
        Report {
            version: "15.1".into(),
            role: "weak".into(),
            superuser,
            database: "shop".into(),
            rights: vec![
                right(Mode::Observe, "read all settings", Held::Yes),
                right(Mode::Approve, "reload", may_cancel),
            ],
            parameters: parameters.iter().map(|p| SettingName::new(p)).collect(),
            findings: Vec::new(),
        }
    }

    #[test]
    fn a_mode_is_allowed_only_when_nothing_is_missing() {
        let weak = report(Held::No, Held::No, &[]);
        assert!(missing(&weak, Mode::Observe).is_empty());
        let lacks = ["reload", "the right to set any parameter (ALTER SYSTEM)"];
        assert_eq!(missing(&weak, Mode::Auto), lacks);
        let able = report(Held::No, Held::Yes, &["work_mem"]);
        assert!(missing(&able, Mode::Auto).is_empty());
        assert!(missing(&report(Held::Yes, Held::Yes, &[]), Mode::Auto).is_empty());
        for one in [weak, able] {
            assert_eq!(
                missing(&one, Mode::Auto).is_empty(),
                one.allows() == Mode::Auto
            );
        }
    }
}
