//! The machine in its shell: questions go in, answers come out of [`Keys::drain`]. Whoever has more than one question asks them
//! all before it: what they change is kept in one write.

use std::cell::{Cell, RefCell};

use msr_crypto::{Change, Failure, Input, Machine, Output, OwnDevice, PersistTicket};
use msr_protocol::v2::{Answer, Bytes16, Field, Question, Rest};
use msr_protocol::{Code, Credential, JsonText};
use wasm_bindgen::prelude::*;

use super::convert::{input, late, listed, opened, sealed, spelled};
use super::device::{Found, Owner, changed};
use super::face::{KeysFace, WirePeerKeys, WireRows, WireSafetyNumber, changes_to_page, records_from_page};
use super::news;

/// Names the changes that a new device begins with; no ticket of the machine is negative.
const ENROLMENT: f64 = -1.0;

/// A connection that is to be signed.
struct Challenge {
    nonce: [u8; 32],
    host: String,
}

/// How far the device is.
enum State {
    /// What was kept is here, and nothing was asked.
    Kept(Vec<(String, Vec<u8>)>),
    /// Its keys are new and on their way to the disk.
    Enrolling { device: Bytes16, records: Vec<(String, Vec<u8>)>, changes: Vec<Change>, challenge: Challenge },
    /// It has keys.
    Ready { signer: Box<OwnDevice>, machine: Box<Machine> },
}

/// The keys of one device of one peer.
#[wasm_bindgen]
pub struct Keys {
    face: KeysFace,
    owner: Owner,
    state: RefCell<State>,
    draining: Cell<bool>,
    /// What was not said yet.
    answers: RefCell<Vec<u8>>,
}

#[wasm_bindgen]
impl Keys {
    /// Keys with what was kept of them: `rows`. Name, e-mail address and secret are JSON texts, `seed` is the account's.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(face: KeysFace, rows: &WireRows, name: String, email: String, secret: String, seed: Option<Vec<u8>>) -> Self {
        let owner = Owner::new([name, email, secret].map(JsonText::from_spelled), seed.as_deref());
        Self {
            face,
            owner,
            state: RefCell::new(State::Kept(records_from_page(rows))),
            draining: Cell::new(false),
            answers: RefCell::default(),
        }
    }

    /// What the session asks.
    pub fn ask(&self, mut question: &[u8], now_ms: f64) {
        match Question::read(&mut question) {
            Ok(Question::Prove { credential, device, nonce, host }) => {
                let challenge = Challenge { nonce, host: host.to_owned() };
                if let Err(failure) = self.prove(credential, device, challenge, now_ms) {
                    let Failure { code, detail } = &failure;
                    self.answer(&spelled(&Answer::NotProven { nonce, code: code.number(), detail }));
                }
            }
            Ok(other) => {
                if let Some(input) = input(other) {
                    self.handle(input, now_ms);
                }
            }
            // Both come from one build.
            Err(_) => {}
        }
    }

    /// The session is registered.
    pub fn registered(&self, now_ms: f64) {
        self.handle(Input::Registered, now_ms);
    }

    /// It no longer is.
    pub fn disconnected(&self, now_ms: f64) {
        self.handle(Input::Disconnected, now_ms);
    }

    /// Changes are kept.
    pub fn persisted(&self, ticket: f64, now_ms: f64) {
        if ticket == ENROLMENT {
            self.enrolled(now_ms);
        } else {
            self.handle(Input::Persisted { ticket: PersistTicket(ticket as u64) }, now_ms);
        }
    }

    /// They are not.
    #[wasm_bindgen(js_name = persistFailed)]
    pub fn persist_failed(&self, ticket: f64, reason: String, now_ms: f64) {
        if ticket != ENROLMENT {
            return self.handle(Input::NotPersisted { ticket: PersistTicket(ticket as u64), reason }, now_ms);
        }
        let state = self.state.replace(State::Kept(vec![]));
        let State::Enrolling { records, challenge, .. } = state else { return drop(self.state.replace(state)) };
        // All is as it was: the next connection tries again.
        self.state.replace(State::Kept(records));
        let (nonce, code) = (challenge.nonce, Code::NoDeviceKeys.number());
        let detail = &format!("The keys of this device cannot be kept: {reason}");
        self.answer(&spelled(&Answer::NotProven { nonce, code, detail }));
    }

    /// When [`Self::timed_out`] is due, in ms since 1970.
    #[must_use]
    pub fn timeout(&self) -> Option<f64> {
        match &*self.state.borrow() {
            State::Ready { machine, .. } => machine.poll_timeout().map(|at_ms| at_ms as f64),
            State::Kept(_) | State::Enrolling { .. } => None,
        }
    }

    /// The time of [`Self::timeout`] has come.
    #[wasm_bindgen(js_name = timedOut)]
    pub fn timed_out(&self, now_ms: f64) {
        self.with(|machine| machine.handle_timeout(now_ms as i64));
    }

    /// A person accepts the keys and devices that a peer has now.
    ///
    /// # Errors
    /// As for every call below: the number of the error, a blank, and what it says to a person.
    pub fn accept(&self, credential: &str, now_ms: f64) -> Result<(), JsError> {
        self.require(Input::Accept { credential: peer(credential)? }, now_ms)
    }

    /// A person compared the safety number of a peer, or takes that back.
    ///
    /// # Errors
    /// As [`Self::accept`].
    pub fn verify(&self, credential: &str, verified: bool, now_ms: f64) -> Result<(), JsError> {
        self.require(Input::Verify { credential: peer(credential)?, verified }, now_ms)
    }

    /// Takes a device off the peer's own list; `KeysFace.tell` says what became of it.
    ///
    /// # Errors
    /// As [`Self::accept`].
    pub fn revoke(&self, device: &str, now_ms: f64) -> Result<(), JsError> {
        self.require(Input::Revoke { device: peer(device)?.0 }, now_ms)
    }

    /// Takes this device off the peer's own list, because its keys are about to be no more; `KeysFace.tell` says what became of it, as
    /// of a device that is revoked.
    ///
    /// # Errors
    /// As [`Self::accept`].
    pub fn leave(&self, now_ms: f64) -> Result<(), JsError> {
        self.require(Input::Leave, now_ms)
    }

    /// The devices of the peer that the server knows, 32 hex digits each, joined by blanks.
    #[wasm_bindgen(js_name = ownDevices)]
    pub fn own_devices(&self, devices: &str, now_ms: f64) {
        let devices = devices.split(' ').filter_map(|device| device.parse().ok()).map(|Credential(device)| device).collect();
        self.handle(Input::OwnDevices(devices), now_ms);
    }

    /// What this peer and another one compare: see `SafetyNumber`.
    ///
    /// # Errors
    /// As [`Self::accept`].
    #[wasm_bindgen(js_name = safetyNumber)]
    pub fn safety_number(&self, credential: &str) -> Result<WireSafetyNumber, JsError> {
        let credential = peer(credential)?;
        let [own, other] = self.read(|machine| machine.identities(credential))?;
        Ok(news::safety_number(&own, &other).unchecked_into())
    }

    /// What is known of the keys of a peer: see `PeerKeys`.
    ///
    /// # Errors
    /// As [`Self::accept`].
    #[wasm_bindgen(js_name = peerKeys)]
    pub fn peer_keys(&self, credential: &str) -> Result<WirePeerKeys, JsError> {
        let credential = peer(credential)?;
        let keys = self.read(|machine| machine.peer(credential).as_ref().map(news::peer_keys))?;
        Ok(keys.unchecked_into())
    }

    /// What a backup is to hold.
    ///
    /// # Errors
    /// As [`Self::accept`].
    #[wasm_bindgen(js_name = exportKeys)]
    pub fn export_keys(&self) -> Result<Vec<u8>, JsError> {
        self.read(|machine| Some(machine.export().0.to_vec()))
    }

    /// Takes over what a backup holds.
    ///
    /// # Errors
    /// As [`Self::accept`].
    #[wasm_bindgen(js_name = importKeys)]
    pub fn import_keys(&self, backup: &[u8], now_ms: f64) -> Result<(), JsError> {
        let outcome = self.read(|machine| Some(machine.import(backup, now_ms as i64)))?;
        outcome.map_err(|failure| error(&failure))
    }

    /// Carries out what came of the calls above. To be called after them, once for as many as there are.
    pub fn drain(&self) {
        if self.draining.replace(true) {
            return;
        }
        while let Some(output) = self.next_output() {
            self.perform(output);
        }
        let answers = self.answers.take();
        if !answers.is_empty() {
            self.face.answer(answers);
        }
        self.draining.set(false);
    }
}

impl Keys {
    /// Says something to the session, at the end of [`Self::drain`].
    fn answer(&self, answer: &[u8]) {
        answer.write(&mut self.answers.borrow_mut());
    }

    /// Signs a connection, when this device has its keys; else they are made first.
    fn prove(&self, credential: Credential, device: Bytes16, challenge: Challenge, now_ms: f64) -> Result<(), Failure> {
        if credential != self.owner.credential() {
            return Err(Code::NoDeviceKeys.into());
        }
        let records = match &mut *self.state.borrow_mut() {
            State::Ready { signer, .. } if signer.device == device => {
                self.sign(signer, &challenge);
                return Ok(());
            }
            // The session has given that connection up: the next one is signed when the keys are kept.
            State::Enrolling { device: own, challenge: earlier, .. } if *own == device => {
                *earlier = challenge;
                return Ok(());
            }
            State::Ready { .. } | State::Enrolling { .. } => return Err(Code::NoDeviceKeys.into()),
            State::Kept(records) => std::mem::take(records),
        };
        match self.owner.device(device, &records, now_ms as i64) {
            Ok(Found::Kept(devices)) => {
                let [signer, own] = *devices;
                self.sign(&signer, &challenge);
                let machine = Box::new(Machine::new(self.owner.own(own), records, now_ms as i64));
                self.state.replace(State::Ready { signer: Box::new(signer), machine });
            }
            Ok(Found::Made(changes)) => {
                let kept = changes_to_page(changes.clone());
                self.state.replace(State::Enrolling { device, records, changes, challenge });
                self.face.persist(ENROLMENT, kept, true);
            }
            Err(failure) => {
                self.state.replace(State::Kept(records));
                return Err(failure);
            }
        }
        Ok(())
    }

    fn sign(&self, signer: &OwnDevice, Challenge { nonce, host }: &Challenge) {
        let proof = signer.proof(nonce, host, self.owner.credential());
        self.answer(&spelled(&Answer::Proven { nonce: *nonce, proof: Rest(&proof) }));
    }

    /// The keys of this device are on disk: they are kept ones now.
    fn enrolled(&self, now_ms: f64) {
        let state = self.state.replace(State::Kept(vec![]));
        let State::Enrolling { device, records, changes, challenge } = state else { return drop(self.state.replace(state)) };
        self.state.replace(State::Kept(changed(records, &changes)));
        let nonce = challenge.nonce;
        if let Err(Failure { code, detail }) = self.prove(self.owner.credential(), device, challenge, now_ms) {
            self.answer(&spelled(&Answer::NotProven { nonce, code: code.number(), detail: &detail }));
        }
    }

    fn require(&self, input: Input, now_ms: f64) -> Result<(), JsError> {
        if !matches!(&*self.state.borrow(), State::Ready { .. }) {
            return Err(error(&Code::NoDeviceKeys.into()));
        }
        self.handle(input, now_ms);
        Ok(())
    }

    /// Asks the machine; it may not know.
    fn read<T>(&self, read: impl FnOnce(&mut Machine) -> Option<T>) -> Result<T, JsError> {
        match &mut *self.state.borrow_mut() {
            State::Ready { machine, .. } => read(machine).ok_or_else(|| error(&Code::NoKeys.into())),
            State::Kept(_) | State::Enrolling { .. } => Err(error(&Code::NoDeviceKeys.into())),
        }
    }

    fn handle(&self, input: Input, now_ms: f64) {
        self.with(|machine| machine.handle_input(input, now_ms as i64));
    }

    fn with(&self, change: impl FnOnce(&mut Machine)) {
        if let State::Ready { machine, .. } = &mut *self.state.borrow_mut() {
            change(machine);
        }
    }

    fn next_output(&self) -> Option<Output> {
        match &mut *self.state.borrow_mut() {
            State::Ready { machine, .. } => machine.poll_output(),
            State::Kept(_) | State::Enrolling { .. } => None,
        }
    }

    fn perform(&self, output: Output) {
        match output {
            Output::Frames(frames) => self.answer(&spelled(&Answer::Frames { frames: Rest(&frames) })),
            Output::Control { recipient, payload, headers } => {
                self.answer(&spelled(&Answer::Control { recipient, headers: listed(&headers), payload: Rest(&payload) }));
            }
            Output::Persist { ticket, changes, strict } => {
                self.face.persist(ticket.0 as f64, changes_to_page(changes), strict);
            }
            Output::Sealed { ticket, outcome } => self.answer(&sealed(ticket, &outcome)),
            Output::Opened { tag, outcome } => self.answer(&opened(tag, &outcome)),
            Output::Late { entry, opened } => self.answer(&late(&entry, &opened)),
            Output::Event(event) => {
                if let Some(event) = news::event(event) {
                    self.face.tell(event);
                }
            }
        }
    }
}

fn peer(credential: &str) -> Result<Credential, JsError> {
    credential.parse().map_err(|_| error(&Code::InvalidArgument.into()))
}

fn error(Failure { code, detail }: &Failure) -> JsError {
    JsError::new(&format!("{} {detail}", code.number()))
}
