//! Looking for peers: one message for each that is found, or one that says there is none.

use msr_protocol::v1::{Answer, Incoming, Search, SearchAnswer};
use msr_protocol::{Code, JsonText};
use tracing::{info, trace};

use super::connection::Connection;
use super::limits;
use super::registry::Presence;

impl Connection {
    /// A registered peer looks for others.
    pub(super) fn find(&mut self, asker: &Presence, incoming: &Incoming<'_>) {
        let received_ms = (self.shared.clock)();
        if !self.charge(limits::SEARCH_COST_MESSAGES, 0) {
            return;
        }
        let search = match Search::read(incoming) {
            Ok(search) => search,
            Err(code) => return self.refuse_search(asker, incoming, code, received_ms),
        };
        let found = self.shared.registry.find(&search);
        trace!(found = found.len(), "searched");
        let total = found.len();
        let hits = found.iter().enumerate().map(|(index, peer)| (Code::Done, Some((peer, index, total))));
        let none = found.is_empty().then_some((Code::NoMatch, None));
        for (code, found) in hits.chain(none) {
            let (keyword, origin_time) = (&search.spelled_keyword, &search.origin_time);
            let answer = SearchAnswer { code, keyword, origin_time, process_time_ms: self.since(received_ms), found };
            self.answer_search(asker, answer, received_ms);
        }
    }

    fn refuse_search(&self, asker: &Presence, incoming: &Incoming<'_>, code: Code, received_ms: i64) {
        info!(code = code.number(), reason = code.reason(), "search refused");
        self.shared.counters.refused.add(1);
        let null = JsonText::null();
        let origin_time = incoming.timestamp().unwrap_or_else(|_| JsonText::null());
        let answer =
            SearchAnswer { code, keyword: &null, origin_time: &origin_time, process_time_ms: self.since(received_ms), found: None };
        self.answer_search(asker, answer, received_ms);
    }

    fn answer_search(&self, asker: &Presence, answer: SearchAnswer<'_>, timestamp_ms: i64) {
        let (dialect, credential) = (asker.dialect, Some(asker.profile.credential));
        let content = answer.content(dialect);
        self.answer(Answer { dialect, credential, subject: "find", timestamp_ms, content }.to_text());
    }
}
