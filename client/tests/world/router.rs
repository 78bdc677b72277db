//! The router of the world: registers, searches and routes as a server does, and sometimes says nothing.

use std::collections::BTreeMap;

use fastrand::Rng;
use msr_protocol::v1::{Answer, Dialect, FoundPeer, Incoming, Registration, RegistrationAnswer, Search, SearchAnswer, Subject};
use msr_protocol::{Code, Credential, JsonText, Location};

use super::{OFFSET_MS, TRUE_MS};

/// A text for a client, or the close code that its connection gets.
type Reply = (u64, usize, Result<String, u16>);

struct Link {
    client: usize,
    registered: Option<(Credential, JsonText)>,
}

pub struct Router {
    links: BTreeMap<u64, Link>,
    /// When what was said last on a connection arrives.
    latest: BTreeMap<u64, u64>,
    pub is_rough: bool,
}

impl Default for Router {
    fn default() -> Self {
        Self { links: BTreeMap::new(), latest: BTreeMap::new(), is_rough: true }
    }
}

impl Router {
    pub fn open(&mut self, link: u64, client: usize) {
        self.links.insert(link, Link { client, registered: None });
    }

    pub fn close(&mut self, link: u64) {
        self.links.remove(&link);
    }

    pub fn latest(&self, link: u64) -> u64 {
        self.latest.get(&link).copied().unwrap_or(0)
    }

    pub fn set_latest(&mut self, link: u64, arrival: u64) {
        self.latest.insert(link, arrival);
    }

    pub fn take(&mut self, from: u64, text: &str, now: u64, rng: &mut Rng) -> Vec<Reply> {
        let timestamp_ms = (TRUE_MS - OFFSET_MS) as i64 + now as i64 / 1_000;
        let Some(link) = self.links.get_mut(&from) else { return Vec::new() };
        let client = link.client;
        let incoming = Incoming::read(text).expect("a client writes messages");
        let say = |subject, credential, content| {
            let answer = Answer { dialect: Dialect::A, credential: Some(credential), subject, timestamp_ms, content };
            (from, client, Ok(answer.to_text()))
        };
        match (incoming.subject(), &link.registered) {
            (Subject::Register, None) => {
                let registration = Registration::read(&incoming).unwrap();
                let (credential, peer) = registration.peer.unwrap();
                match rng.u8(..20) {
                    0 if self.is_rough => return Vec::new(),
                    1 if self.is_rough => {
                        self.links.remove(&from);
                        return vec![(from, client, Err(1012))];
                    }
                    _ => {}
                }
                link.registered = Some((credential, peer.name));
                let origin_time = Some(&registration.origin_time).filter(|_| !self.is_rough || rng.bool());
                let content =
                    RegistrationAnswer { code: Code::Done, origin_time, process_time_ms: 3, sessid: None, peer: None }.content(Dialect::A);
                vec![say("register", credential, content)]
            }
            (Subject::Find, Some((credential, _))) => {
                let credential = *credential;
                let search = Search::read(&incoming).unwrap();
                let mut found: Vec<_> = self.links.values().filter_map(|link| link.registered.clone()).collect();
                found.sort_unstable_by_key(|(credential, _)| *credential);
                found.dedup();
                let total = found.len();
                let answers = found.into_iter().enumerate().map(|(index, (found, name))| {
                    let peer = FoundPeer { credential: found, name, email: JsonText::empty_string(), location: Location::default() };
                    let answer = SearchAnswer {
                        code: Code::Done,
                        keyword: &search.spelled_keyword,
                        origin_time: &search.origin_time,
                        process_time_ms: 0,
                        found: Some((&peer, index, total)),
                    };
                    say("find", credential, answer.content(Dialect::A))
                });
                answers.collect()
            }
            (Subject::Bye, Some(_)) => {
                self.links.remove(&from);
                vec![(from, client, Err(1000))]
            }
            (Subject::Other, Some((credential, _))) => {
                assert_eq!(incoming.from(), Some(*credential));
                let recipients = incoming.recipients().unwrap();
                let receives = |link: &Link| link.registered.as_ref().is_some_and(|(credential, _)| recipients.contains(credential));
                let routed = self.links.iter().filter(|(_, link)| receives(link));
                routed.map(|(&link, Link { client, .. })| (link, *client, Ok(text.to_owned()))).collect()
            }
            (subject, registered) => panic!("{subject:?} from {registered:?}"),
        }
    }
}
