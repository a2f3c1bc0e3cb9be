//! Who does what, how often.

/// What one unit of work is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Work {
    /// A TPC-B like transaction: three updates, a read, an insert.
    Transfer,
    /// The same on a new connection each time.
    FreshTransfer,
    /// One row by its key, prepared.
    PointRead,
    /// A sort of 15,000 rows (about 2 MB) and a join; spills when `work_mem` is small.
    SortJoin,
}

/// How work falls due.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Pace {
    /// So many a second, over all connections of the class.
    PerSecond(f64),
    /// The next one at once when one is done.
    Closed,
}

/// One service's work.
#[derive(Clone, PartialEq, Debug)]
pub struct Class {
    /// Name of the service: its `application_name`.
    pub service: String,
    /// What it does.
    pub work: Work,
    /// How often.
    pub pace: Pace,
    /// Over how many connections.
    pub connections: usize,
}

/// Classes that run together.
#[derive(Clone, PartialEq, Debug)]
pub struct Mix {
    /// The classes.
    pub classes: Vec<Class>,
}

impl Default for Mix {
    /// All four services, leaving about half of a machine with two cores free.
    fn default() -> Self {
        Self::paced([60.0, 100.0, 4.0, 4.0])
    }
}

impl Mix {
    /// All four services at these rates per second: transfers, point reads, sorts, fresh transfers.
    #[must_use]
    pub fn paced(per_s: [f64; 4]) -> Self {
        let [transfers, reads, sorts, fresh] = per_s.map(Pace::PerSecond);
        Self {
            classes: vec![
                class("checkout", Work::Transfer, transfers, 4),
                class("catalogue", Work::PointRead, reads, 4),
                class("reports", Work::SortJoin, sorts, 2),
                class("mobile", Work::FreshTransfer, fresh, 2),
            ],
        }
    }

    /// All four services, so light that a machine which is busy with something else keeps up.
    #[must_use]
    pub fn light() -> Self {
        Self::paced([25.0, 40.0, 2.0, 4.0])
    }

    /// Mostly queries: what planner and JIT settings hurt.
    #[must_use]
    pub fn query_heavy() -> Self {
        Self::paced([20.0, 150.0, 8.0, 4.0])
    }

    /// As much as the server can do: what logging and commit settings slow down.
    #[must_use]
    pub fn busy() -> Self {
        Self {
            classes: vec![
                class("checkout", Work::Transfer, Pace::Closed, 2),
                class("catalogue", Work::PointRead, Pace::PerSecond(150.0), 2),
                class("reports", Work::SortJoin, Pace::PerSecond(4.0), 1),
                class("mobile", Work::FreshTransfer, Pace::PerSecond(8.0), 2),
            ],
        }
    }
}

fn class(service: &str, work: Work, pace: Pace, connections: usize) -> Class {
    Class {
        service: service.to_owned(),
        work,
        pace,
        connections,
    }
}
