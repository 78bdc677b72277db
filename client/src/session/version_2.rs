//! Frames of version 2, and the transitions that they make.

use msr_protocol::v2::{Frame, Varint, frames_for_client};
use msr_protocol::{Code, Disposition, JsonText, is_json};

use super::Session;
use super::dialect::Version;
use super::phase::Phase;
use crate::clock::Clock;
use crate::v2::{Link, Resumed, Window};
use crate::{Event, Failure, Moment, Output, OwnDevice, limits, registration};

/// What a frame led to.
enum Step {
    /// The next frame.
    On,
    /// The connection is over; what else it brought means nothing.
    Over,
    /// The server broke the rules of the wire.
    Broken,
}

impl Session {
    /// The socket is open; in version 2 the server speaks first.
    pub(super) fn await_challenge(&mut self, now: Moment) {
        self.unopened = 0;
        self.dialect.learned(Version::Two);
        self.link = Some(Link::new(now));
        self.enter(Phase::Greeting { deadline_ms: now.monotonic_ms + limits::REGISTRATION_TIMEOUT_MS });
    }

    /// A binary message came.
    pub(super) fn frames_received(&mut self, message: &[u8], now: Moment) {
        let Some(link) = &mut self.link else { return self.tell(Event::Trouble(Code::BadMessage.into())) };
        link.heart.heard(now.monotonic_ms);
        for frame in frames_for_client(message) {
            match frame.map_or(Step::Broken, |frame| self.frame(&frame, now)) {
                Step::On => {}
                Step::Over => return,
                Step::Broken => {
                    self.tell(Event::Trouble(Code::BadMessage.into()));
                    return self.retry(Code::BadMessage, now);
                }
            }
        }
    }

    fn frame(&mut self, frame: &Frame<'_>, now: Moment) -> Step {
        match (self.phase, frame) {
            (_, Frame::Refused { code, reason }) => self.server_refused(*code, reason, now),
            (_, Frame::Trouble { code, reason }) => {
                let code = Code::from_number(*code).unwrap_or(Code::BadMessage);
                self.tell(Event::Trouble(registration::failure(code, reason)));
                Step::On
            }
            (Phase::Greeting { deadline_ms }, Frame::Challenge { nonce, .. }) => self.challenged(nonce, deadline_ms, now),
            (Phase::Registering { sent_ms, .. }, Frame::Welcome { .. }) => self.welcomed(sent_ms, frame, now),
            (Phase::Registered { .. }, _) => self.registered_frame(frame, now),
            _ => Step::Broken,
        }
    }

    fn server_refused(&mut self, number: u16, reason: &str, now: Moment) -> Step {
        let code = Code::from_number(number).unwrap_or(Code::InvalidRegistration);
        if code.disposition() == Disposition::Final {
            self.transmit_frames();
            self.outputs.push(Output::CloseSocket { code: 1000 });
            self.refuse(registration::failure(code, reason));
        } else {
            self.retry(code, now);
        }
        Step::Over
    }

    /// The server has spoken. An identity by key has its answer signed first.
    fn challenged(&mut self, nonce: &[u8; 32], deadline_ms: f64, now: Moment) -> Step {
        let (Some(attempt), Some(profile), Some(link)) = (&self.attempt, &self.profile, &mut self.link) else { return Step::Broken };
        let Some(host) = attempt.host.clone() else { return self.say_hello(&[], deadline_ms, now) };
        link.nonce = *nonce;
        let (credential, device) = (attempt.credential, profile.device());
        self.outputs.push(Output::Prove { credential, device, nonce: *nonce, host });
        self.enter(Phase::Proving { deadline_ms });
        Step::On
    }

    /// The keys signed for that nonce, or did not. What is of an earlier connection means nothing.
    pub(super) fn proven(&mut self, nonce: &[u8; 32], proof: Result<Vec<u8>, Failure>, now: Moment) {
        let Phase::Proving { deadline_ms } = self.phase else { return };
        if self.link.as_ref().is_none_or(|link| link.nonce != *nonce) {
            return;
        }
        match proof {
            Ok(proof) => drop(self.say_hello(&proof, deadline_ms, now)),
            Err(failure) => {
                self.outputs.push(Output::CloseSocket { code: 1000 });
                self.refuse(failure);
            }
        }
    }

    fn say_hello(&mut self, proof: &[u8], deadline_ms: f64, now: Moment) -> Step {
        let (Some(attempt), Some(profile), Some(link)) = (&self.attempt, &mut self.profile, &mut self.link) else { return Step::Broken };
        let (device, outbox_epoch, (queue_epoch, start, handled)) = profile.greeting();
        link.write(&Frame::Hello {
            credential: attempt.credential,
            device,
            device_name: &attempt.device,
            name: attempt.peer.name.as_str(),
            email: attempt.peer.email.as_str(),
            secret: attempt.peer.secret.as_str(),
            location: attempt.peer.location.0.as_str(),
            publish: attempt.peer.publish,
            time_ms: Clock::local_ms(now),
            outbox_epoch,
            queue_epoch,
            start,
            handled,
            proof,
        });
        self.enter(Phase::Registering { sent_ms: now.monotonic_ms, deadline_ms });
        Step::On
    }

    fn welcomed(&mut self, sent_ms: f64, frame: &Frame<'_>, now: Moment) -> Step {
        let &Frame::Welcome {
            receive_time_ms,
            process_time_us,
            queue_epoch,
            start,
            accepted,
            gap,
            window_entries,
            window_bytes,
            message_bytes,
            piece_bytes,
            heartbeat_ms,
            ..
        } = frame
        else {
            return Step::Broken;
        };
        let (Some(profile), Some(link)) = (&mut self.profile, &mut self.link) else { return Step::Broken };
        let window = Window {
            entries: at_most(window_entries, usize::MAX).max(1),
            bytes: at_most(window_bytes, usize::MAX),
            message_bytes: at_most(message_bytes, limits::ENTRY_BYTES),
            piece_bytes: at_most(piece_bytes, limits::ENTRY_BYTES / 2).max(limits::PIECE_LEAST_BYTES),
        };
        let heartbeat_ms = (heartbeat_ms.0 as f64).clamp(limits::HEARTBEAT_LEAST_MS, limits::HEARTBEAT_MOST_MS);
        self.clock.measure_against(sent_ms, now, Some(receive_time_ms as f64), process_time_us.0 as f64 / 1_000.0);
        let server_ms = self.clock.server_ms(now);
        if profile.welcome(accepted.0, (queue_epoch, start), window, server_ms) == Resumed::Elsewhere {
            self.retry(Code::OutOfOrder, now);
            return Step::Over;
        }
        link.welcome(window, heartbeat_ms, now);
        if gap {
            profile.gap();
        }
        self.is_awaited = false;
        self.enter(Phase::Registered { since_ms: now.monotonic_ms });
        self.tell(Event::Registered);
        self.ask(now);
        Step::On
    }

    fn registered_frame(&mut self, frame: &Frame<'_>, now: Moment) -> Step {
        let (Some(profile), Some(link)) = (&mut self.profile, &mut self.link) else { return Step::Broken };
        let is_fine = match frame {
            Frame::Pong { origin_time_ms, receive_time_ms } => {
                if let Some(sent_ms) = link.ponged(*origin_time_ms) {
                    self.clock.remeasure(sent_ms, now, *receive_time_ms as f64);
                }
                true
            }
            Frame::Accepted { number, timestamp_ms, exceptions } => {
                profile.accepted(number.0, *timestamp_ms, &exceptions.0);
                true
            }
            Frame::Rejected { number, code, reason } => {
                profile.rejected(number.0, *code, reason, now);
                true
            }
            Frame::Declined { upload, code, reason } => {
                profile.declined(upload.0, *code, reason, link, now);
                true
            }
            Frame::Deliver { sequence, header, entry } => {
                profile.entry(*sequence, header, entry.0, now);
                true
            }
            Frame::DeliverBegin { sequence, sender, total_bytes, header } => profile.begin(*sequence, *sender, total_bytes.0, header),
            Frame::DeliverPiece { sequence, offset, payload } => profile.piece(*sequence, offset.0, payload.0, now),
            Frame::Progress { number, recipient, bytes } => {
                profile.progress(number.0, *recipient, bytes.0);
                true
            }
            Frame::Realtime { header, entry } => {
                profile.realtime(header, entry.0);
                true
            }
            Frame::Found { ticket, peers } => return self.found(*ticket, &peers.0),
            Frame::Devices { revision, devices } => {
                let this = profile.device();
                let devices = devices.0.iter().map(|device| OwnDevice {
                    device: device.device,
                    name: device.name.to_owned(),
                    online: device.online,
                    seen_ms: device.seen_ms,
                    waiting: device.waiting.0,
                    is_this: device.device == this,
                });
                profile.events.push(Event::Devices { revision: revision.0, devices: devices.collect() });
                true
            }
            Frame::Lists { .. } | Frame::ListPut { .. } | Frame::Keys { .. } | Frame::Claimed { .. } => {
                let mut whole = Vec::new();
                frame.write(&mut whole);
                profile.ask(Output::Keys(whole))
            }
            Frame::Challenge { .. } | Frame::Welcome { .. } | Frame::Refused { .. } | Frame::Trouble { .. } => false,
            // What a client says.
            Frame::Hello { .. }
            | Frame::Ping { .. }
            | Frame::Bye {}
            | Frame::Send { .. }
            | Frame::Begin { .. }
            | Frame::Piece { .. }
            | Frame::Finish { .. }
            | Frame::Void { .. }
            | Frame::Ack { .. }
            | Frame::Find { .. }
            | Frame::Retire { .. }
            | Frame::PutList { .. }
            | Frame::GetLists { .. }
            | Frame::PutKeys { .. }
            | Frame::Claim { .. } => false,
        };
        if is_fine { Step::On } else { Step::Broken }
    }

    /// What was found is set into the page's own text, so each must be a whole object.
    fn found(&mut self, ticket: Varint, peers: &[&str]) -> Step {
        let objects = peers.iter().filter(|peer| peer.starts_with('{') && is_json(peer));
        let peers = objects.map(|peer| JsonText::from_spelled((*peer).to_owned())).collect();
        if let Some(outcome) = self.searches.found(ticket.0, peers) {
            self.settle(outcome);
        }
        Step::On
    }

    /// The heart of the connection, while it is registered.
    pub(super) fn beat(&mut self, now: Moment) {
        let Some(link) = self.link.as_mut().filter(|_| matches!(self.phase, Phase::Registered { .. })) else { return };
        if link.beat(now) {
            self.retry(Code::Silent, now);
        }
    }

    /// The network is back, or the page is shown again: whether the connection lived through it will be known soon.
    pub(super) fn probe_link(&mut self, now: Moment) {
        if let Some(link) = self.link.as_mut().filter(|_| matches!(self.phase, Phase::Registered { .. })) {
            link.ping(now);
            link.heart.hasten(now.monotonic_ms);
        }
    }

    /// Signs out.
    pub(super) fn say_bye(&mut self) {
        if let Some(link) = self.link.as_mut().filter(|_| matches!(self.phase, Phase::Registered { .. })) {
            link.write(&Frame::Bye {});
        }
    }

    /// There is no socket any more.
    pub(super) fn unlink(&mut self) {
        if self.link.take().is_some()
            && let Some(profile) = &mut self.profile
        {
            profile.disconnect();
        }
    }
}

fn at_most(value: Varint, most: usize) -> usize {
    usize::try_from(value.0).unwrap_or(most).min(most)
}
