//! Where a connection stands: the state machine of the crate's documentation, its states and what they know.

use crate::State;

/// A state, with the time on the monotonic clock at which it is left of itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Phase {
    /// No connection is wanted: nobody asked for one yet, or it was closed, refused, or lost for good.
    Idle,
    /// What this device kept is to be read before a server hears of it.
    Restoring,
    /// A socket is to open.
    Connecting {
        /// Given up then.
        deadline_ms: f64,
    },
    /// The socket did not open, and the server is asked over HTTP whether it refuses this origin.
    Probing {
        /// Taken for a no then.
        deadline_ms: f64,
    },
    /// The socket is open, and the server is to speak first: version 2.
    Greeting {
        /// Given up then.
        deadline_ms: f64,
    },
    /// The server has spoken, and the keys are to sign what it said: identities by key.
    Proving {
        /// Given up then.
        deadline_ms: f64,
    },
    /// The socket is open and the registration written.
    Registering {
        /// When it was written.
        sent_ms: f64,
        /// Given up then.
        deadline_ms: f64,
    },
    /// Messages flow.
    Registered {
        /// Since when.
        since_ms: f64,
    },
    /// The next attempt is due later.
    Waiting {
        /// Then.
        retry_at_ms: f64,
    },
}

impl Phase {
    /// What a page is told of it.
    pub(super) fn state(self) -> State {
        match self {
            Self::Idle | Self::Restoring | Self::Connecting { .. } | Self::Probing { .. } | Self::Waiting { .. } => State::Closed,
            Self::Greeting { .. } | Self::Proving { .. } | Self::Registering { .. } => State::Opened,
            Self::Registered { .. } => State::Registered,
        }
    }

    /// When it is left of itself; infinite for never.
    pub(super) fn deadline_ms(self) -> f64 {
        match self {
            Self::Idle | Self::Restoring | Self::Registered { .. } => f64::INFINITY,
            Self::Connecting { deadline_ms }
            | Self::Probing { deadline_ms }
            | Self::Greeting { deadline_ms }
            | Self::Proving { deadline_ms }
            | Self::Registering { deadline_ms, .. } => deadline_ms,
            Self::Waiting { retry_at_ms } => retry_at_ms,
        }
    }

    /// Whether there is a socket, open or about to be.
    pub(super) fn has_socket(self) -> bool {
        match self {
            Self::Idle | Self::Restoring | Self::Probing { .. } | Self::Waiting { .. } => false,
            Self::Connecting { .. } | Self::Greeting { .. } | Self::Proving { .. } | Self::Registering { .. } | Self::Registered { .. } => {
                true
            }
        }
    }
}
