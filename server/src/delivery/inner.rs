//! The exchange behind its lock, and what follows of each decision.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::task::Waker;

use msr_delivery::{Batch, CommitError, ConnectionId, Effect, Exchange, Now, Origin};
use msr_protocol::v2::{Entry, Field as _};
use msr_protocol::{Code, Credential};
use msr_store::Reader;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tracing::error;

use super::fetching::Fetch;
use super::outgoing::{Large, Line, Outgoing, Version1};
use super::{Clock, Signals, Tasks};

/// What all handles share.
pub(super) struct Inner {
    pub(super) state: Mutex<State>,
    pub(super) reader: Reader,
    pub(super) signals: Arc<Signals>,
    pub(super) fetches: mpsc::UnboundedSender<Fetch>,
    pub(super) version_1: OnceLock<Weak<dyn Version1>>,
    pub(super) large_reads: Semaphore,
    /// How many devices there are, to be asked without the lock.
    pub(super) devices: AtomicUsize,
    pub(super) waiting: AtomicUsize,
    pub(super) clock: Clock,
    pub(super) opened: Instant,
    pub(super) tasks: Mutex<Tasks>,
}

pub(super) struct State {
    pub(super) exchange: Exchange,
    pub(super) lines: HashMap<ConnectionId, Arc<dyn Line>>,
    /// Nothing is taken in any more.
    pub(super) stopped: bool,
}

/// What is left to do when the lock is released.
#[derive(Default)]
pub(super) struct Afterwards {
    pub(super) wakers: Vec<Waker>,
    version_1: Vec<(Origin, Arc<[u8]>, Vec<Credential>)>,
    work: bool,
}

impl Inner {
    pub(super) fn now(&self) -> Now {
        let monotonic_ms = i64::try_from(self.opened.elapsed().as_millis()).unwrap_or(i64::MAX);
        Now { monotonic_ms, wall_ms: (self.clock)() }
    }

    /// Does something that is no connection's.
    pub(super) fn call<R>(&self, act: impl FnOnce(&mut Exchange, Now) -> R) -> R {
        let mut state = self.state.lock();
        let result = act(&mut state.exchange, self.now());
        self.finish(state, Afterwards::default());
        result
    }

    pub(super) fn take_batch(&self) -> Option<Batch> {
        self.state.lock().exchange.take_batch()
    }

    pub(super) fn committed(&self, result: Result<(), CommitError>) {
        self.call(|exchange, _now| exchange.committed(result));
        if result == Err(CommitError::Broken) {
            error!(code = Code::StoreBroken.number(), "the disk failed: nothing is accepted any more");
            self.signals.broken.store(true, Ordering::SeqCst);
        }
        self.signals.committed.notify_waiters();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.signals.closed.load(Ordering::SeqCst)
    }

    /// Carries out what the exchange asks for, releases the lock and does what has to be done without it.
    pub(super) fn finish(&self, mut state: MutexGuard<'_, State>, mut afterwards: Afterwards) {
        self.carry_out(&mut state, &mut afterwards);
        afterwards.work |= state.exchange.has_batch();
        self.devices.store(state.exchange.devices(), Ordering::Relaxed);
        self.waiting.store(state.exchange.waiting(), Ordering::Relaxed);
        drop(state);
        let Afterwards { wakers, version_1, work } = afterwards;
        wakers.into_iter().for_each(Waker::wake);
        if work {
            self.signals.work.notify_one();
        }
        for (origin, entry, live) in version_1 {
            self.hand_over(origin, &entry, &live);
        }
    }

    fn carry_out(&self, state: &mut State, afterwards: &mut Afterwards) {
        let State { exchange, lines, .. } = state;
        let mut write = |connection: ConnectionId, outgoing: Outgoing| {
            if let Some(line) = lines.get(&connection) {
                afterwards.wakers.extend(line.take(outgoing));
            }
        };
        let (mut closed, mut for_version_1) = (Vec::new(), Vec::new());
        while let Some(effect) = exchange.poll_effect() {
            match effect {
                Effect::Frame { connection, frame } => write(connection, Outgoing::Frame(frame)),
                Effect::Entry { connection, arrival, entry, header } => write(connection, Outgoing::Entry { arrival, entry, header }),
                Effect::Large { connection, arrival, sender, bytes, header } => {
                    write(connection, Outgoing::Large { large: Large { arrival, sender, bytes }, header });
                }
                // Whoever reads is gone only when the queues are.
                Effect::Fetch { device, wanted } => drop(self.fetches.send(Fetch { device, wanted })),
                Effect::Version1 { origin, entry, live } => for_version_1.push((origin, entry, live)),
                Effect::Close { connection, code } => closed.push((connection, code)),
            }
        }
        for (connection, code) in closed {
            if let Some(line) = lines.remove(&connection) {
                line.close(code);
            }
        }
        afterwards.version_1.append(&mut for_version_1);
    }

    fn hand_over(&self, origin: Origin, entry: &[u8], live: &[Credential]) {
        let Some(version_1) = self.version_1.get().and_then(Weak::upgrade) else { return };
        let Ok(Entry::Message(message)) = Entry::read(&mut &*entry) else { return };
        let reached = version_1.hand_over(&message, live);
        self.call(|exchange, now| {
            for recipient in reached.into_iter().filter(|reached| message.recipients.0.contains(reached)) {
                exchange.reached_version_1(origin, recipient, now);
            }
        });
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.signals.work.notify_one();
    }
}
