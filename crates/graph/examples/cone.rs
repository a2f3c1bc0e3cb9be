//! Writes the drawing of a small cone: `cargo run -p backstay-graph --example cone > cone.svg`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example talks to its reader"
)]

use backstay_graph::cone::{Badge, Changed, Cone, Tone, svg, tree};
use backstay_graph::{CompactGraph, ImpactSpec, View};
use backstay_model::dependency::EvidenceKind;
use backstay_model::{
    Confidence, Edge, EdgeKind, Evidence, MetricName, NodeKey, ServiceName, TargetId, Timestamp,
};

/// from, kind, to, confidence in hundredths.
const EDGES: &str = "
    work_mem affects temp_bytes_per_s 97
    work_mem affects statement_mean_ms 92
    work_mem affects host_memory_used 81
    hash_mem_multiplier scales_with work_mem 96
    enable_hashagg scales_with work_mem 62
    enable_sort scales_with work_mem 58
    work_mem shares_resource shared_buffers 78
    work_mem shares_resource max_connections 88
    work_mem shares_resource maintenance_work_mem 74
    autovacuum_work_mem overrides maintenance_work_mem 99
    log_temp_files enables work_mem 55
    temp_file_limit bounded_by work_mem 71
    max_parallel_workers_per_gather scales_with work_mem 84
    max_parallel_workers_per_gather bounded_by max_parallel_workers 98
    temp_file_limit affects statement_errors_per_s 66
    hash_mem_multiplier affects temp_bytes_per_s 80
    max_connections affects connections_used 95
    superuser_reserved_connections bounded_by max_connections 99
    effective_cache_size scales_with shared_buffers 83
    shared_buffers affects hit_ratio 94
    max_wal_size scales_with shared_buffers 52
    work_mem shares_resource memory 90
";

fn node(name: &str) -> NodeKey {
    match name {
        "memory" => NodeKey::Resource(name.into()),
        n if n.ends_with("_per_s")
            || n.ends_with("_ms")
            || n.ends_with("_used")
            || n.ends_with("_ratio") =>
        {
            NodeKey::Metric(MetricName::new(n))
        }
        n => NodeKey::setting(n),
    }
}

fn edge(from: NodeKey, kind: EdgeKind, to: NodeKey, percent: f64) -> Edge {
    let evidence = Evidence {
        kind: EvidenceKind::Review,
        anchor: "example".into(),
        log_lr: 3.0,
        observed_at: None,
    };
    Edge {
        from,
        to,
        kind,
        confidence: Confidence::clamped(percent / 100.0),
        constraint: None,
        rule: None,
        evidence: vec![evidence],
        valid_from: Timestamp(0),
        valid_to: Timestamp::OPEN_END,
    }
}

fn main() {
    let target = TargetId::new("shop-1");
    let mut edges: Vec<Edge> = EDGES
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (from, kind, to) = (words.next()?, words.next()?, words.next()?);
            Some(edge(
                node(from),
                EdgeKind::parse(kind)?,
                node(to),
                words.next()?.parse().ok()?,
            ))
        })
        .collect();
    for service in ["checkout", "reports"] {
        let service = NodeKey::Service(ServiceName::new(service));
        edges.push(edge(
            service,
            EdgeKind::Uses,
            NodeKey::Target(target.clone()),
            100.0,
        ));
    }
    let graph = CompactGraph::from_edges(edges, Some(&target));
    let spec = ImpactSpec::new(View::All, Timestamp(1));
    let changes = [Changed::setting("work_mem", "4MB", "64kB")];
    let badge = |text: &str| Badge {
        text: text.into(),
        tone: Tone::Worse,
    };
    let cone = Cone::of(&graph, &changes, &spec, 18)
        .with_badge(&node("temp_bytes_per_s"), badge("+1900 %"))
        .with_badge(&node("statement_mean_ms"), badge("+240 %"));
    println!("{}", svg(&cone));
    eprint!("{}", tree(&cone));
}
