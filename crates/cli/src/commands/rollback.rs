//! `backstay rollback`: the plan of a change set, and what a person says to it. The running guard does
//! the writing; from here a letter goes into its box, and its answer is read from the journal.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use backstay_catalog::class::{class_of, class_of_change};
use backstay_catalog::pack;
use backstay_engine_postgres::dialect::PostgresDialect;
use backstay_guard::case::Case;
use backstay_guard::mend::refuse_known_bad;
use backstay_guard::requests::Letter;
use backstay_journal::record::Answer;
use backstay_journal::{EntryStore, Record, Request, SnapshotStore};
use backstay_lifecycle::State;
use backstay_model::decision::SettingClass;
use backstay_model::event::WriteReply;
use backstay_model::plan::Plan;
use backstay_model::{Change, ChangeSetId, Event, Scope, Seq, SettingKey, Snapshot};
use backstay_rollback::Guilty;
use serde_json::json;

use crate::args::{Common, Rollback};
use crate::commands::explain;
use crate::commands::record::{Book, Running, running};
use crate::commands::watch::runtime;
use crate::failure::{Code, Exit, Failure};
use crate::out::{Out, Tone};
use crate::page::{Page, cell, dim, plain};
use crate::wire;

/// How long the guard has to answer, and then to write.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Pause between two looks at the journal.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Entries read at one look.
const PAGE: usize = 256;

/// Shows a plan, or hands the guard a person's word.
pub(crate) fn run(args: &Rollback, common: &Common, out: Out) -> Result<Exit, Failure> {
    let book = Book::open(common)?;
    match args {
        Rollback::Plan { id } => show_plan(&book, book.case(id)?, out),
        Rollback::Run { id, confirm } => {
            let case = book.case(id)?;
            confirmed(case, confirm.as_deref())?;
            ask(
                &book,
                case,
                Request::Revert {
                    change_set: case.change_set.id,
                },
                out,
            )
        }
        Rollback::Approve { id } => {
            let case = book.case(id)?;
            let plan = shown_plan(&book, case)?;
            let request = Request::Approve {
                change_set: case.change_set.id,
                plan: plan.hash,
            };
            ask(&book, case, request, out)
        }
        Rollback::Deny { id } => {
            let case = book.case(id)?;
            let request = Request::Deny {
                change_set: case.change_set.id,
                why: None,
            };
            ask(&book, case, request, out)
        }
    }
}

/// Rolling back without a verdict is the severe act: the target's name is typed.
fn confirmed(case: &Case, confirm: Option<&str>) -> Result<(), Failure> {
    let (id, target) = (case.change_set.id, &case.change_set.target);
    if confirm == Some(target.as_str()) {
        return Ok(());
    }
    let failure = match confirm {
        Some(other) => Failure::new(
            Code::Usage,
            format!("{id} was made on {target}, not on {other}"),
        ),
        None => Failure::new(
            Code::Usage,
            format!("this writes to {target}: type its name as a confirmation"),
        ),
    };
    Err(failure
        .hint(format!("backstay rollback run {id} --confirm {target}"))
        .hint(format!(
            "backstay rollback plan {id}    to see what would be run"
        )))
}

/// The plan that `rollback plan` shows: the one that lies ready, else one made from the record. The
/// guard runs only a plan with the same hash.
fn shown_plan(book: &Book, case: &Case) -> Result<Plan, Failure> {
    let id = case.change_set.id;
    if case.state.settled() {
        return Err(Failure::new(
            Code::Unknown,
            format!("{id} is {}: there is nothing to approve", case.state.word()),
        )
        .hint(format!("backstay changes show {id}")));
    }
    match explain::plan(case) {
        Some(plan) => Ok(plan.clone()),
        None => fresh_plan(book, case),
    }
}

fn show_plan(book: &Book, case: &Case, out: Out) -> Result<Exit, Failure> {
    let (plan, origin) = match explain::plan(case) {
        Some(plan) => (plan.clone(), "as it was ruled on"),
        None => (fresh_plan(book, case)?, "as it would be made now"),
    };
    if out.json_wanted() {
        let mut document = wire::plan(&plan);
        if let Some(object) = document.as_object_mut() {
            object.insert("kind".into(), json!("plan"));
            object.insert("state".into(), json!(case.state.word().replace(' ', "_")));
            object.insert("origin".into(), json!(origin));
            object.insert("next".into(), json!(explain::next(book, case)));
        }
        out.document(&document)?;
        return Ok(Exit::Ok);
    }
    let mut page = Page::new(out);
    page.line(&format!(
        "{}  {}  {}",
        out.paint(Tone::Bold, &case.change_set.id.to_string()),
        case.change_set.target,
        out.paint(explain::tone(&case.state), case.state.word())
    ));
    page.paragraph(2, &super::changes::told(&case.change_set));
    page.head(&format!("plan, {origin}"));
    plan.commands
        .iter()
        .for_each(|c| page.line(&format!("  {c}")));
    page.gap();
    let mut rows = vec![vec![dim("hash"), plain(plan.hash.0.clone())]];
    if let Some(good) = &plan.back_to {
        rows.push(vec![dim("back to"), plain(format!("known good {good}"))]);
    }
    if let Some(why) = &plan.manual {
        rows.push(vec![dim("by a person"), cell(Tone::Warn, why.to_string())]);
    }
    for (i, what) in plan.does_not_undo.iter().enumerate() {
        let head = if i == 0 { "stays so" } else { "" };
        rows.push(vec![dim(head), plain(what.clone())]);
    }
    page.rows(2, &rows);
    let mut next = explain::next(book, case);
    let said =
        |line: &String| line.starts_with("backstay rollback plan") || plan.commands.contains(line);
    next.retain(|line| !said(line));
    if plan.manual.is_none() && !next.is_empty() {
        page.head("next");
        next.iter().for_each(|l| page.line(&format!("  {l}")));
    }
    page.say();
    Ok(Exit::Ok)
}

/// The plan as it would be made from what is recorded. The guard makes its own from what it sees.
fn fresh_plan(book: &Book, case: &Case) -> Result<Plan, Failure> {
    let store = &book.readers.snapshots;
    let failed = |e| Failure::of(Code::Store, &e);
    let now = store.latest(&case.change_set.target).map_err(failed)?;
    let now = now.ok_or_else(|| {
        Failure::new(
            Code::Unknown,
            format!("no configuration of {} is recorded", case.change_set.target),
        )
    })?;
    let good = store.last_good(&case.change_set.target).map_err(failed)?;
    let classes: BTreeMap<SettingKey, SettingClass> = case
        .change_set
        .changes
        .iter()
        .map(|c| (c.key.clone(), class(&now, c)))
        .collect();
    let mut plan = backstay_rollback::plan(&backstay_rollback::Request {
        change_set: &case.change_set,
        guilty: Guilty::All,
        now: &now,
        last_good: good.as_ref(),
        classes: &classes,
        requires: &[],
        dialect: &PostgresDialect,
    });
    refuse_known_bad(&mut plan, case, book.cases.values());
    Ok(plan)
}

/// The class of a changed setting on a server.
pub(crate) fn class(now: &Snapshot, change: &Change) -> SettingClass {
    if matches!(change.key.scope, Scope::FileRule { .. }) {
        return SettingClass::Authentication;
    }
    let name = &change.key.name;
    let class = match pack(now.server.engine, now.server.major()) {
        Ok(choice) => choice.pack.class_of(name),
        Err(_unknown_version) => class_of(now.server.engine, name, None),
    };
    let new = change.new.effective.as_ref().and_then(|v| v.as_text());
    class_of_change(name, class, new)
}

/// Who asks.
pub(crate) fn person() -> String {
    let named = |key: &str| std::env::var(key).ok().filter(|n| !n.is_empty());
    if let Some(person) = named("SUDO_USER") {
        return format!("{person} (sudo)");
    }
    named("USER")
        .or_else(|| named("LOGNAME"))
        .unwrap_or_else(account)
}

/// The account that we run as, where the environment does not say.
fn account() -> String {
    let Ok(uid) = fs::metadata("/proc/self").map(|m| m.uid()) else {
        return "somebody without a name".to_owned();
    };
    let table = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let own = |line: &&str| line.split(':').nth(2) == Some(uid.to_string().as_str());
    let line = table.lines().find(own);
    let name = line.and_then(|l| l.split(':').next());
    name.map_or_else(|| format!("user {uid}"), str::to_owned)
}

/// Posts the request, and waits for what becomes of it.
fn ask(book: &Book, case: &Case, request: Request, out: Out) -> Result<Exit, Failure> {
    if running(&book.directory) == Running::No {
        return Err(Failure::new(
            Code::NoGuard,
            format!("no guard works on {}", book.directory.display()),
        )
        .hint("start it: backstay watch --config backstay.toml")
        .hint(format!(
            "or run the plan by hand: backstay rollback plan {}",
            case.change_set.id
        )));
    }
    if let Some((by, _)) = book.paused_now()
        && !matches!(request, Request::Deny { .. })
    {
        return Err(
            Failure::new(Code::Refused, format!("Backstay is paused by {by}"))
                .hint("backstay resume"),
        );
    }
    let letter = Letter {
        by: person(),
        request: request.clone(),
    };
    book.letters()
        .post(&letter)
        .map_err(|e| Failure::of(Code::Store, &e).because("the letter box could not be used"))?;
    let word = explain::request_word(&request);
    let id = case.change_set.id;
    out.note(format!("{word} {id}: handed to the guard"));
    let outcome = runtime()?.block_on(tail(book, &letter))?;
    finish(outcome, word, id, out)
}

/// What the journal said.
#[derive(Debug)]
enum Outcome {
    /// Nothing within the time.
    Silence,
    Refused {
        why: String,
    },
    /// Taken up; no write was replied to within the time, or none is made.
    Accepted,
    Replied(WriteReply),
}

/// Follows the journal from where the book ends.
async fn tail(book: &Book, letter: &Letter) -> Result<Outcome, Failure> {
    let writes = matches!(
        letter.request,
        Request::Approve { .. } | Request::Revert { .. }
    );
    let mut from = Seq(book.last.0 + 1);
    let mut outcome = Outcome::Silence;
    let looks = ANSWER_WITHIN.as_millis() / LOOK_EVERY.as_millis();
    for _ in 0..looks {
        let stored = book.readers.log.read(from, PAGE);
        for entry in stored.map_err(|e| Failure::of(Code::Store, &e))? {
            from = Seq(entry.seq.0 + 1);
            let decoded = entry.decode().map_err(|e| Failure::of(Code::Broken, &e))?;
            match decoded.record {
                Record::Operator {
                    by,
                    request,
                    answer,
                } if by == letter.by && request == letter.request => match answer {
                    Answer::Refused { why } => return Ok(Outcome::Refused { why }),
                    Answer::Accepted if !writes => return Ok(Outcome::Accepted),
                    Answer::Accepted => outcome = Outcome::Accepted,
                },
                Record::Step {
                    change_set,
                    event: Event::Replied { reply, .. },
                    ..
                } if Some(change_set) == letter.request.change_set() => {
                    return Ok(Outcome::Replied(reply));
                }
                _ => {}
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(outcome)
}

fn finish(outcome: Outcome, word: &str, id: ChangeSetId, out: Out) -> Result<Exit, Failure> {
    let text = match outcome {
        Outcome::Silence => {
            return Err(Failure::new(
                Code::NoAnswer,
                format!(
                    "the guard did not answer within {} s",
                    ANSWER_WITHIN.as_secs()
                ),
            )
            .hint("the request lies in its letter box and is taken up when it can")
            .hint(format!("backstay changes show {id}")));
        }
        Outcome::Refused { why } => {
            return Err(
                Failure::new(Code::Refused, format!("{word} {id} was refused"))
                    .because(why)
                    .hint(format!("backstay rollback plan {id}")),
            );
        }
        Outcome::Replied(WriteReply::Conflict { .. }) => {
            return Err(Failure::new(
                Code::Conflict,
                format!("{id} was not rolled back: somebody else wrote meanwhile"),
            )
            .hint(format!("backstay changes show {id}")));
        }
        Outcome::Replied(WriteReply::Refused { why } | WriteReply::Unknown { why }) => {
            return Err(
                Failure::new(Code::Refused, format!("{id} was not rolled back"))
                    .because(why)
                    .hint(format!("backstay changes show {id}")),
            );
        }
        Outcome::Replied(WriteReply::NotEffective { .. }) => {
            return Err(Failure::new(
                Code::Conflict,
                format!("{id} was written back, but a new session does not see the old value"),
            )
            .hint(format!("backstay changes show {id}")));
        }
        Outcome::Replied(WriteReply::Effective { .. }) => "rolled back and read back",
        Outcome::Replied(WriteReply::RestartPending) => {
            "written back; takes effect at the next restart"
        }
        Outcome::Accepted if word == "deny" => "denied; the change stays",
        Outcome::Accepted => "accepted; the write goes on",
    };
    if out.json_wanted() {
        out.document(&json!({
            "kind": "answer",
            "change_set": id.to_string(),
            "request": word,
            "answer": "accepted",
            "text": text,
        }))?;
    } else {
        out.line(format!("{id} {text}"));
    }
    Ok(Exit::Ok)
}

/// Whether a rollback of a case began to write, and who set it off; for the replay's budget.
pub(crate) fn wrote(case: &Case) -> Option<Wrote> {
    use backstay_lifecycle::attempt::Authority;
    let by = match &case.state {
        State::Reverting { attempt, .. }
        | State::Verifying { attempt, .. }
        | State::RollbackFailed { attempt, .. } => match attempt.by {
            Authority::Policy => Wrote::ByPolicy,
            Authority::Operator { .. } => Wrote::ByOperator,
        },
        State::RolledBack { .. } if case.operator.is_some() => Wrote::ByOperator,
        State::RolledBack { .. } => Wrote::ByPolicy,
        _ => return None,
    };
    Some(by)
}

/// Who set a rollback off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrote {
    ByPolicy,
    ByOperator,
}
