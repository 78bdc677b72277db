//! What peers with keys have signed: the lists of their devices, and the keys with which sessions of their devices begin.
//!
//! The lists are in memory, all of them, and are looked up there ([`CurrentLists`]); prekeys are on disk alone. Whoever
//! wants something changed, or a prekey, makes a `Request`; `writer` carries out what has come in one transaction by the
//! rules of `desk`, and each request is answered when that is committed. So of a hundred who want the last one-time key
//! one gets it, whenever the server is killed. `check` says what is believed of what a connection brings.
//!
//! The server vouches for none of it: whoever gets a list or a key checks the signatures again.

mod check;
mod desk;
pub mod limits;
mod lists;
mod request;
mod stored;
mod tables;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::Arc;

use msr_protocol::{Code, Credential};
use parking_lot::Mutex;
use tokio::sync::mpsc::error::{SendError, TrySendError};
use tokio::sync::{mpsc, oneshot};

pub use check::{NewKeys, checked_keys, checked_list};
pub use desk::{Claimed, KeysLeft, ListPut};
pub use lists::{CurrentLists, KnownList};
pub(crate) use request::Request;
pub use stored::StoredKeys;

/// Lists and prekeys, running: a cheap handle. When the last one is dropped, what waits is written and the file is closed.
#[derive(Clone)]
pub(crate) struct Keys {
    lists: CurrentLists,
    requests: mpsc::Sender<Request>,
    /// Until it is started.
    waiting: Arc<Mutex<Option<Unstarted>>>,
}

/// What the task that writes is given.
struct Unstarted {
    stored: StoredKeys,
    received: mpsc::Receiver<Request>,
}

impl Keys {
    /// Nothing is answered before [`Keys::start`].
    pub(crate) fn new(stored: StoredKeys) -> Self {
        let (requests, received) = mpsc::channel(limits::REQUESTS);
        Self { lists: stored.lists.clone(), requests, waiting: Arc::new(Mutex::new(Some(Unstarted { stored, received }))) }
    }

    /// Answers from now on. To be called within a tokio runtime.
    pub(crate) fn start(&self) {
        if let Some(Unstarted { stored, received }) = self.waiting.lock().take() {
            tokio::spawn(writer::run(stored, received));
        }
    }

    /// The lists that are in force.
    pub(crate) fn lists(&self) -> &CurrentLists {
        &self.lists
    }

    /// Asks for something; refused at once with [`Code::RateLimited`] when too much waits, with [`Code::GoingAway`] after
    /// [`Keys::close`].
    pub(crate) fn ask(&self, request: Request) {
        match self.requests.try_send(request) {
            Ok(()) => {}
            Err(TrySendError::Full(request)) => request.refuse(Code::RateLimited),
            Err(TrySendError::Closed(request)) => request.refuse(Code::GoingAway),
        }
    }

    /// The same, but it waits for its turn where too much waits.
    pub(crate) fn ask_in_turn(&self, request: Request) {
        match self.requests.try_send(request) {
            Ok(()) => {}
            Err(TrySendError::Full(request)) => {
                let requests = self.requests.clone();
                tokio::spawn(async move {
                    if let Err(SendError(request)) = requests.send(request).await {
                        request.refuse(Code::GoingAway);
                    }
                });
            }
            Err(TrySendError::Closed(request)) => request.refuse(Code::GoingAway),
        }
    }

    /// Forgets what is kept of peers that nobody knows.
    pub(crate) async fn forget_unknown(&self, is_known: Arc<dyn Fn(Credential) -> bool + Send + Sync>) {
        let mut after = None;
        loop {
            let (answer, answered) = oneshot::channel();
            let is_known = Arc::clone(&is_known);
            self.ask(Request::Forget {
                after,
                is_known,
                answer: Box::new(move |next| {
                    let _ = answer.send(next);
                }),
            });
            let Ok(Ok(Some(next))) = answered.await else { return };
            after = Some(next);
        }
    }

    /// Writes what was asked for, and closes the file.
    pub(crate) async fn close(&self) {
        let (answer, answered) = oneshot::channel();
        let answer = Box::new(move |done| {
            let _ = answer.send(done);
        });
        let close = Request::Close { answer };
        if self.requests.send(close).await.is_ok() {
            let _ = answered.await;
        }
    }
}
