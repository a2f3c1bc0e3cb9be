//! Other guards of the same server: each observer holds a shared advisory lock that nobody waits for,
//! under a number of its process, and looks for those of others.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::OnceLock;

use backstay_engine::Notice;
use backstay_model::{Span, Timestamp};

/// First key of the lock that says "I watch": "bkwa" in ASCII. Never to be changed: two versions with
/// different keys would not see each other.
pub const WATCH_CLASS: i32 = 0x626B_7761;

/// Another observer is told once it was seen over this time: commands that only read a server observe
/// it for a moment.
const STAYS: Span = Span::from_secs(5);

/// Time from look to look: each copies the table of locks, which may be long.
const EVERY: Span = Span::from_secs(60);

/// The number of this process among guards.
fn own() -> i32 {
    static OWN: OnceLock<i32> = OnceLock::new();
    // Its keys are random for each process; numbers of processes are not, over containers.
    let random = || (RandomState::new().hash_one(std::process::id()) >> 33) as i32;
    *OWN.get_or_init(random)
}

/// Takes the lock that says that this process watches.
pub(super) fn watch_sql() -> String {
    format!(
        "SELECT pg_try_advisory_lock_shared({WATCH_CLASS}, {})",
        own()
    )
}

/// The sessions of other guards, as `number/process,…`; advisory locks of all databases are shown to
/// every role.
pub(super) fn others_sql() -> String {
    format!(
        "SELECT string_agg(DISTINCT objid::text || '/' || pid::text, ',') FROM pg_locks \
         WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND classid::int8 = {WATCH_CLASS} \
         AND objid::int8 <> {}",
        own()
    )
}

/// Since when each other guard is seen.
#[derive(Debug, Default)]
pub(super) struct Guards {
    since: BTreeMap<String, Timestamp>,
    looked_at: Option<Timestamp>,
}

impl Guards {
    /// Whether it is time to look: each minute, and once more for one that was seen for the first time.
    pub(super) fn due(&self, now: Timestamp) -> bool {
        let Some(looked_at) = self.looked_at else {
            return true;
        };
        let new = self.since.values().any(|since| *since == looked_at);
        now.since(looked_at) >= if new { STAYS } else { EVERY }
    }

    /// What to tell when `others` are there now.
    pub(super) fn see(&mut self, others: &str, now: Timestamp) -> Vec<Notice> {
        self.looked_at = Some(now);
        let pairs = others.split(',').filter_map(|other| other.split_once('/'));
        // One guard may observe the server by several sessions.
        let sessions: BTreeMap<&str, &str> = pairs.collect();
        self.since
            .retain(|guard, _| sessions.contains_key(guard.as_str()));
        let mut told = Vec::new();
        for (guard, session) in sessions {
            let since = *self.since.entry(guard.to_owned()).or_insert(now);
            if now.since(since) >= STAYS {
                told.push(another(session));
            }
        }
        told
    }
}

fn another(session: &str) -> Notice {
    Notice {
        what: format!(
            "another Backstay watches this server too (its session is process {session})"
        ),
        effect:
            "each of the two judges every change, and takes what the other writes for somebody's"
                .to_owned(),
        remedy: Some("stop one of them, or let one only observe (--mode observe)".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_stays_is_told_and_who_passes_is_not() {
        let at = Timestamp::from_secs;
        let mut guards = Guards::default();
        assert!(guards.see("7/100,8/200", at(0)).is_empty());
        assert!(guards.see("8/201", at(4)).is_empty(), "7 only passed");
        let told = guards.see("7/102,8/201", at(10));
        assert_eq!(told, [another("201")]);
        assert!(guards.see("", at(20)).is_empty());
    }

    #[test]
    fn the_table_of_locks_is_read_each_minute_and_soon_again_for_who_is_new() {
        let at = Timestamp::from_secs;
        let mut guards = Guards::default();
        assert!(guards.due(at(0)));
        guards.see("", at(0));
        assert!(!guards.due(at(59)) && guards.due(at(60)));
        guards.see("7/100", at(60));
        assert!(!guards.due(at(64)) && guards.due(at(65)));
        guards.see("7/100", at(65));
        assert!(!guards.due(at(124)));
    }
}
