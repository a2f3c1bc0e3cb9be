//! Talking to a scratch server.

use std::time::Duration;

use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use super::errors::ExecuteError;
use super::server::Server;

impl Server {
    /// Runs `sql` as superuser in database `postgres` and gives its rows as text. `ALTER SYSTEM` must
    /// stand alone, because several statements at once are one transaction.
    ///
    /// # Errors
    /// `ExecuteError` with the server's words.
    pub async fn execute(&self, sql: &str) -> Result<Vec<Vec<Option<String>>>, ExecuteError> {
        self.execute_in("postgres", sql).await
    }

    /// The same in another database.
    ///
    /// # Errors
    /// `ExecuteError` with the server's words.
    pub async fn execute_in(
        &self,
        database: &str,
        sql: &str,
    ) -> Result<Vec<Vec<Option<String>>>, ExecuteError> {
        let client = self
            .connect(database)
            .await
            .map_err(|source| ExecuteError::Connect { source })?;
        let replies = client
            .simple_query(sql)
            .await
            .map_err(|source| ExecuteError::Refused { source })?;
        Ok(replies.iter().filter_map(cells).collect())
    }

    /// A connection as superuser over the Unix socket; it ends when the client is dropped.
    ///
    /// # Errors
    /// The driver's error.
    pub async fn connect(&self, database: &str) -> Result<Client, tokio_postgres::Error> {
        self.connect_as("postgres", database).await
    }

    /// A connection as `role` over the Unix socket; it ends when the client is dropped.
    ///
    /// # Errors
    /// The driver's error.
    pub async fn connect_as(
        &self,
        role: &str,
        database: &str,
    ) -> Result<Client, tokio_postgres::Error> {
        let (client, connection) = tokio_postgres::Config::new()
            .host_path(self.socket_dir())
            .port(self.port())
            .user(role)
            .dbname(database)
            // Whoever connects so is a person at a console, not a service.
            .application_name("psql")
            .connect_timeout(Duration::from_secs(5))
            .connect(NoTls)
            .await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to a scratch server ended");
            }
        });
        Ok(client)
    }
}

pub(super) fn cells(reply: &SimpleQueryMessage) -> Option<Vec<Option<String>>> {
    match reply {
        SimpleQueryMessage::Row(row) => Some(
            (0..row.len())
                .map(|i| row.get(i).map(str::to_owned))
                .collect(),
        ),
        _ => None,
    }
}
