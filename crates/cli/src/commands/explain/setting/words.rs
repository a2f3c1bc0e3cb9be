//! The definition of a setting in words.

use backstay_catalog::pack::{Context, Meaning, SettingDef, ValueKind};
use backstay_model::decision::SettingClass;

/// Kind, unit and range in one line.
pub(super) fn kind(def: &SettingDef) -> String {
    let end = |n: Option<f64>| {
        let n = n?;
        Some(match def.unit {
            Some(unit) => unit
                .quantity(n as i128)
                .map_or_else(|| n.to_string(), |q| q.to_string()),
            None => n.to_string(),
        })
    };
    let range = match (end(def.min), end(def.max)) {
        (Some(min), Some(max)) => format!(", {min} to {max}"),
        _ => String::new(),
    };
    let unit = def
        .unit
        .map(|u| format!(" in units of {u}"))
        .unwrap_or_default();
    match &def.kind {
        ValueKind::Bool => "on or off".into(),
        ValueKind::Integer => format!("whole number{unit}{range}"),
        ValueKind::Real => format!("number{unit}{range}"),
        ValueKind::Enum(words) => format!("one of {}", words.join(", ")),
        ValueKind::Text => "text".into(),
        ValueKind::List => "list, with commas".into(),
    }
}

pub(super) const fn takes_effect(context: Context) -> &'static str {
    match context {
        Context::Internal => "never: it tells a fact about the server",
        Context::Postmaster => "at the next restart of the server",
        Context::Sighup => "at a reload",
        Context::Backend | Context::SuperuserBackend => "at a reload, in sessions that begin then",
        Context::Superuser => "at a reload; superusers may set it in their session",
        Context::User => "at a reload; everybody may set it in their session",
    }
}

/// What is stronger than a value in the server's own file.
pub(super) const fn masks(context: Context) -> &'static str {
    match context {
        Context::Internal => "nothing sets it",
        Context::Postmaster | Context::Sighup => "the server's command line",
        Context::Backend | Context::SuperuserBackend => {
            "the command line, the connection's own options"
        }
        Context::Superuser | Context::User => {
            "the command line, ALTER DATABASE, ALTER ROLE, SET in a session"
        }
    }
}

pub(super) fn meanings(def: &SettingDef) -> Vec<String> {
    let word = |m: Meaning| match m {
        Meaning::Derived => "derived by the server",
        Meaning::Fallback => "as another setting says",
        Meaning::Unlimited => "no limit",
        Meaning::Off => "off",
    };
    def.sentinels
        .iter()
        .map(|s| match &s.effective {
            Some(expr) => format!("{} = {}: {expr}", s.value, word(s.meaning)),
            None => format!("{} = {}", s.value, word(s.meaning)),
        })
        .collect()
}

pub(super) fn undo(def: &SettingDef) -> Vec<String> {
    if def.context == Context::Internal {
        return vec!["it cannot be set".into()];
    }
    let mut lines = vec![
        format!("ALTER SYSTEM RESET {};", def.name),
        "-- or SET to the value that stood in postgresql.auto.conf before".to_owned(),
        "SELECT pg_reload_conf();".to_owned(),
    ];
    if def.context == Context::Postmaster {
        lines.push("-- then restart the server".into());
    }
    lines
}

/// How far Backstay may go with it.
pub(super) fn class(def: &SettingDef) -> String {
    let most = match def.class {
        SettingClass::Reloadable => "may be rolled back automatically",
        SettingClass::CodeRunning => "is never written by Backstay",
        _ => "is rolled back only with a person's approval",
    };
    format!("{}: {most}", def.class.words())
}
