//! One connection: what it has sent is read and judged here, text by text. Nothing here waits, reads a socket or writes
//! to one; what is to be written goes into queues, the connection's own among them.

use std::sync::Arc;

use msr_protocol::Code;
use msr_protocol::v1::{Incoming, Subject};
use tokio::time::Instant;
use tracing::{debug, info};

use super::ending::Ending;
use super::place::Place;
use super::queue::SendQueue;
use super::rate::Allowance;
use super::registry::Presence;
use super::{Shared, Text, Wire, limits};
use crate::store::SessionDigest;

/// A connection, from the opening of its socket to its end. Dropping it signs out.
pub(super) struct Connection {
    pub(super) shared: Arc<Shared>,
    pub(super) queue: Arc<SendQueue>,
    pub(super) place: Option<Place>,
    pub(super) registered: Option<Registered>,
    id: u64,
    allowance: Allowance,
}

/// What a registration made of a connection.
pub(super) struct Registered {
    pub(super) presence: Arc<Presence>,
    /// Its session (dialect B), until it says good-bye.
    pub(super) session: Option<SessionDigest>,
}

impl Connection {
    pub(super) fn admit(shared: &Arc<Shared>, place: Option<Place>) -> Self {
        let queue = Arc::new(SendQueue::new(Arc::clone(&shared.pool)));
        let id = shared.take_in(Wire::Texts(Arc::clone(&queue)));
        let allowance = Allowance::new(shared.rules.rate, Instant::now());
        Self { shared: Arc::clone(shared), queue, place, registered: None, id, allowance }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    pub(super) fn queue(&self) -> &Arc<SendQueue> {
        &self.queue
    }

    pub(super) fn is_registered(&self) -> bool {
        self.registered.is_some()
    }

    /// A text message came.
    pub(super) fn receive(&mut self, text: &Text) {
        if !self.charge(1, text.len()) {
            return;
        }
        let incoming = match Incoming::read(text) {
            Ok(incoming) => incoming,
            Err(code @ Code::BadChecksum) => return self.drop_message(code),
            Err(code) => return self.refuse(code),
        };
        if let Err(code) = incoming.check_kinds() {
            return self.refuse(code);
        }
        let Some(registered) = &self.registered else {
            return match incoming.subject() {
                Subject::Register => self.register(&incoming),
                Subject::Find | Subject::Bye | Subject::Other => self.refuse(Code::NotRegistered),
            };
        };
        let presence = Arc::clone(&registered.presence);
        let is_own = incoming.from() == Some(presence.profile.credential);
        match incoming.subject() {
            Subject::Register => self.register_again(&presence, &incoming),
            _ if !is_own => self.drop_message(Code::ForgedSender),
            Subject::Find => self.find(&presence, &incoming),
            Subject::Bye => self.say_good_bye(),
            Subject::Other => self.route(&presence, &incoming, text),
        }
    }

    /// The peer signs out: nobody goes on with its session.
    fn say_good_bye(&mut self) {
        if let Some(session) = self.registered.as_mut().and_then(|registered| registered.session.take()) {
            self.shared.sessions.finish(session);
        }
        self.end(Ending::Bye);
    }

    /// A ping or a pong came: all that counts is that there are not too many.
    pub(super) fn receive_control(&mut self) {
        self.charge(1, 0);
    }

    /// Closes the connection.
    pub(super) fn refuse(&self, code: Code) {
        self.end(Ending::Refused(code));
    }

    pub(super) fn end(&self, ending: Ending) {
        let lost = self.queue.end(ending);
        self.shared.counters.dropped.add(lost);
    }

    /// Signs out, and says in the log why the connection ended.
    pub(super) fn leave(&mut self, ending: Ending) {
        self.shared.note(ending);
        self.sign_out();
    }

    /// Puts an answer of the server into the connection's own queue.
    pub(super) fn answer(&self, text: String) {
        if self.queue.push(Text::from(text)).is_err() {
            debug!("an answer found the connection ending");
        }
    }

    /// Takes from what the connection may send; closes it when that is too much.
    pub(super) fn charge(&mut self, messages: u32, bytes: usize) -> bool {
        let within = self.allowance.take(messages, bytes, Instant::now).is_ok();
        if !within {
            self.refuse(Code::RateLimited);
        }
        within
    }

    /// A message that is not passed on; the connection stays.
    fn drop_message(&mut self, code: Code) {
        self.shared.counters.refused.add(1);
        info!(code = code.number(), reason = code.reason(), "message dropped");
        self.charge(limits::DROP_COST_MESSAGES, 0);
    }

    fn sign_out(&mut self) {
        let Some(Registered { presence, session }) = self.registered.take() else { return };
        let now_ms = (self.shared.clock)();
        self.shared.registry.sign_out(presence.profile.credential, presence.connection, now_ms);
        if let Some(session) = session {
            self.shared.sessions.end(session, now_ms);
        }
        info!(credential = %presence.profile.credential, "signed out");
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.sign_out();
        self.shared.let_go(self.id);
    }
}
