//! The files of a pack, byte for byte the same from the same inputs.

use backstay_catalog::pack::{ConstraintsFile, FORMAT, SettingsFile, Texts};
use backstay_catalog::{NoPack, Pack};
use backstay_model::Constraint;
use backstay_model::name::EngineKind;
use serde::Serialize;

/// A list item per line: a change of one setting is a change of one line.
pub(crate) fn settings(file: &SettingsFile) -> Result<String, serde_json::Error> {
    let head = [
        ("format", file.format.to_string()),
        ("engine", serde_json::to_string(&file.engine)?),
        ("major", file.major.to_string()),
        (
            "server_version",
            serde_json::to_string(&file.server_version)?,
        ),
    ];
    lines(&head, "settings", &file.settings)
}

/// The same for constraints.
pub(crate) fn constraints(file: &ConstraintsFile) -> Result<String, serde_json::Error> {
    let head = [
        ("format", file.format.to_string()),
        ("engine", serde_json::to_string(&file.engine)?),
        ("major", file.major.to_string()),
        ("built_from", serde_json::to_string(&file.built_from)?),
    ];
    lines(&head, "constraints", &file.constraints)
}

fn lines<T: Serialize>(
    head: &[(&str, String)],
    name: &str,
    items: &[T],
) -> Result<String, serde_json::Error> {
    let mut text = String::from("{\n");
    for (key, value) in head {
        text.push_str(&format!("  \"{key}\": {value},\n"));
    }
    let items = items
        .iter()
        .map(serde_json::to_string)
        .collect::<Result<Vec<_>, _>>()?;
    text.push_str(&format!(
        "  \"{name}\": [\n    {}\n  ]\n}}\n",
        items.join(",\n    ")
    ));
    Ok(text)
}

/// The pack of the settings alone: to read values and evaluate rules with.
pub(crate) fn bare(settings: &str, major: u32) -> Result<Pack, NoPack> {
    let nothing = format!(
        "{{\"format\": {FORMAT}, \"engine\": \"postgresql\", \"major\": {major}, \"built_from\": \"\", \"constraints\": []}}"
    );
    let texts = Texts {
        settings,
        constraints: &nothing,
        overrides: "format = 1",
        effects: "format = 1",
    };
    Pack::load(EngineKind::Postgresql, major, texts)
}

/// The constraints without the rules that the catalogue does not accept: a rule that makes no sense is
/// dropped, the dependency stays.
pub(crate) fn sound(
    settings: &str,
    constraints: Vec<Constraint>,
    major: u32,
) -> Result<Vec<Constraint>, serde_json::Error> {
    let mut kept = Vec::new();
    for mut constraint in constraints {
        if constraint.rule.is_some() && !loads(settings, &constraint, major)? {
            constraint.rule = None;
        }
        kept.push(constraint);
    }
    Ok(kept)
}

fn loads(settings: &str, constraint: &Constraint, major: u32) -> Result<bool, serde_json::Error> {
    let file = ConstraintsFile {
        format: FORMAT,
        engine: EngineKind::Postgresql,
        major,
        built_from: String::new(),
        constraints: vec![constraint.clone()],
    };
    let constraints = self::constraints(&file)?;
    let texts = Texts {
        settings,
        constraints: &constraints,
        overrides: "format = 1",
        effects: "format = 1",
    };
    Ok(Pack::load(EngineKind::Postgresql, major, texts).is_ok())
}
