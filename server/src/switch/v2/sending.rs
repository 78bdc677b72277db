//! Messages on their way in.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use msr_delivery::{ConnectionId, DeviceKey, Exchange, Lists, Now, Offered};
use msr_protocol::v2::{Delivery, DeviceHeader, Frame, List, MessageId, Rest, Varint, flags, frames};
use msr_protocol::{Code, Credential};
use tokio::time::Instant;

use super::connection::Connection;
use super::headers;
use super::limits;
use super::uploads::Trouble;
use super::version_1::can_be_said;
use crate::delivery::Version1 as _;
use crate::switch::limits as switch_limits;

/// Something that a device does to the queues. What one WebSocket message brings is done together.
pub(super) enum Act<'a> {
    Offer(Message<'a>),
    Acknowledge(u64),
    Retire(DeviceKey),
}

/// A message, with what was found out about it before the queues are asked.
pub(super) struct Message<'a> {
    number: u64,
    flags: u8,
    expire_after_ms: u64,
    recipients: Vec<Credential>,
    device_headers: Vec<DeviceHeader<'a>>,
    reply_to: Option<MessageId>,
    subject: &'a str,
    payload: &'a [u8],
    live: BTreeSet<Credential>,
    sayable_in_version_1: bool,
}

impl Message<'_> {
    fn offer(self, connection: ConnectionId, exchange: &mut Exchange, lists: &dyn Lists, now: Now) {
        let Self { number, flags, expire_after_ms, recipients, device_headers, reply_to, subject, payload, live, sayable_in_version_1 } =
            self;
        let live = &live;
        let offered =
            Offered { number, flags, expire_after_ms, recipients, device_headers, reply_to, subject, payload, live, sayable_in_version_1 };
        exchange.offer(connection, &offered, lists, now);
    }
}

impl Connection {
    /// Does what was asked for, in its order.
    pub(super) fn do_all(&self, acts: Vec<Act<'_>>) {
        if acts.is_empty() {
            return;
        }
        let connection = self.name();
        let mut offered = 0;
        self.queues().act(|exchange, now| {
            for act in acts {
                match act {
                    Act::Acknowledge(sequence) => exchange.acknowledge(connection, sequence, now),
                    Act::Retire(device) => exchange.retire_own(connection, device, now),
                    Act::Offer(message) => {
                        offered += 1;
                        message.offer(connection, exchange, &*self.shared.lists, now);
                    }
                }
            }
        });
        self.shared.counters.routed.add(offered);
    }

    /// A message came.
    pub(super) fn send<'a>(&mut self, sender: Credential, frame: Frame<'a>, acts: &mut Vec<Act<'a>>) {
        let Frame::Send { number, flags, expire_after_ms, recipients, device_headers, reply_to, subject, payload } = frame else {
            return;
        };
        let (number, recipients, payload) = (number.0, recipients.0, payload.0);
        let cost = 1 + recipients.len() / switch_limits::COPIES_PER_COST;
        self.allowance.spend(u32::try_from(cost).unwrap_or(u32::MAX), 0);
        let realtime = flags & flags::REALTIME != 0;
        let Some(device_headers) = headers::check(flags, &recipients, device_headers.0, reply_to, subject) else {
            let (code, reason) = (Code::InvalidArgument, "not sealed as it must be");
            return if realtime { self.trouble(code, reason) } else { self.reject(number, code) };
        };
        let live = self.live(sender, &recipients);
        let sayable_in_version_1 = !live.is_empty() && can_be_said(flags, subject, payload);
        if realtime && subject.len() + payload.len() > limits::REALTIME_BYTES {
            return self.trouble(Code::TooLarge, "a realtime message is too large");
        }
        if realtime && recipients.len() > msr_protocol::limits::RECIPIENTS {
            return self.trouble(Code::TooManyRecipients, Code::TooManyRecipients.reason());
        }
        if realtime && sayable_in_version_1 {
            let id = MessageId { device: [0; 16], outbox_epoch: 0, number: Varint(0) };
            let (timestamp_ms, recipients, payload) = ((self.shared.clock)(), List(recipients.clone()), Rest(payload));
            let message = Delivery { from: sender, id, timestamp_ms, flags, recipients, reply_to: None, subject, payload };
            self.shared.hand_over(&message, &live.iter().copied().collect::<Vec<_>>());
        }
        let expire_after_ms = expire_after_ms.0;
        acts.push(Act::Offer(Message {
            number,
            flags,
            expire_after_ms,
            recipients,
            device_headers,
            reply_to,
            subject,
            payload,
            live,
            sayable_in_version_1,
        }));
    }

    /// A number whose message was taken back.
    pub(super) fn void(&mut self, sender: Credential, number: u64, acts: &mut Vec<Act<'_>>) {
        self.send(
            sender,
            Frame::Send {
                number: Varint(number),
                flags: 0,
                expire_after_ms: Varint(0),
                recipients: List(Vec::new()),
                device_headers: List(Vec::new()),
                reply_to: None,
                subject: "\"\"",
                payload: Rest(b"null"),
            },
            acts,
        );
    }

    /// A message in pieces begins.
    pub(super) fn begin_upload(&mut self, upload: u64, total_bytes: u64) -> ControlFlow<()> {
        let begun = self.uploads.begin(upload, total_bytes, Instant::now());
        self.judge_upload(upload, begun)
    }

    /// The next bytes of a message in pieces came.
    pub(super) fn take_piece(&mut self, upload: u64, offset: u64, bytes: &[u8]) -> ControlFlow<()> {
        let taken = self.uploads.piece(upload, offset, bytes, Instant::now());
        self.judge_upload(upload, taken)
    }

    /// All pieces of a message came: it takes its place in the order. With number 0 it is taken back.
    pub(super) fn finish_upload(&mut self, sender: Credential, upload: u64, number: u64) -> ControlFlow<()> {
        let whole = self.uploads.finish(upload);
        if number == 0 {
            return ControlFlow::Continue(());
        }
        let Some(whole) = whole else {
            self.shared.counters.refused.add(1);
            let code = Code::Timeout.number();
            self.answer(&Frame::Rejected { number: Varint(number), code, reason: "Its pieces did not all come" });
            return ControlFlow::Continue(());
        };
        let mut acts = Vec::new();
        match frames(&whole).next() {
            Some(Ok(mut frame)) => match &mut frame {
                Frame::Send { number: place, flags, .. } if place.0 == 0 && *flags & flags::REALTIME == 0 => {
                    place.0 = number;
                    self.send(sender, frame, &mut acts);
                }
                _ => return self.break_off(Code::BadMessage),
            },
            Some(Err(_)) | None => return self.break_off(Code::BadMessage),
        }
        self.do_all(acts);
        ControlFlow::Continue(())
    }

    /// Gives up what has been silent for too long; the client may begin it again.
    pub(super) fn give_up_idle_uploads(&mut self) {
        for upload in self.uploads.give_up_idle(Instant::now()) {
            self.decline(upload, Code::Timeout);
        }
    }

    fn judge_upload(&self, upload: u64, judged: Result<(), Trouble>) -> ControlFlow<()> {
        match judged {
            Ok(()) => ControlFlow::Continue(()),
            Err(Trouble::Declined(code)) => {
                self.decline(upload, code);
                ControlFlow::Continue(())
            }
            Err(Trouble::Malformed) => self.break_off(Code::BadMessage),
        }
    }

    fn decline(&self, upload: u64, code: Code) {
        self.shared.counters.refused.add(1);
        self.answer(&Frame::Declined { upload: Varint(upload), code: code.number(), reason: code.reason() });
    }

    /// Which of the recipients, and the sender, are connected in version 1.
    fn live(&self, sender: Credential, recipients: &[Credential]) -> BTreeSet<Credential> {
        if recipients.is_empty() || recipients.len() > msr_protocol::limits::RECIPIENTS {
            return BTreeSet::new();
        }
        let peers = recipients.iter().chain([&sender]).copied();
        peers.filter(|peer| self.shared.registry.has_version_1(*peer)).collect()
    }

    fn reject(&self, number: u64, code: Code) {
        self.shared.counters.refused.add(1);
        self.answer(&Frame::Rejected { number: Varint(number), code: code.number(), reason: code.reason() });
    }
}
