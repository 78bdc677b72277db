//! Sealed messages: each device opens one with the header that is its own.
//!
//! A sender seals for the devices that it knows. Whoever has a device that it does not know would not be able to read the
//! message, and whoever has lost one does not want it read there: so the headers must be exactly those that the lists ask
//! for. A targeted message is for the devices alone that have a header; it is compared with no list.

use std::sync::Arc;

use msr_protocol::v2::{Frame, List, PeerList, Varint, flags};
use msr_protocol::{Code, Credential};

use crate::device::Device;
use crate::{ConnectionId, DeviceIndex, DeviceKey, DeviceList, Exchange, Lists, Offered, limits};

/// A peer with its list, if it has one.
type Listed = (Credential, Option<Arc<DeviceList>>);

impl Offered<'_> {
    /// Whether this flag is set.
    pub(crate) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// What a device gets beside the entry; `None` when the message is not for it.
    pub(crate) fn header_for(&self, device: &Device) -> Option<&[u8]> {
        match self.place_of(&device.key).and_then(|place| self.device_headers.get(place)) {
            Some(header) => Some(header.header),
            None => (!self.has(flags::TARGETED)).then_some(&[]),
        }
    }

    /// Whether every device of its recipients gets the same, as with nearly all messages.
    pub(crate) fn is_same_for_all(&self) -> bool {
        self.device_headers.is_empty() && !self.has(flags::TARGETED)
    }

    fn place_of(&self, device: &DeviceKey) -> Option<usize> {
        self.device_headers.binary_search_by_key(device, |header| header.device).ok()
    }

    /// Whether its headers must be those that the lists ask for.
    fn is_compared(&self) -> bool {
        self.has(flags::SEALED) && !self.has(flags::TARGETED) && !self.recipients.is_empty()
    }
}

impl Exchange {
    /// Refuses a sealed message that was not sealed for the devices that there are, and tells the lists that it does not
    /// fit. Whether it was refused.
    pub(crate) fn refuse_if_stale(
        &mut self,
        connection: ConnectionId,
        sender: DeviceIndex,
        offered: &Offered<'_>,
        lists: &dyn Lists,
    ) -> bool {
        if !offered.is_compared() {
            return false;
        }
        let misfits = self.devices.get(&sender).map_or_else(Vec::new, |sender| self.misfits(sender, offered, lists));
        if misfits.is_empty() {
            return false;
        }
        let mut bytes = 0;
        let fits_in = |(_, list): &&Listed| {
            let fits = bytes < limits::STALE_LISTS_BYTES;
            bytes += list.as_ref().map_or(0, |list| list.encoded.len());
            fits
        };
        let told = misfits.iter().take_while(fits_in);
        let told = told.map(|(peer, list)| PeerList { peer: *peer, list: list.as_ref().map_or(&[], |list| &list.encoded) });
        self.frame(connection, &Frame::Lists { ticket: Varint(0), lists: List(told.collect()) });
        let (number, code) = (Varint(offered.number), Code::StaleDevices);
        self.frame(connection, &Frame::Rejected { number, code: code.number(), reason: code.reason() });
        true
    }

    /// The peers whose lists ask for other headers than there are.
    fn misfits(&self, sender: &Device, offered: &Offered<'_>, lists: &dyn Lists) -> Vec<Listed> {
        let mut peers = offered.recipients.clone();
        peers.push(sender.credential);
        peers.sort_unstable();
        peers.dedup();
        let to_self = offered.recipients.contains(&sender.credential);
        let mut asked_for = vec![false; offered.device_headers.len()];
        let (mut misfits, mut others) = (Vec::new(), Vec::new());
        for peer in peers {
            let Some(list) = lists.list(peer) else {
                // Of a peer that nobody knows there is nothing to fit: it does not get the message.
                if self.knows(peer) {
                    misfits.push((peer, None));
                }
                continue;
            };
            let mut fits = true;
            for device in list.devices.iter().filter(|device| to_self || **device != sender.key) {
                match offered.place_of(device).and_then(|place| asked_for.get_mut(place)) {
                    Some(asked_for) => *asked_for = true,
                    None => fits = false,
                }
            }
            if fits { others.push((peer, list)) } else { misfits.push((peer, Some(list))) }
        }
        let headers = offered.device_headers.iter().zip(asked_for);
        let surplus: Vec<DeviceKey> = headers.filter(|(_, asked_for)| !asked_for).map(|(header, _)| header.device).collect();
        if !surplus.is_empty() {
            tell_of_surplus(&surplus, &mut misfits, others);
        }
        misfits
    }
}

/// Nobody asks for the headers of these devices, ascending: whoever revoked one does not fit. Whose another was cannot be told, so
/// then nobody does.
fn tell_of_surplus(surplus: &[DeviceKey], misfits: &mut Vec<Listed>, others: Vec<(Credential, Arc<DeviceList>)>) {
    let mut revoked = vec![false; surplus.len()];
    let mut revokes = |list: &DeviceList| {
        let places = list.revoked.iter().filter_map(|device| surplus.binary_search(device).ok());
        places.filter_map(|place| revoked.get_mut(place).map(|revoked| *revoked = true)).count() > 0
    };
    for list in misfits.iter().filter_map(|(_, list)| list.as_ref()) {
        revokes(list);
    }
    let (revoking, innocent): (Vec<_>, Vec<_>) = others.into_iter().partition(|(_, list)| revokes(list));
    let all_are_known = revoked.iter().all(|revoked| *revoked);
    misfits.extend(revoking.into_iter().chain(innocent.into_iter().filter(|_| !all_are_known)).map(|(peer, list)| (peer, Some(list))));
}
