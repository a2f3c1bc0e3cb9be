//! Who stands at the head of the queue for a lock: asked only while somebody waits for one longer than
//! for a moment. A session that is idle in its transaction, or that runs a statement whose purpose takes
//! the lock, keeps it for reasons of its own. One that waits for a standby, or that does the
//! application's ordinary work, may be slow because of a change: that excuses nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use backstay_model::sample::{Holding, LockHolder};
use backstay_model::{Span, Timestamp};
use tokio_postgres::Row;

use super::PostgresObserver;
use crate::connect::within;
use crate::log::statement::locking_tag;
use crate::metrics::Counts;

/// Longest wait for the answer: without it, nobody is excused.
const ANSWER_MAX: Duration = Duration::from_millis(500);
/// Waiting sessions that are looked at, those that wait longest: they are nearest to the head.
const WAITERS_MAX: u32 = 64;
/// Characters of a statement's text that are read for its tag.
const TEXT_MAX: u32 = 1_000;
/// Seconds for which a session must have been idle in its transaction, or run its statement.
const MOMENT_S: f64 = 1.0;
/// Holders that are named.
const HOLDERS_MAX: usize = 3;
/// The wait of a commit for a synchronous standby.
const FOR_A_STANDBY: &str = "SyncRep";

/// Sessions that wait for a lock and those before them. Whom a session waits for is read from the lock
/// table at that moment, everything else from one view of all sessions.
pub(super) fn sql() -> String {
    format!(
        "WITH waits AS MATERIALIZED (SELECT w.pid, pg_blocking_pids(w.pid) AS before \
           FROM (SELECT pid FROM pg_stat_get_activity(NULL) \
             WHERE state = 'active' AND wait_event_type = 'Lock' \
             ORDER BY query_start LIMIT {WAITERS_MAX}) w) \
         SELECT a.pid, w.before, coalesce(a.state, ''), coalesce(a.wait_event, ''), \
           coalesce(a.backend_type, ''), coalesce(a.application_name, ''), \
           coalesce(pg_get_userbyid(a.usesysid)::text, ''), \
           coalesce(extract(epoch FROM clock_timestamp() - a.state_change)::float8, 0), \
           coalesce(left(a.query, {TEXT_MAX}), '') \
         FROM pg_stat_get_activity(NULL) a LEFT JOIN waits w ON w.pid = a.pid \
         WHERE w.pid IS NOT NULL OR a.pid IN (SELECT unnest(before) FROM waits)"
    )
}

/// A session that waits for a lock, or that others wait for.
#[derive(Debug, Clone, PartialEq)]
struct Session {
    pid: i32,
    /// Whom it waits for; `None` when it waits for no lock.
    before: Option<Vec<i32>>,
    state: String,
    wait_event: String,
    backend: String,
    application: String,
    role: String,
    /// Seconds since it began to do what it does.
    for_s: f64,
    /// The tag of what it runs, or ran last, where that means to take a lock.
    tag: Option<String>,
}

impl Session {
    fn of(row: &Row) -> Self {
        let text: &str = row.get(8);
        Self {
            pid: row.get(0),
            before: row.get(1),
            state: row.get(2),
            wait_event: row.get(3),
            backend: row.get(4),
            application: row.get(5),
            role: row.get(6),
            for_s: row.get(7),
            tag: locking_tag(text),
        }
    }

    fn ours(&self) -> bool {
        self.application.starts_with("backstay/")
    }

    /// Why it keeps its locks, if that is a reason of its own.
    fn keeps(&self) -> Option<Holding> {
        let client = self.backend == "client backend" && !self.ours();
        if !client || self.for_s < MOMENT_S {
            return None;
        }
        if self.state.starts_with("idle in transaction") {
            return Some(Holding::Idle);
        }
        let runs = self.state == "active" && self.wait_event != FOR_A_STANDBY;
        self.tag.clone().filter(|_| runs).map(Holding::Runs)
    }
}

/// What of the sessions that wait for a lock waits for sessions that keep one for reasons of their own.
#[derive(Debug, Clone, PartialEq, Default)]
struct Behind {
    /// The share of the applications' sessions, 0..=1; `None` when none of them waits.
    share: Option<f64>,
    /// Backstay's own that wait so.
    own: u32,
    /// The sessions at the head, those that are waited for most first.
    heads: Vec<i32>,
}

fn behind(sessions: &BTreeMap<i32, Session>) -> Behind {
    let (mut all, mut so, mut own) = (0_u32, 0_u32, 0_u32);
    let mut waited_for: BTreeMap<i32, u32> = BTreeMap::new();
    for session in sessions.values().filter(|s| s.before.is_some()) {
        let heads = heads(session, sessions);
        let foreign = heads.as_ref().is_some_and(|heads| {
            let keeps = |pid| sessions.get(pid).and_then(Session::keeps).is_some();
            !heads.is_empty() && heads.iter().all(keeps)
        });
        if session.ours() {
            own += u32::from(foreign);
        } else {
            all += 1;
            so += u32::from(foreign);
        }
        for head in heads.into_iter().flatten().filter(|_| foreign) {
            *waited_for.entry(head).or_default() += 1;
        }
    }
    let mut heads: Vec<(i32, u32)> = waited_for.into_iter().collect();
    heads.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    Behind {
        share: (all > 0).then(|| f64::from(so) / f64::from(all)),
        own,
        heads: heads.into_iter().map(|(pid, _)| pid).collect(),
    }
}

/// The sessions before `session` that wait for no lock themselves; `None` where that cannot be told: a
/// prepared transaction, a session that is not seen, a lock that was given up in this moment.
fn heads(session: &Session, sessions: &BTreeMap<i32, Session>) -> Option<BTreeSet<i32>> {
    let (mut heads, mut seen) = (BTreeSet::new(), BTreeSet::new());
    let mut open = vec![session];
    while let Some(next) = open.pop() {
        if !seen.insert(next.pid) {
            continue;
        }
        let before = next.before.as_ref().filter(|before| !before.is_empty())?;
        for pid in before {
            let other = sessions.get(pid)?;
            if other.before.is_some() {
                open.push(other);
            } else {
                heads.insert(*pid);
            }
        }
    }
    Some(heads)
}

impl PostgresObserver {
    /// How many sessions stand behind a lock that somebody keeps for reasons of their own, and who;
    /// `None` when that is not known.
    pub(super) async fn stands_behind(
        &self,
        counts: &Counts,
        now: Timestamp,
    ) -> Option<(f64, Vec<LockHolder>)> {
        let waits = counts.get("lock_waits")?;
        if counts.get("long_lock_waits")? < 1.0 {
            return Some((0.0, Vec::new()));
        }
        let link = self.link.as_ref()?;
        let rows = link.session.client().query(link.queue.as_ref()?, &[]);
        let rows = match within(ANSWER_MAX, "who holds the locks", rows).await {
            Ok(rows) => rows,
            Err(error) => {
                tracing::debug!(%error, "who holds the locks is not known");
                return None;
            }
        };
        let sessions = rows.iter().map(Session::of).map(|s| (s.pid, s)).collect();
        let found = behind(&sessions);
        let count = match found.share {
            Some(share) => share * waits,
            None => f64::from(found.own),
        };
        let heads = found.heads.iter().filter_map(|pid| sessions.get(pid));
        let holder = |session: &Session| {
            Some(LockHolder {
                session: session.pid.unsigned_abs(),
                application: session.application.clone(),
                role: session.role.clone(),
                doing: session.keeps()?,
                since: now - Span((session.for_s * 1e6) as i64),
            })
        };
        Some((count, heads.filter_map(holder).take(HOLDERS_MAX).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `pid state seconds tag before…`; a tag of `-` is none, `syncrep` is the wait for a standby.
    fn sessions(text: &str) -> BTreeMap<i32, Session> {
        let session = |line: &str| {
            let mut words = line.split_whitespace();
            let pid: i32 = words.next()?.parse().unwrap();
            let state = words.next()?.replace('_', " ");
            let for_s = words.next()?.parse().unwrap();
            let tag = words.next()?;
            let before: Vec<i32> = words.map(|w| w.parse().unwrap()).collect();
            let waits = state == "waits";
            Some(Session {
                pid,
                before: waits.then_some(before),
                state: if waits { "active".to_owned() } else { state },
                wait_event: if tag == "syncrep" { "SyncRep" } else { "" }.to_owned(),
                backend: "client backend".to_owned(),
                application: if pid > 900 { "backstay/probe" } else { "shop" }.to_owned(),
                role: "app".to_owned(),
                for_s,
                tag: locking_tag(&tag.replace('_', " ")),
            })
        };
        let all = text.lines().filter_map(session);
        all.map(|s| (s.pid, s)).collect()
    }

    /// What stands where, the share of those that wait that it excuses, and who is at the head.
    const CASES: [(&str, &str, Option<f64>, &[i32]); 14] = [
        (
            "a transaction that was left open, and a chain behind it",
            "1 idle_in_transaction 5 -\n2 waits 3 - 1\n3 waits 3 - 2 1\n4 waits 2 - 3",
            Some(1.0),
            &[1],
        ),
        (
            "one that failed and was left",
            "1 idle_in_transaction_(aborted) 5 -\n2 waits 3 - 1",
            Some(1.0),
            &[1],
        ),
        (
            "idle between two statements",
            "1 idle_in_transaction 0.2 -\n2 waits 3 - 1",
            Some(0.0),
            &[],
        ),
        (
            "LOCK TABLE",
            "1 active 9 lock_table_t\n2 waits 3 - 1\n3 waits 3 - 1",
            Some(1.0),
            &[1],
        ),
        (
            "ALTER TABLE that waits for a transaction that was left open",
            "1 idle_in_transaction 60 -\n2 waits 9 alter_table_t 1\n3 waits 3 - 2\n4 waits 3 - 2",
            Some(1.0),
            &[1],
        ),
        (
            "ordinary work that is slow",
            "1 active 9 update_t\n2 waits 3 - 1",
            Some(0.0),
            &[],
        ),
        (
            "a commit that waits for a standby",
            "1 active 9 syncrep\n2 waits 3 - 1\n3 waits 3 - 2",
            Some(0.0),
            &[],
        ),
        (
            "row locks behind that commit, and one behind a migration",
            "1 active 9 syncrep\n2 waits 3 - 1\n3 waits 3 - 1\n4 idle_in_transaction 9 -\n5 waits 3 - 4",
            Some(1.0 / 3.0),
            &[4],
        ),
        (
            "both before the same one",
            "1 active 9 syncrep\n2 idle_in_transaction 9 -\n3 waits 3 - 1 2",
            Some(0.0),
            &[],
        ),
        ("a prepared transaction", "2 waits 3 - 0", Some(0.0), &[]),
        ("given up in this moment", "2 waits 3 -", Some(0.0), &[]),
        ("each other", "1 waits 3 - 2\n2 waits 3 - 1", Some(0.0), &[]),
        ("nobody", "", None, &[]),
        (
            "Backstay's own write",
            "901 active 9 alter_table_t\n2 waits 3 - 901",
            Some(0.0),
            &[],
        ),
    ];

    #[test]
    fn only_heads_that_keep_the_lock_for_reasons_of_their_own_excuse_who_waits() {
        for (name, text, share, heads) in CASES {
            let found = behind(&sessions(text));
            assert_eq!(
                (found.share, found.heads.as_slice()),
                (share, heads),
                "{name}"
            );
        }
    }

    #[test]
    fn a_probe_that_waits_alone_is_told_by_itself() {
        let found = behind(&sessions("1 idle_in_transaction 5 -\n901 waits 3 - 1"));
        assert_eq!((found.share, found.own), (None, 1));
    }
}
