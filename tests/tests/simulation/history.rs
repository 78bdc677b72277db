//! What happened, for the checker: written down by the world as it goes, looked at when it is over.

use std::collections::{BTreeMap, BTreeSet};

use msr_protocol::Credential;
use msr_protocol::v2::MessageId;

/// Names what a message says: the place of its device and a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Text {
    pub(crate) place: usize,
    pub(crate) count: u64,
}

impl Text {
    /// As JSON, so long at least.
    pub(crate) fn content(self, bytes: usize) -> String {
        format!("\"{}-{} {}\"", self.place, self.count, "x".repeat(bytes))
    }

    pub(crate) fn read(content: &str) -> Option<Self> {
        let (place, rest) = content.trim_matches('"').split_once('-')?;
        let count = rest.split(' ').next()?;
        Some(Self { place: place.parse().ok()?, count: count.parse().ok()? })
    }
}

/// A message of a page.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) recipients: Vec<Credential>,
    /// It may not live to see its recipients.
    pub(crate) expires: bool,
    pub(crate) is_request: bool,
    pub(crate) bytes: usize,
    pub(crate) id: Option<String>,
}

/// One call of a handler.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) text: Text,
    pub(crate) id: MessageId,
    pub(crate) life: usize,
    /// The write that notes it; `usize::MAX` while the handler runs.
    pub(crate) noted_by: usize,
}

/// What a ticket was settled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Accepted,
    Written,
    NotSent,
    Reply,
    NoReply,
}

/// A ticket of one life of a device.
#[derive(Debug, Clone)]
pub(crate) struct Ticketed {
    /// `None` for one that was restored.
    pub(crate) text: Option<Text>,
    pub(crate) is_request: bool,
    pub(crate) outcomes: Vec<Outcome>,
    /// The write that notes a `NotSent`.
    pub(crate) noted_by: usize,
}

/// Everything that happened to one device.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) calls: Vec<Call>,
    /// Of realtime messages.
    pub(crate) realtime: Vec<Text>,
    pub(crate) tickets: BTreeMap<(usize, u32), Ticketed>,
    pub(crate) accepted: BTreeSet<MessageId>,
    /// Requests that were answered, and what the answers say they answer.
    pub(crate) replies: Vec<(Option<Text>, Option<MessageId>)>,
    pub(crate) receipts: Vec<(MessageId, Credential, msr_client::Progress)>,
    /// How many writes were applied when each life ended.
    pub(crate) applied_at_end: Vec<usize>,
    pub(crate) gaps: usize,
    pub(crate) troubles: Vec<String>,
}
