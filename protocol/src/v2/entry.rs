//! What frames are made of: who a message is from and for, what stands in a queue.

use super::field::{Bytes16, Field, FieldError, List, Reader, Rest, Varint};
use crate::Credential;

macro_rules! records {
    ($($(#[$doc:meta])* $name:ident $(<$life:lifetime>)? { $($(#[$field_doc:meta])* $field:ident: $kind:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name $(<$life>)? { $($(#[$field_doc])* pub $field: $kind,)* }

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

pub(super) use records;

records! {
    /// What one recipient device gets beside the shared payload.
    DeviceHeader<'a> {
        /// Which device.
        device: Bytes16,
        /// Its bytes.
        header: &'a [u8],
    }
    /// A message, as its sender numbered it.
    #[derive(Copy, PartialOrd, Ord, Hash)]
    MessageId {
        /// The sending device.
        device: Bytes16,
        /// Its outbox epoch.
        outbox_epoch: u64,
        /// Its number.
        number: Varint,
    }
    /// A recipient for whom an accepted message is not queued.
    Exception {
        /// Its place in `recipients`.
        recipient: Varint,
        /// Why.
        code: u16,
    }
    /// A device of one's own.
    Device<'a> {
        /// Its id.
        device: Bytes16,
        /// What a person calls it.
        name: &'a str,
        /// Connected now.
        online: bool,
        /// When it was last connected, ms since 1970.
        seen_ms: i64,
        /// How many entries wait for it.
        waiting: Varint,
    }
    /// The list of a peer, as the server has it.
    PeerList<'a> {
        /// Whose.
        peer: Credential,
        /// A [`super::SignedList`]; empty where the server has none.
        list: &'a [u8],
    }
    /// A device of a peer.
    #[derive(Copy)]
    PeerDevice {
        /// Whose.
        peer: Credential,
        /// Which.
        device: Bytes16,
    }
    /// A key of a device, as that device put it.
    ClaimedKey<'a> {
        /// Whose.
        device: Bytes16,
        /// A key to begin a session with.
        key: &'a [u8],
    }
    /// A message as every recipient device gets it.
    Delivery<'a> {
        /// The sender.
        from: Credential,
        /// Names the message for ever: what duplicates are known by.
        id: MessageId,
        /// When it was accepted, by the server's clock, ms since 1970.
        timestamp_ms: i64,
        /// As in `Send`.
        flags: u8,
        /// Whom it is for.
        recipients: List<Credential>,
        /// The message this replies to.
        reply_to: Option<MessageId>,
        /// JSON string.
        subject: &'a str,
        /// The payload, unread.
        payload: Rest<'a>,
    }
    /// How far a message of one's own got with one recipient.
    Receipt {
        /// The outbox epoch it was numbered in.
        outbox_epoch: u64,
        /// Its number.
        number: Varint,
        /// Which recipient.
        recipient: Credential,
        /// 200 delivered, else why it will never be.
        code: u16,
        /// When, by the server's clock, ms since 1970.
        timestamp_ms: i64,
    }
}

/// What stands in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry<'a> {
    /// A message; kind 0.
    Message(Delivery<'a>),
    /// News of a message of one's own; kind 1.
    Receipt(Receipt),
}

impl<'a> Field<'a> for Entry<'a> {
    fn take(reader: &mut Reader<'a>) -> Self {
        let kind = u8::take(reader);
        if kind > 1 {
            reader.fail(FieldError::Value);
        }
        if kind == 0 { Self::Message(Field::take(reader)) } else { Self::Receipt(Field::take(reader)) }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Message(delivery) => {
                0_u8.write(out);
                delivery.write(out);
            }
            Self::Receipt(receipt) => {
                1_u8.write(out);
                receipt.write(out);
            }
        }
    }
}
