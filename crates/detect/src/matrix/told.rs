//! Findings beside those of the judged metrics: what explains, and why there are no data.

use backstay_model::MetricName;
use backstay_model::metric::MetricRole;
use backstay_model::verdict::Finding;

use super::WINDOW;
use crate::effect;
use crate::track::Track;
use crate::watch::Watch;
use crate::wording;

/// For how long nobody answered: the reason for having no data.
pub(super) fn silence(watch: &Watch) -> Option<Finding> {
    let silence = watch.probes.silence.filter(|s| s.to > watch.change_at)?;
    let (from, to) = (wording::clock(silence.from), wording::clock(silence.to));
    Some(Finding {
        metric: MetricName::from_static("probe_connect_ms"),
        role: MetricRole::Latency,
        before: None,
        after: None,
        harm: None,
        p_value: None,
        alarm_at: None,
        since: None,
        text: format!("no connection was answered from {from} to {to}"),
    })
}

/// Metrics that may not trigger but left their band: they explain.
pub(super) fn moved_mechanisms(watch: &Watch) -> impl Iterator<Item = Finding> {
    let explains = |t: &&Track| !t.role.outcome() && !t.silent();
    watch.tracks.iter().filter(explains).filter_map(|track| {
        let frame = track.frame.as_ref()?;
        let newest = track.newest(WINDOW);
        let after = crate::stats::median(&crate::track::values(newest))?;
        let before = track.before()?;
        let away = track.median_distance(newest)?.abs();
        if away < 4.0 * frame.scale || !effect::above_floor(track, before, after) {
            return None;
        }
        Some(Finding {
            metric: track.name.clone(),
            role: track.role,
            before: Some(before),
            after: Some(after),
            harm: effect::harm(track, before, after),
            p_value: None,
            alarm_at: None,
            since: None,
            text: wording::moved(&track.name, Some(before), Some(after)),
        })
    })
}

pub(super) fn note_probe_alone(findings: &mut [Finding], readings: u32) {
    let probe = findings
        .iter_mut()
        .find(|f| f.metric.as_str().starts_with("probe_"));
    if let Some(finding) = probe {
        finding.text = format!(
            "{}; there is no traffic: this rests on {readings} probe readings alone",
            finding.text
        );
    }
}
