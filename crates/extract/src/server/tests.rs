use std::collections::BTreeSet;

use super::*;
use crate::catalogue;

/// A bench on the server installed here; `None`, and loudly so, when there is none.
async fn bench(test: &str) -> Option<Bench> {
    match Binaries::find() {
        Ok(binaries) => Some(
            Bench::open(&binaries, memo::Memo::default())
                .await
                .expect("a scratch server starts"),
        ),
        Err(error) => {
            eprintln!("SKIPPED {test}: {error}");
            None
        }
    }
}

fn one(name: &str, value: &str) -> Assignment {
    vec![(name.to_owned(), value.to_owned())]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_server_gives_verdicts_and_moves() {
    let Some(bench) = bench("a_real_server_gives_verdicts_and_moves").await else {
        return;
    };
    let client = bench.live.connect("postgres").await.unwrap();
    let known = catalogue::read(&client).await.unwrap();
    let templates = verdict::Templates::new(&known);
    let pairs = |lines: &[LogLine], tried: &Assignment| -> BTreeSet<String> {
        let found = lines.iter().flat_map(|line| templates.read(line, tried));
        found.map(|f| format!("{} {}", f.from, f.to)).collect()
    };

    let tried = [
        one("archive_mode", "on"),
        one("wal_level", "minimal"),
        one("max_wal_senders", "0"),
    ]
    .concat();
    let refused = bench.compute(bench.computed(), &tried).unwrap_err();
    assert!(
        pairs(&refused, &tried)
            .iter()
            .any(|p| p.ends_with(" wal_level")),
        "{refused:?}"
    );

    let tried = one("track_counts", "off");
    let warned = bench.start(&tried).await.unwrap();
    assert!(
        pairs(&warned.lines, &tried).contains("autovacuum track_counts"),
        "{:?}",
        warned.lines
    );

    let moved = bench
        .reload(&one("default_transaction_isolation", "serializable"))
        .await
        .moved;
    assert_eq!(
        moved.get("transaction_isolation").map(String::as_str),
        Some("serializable")
    );
    let back = bench.reload(&Vec::new()).await.moved;
    assert!(back.is_empty(), "{back:?}");
}
