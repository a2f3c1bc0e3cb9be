//! Rows of the database, to and from the graph's words.

use backstay_graph::{EdgeId, EdgeScope, SettingVersion};
use backstay_learn::belief::{Standing, believe};
use backstay_model::value::Fingerprint;
use backstay_model::{
    Author, ChangeSetId, Confidence, Edge, EdgeKind, Evidence, NodeKey, Scope, SettingKey,
    TargetId, Timestamp, Value,
};
use neo4rs::BoltType;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::address::Deployment;
use crate::error::NeoError;
use crate::schema;
use crate::session::map;

/// A value as JSON text. Ours always have one.
pub(crate) fn json<T: serde::Serialize>(value: &T) -> Result<String, NeoError> {
    serde_json::to_string(value).map_err(|e| NeoError::odd(e.to_string()))
}

fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, NeoError> {
    serde_json::from_str(text).map_err(|e| NeoError::odd(format!("{e} in {text}")))
}

/// The columns of [`Version`]; the relationship is `e`.
pub(crate) const VERSION: &str = "e.confidence AS confidence, e.constraint_id AS constraint_id, \
     e.rule AS rule, e.detail AS detail, e.valid_from AS valid_from, e.valid_to AS valid_to";

/// What a relationship says of its edge.
#[derive(Deserialize)]
pub(crate) struct Version {
    confidence: f64,
    constraint_id: Option<String>,
    rule: Option<String>,
    detail: String,
    valid_from: i64,
    valid_to: i64,
}

impl Version {
    /// The edge between two nodes.
    pub(crate) fn edge(self, from: NodeKey, to: NodeKey, kind: EdgeKind) -> Result<Edge, NeoError> {
        let confidence = Confidence::new(self.confidence);
        Ok(Edge {
            from,
            to,
            kind,
            confidence: confidence.map_err(|_| NeoError::odd("a confidence beyond 0..=1"))?,
            constraint: self.constraint_id,
            rule: self.rule,
            evidence: from_json::<Vec<Evidence>>(&self.detail)?,
            valid_from: Timestamp(self.valid_from),
            valid_to: Timestamp(self.valid_to),
        })
    }
}

/// The columns of [`EdgeRow`] beside those of [`Version`]; the nodes are `a` and `b`.
pub(crate) const ENDS: &str = "type(e) AS kind, e.scope AS scope, a.kind AS from_kind, \
     a.name AS from_name, b.kind AS to_kind, b.name AS to_name";

/// A relationship with its ends.
#[derive(Deserialize)]
pub(crate) struct EdgeRow {
    kind: String,
    scope: String,
    from_kind: String,
    from_name: String,
    to_kind: String,
    to_name: String,
    #[serde(flatten)]
    version: Version,
}

impl EdgeRow {
    /// The edge, and where it belongs.
    pub(crate) fn scoped(self) -> Result<(EdgeScope, Edge), NeoError> {
        let scope = EdgeScope::parse(&self.scope);
        let scope = scope.ok_or_else(|| NeoError::odd(format!("a scope {}", self.scope)))?;
        let kind = schema::kind(&self.kind);
        let kind = kind.ok_or_else(|| NeoError::odd(format!("an edge {}", self.kind)))?;
        let from = node(&self.from_kind, &self.from_name)?;
        let to = node(&self.to_kind, &self.to_name)?;
        Ok((scope, self.version.edge(from, to, kind)?))
    }
}

/// A node of this kind and name, exactly as it was (a constructor would fold the name again).
pub(crate) fn node(kind: &str, name: &str) -> Result<NodeKey, NeoError> {
    let tagged = serde_json::Map::from_iter([(kind.to_owned(), name.into())]);
    serde_json::from_value(serde_json::Value::Object(tagged))
        .map_err(|_| NeoError::odd(format!("a node of kind {kind}")))
}

/// The columns of [`SettingRow`]; the node is `n`, and `at` the property with its moment.
pub(crate) fn setting_columns(at: &str) -> String {
    format!(
        "n.target AS target, n.name AS name, n.scope AS scope, n.value AS value, \
         n.fingerprint AS fingerprint, n.author AS author, n.author_via AS author_via, \
         n.{at} AS at, n.change_set AS change_set, n.valid_to AS valid_to, n.seq AS seq"
    )
}

/// An entry of a setting.
#[derive(Deserialize)]
pub(crate) struct SettingRow {
    target: String,
    name: String,
    scope: String,
    value: Option<String>,
    fingerprint: Option<String>,
    author: String,
    author_via: Option<String>,
    at: i64,
    change_set: Option<i64>,
    valid_to: Option<i64>,
    /// The batch that wrote it.
    pub(crate) seq: i64,
}

impl SettingRow {
    /// Which setting it is of, and the entry.
    pub(crate) fn entry(self) -> Result<((TargetId, SettingKey), SettingVersion), NeoError> {
        let name = serde_json::from_value(serde_json::Value::String(self.name));
        let key = SettingKey {
            scope: from_json(&self.scope)?,
            name: name.map_err(|_| NeoError::odd("a setting without a name"))?,
        };
        let value = match (self.value, self.fingerprint) {
            (Some(text), _) => Some(Value::text(text)),
            (None, Some(print)) => Some(Value::Secret(Fingerprint(print))),
            (None, None) => None,
        };
        let author = match self.author_via {
            None => Author::Unknown,
            Some(via) => Author::Known {
                name: self.author,
                via: serde_json::from_value(serde_json::Value::String(via))
                    .map_err(|_| NeoError::odd("an author that nothing names"))?,
            },
        };
        let version = SettingVersion {
            value,
            author,
            change_set: self.change_set.map(|id| ChangeSetId(id.cast_unsigned())),
            changed_at: Timestamp(self.at),
            valid_to: self.valid_to.map_or(Timestamp::OPEN_END, Timestamp),
        };
        Ok(((TargetId::new(&self.target), key), version))
    }
}

/// The properties of a relationship.
pub(crate) fn edge_properties(
    id: EdgeId,
    scope: &EdgeScope,
    edge: &Edge,
    (deployment, seq): (&Deployment, u64),
) -> Result<BoltType, NeoError> {
    let sure = edge.confidence.get();
    let (low, high) = match edge.kind {
        EdgeKind::Uses => (sure, sure),
        _ => {
            let belief = believe(&edge.evidence, None, Standing::Exact);
            (belief.low.min(sure), belief.high.max(sure))
        }
    };
    let evidence = edge.evidence.iter();
    let evidence: Vec<String> = evidence
        .map(|e| format!("{}: {}", e.kind.word(), e.anchor))
        .collect();
    Ok(map([
        ("edge_id", id.to_string().into()),
        ("deployment", deployment.as_str().into()),
        ("scope", scope.to_string().into()),
        ("confidence", sure.into()),
        ("interval", vec![low, high].into()),
        ("constraint_id", edge.constraint.clone().into()),
        ("rule", edge.rule.clone().into()),
        ("evidence", evidence.into()),
        ("detail", json(&edge.evidence)?.into()),
        ("valid_from", edge.valid_from.0.into()),
        ("valid_to", edge.valid_to.0.into()),
        ("seq", seq.cast_signed().into()),
    ]))
}

/// The text of a value for people and the store, and the fingerprint of a secret.
fn shown(value: Option<&Value>) -> (Option<String>, Option<String>) {
    match value {
        None => (None, None),
        Some(Value::Text(raw)) => (Some(raw.as_str().to_owned()), None),
        Some(Value::Secret(print)) => (None, Some(print.0.clone())),
    }
}

/// The properties of a setting or of a change, the moment under `at`.
pub(crate) fn setting_properties(
    uid: String,
    (target, key): &(TargetId, SettingKey),
    version: &SettingVersion,
    (at, deployment, seq): (&str, &Deployment, u64),
) -> Result<Vec<(String, BoltType)>, NeoError> {
    let (value, fingerprint) = shown(version.value.as_ref());
    let via = match &version.author {
        Author::Known { via, .. } => Some(json(via)?.trim_matches('"').to_owned()),
        Author::Unknown => None,
    };
    let place = (key.scope != Scope::Instance).then(|| key.scope.to_string());
    let change_set = version.change_set.map(|id| id.0.cast_signed());
    let properties = [
        ("uid", uid.into()),
        ("deployment", deployment.as_str().into()),
        ("target", target.as_str().into()),
        ("key", key.to_string().into()),
        ("name", key.name.as_str().into()),
        ("place", place.into()),
        ("scope", json(&key.scope)?.into()),
        ("value", value.into()),
        ("fingerprint", fingerprint.into()),
        ("author", version.author.name().into()),
        ("author_via", via.into()),
        (at, version.changed_at.0.into()),
        ("change_set", change_set.into()),
        ("seq", seq.cast_signed().into()),
    ];
    Ok(properties.map(|(k, v)| (k.to_owned(), v)).into())
}

/// What stood before a change, for people; a secret is not shown.
pub(crate) fn old_value(old: Option<&Value>) -> BoltType {
    old.map(ToString::to_string).into()
}
