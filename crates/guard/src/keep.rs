//! Keeping configurations: one that the store does not take is tried again, and until then the journal
//! does not name it, so that the next guard compares with one that is there.

use backstay_journal::{Notice, Presence, Record, SnapshotStore};
use backstay_model::{Snapshot, SnapshotId, Span, Timestamp};

use crate::books::Books;
use crate::desk::Desk;
use crate::news::Tidings;
use crate::tick::Guard;
use crate::turn::Turn;

/// A configuration that could not be stored is tried again after this time.
const TRY_AGAIN: Span = Span::from_secs(5);

/// A newest configuration that is not in the store.
#[derive(Debug)]
pub(crate) struct Unkept {
    told: Notice,
    tried_at: Timestamp,
}

impl<B: Books> Guard<B> {
    /// Stores a configuration that was read; that it cannot be stored is told as it begins and ends.
    pub(crate) fn store_configuration(&mut self, desk: &mut Desk, new: &Snapshot, turn: &mut Turn) {
        match self.snapshots.put(new) {
            Ok(()) => {
                if let Some(unkept) = desk.unkept.take() {
                    tell(desk, unkept.told, Presence::Ends, turn);
                }
            }
            Err(error) => {
                tracing::error!(%error, target = %desk.target, "a configuration could not be stored");
                let told = desk.unkept.take().map(|unkept| unkept.told);
                let told = told.unwrap_or_else(|| {
                    let notice = Notice::Other {
                        text: format!(
                            "the configuration cannot be stored, so nothing is put back: {error}"
                        ),
                    };
                    tell(desk, notice.clone(), Presence::Begins, turn);
                    notice
                });
                let tried_at = turn.now;
                desk.unkept = Some(Unkept { told, tried_at });
            }
        }
    }

    /// Tries to store what could not be stored, and lets the journal know where to go on.
    pub(crate) fn store_again(&mut self, desk: &mut Desk, turn: &mut Turn) {
        let due = |unkept: &Unkept| turn.now >= unkept.tried_at + TRY_AGAIN;
        if !desk.unkept.as_ref().is_some_and(due) {
            return;
        }
        let Some(snapshot) = desk.snapshot.clone() else {
            return;
        };
        self.store_configuration(desk, &snapshot, turn);
        record_reading(desk, &snapshot, turn);
    }
}

fn tell(desk: &Desk, notice: Notice, presence: Presence, turn: &mut Turn) {
    turn.record(Record::Notice {
        target: Some(desk.target.clone()),
        notice: notice.clone(),
        presence,
    });
    turn.tell(&desk.target, Tidings::Notice(notice, presence));
}

/// The configuration as the journal names it: only when it is in the store.
pub(crate) fn stored(desk: &Desk, new: &Snapshot) -> Option<SnapshotId> {
    desk.unkept.is_none().then(|| new.id.clone())
}

/// Records which configuration was read, once it is in the store.
pub(crate) fn record_reading(desk: &Desk, new: &Snapshot, turn: &mut Turn) {
    if let Some(snapshot) = stored(desk, new) {
        turn.record(Record::Baseline {
            target: desk.target.clone(),
            snapshot,
            server: new.server.clone(),
        });
    }
}
