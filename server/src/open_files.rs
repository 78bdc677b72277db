//! How many files the process may have open, which is how many connections it can have.

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::limits::RESERVED_FILES;

/// Raises the soft limit of open files to the hard one: many systems start programs with 1 024. Says so when
/// `max_connections` is still more than fit.
pub fn raise(max_connections: Option<usize>) {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, "the limit of open files stays as it is");
            limit = getrlimit(Resource::Nofile);
        }
    }
    let Some(files) = limit.current else { return };
    let wanted = max_connections.map(|connections| u64::try_from(connections).unwrap_or(u64::MAX).saturating_add(RESERVED_FILES));
    if wanted.is_none_or(|wanted| wanted > files) {
        tracing::warn!(files, ?max_connections, "open files are fewer than connections may be: raise the limit (ulimit -n, LimitNOFILE)");
    }
}
