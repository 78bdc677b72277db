//! The first batch of a segment: everything the store knows at that moment but the bodies. What came before needs no replay.

use std::collections::BTreeMap;

use super::index::Index;
use crate::{
    batch::Change,
    record::{Key, Payload, Sealed},
    state::State,
};

/// Spells the state, and for each earlier segment what in it is live.
pub(super) fn put(state: &State, index: &Index, payload: &mut Payload) {
    payload.put_next_device(state.next_device);
    payload.put(&Change::Reserve(state.starts.reserved()));
    for start in state.starts.as_slice() {
        payload.put(&Change::Start(*start));
    }
    for (index, device) in &state.devices {
        payload.put(&Change::Device { index: *index, device: device.clone() });
    }
    for ((device, epoch), number) in &state.marks {
        payload.put(&Change::Mark { device: *device, epoch: *epoch, number: *number });
    }
    for (upload, head) in &state.uploads {
        payload.put(&Change::Upload { upload: *upload, head: head.clone() });
    }
    for sealed in sealed(index).values() {
        payload.put_sealed(sealed);
    }
    for (device, arrivals) in shares(state) {
        payload.put(&Change::Share { device, arrivals: arrivals.into() });
    }
}

fn sealed(index: &Index) -> BTreeMap<u32, Sealed> {
    let empty = |(id, segment): (&u32, &super::index::Segment)| (*id, Sealed { segment: *id, bytes: segment.bytes, ..Sealed::default() });
    let mut sealed: BTreeMap<u32, Sealed> = index.segments.iter().map(empty).collect();
    for (key, spot) in index.iter() {
        let Some(segment) = sealed.get_mut(&spot.segment) else { continue };
        match key {
            Key::Message(arrival) => segment.messages.push(arrival),
            Key::Piece(upload, offset) => segment.pieces.push((upload, offset)),
        }
    }
    sealed.retain(|_, sealed| !sealed.messages.is_empty() || !sealed.pieces.is_empty());
    sealed
}

fn shares(state: &State) -> BTreeMap<u32, Vec<u64>> {
    let mut by_device: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    for (arrival, devices) in &state.shares {
        for device in devices {
            by_device.entry(*device).or_default().push(*arrival);
        }
    }
    by_device
}
