//! The state all parts of the exchange work on.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;

use msr_protocol::Credential;
use msr_protocol::v2::Frame;

use crate::commit::{Open, Writing};
use crate::device::Device;
use crate::held::{ByArrival, Held};
use crate::retire::Retiring;
use crate::{ConnectionId, DeviceIndex, DeviceKey, Effect, Headers};

/// When something happened, by both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// A clock that never jumps, ms since the start.
    pub monotonic_ms: i64,
    /// The clock on the wall, ms since 1970.
    pub wall_ms: i64,
}

/// The bytes of an entry that is not on disk yet.
#[derive(Debug)]
pub(crate) struct Unwritten {
    pub(crate) entry: Arc<[u8]>,
    pub(crate) headers: Headers,
}

/// See the crate's documentation.
#[derive(Debug)]
pub struct Exchange {
    pub(crate) devices: HashMap<DeviceIndex, Device>,
    pub(crate) by_key: HashMap<DeviceKey, DeviceIndex>,
    pub(crate) by_peer: HashMap<Credential, Vec<DeviceIndex>>,
    pub(crate) by_connection: HashMap<ConnectionId, DeviceIndex>,
    pub(crate) held: ByArrival<Held>,
    /// What is not on disk yet.
    pub(crate) entries: ByArrival<Unwritten>,
    /// When what expires, by the monotonic clock.
    pub(crate) expiries: BinaryHeap<Reverse<(i64, u64)>>,
    pub(crate) next_device: u32,
    pub(crate) next_arrival: u64,
    pub(crate) reserved_until: u64,
    /// Every start of the server with its first arrival, ascending; the last is this one.
    pub(crate) starts: Vec<(u64, u64)>,
    pub(crate) open: Open,
    pub(crate) writing: Option<Writing>,
    pub(crate) broken: bool,
    pub(crate) effects: VecDeque<Effect>,
    /// The arrival at which a peer's list of devices last changed; none before this start.
    pub(crate) revisions: BTreeMap<Credential, u64>,
    /// Devices that are no more, while their queues are being freed.
    pub(crate) retiring: BTreeMap<DeviceIndex, Retiring>,
}

impl Exchange {
    /// The next thing to do, in order; `None` when all is done.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// The device that a connection registered.
    #[must_use]
    pub fn device_of(&self, connection: ConnectionId) -> Option<DeviceIndex> {
        self.by_connection.get(&connection).copied()
    }

    /// How many entries wait, in all queues together.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.held.len()
    }

    /// How many devices there are, connected or not.
    #[must_use]
    pub fn devices(&self) -> usize {
        self.devices.len()
    }

    /// Whether a peer with that credential has a device here.
    #[must_use]
    pub fn knows(&self, credential: Credential) -> bool {
        self.by_peer.get(&credential).is_some_and(|devices| !devices.is_empty())
    }

    pub(crate) fn frame(&mut self, connection: ConnectionId, frame: &Frame<'_>) {
        let mut bytes = Vec::new();
        frame.write(&mut bytes);
        self.effects.push_back(Effect::Frame { connection, frame: bytes });
    }

    /// Sends a frame to a device, if it is connected.
    pub(crate) fn frame_to(&mut self, device: DeviceIndex, frame: &Frame<'_>) {
        if let Some(connection) = self.devices.get(&device).and_then(|device| device.connection) {
            self.frame(connection, frame);
        }
    }

    /// The connection is gone; its device is away from now on.
    pub fn disconnected(&mut self, connection: ConnectionId, now: Now) {
        let Some(index) = self.by_connection.remove(&connection) else { return };
        if let Some(device) = self.devices.get_mut(&index)
            && device.connection == Some(connection)
        {
            device.disconnect();
            device.seen_ms = now.wall_ms;
            let credential = device.credential;
            self.open.touch(index);
            self.announce_devices(credential);
        }
    }
}
