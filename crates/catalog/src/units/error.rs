//! What can be wrong with a value, in words for the person who wrote it.

use std::borrow::Cow;

use backstay_model::SettingName;

use crate::pack::{Elsewhere, SettingDef};
use crate::units::Unit;

/// What is wrong with a value that was offered for a setting.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum ValueError {
    /// There is no such setting.
    #[error("{setting}: no such setting in {engine}{}{}", other(*.elsewhere), hint(.nearest))]
    UnknownSetting {
        /// The name as given.
        setting: SettingName,
        /// Engine and version: `postgresql 15`.
        engine: String,
        /// Whether another major version has it.
        elsewhere: Option<Elsewhere>,
        /// Settings with a name like it, most alike first.
        nearest: Vec<SettingName>,
    },
    /// The setting only tells a fact.
    #[error("{setting} = {text}: it tells a fact about the server and cannot be set")]
    NotSettable {
        /// The setting.
        setting: SettingName,
        /// The text, shortened.
        text: String,
    },
    /// No number can be read.
    #[error("{setting} = {text}: not a number{}", units(.unit.as_ref()))]
    NotANumber {
        /// The setting.
        setting: SettingName,
        /// The text, shortened.
        text: String,
        /// The base unit of the setting.
        unit: Option<Unit>,
    },
    /// The unit after the number is not one for this setting.
    #[error("{setting} = {text}: unit {unit} is not one of {allowed}")]
    WrongUnit {
        /// The setting.
        setting: SettingName,
        /// The text, shortened.
        text: String,
        /// The unit that was written.
        unit: String,
        /// The units it takes.
        allowed: String,
    },
    /// The setting takes bare numbers only.
    #[error("{setting} = {text}: it takes a plain number, without unit {unit}")]
    UnitUnwanted {
        /// The setting.
        setting: SettingName,
        /// The text, shortened.
        text: String,
        /// The unit that was written.
        unit: String,
    },
    /// The number is too small or too large.
    #[error("{setting} = {text}: outside {range}")]
    OutOfRange {
        /// The setting.
        setting: SettingName,
        /// The text, shortened.
        text: String,
        /// The range, with units: `64kB .. 2TB`.
        range: String,
    },
    /// Neither on nor off.
    #[error("{setting} = {text}: not one of on, off, true, false, yes, no, 1, 0")]
    NotBool {
        /// The setting.
        setting: SettingName,
        /// The text, shortened.
        text: String,
    },
    /// Not a word of the enum.
    #[error("{setting} = {text}: not one of {allowed}")]
    NotAWord {
        /// The setting.
        setting: SettingName,
        /// The text, shortened.
        text: String,
        /// The words it takes.
        allowed: String,
    },
    /// A text that the server reads and cannot read.
    #[error("{setting} = {text}: {form}")]
    BadForm {
        /// The setting.
        setting: SettingName,
        /// The text, shortened.
        text: String,
        /// What it takes, for a person.
        form: Cow<'static, str>,
    },
    /// No configuration file can hold it.
    #[error("{setting}: a value must not hold a null character, or be over 1 MB")]
    Unwritable {
        /// The setting.
        setting: SettingName,
        /// The text, shortened.
        text: String,
    },
    /// Only a file can hold it.
    #[error("{setting}: ALTER SYSTEM takes no value with a line break; a file does, as \\n")]
    LineBreak {
        /// The setting.
        setting: SettingName,
    },
}

impl ValueError {
    /// The setting it is about.
    #[must_use]
    pub const fn setting(&self) -> &SettingName {
        match self {
            Self::UnknownSetting { setting, .. }
            | Self::NotSettable { setting, .. }
            | Self::NotANumber { setting, .. }
            | Self::WrongUnit { setting, .. }
            | Self::UnitUnwanted { setting, .. }
            | Self::OutOfRange { setting, .. }
            | Self::NotBool { setting, .. }
            | Self::NotAWord { setting, .. }
            | Self::BadForm { setting, .. }
            | Self::Unwritable { setting, .. }
            | Self::LineBreak { setting } => setting,
        }
    }
}

/// At most 60 characters of `text`: enough to recognise it.
pub(super) fn shorten(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().count() <= 60 {
        return text;
    }
    text.chars().take(57).chain("...".chars()).collect()
}

/// The range of a setting for a person: `64kB .. 2147483647kB`.
pub(super) fn range(def: &SettingDef) -> String {
    let end = |n: Option<f64>, open: &str| match (n, def.unit) {
        (None, _) => open.to_owned(),
        (Some(n), Some(unit)) => crate::units::to_i128(n)
            .and_then(|n| unit.quantity(n))
            .map_or_else(|| n.to_string(), |q| q.to_string()),
        (Some(n), None) => n.to_string(),
    };
    format!("{} .. {}", end(def.min, "any"), end(def.max, "any"))
}

fn other(elsewhere: Option<Elsewhere>) -> String {
    elsewhere.map_or_else(String::new, |e| format!(" ({e})"))
}

fn hint(nearest: &[SettingName]) -> String {
    if nearest.is_empty() {
        return String::new();
    }
    let names: Vec<_> = nearest.iter().map(SettingName::as_str).collect();
    format!("; did you mean {}?", names.join(" or "))
}

fn units(unit: Option<&Unit>) -> String {
    let list = |u: &Unit| {
        format!(
            " with a unit of {} ({u} when there is none)",
            u.allowed().join(", ")
        )
    };
    unit.map_or_else(String::new, list)
}
