//! Writing.

use serde::Serialize;
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple, SerializeTupleStruct, SerializeTupleVariant,
    Serializer,
};

use super::{Unfit, major, simple};

/// More than a session of ordinary size takes, so that secrets are not left behind in smaller buffers.
const CAPACITY: usize = 1024;

pub(super) struct Writer {
    pub(super) bytes: Vec<u8>,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self { bytes: Vec::with_capacity(CAPACITY) }
    }

    /// A first byte, and the number that it announces.
    #[inline(never)]
    fn head(&mut self, major: u8, number: u64) {
        let (info, bytes) = match number {
            0..24 => (number as u8, 0),
            24..0x100 => (24, 1),
            0x100..0x1_0000 => (25, 2),
            0x1_0000..0x1_0000_0000 => (26, 4),
            _ => (27, 8),
        };
        self.bytes.push((major << 5) | info);
        self.bytes.extend_from_slice(&number.to_be_bytes()[8 - bytes..]);
    }

    #[inline(never)]
    fn chunk(&mut self, major: u8, bytes: &[u8]) {
        self.head(major, bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    fn variant(&mut self, index: u32) {
        self.head(major::MAP, 1);
        self.head(major::UNSIGNED, index.into());
    }

    fn some(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Unfit> {
        value.serialize(self)
    }
}

/// What the states have none of.
macro_rules! never {
    ($($name:ident: $kind:ty),*) => {
        $(fn $name(self, _: $kind) -> Result<(), Unfit> {
            Err(Unfit)
        })*
    };
}

impl Serializer for &mut Writer {
    type Ok = ();
    type Error = Unfit;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    never! { serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_f32: f32, serialize_f64: f64, serialize_char: char }

    fn serialize_bool(self, value: bool) -> Result<(), Unfit> {
        self.head(major::SIMPLE, if value { simple::TRUE } else { simple::FALSE });
        Ok(())
    }

    fn serialize_u8(self, value: u8) -> Result<(), Unfit> {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), Unfit> {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), Unfit> {
        self.serialize_u64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), Unfit> {
        self.head(major::UNSIGNED, value);
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Result<(), Unfit> {
        self.chunk(major::TEXT, value.as_bytes());
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Unfit> {
        self.chunk(major::BYTES, value);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Unfit> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unfit> {
        self.some(value)
    }

    fn serialize_unit(self) -> Result<(), Unfit> {
        self.head(major::SIMPLE, simple::NULL);
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Unfit> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, index: u32, _: &'static str) -> Result<(), Unfit> {
        self.variant(index);
        self.serialize_unit()
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Unfit> {
        self.some(value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Unfit> {
        self.variant(index);
        self.some(value)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Self, Unfit> {
        self.head(major::ARRAY, length.ok_or(Unfit)? as u64);
        Ok(self)
    }

    fn serialize_tuple(self, length: usize) -> Result<Self, Unfit> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<Self, Unfit> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_variant(self, _: &'static str, index: u32, _: &'static str, length: usize) -> Result<Self, Unfit> {
        self.variant(index);
        self.serialize_seq(Some(length))
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Self, Unfit> {
        self.head(major::MAP, length.ok_or(Unfit)? as u64);
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, length: usize) -> Result<Self, Unfit> {
        self.serialize_seq(Some(length))
    }

    fn serialize_struct_variant(self, _: &'static str, index: u32, _: &'static str, length: usize) -> Result<Self, Unfit> {
        self.variant(index);
        self.serialize_seq(Some(length))
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// Elements follow their head, and nothing follows them.
macro_rules! elements {
    ($($kind:ident: $name:ident($($field:ident)?)),*) => {
        $(impl $kind for &mut Writer {
            type Ok = ();
            type Error = Unfit;

            fn $name<T: Serialize + ?Sized>(&mut self, $($field: &'static str,)? value: &T) -> Result<(), Unfit> {
                $(let _ = $field;)?
                self.some(value)
            }

            fn end(self) -> Result<(), Unfit> {
                Ok(())
            }
        })*
    };
}

elements! {
    SerializeSeq: serialize_element(),
    SerializeTuple: serialize_element(),
    SerializeTupleStruct: serialize_field(),
    SerializeTupleVariant: serialize_field(),
    SerializeStruct: serialize_field(name),
    SerializeStructVariant: serialize_field(name)
}

impl SerializeMap for &mut Writer {
    type Ok = ();
    type Error = Unfit;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unfit> {
        self.some(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unfit> {
        self.some(value)
    }

    fn end(self) -> Result<(), Unfit> {
        Ok(())
    }
}
