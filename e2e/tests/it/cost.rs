//! What watching costs the server, and the guard itself.

use std::time::Duration;

use tokio::time::Instant;

use crate::bed::{Bed, Wanted};
use crate::guard::{Guard, PATIENCE, Start};
use crate::say::say;
use crate::turn::Turn;

/// How long is measured.
const SPAN: Duration = Duration::from_secs(20);
/// Processor ticks per second, on every Linux we know.
const TICKS_PER_S: f64 = 100.0;
/// Memory of a guard with one target above which something is wrong, in KiB; 40 MB is the aim.
const RSS_KIB_MAX: u64 = 60 * 1024;

/// Processor seconds that a process used.
fn cpu_s(pid: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after_name = stat.rsplit_once(')').unwrap().1;
    let fields: Vec<f64> = after_name
        .split_whitespace()
        .map(|f| f.parse().unwrap_or(0.0))
        .collect();
    // The state is field 3 of the line and 0 here; user and system time are 14 and 15.
    (fields[11] + fields[12]) / TICKS_PER_S
}

fn rss_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|l| l.strip_prefix("VmRSS:"))
        .unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watching_costs_little() {
    let wanted = Wanted {
        turn: Turn::Beside,
        ..Wanted::default()
    };
    let Some(bed) = Bed::make(wanted).await else {
        return;
    };
    let person = bed.person().await;
    let mut guard = Guard::start(&bed, &Start::on(&bed));
    guard.hears("learning", PATIENCE, |_| true).await;
    let pid = "SELECT pid FROM pg_stat_activity WHERE application_name = 'backstay/observer'";
    let pid = person.asks(pid).await;
    let (before, began) = (cpu_s(&pid), Instant::now());
    // The measurement itself: a quiet stretch.
    tokio::time::sleep(SPAN).await;
    let share = (cpu_s(&pid) - before) / began.elapsed().as_secs_f64();
    let rss = rss_kib(guard.pid());
    say(&format!(
        "| cost: observer's connection {:.2} % of a core (aim < 0.1 %) | guard {:.0} MB (aim < 40 MB) |",
        share * 100.0,
        rss as f64 / 1024.0
    ));
    assert!(rss < RSS_KIB_MAX, "{rss} KiB");
    guard.ends().await;
}
