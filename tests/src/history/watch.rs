//! What one device handled, gone through in order.

use std::collections::HashMap;

use super::{DeviceId, Event, Fault, Name, PeerId, Said};

/// How far a call of a handler got.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    Open,
    Settled,
    CutOff,
}

/// Goes through what one device handled.
pub(super) struct Watch<'a> {
    device: DeviceId,
    peer: Option<PeerId>,
    said: &'a Said,
    faults: &'a mut Vec<Fault>,
    calls: HashMap<Name, Call>,
    /// The last number from each sender to each recipient in this run of the device.
    last: HashMap<(DeviceId, PeerId), u64>,
    pub(super) repeated: usize,
}

impl<'a> Watch<'a> {
    pub(super) fn new(device: DeviceId, peer: Option<PeerId>, said: &'a Said, faults: &'a mut Vec<Fault>) -> Self {
        Self { device, peer, said, faults, calls: HashMap::new(), last: HashMap::new(), repeated: 0 }
    }

    pub(super) fn all(&mut self, events: &[Event]) {
        for event in events {
            match event {
                Event::Called(name) => self.called(*name),
                Event::Settled(name) => drop(self.calls.insert(*name, Call::Settled)),
                Event::Killed => self.killed(),
                Event::Gap => self.faults.push(Fault::FalseGap(self.device)),
                Event::Sent { .. } | Event::Accepted(_) | Event::Reported { .. } => {}
            }
        }
    }

    fn called(&mut self, name: Name) {
        match self.said.sent.get(&name) {
            None => self.faults.push(Fault::Unsent(name, self.device)),
            Some(sent) if !sent.devices.contains(&self.device) => self.faults.push(Fault::Stray(name, self.device)),
            Some(_) => {}
        }
        match self.calls.insert(name, Call::Open) {
            None => {}
            Some(Call::CutOff) => self.repeated += 1,
            Some(Call::Open | Call::Settled) => self.faults.push(Fault::Doubled(name, self.device)),
        }
        let mut is_late = false;
        for peer in self.ordered_with(name) {
            is_late |= self.last.insert((name.sender, peer), name.number).is_some_and(|last| last > name.number);
        }
        if is_late {
            self.faults.push(Fault::OutOfOrder(name, self.device));
        }
    }

    /// Among whose messages a message has its place here: the own peer's; for a copy of what another device of the peer
    /// sent, those of each recipient.
    fn ordered_with(&self, name: Name) -> Vec<PeerId> {
        let to = self.said.sent.get(&name).map_or(&[][..], |sent| &sent.to);
        match self.peer.filter(|own| to.contains(own)) {
            Some(own) => vec![own],
            None => to.to_vec(),
        }
    }

    /// Calls that were not settled may come again; those that were may not. What is handled next goes on after the last
    /// that was settled.
    fn killed(&mut self) {
        self.last.clear();
        let mut settled = Vec::new();
        for (name, call) in &mut self.calls {
            match call {
                Call::Open => *call = Call::CutOff,
                Call::Settled => settled.push(*name),
                Call::CutOff => {}
            }
        }
        for name in settled {
            for peer in self.ordered_with(name) {
                let last = self.last.entry((name.sender, peer)).or_default();
                *last = (*last).max(name.number);
            }
        }
    }
}
