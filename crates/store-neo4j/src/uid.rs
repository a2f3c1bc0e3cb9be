//! The one property by which our nodes are found: `DEPLOYMENT/KIND/PARTS`. Its first two words are a
//! prefix that reads everything of a kind from the index.

use backstay_graph::EdgeScope;
use backstay_model::{NodeKey, Scope, SettingKey, TargetId, Timestamp};
use sha2::{Digest, Sha256};

use crate::address::Deployment;

/// Longer ones are hashed: the keys of an index are bounded (about 8 kB).
const BYTES_MAX: usize = 1_000;

/// What a node is, as the second word of its uid.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Kind {
    SettingDef,
    Metric,
    Resource,
    Service,
    Target,
    Setting,
    Change,
    Constraint,
    Applied,
}

impl Kind {
    /// The kinds of nodes that edges join.
    pub(crate) const ENDS: [Kind; 5] = [
        Self::SettingDef,
        Self::Metric,
        Self::Resource,
        Self::Service,
        Self::Target,
    ];

    pub(crate) const fn of(node: &NodeKey) -> Self {
        match node {
            NodeKey::Setting(_) => Self::SettingDef,
            NodeKey::Metric(_) => Self::Metric,
            NodeKey::Resource(_) => Self::Resource,
            NodeKey::Service(_) => Self::Service,
            NodeKey::Target(_) => Self::Target,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::SettingDef => "def",
            Self::Metric => "metric",
            Self::Resource => "resource",
            Self::Service => "service",
            Self::Target => "target",
            Self::Setting => "setting",
            Self::Change => "change",
            Self::Constraint => "constraint",
            Self::Applied => "applied",
        }
    }

    /// With what every uid of this kind begins.
    pub(crate) fn prefix(self, deployment: &Deployment) -> String {
        format!("{deployment}/{}/", self.word())
    }
}

fn uid(deployment: &Deployment, kind: Kind, parts: &[&str]) -> String {
    let escaped: Vec<String> = parts.iter().map(|p| escape(p)).collect();
    let rest = escaped.join("/");
    let prefix = kind.prefix(deployment);
    if rest.len() <= BYTES_MAX {
        return prefix + &rest;
    }
    let digest = Sha256::digest(rest.as_bytes());
    let hex: String = digest.iter().map(|b| format!("{b:02x}")).collect();
    // No escaped text holds this sign.
    format!("{prefix}#{hex}")
}

fn escape(part: &str) -> String {
    part.replace('%', "%25")
        .replace('/', "%2F")
        .replace('#', "%23")
}

/// The uid of a node that edges join.
pub(crate) fn node(deployment: &Deployment, node: &NodeKey) -> String {
    uid(deployment, Kind::of(node), &[node.name()])
}

fn place(scope: &Scope) -> Vec<String> {
    match scope {
        Scope::Instance => vec![],
        Scope::Database { database } => vec!["database".into(), database.clone()],
        Scope::Role { role } => vec!["role".into(), role.clone()],
        Scope::RoleInDatabase { role, database } => {
            vec!["role".into(), role.clone(), database.clone()]
        }
        Scope::FileRule { rule } => vec!["rule".into(), rule.to_string()],
    }
}

fn of_key(deployment: &Deployment, kind: Kind, key: &(TargetId, SettingKey), more: &str) -> String {
    let place = place(&key.1.scope);
    let mut parts = vec![key.0.as_str(), key.1.name.as_str()];
    parts.extend(place.iter().map(String::as_str));
    // Before the moment of a change stands an empty part, which no place has.
    if kind == Kind::Change {
        parts.extend(["", more]);
    }
    uid(deployment, kind, &parts)
}

/// The uid of a setting of a target.
pub(crate) fn setting(deployment: &Deployment, key: &(TargetId, SettingKey)) -> String {
    of_key(deployment, Kind::Setting, key, "")
}

/// The uid of the change of a setting at a moment.
pub(crate) fn change(
    deployment: &Deployment,
    key: &(TargetId, SettingKey),
    at: Timestamp,
) -> String {
    of_key(deployment, Kind::Change, key, &at.0.to_string())
}

/// The uid of a constraint in a scope.
pub(crate) fn constraint(deployment: &Deployment, scope: &EdgeScope, id: &str) -> String {
    uid(deployment, Kind::Constraint, &[&scope.to_string(), id])
}

/// The uid of the node that says how far the deployment is.
pub(crate) fn applied(deployment: &Deployment) -> String {
    uid(deployment, Kind::Applied, &["journal"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_are_told_apart_whatever_the_names_hold() {
        let d = Deployment::new("prod").unwrap();
        let key = |target: &str, name: &str| (TargetId::new(target), SettingKey::instance(name));
        assert_eq!(
            setting(&d, &key("shop-1", "work_mem")),
            "prod/setting/shop-1/work_mem"
        );
        assert_ne!(setting(&d, &key("a/b", "c")), setting(&d, &key("a", "b/c")));
        let long = NodeKey::Resource("x".repeat(70_000));
        assert!(node(&d, &long).len() < 100);
        let hash = node(&d, &long);
        let posing = NodeKey::Resource(hash.rsplit('/').next().unwrap().to_owned());
        assert_ne!(node(&d, &posing), hash);
        let role = SettingKey {
            scope: Scope::Role { role: "app".into() },
            name: backstay_model::SettingName::new("work_mem"),
        };
        let scoped = (TargetId::new("shop-1"), role);
        assert_eq!(
            setting(&d, &scoped),
            "prod/setting/shop-1/work_mem/role/app"
        );
        assert_ne!(
            change(&d, &scoped, Timestamp(1)),
            change(&d, &scoped, Timestamp(-1))
        );
    }
}
