//! Who proves, seals and opens for an identity by key. There is no cryptography in this crate: whoever has some implements
//! [`Keys`].

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use msr_protocol::Code;

use crate::{Event, Failure, Input, Moment, Opening, Output, Sealing};

/// The keys of one device of one peer.
pub trait Keys: Send {
    /// Takes what a session asks of the keys or tells them: [`Output::Prove`], [`Output::Seal`], [`Output::Unseal`], [`Output::Open`],
    /// [`Output::Keys`], [`Output::LateHandled`]. Gives what they have to say by now, answers and [`Input::Keys`], [`Input::Control`],
    /// [`Input::Late`] alike. What they say later goes by [`super::Client::answer`].
    fn ask(&mut self, question: Output, now: Moment) -> Vec<Input>;

    /// Hears what the page is told, before it is: of [`Event::Registered`] and [`Event::State`] something may follow.
    fn told(&mut self, event: &Event, now: Moment) -> Vec<Input> {
        let _ = (event, now);
        Vec::new()
    }

    /// When [`Keys::time_out`] is to be called, on the monotonic clock; infinite for never.
    fn deadline_ms(&self) -> f64 {
        f64::INFINITY
    }

    /// That time has come.
    fn time_out(&mut self, now: Moment) -> Vec<Input> {
        let _ = now;
        Vec::new()
    }
}

/// Keys that a client shares with whoever made them.
#[derive(Clone)]
pub struct SharedKeys(Arc<Mutex<dyn Keys>>);

impl SharedKeys {
    /// Shares them.
    pub fn new(keys: Arc<Mutex<dyn Keys>>) -> Self {
        Self(keys)
    }

    pub(super) fn with<T>(&self, act: impl FnOnce(&mut dyn Keys) -> T) -> T {
        act(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for SharedKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SharedKeys")
    }
}

/// What is answered where there are no keys.
pub(super) fn without_keys(question: Output) -> Vec<Input> {
    let failure = Failure::from(Code::NoDeviceKeys);
    match question {
        Output::Prove { nonce, .. } => vec![Input::NotProven { nonce, failure }],
        Output::Seal { ticket, .. } => vec![Input::Sealed { ticket, outcome: Sealing::Refused(failure) }],
        Output::Open { tag, .. } => vec![Input::Opened { tag, outcome: Opening::Failed(failure) }],
        _ => Vec::new(),
    }
}
