//! One look at the whole history: every accepted message reached every device of every recipient or was reported, once, in
//! order; nothing came that nobody sent; every ticket was settled once.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::AddAssign;

use msr_client::Progress;
use msr_protocol::v2::MessageId;

use crate::device::Device;
use crate::history::{Outcome, Text, Ticketed};
use crate::server::Counts;
use crate::world::World;

/// How much happened.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    pub(crate) accepted: usize,
    pub(crate) handled: usize,
    pub(crate) crashes: usize,
    pub(crate) server_crashes: usize,
    pub(crate) refused: usize,
    pub(crate) doubled: usize,
    pub(crate) cancelled: usize,
    pub(crate) replies: usize,
    pub(crate) expired: usize,
    pub(crate) realtime: usize,
    /// Messages that came in pieces, that the server gave up, that were taken back half-way.
    pub(crate) uploaded: usize,
    pub(crate) declined: usize,
    pub(crate) taken_back: usize,
    /// Large messages that a later one of the same sender, for others, came in front of.
    pub(crate) passed: usize,
    /// Calls of handlers with messages that were sealed.
    pub(crate) sealed: usize,
}

impl AddAssign for Seen {
    fn add_assign(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.handled += other.handled;
        self.crashes += other.crashes;
        self.server_crashes += other.server_crashes;
        self.refused += other.refused;
        self.doubled += other.doubled;
        self.cancelled += other.cancelled;
        self.replies += other.replies;
        self.expired += other.expired;
        self.realtime += other.realtime;
        self.uploaded += other.uploaded;
        self.declined += other.declined;
        self.taken_back += other.taken_back;
        self.passed += other.passed;
        self.sealed += other.sealed;
    }
}

impl Ticketed {
    /// Whether nothing more is to be heard of it.
    pub(crate) fn is_settled(&self) -> bool {
        match self.outcomes.as_slice() {
            [] => false,
            [Outcome::Accepted] => !self.is_request,
            _ => true,
        }
    }
}

impl World {
    pub(crate) fn check(&self) -> Seen {
        let Counts { refused, uploaded, declined, taken_back } = self.counts;
        let mut seen = Seen { server_crashes: self.server_crashes, refused, uploaded, declined, taken_back, ..Seen::default() };
        for device in &self.devices {
            let context = format!("seed {}: device {}", self.seed, device.place);
            assert_eq!(device.history.gaps, 0, "{context}: nothing was lost, so no gap may be told");
            assert_eq!(device.history.troubles, [""; 0], "{context}");
            if let Some(keys) = &device.keys {
                assert_eq!(keys.alarms, [""; 0], "{context}");
                seen.sealed += device.history.calls.len();
            }
            seen.doubled += self.check_calls(device, &context);
            self.check_order(device, &context);
            seen.passed += self.passed(device);
            check_tickets(device, &context);
            self.check_not_sent(device, &context);
            for (request, answered) in &device.history.replies {
                assert_eq!(answered.and_then(|id| self.offered.get(&id)), request.as_ref(), "{context}: the answer to another request");
            }
            for id in &device.history.accepted {
                self.check_delivered(device, *id, &context);
            }
            let outcomes = device.history.tickets.values().flat_map(|ticketed| &ticketed.outcomes);
            for outcome in outcomes {
                seen.cancelled += usize::from(*outcome == Outcome::NotSent);
                seen.replies += usize::from(*outcome == Outcome::Reply);
            }
            seen.accepted += device.history.accepted.len();
            seen.handled += device.history.calls.len();
            seen.crashes += device.history.applied_at_end.len();
            seen.realtime += device.history.realtime.len();
            seen.expired += device.history.receipts.iter().filter(|(_, _, progress)| *progress == Progress::Expired).count();
        }
        let server = self.server.as_ref().unwrap();
        let kept = (server.exchange.waiting(), self.store.messages.len());
        assert_eq!(kept, (0, 0), "seed {}: all is acknowledged, so nothing is kept", self.seed);
        seen
    }

    /// Each message once, save for a call that a crash cut off before it was noted; in the order of its sender.
    fn check_calls(&self, device: &Device, context: &str) -> usize {
        let mut doubled = 0;
        let mut by_text: BTreeMap<Text, &crate::history::Call> = BTreeMap::new();
        let mut last: BTreeMap<([u8; 16], u64), MessageId> = BTreeMap::new();
        for call in &device.history.calls {
            let sent = self.devices.get(call.text.place).and_then(|sender| sender.sent.get(&call.text));
            assert!(sent.is_some(), "{context}: nobody sent {:?}", call.text);
            assert_eq!(self.offered.get(&call.id), Some(&call.text), "{context}: a message under another's name");
            if let Some(before) = by_text.insert(call.text, call) {
                let end = device.history.applied_at_end.get(before.life - 1);
                let was_cut_off = end.is_some_and(|applied| before.noted_by > *applied) && before.life < call.life;
                assert!(was_cut_off, "{context}: handled {:?} twice: {before:?}, {call:?}", call.text);
                doubled += 1;
                continue;
            }
            let before = last.insert((call.id.device, call.id.outbox_epoch), call.id);
            assert!(before.is_none_or(|before| before < call.id), "{context}: got {:?} after {before:?}", call.id);
        }
        doubled
    }

    /// What one device sent to this peer came in the order in which it was sent.
    fn check_order(&self, device: &Device, context: &str) {
        let mut last: BTreeMap<usize, Text> = BTreeMap::new();
        let mut handled = BTreeSet::new();
        for call in &device.history.calls {
            let sender = &self.devices[call.text.place];
            // One that was lost in a crash may have been sent again long after, and one that was cut off comes again.
            let times = sender.history.tickets.values().filter(|ticketed| ticketed.text == Some(call.text)).count();
            let is_for_it = sender.sent[&call.text].recipients.contains(&device.credential);
            if times != 1 || !is_for_it || !handled.insert(call.text) {
                continue;
            }
            let before = last.insert(call.text.place, call.text);
            assert!(before < Some(call.text), "{context}: handled {:?} after {before:?}", call.text);
        }
    }

    /// How many large messages got a number above that of a later message.
    fn passed(&self, device: &Device) -> usize {
        let numbers: BTreeMap<Text, u64> = self.offered.iter().map(|(id, text)| (*text, id.number.0)).collect();
        let is_passed = |text: &Text| {
            let Some(number) = numbers.get(text) else { return false };
            device.sent.range(*text..).skip(1).any(|(later, _)| numbers.get(later).is_some_and(|later| later < number))
        };
        device.sent.iter().filter(|(text, sent)| sent.bytes > 32_768 && is_passed(text)).count()
    }

    /// What was given up reached nobody, unless the crash came before that was noted.
    fn check_not_sent(&self, device: &Device, context: &str) {
        for ((life, _), ticketed) in &device.history.tickets {
            let Some(text) = ticketed.text.filter(|_| ticketed.outcomes.contains(&Outcome::NotSent)) else { continue };
            let end = device.history.applied_at_end.get(life - 1);
            if end.is_some_and(|applied| ticketed.noted_by > *applied) {
                continue;
            }
            let others = device.history.tickets.values().filter(|other| other.text == Some(text)).count();
            if others > 1 {
                continue;
            }
            for other in &self.devices {
                let got = other.history.calls.iter().any(|call| call.text == text);
                assert!(!got, "{context}: {text:?} was given up, and device {} got it", other.place);
            }
        }
    }

    /// An accepted message was handled by every device it was for, or its sender was told why not.
    fn check_delivered(&self, sender: &Device, id: MessageId, context: &str) {
        // A number that was void by the time it was accepted.
        let Some(text) = self.offered.get(&id) else { panic!("{context}: nobody offered {id:?}") };
        let sent = &sender.sent[text];
        // A call that was cut off is none.
        let has = |device: &Device| device.history.calls.iter().any(|call| call.text == *text && call.noted_by != usize::MAX);
        for recipient in &sent.recipients {
            let reports: BTreeSet<Progress> = sender
                .history
                .receipts
                .iter()
                .filter(|(of, to, _)| *of == id && to == recipient)
                .map(|(_, _, progress)| *progress)
                .collect();
            let of_recipient: Vec<&Device> = self.devices.iter().filter(|device| device.credential == *recipient).collect();
            assert!(
                reports.contains(&Progress::Delivered) || (sent.expires && reports.contains(&Progress::Expired)),
                "{context}: no last receipt for {text:?} to {recipient}: {reports:?}"
            );
            if reports.contains(&Progress::Delivered) {
                assert!(of_recipient.iter().any(|device| has(device)), "{context}: {text:?} is said to be delivered");
            }
            if !sent.expires {
                for device in of_recipient {
                    assert!(has(device), "{context}: device {} never got {text:?}", device.place);
                }
            }
        }
        if !sent.expires {
            for device in self.devices.iter().filter(|other| other.credential == sender.credential && other.place != sender.place) {
                assert!(has(device), "{context}: the sender's device {} never got a copy of {text:?}", device.place);
            }
        }
    }
}

/// Once each; those of a life that was cut off, once at most.
fn check_tickets(device: &Device, context: &str) {
    for ((life, ticket), ticketed) in &device.history.tickets {
        let is_last_life = *life == device.life;
        let fine = match (ticketed.outcomes.as_slice(), ticketed.is_request) {
            ([], _) => !is_last_life,
            ([Outcome::Accepted], true) => !is_last_life,
            ([Outcome::Accepted | Outcome::Written | Outcome::NotSent], false) => true,
            ([Outcome::NotSent | Outcome::NoReply | Outcome::Reply] | [Outcome::Accepted, Outcome::NoReply | Outcome::Reply], true) => true,
            // The answer may be quicker than the acceptance.
            ([Outcome::NoReply | Outcome::Reply, Outcome::Accepted], true) => true,
            _ => false,
        };
        assert!(fine, "{context}: life {life}, ticket {ticket}: {ticketed:?}");
    }
}
