//! What waits to be written to one connection: bounded in messages, in bytes, and in bytes of all connections together.
//!
//! Putting a text in never waits. A queue that is full ends its connection, so that one who does not read costs nobody
//! else anything. The queue is also where a connection learns that it is to end: whoever ends it first is right.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use msr_protocol::Code;
use parking_lot::Mutex;

use super::ending::Ending;
use super::{Text, limits};

/// The queue of one connection.
pub(super) struct SendQueue {
    state: Mutex<State>,
    pool: Arc<Pool>,
}

#[derive(Default)]
struct State {
    texts: VecDeque<Text>,
    bytes: usize,
    /// What was taken from the pool, beyond the queue's own share.
    borrowed_bytes: usize,
    ping_due: bool,
    ending: Option<Ending>,
    reader: Option<Waker>,
}

/// What all queues together may hold beyond their own share.
pub(super) struct Pool {
    free_bytes: AtomicUsize,
}

/// Why a text did not go in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotQueued {
    /// The queue was full: its connection ends now, and what waited in it is lost.
    Full {
        /// How many texts were lost, this one included.
        lost: usize,
    },
    /// The connection is ending.
    Ending,
}

/// What is to be written next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// The texts of the batch, and a ping.
    Write {
        /// Whether a ping goes with them.
        ping: bool,
    },
    /// Nothing more: the connection ends.
    End(Ending),
}

impl Pool {
    pub(super) fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self { free_bytes: AtomicUsize::new(bytes) })
    }

    fn take(&self, bytes: usize) -> bool {
        self.free_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| free.checked_sub(bytes)).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        if bytes > 0 {
            self.free_bytes.fetch_add(bytes, Ordering::Relaxed);
        }
    }
}

impl SendQueue {
    pub(super) fn new(pool: Arc<Pool>) -> Self {
        Self { state: Mutex::default(), pool }
    }

    /// Puts a text at the end.
    pub(super) fn push(&self, text: Text) -> Result<(), NotQueued> {
        let mut state = self.state.lock();
        if state.ending.is_some() {
            return Err(NotQueued::Ending);
        }
        if !state.has_room_for(text.len(), &self.pool) {
            let lost = 1 + self.end_locked(&mut state, Ending::Refused(Code::SlowConsumer));
            wake(state);
            return Err(NotQueued::Full { lost });
        }
        state.bytes += text.len();
        state.texts.push_back(text);
        wake(state);
        Ok(())
    }

    /// Whether the connection is to end.
    pub(super) fn is_ending(&self) -> bool {
        self.state.lock().ending.is_some()
    }

    /// A ping is to be written.
    pub(super) fn ping(&self) {
        let mut state = self.state.lock();
        state.ping_due = true;
        wake(state);
    }

    /// Ends the connection, unless it is ending already. Gives the number of texts that are lost by it.
    pub(super) fn end(&self, ending: Ending) -> usize {
        let mut state = self.state.lock();
        if state.ending.is_some() {
            return 0;
        }
        let lost = self.end_locked(&mut state, ending);
        wake(state);
        lost
    }

    /// Waits for something to write and moves it into `batch`, which must be empty.
    pub(super) async fn next(&self, batch: &mut Vec<Text>) -> Due {
        poll_fn(|context| self.poll_next(context, batch)).await
    }

    fn poll_next(&self, context: &mut Context<'_>, batch: &mut Vec<Text>) -> Poll<Due> {
        let mut state = self.state.lock();
        if !state.texts.is_empty() || state.ping_due {
            state.move_into(batch, &self.pool);
            return Poll::Ready(Due::Write { ping: std::mem::take(&mut state.ping_due) });
        }
        if let Some(ending) = state.ending {
            return Poll::Ready(Due::End(ending));
        }
        if !state.reader.as_ref().is_some_and(|reader| reader.will_wake(context.waker())) {
            state.reader = Some(context.waker().clone());
        }
        Poll::Pending
    }

    fn end_locked(&self, state: &mut State, ending: Ending) -> usize {
        state.ending = Some(ending);
        state.ping_due = false;
        if ending.writes_what_waits() { 0 } else { state.clear(&self.pool) }
    }
}

impl Drop for SendQueue {
    fn drop(&mut self) {
        self.state.get_mut().clear(&self.pool);
    }
}

impl State {
    /// Whether `more` bytes fit; takes from the pool what goes beyond the queue's own share.
    fn has_room_for(&mut self, more_bytes: usize, pool: &Pool) -> bool {
        let bytes = self.bytes + more_bytes;
        if self.texts.len() >= limits::QUEUE_MESSAGES || bytes > limits::QUEUE_BYTES {
            return false;
        }
        let allowed_bytes = limits::QUEUE_OWN_BYTES + self.borrowed_bytes;
        if bytes <= allowed_bytes {
            return true;
        }
        // Whole shares, so that the pool, which all connections touch, is asked seldom.
        let borrow_bytes = (bytes - allowed_bytes).next_multiple_of(limits::QUEUE_OWN_BYTES);
        let lent = pool.take(borrow_bytes);
        if lent {
            self.borrowed_bytes += borrow_bytes;
        }
        lent
    }

    fn move_into(&mut self, batch: &mut Vec<Text>, pool: &Pool) {
        let mut batch_bytes = 0;
        while batch.len() < limits::BATCH_MESSAGES && batch_bytes < limits::BATCH_BYTES {
            let Some(text) = self.texts.pop_front() else { break };
            batch_bytes += text.len();
            batch.push(text);
        }
        self.bytes -= batch_bytes;
        if self.texts.is_empty() {
            self.clear(pool);
        }
    }

    /// Empties the queue and gives back what it took; a queue that was long once does not stay large.
    fn clear(&mut self, pool: &Pool) -> usize {
        let lost = self.texts.len();
        self.bytes = 0;
        pool.give_back(std::mem::take(&mut self.borrowed_bytes));
        if self.texts.capacity() > limits::KEPT_TEXTS {
            self.texts = VecDeque::new();
        } else {
            self.texts.clear();
        }
        lost
    }
}

/// Wakes whoever writes, after the lock is released.
fn wake(mut state: parking_lot::MutexGuard<'_, State>) {
    let reader = state.reader.take();
    drop(state);
    if let Some(reader) = reader {
        reader.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> SendQueue {
        SendQueue::new(Pool::new(limits::QUEUED_BYTES_IN_ALL))
    }

    #[tokio::test]
    async fn texts_come_out_in_order_and_in_batches() {
        let queue = queue();
        for number in 0..limits::BATCH_MESSAGES + 1 {
            queue.push(Text::from(number.to_string())).unwrap();
        }
        let mut batch = Vec::new();
        assert_eq!(queue.next(&mut batch).await, Due::Write { ping: false });
        assert_eq!((batch.len(), batch[1].as_str()), (limits::BATCH_MESSAGES, "1"));
        batch.clear();
        queue.ping();
        assert_eq!(queue.next(&mut batch).await, Due::Write { ping: true });
        assert_eq!(batch.len(), 1);
    }

    #[tokio::test]
    async fn a_full_queue_ends_its_connection() {
        let queue = queue();
        for _ in 0..limits::QUEUE_MESSAGES {
            queue.push(Text::from_static("x")).unwrap();
        }
        assert_eq!(queue.push(Text::from_static("x")), Err(NotQueued::Full { lost: limits::QUEUE_MESSAGES + 1 }));
        assert_eq!(queue.push(Text::from_static("x")), Err(NotQueued::Ending));
        assert_eq!(queue.end(Ending::Bye), 0, "the first ending counts");
        assert_eq!(queue.next(&mut Vec::new()).await, Due::End(Ending::Refused(Code::SlowConsumer)));
    }

    #[test]
    fn bytes_are_bounded_too() {
        let queue = queue();
        let text = Text::from("x".repeat(1024 * 1024));
        for _ in 0..limits::QUEUE_BYTES / text.len() {
            queue.push(text.clone()).unwrap();
        }
        assert!(matches!(queue.push(Text::from_static("x")), Err(NotQueued::Full { .. })));
    }

    #[tokio::test]
    async fn all_queues_share_a_pool() {
        let pool = Pool::new(2 * limits::QUEUE_OWN_BYTES);
        let (one, two) = (SendQueue::new(Arc::clone(&pool)), SendQueue::new(Arc::clone(&pool)));
        let text = Text::from("x".repeat(limits::QUEUE_OWN_BYTES));
        for _ in 0..3 {
            one.push(text.clone()).unwrap();
        }
        two.push(text.clone()).unwrap();
        one.next(&mut Vec::new()).await;
        two.push(text.clone()).unwrap();
        two.push(text.clone()).unwrap();
        assert!(matches!(two.push(text), Err(NotQueued::Full { .. })));
        assert_eq!(pool.free_bytes.load(Ordering::Relaxed), 2 * limits::QUEUE_OWN_BYTES, "everything is given back");
    }

    #[tokio::test]
    async fn the_answer_goes_out_before_the_end() {
        let queue = queue();
        queue.push(Text::from_static("refused")).unwrap();
        queue.end(Ending::Refused(Code::InvalidRegistration));
        let mut batch = Vec::new();
        assert_eq!(queue.next(&mut batch).await, Due::Write { ping: false });
        batch.clear();
        assert_eq!(queue.next(&mut batch).await, Due::End(Ending::Refused(Code::InvalidRegistration)));
    }
}
