//! Reading what waits, for devices that have room for it. Requests that come together are read together.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use msr_delivery::DeviceIndex;
use msr_store::Reader;
use tokio::sync::mpsc::UnboundedReceiver;
use tracing::error;

use super::inner::Inner;
use super::limits;

/// What a device waits for. There is one request a device at a time.
pub(super) struct Fetch {
    pub(super) device: DeviceIndex,
    pub(super) arrivals: Vec<u64>,
}

/// Reads until the queues are gone.
pub(super) async fn run(queues: Weak<Inner>, reader: Reader, mut requests: UnboundedReceiver<Fetch>) {
    while let Some(first) = requests.recv().await {
        let mut entries = first.arrivals.len();
        let mut together = vec![first];
        while entries < limits::FETCH_ENTRIES_AT_ONCE
            && let Ok(request) = requests.try_recv()
        {
            entries += request.arrivals.len();
            together.push(request);
        }
        let reader = reader.clone();
        let Ok((together, found)) = tokio::task::spawn_blocking(move || read(together, &reader)).await else { return };
        let Some(inner) = queues.upgrade() else { return };
        inner.call(|exchange, _now| {
            for Fetch { device, arrivals } in together {
                let entries = arrivals.into_iter().map(|arrival| (arrival, found.get(&arrival).cloned())).collect();
                exchange.fetched(device, entries);
            }
        });
    }
}

/// Each entry once, whoever wants it.
fn read(together: Vec<Fetch>, reader: &Reader) -> (Vec<Fetch>, HashMap<u64, Arc<[u8]>>) {
    let mut arrivals: Vec<u64> = together.iter().flat_map(|fetch| fetch.arrivals.iter().copied()).collect();
    arrivals.sort_unstable();
    arrivals.dedup();
    let entries = reader.read(&arrivals).unwrap_or_else(|_| arrivals.iter().map(|arrival| read_alone(*arrival, reader)).collect());
    let found = arrivals.into_iter().zip(entries).filter_map(|(arrival, entry)| Some((arrival, Arc::from(&*entry?)))).collect();
    (together, found)
}

/// Of several that are read together, one may be damaged: the others are not.
fn read_alone(arrival: u64, reader: &Reader) -> Option<bytes::Bytes> {
    match reader.read(&[arrival]) {
        Ok(mut entries) => entries.pop().flatten(),
        Err(error) => {
            error!(arrival, %error, "a message is lost");
            None
        }
    }
}
