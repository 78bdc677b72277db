//! Messages: the page's to the socket, by way of the outbox, and the socket's to the page.

use msr_protocol::{Code, Credential, JsonText};

use super::Session;
use super::phase::Phase;
use crate::inbox::{self, Meaning};
use crate::outbox::Outgoing;
use crate::search::{Outcome, Reply};
use crate::{Draft, Event, Failure, Moment, Output, Received, Ticket, draft, limits};

impl Session {
    /// Who is registered now.
    pub(super) fn registered_as(&self) -> Option<Credential> {
        let attempt = self.attempt.as_ref().filter(|_| matches!(self.phase, Phase::Registered { .. }));
        attempt.map(|attempt| attempt.credential)
    }

    /// Writes a draft, or puts it into the outbox.
    pub(super) fn accept(&mut self, ticket: Ticket, draft: Draft, now: Moment) -> Result<(), Failure> {
        let bytes = draft::check(&draft)?;
        let wait_ms = draft.expire_after_ms.filter(|wait_ms| !wait_ms.is_nan()).unwrap_or(limits::EXPIRE_AFTER_MS);
        let outgoing = Outgoing {
            ticket,
            author: self.author(),
            to: draft.to,
            subject: draft.subject,
            timestamp: JsonText::milliseconds(self.clock.server_ms(now)),
            content: draft.content,
            bytes,
            deadline_ms: now.monotonic_ms + wait_ms.max(0.0),
        };
        match self.registered_as() {
            Some(credential) => {
                self.write(outgoing, credential);
                Ok(())
            }
            None if draft.realtime => Err(Code::Unreachable.into()),
            None => self.outbox.push(outgoing),
        }
    }

    /// Registered: writes what waits, in order, but for what has waited too long.
    pub(super) fn flush(&mut self, now: Moment) {
        self.expire(now);
        let Some(credential) = self.registered_as() else { return };
        while let Some(outgoing) = self.outbox.pop() {
            self.write(outgoing, credential);
        }
        self.ask(now);
    }

    /// Registered: asks what was not asked yet.
    pub(super) fn ask(&mut self, now: Moment) {
        let Some(credential) = self.registered_as() else { return };
        while let Some(request) = self.searches.next_request(credential, self.clock.server_ms(now)) {
            self.outputs.push_back(Output::Transmit(request.to_text()));
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
        match (inbox::read(received), self.phase) {
            (Ok(Meaning::Registration(message, answer)), Phase::Registering { .. }) => self.registration_answered(&message, &answer, now),
            (Ok(Meaning::Search(message, answer)), _) => match self.searches.answered(&answer, now.monotonic_ms) {
                Reply::Foreign => self.tell(Event::Message(message)),
                Reply::Taken => {}
                Reply::Settled(outcome) => self.settle(outcome),
            },
            (Ok(Meaning::Registration(message, _) | Meaning::Message(message)), _) => self.tell(Event::Message(message)),
            (Err(failure), _) => self.tell(Event::Trouble(failure)),
        }
    }

    fn settle(&mut self, (ticket, outcome): Outcome) {
        self.tell(match outcome {
            Ok(peers) => Event::Found { ticket, peers },
            Err(failure) => Event::NotFound { ticket, failure },
        });
    }

    /// Whose message this is: a message waits for its author, and never goes out under another name.
    fn author(&self) -> Option<Credential> {
        match self.phase {
            Phase::Connecting { .. } | Phase::Registering { .. } | Phase::Registered { .. } => {
                self.attempt.as_ref().map(|attempt| attempt.credential)
            }
            Phase::Idle | Phase::Probing { .. } | Phase::Waiting { .. } => {
                self.settings.as_ref().map(|settings| settings.peer.credential())
            }
        }
    }

    fn write(&mut self, outgoing: Outgoing, credential: Credential) {
        let ticket = outgoing.ticket;
        if outgoing.author.is_some_and(|author| author != credential) {
            let failure = Failure { code: Code::Closed, detail: "Written as another peer than the one that connected".to_owned() };
            return self.tell(Event::NotSent { ticket, failure });
        }
        let message = outgoing.into_message(credential);
        self.outputs.push_back(Output::Transmit(message.to_text()));
        self.tell(Event::Sent { ticket, message });
    }
}
