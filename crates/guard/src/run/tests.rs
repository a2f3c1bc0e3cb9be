use std::sync::atomic::AtomicU32;

use backstay_journal::{Notice, Presence};
use backstay_model::metric::MetricSpec;
use backstay_model::plan::Dialect;
use backstay_model::sample::ProbeStep;
use backstay_model::{ProbeReading, Timestamp};

use super::*;
use crate::clock::SystemClock;

/// A target at whose address another server answers by now.
#[derive(Default)]
struct Moved {
    writers: AtomicU32,
}

/// Everything that a connector gives.
struct Hand;

fn another() -> ReadError {
    ReadError::AnotherServer {
        found: "/other".to_owned(),
        expected: "/data".to_owned(),
    }
}

impl ChangeSource for Hand {
    async fn poll(&mut self, _now: Timestamp) -> Result<Poll, ReadError> {
        Err(another())
    }
}

impl MetricSource for Hand {
    fn specs(&self) -> Vec<MetricSpec> {
        Vec::new()
    }

    async fn sample(&mut self, _now: Timestamp) -> Result<Sample, ReadError> {
        Err(another())
    }
}

impl Notices for Hand {
    fn take_notices(&mut self) -> Vec<(Notice, Presence)> {
        Vec::new()
    }
}

impl Probe for Hand {
    async fn probe(&mut self, now: Timestamp) -> ProbeReading {
        ProbeReading {
            at: now,
            role: "probe".to_owned(),
            connect: ProbeStep::Skipped,
            read: ProbeStep::Skipped,
            write: ProbeStep::Skipped,
        }
    }
}

impl ConfigWriter for Hand {
    async fn apply(&mut self, _write: Recorded<Write>, _now: Timestamp) -> WriteReply {
        WriteReply::Unknown {
            why: "the connection broke".to_owned(),
        }
    }

    async fn inspect(&mut self, _write: &Recorded<Write>) -> Found {
        Found::Unknown {
            why: "the connection broke".to_owned(),
        }
    }
}

impl Connector for Moved {
    type Observer = Hand;
    type Probe = Hand;
    type Writer = Hand;

    async fn observer(&self) -> Result<Hand, ReadError> {
        Ok(Hand)
    }

    fn probe(&self) -> Hand {
        Hand
    }

    async fn writer(&self, _paused: Arc<AtomicBool>) -> Result<Hand, ReadError> {
        self.writers.fetch_add(1, Ordering::SeqCst);
        Ok(Hand)
    }

    async fn hold(_writer: &mut Hand) -> Result<(), ReadError> {
        Err(another())
    }

    async fn doubts(_writer: &mut Hand) -> Option<(Notice, Presence)> {
        let role = "weak".to_owned();
        let notice = Notice::MayNotWrite {
            role,
            missing: Vec::new(),
            grants: Vec::new(),
        };
        Some((notice, Presence::Begins))
    }

    fn dialect(&self) -> Box<dyn Dialect + Send> {
        unreachable!("nothing is planned here")
    }
}

/// Before anything is to be written.
#[tokio::test]
async fn a_role_that_may_not_write_is_told_as_the_guard_begins() {
    let (inbox, mut arrivals) = mpsc::channel(1);
    let post = Post {
        target: TargetId::new("shop"),
        clock: Arc::new(SystemClock::start()),
        inbox,
    };
    let (hand, tasks) = mpsc::channel(1);
    let paused = Arc::new(AtomicBool::new(false));
    let acting = act(Arc::new(Moved::default()), post, tasks, Open::Ahead, paused);
    let acting = tokio::spawn(acting);
    let told = arrivals.recv().await.unwrap().what;
    let lacks = |n: &Notice| matches!(n, Notice::MayNotWrite { role, .. } if role == "weak");
    assert!(
        matches!(&told, What::Noticed(notice, Presence::Begins) if lacks(notice)),
        "{told:?}"
    );
    drop(hand);
    acting.await.unwrap();
}

/// A writer made anew would take the server that answers now for its own.
#[tokio::test]
async fn a_writer_outlives_its_connections() {
    let connector = Arc::new(Moved::default());
    let paused = Arc::new(AtomicBool::new(false));
    let mut writer = None;
    for _ in 0..3 {
        writer = held(&connector, writer, &paused).await;
    }
    assert!(writer.is_some());
    assert_eq!(connector.writers.load(Ordering::SeqCst), 1);
}
