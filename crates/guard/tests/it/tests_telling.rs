//! What a person is told that is no change: edits that wait, services, what could not be judged.

use backstay_engine::ReadError;
use backstay_graph::{EdgeFilter, View};
use backstay_guard::inbox::What;
use backstay_guard::news::Tidings;
use backstay_guard::report::{Done, Report};
use backstay_journal::{Presence, Record, Request};
use backstay_model::change::FileLine;
use backstay_model::decision::Mode;
use backstay_model::snapshot::{FileError, ServiceUse, Spoils, Unloaded};
use backstay_model::{NodeKey, ServiceName, SettingName, Span, Value};

use crate::room::{KEY, Load, Room, effective, service, shop, statement};

#[test]
fn an_edit_that_is_not_loaded_is_told_and_is_no_change() {
    let mut room = Room::calm(Mode::Auto);
    room.shown.unloaded.push(Unloaded {
        name: SettingName::new("work_mem"),
        loaded: Some(Value::text("4MB")),
        edited: Some(Value::text("8MB")),
        at: FileLine {
            path: "/data/postgresql.conf".to_owned(),
            line: 12,
        },
    });
    room.observe();
    let edit = "edited, not loaded yet: work_mem 4MB -> 8MB, /data/postgresql.conf line 12";
    assert_eq!(room.told(), [format!("notice Begins: {edit}")]);
    assert!(room.changes().is_empty());
    room.shown.unloaded.clear();
    room.set("work_mem", "8192");
    room.observe();
    let told = room.told();
    assert_eq!(told[0], "seen work_mem by unknown");
    assert!(told.contains(&format!("notice Ends: {edit}")), "{told:#?}");
}

#[test]
fn lines_that_the_server_refuses_are_told_until_they_are_mended() {
    let mut room = Room::calm(Mode::Auto);
    let error = |line| FileError {
        path: "/data/postgresql.conf".to_owned(),
        line,
        message: "work_mem = lots: setting could not be applied".to_owned(),
        spoils: Spoils::All,
    };
    room.shown.file_errors = (1..=11).map(error).collect();
    room.observe();
    let told = room.told();
    let [begins] = &told[..] else {
        panic!("{told:#?}")
    };
    let head = "notice Begins: the server refuses these lines, and takes nothing else that was edited \
                there, and would not start again with them: /data/postgresql.conf:1: work_mem = lots: \
                setting could not be applied; /data/postgresql.conf:2: ";
    assert!(begins.starts_with(head), "{begins}");
    assert!(
        begins.ends_with(
            "postgresql.conf:8: work_mem = lots: setting could not be applied; and 3 more"
        ),
        "{begins}"
    );
    room.observe();
    assert_eq!(
        room.told(),
        Vec::<String>::new(),
        "it still stands, and was told"
    );
    room.shown.file_errors.clear();
    room.observe();
    room.observe();
    let over = room.news.iter().find_map(|n| match &n.what {
        Tidings::Notice(notice, Presence::Ends) => Some(notice.over()),
        _ => None,
    });
    let mended = "mended: the server can use every line of its configuration files";
    assert_eq!(over.as_deref(), Some(mended));
    assert_eq!(room.told().len(), 1, "once");
}

#[test]
fn a_cluster_that_was_made_anew_in_the_same_place_is_another_server() {
    let mut room = Room::bare(Mode::Auto);
    room.shown.server.system_identifier = Some("7".to_owned());
    room.connect();
    room.observe();
    let recorded = room.records().into_iter().find_map(|e| match e.record {
        Record::Baseline { server, .. } => server.system_identifier,
        _ => None,
    });
    assert_eq!(recorded.as_deref(), Some("7"));
    room.again(Mode::Auto);
    room.connect();
    room.shown.server.system_identifier = Some("8".to_owned());
    room.set(KEY, "on");
    room.observe();
    assert!(room.told().contains(&"condition another_server".to_owned()));
    assert!(room.changes().is_empty());
    // What may not be read says nothing.
    room.shown.server.system_identifier = None;
    room.observe();
    assert!(room.told().contains(&format!("seen {KEY} by unknown")));
}

#[test]
fn a_watch_without_its_server_blames_nobody_and_calls_nobody() {
    let mut room = Room::calm(Mode::Auto);
    room.set("work_mem", "8192");
    room.observe();
    let id = room.newest();
    room.seconds(5);
    let why = "refused".to_owned();
    room.tick(vec![What::Failed(ReadError::Unreachable { why })]);
    room.load = Load::Gone;
    let gone_from = room.now + Span::from_secs(1);
    room.seconds(130);
    assert_eq!(room.state(id), "held");
    let report = room.news.iter().rev().find_map(|n| match &n.what {
        Tidings::Settled(report) => Some(report.clone()),
        _ => None,
    });
    let report = report.unwrap();
    let reason = format!("not judged, because the server was gone from {gone_from} on");
    assert_eq!(report.reason, Some(reason));
    assert_eq!(report.done, Done::Offered);
    assert!(!report.commands.is_empty() && report.root_cause.is_none());
    let findings = &report.verdict.as_ref().unwrap().findings;
    let told = format!("{:?}", report.verdict);
    assert!(findings.iter().all(|f| f.p_value.is_none()), "{told}");
    let told = room.told();
    assert!(!told.iter().any(|t| t.starts_with("paged")), "{told:#?}");
}

#[test]
fn a_service_that_comes_by_itself_is_told_and_in_the_graph() {
    let mut room = Room::calm(Mode::Auto);
    room.shown.services.push(service("reports"));
    room.observe();
    assert_eq!(room.told(), ["services reports"]);
    let edges = room
        .guard
        .graph()
        .edges(room.now, &EdgeFilter::view(View::All));
    let reports = NodeKey::Service(ServiceName::new("reports"));
    let target = NodeKey::Target(shop());
    assert!(edges.iter().any(|e| e.from == reports && e.to == target));
}

/// The services that a change of [`KEY`] by somebody in `psql` reaches, when so many sessions use it.
fn reached(sessions: u32) -> Vec<String> {
    let mut room = Room::calm(Mode::Auto);
    room.shown.services.push(ServiceUse {
        sessions,
        ..service("psql")
    });
    room.observe();
    room.set(KEY, "on");
    room.observe_with(vec![statement("ann", Some("psql"), KEY)]);
    room.load = Load::Hang;
    room.seconds(6);
    let ruled = room.news.iter().find_map(|n| match &n.what {
        Tidings::Ruled { risk, .. } => Some(risk.reach.clone()),
        _ => None,
    });
    let reach = ruled.expect("it hurt").into_iter();
    let services = reach.filter(|r| r.node.kind() == "service");
    let mut names: Vec<String> = services.map(|r| r.node.name().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn who_makes_a_change_is_no_service_that_feels_it() {
    assert_eq!(reached(1), ["checkout"]);
    assert_eq!(reached(5), ["checkout", "psql"], "others use it too");
}

#[test]
fn of_two_changes_that_overlap_neither_is_called_the_cause() {
    let mut room = Room::calm(Mode::Approve);
    room.set("work_mem", "8192");
    room.observe();
    let first = room.newest();
    room.second();
    let second = room.harm();
    let (first, second) = (room.case(first), room.case(second));
    let causes = [&first, &second].map(|case| Report::on(case).root_cause.unwrap_or_default());
    let told = |case: &backstay_guard::case::Case, cause: &str| {
        let undecided = cause.contains("may have caused") && cause.contains("not decided");
        assert_eq!(undecided, !case.blamed(), "{cause}");
        assert_eq!(
            cause.contains(" caused work hangs") && !undecided,
            case.blamed(),
            "{cause}"
        );
    };
    told(&first, &causes[0]);
    told(&second, &causes[1]);
    assert!(!first.blamed(), "{causes:?}");
    // Whoever decides is told whom to look at first, and why.
    let ids = (first.change_set.id, second.change_set.id);
    let suspects = format!(
        "may have come from any of these, the most suspect first: {} {KEY}",
        ids.1
    );
    let told = room.told();
    let about = told.iter().find(|t| t.contains(&suspects));
    let about = about.unwrap_or_else(|| panic!("{told:#?}"));
    assert!(about.contains("which leads to "), "{about}");
    assert!(about.contains(&format!("; {} work_mem", ids.0)), "{about}");
}

#[test]
fn what_stands_while_the_symptom_goes_is_said_not_to_be_the_cause() {
    let mut room = Room::calm(Mode::Auto);
    room.set("work_mem", "8192");
    room.observe();
    let first = room.newest();
    room.second();
    let second = room.harm();
    room.ask(Request::Revert { change_set: second });
    assert_eq!(
        (room.state(first), room.state(second)),
        ("held", "reverting")
    );
    room.reset(KEY);
    room.load = Load::Calm;
    room.reply(effective());
    room.observe();
    room.seconds(10);
    assert_eq!(room.state(second), "rolled back");
    let acquitted =
        format!("{first} was held for a symptom that went away with {second}: it is watched anew");
    let told = room.told();
    assert!(told.iter().any(|t| t.contains(&acquitted)), "{told:#?}");
    assert_eq!(room.state(first), "watching");
    room.seconds(125);
    assert_eq!(room.state(first), "kept", "{:#?}", room.told());
}
