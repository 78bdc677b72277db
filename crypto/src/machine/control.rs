//! Letters of the keys themselves, from device to device: requests for the keys of letters, answers, a fresh session.

use msr_protocol::v2::{Bytes16, List, Varint};
use msr_protocol::{Code, Credential};
use zeroize::Zeroizing;

use super::content::{BodyHash, Content, KeyAnswer};
use super::header::Lane;
use super::io::{KeyEvent, SecretBytes};
use super::limits::{CONTROLS_WAITING, KEYS_PER_REQUEST};
use super::pinning::Standing;
use super::records::PairKey;
use super::sealing::{Readiness, SealedLetter};
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
        self.controls.push_back(Control { to, words });
        while self.controls.len() > CONTROLS_WAITING {
            self.controls.pop_front();
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
                Readiness::Ready => self.send_control(&control),
                Readiness::Waiting => self.controls.push_back(control),
                // The key of a group is given once; whatever else is asked for again.
                Readiness::Keyless | Readiness::Barred if matches!(control.words, Words::GroupKey(_)) => self.controls.push_back(control),
                Readiness::Keyless | Readiness::Barred => {}
            }
        }
    }

    fn send_control(&mut self, control: &Control) {
        let Control { to, words } = control;
        let content = match words {
            Words::Request(hashes) => Content::KeyRequest(List(hashes.clone())),
            Words::Answer(hashes) => self.answer(*to, hashes),
            Words::Nothing => Content::Nothing,
            Words::GroupKey(key) => Content::GroupKey(key),
        };
        // Should it not be opened, the key of a group is asked for like a message's.
        let keep = matches!(words, Words::GroupKey(_));
        match self.seal_letter(&content, Lane::Control, &[to.0], &[*to], keep) {
            Ok(SealedLetter { payload, headers, .. }) => self.journal.then(Output::Control { recipient: to.0, payload, headers }),
            Err(failure) => self.event(KeyEvent::Trouble(failure)),
        }
    }

    /// A letter of the keys came.
    pub(super) fn control_came(&mut self, sender: PairKey, content: Content<'_>) {
        match content {
            Content::KeyRequest(List(hashes)) => {
                let hashes = hashes.into_iter().take(KEYS_PER_REQUEST).collect();
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

    /// The keys that a device may have: of letters that were sealed for it, and, for the peer's own, of all.
    fn answer(&self, to: PairKey, hashes: &[BodyHash]) -> Content<'static> {
        let (mut found, mut unknown) = (vec![], vec![]);
        for &hash in hashes {
            let Some(record) = self.ring.get(&hash) else {
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
