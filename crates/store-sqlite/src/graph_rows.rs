//! Rows of the graph's tables, to and from the graph's words.

use backstay_graph::{EdgeScope, SettingVersion, StoredEdge};
use backstay_model::{
    ChangeSetId, Confidence, Edge, EdgeKind, NodeKey, Scope, SettingKey, Timestamp, Value,
};
use rusqlite::Row;
use rusqlite::types::Type;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A node as the text of a column: `setting:work_mem`.
pub(crate) fn node_text(node: &NodeKey) -> String {
    format!("{}:{}", node.kind(), node.name())
}

/// A value as JSON text. Ours always have one.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<String, rusqlite::Error> {
    serde_json::to_string(value).map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))
}

fn bad(index: usize, why: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(index, Type::Text, why.into())
}

fn from_json<T: DeserializeOwned>(row: &Row<'_>, index: usize) -> Result<T, rusqlite::Error> {
    let text = row.get_ref(index)?.as_str()?;
    let value = serde_json::from_str(text);
    value.map_err(|e| rusqlite::Error::FromSqlConversionFailure(index, Type::Text, e.into()))
}

/// A node of this kind and name, exactly as it was (a constructor would fold the name again).
pub(crate) fn node(kind: &str, name: &str, index: usize) -> Result<NodeKey, rusqlite::Error> {
    let tagged = serde_json::Map::from_iter([(kind.to_owned(), name.into())]);
    let node = serde_json::from_value(serde_json::Value::Object(tagged));
    node.map_err(|_| bad(index, "no such kind of node"))
}

fn node_at(row: &Row<'_>, index: usize) -> Result<NodeKey, rusqlite::Error> {
    let text = row.get_ref(index)?.as_str()?;
    let (kind, name) = text
        .split_once(':')
        .ok_or_else(|| bad(index, "a node has a kind"))?;
    node(kind, name, index)
}

/// The columns that [`edge`] reads, in its order.
pub(crate) const EDGE_COLUMNS: &str =
    "scope, src, dst, kind, confidence, constraint_id, rule, evidence, valid_from, valid_to";

/// An edge and the scope it belongs to.
pub(crate) fn edge(row: &Row<'_>) -> Result<(EdgeScope, Edge), rusqlite::Error> {
    let scope = EdgeScope::parse(row.get_ref(0)?.as_str()?).ok_or_else(|| bad(0, "no scope"))?;
    let kind =
        EdgeKind::parse(row.get_ref(3)?.as_str()?).ok_or_else(|| bad(3, "no kind of edge"))?;
    let confidence = Confidence::new(row.get(4)?).map_err(|_| bad(4, "no confidence"))?;
    let edge = Edge {
        from: node_at(row, 1)?,
        to: node_at(row, 2)?,
        kind,
        confidence,
        constraint: row.get(5)?,
        rule: row.get(6)?,
        evidence: from_json(row, 7)?,
        valid_from: Timestamp(row.get(8)?),
        valid_to: Timestamp(row.get(9)?),
    };
    Ok((scope, edge))
}

/// The same with its identity.
pub(crate) fn stored_edge(row: &Row<'_>) -> Result<StoredEdge, rusqlite::Error> {
    let (scope, edge) = edge(row)?;
    Ok(StoredEdge::new(&scope, edge))
}

/// The columns that [`version`] reads, in its order.
pub(crate) const VERSION_COLUMNS: &str = "value, author, change_set, changed_at, valid_to";

/// An entry of a setting; its last column is the moment the next one begins.
pub(crate) fn version(row: &Row<'_>, first: usize) -> Result<SettingVersion, rusqlite::Error> {
    let value: Option<Value> = match row.get_ref(first)? {
        rusqlite::types::ValueRef::Null => None,
        _ => Some(from_json(row, first)?),
    };
    let change_set: Option<i64> = row.get(first + 2)?;
    let end: Option<i64> = row.get(first + 4)?;
    Ok(SettingVersion {
        value,
        author: from_json(row, first + 1)?,
        change_set: change_set.map(|id| ChangeSetId(id.cast_unsigned())),
        changed_at: Timestamp(row.get(first + 3)?),
        valid_to: end.map_or(Timestamp::OPEN_END, Timestamp),
    })
}

/// The key of a setting from its name and place columns.
pub(crate) fn setting_key(row: &Row<'_>, name: usize) -> Result<SettingKey, rusqlite::Error> {
    let text = row.get_ref(name)?.as_str()?.to_owned();
    let parsed = serde_json::from_value(serde_json::Value::String(text));
    let name_word = parsed.map_err(|_| bad(name, "no name of a setting"))?;
    let scope: Scope = from_json(row, name + 1)?;
    Ok(SettingKey {
        scope,
        name: name_word,
    })
}
