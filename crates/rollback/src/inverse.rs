//! The inverse of one change, by the route of the value's owner (databases.md, 9; safety.md, 7.3–7.5).

use backstay_model::change::{Pending, Standing, TakesEffect};
use backstay_model::decision::{HoldReason, SettingClass};
use backstay_model::plan::{Inverse, PlanStep, Predicted, Route};
use backstay_model::{Change, Scope, Snapshot, Value, ValueSource};

use crate::plan::Request;

/// How one change is put back.
#[derive(Clone, Debug)]
pub(crate) struct Undo {
    /// The step; `None` when it must not even be expressed as one (secrets, code).
    pub(crate) step: Option<PlanStep>,
    /// Why Backstay cannot run it by itself.
    pub(crate) manual: Option<HoldReason>,
    /// What a person does, when there is no step that says so.
    pub(crate) instruction: Option<String>,
    /// The name of the setting, when the old value works only after a restart of the server.
    pub(crate) restart_for: Option<String>,
}

impl Undo {
    fn by_hand(manual: HoldReason, instruction: String) -> Self {
        Self {
            step: None,
            manual: Some(manual),
            instruction: Some(instruction),
            restart_for: None,
        }
    }

    fn left_alone(why: String) -> Self {
        let instruction = format!("-- left alone: {why}");
        Self::by_hand(HoldReason::NoPlan { why }, instruction)
    }
}

/// How `change` is put back.
pub(crate) fn undo(request: &Request<'_>, change: &Change) -> Undo {
    let name = &change.key;
    let class = request.class(name);
    if class == SettingClass::CodeRunning {
        let was = change.old_text();
        return Undo::by_hand(
            HoldReason::Class(class),
            format!("-- {name} runs or loads code: put it back by hand (it was {was})"),
        );
    }
    let now = standing(change, request.now);
    if let Some(why) = moved(change, &now) {
        return Undo::left_alone(why);
    }
    let Some(route) = route(change, request.now) else {
        return Undo::left_alone(format!(
            "neither a statement nor a file gave {name} its value, but: {}",
            change.new.source
        ));
    };
    let Some(inverse) = inverse(change, &route, request.last_good) else {
        let why = format!(
            "{name} was written before it took effect, and what stood there is not recorded"
        );
        return Undo::left_alone(why);
    };
    if matches!(inverse, Inverse::Set(Value::Secret(_))) {
        return Undo::by_hand(
            HoldReason::Class(SettingClass::Secret),
            format!("-- {name} held a secret that is not kept: set it again by hand"),
        );
    }
    let restart = restart_needed(class, change, &now);
    let manual = manual_route(&route)
        .or_else(|| fallback_moved(change, &route, &inverse, request))
        .or_else(|| restart.then_some(HoldReason::RestartNeeded));
    let predict = predict(change, &now);
    let restart_for = restart.then(|| name.to_string());
    let step = PlanStep {
        key: name.clone(),
        route,
        inverse,
        expect: now,
        predict,
    };
    Undo {
        step: Some(step),
        manual,
        instruction: None,
        restart_for,
    }
}

/// How the setting stands now; a scope in which nothing is set is not in the snapshot.
fn standing(change: &Change, now: &Snapshot) -> Standing {
    let absent = || Standing::absent(change.new.source.clone());
    now.settings
        .get(&change.key)
        .cloned()
        .unwrap_or_else(absent)
}

/// The door through which the change came: the inverse leaves by the same one. `None` when neither
/// statements nor files nor the command line gave the value.
fn route(change: &Change, now: &Snapshot) -> Option<Route> {
    use ValueSource::{AutoFile, CommandLine};
    let file = || file_of(change).map(|path| Route::File { path });
    match &change.key.scope {
        Scope::Database { .. } | Scope::Role { .. } | Scope::RoleInDatabase { .. } => {
            Some(Route::RoleOrDatabase)
        }
        Scope::FileRule { .. } => file().or_else(|| {
            Some(Route::File {
                path: rules_file(now),
            })
        }),
        Scope::Instance if change.old.entry != change.new.entry => Some(Route::AlterSystem),
        Scope::Instance => match (&change.new.source, &change.old.source) {
            (CommandLine, _) | (_, CommandLine) => Some(Route::CommandLine),
            (AutoFile, _) => Some(Route::AlterSystem),
            _ => file(),
        },
    }
}

/// The file that people edited: where the value stands now, or where it stood.
fn file_of(change: &Change) -> Option<String> {
    [&change.new.source, &change.old.source]
        .into_iter()
        .find_map(|source| match source {
            ValueSource::File { path } => Some(path.clone()),
            _ => None,
        })
}

/// The host-based authentication file, by its usual name among the files of the target.
fn rules_file(now: &Snapshot) -> String {
    let named = |path: &&String| path.ends_with("pg_hba.conf");
    let found = now.files.iter().map(|f| &f.path).find(named);
    found.map_or_else(|| "pg_hba.conf".to_owned(), Clone::clone)
}

/// What is written: the raw old entry, or its removal when there was none (a SET of the old value
/// would leave a pin that masks later edits of the files). `None` when that is not known.
fn inverse(change: &Change, route: &Route, good: Option<&Snapshot>) -> Option<Inverse> {
    let old = match route {
        Route::AlterSystem | Route::RoleOrDatabase => entry_before(change, good)?,
        Route::File { .. } if stood_in_file(&change.old.source, &change.key.scope) => {
            change.old.effective.clone()
        }
        Route::CommandLine if change.old.source == ValueSource::CommandLine => {
            change.old.effective.clone()
        }
        Route::File { .. } | Route::CommandLine => None,
    };
    Some(old.map_or(Inverse::Reset, Inverse::Set))
}

/// The entry that stood before. When the entry was written first and a later reload made it effective,
/// the change holds it on both sides; then the last good configuration knows, if it had the old value.
/// The outer `None`: not known.
pub(crate) fn entry_before(change: &Change, good: Option<&Snapshot>) -> Option<Option<Value>> {
    if change.old.entry != change.new.entry {
        return Some(change.old.entry.clone());
    }
    let then = good?.settings.get(&change.key)?;
    let tells = then.effective == change.old.effective && then.entry != change.new.entry;
    tells.then(|| then.entry.clone())
}

fn stood_in_file(source: &ValueSource, scope: &Scope) -> bool {
    matches!(source, ValueSource::File { .. }) || matches!(scope, Scope::FileRule { .. })
}

/// Routes that only people take.
fn manual_route(route: &Route) -> Option<HoldReason> {
    match route {
        Route::AlterSystem | Route::RoleOrDatabase => None,
        Route::File { path } => Some(HoldReason::FileOwned { path: path.clone() }),
        Route::CommandLine => Some(HoldReason::CommandLine),
    }
}

/// Somebody moved it since the change was seen: there is nothing of this change left to undo, and not
/// even a person should paste a statement over it.
fn moved(change: &Change, now: &Standing) -> Option<String> {
    let nothing_set = now.effective.is_none() && change.new.effective.is_none();
    let same_value = now.effective == change.new.effective && now.source == change.new.source;
    // A restart between the change and now makes the entry effective; that is not somebody's move.
    let restarted = change.takes_effect == TakesEffect::AtRestart;
    if now.entry == change.new.entry && (restarted || same_value || nothing_set) {
        return None;
    }
    let value = now
        .effective
        .as_ref()
        .map_or_else(|| "not set".to_owned(), ToString::to_string);
    Some(format!(
        "{} was moved since: it is {value} now, from {}",
        change.key, now.source
    ))
}

/// A RESET falls back to what the files say now. The value before the change is a safe guess only as
/// long as the file it came from is as it was in the last good configuration.
fn fallback_moved(
    change: &Change,
    route: &Route,
    inverse: &Inverse,
    request: &Request<'_>,
) -> Option<HoldReason> {
    if *route != Route::AlterSystem || *inverse != Inverse::Reset {
        return None;
    }
    let good = request.last_good?;
    let ask = |why: String| Some(HoldReason::NoPlan { why });
    if let Some(then) = good.settings.get(&change.key)
        && then.entry.is_none()
        && then.effective != change.old.effective
    {
        return ask(format!(
            "a RESET of {} may not lead back to {}",
            change.key,
            change.old_text()
        ));
    }
    let ValueSource::File { path } = &change.old.source else {
        return None;
    };
    let print = |s: &Snapshot| {
        s.files
            .iter()
            .find(|f| f.path == *path)
            .and_then(|f| f.fingerprint.clone())
    };
    match (print(good), print(request.now)) {
        (Some(then), Some(now)) if then != now => ask(format!(
            "{path} was edited since: a RESET of {} may lead to another value",
            change.key
        )),
        _ => None,
    }
}

/// Whether the old value works only after a restart. A value that still waits for its restart is
/// disarmed by putting the file back, and needs none.
fn restart_needed(class: SettingClass, change: &Change, now: &Standing) -> bool {
    let by_restart =
        class == SettingClass::Restart || change.takes_effect == TakesEffect::AtRestart;
    by_restart
        && now.pending_restart == Pending::No
        && change.takes_effect != TakesEffect::Masked
        && now.effective != change.old.effective
}

/// What must stand there afterwards: the old value from the old source. Where the change is masked,
/// what a session gets does not move at all.
fn predict(change: &Change, now: &Standing) -> Predicted {
    let stands = if change.takes_effect == TakesEffect::Masked {
        now
    } else {
        &change.old
    };
    Predicted {
        effective: stands.effective.clone(),
        source: stands.source.clone(),
    }
}
