//! Whether the other side of a connection is there: bytes that came tell it sooner than a message that is there whole.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Notes that something came. Whoever reads the bytes of a connection has one clone, the switch another, as
/// [`super::Remote::heard`]; where nobody notes the bytes, a message counts when it is there whole.
#[derive(Debug, Clone)]
pub struct Heard(Arc<AtomicBool>);

impl Default for Heard {
    /// A connection that has just been opened was heard.
    fn default() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }
}

impl Heard {
    /// Something came.
    pub fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether something came since the last question.
    pub(super) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}
