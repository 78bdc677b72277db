//! Group commit: what is submitted while one commit is being synced goes into the next one, together.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};

use crate::{Batch, Reader, Storage, StoreError, limits};

/// Parts that will be committed together, each with what its submitter wants back. A simulation, which has no threads, uses this alone.
#[derive(Debug)]
pub struct Group<T> {
    parts: Vec<Batch>,
    tokens: Vec<T>,
    bytes: usize,
}

impl<T> Default for Group<T> {
    fn default() -> Self {
        Self { parts: Vec::new(), tokens: Vec::new(), bytes: 0 }
    }
}

impl<T> Group<T> {
    /// Adds a part. It is committed as a whole or not at all, and may share its commit with others.
    ///
    /// # Errors
    /// [`Busy`] with part and token when the group is full; parts that only free room always get in.
    pub fn push(&mut self, part: Batch, token: T) -> Result<(), Busy<T>> {
        let full = self.bytes >= limits::GROUP_BYTES || self.parts.len() >= limits::GROUP_PARTS;
        if full && part.grows() {
            return Err(Busy { part, token });
        }
        self.bytes += part.bytes();
        self.parts.push(part);
        self.tokens.push(token);
        Ok(())
    }

    /// Nothing to commit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Commits all parts, and hands each token its outcome, in the order they were added. On a full disk the parts that only free room
    /// are committed without the others.
    pub fn commit(self, store: &mut impl Storage, mut outcome: impl FnMut(T, Result<(), StoreError>)) {
        let Self { parts, tokens, .. } = self;
        match store.commit(&parts) {
            Err(StoreError::Full | StoreError::TooLarge) if parts.len() > 1 => {
                for (part, result) in apart(store, parts).into_iter().zip(tokens) {
                    outcome(result, part);
                }
            }
            result => tokens.into_iter().for_each(|token| outcome(token, result.clone())),
        }
    }
}

/// Commits what frees room together, then what needs room one by one, so that nobody fails for what others sent. What frees room goes
/// along each time, which changes nothing but that a message is not put after its deletion. Returns the outcomes in the order of the parts.
fn apart(store: &mut impl Storage, parts: Vec<Batch>) -> Vec<Result<(), StoreError>> {
    let freeing: Vec<Batch> = parts.iter().filter(|part| !part.grows()).cloned().collect();
    let freed = if freeing.is_empty() { Ok(()) } else { store.commit(&freeing) };
    let mut refused: Option<StoreError> = None;
    let mut outcome = |part: &Batch| {
        if !part.grows() {
            return freed.clone();
        }
        if let Some(error) = &refused {
            return Err(error.clone());
        }
        let together: Vec<Batch> = std::iter::once(part).chain(&freeing).cloned().collect();
        let result = store.commit(&together);
        refused = result.as_ref().err().filter(|error| !matches!(error, StoreError::TooLarge)).cloned();
        result
    };
    parts.iter().map(&mut outcome).collect()
}

/// The group is full: the part comes back.
#[derive(Debug)]
pub struct Busy<T> {
    /// What was to be committed.
    pub part: Batch,
    /// What came with it.
    pub token: T,
}

/// What runs when a part is committed, or with the error.
pub type Completion = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// A thread that owns a store. Handles share it; the thread ends when [`Self::close`] is called or the last handle is dropped.
pub struct GroupCommit<S> {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<S>>,
    reader: Reader,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
}

#[derive(Default)]
struct Queue {
    open: Group<Completion>,
    closing: bool,
}

impl<S: Storage + 'static> GroupCommit<S> {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn new(mut store: S) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let reader = store.reader();
        let queue = Arc::clone(&shared);
        let write = move || {
            while let Some(group) = queue.next() {
                group.commit(&mut store, |completion, result| completion(result));
            }
            store
        };
        let writer = thread::Builder::new().name("store".to_owned()).spawn(write)?;
        Ok(Self { shared, writer: Some(writer), reader })
    }

    /// Hands in a part. `done` runs on the writer thread after the sync, or with the error; it should only pass the news on.
    ///
    /// # Errors
    /// [`Busy`] when too much waits already, with part and callback.
    pub fn submit<F>(&self, part: Batch, done: F) -> Result<(), Busy<Completion>>
    where
        F: FnOnce(Result<(), StoreError>) + Send + 'static,
    {
        self.shared.lock().open.push(part, Box::new(done))?;
        self.shared.wake.notify_one();
        Ok(())
    }

    /// Reads what is committed.
    #[must_use]
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// Commits what was submitted, ends the thread and gives the store back; `None` if a callback panicked.
    #[must_use]
    pub fn close(mut self) -> Option<S> {
        self.shared.close();
        self.writer.take().and_then(|writer| writer.join().ok())
    }
}

impl<S> Drop for GroupCommit<S> {
    /// As [`Self::close`], without the store.
    fn drop(&mut self) {
        self.shared.close();
        if let Some(writer) = self.writer.take() {
            let _store = writer.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.lock().closing = true;
        self.wake.notify_one();
    }

    /// Waits for something to commit; `None` when there will be nothing more.
    fn next(&self) -> Option<Group<Completion>> {
        let waits = |queue: &mut Queue| queue.open.is_empty() && !queue.closing;
        let mut queue = self.wake.wait_while(self.lock(), waits).unwrap_or_else(PoisonError::into_inner);
        (!queue.open.is_empty()).then(|| std::mem::take(&mut queue.open))
    }
}
