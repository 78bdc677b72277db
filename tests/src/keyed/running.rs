//! A client with keys that runs, and what a test does with it.

use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use msr_client::native::{Client, Sent};
use msr_client::{Draft, Event, Failure, Inbound, Input, Progress, State};
use msr_crypto::{self as crypto, AlarmKind, KeyEvent, PeerChange};
use msr_protocol::v2::Bytes16;
use msr_protocol::{Code, Credential, JsonText};
use tokio::sync::{mpsc, watch};

use super::{Heard, Ring, Slot};
use crate::{quoted, within};

/// A message that came and was handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Got {
    /// What it says.
    pub text: String,
    /// Whether it came encrypted.
    pub encrypted: bool,
}

/// A client that runs. Its messages are handled when the test takes them.
pub struct Running {
    /// The client.
    pub client: Client,
    events: mpsc::Receiver<Event>,
    ring: Arc<Mutex<Ring>>,
    heard: watch::Receiver<Heard>,
    /// What came before what was asked for.
    before: Vec<Event>,
}

impl Running {
    pub(super) fn new(client: Client, ring: Arc<Mutex<Ring>>, heard: watch::Receiver<Heard>) -> Self {
        let events = client.events();
        let connecting = client.clone();
        tokio::spawn(async move { connecting.connect().await });
        Self { client, events, ring, heard, before: Vec::new() }
    }

    /// Waits until it is registered.
    pub async fn registered(&self) {
        within("the registration", self.client.watch().wait_for(|status| status.state == State::Registered)).await.unwrap();
    }

    /// Waits until its device is on the list that the server has, and its keys are there.
    pub async fn listed(&self) -> Bytes16 {
        let is_listed = |heard: &Heard| heard.one_time > 0 && heard.device.is_some_and(|device| heard.listed.contains(&device));
        self.heard("its place on the list", is_listed).await.device.unwrap()
    }

    /// Waits until the keys have told something.
    pub async fn heard(&self, what: &str, fits: impl Fn(&Heard) -> bool) -> Heard {
        let mut heard = self.heard.clone();
        let waited = tokio::time::timeout(crate::WAIT, heard.wait_for(|heard| fits(heard))).await;
        match waited {
            Ok(Ok(heard)) => heard.clone(),
            _ => panic!("waited in vain for {what}; the keys told {:?}", self.heard.borrow().clone()),
        }
    }

    /// What the keys have told so far.
    pub fn told(&self) -> Heard {
        self.heard.borrow().clone()
    }

    /// Waits for an alarm about a peer.
    pub async fn alarm(&self, about: Credential, kind: AlarmKind) {
        let alarm = KeyEvent::Alarm { credential: about, kind };
        self.heard("an alarm", |heard| heard.events.contains(&alarm)).await;
    }

    /// Waits for a change of a peer.
    pub async fn peer_change(&self, about: Credential, change: PeerChange) {
        let fits = |event: &KeyEvent| matches!(event, KeyEvent::PeerChanged { credential, change: told, .. } if (*credential, *told) == (about, change));
        self.heard("a change of a peer", |heard| heard.events.iter().any(fits)).await;
    }

    /// Tells the keys something.
    pub async fn tell_keys(&self, input: crypto::Input) {
        let said = self.ring.lock().unwrap().tell(input, wall_ms());
        self.answer(said).await;
    }

    /// As if so much time had passed for the keys: what is due by then is done.
    pub async fn pass(&self, time_ms: i64) {
        let said = self.ring.lock().unwrap().pass(wall_ms() + time_ms);
        self.answer(said).await;
    }

    async fn answer(&self, said: Vec<Input>) {
        for input in said {
            self.client.answer(input).await.unwrap();
        }
    }

    /// The next event that fits. The messages and whatever else came before it can still be asked for.
    pub async fn event<T>(&mut self, what: &str, mut fits: impl FnMut(&Event) -> Option<T>) -> T {
        if let Some((place, found)) = self.before.iter().enumerate().find_map(|(place, event)| Some((place, fits(event)?))) {
            self.before.remove(place);
            return found;
        }
        let found = tokio::time::timeout(crate::WAIT, async {
            loop {
                let event = self.events.recv().await.expect("the client goes on");
                match fits(&event) {
                    Some(found) => break found,
                    None => self.before.push(event),
                }
            }
        });
        match found.await {
            Ok(found) => found,
            Err(_) => panic!("waited in vain for {what}; the keys told {:?}; the client {:?}", self.heard.borrow().events, self.before),
        }
    }

    /// The next message, as it is; it is not handled.
    pub async fn inbound(&mut self) -> Inbound {
        *self.event("a message", |event| if let Event::Message(inbound) = event { Some(inbound.clone()) } else { None }).await
    }

    /// The next message; handled when this returns.
    pub async fn message(&mut self) -> Got {
        let inbound = self.inbound().await;
        self.client.handled(inbound.tag.unwrap()).await.unwrap();
        Got { text: serde_json::from_str(inbound.message.content.as_str()).unwrap(), encrypted: inbound.encrypted }
    }

    /// The next message, which must have come encrypted.
    pub async fn secret(&mut self) -> String {
        let Got { text, encrypted } = self.message().await;
        assert!(encrypted, "{text} came in plain");
        text
    }

    /// How many messages have come that were not taken.
    pub fn untaken(&mut self) -> Vec<String> {
        while let Ok(event) = self.events.try_recv() {
            self.before.push(event);
        }
        let content = |event: &Event| match event {
            Event::Message(inbound) => Some(inbound.message.content.as_str().to_owned()),
            _ => None,
        };
        self.before.iter().filter_map(content).collect()
    }

    /// Sends a message that must be accepted for everybody.
    pub async fn send(&self, to: Credential, text: &str) {
        let sent = within("the acceptance", self.client.send(draft(&[to], text))).await.unwrap();
        let Sent::Accepted { recipients, .. } = &sent else { panic!("{sent:?}") };
        assert!(recipients.iter().all(|(_, progress)| !matches!(progress, Progress::Error(_))), "{sent:?}");
    }

    /// Begins to send.
    pub fn sending(&self, draft: Draft) -> tokio::task::JoinHandle<Result<Sent, Failure>> {
        let client = self.client.clone();
        tokio::spawn(async move { client.send(draft).await })
    }

    /// Waits until it gives up, and why.
    pub async fn refused(&mut self) -> Code {
        self.event("the end", |event| if let Event::Refused(failure) = event { Some(failure.code) } else { None }).await
    }

    /// Drops it as a kill would: no good-bye, nothing is waited for. Its folder is free when this returns.
    pub async fn kill(self, slot: &Slot) {
        drop(self);
        slot.is_free().await;
    }
}

/// A message that is a text.
pub fn draft(to: &[Credential], text: &str) -> Draft {
    let to: Vec<String> = to.iter().map(|to| quoted(&to.to_string())).collect();
    let to = JsonText::from_spelled(format!("[{}]", to.join(",")));
    Draft { id: Some(text.to_owned()), ..Draft::new(to, JsonText::string("subject of it"), JsonText::string(text)) }
}

fn wall_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}
