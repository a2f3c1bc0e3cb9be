//! How a target behaves while nobody changes anything, and after changes that hurt nobody: what was so
//! before is not the fault of a change.

use std::collections::{BTreeMap, BTreeSet};

use backstay_catalog::ResourceClass;
use backstay_detect::background::Turn as Unusual;
use backstay_detect::others::common_cause;
use backstay_detect::{LockWaits, Watch};
use backstay_journal::{Notice, Presence, Record};
use backstay_lifecycle::State;
use backstay_model::metric::MetricSpec;
use backstay_model::verdict::{Recovery, Verdict};
use backstay_model::{Change, ChangeSet, ChangeSetId, MetricName, Sample, Span};

use crate::desk::Desk;
use crate::knowledge::knowledge;
use crate::news::Tidings;
use crate::turn::Turn;

/// Fewest changes that hurt nobody before what they have in common is known.
const HARMLESS_MIN: usize = 5;
/// Time before a change with which other targets are compared.
const AROUND: Span = Span::from_secs(60);

/// Whether other targets of the same engine, in which nothing is being changed, show the same harm.
pub(crate) fn shared<'a>(
    others: impl Iterator<Item = &'a Desk>,
    specs: &[MetricSpec],
    (watch, verdict): (&Watch, &Verdict),
) -> bool {
    let from = watch.change_at() - AROUND;
    let calm = others.filter(|d| d.specs == specs && d.quiet(verdict.at));
    let samples: Vec<Vec<Sample>> = calm.map(|d| d.history.since(from)).collect();
    common_cause(&verdict.findings, watch.change_at(), &samples)
}

/// Whether something unusual began before a change and is not over.
pub(crate) fn begun_before(desk: &Desk, change_set: &ChangeSet) -> bool {
    let anomaly = desk.background.now();
    anomaly.is_some_and(|anomaly| anomaly.since < change_set.effective_at())
}

/// Whether work that waits for a lock of another session excuses the target: not where a change is about
/// locks or about how long anybody may wait (`deadlock_timeout`, `max_locks_per_transaction`,
/// `idle_in_transaction_session_timeout`), because then it may be what lets the lock be kept; and not where
/// nobody knows what a setting is about.
pub(crate) fn lock_waits(desk: &Desk, change_set: &ChangeSet) -> LockWaits {
    let choice = desk.snapshot.as_ref().and_then(|s| knowledge(&s.server));
    let about = |change: &Change| {
        let def = choice.and_then(|c| c.pack.def(change.key.name.as_str()));
        def.map(|def| def.resource)
    };
    let concerns = |about| {
        matches!(
            about,
            None | Some(ResourceClass::Locks | ResourceClass::Timeouts)
        )
    };
    if change_set.changes.iter().map(about).any(concerns) {
        LockWaits::Blamed
    } else {
        LockWaits::Excused
    }
}

/// What is unusual between changes is noted, for people and for learning; while a change is watched its
/// watch has the word.
pub(crate) fn note_unusual(desk: &mut Desk, sample: &Sample, turn: &mut Turn) {
    let turned = desk.background.push(sample);
    let (notice, presence) = match turned {
        Some(Unusual::Begins(anomaly)) if desk.quiet(turn.now) => {
            let metrics = anomaly.metrics;
            let notice = Notice::Unusual { metrics };
            desk.told_unusual = Some(notice.clone());
            (notice, Presence::Begins)
        }
        Some(Unusual::Ends(_)) => match desk.told_unusual.take() {
            Some(notice) => (notice, Presence::Ends),
            None => return,
        },
        _ => return,
    };
    turn.record(Record::Notice {
        target: Some(desk.target.clone()),
        notice: notice.clone(),
        presence,
    });
    turn.tell(&desk.target, Tidings::Notice(notice, presence));
}

/// Metrics that alarmed after at least a fifth of the changes of this target that hurt nobody.
pub(crate) fn common(desk: &Desk, id: ChangeSetId) -> BTreeSet<MetricName> {
    let harmless = desk.cases.values().filter(|case| match &case.state {
        State::Kept { .. } => case.change_set.id != id && case.moments.judged_at.is_none(),
        State::RolledBack { recovered, .. } => *recovered == Recovery::No,
        _ => false,
    });
    let (mut count, mut seen) = (0_usize, BTreeMap::<MetricName, usize>::new());
    for verdict in harmless.filter_map(|case| case.verdict.as_ref()) {
        count += 1;
        let alarmed = verdict.findings.iter().filter(|f| f.alarm_at.is_some());
        for finding in alarmed {
            *seen.entry(finding.metric.clone()).or_default() += 1;
        }
    }
    let often = |times: usize| count >= HARMLESS_MIN && 5 * times >= count;
    let common = seen.into_iter().filter(|(_, times)| often(*times));
    common.map(|(metric, _)| metric).collect()
}
