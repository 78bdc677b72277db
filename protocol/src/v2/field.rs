//! How one field stands on the wire: fixed widths little-endian, lengths and counters as varints (unsigned LEB128, the
//! shortest spelling alone), text and bytes after their length, credentials and device ids as 16 raw bytes.

use crate::Credential;

/// Why bytes are not the field they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// The bytes end within a field.
    #[error("the frame ends within a field")]
    Short,
    /// A varint of more than 64 bits, or with bytes it does not need.
    #[error("a number is not in its shortest form")]
    Varint,
    /// Text that is not UTF-8.
    #[error("text is not UTF-8")]
    Utf8,
    /// A yes or no that is neither, or another value out of its range.
    #[error("a field has a value it cannot have")]
    Value,
}

/// Takes fields off the front of bytes. The first thing that goes wrong is kept and told at the end; from there on all is zeros
/// and nothing. A page loads less of code that does not ask after each field.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    error: Option<FieldError>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, error: None }
    }

    /// What is taken now is not what it should be.
    pub fn fail(&mut self, error: FieldError) {
        self.error.get_or_insert(error);
        self.rest = &[];
    }

    /// What is left, if nothing went wrong.
    pub(super) fn end(&self) -> Result<&'a [u8], FieldError> {
        self.error.map_or(Ok(self.rest), Err)
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let Some((taken, rest)) = self.rest.split_first_chunk() else {
            self.fail(FieldError::Short);
            return [0; N];
        };
        self.rest = rest;
        *taken
    }

    fn bytes(&mut self) -> &'a [u8] {
        let length = self.length();
        let Some((taken, rest)) = self.rest.split_at_checked(length) else {
            self.fail(FieldError::Short);
            return &[];
        };
        self.rest = rest;
        taken
    }

    fn varint(&mut self) -> u64 {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array();
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                if byte == 0 && shift > 0 {
                    break;
                }
                return value;
            }
        }
        self.fail(FieldError::Varint);
        0
    }

    /// A length that is about to be taken.
    fn length(&mut self) -> usize {
        usize::try_from(self.varint()).unwrap_or(usize::MAX)
    }
}

/// Something with a place in a frame.
pub trait Field<'a>: Sized {
    /// Takes the field off the front of what `reader` has.
    fn take(reader: &mut Reader<'a>) -> Self;

    /// Appends the field to `out`.
    fn write(&self, out: &mut Vec<u8>);

    /// Takes the field off the front of `bytes`.
    ///
    /// # Errors
    /// As [`FieldError`] says; `bytes` is then as it was.
    fn read(bytes: &mut &'a [u8]) -> Result<Self, FieldError> {
        let mut reader = Reader::new(bytes);
        let field = Self::take(&mut reader);
        *bytes = reader.end()?;
        Ok(field)
    }
}

impl<'a, const N: usize> Field<'a> for [u8; N] {
    fn take(reader: &mut Reader<'a>) -> Self {
        reader.array()
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

macro_rules! fixed_width {
    ($($number:ty),*) => {$(
        impl<'a> Field<'a> for $number {
            fn take(reader: &mut Reader<'a>) -> Self {
                <$number>::from_le_bytes(reader.array())
            }

            fn write(&self, out: &mut Vec<u8>) {
                self.to_le_bytes().write(out);
            }
        }
    )*};
}

fixed_width!(u8, u16, u64, i64);

impl<'a> Field<'a> for bool {
    fn take(reader: &mut Reader<'a>) -> Self {
        let byte = u8::take(reader);
        if byte > 1 {
            reader.fail(FieldError::Value);
        }
        byte == 1
    }

    fn write(&self, out: &mut Vec<u8>) {
        u8::from(*self).write(out);
    }
}

/// A number that is mostly small: unsigned LEB128.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Varint(pub u64);

impl<'a> Field<'a> for Varint {
    fn take(reader: &mut Reader<'a>) -> Self {
        Self(reader.varint())
    }

    fn write(&self, out: &mut Vec<u8>) {
        let mut rest = self.0;
        while rest >= 0x80 {
            out.push(rest.to_le_bytes()[0] | 0x80);
            rest >>= 7;
        }
        out.push(rest.to_le_bytes()[0]);
    }
}

impl<'a> Field<'a> for &'a [u8] {
    fn take(reader: &mut Reader<'a>) -> Self {
        reader.bytes()
    }

    fn write(&self, out: &mut Vec<u8>) {
        Varint(self.len() as u64).write(out);
        out.extend_from_slice(self);
    }
}

impl<'a> Field<'a> for &'a str {
    fn take(reader: &mut Reader<'a>) -> Self {
        std::str::from_utf8(reader.bytes()).unwrap_or_else(|_| {
            reader.fail(FieldError::Utf8);
            ""
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.as_bytes().write(out);
    }
}

/// A field that may be absent: one byte, 0 or 1, then the field.
impl<'a, T: Field<'a>> Field<'a> for Option<T> {
    fn take(reader: &mut Reader<'a>) -> Self {
        bool::take(reader).then(|| T::take(reader))
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.is_some().write(out);
        if let Some(field) = self {
            field.write(out);
        }
    }
}

impl<'a> Field<'a> for Credential {
    fn take(reader: &mut Reader<'a>) -> Self {
        Self(reader.array())
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
    }
}

/// The id of a device.
pub type Bytes16 = [u8; 16];

/// What is left of the frame: the payload, unread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rest<'a>(pub &'a [u8]);

impl<'a> Field<'a> for Rest<'a> {
    fn take(reader: &mut Reader<'a>) -> Self {
        Self(std::mem::take(&mut reader.rest))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0);
    }
}

/// Several fields of one kind, after their count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T>(pub Vec<T>);

impl<'a, T: Field<'a>> Field<'a> for List<T> {
    fn take(reader: &mut Reader<'a>) -> Self {
        let count = reader.length();
        // Every entry takes a byte at least, so a count that lies is found before memory is taken for it.
        if count > reader.rest.len() {
            reader.fail(FieldError::Short);
        }
        let mut entries = Vec::new();
        while entries.len() < count && reader.error.is_none() {
            entries.push(T::take(reader));
        }
        Self(entries)
    }

    fn write(&self, out: &mut Vec<u8>) {
        Varint(self.0.len() as u64).write(out);
        for entry in &self.0 {
            entry.write(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(value: u64) -> usize {
        let mut out = Vec::new();
        Varint(value).write(&mut out);
        let mut bytes = out.as_slice();
        assert_eq!(Varint::read(&mut bytes), Ok(Varint(value)));
        assert!(bytes.is_empty());
        out.len()
    }

    #[test]
    fn varints() {
        assert_eq!([0, 127, 128, 16_383, 16_384, u64::MAX].map(round_trip), [1, 1, 2, 2, 3, 10]);
    }

    #[test]
    fn varints_have_one_spelling() {
        for bytes in [&[0x80, 0x00][..], &[0xff; 10], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]] {
            assert_eq!(Varint::read(&mut &*bytes), Err(FieldError::Varint), "{bytes:?}");
        }
        assert_eq!(Varint::read(&mut &[0x80][..]), Err(FieldError::Short));
    }

    #[test]
    fn a_list_that_lies_takes_no_memory() {
        let mut out = Vec::new();
        Varint(u64::MAX).write(&mut out);
        assert_eq!(List::<Bytes16>::read(&mut out.as_slice()), Err(FieldError::Short));
    }
}
