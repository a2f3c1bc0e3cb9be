//! One attempt to carry out a plan.

use std::sync::Arc;

use backstay_model::decision::HoldReason;
use backstay_model::plan::{Plan, Route, Write};
use backstay_model::{Command, IntentId, Timestamp};

/// Deliveries of one intent before a person is asked. A redelivery after a lost reply is the same
/// attempt, because setting a value twice is setting it once (safety.md, 3).
pub const DELIVERIES_MAX: u32 = 3;

/// One attempt to carry out a plan: one intent, delivered up to [`DELIVERIES_MAX`] times.
#[derive(Clone, PartialEq, Debug)]
pub struct Attempt {
    /// The plan.
    pub plan: Arc<Plan>,
    /// The durable record it runs under.
    pub intent: IntentId,
    /// After this moment no delivery begins.
    pub expires_at: Timestamp,
    /// Who set it off.
    pub by: Authority,
    /// Deliveries so far, from 1.
    pub delivery: u32,
    /// What of it is known to stand in the target.
    pub footing: Footing,
}

/// Who set an attempt off.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Authority {
    /// Policy: nobody was asked.
    Policy,
    /// A person who approved this plan.
    Operator {
        /// Who.
        by: String,
    },
}

/// What of an attempt is known to stand in the target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Footing {
    /// Nothing that we know of.
    Untouched,
    /// Some or all of it is in the files and not in effect.
    Partial,
    /// All of it, in effect.
    Complete,
}

impl Attempt {
    /// The write that carries it out.
    #[must_use]
    pub fn write(&self) -> Write {
        Write {
            intent: self.intent,
            change_set: self.plan.change_set,
            target: self.plan.target.clone(),
            plan: self.plan.hash.clone(),
            steps: self.plan.steps.clone(),
            expires_at: self.expires_at,
        }
    }

    /// The first delivery of `plan` under `intent`.
    pub(crate) fn begin(
        plan: Arc<Plan>,
        intent: IntentId,
        expires_at: Timestamp,
        by: Authority,
    ) -> Self {
        Self {
            plan,
            intent,
            expires_at,
            by,
            delivery: 1,
            footing: Footing::Untouched,
        }
    }

    /// The same attempt with what is now known to stand in the target.
    pub(crate) fn on(&self, footing: Footing) -> Self {
        Self {
            footing,
            ..self.clone()
        }
    }

    /// One more delivery of the same intent, or why there is none.
    pub(crate) fn redeliver(&self, at: Timestamp) -> Result<Self, Spent> {
        if at >= self.expires_at {
            return Err(Spent::Expired);
        }
        if self.delivery >= DELIVERIES_MAX {
            return Err(Spent::Deliveries);
        }
        Ok(Self {
            delivery: self.delivery + 1,
            ..self.clone()
        })
    }

    /// The command to carry it out.
    pub(crate) fn deliver(&self) -> Vec<Command> {
        vec![Command::Write(self.write())]
    }

    /// The command to ask what stands there.
    pub(crate) fn inspect(&self) -> Vec<Command> {
        vec![Command::Inspect(self.write())]
    }
}

/// Why an attempt is not delivered again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Spent {
    /// Its intent has expired.
    Expired,
    /// It was delivered [`DELIVERIES_MAX`] times.
    Deliveries,
}

/// Whether Backstay may run `plan` when a person approves it: it has steps, all of them statements,
/// and nothing but a restart is left to people.
#[must_use]
pub fn runnable(plan: &Plan) -> bool {
    let by_statement = |route: &Route| matches!(route, Route::AlterSystem | Route::RoleOrDatabase);
    !plan.steps.is_empty()
        && plan.steps.iter().all(|s| by_statement(&s.route))
        && matches!(plan.manual, None | Some(HoldReason::RestartNeeded))
}
