//! The real server binary, spoken to by unchanged clients of version 1 in both dialects.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod configuration;
mod find;
mod http;
mod keys;
mod lifecycle;
mod origin;
mod refusals;
mod registration;
mod routing;
mod sdk;
mod sessions;
mod tls;
