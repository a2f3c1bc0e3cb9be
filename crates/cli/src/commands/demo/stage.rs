//! A throw-away PostgreSQL with a load on it, and people who change its settings.

use std::time::Duration;

use backstay_engine_postgres::doctor::{Grantee, grants, probe_setup};
use backstay_guard::config::{Config, GraphConfig, PolicyConfig, TargetConfig};
use backstay_guard::station::Station;
use backstay_model::decision::Mode;
use backstay_model::{SettingName, Span};
use backstay_scratch::load::{Load, LoadHandle, Mix, prepare};
use backstay_scratch::postgres::{Options, SCRATCH_FOLDER, Server};
use backstay_scratch::sweep;
use tempfile::TempDir;

use super::director::{HARMLESS, LoadKind, Scenario};
use crate::commands::watch::station;
use crate::failure::{Code, Failure};
use crate::postgres::PostgresTarget;
use crate::state::OnDisk;

/// How the folder of a demo's books is called, before the process id.
const FOLDER: &str = "backstay-demo-";
/// Database of the story.
const DATABASE: &str = "shop";
/// Size of the bank that the load works on.
const SCALE: u32 = 1;
/// How long the load may take until every service of it has done something.
const LOAD_WITHIN: Duration = Duration::from_secs(20);
/// What is learnt before anything is changed: enough that the noise of a busy machine is known too.
const BASELINE: Span = Span::from_secs(20);
/// How long a change is watched.
const WATCH: Span = Span::from_secs(15);

/// Everything that the demo starts. Dropping it stops and removes all of it.
#[derive(Debug)]
pub(crate) struct Stage {
    server: Server,
    load: Option<LoadHandle>,
    services: Vec<String>,
    state: TempDir,
    version: String,
}

impl Stage {
    /// Starts the server, makes roles by doctor's own statements, and puts the load on.
    pub(crate) async fn set(scenario: &Scenario) -> Result<Self, Failure> {
        // What demos left that were killed.
        for prefix in [FOLDER, SCRATCH_FOLDER] {
            let swept = sweep(&std::env::temp_dir(), prefix);
            tracing::debug!(swept, prefix, "folders of dead processes");
        }
        let server = Server::start(Options::default()).await.map_err(|e| {
            Failure::of(Code::NoBinaries, &e)
                .hint("cargo xtask demo     installs PostgreSQL from the distribution")
                .hint("backstay demo --simulated     needs no database")
        })?;
        execute(&server, "postgres", &format!("CREATE DATABASE {DATABASE}")).await?;
        prepare(&server, DATABASE, SCALE)
            .await
            .map_err(|e| Failure::of(Code::Internal, &e))?;
        for statement in roles(scenario)? {
            execute(&server, DATABASE, &statement).await?;
        }
        let version = version(&server).await?;
        let mix = match scenario.load {
            LoadKind::Mixed => Mix::light(),
            LoadKind::QueryHeavy => Mix::query_heavy(),
        };
        let load = Load::start(&server.dsn("app", DATABASE), &mix)
            .map_err(|e| Failure::of(Code::Internal, &e))?;
        // The baseline names the services that it sees.
        let under_way = tokio::time::timeout(LOAD_WITHIN, load.under_way()).await;
        under_way.map_err(|e| Failure::of(Code::Internal, &e).because("the load did not begin"))?;
        let services = mix.classes.into_iter().map(|c| c.service).collect();
        let folder = format!("{FOLDER}{}-", std::process::id());
        let state = TempDir::with_prefix(folder).map_err(|e| Failure::of(Code::File, &e))?;
        Ok(Self {
            server,
            load: Some(load),
            services,
            state,
            version,
        })
    }

    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    pub(crate) fn port(&self) -> u16 {
        self.server.port()
    }

    /// The services of the load.
    pub(crate) fn services(&self) -> &[String] {
        &self.services
    }

    /// A guard of this server, in auto mode and with watches as short as a demo's.
    pub(crate) fn station(&self) -> Result<Station<OnDisk, PostgresTarget>, Failure> {
        let dsn = |role: &str| self.server.dsn(role, DATABASE);
        let config = Config {
            state_dir: None,
            policy: PolicyConfig {
                mode: Mode::Auto,
                watch: WATCH,
                extensions: 2,
                min_baseline: BASELINE,
                recovery: Span::from_secs(20),
                ..PolicyConfig::default()
            },
            graph: GraphConfig::Sqlite,
            targets: vec![TargetConfig {
                name: DATABASE.to_owned(),
                dsn: dsn("backstay"),
                probe_dsn: Some(dsn("app")),
                control_dsn: None,
                mode: None,
                services: std::collections::BTreeMap::new(),
            }],
        };
        station(&config, self.state.path())
    }

    /// A person makes a change over an ordinary connection, with the ticket in a comment.
    pub(crate) async fn change(&self, scenario: &Scenario) -> Result<(), Failure> {
        let client = self
            .server
            .connect_as("ann", DATABASE)
            .await
            .map_err(|e| Failure::of(Code::Internal, &e))?;
        let statements: Vec<String> = scenario
            .values
            .iter()
            .map(|(name, value)| {
                format!(
                    "/* {} */ ALTER SYSTEM SET {name} = '{value}'",
                    scenario.comment
                )
            })
            .chain(std::iter::once("SELECT pg_reload_conf()".to_owned()))
            .collect();
        for statement in &statements {
            client
                .simple_query(statement)
                .await
                .map_err(|e| Failure::of(Code::Internal, &e))?;
        }
        Ok(())
    }

    /// Stops the load and the server in order.
    pub(crate) async fn strike(mut self) {
        if let Some(load) = self.load.take() {
            load.stop().await;
        }
        if let Err(error) = self.server.stop().await {
            tracing::warn!(%error, "the throw-away server did not stop in order");
        }
    }
}

/// Roles: the application, a person who may do everything, and Backstay with exactly what doctor says.
fn roles(scenario: &Scenario) -> Result<Vec<String>, Failure> {
    let named = scenario
        .values
        .iter()
        .chain(HARMLESS.values)
        .map(|(name, _)| SettingName::new(name));
    let to = Grantee {
        role: "backstay".into(),
        parameters: named.collect(),
        ..Grantee::default()
    };
    let wrong = |e: &dyn std::error::Error| Failure::of(Code::Internal, e);
    let mut statements = vec!["CREATE ROLE ann LOGIN SUPERUSER".to_owned()];
    statements.extend(grants(Mode::Auto, 15, &to).map_err(|e| wrong(&e))?);
    statements.extend(probe_setup("app").map_err(|e| wrong(&e))?);
    statements.retain(|s| !s.starts_with("--"));
    Ok(statements)
}

async fn execute(server: &Server, database: &str, sql: &str) -> Result<(), Failure> {
    let done = server.execute_in(database, sql).await;
    done.map(|_rows| ())
        .map_err(|e| Failure::of(Code::Internal, &e).because(sql.to_owned()))
}

async fn version(server: &Server) -> Result<String, Failure> {
    let rows = server
        .execute("SHOW server_version")
        .await
        .map_err(|e| Failure::of(Code::Internal, &e))?;
    let text = rows
        .into_iter()
        .flatten()
        .flatten()
        .next()
        .unwrap_or_default();
    Ok(text.split(' ').next().unwrap_or_default().to_owned())
}
