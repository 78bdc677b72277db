//! A log of segments in one folder, with an index in memory.
//!
//! A commit appends one batch to the newest segment and syncs it. When that segment is full, the next one begins with a checkpoint, so
//! that a segment in which nothing is live can be removed at any time. For a full disk two files are kept allocated, see [`spare`].

mod checkpoint;
mod compaction;
mod file;
pub(crate) mod index;
pub(crate) mod reading;
mod recovery;
mod segment;
mod spare;

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions, TryLockError},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

pub use self::segment::{check_payload, check_segment};
use self::{
    compaction::Compaction,
    file::{allocate, broken, failure, sync_folder},
    index::{Index, Segment, Spot},
    segment::{FRAME_BYTES, HEADER_BYTES, Header, VERSION, frame},
    spare::{Spare, Spares},
};
use crate::{
    Batch, Reader, Recovered, Storage, StoreError,
    batch::{Cancelled, Change},
    limits,
    reader::Source,
    record::Payload,
    state::State,
};

/// How a store is laid out.
#[derive(Debug, Clone)]
pub struct Options {
    /// Size of a segment file, in bytes.
    pub segment_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: limits::SEGMENT_BYTES }
    }
}

/// What a store takes on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Segment files.
    pub segments: usize,
    /// Bytes of batches in them.
    pub bytes: u64,
    /// Bytes of messages and pieces that are still wanted.
    pub live_bytes: u64,
    /// Messages that wait.
    pub messages: usize,
    /// Segments found damaged while the store was open: what is live in them cannot all be read.
    pub damaged_segments: usize,
    /// Bytes written to files since the store was opened, copies and checkpoints among them.
    pub written_bytes: u64,
}

/// The store on disk.
#[derive(Debug)]
pub struct DiskStore {
    folder: PathBuf,
    options: Options,
    state: State,
    index: Arc<RwLock<Index>>,
    active: Active,
    spares: Spares,
    /// Blocks were given back since there was no room for the spares.
    freed: bool,
    compaction: Option<Compaction>,
    /// Segments that could not be emptied because something in them cannot be read.
    stuck: BTreeSet<u32>,
    payload: Payload,
    written_bytes: u64,
    broken: Option<StoreError>,
    /// Whether something was committed since the last batch that only says so.
    unconfirmed: bool,
    _lock: File,
}

/// The segment that is appended to.
#[derive(Debug)]
struct Active {
    segment: u32,
    version: u32,
    file: Arc<File>,
    salt: u64,
    next_batch: u64,
    /// Where its checkpoint ends.
    begin: u64,
    /// Where the next batch goes.
    end: u64,
    /// How far the file has its blocks.
    capacity: u64,
}

impl Active {
    fn empty(&self) -> Segment {
        Segment { file: Arc::clone(&self.file), bytes: self.end, live: 0, live_bytes: 0 }
    }
}

impl DiskStore {
    /// Opens the store in this folder, which is made if it is not there.
    ///
    /// # Errors
    /// All kinds but [`StoreError::TooLarge`]. A folder with damage is left as it is; move it away to begin anew, which every client
    /// notices (see [`crate::Starts::knows`]).
    pub fn open(folder: &Path, options: &Options) -> Result<(Self, Recovered), StoreError> {
        fs::create_dir_all(folder).map_err(|error| failure("make the folder", error))?;
        let lock = lock(folder)?;
        let segments = recovery::segments(folder)?;
        let Some(newest) = segments.last() else { return Self::create(folder, options, lock) };
        let (mut recovered, last) = recovery::recover(folder, &segments, *newest)?;
        let contents = recovered.recovered();
        let segment = recovered.index.segments.get(newest).map(|segment| (Arc::clone(&segment.file), segment.bytes));
        let (file, end) = segment.ok_or(StoreError::damaged(*newest, 0, "the file is missing"))?;
        // What was read last may never have reached the disk: the process was killed before the sync, or the sync failed and left the pages
        // in memory, marked clean. Written once more, they are synced or the error shows.
        file.write_all_at(&last.bytes, last.at).map_err(|error| failure("write a batch", error))?;
        file.sync_all().map_err(|error| broken("sync a segment", error))?;
        sync_folder(folder)?;
        let capacity = file.metadata().map_err(|error| broken("look at a segment", error))?.len();
        let (version, salt, next_batch) = (recovered.version, recovered.salt, recovered.next_batch);
        let active = Active { segment: *newest, version, file, salt, next_batch, begin: last.begin, end, capacity };
        let mut store = Self::assemble(folder, options, lock, active, recovered.state, recovered.index);
        match store.ensure_spares() {
            Ok(()) | Err(StoreError::Full) => Ok((store, contents)),
            Err(error) => Err(error),
        }
    }

    fn create(folder: &Path, options: &Options, lock: File) -> Result<(Self, Recovered), StoreError> {
        let first = Spare::allocate(folder, spare::SPARE, options.segment_bytes, options.segment_bytes)?;
        let mut checkpoint = Payload::default();
        checkpoint::put(&State::default(), &Index::default(), &mut checkpoint);
        let active = name_segment(folder, &first, Header::new(1, 0), &checkpoint.bytes)?;
        let mut index = Index::default();
        index.segments.insert(active.segment, active.empty());
        let mut store = Self::assemble(folder, options, lock, active, State::default(), index);
        store.ensure_spares()?;
        Ok((store, Recovered::default()))
    }

    fn assemble(folder: &Path, options: &Options, lock: File, active: Active, state: State, index: Index) -> Self {
        Self {
            folder: folder.to_owned(),
            options: options.clone(),
            state,
            index: Arc::new(RwLock::new(index)),
            active,
            spares: Spares::default(),
            freed: false,
            compaction: None,
            stuck: BTreeSet::new(),
            payload: Payload::default(),
            written_bytes: 0,
            broken: None,
            unconfirmed: false,
            _lock: lock,
        }
    }

    /// What it takes on disk.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let index = self.index();
        Usage {
            segments: index.segments.len(),
            bytes: index.segments.values().map(|segment| segment.bytes).sum(),
            live_bytes: index.segments.values().map(|segment| segment.live_bytes).sum(),
            messages: index.messages.len(),
            damaged_segments: self.stuck.len(),
            written_bytes: self.written_bytes,
        }
    }

    fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn index_mut(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn commit_parts(&mut self, parts: &[Batch], payload: &mut Payload) -> Result<(), StoreError> {
        let grows = parts.iter().any(Batch::grows);
        let full = self.is_full(grows)?;
        let cancelled = Cancelled::among(parts);
        payload.clear();
        if full {
            self.compaction = None;
        }
        self.copy_forward(payload);
        let copies = payload.bodies.len();
        payload.put_parts(parts, &cancelled);
        if payload.bytes.is_empty() {
            return Ok(());
        }
        if payload.bytes.len() > limits::COMMIT_BYTES {
            self.compaction = None;
            return Err(StoreError::TooLarge);
        }
        self.make_room(payload, grows)?;
        let at = self.append(&payload.bytes)?;
        self.unconfirmed = true;
        self.apply(parts, &cancelled, payload, copies, at);
        self.compact_on();
        self.remove_dead()
    }

    /// Whether the disk is; an error for a batch that grows. What does not need more room does not look for it in vain each time.
    fn is_full(&mut self, grows: bool) -> Result<bool, StoreError> {
        if !grows && !self.spares.are_there() && !self.freed {
            return Ok(true);
        }
        match self.ensure_spares() {
            Err(StoreError::Full) if !grows => Ok(true),
            ready => ready.map(|()| false),
        }
    }

    /// Sees to it that a batch fits into the active segment, by its size and by what that version has.
    fn make_room(&mut self, payload: &Payload, grows: bool) -> Result<(), StoreError> {
        let bytes = payload.bytes.len();
        let is_old = payload.has_headers && self.active.version < VERSION;
        if is_old || self.active.end + (FRAME_BYTES + bytes) as u64 > self.active.capacity {
            self.rotate(bytes)?;
            self.compact_if_it_pays();
            if grows {
                self.ensure_spares()?;
            }
        }
        Ok(())
    }

    /// Writes one batch and syncs it. Returns where its payload lies.
    fn append(&mut self, payload: &[u8]) -> Result<u64, StoreError> {
        let active = &mut self.active;
        let frame = frame(active.salt, active.next_batch, payload);
        let at = active.end + FRAME_BYTES as u64;
        // The frame goes last: what a full disk leaves behind of a batch has none.
        let written = active.file.write_all_at(payload, at).and_then(|()| active.file.write_all_at(&frame, active.end));
        written.map_err(|error| failure("write a batch", error))?;
        active.file.sync_data().map_err(|error| broken("sync a batch", error))?;
        active.next_batch += 1;
        active.end = at + payload.len() as u64;
        self.written_bytes += (frame.len() + payload.len()) as u64;
        Ok(at)
    }

    /// Makes the committed changes in memory.
    fn apply(&mut self, parts: &[Batch], cancelled: &Cancelled, payload: &Payload, copies: usize, at: u64) {
        let segment = self.active.segment;
        let (copied, put) = payload.bodies.split_at(copies);
        let spot = |start: usize, length: usize| Spot { segment, offset: at as u32 + start as u32, length: length as u32 };
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(active) = index.segments.get_mut(&segment) {
            active.bytes = self.active.end;
        }
        for (key, start, length) in copied {
            index.insert(*key, spot(*start, *length));
        }
        let mut put = put.iter();
        for change in parts.iter().flat_map(|part| &part.changes) {
            match change {
                Change::Message(message) if cancelled.contains(message.arrival) => {}
                Change::Message(_) | Change::Piece { .. } => {
                    if let Some((key, start, length)) = put.next() {
                        index.insert(*key, spot(*start, *length));
                    }
                }
                Change::Delete(arrival) => index.remove_message(*arrival),
                Change::RemoveUpload(upload) => index.remove_upload(*upload),
                _ => {}
            }
            self.state.apply(change, |arrival| index.messages.contains_key(&arrival));
        }
    }

    /// Begins the next segment, with room for a batch of this size, in a file that lies ready.
    fn rotate(&mut self, bytes: usize) -> Result<(), StoreError> {
        if self.spares.is_empty() {
            // Somebody else may have given room back.
            match self.allocate_spares() {
                Ok(()) | Err(StoreError::Full) => {}
                Err(error) => return Err(error),
            }
        }
        let Some(spare) = self.spares.take() else { return Err(StoreError::Full) };
        let mut checkpoint = Payload::default();
        checkpoint::put(&self.state, &self.index(), &mut checkpoint);
        match self.next_segment(&spare, &checkpoint.bytes, bytes) {
            Ok(active) => self.begin(active),
            Err(error) => {
                self.spares.put_back(spare);
                Err(error)
            }
        }
    }

    fn next_segment(&self, spare: &Spare, checkpoint: &[u8], bytes: usize) -> Result<Active, StoreError> {
        let begin = (HEADER_BYTES + FRAME_BYTES + checkpoint.len()) as u64;
        let needed = begin + (FRAME_BYTES + bytes) as u64;
        let most = u64::from(u32::MAX);
        if needed > most {
            return Err(StoreError::TooLarge);
        }
        match allocate(&spare.file, self.options.segment_bytes.max(limits::SEGMENT_CHECKPOINTS * begin).max(needed).min(most)) {
            Err(StoreError::Full) => allocate(&spare.file, needed)?,
            allocated => allocated?,
        }
        name_segment(&self.folder, spare, Header::new(self.active.segment + 1, self.active.next_batch), checkpoint)
    }

    /// Appends to this segment from now on, and gives back what the last one did not use.
    fn begin(&mut self, active: Active) -> Result<(), StoreError> {
        self.written_bytes += active.end;
        self.index_mut().segments.insert(active.segment, active.empty());
        let sealed = std::mem::replace(&mut self.active, active);
        sealed.file.set_len(sealed.end).map_err(|error| broken("cut a segment", error))?;
        self.freed = true;
        self.remove_dead()
    }

    /// Removes the files of earlier segments in which nothing is live.
    fn remove_dead(&mut self) -> Result<(), StoreError> {
        let active = self.active.segment;
        let dead: Vec<u32> =
            self.index().segments.iter().filter(|(id, segment)| segment.live == 0 && **id != active).map(|(id, _)| *id).collect();
        for segment in dead {
            self.index_mut().segments.remove(&segment);
            self.freed = true;
            fs::remove_file(recovery::path(&self.folder, segment)).map_err(|error| broken("remove a segment", error))?;
        }
        Ok(())
    }

    /// Remembers an error after which nothing can be trusted.
    fn guarded(&mut self, result: Result<(), StoreError>) -> Result<(), StoreError> {
        if let Err(error @ StoreError::Broken { .. }) = &result {
            self.broken = Some(error.clone());
        }
        result
    }
}

impl Storage for DiskStore {
    fn commit(&mut self, parts: &[Batch]) -> Result<(), StoreError> {
        if let Some(broken) = &self.broken {
            return Err(broken.clone());
        }
        if parts.iter().flat_map(|part| &part.changes).any(too_large) {
            return Err(StoreError::TooLarge);
        }
        let mut payload = std::mem::take(&mut self.payload);
        let result = self.commit_parts(parts, &mut payload);
        if result.is_err() {
            self.compaction = None;
        }
        self.payload = payload;
        self.guarded(result)
    }

    fn reader(&self) -> Reader {
        Reader(Source::Disk(Arc::clone(&self.index)))
    }
}

impl Drop for DiskStore {
    /// Ends with an empty batch: damage to the last real one is then told from a crash.
    fn drop(&mut self) {
        let fits = self.active.end + (FRAME_BYTES as u64) <= self.active.capacity;
        if self.broken.is_none() && self.unconfirmed && fits {
            let _closed = self.append(&[]);
        }
    }
}

fn too_large(change: &Change) -> bool {
    let bytes = match change {
        Change::Message(message) if message.headers.iter().any(|header| header.len() > limits::HEADER_BYTES) => return true,
        Change::Message(message) => (message.entry.len() + message.header_bytes()).max(message.devices.len()),
        Change::Piece { bytes, .. } | Change::Upload { head: bytes, .. } => bytes.len(),
        Change::Device { device, .. } => device.name.len(),
        Change::Share { arrivals, .. } => arrivals.len(),
        _ => 0,
    };
    bytes > limits::ENTRY_BYTES
}

/// Writes header and checkpoint into the spare file and names it, in this order: a named segment is whole.
fn name_segment(folder: &Path, spare: &Spare, header: Header, checkpoint: &[u8]) -> Result<Active, StoreError> {
    let mut bytes = header.bytes().to_vec();
    bytes.extend_from_slice(&frame(header.salt, header.first_batch, checkpoint));
    bytes.extend_from_slice(checkpoint);
    let file = &spare.file;
    file.write_all_at(&bytes, 0).map_err(|error| failure("write a checkpoint", error))?;
    file.sync_all().map_err(|error| broken("sync a checkpoint", error))?;
    let capacity = file.metadata().map_err(|error| broken("look at a segment", error))?.len();
    fs::rename(folder.join(spare.name), recovery::path(folder, header.segment)).map_err(|error| broken("name a segment", error))?;
    sync_folder(folder)?;
    let file = Arc::new(file.try_clone().map_err(|error| broken("open a segment", error))?);
    let end = bytes.len() as u64;
    Ok(Active {
        segment: header.segment,
        version: header.version,
        file,
        salt: header.salt,
        next_batch: header.first_batch + 1,
        begin: end,
        end,
        capacity,
    })
}

fn lock(folder: &Path) -> Result<File, StoreError> {
    let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(folder.join("lock"));
    let file = open.map_err(|error| failure("open the lock", error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked),
        Err(TryLockError::Error(error)) => Err(broken("lock the folder", error)),
    }
}
