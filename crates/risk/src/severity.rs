//! How bad: measured from the findings of a watch, or expected before a change.

use backstay_model::dependency::Severity;
use backstay_model::metric::MetricRole;
use backstay_model::risk::Reach;
use backstay_model::verdict::{Finding, Harm, Trigger, Verdict, VerdictKind};
use backstay_model::{NodeKey, ServiceName};
use std::collections::BTreeMap;

/// A factor of this size in latency or throughput counts as full severity.
const FULL_RATIO: f64 = 4.0;

/// Severity of measured harm, 0..=1: `1 − Π(1 − uᵢ·sᵢ)` over the findings, with weights .8 for
/// latency and throughput, .6 for errors and 1 for lost availability.
#[must_use]
pub fn measured(verdict: &Verdict) -> f64 {
    let mut spared = 1.0 - availability_loss(&verdict.kind);
    let mut per_role: BTreeMap<MetricRole, f64> = BTreeMap::new();
    for finding in &verdict.findings {
        let s = of_finding(finding);
        let worst = per_role.entry(finding.role).or_default();
        *worst = worst.max(s);
    }
    for (role, s) in per_role {
        spared *= 1.0 - weight(role) * s;
    }
    1.0 - spared
}

const fn weight(role: MetricRole) -> f64 {
    match role {
        MetricRole::Latency | MetricRole::Throughput => 0.8,
        MetricRole::Errors => 0.6,
        MetricRole::Demand | MetricRole::Saturation | MetricRole::Host | MetricRole::Other => 0.0,
    }
}

/// Severity of one finding: its harmful ratio on a logarithmic scale that is full at a factor of 4.
/// Only findings that alarmed count.
fn of_finding(finding: &Finding) -> f64 {
    let (Some(harm), Some(_)) = (finding.harm, finding.alarm_at) else {
        return 0.0;
    };
    let ratio = match finding.role {
        MetricRole::Throughput => 1.0 / (1.0 - harm.min(1.0)).max(1e-6),
        _ => 1.0 + harm.max(0.0),
    };
    (ratio.ln() / FULL_RATIO.ln()).clamp(0.0, 1.0)
}

const fn availability_loss(kind: &VerdictKind) -> f64 {
    match kind {
        VerdictKind::Hurt {
            by: Harm::ClassChange(trigger),
        } => match trigger {
            Trigger::Hang | Trigger::Unavailable => 1.0,
            Trigger::Errors | Trigger::NewSessionsFail => 0.8,
            Trigger::FewerButFaster => 0.7,
            Trigger::Ratio => 0.3,
        },
        _ => 0.0,
    }
}

/// Expected severity should a rule of this class be violated, 0..=1: a server that does not start
/// costs everything, advice a little.
#[must_use]
pub const fn of_rule(class: Severity) -> f64 {
    match class {
        Severity::Reject => 1.0,
        Severity::Silent => 0.7,
        Severity::Warn => 0.5,
        Severity::Advice => 0.4,
        Severity::Clamp => 0.2,
    }
}

/// Blast radius, 0..=1: the services that a change reaches, weighted by their sessions, each by the
/// confidence of the path. 0.5 when no services are known (risk-and-simulation.md, 5.4).
#[must_use]
pub fn blast_radius(reach: &[Reach], sessions: &BTreeMap<ServiceName, u32>) -> f64 {
    let total: f64 = sessions.values().map(|n| f64::from(*n).max(1.0)).sum();
    if sessions.is_empty() {
        return 0.5;
    }
    let hit: f64 = reach
        .iter()
        .filter_map(|r| match &r.node {
            NodeKey::Service(name) => sessions
                .get(name)
                .map(|n| f64::from(*n).max(1.0) * r.confidence.get()),
            _ => None,
        })
        .sum();
    (hit / total).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use backstay_model::verdict::Calibration;
    use backstay_model::{Confidence, MetricName, Timestamp};

    fn verdict(by: Harm, findings: Vec<Finding>) -> Verdict {
        Verdict {
            kind: VerdictKind::Hurt { by },
            at: Timestamp::from_secs(10),
            p_value: None,
            score: 9.0,
            alarm_at: Some(Timestamp::from_secs(9)),
            findings,
            refusals: vec![],
            calibration: Calibration::None,
        }
    }

    fn finding(role: MetricRole, harm: f64) -> Finding {
        Finding {
            metric: MetricName::from_static("m"),
            role,
            before: Some(1.0),
            after: Some(1.0 + harm),
            harm: Some(harm),
            p_value: None,
            alarm_at: Some(Timestamp::from_secs(9)),
            since: None,
            text: String::new(),
        }
    }

    #[test]
    fn a_hang_is_as_bad_as_it_gets() {
        let v = verdict(Harm::ClassChange(Trigger::Hang), vec![]);
        assert!((measured(&v) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn latency_at_2_4_times_is_half_way() {
        let v = verdict(Harm::Statistical, vec![finding(MetricRole::Latency, 1.4)]);
        assert!((measured(&v) - 0.8 * 2.4_f64.ln() / 4.0_f64.ln()).abs() < 1e-9);
    }

    #[test]
    fn saturation_alone_is_not_harm() {
        let v = verdict(
            Harm::Statistical,
            vec![finding(MetricRole::Saturation, 50.0)],
        );
        assert!(measured(&v).abs() < 1e-12);
    }

    #[test]
    fn services_weigh_by_their_sessions() {
        let sessions = BTreeMap::from([
            (ServiceName::new("checkout"), 9),
            (ServiceName::new("reports"), 1),
        ]);
        let reach = [Reach {
            node: NodeKey::Service(ServiceName::new("checkout")),
            confidence: Confidence::clamped(0.5),
            hops: 2,
            path: vec![],
        }];
        assert!((blast_radius(&reach, &sessions) - 0.45).abs() < 1e-12);
        assert!((blast_radius(&[], &BTreeMap::new()) - 0.5).abs() < 1e-12);
    }
}
