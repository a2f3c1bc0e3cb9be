//! `backstay config`: looks at a configuration file.

use backstay_guard::config::GraphConfig;
use serde_json::json;

use crate::args::ConfigCommand;
use crate::commands::watch::read_config;
use crate::failure::{Code, Exit, Failure};
use crate::far;
use crate::out::Out;
use crate::page::{Page, count, dim, plain};
use crate::postgres::resolve;

/// Reads the file whole, and tells everything that is wrong with it at once.
pub(crate) fn run(args: &ConfigCommand, out: Out) -> Result<Exit, Failure> {
    let ConfigCommand::Check { file } = args;
    let config = read_config(file)?;
    let mut broken = Failure::new(Code::Config, format!("{} cannot be used", file.display()));
    let mut rows = Vec::new();
    let mut targets = Vec::new();
    for target in &config.targets {
        let mode = target.mode.unwrap_or(config.policy.mode);
        let dsns = [
            Some(&target.dsn),
            target.probe_dsn.as_ref(),
            target.control_dsn.as_ref(),
        ];
        for dsn in dsns.into_iter().flatten() {
            match resolve(dsn) {
                Ok(resolved) if *dsn == target.dsn => {
                    rows.push(vec![
                        plain(target.name.clone()),
                        plain(mode.word()),
                        dim(resolved.address()),
                    ]);
                    targets.push(json!({
                        "name": target.name,
                        "mode": mode.word(),
                        "address": resolved.address(),
                    }));
                }
                Ok(_) => {}
                Err(failure) => {
                    broken = broken.because(format!("target {}: {}", target.name, failure.primary));
                    broken.hints.extend(failure.hints);
                }
            }
        }
    }
    let mut graph = "the state directory".to_owned();
    if let GraphConfig::Neo4j(config) = &config.graph {
        match far::place(config) {
            Ok(place) => graph = format!("Neo4j, {place}"),
            Err(failure) => {
                broken = broken.because(format!("graph: {}", failure.primary));
                broken.hints.extend(failure.hints);
            }
        }
    }
    if !broken.detail.is_empty() {
        return Err(broken);
    }
    if out.json_wanted() {
        out.document(&json!({ "kind": "config", "targets": targets, "graph": graph }))?;
        return Ok(Exit::Ok);
    }
    let mut page = Page::new(out);
    page.line(&format!(
        "{} is fine: {}",
        file.display(),
        count(rows.len(), "target")
    ));
    page.rows(2, &rows);
    if config.graph != GraphConfig::Sqlite {
        page.line(&format!("  the graph is kept in {graph}"));
    }
    page.say();
    Ok(Exit::Ok)
}
