//! Messages: the page's to the socket, by way of the outbox, and the socket's to the page. What is written in version 2 is
//! for `device` to say.

use msr_protocol::v2::{Frame, Varint};
use msr_protocol::{Code, Credential, JsonText, Message};

use super::Session;
use super::phase::Phase;
use crate::clock::Clock;
use crate::inbox::{self, Meaning};
use crate::outbox::Outgoing;
use crate::search::{Outcome, Reply};
use crate::{Draft, Encrypt, Event, Failure, Moment, Output, Received, Ticket, draft, limits, registration};

impl Session {
    /// Who is registered now.
    pub(super) fn registered_as(&self) -> Option<Credential> {
        let attempt = self.attempt.as_ref().filter(|_| matches!(self.phase, Phase::Registered { .. }));
        attempt.map(|attempt| attempt.credential)
    }

    /// Who is registered now, in version 1, and is to speak it: not while the server is asked whether it knows a better one,
    /// because what is written in version 1 may be lost.
    pub(super) fn registered_in_version_1(&self) -> Option<Credential> {
        let is_in_doubt = self.dialect.is_guess() && self.probes > 0;
        self.registered_as().filter(|_| self.link.is_none() && !is_in_doubt)
    }

    /// Writes a draft, or puts it into an outbox.
    pub(super) fn accept(&mut self, ticket: Ticket, draft: Draft, now: Moment) -> Result<(), Failure> {
        if self.dialect.is_version_1() || self.registered_in_version_1().is_some() {
            if draft.encrypt == Encrypt::Required {
                return Err(Code::NoKeys.into());
            }
            let bytes = draft::check(&draft)?;
            return self.accept_in_memory(ticket, draft, bytes, now);
        }
        self.accept_durably(ticket, draft, now)
    }

    /// Writes a draft in version 1, or puts it into the outbox in memory.
    pub(super) fn accept_in_memory(&mut self, ticket: Ticket, draft: Draft, bytes: usize, now: Moment) -> Result<(), Failure> {
        let is_realtime = draft.realtime;
        let outgoing = Outgoing {
            ticket,
            author: self.author().map(|(credential, _)| credential),
            timestamp: JsonText::milliseconds(self.clock.server_ms(now)),
            sent_ms: Clock::local_ms(now),
            bytes,
            deadline_ms: now.monotonic_ms + wait_ms(&draft),
            reply_by_ms: now.monotonic_ms + draft.request.unwrap_or(f64::INFINITY),
            draft,
        };
        match self.registered_in_version_1() {
            Some(credential) => {
                self.write(outgoing, credential);
                Ok(())
            }
            None if is_realtime => Err(Code::Unreachable.into()),
            None => self.outbox.push(outgoing),
        }
    }

    /// Registered in version 1: writes what waits, in order, but for what has waited too long.
    pub(super) fn flush(&mut self, now: Moment) {
        self.expire(now);
        let Some(credential) = self.registered_in_version_1() else { return };
        self.flush_device(credential);
        for outgoing in self.outbox.drain() {
            self.write(outgoing, credential);
        }
        self.ask(now);
    }

    /// Registered: asks what was not asked yet.
    pub(super) fn ask(&mut self, now: Moment) {
        if let Some(link) = self.link.as_mut().filter(|_| matches!(self.phase, Phase::Registered { .. })) {
            while let Some((ticket, keyword)) = self.searches.next_question() {
                link.write(&Frame::Find { ticket: Varint(ticket), keyword: &keyword });
            }
        }
        let Some(credential) = self.registered_in_version_1() else { return };
        while let Some(request) = self.searches.next_request(credential, self.clock.server_ms(now)) {
            self.outputs.push(Output::Transmit(request.to_text()));
        }
    }

    /// Settles what has waited too long.
    pub(super) fn expire(&mut self, now: Moment) {
        for ticket in self.outbox.expire(now.monotonic_ms) {
            self.tell(Event::NotSent { ticket, failure: Code::Timeout.into() });
        }
        for outcome in self.searches.expire(now.monotonic_ms) {
            self.settle(outcome);
        }
        if let Some(profile) = &mut self.profile {
            profile.expire(now);
        }
    }

    pub(super) fn end_searches(&mut self, failure: &Failure) {
        for ticket in self.searches.drain() {
            self.tell(Event::NotFound { ticket, failure: failure.clone() });
        }
    }

    pub(super) fn received(&mut self, received: Received, now: Moment) {
        if !self.phase.has_socket() {
            return self.tell(Event::Trouble(Code::Closed.into()));
        }
        if self.link.is_some() {
            return self.tell(Event::Trouble(Code::BadMessage.into()));
        }
        match (inbox::read(received), self.phase) {
            (Ok(Meaning::Registration(message, answer)), Phase::Registering { .. }) => self.registration_answered(&message, &answer, now),
            (Ok(Meaning::Search(message, answer)), _) => match self.searches.answered(&answer, now.monotonic_ms) {
                Reply::Foreign => self.tell(Event::Message(Box::new(message.into()))),
                Reply::Taken => {}
                Reply::Settled(outcome) => self.settle(outcome),
            },
            (Ok(Meaning::Registration(message, _) | Meaning::Message(message)), _) => self.tell(Event::Message(Box::new(message.into()))),
            (Err(failure), _) => self.tell(Event::Trouble(failure)),
        }
    }

    pub(super) fn settle(&mut self, (ticket, outcome): Outcome) {
        self.tell(match outcome {
            Ok(peers) => Event::Found { ticket, peers },
            Err(failure) => Event::NotFound { ticket, failure },
        });
    }

    /// Whose message this is, and whether that is an identity by key: a message waits for its author, and never goes out under
    /// another name.
    pub(super) fn author(&self) -> Option<(Credential, bool)> {
        match self.phase {
            Phase::Connecting { .. }
            | Phase::Greeting { .. }
            | Phase::Proving { .. }
            | Phase::Registering { .. }
            | Phase::Registered { .. } => self.attempt.as_ref().map(|attempt| (attempt.credential, attempt.host.is_some())),
            Phase::Idle | Phase::Restoring | Phase::Probing { .. } | Phase::Waiting { .. } => {
                let peer = &self.settings.as_ref()?.peer;
                Some((peer.credential(), registration::is_by_key(peer)))
            }
        }
    }

    fn write(&mut self, outgoing: Outgoing, credential: Credential) {
        let ticket = outgoing.ticket;
        if outgoing.author.is_some_and(|author| author != credential) {
            let failure = Failure { code: Code::Closed, detail: "Written as another peer than the one that connected".to_owned() };
            return self.tell(Event::NotSent { ticket, failure });
        }
        match outgoing.into_message(credential) {
            Ok(message) => self.write_message(ticket, message),
            Err(failure) => self.tell(Event::NotSent { ticket, failure }),
        }
    }

    pub(super) fn write_message(&mut self, ticket: Ticket, message: Message) {
        self.outputs.push(Output::Transmit(message.to_text()));
        self.tell(Event::Sent { ticket, message, encrypted: false });
    }
}

/// How long a draft waits at most, ms.
pub(super) fn wait_ms(draft: &Draft) -> f64 {
    draft.expire_after_ms.filter(|wait_ms| !wait_ms.is_nan()).unwrap_or(limits::EXPIRE_AFTER_MS).max(0.0)
}
