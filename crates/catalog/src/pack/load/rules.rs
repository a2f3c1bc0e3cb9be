//! Joins what was generated with what people reviewed: the reviewed wins.

use std::collections::BTreeMap;

use backstay_model::dependency::{Evidence, EvidenceKind};
use backstay_model::{Confidence, Constraint, NodeKey, SettingName};

use super::{Loader, PSEUDO, type_of_setting};
use crate::expr::{self, Expr, Type};
use crate::pack::file::{OverridesFile, Retired, ReviewedRule};
use crate::pack::{NoPack, PRIOR_LOG_ODDS, SettingDef};

/// How sure we are of a reviewed rule that says nothing else.
const REVIEWED: f64 = 0.97;

/// Constraints in the order of their ids, and their parsed rules by id.
pub(super) type Joined = (Vec<Constraint>, BTreeMap<String, Expr>);

/// What is known so far, and where to find it.
#[derive(Default)]
struct Found {
    constraints: BTreeMap<String, Constraint>,
    rules: BTreeMap<String, Expr>,
    /// Ids by what a rule means.
    meanings: BTreeMap<String, String>,
    /// Ids of the reviewed constraints in which two settings stand, names sorted.
    pairs: BTreeMap<(SettingName, SettingName), Vec<String>>,
}

impl Loader {
    /// The reviewed constraints of this version, then the generated ones: evidence of a pair that people
    /// reviewed joins theirs, whatever kind it has; only a pair of its own makes a constraint.
    pub(super) fn rules(
        &self,
        settings: &BTreeMap<SettingName, SettingDef>,
        generated: Vec<Constraint>,
        reviewed: OverridesFile,
    ) -> Result<Joined, NoPack> {
        let mut found = Found::default();
        let held = (reviewed.constraint.into_iter()).filter(|r| r.versions().hold_in(self.major));
        for reviewed in held {
            let file = "overrides.toml";
            let context: Vec<NodeKey> = reviewed.context.iter().map(|n| expr::node(n)).collect();
            let constraint = constraint_of(reviewed);
            let rule = self.rule(settings, file, &constraint, &context)?;
            let meaning = rule.clone().map(|r| expr::normalise(r).to_string());
            if let Some(same) = found.same(&constraint, meaning.as_ref()) {
                return Err(self.corrupt(file, format!("{} says what {same} says", constraint.id)));
            }
            found.index(&constraint);
            found.add(constraint, rule, meaning);
        }
        for constraint in generated.into_iter().map(canonical) {
            if reviewed.retired.iter().any(|r| retires(r, &constraint)) {
                continue;
            }
            let rule = self.rule(settings, "constraints.json", &constraint, &[])?;
            let meaning = rule.clone().map(|r| expr::normalise(r).to_string());
            let joined = found
                .same(&constraint, meaning.as_ref())
                .or_else(|| found.nearest(&constraint));
            match joined {
                Some(id) => found.join(&id, constraint, rule, meaning),
                None => found.add(constraint, rule, meaning),
            }
        }
        Ok((found.constraints.into_values().collect(), found.rules))
    }

    /// The parsed rule of a constraint whose parts all exist and fit together.
    fn rule(
        &self,
        settings: &BTreeMap<SettingName, SettingDef>,
        file: &'static str,
        constraint: &Constraint,
        context: &[NodeKey],
    ) -> Result<Option<Expr>, NoPack> {
        let wrong = |why: String| self.corrupt(file, format!("{}: {why}", constraint.id));
        let known = |node: &NodeKey| match node {
            // A name with a dot is an extension's; no pack lists those.
            NodeKey::Setting(name) => {
                settings.contains_key(name)
                    || PSEUDO.contains(&name.as_str())
                    || name.as_str().contains('.')
            }
            NodeKey::Resource(name) => match expr::elsewhere(name) {
                Some(Expr::Primary(name)) => settings.contains_key(&name),
                _ => true,
            },
            _ => true,
        };
        let subject = NodeKey::Setting(constraint.subject.clone());
        let participants: Vec<_> = std::iter::once(&subject)
            .chain(&constraint.others)
            .chain(context)
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
}

impl Found {
    /// The constraint of the same id, or whose rule means the same.
    fn same(&self, constraint: &Constraint, meaning: Option<&String>) -> Option<String> {
        let by_meaning = meaning.and_then(|m| self.meanings.get(m)).cloned();
        by_meaning.or_else(|| {
            let known = self.constraints.contains_key(&constraint.id);
            known.then(|| constraint.id.clone())
        })
    }

    /// The reviewed constraint about the pair of a generated one: of the same kind and direction, else
    /// the one about the fewest settings.
    fn nearest(&self, constraint: &Constraint) -> Option<String> {
        let [NodeKey::Setting(other)] = constraint.others.as_slice() else {
            return None;
        };
        let ids = self.pairs.get(&sorted(&constraint.subject, other))?;
        let far = |id: &&String| {
            self.constraints
                .get(*id)
                .map(|c| (!agree(c, constraint), c.others.len(), c.id.clone()))
        };
        ids.iter().min_by_key(far).cloned()
    }

    fn index(&mut self, constraint: &Constraint) {
        let mut members: Vec<&SettingName> = vec![&constraint.subject];
        members.extend(constraint.others.iter().filter_map(|o| match o {
            NodeKey::Setting(name) => Some(name),
            _ => None,
        }));
        // Pairs that become edges: of the subject, and of every two where the kind has no direction.
        let first = if constraint.kind.symmetric() {
            members.len()
        } else {
            1
        };
        for (i, a) in members.iter().enumerate().take(first) {
            for b in members.iter().skip(i + 1) {
                let ids = self.pairs.entry(sorted(a, b)).or_default();
                ids.push(constraint.id.clone());
            }
        }
    }

    fn add(&mut self, constraint: Constraint, rule: Option<Expr>, meaning: Option<String>) {
        if let Some(meaning) = meaning {
            self.meanings.insert(meaning, constraint.id.clone());
        }
        if let Some(rule) = rule {
            self.rules.insert(constraint.id.clone(), rule);
        }
        self.constraints.insert(constraint.id.clone(), constraint);
    }

    /// The known constraint takes over the generated one's evidence, and its rule when it has none of
    /// its own and the server itself told that rule.
    fn join(
        &mut self,
        id: &str,
        generated: Constraint,
        rule: Option<Expr>,
        meaning: Option<String>,
    ) {
        let Some(known) = self.constraints.get_mut(id) else {
            return;
        };
        // A server that swallows a violation told nothing.
        let told = generated
            .evidence
            .iter()
            .any(|e| e.kind == EvidenceKind::Verdict && e.log_lr > 0.0);
        if known.rule.is_none() && told && agree(known, &generated) {
            known.rule = generated.rule.clone();
            known.severity = known.severity.max(generated.severity);
            if let Some(rule) = rule {
                self.rules.insert(id.to_owned(), rule);
            }
            if let Some(meaning) = meaning {
                self.meanings.insert(meaning, id.to_owned());
            }
        }
        if known.confidence < generated.confidence {
            known.confidence = generated.confidence;
        }
        known.evidence.extend(generated.evidence);
    }
}

/// Whether people said that a generated constraint is wrong.
fn retires(retired: &Retired, constraint: &Constraint) -> bool {
    let of_pair = |[a, b]: &[String; 2]| {
        let mut names = vec![constraint.subject.as_str()];
        names.extend(constraint.others.iter().map(NodeKey::name));
        names.len() == 2 && names.contains(&a.as_str()) && names.contains(&b.as_str())
    };
    retired.id.as_ref() == Some(&constraint.id) || retired.pair.as_ref().is_some_and(of_pair)
}

/// Whether two constraints say the same kind of a pair, in the same direction.
fn agree(known: &Constraint, generated: &Constraint) -> bool {
    known.kind == generated.kind && (known.kind.symmetric() || known.subject == generated.subject)
}

fn sorted(a: &SettingName, b: &SettingName) -> (SettingName, SettingName) {
    if a <= b {
        (a.clone(), b.clone())
    } else {
        (b.clone(), a.clone())
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
    let node = |name: &String| expr::node(name);
    let versions = reviewed.versions();
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
        reach: reviewed.reach,
        versions,
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
