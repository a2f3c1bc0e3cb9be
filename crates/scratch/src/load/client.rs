//! One client: waits for work, does it, connects again after errors.

use std::sync::Arc;
use std::time::Duration;

use backstay_chance::Dice;
use tokio::time::Instant;
use tokio_postgres::{Config, Error, NoTls, Statement};

use super::counts::Counter;
use super::mix::{Pace, Work};

/// First pause after an error; doubles up to the longest.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
/// Longest pause after errors.
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// Rows that a sort works on.
const SORT_ROWS: i32 = 15_000;
/// Accounts per branch of the bank.
const ACCOUNTS: i32 = 100_000;
/// Tellers per branch of the bank.
const TELLERS: i32 = 10;

pub(crate) struct Client {
    config: Config,
    counter: Arc<Counter>,
    dice: Dice,
    session: Option<Session>,
    pause: Duration,
}

/// A connection with its prepared statements.
struct Session {
    client: tokio_postgres::Client,
    statements: Vec<Statement>,
    branches: i32,
}

impl Client {
    pub(crate) fn new(config: Config, counter: Arc<Counter>, seed: u64) -> Self {
        Self {
            config,
            counter,
            dice: Dice::new(seed),
            session: None,
            pause: PAUSE_FIRST,
        }
    }

    /// Works until it is aborted.
    pub(crate) async fn run(mut self) {
        loop {
            let due = self.counter.next_due().await;
            match self.work().await {
                Ok(()) => {
                    self.counter.done(due);
                    self.pause = PAUSE_FIRST;
                }
                Err(error) => self.recover(&error).await,
            }
        }
    }

    async fn work(&mut self) -> Result<(), Error> {
        let work = self.counter.class.work;
        // A client of fresh connections keeps the last one until it needs the next, so that it can be
        // seen among the sessions.
        let kept = self.session.take().filter(|_| work != Work::FreshTransfer);
        let session = match kept {
            Some(session) => session,
            None => Session::open(&self.config, work).await?,
        };
        let done = session.run(work, &mut self.dice).await;
        self.session = Some(session);
        done
    }

    /// Counts the error, leaves the failed transaction, and waits a little.
    async fn recover(&mut self, error: &Error) {
        self.counter.failed(error);
        if let Some(session) = self.session.take()
            && error.code().is_some()
            && session.client.batch_execute("ROLLBACK").await.is_ok()
        {
            self.session = Some(session);
        }
        // A paced client comes back when its next work is due; without a server it must not spin.
        let connected = self.session.is_some();
        if !connected || self.counter.class.pace == Pace::Closed {
            let until = Instant::now() + self.pause;
            tokio::time::sleep_until(until).await;
            self.pause = (self.pause * 2).min(PAUSE_MAX);
        }
    }
}

impl Session {
    async fn open(config: &Config, work: Work) -> Result<Self, Error> {
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection of the load ended");
            }
        });
        let mut statements = Vec::new();
        for sql in texts(work) {
            statements.push(client.prepare(sql).await?);
        }
        let branches: i64 = client
            .query_one("SELECT count(*) FROM branches", &[])
            .await?
            .get(0);
        Ok(Self {
            client,
            statements,
            branches: i32::try_from(branches).unwrap_or(1).max(1),
        })
    }

    async fn run(&self, work: Work, dice: &mut Dice) -> Result<(), Error> {
        let account = upto(dice, ACCOUNTS.saturating_mul(self.branches));
        match (work, self.statements.as_slice()) {
            (Work::PointRead, [read]) => self.client.query(read, &[&account]).await.map(drop),
            (Work::SortJoin, [sort]) => {
                let first = upto(dice, ACCOUNTS - SORT_ROWS);
                self.client
                    .query(sort, &[&first, &(first + SORT_ROWS)])
                    .await
                    .map(drop)
            }
            (_, [pay, read, till, total, note]) => {
                let (teller, delta) = (
                    upto(dice, TELLERS * self.branches),
                    upto(dice, 10_000) - 5_000,
                );
                let branch = (teller - 1) / TELLERS + 1;
                self.client.batch_execute("BEGIN").await?;
                self.client.execute(pay, &[&delta, &account]).await?;
                self.client.query(read, &[&account]).await?;
                self.client.execute(till, &[&delta, &teller]).await?;
                self.client.execute(total, &[&delta, &branch]).await?;
                self.client
                    .execute(note, &[&teller, &branch, &account, &delta])
                    .await?;
                self.client.batch_execute("COMMIT").await
            }
            _ => Ok(()),
        }
    }
}

fn texts(work: Work) -> &'static [&'static str] {
    match work {
        Work::Transfer | Work::FreshTransfer => &[
            "UPDATE accounts SET balance = balance + $1::int WHERE id = $2",
            "SELECT balance FROM accounts WHERE id = $1",
            "UPDATE tellers SET balance = balance + $1::int WHERE id = $2",
            "UPDATE branches SET balance = balance + $1::int WHERE id = $2",
            "INSERT INTO history (teller, branch, account, delta, at) VALUES ($1, $2, $3, $4, now())",
        ],
        Work::PointRead => &["SELECT balance FROM accounts WHERE id = $1"],
        Work::SortJoin => &["SELECT count(*), max(ranked.place) FROM (
                SELECT branch, row_number() OVER (ORDER BY balance, filler, id) AS place
                FROM accounts WHERE id BETWEEN $1 AND $2
            ) ranked JOIN tellers ON tellers.branch = ranked.branch WHERE tellers.id % 10 = 0"],
    }
}

/// A number in `1..=most`.
fn upto(dice: &mut Dice, most: i32) -> i32 {
    let below = dice.below(u64::try_from(most).unwrap_or(1));
    i32::try_from(below).unwrap_or(0) + 1
}
