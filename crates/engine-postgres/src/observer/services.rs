//! Who works on the server: applications that were seen at work over some time. A session that comes
//! for one statement, such as that of a person who changes a setting, is no service.

use std::collections::BTreeMap;

use backstay_model::snapshot::ServiceUse;
use backstay_model::{ServiceName, Span, Timestamp};

use super::reading::ServiceRow;

/// An application is a service once it was seen at work in so many seconds …
const SIGHTINGS_MIN: u32 = 4;
/// … from the first to the last of them at least so long …
const STRETCH_MIN: Span = Span::from_secs(10);
/// … without being gone for longer than this.
const GAP_MAX: Span = Span::from_secs(60);
/// A client that people type into is one only after so many, over so long: scripts use them too.
const TYPED_SIGHTINGS_MIN: u32 = 30;
const TYPED_STRETCH_MIN: Span = Span::from_secs(120);
/// A service that did not work for this long is none any more.
const FORGOTTEN: Span = Span::from_secs(3_600);
/// The most applications in mind; the one that was away longest goes.
const APPLICATIONS_MAX: usize = 400;
/// How the application names of clients begin that people type into or call, in small letters.
const TYPED: [&str; 13] = [
    "psql",
    "pgadmin",
    "pgcli",
    "dbeaver",
    "datagrip",
    "navicat",
    "tableplus",
    "heidisql",
    "beekeeper",
    "azuredatastudio",
    "pg_dump",
    "pg_restore",
    "pg_basebackup",
];

/// Between the fields of an application, and between applications, in one text of the server.
const FIELD: char = '\u{1f}';
const ROW: char = '\u{1e}';

/// The expression that lists the applications at work in this second: service, role, database,
/// sessions. Whoever may not see the state of a session counts it as at work.
pub(crate) fn at_work_sql() -> String {
    format!(
        "(SELECT string_agg(concat_ws(chr({field}), coalesce(nullif(u.name, ''), \
            pg_get_userbyid(u.usesysid)), pg_get_userbyid(u.usesysid), d.datname, u.sessions), chr({row})) \
          FROM (SELECT application_name COLLATE \"C\" AS name, usesysid, datid, count(*) AS sessions \
            FROM pg_stat_get_activity(NULL) WHERE backend_type = 'client backend' \
            AND application_name NOT LIKE 'backstay/%' AND (state IS NULL \
            OR state IN ('active', 'disabled') \
            OR state_change > clock_timestamp() - interval '1.5 seconds') \
            GROUP BY 1, 2, 3 ORDER BY 4 DESC LIMIT {APPLICATIONS_MAX}) u \
          JOIN pg_database d ON d.oid = u.datid)",
        field = u32::from(FIELD),
        row = u32::from(ROW),
    )
}

/// The applications in the answer to [`at_work_sql`].
pub(super) fn at_work(text: &str) -> Vec<ServiceRow> {
    let row = |line: &str| {
        let mut fields = line.split(FIELD);
        let mut next = || fields.next().map(str::to_owned);
        Some(ServiceRow {
            application: next()?,
            role: next()?,
            database: next()?,
            sessions: next()?.parse().ok()?,
            seasoned: false,
        })
    };
    text.split(ROW).filter_map(row).collect()
}

/// The applications that are or may become services.
#[derive(Debug, Default)]
pub(super) struct Services {
    known: BTreeMap<Application, Sightings>,
    /// When all sessions were counted first.
    counted_at: Option<Timestamp>,
}

/// Service, role and database.
type Application = (String, String, String);

#[derive(Debug, Clone, Copy)]
struct Sightings {
    first: Timestamp,
    last: Timestamp,
    count: u32,
    sessions: u32,
    standing: Standing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Guest,
    /// It was there at the first look; it has to be seen at work to stay one.
    Presumed,
    Service,
}

impl Services {
    /// These are at work now.
    pub(super) fn see(&mut self, rows: &[ServiceRow], now: Timestamp) {
        for row in rows {
            let seen = self.known.entry(application(row)).or_insert(Sightings {
                first: now,
                last: now,
                count: 0,
                sessions: row.sessions,
                standing: Standing::Guest,
            });
            if now.since(seen.last) > GAP_MAX {
                (seen.first, seen.count) = (now, 0);
            }
            seen.last = now;
            seen.count += 1;
            seen.sessions = row.sessions;
            if long_enough(&row.application, seen) {
                seen.standing = Standing::Service;
            }
        }
        for seen in self.known.values_mut() {
            if seen.standing == Standing::Presumed && now.since(seen.first) > GAP_MAX {
                seen.standing = Standing::Guest;
            }
        }
        self.known
            .retain(|_, seen| now.since(seen.last) < FORGOTTEN);
        while self.known.len() > APPLICATIONS_MAX {
            let oldest = self.known.iter().min_by_key(|(_, seen)| seen.last);
            let Some(oldest) = oldest.map(|(application, _)| application.clone()) else {
                return;
            };
            self.known.remove(&oldest);
        }
    }

    /// All sessions, from a whole reading: those that have lasted and work are services already, because
    /// the server tells since when they are there.
    /// Who is there at the first look is presumed to be one for a while.
    pub(super) fn count(&mut self, rows: &[ServiceRow], now: Timestamp) {
        let others = match self.counted_at {
            None => Standing::Presumed,
            Some(_) => Standing::Guest,
        };
        self.counted_at.get_or_insert(now);
        for row in rows {
            let seen = self.known.entry(application(row)).or_insert(Sightings {
                first: now,
                last: now,
                count: 0,
                sessions: row.sessions,
                standing: match typed(&row.application) {
                    true => Standing::Guest,
                    false => others,
                },
            });
            seen.sessions = row.sessions;
            if row.seasoned && !typed(&row.application) {
                seen.standing = Standing::Service;
            }
        }
    }

    /// The services, in order.
    pub(super) fn list(&self) -> Vec<ServiceUse> {
        let services = self
            .known
            .iter()
            .filter(|(_, seen)| seen.standing != Standing::Guest);
        let used = |((service, role, database), seen): (&Application, &Sightings)| ServiceUse {
            service: ServiceName::new(service),
            role: role.clone(),
            database: database.clone(),
            sessions: seen.sessions,
        };
        let mut all: Vec<ServiceUse> = services.map(used).collect();
        all.sort();
        all
    }

    /// Whether there is a service that is not among `told`.
    pub(super) fn news(&self, told: &[ServiceUse]) -> bool {
        let there = |used: &ServiceUse| told.iter().any(|t| t.service == used.service);
        !self.list().iter().all(there)
    }
}

fn application(row: &ServiceRow) -> Application {
    (
        row.application.clone(),
        row.role.clone(),
        row.database.clone(),
    )
}

fn typed(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    TYPED.iter().any(|client| name.starts_with(client))
}

fn long_enough(name: &str, seen: &Sightings) -> bool {
    let (count, stretch) = match typed(name) {
        true => (TYPED_SIGHTINGS_MIN, TYPED_STRETCH_MIN),
        false => (SIGHTINGS_MIN, STRETCH_MIN),
    };
    seen.count >= count && seen.last.since(seen.first) >= stretch
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(application: &str, sessions: u32) -> ServiceRow {
        ServiceRow {
            application: application.to_owned(),
            role: "app".to_owned(),
            database: "bank".to_owned(),
            sessions,
            seasoned: false,
        }
    }

    fn seen(name: &str, seconds: &[i64]) -> Vec<String> {
        let mut services = Services::default();
        for at in seconds {
            services.see(&[row(name, 1)], Timestamp::from_secs(*at));
        }
        let names = services.list();
        names.iter().map(|s| s.service.to_string()).collect()
    }

    #[test]
    fn a_service_works_over_some_time_and_a_person_does_not() {
        assert_eq!(seen("mobile", &[0, 4, 9, 14]), ["mobile"]);
        let none: [&str; 0] = [];
        assert_eq!(seen("mobile", &[0, 4, 14]), none, "too few");
        assert_eq!(seen("mobile", &[0, 1, 2, 3]), none, "too short");
        assert_eq!(seen("mobile", &[0, 4, 100, 104]), none, "gone between");
        let typed: Vec<i64> = (0..40).collect();
        assert_eq!(seen("psql", &typed), none);
        let script: Vec<i64> = (0..130).collect();
        assert_eq!(seen("psql", &script), ["psql"]);
    }

    #[test]
    fn sessions_that_have_lasted_are_services_at_the_first_look() {
        let mut services = Services::default();
        let lasting = |name: &str| ServiceRow {
            seasoned: true,
            ..row(name, 3)
        };
        let rows = [lasting("checkout"), row("cron", 1), lasting("psql")];
        services.count(&rows, Timestamp::from_secs(0));
        assert_eq!(
            services.list().len(),
            2,
            "whoever is there at first may be one"
        );
        services.count(&[row("later", 1)], Timestamp::from_secs(1));
        services.see(&[], Timestamp::from_secs(61));
        let list = services.list();
        assert_eq!(list.len(), 1);
        assert_eq!(
            (list[0].service.as_str(), list[0].sessions),
            ("checkout", 3)
        );
        assert!(services.news(&[]) && !services.news(&list));
    }

    #[test]
    fn the_list_of_the_server_is_read_back() {
        let text =
            "checkout\u{1f}app\u{1f}bank\u{1f}4\u{1e}broken\u{1e}app\u{1f}app\u{1f}bank\u{1f}1";
        assert_eq!(at_work(text), [row("checkout", 4), row("app", 1)]);
        assert!(at_work("").is_empty());
    }
}
