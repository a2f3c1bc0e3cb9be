use proptest::prelude::*;

use super::*;

const SHOP: &str = "
; the shop's pooler
[databases]
shop = host=10.0.0.1 port=5432 dbname=shop
jobs = host=10.0.0.1 user=jobs password='hunter2 canary' pool_size=5
audit = host=10.0.0.1 max_db_connections=8

[pgbouncer]
listen_port = 6432
auth_file = /etc/pgbouncer/userlist.txt
pool_mode = Transaction
default_pool_size = 40
reserve_pool_size = 5
server_idle_timeout = 0.5
max_client_conn = lots
";

fn count(pooler: &Pooler, name: &str) -> Option<i128> {
    match pooler.facts.get(name) {
        Some(Quantity::Count(n)) => Some(*n),
        _ => None,
    }
}

#[test]
fn pools_are_added_up() {
    let pooler = parse(SHOP, Some(3));
    // shop 3 × (40 + 5), jobs 1 × (5 + 5), audit at most 8.
    assert_eq!(count(&pooler, "server_connections"), Some(135 + 10 + 8));
    assert_eq!(count(&pooler, "databases"), Some(3));
    assert_eq!(count(&pooler, "default_pool_size"), Some(40));
    let mode = pooler.facts.get("pool_mode");
    assert_eq!(mode, Some(&Quantity::Text("transaction".into())));
    let idle = pooler.facts.get("server_idle_timeout");
    assert_eq!(idle, Some(&Quantity::Micros(500_000)));
    assert_eq!(
        pooler.auth_file.as_deref(),
        Some("/etc/pgbouncer/userlist.txt")
    );
}

#[test]
fn what_is_not_understood_is_said_and_unknown() {
    let pooler = parse(SHOP, None);
    assert_eq!(pooler.facts.get("max_client_conn"), None);
    let notes = pooler.notes.join("\n");
    assert!(
        notes.contains("max_client_conn is not understood"),
        "{notes}"
    );
    assert!(
        notes.contains("how many users log in is not known"),
        "{notes}"
    );
    let odd = parse(
        "loose = 1\n[pgbouncer]\nword\n%include more.ini\n[new]\nx = 1\n",
        None,
    );
    assert_eq!(odd.notes.len(), 4, "{:?}", odd.notes);
}

#[test]
fn secrets_are_nowhere_in_what_is_kept() {
    let pooler = parse(SHOP, None);
    assert!(!format!("{pooler:?}").contains("canary"));
    let broken = parse("[databases]\nx = password=canary y\ncanary\n", None);
    assert!(!format!("{broken:?}").contains("canary"), "{broken:?}");
}

#[test]
fn users_are_counted_by_name() {
    let list = "\"ann\" \"SCRAM-SHA-256$4096:x\"\n; a comment\n  \"bob\" \"md5x\"\n\n";
    assert_eq!(users_in(list), 2);
}

#[test]
fn the_console_says_the_same() {
    let config = [("default_pool_size".to_owned(), "40".to_owned())];
    let pooler = from_console(&config, &[(40, 5, 0), (5, 5, 8)], Some(2));
    assert_eq!(count(&pooler, "server_connections"), Some(90 + 8));
}

proptest! {
    #[test]
    fn reading_never_panics(text in "(\\PC|[\n\t'=#;\\[\\]%]){0,300}", users in any::<Option<u32>>()) {
        std::hint::black_box(parse(&text, users));
    }

    #[test]
    fn sizes_never_overflow(sizes in prop::collection::vec((any::<u32>(), any::<u32>(), any::<u32>()), 0..20), users in any::<u32>()) {
        let sizes: Vec<_> = sizes.into_iter().map(|(a, b, c)| (i128::from(a), i128::from(b), i128::from(c))).collect();
        std::hint::black_box(from_console(&[], &sizes, Some(users)));
    }
}
