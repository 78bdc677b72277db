//! Why a connection ends, and what the other side is told.

use msr_protocol::Code;

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The peer said good-bye.
    Bye,
    /// The switch closes it.
    Refused(Code),
    /// The other side broke the WebSocket protocol; RFC 6455 has the code.
    Broken {
        /// 1002 or 1007.
        close_code: u16,
    },
    /// The other side closed it, or is gone.
    Gone,
}

impl Ending {
    /// The close code and reason to send, if anybody is there to read them.
    pub(super) fn close_frame(self) -> Option<(u16, &'static str)> {
        match self {
            Self::Bye => Some((1000, "")),
            Self::Refused(code) => Some((code.close_code(), code.reason())),
            Self::Broken { close_code } => Some((close_code, "")),
            Self::Gone => None,
        }
    }

    /// Whether what waits is still written first. It is where the answer that says why waits too; who does not read, or
    /// is gone, gets no more.
    pub(super) fn writes_what_waits(self) -> bool {
        match self {
            Self::Refused(Code::SlowConsumer | Code::Silent | Code::Displaced) | Self::Gone => false,
            Self::Bye | Self::Refused(_) | Self::Broken { .. } => true,
        }
    }
}
