//! What to do about a rule that does not hold: changes of one setting each, every one tried on the rule
//! before it is proposed.

use std::collections::BTreeSet;

use backstay_model::{Constraint, Reach, SettingName, Severity};

use crate::expr::{self, Environment, Expr, Tri};
use crate::pack::{Context, Pack, SettingDef, ValueKind};
use crate::units::{Dimension, Quantity, Unit};

/// Most changes that are proposed for one rule.
const REMEDIES_MAX: usize = 2;
/// Most words of an enum that are named in one proposal.
const WORDS_MAX: usize = 3;

/// How many of a unit there are at least, so that two digits stay exact.
const DIGITS: f64 = 10.0;
/// How many there are at least, so that one less is no great loss.
const ROUND: f64 = 2.0;

/// One change: a setting, its new value, and how to say it.
struct Change {
    setting: SettingName,
    value: Option<Quantity>,
    say: String,
    /// The number, when it is one: others beside it may do as well.
    number: Option<f64>,
}

/// The configuration with one setting changed; no value = back at its built-in one.
struct Changed<'a> {
    env: &'a dyn Environment,
    change: &'a Change,
    built_in: Option<Quantity>,
}

impl Environment for Changed<'_> {
    fn setting(&self, name: &SettingName) -> Option<Quantity> {
        if *name == self.change.setting {
            return self.change.value.clone().or_else(|| self.built_in.clone());
        }
        self.env.setting(name)
    }

    fn host(&self, name: &str) -> Option<Quantity> {
        self.env.host(name)
    }

    fn primary(&self, name: &SettingName) -> Option<Quantity> {
        self.env.primary(name)
    }

    fn pooler(&self, name: &str) -> Option<Quantity> {
        self.env.pooler(name)
    }

    fn joined(&self, reach: Reach) -> bool {
        self.env.joined(reach)
    }

    fn effective(&self, name: &SettingName) -> Option<Quantity> {
        if *name == self.change.setting {
            return self.setting(name);
        }
        self.env.effective(name)
    }

    fn set(&self, name: &SettingName) -> Option<bool> {
        if *name == self.change.setting {
            return Some(self.change.value.is_some() && self.change.value != self.built_in);
        }
        self.env.set(name)
    }
}

/// Changes that make the rule of `constraint` hold, the simplest about its own subject first; none when
/// no change of one setting does.
pub(super) fn remedies(
    pack: &Pack,
    constraint: &Constraint,
    rule: &Expr,
    env: &dyn Environment,
) -> Vec<String> {
    let mut names: Vec<SettingName> = vec![constraint.subject.clone()];
    names.extend(
        rule.settings()
            .into_iter()
            .filter(|n| *n != constraint.subject),
    );
    let mut found: Vec<String> = Vec::new();
    for name in names {
        let def = pack.settings.get(&name);
        if def.is_some_and(|d| d.context == Context::Internal) {
            continue;
        }
        let built_in = def.and_then(|d| crate::units::parse(d, d.default.as_deref()?).ok());
        let works = |change: &Change| {
            let built_in = built_in.clone();
            let changed = Changed {
                env,
                change,
                built_in,
            };
            expr::eval(rule, &changed) == Tri::True && !breaks(pack, &name, env, &changed)
        };
        let all = changes(def, &name, rule, env);
        let mut working = all.into_iter().filter(works);
        if let Some(first) = working.next() {
            // Zero and less mean "off" or "as something else": they lie on no side.
            let now = env.setting(&name).as_ref().and_then(plain);
            let now = now.filter(|now| *now > 0.0);
            let more = def.map_or("", |d| beside(d, &first, now, &works));
            let most = if rank(def, &name).is_some() {
                1
            } else {
                WORDS_MAX
            };
            found.push(with_words(first, working, most) + more);
        }
        if found.len() == REMEDIES_MAX {
            break;
        }
    }
    found
}

/// ` or less`, ` or more`: where the numbers next to this one are that do as well. Nothing when the number
/// that breaks the rule `now` lies on that side: what is said must leave it out.
fn beside(
    def: &SettingDef,
    change: &Change,
    now: Option<f64>,
    works: &dyn Fn(&Change) -> bool,
) -> &'static str {
    let Some(number) = change.number else {
        return "";
    };
    // Far enough that a number just inside the bound does not look like one in the middle.
    let apart = (number.abs() / 4.0).max(unit_near(def, number, DIGITS));
    let at = |number: f64| {
        let change = Change {
            setting: change.setting.clone(),
            value: quantity(def, number),
            say: String::new(),
            number: Some(number),
        };
        in_range(def, number) && works(&change)
    };
    match (at(number - apart), at(number + apart)) {
        (true, false) if now.is_none_or(|now| now > number) => " or less",
        (false, true) if now.is_none_or(|now| now < number) => " or more",
        _ => "",
    }
}

/// Whether the change breaks a rule that holds now and is more than a recommendation.
fn breaks(pack: &Pack, name: &SettingName, env: &dyn Environment, changed: &Changed<'_>) -> bool {
    let grave = pack
        .constraints
        .iter()
        .filter(|c| c.severity > Severity::Advice && env.joined(c.reach));
    let rules = grave.filter_map(|c| pack.rule(&c.id));
    let about = rules.filter(|r| r.settings().contains(name));
    let broken =
        |r: &Expr| expr::eval(r, changed) == Tri::False && expr::eval(r, env) != Tri::False;
    about.into_iter().any(broken)
}

/// The words of an enum that is a scale of versions, the oldest first; none for other settings. On a
/// scale only the nearest word is worth a proposal: the next ones give up more than the rule asks for.
fn rank<'d>(def: Option<&'d SettingDef>, name: &SettingName) -> Option<&'d [String]> {
    match def.map(|d| &d.kind) {
        Some(ValueKind::Enum(words)) if name.as_str().ends_with("_protocol_version") => Some(words),
        _ => None,
    }
}

/// The words of an enum in the order in which they are tried: on a scale the nearest first, the empty
/// word ("any") last; else the plainest first, because it is what most people mean.
fn in_order<'w>(
    words: &'w [String],
    scale: Option<&[String]>,
    now: Option<&Quantity>,
) -> Vec<&'w String> {
    let mut all: Vec<&String> = words.iter().collect();
    let stands = |word: &String| scale.and_then(|s| s.iter().position(|w| w == word));
    let here = match now {
        Some(Quantity::Text(word)) => stands(word),
        _ => None,
    };
    match here {
        Some(here) => all.sort_by_key(|w| {
            let apart = stands(w).map_or(usize::MAX, |at| at.abs_diff(here));
            (w.is_empty(), apart)
        }),
        None => all.sort_by_key(|w| *w != "on"),
    }
    all
}

/// A word as it is written in a file: an empty one needs its quotes.
fn spelt(word: &str) -> &str {
    if word.is_empty() { "''" } else { word }
}

/// `set wal_level to replica or logical`: other words of the same setting that work as well, at most
/// `most` in all.
fn with_words(first: Change, rest: impl Iterator<Item = Change>, most: usize) -> String {
    let Some(Quantity::Text(_)) = first.value else {
        return first.say;
    };
    let mut say = first.say;
    let words = rest.filter_map(|c| match c.value {
        Some(Quantity::Text(word)) => Some(word),
        _ => None,
    });
    for word in words.take(most - 1) {
        say.push_str(&format!(" or {}", spelt(&word)));
    }
    say
}

/// Everything worth trying on one setting, the best first.
fn changes(
    def: Option<&SettingDef>,
    name: &SettingName,
    rule: &Expr,
    env: &dyn Environment,
) -> Vec<Change> {
    let change = |value: Option<Quantity>, say: String| Change {
        setting: name.clone(),
        value,
        say,
        number: None,
    };
    let mut all = Vec::new();
    match def.map(|d| &d.kind) {
        Some(ValueKind::Bool) => {
            let on = env.setting(name) == Some(Quantity::Bool(true));
            let word = if on { "off" } else { "on" };
            all.push(change(
                Some(Quantity::Bool(!on)),
                format!("turn {name} {word}"),
            ));
        }
        Some(ValueKind::Enum(words)) => {
            let now = env.setting(name);
            for word in in_order(words, rank(def, name), now.as_ref()) {
                let value = Some(Quantity::Text(word.clone()));
                all.push(change(value, format!("set {name} to {}", spelt(word))));
            }
        }
        Some(ValueKind::Integer | ValueKind::Real) => {
            if let Some(def) = def {
                all.extend(numbers(def, rule, env));
            }
        }
        Some(ValueKind::List) => all.extend(items(name, rule, env)),
        Some(ValueKind::Text) | None => {}
    }
    let words = matches!(
        def.map(|d| &d.kind),
        Some(ValueKind::Text | ValueKind::List)
    );
    if words && !speaks_of_set(rule, name) {
        all.push(change(None, format!("leave {name} at its default")));
    }
    if speaks_of_set(rule, name) {
        let set = env.set(name) == Some(true);
        if set {
            all.push(change(None, format!("leave {name} at its default")));
        } else if !matches!(
            def.map(|d| &d.kind),
            Some(ValueKind::Bool | ValueKind::Enum(_))
        ) {
            let any = Quantity::Text("a value".to_owned());
            all.push(change(Some(any), format!("set {name}")));
        }
    }
    all
}

fn speaks_of_set(rule: &Expr, name: &SettingName) -> bool {
    match rule {
        Expr::IsSet(n) => n == name,
        Expr::CountSet(names) => names.contains(name),
        other => other
            .parts()
            .into_iter()
            .any(|part| speaks_of_set(part, name)),
    }
}

/// A library that the rule asks for, put into the list, or taken out of it.
fn items(name: &SettingName, rule: &Expr, env: &dyn Environment) -> Vec<Change> {
    let Some(Quantity::List(now)) = env.setting(name) else {
        return Vec::new();
    };
    let mut wanted = BTreeSet::new();
    asked_items(rule, name, &mut wanted);
    wanted
        .into_iter()
        .map(|item| {
            let (mut list, say) = (now.clone(), format!("'{item}'"));
            let say = if list.contains(&item) {
                list.retain(|i| *i != item);
                format!("take {say} out of {name}")
            } else {
                list.push(item);
                format!("add {say} to {name}")
            };
            Change {
                setting: name.clone(),
                value: Some(Quantity::List(list)),
                say,
                number: None,
            }
        })
        .collect()
}

fn asked_items(rule: &Expr, name: &SettingName, into: &mut BTreeSet<String>) {
    if let Expr::ItemOf(item, list) = rule
        && let (Expr::Text(item), Expr::Setting(of)) = (item.as_ref(), list.as_ref())
        && of == name
    {
        into.insert(item.clone());
    }
    for part in rule.parts() {
        asked_items(part, name, into);
    }
}

/// Numbers at which a comparison of the rule turns, when only this setting moves.
fn numbers(def: &SettingDef, rule: &Expr, env: &dyn Environment) -> Vec<Change> {
    let Some(now) = env.setting(&def.name).as_ref().and_then(plain) else {
        return Vec::new();
    };
    let mut comparisons = Vec::new();
    compared(rule, &def.name, &mut comparisons);
    // To turn something off altogether is the last thing to propose.
    comparisons.sort_by_key(|(a, b)| zero(a) || zero(b));
    let mut all = Vec::new();
    for (left, right) in comparisons {
        let Some(root) = root(def, (left, right), env, now) else {
            continue;
        };
        for number in around(def, root, now) {
            let value = quantity(def, number);
            let inside = in_range(def, number);
            if let Some(value) = value.filter(|_| inside) {
                all.push(Change {
                    setting: def.name.clone(),
                    say: format!("set {} to {value}", def.name),
                    value: Some(value),
                    number: Some(number),
                });
            }
        }
    }
    all
}

/// The comparisons that speak of the setting. Of the condition of a rule only those with 0 count: to stay
/// just under a threshold so that a rule does not apply helps nobody.
fn compared<'e>(rule: &'e Expr, name: &SettingName, into: &mut Vec<(&'e Expr, &'e Expr)>) {
    match rule {
        Expr::Compare(_, a, b) if rule.settings().contains(name) => into.push((a, b)),
        Expr::Implies(condition, then) => {
            let mut inside = Vec::new();
            compared(condition, name, &mut inside);
            inside.retain(|(a, b)| zero(a) || zero(b));
            into.append(&mut inside);
            compared(then, name, into);
        }
        other => {
            for part in other.parts() {
                compared(part, name, into);
            }
        }
    }
}

fn zero(e: &Expr) -> bool {
    matches!(e, Expr::Number(n) if n.mantissa == 0)
}

/// Where the two sides meet, if they are lines in this setting; whoever asks tries it on the rule.
fn root(
    def: &SettingDef,
    (left, right): (&Expr, &Expr),
    env: &dyn Environment,
    now: f64,
) -> Option<f64> {
    let apart = |number: f64| {
        let change = Change {
            setting: def.name.clone(),
            value: Some(quantity(def, number)?),
            say: String::new(),
            number: Some(number),
        };
        let changed = Changed {
            env,
            change: &change,
            built_in: None,
        };
        let left = plain(&expr::quantity(left, &changed)?)?;
        Some(left - plain(&expr::quantity(right, &changed)?)?)
    };
    let further = now.abs().mul_add(2.0, step(def));
    let (here, there) = (apart(now)?, apart(further)?);
    let slope = (there - here) / (further - now);
    let root = now - here / slope;
    root.is_finite().then_some(root)
}

/// Numbers a person would write, on both sides of `root`, those on the near side of the way first.
fn around(def: &SettingDef, root: f64, now: f64) -> Vec<f64> {
    let unit = unit_near(def, root, DIGITS);
    let (down, up) = ((root / unit).floor() * unit, (root / unit).ceil() * unit);
    // Where the bound itself does not do, one in a large unit reads better than one just beside it.
    let round = unit_near(def, root, ROUND);
    let mut all = if root <= now {
        vec![
            down,
            ((root / round).ceil() - 1.0) * round,
            down - unit,
            down - step(def),
            up,
            up + step(def),
        ]
    } else {
        vec![
            up,
            ((root / round).floor() + 1.0) * round,
            up + unit,
            up + step(def),
            down,
            down - unit,
            down - step(def),
        ]
    };
    all.dedup_by(|a, b| (*a - *b).abs() < f64::EPSILON);
    all
}

/// Bytes, microseconds or the number itself.
fn plain(quantity: &Quantity) -> Option<f64> {
    match quantity {
        Quantity::Bytes(n) | Quantity::Micros(n) | Quantity::Count(n) => Some(*n as f64),
        Quantity::Fraction(x) => Some(*x),
        _ => None,
    }
}

fn quantity(def: &SettingDef, number: f64) -> Option<Quantity> {
    if !number.is_finite() || number.abs() > 1e18 {
        return None;
    }
    Some(match (def.unit, &def.kind) {
        (Some(Unit::Bytes(_)), _) => Quantity::Bytes(number.round() as i128),
        (Some(Unit::Micros(_)), _) => Quantity::Micros(number.round() as i128),
        (None, ValueKind::Real) => Quantity::Fraction((number * 1e6).round() / 1e6),
        (None, _) => Quantity::Count(number.round() as i128),
    })
}

fn in_range(def: &SettingDef, number: f64) -> bool {
    let base = def.unit.map_or(1.0, |u| u.size() as f64);
    let counted = number / base;
    def.min.is_none_or(|min| counted >= min) && def.max.is_none_or(|max| counted <= max)
}

/// The smallest step of the setting, in bytes, microseconds or as it is.
fn step(def: &SettingDef) -> f64 {
    match (def.unit, &def.kind) {
        (Some(unit), _) => unit.size() as f64,
        (None, ValueKind::Real) => 0.01,
        (None, _) => 1.0,
    }
}

/// The largest unit of which `number` has at least `least`.
fn unit_near(def: &SettingDef, number: f64, least: f64) -> f64 {
    let units: &[f64] = match def.unit.map(|u| u.quantity(1).and_then(|q| q.dimension())) {
        Some(Some(Dimension::Bytes)) => {
            &[1_099_511_627_776.0, 1_073_741_824.0, 1_048_576.0, 1_024.0]
        }
        Some(Some(Dimension::Micros)) => &[60_000_000.0, 1_000_000.0, 1_000.0],
        _ => &[],
    };
    let fitting = units.iter().copied().find(|u| number.abs() >= least * u);
    fitting.map_or(step(def), |u| u.max(step(def)))
}
