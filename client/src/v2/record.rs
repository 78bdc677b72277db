//! What a device keeps of itself, as small records under a key each. A driver stores them unread.
//!
//! | key | record | one for each |
//! | --- | --- | --- |
//! | `identity` | [`Identity`] | device |
//! | `inbox` | [`Cursor`] | device |
//! | `out:<position>` | [`Outgoing`] | message that is not accepted yet |
//! | `num:<position>` | [`Numbered`] | such a message that got its number later |
//! | `mark:<device>:<outbox epoch>` | [`Mark`] | outbox whose messages were handled here |
//! | `known:<outbox epoch>:<number>` | [`Known`] | accepted message with an id of the page's own |
//!
//! Positions, numbers and ids in keys are lower-case hex digits of fixed width. A value is a byte with the [`VERSION`], the fields in
//! the order of their structs, spelled as on the wire, and eight bytes of FNV-1a over all before them, little-endian: what
//! a disk damaged is found. Where encryption has a say in a record it is of [`VERSION_WITH_BITS`], and a byte of [`bits`] stands
//! before the fields: who knows none of that must not send it as it is. `out:` of [`bits::CONTROL`] has in its payload the list
//! of what each device gets, then what all of them get.

use msr_protocol::Credential;
use msr_protocol::v2::{Bytes16, Field, FieldError, List, MessageId, Reader, Rest, Varint};

/// The first byte of a record without [`bits`].
pub(crate) const VERSION: u8 = 1;
/// The first byte of a record with [`bits`].
pub(crate) const VERSION_WITH_BITS: u8 = 2;

/// What encryption has to do with a record; never all clear.
pub(crate) mod bits {
    /// `out:` it is to be sealed where every recipient has keys.
    pub(crate) const AUTO: u8 = 1;
    /// `out:` it is to be sealed, or not to be sent.
    pub(crate) const REQUIRED: u8 = 2;
    /// `out:` it may go plain to a recipient of whom nothing is known.
    pub(crate) const ALLOW_PLAIN: u8 = 4;
    /// `out:` it is a letter of the keys themselves, sealed.
    pub(crate) const CONTROL: u8 = 8;
    /// `num:`, `known:` it went sealed.
    pub(crate) const ENCRYPTED: u8 = 16;
}

/// A record that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Damage {
    /// It is of a later version, or of none.
    #[error("a record is of another version")]
    Version,
    /// Its check sum does not fit.
    #[error("a record is damaged")]
    Sum,
    /// A field is wrong.
    #[error("{0}")]
    Field(#[from] FieldError),
    /// Its key is none of the list.
    #[error("a record has a key that nobody knows")]
    Key,
}

macro_rules! record {
    ($($(#[$doc:meta])* $name:ident $(<$life:lifetime>)? { $($(#[$field_doc:meta])* $field:ident: $kind:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub(crate) struct $name $(<$life>)? { $($(#[$field_doc])* pub(crate) $field: $kind,)* }

        impl<'a> Field<'a> for $name $(<$life>)? {
            fn take(reader: &mut Reader<'a>) -> Self {
                Self { $($field: Field::take(reader),)* }
            }

            fn write(&self, out: &mut Vec<u8>) {
                $(self.$field.write(out);)*
            }
        }
    )*};
}

record! {
    /// Who this device is, and how far its numbers have gone.
    Identity {
        /// Its id.
        device: Bytes16,
        /// Names the numbering of its outbox.
        outbox_epoch: u64,
        /// The next message gets this number.
        next_number: Varint,
        /// Messages up to this number may have been written to a server.
        offered: Varint,
    }
    /// What this device has handled.
    Cursor {
        /// The epoch of its queue.
        queue_epoch: u64,
        /// The start of the server that `handled` is of.
        start: u64,
        /// Everything up to this sequence.
        handled: u64,
    }
    /// A message that waits to be accepted.
    Outgoing<'a> {
        /// Its number; 0 for one that has none yet.
        number: Varint,
        /// The page's own name for it.
        id: Option<&'a str>,
        /// As on the wire.
        flags: u8,
        /// For how long it is to be kept, ms; `u64::MAX` for ever.
        expire_after_ms: Varint,
        /// When the page sent it, by this device's clock, ms since 1970.
        sent_ms: i64,
        /// Whom it is for.
        recipients: List<Credential>,
        /// The message it answers.
        reply_to: Option<MessageId>,
        /// JSON string.
        subject: &'a str,
        /// The content.
        payload: Rest<'a>,
    }
    /// The number of a message that got it when its pieces were with a server, or after such a one.
    Numbered {
        /// Its number.
        number: Varint,
    }
    /// What was handled of one outbox.
    Mark<'a> {
        /// The highest number.
        number: Varint,
        /// Bit n of these, the first byte's lowest first: whether `number` − n was handled.
        recent: &'a [u8],
        /// When, by this device's clock, ms since 1970; the oldest is forgotten first.
        used_ms: i64,
    }
    /// A message that was accepted, kept so that its id is known again.
    Known<'a> {
        /// The page's own name for it.
        id: &'a str,
        /// When it was accepted, by the server's clock, ms since 1970.
        timestamp_ms: i64,
        /// Whom it is for.
        recipients: List<Credential>,
    }
}

/// The key of the [`Identity`].
pub(crate) const IDENTITY: &str = "identity";
/// The key of the [`Cursor`].
pub(crate) const INBOX: &str = "inbox";

/// What a key says its record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Identity,
    Inbox,
    Outgoing { position: u64 },
    Numbered { position: u64 },
    Mark { device: Bytes16, outbox_epoch: u64 },
    Known { outbox_epoch: u64, number: u64 },
}

impl Key {
    /// The key that a driver keeps the record under.
    pub(crate) fn spell(self) -> String {
        match self {
            Self::Identity => IDENTITY.to_owned(),
            Self::Inbox => INBOX.to_owned(),
            Self::Outgoing { position } => ["out:", &digits(position)].concat(),
            Self::Numbered { position } => ["num:", &digits(position)].concat(),
            Self::Mark { device, outbox_epoch } => ["mark:", &Credential(device).to_hex(), ":", &digits(outbox_epoch)].concat(),
            Self::Known { outbox_epoch, number } => ["known:", &digits(outbox_epoch), ":", &digits(number)].concat(),
        }
    }

    /// Reads a key; `None` for one that no [`Key::spell`] gave.
    pub(crate) fn read(key: &str) -> Option<Self> {
        let read = if key == IDENTITY {
            Self::Identity
        } else if key == INBOX {
            Self::Inbox
        } else if let Some(position) = key.strip_prefix("out:") {
            Self::Outgoing { position: number(position)? }
        } else if let Some(position) = key.strip_prefix("num:") {
            Self::Numbered { position: number(position)? }
        } else if let Some(of) = key.strip_prefix("mark:") {
            let Credential(device) = of.get(..32)?.parse().ok()?;
            Self::Mark { device, outbox_epoch: number(of.get(33..)?)? }
        } else {
            let of = key.strip_prefix("known:")?;
            Self::Known { outbox_epoch: number(of.get(..16)?)?, number: number(of.get(17..)?)? }
        };
        // What stands between them is looked at here.
        (read.spell() == key).then_some(read)
    }
}

/// 16 hex digits. `format!` would be the only one in the browser module, and brings 4 kB of formatting along.
fn digits(number: u64) -> String {
    hex::encode(number.to_be_bytes())
}

fn number(digits: &str) -> Option<u64> {
    u64::from_str_radix(digits, 16).ok()
}

/// The bytes that a driver keeps.
pub(crate) fn seal<'a>(record: &impl Field<'a>) -> Vec<u8> {
    seal_with(0, record)
}

/// The bytes that a driver keeps of a record with [`bits`], if there are any.
pub(crate) fn seal_with<'a>(bits: u8, record: &impl Field<'a>) -> Vec<u8> {
    let mut bytes = if bits == 0 { vec![VERSION] } else { vec![VERSION_WITH_BITS, bits] };
    record.write(&mut bytes);
    let sum = fnv_1a(&bytes);
    bytes.extend_from_slice(&sum.to_le_bytes());
    bytes
}

/// The record in those bytes, whatever its bits.
///
/// # Errors
/// As [`Damage`] says.
pub(crate) fn unseal<'a, R: Field<'a>>(bytes: &'a [u8]) -> Result<R, Damage> {
    unseal_with(bytes).map(|(_, record)| record)
}

/// The record in those bytes, and its bits.
///
/// # Errors
/// As [`Damage`] says.
pub(crate) fn unseal_with<'a, R: Field<'a>>(bytes: &'a [u8]) -> Result<(u8, R), Damage> {
    let (bits, mut fields) = open(bytes)?;
    let record = R::read(&mut fields)?;
    if fields.is_empty() { Ok((bits, record)) } else { Err(Damage::Field(FieldError::Value)) }
}

/// The bits of a record, and its fields.
fn open(bytes: &[u8]) -> Result<(u8, &[u8]), Damage> {
    let (sealed, sum) = bytes.split_last_chunk::<8>().ok_or(Damage::Sum)?;
    let opened = match sealed {
        [] => return Err(Damage::Sum),
        [VERSION, fields @ ..] => (0, fields),
        [VERSION_WITH_BITS, bits, fields @ ..] => (*bits, fields),
        _ => return Err(Damage::Version),
    };
    if fnv_1a(sealed) == u64::from_le_bytes(*sum) { Ok(opened) } else { Err(Damage::Sum) }
}

/// Fowler, Noll and Vo's hash, 64 bits: against damage, not against an adversary.
pub(crate) fn fnv_1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing() -> Outgoing<'static> {
        Outgoing {
            number: Varint(4),
            id: Some("an id"),
            flags: 2,
            expire_after_ms: Varint(u64::MAX),
            sent_ms: -1,
            recipients: List(vec![Credential([3; 16])]),
            reply_to: Some(MessageId { device: [1; 16], outbox_epoch: 2, number: Varint(3) }),
            subject: "\"s\"",
            payload: Rest(b"{}"),
        }
    }

    #[test]
    fn round_trip_and_any_damage_is_found() {
        let sealed = seal(&outgoing());
        assert_eq!(unseal::<Outgoing<'_>>(&sealed), Ok(outgoing()));
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut damaged = sealed.clone();
                damaged[at] ^= 1 << bit;
                assert!(unseal::<Outgoing<'_>>(&damaged).is_err(), "{at}");
            }
            assert!(unseal::<Outgoing<'_>>(&sealed[..at]).is_err());
        }
        assert!(unseal::<Cursor>(&seal(&Mark { number: Varint(1), recent: &[], used_ms: 0 })).is_err());
    }

    #[test]
    fn bits_stand_where_there_are_any() {
        assert_eq!(seal_with(0, &outgoing()), seal(&outgoing()));
        let sealed = seal_with(bits::REQUIRED, &outgoing());
        assert_eq!(sealed[..2], [VERSION_WITH_BITS, bits::REQUIRED]);
        assert_eq!(unseal_with::<Outgoing<'_>>(&sealed), Ok((bits::REQUIRED, outgoing())));
        for at in 0..sealed.len() {
            let mut damaged = sealed.clone();
            damaged[at] ^= 1;
            assert!(unseal_with::<Outgoing<'_>>(&damaged).is_err(), "{at}");
        }
    }

    #[test]
    fn keys() {
        for key in [
            Key::Identity,
            Key::Inbox,
            Key::Outgoing { position: 77 },
            Key::Numbered { position: 77 },
            Key::Mark { device: [0xab; 16], outbox_epoch: u64::MAX },
            Key::Known { outbox_epoch: 1, number: 2 },
        ] {
            let spelled = key.spell();
            assert!(spelled.len() <= 64 && spelled.is_ascii());
            assert_eq!(Key::read(&spelled), Some(key));
        }
        for key in ["", "out:", "out:1", "out:000000000000004D", "mark:1:2", "identity:", "known:1", "x", "out:+00000000000004d"] {
            assert_eq!(Key::read(key), None, "{key}");
        }
    }
}
