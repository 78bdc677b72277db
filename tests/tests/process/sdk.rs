//! The native driver of the client crate against the server.
