//! The little the store asks of a file system.

use std::{fs::File, io, os::unix::fs::FileExt, path::Path, sync::Arc};

use crate::StoreError;

/// Sorts what the system said: no room, or broken.
pub(super) fn failure(operation: &'static str, source: io::Error) -> StoreError {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full,
        _ => broken(operation, source),
    }
}

/// The same where no error is harmless: a file that could not be synced may have lost any of its pages.
pub(super) fn broken(operation: &'static str, source: io::Error) -> StoreError {
    StoreError::Broken { operation, source: Arc::new(source) }
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| broken("sync the folder", error))
}

/// Gives the file blocks up to `bytes`, so that a later write below that cannot run out of room.
pub(super) fn allocate(file: &File, bytes: u64) -> Result<(), StoreError> {
    let present = file.metadata().map_err(|error| broken("look at a segment", error))?.len();
    if present >= bytes {
        return Ok(());
    }
    allocate_range(file, present, bytes - present).map_err(|error| failure("allocate a segment", error))
}

fn allocate_range(file: &File, from: u64, bytes: u64) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), from, bytes) {
        Err(rustix::io::Errno::OPNOTSUPP) => {}
        Err(rustix::io::Errno::INTR) => return allocate_range(file, from, bytes),
        done => return Ok(done?),
    }
    static ZEROS: [u8; 1 << 16] = [0; 1 << 16];
    let end = from + bytes;
    let mut at = from;
    while at < end {
        let count = (end - at).min(ZEROS.len() as u64);
        file.write_all_at(ZEROS.get(..count as usize).unwrap_or(&ZEROS), at)?;
        at += count;
    }
    Ok(())
}
