//! What this device keeps: asked for, taken over, written down; and messages of the page on their way through it.

use msr_protocol::v2::{Bytes16, Frame, List, Rest, Varint};
use msr_protocol::{Code, Credential, JsonText, Message, limits as wire};

use super::Session;
use super::delivery::wait_ms;
use super::phase::Phase;
use crate::clock::Clock;
use crate::outbox::{Outgoing, beyond_version_1};
use crate::v2::{Accepting, Pending, Profile, realtime_flags, recipients_text};
use crate::{Content, DeliveryTag, Draft, Encrypt, Event, Failure, Moment, Output, PersistTicket, Snapshot, Ticket, draft};

impl Session {
    /// Whether what the device kept for that peer is here, and the store knows the device; asks for it.
    pub(super) fn is_ready(&mut self, peer: (Credential, bool), now: Moment) -> bool {
        if self.dialect.is_version_1() {
            return true;
        }
        match &self.profile {
            Some(profile) if profile.credential == peer.0 => return profile.is_noted(),
            Some(_) => self.leave(now),
            None => {}
        }
        self.ask_for(peer);
        false
    }

    fn ask_for(&mut self, peer: (Credential, bool)) {
        if self.restoring != Some(peer) {
            self.restoring = Some(peer);
            self.outputs.push(Output::Restore { credential: peer.0 });
        }
    }

    /// Another peer takes over; what the one before has to write down is written first.
    fn leave(&mut self, now: Moment) {
        if let Some(profile) = &mut self.profile {
            profile.leave();
            self.last = profile.last();
        }
        self.settle_device(now);
        let ticket = PersistTicket(self.last_persist + 1);
        if let Some((changes, strict)) = self.profile.take().and_then(|mut profile| profile.persist_rest(ticket)) {
            self.last_persist += 1;
            self.outputs.push(Output::Persist { ticket, changes, strict });
        }
    }

    /// What the device kept is read.
    pub(super) fn restored(&mut self, snapshot: Snapshot, now: Moment) {
        let Some((_, by_key)) = self.restoring.take_if(|(wanted, _)| *wanted == snapshot.credential) else { return };
        if self.dialect.is_version_1() {
            return;
        }
        let Self { last_ticket, last, .. } = self;
        let profile = Profile::restore(snapshot, by_key, *last, now, || {
            *last_ticket = last_ticket.wrapping_add(1);
            Ticket(*last_ticket)
        });
        let credential = profile.credential;
        self.profile = Some(profile);
        for outgoing in self.outbox.drain() {
            let ticket = outgoing.ticket;
            if let Err(failure) = self.accept_late(outgoing, credential) {
                self.tell(Event::NotSent { ticket, failure });
            }
        }
        self.go_on(now);
    }

    /// A message that waited for what the device kept.
    fn accept_late(&mut self, outgoing: Outgoing, credential: Credential) -> Result<(), Failure> {
        if outgoing.author.is_some_and(|author| author != credential) {
            return Err(Failure { code: Code::Closed, detail: "Written as another peer than the one that connected".to_owned() });
        }
        let (_, recipients) = draft::check_durable(&outgoing.draft)?;
        let Outgoing { ticket, draft, sent_ms, deadline_ms, reply_by_ms, .. } = outgoing;
        let accepting = Accepting { ticket, draft, recipients, sent_ms, deadline_ms, reply_by_ms };
        self.profile.as_mut().map_or(Ok(()), |profile| profile.send(accepting))
    }

    /// A change is in the store, or is not, and why.
    pub(super) fn persisted(&mut self, ticket: PersistTicket, failed: Option<&str>, now: Moment) {
        let Some(profile) = &mut self.profile else { return };
        match failed {
            None => profile.persisted(ticket, now),
            Some(reason) => profile.not_persisted(ticket, reason, now),
        }
        self.go_on(now);
    }

    /// What held up a connection may be over.
    fn go_on(&mut self, now: Moment) {
        if self.phase == Phase::Restoring {
            self.open(now);
        }
    }

    /// A handler is done with a message.
    pub(super) fn handled(&mut self, tag: DeliveryTag, now: Moment) {
        if let Some(profile) = &mut self.profile {
            profile.handled(tag, now);
        }
    }

    /// The page wants one of its devices gone.
    pub(super) fn retire(&mut self, device: Bytes16) {
        match self.link.as_mut().filter(|_| matches!(self.phase, Phase::Registered { .. })) {
            Some(link) => link.write(&Frame::Retire { device }),
            None => self.tell(Event::Trouble(Code::Unreachable.into())),
        }
    }

    /// Takes a draft to be kept until it is accepted.
    pub(super) fn accept_durably(&mut self, ticket: Ticket, mut draft: Draft, now: Moment) -> Result<(), Failure> {
        let (bytes, recipients) = draft::check_durable(&draft)?;
        if draft.realtime {
            return self.write_realtime(ticket, draft, recipients, now);
        }
        let reply_in_ms = draft.request.map(|ms| if ms.is_finite() { ms.max(0.0) } else { crate::limits::EXPIRE_AFTER_MS });
        // Nobody is served by a request that comes when nobody waits for the answer any more.
        draft.expire_after_ms = draft.expire_after_ms.or(reply_in_ms);
        let reply_by_ms = reply_in_ms.map_or(f64::INFINITY, |ms| now.monotonic_ms + ms);
        let author = self.author();
        let Some(profile) = self.profile.as_mut().filter(|profile| author.is_none_or(|(author, _)| profile.credential == author)) else {
            self.accept_in_memory(ticket, draft, bytes, now)?;
            if let Some(author) = author.filter(|_| self.profile.is_none()) {
                self.ask_for(author);
            }
            return Ok(());
        };
        let deadline_ms = now.monotonic_ms + wait_ms(&draft);
        profile.send(Accepting { ticket, draft, recipients, sent_ms: Clock::local_ms(now), deadline_ms, reply_by_ms })
    }

    /// Written now or never.
    fn write_realtime(&mut self, ticket: Ticket, draft: Draft, recipients: Vec<Credential>, now: Moment) -> Result<(), Failure> {
        let Some(credential) = self.registered_as() else { return Err(Code::Unreachable.into()) };
        let Some(link) = &mut self.link else { return Err(Code::Unreachable.into()) };
        let Some(profile) = &self.profile else { return Err(Code::Unreachable.into()) };
        let (encrypt, _) = profile.cover(&draft)?;
        let (payload, content) = match &draft.content {
            Content::Json(content) => (content.as_str().as_bytes(), content.clone()),
            Content::Bytes(bytes) => (bytes.as_slice(), JsonText::null()),
        };
        if payload.len() + draft.subject.as_str().len() + 16 * recipients.len() + 64 > link.window.piece_bytes {
            return Err(Code::TooLarge.into());
        }
        if encrypt != Encrypt::Off {
            return self.ask_live(ticket, draft, recipients, now);
        }
        link.write(&Frame::Send {
            number: Varint(0),
            flags: realtime_flags(&draft.content),
            expire_after_ms: Varint(0),
            recipients: List(recipients),
            device_headers: List(Vec::new()),
            reply_to: draft.reply_to,
            subject: draft.subject.as_str(),
            payload: Rest(payload),
        });
        let timestamp = JsonText::milliseconds(self.clock.server_ms(now));
        let message = Message { to: draft.to, from: JsonText::from(credential), subject: draft.subject, timestamp, content };
        self.tell(Event::Sent { ticket, message, encrypted: false });
        Ok(())
    }

    /// Registered in version 1: what waits is written as that, and is not kept any longer.
    pub(super) fn flush_device(&mut self, credential: Credential) {
        let Some(profile) = &mut self.profile else { return };
        let offset_ms = self.clock.offset_ms() as i64;
        for pending in profile.drain() {
            let tickets = pending.tickets.clone();
            match in_version_1(pending, credential, offset_ms) {
                Ok(message) => {
                    self.outputs.push(Output::Transmit(message.to_text()));
                    for ticket in tickets {
                        self.tell(Event::Sent { ticket, message: message.clone(), encrypted: false });
                    }
                }
                Err(failure) => {
                    for ticket in tickets {
                        self.tell(Event::NotSent { ticket, failure: failure.clone() });
                    }
                }
            }
        }
    }

    /// After each input: tells what there is to tell, writes what may be written, keeps what is to be kept.
    pub(super) fn settle_device(&mut self, now: Moment) {
        let is_registered = matches!(self.phase, Phase::Registered { .. });
        let Some(profile) = &mut self.profile else { return self.transmit_frames() };
        if let Some(link) = self.link.as_mut().filter(|_| is_registered) {
            profile.transmit(link, now);
        }
        profile.ask_to_seal(now);
        for event in std::mem::take(&mut profile.events) {
            self.outputs.push(Output::Event(event));
        }
        self.outputs.append(std::mem::take(&mut profile.asks));
        let ticket = PersistTicket(self.last_persist + 1);
        if let Some((changes, strict)) = profile.persist(ticket, now) {
            self.last_persist += 1;
            self.outputs.push(Output::Persist { ticket, changes, strict });
        }
        self.transmit_frames();
    }

    /// Hands over the frames that were written.
    pub(super) fn transmit_frames(&mut self) {
        if let Some(link) = &mut self.link {
            for message in link.take() {
                self.outputs.push(Output::TransmitFrames(message));
            }
        }
    }

    /// When the device has something to do.
    pub(super) fn device_deadline_ms(&self) -> f64 {
        let heart_ms = self.link.as_ref().filter(|_| matches!(self.phase, Phase::Registered { .. }));
        let heart_ms = heart_ms.map_or(f64::INFINITY, |link| link.heart.deadline_ms());
        self.profile.as_ref().map_or(heart_ms, |profile| heart_ms.min(profile.deadline_ms()))
    }
}

/// A message as version 1 writes it.
fn in_version_1(pending: Pending, from: Credential, offset_ms: i64) -> Result<Message, Failure> {
    if pending.flags != 0 || pending.encrypt != Encrypt::Off {
        return Err(beyond_version_1());
    }
    if pending.payload.len() + crate::limits::MESSAGE_ENVELOPE_BYTES + 35 * pending.recipients.len() > wire::MESSAGE_BYTES {
        return Err(Code::TooLarge.into());
    }
    let content = String::from_utf8(pending.payload).map_err(|_| Failure::from(Code::BadMessage))?;
    Ok(Message {
        to: recipients_text(&pending.recipients),
        from: JsonText::from(from),
        subject: pending.subject,
        timestamp: JsonText::milliseconds(pending.sent_ms - offset_ms),
        content: JsonText::from_spelled(content),
    })
}
