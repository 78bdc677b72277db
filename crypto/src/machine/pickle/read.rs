//! Reading.

use serde::de::value::U32Deserializer;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::{DEPTH, Unfit, major, simple};

pub(super) struct Reader<'a> {
    rest: &'a [u8],
    depth: u8,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, depth: 0 }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    #[inline(never)]
    fn take(&mut self, length: u64) -> Result<&'a [u8], Unfit> {
        let length = usize::try_from(length).map_err(|_| Unfit)?;
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Unfit)?;
        self.rest = rest;
        Ok(taken)
    }

    /// A first byte, and the number that it announces.
    #[inline(never)]
    fn head(&mut self) -> Result<(u8, u64), Unfit> {
        let (&first, rest) = self.rest.split_first().ok_or(Unfit)?;
        self.rest = rest;
        let info = first & 31;
        let number = match info {
            0..24 => info.into(),
            24..28 => self.take(1 << (info - 24))?.iter().fold(0, |number, &byte| (number << 8) | u64::from(byte)),
            _ => return Err(Unfit),
        };
        Ok((first >> 5, number))
    }

    /// The number of what has to be of that kind.
    #[inline(never)]
    fn expect(&mut self, kind: u8) -> Result<u64, Unfit> {
        let (major, number) = self.head()?;
        if major == kind { Ok(number) } else { Err(Unfit) }
    }

    #[inline(never)]
    fn byte(&mut self) -> Result<u8, Unfit> {
        u8::try_from(self.expect(major::UNSIGNED)?).map_err(|_| Unfit)
    }

    #[inline(never)]
    fn text(&mut self, length: u64) -> Result<&'a str, Unfit> {
        std::str::from_utf8(self.take(length)?).map_err(|_| Unfit)
    }

    /// One deeper, until [`Self::leave`].
    #[inline(never)]
    fn enter(&mut self) -> Result<(), Unfit> {
        self.depth += 1;
        if self.depth <= DEPTH { Ok(()) } else { Err(Unfit) }
    }

    /// What an array or map was read as; all of it has to be read.
    fn leave<T>(&mut self, left: u64, read: Result<T, Unfit>) -> Result<T, Unfit> {
        self.depth -= 1;
        if left == 0 { read } else { Err(Unfit) }
    }

    fn array<V: Visitor<'a>>(&mut self, length: u64, visitor: V) -> Result<V::Value, Unfit> {
        self.enter()?;
        let mut elements = Elements { reader: self, left: length };
        let read = visitor.visit_seq(&mut elements);
        let left = elements.left;
        self.leave(left, read)
    }

    fn map<V: Visitor<'a>>(&mut self, length: u64, visitor: V) -> Result<V::Value, Unfit> {
        self.enter()?;
        let mut elements = Elements { reader: self, left: length };
        let read = visitor.visit_map(&mut elements);
        let left = elements.left;
        self.leave(left, read)
    }
}

/// Numbers are read as the widest kind: what they are for checks whether they fit.
macro_rules! numbers {
    ($($name:ident)*) => {
        $(fn $name<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unfit> {
            visitor.visit_u64(self.expect(major::UNSIGNED)?)
        })*
    };
}

impl<'a> Deserializer<'a> for &mut Reader<'a> {
    type Error = Unfit;

    /// Only what is in an enumeration that vodozemac tells apart by a field is read so, and what the states have none of.
    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unfit> {
        let (major, number) = self.head()?;
        match (major, number) {
            (major::UNSIGNED, _) => visitor.visit_u64(number),
            (major::BYTES, _) => visitor.visit_bytes(self.take(number)?),
            (major::TEXT, _) => visitor.visit_str(self.text(number)?),
            (major::ARRAY, _) => self.array(number, visitor),
            (major::MAP, _) => self.map(number, visitor),
            (major::SIMPLE, simple::FALSE | simple::TRUE) => visitor.visit_bool(number == simple::TRUE),
            (major::SIMPLE, simple::NULL) => visitor.visit_unit(),
            _ => Err(Unfit),
        }
    }

    forward_to_deserialize_any! { <V: Visitor<'a>> i8 i16 i32 i64 i128 u128 f32 f64 char string ignored_any }

    numbers! { deserialize_u16 deserialize_u32 deserialize_u64 }

    fn deserialize_u8<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unfit> {
        visitor.visit_u8(self.byte()?)
    }

    fn deserialize_bool<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unfit> {
        match self.expect(major::SIMPLE)? {
            simple::FALSE => visitor.visit_bool(false),
            simple::TRUE => visitor.visit_bool(true),
            _ => Err(Unfit),
        }
    }

    fn deserialize_str<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unfit> {
        let length = self.expect(major::TEXT)?;
        visitor.visit_str(self.text(length)?)
    }

    fn deserialize_bytes<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unfit> {
        let length = self.expect(major::BYTES)?;
        visitor.visit_bytes(self.take(length)?)
    }

    fn deserialize_byte_buf<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unfit> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unfit> {
        const NULL: u8 = (major::SIMPLE << 5) | simple::NULL as u8;
        match self.rest.split_first() {
            Some((&NULL, rest)) => {
                self.rest = rest;
                visitor.visit_none()
            }
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unfit> {
        if self.expect(major::SIMPLE)? == simple::NULL { visitor.visit_unit() } else { Err(Unfit) }
    }

    fn deserialize_unit_struct<V: Visitor<'a>>(self, _: &'static str, visitor: V) -> Result<V::Value, Unfit> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'a>>(self, _: &'static str, visitor: V) -> Result<V::Value, Unfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unfit> {
        let length = self.expect(major::ARRAY)?;
        self.array(length, visitor)
    }

    fn deserialize_tuple<V: Visitor<'a>>(self, _: usize, visitor: V) -> Result<V::Value, Unfit> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'a>>(self, _: &'static str, _: usize, visitor: V) -> Result<V::Value, Unfit> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unfit> {
        let length = self.expect(major::MAP)?;
        self.map(length, visitor)
    }

    fn deserialize_struct<V: Visitor<'a>>(self, _: &'static str, _: &'static [&'static str], visitor: V) -> Result<V::Value, Unfit> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_enum<V: Visitor<'a>>(self, _: &'static str, _: &'static [&'static str], visitor: V) -> Result<V::Value, Unfit> {
        if self.expect(major::MAP)? != 1 {
            return Err(Unfit);
        }
        self.enter()?;
        let read = visitor.visit_enum(&mut *self);
        self.leave(0, read)
    }

    /// The field that an enumeration is told apart by.
    fn deserialize_identifier<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unfit> {
        self.deserialize_str(visitor)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// What is left of an array, or of a map.
struct Elements<'r, 'a> {
    reader: &'r mut Reader<'a>,
    left: u64,
}

impl Elements<'_, '_> {
    fn is_over(&mut self) -> bool {
        let is_over = self.left == 0;
        self.left = self.left.saturating_sub(1);
        is_over
    }
}

impl<'a> SeqAccess<'a> for &mut Elements<'_, 'a> {
    type Error = Unfit;

    fn next_element_seed<T: DeserializeSeed<'a>>(&mut self, seed: T) -> Result<Option<T::Value>, Unfit> {
        if self.is_over() { Ok(None) } else { seed.deserialize(&mut *self.reader).map(Some) }
    }
}

impl<'a> MapAccess<'a> for &mut Elements<'_, 'a> {
    type Error = Unfit;

    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>, Unfit> {
        if self.is_over() { Ok(None) } else { seed.deserialize(&mut *self.reader).map(Some) }
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Unfit> {
        seed.deserialize(&mut *self.reader)
    }
}

impl<'a> EnumAccess<'a> for &mut Reader<'a> {
    type Error = Unfit;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'a>>(self, seed: V) -> Result<(V::Value, Self), Unfit> {
        let index = u32::try_from(self.expect(major::UNSIGNED)?).map_err(|_| Unfit)?;
        let index: U32Deserializer<Unfit> = index.into_deserializer();
        Ok((seed.deserialize(index)?, self))
    }
}

impl<'a> VariantAccess<'a> for &mut Reader<'a> {
    type Error = Unfit;

    fn unit_variant(self) -> Result<(), Unfit> {
        if self.expect(major::SIMPLE)? == simple::NULL { Ok(()) } else { Err(Unfit) }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'a>>(self, seed: T) -> Result<T::Value, Unfit> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'a>>(self, _: usize, visitor: V) -> Result<V::Value, Unfit> {
        self.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'a>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Unfit> {
        self.deserialize_seq(visitor)
    }
}
