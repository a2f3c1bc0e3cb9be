//! The loop around a simulated target: one second at a time, in order, with a clock that the world
//! sets. The same tick as around a real one.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use backstay_engine::{ChangeSource, ConfigWriter, MetricSource, Poll, Probe, ReadError};
use backstay_journal::{Recorded, Request, Task};
use backstay_model::event::WriteReply;
use backstay_model::plan::Found;
use backstay_model::sample::Held;
use backstay_model::{Command, Sample, TargetId, Timestamp};

use crate::books::Books;
use crate::connector::{Connector, Notices};
use crate::inbox::{Arrival, What};
use crate::news::News;
use crate::tick::{Guard, TickError};

/// Rounds of command and reply that one second may take; a write needs two.
const ROUNDS_MAX: usize = 8;

/// One target in lockstep.
pub struct Lockstep<C: Connector> {
    target: TargetId,
    connector: C,
    observer: Option<C::Observer>,
    probe: C::Probe,
    writer: Option<C::Writer>,
    paused: Arc<AtomicBool>,
    asked: Vec<Arrival>,
}

impl<C: Connector> std::fmt::Debug for Lockstep<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lockstep")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

impl<C: Connector> Lockstep<C> {
    /// A target that is not connected yet.
    pub fn new(target: TargetId, connector: C) -> Self {
        Self {
            target,
            probe: connector.probe(),
            connector,
            observer: None,
            writer: None,
            paused: Arc::new(AtomicBool::new(false)),
            asked: Vec::new(),
        }
    }

    /// Hands in what a person asks for; it arrives with the next second.
    pub fn ask(&mut self, by: &str, request: Request) {
        self.asked.push(Arrival {
            target: self.target.clone(),
            what: What::Asked {
                by: by.to_owned(),
                request,
            },
        });
    }

    /// Lets one second pass that ends `now`: look, measure, probe, tick, carry out, tick.
    ///
    /// # Errors
    /// `TickError` when the journal failed.
    pub async fn second<B: Books>(
        &mut self,
        guard: &mut Guard<B>,
        now: Timestamp,
    ) -> Result<Vec<News>, TickError> {
        let mut arrivals = self.look(now).await;
        arrivals.append(&mut self.asked);
        let mut news = Vec::new();
        for _ in 0..ROUNDS_MAX {
            let ticked = guard.tick(now, std::mem::take(&mut arrivals))?;
            news.extend(ticked.news);
            if ticked.commands.is_empty() {
                break;
            }
            for command in ticked.commands {
                arrivals.extend(self.carry_out(command, now).await);
            }
        }
        // What was answered in the last round counts in the next second.
        self.asked.append(&mut arrivals);
        news.extend(guard.keep_books());
        Ok(news)
    }

    async fn look(&mut self, now: Timestamp) -> Vec<Arrival> {
        let mut arrivals = Vec::new();
        if self.observer.is_none() {
            match self.connector.observer().await {
                Ok(observer) => {
                    arrivals.push(What::Connected(observer.specs()));
                    self.observer = Some(observer);
                }
                Err(error) => arrivals.extend(silence(now, error)),
            }
        }
        arrivals.push(What::Probed(self.probe.probe(now).await));
        if let Some(mut observer) = self.observer.take() {
            match Self::read(&mut observer, now).await {
                Ok(seen) => {
                    arrivals.extend(seen);
                    self.observer = Some(observer);
                }
                Err(error) => arrivals.extend(silence(now, error)),
            }
        }
        arrivals
            .into_iter()
            .map(|what| Arrival {
                target: self.target.clone(),
                what,
            })
            .collect()
    }

    async fn read(observer: &mut C::Observer, now: Timestamp) -> Result<Vec<What>, ReadError> {
        let mut seen = Vec::new();
        if let Poll::Moved(observation) = observer.poll(now).await? {
            seen.push(What::Observed(observation));
        }
        seen.push(What::Sampled(observer.sample(now).await?));
        seen.extend(
            observer
                .take_notices()
                .into_iter()
                .map(|(n, p)| What::Noticed(n, p)),
        );
        Ok(seen)
    }

    async fn carry_out(&mut self, command: Recorded<Command>, now: Timestamp) -> Option<Arrival> {
        if self.writer.is_none() {
            self.writer = self.connector.writer(Arc::clone(&self.paused)).await.ok();
        }
        const NO_WRITER: &str = "the connection for writing cannot be opened";
        // Without an answer a case would wait for ever.
        let what = match (command.into_task(), self.writer.as_mut()) {
            (Task::Write(write), Some(writer)) => {
                let intent = write.command().intent;
                What::Replied {
                    intent,
                    reply: writer.apply(write, now).await,
                }
            }
            (Task::Write(write), None) => What::Replied {
                intent: write.command().intent,
                reply: WriteReply::Refused {
                    why: NO_WRITER.into(),
                },
            },
            (Task::Inspect(write), Some(writer)) => What::Inspected {
                intent: write.command().intent,
                found: writer.inspect(&write).await,
            },
            (Task::Inspect(write), None) => What::Inspected {
                intent: write.command().intent,
                found: Found::Unknown {
                    why: NO_WRITER.into(),
                },
            },
            (Task::Page(_), _) => return None,
        };
        Some(Arrival {
            target: self.target.clone(),
            what,
        })
    }
}

/// A second without an answer: said, because silence must not look like calm.
fn silence(now: Timestamp, error: ReadError) -> [What; 2] {
    let why = error.to_string();
    [
        What::Failed(error),
        What::Sampled(Sample {
            at: now,
            held: Held::Lost { why },
            ..Sample::default()
        }),
    ]
}
