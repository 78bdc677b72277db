//! Searches under way: an answer is one message for each peer found, told from other searches by the timestamp of the
//! request, which it echoes.

use msr_protocol::{Code, Credential, JsonText, Message, limits, string_value};

use crate::limits::{SEARCH_QUIET_MS, SEARCH_TIMEOUT_MS, SEARCHES, SETTLED_SEARCHES};
use crate::{Answered, Failure, Ticket};

/// How a search ended.
pub(crate) type Outcome = (Ticket, Result<Vec<JsonText>, Failure>);

/// What an answer was to the searches here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// None of theirs.
    Foreign,
    /// Theirs, and more to come; or too late.
    Taken,
    /// The last of one.
    Settled(Outcome),
}

#[derive(Debug)]
struct Search {
    ticket: Ticket,
    keyword: JsonText,
    deadline_ms: f64,
    asked: Option<Asked>,
}

/// What is known of a search that was written on the connection there is.
#[derive(Debug)]
struct Asked {
    /// The timestamp of the request: no other one under way has it.
    origin_ms: i64,
    peers: Vec<JsonText>,
    /// When the server has said all, if it does not say how much that is.
    quiet_at_ms: f64,
}

/// The searches of a client, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Searches {
    pending: Vec<Search>,
    /// Requests that nobody waits for any more, the newest last.
    settled: Vec<i64>,
}

impl Searches {
    /// Takes a search in; [`Searches::next_request`] gives what to send for it.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`], [`Code::TooLarge`], [`Code::OutboxFull`].
    pub(crate) fn push(&mut self, ticket: Ticket, keyword: JsonText, now_ms: f64) -> Result<(), Failure> {
        if !keyword.as_str().starts_with('"') {
            return Err(Failure { code: Code::InvalidArgument, detail: "keyword: expected a string".to_owned() });
        }
        if keyword.as_str().len() > limits::PEER_FIELD_BYTES {
            return Err(Code::TooLarge.into());
        }
        if self.pending.len() >= SEARCHES {
            return Err(Code::OutboxFull.into());
        }
        self.pending.push(Search { ticket, keyword, deadline_ms: now_ms + SEARCH_TIMEOUT_MS, asked: None });
        Ok(())
    }

    /// The request of a search that was not asked on this connection yet. Its timestamp is `timestamp_ms`, or as many ms
    /// later as it takes to be told from the others.
    pub(crate) fn next_request(&mut self, from: Credential, timestamp_ms: i64) -> Option<Message> {
        let at = self.pending.iter().position(|search| search.asked.is_none())?;
        let origin_ms = (timestamp_ms..).find(|&origin_ms| !self.is_taken(origin_ms))?;
        let search = &mut self.pending[at];
        search.asked = Some(Asked { origin_ms, peers: Vec::new(), quiet_at_ms: f64::INFINITY });
        Some(Message {
            to: JsonText::array_of_one(from),
            from: JsonText::from(from),
            subject: JsonText::from_spelled("\"find\"".to_owned()),
            timestamp: JsonText::milliseconds(origin_ms),
            content: JsonText::from_spelled([r#"{"target":"peer","keyword":"#, search.keyword.as_str(), "}"].concat()),
        })
    }

    /// The number and keyword of a search that was not asked on this connection yet, in version 2.
    pub(crate) fn next_question(&mut self) -> Option<(u64, String)> {
        let search = self.pending.iter_mut().find(|search| search.asked.is_none())?;
        search.asked = Some(Asked { origin_ms: i64::from(search.ticket.0), peers: Vec::new(), quiet_at_ms: f64::INFINITY });
        // What is no string was refused before.
        Some((u64::from(search.ticket.0), string_value(search.keyword.as_str()).unwrap_or_default()))
    }

    /// Takes an answer of version 2; `None` when it comes too late.
    pub(crate) fn found(&mut self, number: u64, peers: Vec<JsonText>) -> Option<Outcome> {
        let at = self.pending.iter().position(|search| search.asked.is_some() && u64::from(search.ticket.0) == number)?;
        Some((self.remove(at), Ok(peers)))
    }

    /// Takes an answer. One that echoes no timestamp is taken for the oldest search; what has no status either is none.
    pub(crate) fn answered(&mut self, answer: &Answered, now_ms: f64) -> Reply {
        if answer.status.is_none() && answer.origin_time_ms.is_none() {
            return Reply::Foreign;
        }
        let Some(at) = self.position(answer.origin_time_ms) else {
            let is_late = answer.origin_time_ms.is_some_and(|origin| self.settled.iter().any(|&settled| settled as f64 == origin));
            return if is_late { Reply::Taken } else { Reply::Foreign };
        };
        let Some(asked) = &mut self.pending[at].asked else { return Reply::Foreign };
        let outcome = match answer.status {
            Some(200.0 | 1.0) => {
                asked.peers.extend(answer.peer.clone());
                asked.quiet_at_ms = now_ms + SEARCH_QUIET_MS;
                let expected = answer.total.map_or(limits::FOUND_PEERS, |total| (total.max(0.0) as usize).min(limits::FOUND_PEERS));
                if answer.total.is_some() {
                    asked.quiet_at_ms = f64::INFINITY;
                }
                if asked.peers.len() < expected {
                    return Reply::Taken;
                }
                Ok(std::mem::take(&mut asked.peers))
            }
            Some(201.0) => Ok(std::mem::take(&mut asked.peers)),
            status => {
                let number = status.unwrap_or(0.0) as u16;
                Err(Failure::from(Code::from_number(number).unwrap_or(Code::BadMessage)))
            }
        };
        Reply::Settled((self.remove(at), outcome))
    }

    /// The connection is lost: what was under way is asked again on the next one, from the start.
    pub(crate) fn ask_again(&mut self) {
        for search in &mut self.pending {
            search.asked = None;
        }
        self.settled.clear();
    }

    /// Takes a search back; `false` when there is none of that ticket.
    pub(crate) fn cancel(&mut self, ticket: Ticket) -> bool {
        let at = self.pending.iter().position(|search| search.ticket == ticket);
        at.map(|at| self.remove(at)).is_some()
    }

    /// Ends what took too long, or has gone quiet.
    pub(crate) fn expire(&mut self, now_ms: f64) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        let mut at = 0;
        while let Some(search) = self.pending.get_mut(at) {
            let outcome = match &mut search.asked {
                Some(asked) if asked.quiet_at_ms <= now_ms => Ok(std::mem::take(&mut asked.peers)),
                _ if search.deadline_ms <= now_ms => Err(Failure::from(Code::Timeout)),
                _ => {
                    at += 1;
                    continue;
                }
            };
            outcomes.push((self.remove(at), outcome));
        }
        outcomes
    }

    /// Ends all of them.
    pub(crate) fn drain(&mut self) -> Vec<Ticket> {
        self.settled.clear();
        self.pending.drain(..).map(|search| search.ticket).collect()
    }

    /// When [`Searches::expire`] has something to do.
    pub(crate) fn deadline_ms(&self) -> f64 {
        self.pending.iter().fold(f64::INFINITY, |earliest, search| {
            let quiet_at_ms = search.asked.as_ref().map_or(f64::INFINITY, |asked| asked.quiet_at_ms);
            earliest.min(search.deadline_ms).min(quiet_at_ms)
        })
    }

    fn position(&self, origin_time_ms: Option<f64>) -> Option<usize> {
        self.pending.iter().position(|search| {
            search.asked.as_ref().is_some_and(|asked| origin_time_ms.is_none_or(|origin| asked.origin_ms as f64 == origin))
        })
    }

    fn is_taken(&self, origin_ms: i64) -> bool {
        let pending = self.pending.iter().filter_map(|search| search.asked.as_ref());
        pending.map(|asked| asked.origin_ms).chain(self.settled.iter().copied()).any(|taken| taken == origin_ms)
    }

    fn remove(&mut self, at: usize) -> Ticket {
        let search = self.pending.remove(at);
        if let Some(asked) = search.asked {
            if self.settled.len() >= SETTLED_SEARCHES {
                self.settled.remove(0);
            }
            self.settled.push(asked.origin_ms);
        }
        search.ticket
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHO: Credential = Credential([7; 16]);

    fn searches(count: u32) -> Searches {
        let mut searches = Searches::default();
        for number in 1..=count {
            searches.push(Ticket(number), JsonText::empty_string(), 0.0).unwrap();
            searches.next_request(WHO, 1_000).unwrap();
        }
        searches
    }

    fn hit(origin: Option<f64>, total: Option<f64>) -> Answered {
        let peer = Some(JsonText::empty_object());
        Answered { status: Some(200.0), origin_time_ms: origin, process_time_ms: None, peer, total }
    }

    fn found(ticket: u32, peers: usize) -> Reply {
        Reply::Settled((Ticket(ticket), Ok(vec![JsonText::empty_object(); peers])))
    }

    #[test]
    fn two_in_one_ms_are_told_apart() {
        let mut searches = searches(2);
        assert_eq!(searches.answered(&hit(Some(1_001.0), Some(2.0)), 0.0), Reply::Taken);
        assert_eq!(searches.answered(&hit(Some(1_000.0), Some(1.0)), 0.0), found(1, 1));
        assert_eq!(searches.answered(&hit(Some(1_001.0), Some(2.0)), 0.0), found(2, 2));
    }

    #[test]
    fn a_late_answer_belongs_to_nobody_and_surprises_nobody() {
        let mut searches = searches(1);
        assert_eq!(searches.expire(SEARCH_TIMEOUT_MS), [(Ticket(1), Err(Code::Timeout.into()))]);
        assert_eq!(searches.answered(&hit(Some(1_000.0), None), 0.0), Reply::Taken);
        assert_eq!(searches.answered(&hit(Some(1_001.0), None), 0.0), Reply::Foreign);
        assert_eq!(searches.answered(&hit(None, None), 0.0), Reply::Foreign);
    }

    #[test]
    fn a_server_that_says_no_total_is_done_when_it_is_quiet_or_says_so() {
        let mut searches = searches(2);
        assert_eq!(searches.answered(&hit(None, None), 100.0), Reply::Taken);
        assert_eq!(searches.answered(&hit(None, None), 200.0), Reply::Taken);
        assert_eq!(searches.deadline_ms(), 200.0 + SEARCH_QUIET_MS);
        assert_eq!(searches.expire(200.0 + SEARCH_QUIET_MS), [(Ticket(1), Ok(vec![JsonText::empty_object(); 2]))]);
        let none = Answered { status: Some(201.0), ..Answered::default() };
        assert_eq!(searches.answered(&none, 0.0), found(2, 0));
    }

    #[test]
    fn no_more_peers_than_a_search_gives() {
        let mut searches = searches(1);
        for _ in 1..limits::FOUND_PEERS {
            assert_eq!(searches.answered(&hit(None, Some(f64::INFINITY)), 0.0), Reply::Taken);
        }
        assert_eq!(searches.answered(&hit(None, Some(f64::NAN)), 0.0), found(1, limits::FOUND_PEERS));
    }

    #[test]
    fn version_2_knows_them_by_number() {
        let mut searches = Searches::default();
        searches.push(Ticket(5), JsonText::string("a \"b\""), 0.0).unwrap();
        assert_eq!(searches.found(5, Vec::new()), None, "not asked yet");
        assert_eq!(searches.next_question(), Some((5, "a \"b\"".to_owned())));
        assert_eq!(searches.next_question(), None);
        assert_eq!(searches.found(6, Vec::new()), None);
        assert_eq!(searches.found(5, vec![JsonText::empty_object()]), Some((Ticket(5), Ok(vec![JsonText::empty_object()]))));
    }

    #[test]
    fn what_answers_nothing_ends_nothing() {
        assert_eq!(searches(1).answered(&Answered::default(), 0.0), Reply::Foreign);
    }

    #[test]
    fn a_refusal_is_told() {
        for (status, code) in [(Some(400.0), Code::BadMessage), (Some(529.0), Code::RateLimited), (None, Code::BadMessage)] {
            let refusal = Answered { status, origin_time_ms: Some(1_000.0), ..Answered::default() };
            assert_eq!(searches(1).answered(&refusal, 0.0), Reply::Settled((Ticket(1), Err(code.into()))));
        }
    }

    #[test]
    fn asked_again_on_the_next_connection() {
        let mut searches = searches(1);
        assert_eq!(searches.answered(&hit(None, Some(2.0)), 0.0), Reply::Taken);
        searches.ask_again();
        assert_eq!(searches.answered(&hit(None, Some(2.0)), 0.0), Reply::Foreign);
        assert_eq!(searches.next_request(WHO, 5_000).unwrap().timestamp.as_str(), "5000");
        assert_eq!(searches.answered(&hit(None, Some(1.0)), 0.0), found(1, 1));
        assert!(searches.next_request(WHO, 5_000).is_none());
    }

    #[test]
    fn bounded() {
        let mut searches = searches(SEARCHES as u32);
        assert_eq!(searches.push(Ticket(0), JsonText::empty_string(), 0.0), Err(Code::OutboxFull.into()));
        assert_eq!(searches.push(Ticket(0), JsonText::null(), 0.0).unwrap_err().code, Code::InvalidArgument);
        assert!(searches.cancel(Ticket(3)));
        assert!(!searches.cancel(Ticket(3)));
        assert_eq!(searches.drain().len(), SEARCHES - 1);
    }
}
