//! The page of the server and the npm package, as static files.
//!
//! A release build has them inside; a debug build reads `www/` and `pkg/` of the checkout at each request. Only files
//! of the kinds below are served, and nothing hidden: `pkg/` is also where npm puts its own.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use rust_embed::{Embed, EmbeddedFile};

use crate::answer::refuse_http;

/// The page.
#[derive(Embed)]
#[folder = "../www"]
#[allow_missing = true]
#[include = "*.html"]
#[include = "*.css"]
#[include = "*.js"]
#[include = "*.svg"]
#[include = "*.png"]
#[include = "*.ico"]
#[include = "*.webmanifest"]
#[include = "*.woff2"]
#[exclude = "*node_modules/*"]
struct Page;

/// The package.
#[derive(Embed)]
#[folder = "../pkg"]
#[allow_missing = true]
#[include = "*.js"]
#[include = "*.mjs"]
#[include = "*.wasm"]
#[include = "*.map"]
#[include = "*.d.ts"]
#[exclude = "*node_modules/*"]
struct Package;

/// Answers a request for a file.
pub(crate) async fn serve(request: Request) -> Response {
    let Some((file, content_type)) = find(request.uri().path()) else {
        return refuse_http(StatusCode::NOT_FOUND);
    };
    match *request.method() {
        Method::GET | Method::HEAD => respond(file, content_type, request.headers()),
        _ => {
            let mut response = refuse_http(StatusCode::METHOD_NOT_ALLOWED);
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            response
        }
    }
}

fn find(path: &str) -> Option<(EmbeddedFile, &'static str)> {
    let path = path.strip_prefix('/')?;
    if let Some(in_package) = path.strip_prefix("pkg/") {
        let content_type = package_type(in_package)?;
        return Some((Package::get(in_package)?, content_type));
    }
    let path = if path.is_empty() { "index.html" } else { path };
    let content_type = page_type(path)?;
    Some((Page::get(path)?, content_type))
}

/// Whether every part of the path is a plain name: nothing hidden, nothing above, nothing of npm's.
fn is_plain(path: &str) -> bool {
    path.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', ':', '\0']) && part != "node_modules")
}

fn page_type(path: &str) -> Option<&'static str> {
    let (_, extension) = path.rsplit_once('.').filter(|_| is_plain(path))?;
    match extension {
        "html" => Some("text/html; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        "png" => Some("image/png"),
        "ico" => Some("image/x-icon"),
        "webmanifest" => Some("application/manifest+json"),
        "woff2" => Some("font/woff2"),
        _ => None,
    }
}

fn package_type(path: &str) -> Option<&'static str> {
    let (_, extension) = path.rsplit_once('.').filter(|_| is_plain(path))?;
    match extension {
        "js" | "mjs" => Some("text/javascript; charset=utf-8"),
        "wasm" => Some("application/wasm"),
        "map" => Some("application/json"),
        "ts" if path.ends_with(".d.ts") => Some("text/plain; charset=utf-8"),
        _ => None,
    }
}

fn respond(file: EmbeddedFile, content_type: &'static str, request: &HeaderMap) -> Response {
    let etag = format!("\"{}\"", hex::encode(&file.metadata.sha256_hash()[..16]));
    let unchanged = is_known(request, &etag);
    let mut response = Response::new(if unchanged { Body::empty() } else { Body::from(bytes_of(file)) });
    if unchanged {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    if let Ok(etag) = HeaderValue::try_from(etag) {
        headers.insert(header::ETAG, etag);
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn bytes_of(file: EmbeddedFile) -> Bytes {
    match file.data {
        std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        std::borrow::Cow::Owned(bytes) => Bytes::from(bytes),
    }
}

/// Whether the client says it has this version (RFC 9110, `If-None-Match`, weak comparison).
fn is_known(request: &HeaderMap, etag: &str) -> bool {
    let values = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_for_the_web() {
        for path in ["index.html", "app/main.js", "icon.svg", "style.css"] {
            assert!(page_type(path).is_some(), "{path}");
        }
        for path in ["index.js", "msgsrouter_bg.wasm", "snippets/a/b.js", "index.d.ts", "client.mjs"] {
            assert!(package_type(path).is_some(), "{path}");
        }
        for path in ["", "package.json", "package-lock.json", "README.md", ".gitignore", ".env.js", "a.ts", "index.html", "js"] {
            assert_eq!(package_type(path), None, "{path}");
        }
        for path in ["../Cargo.js", "a/../b.js", "/etc/x.js", "a//b.js", "node_modules/x/y.js", "x/node_modules/y.js", "a\\b.js", "c:x.js"]
        {
            assert_eq!((package_type(path), page_type(path)), (None, None), "{path}");
        }
        assert_eq!(package_type("msgsrouter_bg.wasm"), Some("application/wasm"));
    }

    #[test]
    fn known_versions() {
        let known = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static(value));
            is_known(&headers, "\"ab\"")
        };
        assert!(known("\"ab\"") && known("W/\"ab\"") && known("\"x\", \"ab\"") && known("*"));
        assert!(!known("\"abc\"") && !known("ab") && !is_known(&HeaderMap::new(), "\"ab\""));
    }
}
