//! Joins the four files of a pack and refuses what contradicts itself.

use std::collections::{BTreeMap, BTreeSet};

use backstay_model::name::EngineKind;
use backstay_model::{MetricName, SettingName};

use crate::class::class_of;
use crate::expr::{self, Expr, Type};
use crate::pack::file::{
    Alias, ConstraintsFile, EffectsFile, FORMAT, OverridesFile, ReviewedRule, ReviewedSetting,
    SettingFact, SettingsFile,
};
use crate::pack::{Effect, Expansion, NoPack, Pack, SettingDef, Telling, Texts, ValueKind};
use crate::text::Form;
use crate::units::{self, Dimension, Unit};

mod resource;
mod rules;

/// Settings that exist only for us: the authentication rules.
const PSEUDO: &[&str] = &["pg_hba", "pg_ident"];

struct Loader {
    engine: EngineKind,
    major: u32,
}

pub(super) fn load(engine: EngineKind, major: u32, texts: Texts<'_>) -> Result<Pack, NoPack> {
    let loader = Loader { engine, major };
    let facts: SettingsFile = loader.json("settings.json", texts.settings)?;
    let found: ConstraintsFile = loader.json("constraints.json", texts.constraints)?;
    let reviewed: OverridesFile = loader.toml("overrides.toml", texts.overrides)?;
    let effects: EffectsFile = loader.toml("effects.toml", texts.effects)?;
    loader.header("settings.json", facts.format, (facts.engine, facts.major))?;
    loader.header(
        "constraints.json",
        found.format,
        (found.engine, found.major),
    )?;
    loader.header("overrides.toml", reviewed.format, (engine, major))?;
    loader.header("effects.toml", effects.format, (engine, major))?;

    let settings = loader.settings(facts.settings, &reviewed.setting)?;
    let expansions = loader.expansions(&settings)?;
    let aliases = loader.aliases(&settings, &reviewed.alias)?;
    let telling = loader.telling(&reviewed.constraint);
    let (constraints, rules) = loader.rules(&settings, found.constraints, reviewed)?;
    let effects = loader.effects(&settings, effects)?;
    Ok(Pack {
        engine,
        major,
        settings,
        constraints,
        effects,
        rules,
        telling,
        expansions,
        aliases,
    })
}

impl Loader {
    fn corrupt(&self, file: &'static str, why: impl ToString) -> NoPack {
        NoPack::Corrupt {
            engine: self.engine,
            major: self.major,
            file,
            why: why.to_string(),
        }
    }

    fn json<T: serde::de::DeserializeOwned>(
        &self,
        file: &'static str,
        text: &str,
    ) -> Result<T, NoPack> {
        serde_json::from_str(text).map_err(|e| self.corrupt(file, e))
    }

    fn toml<T: serde::de::DeserializeOwned>(
        &self,
        file: &'static str,
        text: &str,
    ) -> Result<T, NoPack> {
        toml::from_str(text).map_err(|e| self.corrupt(file, e.message()))
    }

    fn header(
        &self,
        file: &'static str,
        format: u32,
        (engine, major): (EngineKind, u32),
    ) -> Result<(), NoPack> {
        if format != FORMAT {
            return Err(self.corrupt(file, format!("format {format} instead of {FORMAT}")));
        }
        if (engine, major) != (self.engine, self.major) {
            return Err(self.corrupt(file, format!("it is about {engine} {major}")));
        }
        Ok(())
    }

    /// How reviewed rules want to be told, where that is not the usual way.
    fn telling(&self, reviewed: &[ReviewedRule]) -> BTreeMap<String, Telling> {
        let held = reviewed.iter().filter(|r| r.versions().hold_in(self.major));
        held.filter(|r| r.remedy.is_some() || !r.near || r.outage)
            .map(|r| {
                let telling = Telling {
                    remedy: r.remedy.clone(),
                    near: r.near,
                    outage: r.outage,
                };
                (r.id.clone(), telling)
            })
            .collect()
    }

    fn settings(
        &self,
        facts: Vec<SettingFact>,
        reviewed: &[ReviewedSetting],
    ) -> Result<BTreeMap<SettingName, SettingDef>, NoPack> {
        let mut settings = BTreeMap::new();
        for fact in facts {
            let def = self.definition(fact)?;
            if let Some(twice) = settings.insert(def.name.clone(), def) {
                return Err(self.corrupt("settings.json", format!("{} is there twice", twice.name)));
            }
        }
        for note in reviewed.iter().filter(|n| n.versions().hold_in(self.major)) {
            let Some(def) = settings.get_mut(&SettingName::new(&note.name)) else {
                return Err(self.corrupt("overrides.toml", format!("no setting {}", note.name)));
            };
            def.summary.clone_from(&note.summary);
            def.sentinels.clone_from(&note.sentinels);
            def.resource = note.resource.unwrap_or(def.resource);
        }
        Ok(settings)
    }

    fn definition(&self, fact: SettingFact) -> Result<SettingDef, NoPack> {
        let file = "settings.json";
        let kind = match fact.kind.as_str() {
            "bool" => ValueKind::Bool,
            "integer" => ValueKind::Integer,
            "real" => ValueKind::Real,
            "enum" => ValueKind::Enum(fact.values),
            "text" => ValueKind::Text,
            "list" => ValueKind::List,
            other => return Err(self.corrupt(file, format!("{}: kind {other}", fact.name))),
        };
        let unit = match &fact.unit {
            None => None,
            Some(text) => match Unit::parse(text) {
                None => return Err(self.corrupt(file, format!("{}: unit {text}", fact.name))),
                unit => unit,
            },
        };
        let mut def = SettingDef {
            form: Form::of(&fact.name, self.major),
            name: SettingName::new(&fact.name),
            kind,
            unit,
            min: fact.min,
            max: fact.max,
            default: fact.default,
            context: fact.context,
            class: backstay_model::decision::SettingClass::Restart,
            resource: resource::resource(&fact.name, &fact.category),
            category: fact.category,
            sentinels: Vec::new(),
            summary: String::new(),
        };
        def.class = class_of(self.engine, &def.name, Some(&def));
        match def.default.as_deref().map(|text| units::parse(&def, text)) {
            Some(Err(why)) => Err(self.corrupt(file, format!("default of {why}"))),
            _ => Ok(def),
        }
    }

    fn aliases(
        &self,
        settings: &BTreeMap<SettingName, SettingDef>,
        reviewed: &[Alias],
    ) -> Result<BTreeMap<SettingName, SettingName>, NoPack> {
        let held = reviewed
            .iter()
            .filter(|a| a.since.is_none_or(|s| s <= self.major));
        held.map(|alias| {
            let (name, of) = (SettingName::new(&alias.name), SettingName::new(&alias.of));
            if settings.contains_key(&name) || !settings.contains_key(&of) {
                let why = format!("{name} is no old name of {of}");
                return Err(self.corrupt("overrides.toml", why));
            }
            Ok((name, of))
        })
        .collect()
    }

    fn expansions(
        &self,
        settings: &BTreeMap<SettingName, SettingDef>,
    ) -> Result<BTreeMap<SettingName, Vec<Expansion>>, NoPack> {
        let file = "overrides.toml";
        let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for def in settings.values() {
            for sentinel in &def.sentinels {
                let value =
                    units::parse(def, &sentinel.value).map_err(|e| self.corrupt(file, e))?;
                let effective = match (&sentinel.effective, sentinel.meaning) {
                    (Some(text), _) => Some(self.expression(settings, &def.name, text)?),
                    (None, crate::pack::Meaning::Unlimited) => None,
                    (None, _) => continue,
                };
                found
                    .entry(def.name.clone())
                    .or_default()
                    .push(Expansion { value, effective });
            }
        }
        Ok(found)
    }

    fn expression(
        &self,
        settings: &BTreeMap<SettingName, SettingDef>,
        place: &SettingName,
        text: &str,
    ) -> Result<Expr, NoPack> {
        let file = "overrides.toml";
        let expr = expr::parse(text).map_err(|e| self.corrupt(file, format!("{place}: {e}")))?;
        expr::type_of(&expr, &|name| type_of_setting(settings, name))
            .map_err(|e| self.corrupt(file, format!("{place}: {e}")))?;
        Ok(expr)
    }

    fn effects(
        &self,
        settings: &BTreeMap<SettingName, SettingDef>,
        file: EffectsFile,
    ) -> Result<Vec<Effect>, NoPack> {
        let mut found: BTreeMap<(SettingName, MetricName), Effect> = BTreeMap::new();
        let held = file
            .effect
            .into_iter()
            .filter(|e| e.versions().hold_in(self.major));
        for family in held {
            let mut names: BTreeSet<_> = family
                .settings
                .iter()
                .map(|n| SettingName::new(n))
                .collect();
            for group in &family.categories {
                let inside = settings
                    .values()
                    .filter(|d| d.category.starts_with(group.as_str()));
                names.extend(inside.map(|d| d.name.clone()));
            }
            for setting in names {
                if !settings.contains_key(&setting) && !PSEUDO.contains(&setting.as_str()) {
                    return Err(self.corrupt("effects.toml", format!("no setting {setting}")));
                }
                for metric in &family.metrics {
                    let metric = MetricName::new(metric);
                    let (confidence, mechanism) = (family.confidence, family.mechanism.clone());
                    let effect = Effect {
                        setting: setting.clone(),
                        metric: metric.clone(),
                        confidence,
                        mechanism,
                    };
                    let known = found
                        .entry((setting.clone(), metric))
                        .or_insert_with(|| effect.clone());
                    if known.confidence < effect.confidence {
                        *known = effect;
                    }
                }
            }
        }
        Ok(found.into_values().collect())
    }
}

fn type_of_setting(
    settings: &BTreeMap<SettingName, SettingDef>,
    name: &SettingName,
) -> Option<Type> {
    let Some(def) = settings.get(name) else {
        // What an extension's setting holds nobody knows before its library is loaded.
        return name.as_str().contains('.').then_some(Type::Any);
    };
    Some(match (&def.kind, def.unit) {
        (ValueKind::Bool, _) => Type::Bool,
        (ValueKind::Enum(_) | ValueKind::Text, _) => Type::Text,
        (ValueKind::List, _) => Type::List,
        (_, Some(Unit::Bytes(_))) => Type::Number(Some(Dimension::Bytes)),
        (_, Some(Unit::Micros(_))) => Type::Number(Some(Dimension::Micros)),
        (_, None) => Type::Number(Some(Dimension::Plain)),
    })
}
