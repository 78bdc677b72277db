//! What the device writes to a connection, and what the server answers to it.

use msr_protocol::v2::{Exception, Frame, MessageId, Varint};
use msr_protocol::{Code, Credential, Disposition};

use super::link::Link;
use super::numbering::Next;
use super::pending::Pending;
use super::profile::{Profile, wall};
use crate::{Event, Failure, Moment};

impl Profile {
    /// Writes what may be written.
    pub(crate) fn transmit(&mut self, link: &mut Link, now: Moment) {
        self.inbox.ack_later(now.monotonic_ms);
        if let Some(sequence) = self.inbox.ack(now.monotonic_ms) {
            link.write(&Frame::Ack { sequence });
        }
        loop {
            let renamed = self.outbox.settle(&mut self.journal);
            self.rename(&renamed);
            while let Some(next) = self.outbox.next(now.monotonic_ms, &mut self.journal) {
                self.write(next, link);
            }
            let Some(upload) = link.go_on(now) else { return };
            self.outbox.uploaded(upload);
        }
    }

    fn write(&mut self, next: Next, link: &mut Link) {
        match next {
            Next::Send(number, frame) => {
                link.send(&frame);
                self.outbox.wrote(number);
            }
            Next::Void(number) => {
                link.write(&Frame::Void { number: Varint(number) });
                self.outbox.wrote(number);
            }
            Next::Finish { upload, number } => {
                link.write(&Frame::Finish { upload: Varint(upload), number: Varint(number) });
                self.outbox.wrote(number);
            }
            Next::Begin { upload, frame } => link.begin(upload, frame),
            Next::TakeBack { upload } => {
                link.abort(upload);
                link.write(&Frame::Finish { upload: Varint(upload), number: Varint(0) });
            }
            Next::TooLarge(position) => {
                if let Some((name, message)) = self.outbox.drop(position, &mut self.journal) {
                    self.not_sent(name, &message, &Code::TooLarge.into());
                }
            }
        }
    }

    /// The server has a message, and all before it.
    pub(crate) fn accepted(&mut self, number: u64, timestamp_ms: i64, exceptions: &[Exception]) {
        for (name, message) in self.outbox.accepted(number, &mut self.journal) {
            if message.is_encrypted() {
                self.outbox.fits();
            }
            self.tell_accepted(name, message, timestamp_ms, if name.number.0 == number { exceptions } else { &[] });
        }
    }

    /// The server did not take a message.
    pub(crate) fn rejected(&mut self, number: u64, code: u16, reason: &str, now: Moment) {
        if code == Code::StaleDevices.number() && self.outbox.is_sealed(number) {
            if self.outbox.is_accepted(number) {
                // It was asked again for its answer alone; it fitted when it was taken.
                return self.accepted(number, wall(now), &[]);
            }
            let renamed = self.outbox.stale(number, now.monotonic_ms, &mut self.rng, &mut self.journal);
            return self.rename(&renamed);
        }
        let Self { outbox, journal, rng, .. } = self;
        let ended = outbox.rejected(number, is_final(code), now.monotonic_ms, rng, journal);
        self.ended(ended, code, reason);
    }

    /// The server gave up what came in pieces.
    pub(crate) fn declined(&mut self, upload: u64, code: u16, reason: &str, link: &mut Link, now: Moment) {
        link.abort(upload);
        let Self { outbox, journal, rng, .. } = self;
        let ended = outbox.declined(upload, is_final(code), now.monotonic_ms, rng, journal);
        self.ended(ended, code, reason);
    }

    fn ended(&mut self, ended: Option<(MessageId, Pending)>, code: u16, reason: &str) {
        let Some((name, message)) = ended else { return };
        let code = Code::from_number(code).unwrap_or(Code::InvalidArgument);
        let detail = if reason.is_empty() { code.reason() } else { reason };
        self.not_sent(name, &message, &Failure { code, detail: detail.to_owned() });
    }

    /// A recipient has so many bytes of a large message.
    pub(crate) fn progress(&mut self, number: u64, recipient: Credential, bytes: u64) {
        let receipts = self.receipts.receiving(self.outbox.numbered(number), recipient, bytes);
        self.events.extend(receipts.into_iter().map(Event::Receipt));
    }
}

/// Whether trying again changes nothing.
fn is_final(code: u16) -> bool {
    Code::from_number(code).map_or(code / 100 == 4, |code| code.disposition() == Disposition::Final)
}
