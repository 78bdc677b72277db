//! What the store remembers beside messages: devices, marks, starts. All of it in memory, changed only by what is committed.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{Device, Start, batch::Change, limits};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) devices: BTreeMap<u32, Device>,
    pub(crate) next_device: u32,
    pub(crate) marks: BTreeMap<(u32, u64), u64>,
    pub(crate) starts: Starts,
    pub(crate) uploads: BTreeMap<u64, Bytes>,
    /// Devices that messages wait for beyond those they were put with.
    pub(crate) shares: BTreeMap<u64, Vec<u32>>,
}

impl State {
    /// Makes one change, but for what the index knows: whether a shared message is there, and the pieces of an upload.
    pub(crate) fn apply(&mut self, change: &Change, waits: impl Fn(u64) -> bool) {
        match change {
            Change::Message(_) | Change::Piece { .. } => {}
            Change::Delete(arrival) => {
                if !self.shares.is_empty() {
                    self.shares.remove(arrival);
                }
            }
            Change::Mark { device, epoch, number } => raise(self.marks.entry((*device, *epoch)).or_default(), *number),
            Change::Cursor { device, arrival } => {
                if let Some(device) = self.devices.get_mut(device) {
                    raise(&mut device.cursor, *arrival);
                }
            }
            Change::Device { index, device } => {
                self.next_device = self.next_device.max(index.saturating_add(1));
                self.devices.insert(*index, device.clone());
            }
            Change::RemoveDevice(index) => {
                self.devices.remove(index);
                let gone: Vec<_> = self.marks.range((*index, 0)..=(*index, u64::MAX)).map(|(key, _)| *key).collect();
                for key in gone {
                    self.marks.remove(&key);
                }
            }
            Change::Share { device, arrivals } => {
                for arrival in arrivals.iter().filter(|arrival| waits(**arrival)) {
                    let devices = self.shares.entry(*arrival).or_default();
                    if !devices.contains(device) {
                        devices.push(*device);
                    }
                }
            }
            Change::Upload { upload, head } => {
                self.uploads.insert(*upload, head.clone());
            }
            Change::RemoveUpload(upload) => {
                self.uploads.remove(upload);
            }
            Change::Start(start) => self.starts.append(*start),
            Change::Reserve(below) => raise(&mut self.starts.reserved, *below),
        }
    }
}

fn raise(value: &mut u64, to: u64) {
    *value = (*value).max(to);
}

/// The starts of the server and the arrivals each may have given out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Starts {
    starts: Vec<Start>,
    reserved: u64,
}

impl Starts {
    /// The starts, oldest first, at most [`limits::STARTS`].
    #[must_use]
    pub fn as_slice(&self) -> &[Start] {
        &self.starts
    }

    /// Arrivals below this one may have been given out; the next start begins here.
    #[must_use]
    pub fn reserved(&self) -> u64 {
        self.reserved
    }

    /// Whether this store can have told a client, in that start, of `arrival`. If not, the client saw another history (this store was
    /// deleted, or an old copy of it put back) and needs a new epoch.
    #[must_use]
    pub fn knows(&self, start: u64, arrival: u64) -> bool {
        let Some(at) = self.starts.iter().rposition(|known| known.id == start) else { return false };
        arrival < self.starts.get(at + 1).map_or(self.reserved, |next| next.first)
    }

    fn append(&mut self, start: Start) {
        if self.starts.last() == Some(&start) {
            return;
        }
        self.starts.push(start);
        if self.starts.len() > limits::STARTS {
            self.starts.remove(0);
        }
    }
}
