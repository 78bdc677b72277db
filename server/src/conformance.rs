//! A router that echoes at every path, with the WebSocket of the server around it; see `examples/echo.rs`.

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::response::Response;

use crate::switch::echo;
use crate::websocket::bounded;

/// The largest message of the suites, and room for several.
const MESSAGE_BYTES: usize = 16 * 1024 * 1024;
const WRITE_BUFFER_MAX_BYTES: usize = 4 * MESSAGE_BYTES;

/// Takes every upgrade.
pub fn router() -> Router {
    Router::new().fallback(take)
}

async fn take(handshake: WebSocketUpgrade) -> Response {
    bounded(handshake, MESSAGE_BYTES).max_write_buffer_size(WRITE_BUFFER_MAX_BYTES).on_upgrade(echo)
}
