//! The built page: style and scripts of `web/dist`, compiled into the program.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;
use std::borrow::Cow;

#[derive(RustEmbed)]
#[folder = "../../web/dist"]
struct Dist;

/// Address of an asset; its version changes with its contents, so that a browser may keep it for good.
pub(crate) fn address(name: &str) -> String {
    let version = Dist::get(name).map_or(0, |file| {
        let hash = file.metadata.sha256_hash();
        hash.iter()
            .take(4)
            .fold(0_u32, |sum, byte| (sum << 8) | u32::from(*byte))
    });
    format!("/assets/{name}?v={version:08x}")
}

/// Answers with an asset.
pub(crate) async fn serve(Path(name): Path<String>) -> Response {
    let Some(file) = Dist::get(&name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kind = match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    let bytes = match file.data {
        Cow::Borrowed(bytes) => axum::body::Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    (
        [
            (header::CONTENT_TYPE, kind),
            (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
        ],
        bytes,
    )
        .into_response()
}
