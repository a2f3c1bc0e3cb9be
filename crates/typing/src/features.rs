//! Features: what is looked at in a sentence, each there or not.

use std::sync::LazyLock;

use regex::Regex;

use crate::sentence::Typeface;
use crate::setting::{Dimension, Kind, Setting};
use crate::view::{Candidate, Place, Presence, Section, View};

/// Classes of cue words (design note "dependencies", section 7.2, and their neighbours), anywhere between
/// semicolons and brackets around `{b}`.
const CLASSES: [(&str, &str); 9] = [
    (
        "need",
        r"\brequire|\bneed|\bmust (?:also |first |always )?be\b|\bnecessar|\bonly (?:be )?(?:possible|allowed|supported|valid)|\brel(?:y|ies) on|prerequisite|cannot work without|\bmake sure|\bensure|\bimplies\b|\bforget\b",
    ),
    (
        "noeffect",
        r"no effect|\bignor|irrelevant|ineffective|meaningless|no meaning|not (?:be )?used|does nothing|\bnothing\b|not (?:be )?(?:performed|done|generated|updated|applied)|takes? effect|no longer|\bonly (?:be )?(?:used|has|have|appl|effective|take|relevant|meaningful|useful|honou?red|affect)",
    ),
    (
        "exclude",
        r"mutually|exclusive|only one of|at most one|incompatible|not compatible|conflict|not (?:both|together)|cannot be (?:combined|used|set|enabled|specified)|can't be|\brefused?\b|\bnever both|\bnot (?:be )?(?:allowed|supported|permitted)",
    ),
    (
        "bound",
        r"exceed|\blimit|at most|at least|no more than|no less than|\b(?:less|lower|smaller|greater|larger|higher|longer|shorter|fewer|bigger) than|\bmaximum|\bminimum|\bcap(?:ped|s)?\b|\bup to\b|\bor (?:more|larger|greater|higher)|restricted|bounded|truncat|more (?:often|frequently)|\bpool\b",
    ),
    (
        "fallback",
        r"\bdefault|value of|instead\b|overrid|preced|fall(?:s|ing)? ?back|same as|substitut|supersed|in place of|empty string|consulted|inherit|begin(?:s|ning)",
    ),
    (
        "ratio",
        r"fraction|multipl|\btimes\b|\bproportion|percent|\d ?%|comput|calculat|\bper\b|depends? (?:up)?on|based on|\bratio\b|\bhalf\b|quarter|twice|divid|\d/\d|\bscale|derived|product of|\bminus\b|\bplus\b|relative to|influence|affect|\badd",
    ),
    (
        "pool",
        r"\btotal|\bsum\b|in addition|\bshare|\bpool\b|consum|\bmemory\b|\breserv|budget|\bslots?\b|combined|count(?:s|ed)? (?:against|toward)|altogether|\bdisk\b|descriptors?|utilization|exhaust",
    ),
    (
        "advice",
        r"\bincreas|\brais|\blower|\breduc|\badjust|\blarger\b|\bhigher\b|\bsmaller\b|consider|recommend|suggest|\bshould\b|\badvis|\btun(?:e|ing)|desirable|useful|sensible|want to|may need|good idea|meaningful|pointless",
    ),
    (
        "see",
        r"\bsee\b|\brefer\b|\bdescribed\b|\binformation\b|\bdetails?\b|discuss|\bunlike\b|similar|alternative|compar|\bas with\b|equivalent|differ|\balias\b|deprecated|\bsame (?:way|kind|format|words)",
    ),
];

/// Wordings around `{a}` and `{b}` themselves. `G` is a short gap inside a clause, `S` the word "setting".
const TIED: [(&str, &str); 33] = [
    (
        "if_b",
        r"\b(?:if|when|whenever|while|where|once|as long as)\bG\{b\}",
    ),
    ("unless_b", r"\b(?:unless|without)\bG\{b\}"),
    (
        "only_b",
        r"\bonly\b[^;{]{0,60}\b(?:if|when|while|for|with|in|unless|of)\b[^,;{]{0,30}\{b\}",
    ),
    (
        "b_on",
        r"\{b\}S? ?(?:is|are|was|has been|have been|be|being) (?:also |currently |set to )?(?:enabled|on\b|active|activated|turned on|true|yes|non-?zero|non-empty|greater|positive|set\b|used|specified|configured|given)|\{b\} ?(?:=|>|!=) ?'?(?:on|yes|\w)",
    ),
    (
        "b_off",
        r"\{b\}S? ?(?:is|are|was|has been|be|being|are not|is not) (?:also |currently |set to )?(?:disabled|off|not|inactive|turned off|false|no\b|zero|0|empty|unset|an empty|minimal|null|running|enabled|set)|\{b\} ?= ?(?:off|no|0)",
    ),
    (
        "b_must",
        r"\{b\}S?[^,;{]{0,25}\b(?:must|should|needs? to|has to|have to|ought to|is required)\b",
    ),
    (
        "need_b",
        r"\b(?:requires?|needs?|rel(?:y|ies) on|necessary|must (?:also )?(?:set|enable|have|use)|make sure|ensure|forget to|implies)\bG\{b\}",
    ),
    (
        "purpose",
        r"\b(?:in order (?:to|for)|to (?:use|enable|allow|support|generate|make use|have|log|send|detect|collect|work)|if you (?:want|intend|use|are using|plan|turn)|when you|to use)\b",
    ),
    (
        "value_b",
        r"\b(?:values?|settings?) (?:of|for|in|specified by|given by) (?:the )?\{b\}|\b(?:regular|usual|normal|specified|current|chosen) (?:setting of |value of )?\{b\}|\{b\}S? value\b",
    ),
    (
        "than_b",
        r"\b(?:than|exceed\w*|at least|at most|as (?:large|high|long|small|low|many|much) as|below|above|beyond|once per|equal to|less than|up to|no less than) (?:or equal to |once per |twice |half |the |that |value |setting |specified |configured |of |in |by |for |total |sum |maximum |\d+% )*\{b\}|\{b\}S? or (?:more|less)",
    ),
    (
        "a_cmp",
        r"\{a\}[^{;]{0,50}\b(?:less|lower|smaller|greater|larger|higher|longer|shorter|fewer|more|at least|at most|exceed\w*|as large)\b",
    ),
    (
        "b_cmp",
        r"\{b\}S?[^,;{]{0,30}\b(?:less|lower|smaller|greater|larger|higher|longer|shorter|fewer|more|at least|exceed\w*)\b",
    ),
    (
        "limit_b",
        r"\b(?:limited|bounded|restricted|capped|constrained|clamped|truncated|limit|taken|come out)\b[^;{]{0,45}\b(?:by|to|from|at|of)\b[^;{]{0,25}\{b\}|\{b\}S?[^,;{]{0,25}\b(?:limits?|restricts?|caps?|comes first)\b|\bpool\b[^;{]{0,40}\{b\}|\b(?:up to|no more than|not more than|at most|within|never more than|ceiling) (?:the value of |the |\()?\{b\}",
    ),
    (
        "limits_b",
        r"\{a\}[^;{]{0,20}limits? \{b\}|\b(?:minimum|maximum|limit (?:for|on|of|to which)|limit|most that) (?:the )?\{b\}|\{b\}[^,;{]{0,20}\b(?:cannot|must not|never|not)\b[^;{]{0,20}(?:exceed|larger|than|reach)|\{b\}[^;{]{0,20}(?:restricted|limited|bounded) (?:to|by)",
    ),
    (
        "times_b",
        r"\{b\}S? ?\)?[*×/]|[*×/] ?\(?\{b\}|\{b\} ?[+-] ?|[+-] ?\{b\}|\b(?:multipl\w+|product of|sum of|divid\w+)[^;]{0,35}\{b\}|\{b\}[^;{]{0,20}\b(?:multiplied|divided)\b|\btimes (?:the |this )?(?:usual |number of |value of )?\{b\}|\{b\} times\b|\b(?:minus|plus) \{b\}|\{b\} (?:minus|plus)\b|\{b\}\*",
    ),
    (
        "part_b",
        r"\b(?:fraction|percentage|percent|multiple|%|half|twice|quarter|share|proportion\w*|units?|\d(?:nd|th|rd))[^;{]{0,40}\{b\}|\badd(?:s|ed)? to \{b\}|\{b\}G% ",
    ),
    (
        "computed_b",
        r"\b(?:computed|calculated|derived|determined|based|depends?|influenced|affected|chosen|controlled|governed|relative|according|measured|produced|converted|done|indicates|replaced)\b[^,;{]{0,40}\{b\}",
    ),
    (
        "every_b",
        r"\b(?:every|per|once per|each|longer than|exceed\w*|at intervals of) \{b\}|\{b\} (?:seconds|milliseconds|microseconds|transactions|other|others|megabytes|amount|worth)\b|whichever",
    ),
    (
        "use_b",
        r"\{b\}S?[^,;{]{0,12}\b(?:is|will be|are|be|should be) (?:used|consulted|applied|taken|assumed)\b|\b(?:uses?|selects?|inherits?|defaults? to|falls? back (?:to|on)|copied from|read from|loaded from|rely on|refer to|set to|stands for|from)\b (?:the )?(?:current )?(?:value |setting |default )?(?:of )?\{b\}|overrid\w+ (?:by|in|with|using|through)G\{b\}|\{b\}S?[^,;{]{0,20}\b(?:overrid\w+|takes? (?:precedence|priority)|supersed\w+|replaces)|priority than \{b\}",
    ),
    (
        "over_b",
        r"\b(?:overrid\w+|over rides|precedence over|priority over|supersed\w+|replaces?|in (?:place|lieu) of|in preference to|sets names|resets|update)\bG\{b\}",
    ),
    (
        "alias_b",
        r"\buse \{b\}[^;{]{0,20}\binstead|\binstead of \{b\}|\balternative|\balias|^(?:the )?same as|deprecated|\{b\} instead\.|another name|is equivalent to|\bsimilar\b|\brather than\b",
    ),
    (
        "unset",
        r"-1\b|\b(?:not|un)[ -]?(?:set|specified|given)\b|left (?:blank|out)|set to (?:zero|-1|an empty)|empty string|\bif (?:it is |this is )?(?:zero|0|empty|negative)|^(?:0|zero)\b|\bvalue 0\b|default of 0|\boff\b",
    ),
    (
        "with_b",
        r"\b(?:with|together with|along with|in (?:combination|conjunction|connection) with)\b[^,;{]{0,20}\{b\}",
    ),
    (
        "excluded",
        r"mutually exclusive|cannot be (?:combined|used|set|enabled|specified)[^;{]{0,40}\b(?:with|when|together|at the same)\b|\b(?:at most|only) one of\b|not compatible|incompatible|conflicts? with|\b(?:not|never) both\b|can't be set|both (?:enabled|set|on)\b",
    ),
    (
        "by_b",
        r"\b(?:specified|configured|defined|set|given|enabled|generated|produced|named|selected|reported|listed|put|changed) (?:also )?(?:by|with|via|using|in|as|through) (?:the |adjusting |setting )?\{b\}",
    ),
    (
        "set_b",
        r"\b(?:set|setting|turn(?:ing)? (?:on|off)|enabl(?:e|ing)|disabl(?:e|ing)|adjust(?:ing)?|alter|chang(?:e|ing)|use|using) (?:the |both |also |in |either )*(?:values? of |parameters? |settings? |option )?\{b\}",
    ),
    (
        "tune_b",
        r"\b(?:increas\w*|rais\w*|lower(?:ing)?|reduc\w*|decreas\w*|adjust\w*|larger|higher|smaller|consider\w*)\b[^,;{]{0,30}\{b\}|\{b\} (?:higher|lower)\b",
    ),
    (
        "tune_a",
        r"\b(?:increas\w*|rais\w*|lower\w*|reduc\w*|decreas\w*|chang\w*|larger|higher|turn)\b[^,;{]{0,25}\{a\}|\{a\} off\b",
    ),
    (
        "see_b",
        r"\b(?:see|see also|refer to|described (?:in|under|for)|like|unlike|similar to|as with|as for|such as|notes for|look at|same \w+ (?:as|accepted)|instead of|known as|called)\b[^,;{]{0,25}\{b\}",
    ),
    ("paren_b", r"\([^()]{0,60}\{b\}[^()]{0,40}\)"),
    (
        "b_noeff",
        r"\{b\}S?[^,;{]{0,25}\b(?:no effect|ignored|irrelevant|ineffective|meaningless|not (?:be )?used|useless|does nothing|no longer)|\b(?:ignored?|whether) \{b\}|\{b\}G called",
    ),
    (
        "a_given",
        r"\b(?:if|when|unless|while)\b[^,;{]{0,25}\{a\}|\bwhen (?:it is )?(?:this is )?(?:off|on|set|enabled)\b|^with this|\{a\}[^,;{]{0,12} (?:is|are) (?:set|enabled|disabled|on|off|zero|specified)\b",
    ),
    (
        "a_b",
        r"\{a\}[^{,;.]{0,3}(?:and|or|/|and the) \{b\}|\{b\}[^{,;.]{0,3}(?:and|or|/|and the) \{a\}",
    ),
];

/// What else is between semicolons and brackets around `{b}`.
const WORDS: [(&str, &str); 6] = [
    ("not", r"\b(?:not|no|never|nor|neither|cannot)\b|n't\b"),
    (
        "denied",
        r"\b(?:does|do|is|are|need) not (?:require|need|overrid|depend|change|prevent|affect|limit|mean|count)|no need|\bneed not\b|\beven (?:if|when)\b|whether or not|\bindependent|\bregardless|orthogonal|unrelated|less need|less reason",
    ),
    ("must", r"\b(?:must|has to|have to|shall|required)\b"),
    (
        "may",
        r"\b(?:should|recommended?|advisable|ought|may|might|can|could|usually|typically|normally)\b",
    ),
    (
        "versions",
        r"prior to|\breleases?\b|\bversions?\b|formerly|was called|\bolder\b|\binitdb\b",
    ),
    (
        "example",
        r"for (?:example|instance)|^example|e\.g\.|such as|\bexample\b",
    ),
];

/// Where things stand and what they are.
const FACTS: [&str; 12] = [
    "a_silent",
    "a_first",
    "near",
    "many",
    "link",
    "a_switch",
    "b_switch",
    "b_number",
    "comparable",
    "stem",
    "section",
    "elsewhere",
];

/// Two at once: what one alone does not tell.
const JOINT: [(&str, &[&str], &[&str]); 4] = [
    ("gate", &["if_b", "unless_b", "only_b"], &["b_switch"]),
    (
        "gate_noeffect",
        &["if_b", "unless_b", "only_b"],
        &["noeffect", "not"],
    ),
    (
        "than_comparable",
        &["than_b", "limit_b", "a_cmp"],
        &["comparable"],
    ),
    ("unset_use", &["unset"], &["use_b", "value_b", "fallback"]),
];

/// Number of features, without the constant one.
pub const COUNT: usize = CLASSES.len() + TIED.len() + WORDS.len() + FACTS.len() + JOINT.len();
const _: () = assert!(COUNT <= 64, "they share one word");

/// The names of the features, in order.
#[must_use]
pub fn names() -> Vec<String> {
    let mut names = Vec::new();
    let worded = CLASSES.iter().chain(&TIED).chain(&WORDS);
    names.extend(worded.map(|(name, _)| (*name).to_owned()));
    names.extend(FACTS.map(str::to_owned));
    names.extend(JOINT.map(|(name, _, _)| name.to_owned()));
    names
}

/// The features of one candidate.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Features(u64);

struct Patterns {
    classes: Vec<Regex>,
    tied: Vec<Regex>,
    words: Vec<Regex>,
}

static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let compiled = |rows: &[(&str, &str)]| {
        let one = |(_, text): &(&str, &str)| {
            let text = text
                .replace(
                    "S?",
                    "(?: parameter| setting| option| value| variable| list)?",
                )
                .replace('G', r"[^,;{]{0,40}?");
            Regex::new(&text).expect("a fixed pattern, compiled in a test")
        };
        rows.iter().map(one).collect()
    };
    Patterns {
        classes: compiled(&CLASSES),
        tied: compiled(&TIED),
        words: compiled(&WORDS),
    }
});

impl Features {
    /// What `candidate` shows; `None` when the mentioned setting is not in the sentence.
    #[must_use]
    pub fn of(candidate: &Candidate<'_>) -> Option<Self> {
        let view = View::new(candidate)?;
        let mut seen = Vec::with_capacity(COUNT);
        seen.extend(
            PATTERNS
                .classes
                .iter()
                .map(|class| class.is_match(&view.segment)),
        );
        seen.extend(PATTERNS.tied.iter().map(|tied| tied.is_match(&view.text)));
        seen.extend(
            PATTERNS
                .words
                .iter()
                .map(|word| word.is_match(&view.segment)),
        );
        seen.extend(facts(candidate, &view));
        for (_, one, other) in JOINT {
            let names = names();
            let any = |of: &[&str]| {
                names
                    .iter()
                    .zip(&seen)
                    .any(|(n, s)| *s && of.contains(&n.as_str()))
            };
            seen.push(any(one) && any(other));
        }
        Some(Self::from_bits(&seen))
    }

    fn from_bits(seen: &[bool]) -> Self {
        let bit = |(i, seen): (usize, &bool)| u64::from(*seen) << i;
        Self(
            seen.iter()
                .enumerate()
                .map(bit)
                .fold(0, |all, bit| all | bit),
        )
    }

    /// The places of the features that are there, ascending.
    pub(crate) fn active(self) -> impl Iterator<Item = usize> {
        (0..COUNT).filter(move |i| self.0 >> i & 1 == 1)
    }

    /// The names of those that are there, in order.
    #[must_use]
    pub fn names(self) -> Vec<String> {
        let names = names();
        self.active()
            .filter_map(|i| names.get(i).cloned())
            .collect()
    }

    /// From names; `None` when one is unknown.
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let names = names();
        let mut bits = 0;
        for word in words {
            bits |= 1 << names.iter().position(|name| name == word)?;
        }
        Some(Self(bits))
    }
}

fn facts(candidate: &Candidate<'_>, view: &View) -> [bool; FACTS.len()] {
    let (a, b) = (candidate.owner, candidate.mentioned);
    let (at_a, at_b) = (view.text.find("{a}"), view.text.find("{b}"));
    let between = at_a.zip(at_b).map(|(a, b)| {
        let between = view.text.get(a.min(b)..a.max(b)).unwrap_or_default();
        between.split_whitespace().count()
    });
    let off = |s: &Setting| s.kind == Kind::Switch;
    let stem = a
        .words()
        .first()
        .is_some_and(|w| b.words().first() == Some(w));
    [
        view.presence == Presence::Silent,
        at_a.zip(at_b).is_some_and(|(a, b)| a < b),
        between.is_some_and(|words| words <= 8),
        view.names > 2,
        view.typeface == Typeface::Link,
        off(a),
        off(b),
        b.kind == Kind::Number,
        a.comparable(b) && (a.dimension != Dimension::Count || stem),
        stem,
        candidate.section == Section::Same,
        candidate.place == Place::Elsewhere,
    ]
}
