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

/// Something with a place in a frame.
pub trait Field<'a>: Sized {
    /// Takes the field off the front of `bytes`.
    ///
    /// # Errors
    /// As [`FieldError`] says; `bytes` is then anywhere.
    fn read(bytes: &mut &'a [u8]) -> Result<Self, FieldError>;

    /// Appends the field to `out`.
    fn write(&self, out: &mut Vec<u8>);
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Result<&'a [u8], FieldError> {
    let (taken, rest) = bytes.split_at_checked(count).ok_or(FieldError::Short)?;
    *bytes = rest;
    Ok(taken)
}

impl<'a, const N: usize> Field<'a> for [u8; N] {
    fn read(bytes: &mut &'a [u8]) -> Result<Self, FieldError> {
        let (taken, rest) = bytes.split_first_chunk::<N>().ok_or(FieldError::Short)?;
        *bytes = rest;
        Ok(*taken)
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

macro_rules! fixed_width {
    ($($number:ty),*) => {$(
        impl<'a> Field<'a> for $number {
            fn read(bytes: &mut &'a [u8]) -> Result<Self, FieldError> {
                Field::read(bytes).map(<$number>::from_le_bytes)
            }

            fn write(&self, out: &mut Vec<u8>) {
                self.to_le_bytes().write(out);
            }
        }
    )*};
}

fixed_width!(u8, u16, u64, i64);

impl<'a> Field<'a> for bool {
    fn read(bytes: &mut &'a [u8]) -> Result<Self, FieldError> {
        match u8::read(bytes)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(FieldError::Value),
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        u8::from(*self).write(out);
    }
}

/// A number that is mostly small: unsigned LEB128.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Varint(pub u64);

impl<'a> Field<'a> for Varint {
    fn read(bytes: &mut &'a [u8]) -> Result<Self, FieldError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = u8::read(bytes)?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(FieldError::Varint);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return if byte == 0 && shift > 0 { Err(FieldError::Varint) } else { Ok(Self(value)) };
            }
        }
        Err(FieldError::Varint)
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

/// A length that is about to be taken from `bytes`.
fn read_length(bytes: &mut &[u8]) -> Result<usize, FieldError> {
    usize::try_from(Varint::read(bytes)?.0).map_err(|_| FieldError::Short)
}

impl<'a> Field<'a> for &'a [u8] {
    fn read(bytes: &mut &'a [u8]) -> Result<Self, FieldError> {
        let length = read_length(bytes)?;
        take(bytes, length)
    }

    fn write(&self, out: &mut Vec<u8>) {
        Varint(self.len() as u64).write(out);
        out.extend_from_slice(self);
    }
}

impl<'a> Field<'a> for &'a str {
    fn read(bytes: &mut &'a [u8]) -> Result<Self, FieldError> {
        std::str::from_utf8(Field::read(bytes)?).map_err(|_| FieldError::Utf8)
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.as_bytes().write(out);
    }
}

/// A field that may be absent: one byte, 0 or 1, then the field.
impl<'a, T: Field<'a>> Field<'a> for Option<T> {
    fn read(bytes: &mut &'a [u8]) -> Result<Self, FieldError> {
        bool::read(bytes)?.then(|| T::read(bytes)).transpose()
    }

    fn write(&self, out: &mut Vec<u8>) {
        self.is_some().write(out);
        if let Some(field) = self {
            field.write(out);
        }
    }
}

impl<'a> Field<'a> for Credential {
    fn read(bytes: &mut &'a [u8]) -> Result<Self, FieldError> {
        Field::read(bytes).map(Self)
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
    fn read(bytes: &mut &'a [u8]) -> Result<Self, FieldError> {
        Ok(Self(std::mem::take(bytes)))
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0);
    }
}

/// Several fields of one kind, after their count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T>(pub Vec<T>);

impl<'a, T: Field<'a>> Field<'a> for List<T> {
    fn read(bytes: &mut &'a [u8]) -> Result<Self, FieldError> {
        let count = read_length(bytes)?;
        // Every entry takes a byte at least, so a count that lies is found before memory is taken for it.
        if count > bytes.len() {
            return Err(FieldError::Short);
        }
        (0..count).map(|_| T::read(bytes)).collect::<Result<_, _>>().map(Self)
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
