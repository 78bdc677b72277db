//! Opening: who sealed a letter, whether its header says what the server says, whether it came before.

use msr_protocol::Code;
use msr_protocol::v2::{Delivery, Entry, MessageId, flags};
use zeroize::Zeroizing;

use super::content::{BodyKey, Content, body_hash, open_body, read_content, recipients_hash};
use super::header::{BOUND_FLAGS, HeaderText, Lane, kind, open_own};
use super::io::{AlarmKind, Failure, OpenTag, Opened, Opening};
use super::late::{Late, Reason};
use super::limits::{OPEN_WAIT_MS, OPENS_WAITING};
use super::pair::Unopened;
use super::pinning::Standing;
use super::records::{PairKey, RingRecord, late_key};
use super::spelled::read_whole;
use super::{Machine, Output};

/// A letter whose sender's list is asked for.
pub(super) struct WaitingOpen {
    tag: OpenTag,
    header: Vec<u8>,
    entry: Vec<u8>,
    sender: PairKey,
    since_ms: i64,
}

/// What became of a letter.
pub(super) enum Outcome {
    Opened(Opened),
    Silent,
    Failed(Failure),
    /// Not now.
    Late(Reason),
}

fn cannot(detail: &str) -> Outcome {
    Outcome::Failed(Failure { code: Code::CannotOpen, detail: detail.to_owned() })
}

/// The sealed message of an entry.
pub(super) fn sealed_message(entry: &[u8]) -> Option<Delivery<'_>> {
    match read_whole(entry) {
        Ok(Entry::Message(delivery)) if delivery.flags & flags::SEALED != 0 => Some(delivery),
        Ok(Entry::Message(_) | Entry::Receipt(_)) | Err(_) => None,
    }
}

impl Machine {
    pub(super) fn open_asked(&mut self, tag: OpenTag, header: Vec<u8>, entry: Vec<u8>) {
        let Some(delivery) = sealed_message(&entry) else {
            return self.answer_open(tag, Opening::Failed(Code::BadMessage.into()));
        };
        if self.account.is_none() {
            return self.answer_open(tag, Opening::Failed(Code::NoDeviceKeys.into()));
        }
        let sender = (delivery.from, delivery.id.device);
        if self.late.by_hash(&body_hash(delivery.payload.0), Some(delivery.id)).is_some() {
            return self.answer_open(tag, Opening::Silent);
        }
        if self.link.registered && sender != self.me && self.standing(sender) == Standing::Unknown {
            self.link.want_list(sender.0);
            self.opens.push_back(WaitingOpen { tag, header, entry, sender, since_ms: self.now_ms });
            if self.opens.len() > OPENS_WAITING
                && let Some(oldest) = self.opens.pop_front()
            {
                self.finish_open(oldest.tag, oldest.header, oldest.entry);
            }
            return;
        }
        self.finish_open(tag, header, entry);
    }

    /// Goes on with the letters whose sender's list came, or did not come.
    pub(super) fn open_waiting(&mut self) {
        for waiting in std::mem::take(&mut self.opens) {
            let late = !self.link.registered || waiting.since_ms.saturating_add(OPEN_WAIT_MS) <= self.now_ms;
            if late || !self.link.is_asked(waiting.sender.0) || self.standing(waiting.sender) != Standing::Unknown {
                self.finish_open(waiting.tag, waiting.header, waiting.entry);
            } else {
                self.opens.push_back(waiting);
            }
        }
    }

    pub(super) fn opens_due_ms(&self) -> Option<i64> {
        self.opens.front().map(|waiting| waiting.since_ms.saturating_add(OPEN_WAIT_MS))
    }

    fn finish_open(&mut self, tag: OpenTag, header: Vec<u8>, entry: Vec<u8>) {
        let outcome = match self.open(&header, &entry) {
            Outcome::Opened(opened) => Opening::Opened(opened),
            Outcome::Silent => Opening::Silent,
            Outcome::Failed(failure) => Opening::Failed(failure),
            Outcome::Late(reason) => self.put_by(reason, header, entry),
        };
        self.answer_open(tag, outcome);
    }

    fn answer_open(&mut self, tag: OpenTag, outcome: Opening) {
        self.journal.then(Output::Opened { tag, outcome });
    }

    /// Keeps a letter to be opened later.
    fn put_by(&mut self, reason: Reason, header: Vec<u8>, entry: Vec<u8>) -> Opening {
        let realtime = sealed_message(&entry).is_some_and(|delivery| Lane::of(delivery.flags) == Lane::Realtime);
        let Some(late) = Late::new(reason, header, entry, self.now_ms).filter(|_| !realtime) else {
            return Opening::Failed(Code::CannotOpen.into());
        };
        let record = late.to_record();
        match self.late.put(late, self.me.0) {
            Some(number) => {
                self.journal.put(late_key(number), record);
                Opening::Silent
            }
            None => {
                let detail = "too many messages wait for their keys".to_owned();
                Opening::Failed(Failure { code: Code::CannotOpen, detail })
            }
        }
    }

    /// Opens a letter, as far as it can be opened now.
    pub(super) fn open(&mut self, header: &[u8], entry: &[u8]) -> Outcome {
        let Some(delivery) = sealed_message(entry) else { return Outcome::Failed(Code::BadMessage.into()) };
        let sender = (delivery.from, delivery.id.device);
        let hash = body_hash(delivery.payload.0);
        if let Some(record) = self.rings.opened.get(&hash)
            && let Some(opened_as) = record.opened_as
        {
            let body_key = Zeroizing::new(record.body_key);
            return self.open_again(sender, opened_as, &body_key, &delivery);
        }
        if sender != self.me {
            match self.standing(sender) {
                Standing::Listed => {}
                Standing::Held | Standing::Unknown => return Outcome::Late(Reason::UnknownDevice),
                Standing::Revoked => return Outcome::Failed(Code::DeviceRevoked.into()),
            }
        }
        let (kind, sealed) = match header.split_first() {
            None | Some((&kind::NONE, _)) => return Outcome::Late(Reason::NoHeader),
            Some((&kind, sealed)) => (kind, sealed),
        };
        let text = match self.open_header(sender, kind, sealed) {
            Ok(text) => text,
            Err(_) if sender == self.me => return cannot("this device did not seal it"),
            Err(Unopened::Malformed) => return Outcome::Late(Reason::Broken),
            Err(Unopened::Broken) => {
                self.session_broke(sender);
                return Outcome::Late(Reason::Broken);
            }
        };
        let Some(text) = HeaderText::read(&text) else { return cannot("its header is of another version") };
        self.open_with(sender, &text, &delivery)
    }

    /// The device asks to open once more what it opened before: it ended before it was handled. Under another name it is
    /// a copy.
    fn open_again(&mut self, sender: PairKey, opened_as: MessageId, body_key: &BodyKey, delivery: &Delivery<'_>) -> Outcome {
        if opened_as != delivery.id {
            self.alarm(sender.0, AlarmKind::Replay);
            return Outcome::Silent;
        }
        let plain = open_body(body_key, sender, delivery.payload.0);
        match plain.as_ref().map(|plain| read_content(plain)) {
            Some(Ok(Content::Message(message))) => Outcome::Opened(message.to_opened()),
            _ => Outcome::Silent,
        }
    }

    fn open_header(&mut self, sender: PairKey, header_kind: u8, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unopened> {
        if sender == self.me {
            let own_key = self.account.as_ref().map(|account| &account.own_key).ok_or(Unopened::Malformed)?;
            let own = header_kind == kind::OWN;
            return own.then(|| open_own(own_key, sealed)).flatten().ok_or(Unopened::Malformed);
        }
        self.pair(sender).ok_or(Unopened::Malformed)?;
        let (Some(account), Some(pair)) = (&mut self.account, self.pairs.get_mut(&sender)) else { return Err(Unopened::Malformed) };
        let (text, account_changed) = match header_kind {
            kind::OLM_PREKEY => pair.open_prekey(account, sealed)?,
            kind::OLM => (pair.open(sealed)?, false),
            _ => return Err(Unopened::Malformed),
        };
        self.account_changed |= account_changed;
        self.pairs_changed.put(sender);
        Ok(text)
    }

    /// Checks what a header says against what the server says, and opens the body.
    fn open_with(&mut self, sender: PairKey, text: &HeaderText, delivery: &Delivery<'_>) -> Outcome {
        let ours = (text.from, text.from_device) == sender && (text.to, text.to_device) == self.me;
        let same = text.recipients == recipients_hash(&delivery.recipients.0) && text.flags == delivery.flags & BOUND_FLAGS;
        if !ours || !same {
            self.alarm(sender.0, AlarmKind::ForgedLetter);
            return cannot("it was sealed for others than the server says");
        }
        if text.body_hash != body_hash(delivery.payload.0) {
            // The header of another letter: this one's key can be asked for.
            self.alarm(sender.0, AlarmKind::ForgedLetter);
            return Outcome::Late(Reason::Broken);
        }
        let lane = Lane::of(text.flags);
        let voided = &text.voided.0;
        if !self.comes_first(sender, lane, text.counter.0, text.sure_from.0, voided) {
            self.alarm(sender.0, AlarmKind::Replay);
            return Outcome::Silent;
        }
        self.open_content(sender, &text.body_key, delivery)
    }

    /// Whether a letter did not come before; it has come now.
    pub(super) fn comes_first(
        &mut self,
        sender: PairKey,
        lane: Lane,
        counter: u64,
        sure_from: u64,
        voided: &[msr_protocol::v2::Varint],
    ) -> bool {
        let now_ms = self.now_ms;
        let Some(pair) = self.pair(sender) else { return false };
        let seen = &mut pair.received[lane as usize];
        let first = seen.is_new(counter);
        if first {
            seen.came(counter, sure_from, voided, now_ms);
            if lane == Lane::Message && seen.due_ms().is_some() {
                self.pairs_with_gaps.put(sender);
            }
            self.pairs_changed.put(sender);
        }
        first
    }

    /// Opens the body of a letter that is known to be the sender's, and new.
    pub(super) fn open_content(&mut self, sender: PairKey, body_key: &BodyKey, delivery: &Delivery<'_>) -> Outcome {
        let Some(plain) = open_body(body_key, sender, delivery.payload.0) else { return cannot("its body is not what was sealed") };
        let Ok(content) = read_content(&plain) else { return cannot("what is in it cannot be read") };
        let lane = Lane::of(delivery.flags);
        match content {
            Content::Message(message) if lane != Lane::Control => {
                if lane == Lane::Message {
                    self.remember_opened(body_key, delivery);
                }
                Outcome::Opened(message.to_opened())
            }
            Content::Message(_) => cannot("a message came as a letter of the keys"),
            _ if lane != Lane::Control => cannot("a letter of the keys came as a message"),
            control => {
                self.remember_opened(body_key, delivery);
                self.control_came(sender, control);
                Outcome::Silent
            }
        }
    }

    fn remember_opened(&mut self, body_key: &BodyKey, delivery: &Delivery<'_>) {
        let hash = body_hash(delivery.payload.0);
        let record = RingRecord {
            hash,
            body_key: *body_key,
            from: delivery.from,
            from_device: delivery.id.device,
            recipients: recipients_hash(&delivery.recipients.0),
            flags: delivery.flags & BOUND_FLAGS,
            made_ms: self.now_ms,
            opened_as: Some(delivery.id),
            targets: msr_protocol::v2::List(vec![]),
        };
        self.rings.put(record, self.now_ms);
        self.answer_questions(&hash);
    }
}
