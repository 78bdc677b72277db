//! The transitions of the state machine: connecting, registering, losing the connection and making it anew.

use msr_protocol::{Code, Disposition, JsonText, Message, v2};

use super::dialect::Version;
use super::phase::Phase;
use super::{Attempt, Session};
use crate::clock::Clock;
use crate::registration::{self, Verdict};
use crate::v2::Profile;
use crate::{Answered, Event, Failure, Moment, Output, Settings, limits, url};

/// Said of a connection that ended without a word (RFC 6455, 7.1.5).
const ABNORMAL_CLOSE: u16 = 1006;
/// The page is done (RFC 6455, 7.4.1).
const NORMAL_CLOSE: u16 = 1000;

impl Session {
    pub(super) fn connect(&mut self, settings: Settings, now: Moment) {
        self.settings = Some(settings);
        self.is_awaited = true;
        match self.phase {
            Phase::Idle => {
                self.unopened = 0;
                self.backoff.reset();
                self.dialect.ask_again();
                self.open(now);
            }
            Phase::Restoring => self.open(now),
            Phase::Connecting { .. }
            | Phase::Probing { .. }
            | Phase::Greeting { .. }
            | Phase::Proving { .. }
            | Phase::Registering { .. } => {}
            Phase::Registered { .. } => {
                self.is_awaited = false;
                self.tell(Event::Registered);
            }
            Phase::Waiting { .. } => self.wake(now),
        }
    }

    pub(super) fn configure(&mut self, settings: Settings, now: Moment) {
        self.settings = Some(settings);
        if matches!(self.phase, Phase::Waiting { .. }) && !self.reconnects() {
            self.lost(ABNORMAL_CLOSE, String::new(), now);
        }
    }

    pub(super) fn close(&mut self) {
        self.give_up(NORMAL_CLOSE);
        let failure = Failure::from(Code::Closed);
        if self.is_awaited {
            self.is_awaited = false;
            self.tell(Event::Refused(failure.clone()));
        }
        self.end_searches(&failure);
    }

    pub(super) fn bye(&mut self, now: Moment) {
        self.say_bye();
        if let Some(credential) = self.registered_in_version_1() {
            let message = Message {
                to: JsonText::array_of_one(credential),
                from: JsonText::from(credential),
                subject: JsonText::from_spelled("\"bye\"".to_owned()),
                timestamp: JsonText::milliseconds(self.clock.server_ms(now)),
                content: JsonText::empty_object(),
            };
            self.outputs.push(Output::Transmit(message.to_text()));
        }
        self.close();
    }

    pub(super) fn wake(&mut self, now: Moment) {
        let Phase::Waiting { retry_at_ms } = self.phase else { return self.probe_link(now) };
        let retry_at_ms = retry_at_ms.min(self.earliest_attempt_ms(now));
        if retry_at_ms <= now.monotonic_ms { self.open(now) } else { self.enter(Phase::Waiting { retry_at_ms }) }
    }

    pub(super) fn socket_opened(&mut self, subprotocol: Option<&str>, now: Moment) {
        let (Phase::Connecting { .. }, Some(attempt)) = (self.phase, &mut self.attempt) else { return };
        if attempt.version == Version::Two && subprotocol == Some(v2::SUBPROTOCOL) {
            return self.await_challenge(now);
        }
        if attempt.host.is_some() {
            self.outputs.push(Output::CloseSocket { code: NORMAL_CLOSE });
            return self.refuse(Code::Version2Required.into());
        }
        if attempt.version == Version::Two {
            // It took none of what was offered, and does not mind.
            attempt.version = Version::One;
            self.dialect.learned(Version::One);
        }
        let request = registration::request(&attempt.peer, attempt.credential, Clock::local_ms(now));
        let sent_ms = now.monotonic_ms;
        self.unopened = 0;
        self.enter(Phase::Registering { sent_ms, deadline_ms: sent_ms + limits::REGISTRATION_TIMEOUT_MS });
        self.outputs.push(Output::Transmit(request.to_text()));
    }

    pub(super) fn socket_closed(&mut self, code: u16, reason: String, now: Moment) {
        let refusal = Code::from_close_code(code).filter(|code| code.disposition() == Disposition::Final);
        match (self.phase, refusal) {
            (Phase::Idle | Phase::Restoring | Phase::Probing { .. } | Phase::Waiting { .. }, _) => {}
            (Phase::Connecting { .. }, None) => self.failed_to_open(code, reason, now),
            (Phase::Greeting { .. } | Phase::Proving { .. } | Phase::Registering { .. } | Phase::Registered { .. }, None) => {
                self.lost(code, reason, now);
            }
            (
                Phase::Connecting { .. }
                | Phase::Greeting { .. }
                | Phase::Proving { .. }
                | Phase::Registering { .. }
                | Phase::Registered { .. },
                Some(refusal),
            ) => self.refuse(registration::failure(refusal, &reason)),
        }
    }

    pub(super) fn origin_probed(&mut self, refused: bool, speaks_v2: Option<bool>, now: Moment) {
        self.probes = self.probes.saturating_sub(1);
        let is_guess = matches!(self.phase, Phase::Registered { .. }) && self.dialect.is_guess();
        if !(matches!(self.phase, Phase::Probing { .. }) || is_guess) || self.probes > 0 {
            return;
        }
        if let Some(speaks_v2) = speaks_v2 {
            self.dialect.learned(if speaks_v2 { Version::Two } else { Version::One });
        }
        if is_guess {
            return if speaks_v2 == Some(true) { self.retry(Code::GoingAway, now) } else { self.flush(now) };
        }
        let offered = self.attempt.as_ref().map(|attempt| attempt.version);
        let is_by_key = self.attempt.as_ref().is_some_and(|attempt| attempt.host.is_some());
        if refused {
            self.refuse(Code::OriginRefused.into());
        } else if (offered, speaks_v2) == (Some(Version::Two), Some(false)) && is_by_key {
            self.refuse(Code::Version2Required.into());
        } else if (offered, speaks_v2) == (Some(Version::Two), Some(false)) {
            // That is why it did not open, and nothing was lost.
            self.open(now);
        } else {
            self.lost(ABNORMAL_CLOSE, String::new(), now);
        }
    }

    /// The phase has lasted too long.
    pub(super) fn time_out(&mut self, now: Moment) {
        match self.phase {
            Phase::Idle | Phase::Restoring | Phase::Registered { .. } => {}
            Phase::Connecting { .. } | Phase::Greeting { .. } | Phase::Proving { .. } | Phase::Registering { .. } => {
                self.retry(Code::Timeout, now);
            }
            Phase::Probing { .. } => self.lost(ABNORMAL_CLOSE, String::new(), now),
            Phase::Waiting { .. } => self.open(now),
        }
    }

    /// An answer to the registration under way.
    pub(super) fn registration_answered(&mut self, message: &Message, answer: &Answered, now: Moment) {
        let Phase::Registering { sent_ms, .. } = self.phase else { return };
        match registration::judge(answer) {
            Verdict::Accepted => {
                self.clock.measure(sent_ms, now, &message.timestamp, answer.process_time_ms);
                self.is_awaited = false;
                self.enter(Phase::Registered { since_ms: now.monotonic_ms });
                self.tell(Event::Registered);
                if self.dialect.is_guess() {
                    self.ask_server();
                }
                self.flush(now);
            }
            Verdict::Refused(code) => {
                self.outputs.push(Output::CloseSocket { code: NORMAL_CLOSE });
                self.refuse(code.into());
            }
            Verdict::Later(code) => self.retry(code, now),
            Verdict::Unclear => self.tell(Event::Trouble(Code::BadMessage.into())),
        }
    }

    pub(super) fn open(&mut self, now: Moment) {
        let Some(settings) = &self.settings else { return };
        if let Err(failure) = url::check(&settings.server) {
            return self.refuse(failure);
        }
        let started_ms = now.monotonic_ms;
        let url = settings.server.clone();
        let (peer, device) = (settings.peer.clone(), settings.device.clone());
        let (credential, is_by_key) = (peer.credential(), registration::is_by_key(&peer));
        if is_by_key && self.dialect.is_version_1() {
            return self.refuse(Code::Version2Required.into());
        }
        if !self.is_ready((credential, is_by_key), now) {
            return self.enter(Phase::Restoring);
        }
        let offered = self.dialect.offer(&url);
        let (version, host) = if is_by_key { (Version::Two, url::dialled(&url)) } else { (offered, None) };
        self.attempt = Some(Attempt { credential, peer, device, started_ms, version, host });
        self.enter(Phase::Connecting { deadline_ms: started_ms + limits::CONNECT_TIMEOUT_MS });
        let subprotocol = (version == Version::Two).then_some(v2::SUBPROTOCOL);
        self.outputs.push(Output::OpenSocket { url, subprotocol });
    }

    /// A browser does not say why: perhaps the server does, and for the first of many failures it is asked.
    fn failed_to_open(&mut self, code: u16, reason: String, now: Moment) {
        let is_due = self.unopened.is_multiple_of(limits::PROBE_EVERY_FAILURES);
        self.unopened = self.unopened.wrapping_add(1);
        let was_served = self.profile.as_ref().is_some_and(Profile::was_served);
        if let Some(attempt) = self.attempt.as_ref().filter(|_| !was_served) {
            self.dialect.failed(attempt.version);
        }
        if is_due && self.ask_server() {
            self.enter(Phase::Probing { deadline_ms: now.monotonic_ms + limits::PROBE_TIMEOUT_MS });
        } else {
            self.lost(code, reason, now);
        }
    }

    /// Asks the server over HTTP what it speaks and to whom.
    fn ask_server(&mut self) -> bool {
        let Some(url) = self.settings.as_ref().and_then(|settings| url::probe(&settings.server)) else { return false };
        self.probes = self.probes.saturating_add(1);
        self.outputs.push(Output::ProbeOrigin { url });
        true
    }

    /// Leaves the connection there is, to make it anew.
    pub(super) fn retry(&mut self, why: Code, now: Moment) {
        self.transmit_frames();
        self.outputs.push(Output::CloseSocket { code: why.close_code() });
        self.lost(why.close_code(), why.reason().to_owned(), now);
    }

    /// There is no connection any more, and no reason known why there should not be another.
    fn lost(&mut self, code: u16, reason: String, now: Moment) {
        if let Phase::Registered { since_ms } = self.phase
            && now.monotonic_ms - since_ms >= limits::LASTED_MS
        {
            self.backoff.reset();
        }
        if matches!(self.phase, Phase::Registered { .. }) {
            self.dialect.ask_again();
        }
        self.searches.ask_again();
        if self.reconnects() {
            let wait_ms = self.backoff.next_ms(&mut self.rng);
            let retry_at_ms = (now.monotonic_ms + wait_ms).max(self.earliest_attempt_ms(now));
            self.enter(Phase::Waiting { retry_at_ms });
            self.tell(Event::Lost { code, reason, retry_in_ms: Some(retry_at_ms - now.monotonic_ms) });
            return;
        }
        let failure = registration::failure(Code::from_close_code(code).unwrap_or(Code::Unreachable), &reason);
        if self.is_awaited {
            return self.refuse(failure);
        }
        self.enter(Phase::Idle);
        self.tell(Event::Lost { code, reason, retry_in_ms: None });
        self.end_searches(&failure);
    }

    /// It is over, and trying again changes nothing. The socket is closed already, or there was none.
    pub(super) fn refuse(&mut self, failure: Failure) {
        self.is_awaited = false;
        self.enter(Phase::Idle);
        self.tell(Event::Refused(failure.clone()));
        self.end_searches(&failure);
    }

    fn give_up(&mut self, code: u16) {
        if self.phase.has_socket() {
            self.transmit_frames();
            self.outputs.push(Output::CloseSocket { code });
        }
        self.enter(Phase::Idle);
    }

    fn reconnects(&self) -> bool {
        self.settings.as_ref().is_some_and(|settings| settings.autoreconnect)
    }

    /// Not before now, and not right after the last attempt.
    fn earliest_attempt_ms(&self, now: Moment) -> f64 {
        let last_ms = self.attempt.as_ref().map_or(f64::NEG_INFINITY, |attempt| attempt.started_ms);
        now.monotonic_ms.max(last_ms + limits::ATTEMPT_INTERVAL_MS)
    }
}
