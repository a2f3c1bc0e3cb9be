//! `backstay replay`: the same code judges history again, with another policy.
//!
//! The journal is folded through the lifecycle; at every ruling that was made, the policy that is
//! tried is asked. What it would have rolled back counts against its own budget and cool-down.

use std::collections::{BTreeMap, BTreeSet};

use backstay_guard::case::Case;
use backstay_guard::config::Config;
use backstay_journal::{Entries, Entry, EntryStore, Record, SnapshotStore};
use backstay_lifecycle::policy::{
    Brake, Facts, Joint, PastRollback, Policy, RollbackBy, Standing, clear,
};
use backstay_model::decision::{Clearance, HoldReason, Mode, SettingClass};
use backstay_model::plan::Plan;
use backstay_model::risk::Risk;
use backstay_model::{ChangeSet, ChangeSetId, Event, Seq, SettingKey, TargetId, Timestamp};
use backstay_store_sqlite::Readers;
use serde_json::{Value, json};

use crate::args::{Common, Replay};
use crate::commands::changes::told;
use crate::commands::record::journal_failure;
use crate::commands::rollback::{Wrote, class, wrote};
use crate::commands::watch::{policy, read_config};
use crate::failure::{Code, Exit, Failure};
use crate::out::{Out, Tone};
use crate::page::{Cell, Page, cell, count, dim, plain};
use crate::state;

/// A decision that was made, and the one that would be made.
struct Ruled {
    set: ChangeSet,
    at: Timestamp,
    was: String,
    would_be: String,
}

/// Replays a journal.
pub(crate) fn run(args: &Replay, common: &Common, out: Out) -> Result<Exit, Failure> {
    let path = args
        .journal
        .clone()
        .unwrap_or_else(|| state::directory(common));
    let readers = state::read(&path)?;
    let config = args.policy.as_deref().map(read_config).transpose()?;
    let mut past = Past {
        readers: &readers,
        config: config.as_ref(),
        modes: BTreeMap::new(),
        brake: Brake::Off,
        sets: BTreeMap::new(),
        cases: BTreeMap::new(),
        tried: Vec::new(),
        ruled: Vec::new(),
    };
    for entry in Entries::new(&readers.log, Seq(1)).decoded() {
        let entry = entry.map_err(|e| journal_failure(&e, &path))?;
        past.fold(&entry)?;
    }
    let entries = readers.log.head().map_or(0, |h| h.seq.0);
    if out.json_wanted() {
        out.document(&document(&past, entries))?;
    } else {
        show(out, &past, entries);
    }
    Ok(Exit::Ok)
}

/// What happened so far, and what the tried policy would have made of it.
struct Past<'a> {
    readers: &'a Readers,
    config: Option<&'a Config>,
    modes: BTreeMap<TargetId, Mode>,
    brake: Brake,
    sets: BTreeMap<ChangeSetId, ChangeSet>,
    cases: BTreeMap<ChangeSetId, Case>,
    /// Rollbacks that the tried policy would have made, or that people made, by target.
    tried: Vec<(TargetId, PastRollback)>,
    ruled: Vec<Ruled>,
}

/// What a ruling rested on.
struct Ruling<'e> {
    at: Timestamp,
    risk: &'e Risk,
    clearance: &'e Clearance,
    plan: &'e Plan,
}

impl Past<'_> {
    fn fold(&mut self, entry: &Entry) -> Result<(), Failure> {
        match &entry.record {
            Record::Started { targets, .. } => {
                for watched in targets {
                    self.modes.insert(watched.target.clone(), watched.mode);
                }
            }
            Record::Paused { .. } => self.brake = Brake::On,
            Record::Resumed { .. } => self.brake = Brake::Off,
            Record::Seen { change_set, .. } => {
                self.sets.insert(change_set.id, change_set.clone());
            }
            Record::Step {
                change_set, event, ..
            } => self.step(*change_set, event)?,
            _ => {}
        }
        Ok(())
    }

    fn step(&mut self, id: ChangeSetId, event: &Event) -> Result<(), Failure> {
        if let Event::Ruled {
            at,
            risk,
            clearance,
            plan,
            ..
        } = event
        {
            self.rule(
                id,
                &Ruling {
                    at: *at,
                    risk,
                    clearance,
                    plan,
                },
            )?;
        }
        let illegal = |e| Failure::of(Code::Broken, &e).because(format!("change set {id}"));
        match (self.cases.get_mut(&id), self.sets.get(&id)) {
            (Some(case), _) => {
                case.apply(event).map_err(illegal)?;
            }
            (None, Some(set)) => {
                let (case, _) = Case::open(set.clone(), event).map_err(illegal)?;
                self.cases.insert(id, case);
            }
            (None, None) => {}
        }
        self.by_people(id, event);
        Ok(())
    }

    /// What people ran stays run, whatever the policy.
    fn by_people(&mut self, id: ChangeSetId, event: &Event) {
        let Event::Approved { at, .. } = event else {
            return;
        };
        let Some(case) = self.cases.get(&id) else {
            return;
        };
        if wrote(case) == Some(Wrote::ByOperator) {
            let rollback = PastRollback {
                at: *at,
                keys: keys(&case.change_set),
                by: RollbackBy::Operator,
            };
            self.tried.push((case.change_set.target.clone(), rollback));
        }
    }

    fn rule(&mut self, id: ChangeSetId, ruling: &Ruling<'_>) -> Result<(), Failure> {
        let case = self.cases.get(&id);
        let verdict = case.and_then(|c| c.verdict.clone());
        let (Some(set), Some(verdict)) = (self.sets.get(&id).cloned(), verdict) else {
            return Ok(());
        };
        let policy = self.policy(&set.target);
        let facts = Facts {
            now: ruling.at,
            brake: self.brake,
            rollbacks: self
                .tried
                .iter()
                .filter(|(target, _)| *target == set.target)
                .map(|(_, r)| r.clone())
                .collect(),
            classes: self.classes(&set)?,
            foreign_edits: foreign(ruling.clearance),
            joint: joint(id, ruling.clearance),
        };
        let would_be = clear(&policy, &facts, &verdict, ruling.risk, ruling.plan);
        if would_be == Clearance::Automatic {
            let rollback = PastRollback {
                at: ruling.at,
                keys: keys(&set),
                by: RollbackBy::Policy,
            };
            self.tried.push((set.target.clone(), rollback));
        }
        self.ruled.push(Ruled {
            was: words(ruling.clearance),
            would_be: words(&would_be),
            at: ruling.at,
            set,
        });
        Ok(())
    }

    /// The policy that is tried on a target; without a file, that of a new installation in the mode
    /// the target had.
    fn policy(&self, target: &TargetId) -> Policy {
        match self.config {
            Some(config) => {
                let named = config.targets.iter().find(|t| t.name == target.as_str());
                policy(&config.policy, named.and_then(|t| t.mode))
            }
            None => Policy {
                mode: self.modes.get(target).copied().unwrap_or(Mode::Observe),
                ..policy(&backstay_guard::config::PolicyConfig::default(), None)
            },
        }
    }

    fn classes(&self, set: &ChangeSet) -> Result<BTreeSet<SettingClass>, Failure> {
        let now = self.readers.snapshots.latest(&set.target);
        let now = now.map_err(|e| Failure::of(Code::Store, &e))?;
        // Without a recorded configuration nothing says that it is harmless to write.
        Ok(match now {
            Some(now) => set.changes.iter().map(|c| class(&now, c)).collect(),
            None => BTreeSet::from([SettingClass::CodeRunning]),
        })
    }
}

fn keys(set: &ChangeSet) -> BTreeSet<SettingKey> {
    set.changes.iter().map(|c| c.key.clone()).collect()
}

/// The suspects as they were told then. One that was acted on among others stood alone.
fn joint(id: ChangeSetId, clearance: &Clearance) -> Option<Joint> {
    let (suspects, told_with, standing) = match clearance {
        Clearance::Approval {
            why:
                HoldReason::Joint {
                    suspects,
                    told_with,
                },
        }
        | Clearance::Manual {
            why:
                HoldReason::Joint {
                    suspects,
                    told_with,
                },
        } => (suspects.clone(), *told_with, Standing::AmongOthers),
        Clearance::Automatic => (vec![id], id, Standing::Alone),
        _ => return None,
    };
    Some(Joint {
        suspects,
        told_with,
        standing,
    })
}

/// Edits of others that stood in the way then stand in the way now.
fn foreign(clearance: &Clearance) -> BTreeSet<SettingKey> {
    match clearance {
        Clearance::Approval {
            why: HoldReason::ForeignEdits { settings },
        }
        | Clearance::Manual {
            why: HoldReason::ForeignEdits { settings },
        } => settings.iter().map(|s| SettingKey::instance(s)).collect(),
        _ => BTreeSet::new(),
    }
}

fn words(clearance: &Clearance) -> String {
    match clearance {
        Clearance::Automatic => "roll back".into(),
        Clearance::Approval { why } => format!("hold for approval: {why}"),
        Clearance::Manual { why } => format!("hold: {why}"),
    }
}

fn show(out: Out, past: &Past<'_>, entries: u64) {
    let moved: Vec<&Ruled> = past.ruled.iter().filter(|r| r.was != r.would_be).collect();
    let quiet = past.cases.len().saturating_sub(past.ruled.len());
    let mut page = Page::new(out);
    page.line(&format!(
        "{entries} entries, {}: {} ruled on, {quiet} without a ruling; {} would be decided differently",
        count(past.cases.len(), "change set"),
        past.ruled.len(),
        moved.len()
    ));
    for ruled in &past.ruled {
        page.gap();
        page.line(&format!(
            "{}  {}  {}  {}",
            out.paint(Tone::Bold, &ruled.set.id.to_string()),
            out.paint(Tone::Dim, &super::explain::short(&ruled.at.to_string())),
            ruled.set.target,
            told(&ruled.set)
        ));
        let mut rows: Vec<Vec<Cell>> = vec![vec![dim("was"), plain(ruled.was.clone())]];
        rows.push(if ruled.was == ruled.would_be {
            vec![dim("would be"), dim("the same")]
        } else {
            vec![dim("would be"), cell(Tone::Warn, ruled.would_be.clone())]
        });
        page.rows(4, &rows);
    }
    page.say();
}

fn document(past: &Past<'_>, entries: u64) -> Value {
    let ruled: Vec<Value> = past
        .ruled
        .iter()
        .map(|r| {
            json!({
                "change_set": r.set.id.to_string(),
                "target": r.set.target.as_str(),
                "at": r.at.to_string(),
                "changes": told(&r.set),
                "was": r.was,
                "would_be": r.would_be,
                "differs": r.was != r.would_be,
            })
        })
        .collect();
    json!({
        "kind": "replay",
        "entries": entries,
        "change_sets": past.cases.len(),
        "differ": past.ruled.iter().filter(|r| r.was != r.would_be).count(),
        "decisions": ruled,
    })
}
