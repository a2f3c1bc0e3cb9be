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

    /// The promises for a harmful change that a reload brings and takes away.
    #[track_caller]
    pub(crate) fn hold(&self) {
        assert!(self.noticed <= 1.5, "noticed late: {self:?}");
        assert!(self.detected <= 10.0, "detected late: {self:?}");
        assert!(self.put_back.is_none_or(|s| s < 1.0), "put back slowly: {self:?}");
    }
}
