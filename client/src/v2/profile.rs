//! One device of one peer: its outbox, its inbox and what the store has of both. What there is to tell the page is left in
//! `events`.

use fastrand::Rng;
use msr_protocol::v2::flags::{BYTES, REALTIME, WANTS_REPLY};
use msr_protocol::v2::{Bytes16, Exception, MessageId};
use msr_protocol::{Code, Credential};

use super::inbox::Inbox;
use super::journal::{After, Journal};
use super::known::{Accepted, Known};
use super::line::Window;
use super::numbering::Resumed;
use super::outbox::Outbox;
use super::pending::Pending;
use super::receipts::Receipts;
use super::record::Key;
use super::requests::Requests;
use crate::limits::{EXPIRE_AFTER_MS, REQUESTS};
use crate::{Change, Content, Draft, Event, Failure, Moment, Output, PersistTicket, Progress, Ticket};

/// A draft that was checked, and when it was sent.
#[derive(Debug)]
pub(crate) struct Accepting {
    pub(crate) ticket: Ticket,
    pub(crate) draft: Draft,
    pub(crate) recipients: Vec<Credential>,
    /// By the clock on the wall.
    pub(crate) sent_ms: i64,
    /// By the monotonic clock.
    pub(crate) deadline_ms: f64,
    /// By the monotonic clock; infinite where no answer is awaited.
    pub(crate) reply_by_ms: f64,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) credential: Credential,
    pub(super) outbox: Outbox,
    pub(super) inbox: Inbox,
    pub(super) receipts: Receipts,
    pub(super) requests: Requests,
    pub(super) known: Known,
    pub(super) journal: Journal,
    pub(super) rng: Rng,
    /// The store knows who this device is, or cannot be told.
    pub(super) is_noted: bool,
    /// The last write failed, and that was told.
    pub(super) is_failing: bool,
    /// The peer is an identity by key: there is somebody who seals and opens.
    pub(super) by_key: bool,
    pub(crate) events: Vec<Event>,
    /// What the keys are told and asked.
    pub(crate) asks: Vec<Output>,
}

impl Profile {
    /// Whether the store knows who this device is: before, no server should.
    pub(crate) fn is_noted(&self) -> bool {
        self.is_noted
    }

    /// Whether there is somebody who seals and opens.
    pub(crate) fn has_keys(&self) -> bool {
        self.by_key
    }

    pub(crate) fn device(&self) -> Bytes16 {
        self.outbox.device
    }

    /// Whether this device was ever registered in version 2.
    pub(crate) fn was_served(&self) -> bool {
        self.inbox.knows_its_queue()
    }

    /// How many messages wait in the outbox.
    pub(crate) fn waiting(&self) -> usize {
        self.outbox.len()
    }

    /// What a `Hello` says of this device: its id, the epoch of its outbox, and what it has of its queue.
    pub(crate) fn greeting(&mut self) -> (Bytes16, u64, (Option<u64>, u64, u64)) {
        (self.outbox.device, self.outbox.epoch, self.inbox.greeting())
    }

    /// A message of the page: known by its id, or numbered and noted.
    ///
    /// # Errors
    /// [`Code::OutboxFull`]; [`Code::NoKeys`] for what must be encrypted and cannot be.
    pub(crate) fn send(&mut self, accepting: Accepting) -> Result<(), Failure> {
        let Accepting { ticket, draft, recipients, sent_ms, deadline_ms, reply_by_ms } = accepting;
        if let Some(id) = &draft.id
            && self.is_known(id, ticket)
        {
            return Ok(());
        }
        let (encrypt, cover) = self.cover(&draft)?;
        let is_request = reply_by_ms.is_finite();
        if is_request && self.requests.len() >= REQUESTS {
            return Err(Code::OutboxFull.into());
        }
        let (payload, bytes) = match draft.content {
            Content::Json(content) => (content.into_string().into_bytes(), 0),
            Content::Bytes(bytes) => (bytes, BYTES),
        };
        let wait_ms = draft.expire_after_ms.filter(|wait_ms| !wait_ms.is_nan()).unwrap_or(EXPIRE_AFTER_MS);
        let message = Pending {
            tickets: vec![ticket],
            id: draft.id,
            flags: bytes | if is_request { WANTS_REPLY } else { 0 },
            recipients,
            reply_to: draft.reply_to,
            subject: draft.subject,
            payload,
            // The cast saturates: what never expires never does.
            expire_after_ms: if wait_ms.is_finite() { wait_ms as u64 } else { u64::MAX },
            sent_ms,
            deadline_ms,
            encrypt,
            allow_plain: draft.allow_plain,
            cover,
            was_sealed: false,
        };
        let recipients = message.recipients.clone();
        let position = self.outbox.push(message, &mut self.journal)?;
        let name = self.outbox.name(position);
        self.receipts.watch(name, vec![ticket], &recipients);
        if is_request {
            self.requests.push(name, ticket, reply_by_ms);
        }
        Ok(())
    }

    /// Whether a message of that id is here already; then whoever sends it again waits for that one.
    fn is_known(&mut self, id: &str, ticket: Ticket) -> bool {
        if let Some(position) = self.outbox.find(id) {
            self.outbox.join(position, ticket);
            self.receipts.join(self.outbox.name(position), ticket);
            return true;
        }
        let Some(Accepted { name, timestamp_ms, recipients, encrypted }) = self.known.get(id).cloned() else { return false };
        self.receipts.join(name, ticket);
        let recipients = recipients.into_iter().map(|recipient| (recipient, Progress::Queued)).collect();
        self.events.push(Event::Accepted { ticket, id: name, timestamp_ms, recipients, encrypted });
        true
    }

    /// Takes a message back that nobody can have seen, or stops waiting for the answer to a request.
    pub(crate) fn cancel(&mut self, ticket: Ticket) -> bool {
        let failure = || Failure::from(Code::Aborted);
        if let Some((name, is_over)) = self.outbox.cancel(ticket, &mut self.journal) {
            if is_over {
                self.forget(name);
            }
            self.events.push(Event::NotSent { ticket, failure: failure() });
            return true;
        }
        if let Some(question) = self.outbox.find_live(ticket) {
            self.outbox.take_live(question);
            self.asks.push(Output::Unseal { ticket: question });
            self.events.push(Event::NotSent { ticket, failure: failure() });
            return true;
        }
        if self.requests.cancel(ticket) {
            self.events.push(Event::NoReply { ticket, failure: failure() });
            return true;
        }
        false
    }

    /// Settles what has waited too long.
    pub(crate) fn expire(&mut self, now: Moment) {
        for ticket in self.requests.expire(now.monotonic_ms) {
            if let Some((name, true)) = self.outbox.cancel(ticket, &mut self.journal) {
                self.forget(name);
            }
            self.events.push(Event::NoReply { ticket, failure: Code::Timeout.into() });
        }
        for (name, message) in self.outbox.expire(now.monotonic_ms, &mut self.journal) {
            self.not_sent(name, &message, &Code::Expired.into());
        }
    }

    /// A connection is registered.
    pub(crate) fn welcome(&mut self, accepted: u64, queue: (u64, u64), window: Window, wall_ms: i64) -> Resumed {
        if self.outbox.welcome(accepted, window) == Resumed::Elsewhere {
            let epoch = self.rng.u64(1..);
            self.renumber_as(epoch);
            return Resumed::Elsewhere;
        }
        self.inbox.welcome(queue.0, queue.1, &mut self.journal);
        for (name, message) in self.outbox.accepted_unheard(&mut self.journal) {
            self.tell_accepted(name, message, wall_ms, &[]);
        }
        Resumed::Here
    }

    /// There is no connection any more.
    pub(crate) fn disconnect(&mut self) {
        self.outbox.disconnect();
        self.inbox.disconnect();
        for message in self.outbox.drain_live(&mut self.asks) {
            self.not_live(&message, &Code::Unreachable.into());
        }
    }

    /// The store is lost or another: entries were.
    pub(crate) fn gap(&mut self) {
        self.events.push(Event::Gap);
    }

    /// What to write to the store next.
    pub(crate) fn persist(&mut self, ticket: PersistTicket, now: Moment) -> Option<(Vec<Change>, bool)> {
        self.journal.next(ticket, now.monotonic_ms)
    }

    /// What is left to write to the store when this run of the profile ends.
    pub(crate) fn persist_rest(&mut self, ticket: PersistTicket) -> Option<(Vec<Change>, bool)> {
        self.journal.rest(ticket)
    }

    /// It is in the store.
    pub(crate) fn persisted(&mut self, ticket: PersistTicket, now: Moment) {
        if let Some(after) = self.journal.persisted(ticket) {
            self.is_failing = false;
            self.follow(&after, now);
        }
    }

    /// It is not: messages are given up. Notes of what was handled are not worth holding up the queue; they are tried again.
    pub(crate) fn not_persisted(&mut self, ticket: PersistTicket, reason: &str, now: Moment) {
        let key = |position| Key::Outgoing { position }.spell();
        let Some(after) = self.journal.failed(ticket, now.monotonic_ms, key) else { return };
        let failure = Failure { code: Code::NotKept, detail: [Code::NotKept.reason(), ": ", reason].concat() };
        let given_up = self.outbox.not_noted(&after.kept);
        if given_up.iter().all(|(_, message)| message.is_control()) && !self.is_failing {
            self.events.push(Event::Trouble(failure.clone()));
        }
        self.is_failing = true;
        for (name, message) in given_up {
            self.not_sent(name, &message, &failure);
        }
        // Numbers that were given up are void only once the store has forgotten them.
        self.follow(&After { kept: Vec::new(), numbered: Vec::new(), lapses: 0, ..after }, now);
    }

    fn follow(&mut self, after: &After, now: Moment) {
        self.is_noted = true;
        self.outbox.noted(after);
        if let Some(handled) = after.handled {
            self.inbox.noted(handled, now.monotonic_ms);
        }
    }

    /// Hands over what waits, for a server that speaks version 1.
    pub(crate) fn drain(&mut self) -> Vec<Pending> {
        let epoch = self.rng.u64(1..);
        let waiting = self.outbox.drain(epoch, &mut self.journal);
        for (name, _) in &waiting {
            self.forget(*name);
        }
        waiting.into_iter().map(|(_, message)| message).collect()
    }

    /// Another peer takes over: what waits stays in the store, for the next run of this one.
    pub(crate) fn leave(&mut self) {
        self.outbox.unask(&mut self.asks);
        let failure = Failure { code: Code::Closed, detail: "It waits until the peer that wrote it connects again".to_owned() };
        let tickets = self.outbox.tickets();
        for ticket in self.requests.drain() {
            if !tickets.contains(&ticket) {
                self.events.push(Event::NoReply { ticket, failure: failure.clone() });
            }
        }
        self.events.extend(tickets.into_iter().map(|ticket| Event::NotSent { ticket, failure: failure.clone() }));
    }

    /// When something is to be done.
    pub(crate) fn deadline_ms(&self) -> f64 {
        let messages = self.outbox.deadline_ms().min(self.requests.deadline_ms());
        messages.min(self.inbox.deadline_ms()).min(self.journal.deadline_ms())
    }

    /// Nothing will be heard of that message.
    fn forget(&mut self, name: MessageId) {
        self.receipts.forget(name);
        self.requests.forget(name);
    }

    /// Messages got other names.
    pub(super) fn rename(&mut self, renamed: &[(MessageId, MessageId)]) {
        self.receipts.rename(renamed);
        self.requests.rename(renamed);
    }

    pub(super) fn not_sent(&mut self, name: MessageId, message: &Pending, failure: &Failure) {
        self.forget(name);
        self.events.extend(message.tickets.iter().map(|ticket| Event::NotSent { ticket: *ticket, failure: failure.clone() }));
    }

    pub(super) fn tell_accepted(&mut self, name: MessageId, message: Pending, timestamp_ms: i64, exceptions: &[Exception]) {
        let (recipients, encrypted) = (self.receipts.accepted(name, exceptions), message.is_encrypted());
        if let Some(id) = message.id {
            let accepted = Accepted { name, timestamp_ms, recipients: message.recipients, encrypted };
            self.known.push(id, accepted, &mut self.journal);
        }
        let accepted = |ticket| Event::Accepted { ticket, id: name, timestamp_ms, recipients: recipients.clone(), encrypted };
        self.events.extend(message.tickets.into_iter().map(accepted));
    }

    /// Starts the numbers of the outbox anew, and what is known by them.
    pub(super) fn renumber_as(&mut self, epoch: u64) {
        let renamed = self.outbox.renumber(epoch, &mut self.journal);
        self.rename(&renamed);
    }
}

/// The flags of a realtime message.
pub(crate) fn realtime_flags(content: &Content) -> u8 {
    match content {
        Content::Json(_) => REALTIME,
        Content::Bytes(_) => REALTIME | BYTES,
    }
}

/// The clock on the wall in whole ms.
pub(super) fn wall(now: Moment) -> i64 {
    now.wall_ms.round() as i64
}
