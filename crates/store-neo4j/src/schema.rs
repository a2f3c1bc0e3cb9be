//! What a database must have before a graph of ours is put into it, and how it gets it.
//!
//! | node (all also `:Backstay`) | properties beside `uid` and `deployment` |
//! |---|---|
//! | `:SettingDef`, `:Metric`, `:Resource`, `:Service`, `:Target` | `name`, `kind` |
//! | `:Setting` – a setting of a target, as it stands | `target`, `key`, `name`, `place`, `scope`, `value` or `fingerprint`, `author`, `author_via`, `changed_at`, `change_set`, `seq` |
//! | `:Change` – an entry of its history | the same, `at` for `changed_at`, `old_value`, `valid_from`, `valid_to` |
//! | `:Constraint` | `id`, `rule`, `kind`, `scope` |
//! | `:Applied` – one a deployment | `seq`, `head` (hash of the journal's entry `seq`), `journal` (of its first) |
//! | `:Schema` – one a database | `form` |
//!
//! | relationship | from, to | properties |
//! |---|---|---|
//! | `REQUIRES`, `CONFLICTS_WITH`, `BOUNDED_BY`, `ENABLES`, `OVERRIDES`, `SHARES_RESOURCE`, `SCALES_WITH`, `AFFECTS`, `USES` | between the nodes of the first row | `edge_id`, `scope`, `confidence`, `interval`, `constraint_id`, `rule`, `evidence`, `detail`, `valid_from`, `valid_to`, `seq` |
//! | `CHANGED` | change, setting | `valid_from`, `valid_to`, `seq` |
//! | `HAS`, `INSTANCE_OF` | target, setting; setting, its definition | |
//! | `CONSTRAINS` | constraint, the ends of its edges | |
//!
//! Times are microseconds since 1970 (UTC); the open end is the largest integer. A first observation
//! stands on its `:Setting` alone until another value comes. `detail` and `scope` of a setting are JSON,
//! exact; `evidence` says the same for people. A secret is known by its fingerprint only.

use backstay_model::EdgeKind;
use serde::Deserialize;

use crate::address::{Address, Password};
use crate::error::NeoError;
use crate::session::{Session, patiently};

/// The form of the graph that this Backstay writes.
pub const FORM: i64 = 1;

/// Name of the one constraint that everything rests on.
pub const CONSTRAINT: &str = "backstay_uid";

/// What each form adds to the one before: the first entry makes form 1. Each statement does nothing
/// where it was carried out before.
const FORMS: &[&[&str]] = &[&[
    "CREATE CONSTRAINT backstay_uid IF NOT EXISTS FOR (n:Backstay) REQUIRE n.uid IS UNIQUE",
    "CREATE INDEX backstay_change_at IF NOT EXISTS FOR (c:Change) ON (c.at)",
    "CALL db.awaitIndexes(300)",
]];

/// What preparing a database found and did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Prepared {
    /// What the server calls its version: `5.26.31`.
    pub version: String,
    /// Form of the graph before; 0 when there was none.
    pub form_before: i64,
}

/// Prepares a database, and brings it to the form of now; harmless where that was done before.
///
/// # Errors
/// `NeoError`; nothing but the schema was touched.
pub fn prepare(address: &Address, password: &Password) -> Result<Prepared, NeoError> {
    let session = Session::new(address, password)?;
    // Two that prepare one database at once may lock each other out.
    patiently(|| session.wait(prepared(&session)))
}

async fn prepared(session: &Session) -> Result<Prepared, NeoError> {
    let version = version(session).await?;
    let form_before = form(session).await?;
    if form_before > FORM {
        return Err(NeoError::NewerForm {
            found: form_before,
            known: FORM,
        });
    }
    // All of them: what was dropped by hand is made again.
    for form in FORMS {
        for statement in *form {
            match session.alone::<Ignored>(statement).await {
                // Somebody else was making the same thing.
                Err(error) if error.already_there() => {}
                made => made.map(drop)?,
            }
        }
    }
    let note = format!("MERGE (s:Backstay:Schema {{uid: 'backstay/schema'}}) SET s.form = {FORM}");
    session.alone::<Ignored>(&note).await?;
    Ok(Prepared {
        version,
        form_before,
    })
}

/// The deployments whose graphs are in a database, with the number of the last batch in each, by name.
///
/// # Errors
/// `NeoError`; nothing was changed.
pub fn deployments(address: &Address, password: &Password) -> Result<Vec<(String, u64)>, NeoError> {
    let session = Session::new(address, password)?;
    session.wait(async {
        check(&session).await?;
        let statement = "MATCH (m:Backstay:Applied) RETURN m.deployment AS name, m.seq AS seq";
        let found: Vec<DeploymentRow> = session.alone(statement).await?;
        let mut found: Vec<(String, u64)> = found
            .into_iter()
            .map(|d| (d.name, d.seq.cast_unsigned()))
            .collect();
        found.sort();
        Ok(found)
    })
}

/// Whether the server is one we know, and the database was prepared.
pub(crate) async fn check(session: &Session) -> Result<(), NeoError> {
    version(session).await?;
    match form(session).await? {
        FORM => {}
        0 => {
            return Err(NeoError::NotPrepared {
                lacks: "everything: it was never prepared for Backstay".into(),
            });
        }
        found if found > FORM => return Err(NeoError::NewerForm { found, known: FORM }),
        older => {
            return Err(NeoError::NotPrepared {
                lacks: format!("what came after form {older}"),
            });
        }
    }
    constraint(session).await
}

/// Whether the constraint stands.
pub(crate) async fn constraint(session: &Session) -> Result<(), NeoError> {
    let statement = "SHOW CONSTRAINTS YIELD name, type WHERE name = 'backstay_uid' RETURN name";
    let found: Vec<Name> = session.alone(statement).await?;
    match found.iter().any(|c| c.name == CONSTRAINT) {
        true => Ok(()),
        false => Err(NeoError::NotPrepared {
            lacks: format!("the constraint {CONSTRAINT}"),
        }),
    }
}

/// The version of the server: 5 or one of the calendar.
async fn version(session: &Session) -> Result<String, NeoError> {
    let statement = "CALL dbms.components() YIELD name, versions WHERE name = 'Neo4j Kernel' \
                     RETURN versions[0] AS name";
    let found: Vec<Name> = session.alone(statement).await?;
    let version = found.into_iter().next().map(|v| v.name).unwrap_or_default();
    let major: u32 = version
        .split('.')
        .next()
        .and_then(|m| m.parse().ok())
        .unwrap_or(0);
    match major {
        5 | 2025.. => Ok(version),
        _ => Err(NeoError::OtherVersion {
            address: session.address.to_string(),
            found: format!("version {version}"),
        }),
    }
}

async fn form(session: &Session) -> Result<i64, NeoError> {
    let statement = "OPTIONAL MATCH (s:Backstay:Schema {uid: 'backstay/schema'}) \
                     RETURN coalesce(s.form, 0) AS form";
    let found: Vec<Form> = session.alone(statement).await?;
    Ok(found.first().map_or(0, |f| f.form))
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

#[derive(Deserialize)]
struct DeploymentRow {
    name: String,
    seq: i64,
}

#[derive(Deserialize)]
struct Form {
    form: i64,
}

/// A row that nobody reads.
#[derive(Deserialize)]
struct Ignored {}

/// The type of the relationships of a kind.
#[must_use]
pub const fn relationship(kind: EdgeKind) -> &'static str {
    match kind {
        EdgeKind::Requires => "REQUIRES",
        EdgeKind::ConflictsWith => "CONFLICTS_WITH",
        EdgeKind::BoundedBy => "BOUNDED_BY",
        EdgeKind::Enables => "ENABLES",
        EdgeKind::Overrides => "OVERRIDES",
        EdgeKind::SharesResource => "SHARES_RESOURCE",
        EdgeKind::ScalesWith => "SCALES_WITH",
        EdgeKind::Affects => "AFFECTS",
        EdgeKind::Uses => "USES",
    }
}

/// The kind of the relationships of a type.
pub(crate) fn kind(relationship_type: &str) -> Option<EdgeKind> {
    EdgeKind::ALL
        .into_iter()
        .find(|k| relationship(*k) == relationship_type)
}

/// Types of relationships as a pattern: `REQUIRES|ENABLES`.
pub(crate) fn pattern(kinds: impl IntoIterator<Item = EdgeKind>) -> String {
    let types: Vec<&str> = kinds.into_iter().map(relationship).collect();
    types.join("|")
}
