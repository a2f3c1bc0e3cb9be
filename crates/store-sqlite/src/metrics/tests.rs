use backstay_journal::conformance::{self, sample};
use tempfile::{TempDir, tempdir};

use super::*;
use crate::directory::tests::LIMITS;
use crate::{Limits, Readers, Stores};

fn open(directory: &TempDir, bytes_max: u64) -> SqliteMetrics {
    let limits = Limits {
        metrics_bytes_max: bytes_max,
        ..LIMITS
    };
    Stores::open(directory.path(), &limits).unwrap().metrics
}

fn all(metrics: &SqliteMetrics, target: &TargetId) -> Vec<Sample> {
    metrics
        .range(target, Timestamp(i64::MIN), Timestamp(i64::MAX))
        .unwrap()
}

#[test]
fn the_metrics_conform() {
    let mut kept = Vec::new();
    conformance::metrics(|| {
        let directory = tempdir().unwrap();
        let metrics = open(&directory, 64 << 20);
        kept.push(directory);
        metrics
    });
}

#[test]
fn rows_are_sealed_and_come_back_after_opening_again() {
    let directory = tempdir().unwrap();
    let shop = TargetId::new("shop");
    let samples: Vec<_> = (1..=250).map(sample).collect();
    let mut metrics = open(&directory, 64 << 20);
    for one in &samples {
        metrics.append(&shop, std::slice::from_ref(one)).unwrap();
    }
    let count = |table: &str| {
        let sql = format!("SELECT count(*) FROM {table}");
        metrics
            .shared
            .read(|c| c.query_row(&sql, [], |row| row.get::<_, i64>(0)))
            .unwrap()
    };
    assert_eq!((count("chunk"), count("head")), (2, 10));
    drop(metrics);
    let mut metrics = open(&directory, 64 << 20);
    metrics
        .append(&shop, &(251..=600).map(sample).collect::<Vec<_>>())
        .unwrap();
    assert_eq!(
        all(&metrics, &shop),
        (1..=600).map(sample).collect::<Vec<_>>()
    );
}

#[test]
fn the_oldest_go_when_the_size_is_reached() {
    let directory = tempdir().unwrap();
    let (old, new) = (TargetId::new("old"), TargetId::new("new"));
    let mut metrics = open(&directory, 0);
    metrics
        .append(&old, &(1..=120).map(sample).collect::<Vec<_>>())
        .unwrap();
    for batch in 0..600 {
        let samples: Vec<_> = (batch * 120..(batch + 1) * 120)
            .map(|s| sample(10_000 + s))
            .collect();
        metrics.append(&new, &samples).unwrap();
        assert!(metrics.used_bytes().unwrap() <= BYTES_MIN);
    }
    assert!(all(&metrics, &old).is_empty(), "the oldest went first");
    let kept = all(&metrics, &new);
    assert!(kept.len() > 5_000, "{} samples fit", kept.len());
    assert_eq!(
        kept.last(),
        Some(&sample(10_000 + 600 * 120 - 1)),
        "the newest stays"
    );
    assert_eq!(metrics.targets().unwrap(), [new]);
    drop(metrics);
    let length = std::fs::metadata(directory.path().join("metrics.db"))
        .unwrap()
        .len();
    assert!(
        length <= BYTES_MIN + (1 << 18),
        "{length} bytes: the file gave its pages back"
    );
}

#[test]
fn a_damaged_chunk_is_said_and_others_are_read() {
    let directory = tempdir().unwrap();
    let (shop, bank) = (TargetId::new("shop"), TargetId::new("bank"));
    let mut metrics = open(&directory, 64 << 20);
    for target in [&shop, &bank] {
        metrics
            .append(target, &(1..=240).map(sample).collect::<Vec<_>>())
            .unwrap();
    }
    let sql = "UPDATE chunk SET body = zeroblob(40) WHERE id = 2";
    metrics
        .shared
        .read(|connection| connection.execute(sql, []))
        .unwrap();
    let error = metrics
        .range(&shop, Timestamp(0), Timestamp(i64::MAX))
        .unwrap_err();
    assert!(
        error.to_string().contains("metric history of shop in"),
        "{error}"
    );
    let first = metrics
        .range(&shop, Timestamp(0), Timestamp::from_secs(100))
        .unwrap();
    assert_eq!(first.len(), 99);
    assert_eq!(all(&metrics, &bank).len(), 240);
}

#[test]
fn a_reader_sees_what_the_owner_appends() {
    let directory = tempdir().unwrap();
    let shop = TargetId::new("shop");
    let mut metrics = open(&directory, 64 << 20);
    let mut reader = Readers::open(directory.path()).unwrap().metrics.unwrap();
    for second in 1..=130 {
        metrics.append(&shop, &[sample(second)]).unwrap();
        assert_eq!(all(&reader, &shop).len(), usize::try_from(second).unwrap());
    }
    let refused = reader.append(&shop, &[sample(1)]);
    assert!(matches!(refused, Err(StoreError::ReadOnly { .. })));
}
