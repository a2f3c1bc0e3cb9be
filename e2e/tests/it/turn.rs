//! Whose turn it is. Most stories wait for seconds to go by and do so side by side; those that need
//! the whole machine go alone, when nobody else wants to go.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Stories side by side. Each takes about a tenth of a processor while it waits.
const BESIDE_MAX: u32 = 8;

static TURNS: Mutex<Turns> = Mutex::new(Turns {
    want: 0,
    long: 0,
    beside: 0,
    alone: false,
});
static ENDED: Notify = Notify::const_new();

/// Whether a story may run beside another one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Beside,
    /// The same, and before all others: it takes longest.
    Long,
    /// Its seconds count, or it takes the whole machine.
    Alone,
}

struct Turns {
    /// Those that would go beside others and have not yet ended, the ones that go included.
    want: u32,
    /// Long ones that wait.
    long: u32,
    beside: u32,
    alone: bool,
}

impl Turns {
    fn lock() -> MutexGuard<'static, Self> {
        TURNS.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the turn if it is free.
    fn take(&mut self, turn: Turn) -> bool {
        let free = match turn {
            Turn::Beside => !self.alone && self.beside < BESIDE_MAX && self.long == 0,
            Turn::Long => !self.alone && self.beside < BESIDE_MAX,
            Turn::Alone => !self.alone && self.want == 0,
        };
        if free {
            match turn {
                Turn::Beside => self.beside += 1,
                Turn::Long => {
                    self.beside += 1;
                    self.long -= 1;
                }
                Turn::Alone => self.alone = true,
            }
        }
        free
    }
}

/// A place in the queue, then a turn; it ends when this is dropped.
pub(crate) struct MyTurn {
    turn: Turn,
    mine: bool,
}

impl MyTurn {
    /// Waits until it is our turn.
    pub(crate) async fn comes(turn: Turn) -> Self {
        if turn != Turn::Alone {
            let mut turns = Turns::lock();
            turns.want += 1;
            turns.long += u32::from(turn == Turn::Long);
        }
        let mut queued = Self { turn, mine: false };
        loop {
            let mut ended = std::pin::pin!(ENDED.notified());
            ended.as_mut().enable();
            queued.mine = Turns::lock().take(turn);
            if queued.mine {
                return queued;
            }
            ended.await;
        }
    }
}

impl Drop for MyTurn {
    fn drop(&mut self) {
        let mut turns = Turns::lock();
        match self.turn {
            Turn::Beside | Turn::Long => {
                turns.want -= 1;
                turns.beside -= u32::from(self.mine);
                turns.long -= u32::from(self.turn == Turn::Long && !self.mine);
            }
            Turn::Alone => turns.alone &= !self.mine,
        }
        drop(turns);
        ENDED.notify_waiters();
    }
}
