//! A write of Backstay: compare, write, activate, read back; and everything that can go wrong.

use backstay_engine::Statement;
use backstay_engine::attribute::OWN_APPLICATION;
use backstay_model::change::Pending;
use backstay_model::event::{WriteReply, WriteTiming};
use backstay_model::plan::{Found, Inverse, PlanStep, Route, Write};
use backstay_model::{Timestamp, Value, ValueSource};

use crate::action::{Door, Fault, Turn};
use crate::server::Server;
use crate::world::{Inside, WriteSeen};

/// What stands at one step.
enum Stand {
    NotApplied,
    Written,
    Effective,
    Masked(ValueSource),
    Foreign,
}

fn stand(server: &Server, step: &PlanStep) -> Stand {
    let now = server.standing(&step.key);
    let wanted = match &step.inverse {
        Inverse::Reset => None,
        Inverse::Set(value) => Some(value),
    };
    let written = now.entry.as_ref() == wanted;
    let runs = now.effective == step.predict.effective;
    let untouched = now.entry == step.expect.entry
        && now.effective == step.expect.effective
        && now.source == step.expect.source;
    match (written, runs) {
        (true, true) if now.source == step.predict.source => Stand::Effective,
        _ if untouched => Stand::NotApplied,
        (true, _) if now.pending_restart == Pending::Restart => Stand::Written,
        (true, _) if now.source == ValueSource::CommandLine => Stand::Masked(now.source),
        (true, _) if now.effective == step.expect.effective => Stand::Written,
        _ => Stand::Foreign,
    }
}

/// What stands at all of `steps` together.
pub(crate) fn found(server: &Server, steps: &[PlanStep]) -> Found {
    let stands: Vec<Stand> = steps.iter().map(|s| stand(server, s)).collect();
    let mut masked = None;
    for (step, stand) in steps.iter().zip(&stands) {
        match stand {
            Stand::Foreign => {
                return Found::Foreign {
                    key: step.key.clone(),
                    found: server.standing(&step.key),
                };
            }
            Stand::Masked(by) => masked = Some(by.clone()),
            Stand::NotApplied | Stand::Written | Stand::Effective => {}
        }
    }
    let count = |is: fn(&Stand) -> bool| stands.iter().filter(|s| is(s)).count();
    let untouched = count(|s| matches!(s, Stand::NotApplied));
    if count(|s| matches!(s, Stand::Effective)) == steps.len() {
        Found::Effective
    } else if untouched == steps.len() {
        Found::NotApplied
    } else if untouched > 0 {
        Found::Mixed
    } else if let Some(by) = masked {
        Found::Masked { by }
    } else {
        Found::Written
    }
}

/// Carries out a write with the next fault that was ordered; `None` when the guard dies over it.
pub(crate) fn carry_out(inside: &mut Inside, write: &Write, now: Timestamp) -> Option<WriteReply> {
    if inside.away() || inside.refuses_us() {
        let why = "the connection is lost".to_owned();
        return Some(WriteReply::Unknown { why });
    }
    if now >= write.expires_at {
        let why = "the intent expired before anything was written".to_owned();
        return Some(WriteReply::Refused { why });
    }
    match inside.faults.pop_front() {
        None => Some(compare_and_set(inside, write, now)),
        Some(Fault::LostReply) => {
            compare_and_set(inside, write, now);
            let why = "the connection broke while waiting for the answer".to_owned();
            Some(WriteReply::Unknown { why })
        }
        Some(Fault::LostRequest) => {
            let why = "the connection broke".to_owned();
            Some(WriteReply::Unknown { why })
        }
        Some(Fault::Refused) => {
            let why = "another controller holds the lock of this target".to_owned();
            Some(WriteReply::Refused { why })
        }
        Some(Fault::Masked) => {
            mask(inside, write);
            Some(compare_and_set(inside, write, now))
        }
        Some(Fault::Foreign(value)) => {
            foreign(inside, write, &value, now);
            Some(compare_and_set(inside, write, now))
        }
        Some(Fault::CrashBefore) => None,
        Some(Fault::CrashAfter) => {
            compare_and_set(inside, write, now);
            None
        }
    }
}

fn compare_and_set(inside: &mut Inside, write: &Write, now: Timestamp) -> WriteReply {
    match found(&inside.server, &write.steps) {
        Found::Effective => {
            return WriteReply::Effective {
                timing: WriteTiming::default(),
            };
        }
        found @ Found::Foreign { .. } => return WriteReply::Conflict { found },
        found @ Found::Masked { .. } => return WriteReply::NotEffective { found },
        _ => {}
    }
    for step in &write.steps {
        if matches!(stand(&inside.server, step), Stand::NotApplied) {
            put_back(inside, write, step, now);
        }
    }
    inside.server.reload();
    match found(&inside.server, &write.steps) {
        Found::Effective => WriteReply::Effective {
            timing: WriteTiming {
                lock_s: 0.002,
                check_s: 0.008,
                write_s: 0.006,
                read_back_s: 0.014,
            },
        },
        Found::Written if waits(inside, write) => WriteReply::RestartPending,
        found => WriteReply::NotEffective { found },
    }
}

fn waits(inside: &Inside, write: &Write) -> bool {
    let pending = |s: &PlanStep| inside.server.standing(&s.key).pending_restart;
    write.steps.iter().any(|s| pending(s) == Pending::Restart)
}

fn put_back(inside: &mut Inside, write: &Write, step: &PlanStep, now: Timestamp) {
    inside.writes.push(WriteSeen {
        at: now,
        change_set: write.change_set,
        key: step.key.clone(),
        before: inside.server.standing(&step.key),
        expected: step.expect.clone(),
    });
    let value = match &step.inverse {
        Inverse::Reset => None,
        Inverse::Set(value) => value.as_text(),
    };
    match step.route {
        Route::AlterSystem => inside.server.alter_system(&step.key.name, value),
        Route::RoleOrDatabase => inside.server.alter_scoped(&step.key, value),
        Route::File { .. } | Route::CommandLine => return,
    }
    inside.server.log.push(Statement {
        at: Some(now),
        role: Some("backstay".to_owned()),
        application: Some(format!("{OWN_APPLICATION}control")),
        keys: vec![step.key.clone()],
        description: Some(format!(
            "backstay rollback {} {}",
            write.change_set, write.intent
        )),
    });
}

/// A command line that holds the bad value came up, unseen: writing the file has no effect.
fn mask(inside: &mut Inside, write: &Write) {
    for step in &write.steps {
        let bad = step.expect.effective.as_ref().and_then(Value::as_text);
        if let Some(bad) = bad {
            let name = step.key.name.clone();
            inside.server.command_line.insert(name, bad.to_owned());
        }
    }
}

fn foreign(inside: &mut Inside, write: &Write, value: &str, now: Timestamp) {
    let Some(step) = write.steps.first() else {
        return;
    };
    let turn = Turn {
        by: Some("carol".to_owned()),
        key: step.key.clone(),
        door: Door::Statement,
        value: Some(value.to_owned()),
        why: None,
    };
    inside.turn(now, &turn);
}
