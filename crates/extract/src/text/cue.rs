//! Cues: what a sentence's wording says about the settings `{a}` and `{b}` in it.
//!
//! `{a}` is the setting whose entry the sentence stands in (or the first one named), `{b}` the other.
//! Rules are tried from the top; the first that fits decides.

use std::sync::LazyLock;

use backstay_model::EdgeKind::{
    self, BoundedBy, ConflictsWith, Enables, Overrides, Requires, ScalesWith,
};
use backstay_model::Severity::{self, Advice, Clamp, Silent};
use regex::Regex;

/// Which of the two depends on the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Direction {
    /// `{a}` depends on `{b}`.
    Forward,
    /// `{b}` depends on `{a}`.
    Backward,
}
use Direction::{Backward, Forward};

/// The form of the rule that a cue gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// None: only the dependency is known.
    Nothing,
    /// `from < to`
    Less,
    /// `from <= to`
    AtMost,
    /// `from >= to`
    AtLeast,
    /// `from <= k * to`, `k` in percent in the sentence.
    PercentAtMost,
    /// `from >= k * to`
    PercentAtLeast,
    /// `from <= 0.5 * to`
    Half,
    /// Unless switched off, `from < to`.
    LessWhenOn,
    /// `from` active => `to` has the value that the sentence names.
    Needs,
}

/// A cue that fits a sentence.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Cue {
    pub(crate) kind: EdgeKind,
    pub(crate) direction: Direction,
    pub(crate) form: Form,
    pub(crate) severity: Severity,
    /// A number in the sentence, when the form needs one.
    pub(crate) number: Option<f64>,
}

/// What the wording says.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Reading {
    /// A dependency of this kind.
    Cued(Cue),
    /// The names are mentioned, no more.
    Mention,
    /// The sentence only points elsewhere, compares, or gives an example.
    Noise,
}

/// Wordings that are about something else than a dependency.
const NOISE: &[&str] = &[
    r"see also|also see|\bunlike\b|similar to|look at \{b\}|as an alternative|in releases prior",
    r"different rank|valid values are (?:as|the same)|for example|^example|other notes for",
    r"there is less need|ordinarily|do not override|does not override|conventionally set",
    r"use \{b\} for that|information similar to|same kind of|\bcrude\b|were not reported",
    r"don't bother|initdb|query trees can be|not fixed per database|no large performance",
    r"can be specified using|use of a fixed|the only available parameters",
    r"is set to error or lower|to return, displayed|comma-separated|time stamp with",
    r"risks? (?:of|are)|potential performance benefit|spread across",
];

type Rule = (&'static str, EdgeKind, Direction, Form, Severity);

/// The cues, surest first.
#[rustfmt::skip]
const CUES: &[Rule] = &[
    // Exclusion.
    (r"cannot be (?:enabled|used|combined|set)[^.]{0,30}(?:together with|at the same time as|in combination with)", ConflictsWith, Forward, Form::Nothing, Silent),
    (r"at most one of \{b\}|at most one of \{a\}|mutually exclusive|incompatible with \{b\}", ConflictsWith, Forward, Form::Nothing, Silent),
    // Bounds with a number.
    (r"effective value to (?<n>\d+)% of \{b\}", BoundedBy, Forward, Form::PercentAtMost, Clamp),
    (r"effective value to half the value of \{b\}", BoundedBy, Forward, Form::Half, Clamp),
    (r"no less than (?<n>\d+)% of \{b\}", BoundedBy, Forward, Form::PercentAtLeast, Clamp),
    (r"effective maximum for \{a\} is", BoundedBy, Forward, Form::Nothing, Clamp),
    // Bounds.
    (r"must be (?:less|lower|smaller) than \{b\}", BoundedBy, Forward, Form::Less, Silent),
    (r"must be (?:greater|more|larger) than \{b\}", BoundedBy, Backward, Form::Less, Silent),
    (r"must be (?:at least|no less than) (?:as large as )?\{b\}", BoundedBy, Forward, Form::AtLeast, Silent),
    (r"(?:higher|greater|more|larger) than \{b\} (?:will |does )?(?:have|has) no effect", BoundedBy, Forward, Form::AtMost, Silent),
    (r"taken from the pool[^.]*\{b\}|\blimited by \{b\}", BoundedBy, Forward, Form::AtMost, Silent),
    (r"pointless to set \{a\} to the same or (?:a )?larger value", BoundedBy, Forward, Form::LessWhenOn, Silent),
    (r"not (?:physically )?(?:sensible|meaningful|useful) to set (?:this|it|\{a\}) to less than \{b\}", BoundedBy, Forward, Form::AtLeast, Advice),
    (r"\{a\} to less than \{b\},? it is not", BoundedBy, Forward, Form::AtLeast, Advice),
    (r"unlikely to be (?:beneficial|useful) to set (?:this|it|\{a\}) to more than \{b\}", BoundedBy, Forward, Form::AtMost, Advice),
    (r"setting (?:this value|\{a\}) to \{b\} or more", BoundedBy, Forward, Form::Less, Advice),
    (r"at least as large as \{b\}", BoundedBy, Forward, Form::AtLeast, Advice),
    (r"if \{b\} is less than \{a\}", BoundedBy, Forward, Form::AtMost, Silent),
    (r"more frequently than once per \{b\}|no more than \{b\}|at most \{b\} |(?:not|never) (?:be )?(?:exceed|larger than|more than) \{b\}|as limited by \{b\}|\{b\}[^.,]{0,20} settings?, which limit|\{b\} limits?\b|resource limit \{b\} as a limit", BoundedBy, Forward, Form::Nothing, Advice),
    (r"at least \{b\} minus \{a\}|at least \{a\} minus \{b\}", BoundedBy, Forward, Form::Nothing, Advice),
    // Replacement.
    (r"ignored unless [^.]*\{b\} is (?:set to )?an empty string", Overrides, Forward, Form::Nothing, Silent),
    (r"(?:this|\{a\}|which) overrides \{b\}|override the normal (?:setting|value) of \{b\}", Overrides, Backward, Form::Nothing, Silent),
    (r"lower priority than \{b\}", Overrides, Forward, Form::Nothing, Silent),
    (r"value of \{b\} (?:should|will|is) (?:be )?used|regular \{b\} (?:value|setting) (?:will be|is) used|\bset (?:to )?the same as \{b\}|set to the (?:current )?value of \{b\}|default is the (?:setting|value) of \{b\}|defaults? to (?:the )?(?:value |setting )?(?:of )?\{b\}", Overrides, Forward, Form::Nothing, Advice),
    (r"(?:set to zero|-1|if (?:it is )?(?:unset|not set|set to an empty string|empty))[^.]{0,110}(?:based on|selects?[^.]*of|uses?|and) \{b\}", Overrides, Forward, Form::Nothing, Advice),
    (r"\{b\} is consulted|\{b\} is used instead|unless \{b\} (?:is|are) set|when no [^.]*configured \(using \{b\}", Overrides, Forward, Form::Nothing, Advice),
    // Needs.
    (r"\{b\} must (?:also |first )?be (?:set|enabled|turned on|debug|on\b)|\{b\} (?:setting |parameter )?must also be (?:enabled|set|on)", Requires, Forward, Form::Needs, Silent),
    (r"cannot be (?:enabled|used|turned on) when \{b\} is", Requires, Forward, Form::Nothing, Silent),
    (r"requires? (?:that )?\{b\}|only (?:be )?(?:supported|allowed|possible) (?:when|if) \{b\} is (?:set|enabled|on)", Requires, Forward, Form::Needs, Silent),
    (r"not (?:even )?start [^.]*if \{b\} is", Requires, Backward, Form::Nothing, Silent),
    (r"must be (?:used|set|enabled)?[^.]*\bto (?:enable|allow|use|support)[^.]*\(?\{b\}", Requires, Backward, Form::Nothing, Silent),
    (r"\{b\} must be (?:explicitly )?set", Requires, Forward, Form::Needs, Silent),
    // Proportion before switches: "when" is common.
    (r"\{a\} ?[*×] ?\(?\{b\}|\{b\} ?[*×/] ?\(?\{a\}|multiplying \{[ab]\} by \{[ab]\}|multiplied by \{b\}|\{b\} (?:multiplied|divided) by|\{[ab]\} minus \{[ab]\}", ScalesWith, Forward, Form::Nothing, Advice),
    (r"times the usual \{b\}|twice the usual \{b\}|up to \{b\} times|1/\d+(?:nd|th)[^.]*of \{b\}|fraction of \{b\}|\d% of \{b\}|add(?:ed)? to \{b\}|\{b\} seconds? (?:have|has) elapsed", ScalesWith, Forward, Form::Nothing, Advice),
    (r"settings? for \{a\} usually requires? a corresponding increase in \{b\}", ScalesWith, Backward, Form::Nothing, Advice),
    (r"calculated as[^.]*\{b\}|computed (?:by multiplying|from|as)[^.]*\{b\}|multiple of \{b\}|given as a fraction of[^.]*\{b\}|in proportion to \{b\}|three times \{b\}", ScalesWith, Forward, Form::Nothing, Advice),
    // Switches.
    (r"(?:no effect|ignored|irrelevant|meaningless|has no meaning) (?:if|unless|when|while)[^.]*\{b\}|if \{b\} is (?:off|disabled|not enabled|not set|empty|zero)[^.]*(?:irrelevant|ignored|no effect|meaningful|will act|will not|nothing)", Enables, Forward, Form::Nothing, Silent),
    (r"(?:no|not)\b[^.]*(?:performed|occur|generated|done|used)[^.]* if \{b\} is (?:disabled|off|not enabled)", Enables, Forward, Form::Nothing, Silent),
    (r"\b(?:when|unless) \{b\} (?:parameter |setting |option )?is (?:also )?(?:enabled|set|on\b|active|activated|turned on|used|minimal|non-?zero)|if \{b\} (?:parameter |setting |option )?is (?:enabled|on\b|set|turned on|non-empty)|when they are enabled with \{b\}|applies when \{b\}", Enables, Forward, Form::Nothing, Silent),
    (r"(?:as a result of|messages produced by|generated by) \{b\}|only (?:has an effect|used|effective|useful|applies) (?:if|when|for|with)[^.]*\{b\}|before performing the \{b\}|required? before performing[^.]*\{b\}|prefetching[^.]*\{b\}", Enables, Forward, Form::Nothing, Silent),
    (r"enabled? (?:it|this)[^.]*\bset (?:the )?\{b\}|including [a-z]+ in the \{b\} list|is enabled in \{b\}|also called [^.]*\{b\}|set by \{b\}", Enables, Forward, Form::Nothing, Silent),
    (r"if you turn \{a\} off, also consider turning off \{b\}", Enables, Backward, Form::Nothing, Silent),
    (r"\band \{b\} is (?:on|off|enabled|disabled)\b", Enables, Forward, Form::Nothing, Silent),
    // Weak proportion.
    (r"\{b\} will be delayed by|applied individually to each|restricted by \{b\}|such as \{b\}\) is influenced by \{a\}", ScalesWith, Backward, Form::Nothing, Advice),
    (r"whichever (?:comes first|is sooner)", ScalesWith, Forward, Form::Nothing, Advice),
    (r"longer than \{b\}|exceeding \{b\}|influenced by \{b\}|affected by (?:the )?\{b\}|relative to \{b\}|depends? (?:up)?on[^.,]*\{b\}|defined by \{b\}|based on[^.,]*\{b\}|controlled by \{b\}|on the specified \{b\}|smaller values of \{b\}|configured with \{b\}|in combination with (?:the )?(?:parameter )?\{b\}|suggests that \{b\} ought|recommending increasing \{b\}", ScalesWith, Forward, Form::Nothing, Advice),
    // Two names in one breath.
    (r"less than \{b\} ago|worth of[^.]*\{b\}|at least \{b\} (?:seconds|other)", Requires, Forward, Form::Nothing, Advice),
];

struct Table {
    noise: Vec<Regex>,
    cues: Vec<(Regex, Cue)>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let pattern = |text: &str| Regex::new(text).expect("a fixed pattern, compiled in a test");
    Table {
        noise: NOISE.iter().map(|text| pattern(text)).collect(),
        cues: CUES
            .iter()
            .map(|&(text, kind, direction, form, severity)| {
                (
                    pattern(text),
                    Cue {
                        kind,
                        direction,
                        form,
                        severity,
                        number: None,
                    },
                )
            })
            .collect(),
    }
});

/// Reads `sentence`, in which the two settings are written `{a}` and `{b}`, all in lower case.
pub(crate) fn read(sentence: &str) -> Reading {
    if TABLE.noise.iter().any(|noise| noise.is_match(sentence)) {
        return Reading::Noise;
    }
    for (pattern, cue) in &TABLE.cues {
        if let Some(found) = pattern.captures(sentence) {
            let number = found.name("n").and_then(|n| n.as_str().parse().ok());
            return Reading::Cued(Cue {
                number,
                ..cue.clone()
            });
        }
    }
    Reading::Mention
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wordings_are_read() {
        let table: &[(&str, Option<(EdgeKind, Direction)>)] = &[
            (
                "{a} has no effect unless {b} is on",
                Some((Enables, Forward)),
            ),
            ("{a} must be less than {b}", Some((BoundedBy, Forward))),
            (
                "will quietly limit the effective value to 80% of {b}",
                Some((BoundedBy, Forward)),
            ),
            (
                "cannot be used together with {b}",
                Some((ConflictsWith, Forward)),
            ),
            (
                "if it is set to -1, the value of {b} will be used",
                Some((Overrides, Forward)),
            ),
            ("this overrides {b}", Some((Overrides, Backward))),
            ("{b} must be set to x or higher", Some((Requires, Forward))),
            (
                "the table has {a} * ({b} + 2) rows",
                Some((ScalesWith, Forward)),
            ),
            ("{b} is nice, too", None),
        ];
        for (text, wanted) in table {
            let found = match read(text) {
                Reading::Cued(cue) => Some((cue.kind, cue.direction)),
                Reading::Mention | Reading::Noise => None,
            };
            assert_eq!(found, *wanted, "{text}");
        }
        assert_eq!(read("see also {b}"), Reading::Noise);
    }
}
