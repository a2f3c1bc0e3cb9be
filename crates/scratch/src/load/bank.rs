//! The tables of the bank.

use crate::postgres::{ExecuteError, Server};

/// The bank could not be made. It may be there in part.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The name of the database is not a plain one.
    #[error("database name {name:?} is not a plain lower-case name")]
    Name {
        /// The name.
        name: String,
    },
    /// The server refused a statement.
    #[error("cannot make the tables of the load")]
    Statement {
        /// Which, and why.
        #[from]
        source: ExecuteError,
    },
}

/// Largest scale: a load is for tests, not for benchmarks.
const SCALE_MAX: u32 = 20;

/// Makes role `app`, database `database` and the bank's tables in it, with `scale` branches of 10
/// tellers and 100,000 accounts each (about 15 MB per branch; scale 1 to 20). The role may read and
/// write rows, and own nothing.
///
/// # Errors
/// `PrepareError` when the server refuses.
pub async fn prepare(server: &Server, database: &str, scale: u32) -> Result<(), PrepareError> {
    if database.is_empty() || !database.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
        return Err(PrepareError::Name {
            name: database.to_owned(),
        });
    }
    let scale = scale.clamp(1, SCALE_MAX);
    if server
        .execute("SELECT 1 FROM pg_roles WHERE rolname = 'app'")
        .await?
        .is_empty()
    {
        server.execute("CREATE ROLE app LOGIN").await?;
    }
    let there = format!("SELECT 1 FROM pg_database WHERE datname = '{database}'");
    if server.execute(&there).await?.is_empty() {
        server
            .execute(&format!("CREATE DATABASE {database}"))
            .await?;
    }
    server.execute_in(database, &tables(scale)).await?;
    server.execute_in(database, "VACUUM (ANALYZE)").await?;
    Ok(())
}

fn tables(scale: u32) -> String {
    format!(
        "CREATE TABLE branches (id int PRIMARY KEY, balance bigint NOT NULL) WITH (fillfactor = 20);
         CREATE TABLE tellers (id int PRIMARY KEY, branch int NOT NULL, balance bigint NOT NULL)
             WITH (fillfactor = 20);
         CREATE TABLE accounts (id int NOT NULL, branch int NOT NULL, balance bigint NOT NULL,
             filler text NOT NULL) WITH (fillfactor = 90);
         CREATE TABLE history (teller int, branch int, account int, delta int, at timestamptz);
         INSERT INTO branches SELECT i, 0 FROM generate_series(1, {scale}) i;
         INSERT INTO tellers SELECT i, (i - 1) / 10 + 1, 0 FROM generate_series(1, 10 * {scale}) i;
         INSERT INTO accounts SELECT i, (i - 1) / 100000 + 1, 0, repeat(md5(i::text), 2)
             FROM generate_series(1, 100000 * {scale}) i;
         ALTER TABLE accounts ADD PRIMARY KEY (id);
         GRANT SELECT, INSERT, UPDATE ON branches, tellers, accounts, history TO app;"
    )
}
