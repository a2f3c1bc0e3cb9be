//! The world behind the same traits as a real server.

use std::future::{Future, pending, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use backstay_engine::{
    ChangeSource, ConfigReader, ConfigWriter, MetricSource, Observation, Poll, Probe, ReadError,
};
use backstay_guard::connector::{Connector, Notices};
use backstay_journal::{Notice, Presence, Recorded};
use backstay_model::event::WriteReply;
use backstay_model::metric::MetricSpec;
use backstay_model::plan::{Dialect, Found, Write};
use backstay_model::{ProbeReading, Sample, Snapshot, Timestamp};

use crate::dialect::WorldDialect;
use crate::world::{Farewell, Guarding, Inside, World};
use crate::{metrics, write};

fn reachable(inside: &Inside) -> Result<(), ReadError> {
    if inside.away() {
        return Err(match inside.farewell {
            Farewell::None => ReadError::Unreachable {
                why: "connection refused".to_owned(),
            },
            Farewell::Stopped => ReadError::Stopped {
                why: "terminating connection due to administrator command".to_owned(),
            },
        });
    }
    if inside.refuses_us() {
        let why = "role \"backstay\" is not permitted to log in".to_owned();
        return Err(ReadError::LoginRefused { why });
    }
    Ok(())
}

impl Connector for World {
    type Observer = WorldObserver;
    type Probe = WorldProbe;
    type Writer = WorldWriter;

    fn observer(&self) -> impl Future<Output = Result<WorldObserver, ReadError>> + Send {
        let world = self.clone();
        ready(reachable(&self.inside()).map(|()| WorldObserver {
            world,
            seen: None,
            unmoved_at: None,
        }))
    }

    fn probe(&self) -> WorldProbe {
        WorldProbe(self.clone())
    }

    fn writer(
        &self,
        paused: Arc<AtomicBool>,
    ) -> impl Future<Output = Result<WorldWriter, ReadError>> + Send {
        let world = self.clone();
        ready(reachable(&self.inside()).map(|()| WorldWriter { world, paused }))
    }

    fn dialect(&self) -> Box<dyn Dialect + Send> {
        Box::new(WorldDialect)
    }
}

/// Observes a world.
#[derive(Debug)]
pub struct WorldObserver {
    world: World,
    seen: Option<u64>,
    unmoved_at: Option<Timestamp>,
}

impl ConfigReader for WorldObserver {
    fn snapshot(
        &mut self,
        now: Timestamp,
    ) -> impl Future<Output = Result<Snapshot, ReadError>> + Send {
        let inside = self.world.at(now);
        ready(reachable(&inside).map(|()| inside.snapshot()))
    }
}

impl WorldObserver {
    fn look(&mut self, now: Timestamp) -> Result<Poll, ReadError> {
        let mut inside = self.world.at(now);
        reachable(&inside)?;
        let server = &inside.server;
        if self.seen == Some(server.generation) {
            self.unmoved_at = Some(now);
            return Ok(Poll::Quiet);
        }
        let from = inside.log_read;
        let mut observation = Observation::new(inside.snapshot(), server.log[from..].to_vec());
        observation.unmoved_at = self.unmoved_at;
        self.seen = Some(server.generation);
        inside.log_read = inside.server.log.len();
        Ok(Poll::Moved(Box::new(observation)))
    }
}

impl ChangeSource for WorldObserver {
    fn poll(&mut self, now: Timestamp) -> impl Future<Output = Result<Poll, ReadError>> + Send {
        ready(self.look(now))
    }
}

impl MetricSource for WorldObserver {
    fn specs(&self) -> Vec<MetricSpec> {
        metrics::specs()
    }

    fn sample(&mut self, now: Timestamp) -> impl Future<Output = Result<Sample, ReadError>> + Send {
        let mut inside = self.world.at(now);
        ready(reachable(&inside).map(|()| inside.sample()))
    }
}

impl Notices for WorldObserver {
    fn take_notices(&mut self) -> Vec<(Notice, Presence)> {
        Vec::new()
    }
}

/// Looks at a world as a new client does.
#[derive(Debug)]
pub struct WorldProbe(World);

impl Probe for WorldProbe {
    fn probe(&mut self, now: Timestamp) -> impl Future<Output = ProbeReading> + Send {
        ready(self.0.at(now).probe())
    }
}

/// Writes to a world.
#[derive(Debug)]
pub struct WorldWriter {
    world: World,
    paused: Arc<AtomicBool>,
}

impl ConfigWriter for WorldWriter {
    async fn apply(&mut self, write: Recorded<Write>, now: Timestamp) -> WriteReply {
        if self.paused.load(Ordering::SeqCst) {
            let why = "Backstay is paused".to_owned();
            return WriteReply::Refused { why };
        }
        let reply = write::carry_out(&mut self.world.at(now), write.command(), now);
        match reply {
            Some(reply) => reply,
            // The guard's process is gone: nobody is there any more to take an answer.
            None => {
                self.world.inside().guard = Guarding::Crashed;
                pending().await
            }
        }
    }

    fn inspect(&mut self, write: &Recorded<Write>) -> impl Future<Output = Found> + Send {
        let inside = self.world.inside();
        let found = match reachable(&inside) {
            Ok(()) => write::found(&inside.server, &write.command().steps),
            Err(error) => Found::Unknown {
                why: error.to_string(),
            },
        };
        ready(found)
    }
}
