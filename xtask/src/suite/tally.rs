//! What the runs printed, added up.

use std::process::ExitCode;

/// The sum of all runs.
#[derive(Default)]
pub(crate) struct Tally {
    passed: u64,
    failed: u64,
    skipped: Vec<String>,
    broken: Vec<String>,
}

impl Tally {
    /// Counts a line of a test program.
    pub(crate) fn count(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("test result:") {
            self.passed += count_before(rest, " passed");
            self.failed += count_before(rest, " failed");
        } else if let Some((_, why)) = line.split_once("SKIPPED:") {
            self.skip(why.trim());
        }
    }

    /// Something was not run, and why.
    pub(crate) fn skip(&mut self, why: &str) {
        self.skipped.push(why.to_owned());
    }

    /// A program ended badly.
    pub(crate) fn breaks(&mut self, title: &str) {
        self.broken.push(title.to_owned());
    }

    /// Tests that passed so far.
    pub(crate) fn passed(&self) -> u64 {
        self.passed
    }

    /// What was skipped, what broke, and the sum.
    pub(crate) fn close(&self) {
        println!();
        for why in &self.skipped {
            println!("SKIPPED: {why}");
        }
        for title in &self.broken {
            println!("FAILED: {title}");
        }
        println!(
            "{} passed, {} failed, {} skipped",
            self.passed,
            self.failed,
            self.skipped.len()
        );
    }

    /// Success when nothing failed.
    pub(crate) fn code(&self) -> ExitCode {
        if self.failed == 0 && self.broken.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}

/// Whether a person wants to see this line of a test program.
pub(crate) fn worth_a_look(line: &str) -> bool {
    let routine = line.is_empty()
        || line.ends_with("... ok")
        || line.starts_with("running ")
        || line.starts_with("test result: ok")
        // Stories wait for their turn, and then for minutes of a database.
        || line.ends_with("has been running for over 60 seconds");
    !routine
}

fn count_before(text: &str, word: &str) -> u64 {
    let before = text.split(word).next().unwrap_or("");
    let digits = before.rsplit(|c: char| !c.is_ascii_digit()).next();
    digits.and_then(|d| d.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::Tally;

    #[test]
    fn results_and_skips_are_counted_wherever_they_stand() {
        let mut tally = Tally::default();
        for line in [
            "test result: FAILED. 46 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out",
            "test full::a_full_disk ... SKIPPED: cannot mount",
            "SKIPPED: no server",
            "test ordinary ... ok",
        ] {
            tally.count(line);
        }
        assert_eq!((tally.passed, tally.failed), (46, 1));
        assert_eq!(tally.skipped, ["cannot mount", "no server"]);
    }
}
