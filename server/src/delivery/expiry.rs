//! The tick that drops what has expired and what waited for retired devices, in turns: whoever sends goes between them.

use std::sync::Weak;
use std::time::Duration;

use super::{Inner, limits};

/// Until the queues are gone.
pub(super) async fn regularly(queues: Weak<Inner>) {
    loop {
        tokio::time::sleep(Duration::from_millis(limits::EXPIRY_TICK_MS)).await;
        let Some(inner) = queues.upgrade() else { return };
        while inner.call(|exchange, now| exchange.expire(now) | exchange.free_retired(now)) {
            tokio::task::yield_now().await;
        }
    }
}
