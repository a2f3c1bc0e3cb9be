//! Harmless changes are kept, also when something else makes the machine busy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::bed::{Bed, Wanted};
use crate::guard::{Guard, Start};
use crate::say::say;
use crate::turn::Turn;

/// Keeps one processor busy until it is dropped: nobody's change, only the neighbours.
struct Burner(Arc<AtomicBool>);

impl Burner {
    fn light() -> Self {
        let go_on = Arc::new(AtomicBool::new(true));
        let flag = Arc::clone(&go_on);
        std::thread::spawn(move || {
            let mut heat = 1_u64;
            while flag.load(Ordering::Relaxed) {
                for _ in 0..100_000 {
                    heat = std::hint::black_box(heat.wrapping_mul(6_364_136_223_846_793_005) | 1);
                }
            }
        });
        Self(go_on)
    }
}

impl Drop for Burner {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// Whether the machine has far more to do than this story gives it.
fn busy() -> bool {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: f64 = text
        .split(' ')
        .next()
        .and_then(|l| l.parse().ok())
        .unwrap_or(0.0);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    load > 1.75 * cores as f64
}

/// Three people, three changes, each watched to its end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_harmless_changes_are_kept() {
    let wanted = Wanted {
        turn: Turn::Alone,
        grants: &["log_rotation_age", "track_io_timing", "work_mem"],
        ..Wanted::default()
    };
    let Some(bed) = Bed::make(wanted).await else {
        return;
    };
    let person = bed.person().await;
    let mut guard = Guard::learnt(&bed).await;
    let changes = [
        (
            "log_rotation_age",
            "ALTER SYSTEM SET log_rotation_age = '2h'",
        ),
        ("track_io_timing", "ALTER SYSTEM SET track_io_timing = on"),
        ("work_mem", "ALTER SYSTEM SET work_mem = '8MB'"),
    ];
    let mut ids = Vec::new();
    let mut burner = None;
    for (name, statement) in changes {
        if name == "work_mem" {
            burner = Some(Burner::light());
        }
        person
            .changes(&[&format!("/* OPS-76 */ {statement}")])
            .await;
        let seen = guard.sees(name).await;
        ids.push((name, seen.text("change_set").to_owned()));
    }
    for (name, id) in &ids {
        let report = guard.about("report", id).await;
        let outcome = report.text("outcome");
        // What a machine that is busy with other things hides, nobody can clear: then a person is
        // asked. Nothing is ever put back.
        let asked = outcome == "held" && report.said["verdict"]["kind"] != "hurt" && busy();
        assert!(outcome == "kept" || asked, "{name}: {}", guard.told());
        say(&format!("| {name:<44} | {outcome} |"));
    }
    drop(burner);
    assert_eq!(bed.auto_conf().len(), 3, "nothing was put back");
    assert!(guard.said("writing").is_empty());
    guard.ends().await;
}

/// Twenty changes that hurt nobody.
const TWENTY: [(&str, &str); 20] = [
    ("log_rotation_age", "'2h'"),
    ("track_io_timing", "on"),
    ("work_mem", "'8MB'"),
    ("default_statistics_target", "120"),
    ("random_page_cost", "2"),
    ("effective_io_concurrency", "8"),
    ("log_rotation_size", "'20MB'"),
    ("autovacuum_naptime", "'90s'"),
    ("vacuum_cost_limit", "300"),
    ("seq_page_cost", "1.01"),
    ("cpu_tuple_cost", "0.011"),
    ("log_autovacuum_min_duration", "'5s'"),
    ("checkpoint_warning", "'40s'"),
    ("deadlock_timeout", "'2s'"),
    ("log_temp_files", "'100MB'"),
    ("maintenance_work_mem", "'80MB'"),
    ("gin_pending_list_limit", "'5MB'"),
    ("geqo_threshold", "13"),
    ("from_collapse_limit", "9"),
    ("join_collapse_limit", "9"),
];

/// Twenty changes in a row under load, each watched to its end, while two burners take two processors:
/// none is said to hurt. Ten minutes, so only when `cargo xtask harmless` asks for it; it prints its figures.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_harmless_changes_in_a_row_are_none_of_them_said_to_hurt() {
    if std::env::var_os("BACKSTAY_TWENTY").is_none() {
        say("SKIPPED: twenty harmless changes in a row: `cargo xtask harmless` plays them");
        return;
    }
    let names = TWENTY.map(|(name, _)| name);
    let wanted = Wanted {
        turn: Turn::Alone,
        grants: &names,
        ..Wanted::default()
    };
    let Some(bed) = Bed::make(wanted).await else {
        return;
    };
    let person = bed.person().await;
    let start = Start {
        lasts: "1800s",
        ..Start::on(&bed)
    };
    let mut guard = Guard::start(&bed, &start);
    guard.learns().await;
    let burners = [Burner::light(), Burner::light()];
    let mut counts = std::collections::BTreeMap::<String, u32>::new();
    for (name, value) in TWENTY {
        person
            .changes(&[&format!("ALTER SYSTEM SET {name} = {value}")])
            .await;
        let id = guard.sees(name).await.text("change_set").to_owned();
        let report = guard.about("report", &id).await;
        let kind = &report.said["verdict"]["kind"];
        let word = kind
            .as_str()
            .map_or_else(|| kind.to_string(), str::to_owned);
        say(&format!(
            "| {name:<30} | {:<8} | {word}",
            report.text("outcome")
        ));
        let hurt = word.contains("hurt");
        assert!(!hurt, "{name}: {}", guard.told());
        *counts.entry(report.text("outcome").to_owned()).or_default() += 1;
    }
    say(&format!(
        "20 harmless changes beside two burners: {counts:?}, none said to hurt"
    ));
    drop(burners);
    assert!(guard.said("writing").is_empty(), "nothing was put back");
    guard.ends().await;
}
