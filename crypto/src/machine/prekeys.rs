//! The keys on the server with which others begin sessions: there are always some, and each is handed out once.

use msr_protocol::Code;
use msr_protocol::v2::{Frame, List, Varint};

use super::limits::{ANSWER_MS, ONE_TIME_KEYS, ONE_TIME_KEYS_LEAST, REPLENISH_PAUSE_MS};
use super::spelled::spell;
use super::{Machine, Output};

/// See the [module](self).
#[derive(Default)]
pub(super) struct Prekeys {
    /// One-time keys that the server has, as it says.
    on_server: Option<u64>,
    /// The ticket of the `PutKeys` under way, and when it was asked.
    put: Option<(u64, i64)>,
    made_ms: Option<i64>,
    /// Whether the server has keys of this device, or gets them before what is written next: then it can be listed.
    pub(super) offered: bool,
}

impl Prekeys {
    pub(super) fn reset(&mut self) {
        *self = Self { made_ms: self.made_ms, ..Self::default() };
    }
}

impl Machine {
    /// The server says how many keys it has.
    pub(super) fn keys_counted(&mut self, ticket: u64, code: u16, one_time: u64) {
        if ticket == 0 || self.prekeys.put.take_if(|(asked, _)| *asked == ticket).is_some() {
            self.prekeys.on_server = Some(one_time);
            self.prekeys.offered |= one_time > 0;
        }
        if code != Code::Done.number() {
            let code = Code::from_number(code).unwrap_or(Code::InvalidList);
            self.trouble(code, format!("the keys of this device were not taken: {}", code.reason()));
        }
    }

    /// Makes keys where there are few, and another fallback key where its time has come.
    pub(super) fn keep_prekeys(&mut self) {
        let now_ms = self.now_ms;
        let under_way = self.prekeys.put.is_some_and(|(_, at_ms)| at_ms.saturating_add(ANSWER_MS) > now_ms);
        let (Some(on_server), Some(account)) = (self.prekeys.on_server, &mut self.account) else { return };
        if !self.link.registered || under_way {
            return;
        }
        let paused = self.prekeys.made_ms.is_some_and(|made_ms| made_ms.saturating_add(REPLENISH_PAUSE_MS) > now_ms);
        let few = on_server < ONE_TIME_KEYS_LEAST && !paused;
        let old = account.fallback_due_ms() <= now_ms;
        // It knows this device no more, or whoever wanted took them all: nobody could begin a session meanwhile.
        let bare = on_server == 0 && !self.prekeys.offered;
        if !few && !old && !bare {
            return;
        }
        if old {
            account.renew_fallback(now_ms);
        }
        let count = if few { ONE_TIME_KEYS.saturating_sub(on_server) } else { 0 };
        let count = usize::try_from(count).unwrap_or(0);
        let one_time: Vec<_> = account.one_time_keys(count, &self.own.device, self.me.0, now_ms).iter().map(spell).collect();
        let fallback = spell(&account.fallback(&self.own.device, self.me.0));
        self.account_changed = true;
        if few {
            self.prekeys.made_ms = Some(now_ms);
        }
        let ticket = self.link.next_ticket();
        let one_time = List(one_time.iter().map(Vec::as_slice).collect());
        let mut frame = vec![];
        Frame::PutKeys { ticket: Varint(ticket), fallback: Some(&fallback), one_time }.write(&mut frame);
        self.prekeys.put = Some((ticket, now_ms));
        self.prekeys.offered = true;
        self.journal.then(Output::Frames(frame));
    }

    pub(super) fn prekeys_due_ms(&self) -> Option<i64> {
        let (on_server, account) = (self.prekeys.on_server?, self.account.as_ref()?);
        let fallback_ms = account.fallback_due_ms();
        let few_ms = (on_server < ONE_TIME_KEYS_LEAST)
            .then(|| self.prekeys.made_ms.map(|made_ms| made_ms.saturating_add(REPLENISH_PAUSE_MS)))
            .flatten();
        let due_ms = few_ms.map_or(fallback_ms, |few_ms| few_ms.min(fallback_ms));
        // While an answer is awaited nothing is made.
        let answer_ms = self.prekeys.put.map(|(_, at_ms)| at_ms.saturating_add(ANSWER_MS));
        Some(answer_ms.map_or(due_ms, |answer_ms| due_ms.max(answer_ms)))
    }
}
