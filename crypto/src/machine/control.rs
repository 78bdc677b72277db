//! Letters of the keys themselves, from device to device: requests for the keys of letters, answers, a fresh session.

use msr_protocol::v2::{Bytes16, List, Varint};
use msr_protocol::{Code, Credential};
use zeroize::Zeroizing;

use super::content::{BodyHash, Content, KeyAnswer};
use super::header::Lane;
use super::io::{KeyEvent, SecretBytes};
use super::limits::{CONTROLS_PER_PEER, CONTROLS_WAITING, KEYS_PER_REQUEST, KEYS_WAITING, QUESTIONS};
use super::pinning::Standing;
use super::records::PairKey;
use super::sealing::{Readiness, SealedLetter};
use super::sorted::Map;
use super::{Machine, Output};

/// What a letter of the keys says.
pub(super) enum Words {
    Request(Vec<BodyHash>),
    /// The letters whose keys were asked for.
    Answer(Vec<BodyHash>),
    Nothing,
    GroupKey(Zeroizing<Vec<u8>>),
}

/// A letter of the keys that waits for its session.
pub(super) struct Control {
    to: PairKey,
    words: Words,
}

impl Machine {
    pub(super) fn say(&mut self, to: PairKey, words: Words) {
        if let Words::Answer(more) = words {
            return self.say_answer(to, more);
        }
        self.controls.push_back(Control { to, words });
        self.bound_controls(to);
    }

    /// Whoever has more waiting than it may, that device's peer or, of all, the one with most, loses the oldest.
    fn bound_controls(&mut self, to: PairKey) {
        let share = self.share(to);
        let of_share = self.controls.iter().filter(|control| self.share(control.to) == share).count();
        if of_share > CONTROLS_PER_PEER {
            self.drop_control(share);
        } else if self.controls.len() > CONTROLS_WAITING {
            let mut counts: Map<PairKey, usize> = Map::default();
            for control in &self.controls {
                *counts.get_or(self.share(control.to), || 0) += 1;
            }
            if let Some((most, _)) = counts.iter().max_by_key(|(_, count)| **count) {
                self.drop_control(*most);
            }
        }
    }

    /// One answer waits for each device, so that asking much and often is worth nothing.
    fn say_answer(&mut self, to: PairKey, more: Vec<BodyHash>) {
        let waiting = self.controls.iter_mut().find_map(|control| match &mut control.words {
            Words::Answer(hashes) if control.to == to => Some(hashes),
            _ => None,
        });
        let Some(hashes) = waiting else {
            if !more.is_empty() {
                self.controls.push_back(Control { to, words: Words::Answer(more) });
                self.bound_controls(to);
            }
            return;
        };
        for hash in more {
            if hashes.len() < KEYS_WAITING && !hashes.contains(&hash) {
                hashes.push(hash);
            }
        }
    }

    /// Who shares a bound with a device: all of its peer's, but for one's own, each of which is by itself.
    fn share(&self, to: PairKey) -> PairKey {
        if to.0 == self.me.0 { to } else { (to.0, [0; 16]) }
    }

    fn drop_control(&mut self, share: PairKey) {
        if let Some(oldest) = self.controls.iter().position(|control| self.share(control.to) == share) {
            self.controls.remove(oldest);
        }
    }

    /// Whether such a letter waits already.
    pub(super) fn is_saying(&self, to: PairKey) -> bool {
        self.controls.iter().any(|control| control.to == to)
    }

    pub(super) fn share_group_key(&mut self, devices: Vec<(Credential, Bytes16)>, key: &SecretBytes) {
        let me = self.me;
        for to in devices.into_iter().filter(|to| *to != me) {
            self.say(to, Words::GroupKey(key.0.clone()));
        }
    }

    /// Seals those for whose device there is a session.
    pub(super) fn send_controls(&mut self) {
        if !self.link.registered || !self.listing.confirmed {
            return;
        }
        for control in std::mem::take(&mut self.controls) {
            if self.standing(control.to) != Standing::Listed {
                continue;
            }
            match self.readiness(control.to) {
                Readiness::Ready => self.send_control(control),
                Readiness::Waiting => self.controls.push_back(control),
                // The key of a group is given once; whatever else is asked for again.
                Readiness::Keyless | Readiness::Barred if matches!(control.words, Words::GroupKey(_)) => self.controls.push_back(control),
                Readiness::Keyless | Readiness::Barred => {}
            }
        }
    }

    /// When answers go on that a device has asked too much for, ms since 1970.
    pub(super) fn answers_due_ms(&self) -> Option<i64> {
        let answers = self.controls.iter().filter(|control| matches!(control.words, Words::Answer(_)));
        let asking = answers.filter_map(|control| self.pairs.get(&control.to).filter(|pair| pair.has_session()));
        asking.filter_map(|pair| pair.answers_due_ms).min().filter(|_| self.listing.confirmed)
    }

    fn send_control(&mut self, Control { to, words }: Control) {
        let words = match words {
            Words::Answer(mut hashes) => {
                let now_ms = self.now_ms;
                let Some(pair) = self.pair(to) else { return };
                let rest = hashes.split_off(hashes.len().min(KEYS_PER_REQUEST).min(pair.may_answer(now_ms)));
                pair.answered(hashes.len(), now_ms);
                if !rest.is_empty() {
                    self.controls.push_back(Control { to, words: Words::Answer(rest) });
                }
                if hashes.is_empty() {
                    return;
                }
                Words::Answer(hashes)
            }
            other => other,
        };
        self.send_words(to, &words);
    }

    fn send_words(&mut self, to: PairKey, words: &Words) {
        let content = match words {
            Words::Request(hashes) => Content::KeyRequest(List(hashes.clone())),
            Words::Answer(hashes) => self.answer(to, hashes),
            Words::Nothing => Content::Nothing,
            Words::GroupKey(key) => Content::GroupKey(key),
        };
        // Should it not be opened, the key of a group is asked for like a message's.
        let keep = matches!(words, Words::GroupKey(_));
        match self.seal_letter(&content, Lane::Control, &[to.0], &[to], keep) {
            Ok(SealedLetter { payload, headers, .. }) => self.journal.then(Output::Control { recipient: to.0, payload, headers }),
            Err(failure) => self.event(KeyEvent::Trouble(failure)),
        }
    }

    /// A letter of the keys came.
    pub(super) fn control_came(&mut self, sender: PairKey, content: Content<'_>) {
        match content {
            Content::KeyRequest(List(hashes)) => {
                let hashes: Vec<_> = hashes.into_iter().take(KEYS_PER_REQUEST).collect();
                self.remember_questions(sender, &hashes);
                self.say(sender, Words::Answer(hashes));
            }
            Content::KeyAnswer { found, unknown } => self.answer_came(sender, &found.0, &unknown.0),
            Content::GroupKey(key) => {
                let key = SecretBytes(Zeroizing::new(key.to_vec()));
                self.journal.then(Output::Event(KeyEvent::GroupKey { credential: sender.0, device: sender.1, key }));
            }
            Content::Nothing => {}
            Content::Message(_) => self.trouble(Code::BadMessage, "a message came as a letter of the keys".to_owned()),
        }
    }

    /// A device of the peer's own asks for the keys of letters that this one may open later.
    fn remember_questions(&mut self, by: PairKey, hashes: &[BodyHash]) {
        if by.0 != self.me.0 {
            return;
        }
        for &hash in hashes {
            if self.rings.get(&hash).is_none() && !self.questions.contains(&(hash, by)) {
                self.questions.push_back((hash, by));
            }
        }
        let surplus = self.questions.len().saturating_sub(QUESTIONS);
        self.questions.drain(..surplus);
    }

    /// A letter is open now: who asked for its key before gets it.
    pub(super) fn answer_questions(&mut self, hash: &BodyHash) {
        while let Some(place) = self.questions.iter().position(|(asked, _)| asked == hash) {
            if let Some((hash, by)) = self.questions.remove(place) {
                self.say(by, Words::Answer(vec![hash]));
            }
        }
    }

    /// The keys that a device may have: of letters that were sealed for it, and, for the peer's own, of all.
    fn answer(&self, to: PairKey, hashes: &[BodyHash]) -> Content<'static> {
        let (mut found, mut unknown) = (vec![], vec![]);
        for &hash in hashes {
            let Some(record) = self.rings.get(&hash) else {
                unknown.push(hash);
                continue;
            };
            let target = record.targets.0.iter().find(|target| (target.peer, target.device) == to);
            let sealed_here = (record.from, record.from_device) == self.me;
            if !(target.is_some() && sealed_here) && to.0 != self.me.0 {
                unknown.push(hash);
                continue;
            }
            let counter = target.filter(|_| sealed_here).map_or(Varint(0), |target| target.counter);
            let (body_key, from, from_device) = (record.body_key, record.from, record.from_device);
            let (recipients, flags) = (record.recipients, record.flags);
            found.push(KeyAnswer { hash, body_key, from, from_device, recipients, flags, counter });
        }
        Content::KeyAnswer { found: List(found), unknown: List(unknown) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccountKey, Own};
    use msr_protocol::JsonText;

    const EVE: Credential = Credential([66; 16]);

    fn machine() -> Machine {
        let account = AccountKey::from_seed(&[1; 32]);
        let (name, email, secret) = (JsonText::string("me"), JsonText::string(""), account.secret_text());
        let credential = Credential([1; 16]);
        let (device, _) = Machine::enrol(&account, credential, [1; 16], 0).unwrap();
        Machine::new(Own { credential, name, email, secret, device, account: Some(account) }, vec![], 0)
    }

    fn hash(nth: usize) -> BodyHash {
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&nth.to_le_bytes());
        hash
    }

    fn waiting_for(machine: &Machine, credential: Credential) -> usize {
        machine.controls.iter().filter(|control| control.to.0 == credential).count()
    }

    #[test]
    fn asking_much_and_often_makes_one_answer_wait() {
        let mut machine = machine();
        let eve = (EVE, [1; 16]);
        for nth in 0..1_000 {
            let hashes = (nth * 100..nth * 100 + 100).map(hash).collect();
            machine.control_came(eve, Content::KeyRequest(List(hashes)));
        }
        let [Control { words: Words::Answer(hashes), .. }] = machine.controls.make_contiguous() else { panic!("one answer") };
        assert_eq!(hashes.len(), KEYS_WAITING);
        assert!(machine.questions.is_empty(), "what others ask is not remembered");
        // Nothing is asked, nothing is answered.
        machine.control_came((EVE, [2; 16]), Content::KeyRequest(List(vec![])));
        assert_eq!(machine.controls.len(), 1);
    }

    #[test]
    fn no_peer_drops_what_is_for_others() {
        let mut machine = machine();
        let (own, bob) = ((machine.me.0, [2; 16]), (Credential([2; 16]), [1; 16]));
        machine.say(own, Words::Request(vec![hash(1)]));
        machine.say(bob, Words::Request(vec![hash(1)]));
        for nth in 0..5_000_u16 {
            let mut device = [0; 16];
            device[..2].copy_from_slice(&nth.to_le_bytes());
            machine.control_came((EVE, device), Content::KeyRequest(List(vec![hash(nth.into())])));
            machine.say((EVE, device), Words::Nothing);
        }
        assert_eq!(waiting_for(&machine, EVE), CONTROLS_PER_PEER);
        // Many peers together, each with as much as it may have.
        for nth in 0..5_000_usize {
            machine.say((Credential([100 + (nth % 20) as u8; 16]), [1; 16]), Words::Nothing);
        }
        assert!(machine.controls.len() <= CONTROLS_WAITING);
        assert_eq!((waiting_for(&machine, own.0), waiting_for(&machine, bob.0)), (1, 1));
    }

    #[test]
    fn questions_of_ones_own_devices_are_bounded() {
        let mut machine = machine();
        let own = (machine.me.0, [2; 16]);
        for nth in 0..100 {
            machine.control_came(own, Content::KeyRequest(List((nth * 64..nth * 64 + 64).map(hash).collect())));
        }
        assert_eq!(machine.questions.len(), QUESTIONS);
        machine.controls.clear();
        machine.answer_questions(&hash(100 * 64 - 1));
        assert_eq!((machine.questions.len(), waiting_for(&machine, own.0)), (QUESTIONS - 1, 1));
    }
}
