//! What stands for roles and databases over the values of the instance, judged as their sessions have it.

use std::collections::{BTreeMap, BTreeSet};

use backstay_model::{Scope, SettingName, Snapshot, Value};

use crate::candidate::Candidate;
use crate::check::{CheckReport, Violation, check_touched};
use crate::expr::{self, Arithmetic, Expr, Tri};
use crate::pack::{Context, Pack};
use crate::units::ValueError;

/// Most different sets of values that are judged; the rest is counted. Roles with the same values are
/// judged once.
const DIFFERENT_MAX: usize = 512;

/// Rules that the sessions of some roles or databases break, while the instance keeps them.
#[derive(Clone, PartialEq, Debug)]
pub struct Overlay<'p> {
    /// Whose sessions: a role, a database, or a role in a database; all of them have the same values.
    pub whose: Vec<Scope>,
    /// What is broken, worst first.
    pub broken: Vec<Taken<'p>>,
}

/// A broken rule, and what taken back makes it hold again.
#[derive(Clone, PartialEq, Debug)]
pub struct Taken<'p> {
    /// The rule, with the values that the sessions have.
    pub violation: Violation<'p>,
    /// The settings each of which is enough, with the first of the scopes that sets it.
    pub taken_back: Vec<(Scope, SettingName)>,
}

/// Everything that the values of roles and databases break.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Overlays<'p> {
    /// By whose it is.
    pub found: Vec<Overlay<'p>>,
    /// Values that the engine would refuse.
    pub unread: Vec<(Scope, ValueError)>,
    /// Sets of values that were judged.
    pub judged: usize,
    /// Sets of values beyond the bound, which were not.
    pub left_out: usize,
}

/// Values over those of the instance, by setting, with the scope that each comes from.
type Layer = BTreeMap<SettingName, (Scope, String)>;
/// The same values whoever sets them.
type Alike = Vec<(SettingName, String)>;

/// Judges what `snapshot` holds for roles and databases over `instance`, whose own findings are `known`.
///
/// A role is judged in any database, a database with any role, and both together where one rule speaks
/// of values of both. Only settings that a session may change count. A rule that adds up over all
/// sessions, or that is about the autovacuum, says nothing of the sessions of one role.
#[must_use]
pub fn overlays<'p>(
    instance: &Candidate<'p>,
    snapshot: &Snapshot,
    known: &CheckReport<'p>,
) -> Overlays<'p> {
    let pack = instance.pack();
    let layers = layers(pack, snapshot);
    let mut told = Overlays::default();
    let mut alike: BTreeMap<(bool, Alike), (Vec<Scope>, Layer)> = BTreeMap::new();
    for (whose, layer) in sessions(pack, &layers) {
        let values = layer.iter().map(|(n, (_, v))| (n.clone(), v.clone()));
        let of_role = !matches!(whose, Scope::Database { .. });
        let key = (of_role, values.collect::<Alike>());
        let entry = alike.entry(key).or_insert_with(|| (Vec::new(), layer));
        entry.0.push(whose);
    }
    told.left_out = alike.len().saturating_sub(DIFFERENT_MAX);
    let broken_already: BTreeSet<&str> = known
        .violations
        .iter()
        .map(|v| v.constraint.id.as_str())
        .collect();
    for (whose, layer) in alike.into_values().take(DIFFERENT_MAX) {
        told.judged += 1;
        let (env, unread) = over(instance, &layer);
        told.unread.extend(unread);
        let touched: BTreeSet<SettingName> = layer.keys().cloned().collect();
        let broken: Vec<Taken<'p>> = check_touched(pack, &env, &touched)
            .violations
            .into_iter()
            .filter(|v| !broken_already.contains(v.constraint.id.as_str()))
            .filter_map(|v| taken(pack, instance, &layer, v, &whose))
            .collect();
        if !broken.is_empty() {
            told.found.push(Overlay { whose, broken });
        }
    }
    without_the_wider(&mut told.found);
    told
}

/// What each scope sets, where a session could: sizes of shared things are no role's.
fn layers(pack: &Pack, snapshot: &Snapshot) -> BTreeMap<Scope, Layer> {
    let mut layers: BTreeMap<Scope, Layer> = BTreeMap::new();
    for (key, standing) in &snapshot.settings {
        if matches!(key.scope, Scope::Instance | Scope::FileRule { .. }) {
            continue;
        }
        let name = pack.canonical(key.name.clone());
        let context = pack.settings.get(&name).map(|d| d.context);
        if !matches!(context, None | Some(Context::User | Context::Superuser)) {
            continue;
        }
        let value = standing.entry.as_ref().or(standing.effective.as_ref());
        if let Some(Value::Text(text)) = value {
            let layer = layers.entry(key.scope.clone()).or_default();
            layer.insert(name, (key.scope.clone(), text.as_str().to_owned()));
        }
    }
    layers
}

/// Whose sessions have which values: the narrower scope is stronger.
fn sessions(pack: &Pack, layers: &BTreeMap<Scope, Layer>) -> Vec<(Scope, Layer)> {
    let together = Together::of(pack);
    let of = |scope: &Scope| layers.get(scope).cloned().unwrap_or_default();
    let mut all: Vec<(Scope, Layer)> = Vec::new();
    for (scope, layer) in layers {
        match scope {
            Scope::Database { .. } | Scope::Role { .. } => all.push((scope.clone(), layer.clone())),
            Scope::RoleInDatabase { role, database } => {
                let mut merged = of(&Scope::Database {
                    database: database.clone(),
                });
                merged.extend(of(&Scope::Role { role: role.clone() }));
                merged.extend(layer.clone());
                all.push((scope.clone(), merged));
            }
            Scope::Instance | Scope::FileRule { .. } => {}
        }
    }
    for (a, of_database) in layers {
        let Scope::Database { database } = a else {
            continue;
        };
        for (b, of_role) in layers {
            let Scope::Role { role } = b else { continue };
            let whose = Scope::RoleInDatabase {
                role: role.clone(),
                database: database.clone(),
            };
            if layers.contains_key(&whose) || !together.meet(of_database, of_role) {
                continue;
            }
            let mut merged = of_database.clone();
            merged.extend(of_role.clone());
            all.push((whose, merged));
        }
    }
    all
}

/// Which settings stand together in a rule.
struct Together(Vec<BTreeSet<SettingName>>);

impl Together {
    fn of(pack: &Pack) -> Self {
        let rules = pack.constraints.iter().filter_map(|c| pack.rule(&c.id));
        let several = rules.map(Expr::settings).filter(|s| s.len() > 1);
        Self(several.collect())
    }

    /// Whether a rule speaks of a value of `a` and of another of `b`.
    fn meet(&self, a: &Layer, b: &Layer) -> bool {
        let only = |a: &Layer, b: &Layer, rule: &BTreeSet<SettingName>| {
            let mut own = rule.iter().filter(|n| !b.contains_key(*n));
            own.any(|n| a.contains_key(n))
        };
        self.0
            .iter()
            .any(|rule| only(a, b, rule) && rule.iter().any(|n| b.contains_key(n)))
    }
}

fn over<'p>(instance: &Candidate<'p>, layer: &Layer) -> (Candidate<'p>, Vec<(Scope, ValueError)>) {
    let mut env = instance.clone();
    let mut unread = Vec::new();
    for (name, (scope, text)) in layer {
        if let Err(error) = env.assign(name.as_str(), text) {
            unread.push((scope.clone(), error));
        }
    }
    (env, unread)
}

/// The violation, when it is the sessions' own: some value of theirs makes it.
fn taken<'p>(
    pack: &Pack,
    instance: &Candidate<'p>,
    layer: &Layer,
    violation: Violation<'p>,
    whose: &[Scope],
) -> Option<Taken<'p>> {
    let rule = pack.rule(&violation.constraint.id)?;
    let spoken: Vec<&SettingName> = layer
        .keys()
        .filter(|n| rule.settings().contains(*n))
        .collect();
    let of_role = !matches!(whose.first(), Some(Scope::Database { .. }));
    if of_role && about_autovacuum(rule) || spoken.iter().any(|n| adds_up(pack, rule, n)) {
        return None;
    }
    let enough = |name: &&&SettingName| {
        let mut less = layer.clone();
        less.remove(**name);
        expr::eval(rule, &over(instance, &less).0) == Tri::True
    };
    let taken_back = spoken
        .iter()
        .filter(enough)
        .filter_map(|n| Some((layer.get(*n)?.0.clone(), (*n).clone())))
        .collect();
    Some(Taken {
        violation,
        taken_back,
    })
}

fn about_autovacuum(rule: &Expr) -> bool {
    let names = rule.settings();
    names
        .iter()
        .any(|n| n.as_str().starts_with("autovacuum") || n.as_str() == "track_counts")
}

/// Whether the rule multiplies `name` by something of the instance: a sum over all sessions.
fn adds_up(pack: &Pack, rule: &Expr, name: &SettingName) -> bool {
    let own = |n: &SettingName| {
        let def = pack.settings.get(n);
        def.is_none_or(|d| matches!(d.context, Context::User | Context::Superuser))
    };
    let shared = |e: &Expr| e.settings().iter().any(|n| !own(n));
    let here = match rule {
        Expr::Arithmetic(Arithmetic::Multiply, a, b) => {
            let by = |x: &Expr, y: &Expr| x.settings().contains(name) && shared(y);
            by(a, b) || by(b, a)
        }
        _ => false,
    };
    here || rule.parts().into_iter().any(|e| adds_up(pack, e, name))
}

/// A role in a database breaks nothing of its own where the role, or the database, breaks it anywhere.
fn without_the_wider(found: &mut Vec<Overlay<'_>>) {
    let wider: BTreeSet<(Scope, String)> = found
        .iter()
        .flat_map(|o| {
            let ids = o.broken.iter().map(|t| t.violation.constraint.id.clone());
            ids.flat_map(|id| o.whose.iter().map(move |w| (w.clone(), id.clone())))
        })
        .collect();
    let told = |whose: &Scope, id: &str| match whose {
        Scope::RoleInDatabase { role, database } => [
            Scope::Role { role: role.clone() },
            Scope::Database {
                database: database.clone(),
            },
        ]
        .into_iter()
        .any(|w| wider.contains(&(w, id.to_owned()))),
        _ => false,
    };
    for overlay in &mut *found {
        let whose = overlay.whose.clone();
        overlay
            .broken
            .retain(|t| !whose.iter().all(|w| told(w, &t.violation.constraint.id)));
    }
    found.retain(|o| !o.broken.is_empty());
}

#[cfg(test)]
mod tests;
