//! Who listens to a client.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

/// So much is kept for a receiver that is slow; what would exceed it ends the receiver, so that it cannot miss anything
/// without noticing.
pub(super) const KEPT: usize = 64 * 1024;

/// Receivers that each get everything.
#[derive(Debug)]
pub(super) struct Subscribers<T>(Arc<Mutex<Vec<mpsc::Sender<T>>>>);

impl<T> Clone for Subscribers<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Clone> Subscribers<T> {
    pub(super) fn new() -> Self {
        Self(Arc::default())
    }

    /// A receiver of all that is published from now on.
    pub(super) fn add(&self) -> mpsc::Receiver<T> {
        let (sender, receiver) = mpsc::channel(KEPT);
        self.list().push(sender);
        receiver
    }

    pub(super) fn publish(&self, value: &T) {
        self.list().retain(|sender| sender.try_send(value.clone()).is_ok());
    }

    /// Nothing more will come.
    pub(super) fn end(&self) {
        self.list().clear();
    }

    fn list(&self) -> MutexGuard<'_, Vec<mpsc::Sender<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
