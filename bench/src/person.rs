//! Who connects, and what they say: texts computed once, before anything is measured.

use msr_protocol::v2::Frame;
use msr_protocol::{Credential, JsonText, Message, Peer};

/// A peer of dialect A.
pub(crate) struct Person {
    peer: Peer,
    /// Its address.
    pub(crate) credential: Credential,
}

impl Person {
    /// The one with that number; each number gives another credential.
    pub(crate) fn numbered(number: usize) -> Self {
        let peer = Peer {
            name: JsonText::string(&format!("bench {number}")),
            email: JsonText::string(&format!("bench.{number}.{}@example.org", std::process::id())),
            ..Peer::default()
        };
        let credential = peer.credential();
        Self { peer, credential }
    }

    /// The frame that registers its one device.
    pub(crate) fn hello(&self) -> Vec<u8> {
        let Self { peer, credential } = self;
        let mut out = Vec::new();
        let hello = Frame::Hello {
            credential: *credential,
            device: credential.0,
            device_name: "bench",
            name: peer.name.as_str(),
            email: peer.email.as_str(),
            secret: peer.secret.as_str(),
            location: peer.location.0.as_str(),
            publish: false,
            time_ms: 0,
            outbox_epoch: 1,
            queue_epoch: None,
            start: 0,
            handled: 0,
            proof: b"",
        };
        hello.write(&mut out);
        out
    }

    /// The text that registers it.
    pub(crate) fn registration(&self) -> String {
        self.says(&[self.credential], "register", JsonText::from_spelled(self.peer.to_text()))
    }

    /// A message of `bytes` bytes of content, its JSON quotes included.
    pub(crate) fn message(&self, to: &[Credential], bytes: usize) -> String {
        self.says(to, "bench", JsonText::string(&"x".repeat(bytes.saturating_sub(2))))
    }

    fn says(&self, to: &[Credential], subject: &str, content: JsonText) -> String {
        let to: Vec<String> = to.iter().map(|credential| format!("\"{credential}\"")).collect();
        let message = Message {
            to: JsonText::from_spelled(format!("[{}]", to.join(","))),
            from: JsonText::from(self.credential),
            subject: JsonText::string(subject),
            timestamp: JsonText::milliseconds(1_700_000_000_000),
            content,
        };
        message.to_text()
    }
}
