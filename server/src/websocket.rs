//! From an HTTP request to a connection of the switch.

use std::net::SocketAddr;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use msr_protocol::Code;
use msr_protocol::limits::MESSAGE_BYTES;

use crate::answer::{refuse, refuse_http};
use crate::http::App;
use crate::limits::{WEBSOCKET_READ_BUFFER_BYTES, WEBSOCKET_WRITE_BUFFER_BYTES, WEBSOCKET_WRITE_BUFFER_MAX_BYTES};
use crate::log::escaped;
use crate::origin::OriginRefusal;
use crate::phase::Phase;
use crate::switch::{Heard, Remote};

/// The sub-protocols, the best first. The last is the one that the original client offers by accident
/// (`new WebSocket(url, null)`); Chromium fails the connection unless the server takes it.
const SUBPROTOCOLS: [&str; 2] = [msr_protocol::v2::SUBPROTOCOL, "null"];

/// Takes WebSocket upgrades at any path, and lets all else pass.
pub(crate) async fn take_upgrades(State(app): State<App>, request: Request, next: Next) -> Response {
    if wants_websocket(request.headers()) { upgrade(app, request).await } else { next.run(request).await }
}

fn wants_websocket(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::UPGRADE).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|token| token.trim().eq_ignore_ascii_case("websocket"))
}

/// Whether there is one `Sec-WebSocket-Key` of 16 bytes in base64, as RFC 6455 section 4.2.1 wants it.
fn has_key(headers: &HeaderMap) -> bool {
    let mut keys = headers.get_all(header::SEC_WEBSOCKET_KEY).iter();
    let (Some(key), None) = (keys.next(), keys.next()) else { return false };
    let digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.as_bytes().strip_suffix(b"==").is_some_and(|digits| digits.len() == 22 && digits.iter().all(digit))
}

async fn upgrade(app: App, request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let Some(&ConnectInfo(address)) = parts.extensions.get::<ConnectInfo<SocketAddr>>() else {
        tracing::error!("the client's address is missing: serve the router with ConnectInfo");
        return refuse_http(StatusCode::INTERNAL_SERVER_ERROR);
    };
    if let Err(refusal) = app.origins.check(&parts.headers) {
        log_refusal(&app, address, &parts.headers, refusal);
        return refuse(StatusCode::FORBIDDEN, Code::OriginRefused, &refusal.to_string());
    }
    if app.phases.now() != Phase::Serving {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, Code::GoingAway, Code::GoingAway.reason());
    }
    if parts.headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        let mut response = refuse_http(StatusCode::UPGRADE_REQUIRED);
        response.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return response;
    }
    if !has_key(&parts.headers) {
        return refuse_http(StatusCode::BAD_REQUEST);
    }
    let heard = parts.extensions.get::<Heard>().cloned().unwrap_or_default();
    match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(handshake) => accept(app, address, heard, handshake),
        Err(rejection) => refuse_http(rejection.into_response().status()),
    }
}

fn accept(app: App, address: SocketAddr, heard: Heard, handshake: WebSocketUpgrade) -> Response {
    let App { switch, geoip, .. } = app;
    bounded(handshake, MESSAGE_BYTES)
        .protocols(SUBPROTOCOLS)
        .on_failed_upgrade(move |error| tracing::debug!(peer = %address, %error, "upgrade failed"))
        .on_upgrade(move |socket| async move {
            let place = geoip.and_then(|database| database.find(address.ip()));
            switch.serve(socket, Remote { address, place, heard }).await;
        })
}

/// Bounds the buffers of a WebSocket, and what it reads.
pub(crate) fn bounded(handshake: WebSocketUpgrade, message_bytes: usize) -> WebSocketUpgrade {
    handshake
        .read_buffer_size(WEBSOCKET_READ_BUFFER_BYTES)
        .write_buffer_size(WEBSOCKET_WRITE_BUFFER_BYTES)
        .max_write_buffer_size(WEBSOCKET_WRITE_BUFFER_MAX_BYTES)
        .max_message_size(message_bytes)
        .max_frame_size(message_bytes)
}

fn log_refusal(app: &App, peer: SocketAddr, headers: &HeaderMap, refusal: OriginRefusal) {
    if let Some(suppressed) = app.refused_log.next() {
        let origins: Vec<String> = headers.get_all(header::ORIGIN).iter().map(|origin| escaped(origin.as_bytes())).collect();
        let code = Code::OriginRefused.number();
        tracing::warn!(code, %peer, origin = origins.join(" | "), reason = %refusal, suppressed, "origin refused");
    }
}
