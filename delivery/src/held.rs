//! What is known in memory of each entry that waits: little, because there may be millions.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::{DeviceIndex, Origin};

/// What is known of entries, by arrival.
pub(crate) type ByArrival<T> = HashMap<u64, T, BuildHasherDefault<ArrivalHasher>>;

/// An entry that somebody has not acknowledged yet. Its bytes are on disk, or in memory until they are.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) bytes: u32,
    /// How many of the devices have not acknowledged it.
    pub(crate) remaining: u32,
    /// Of a sealed message those that have a header come first.
    devices: Devices,
    outbox_epoch: u64,
    number: u64,
    /// [`NOBODY`] when there is nobody to be told.
    sender: DeviceIndex,
    /// The sender is among the recipients, so its own devices' acknowledgements count.
    pub(crate) to_self: bool,
    /// A device that comes later gets it too: it is no receipt, and not for certain devices alone.
    pub(crate) is_inherited: bool,
    /// So many of the devices, the first ones, can open it by themselves: what the others acknowledge is not delivered.
    counted: u32,
}

/// Every device can.
const ALL: u32 = u32::MAX;

/// An index no device gets.
const NOBODY: DeviceIndex = DeviceIndex(u32::MAX);

/// Nearly always one.
#[derive(Debug)]
enum Devices {
    One([DeviceIndex; 1]),
    Several(Box<[DeviceIndex]>),
}

impl Devices {
    fn of(devices: &[DeviceIndex]) -> Self {
        match devices {
            [device] => Self::One([*device]),
            devices => Self::Several(devices.into()),
        }
    }
}

impl Held {
    /// A message with where its receipts go, if anybody is to get them.
    pub(crate) fn message(bytes: u32, devices: &[DeviceIndex], origin: Option<Origin>, to_self: bool, is_targeted: bool) -> Self {
        let Origin { device: sender, outbox_epoch, number } = origin.unwrap_or(Origin { device: NOBODY, outbox_epoch: 0, number: 0 });
        let remaining = u32::try_from(devices.len()).unwrap_or(u32::MAX);
        let (devices, counted) = (Devices::of(devices), ALL);
        Self { bytes, remaining, devices, outbox_epoch, number, sender, to_self, is_inherited: !is_targeted, counted }
    }

    /// A sealed message: these devices have a header.
    pub(crate) fn sealed_for(self, has_header: impl Fn(DeviceIndex) -> bool) -> Self {
        let (mut devices, others): (Vec<_>, Vec<_>) = self.devices().iter().copied().partition(|device| has_header(*device));
        let counted = u32::try_from(devices.len()).unwrap_or(ALL);
        devices.extend(others);
        Self { counted, devices: Devices::of(&devices), ..self }
    }

    /// Whether that device can open it by itself, so that having it counts.
    pub(crate) fn counts(&self, device: DeviceIndex) -> bool {
        self.counted == ALL || self.counted().contains(&device)
    }

    /// The devices that count: the first ones of [`Self::devices`].
    pub(crate) fn counted(&self) -> &[DeviceIndex] {
        let devices = self.devices();
        devices.get(..self.counted as usize).unwrap_or(devices)
    }

    /// A receipt.
    pub(crate) fn receipt(bytes: u32, devices: &[DeviceIndex]) -> Self {
        Self::message(bytes, devices, None, false, true)
    }

    /// Every device it was queued for.
    pub(crate) fn devices(&self) -> &[DeviceIndex] {
        match &self.devices {
            Devices::One(device) => device,
            Devices::Several(devices) => devices,
        }
    }

    /// One more device waits for it.
    pub(crate) fn add_device(&mut self, device: DeviceIndex) {
        let devices: Vec<DeviceIndex> = self.devices().iter().copied().chain([device]).collect();
        self.devices = Devices::of(&devices);
        self.remaining += 1;
    }

    /// Where its receipts go.
    pub(crate) fn origin(&self) -> Option<Origin> {
        let Self { sender, outbox_epoch, number, .. } = *self;
        (sender != NOBODY).then_some(Origin { device: sender, outbox_epoch, number })
    }
}

/// Arrivals are counted by this server, so nobody can choose them to collide: one multiplication spreads them.
#[derive(Debug, Default)]
pub(crate) struct ArrivalHasher(u64);

impl Hasher for ArrivalHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_small() {
        assert!(size_of::<Held>() <= 56, "{}", size_of::<Held>());
    }

    #[test]
    fn having_it_counts_of_devices_with_a_header() {
        let devices = [1, 2, 3, 4].map(DeviceIndex);
        let held = || Held::message(5, &devices, None, false, false);
        assert!(devices.iter().all(|device| held().counts(*device)));
        let mut sealed = held().sealed_for(|device| [DeviceIndex(2), DeviceIndex(4)].contains(&device));
        sealed.add_device(DeviceIndex(9));
        assert_eq!([1, 2, 3, 4, 9].map(|device| sealed.counts(DeviceIndex(device))), [false, true, false, true, false]);
        let mut all = sealed.devices().to_vec();
        all.sort_unstable();
        assert_eq!(all, [1, 2, 3, 4, 9].map(DeviceIndex));
        assert!(!held().sealed_for(|_| false).counts(DeviceIndex(0)));
    }

    #[test]
    fn devices_are_added() {
        let mut held = Held::receipt(5, &[DeviceIndex(1)]);
        held.add_device(DeviceIndex(7));
        assert_eq!((held.devices(), held.remaining, held.origin()), ([DeviceIndex(1), DeviceIndex(7)].as_slice(), 2, None));
    }
}
