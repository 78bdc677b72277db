//! Connections without sockets: texts are handed to them, and what waits in their queues is looked at.

mod registration;
mod routing;
mod searching;
mod sessions;

use std::sync::Arc;

use futures_util::FutureExt as _;
use msr_protocol::{Code, Credential, JsonText, Message, MessageB, Peer, hash_secret};
use msr_store::MemoryDisk;
use serde_json::Value;

use super::connection::Connection;
use super::ending::Ending;
use super::place::Place;
use super::queue::Due;
use super::{Rate, Rules, Shared, Text, limits};
use crate::delivery::StoredQueues;
use crate::keys::StoredKeys;
use crate::store::PeerStore;

/// What the clock of a test says.
const NOW_MS: i64 = 1_700_000_000_000;

const TTL: std::time::Duration = std::time::Duration::from_secs(60);

/// A switch of a test, its store in a folder of its own.
struct Room {
    shared: Arc<Shared>,
    folder: tempfile::TempDir,
}

impl Room {
    fn new() -> Self {
        Self::with_rules(Rules::default())
    }

    fn with_rate(rate: Rate) -> Self {
        Self::with_rules(Rules { rate, ..Rules::default() })
    }

    fn with_rules(rules: Rules) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { shared: Self::open(&folder, rules), folder }
    }

    fn open(folder: &tempfile::TempDir, rules: Rules) -> Arc<Shared> {
        let store = PeerStore::open(folder.path(), TTL, NOW_MS).unwrap();
        let (messages, recovered) = MemoryDisk::new().open();
        let queues = StoredQueues::on(Box::new(messages), recovered, || NOW_MS).unwrap();
        let keys = StoredKeys::open(folder.path()).unwrap();
        let lists = Arc::new(keys.lists().clone());
        Arc::new(Shared::new(store, queues, keys, rules, lists))
    }

    /// The server stops and starts again.
    fn restart(self) -> Self {
        let Self { shared, folder } = self;
        assert_eq!(Arc::strong_count(&shared), 1, "all connections are gone");
        drop(shared);
        Self { shared: Self::open(&folder, Rules::default()), folder }
    }

    fn connect(&self) -> Client {
        self.connect_from(None)
    }

    fn connect_from(&self, place: Option<Place>) -> Client {
        Client { connection: Connection::admit(&self.shared, place) }
    }

    fn register(&self, peer: &Peer) -> Client {
        let mut client = self.connect();
        client.says(registration(peer));
        let [answer] = client.gets().try_into().unwrap();
        assert_eq!(answer["content"]["status"], 1, "{answer}");
        client
    }

    fn register_b(&self, peer: &Peer) -> (Client, String) {
        let mut client = self.connect();
        client.says(registration_b(peer, ""));
        let [answer] = client.gets().try_into().unwrap();
        assert_eq!(answer["content"]["status"], 200, "{answer}");
        let id = answer["content"]["peer"]["connection"].as_str().unwrap().to_owned();
        assert_eq!(id.len(), 32);
        (client, id)
    }
}

/// The other side of a connection.
struct Client {
    connection: Connection,
}

impl Client {
    fn says(&mut self, text: impl Into<String>) {
        self.connection.receive(&Text::from(text.into()));
    }

    /// Everything that waits to be written.
    fn gets(&self) -> Vec<Value> {
        let mut texts = Vec::new();
        let mut batch = Vec::new();
        while let Some(Due::Write { .. }) = self.connection.queue().next(&mut batch).now_or_never() {
            texts.append(&mut batch);
        }
        texts.iter().map(|text| serde_json::from_str(text).unwrap()).collect()
    }

    /// What waits to be written, if it is one message.
    fn gets_one(&self) -> Value {
        let [message] = self.gets().try_into().unwrap();
        message
    }

    /// Why the connection ends, once everything is written.
    fn ending(&self) -> Option<Ending> {
        match self.connection.queue().next(&mut Vec::new()).now_or_never()? {
            Due::End(ending) => Some(ending),
            Due::Write { .. } => panic!("something waits to be written"),
        }
    }

    fn leaves(self) {
        drop(self.connection);
    }
}

fn peer(name: &str) -> Peer {
    Peer {
        name: JsonText::string(name),
        email: JsonText::string(&format!("{name}@example.org")),
        secret: JsonText::string(&hash_secret("secret")),
        publish: true,
        ..Peer::default()
    }
}

fn message(from: Credential, to: &[Credential], subject: &str, content: JsonText) -> Message {
    let to: Vec<String> = to.iter().map(|credential| format!("\"{credential}\"")).collect();
    Message {
        to: JsonText::from_spelled(format!("[{}]", to.join(","))),
        from: from.into(),
        subject: JsonText::string(subject),
        timestamp: JsonText::milliseconds(NOW_MS - 5),
        content,
    }
}

fn message_b(from: Credential, to: &[Credential], subject: &str, content: JsonText) -> MessageB {
    let base = message(from, to, subject, content);
    MessageB { base, signature: JsonText::string("somebody"), sessid: JsonText::string("a session") }
}

fn registration(peer: &Peer) -> String {
    let credential = peer.credential();
    message(credential, &[credential], "register", JsonText::from_spelled(peer.to_text())).to_text()
}

fn registration_b(peer: &Peer, session: &str) -> String {
    let credential = peer.credential_b();
    let content = format!(
        r#"{{"peer":{{"credential":"{credential}","name":{},"contact":{},"secret":{},"hidden":{}}},"sessid":"{session}"}}"#,
        peer.name, peer.email, peer.secret, !peer.publish
    );
    message_b(credential, &[credential], "register", JsonText::from_spelled(content)).to_text()
}

fn resumption(session: &str) -> String {
    let content = JsonText::from_spelled(format!(r#"{{"sessid":"{session}"}}"#));
    let mut message = message_b(Credential([0; 16]), &[], "register", content);
    message.base.from = JsonText::empty_string();
    message.to_text()
}

fn refused(code: Code) -> Option<Ending> {
    Some(Ending::Refused(code))
}
