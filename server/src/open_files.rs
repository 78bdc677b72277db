//! How many files the process may have open, which bounds how many connections it can have.

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::limits::RESERVED_FILES;

/// Raises the soft limit of open files to the hard one, since many systems start programs with 1 024, and gives how
/// many connections there can be: `wanted` (`None` is no limit), or as many as fit.
#[must_use]
pub fn make_room(wanted: Option<usize>) -> Option<usize> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, "the limit of open files stays as it is");
            limit = getrlimit(Resource::Nofile);
        }
    }
    let Some(files) = limit.current else { return wanted };
    let room = usize::try_from(files.saturating_sub(RESERVED_FILES)).unwrap_or(usize::MAX);
    if wanted.is_some_and(|wanted| wanted <= room) {
        return wanted;
    }
    tracing::info!(connections = room, files, "open files bound the connections: raise their limit (LimitNOFILE) for more");
    Some(room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_more_than_fit() {
        assert_eq!(make_room(Some(1)), Some(1));
        if let Some(files) = getrlimit(Resource::Nofile).current {
            let room = make_room(None).unwrap();
            assert_eq!(room as u64, files - RESERVED_FILES);
            assert_eq!(make_room(Some(usize::MAX)), Some(room));
        }
    }
}
