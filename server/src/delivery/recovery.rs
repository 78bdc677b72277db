//! The start: from what the store holds to the queues as they were.

use msr_delivery::{DeviceIndex, Exchange, Now, RecoveredMessage, Recovering, Recovery, StoredDevice, StoredMark, limits as queue_limits};
use msr_protocol::Credential;
use msr_store::{Reader, Recovered, StoreError, Waiting};

use super::limits;

/// The exchange of a server that starts now, under a random id.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn recover(recovered: &Recovered, reader: &Reader, start: u64, now: Now) -> Result<Exchange, StoreError> {
    let mut recovering = Recovering::new(beside_messages(recovered), start);
    let (small, mut run, mut run_bytes) = (queue_limits::ENTRY_HEAD_BYTES, Vec::new(), 0);
    for waiting in recovered.waiting.iter() {
        // What is read of a small one has the headers of all devices in it.
        let header_bytes = waiting.header_bytes.iter().map(|bytes| usize::from(*bytes)).sum::<usize>();
        run_bytes += (waiting.bytes as usize).min(small) + header_bytes;
        run.push(waiting);
        if run_bytes >= limits::RECOVERY_BYTES {
            take_in(&mut recovering, &run, reader, now)?;
            run.clear();
            run_bytes = 0;
        }
    }
    take_in(&mut recovering, &run, reader, now)?;
    Ok(recovering.finish())
}

fn beside_messages(recovered: &Recovered) -> Recovery {
    let devices = recovered.devices.iter().map(|(index, device)| StoredDevice {
        index: DeviceIndex(*index),
        key: device.id,
        credential: Credential(device.credential),
        name: device.name.clone(),
        queue_epoch: device.queue_epoch,
        cursor: device.cursor,
        seen_ms: i64::try_from(device.last_seen_ms).unwrap_or(i64::MAX),
        overflowed: device.overflowed,
        // The store names heirs with the messages themselves.
        inherited: Vec::new(),
    });
    let marks = recovered.marks.iter().map(|((device, outbox_epoch), number)| StoredMark {
        device: DeviceIndex(*device),
        outbox_epoch: *outbox_epoch,
        number: *number,
    });
    Recovery {
        devices: devices.collect(),
        marks: marks.collect(),
        starts: recovered.starts.as_slice().iter().map(|start| (start.id, start.first)).collect(),
        reserved_until: recovered.starts.reserved(),
        next_device: recovered.next_device,
    }
}

/// A run of messages. The small ones are read together; of a large one the head is enough.
fn take_in(recovering: &mut Recovering, run: &[Waiting<'_>], reader: &Reader, now: Now) -> Result<(), StoreError> {
    let head_bytes = queue_limits::ENTRY_HEAD_BYTES as u32;
    let small: Vec<u64> = run.iter().filter(|waiting| waiting.bytes <= head_bytes).map(|waiting| waiting.arrival).collect();
    let mut heads = reader.read(&small)?.into_iter();
    for waiting in run {
        let Waiting { arrival, bytes, expiry_ms, devices, header_bytes } = *waiting;
        let head = if bytes <= head_bytes { heads.next().flatten() } else { reader.read_part(arrival, bytes, 0, head_bytes)? };
        let Some(head) = head else { continue };
        let devices: Vec<DeviceIndex> = devices.iter().map(|index| DeviceIndex(*index)).collect();
        let expires_ms = i64::try_from(expiry_ms).unwrap_or(i64::MAX);
        recovering.message(RecoveredMessage { arrival, bytes, head: &head, expires_ms, devices: &devices, header_bytes }, now);
    }
    Ok(())
}
