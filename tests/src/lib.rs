//! What the process tests share: the real server binary as a process, small clients of both versions, and ways to break
//! things.
//!
//! The client of version 1 is built from the description of the original's wire alone and knows nothing of the crates
//! it tests, so that both sides cannot agree on a mistake; that of version 2 knows the codec. Every wait is for a condition, with [`WAIT`] as its bound; what goes wrong
//! panics, as in any test.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod binary;
mod client;
pub mod frames;
pub mod history;
mod http;
pub mod keyed;
mod proxy;
pub mod relay;
mod server;
pub mod soak;
mod trace;
mod wire;

use std::time::Duration;

pub use binary::server_binary;
pub use client::{Ended, Opening, RawClient, Stream};
pub use http::{Answer, get, get_over};
pub use proxy::Proxy;
pub use server::{ServerProcess, Settings};
pub use trace::{Injection, files_in, is_possible, skipped};
pub use wire::{Dialect, Outgoing, Received, Words, md5, quoted};

/// How long any wait may take before the test fails: far longer than anything needs on a busy machine, the two heartbeats
/// of silence included after which a connection is given up.
pub const WAIT: Duration = Duration::from_secs(60);

/// Waits for `future`, and fails with `what` was awaited when [`WAIT`] is over.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(WAIT, future).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}
