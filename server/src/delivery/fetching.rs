//! Reading what waits, for devices that have room for it. Requests that come together are read together.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use msr_delivery::{DeviceIndex, Fetched, Wanted};
use msr_store::{Reader, StoreError};
use tokio::sync::mpsc::UnboundedReceiver;
use tracing::error;

use super::inner::Inner;
use super::limits;

/// What a device waits for. There is one request a device at a time.
pub(super) struct Fetch {
    pub(super) device: DeviceIndex,
    pub(super) wanted: Vec<Wanted>,
}

/// What was read, by entry and device.
type Found = BTreeMap<(u64, DeviceIndex), Fetched>;

/// Reads until the queues are gone.
pub(super) async fn run(queues: Weak<Inner>, reader: Reader, mut requests: UnboundedReceiver<Fetch>) {
    while let Some(first) = requests.recv().await {
        let mut entries = first.wanted.len();
        let mut together = vec![first];
        while entries < limits::FETCH_ENTRIES_AT_ONCE
            && let Ok(request) = requests.try_recv()
        {
            entries += request.wanted.len();
            together.push(request);
        }
        let reader = reader.clone();
        let Ok((together, mut found)) = tokio::task::spawn_blocking(move || read(together, &reader)).await else { return };
        let Some(inner) = queues.upgrade() else { return };
        inner.call(|exchange, _now| {
            for Fetch { device, wanted } in together {
                let read = wanted.iter().map(|wanted| (wanted.arrival, found.remove(&(wanted.arrival, device))));
                exchange.fetched(device, read.collect());
            }
        });
    }
}

/// Each entry once, whoever wants it; of a large one the headers alone.
fn read(together: Vec<Fetch>, reader: &Reader) -> (Vec<Fetch>, Found) {
    let mut found = Found::new();
    let mut wanting: BTreeMap<u64, Vec<DeviceIndex>> = BTreeMap::new();
    for (device, wanted) in together.iter().flat_map(|fetch| fetch.wanted.iter().map(|wanted| (fetch.device, *wanted))) {
        if wanted.header_alone {
            let header = read_header(device, wanted, reader).map(Fetched::Header);
            found.extend(header.map(|header| ((wanted.arrival, device), header)));
        } else {
            wanting.entry(wanted.arrival).or_default().push(device);
        }
    }
    let arrivals: Vec<u64> = wanting.keys().copied().collect();
    if read_entries(&arrivals, &wanting, reader, &mut found).is_err() {
        // Of several that are read together, one may be damaged: the others are not.
        for arrival in arrivals {
            if let Err(error) = read_entries(&[arrival], &wanting, reader, &mut found) {
                error!(arrival, %error, "a message is lost");
            }
        }
    }
    (together, found)
}

fn read_entries(arrivals: &[u64], wanting: &BTreeMap<u64, Vec<DeviceIndex>>, reader: &Reader, found: &mut Found) -> Result<(), StoreError> {
    reader.visit(arrivals, |arrival, stored| {
        let entry: Arc<[u8]> = Arc::from(stored.entry);
        for device in wanting.get(&arrival).into_iter().flatten() {
            let header = Box::from(stored.header(device.0));
            found.insert((arrival, *device), Fetched::Entry { entry: Arc::clone(&entry), header });
        }
    })
}

fn read_header(device: DeviceIndex, wanted: Wanted, reader: &Reader) -> Option<Box<[u8]>> {
    match reader.read_header(wanted.arrival, wanted.bytes, device.0) {
        Ok(header) => header.map(|header| Box::from(&*header)),
        Err(error) => {
            error!(arrival = wanted.arrival, %error, "a message is lost");
            None
        }
    }
}
