//! What records are made of: numbers as LEB128, bytes behind their length.

use super::Malformed;

pub(super) fn number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(super) fn text(out: &mut Vec<u8>, bytes: &[u8]) {
    number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Numbers as differences from the one before: one byte each when they are dense. Any order is kept, ascending is short.
pub(super) fn ascending(out: &mut Vec<u8>, values: &[u64]) {
    number(out, values.len() as u64);
    let mut before = 0u64;
    for value in values {
        number(out, value.wrapping_sub(before));
        before = *value;
    }
}

/// Reads from the front of some bytes.
#[derive(Debug, Clone)]
pub(super) struct Fields<'a> {
    pub(super) bytes: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(super) fn take(&mut self, count: u64) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = usize::try_from(count).ok().and_then(|count| self.bytes.split_at_checked(count)).ok_or(Malformed)?;
        self.bytes = rest;
        Ok(taken)
    }

    pub(super) fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.bytes.split_first_chunk::<N>().ok_or(Malformed)?;
        self.bytes = rest;
        Ok(*taken)
    }

    pub(super) fn fixed_number(&mut self) -> Result<u64, Malformed> {
        self.fixed().map(u64::from_le_bytes)
    }

    pub(super) fn number(&mut self) -> Result<u64, Malformed> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.fixed()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(Malformed);
            }
            value |= bits << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    pub(super) fn index(&mut self) -> Result<u32, Malformed> {
        u32::try_from(self.number()?).map_err(|_| Malformed)
    }

    pub(super) fn text(&mut self) -> Result<&'a [u8], Malformed> {
        let count = self.number()?;
        self.take(count)
    }

    pub(super) fn body(&mut self) -> Result<&'a [u8], Malformed> {
        let count = self.number()?;
        let _crc: [u8; 4] = self.fixed()?;
        self.take(count)
    }

    /// The bytes that `read` passes over, to be read again.
    pub(super) fn run(&mut self, read: impl FnOnce(&mut Self) -> Result<(), Malformed>) -> Result<Self, Malformed> {
        let before = self.bytes;
        read(self)?;
        before.get(..before.len() - self.bytes.len()).map(Self::new).ok_or(Malformed)
    }

    /// How many of something that takes at least one byte each.
    pub(super) fn count(&mut self) -> Result<usize, Malformed> {
        usize::try_from(self.number()?).ok().filter(|count| *count <= self.bytes.len()).ok_or(Malformed)
    }

    pub(super) fn ascending(&mut self) -> Result<Vec<u64>, Malformed> {
        let mut before = 0u64;
        (0..self.count()?)
            .map(|_| {
                before = before.wrapping_add(self.number()?);
                Ok(before)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_and_overlong_ones_are_refused() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut bytes = Vec::new();
            number(&mut bytes, value);
            assert_eq!(Fields::new(&bytes).number(), Ok(value));
        }
        assert_eq!(Fields::new(&[0xff; 9]).number(), Err(Malformed));
        assert_eq!(Fields::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]).number(), Err(Malformed));
    }

    #[test]
    fn arrivals_in_any_order_come_back() {
        let values = [5, 6, 7, 2, u64::MAX, 0, 9];
        let mut bytes = Vec::new();
        ascending(&mut bytes, &values);
        assert_eq!(Fields::new(&bytes).ascending(), Ok(values.to_vec()));
    }
}
