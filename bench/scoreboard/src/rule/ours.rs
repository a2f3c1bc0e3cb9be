//! The judge of `backstay detect`, on the same columns.

use backstay_detect::judge_series;
use backstay_model::verdict::VerdictKind;

use super::{Alarm, Answer, Promise, Rule, thread_cpu};
use crate::case::Case;

/// `backstay_detect::judge_series`.
#[derive(Debug, Clone, Copy)]
pub struct Ours;

impl Rule for Ours {
    fn name(&self) -> &str {
        "Backstay"
    }

    fn promise(&self) -> Promise {
        Promise::Level
    }

    fn judge(&self, case: &Case, alpha: f64) -> Answer {
        let began = thread_cpu();
        let judged = judge_series(&case.columns, case.changed_at, alpha);
        let cpu = thread_cpu().saturating_sub(began);
        let verdict = judged.verdict;
        let rows = verdict
            .alarm_at
            .map(|at| at.since(case.onset_at).as_secs_f64() / case.step.as_secs_f64());
        let alarm = match verdict.kind {
            VerdictKind::Hurt { .. } => Alarm::Raised { rows },
            _ => Alarm::Silent,
        };
        Answer {
            score: verdict.score,
            alarm,
            p_value: verdict.p_value,
            cpu,
        }
    }
}
