//! What the server answers over HTTP: its page, the package, `/healthz`, `/origin`, and the upgrade to WebSocket.
//!
//! The [`router`] is a plain axum router: another program can serve it, as long as it puts the client's address into
//! the request as [`axum::extract::ConnectInfo`]. If it also puts a [`Heard`](crate::switch::Heard) there, and notes in it
//! that bytes came, a slow upload keeps its connection.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::get;
use serde::Serialize;

use crate::answer::{json, refuse_http};
use crate::geoip::GeoIp;
use crate::log::LogRate;
use crate::origin::{Origin, OriginPolicy};
use crate::phase::{Phase, Phases};
use crate::switch::{Counts, Switch};
use crate::{assets, websocket};

/// What the handlers know. Clones share it.
#[derive(Clone)]
pub struct App {
    /// Takes the connections.
    pub switch: Switch,
    /// Who may connect.
    pub origins: Arc<OriginPolicy>,
    /// Where addresses are.
    pub geoip: Option<GeoIp>,
    /// Whether the server goes away.
    pub phases: Phases,
    /// Whether pages reach this router over TLS.
    pub tls: bool,
    /// Bounds the log lines about refused pages.
    pub refused_log: Arc<LogRate>,
}

/// What a page of this server may do: run its own scripts and WebAssembly, and no other.
///
/// `connect-src` names schemes instead of hosts, because whoever uses the page may type another server into it, and
/// the page then opens a WebSocket there and asks its `/origin`. What protects here is that no foreign script runs.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
     img-src 'self' data:; font-src 'self'; manifest-src 'self'; connect-src 'self' http: https: ws: wss:; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// On every answer.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY)),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
];

/// Everything the server answers. An upgrade is taken at any path, before any route is looked at.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/origin", get(origin).post(origin))
        .method_not_allowed_fallback(async || refuse_http(StatusCode::METHOD_NOT_ALLOWED))
        .fallback(assets::serve)
        .layer(from_fn_with_state(app.clone(), websocket::take_upgrades))
        .layer(map_response(add_headers))
        .with_state(app)
}

async fn add_headers(mut response: Response) -> Response {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        response.headers_mut().extend(HEADERS);
    }
    response
}

/// Lets pages of every origin read this answer: whoever reaches the server can ask without a page, and there is nothing
/// in it about anybody.
fn readable_by_all(mut response: Response) -> Response {
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    #[serde(flatten)]
    counts: Counts,
}

async fn healthz(State(app): State<App>) -> Response {
    let (code, status) = match app.phases.now() {
        Phase::Serving => (StatusCode::OK, "ok"),
        Phase::Draining | Phase::Closing => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
    };
    readable_by_all(json(code, &Health { status, counts: app.switch.counts() }))
}

#[derive(Serialize)]
struct OriginAnswer {
    origin: &'static str,
    /// The sub-protocols beyond version 1 that this server speaks.
    protocols: [&'static str; 1],
}

/// Whether a page may connect: a browser does not tell a page why its WebSocket failed, so the page asks here.
///
/// Browsers leave `Origin` out of a `GET` to the page's own server, and put it into each `POST`: hence both methods.
async fn origin(State(app): State<App>, headers: HeaderMap) -> Response {
    let allowed = app.origins.check(&headers).is_ok() || same_origin(&headers, app.tls).is_some_and(|own| app.origins.lists(&own));
    let origin = if allowed { "allowed" } else { "refused" };
    readable_by_all(json(StatusCode::OK, &OriginAnswer { origin, protocols: [msr_protocol::v2::SUBPROTOCOL] }))
}

/// The origin of a page that left it out because it asks its own server, as only a browser can say. This decides
/// about nothing but this answer.
fn same_origin(headers: &HeaderMap, tls: bool) -> Option<Origin> {
    let site = headers.get("sec-fetch-site")?;
    let host = headers.get(header::HOST)?.to_str().ok()?;
    if site != "same-origin" || headers.contains_key(header::ORIGIN) {
        return None;
    }
    format!("{}://{host}", if tls { "https" } else { "http" }).parse().ok()
}
