//! A store on disk: one file a peer, to which every set of changes is appended and fsynced before it counts. When the file
//! is mostly about records that are gone, it is written anew beside the old one and takes its place.
//!
//! An entry of the file is the length of its body (four bytes, little-endian), eight bytes of FNV-1a over the body, and the
//! body: for each change its key, a byte that is 1 when a value follows, and the value. A file that ends within an entry
//! was cut off by a crash before anybody was told that the entry counts; it is cut back. An entry in the middle that cannot
//! be read is damage: what precedes it is handed over, and a record that says so.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use msr_protocol::Credential;
use msr_protocol::v2::{Field, FieldError};

use super::Store;
use super::memory::apply;
use crate::Change;
use crate::v2::fnv_1a;

const HEADER_BYTES: usize = 12;
/// So long a store that somebody else has is waited for.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);
const LOCK_INTERVAL: Duration = Duration::from_millis(10);
/// A file is not written anew before so much of it is of no use.
const WASTE_BYTES: u64 = 1024 * 1024;

/// The store of one peer in a folder, held by one process at a time.
#[derive(Debug)]
pub struct Folder {
    folder: PathBuf,
    path: PathBuf,
    file: File,
    _lock: File,
    records: BTreeMap<String, Vec<u8>>,
    bytes: u64,
    live_bytes: u64,
    is_damaged: bool,
    /// After an append that failed, the file may end in half an entry.
    is_torn: bool,
}

impl Folder {
    /// Opens the store of a peer, or makes one.
    ///
    /// # Errors
    /// When the folder cannot be used, or another process has the store ([`io::ErrorKind::WouldBlock`]).
    pub fn open(folder: &Path, credential: Credential) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let open = |name: String| OpenOptions::new().read(true).write(true).create(true).truncate(false).open(folder.join(name));
        let lock = open(format!("{credential}.lock"))?;
        lock_soon(&lock)?;
        let path = folder.join(format!("{credential}.log"));
        let mut file = open(format!("{credential}.log"))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let (records, good, is_damaged) = read(&bytes);
        if !is_damaged && good < bytes.len() {
            file.set_len(good as u64)?;
        }
        file.sync_all()?;
        sync_folder(folder)?;
        let live_bytes = records.iter().map(|(key, value)| size(key, value)).sum();
        let bytes = if is_damaged { bytes.len() } else { good } as u64;
        let mut store = Self { folder: folder.to_owned(), path, file, _lock: lock, records, bytes, live_bytes, is_damaged, is_torn: false };
        if is_damaged {
            // What follows the damage must not come back; the damaged file is kept for whoever wants to look at it.
            fs::copy(&store.path, store.path.with_extension("damaged"))?;
            store.write_anew()?;
        }
        Ok(store)
    }

    fn append(&mut self, entry: &[u8]) -> io::Result<()> {
        if self.is_torn {
            self.file.set_len(self.bytes)?;
        }
        self.is_torn = true;
        self.file.seek(SeekFrom::Start(self.bytes))?;
        self.file.write_all(entry)?;
        self.file.sync_data()?;
        self.is_torn = false;
        self.bytes += entry.len() as u64;
        Ok(())
    }

    fn write_anew(&mut self) -> io::Result<()> {
        let path = self.path.with_extension("new");
        let changes = self.records.iter().map(|(key, value)| Change::Put { key: key.clone(), value: value.clone() });
        let entry = encode(&changes.collect::<Vec<_>>());
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path)?;
        file.write_all(&entry)?;
        file.sync_all()?;
        fs::rename(&path, &self.path)?;
        sync_folder(&self.folder)?;
        (self.file, self.bytes, self.is_torn) = (file, entry.len() as u64, false);
        Ok(())
    }
}

impl Store for Folder {
    fn load(&mut self) -> io::Result<Vec<(String, Vec<u8>)>> {
        let damage = self.is_damaged.then(|| ("damaged".to_owned(), Vec::new()));
        Ok(self.records.clone().into_iter().chain(damage).collect())
    }

    fn apply(&mut self, changes: &[Change]) -> io::Result<()> {
        self.append(&encode(changes))?;
        apply(&mut self.records, changes);
        self.live_bytes = self.records.iter().map(|(key, value)| size(key, value)).sum();
        if self.bytes > 2 * self.live_bytes + WASTE_BYTES {
            // The changes are made already; a file that could not be written anew is tried again with the next ones.
            let _ = self.write_anew();
        }
        Ok(())
    }
}

/// A client that was just dropped may still be at its last write.
fn lock_soon(lock: &File) -> io::Result<()> {
    let give_up = Instant::now() + LOCK_TIMEOUT;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if Instant::now() < give_up => thread::sleep(LOCK_INTERVAL),
            Err(error) => return Err(error.into()),
        }
    }
}

fn size(key: &str, value: &[u8]) -> u64 {
    (key.len() + value.len()) as u64
}

/// A name in a folder is there after a crash only when the folder was synced too.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

fn encode(changes: &[Change]) -> Vec<u8> {
    let mut body = Vec::new();
    for change in changes {
        match change {
            Change::Put { key, value } => {
                key.as_str().write(&mut body);
                Some(value.as_slice()).write(&mut body);
            }
            Change::Delete { key } => {
                key.as_str().write(&mut body);
                None::<&[u8]>.write(&mut body);
            }
        }
    }
    let mut entry = Vec::with_capacity(HEADER_BYTES + body.len());
    entry.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
    entry.extend_from_slice(&fnv_1a(&body).to_le_bytes());
    entry.extend_from_slice(&body);
    entry
}

/// The records, how many bytes of the file are whole entries, and whether what follows them is damage.
fn read(bytes: &[u8]) -> (BTreeMap<String, Vec<u8>>, usize, bool) {
    let mut records = BTreeMap::new();
    let mut rest = bytes;
    while let Some((header, after)) = rest.split_first_chunk::<HEADER_BYTES>() {
        let [a, b, c, d, sum @ ..] = *header;
        let Some((body, after)) = after.split_at_checked(u32::from_le_bytes([a, b, c, d]) as usize) else { break };
        match decode(body).ok().filter(|_| fnv_1a(body) == u64::from_le_bytes(sum)) {
            Some(changes) => apply(&mut records, &changes),
            // The last entry may be whole in length and not in bytes: the file grew before they came.
            None if after.is_empty() => break,
            None => return (records, bytes.len() - rest.len(), true),
        }
        rest = after;
    }
    (records, bytes.len() - rest.len(), false)
}

fn decode(mut body: &[u8]) -> Result<Vec<Change>, FieldError> {
    let mut changes = Vec::new();
    while !body.is_empty() {
        let key = <&str>::read(&mut body)?.to_owned();
        changes.push(match Option::<&[u8]>::read(&mut body)? {
            Some(value) => Change::Put { key, value: value.to_vec() },
            None => Change::Delete { key },
        });
    }
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &str, value: &[u8]) -> Change {
        Change::Put { key: key.to_owned(), value: value.to_vec() }
    }

    #[test]
    fn cut_anywhere_it_is_what_some_prefix_made_it() {
        let sets = [vec![put("a", b"1"), put("b", b"2")], vec![Change::Delete { key: "a".to_owned() }], vec![put("b", b"3")]];
        let entries: Vec<Vec<u8>> = sets.iter().map(|set| encode(set)).collect();
        let file = entries.concat();
        let mut prefixes = vec![(0, BTreeMap::new())];
        for (set, entry) in sets.iter().zip(&entries) {
            let (end, mut records) = prefixes.last().unwrap().clone();
            apply(&mut records, set);
            prefixes.push((end + entry.len(), records));
        }
        for end in 0..=file.len() {
            let (records, good, is_damaged) = read(&file[..end]);
            let expected = prefixes.iter().rfind(|(prefix, _)| *prefix <= end).unwrap();
            assert_eq!((good, &records, is_damaged), (expected.0, &expected.1, false), "{end}");
        }
        let mut flipped = file;
        flipped[HEADER_BYTES] ^= 1;
        assert_eq!(read(&flipped), (BTreeMap::new(), 0, true), "damage, not a crash");
    }

    #[test]
    fn kept_locked_and_written_anew() {
        let folder = std::env::temp_dir().join(format!("msr-client-folder-{}", std::process::id()));
        let credential = Credential([7; 16]);
        let mut store = Folder::open(&folder, credential).unwrap();
        assert_eq!(Folder::open(&folder, credential).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let large = vec![7; 100_000];
        for _ in 0..30 {
            store.apply(&[put("large", &large), put("small", b"1")]).unwrap();
        }
        assert!(store.bytes < 20 * large.len() as u64, "{}", store.bytes);
        drop(store);
        let loaded = Folder::open(&folder, credential).unwrap().load().unwrap();
        assert_eq!(loaded, [("large".to_owned(), large), ("small".to_owned(), b"1".to_vec())]);
        fs::remove_dir_all(&folder).unwrap();
    }
}
