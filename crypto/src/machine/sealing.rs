//! Sealing: who a message is sealed for, what it waits for, and the letter itself.

use msr_protocol::v2::{Bytes16, List, Varint, flags};
use msr_protocol::{Code, Credential};
use zeroize::Zeroizing;

use super::content::{Content, Message, body_hash, recipients_hash, seal_body};
use super::header::{HeaderText, Lane, VERSION, kind, seal_own};
use super::io::{Failure, KeyEvent, Letter, SealTicket, Sealing};
use super::limits::{DEVICES_PER_LETTER, SEALS_WAITING};
use super::link::Answer;
use super::pair::Place;
use super::records::{PairKey, RingRecord, Target};
use super::sorted::Set;
use super::{Machine, Output};

/// A message that waits to be sealed.
pub(super) struct WaitingSeal {
    ticket: SealTicket,
    letter: Letter,
    /// The recipients of which the page was told that it waits for them.
    told: Set<Credential>,
}

/// A message that was sealed, and its counters: should it be sealed again, those were never sent.
pub(super) struct Issued {
    ticket: SealTicket,
    counters: Vec<(PairKey, u64)>,
}

/// What can be done about a message now.
enum Verdict {
    /// For what these hold, if any do.
    Wait(Vec<Credential>),
    /// Until these have keys.
    WaitForKeys(Vec<Credential>),
    Plain,
    Refuse(Failure),
    Seal(Vec<PairKey>),
}

/// Whether something can be sealed for a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readiness {
    Ready,
    /// A key of it is asked for.
    Waiting,
    /// The server has no key of it.
    Keyless,
    /// The server shows keys that are not its own.
    Barred,
}

/// A sealed letter.
pub(super) struct SealedLetter {
    pub(super) payload: Vec<u8>,
    pub(super) headers: Vec<(Bytes16, Vec<u8>)>,
    counters: Vec<(PairKey, u64)>,
}

impl Machine {
    pub(super) fn seal_asked(&mut self, ticket: SealTicket, letter: Letter) {
        self.unseal(ticket);
        if self.account.is_none() {
            return self.answer_seal(ticket, Sealing::Refused(Code::NoDeviceKeys.into()));
        }
        if self.seals.len() >= SEALS_WAITING {
            return self.answer_seal(ticket, Sealing::Refused(Code::OutboxFull.into()));
        }
        self.seals.push_back(WaitingSeal { ticket, letter, told: Set::default() });
    }

    /// The message is not sealed any more, or what was sealed is not sent.
    pub(super) fn unseal(&mut self, ticket: SealTicket) {
        self.seals.retain(|waiting| waiting.ticket != ticket);
        if let Some(place) = self.issued.iter().position(|issued| issued.ticket == ticket)
            && let Some(issued) = self.issued.remove(place)
        {
            for (key, counter) in issued.counters {
                if let Some(pair) = self.pairs.get_mut(&key) {
                    pair.void(counter);
                    self.pairs_changed.put(key);
                }
            }
        }
    }

    fn answer_seal(&mut self, ticket: SealTicket, outcome: Sealing) {
        self.outputs.push_back(Output::Sealed { ticket, outcome });
    }

    pub(super) fn seal_waiting(&mut self) {
        if let Some(code) = self.listing.refused {
            for waiting in std::mem::take(&mut self.seals) {
                self.answer_seal(waiting.ticket, Sealing::Refused(code.into()));
            }
        }
        if !self.link.registered || !self.listing.confirmed {
            return;
        }
        for mut waiting in std::mem::take(&mut self.seals) {
            match self.verdict(&waiting.letter) {
                Verdict::Wait(held) => {
                    for credential in held {
                        if waiting.told.put(credential) {
                            self.event(KeyEvent::Held { ticket: waiting.ticket, credential });
                        }
                    }
                    self.seals.push_back(waiting);
                }
                Verdict::WaitForKeys(credentials) => {
                    for credential in credentials {
                        if waiting.told.put(credential) {
                            self.event(KeyEvent::NoKeys { ticket: waiting.ticket, credential });
                        }
                    }
                    self.seals.push_back(waiting);
                }
                Verdict::Plain => self.answer_seal(waiting.ticket, Sealing::Plain),
                Verdict::Refuse(failure) => self.answer_seal(waiting.ticket, Sealing::Refused(failure)),
                Verdict::Seal(targets) => self.seal_message(waiting.ticket, &waiting.letter, &targets),
            }
        }
    }

    /// When a recipient without keys is asked about again, ms since 1970.
    pub(super) fn seals_due_ms(&self) -> Option<i64> {
        // What is asked already is waited for by itself.
        let again = |credential: &Credential| match self.link.heard(*credential) {
            Some((Answer::Empty | Answer::Forged, again_ms)) if !self.link.is_asked(*credential) => Some(again_ms),
            Some(_) | None => None,
        };
        self.seals.iter().filter(|_| self.listing.confirmed).flat_map(|waiting| &waiting.letter.recipients).filter_map(again).min()
    }

    fn verdict(&mut self, letter: &Letter) -> Verdict {
        let recipients: Set<_> = letter.recipients.iter().copied().collect();
        let (mut targets, mut keyless, mut held) = (Set::default(), vec![], vec![]);
        let (mut waits, mut sealed_for) = (false, 0);
        for &credential in recipients.keys() {
            let heard = self.link.heard(credential);
            let (listed, holds) = match self.peers.get(credential) {
                Ok(Some(peer)) => {
                    (peer.list.as_ref().map(|list| list.devices.iter().map(|one| one.device).collect::<Vec<_>>()), peer.holds())
                }
                Ok(None) => (None, false),
                Err(_) => {
                    self.peer_damaged(credential);
                    (None, false)
                }
            };
            let again = matches!(heard, Some((Answer::Empty | Answer::Forged, again_ms)) if again_ms <= self.now_ms);
            if again && !self.link.is_asked(credential) {
                self.link.want_list(credential);
            }
            match (listed, heard) {
                (Some(devices), _) => {
                    sealed_for += 1;
                    waits |= holds;
                    held.extend(holds.then_some(credential));
                    targets.extend(devices.into_iter().map(|device| (credential, device)));
                }
                (None, None) => {
                    waits = true;
                    self.link.want_list(credential);
                }
                (None, Some((Answer::Empty, _))) => keyless.push(credential),
                (None, Some((Answer::Unknown, _))) => {}
                (None, Some((Answer::Forged, _))) => waits = true,
                // It was forgotten since.
                (None, Some((Answer::Listed, _))) => {
                    waits = true;
                    self.link.want_list(credential);
                }
            }
        }
        if let Some(&credential) = keyless.first() {
            let refused = || Verdict::Refuse(Failure { code: Code::NoKeys, detail: format!("{credential} has no keys to encrypt for") });
            return match (letter.required, letter.allow_plain) {
                (true, _) => refused(),
                (false, false) => Verdict::WaitForKeys(keyless),
                (false, true) if waits => Verdict::Wait(held),
                // In plain text it would reach a peer that has keys.
                (false, true) if sealed_for > 0 => refused(),
                (false, true) => Verdict::Plain,
            };
        }
        if waits {
            return Verdict::Wait(held);
        }
        if let Ok(Some(own)) = self.peers.get(self.me.0) {
            let others = own.list.iter().flat_map(|list| &list.devices).map(|one| (self.me.0, one.device));
            targets.extend(others);
        }
        if !recipients.contains(&self.me.0) {
            targets.remove(&self.me);
        }
        if targets.len() > DEVICES_PER_LETTER {
            return Verdict::Refuse(Failure { code: Code::TooManyRecipients, detail: "too many devices".to_owned() });
        }
        for &target in targets.keys() {
            waits |= matches!(self.readiness(target), Readiness::Waiting | Readiness::Barred);
        }
        if waits { Verdict::Wait(vec![]) } else { Verdict::Seal(targets.keys().copied().collect()) }
    }

    /// Whether something can be sealed for a listed device; if not, what is missing is asked for.
    pub(super) fn readiness(&mut self, key: PairKey) -> Readiness {
        let now_ms = self.now_ms;
        if key == self.me || self.pair(key).is_some_and(|pair| pair.has_session()) {
            Readiness::Ready
        } else if self.link.is_barred(key, now_ms) {
            Readiness::Barred
        } else if self.link.is_keyless(key, now_ms) {
            Readiness::Keyless
        } else {
            self.link.want_key(key);
            Readiness::Waiting
        }
    }

    fn seal_message(&mut self, ticket: SealTicket, letter: &Letter, targets: &[PairKey]) {
        let Letter { recipients, flags: bits, reply_to, subject, payload, required: _, allow_plain: _ } = letter;
        let lane = if bits & flags::REALTIME == 0 { Lane::Message } else { Lane::Realtime };
        let bits = bits & (flags::REALTIME | flags::WANTS_REPLY | flags::BYTES);
        let message = Message { flags: bits, reply_to: *reply_to, subject: subject.as_str(), payload };
        match self.seal_letter(&Content::Message(message), lane, recipients, targets, lane == Lane::Message) {
            Ok(SealedLetter { payload, headers, counters }) => {
                for &recipient in recipients {
                    self.wrote_to(recipient);
                }
                if lane == Lane::Message {
                    self.issued.push_back(Issued { ticket, counters });
                    let surplus = self.issued.len().saturating_sub(SEALS_WAITING);
                    self.issued.drain(..surplus);
                }
                self.journal.then(Output::Sealed { ticket, outcome: Sealing::Sealed { payload, headers } });
            }
            Err(failure) => self.answer_seal(ticket, Sealing::Refused(failure)),
        }
    }

    /// From now on the peer's pin is kept for good.
    fn wrote_to(&mut self, credential: Credential) {
        if let Ok(Some(peer)) = self.peers.get(credential)
            && !peer.written
        {
            peer.written = true;
            self.keep_peer(credential);
        }
    }

    /// Seals content once, and its key for each device. What is sealed may leave only through the journal.
    pub(super) fn seal_letter(
        &mut self,
        content: &Content<'_>,
        lane: Lane,
        recipients: &[Credential],
        targets: &[PairKey],
        keep: bool,
    ) -> Result<SealedLetter, Failure> {
        let failed = |detail: &str| Failure { code: Code::NoDeviceKeys, detail: detail.to_owned() };
        let mut body_key = Zeroizing::new([0; 32]);
        self.random.fill(&mut *body_key).map_err(|_| failed("the system gives no random bytes"))?;
        let payload = seal_body(&body_key, self.me, content).ok_or_else(|| Failure::from(Code::TooLarge))?;
        let (body_hash, recipients) = (body_hash(&payload), recipients_hash(recipients));
        let (from, from_device) = self.me;
        let (mut headers, mut counters) = (vec![], vec![]);
        for &target in targets {
            let (to, to_device) = target;
            let now_ms = self.now_ms;
            // A device without a session gets no key: it is to ask for it.
            let is_keyless = target != self.me && self.link.is_keyless(target, now_ms);
            let Some(pair) = self.pair(target) else { continue };
            let Place { counter, sure_from, voided } = pair.next_place(lane);
            counters.push((target, counter));
            self.pairs_changed.put(target);
            let (flags, counter, sure_from) = (lane.flags(), Varint(counter), Varint(sure_from));
            let voided = List(voided.into_iter().map(Varint).collect());
            let version = VERSION;
            let text = HeaderText {
                version,
                body_key: *body_key,
                body_hash,
                from,
                from_device,
                to,
                to_device,
                recipients,
                flags,
                counter,
                sure_from,
                voided,
            };
            let header = if target == self.me {
                self.seal_for_self(&text)
            } else if is_keyless && !self.pair(target).is_some_and(|pair| pair.has_session()) {
                Some(vec![kind::NONE])
            } else {
                self.pair(target).and_then(|pair| pair.seal(&text.padded()))
            };
            headers.push((to_device, header.ok_or_else(|| failed("a session cannot be used"))?));
        }
        if keep {
            let targets = counters.iter().map(|&((peer, device), counter)| Target { peer, device, counter: Varint(counter) });
            let (flags, made_ms, targets) = (lane.flags(), self.now_ms, List(targets.collect()));
            let record = RingRecord {
                hash: body_hash,
                body_key: *body_key,
                from,
                from_device,
                recipients,
                flags,
                made_ms,
                opened_as: None,
                targets,
            };
            self.rings.put(record, self.now_ms);
        }
        Ok(SealedLetter { payload, headers, counters })
    }

    fn seal_for_self(&mut self, text: &HeaderText) -> Option<Vec<u8>> {
        let mut nonce = [0; 24];
        self.random.fill(&mut nonce).ok()?;
        let sealed = seal_own(&self.account.as_ref()?.own_key, nonce, &text.padded())?;
        Some([&[kind::OWN][..], &sealed].concat())
    }
}
