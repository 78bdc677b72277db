//! Short JSON answers over HTTP.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use msr_protocol::Code;
use serde::Serialize;

/// A JSON answer that nobody keeps.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let text = serde_json::to_string(value).unwrap_or_default();
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[derive(Serialize)]
struct Refusal<'a> {
    code: u16,
    reason: &'a str,
}

/// `{"code":…,"reason":…}` with a code of the protocol.
pub(crate) fn refuse(status: StatusCode, code: Code, reason: &str) -> Response {
    json(status, &Refusal { code: code.number(), reason })
}

/// The same for what HTTP itself has a status for; the code is that status.
pub(crate) fn refuse_http(status: StatusCode) -> Response {
    json(status, &Refusal { code: status.as_u16(), reason: status.canonical_reason().unwrap_or_default() })
}
