//! Connections, registration and routing.
