//! Saying who one is, and what the server thinks of it.

use msr_protocol::{Code, Credential, Disposition, JsonText, Message, Peer};

use crate::{Answered, Failure};

/// The `register` message of that peer.
pub(crate) fn request(peer: &Peer, credential: Credential, timestamp_ms: i64) -> Message {
    Message {
        to: JsonText::array_of_one(credential),
        from: JsonText::from(credential),
        subject: JsonText::from_spelled("\"register\"".to_owned()),
        timestamp: JsonText::milliseconds(timestamp_ms),
        content: JsonText::from_spelled(peer.to_text()),
    }
}

/// Whether that peer registers by a signature, in version 2 alone.
pub(crate) fn is_by_key(peer: &Peer) -> bool {
    peer.secret.as_str().starts_with("\"ed25519:")
}

/// What an answer to `register` means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Registered.
    Accepted,
    /// Never, as it was asked.
    Refused(Code),
    /// Not now.
    Later(Code),
    /// It says neither yes nor no.
    Unclear,
}

/// Judges an answer to `register`. `originTime` has no say in it: each registration has a connection of its own, so there
/// is no other request that could have been meant, and servers have misspelt it.
pub(crate) fn judge(answer: &Answered) -> Verdict {
    let Some(status) = answer.status else { return Verdict::Unclear };
    if status == 1.0 {
        return Verdict::Accepted;
    }
    // The cast saturates and cuts off; what it changed is not the number of a code.
    let number = status as u16;
    match Code::from_number(number).filter(|_| f64::from(number) == status) {
        Some(Code::Done) => Verdict::Accepted,
        Some(code) => match code.disposition() {
            Disposition::Done => Verdict::Unclear,
            Disposition::Final => Verdict::Refused(code),
            Disposition::Retry => Verdict::Later(code),
        },
        None => Verdict::Unclear,
    }
}

/// What a code says, in the words of the server where it said some.
pub(crate) fn failure(code: Code, said: &str) -> Failure {
    if said.is_empty() { Failure::from(code) } else { Failure { code, detail: said.to_owned() } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts() {
        let judge = |status: f64| judge(&Answered { status: Some(status), ..Answered::default() });
        assert_eq!(judge(1.0), Verdict::Accepted);
        assert_eq!(judge(200.0), Verdict::Accepted);
        assert_eq!(judge(401.0), Verdict::Refused(Code::InvalidRegistration));
        assert_eq!(judge(403.0), Verdict::Later(Code::RegistrationTimeout));
        for unclear in [0.0, 2.0, 200.5, 201.0, 999.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(judge(unclear), Verdict::Unclear, "{unclear}");
        }
        assert_eq!(super::judge(&Answered::default()), Verdict::Unclear);
    }

    #[test]
    fn the_request_names_the_peer_three_times() {
        let peer = Peer::default();
        let message = request(&peer, peer.credential(), 1_459_091_247_561);
        assert_eq!(message.to.as_str(), r#"["3ccb7d82bb030d0c902bfac1b6d4eb96"]"#);
        assert_eq!(message.from.as_str(), r#""3ccb7d82bb030d0c902bfac1b6d4eb96""#);
        assert!(message.content.as_str().starts_with(r#"{"credential":"3ccb7d82bb030d0c902bfac1b6d4eb96","#));
        assert_eq!(message.timestamp.as_str(), "1459091247561");
    }
}
