//! Joins the four files of a pack and refuses what contradicts itself.

use std::collections::{BTreeMap, BTreeSet};

use backstay_model::dependency::{Evidence, EvidenceKind};
use backstay_model::name::EngineKind;
use backstay_model::{Confidence, Constraint, MetricName, NodeKey, Reach, SettingName, Versions};

use crate::class::class_of;
use crate::expr::{self, Expr, Type};
use crate::pack::file::{
    ConstraintsFile, EffectsFile, FORMAT, OverridesFile, ReviewedRule, ReviewedSetting,
    SettingFact, SettingsFile,
};
use crate::pack::{Effect, Expansion, NoPack, Pack, ResourceClass, SettingDef, Texts, ValueKind};
use crate::units::{self, Dimension, Unit};

/// How sure we are of a reviewed rule that says nothing else.
const REVIEWED: f64 = 0.97;
/// Natural log-odds of a dependency between two settings picked at random: 0.4 % of all pairs.
const PRIOR_LOG_ODDS: f64 = -5.5;
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
    let generated = found.constraints.into_iter().map(canonical);
    let retired: BTreeSet<_> = reviewed.retired.iter().map(|r| r.id.as_str()).collect();
    let generated = generated
        .filter(|c| !retired.contains(c.id.as_str()))
        .collect();
    let reviewed = reviewed.constraint.into_iter().map(constraint_of).collect();
    let (constraints, rules) = loader.rules(&settings, generated, reviewed)?;
    let effects = loader.effects(&settings, effects)?;
    Ok(Pack {
        engine,
        major,
        settings,
        constraints,
        effects,
        rules,
        expansions,
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
        for note in reviewed {
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
            name: SettingName::new(&fact.name),
            kind,
            unit,
            min: fact.min,
            max: fact.max,
            default: fact.default,
            context: fact.context,
            class: backstay_model::decision::SettingClass::Restart,
            resource: resource(&fact.name, &fact.category),
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

    fn rules(
        &self,
        settings: &BTreeMap<SettingName, SettingDef>,
        generated: Vec<Constraint>,
        reviewed: Vec<Constraint>,
    ) -> Result<(Vec<Constraint>, BTreeMap<String, Expr>), NoPack> {
        let mut constraints: BTreeMap<String, Constraint> = BTreeMap::new();
        let mut rules = BTreeMap::new();
        let mut meanings: BTreeMap<String, String> = BTreeMap::new();
        let sources = [
            ("overrides.toml", reviewed),
            ("constraints.json", generated),
        ];
        for (file, all) in sources {
            for constraint in all {
                let rule = self.rule(settings, file, &constraint)?;
                let meaning = rule.clone().map(|r| expr::normalise(r).to_string());
                let same = meaning
                    .as_ref()
                    .and_then(|m| meanings.get(m))
                    .unwrap_or(&constraint.id);
                if let Some(known) = constraints.get_mut(same) {
                    if file == "overrides.toml" {
                        return Err(
                            self.corrupt(file, format!("{} says what {same} says", constraint.id))
                        );
                    }
                    join(known, constraint);
                    continue;
                }
                if let Some(meaning) = meaning {
                    meanings.insert(meaning, constraint.id.clone());
                }
                if let Some(rule) = rule {
                    rules.insert(constraint.id.clone(), rule);
                }
                constraints.insert(constraint.id.clone(), constraint);
            }
        }
        Ok((constraints.into_values().collect(), rules))
    }

    /// The parsed rule of a constraint whose parts all exist and fit together.
    fn rule(
        &self,
        settings: &BTreeMap<SettingName, SettingDef>,
        file: &'static str,
        constraint: &Constraint,
    ) -> Result<Option<Expr>, NoPack> {
        let wrong = |why: String| self.corrupt(file, format!("{}: {why}", constraint.id));
        let known = |node: &NodeKey| match node {
            NodeKey::Setting(name) => {
                settings.contains_key(name) || PSEUDO.contains(&name.as_str())
            }
            _ => true,
        };
        let subject = NodeKey::Setting(constraint.subject.clone());
        let participants: Vec<_> = std::iter::once(&subject)
            .chain(&constraint.others)
            .collect();
        if let Some(stranger) = participants.iter().find(|n| !known(n)) {
            return Err(wrong(format!("no setting {stranger}")));
        }
        if constraint.evidence.is_empty() {
            return Err(wrong("without evidence".to_owned()));
        }
        let Some(text) = &constraint.rule else {
            return Ok(None);
        };
        let rule = expr::parse(text).map_err(|e| wrong(e.to_string()))?;
        let found = expr::type_of(&rule, &|name| type_of_setting(settings, name));
        if found.map_err(|e| wrong(e.to_string()))? != Type::Bool {
            return Err(wrong(
                "the rule is not something that holds or not".to_owned(),
            ));
        }
        match expr::vars(&rule).iter().find(|v| !participants.contains(v)) {
            Some(stranger) => Err(wrong(format!(
                "{stranger} is in the rule but no participant"
            ))),
            None => Ok(Some(rule)),
        }
    }

    fn effects(
        &self,
        settings: &BTreeMap<SettingName, SettingDef>,
        file: EffectsFile,
    ) -> Result<Vec<Effect>, NoPack> {
        let mut found: BTreeMap<(SettingName, MetricName), Effect> = BTreeMap::new();
        for family in file.effect {
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

fn constraint_of(reviewed: ReviewedRule) -> Constraint {
    let confidence = reviewed
        .confidence
        .unwrap_or_else(|| Confidence::clamped(REVIEWED));
    let p = confidence.get().clamp(0.001, 0.999);
    let others: f64 = reviewed.evidence.iter().map(|e| e.log_lr).sum();
    let log_lr = (p / (1.0 - p)).ln() - PRIOR_LOG_ODDS - others;
    let review = Evidence {
        kind: EvidenceKind::Review,
        anchor: reviewed.id.clone(),
        log_lr,
        observed_at: None,
    };
    let node = |name: &String| match name.strip_prefix("host.") {
        Some(fact) => NodeKey::Resource(fact.to_owned()),
        None => NodeKey::setting(name),
    };
    Constraint {
        others: reviewed.others.iter().map(node).collect(),
        subject: SettingName::new(&reviewed.subject),
        id: reviewed.id,
        kind: reviewed.kind,
        rule: reviewed.rule,
        severity: reviewed.severity,
        note: reviewed.note,
        evidence: std::iter::once(review).chain(reviewed.evidence).collect(),
        confidence,
        reach: Reach::SameNode,
        versions: Versions::default(),
    }
}

/// Names in generated files come as the server spells them.
fn canonical(mut constraint: Constraint) -> Constraint {
    constraint.subject = SettingName::new(constraint.subject.as_str());
    for node in &mut constraint.others {
        if let NodeKey::Setting(name) = node {
            *name = SettingName::new(name.as_str());
        }
    }
    constraint
}

/// The reviewed constraint stays as it is and takes over the generated one's evidence.
fn join(known: &mut Constraint, generated: Constraint) {
    if known.confidence < generated.confidence {
        known.confidence = generated.confidence;
    }
    known.evidence.extend(generated.evidence);
}

fn type_of_setting(
    settings: &BTreeMap<SettingName, SettingDef>,
    name: &SettingName,
) -> Option<Type> {
    let def = settings.get(name)?;
    Some(match (&def.kind, def.unit) {
        (ValueKind::Bool, _) => Type::Bool,
        (ValueKind::Enum(_) | ValueKind::Text, _) => Type::Text,
        (ValueKind::List, _) => Type::List,
        (_, Some(Unit::Bytes(_))) => Type::Number(Some(Dimension::Bytes)),
        (_, Some(Unit::Micros(_))) => Type::Number(Some(Dimension::Micros)),
        (_, None) => Type::Number(Some(Dimension::Plain)),
    })
}

/// What a setting is about, from its name where that says it, else from the engine's grouping.
fn resource(name: &str, category: &str) -> ResourceClass {
    let by_name: [(&[&str], ResourceClass); 5] = [
        (
            &["_timeout", "_interval", "_delay", "_naptime"],
            ResourceClass::Timeouts,
        ),
        (&["_workers", "_processes"], ResourceClass::Workers),
        (&["_work_mem", "_buffers"], ResourceClass::Memory),
        (&["_locks_per_transaction"], ResourceClass::Locks),
        (&["_connections"], ResourceClass::Connections),
    ];
    let by_category: [(&str, ResourceClass); 17] = [
        ("Autovacuum", ResourceClass::Vacuum),
        ("Resource Usage / Cost-Based", ResourceClass::Vacuum),
        ("Resource Usage / Memory", ResourceClass::Memory),
        ("Resource Usage", ResourceClass::Io),
        ("Write-Ahead Log / Arch", ResourceClass::Replication),
        ("Write-Ahead Log / Recovery", ResourceClass::Replication),
        ("Write-Ahead Log", ResourceClass::Wal),
        ("Replication", ResourceClass::Replication),
        ("Query Tuning", ResourceClass::Planner),
        ("Reporting and Logging", ResourceClass::Log),
        ("Lock Management", ResourceClass::Locks),
        (
            "Connections and Authentication / SSL",
            ResourceClass::Security,
        ),
        (
            "Connections and Authentication / Auth",
            ResourceClass::Security,
        ),
        ("Connections and Authentication", ResourceClass::Connections),
        ("Statistics", ResourceClass::Statistics),
        ("Client Connection Defaults", ResourceClass::Client),
        ("Version and Platform", ResourceClass::Client),
    ];
    let named = by_name
        .iter()
        .find(|(ends, _)| ends.iter().any(|end| name.ends_with(end)));
    let grouped = || {
        by_category
            .iter()
            .find(|(start, _)| category.starts_with(start))
    };
    named
        .map(|(_, class)| *class)
        .or_else(|| grouped().map(|(_, class)| *class))
        .unwrap_or(ResourceClass::Other)
}
