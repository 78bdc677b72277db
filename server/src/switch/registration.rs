//! Registering: who a connection is, and which session it goes on with.

use std::sync::Arc;

use msr_protocol::v1::{Answer, Dialect, Incoming, Registration, RegistrationAnswer};
use msr_protocol::{Code, Credential, JsonText};
use tracing::info;

use super::connection::{Connection, Registered};
use super::registry::{Online, Presence};
use super::sessions::{NotResumed, SessionId};
use super::{Identities, limits};
use crate::store::{Identity, Profile, SessionDigest};

/// Why a registration is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    Code(Code),
    NotResumed(NotResumed),
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Self::Code(code)
    }
}

impl From<NotResumed> for Refusal {
    fn from(not_resumed: NotResumed) -> Self {
        Self::NotResumed(not_resumed)
    }
}

impl Connection {
    /// The first message is a registration.
    pub(super) fn register(&mut self, incoming: &Incoming<'_>) {
        let received_ms = (self.shared.clock)();
        let request = match Registration::read(incoming) {
            Ok(request) => request,
            Err((dialect, code)) => return self.refuse_registration(dialect, None, code, received_ms),
        };
        let (dialect, origin_time) = (request.dialect, request.origin_time.clone());
        match self.try_register(request, received_ms) {
            Ok(()) => {}
            Err(Refusal::Code(code)) => self.refuse_registration(dialect, Some(&origin_time), code, received_ms),
            Err(Refusal::NotResumed(not_resumed)) => {
                if let NotResumed::Violation { connection: Some(other) } = not_resumed {
                    self.shared.end_connection(other, Code::ResumeViolation);
                }
                self.refuse_registration(dialect, Some(&origin_time), not_resumed.code(), received_ms);
            }
        }
    }

    /// A registration came on a connection that is registered.
    pub(super) fn register_again(&mut self, presence: &Presence, incoming: &Incoming<'_>) {
        let code = Code::DuplicateRegistration;
        match presence.dialect {
            Dialect::A => self.refuse(code),
            Dialect::B => {
                self.shared.counters.refused.add(1);
                info!(code = code.number(), reason = code.reason(), "registration refused");
                if !self.charge(limits::DROP_COST_MESSAGES, 0) {
                    return;
                }
                let origin_time = incoming.timestamp().ok();
                let answer = RegistrationAnswer { code, origin_time: origin_time.as_ref(), process_time_ms: 0, peer: None, sessid: None };
                self.answer_registration(presence.dialect, Some(presence.profile.credential), answer, (self.shared.clock)());
            }
        }
    }

    /// No registration came in time. Which dialect the client speaks is unknown: the answer is spelled in the one that
    /// has an answer for this.
    pub(super) fn time_out(&self) {
        self.refuse_registration(Dialect::B, None, Code::RegistrationTimeout, (self.shared.clock)());
    }

    fn try_register(&mut self, request: Registration, now_ms: i64) -> Result<(), Refusal> {
        let Registration { dialect, peer, session, origin_time, sessid } = request;
        // There is no challenge here to sign.
        if peer.as_ref().is_some_and(|(_, peer)| matches!(Identity::of(&peer.secret), Identity::Key(_))) {
            return Err(Code::Version2Required.into());
        }
        if self.shared.rules.identities == Identities::Key {
            return Err(Code::KeyRequired.into());
        }
        let told = session.map(|id| SessionId::told(id).digest());
        let (profile, resumed) = match (peer, told) {
            (Some((credential, mut peer)), told) => {
                if let Some(told) = told {
                    self.shared.sessions.check_not_used(told, now_ms)?;
                }
                if let Some(place) = &self.place {
                    place.fill_in(&mut peer.location);
                }
                (Arc::new(Profile::of(credential, peer)), None)
            }
            (None, Some(told)) => (self.shared.sessions.look_up(told, now_ms)?, Some(told)),
            (None, None) => return Err(Code::InvalidRegistration.into()),
        };
        let id = match dialect {
            Dialect::A => None,
            Dialect::B => Some(SessionId::random(&self.shared.random)?),
        };
        let session = id.as_ref().map(SessionId::digest);
        let presence = Arc::new(Presence { connection: self.id(), dialect, profile: Arc::clone(&profile), queue: Arc::clone(&self.queue) });
        self.shared.registry.sign_in(Online::Version1(Arc::clone(&presence)), now_ms, || {
            if let Some(session) = session {
                self.open_session(session, resumed, &profile, now_ms)?;
            }
            let (peer, id) = (profile.to_peer(), id.as_ref().map_or("", SessionId::as_str));
            let answer = RegistrationAnswer {
                code: Code::Done,
                origin_time: Some(&origin_time),
                process_time_ms: self.since(now_ms),
                peer: Some((profile.credential, &peer, id)),
                sessid: sessid.as_ref(),
            };
            self.answer_registration(dialect, Some(profile.credential), answer, now_ms);
            Ok::<(), Refusal>(())
        })?;
        self.shared.counters.registered.add(1);
        info!(credential = %profile.credential, name = ?profile.name.as_str(), ?dialect, resumed = resumed.is_some(), "registered");
        self.registered = Some(Registered { presence, session });
        Ok(())
    }

    fn open_session(
        &self,
        session: SessionDigest,
        resumed: Option<SessionDigest>,
        profile: &Arc<Profile>,
        now_ms: i64,
    ) -> Result<(), NotResumed> {
        match resumed {
            Some(resumed) => self.shared.sessions.resume(resumed, session, self.id(), now_ms),
            None => {
                self.shared.sessions.open(session, Arc::clone(profile), self.id(), now_ms);
                Ok(())
            }
        }
    }

    /// Answers where the dialect has an answer, and closes the connection.
    fn refuse_registration(&self, dialect: Dialect, origin_time: Option<&JsonText>, code: Code, received_ms: i64) {
        if dialect == Dialect::B {
            let answer = RegistrationAnswer { code, origin_time, process_time_ms: self.since(received_ms), peer: None, sessid: None };
            self.answer_registration(dialect, None, answer, received_ms);
        }
        self.refuse(code);
    }

    fn answer_registration(&self, dialect: Dialect, credential: Option<Credential>, answer: RegistrationAnswer<'_>, timestamp_ms: i64) {
        let content = answer.content(dialect);
        self.answer(Answer { dialect, credential, subject: "register", timestamp_ms, content }.to_text());
    }

    /// How long the server has taken, in ms.
    pub(super) fn since(&self, received_ms: i64) -> u64 {
        u64::try_from((self.shared.clock)() - received_ms).unwrap_or(0)
    }
}
