//! What a write says to the database, and the rows for it.

use neo4rs::BoltType;
use serde::Deserialize;

use crate::rows::Version;
use crate::uid;

#[derive(Default)]
pub(super) struct EdgeRows {
    pub(super) gone: Vec<BoltType>,
    pub(super) changed: Vec<BoltType>,
    pub(super) new: Vec<BoltType>,
    pub(super) constraints: Vec<BoltType>,
}

#[derive(Default)]
pub(super) struct SettingRows {
    pub(super) new: Vec<BoltType>,
    pub(super) changed: Vec<BoltType>,
    pub(super) changes: Vec<BoltType>,
}

/// A relationship of a line that is read.
#[derive(Deserialize)]
pub(super) struct LineRow {
    pub(super) i: i64,
    pub(super) element: String,
    #[serde(flatten)]
    pub(super) version: Version,
}

macro_rules! node_statement {
    ($label:literal) => {
        concat!(
            "UNWIND $rows AS r MERGE (n:Backstay {uid: r.uid}) ON CREATE SET n:",
            $label,
            ", n.deployment = r.deployment, n.name = r.name, n.kind = r.kind RETURN count(*) AS n"
        )
    };
}

pub(super) const NODES: &[(uid::Kind, &str)] = &[
    (uid::Kind::SettingDef, node_statement!("SettingDef")),
    (uid::Kind::Metric, node_statement!("Metric")),
    (uid::Kind::Resource, node_statement!("Resource")),
    (uid::Kind::Service, node_statement!("Service")),
    (uid::Kind::Target, node_statement!("Target")),
];

pub(super) const CONSTRAINT: &str = "UNWIND $rows AS r MERGE (c:Backstay {uid: r.uid}) \
     SET c:Constraint, c.deployment = r.deployment, c.id = r.id, c.rule = r.rule, c.kind = r.kind, \
         c.scope = r.scope \
     WITH r, c CALL { WITH r, c UNWIND r.ends AS end MATCH (n:Backstay {uid: end}) \
         MERGE (c)-[:CONSTRAINS]->(n) } \
     RETURN count(*) AS n";

pub(super) const NEW_SETTING: &str = "UNWIND $rows AS r \
     MATCH (t:Backstay {uid: r.target}) MATCH (d:Backstay {uid: r.def}) \
     CREATE (t)-[:HAS]->(s:Backstay:Setting)-[:INSTANCE_OF]->(d) SET s = r.properties \
     RETURN count(*) AS n";

pub(super) const SETTING: &str =
    "UNWIND $rows AS r MATCH (s:Backstay {uid: r.uid}) SET s = r.properties RETURN count(*) AS n";

pub(super) const CHANGE: &str = "UNWIND $rows AS r MATCH (s:Backstay {uid: r.setting}) \
     MERGE (c:Backstay {uid: r.uid}) SET c:Change, c += r.properties \
     MERGE (c)-[e:CHANGED]->(s) \
     SET e.valid_from = c.valid_from, e.valid_to = c.valid_to, e.seq = c.seq \
     RETURN count(*) AS n";
