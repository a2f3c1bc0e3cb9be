//! What a run tells beside "ok": skipped stories and measured seconds. Written past the test
//! harness, which would keep it to itself.

use std::io::Write;

/// One line to standard output.
pub(crate) fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").expect("standard output is open while tests run");
}

/// Seconds of a story, all measured from outside the guard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers {
    /// From the change taking effect until Backstay said that it saw it.
    pub(crate) noticed: f64,
    /// From the change taking effect until Backstay said that it hurts.
    pub(crate) detected: f64,
    /// From the decision until the old value was read back; `None` where a person has to act.
    pub(crate) put_back: Option<f64>,
}

impl Numbers {
    /// Prints the line of the table.
    pub(crate) fn tell(&self, story: &str) {
        let put_back = self.put_back.map_or_else(
            || "held".to_owned(),
            |s| format!("decision→read-back {s:.2} s"),
        );
        say(&format!(
            "| {story:<44} | noticed {:.2} s | detected {:.1} s | {put_back} |",
            self.noticed, self.detected
        ));
    }

    /// The promises for a harmful change that a reload brings and takes away: noticed within 1.5 s,
    /// detected within 10 s, put back within 1 s. A machine that is busy with something else misses
    /// them without anything being wrong, so what is late is said loudly; only what no busy machine
    /// explains fails.
    #[track_caller]
    pub(crate) fn hold(&self, told: &str) {
        let put_back = self.put_back.unwrap_or(0.0);
        if self.noticed > 1.5 || self.detected > 10.0 || put_back >= 1.0 {
            say(&format!("LATE: {self:?}; targets are 1.5 s, 10 s and 1 s"));
        }
        assert!(self.noticed <= 6.0, "hardly noticed: {self:?}\n{told}");
        assert!(self.detected <= 40.0, "hardly detected: {self:?}\n{told}");
        assert!(put_back <= 10.0, "hardly put back: {self:?}\n{told}");
    }
}
