//! The server challenges, the device says who it is and what it has seen, the server says what it goes on with.

use std::sync::Arc;

use msr_delivery::{Greeting, Welcomed, limits as queue_limits};
use msr_protocol::limits::{LOCATION_BYTES, PEER_FIELD_BYTES};
use msr_protocol::v2::{Frame, Varint};
use msr_protocol::{Code, Credential, JsonText, Location, Peer, spell};
use ring::rand::SecureRandom as _;
use tokio::time::Instant;
use tracing::info;

use super::connection::Connection;
use super::limits;
use super::line::encoded;
use crate::delivery::Line;
use crate::store::Profile;
use crate::switch::limits as switch_limits;
use crate::switch::registry::Online;

/// What the server calls itself.
const SERVER_NAME: &str = "msgsrouter";

/// A `Hello`, its words checked.
struct Hello {
    credential: Credential,
    peer: Peer,
    greeting: Greeting,
}

impl Connection {
    /// The first frame of the server.
    pub(super) fn challenge(&self) {
        let mut nonce = [0; 32];
        // It fails only where the system has no randomness yet: later it has.
        if self.shared.random.fill(&mut nonce).is_err() {
            return self.refuse(Code::GoingAway);
        }
        self.answer(&Frame::Challenge { nonce, time_ms: (self.shared.clock)(), server: SERVER_NAME });
    }

    /// A `Hello` came.
    pub(super) fn register(&mut self, hello: Frame<'_>) {
        let (received_ms, received) = ((self.shared.clock)(), Instant::now());
        let Frame::Hello { time_ms, .. } = hello else { return };
        if let Err(code) = self.try_register(&hello, time_ms, received_ms, received) {
            self.refuse_registration(code);
        }
    }

    /// Nothing came in time.
    pub(super) fn time_out(&self) {
        self.refuse_registration(Code::RegistrationTimeout);
    }

    /// Says why, and closes the connection.
    pub(super) fn refuse_registration(&self, code: Code) {
        self.answer(&Frame::Refused { code: code.number(), reason: code.reason() });
        self.refuse(code);
    }

    fn try_register(&mut self, hello: &Frame<'_>, origin_time_ms: i64, received_ms: i64, received: Instant) -> Result<(), Code> {
        let mut fresh_epoch = [0; 8];
        self.shared.random.fill(&mut fresh_epoch).map_err(|_| Code::GoingAway)?;
        let Hello { credential, mut peer, greeting } = read(hello, u64::from_le_bytes(fresh_epoch))?;
        if let Some(place) = &self.place {
            place.fill_in(&mut peer.location);
        }
        let profile = Arc::new(Profile::of(credential, peer));
        let online = Online::Version2 { connection: self.id(), profile: Arc::clone(&profile) };
        self.shared.registry.sign_in(online, received_ms, || Ok::<(), Code>(()))?;
        let welcome = |welcomed: &Welcomed| {
            encoded(&Frame::Welcome {
                origin_time_ms,
                receive_time_ms: received_ms,
                process_time_us: Varint(u64::try_from(received.elapsed().as_micros()).unwrap_or(0)),
                queue_epoch: welcomed.queue_epoch,
                start: welcomed.start,
                accepted: Varint(welcomed.accepted),
                waiting: Varint(welcomed.waiting as u64),
                gap: welcomed.gap,
                window_entries: Varint(queue_limits::WINDOW_ENTRIES as u64),
                window_bytes: Varint(queue_limits::WINDOW_BYTES),
                message_bytes: Varint(queue_limits::MESSAGE_BYTES as u64),
                piece_bytes: Varint(u64::from(queue_limits::PIECE_BYTES)),
                heartbeat_ms: Varint(switch_limits::HEARTBEAT_MS),
            })
        };
        let line = Arc::clone(&self.queue) as Arc<dyn Line>;
        if let Err(code) = self.queues().register(self.name(), line, &greeting, welcome) {
            self.shared.registry.sign_out(credential, self.id(), received_ms);
            return Err(code);
        }
        self.registered = Some(credential);
        self.shared.counters.registered.add(1);
        info!(%credential, name = ?profile.name.as_str(), device = %hex::encode(greeting.device), "registered");
        Ok(())
    }
}

fn read(hello: &Frame<'_>, fresh_epoch: u64) -> Result<Hello, Code> {
    let Frame::Hello {
        credential,
        device,
        device_name,
        name,
        email,
        secret,
        location,
        publish,
        outbox_epoch,
        queue_epoch,
        start,
        handled,
        signature,
        time_ms: _,
    } = hello
    else {
        return Err(Code::InvalidRegistration);
    };
    let secret = string(secret)?;
    // A secret that is a public key needs a signature; nobody gives one here yet.
    let is_md5 = secret.as_str().len() == 34 && secret.as_str()[1..33].bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !is_md5 || !signature.is_empty() || device_name.len() > limits::DEVICE_NAME_BYTES {
        return Err(Code::InvalidRegistration);
    }
    let peer = Peer { name: string(name)?, email: string(email)?, secret, location: object(location)?, publish: *publish };
    if peer.credential() != *credential {
        return Err(Code::InvalidRegistration);
    }
    let greeting = Greeting {
        credential: *credential,
        device: *device,
        name: (*device_name).to_owned(),
        outbox_epoch: *outbox_epoch,
        queue_epoch: *queue_epoch,
        start: *start,
        handled: *handled,
        fresh_epoch,
    };
    Ok(Hello { credential: *credential, peer, greeting })
}

/// A JSON string, not too long, as JavaScript spells it.
fn string(text: &str) -> Result<JsonText, Code> {
    json(text, '"', PEER_FIELD_BYTES)
}

fn object(text: &str) -> Result<Location, Code> {
    json(text, '{', LOCATION_BYTES).map(Location)
}

fn json(text: &str, first: char, most_bytes: usize) -> Result<JsonText, Code> {
    let fits = |text: &str| text.len() <= most_bytes;
    let spelled = fits(text).then(|| spell(text).ok()).flatten();
    spelled.filter(|spelled| spelled.as_str().starts_with(first) && fits(spelled.as_str())).ok_or(Code::InvalidRegistration)
}
