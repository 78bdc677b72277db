//! What one commit changes: the records a caller puts together, applied in the order they were added.

use bytes::Bytes;

/// One entry that waits for devices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its place in the order of everything the server accepted. Used once.
    pub arrival: u64,
    /// When it expires, in milliseconds since 1970; the store only keeps it.
    pub expiry_ms: u64,
    /// Indexes of the devices it waits for.
    pub devices: Box<[u32]>,
    /// What each of them gets beside the entry, in their order; those it does not reach get nothing. Empty costs nothing.
    pub headers: Box<[Bytes]>,
    /// The entry exactly as it goes over the wire.
    pub entry: Bytes,
}

impl Message {
    /// The bytes of all headers.
    pub(crate) fn header_bytes(&self) -> usize {
        self.headers.iter().map(Bytes::len).sum()
    }

    /// The devices, each with its header.
    pub(crate) fn with_headers(&self) -> impl Iterator<Item = (u32, &[u8])> {
        let header = |place| self.headers.get(place).map_or(&[] as &[u8], |header: &Bytes| header.as_ref());
        self.devices.iter().enumerate().map(move |(place, device)| (*device, header(place)))
    }
}

/// One device of one peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The identifier the client chose.
    pub id: [u8; 16],
    /// The credential it belongs to.
    pub credential: [u8; 16],
    /// Its name, for people.
    pub name: String,
    /// The epoch of its queue.
    pub queue_epoch: u64,
    /// The highest arrival it acknowledged.
    pub cursor: u64,
    /// When it was last connected, in milliseconds since 1970.
    pub last_seen_ms: u64,
    /// Whether something did not find room in its queue, and it has not been told.
    pub overflowed: bool,
}

/// One start of the server: a random number and the first arrival given out after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// Random, never zero by chance alone.
    pub id: u64,
    /// No arrival below it was given out since this start.
    pub first: u64,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    Message(Message),
    Delete(u64),
    Mark { device: u32, epoch: u64, number: u64 },
    Cursor { device: u32, arrival: u64 },
    Device { index: u32, device: Device },
    RemoveDevice(u32),
    Share { device: u32, arrivals: Box<[u64]> },
    Upload { upload: u64, head: Bytes },
    Piece { upload: u64, offset: u64, bytes: Bytes },
    RemoveUpload(u64),
    Start(Start),
    Reserve(u64),
}

/// Changes that are made together or not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    pub(crate) changes: Vec<Change>,
    bytes: usize,
    grows: bool,
}

impl Batch {
    /// A batch without changes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a message. When the same commit deletes it again, its entry is not written.
    pub fn message(&mut self, message: Message) -> &mut Self {
        self.bytes += message.entry.len() + message.header_bytes() + 8 * message.devices.len();
        self.growing(Change::Message(message))
    }

    /// Deletes a message: nobody waits for it any longer. Unknown arrivals are passed over.
    pub fn delete(&mut self, arrival: u64) -> &mut Self {
        self.push(Change::Delete(arrival))
    }

    /// Raises the highest accepted number of one outbox (device and outbox epoch). It never falls.
    pub fn mark(&mut self, device: u32, epoch: u64, number: u64) -> &mut Self {
        self.push(Change::Mark { device, epoch, number })
    }

    /// Raises what a device acknowledged. It never falls; a device that is not there is passed over.
    pub fn cursor(&mut self, device: u32, arrival: u64) -> &mut Self {
        self.push(Change::Cursor { device, arrival })
    }

    /// Puts a device, in place of the one with that index if there is one. An index is never given to another device.
    pub fn device(&mut self, index: u32, device: Device) -> &mut Self {
        self.growing(Change::Device { index, device })
    }

    /// Removes a device and its marks. Messages go on naming its index.
    pub fn remove_device(&mut self, index: u32) -> &mut Self {
        self.push(Change::RemoveDevice(index))
    }

    /// Lets messages that are already stored wait for one more device. Unknown arrivals are passed over.
    pub fn share(&mut self, device: u32, arrivals: impl Into<Box<[u64]>>) -> &mut Self {
        let arrivals = arrivals.into();
        self.bytes += 8 * arrivals.len();
        self.growing(Change::Share { device, arrivals })
    }

    /// Opens an upload: `head` says whose it is and of what, in the caller's own terms.
    pub fn upload(&mut self, upload: u64, head: Bytes) -> &mut Self {
        self.bytes += head.len();
        self.growing(Change::Upload { upload, head })
    }

    /// Puts one piece of an upload.
    pub fn piece(&mut self, upload: u64, offset: u64, bytes: Bytes) -> &mut Self {
        self.bytes += bytes.len();
        self.growing(Change::Piece { upload, offset, bytes })
    }

    /// Removes an upload with its pieces.
    pub fn remove_upload(&mut self, upload: u64) -> &mut Self {
        self.push(Change::RemoveUpload(upload))
    }

    /// Appends a start of the server.
    pub fn start(&mut self, start: Start) -> &mut Self {
        self.push(Change::Start(start))
    }

    /// Reserves arrivals: those below `below` may be given out before they are committed. It never falls.
    pub fn reserve(&mut self, below: u64) -> &mut Self {
        self.push(Change::Reserve(below))
    }

    /// Whether it brings something that needs room: a message, a piece, a device. What only frees room is taken while the disk is full.
    #[must_use]
    pub fn grows(&self) -> bool {
        self.grows
    }

    /// Nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// About what it takes in memory and on disk.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes + 48 * self.changes.len()
    }

    fn growing(&mut self, change: Change) -> &mut Self {
        self.grows = true;
        self.push(change)
    }

    fn push(&mut self, change: Change) -> &mut Self {
        self.changes.push(change);
        self
    }
}

/// The messages of one commit that the same commit deletes: neither is written.
#[derive(Debug, Default)]
pub(crate) struct Cancelled(Vec<u64>);

impl Cancelled {
    pub(crate) fn among(parts: &[Batch]) -> Self {
        let changes = || parts.iter().flat_map(|part| &part.changes);
        let mut put: Vec<u64> =
            changes().filter_map(|change| if let Change::Message(m) = change { Some(m.arrival) } else { None }).collect();
        put.sort_unstable();
        let Some(first) = put.first().copied() else { return Self::default() };
        let deletes = changes().filter_map(|change| if let Change::Delete(arrival) = change { Some(*arrival) } else { None });
        let mut deleted: Vec<u64> = deletes.filter(|arrival| *arrival >= first && put.binary_search(arrival).is_ok()).collect();
        deleted.sort_unstable();
        Self(deleted)
    }

    pub(crate) fn contains(&self, arrival: u64) -> bool {
        self.0.binary_search(&arrival).is_ok()
    }
}
