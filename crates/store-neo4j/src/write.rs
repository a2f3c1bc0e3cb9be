//! One transaction's work: the lines that a group of batches touches are read, the batches are applied
//! to them by the same code as in memory, and what is different then is written.

use std::collections::{BTreeMap, BTreeSet};

use backstay_graph::identity::{EdgeId, LineKey};
use backstay_graph::{Batch, Graph, Op, Overlay, SettingVersion};
use backstay_model::{Edge, EdgeKind, NodeKey, SettingKey, TargetId, Timestamp, Value};
use neo4rs::{BoltType, Txn};

use crate::address::Deployment;
use crate::error::NeoError;
use crate::rows::{self, SettingRow};
use crate::schema::relationship;
use crate::session::{ROWS_MAX, Session, map};
use crate::uid;

use statements::{CHANGE, CONSTRAINT, EdgeRows, LineRow, NEW_SETTING, NODES, SETTING, SettingRows};

mod statements;

type Place = (TargetId, SettingKey);

/// An edge as it stands in the database, and by what it is found again there.
struct Held {
    element: String,
    edge: Edge,
}

/// The history of a setting, as far as it is needed.
#[derive(Default)]
struct Past {
    /// What stands on the setting itself.
    latest: Option<SettingVersion>,
    /// The batch that put it there.
    latest_seq: u64,
    /// Its older entries; read only where an op reaches back before the latest.
    changes: BTreeMap<Timestamp, SettingVersion>,
}

/// An op that set a value: its batch, and what it says stood before.
struct Set<'a> {
    seq: u64,
    old: Option<&'a Value>,
}

/// What a group of batches does.
pub(crate) struct Work<'a> {
    batches: &'a [Batch],
    deployment: &'a Deployment,
    nodes: BTreeSet<NodeKey>,
    lines: BTreeMap<LineKey, BTreeMap<Timestamp, Held>>,
    opened: BTreeMap<(LineKey, Timestamp), u64>,
    settings: BTreeMap<Place, Past>,
    set: BTreeMap<(Place, Timestamp), Set<'a>>,
}

impl<'a> Work<'a> {
    /// What `batches` touch; `known` nodes are in the database already.
    pub(crate) fn of(
        batches: &'a [Batch],
        deployment: &'a Deployment,
        known: &BTreeSet<NodeKey>,
    ) -> Self {
        let mut work = Self {
            batches,
            deployment,
            nodes: BTreeSet::new(),
            lines: BTreeMap::new(),
            opened: BTreeMap::new(),
            settings: BTreeMap::new(),
            set: BTreeMap::new(),
        };
        for batch in batches {
            for op in &batch.ops {
                let new = op.nodes().into_iter().filter(|n| !known.contains(n));
                work.nodes.extend(new);
                work.touch(op, batch.seq);
            }
        }
        work
    }

    fn touch(&mut self, op: &'a Op, seq: u64) {
        match op {
            Op::UpsertNode(_) => {}
            Op::SetValue {
                target,
                key,
                old,
                at,
                ..
            } => {
                let place = (target.clone(), key.clone());
                self.settings.entry(place.clone()).or_default();
                let old = old.as_ref();
                self.set.insert((place, *at), Set { seq, old });
            }
            Op::OpenEdge { scope, edge } => {
                let line = LineKey::of(scope, edge);
                self.lines.entry(line.clone()).or_default();
                self.opened.insert((line, edge.valid_from), seq);
            }
            Op::CloseEdge {
                scope,
                from,
                to,
                kind,
                ..
            } => {
                let line = LineKey::new(scope.clone(), from.clone(), to.clone(), *kind);
                self.lines.entry(line).or_default();
            }
        }
    }

    /// The nodes that become known by it.
    pub(crate) fn into_nodes(self) -> BTreeSet<NodeKey> {
        self.nodes
    }

    /// Reads what stands now.
    pub(crate) async fn read(&mut self, session: &Session, txn: &mut Txn) -> Result<(), NeoError> {
        for kind in EdgeKind::ALL {
            self.read_lines(kind, session, txn).await?;
        }
        self.read_settings(session, txn).await
    }

    async fn read_lines(
        &mut self,
        kind: EdgeKind,
        session: &Session,
        txn: &mut Txn,
    ) -> Result<(), NeoError> {
        let keys: Vec<LineKey> = self
            .lines
            .keys()
            .filter(|l| l.kind == kind)
            .cloned()
            .collect();
        let statement = format!(
            "UNWIND $rows AS r \
             MATCH (a:Backstay {{uid: r.from}})-[e:{}]->(b:Backstay {{uid: r.to}}) \
             WHERE e.scope = r.scope \
             RETURN r.i AS i, elementId(e) AS element, {}",
            relationship(kind),
            rows::VERSION
        );
        for keys in keys.chunks(ROWS_MAX) {
            let wanted = keys.iter().zip(0_i64..).map(|(line, i)| {
                map([
                    ("i", i.into()),
                    ("from", uid::node(self.deployment, &line.from).into()),
                    ("to", uid::node(self.deployment, &line.to).into()),
                    ("scope", line.scope.to_string().into()),
                ])
            });
            let parameters = vec![("rows", wanted.collect())];
            let found: Vec<LineRow> = session.ask(txn, (&statement, parameters)).await?;
            for row in found {
                let place = usize::try_from(row.i).ok().and_then(|i| keys.get(i));
                let Some(line) = place else { continue };
                let element = row.element.clone();
                let (from, to) = (line.from.clone(), line.to.clone());
                let edge = row.version.edge(from, to, kind)?;
                let held = Held { element, edge };
                let versions = self.lines.entry(line.clone()).or_default();
                versions.insert(held.edge.valid_from, held);
            }
        }
        Ok(())
    }

    async fn read_settings(&mut self, session: &Session, txn: &mut Txn) -> Result<(), NeoError> {
        let statement = format!(
            "UNWIND $uids AS u MATCH (n:Backstay {{uid: u}}) RETURN {}",
            rows::setting_columns("changed_at")
        );
        let all: Vec<String> = self.uids(|_, _| true);
        for row in self
            .setting_rows(&statement, all, (session, &mut *txn))
            .await?
        {
            let seq = row.seq.cast_unsigned();
            let (place, version) = row.entry()?;
            let past = self.settings.entry(place).or_default();
            (past.latest, past.latest_seq) = (Some(version), seq);
        }
        let firsts = self.firsts();
        let late: Vec<String> = self.uids(|place, past| {
            let latest = past.latest.as_ref().map(|v| v.changed_at);
            latest.is_some_and(|latest| firsts.get(place).is_some_and(|first| *first < latest))
        });
        let statement = format!(
            "UNWIND $uids AS u MATCH (n:Change)-[:CHANGED]->(:Backstay {{uid: u}}) RETURN {}",
            rows::setting_columns("at")
        );
        for row in self
            .setting_rows(&statement, late, (session, &mut *txn))
            .await?
        {
            let (place, version) = row.entry()?;
            let past = self.settings.entry(place).or_default();
            past.changes.insert(version.changed_at, version);
        }
        Ok(())
    }

    /// The uids of the touched settings that are wanted.
    fn uids(&self, wanted: impl Fn(&Place, &Past) -> bool) -> Vec<String> {
        let wanted = self
            .settings
            .iter()
            .filter(|(place, past)| wanted(place, past));
        wanted
            .map(|(place, _)| uid::setting(self.deployment, place))
            .collect()
    }

    /// The earliest moment at which each setting is set here.
    fn firsts(&self) -> BTreeMap<Place, Timestamp> {
        let mut firsts = BTreeMap::new();
        for (place, at) in self.set.keys() {
            firsts.entry(place.clone()).or_insert(*at);
        }
        firsts
    }

    async fn setting_rows(
        &self,
        statement: &str,
        uids: Vec<String>,
        (session, txn): (&Session, &mut Txn),
    ) -> Result<Vec<SettingRow>, NeoError> {
        let mut found = Vec::new();
        for uids in uids.chunks(ROWS_MAX) {
            let parameters = vec![("uids", uids.into())];
            found.extend(session.ask(txn, (statement, parameters)).await?);
        }
        Ok(found)
    }

    /// Applies the batches to what was read, and writes what is different then.
    pub(crate) async fn write(&self, session: &Session, txn: &mut Txn) -> Result<(), NeoError> {
        let nothing = Graph::new();
        let after = self.applied(nothing.overlay());
        self.write_nodes(session, txn).await?;
        self.write_edges(&after, session, txn).await?;
        let settings = self.setting_work(&after)?;
        let statements = [
            (NEW_SETTING, settings.new),
            (SETTING, settings.changed),
            (CHANGE, settings.changes),
        ];
        for (statement, rows) in statements {
            session.put(txn, statement, rows).await?;
        }
        Ok(())
    }

    /// What was read, with every op in order on top of it.
    fn applied(&self, mut graph: Overlay<'a>) -> Overlay<'a> {
        for (line, versions) in &self.lines {
            for held in versions.values() {
                graph.put(&Op::open(&line.scope, held.edge.clone()));
            }
        }
        for (place, past) in &self.settings {
            for version in past.changes.values().chain(&past.latest) {
                graph.put(&entered(place, version));
            }
        }
        let ops = self.batches.iter().flat_map(|b| &b.ops);
        ops.for_each(|op| graph.put(op));
        graph
    }

    async fn write_nodes(&self, session: &Session, txn: &mut Txn) -> Result<(), NeoError> {
        for (kind, statement) in NODES {
            let nodes = self.nodes.iter().filter(|n| uid::Kind::of(n) == *kind);
            let mut rows: Vec<(String, &NodeKey)> =
                nodes.map(|n| (uid::node(self.deployment, n), n)).collect();
            // In the order of the index, so that two writers wait for each other in one direction only.
            rows.sort();
            let rows = rows.into_iter().map(|(uid, node)| {
                map([
                    ("uid", uid.into()),
                    ("deployment", self.deployment.as_str().into()),
                    ("name", node.name().into()),
                    ("kind", node.kind().into()),
                ])
            });
            session.put(txn, statement, rows.collect()).await?;
        }
        Ok(())
    }

    async fn write_edges(
        &self,
        after: &Overlay<'_>,
        session: &Session,
        txn: &mut Txn,
    ) -> Result<(), NeoError> {
        for kind in EdgeKind::ALL {
            let mut rows = EdgeRows::default();
            for (line, before) in self.lines.iter().filter(|(l, _)| l.kind == kind) {
                self.line_work(line, before, (after.versions(line), &mut rows))?;
            }
            let word = relationship(kind);
            let found =
                format!("UNWIND $rows AS r MATCH ()-[e:{word}]->() WHERE elementId(e) = r.element");
            let gone = format!("{found} DELETE e RETURN count(*) AS n");
            let changed = format!("{found} SET e += r.properties RETURN count(*) AS n");
            let new = format!(
                "UNWIND $rows AS r MATCH (a:Backstay {{uid: r.from}}) MATCH (b:Backstay {{uid: r.to}}) \
                 CREATE (a)-[e:{word}]->(b) SET e = r.properties RETURN count(*) AS n"
            );
            session.put(txn, &gone, rows.gone).await?;
            session.put(txn, &changed, rows.changed).await?;
            session.put(txn, &new, rows.new).await?;
            session.put(txn, CONSTRAINT, rows.constraints).await?;
        }
        Ok(())
    }

    fn line_work(
        &self,
        line: &LineKey,
        before: &BTreeMap<Timestamp, Held>,
        (after, rows): (Vec<Edge>, &mut EdgeRows),
    ) -> Result<(), NeoError> {
        let last = self.batches.last().map_or(0, |b| b.seq);
        let still: BTreeSet<Timestamp> = after.iter().map(|e| e.valid_from).collect();
        let gone = before.iter().filter(|(from, _)| !still.contains(from));
        rows.gone
            .extend(gone.map(|(_, held)| map([("element", held.element.as_str().into())])));
        for edge in after {
            let from = edge.valid_from;
            let held = before.get(&from);
            let opened = self.opened.get(&(line.clone(), from));
            if held.is_some_and(|h| h.edge == edge && opened.is_none()) {
                continue;
            }
            let (a, b) = (
                uid::node(self.deployment, &line.from),
                uid::node(self.deployment, &line.to),
            );
            if let (Some(_), Some(id)) = (opened, &edge.constraint) {
                rows.constraints.push(map([
                    (
                        "uid",
                        uid::constraint(self.deployment, &line.scope, id).into(),
                    ),
                    ("deployment", self.deployment.as_str().into()),
                    ("id", id.as_str().into()),
                    ("rule", edge.rule.clone().into()),
                    ("kind", edge.kind.word().into()),
                    ("scope", line.scope.to_string().into()),
                    ("ends", vec![a.clone(), b.clone()].into()),
                ]));
            }
            let Some(held) = held else {
                let seq = opened.copied().unwrap_or(last);
                let id = EdgeId::of(line, from);
                let of = (self.deployment, seq);
                let properties = rows::edge_properties(id, &line.scope, &edge, of)?;
                rows.new.push(map([
                    ("from", a.into()),
                    ("to", b.into()),
                    ("properties", properties),
                ]));
                continue;
            };
            let properties = match opened {
                Some(seq) => {
                    let of = (self.deployment, *seq);
                    rows::edge_properties(EdgeId::of(line, from), &line.scope, &edge, of)?
                }
                None => map([("valid_to", edge.valid_to.0.into())]),
            };
            rows.changed.push(map([
                ("element", held.element.as_str().into()),
                ("properties", properties),
            ]));
        }
        Ok(())
    }

    fn setting_work(&self, after: &Overlay<'_>) -> Result<SettingRows, NeoError> {
        let mut rows = SettingRows::default();
        for (place, past) in &self.settings {
            let history = after.history(&place.0, &place.1);
            let Some(latest) = history.last() else {
                continue;
            };
            self.latest_work(place, (past, latest), &mut rows)?;
            for version in &history {
                self.change_work(place, (past, version, latest), &mut rows)?;
            }
        }
        Ok(rows)
    }

    fn latest_work(
        &self,
        place: &Place,
        (past, latest): (&Past, &SettingVersion),
        rows: &mut SettingRows,
    ) -> Result<(), NeoError> {
        let set = self.set.get(&(place.clone(), latest.changed_at));
        let Some(set) = set else { return Ok(()) };
        let uid = uid::setting(self.deployment, place);
        let of = ("changed_at", self.deployment, set.seq);
        let properties = rows::setting_properties(uid.clone(), place, latest, of)?;
        let properties =
            BoltType::Map(properties.into_iter().map(|(k, v)| (k.into(), v)).collect());
        match &past.latest {
            Some(_) => rows
                .changed
                .push(map([("uid", uid.into()), ("properties", properties)])),
            None => {
                let target = NodeKey::Target(place.0.clone());
                let def = NodeKey::Setting(place.1.name.clone());
                rows.new.push(map([
                    ("target", uid::node(self.deployment, &target).into()),
                    ("def", uid::node(self.deployment, &def).into()),
                    ("properties", properties),
                ]));
            }
        }
        Ok(())
    }

    /// An entry has a node of its own when it is a change, and when it is over.
    fn change_work(
        &self,
        place: &Place,
        (past, version, latest): (&Past, &SettingVersion, &SettingVersion),
        rows: &mut SettingRows,
    ) -> Result<(), NeoError> {
        let at = version.changed_at;
        let set = self.set.get(&(place.clone(), at));
        let on_setting = past.latest.as_ref().filter(|v| v.changed_at == at);
        let before = past.changes.get(&at).or(on_setting);
        let stands = before.is_some_and(|b| b.valid_to == version.valid_to);
        let own = version.change_set.is_some() || at != latest.changed_at || before.is_some();
        if !own || (set.is_none() && stands) {
            return Ok(());
        }
        let uid = uid::change(self.deployment, place, at);
        // Whatever is rewritten without an op of its own was the latest, or is in the database.
        let of = (
            "at",
            self.deployment,
            set.map_or(past.latest_seq, |s| s.seq),
        );
        let mut properties = rows::setting_properties(uid.clone(), place, version, of)?;
        properties.push(("valid_from".into(), at.0.into()));
        properties.push(("valid_to".into(), version.valid_to.0.into()));
        if let Some(set) = set {
            properties.push(("old_value".into(), rows::old_value(set.old)));
        } else if past.changes.contains_key(&at) {
            properties.retain(|(k, _)| k != "seq");
        }
        let properties =
            BoltType::Map(properties.into_iter().map(|(k, v)| (k.into(), v)).collect());
        rows.changes.push(map([
            ("uid", uid.into()),
            ("setting", uid::setting(self.deployment, place).into()),
            ("properties", properties),
        ]));
        Ok(())
    }
}

/// The op that made an entry.
pub(crate) fn entered(place: &Place, version: &SettingVersion) -> Op {
    Op::SetValue {
        target: place.0.clone(),
        key: place.1.clone(),
        old: None,
        new: version.value.clone(),
        author: version.author.clone(),
        at: version.changed_at,
        change_set: version.change_set,
    }
}
