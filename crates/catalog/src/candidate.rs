//! A configuration as it would be: built-in values, what a server or a file has, and what is proposed.

use std::collections::{BTreeMap, BTreeSet};

use backstay_model::change::Pending;
use backstay_model::name::EngineKind;
use backstay_model::{Reach, Scope, SettingName, Snapshot, Value, ValueSource};

use crate::class::{Secrecy, secret};
use crate::conf::ConfLine;
use crate::expr::{self, Environment};
use crate::pack::{Context, Pack, SettingDef, elsewhere};
use crate::units::{self, Quantity, ValueError};

/// How many settings with a similar name an error proposes.
const NEAREST_MAX: usize = 3;
/// The stack limit that a process has where nobody changed it, in bytes; assumed until it is known.
const USUAL_STACK: i128 = 8 << 20;
/// How often a special value may stand for a setting with a special value.
const ROUNDS_MAX: u32 = 3;

/// Settings that PostgreSQL takes and tells nobody of, kept for old clients, with the values it takes.
/// They change nothing that a rule speaks of.
fn unlisted(name: &SettingName, text: &str) -> bool {
    match name.as_str() {
        "default_with_oids" => units::parse_bool(text) == Some(false),
        "ssl_renegotiation_limit" => text.trim().parse() == Ok(0_u32),
        "seed" => text
            .trim()
            .parse()
            .is_ok_and(|n: f64| (-1.0..=1.0).contains(&n)),
        _ => false,
    }
}

/// A configuration as it would be, with facts about its host.
#[derive(Clone, Debug)]
pub struct Candidate<'p> {
    pack: &'p Pack,
    held: BTreeMap<SettingName, Held>,
    /// What the server derived itself: another value than the built-in one, but nobody's doing.
    derived: BTreeSet<SettingName>,
    host: BTreeMap<String, Quantity>,
    /// The primary's values, when it is known; a standby's rules speak of them.
    primary: BTreeMap<SettingName, Quantity>,
    pooler: BTreeMap<String, Quantity>,
}

#[derive(Clone, PartialEq, Debug)]
enum Held {
    Known(Quantity),
    /// There is a value that we cannot read: a secret, or text that the engine would refuse.
    Hidden,
}

/// Which values of a snapshot count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum At {
    /// Those in effect.
    Now,
    /// Those in effect after the next start of the server.
    NextStart,
}

impl<'p> Candidate<'p> {
    /// Every setting at its built-in value; nothing known about the host, whose stack limit is taken to
    /// be the usual 8 MB.
    #[must_use]
    pub fn new(pack: &'p Pack) -> Self {
        let known = |def: &SettingDef| {
            let quantity = units::parse(def, def.default.as_deref()?).ok()?;
            Some((def.name.clone(), Held::Known(quantity)))
        };
        Self {
            pack,
            held: pack.settings.values().filter_map(known).collect(),
            derived: BTreeSet::new(),
            host: BTreeMap::new(),
            primary: BTreeMap::new(),
            pooler: BTreeMap::new(),
        }
    }

    /// With a fact about the host: `memory`, `disk_free`, `huge_pages`, `stack` (bytes), `cpus`, `open_files`
    /// (count), `storage` (text).
    #[must_use]
    pub fn with_host(mut self, fact: &str, quantity: Quantity) -> Self {
        self.host.insert(fact.to_owned(), quantity);
        self
    }

    /// With the configuration of the primary that this standby follows. What is not known there stays
    /// unknown here.
    #[must_use]
    pub fn with_primary(mut self, primary: &Candidate<'_>) -> Self {
        let known = primary.held.iter().filter_map(|(name, held)| match held {
            Held::Known(quantity) => Some((name.clone(), quantity.clone())),
            Held::Hidden => None,
        });
        self.primary = known.collect();
        self
    }

    /// With what stands in the configuration of a pooler in front, in the words of [`crate::pooler`].
    #[must_use]
    pub fn with_pooler(mut self, facts: BTreeMap<String, Quantity>) -> Self {
        self.pooler = facts;
        self
    }

    /// With the values of a server, instance scope only. What cannot be read becomes unknown.
    #[must_use]
    pub fn with_snapshot(mut self, snapshot: &Snapshot, at: At) -> (Self, Vec<ValueError>) {
        let mut errors = Vec::new();
        let instance = snapshot
            .settings
            .iter()
            .filter(|(key, _)| key.scope == Scope::Instance);
        for (key, standing) in instance {
            let waits = at == At::NextStart && standing.pending_restart == Pending::Restart;
            let waiting = standing.entry.as_ref().filter(|_| waits);
            match waiting.or(standing.effective.as_ref()) {
                Some(Value::Text(raw)) => errors.extend(self.put(&key.name, raw.as_str()).err()),
                Some(Value::Secret(_)) if standing.source == ValueSource::Default => {}
                Some(Value::Secret(_)) => {
                    self.held.insert(key.name.clone(), Held::Hidden);
                }
                None => {}
            }
            if matches!(
                standing.source,
                ValueSource::Default | ValueSource::Override
            ) {
                self.derived.insert(key.name.clone());
            }
        }
        (self, errors)
    }

    /// With the lines of a configuration file, the later ones stronger. What the engine would refuse
    /// becomes unknown and is reported.
    #[must_use]
    pub fn with_conf(mut self, lines: &[ConfLine]) -> (Self, Vec<(u32, ValueError)>) {
        let mut errors = Vec::new();
        for line in lines {
            if let Err(error) = self.assign(line.name.as_str(), &line.value) {
                errors.push((line.line, error));
            }
        }
        (self, errors)
    }

    /// Sets a setting as a person would, by the engine's own reading.
    ///
    /// # Errors
    /// No such setting, not settable, or not a value for it. The setting is unknown afterwards, unless
    /// it does not exist. A name with a dot belongs to an extension and is taken as it is.
    pub fn assign(&mut self, name: &str, text: &str) -> Result<Quantity, ValueError> {
        let setting = self.pack.canonical(SettingName::new(name));
        match self.pack.settings.get(&setting) {
            Some(def) if def.context == Context::Internal => Err(ValueError::NotSettable {
                setting,
                text: text.to_owned(),
            }),
            None if self.pack.engine == EngineKind::Postgresql && unlisted(&setting, text) => {
                Ok(Quantity::Text(text.to_owned()))
            }
            None if !setting.as_str().contains('.') => {
                let nearest = self.pack.nearest(setting.as_str(), NEAREST_MAX);
                let nearest = nearest.into_iter().cloned().collect();
                let Pack { engine, major, .. } = *self.pack;
                Err(ValueError::UnknownSetting {
                    elsewhere: elsewhere(engine, major, &setting),
                    setting,
                    engine: format!("{engine} {major}"),
                    nearest,
                })
            }
            def => {
                let read = def.map_or_else(
                    || Ok(Quantity::Text(text.to_owned())),
                    |def| units::offered(def, text),
                );
                self.hold(&setting, read)
            }
        }
    }

    /// Sets a setting to its built-in value.
    pub fn reset(&mut self, name: &SettingName) {
        self.held.remove(name);
        if let Some(quantity) = self.built_in(name) {
            self.held.insert(name.clone(), Held::Known(quantity));
        }
    }

    fn put(&mut self, name: &SettingName, text: &str) -> Result<Quantity, ValueError> {
        let read = match self.pack.settings.get(name) {
            Some(def) => units::parse(def, text),
            None => Ok(Quantity::Text(text.to_owned())),
        };
        self.hold(name, read)
    }

    fn hold(
        &mut self,
        name: &SettingName,
        read: Result<Quantity, ValueError>,
    ) -> Result<Quantity, ValueError> {
        let held = read
            .as_ref()
            .map_or(Held::Hidden, |q| Held::Known(q.clone()));
        self.held.insert(name.clone(), held);
        self.derived.remove(name);
        read
    }

    /// The pack that it is built on.
    #[must_use]
    pub const fn pack(&self) -> &'p Pack {
        self.pack
    }

    /// The value of a setting as a person may see it; secrets are covered.
    #[must_use]
    pub fn shown(&self, name: &SettingName) -> Option<String> {
        let quantity = self.setting(name)?;
        let covered = secret(name) == Secrecy::Secret && quantity != Quantity::Text(String::new());
        Some(if covered {
            "(secret)".to_owned()
        } else {
            quantity.to_string()
        })
    }

    fn built_in(&self, name: &SettingName) -> Option<Quantity> {
        let def = self.pack.settings.get(name)?;
        units::parse(def, def.default.as_deref()?).ok()
    }

    fn expanded(&self, name: &SettingName, rounds: u32) -> Option<Quantity> {
        let value = self.setting(name)?;
        let Some(found) = self.pack.expansions(name).iter().find(|e| e.value == value) else {
            return Some(value);
        };
        match &found.effective {
            None => Some(Quantity::Unlimited),
            Some(_) if rounds == 0 => None,
            Some(stands_for) => expr::quantity(
                stands_for,
                &Deeper {
                    of: self,
                    rounds: rounds - 1,
                },
            ),
        }
    }
}

impl Environment for Candidate<'_> {
    fn setting(&self, name: &SettingName) -> Option<Quantity> {
        match self.held.get(name)? {
            Held::Known(quantity) => Some(quantity.clone()),
            Held::Hidden => None,
        }
    }

    fn host(&self, name: &str) -> Option<Quantity> {
        let known = self.host.get(name).cloned();
        known.or_else(|| self.assumed(name).then_some(Quantity::Bytes(USUAL_STACK)))
    }

    fn assumed(&self, fact: &str) -> bool {
        fact == "stack" && !self.host.contains_key(fact)
    }

    fn primary(&self, name: &SettingName) -> Option<Quantity> {
        self.primary.get(name).cloned()
    }

    fn pooler(&self, name: &str) -> Option<Quantity> {
        self.pooler.get(name).cloned()
    }

    fn joined(&self, reach: Reach) -> bool {
        match reach {
            Reach::SameNode => true,
            Reach::PrimaryStandby => !self.primary.is_empty(),
            Reach::AcrossInstances => !self.pooler.is_empty(),
        }
    }

    fn effective(&self, name: &SettingName) -> Option<Quantity> {
        self.expanded(name, ROUNDS_MAX)
    }

    fn set(&self, name: &SettingName) -> Option<bool> {
        if self.derived.contains(name) {
            return Some(false);
        }
        let value = match self.held.get(name) {
            None => return Some(false),
            Some(Held::Hidden) => return Some(true),
            Some(Held::Known(value)) => value,
        };
        match self.built_in(name) {
            Some(built_in) => Some(*value != built_in),
            None => Some(
                *value != Quantity::Text(String::new()) && *value != Quantity::List(Vec::new()),
            ),
        }
    }
}

/// The same configuration inside the expansion of a special value.
struct Deeper<'a, 'p> {
    of: &'a Candidate<'p>,
    rounds: u32,
}

impl Environment for Deeper<'_, '_> {
    fn setting(&self, name: &SettingName) -> Option<Quantity> {
        self.of.setting(name)
    }

    fn host(&self, name: &str) -> Option<Quantity> {
        self.of.host(name)
    }

    fn primary(&self, name: &SettingName) -> Option<Quantity> {
        self.of.primary(name)
    }

    fn pooler(&self, name: &str) -> Option<Quantity> {
        self.of.pooler(name)
    }

    fn effective(&self, name: &SettingName) -> Option<Quantity> {
        self.of.expanded(name, self.rounds)
    }

    fn set(&self, name: &SettingName) -> Option<bool> {
        Environment::set(self.of, name)
    }
}

#[cfg(test)]
mod tests;
