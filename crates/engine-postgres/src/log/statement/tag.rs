//! Statements whose purpose takes locks that others wait for: `LOCK`, what changes the schema, and
//! maintenance. Of their text nothing is told but these words.

use super::token::{Token, tokens};

/// Statements that are told by their first word alone.
const ALONE: [(&str, &str); 4] = [
    ("lock", "LOCK TABLE"),
    ("vacuum", "VACUUM"),
    ("reindex", "REINDEX"),
    ("cluster", "CLUSTER"),
];
/// First words that need to know of what.
const OF: [(&str, &str); 4] = [
    ("alter", "ALTER"),
    ("create", "CREATE"),
    ("drop", "DROP"),
    ("refresh", "REFRESH"),
];
/// Objects that are locked by it, with what comes before the kind in `CREATE UNIQUE INDEX`. Roles,
/// databases and the configuration are none of them, and neither are temporary tables.
const KINDS: [(&str, &str); 12] = [
    ("table", "TABLE"),
    ("index", "INDEX"),
    ("unique", "INDEX"),
    ("materialized", "MATERIALIZED VIEW"),
    ("view", "VIEW"),
    ("sequence", "SEQUENCE"),
    ("type", "TYPE"),
    ("schema", "SCHEMA"),
    ("trigger", "TRIGGER"),
    ("rule", "RULE"),
    ("policy", "POLICY"),
    ("extension", "EXTENSION"),
];

/// The tag of the first such statement in `sql`; `None` where there is none, or it cannot be told.
#[must_use]
pub fn locking_tag(sql: &str) -> Option<String> {
    let all = tokens(sql);
    let mut statements = all.split(|t| *t == Token::Mark(';'));
    statements.find_map(|statement| {
        let code = statement.iter();
        let mut words = code
            .filter(|t| !matches!(t, Token::Comment(_)))
            .map(|t| match t {
                Token::Word(word) => word.as_str(),
                _ => "",
            });
        let first = words.next()?;
        if let Some((_, tag)) = ALONE.iter().find(|(word, _)| *word == first) {
            return Some((*tag).to_owned());
        }
        let (_, verb) = OF.iter().find(|(word, _)| *word == first)?;
        let second = words.next()?;
        let (_, kind) = KINDS.iter().find(|(word, _)| *word == second)?;
        Some(format!("{verb} {kind}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_statements_that_mean_to_lock_are_named_and_nothing_else_of_their_text() {
        for (sql, expected) in [
            (
                "LOCK TABLE orders IN ACCESS EXCLUSIVE MODE",
                Some("LOCK TABLE"),
            ),
            ("lock orders", Some("LOCK TABLE")),
            (
                "/* OPS-1 */ ALTER TABLE orders ADD secret text DEFAULT 'x'",
                Some("ALTER TABLE"),
            ),
            (
                "BEGIN; LOCK TABLE orders; SELECT pg_sleep(60)",
                Some("LOCK TABLE"),
            ),
            (
                "CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)",
                Some("CREATE INDEX"),
            ),
            (
                "REFRESH MATERIALIZED VIEW sums",
                Some("REFRESH MATERIALIZED VIEW"),
            ),
            ("vacuum (full) orders", Some("VACUUM")),
            ("DROP INDEX i", Some("DROP INDEX")),
            ("UPDATE orders SET note = 'lock table; alter table'", None),
            ("SELECT * FROM lock", None),
            ("TRUNCATE orders", None),
            ("ALTER SYSTEM SET work_mem = '8MB'", None),
            ("ALTER ROLE app PASSWORD 'secret'", None),
            ("CREATE TEMP TABLE scratch (a int)", None),
            ("\"lock\" table", None),
            ("<insufficient privilege>", None),
            ("", None),
        ] {
            assert_eq!(locking_tag(sql).as_deref(), expected, "{sql}");
        }
    }
}
