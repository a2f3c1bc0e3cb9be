//! Harm that the score cannot weigh: a hang that depends on who is attached, and losses that no watch
//! sees. Each trips the gate by itself, whatever the score says.

use backstay_catalog::Quantity;
use backstay_catalog::expr::Environment;
use backstay_model::SettingName;
use backstay_model::decision::SettingClass;
use backstay_simulate::proposal::put;

use super::{Wanted, masked};
use crate::commands::subject::Ground;

/// The setting that makes commits wait for named standbys.
const STANDBYS: &str = "synchronous_standby_names";

/// Settings that name a file without which the server does not start; `ALTER SYSTEM` takes them
/// unlooked at.
const FILES: [&str; 2] = ["hba_file", "ident_file"];
/// A file that the server writes anew at each start, whatever stood in it.
const OVERWRITTEN: &str = "external_pid_file";
/// What a commit waits for, from nothing to everything.
const COMMIT_LEVELS: [&str; 5] = ["off", "local", "remote_write", "on", "remote_apply"];

/// Why a person must decide about the proposal; empty when nothing speaks against it.
pub(super) fn harms(ground: &Ground, wanted: &[Wanted]) -> Vec<String> {
    wanted.iter().filter_map(|w| harm(ground, w)).collect()
}

fn harm(ground: &Ground, wanted: &Wanted) -> Option<String> {
    let name = &wanted.proposed.key.name;
    // A line of a file may say where things are; the statement may not.
    let stated = wanted.spot.is_none();
    if let (true, Some(instead)) = (stated, refused(name.as_str())) {
        return Some(format!(
            "{name} cannot be set by ALTER SYSTEM: the server refuses it; {instead}"
        ));
    }
    if stated && FILES.contains(&name.as_str()) {
        return Some(format!(
            "{name} names a file without which the server does not start again, and ALTER SYSTEM does \
             not look at it; needs a person's approval, better in postgresql.conf"
        ));
    }
    if name.as_str() == OVERWRITTEN && !Quantities::of(ground, wanted).shown().is_empty() {
        return Some(format!(
            "{name}: at each start the server writes over the file that it names; needs a person's approval"
        ));
    }
    if masked(ground, &wanted.proposed) {
        return None;
    }
    let new = Quantities::of(ground, wanted);
    if name.as_str() == STANDBYS && !new.shown().is_empty() {
        return Some(waits(ground, &new.shown()));
    }
    if ground.choice.pack.class_of(name) == SettingClass::Durability {
        return durability(name, &new);
    }
    None
}

/// For a setting that `ALTER SYSTEM` refuses: how it is set.
fn refused(name: &str) -> Option<&'static str> {
    match name {
        "config_file" => Some("it is given on the server's command line"),
        "allow_alter_system" | "data_directory" => {
            Some("it is set in postgresql.conf or on the server's command line")
        }
        "transaction_deferrable" | "transaction_isolation" | "transaction_read_only" => {
            Some("it belongs to one transaction; the setting that begins with default_ does not")
        }
        _ => None,
    }
}

/// A value before and after.
struct Quantities {
    old: Option<Quantity>,
    new: Option<Quantity>,
}

impl Quantities {
    fn of(ground: &Ground, wanted: &Wanted) -> Self {
        let name = &wanted.proposed.key.name;
        let then = put(&ground.now, std::slice::from_ref(&wanted.proposed)).ok();
        Self {
            old: ground.now.setting(name),
            new: then.and_then(|t| t.setting(name)),
        }
    }

    /// The value then, in the engine's own spelling.
    fn shown(&self) -> String {
        let shown = self.new.as_ref().map(ToString::to_string);
        shown.unwrap_or_default().trim().to_owned()
    }

    /// Whether a number only grows.
    fn grows(&self) -> bool {
        let number = |q: &Option<Quantity>| match q {
            Some(Quantity::Bytes(n) | Quantity::Micros(n) | Quantity::Count(n)) => Some(*n),
            _ => None,
        };
        matches!((number(&self.old), number(&self.new)), (Some(a), Some(b)) if a >= 0 && b > a)
    }
}

/// What a person must know before a guarantee is given up; nothing for a value that only adds one.
fn durability(name: &SettingName, value: &Quantities) -> Option<String> {
    if safe(name.as_str(), value) {
        return None;
    }
    let harm = match name.as_str() {
        "fsync" => "a crash can destroy the database",
        "full_page_writes" => "a crash can leave pages half written, beyond repair",
        "zero_damaged_pages" => "damaged pages are emptied, and their rows are gone for good",
        "ignore_checksum_failure" => "damaged pages are read as if they were sound",
        "data_sync_retry" => "data that could not be written can be taken for written",
        "synchronous_commit" => {
            "a crash can lose the commits of its last moments, and nothing else"
        }
        STANDBYS => "commits wait for no replica any more, and a failover can lose them",
        _ => "what survives a crash or reaches a replica may change",
    };
    Some(format!(
        "{name}: {harm}; needs a person's approval; a watch cannot see this harm"
    ))
}

/// Values that take no guarantee away.
fn safe(name: &str, value: &Quantities) -> bool {
    let new = value.shown();
    match name {
        "fsync" | "full_page_writes" | "wal_log_hints" | "archive_mode" => new != "off",
        "allow_in_place_tablespaces"
        | "allow_system_table_mods"
        | "data_sync_retry"
        | "ignore_checksum_failure"
        | "ignore_invalid_pages"
        | "ignore_system_indexes"
        | "zero_damaged_pages" => new == "off",
        "synchronous_commit" => {
            let level = |word: &str| COMMIT_LEVELS.iter().position(|l| *l == word);
            let old = value.old.as_ref().map(ToString::to_string);
            level(&new) >= old.as_deref().and_then(level)
        }
        "wal_level" => new != "minimal",
        "max_replication_slots" | "max_wal_senders" | "wal_keep_size" => value.grows(),
        _ => false,
    }
}

/// Which standbys are attached is not read, so a list of names is an outage until shown otherwise.
fn waits(ground: &Ground, new: &str) -> String {
    let unseen = if ground.live.is_some() {
        "which are attached was not read: see `SELECT application_name FROM pg_stat_replication`"
    } else {
        "which are attached is unknown offline"
    };
    format!(
        "{STANDBYS}: commits wait for ever unless a standby named so is attached ({new}); {unseen}; \
         be sure of it first, then apply with a watch"
    )
}
