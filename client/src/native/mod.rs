//! A driver over tokio.
