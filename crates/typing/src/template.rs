//! Rules from sentences: comparisons, sums, families and special values, by templates.
//!
//! A template sees the sentence with its settings numbered, `{0}`, `{1}`, … in the order of first
//! mention, and the owner of the entry in the place of "this parameter".

use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::sentence::{Piece, Sentence, joint};

/// How two sides compare.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>=`
    AtLeast,
    /// `>`
    Greater,
}

impl Comparison {
    /// The sign in the expression language.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::AtLeast => ">=",
            Self::Greater => ">",
        }
    }
}

/// What the server or the text makes of a violation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Force {
    /// The value is adjusted.
    Clamp,
    /// It is wrong.
    Must,
    /// It is unwise.
    Should,
}

/// A rule that a sentence states.
#[derive(Clone, PartialEq, Debug)]
pub enum Rule {
    /// `left + left … sign factor * right + plus`; the first of `left` is what the rule is about.
    Compare {
        /// The sum on the left: one name or more.
        left: Vec<String>,
        /// How they compare.
        sign: Comparison,
        /// What `right` is multiplied by.
        factor: f64,
        /// The bound.
        right: String,
        /// What is added to the bound.
        plus: f64,
        /// How strongly it is meant.
        force: Force,
        /// The setting that must be above zero for the rule to count.
        while_on: Option<String>,
    },
    /// At most one of these may be set.
    OneOf(Vec<String>),
    /// Something is computed as a product of these: the first one's effect grows with the others.
    Product(Vec<String>),
    /// At `value`, `from` stands for `factor * to`.
    Special {
        /// The setting with a special value.
        from: String,
        /// That value; `None` when it is "not set".
        value: Option<i64>,
        /// What `to` is multiplied by.
        factor: f64,
        /// What it stands for.
        to: String,
    },
}

impl Rule {
    /// The names in it, the first is what it is about.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::Compare { left, right, .. } => {
                left.iter().chain([right]).map(String::as_str).collect()
            }
            Self::OneOf(names) | Self::Product(names) => names.iter().map(String::as_str).collect(),
            Self::Special { from, to, .. } => vec![from, to],
        }
    }

    /// The rule in the expression language; `None` for products and special values, which nothing can
    /// violate.
    #[must_use]
    pub fn expression(&self) -> Option<String> {
        match self {
            Self::Compare {
                left,
                sign,
                factor,
                right,
                plus,
                while_on,
                ..
            } => {
                let mut bound = right.clone();
                if (factor - 1.0).abs() > f64::EPSILON {
                    bound = format!("{factor} * {right}");
                }
                if plus.abs() > f64::EPSILON {
                    bound = format!("{bound} + {plus}");
                }
                let rule = format!("{} {} {bound}", left.join(" + "), sign.sign());
                Some(match (while_on, left.first()) {
                    (Some(on), Some(first)) => format!("{first} > 0 and {on} > 0 => {rule}"),
                    _ => rule,
                })
            }
            Self::OneOf(names) => {
                let mut sorted = names.clone();
                sorted.sort();
                Some(format!("count_set({}) <= 1", sorted.join(", ")))
            }
            Self::Product(_) | Self::Special { .. } => None,
        }
    }
}

struct Compared {
    pattern: Regex,
    sign: Comparison,
    force: Force,
}

struct Patterns {
    compared: Vec<Compared>,
    special: Vec<Regex>,
    product: Regex,
    one_of: Regex,
    exclusive: Regex,
    own: Regex,
}

/// A setting; what is on the left may be a sum.
const LEFT: &str = r"(?:the sum of )?(?P<l>\{\d+\}(?:(?: plus | ?\+ ?| and )\{\d+\})*)(?: parameter| setting| value)?";
/// A bound with what it is multiplied by, and what is added.
const RIGHT: &str = r"(?:(?P<times>\d+(?:\.\d+)?) times |(?P<percent>\d+(?:\.\d+)?) ?% of |(?P<decimal>\d?\.\d+) ?\* ?|1/(?P<part>\d+)(?:st|nd|rd|th)? (?:\([^)]*\) )?of |(?P<word>twice|double|half of|half|a quarter of|a third of) )?(?:the )?(?:current )?(?:values? of |settings? of |size of )?(?P<r>\{\d+\})(?: ?(?:plus|\+) ?(?P<plus>\d+|one)\b)?";

/// Comparisons, surest first: `L` and `R` stand for the two sides.
#[rustfmt::skip]
const COMPARED: &[(&str, Comparison, Force)] = &[
    (r"effective value (?:of L )?(?:to|is limited to|to at most) R", Comparison::AtMost, Force::Clamp),
    (r"effective value to no less than R", Comparison::AtLeast, Force::Clamp),
    (r"effective maximum (?:for|of) L is R", Comparison::AtMost, Force::Clamp),
    (r"L is (?:silently |quietly )?(?:capped|cut|truncated|clamped|lowered)(?: down)? (?:at|to) R", Comparison::AtMost, Force::Clamp),
    (r"(?:sensible|meaningful|useful|sense) to set L to less than R", Comparison::AtLeast, Force::Should),
    (r"set L (?:to less|lower|smaller) than R,? it is not", Comparison::AtLeast, Force::Should),
    (r"(?:beneficial|useful|sense|sensible) to set L to more than R", Comparison::AtMost, Force::Should),
    (r"setting L to R or more", Comparison::Less, Force::Should),
    (r"L to be at least (?:as large as )?R", Comparison::AtLeast, Force::Should),
    (r"L (?:should|ought to) (?:be |stay |remain )?(?:set to )?(?:at least|no less than|no lower than) (?:the same as |as large as )?R", Comparison::AtLeast, Force::Should),
    (r"L (?:should|ought to) (?:be |stay |remain )?(?:set to )?(?:a value )?(?:somewhat )?(?:less than|lower than|smaller than|shorter than|below) R", Comparison::Less, Force::Should),
    (r"L (?:should|ought to) (?:be |stay |remain )?(?:greater|larger|higher|longer) than R", Comparison::Greater, Force::Should),
    (r"L (?:must|has to|have to|needs? to) (?:also )?(?:be |stay |remain )?(?:set )?(?:less than|lower than|smaller than|below) R", Comparison::Less, Force::Must),
    (r"L (?:must|has to|have to|needs? to) (?:also )?(?:be |stay |remain )?(?:set )?(?:greater|larger|higher|more) than R", Comparison::Greater, Force::Must),
    (r"L (?:must|has to|have to|needs? to) (?:also )?(?:be |stay |remain )?(?:set )?(?:to )?(?:at least|no less than|no lower than|not less than) (?:as large as )?R", Comparison::AtLeast, Force::Must),
    (r"L (?:must|has to|have to|needs? to) (?:also )?(?:be |stay |remain )?(?:set )?(?:to )?(?:at most|no more than|no larger than|not more than) R", Comparison::AtMost, Force::Must),
    (r"L (?:must not|cannot|can not|may not|should not|can never|never) (?:be )?(?:exceeds?|larger than|greater than|more than|higher than|set higher than) R", Comparison::AtMost, Force::Must),
    (r"L (?:which is |that is |set )?(?:higher|greater|larger|more) than R (?:will |does |do )?(?:have|has) no effect", Comparison::AtMost, Force::Must),
    (r"L is (?:limited|bounded|restricted) (?:by|to) R", Comparison::AtMost, Force::Must),
    (r"\bno [a-z ]{3,40} if R is (?:less|smaller|lower) than L", Comparison::AtMost, Force::Must),
    (r"(?:taken|drawn|come|out) (?:of|from|out of) the pool (?:of [a-z ]{3,20} )?(?:of|defined by|established by|set by) R", Comparison::AtMost, Force::Must),
    (r"(?:taken from the pool|as many)[^.;]{3,60}, limited by R", Comparison::AtMost, Force::Must),
    (r"L is less than R,? (?:a |the )?(?:server|error)", Comparison::AtLeast, Force::Must),
];

/// "If {1} is nonzero, it is pointless to set {0} to the same or a larger value."
const POINTLESS: &str = r"if (?P<r>\{\d+\}) is [^,]{0,20}, (?:[a-z ]{0,25})?(?:pointless|useless|no use) to set (?P<l>\{\d+\}) to the same or (?:a )?larger value";

/// Special values: `F` is the setting that has one, `R` what it stands for.
const SPECIAL: &[&str] = &[
    r"(?P<value>-1|zero|0)\b[^.;{]{0,40}\b(?:means|uses?|selects|indicating|stands for|indicates|will use)\b[^.;{]{0,30}?R",
    r"(?P<value>-1|zero|0)\b[^.;{]{0,60}, (?:the )?(?:regular |normal |usual )?(?:value of |setting of )?(?P<r>\{\d+\})(?: value| setting)? (?:will be|is) used",
    r"(?:if|when) (?:it is |F is )?(?:not set|unset|not specified|empty|not given|left out),? (?:the )?(?:value of )?(?P<r>\{\d+\}) (?:is|will be) (?:used|consulted|taken)",
    r"\bset (?:to )?the same as (?P<r>\{\d+\})",
    r"defaults? to (?:the (?:value|setting) of )?(?P<r>\{\d+\})",
];

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let compile = |text: &str| {
        let text = text
            .replace('R', RIGHT)
            .replace('L', LEFT)
            .replace('F', r"\{\d+\}");
        Regex::new(&text).expect("a fixed pattern, compiled in a test")
    };
    Patterns {
        compared: COMPARED
            .iter()
            .map(|(text, sign, force)| Compared {
                pattern: compile(text),
                sign: *sign,
                force: *force,
            })
            .chain([Compared {
                pattern: compile(POINTLESS),
                sign: Comparison::Less,
                force: Force::Must,
            }])
            .collect(),
        special: SPECIAL.iter().map(|text| compile(text)).collect(),
        product: compile(
            r"(?P<p>\{\d+\} ?[*×] ?\(?\{\d+\}(?: ?\+ ?\{\d+\})?)|\bmultiplying (?P<q>\{\d+\} by (?:the )?\{\d+\})",
        ),
        one_of: compile(
            r"(?:at most one|only one|no more than one) of (?:the )?(?P<l>\{\d+\}(?:(?:, and |, or |, | and | or )\{\d+\})+)",
        ),
        exclusive: compile(
            r"(?P<l>\{\d+\} and \{\d+\}) (?:are mutually exclusive|exclude each other|cannot be (?:used|set|combined|enabled) (?:together|at the same time))|(?:give|set|use|enable) both (?P<m>\{\d+\} and \{\d+\}) is (?:an error|refused)",
        ),
        own: compile(
            r"\b(?:this (?:parameter|setting|option|value|variable|limit)|it|this( to (?:less|more|the same))|the value( (?:must|should|has to|cannot|may not)))\b",
        ),
    }
});

/// The rules that `sentence` states; `owner` is the setting whose entry it stands in.
#[must_use]
pub fn rules(sentence: &Sentence, owner: Option<&str>) -> Vec<Rule> {
    let (text, mut names) = numbered(sentence);
    if let Some(family) = family(&text, &names) {
        return vec![family];
    }
    let text = match owner {
        Some(owner) if !names.iter().any(|n| n == owner) => {
            names.push(owner.to_owned());
            let own = format!("{{{}}}", names.len() - 1);
            PATTERNS
                .own
                .replace_all(&text, format!("{own}$1$2"))
                .into_owned()
        }
        _ => text,
    };
    let compared = compared(&text, &names, owner);
    if !compared.is_empty() {
        return compared;
    }
    if let Some(product) = product(&text, &names, owner) {
        return vec![product];
    }
    special(&text, &names, owner).into_iter().collect()
}

/// The sentence with names numbered, and the names.
fn numbered(sentence: &Sentence) -> (String, Vec<String>) {
    let mut text = String::new();
    let mut names: Vec<String> = Vec::new();
    for piece in sentence.pieces() {
        match piece {
            Piece::Text(words) => text.push_str(words),
            Piece::Name { name, .. } => {
                let at = names.iter().position(|n| n == name).unwrap_or_else(|| {
                    names.push(name.clone());
                    names.len() - 1
                });
                text.push_str(&format!("{{{at}}}"));
            }
        }
    }
    (text, names)
}

/// The names that `text` numbers.
fn named(text: &str, names: &[String]) -> Vec<String> {
    let numbers = text
        .split(['{', '}'])
        .filter_map(|n| n.parse::<usize>().ok());
    let mut found: Vec<String> = Vec::new();
    for name in numbers.filter_map(|n| names.get(n)) {
        if !found.contains(name) {
            found.push(name.clone());
        }
    }
    found
}

fn family(text: &str, names: &[String]) -> Option<Rule> {
    let found = PATTERNS.one_of.captures(text);
    let found = found.or_else(|| PATTERNS.exclusive.captures(text))?;
    let list = found.name("l").or_else(|| found.name("m"))?;
    let members = named(list.as_str(), names);
    (members.len() > 1).then_some(Rule::OneOf(members))
}

fn compared(text: &str, names: &[String], owner: Option<&str>) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    for template in &PATTERNS.compared {
        for found in template.pattern.captures_iter(text) {
            let left = match found.name("l") {
                Some(left) => named(left.as_str(), names),
                None => owner.map(str::to_owned).into_iter().collect(),
            };
            let Some(right) = named(&found["r"], names).into_iter().next() else {
                continue;
            };
            let pointless = template.pattern.as_str() == POINTLESS;
            let pair = [left.first(), Some(&right)];
            let told = |r: &Rule| {
                pair.iter()
                    .flatten()
                    .all(|n| r.names().contains(&n.as_str()))
            };
            if left.is_empty() || left.contains(&right) || rules.iter().any(told) {
                continue;
            }
            rules.push(Rule::Compare {
                left,
                sign: template.sign,
                factor: factor(&found),
                plus: plus(&found),
                force: template.force,
                while_on: pointless.then(|| right.clone()),
                right,
            });
        }
    }
    rules
}

fn product(text: &str, names: &[String], owner: Option<&str>) -> Option<Rule> {
    let found = PATTERNS.product.captures(text)?;
    let found = found.name("p").or_else(|| found.name("q"))?;
    let mut members = named(found.as_str(), names);
    if let Some(own) = members.iter().position(|m| Some(m.as_str()) == owner) {
        members.swap(0, own);
    }
    (members.len() > 1).then_some(Rule::Product(members))
}

fn special(text: &str, names: &[String], owner: Option<&str>) -> Option<Rule> {
    let found = PATTERNS.special.iter().find_map(|p| p.captures(text))?;
    let to = named(&found["r"], names).into_iter().next()?;
    let from = owner.filter(|owner| *owner != to)?;
    let value = found.name("value").map(|v| match v.as_str() {
        "-1" => -1,
        _ => 0,
    });
    Some(Rule::Special {
        from: from.to_owned(),
        value,
        factor: factor(&found),
        to,
    })
}

fn number(found: &Captures<'_>, group: &str) -> Option<f64> {
    found.name(group)?.as_str().parse().ok()
}

fn factor(found: &Captures<'_>) -> f64 {
    let word = found.name("word").map(|w| match w.as_str() {
        "twice" | "double" => 2.0,
        "a quarter of" => 0.25,
        "a third of" => 1.0 / 3.0,
        _ => 0.5,
    });
    let percent = number(found, "percent").map(|p| p / 100.0);
    let part = number(found, "part").map(|n| 1.0 / n);
    number(found, "times")
        .or(percent)
        .or(number(found, "decimal"))
        .or(part)
        .or(word)
        .unwrap_or(1.0)
}

fn plus(found: &Captures<'_>) -> f64 {
    match found.name("plus").map(|p| p.as_str()) {
        Some("one") => 1.0,
        Some(number) => number.parse().unwrap_or_default(),
        None => 0.0,
    }
}

/// Whether the names of `sentence` are nothing but a list.
#[must_use]
pub fn only_a_list(sentence: &Sentence) -> bool {
    let names = sentence.names().len();
    let inner = sentence.pieces().iter().filter(|p| match p {
        Piece::Text(text) => joint(text),
        Piece::Name { .. } => false,
    });
    names > 3 && inner.count() + 1 >= names
}

#[cfg(test)]
mod tests;
