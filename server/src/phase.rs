//! How far the server is in its life; one writer, many readers.

use tokio::sync::watch;

/// Where the server stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Takes connections.
    Serving,
    /// Takes no new ones, and those there are come to an end.
    Draining,
    /// Plain HTTP connections end too.
    Closing,
}

/// Reads the phase.
#[derive(Debug, Clone)]
pub struct Phases(watch::Receiver<Phase>);

impl Phases {
    /// The writer and a reader.
    #[must_use]
    pub fn new() -> (watch::Sender<Phase>, Self) {
        let (sender, receiver) = watch::channel(Phase::Serving);
        (sender, Self(receiver))
    }

    /// The phase now.
    #[must_use]
    pub fn now(&self) -> Phase {
        *self.0.borrow()
    }

    /// Until that phase is reached, or the server is gone.
    pub async fn reach(&mut self, phase: Phase) {
        let _ = self.0.wait_for(|now| *now >= phase).await;
    }
}
