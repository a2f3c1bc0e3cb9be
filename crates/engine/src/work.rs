//! Which class of work a target does, from what is measured of it each second.
//!
//! Totals over the whole time count, not single seconds: a server counts the rows of a statement when
//! it ends, so that a second with a long one shows nothing. Backstay's own few transactions a second
//! are counted by the server like any other; the bounds leave room for them.

use backstay_model::{Sample, WorkClass};

/// Samples with all that is needed, at least: one minute. A median of fewer seconds follows single
/// statements.
pub const SAMPLES_MIN: usize = 60;
/// Transactions per second below which there may be no work at all: a guard and its probe make up to five
/// (three statements of the observer, two of the probe), and the floor of `commits_per_s` is five more.
pub const QUIET_COMMITS: f64 = 10.0;
/// Sessions at work, on average, below which a quiet server is idle: one of ten looks finds somebody.
pub const QUIET_SESSIONS: f64 = 0.1;
/// Rows read or written per transaction from which work is analytic. Between the transactions of the known
/// OLTP loads (some for TPC-B, some hundreds for TPC-C's stock level and sysbench's `oltp_read_write`)
/// and the queries of TPC-H (a million and more at its smallest scale) lie four powers of ten; this is
/// their middle.
pub const LONG_ROWS: f64 = 10_000.0;
/// Rows written per transaction below which work only reads: fewer than one transaction in ten writes, even
/// if each writes a single row. The probe's own row a second stays below it from [`QUIET_COMMITS`] on.
pub const READING_WRITES: f64 = 0.1;
/// Share of rows written among all rows from which work mostly writes. A row that is found by its key counts
/// as two that are read (the index entry and the row), and as one more that is written when it is
/// changed: where half of the statements change a row and half read one, the share is 1 of 5.
pub const WRITING_SHARE: f64 = 0.2;

/// Sums over the samples that have all that is needed.
#[derive(Default)]
struct Totals {
    samples: usize,
    commits: f64,
    reads: f64,
    writes: f64,
    /// Sessions at work, and the samples that tell them.
    active: (f64, usize),
}

/// The class of the work in `samples`, one a second. [`WorkClass::Unknown`] when fewer than
/// [`SAMPLES_MIN`] of them have transactions and rows, and when few transactions end although somebody
/// is, or may be, at work: their rows are not counted yet.
#[must_use]
pub fn class_of(samples: &[Sample]) -> WorkClass {
    let mut totals = Totals::default();
    samples.iter().for_each(|sample| totals.add(sample));
    totals.class()
}

impl Totals {
    fn add(&mut self, sample: &Sample) {
        let read = |name| sample.get(name).filter(|v| v.is_finite() && *v >= 0.0);
        let counted = (
            read("commits_per_s"),
            read("reads_per_s"),
            read("writes_per_s"),
        );
        let (Some(commits), Some(reads), Some(writes)) = counted else {
            return;
        };
        self.samples += 1;
        self.commits += commits;
        self.reads += reads;
        self.writes += writes;
        if let Some(active) = read("active_sessions") {
            self.active = (self.active.0 + active, self.active.1 + 1);
        }
    }

    fn class(&self) -> WorkClass {
        if self.samples < SAMPLES_MIN {
            return WorkClass::Unknown;
        }
        let rows = self.reads + self.writes;
        if rows >= LONG_ROWS * self.commits && rows > 0.0 {
            return WorkClass::Analytic;
        }
        if self.commits < QUIET_COMMITS * self.samples as f64 {
            let asleep = self.active.1 >= SAMPLES_MIN
                && self.active.0 < QUIET_SESSIONS * self.active.1 as f64;
            return match asleep {
                true => WorkClass::Idle,
                false => WorkClass::Unknown,
            };
        }
        if self.writes < READING_WRITES * self.commits {
            WorkClass::OltpRead
        } else if self.writes < WRITING_SHARE * rows {
            WorkClass::OltpMixed
        } else {
            WorkClass::OltpWrite
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use backstay_model::MetricName;
    use backstay_model::sample::Held;
    use backstay_model::{Sample, Timestamp};

    use super::*;

    /// Per second: transactions, rows read, rows written, sessions at work.
    type Load = (f64, f64, f64, Option<f64>);

    fn sample(second: usize, load: Load) -> Sample {
        let (commits, reads, writes, active) = load;
        let known = [
            ("commits_per_s", Some(commits)),
            ("reads_per_s", Some(reads)),
            ("writes_per_s", Some(writes)),
            ("active_sessions", active),
        ];
        let known = known.into_iter();
        let metrics: BTreeMap<MetricName, f64> = known
            .filter_map(|(name, value)| Some((MetricName::from_static(name), value?)))
            .collect();
        Sample {
            at: Timestamp::from_secs(second as i64),
            metrics,
            probes: Vec::new(),
            held: Held::Answers,
            holders: Vec::new(),
        }
    }

    fn steady(load: Load) -> Vec<Sample> {
        (0..SAMPLES_MIN).map(|n| sample(n, load)).collect()
    }

    #[test]
    fn well_known_loads_are_told_apart() {
        use WorkClass::{Analytic, Idle, OltpMixed, OltpRead, OltpWrite, Unknown};
        for (what, load, class) in [
            // Four rows written, found by three keys, and one row read by its key.
            ("tpc-b", (1_000.0, 8_000.0, 4_000.0, Some(2.0)), OltpWrite),
            ("select only", (5_000.0, 10_000.0, 0.0, Some(3.0)), OltpRead),
            // Ten reads by key and four ranges of a hundred rows; four rows written.
            (
                "sysbench",
                (500.0, 410_000.0, 2_000.0, Some(2.0)),
                OltpMixed,
            ),
            // Nine reads by key for one row inserted.
            ("ten to one", (900.0, 1_800.0, 100.0, Some(0.4)), OltpMixed),
            ("inserts", (300.0, 600.0, 300.0, Some(1.0)), OltpWrite),
            ("tpc-h", (2.0, 3e6, 0.0, Some(4.0)), Analytic),
            ("nightly load", (1.0, 200.0, 90_000.0, Some(1.0)), Analytic),
            ("nobody", (4.0, 600.0, 1.0, Some(0.0)), Idle),
            ("nothing at all", (0.0, 0.0, 0.0, Some(0.0)), Idle),
            ("long, not ended", (4.0, 600.0, 1.0, Some(2.0)), Unknown),
            ("may not look", (4.0, 600.0, 1.0, None), Unknown),
            ("may not look, busy", (400.0, 800.0, 1.0, None), OltpRead),
        ] {
            assert_eq!(class_of(&steady(load)), class, "{what}");
        }
    }

    #[test]
    fn a_query_that_ends_in_one_second_counts_for_all_of_them() {
        let mut samples = steady((3.0, 300.0, 1.0, Some(1.0)));
        samples[40] = sample(40, (4.0, 5e6, 1.0, Some(1.0)));
        assert_eq!(class_of(&samples), WorkClass::Analytic);
    }

    #[test]
    fn what_was_not_measured_is_unknown() {
        let whole = steady((1_000.0, 8_000.0, 4_000.0, Some(2.0)));
        assert_eq!(class_of(&[]), WorkClass::Unknown);
        assert_eq!(class_of(&whole[1..]), WorkClass::Unknown, "too short");
        for lost in ["commits_per_s", "reads_per_s", "writes_per_s"] {
            for value in [None, Some(f64::NAN), Some(f64::INFINITY), Some(-1.0)] {
                let mut samples = whole.clone();
                let metrics = &mut samples[7].metrics;
                metrics.remove(lost);
                metrics.extend(value.map(|v| (MetricName::from_static(lost), v)));
                assert_eq!(class_of(&samples), WorkClass::Unknown, "{lost} {value:?}");
            }
        }
    }
}
