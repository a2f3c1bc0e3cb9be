//! The placebo banks of one target, filled while it is watched: at moments at which nothing was
//! changed a watch is opened all the same, by the code that watches changes. What it would have said
//! fills the banks and the audit of the realised false-alarm rate.

use std::collections::BTreeMap;

use backstay_model::metric::MetricSpec;
use backstay_model::verdict::VerdictKind;
use backstay_model::{MetricName, Sample, Span, Timestamp};
use serde::{Deserialize, Serialize};

use crate::audit::{Audit, Promise, Window};
use crate::placebo::{Bank, Placebo};
use crate::policy::DetectPolicy;
use crate::track::{PRE_BINS, Track};
use crate::watch::{Calm, Watch};

/// Share of missing bins beyond which a window is not admitted.
const MISSING_MAX: f64 = 0.1;

/// Before all samples.
const LONG_AGO: Timestamp = Timestamp(i64::MIN / 2);

/// What harmless windows of one target taught.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Banks {
    learnt: Learnt,
    #[serde(skip)]
    specs: Vec<MetricSpec>,
    policy: DetectPolicy,
    /// The pseudo-change that is being watched.
    #[serde(skip)]
    pseudo: Option<Pseudo>,
    /// What was sampled at or before this moment is another time.
    disturbed_at: Timestamp,
    /// When there was not enough to begin with.
    looked_at: Timestamp,
}

/// A pseudo-change.
#[derive(Clone, PartialEq, Debug)]
struct Pseudo {
    watch: Box<Watch>,
    /// Whether it was said to hurt.
    blamed: Window,
}

/// What lasts: it survives a restart of the guard.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Learnt {
    banks: BTreeMap<MetricName, Bank>,
    audits: BTreeMap<MetricName, Audit>,
    /// Audit of the whole decision: all metrics, class changes, load, host.
    decision: Audit,
    /// Bins of a window, and how long a bin is: windows of another length are no placebos.
    horizon: usize,
    step: Span,
}

/// The realised false-alarm rate of a metric, for whoever tells it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Realised {
    /// The metric; `None`: the whole decision to blame a change.
    pub metric: Option<MetricName>,
    /// Length of a window.
    pub window: Span,
    /// The promise, 0..1.
    pub nominal: f64,
    /// Windows that would have been an alarm, over all windows, 0..1; `None` without windows.
    pub realised: Option<f64>,
    /// Its 95 % interval (Wilson).
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// Windows of the last 30 days.
    pub windows: u64,
    /// Those of them that would have been an alarm.
    pub alarms: u64,
    /// The level that is worked at, 0..1.
    pub level: f64,
    /// Harmless windows in the bank.
    pub bank: usize,
    /// How the promise stands.
    pub state: Promise,
}

impl Learnt {
    fn empty(policy: &DetectPolicy) -> Self {
        Self {
            banks: BTreeMap::new(),
            audits: BTreeMap::new(),
            decision: Audit::new(policy.alpha_act),
            horizon: policy.horizon(),
            step: policy.step,
        }
    }

    fn fits(&self, policy: &DetectPolicy) -> bool {
        let same = |a: f64, b: f64| (a - b).abs() < 1e-12;
        self.horizon == policy.horizon()
            && self.step == policy.step
            && same(self.decision.nominal, policy.alpha_act)
            && self
                .audits
                .values()
                .all(|a| same(a.nominal, policy.alpha_warn))
    }
}

impl Banks {
    /// Empty banks for the metrics of one target; windows are as long as `policy.watch`.
    #[must_use]
    pub fn new(specs: &[MetricSpec], policy: &DetectPolicy) -> Self {
        Self {
            learnt: Learnt::empty(policy),
            specs: specs.to_vec(),
            policy: policy.clone(),
            pseudo: None,
            disturbed_at: LONG_AGO,
            looked_at: LONG_AGO,
        }
    }

    /// The same banks for other metrics: what is known of those that stay is kept.
    pub fn measure(&mut self, specs: &[MetricSpec]) {
        self.specs = specs.to_vec();
        self.pseudo = None;
    }

    /// Takes over what `earlier` banks of the same target learnt, unless their windows had another
    /// length, or another promise.
    pub fn take_over(&mut self, earlier: Self) {
        if earlier.learnt.fits(&self.policy) {
            self.learnt = earlier.learnt;
        }
    }

    /// Takes in a sample from a time without a watch. When a pseudo-change ends, the next one begins;
    /// `past` then gives the samples until now, oldest first, that are no other time: after the moment
    /// it is asked about.
    pub fn push(&mut self, sample: &Sample, past: impl FnOnce(Timestamp) -> Vec<Sample>) {
        let Some(pseudo) = &mut self.pseudo else {
            self.begin(sample, past);
            return;
        };
        let verdict = pseudo.watch.push(sample);
        if verdict.is_some_and(|v| matches!(v.kind, VerdictKind::Hurt { .. })) {
            pseudo.blamed = Window::Alarmed;
        }
        if sample.at >= pseudo.watch.until()
            && let Some(ended) = self.pseudo.take()
        {
            self.end(ended);
            self.begin(sample, past);
        }
    }

    /// Says that something happened (a change, a restart, a failover, a pause): no window touches it.
    pub fn disturb(&mut self, at: Timestamp) {
        self.pseudo = None;
        self.disturbed_at = self.disturbed_at.max(at);
    }

    fn begin(&mut self, sample: &Sample, past: impl FnOnce(Timestamp) -> Vec<Sample>) {
        let step = self.policy.step.0.max(1);
        let soon = Span(step * PRE_BINS as i64);
        // Not worth looking before there can be enough.
        if sample.at.since(self.disturbed_at.max(self.looked_at)) < soon {
            return;
        }
        let history = past(self.disturbed_at);
        let near = &history[history.len().saturating_sub(PRE_BINS)..];
        let (Some(first), Some(last)) = (near.first(), near.last()) else {
            return;
        };
        let expected = last.at.since(first.at).0 as f64 / step as f64;
        let complete = near.len() as f64 - 1.0 >= expected * (1.0 - MISSING_MAX);
        if near.len() < PRE_BINS || !complete {
            self.looked_at = sample.at;
            return;
        }
        let until = last.at + Span(self.policy.step.0 * self.learnt.horizon as i64);
        let calm = Calm {
            at: last.at,
            until,
            specs: &self.specs,
            history: &history,
        };
        let watch = Box::new(Watch::on_nothing(&calm, self, &self.policy));
        self.pseudo = Some(Pseudo {
            watch,
            blamed: Window::Quiet,
        });
    }

    /// A pseudo-change ended: first it is judged by what was known, then it joins it.
    fn end(&mut self, pseudo: Pseudo) {
        let enough = self.learnt.horizon as f64 * (1.0 - MISSING_MAX);
        let watch = &pseudo.watch;
        if f64::from(watch.seen) < enough {
            return;
        }
        let (at, nominal) = (watch.until(), self.policy.alpha_warn);
        for (metric, window) in watch.alarms() {
            let audit = self.learnt.audits.entry(metric.clone());
            audit
                .or_insert_with(|| Audit::new(nominal))
                .note(at, window);
        }
        self.learnt.decision.note(at, pseudo.blamed);
        let outcomes = watch.tracks.iter().filter(|t| t.role.outcome());
        let said: Vec<(MetricName, String, Placebo)> = outcomes
            .filter_map(|track| {
                let (baseline, placebo) = placebo(track, self.learnt.horizon, enough)?;
                Some((track.name.clone(), baseline, placebo))
            })
            .collect();
        // A watch shares the banks: once it is gone, they need not be copied.
        drop(pseudo);
        for (metric, baseline, placebo) in said {
            let bank = self.learnt.banks.entry(metric);
            bank.or_insert_with(Bank::disjoint)
                .insert(&baseline, placebo);
        }
    }

    pub(crate) fn bank(&self, metric: &MetricName) -> Option<&Bank> {
        self.learnt.banks.get(metric)
    }

    pub(crate) const fn horizon(&self) -> usize {
        self.learnt.horizon
    }

    /// Bins before a pseudo-change; a change with far fewer is not exchangeable with them.
    pub(crate) const fn pre_bins() -> usize {
        PRE_BINS
    }

    /// What stands in front of the levels of a metric, 0.1..=1.
    pub(crate) fn strictness(&self, metric: &MetricName) -> f64 {
        let own = self.learnt.audits.get(metric).map(Audit::strictness);
        own.unwrap_or(1.0)
    }

    /// What stands in front of the level of the decision to blame, 0.1..=1.
    pub(crate) fn strictness_to_blame(&self) -> f64 {
        self.learnt.decision.strictness()
    }

    /// Whether statistics of a metric may put something back: not when its promise, or that of the
    /// whole decision, is broken.
    pub(crate) fn promise(&self, metric: &MetricName) -> Promise {
        let whole = self.learnt.decision.promise();
        let own = self.learnt.audits.get(metric).map(Audit::promise);
        match (whole, own) {
            (Promise::Broken, _) => Promise::Broken,
            (_, own) => own.unwrap_or(Promise::Learning),
        }
    }

    /// The realised false-alarm rates: of the whole decision, then of each metric in order of names.
    #[must_use]
    pub fn realised(&self) -> Vec<Realised> {
        let window = Span(self.policy.step.0 * self.learnt.horizon as i64);
        let told = |metric: Option<&MetricName>, audit: &Audit| {
            let (low, high) = audit.interval();
            Realised {
                metric: metric.cloned(),
                window,
                nominal: audit.nominal,
                realised: audit.realised(),
                low,
                high,
                windows: audit.judged(),
                alarms: audit.alarmed(),
                level: audit.level(),
                bank: metric.and_then(|m| self.bank(m)).map_or(0, Bank::len),
                state: audit.promise(),
            }
        };
        let each = self
            .learnt
            .audits
            .iter()
            .map(|(name, audit)| told(Some(name), audit));
        std::iter::once(told(None, &self.learnt.decision))
            .chain(each)
            .collect()
    }

    /// Harmless windows judged in the last 30 days.
    #[must_use]
    pub fn windows(&self) -> u64 {
        self.learnt.decision.judged()
    }

    /// Lets so many harmless windows have been blamed that nothing is promised any more.
    #[cfg(test)]
    pub(crate) fn break_promise(&mut self) {
        for hour in 0..10 {
            let at = Timestamp::from_secs(hour * 3_600);
            self.learnt.decision.note(at, Window::Alarmed);
        }
    }
}

/// What a track of a pseudo-change that ended says; `None` when too little of it was read.
fn placebo(track: &Track, horizon: usize, enough: f64) -> Option<(String, Placebo)> {
    let frame = track.frame.as_ref()?;
    if (track.taken as f64) < enough {
        return None;
    }
    let placebo = Placebo::with_beginning(track, horizon)?;
    Some((frame.baseline(), placebo))
}

#[cfg(test)]
mod tests;
