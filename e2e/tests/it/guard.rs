//! The guard under test: a child process that is listened to.

use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Child;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use crate::bed::{Bed, OBSERVER, WRITER, backstay};
use crate::say::Numbers;

/// Longest time for learning a baseline of 15 s.
const LEARNT_WITHIN: Duration = Duration::from_secs(45);
/// Longest time for anything that a guard says about a change, watch included.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
/// Longest time for ending in order.
const END_WITHIN: Duration = Duration::from_secs(10);
/// Lines of our own log that may come in any story: what a person has to do.
const EXPECTED: &str = "a person is needed";

/// A line of the guard, and when it came.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) at: Instant,
    pub(crate) said: Value,
}

impl Line {
    /// Text of a field; empty where there is none.
    pub(crate) fn text(&self, field: &str) -> &str {
        self.said[field].as_str().unwrap_or_default()
    }
}

/// A running guard. Dropping it kills it.
pub(crate) struct Guard {
    child: Child,
    lines: Arc<Mutex<Vec<Line>>>,
    log: Arc<Mutex<Vec<String>>>,
    count: watch::Receiver<usize>,
    from: usize,
}

/// What a guard is started with.
pub(crate) struct Start<'a> {
    pub(crate) mode: &'a str,
    pub(crate) observer: String,
    pub(crate) probe: String,
    pub(crate) control: String,
    /// Policy lines of a configuration file, in place of the options.
    pub(crate) policy: Option<&'a str>,
    /// Lines of its `[graph]`, likewise.
    pub(crate) graph: Option<&'a str>,
    pub(crate) environment: &'a [(&'a str, &'a str)],
    /// How long it runs at most.
    pub(crate) lasts: &'a str,
}

impl Start<'_> {
    /// Auto mode, each connection with its own role.
    pub(crate) fn on(bed: &Bed) -> Self {
        Self {
            mode: "auto",
            observer: bed.dsn(OBSERVER),
            probe: bed.dsn("app"),
            control: bed.dsn(WRITER),
            policy: None,
            graph: None,
            environment: &[],
            lasts: "240s",
        }
    }

    /// What its configuration file says; `None` where it gets by with options.
    fn configuration(&self) -> Option<String> {
        let Self {
            observer,
            probe,
            control,
            ..
        } = self;
        let (policy, graph) = match (self.policy, self.graph) {
            (None, None) => return None,
            (policy, graph) => (policy.unwrap_or_default(), graph.unwrap_or_default()),
        };
        Some(format!(
            "[policy]\n{policy}\n\n[graph]\n{graph}\n\n[[target]]\nname = \"shop\"\ndsn = \"{observer}\"\n\
             probe_dsn = \"{probe}\"\ncontrol_dsn = \"{control}\"\n"
        ))
    }
}

impl Guard {
    /// Starts a guard in auto mode and waits until it has learnt enough.
    pub(crate) async fn learnt(bed: &Bed) -> Self {
        let mut guard = Self::start(bed, &Start::on(bed));
        guard.learns().await;
        guard
    }

    /// Starts a guard.
    pub(crate) fn start(bed: &Bed, start: &Start<'_>) -> Self {
        let state = bed.state().join("state").display().to_string();
        let config = bed.state().join("backstay.toml").display().to_string();
        let mut arguments = vec!["watch", "--json", "--state-dir", &state];
        // Should this process be killed, its guards end all the same.
        arguments.extend(["--duration", start.lasts, "--extensions", "4"]);
        arguments.extend([
            "--watch",
            "15s",
            "--min-baseline",
            "15s",
            "--recovery",
            "20s",
        ]);
        arguments.extend(["--mode", start.mode]);
        if let Some(text) = start.configuration() {
            std::fs::write(&config, text).unwrap();
            arguments.extend(["--config", &config]);
        } else {
            arguments.extend([start.observer.as_str(), "--probe-dsn", &start.probe]);
            arguments.extend(["--control-dsn", &start.control]);
        }
        let mut child = backstay(&arguments)
            .env("BACKSTAY_LOG", "backstay=warn")
            .envs(start.environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, count) = watch::channel(0);
        let lines = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::new(Mutex::new(Vec::new()));
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        tokio::spawn(listen(out, Arc::clone(&lines), sender));
        tokio::spawn(note(err, Arc::clone(&log)));
        Self {
            child,
            lines,
            log,
            count,
            from: 0,
        }
    }

    /// Waits until the guard has learnt enough to judge.
    pub(crate) async fn learns(&mut self) {
        let enough = |l: &Line| l.said["have_s"].as_f64() >= l.said["want_s"].as_f64();
        self.hears("learning", LEARNT_WITHIN, enough).await;
    }

    /// The first line of `kind` that fits, among those since [`Guard::forget`]; waits for it.
    pub(crate) async fn hears(
        &mut self,
        kind: &str,
        within: Duration,
        fits: impl Fn(&Line) -> bool,
    ) -> Line {
        let until = Instant::now() + within;
        loop {
            self.count.borrow_and_update();
            if let Some(line) = self.said(kind).into_iter().find(|l| fits(l)) {
                return line;
            }
            let more = timeout_at(until, self.count.changed()).await;
            if !matches!(more, Ok(Ok(()))) {
                // What came with the last change.
                if let Some(line) = self.said(kind).into_iter().find(|l| fits(l)) {
                    return line;
                }
                panic!("no such line `{kind}` within {within:?}\n{}", self.told());
            }
        }
    }

    /// The lines of `kind` so far, since [`Guard::forget`].
    pub(crate) fn said(&self, kind: &str) -> Vec<Line> {
        let all = lock(&self.lines);
        let since = all.iter().skip(self.from);
        since.filter(|l| l.text("kind") == kind).cloned().collect()
    }

    /// From here on only new lines count.
    pub(crate) fn forget(&mut self) {
        self.from = lock(&self.lines).len();
    }

    /// The change set that holds `setting`.
    pub(crate) async fn sees(&mut self, setting: &str) -> Line {
        let holds = |l: &Line| {
            let mut changes = l.said["changes"].as_array().into_iter().flatten();
            changes.any(|c| c["setting"] == setting)
        };
        self.hears("change_seen", PATIENCE, holds).await
    }

    /// The line of `kind` about a change set.
    pub(crate) async fn about(&mut self, kind: &str, id: &str) -> Line {
        self.hears(kind, PATIENCE, |l| l.text("change_set") == id)
            .await
    }

    /// The verdict of harm on a change set.
    pub(crate) async fn hurt(&mut self, id: &str) -> Line {
        let harm = |l: &Line| l.text("change_set") == id && l.said["verdict"]["kind"] == "hurt";
        self.hears("verdict", PATIENCE, harm).await
    }

    /// Follows a harmful change from its effect to its rollback, and measures.
    pub(crate) async fn puts_back(&mut self, setting: &str, effect: Instant) -> (Numbers, Line) {
        let seen = self.sees(setting).await;
        let id = seen.text("change_set").to_owned();
        let hurt = self.hurt(&id).await;
        let decision = self.about("decision", &id).await;
        assert_eq!(decision.text("decision"), "roll back", "{}", self.told());
        let reply = self.about("write_reply", &id).await;
        assert_eq!(
            reply.said["reply"]["outcome"],
            "effective",
            "{}",
            self.told()
        );
        let report = self.about("report", &id).await;
        assert_eq!(report.text("outcome"), "rolled_back", "{}", self.told());
        let seen_in_all = self.said("change_seen").len();
        assert_eq!(
            seen_in_all,
            1,
            "our own write is no change of somebody: {}",
            self.told()
        );
        let numbers = Numbers {
            noticed: (seen.at - effect).as_secs_f64(),
            detected: (hurt.at - effect).as_secs_f64(),
            put_back: Some((reply.at - decision.at).as_secs_f64()),
        };
        (numbers, report)
    }

    /// Ends it as Ctrl-C would; it must end well and have nothing to complain about.
    pub(crate) async fn ends(self) {
        self.ends_after(&[]).await;
    }

    /// The same, where some complaints are part of the story.
    pub(crate) async fn ends_after(mut self, complaints: &[&str]) {
        self.signal(Signal::TERM);
        let status = timeout(END_WITHIN, self.child.wait()).await;
        let status = status.unwrap_or_else(|_| panic!("it does not end\n{}", self.told()));
        assert!(status.unwrap().success(), "{}", self.told());
        let expected =
            |l: &String| l.contains(EXPECTED) || complaints.iter().any(|c| l.contains(c));
        let log = lock(&self.log).clone();
        let odd: Vec<&String> = log.iter().filter(|l| !expected(l)).collect();
        assert!(odd.is_empty(), "complaints: {odd:#?}\n{}", self.told());
    }

    /// Kills it as a power cut would, and waits until it is gone.
    pub(crate) async fn kill9(mut self) -> Vec<Line> {
        self.signal(Signal::KILL);
        self.child.wait().await.unwrap();
        lock(&self.lines).clone()
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Whether it runs.
    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    fn signal(&self, signal: Signal) {
        let pid = self
            .child
            .id()
            .and_then(|id| Pid::from_raw(id.cast_signed()));
        kill_process(pid.expect("it runs"), signal).unwrap();
    }

    /// Everything it said, to look at when a test fails.
    pub(crate) fn told(&self) -> String {
        let lines = lock(&self.lines);
        let first = lines.first().map(|l| l.at);
        let shown = lines.iter().map(|l| {
            let at = first.map_or(0.0, |f| (l.at - f).as_secs_f64());
            let text: String = l.said.to_string().chars().take(1_500).collect();
            format!("{at:7.2} {text}")
        });
        let learning = |l: &String| l.contains("\"kind\":\"learning\"");
        let shown: Vec<String> = shown.filter(|l| !learning(l)).collect();
        let process = format!("process {:?}", self.child.id());
        format!(
            "{}\n{}\n{process}",
            shown.join("\n"),
            lock(&self.log).join("\n")
        )
    }

    /// Every byte it printed so far.
    pub(crate) fn output(&self) -> String {
        let lines = lock(&self.lines);
        let mut text: String = lines.iter().map(|l| format!("{}\n", l.said)).collect();
        text.push_str(&lock(&self.log).join("\n"));
        text
    }
}

async fn listen(
    out: impl AsyncRead + Unpin,
    lines: Arc<Mutex<Vec<Line>>>,
    count: watch::Sender<usize>,
) {
    let mut reader = BufReader::new(out).lines();
    while let Ok(Some(text)) = reader.next_line().await {
        let at = Instant::now();
        let said = serde_json::from_str(&text).unwrap_or_else(
            |e| serde_json::json!({ "kind": "rubbish", "text": text, "why": e.to_string() }),
        );
        let mut all = lock(&lines);
        all.push(Line { at, said });
        count.send_replace(all.len());
    }
}

async fn note(err: impl AsyncRead + Unpin, log: Arc<Mutex<Vec<String>>>) {
    let mut reader = BufReader::new(err).lines();
    while let Ok(Some(text)) = reader.next_line().await {
        lock(&log).push(text);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
