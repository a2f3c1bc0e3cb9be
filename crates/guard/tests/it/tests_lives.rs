//! Whole lives of change sets, as they are told: a script of arrivals in, words out.

use backstay_journal::Request;
use backstay_model::ValueSource;
use backstay_model::decision::Mode;
use backstay_model::event::WriteReply;
use backstay_model::plan::Found;

use crate::room::{KEY, Load, Room, effective, lost};

/// A script, and what is told about it from the change on.
type Life = (&'static str, Mode, fn(&mut Room), &'static [&'static str]);

fn harm(room: &mut Room) {
    room.harm();
}

fn put_back(room: &mut Room) {
    room.harm();
    room.reset(KEY);
    room.reply(effective());
    room.observe();
    room.load = Load::Calm;
    room.seconds(8);
}

const LIVES: &[Life] = &[
    (
        "nothing hurts",
        Mode::Auto,
        |room| {
            room.set("work_mem", "8192");
            room.observe();
            room.seconds(62);
        },
        &[
            "seen work_mem by unknown",
            "watching",
            "judged healthy",
            "settled kept",
        ],
    ),
    (
        "harm is put back",
        Mode::Auto,
        put_back,
        &[
            "seen default_transaction_read_only by unknown",
            "watching",
            "judged hurt",
            "ruled roll back",
            "writing",
            "replied",
            "ours default_transaction_read_only",
            "recovered Yes",
            "settled rolled back",
        ],
    ),
    (
        "harm is held in observe mode",
        Mode::Observe,
        harm,
        &[
            "seen default_transaction_read_only by unknown",
            "watching",
            "judged hurt",
            "paged C5 is held: observe mode: Backstay does not write here",
            "ruled hold: observe mode: Backstay does not write here",
            "settled held: observe mode: Backstay does not write here",
        ],
    ),
    (
        "harm is held in approve mode, then denied",
        Mode::Approve,
        |room| {
            let change_set = room.harm();
            room.ask(Request::Deny {
                change_set,
                why: None,
            });
        },
        &[
            "seen default_transaction_read_only by unknown",
            "watching",
            "judged hurt",
            "paged C5 is held: approve mode: waits for a person",
            "ruled hold: approve mode: waits for a person",
            "settled held: approve mode: waits for a person",
            "settled kept: kept by ann",
        ],
    ),
    (
        "durability waits for a person",
        Mode::Auto,
        |room| {
            room.set("fsync", "off");
            room.observe();
            room.seconds(130);
        },
        &[
            "seen fsync by unknown",
            "watching",
            "notice Begins: C5: fsync on -> off: durability or data safety; no metric shows this harm, so it waits for a person",
            "judged healthy",
            "paged C5 is held: settings of class \"durability\" wait for a person",
            "settled held: settings of class \"durability\" wait for a person",
        ],
    ),
    (
        "the write is masked",
        Mode::Auto,
        |room| {
            room.harm();
            let by = ValueSource::CommandLine;
            room.reply(WriteReply::NotEffective {
                found: Found::Masked { by },
            });
        },
        &[
            "seen default_transaction_read_only by unknown",
            "watching",
            "judged hurt",
            "ruled roll back",
            "writing",
            "replied",
            "paged the rollback of C5 failed: not effective: masked by command line",
            "settled rollback failed: not effective: masked by command line",
        ],
    ),
    (
        "the server refuses",
        Mode::Auto,
        |room| {
            room.harm();
            room.reply(WriteReply::Refused {
                why: "no right".to_owned(),
            });
        },
        &[
            "seen default_transaction_read_only by unknown",
            "watching",
            "judged hurt",
            "ruled roll back",
            "writing",
            "replied",
            "paged C5 is held: the server refused: no right",
            "settled held: the server refused: no right",
        ],
    ),
    (
        "nobody answers for so long that the intent expires",
        Mode::Auto,
        |room| {
            room.harm();
            room.reply(lost());
            room.silence(301);
            room.found(Found::NotApplied);
        },
        &[
            "seen default_transaction_read_only by unknown",
            "watching",
            "judged hurt",
            "ruled roll back",
            "writing",
            "replied",
            "paged C5 is held: the intent expired before anything was written",
            "settled held: the intent expired before anything was written",
        ],
    ),
    (
        "no data",
        Mode::Auto,
        |room| {
            room.set("work_mem", "8192");
            room.observe();
            room.silence(62);
            room.silence(62);
        },
        &[
            "seen work_mem by unknown",
            "watching",
            "judged no data",
            "watching",
            "judged no data",
            "paged C5 is held: not enough data to judge; no data is never \"healthy\"",
            "settled held: not enough data to judge; no data is never \"healthy\"",
        ],
    ),
    (
        "somebody writes it again",
        Mode::Auto,
        |room| {
            room.set("work_mem", "8192");
            room.observe();
            room.set("work_mem", "16384");
            room.observe();
        },
        &[
            "seen work_mem by unknown",
            "watching",
            "seen work_mem by unknown",
            "settled superseded: work_mem was written again by C7; not overwritten",
            "watching",
        ],
    ),
];

#[test]
fn lives_are_told() {
    for (name, mode, script, told) in LIVES {
        let mut room = Room::calm(*mode);
        script(&mut room);
        assert_eq!(room.told(), *told, "{name}");
    }
}
