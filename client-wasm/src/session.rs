//! The session, as the TypeScript face holds it.

use std::rc::Rc;

use msr_client::{DeliveryTag, Input, PersistTicket, Ticket};
use msr_protocol::JsonText;
use wasm_bindgen::prelude::*;

use crate::draft::WireDraft;
use crate::driver::Driver;
use crate::face::Face;
use crate::records::{self, WireRows};
use crate::settings::WireSettings;
use crate::{keys, news, settings};

#[wasm_bindgen]
extern "C" {
    /// What the page reads off a session.
    #[wasm_bindgen(typescript_type = "Status")]
    pub type WireStatus;
}

/// One client's session with a server.
#[wasm_bindgen]
pub struct Session(Rc<Driver>);

#[wasm_bindgen]
impl Session {
    /// A session that tells `face` what happens. `seed` is what its random numbers are made of.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(face: Face, seed: u64) -> Self {
        Self(Driver::new(face, seed))
    }

    /// Connects and registers, and stays connected.
    pub fn connect(&self, settings: WireSettings) {
        self.0.input(Input::Connect(settings.into()));
    }

    /// Takes over changed settings.
    pub fn configure(&self, settings: WireSettings) {
        self.0.input(Input::Configure(settings.into()));
    }

    /// Closes the connection.
    pub fn close(&self) {
        self.0.input(Input::Close);
    }

    /// Signs out and closes the connection.
    pub fn bye(&self) {
        self.0.input(Input::Bye);
    }

    /// Nothing keeps a connection from being tried at once.
    pub fn wake(&self) {
        self.0.input(Input::Wake);
    }

    /// The answer to `Face.probe`.
    #[wasm_bindgen(js_name = originProbed)]
    pub fn origin_probed(&self, refused: bool, speaks_v2: Option<bool>) {
        self.0.input(Input::OriginProbed { refused, speaks_v2 });
    }

    /// The answer to `Face.restore`: what is kept for that peer, and 32 random bytes.
    pub fn restored(&self, credential: &str, rows: &WireRows, entropy: &[u8]) {
        if let Some(snapshot) = records::from_page(credential, rows, entropy) {
            self.0.input(Input::Restored(snapshot));
        }
    }

    /// The answer to `Face.persist`: the changes are kept.
    pub fn persisted(&self, ticket: f64) {
        self.0.input(Input::Persisted { ticket: PersistTicket(records::count(ticket)) });
    }

    /// The answer to `Face.persist`: none of the changes is.
    #[wasm_bindgen(js_name = persistFailed)]
    pub fn persist_failed(&self, ticket: f64, reason: String) {
        self.0.input(Input::PersistFailed { ticket: PersistTicket(records::count(ticket)), reason });
    }

    /// The handlers of a message are done with it.
    pub fn handled(&self, tag: f64) {
        self.0.input(Input::Handled(DeliveryTag(records::count(tag))));
    }

    /// What the keys say, to what `Face.ask` asked or by themselves: all that they have to say at once.
    pub fn answer(&self, answers: &[u8]) {
        self.0.with(|session, now| {
            keys::answer(session, answers, now);
            session.follow_up(now);
        });
    }

    /// Retires a device of the peer, 32 hex digits. `false` when that is none.
    #[must_use]
    pub fn retire(&self, device: &str) -> bool {
        let Some(device) = news::read_device(device) else { return false };
        self.0.input(Input::Retire(device));
        true
    }

    /// Sends a message, or lets it wait in the outbox. Gives the ticket under which the face is told what became of it.
    #[must_use]
    pub fn send(&self, draft: WireDraft) -> u32 {
        let Ticket(ticket) = self.0.with(|session, now| session.send(draft.into(), now));
        ticket
    }

    /// Looks for peers; `keyword` is the JSON text of a string. Gives the ticket.
    #[must_use]
    pub fn find(&self, keyword: String) -> u32 {
        let Ticket(ticket) = self.0.with(|session, now| session.find(JsonText::from_spelled(keyword), now));
        ticket
    }

    /// Takes a message or a search back, if there is still time.
    pub fn cancel(&self, ticket: u32) {
        self.0.with(|session, now| session.cancel(Ticket(ticket), now));
    }

    /// State, clock offset, round trip, outbox.
    #[must_use]
    pub fn status(&self) -> WireStatus {
        settings::status(&self.0.read(msr_client::Session::status)).to_page().unchecked_into()
    }

    /// Whether the face is told every frame.
    pub fn trace(&self, on: bool) {
        self.0.trace(on);
    }
}
