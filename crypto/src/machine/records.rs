//! What is kept, and under which keys.

use base64ct::{Base64UrlUnpadded, Encoding};
use msr_protocol::Credential;
use msr_protocol::v2::{Bytes16, List, MessageId, Varint};

use super::content::{BodyHash, BodyKey};
use super::seen::SeenRecord;
use super::spelled::spelled;

/// A device and whose it is.
pub(crate) type PairKey = (Credential, Bytes16);

/// [`crate::OwnDevice`].
pub(crate) const DEVICE: &str = "key:device";
/// [`OlmRecord`].
pub(crate) const OLM: &str = "key:olm";
const PEER: &str = "key:peer:";
const PAIR: &str = "key:pair:";
/// Here letters that were sealed had their keys too, before they got records of their own.
const OPENED: &str = "key:ring:";
const SEALED: &str = "key:sealed:";
const LATE: &str = "key:late:";

/// What a key says of its record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Device,
    Olm,
    Peer(Credential),
    Pair(PairKey),
    Opened(u64),
    Sealed(u64),
    Late(u64),
    Other,
}

pub(crate) fn peer_key(credential: Credential) -> String {
    format!("{PEER}{credential}")
}

pub(crate) fn pair_key((credential, device): PairKey) -> String {
    format!("{PAIR}{}", Base64UrlUnpadded::encode_string(&[credential.0, device].concat()))
}

pub(crate) fn opened_key(number: u64) -> String {
    format!("{OPENED}{number:016x}")
}

pub(crate) fn sealed_key(number: u64) -> String {
    format!("{SEALED}{number:016x}")
}

pub(crate) fn late_key(number: u64) -> String {
    format!("{LATE}{number:016x}")
}

fn pair_of(text: &str) -> Option<PairKey> {
    let mut bytes = [0; 32];
    Base64UrlUnpadded::decode(text, &mut bytes).ok().filter(|bytes| bytes.len() == 32)?;
    let (credential, rest) = bytes.split_first_chunk::<16>()?;
    let (device, _) = rest.split_first_chunk::<16>()?;
    Some((Credential(*credential), *device))
}

/// What kind of record a key names.
pub(crate) fn kind(key: &str) -> Kind {
    let number = |text: &str| u64::from_str_radix(text, 16).ok();
    let named = || {
        Some(if key == DEVICE {
            Kind::Device
        } else if key == OLM {
            Kind::Olm
        } else if let Some(text) = key.strip_prefix(PEER) {
            Kind::Peer(text.parse().ok()?)
        } else if let Some(text) = key.strip_prefix(PAIR) {
            Kind::Pair(pair_of(text)?)
        } else if let Some(text) = key.strip_prefix(OPENED) {
            Kind::Opened(number(text)?)
        } else if let Some(text) = key.strip_prefix(SEALED) {
            Kind::Sealed(number(text)?)
        } else if let Some(text) = key.strip_prefix(LATE) {
            Kind::Late(number(text)?)
        } else {
            return None;
        })
    };
    named().unwrap_or(Kind::Other)
}

spelled! {
    /// This device's Olm account.
    OlmRecord<'a> {
        /// 1.
        version: u8,
        /// What headers of the device for itself are sealed with.
        own_key: [u8; 32],
        /// The public half of the fallback key in use.
        fallback: [u8; 32],
        /// When it was made, ms since 1970; 0 for never.
        fallback_ms: i64,
        /// vodozemac's pickle, as [`super::pickle`] packs it.
        account: &'a [u8],
    }
    /// What is known of a peer.
    PeerRecord<'a> {
        /// 1.
        version: u8,
        /// The list in force, a `SignedList`; empty for none.
        list: &'a [u8],
        /// A newer one that waits for a person; empty for none.
        held: &'a [u8],
        /// Whether a person compared the safety number.
        verified: bool,
        /// Whether something was ever sealed for it.
        written: bool,
        /// When its list was last heard of, ms since 1970.
        heard_ms: i64,
    }
    /// A session.
    SessionRecord<'a> {
        /// vodozemac's name for it, before base64.
        id: [u8; 32],
        /// vodozemac's pickle, as [`super::pickle`] packs it.
        session: &'a [u8],
    }
    /// The sessions with a device, and the counters.
    PairRecord<'a> {
        /// 2. Those of before named each missing counter, and are not read: such a device begins new sessions.
        version: u8,
        /// The Curve25519 key of the device.
        identity_key: [u8; 32],
        /// The last counter used, of each lane.
        sent: List<Varint>,
        /// Counters of messages that were never sent.
        voided: List<Varint>,
        /// What came, of each lane.
        received: List<SeenRecord>,
        /// When the newest fallback key of the device that was seen was made, ms since 1970.
        fallback_ms: i64,
        /// The sessions, the one to seal with last.
        sessions: List<SessionRecord<'a>>,
    }
    /// A device that a letter was sealed for, and the letter's counter there.
    Target {
        peer: Credential,
        device: Bytes16,
        counter: Varint,
    }
    /// The key of a letter that was sealed or opened here.
    RingRecord {
        hash: BodyHash,
        body_key: BodyKey,
        from: Credential,
        from_device: Bytes16,
        recipients: [u8; 32],
        flags: u8,
        /// When it was kept, ms since 1970.
        made_ms: i64,
        /// The message it was opened as.
        opened_as: Option<MessageId>,
        /// Whom it was sealed for; empty for what was opened.
        targets: List<Target>,
    }
    /// A letter that could not be opened yet.
    LateRecord<'a> {
        /// Why: 0 no header, 1 a session that does not open it, 2 a device that is not known.
        reason: u8,
        /// When it came, ms since 1970.
        made_ms: i64,
        /// Its key, once that is known: it is handed out until it is handled.
        body_key: Option<BodyKey>,
        header: &'a [u8],
        /// The encoded `Entry`.
        entry: &'a [u8],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_say_what_they_name() {
        let pair = (Credential([0xab; 16]), [0xff; 16]);
        assert_eq!(kind(&pair_key(pair)), Kind::Pair(pair));
        assert_eq!(kind(&peer_key(pair.0)), Kind::Peer(pair.0));
        assert_eq!([kind(&opened_key(77)), kind(&sealed_key(77))], [Kind::Opened(77), Kind::Sealed(77)]);
        assert_eq!(kind(&late_key(u64::MAX)), Kind::Late(u64::MAX));
        assert_eq!([kind("key:olm"), kind("key:device"), kind("key:pair:??")], [Kind::Olm, Kind::Device, Kind::Other]);
        for key in [pair_key(pair), peer_key(pair.0), opened_key(1), sealed_key(1), late_key(1)] {
            assert!(key.starts_with("key:") && key.is_ascii() && key.len() <= 64, "{key}");
        }
    }
}
