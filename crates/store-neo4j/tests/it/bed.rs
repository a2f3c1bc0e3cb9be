//! Servers to test with, and a way to talk to them that is not the store's.

use std::io::Write;

use backstay_graph::Batch;
use backstay_graph::conformance::random_batch;
use backstay_scratch::neo4j::{self, Access, Installation, Options, Release, Server};
use backstay_store_neo4j::{Address, Deployment, Password, schema};
use neo4rs::{BoltType, Graph, Query, Txn};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

/// Past the harness, which would keep it to itself.
pub(crate) fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").expect("standard output is open while tests run");
}

/// The server that all tests share, prepared; `None`, loudly, where there is none.
pub(crate) fn shared(test: &str) -> Option<Access> {
    let access = neo4j::shared_for(test)?;
    schema::prepare(&address(&access), &password(&access)).unwrap();
    Some(access)
}

/// A server of one's own; `None`, loudly, where there is none.
pub(crate) fn own(test: &str, options: Options) -> Option<Server> {
    if let Err(error) = Installation::find(options.release) {
        neo4j::say_skipped(test, &error);
        return None;
    }
    Some(Server::start(options).unwrap())
}

/// The same, of the release that is supported, in no special way.
pub(crate) fn plain(test: &str) -> Option<Server> {
    own(
        test,
        Options {
            release: Release::Supported,
            ..Options::default()
        },
    )
}

pub(crate) fn address(access: &Access) -> Address {
    let mut address = Address::parse(&access.uri).unwrap();
    address.user.clone_from(&access.user);
    address
}

pub(crate) fn password(access: &Access) -> Password {
    Password::new(access.password().unwrap())
}

/// A deployment that nobody else has.
pub(crate) fn own_deployment() -> Deployment {
    Deployment::new(&neo4j::own_name().unwrap()).unwrap()
}

/// The batch with this number of an endless log that a seed makes: anybody can make any part of it.
pub(crate) fn batch(seed: u64, seq: u64) -> Batch {
    let mut dice = backstay_chance::Dice::new(seed ^ seq.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    random_batch(&mut dice, seq)
}

/// A connection as a person at a console has it.
pub(crate) struct Console {
    runtime: Runtime,
    graph: Graph,
}

impl Console {
    pub(crate) fn new(access: &Access) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let graph = {
            let _entered = runtime.enter();
            let password = access.password().unwrap();
            Graph::new(access.uri.as_str(), access.user.as_str(), password.as_str()).unwrap()
        };
        Self { runtime, graph }
    }

    /// The rows of a query, each an object.
    pub(crate) fn ask(&self, query: &str, parameters: &[(&str, BoltType)]) -> Vec<Value> {
        let query = Query::new(query.to_owned()).params(parameters.iter().cloned());
        self.runtime.block_on(async {
            let mut stream = self.graph.execute(query).await.unwrap();
            let mut rows = Vec::new();
            while let Some(row) = stream.next().await.unwrap() {
                rows.push(row.to().unwrap());
            }
            rows
        })
    }

    /// The one number of a query.
    pub(crate) fn count(&self, query: &str) -> i64 {
        let rows = self.ask(query, &[]);
        rows[0]["n"].as_i64().unwrap()
    }

    /// Begins a transaction that stays open.
    pub(crate) fn begin(&self) -> Txn {
        self.runtime.block_on(self.graph.start_txn()).unwrap()
    }

    /// Carries out a statement in it.
    pub(crate) fn within(&self, mut txn: Txn, statement: &str) -> Txn {
        let query = Query::new(statement.to_owned());
        self.runtime.block_on(txn.run(query)).unwrap();
        txn
    }

    pub(crate) fn commit(&self, txn: Txn) {
        self.runtime.block_on(txn.commit()).unwrap();
    }
}
