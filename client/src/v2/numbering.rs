//! Whose turn it is: the numbers of the outbox are given out, messages are written in the order of their numbers, and large
//! ones are brought up in pieces meanwhile, one at a time.

use fastrand::Rng;
use msr_protocol::v2::{MessageId, Varint};

use super::journal::Journal;
use super::line::{Line, Upload, Window};
use super::outbox::Outbox;
use super::pending::{Cover, Pending};
use super::record::{self, Key, bits};
use super::slot::{Keeping, Place};
use crate::limits::VOIDS;

/// What to write to the server next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// The message of that number; its frame.
    Send(u64, Vec<u8>),
    /// A number without a message.
    Void(u64),
    /// The message of that number is the upload.
    Finish { upload: u64, number: u64 },
    /// The frame goes in pieces, as that upload.
    Begin { upload: u64, frame: Vec<u8> },
    /// That upload serves nobody any more.
    TakeBack { upload: u64 },
    /// The message at that position is larger than this server takes.
    TooLarge(u64),
}

/// What the order of numbers asks for.
enum Turn {
    /// To be written.
    Write(Next),
    /// To be brought up first.
    Upload(u64),
    /// Nothing now.
    Wait,
}

/// What a server's knowledge of this outbox means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Resumed {
    /// It goes on.
    Here,
    /// One of the two stores is not what it was: the numbers must start anew.
    Elsewhere,
}

impl Outbox {
    /// A connection is registered, and the server has everything up to `accepted`. What it has though nobody here was told
    /// is asked again where it is small, for what the answer says of each recipient.
    pub(crate) fn welcome(&mut self, accepted: u64, window: Window) -> Resumed {
        let first = self.numbers.range(accepted.saturating_add(1)..).next().map_or(self.next_number, |(number, _)| *number);
        if accepted >= self.next_number || first - accepted > VOIDS {
            return Resumed::Elsewhere;
        }
        let next = self.numbers.first().map_or(accepted + 1, |(oldest, _)| (*oldest).min(accepted + 1));
        (self.piece_bytes, self.is_unsettled) = (window.piece_bytes, true);
        self.line = Some(Line::new(window, accepted, next));
        Resumed::Here
    }

    /// Those among what the server has and nobody here was told of that are large, or would have to be sealed anew.
    pub(crate) fn accepted_unheard(&mut self, journal: &mut Journal) -> Vec<(MessageId, Pending)> {
        let Some(Line { accepted, window: Window { piece_bytes, .. }, .. }) = self.line else { return Vec::new() };
        self.take_kept(accepted, |message| !message.is_ready() || message.wire_bytes() > piece_bytes, journal)
    }

    /// Gives their numbers to those that wait for nothing any more. Gives the old name of each with the new one.
    pub(crate) fn settle(&mut self, journal: &mut Journal) -> Vec<(MessageId, MessageId)> {
        if self.sealer.is_lapsing() {
            return Vec::new();
        }
        let Some(line) = self.line.as_ref().filter(|_| std::mem::take(&mut self.is_unsettled)) else { return Vec::new() };
        let whole = line.upload.as_ref().filter(|upload| upload.is_whole).map(|upload| upload.position);
        let mut renamed = Vec::new();
        for position in self.ready.keys().copied().collect::<Vec<_>>() {
            let (old, number) = (self.name(position), self.next_number);
            let is_behind = self.is_behind(position);
            let Some(slot) = self.slots.get_mut(&position) else { continue };
            let is_there = slot.message.wire_bytes() <= self.piece_bytes || whole == Some(position);
            if !is_there || is_behind || slot.keeping != Keeping::Kept {
                continue;
            }
            slot.place = Place::Noting(number);
            let bits = if matches!(slot.message.cover, Cover::Sealed { .. }) { bits::ENCRYPTED } else { 0 };
            let recipients = slot.message.recipients.clone();
            self.next_number += 1;
            self.numbers.insert(number, position);
            self.unawait(position, &recipients);
            journal.put(Key::Numbered { position }.spell(), record::seal_with(bits, &record::Numbered { number: Varint(number) }));
            journal.after().numbered.push(position);
            renamed.push((old, self.name(position)));
        }
        self.is_unsettled = false;
        if !renamed.is_empty() {
            self.to_be_offered = self.next_number - 1;
            self.note(journal);
        }
        renamed
    }

    /// The next thing to write; [`Outbox::wrote`] says that a number is written.
    pub(crate) fn next(&mut self, now_ms: f64, journal: &mut Journal) -> Option<Next> {
        self.line.as_mut()?.may_upload(now_ms);
        let wanted = match self.turn(now_ms, journal) {
            Turn::Write(next) => return Some(next),
            Turn::Upload(position) => Some(position),
            Turn::Wait => None,
        };
        let next = wanted.or_else(|| self.next_upload());
        if let Some(&Upload { upload, position, .. }) = self.line.as_ref()?.upload.as_ref() {
            let is_wanted = self.slots.get(&position).is_some_and(|slot| slot.keeping == Keeping::Kept && slot.message.is_ready());
            // Whose turn it is in the order holds others up, so it goes first. One that waits for an earlier message gives way.
            let is_passed_over = next.is_some_and(|next| next != position) && (wanted.is_some() || self.is_behind(position));
            if is_wanted && !is_passed_over {
                return None;
            }
            self.line.as_mut()?.upload = None;
            return Some(Next::TakeBack { upload });
        }
        let line = self.line.as_mut()?;
        if !line.may_upload(now_ms) {
            return None;
        }
        let position = next?;
        let slot = self.slots.get(&position).filter(|slot| slot.keeping == Keeping::Kept)?;
        if slot.message.wire_bytes() > line.window.message_bytes {
            return Some(Next::TooLarge(position));
        }
        // What it is numbered is said when it is finished.
        Some(Next::Begin { upload: line.begin(position), frame: slot.message.frame(0, now_ms) })
    }

    /// The first large message without a number that waits for no earlier one.
    fn next_upload(&self) -> Option<u64> {
        let is_large = |position: &&u64| self.slots.get(*position).is_some_and(|slot| slot.message.wire_bytes() > self.piece_bytes);
        self.ready.keys().filter(is_large).find(|position| !self.is_behind(**position)).copied()
    }

    fn turn(&mut self, now_ms: f64, journal: &mut Journal) -> Turn {
        if self.sealer.is_lapsing() {
            return Turn::Wait;
        }
        loop {
            let Some(line) = &mut self.line else { return Turn::Wait };
            let Some(number) = line.due(now_ms) else { return Turn::Wait };
            if line.is_given_up() && !self.numbers.contains_key(&number) {
                return Turn::Write(Next::Void(number));
            }
            let Some((&first, &position)) = self.numbers.range(number..).next() else {
                // A void number at the end is nobody's business yet.
                line.skip_to(number);
                return Turn::Wait;
            };
            let Some(slot) = self.slots.get(&position) else { return Turn::Wait };
            if slot.keeping != Keeping::Kept || slot.place == Place::Noting(first) {
                return Turn::Wait;
            }
            if first > number && number <= line.accepted {
                line.skip_to(first.min(line.accepted + 1));
                continue;
            }
            if first == number && !slot.message.is_ready() {
                return Turn::Wait;
            }
            let bytes = if first > number { 0 } else { slot.message.wire_bytes().min(line.window.piece_bytes) };
            if !line.has_room(bytes) {
                return Turn::Wait;
            }
            if first > number {
                return Turn::Write(Next::Void(number));
            }
            if number > self.offered {
                self.offer(number, journal);
                return Turn::Wait;
            }
            if slot.message.wire_bytes() > line.window.message_bytes {
                return Turn::Write(Next::TooLarge(position));
            }
            if slot.message.wire_bytes() <= line.window.piece_bytes {
                return Turn::Write(Next::Send(number, slot.message.frame(number, now_ms)));
            }
            let whole = line.upload.as_ref().filter(|upload| upload.position == position && upload.is_whole);
            return whole.map_or(Turn::Upload(position), |whole| Turn::Write(Next::Finish { upload: whole.upload, number }));
        }
    }

    /// That number is written.
    pub(crate) fn wrote(&mut self, number: u64) {
        let position = self.numbers.get(&number).copied();
        let bytes = position.and_then(|position| self.slots.get(&position)).map_or(0, |slot| slot.message.wire_bytes());
        self.written = self.written.max(number);
        if let Some(line) = &mut self.line {
            line.wrote(number, bytes.min(line.window.piece_bytes));
            if line.upload.take_if(|upload| Some(upload.position) == position).is_some() {
                self.upload_backoff.reset();
            }
        }
    }

    /// All pieces of that upload are written.
    pub(crate) fn uploaded(&mut self, upload: u64) {
        if let Some(current) = self.line.as_mut().and_then(|line| line.upload.as_mut()).filter(|current| current.upload == upload) {
            (current.is_whole, self.is_unsettled) = (true, true);
        }
    }

    /// The server gave that upload up. If that `is_final` the message ends, and is given back.
    pub(crate) fn declined(
        &mut self,
        upload: u64,
        is_final: bool,
        now_ms: f64,
        rng: &mut Rng,
        journal: &mut Journal,
    ) -> Option<(MessageId, Pending)> {
        let line = self.line.as_mut()?;
        let Upload { position, .. } = line.upload.take_if(|current| current.upload == upload)?;
        if is_final {
            return self.drop(position, journal);
        }
        line.upload_at_ms = now_ms + self.upload_backoff.next_ms(rng);
        None
    }

    /// The server has everything up to that number. Gives what nobody was told of yet, the last with that number itself
    /// where it was a message; nothing for a number that was never written.
    pub(crate) fn accepted(&mut self, number: u64, journal: &mut Journal) -> Vec<(MessageId, Pending)> {
        let Some(line) = &mut self.line else { return Vec::new() };
        let Some(is_over) = line.accept(number) else { return Vec::new() };
        if is_over {
            self.backoff.reset();
        }
        self.take_kept(number, |_| true, journal)
    }

    /// Takes out those up to `through` that are such, and their records.
    fn take_kept(&mut self, through: u64, is_such: impl Fn(&Pending) -> bool, journal: &mut Journal) -> Vec<(MessageId, Pending)> {
        let numbered = self.numbers.range(..=through).map(|(_, position)| *position);
        let is_such = |position: &u64| self.slots.get(position).is_some_and(|slot| slot.keeping == Keeping::Kept && is_such(&slot.message));
        let such: Vec<u64> = numbered.filter(is_such).collect();
        for position in &such {
            self.forget(*position, journal);
        }
        such.into_iter().filter_map(|position| self.remove(position)).collect()
    }

    /// The server did not take that number, and takes no later one before it. A refusal that `is_final` ends the message,
    /// which is given back; its number is void then.
    pub(crate) fn rejected(
        &mut self,
        number: u64,
        is_final: bool,
        now_ms: f64,
        rng: &mut Rng,
        journal: &mut Journal,
    ) -> Option<(MessageId, Pending)> {
        let line = self.line.as_mut().filter(|line| line.is_refusable(number))?;
        let position = self.numbers.get(&number).copied().filter(|_| is_final);
        line.refuse(number, if position.is_some() { now_ms } else { now_ms + self.backoff.next_ms(rng) });
        position.and_then(|position| self.drop(position, journal))
    }

    /// Notes that everything there is may be offered from now on.
    fn offer(&mut self, number: u64, journal: &mut Journal) {
        if self.to_be_offered < number {
            self.to_be_offered = self.next_number - 1;
            self.note(journal);
        }
    }
}
