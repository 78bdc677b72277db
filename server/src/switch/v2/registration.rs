//! The server challenges, the device says who it is and what it has seen, the server says what it goes on with.

use std::sync::Arc;

use msr_crypto::{PublicKey, account_key_of, verify_proof};
use msr_delivery::{Greeting, Welcomed, limits as queue_limits};
use msr_protocol::limits::{LOCATION_BYTES, PEER_FIELD_BYTES};
use msr_protocol::v2::{Frame, PeerDevice, Varint};
use msr_protocol::{Code, Credential, JsonText, Location, Peer, spell};
use ring::rand::SecureRandom as _;
use tokio::time::Instant;
use tracing::{info, warn};

use super::connection::Connection;
use super::keys::ByKey;
use super::limits;
use super::line::encoded;
use crate::delivery::Line;
use crate::store::{Identity, Profile};
use crate::switch::registry::Online;
use crate::switch::{Identities, limits as switch_limits};

/// What the server calls itself.
const SERVER_NAME: &str = "msgsrouter";

/// A `Hello`, its words checked.
struct Hello<'a> {
    credential: Credential,
    peer: Peer,
    greeting: Greeting,
    proof: &'a [u8],
}

impl Connection {
    /// The first frame of the server.
    pub(super) fn challenge(&mut self) {
        let mut nonce = [0; 32];
        // It fails only where the system has no randomness yet: later it has.
        if self.shared.random.fill(&mut nonce).is_err() {
            return self.refuse(Code::GoingAway);
        }
        self.nonce = Some(nonce);
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
        let Hello { credential, mut peer, greeting, proof } = read(hello, u64::from_le_bytes(fresh_epoch))?;
        let by_key = self.prove(&peer, PeerDevice { peer: credential, device: greeting.device }, proof)?;
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
        let is_by_key = by_key.is_some();
        info!(%credential, name = ?profile.name.as_str(), device = %hex::encode(greeting.device), is_by_key, "registered");
        if let Some(by_key) = &by_key {
            self.tell_of_keys(by_key);
        }
        self.by_key = by_key;
        Ok(())
    }

    /// Whether the device is the peer's. Of an identity by MD5 its words are all the proof there is.
    fn prove(&mut self, peer: &Peer, of: PeerDevice, proof: &[u8]) -> Result<Option<ByKey>, Code> {
        let nonce = self.nonce.take().ok_or(Code::InvalidRegistration)?;
        let secret = match Identity::of(&peer.secret) {
            Identity::Md5 if self.shared.rules.identities == Identities::Key => return Err(Code::KeyRequired),
            Identity::Md5 => return Ok(None),
            Identity::Key(secret) => secret,
        };
        let verified = verify_proof(proof, &nonce, of.peer, secret.as_str(), of.device).map_err(|error| {
            info!(%error, "the proof does not hold");
            error.code()
        })?;
        if !self.shared.rules.names.has(&verified.host) {
            warn!(host = ?verified.host, "the proof names another server: name this one in HOSTS if it is meant");
            return Err(Code::WrongHost);
        }
        if self.shared.keys.lists().get(of.peer).is_some_and(|list| list.is_revoked(of.device)) {
            return Err(Code::DeviceRevoked);
        }
        let device_key = PublicKey::from_bytes(&verified.enrolment.device_key).ok_or(Code::InvalidRegistration)?;
        Ok(Some(ByKey { of, device_key, secret }))
    }
}

fn read<'a>(hello: &Frame<'a>, fresh_epoch: u64) -> Result<Hello<'a>, Code> {
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
        proof,
        time_ms: _,
    } = hello
    else {
        return Err(Code::InvalidRegistration);
    };
    let secret = string(secret)?;
    let is_md5 = secret.as_str().len() == 34 && secret.as_str()[1..33].bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let is_proved = if is_md5 { proof.is_empty() } else { account_key_of(secret.as_str()).is_some() };
    if !is_proved || device_name.len() > limits::DEVICE_NAME_BYTES {
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
    Ok(Hello { credential: *credential, peer, greeting, proof })
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
