//! What a person reads in a plan: the commands, and what it does not put back.

use std::collections::BTreeSet;

use backstay_model::change::TakesEffect;
use backstay_model::decision::SettingClass;
use backstay_model::plan::{Dialect, PlanStep, Route};

use crate::inverse::Undo;
use crate::plan::Request;

/// The whole plan as it would be typed: every statement, then what makes them take effect, then the
/// restart if one is needed.
pub(crate) fn commands(dialect: &dyn Dialect, steps: &[PlanStep], undos: &[Undo]) -> Vec<String> {
    let mut lines: Vec<String> = steps.iter().map(|s| dialect.statement(s)).collect();
    lines.extend(undos.iter().filter_map(|u| u.instruction.clone()));
    let mut activations: Vec<String> = Vec::new();
    for activation in steps.iter().filter_map(|s| dialect.activate(&s.route)) {
        // One reload for all: nothing takes effect before it, so sessions see all or nothing.
        if !activations.contains(&activation) {
            activations.push(activation);
        }
    }
    lines.append(&mut activations);
    let restart: Vec<&str> = undos
        .iter()
        .filter_map(|u| u.restart_for.as_deref())
        .collect();
    if !restart.is_empty() {
        lines.push(format!(
            "-- restart the server: {} changes only then",
            restart.join(", ")
        ));
    }
    lines
}

/// What stays as the change left it.
pub(crate) fn does_not_undo(request: &Request<'_>, steps: &[PlanStep]) -> Vec<String> {
    let changes = request.changes();
    let classes: BTreeSet<SettingClass> = changes.iter().map(|c| request.class(&c.key)).collect();
    let mut sentences = vec![
        "Data: a configuration rollback puts no rows, files or lost requests back.".to_owned(),
    ];
    let new_sessions = changes
        .iter()
        .any(|c| c.takes_effect == TakesEffect::NewSessions)
        || steps.iter().any(|s| s.route == Route::RoleOrDatabase);
    if new_sessions {
        let text = "Sessions that began in the meantime keep the value until they connect again.";
        sentences.push(text.to_owned());
    }
    if classes.contains(&SettingClass::Durability) {
        let text = "Durability: what was confirmed in the meantime may be lost in a crash until it is \
                    written again.";
        sentences.push(text.to_owned());
    }
    if classes.contains(&SettingClass::Authentication) {
        let text = "Logins: whoever was let in or turned away in the meantime stays so.";
        sentences.push(text.to_owned());
    }
    if classes.contains(&SettingClass::Restart) {
        sentences.push("Restarts: caches that a restart emptied stay cold for a while.".to_owned());
    }
    sentences
}
