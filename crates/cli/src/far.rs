//! The graph in Neo4j: which one, with which password, and how it is fed.

#[cfg(feature = "neo4j")]
mod address;
#[cfg(feature = "neo4j")]
mod feed;

#[cfg(feature = "neo4j")]
pub(crate) use address::{Far, Server, directory, failure, place};
#[cfg(feature = "neo4j")]
pub(crate) use feed::{Course, Dial, Fed, first_entry, same_course, start};

#[cfg(not(feature = "neo4j"))]
pub(crate) use without::{not_built, place, start};

#[cfg(not(feature = "neo4j"))]
mod without {
    use std::path::Path;

    use backstay_guard::config::Neo4jConfig;
    use backstay_guard::far::FarGraph;

    use crate::failure::{Code, Failure};

    pub(crate) fn start(
        _config: &Neo4jConfig,
        _journal: (&Path, u64),
    ) -> Result<FarGraph, Failure> {
        Err(not_built())
    }

    pub(crate) fn place(_config: &Neo4jConfig) -> Result<String, Failure> {
        Err(not_built())
    }

    pub(crate) fn not_built() -> Failure {
        Failure::new(Code::NotBuilt, "this backstay was built without Neo4j")
            .hint("cargo build --release -p backstay-cli --features neo4j")
    }
}
