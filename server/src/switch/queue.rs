//! What waits to be written to one connection: bounded in messages, in bytes, and in bytes of all connections together.
//!
//! Putting something in never waits. A queue that is full ends its connection, so that one who does not read costs nobody
//! else anything. The queue is also where a connection learns that it is to end: whoever ends it first is right.
//! A connection of version 1 queues texts, one of version 2 frames and entries.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use msr_protocol::Code;
use parking_lot::Mutex;

use super::ending::Ending;
use super::{Text, limits};

/// What can wait in a queue.
pub(super) trait Item {
    /// How many bytes one write joins, one item more at most.
    const BATCH_BYTES: usize;

    /// What it takes on the wire, and about as much in memory.
    fn bytes(&self) -> usize;
}

impl Item for Text {
    const BATCH_BYTES: usize = limits::BATCH_BYTES;

    fn bytes(&self) -> usize {
        self.len()
    }
}

/// The queue of one connection.
pub(super) struct SendQueue<T: Item = Text> {
    state: Mutex<State<T>>,
    pool: Arc<Pool>,
}

struct State<T> {
    items: VecDeque<T>,
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

/// Why an item did not go in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotQueued {
    /// The queue was full: its connection ends now, and what waited in it is lost.
    Full {
        /// How many items were lost, this one included.
        lost: usize,
    },
    /// The connection is ending.
    Ending,
}

/// What is to be written next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// The items of the batch, and a ping.
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

impl<T: Item> SendQueue<T> {
    pub(super) fn new(pool: Arc<Pool>) -> Self {
        let state = State { items: VecDeque::new(), bytes: 0, borrowed_bytes: 0, ping_due: false, ending: None, reader: None };
        Self { state: Mutex::new(state), pool }
    }

    /// Puts an item in, or ends the connection because there is no room for it.
    pub(super) fn push(&self, item: T) -> Result<(), NotQueued> {
        let (result, reader) = self.push_quietly(item);
        if let Some(reader) = reader {
            reader.wake();
        }
        result
    }

    /// The same, for who holds a lock: gives whom to wake when it is released.
    pub(super) fn push_quietly(&self, item: T) -> (Result<(), NotQueued>, Option<Waker>) {
        let mut state = self.state.lock();
        if state.ending.is_some() {
            return (Err(NotQueued::Ending), None);
        }
        if !state.has_room_for(item.bytes(), &self.pool) {
            let lost = 1 + self.end_locked(&mut state, Ending::Refused(Code::SlowConsumer));
            return (Err(NotQueued::Full { lost }), state.reader.take());
        }
        state.bytes += item.bytes();
        state.items.push_back(item);
        (Ok(()), state.reader.take())
    }

    /// Whether the connection is to end.
    pub(super) fn is_ending(&self) -> bool {
        self.state.lock().ending.is_some()
    }

    /// The bytes that wait.
    pub(super) fn bytes(&self) -> usize {
        self.state.lock().bytes
    }

    /// A ping is to be written.
    pub(super) fn ping(&self) {
        let mut state = self.state.lock();
        state.ping_due = true;
        wake(state);
    }

    /// Ends the connection, unless it is ending already. Gives the number of items that are lost by it.
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
    pub(super) async fn next(&self, batch: &mut Vec<T>) -> Due {
        poll_fn(|context| self.poll_next(context, batch)).await
    }

    /// The same without waiting: perhaps there is nothing to write.
    pub(super) fn take(&self, batch: &mut Vec<T>) -> Due {
        let mut state = self.state.lock();
        match state.ending {
            Some(ending) if state.items.is_empty() => Due::End(ending),
            _ => {
                state.move_into(batch, &self.pool);
                Due::Write { ping: std::mem::take(&mut state.ping_due) }
            }
        }
    }

    fn poll_next(&self, context: &mut Context<'_>, batch: &mut Vec<T>) -> Poll<Due> {
        let mut state = self.state.lock();
        if !state.items.is_empty() || state.ping_due {
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

    fn end_locked(&self, state: &mut State<T>, ending: Ending) -> usize {
        state.ending = Some(ending);
        state.ping_due = false;
        if ending.writes_what_waits() { 0 } else { state.clear(&self.pool) }
    }
}

impl<T: Item> Drop for SendQueue<T> {
    fn drop(&mut self) {
        self.state.get_mut().clear(&self.pool);
    }
}

impl<T: Item> State<T> {
    /// Whether `more` bytes fit; takes from the pool what goes beyond the queue's own share.
    fn has_room_for(&mut self, more_bytes: usize, pool: &Pool) -> bool {
        let bytes = self.bytes + more_bytes;
        if self.items.len() >= limits::QUEUE_MESSAGES || bytes > limits::QUEUE_BYTES {
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

    fn move_into(&mut self, batch: &mut Vec<T>, pool: &Pool) {
        let mut batch_bytes = 0;
        while batch.len() < limits::BATCH_MESSAGES && batch_bytes < T::BATCH_BYTES {
            let Some(item) = self.items.pop_front() else { break };
            batch_bytes += item.bytes();
            batch.push(item);
        }
        self.bytes -= batch_bytes;
        if self.items.is_empty() {
            self.clear(pool);
        }
    }

    /// Empties the queue and gives back what it took; a queue that was long once does not stay large.
    fn clear(&mut self, pool: &Pool) -> usize {
        let lost = self.items.len();
        self.bytes = 0;
        pool.give_back(std::mem::take(&mut self.borrowed_bytes));
        if self.items.capacity() > limits::KEPT_TEXTS {
            self.items = VecDeque::new();
        } else {
            self.items.clear();
        }
        lost
    }
}

/// Wakes whoever writes, after the lock is released.
fn wake<T>(mut state: parking_lot::MutexGuard<'_, State<T>>) {
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
