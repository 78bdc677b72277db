//! What single devices get beside an entry that is the same for all.

use std::sync::Arc;

use crate::DeviceIndex;

/// The headers of one entry, cheap to clone. Nearly always there are none, which takes no memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Option<Arc<Packed>>);

#[derive(Debug, PartialEq, Eq)]
struct Packed {
    /// Each device that has one, ascending, and where its header ends.
    ends: Box<[(DeviceIndex, u32)]>,
    bytes: Box<[u8]>,
}

impl Headers {
    /// Those of these devices, ascending; empty ones are none.
    pub fn new<'a>(headers: impl Iterator<Item = (DeviceIndex, &'a [u8])>) -> Self {
        let (mut ends, mut bytes) = (Vec::new(), Vec::new());
        for (device, header) in headers.filter(|(_, header)| !header.is_empty()) {
            bytes.extend_from_slice(header);
            ends.push((device, u32::try_from(bytes.len()).unwrap_or(u32::MAX)));
        }
        debug_assert!(ends.is_sorted());
        Self((!ends.is_empty()).then(|| Arc::new(Packed { ends: ends.into(), bytes: bytes.into() })))
    }

    /// The header of a device; empty when it has none.
    #[must_use]
    pub fn of(&self, device: DeviceIndex) -> &[u8] {
        let Some(Packed { ends, bytes }) = self.0.as_deref() else { return &[] };
        let Ok(place) = ends.binary_search_by_key(&device, |(device, _)| *device) else { return &[] };
        let end_of = |place: usize| ends.get(place).map_or(0, |(_, end)| *end as usize);
        let begin = place.checked_sub(1).map_or(0, end_of);
        bytes.get(begin..end_of(place)).unwrap_or_default()
    }

    /// Whether no device has one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The bytes of all of them.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.as_ref().map_or(0, |packed| packed.bytes.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_device_has_its_own() {
        let headers = [(DeviceIndex(1), b"one".as_slice()), (DeviceIndex(2), b""), (DeviceIndex(7), b"seven")];
        let packed = Headers::new(headers.into_iter());
        for (device, header) in headers {
            assert_eq!(packed.of(device), header);
        }
        assert_eq!((packed.of(DeviceIndex(3)), packed.bytes(), packed.is_empty()), (b"".as_slice(), 8, false));
    }

    #[test]
    fn none_take_no_memory() {
        assert_eq!(Headers::new([(DeviceIndex(1), b"".as_slice())].into_iter()), Headers::default());
        assert_eq!((size_of::<Headers>(), Headers::default().of(DeviceIndex(1))), (size_of::<usize>(), b"".as_slice()));
    }
}
