//! What could not be opened is opened after all: keys of letters are asked for, broken sessions are begun anew, and
//! whatever came late is handed out.

use msr_protocol::Code;
use msr_protocol::v2::{MessageId, Varint};

use super::content::{BodyHash, Content, KeyAnswer, open_body, read_content, recipients_hash};
use super::control::Words;
use super::header::{BOUND_FLAGS, Lane};
use super::io::{AlarmKind, Failure, KeyEvent};
use super::late::{Late, Reason};
use super::limits::{HEALING_PAUSE_MS, KEYS_PER_REQUEST, LATE_AGE_MS};
use super::opening::{Outcome, sealed_message};
use super::pinning::Standing;
use super::records::{PairKey, late_key};
use super::sorted::Map;
use super::{Machine, Output};

impl Machine {
    /// Letters that were open when the machine ended, and not handled.
    pub(super) fn hand_out_late(&mut self) {
        let ready: Vec<_> = self.late.iter().filter(|(_, late)| late.body_key.is_some()).map(|(number, _)| number).collect();
        for number in ready {
            self.hand_out(number);
        }
    }

    fn hand_out(&mut self, number: u64) {
        let Some(late) = self.late.get_mut(number) else { return };
        let (entry, sender) = (late.entry.clone(), late.sender);
        let plain = late.body_key.and_then(|key| open_body(&key, sender, sealed_message(&entry)?.payload.0));
        match plain.as_ref().map(|plain| read_content(plain)) {
            Some(Ok(Content::Message(message))) => {
                let opened = message.to_opened();
                self.journal.then(Output::Late { entry, opened });
            }
            _ => self.drop_late(number),
        }
    }

    fn drop_late(&mut self, number: u64) {
        if let Some((key, _)) = self.late.remove(number) {
            self.journal.delete(key);
        }
    }

    pub(super) fn late_handled(&mut self, id: MessageId) {
        let handled: Vec<_> =
            self.late.iter().filter(|(_, late)| late.id == id && late.body_key.is_some()).map(|(number, _)| number).collect();
        handled.into_iter().for_each(|number| self.drop_late(number));
    }

    /// No session opens what a device seals: another is begun from here, not more often than once in a while. The device
    /// goes over to it with the first letter that it opens.
    pub(super) fn session_broke(&mut self, key: PairKey) {
        let now_ms = self.now_ms;
        let Some(pair) = self.pair(key) else { return };
        if pair.renew || pair.renewed_ms.saturating_add(HEALING_PAUSE_MS) > now_ms {
            return;
        }
        pair.renew = true;
        pair.renewed_ms = now_ms;
        if !self.is_saying(key) {
            self.say(key, Words::Nothing);
        }
    }

    /// Asks for the keys of letters that are due, and gives up those that are too old.
    pub(super) fn heal(&mut self) {
        for number in self.late.expired(self.now_ms) {
            self.drop_late(number);
            let detail = "a message could not be decrypted: its key never came".to_owned();
            self.event(KeyEvent::Trouble(Failure { code: Code::CannotOpen, detail }));
        }
        if !self.link.registered || !self.listing.confirmed {
            return;
        }
        let now_ms = self.now_ms;
        let is_due = |late: &Late| late.body_key.is_none() && late.ask_ms <= now_ms;
        let due: Vec<_> = self.late.iter().filter(|(_, late)| is_due(late)).map(|(number, _)| number).collect();
        if due.is_empty() {
            return;
        }
        let own = self.peers.get(self.me.0).ok().flatten().and_then(|peer| peer.list.as_ref());
        let others: Vec<PairKey> = own
            .map(|list| list.devices.iter().map(|one| (self.me.0, one.device)).filter(|key| *key != self.me).collect())
            .unwrap_or_default();
        let mut requests: Map<PairKey, Vec<BodyHash>> = Map::default();
        for number in due {
            let Some(late) = self.late.get_mut(number) else { continue };
            late.was_asked(now_ms);
            let (sender, hash) = (late.sender, late.hash);
            // It may be about to come onto the list, or have left it: then those know who got the letter before.
            let is_unknown = late.reason == Reason::UnknownDevice;
            if is_unknown {
                self.link.want_list(sender.0);
            }
            let askable = others.iter().copied().chain((sender.0 != self.me.0 && !is_unknown).then_some(sender));
            askable.for_each(|key| requests.get_or(key, Vec::new).push(hash));
        }
        for (key, hashes) in requests {
            for hashes in hashes.chunks(KEYS_PER_REQUEST) {
                self.say(key, Words::Request(hashes.to_vec()));
            }
        }
    }

    /// When keys are asked for next, ms since 1970.
    pub(super) fn late_due_ms(&self) -> Option<i64> {
        let asks = self.late.iter().filter(|(_, late)| late.body_key.is_none());
        asks.map(|(_, late)| late.ask_ms).min().filter(|_| self.listing.confirmed)
    }

    /// When letters are given up, ms since 1970.
    pub(super) fn late_expire_ms(&self) -> Option<i64> {
        let open = self.late.iter().filter(|(_, late)| late.body_key.is_none());
        open.map(|(_, late)| late.made_ms.saturating_add(LATE_AGE_MS)).min()
    }

    /// The list of a peer came for which letters waited.
    pub(super) fn retry_unknown(&mut self, credential: msr_protocol::Credential) {
        for number in self.late.of_unknown(credential) {
            let Some(late) = self.late.get_mut(number) else { continue };
            let (header, entry, sender) = (late.header.clone(), late.entry.clone(), late.sender);
            if self.standing(sender) != Standing::Listed && self.standing(sender) != Standing::Revoked {
                continue;
            }
            match self.open(&header, &entry) {
                Outcome::Opened(_) => self.open_late(number),
                Outcome::Silent => self.drop_late(number),
                Outcome::Failed(failure) => {
                    self.drop_late(number);
                    self.event(KeyEvent::Trouble(failure));
                }
                Outcome::Late(reason) => {
                    if let Some(late) = self.late.get_mut(number) {
                        late.reason = reason;
                        let record = late.to_record();
                        self.journal.put(late_key(number), record);
                    }
                }
            }
        }
    }

    /// The key of a letter that was put by is in the ring now: the letter is handed out until it is handled.
    fn open_late(&mut self, number: u64) {
        let Some(late) = self.late.get_mut(number) else { return };
        late.body_key = self.rings.opened.get(&late.hash).map(|record| record.body_key);
        let record = late.to_record();
        self.journal.put(late_key(number), record);
        self.hand_out(number);
    }

    /// Keys that were asked for came: of the device that sealed the letter, or of one of the peer's own.
    pub(super) fn answer_came(&mut self, sender: PairKey, found: &[KeyAnswer], unknown: &[BodyHash]) {
        for answer in found {
            if let Some(number) = self.late.by_hash(&answer.hash, None) {
                self.answered(sender, number, answer);
            }
        }
        for hash in unknown {
            let Some(number) = self.late.by_hash(hash, None) else { continue };
            let Some(late) = self.late.get_mut(number) else { continue };
            let control = sealed_message(&late.entry).is_some_and(|delivery| Lane::of(delivery.flags) == Lane::Control);
            // A letter of the keys that its sender does not know any more said nothing that is missed.
            if late.sender == sender && control && late.body_key.is_none() {
                self.drop_late(number);
            }
        }
    }

    fn found_one(&mut self, sender: PairKey) {
        if let Some(pair) = self.pair(sender) {
            pair.received[Lane::Message as usize].found_one();
            self.pairs_changed.put(sender);
        }
    }

    fn answered(&mut self, from: PairKey, number: u64, answer: &KeyAnswer) {
        let Some(late) = self.late.get_mut(number) else { return };
        let (entry, sender, has_header) = (late.entry.clone(), late.sender, !late.header.is_empty());
        let Some(delivery) = sealed_message(&entry).filter(|_| late.body_key.is_none()) else { return };
        let entitled = from == sender || from.0 == self.me.0;
        let bound = (answer.from, answer.from_device) == sender
            && answer.recipients == recipients_hash(&delivery.recipients.0)
            && answer.flags == delivery.flags & BOUND_FLAGS;
        if !entitled || !bound {
            return self.alarm(sender.0, AlarmKind::ForgedLetter);
        }
        let Varint(counter) = answer.counter;
        let counted = from == sender && counter > 0;
        // An own device knows no counter: what was opened under another name tells a copy.
        let opened_as = self.rings.opened.get(&answer.hash).and_then(|record| record.opened_as);
        let copy = opened_as.is_some_and(|opened_as| opened_as != delivery.id);
        if copy || counted && !self.comes_first(sender, Lane::of(answer.flags), counter, u64::MAX, &[]) {
            self.drop_late(number);
            return self.alarm(sender.0, AlarmKind::Replay);
        }
        match self.open_content(sender, &answer.body_key, &delivery) {
            Outcome::Opened(_) => {
                // The header had a counter, which a device that did not seal the letter does not know.
                if !counted && has_header && Lane::of(answer.flags) == Lane::Message {
                    self.found_one(sender);
                }
                self.open_late(number);
            }
            Outcome::Silent | Outcome::Late(_) => self.drop_late(number),
            Outcome::Failed(failure) => {
                self.drop_late(number);
                self.event(KeyEvent::Trouble(failure));
            }
        }
    }
}
