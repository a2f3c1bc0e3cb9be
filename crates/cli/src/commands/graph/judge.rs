//! `backstay graph confirm` and `graph reject`: a person's word on a dependency. It goes into the
//! journal, by the guard where one runs, and the overlay of the graph follows; no rule is ever written.

use std::time::Duration;

use backstay_guard::requests::Letter;
use backstay_journal::record::Answer;
use backstay_journal::{EntryStore, Journal, Judgement, Opinion, Record, Request};
use backstay_learn::belief::{Group, LOG_ODDS_MAX, Line};
use backstay_model::{Edge, EdgeKind, NodeKey, Seq, TargetId};
use serde_json::json;

use super::edge::{Named, read, typed};
use super::lens::Lens;
use super::words;
use crate::args::{Common, Judge, Place};
use crate::commands::record::{Book, Running, running};
use crate::commands::rollback::person;
use crate::commands::rules::named;
use crate::commands::subject::clock_now;
use crate::commands::watch::runtime;
use crate::failure::{Code, Exit, Failure};
use crate::out::{Out, Tone};
use crate::page::{Cell, Page, cell, dim, plain, signed};
use crate::state;

/// A guard answers within this time, or not at all.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Pause between two looks at the journal.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Entries read at one look.
const PAGE: usize = 256;

/// What a judgement changed on one edge.
struct Moved {
    before: Option<Edge>,
    after: Option<Edge>,
    judgement: Judgement,
}

/// Records a person's word on each edge that is named, and says what it changed.
pub(super) fn run(
    args: &Judge,
    opinion: Opinion,
    common: &Common,
    out: Out,
) -> Result<Exit, Failure> {
    let directory = state::directory(common);
    if !directory.join("journal.db").exists() {
        return Err(Failure::new(
            Code::NoGuard,
            format!("nothing is recorded in {}", directory.display()),
        )
        .hint("a person's word is kept in the journal of a guard: give --state-dir its directory")
        .hint("backstay watch --config backstay.toml"));
    }
    let place = Place {
        target: args.target.clone(),
        subject: args.subject.clone(),
    };
    let lens = Lens::open(None, &place, common, None)?;
    let text = args.words.join(" ");
    let judgements = judgements(&read(&text, &lens)?, args, opinion)?;
    let before: Vec<Option<Edge>> = judgements.iter().map(|j| found(&lens, j)).collect();
    record(&judgements, common)?;
    let lens = Lens::open(None, &place, common, None)?;
    let moved: Vec<Moved> = before
        .into_iter()
        .zip(judgements)
        .map(|(before, judgement)| Moved {
            before,
            after: found(&lens, &judgement),
            judgement,
        })
        .collect();
    tell(&lens, &moved, out)?;
    Ok(Exit::Ok)
}

/// What is judged: each edge of a rule, the one edge between two ends, or one that is not known yet
/// and was named with the way it depends.
fn judgements(what: &Named, args: &Judge, opinion: Opinion) -> Result<Vec<Judgement>, Failure> {
    let judgement = |from: &NodeKey, to: &NodeKey, kind: EdgeKind| Judgement {
        target: args.target.as_deref().map(TargetId::new),
        from: from.clone(),
        to: to.clone(),
        kind,
        opinion,
        why: args.why.clone(),
    };
    match what {
        Named::Ends {
            from,
            to,
            kind: None,
            edges,
            otherwise,
        } => match edges.as_slice() {
            [only] => Ok(vec![judgement(&only.from, &only.to, only.kind)]),
            [] if otherwise.is_empty() => Err(unknown(from, to, opinion)),
            [] => Err(turned(what, opinion)),
            several => Err(ambiguous(from, to, several)),
        },
        Named::Ends {
            from,
            to,
            kind: Some(kind),
            ..
        } => Ok(vec![judgement(from, to, *kind)]),
        Named::Rule { edges, .. } => Ok(edges
            .iter()
            .map(|e| judgement(&e.from, &e.to, e.kind))
            .collect()),
    }
}

/// The command that gives an opinion.
const fn verb(opinion: Opinion) -> &'static str {
    match opinion {
        Opinion::Confirmed => "confirm",
        Opinion::Rejected => "reject",
    }
}

/// What was named is known, but the other way round or in another way.
fn turned(what: &Named, opinion: Opinion) -> Failure {
    let edges = what.otherwise();
    let told: Vec<String> = edges.iter().map(|e| what.turned(e)).collect();
    let hint = |f: Failure, e| {
        let line = format!("backstay graph {} '{}'", verb(opinion), typed(e));
        f.hint(line)
    };
    edges
        .iter()
        .fold(Failure::new(Code::Usage, told.join("; ")), hint)
}

fn unknown(from: &NodeKey, to: &NodeKey, opinion: Opinion) -> Failure {
    let (from, to) = (named(from), named(to));
    if opinion == Opinion::Rejected {
        let text = format!("nothing is known of {from} -> {to}, so there is nothing to reject");
        return Failure::new(Code::Usage, text).hint(format!("backstay explain {from}"));
    }
    Failure::new(
        Code::Usage,
        format!("nothing is known of {from} -> {to}, so it must be said how the one depends on the other"),
    )
    .hint(format!("backstay graph confirm '{from} requires {to}'"))
    .hint(format!("or the other way: {to} -> {from}"))
}

fn ambiguous(from: &NodeKey, to: &NodeKey, several: &[Edge]) -> Failure {
    let failure = Failure::new(
        Code::Usage,
        format!(
            "{} depends on {} in several ways: say which is meant",
            named(from),
            named(to)
        ),
    );
    several
        .iter()
        .fold(failure, |f, e| f.hint(format!("'{}'", typed(e))))
}

/// The edge that a judgement is about, as it is here.
fn found(lens: &Lens, judgement: &Judgement) -> Option<Edge> {
    let Judgement { from, to, kind, .. } = judgement;
    let mut edges = lens.edges_of(from).into_iter();
    edges.find(|e| {
        let there = (&e.from, &e.to) == (from, to);
        let back = kind.symmetric() && (&e.from, &e.to) == (to, from);
        e.kind == *kind && (there || back)
    })
}

/// Puts the judgements into the journal: through the guard where one runs, else directly.
fn record(judgements: &[Judgement], common: &Common) -> Result<(), Failure> {
    let directory = state::directory(common);
    let by = person();
    if running(&directory) == Running::Yes {
        let book = Book::open(common)?;
        let letters: Vec<Letter> = judgements
            .iter()
            .map(|j| Letter {
                by: by.clone(),
                request: Request::Judge(j.clone()),
            })
            .collect();
        for letter in &letters {
            book.letters().post(letter).map_err(|e| {
                Failure::of(Code::Store, &e).because("the letter box could not be used")
            })?;
        }
        return runtime()?.block_on(answered(&book, letters));
    }
    let opened = Journal::open(state::stores(&directory, u64::MAX)?.log);
    let mut journal = opened.map_err(|e| Failure::of(Code::Broken, &e))?;
    let records = judgements.iter().map(|judgement| Record::Judgement {
        by: by.clone(),
        judgement: judgement.clone(),
    });
    let commands = journal
        .commit(clock_now(), records.collect())
        .map_err(|e| Failure::of(Code::Store, &e))?;
    debug_assert!(commands.is_empty(), "a judgement commands nothing");
    Ok(())
}

/// Waits until the guard has answered every letter.
async fn answered(book: &Book, mut letters: Vec<Letter>) -> Result<(), Failure> {
    let mut from = Seq(book.last.0 + 1);
    let looks = ANSWER_WITHIN.as_millis() / LOOK_EVERY.as_millis();
    for _ in 0..looks {
        let stored = book.readers.log.read(from, PAGE);
        for entry in stored.map_err(|e| Failure::of(Code::Store, &e))? {
            from = Seq(entry.seq.0 + 1);
            let decoded = entry.decode().map_err(|e| Failure::of(Code::Broken, &e))?;
            let Record::Operator {
                by,
                request,
                answer,
            } = decoded.record
            else {
                continue;
            };
            let answers = |l: &Letter| l.by == by && l.request == request;
            let Some(place) = letters.iter().position(answers) else {
                continue;
            };
            if let Answer::Refused { why } = answer {
                return Err(Failure::new(Code::Refused, "the guard refused it").because(why));
            }
            letters.remove(place);
        }
        if letters.is_empty() {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Err(Failure::new(
        Code::NoAnswer,
        format!(
            "the guard did not answer within {} s",
            ANSWER_WITHIN.as_secs()
        ),
    )
    .hint("the request lies in its letter box and is taken up when it can"))
}

fn tell(lens: &Lens, moved: &[Moved], out: Out) -> Result<(), Failure> {
    if out.json_wanted() {
        return out.document(&document(lens, moved));
    }
    let mut page = Page::new(out);
    for change in moved {
        let Judgement {
            from,
            to,
            kind,
            opinion,
            target,
            why,
        } = &change.judgement;
        let tone = match opinion {
            Opinion::Confirmed => Tone::Good,
            Opinion::Rejected => Tone::Warn,
        };
        page.gap();
        page.line(&format!(
            "{}  {} {} {}",
            out.paint(tone, opinion.word()),
            out.paint(Tone::Bold, &named(from)),
            words(*kind),
            out.paint(Tone::Bold, &named(to)),
        ));
        let scope = target.as_ref().map_or_else(
            || "every target of this state directory".to_owned(),
            ToString::to_string,
        );
        let sure = |edge: &Option<Edge>| {
            edge.as_ref()
                .map_or_else(|| "not known".to_owned(), |e| lens.sure(e))
        };
        let mut rows = vec![
            vec![dim("before"), plain(sure(&change.before))],
            vec![dim("after"), cell(Tone::Bold, sure(&change.after))],
        ];
        rows.extend(hidden(lens, change));
        rows.extend([
            vec![dim("counts for"), plain(scope)],
            vec![dim("recorded"), plain(format!("by {}", person()))],
        ]);
        if let Some(why) = why {
            rows.push(vec![dim("because"), plain(why.clone())]);
        }
        page.rows(2, &rows);
    }
    page.say();
    if let Some(edge) = moved.iter().find_map(|m| m.after.as_ref()) {
        out.note(format!("why: backstay explain '{}'", typed(edge)));
    }
    Ok(())
}

/// Where two digits hide what a word moved: the log-odds before and after, and what outweighs it.
fn hidden(lens: &Lens, change: &Moved) -> Vec<Vec<Cell>> {
    let (Some(before), Some(after)) = (&change.before, &change.after) else {
        return Vec::new();
    };
    if before.confidence.to_string() != after.confidence.to_string() {
        return Vec::new();
    }
    let (old, new) = (lens.belief(before), lens.belief(after));
    let (from, to) = (old.unlimited(), new.unlimited());
    let moved = format!("{} → {}", signed(from), signed(to));
    let why = if from.total_cmp(&to).is_eq() {
        "the same word was counted already".to_owned()
    } else {
        let other = |l: &&Line| {
            let carries = (l.log_odds > 0.0) == (new.log_odds > 0.0);
            Group::EVIDENCE.contains(&l.group) && l.group != Group::Person && carries
        };
        let told = |l: &Line| format!("{} {}", l.what, signed(l.log_odds));
        let rest: Vec<String> = new.lines.iter().filter(other).map(told).collect();
        let word = format!("a person's word, {}", signed(new.from_group(Group::Person)));
        match change.judgement.opinion {
            Opinion::Confirmed => format!("{word}, adds little to {}", rest.join(", ")),
            Opinion::Rejected => format!("{word}, is outweighed by {}", rest.join(", ")),
        }
    };
    let mut rows = vec![
        vec![dim("log-odds"), plain(moved)],
        vec![dim("it stays"), plain(why)],
    ];
    if from.abs().min(to.abs()) > LOG_ODDS_MAX {
        let text = format!("beyond ±{LOG_ODDS_MAX:.2} nothing is believed more surely");
        rows.push(vec![dim(""), dim(text)]);
    }
    rows
}

fn document(lens: &Lens, moved: &[Moved]) -> serde_json::Value {
    let side = |edge: &Option<Edge>| {
        edge.as_ref().map(|e| {
            let told = lens.told(e);
            json!({
                "confidence": e.confidence.get(),
                "interval": [told.low.get(), told.high.get()],
                "log_odds": lens.belief(e).unlimited(),
            })
        })
    };
    let all = moved.iter().map(|m| {
        let j = &m.judgement;
        json!({
            "from": named(&j.from),
            "to": named(&j.to),
            "type": j.kind.word(),
            "opinion": j.opinion.word(),
            "target": j.target.as_ref().map(TargetId::as_str),
            "why": j.why,
            "by": person(),
            "before": side(&m.before),
            "after": side(&m.after),
        })
    });
    json!({ "kind": "judgement", "judgements": all.collect::<Vec<_>>() })
}
