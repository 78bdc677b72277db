//! What a fault test saw, and the one check of it.
//!
//! Every device keeps its own [`Event`]s in the order in which they happened to it; nothing is compared across devices
//! but what was sent with what came. So events may be written down by processes that are killed meanwhile, one line of
//! text each, and read together afterwards. A message is named by what its sender put into it ([`Name`]), not by what
//! client or server call it: so that both cannot agree on a mistake.
//!
//! What must hold (docs/PROMISES.md): every accepted message was handled by every device it was for, or its sender was
//! told why not; no handler ran twice for a message, unless the device was killed before it had noted the first call;
//! what one device sent a peer was handled in that order by each device that got it; nothing was handled that nobody sent, or by whom it was not
//! for.

mod event;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::{BTreeMap, BTreeSet, HashMap};

pub use event::{DeviceId, Event, Name, PeerId, Unreadable};
use watch::Watch;

/// Something that must not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Accepted, and neither handled nor reported.
    Lost(Name, DeviceId),
    /// Handled again, and no kill cut the first call off.
    Doubled(Name, DeviceId),
    /// Handled after a later one of the same sender to the same recipient.
    OutOfOrder(Name, DeviceId),
    /// Handled, and nobody sent it.
    Unsent(Name, DeviceId),
    /// Handled by whom it was not for.
    Stray(Name, DeviceId),
    /// Told as a loss where nothing was lost.
    FalseGap(DeviceId),
}

/// How much a history covers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages accepted.
    pub accepted: usize,
    /// Calls of handlers.
    pub handled: usize,
    /// Pairs of a message and a device whose sender was told that it does not arrive.
    pub reported: usize,
    /// Kills of devices.
    pub kills: usize,
    /// Calls that were repeated because a kill cut the first one off.
    pub repeated: usize,
}

/// Everything that happened in a test.
#[derive(Debug, Clone, Default)]
pub struct History {
    peers: BTreeMap<DeviceId, PeerId>,
    events: BTreeMap<DeviceId, Vec<Event>>,
}

/// For whom a message is.
struct Sent {
    to: Vec<PeerId>,
    devices: BTreeSet<DeviceId>,
}

/// What the senders say.
#[derive(Default)]
struct Said {
    sent: HashMap<Name, Sent>,
    accepted: BTreeSet<Name>,
    reported: BTreeSet<(Name, DeviceId)>,
}

impl History {
    /// A device that is there from now on; whatever is sent to its peer is for it too. Give every device before the
    /// messages are sent.
    pub fn device(&mut self, device: DeviceId, peer: PeerId) {
        self.peers.insert(device, peer);
    }

    /// Something happened to a device.
    pub fn add(&mut self, device: DeviceId, event: Event) {
        self.events.entry(device).or_default().push(event);
    }

    /// Adds the lines of a device. A last line that was cut off by a kill is left out.
    ///
    /// # Errors
    /// When a line is no event.
    pub fn add_lines(&mut self, device: DeviceId, text: &str) -> Result<(), Unreadable> {
        for line in text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            self.add(device, line.parse()?);
        }
        Ok(())
    }

    /// What happened to a device, in order.
    pub fn of(&self, device: DeviceId) -> &[Event] {
        self.events.get(&device).map_or(&[], Vec::as_slice)
    }

    /// Pairs of an accepted message and a device that wait to be handled or reported.
    pub fn missing(&self) -> Vec<(Name, DeviceId)> {
        let said = self.said();
        let handled: BTreeSet<(Name, DeviceId)> = self
            .events
            .iter()
            .flat_map(|(device, events)| events.iter().map(|event| (*device, event)))
            .filter_map(|(device, event)| if let Event::Called(name) = event { Some((*name, device)) } else { None })
            .collect();
        let pairs = said
            .accepted
            .iter()
            .flat_map(|name| said.sent.get(name).into_iter().flat_map(|sent| &sent.devices).map(|device| (*name, *device)));
        pairs.filter(|pair| !handled.contains(pair) && !said.reported.contains(pair)).collect()
    }

    /// Everything that must not be, in no particular order.
    pub fn faults(&self) -> Vec<Fault> {
        let said = self.said();
        let mut faults: Vec<Fault> = self.missing().into_iter().map(|(name, device)| Fault::Lost(name, device)).collect();
        for (device, events) in &self.events {
            Watch::new(*device, self.peers.get(device).copied(), &said, &mut faults).all(events);
        }
        faults
    }

    /// How much it covers.
    pub fn counts(&self) -> Counts {
        let said = self.said();
        let all = || self.events.values().flatten();
        let mut counts = Counts {
            accepted: said.accepted.len(),
            handled: all().filter(|event| matches!(event, Event::Called(_))).count(),
            reported: said.reported.len(),
            kills: all().filter(|event| matches!(event, Event::Killed)).count(),
            repeated: 0,
        };
        for (device, events) in &self.events {
            let mut ignored = Vec::new();
            let mut watch = Watch::new(*device, self.peers.get(device).copied(), &said, &mut ignored);
            watch.all(events);
            counts.repeated += watch.repeated;
        }
        counts
    }

    /// Fails unless everything holds.
    pub fn assert_holds(&self) {
        let faults = self.faults();
        let Some(first) = faults.first() else { return };
        let (Fault::Lost(name, device)
        | Fault::Doubled(name, device)
        | Fault::OutOfOrder(name, device)
        | Fault::Unsent(name, device)
        | Fault::Stray(name, device)) = *first
        else {
            panic!("{} faults: {faults:?}", faults.len())
        };
        let near = |of: DeviceId| {
            let lines = self.of(of).iter().map(ToString::to_string);
            let near: Vec<_> = lines.filter(|line| line == "killed" || line.contains(&format!("{}", name.number))).take(40).collect();
            near.join("; ")
        };
        panic!(
            "{} faults, the first {first:?}\nits sender: {}\nits receiver: {}\nthe faults: {:?}",
            faults.len(),
            near(name.sender),
            near(device),
            &faults[..faults.len().min(20)]
        );
    }

    fn said(&self) -> Said {
        let mut said = Said::default();
        for (sender, events) in &self.events {
            for event in events {
                let named = |number: u64| Name { sender: *sender, number };
                match event {
                    Event::Sent { number, to } => {
                        let devices = self.recipients(*sender, to);
                        said.sent.insert(named(*number), Sent { to: to.clone(), devices });
                    }
                    Event::Accepted(number) => drop(said.accepted.insert(named(*number))),
                    Event::Reported { number, peer, code: _ } => {
                        said.reported.extend(self.devices_of(*peer).map(|device| (named(*number), device)));
                    }
                    Event::Called(_) | Event::Settled(_) | Event::Killed | Event::Gap => {}
                }
            }
        }
        said
    }

    fn devices_of(&self, peer: PeerId) -> impl Iterator<Item = DeviceId> {
        self.peers.iter().filter(move |(_, of)| **of == peer).map(|(device, _)| *device)
    }

    /// Every device of every peer named, and the other devices of the sender. The sending device itself gets it only when
    /// its own peer is named.
    fn recipients(&self, sender: DeviceId, to: &[PeerId]) -> BTreeSet<DeviceId> {
        let mut devices: BTreeSet<DeviceId> = to.iter().flat_map(|peer| self.devices_of(*peer)).collect();
        if let Some(own) = self.peers.get(&sender)
            && !to.contains(own)
        {
            devices.extend(self.devices_of(*own).filter(|device| *device != sender));
        }
        devices
    }
}
