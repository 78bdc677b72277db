//! The clock on the wall.

use std::time::{SystemTime, UNIX_EPOCH};

/// Now, in ms since 1970.
pub(crate) fn wall_ms() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
}
