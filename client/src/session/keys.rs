//! The keys of the peer, and what a session has to do with them: it asks, they answer, and it reads neither what they seal nor
//! what they say to the server.

use msr_protocol::v2::Bytes16;
use msr_protocol::v2::flags::BYTES;
use msr_protocol::{Code, Credential, JsonText, Message};

use super::Session;
use super::phase::Phase;
use crate::v2::{Link, Pending, Profile, are_frames, cover, recipients_text};
use crate::{DeliveryTag, Draft, Event, Failure, Moment, Opened, Opening, SealTicket, Sealing, Ticket};

impl Session {
    /// What this device keeps for an identity by key.
    fn with_keys(&mut self) -> Option<&mut Profile> {
        self.profile.as_mut().filter(|profile| profile.has_keys())
    }

    /// The connection, if an identity by key is registered on it.
    fn link_with_keys(&mut self) -> Option<&mut Link> {
        let is_registered = matches!(self.phase, Phase::Registered { .. }) && self.with_keys().is_some();
        self.link.as_mut().filter(|_| is_registered)
    }

    /// Frames of the keys, for the server. What is none would end the connection.
    pub(super) fn write_keys(&mut self, frames: &[u8]) {
        if let Some(link) = self.link_with_keys().filter(|_| are_frames(frames)) {
            link.send(frames);
        }
    }

    /// The keys send a letter of their own.
    pub(super) fn control(&mut self, recipient: Credential, payload: Vec<u8>, headers: Vec<(Bytes16, Vec<u8>)>, now: Moment) {
        if let Some(profile) = self.with_keys() {
            profile.control(recipient, payload, headers, now);
        }
    }

    /// The keys have looked at a sealed message.
    pub(super) fn opened(&mut self, tag: DeliveryTag, outcome: Opening, now: Moment) {
        if let Some(profile) = self.with_keys() {
            profile.opened(tag, outcome, now);
        }
    }

    /// The keys could open a message after all.
    pub(super) fn late(&mut self, entry: &[u8], opened: &Opened) {
        if let Some(profile) = self.with_keys() {
            profile.late(entry, opened);
        }
    }

    /// The keys have looked at a message that is to be sealed.
    pub(super) fn sealed(&mut self, ticket: SealTicket, outcome: Sealing, now: Moment) {
        let Some(profile) = self.with_keys() else { return };
        let Some(mut message) = profile.take_live(ticket) else { return profile.sealed(ticket, outcome) };
        let tickets = std::mem::take(&mut message.tickets);
        let written = cover(&message, outcome).and_then(|cover| {
            message.cover = cover;
            self.write_sealed(message, now)
        });
        for ticket in tickets {
            self.tell(match &written {
                Ok((message, encrypted)) => Event::Sent { ticket, message: message.clone(), encrypted: *encrypted },
                Err(failure) => Event::NotSent { ticket, failure: failure.clone() },
            });
        }
    }

    /// A realtime message of an identity by key: the keys are asked first.
    pub(super) fn ask_live(&mut self, ticket: Ticket, draft: Draft, recipients: Vec<Credential>, now: Moment) -> Result<(), Failure> {
        let Some(profile) = self.with_keys() else { return Err(Code::Unreachable.into()) };
        let message = Pending::live(ticket, draft, recipients, now);
        profile.ask_live(message);
        Ok(())
    }

    /// Writes a realtime message as the keys gave it.
    fn write_sealed(&mut self, message: Pending, now: Moment) -> Result<(Message, bool), Failure> {
        let Some(credential) = self.registered_as() else { return Err(Code::Unreachable.into()) };
        let Some(link) = self.link_with_keys() else { return Err(Code::Unreachable.into()) };
        if message.wire_bytes() > link.window.piece_bytes {
            return Err(Code::TooLarge.into());
        }
        link.send(&message.frame(0, now.monotonic_ms));
        let encrypted = message.is_encrypted();
        let content = if message.flags & BYTES == 0 { String::from_utf8(message.payload).ok() } else { None };
        let message = Message {
            to: recipients_text(&message.recipients),
            from: JsonText::from(credential),
            subject: message.subject,
            timestamp: JsonText::milliseconds(self.clock.server_ms(now)),
            content: content.map_or_else(JsonText::null, JsonText::from_spelled),
        };
        Ok((message, encrypted))
    }
}
