//! What is known of a connection while it talks: whether its bytes move, whether a request is whole, and who is behind a
//! proxy of the site.

use crate::web::connections::{Connection, Phase, Place};
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Frame, SizeHint};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// A stream that holds its place and tells when bytes move.
pub(super) struct Watched<S> {
    stream: S,
    place: Place,
}

impl<S> Watched<S> {
    /// Watches a stream.
    pub(super) fn new(stream: S, place: Place) -> Self {
        Self { stream, place }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.place.connection().moves();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if matches!(written, Poll::Ready(Ok(count)) if count > 0) {
            self.place.connection().moves();
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        if matches!(written, Poll::Ready(Ok(count)) if count > 0) {
            self.place.connection().moves();
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// A body that tells when it has come whole.
struct Coming {
    body: Body,
    connection: Arc<Connection>,
}

impl HttpBody for Coming {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(frame, Poll::Ready(None)) || self.body.is_end_stream() {
            self.connection.enter(Phase::Answering);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Follows a request from its headers to its answer.
pub(super) async fn attend(mut request: Request, next: Next) -> Response {
    let Some(connection) = request.extensions().get::<Arc<Connection>>().cloned() else {
        return next.run(request).await;
    };
    let peer = request.extensions().get::<SocketAddr>().copied();
    if let Some(peer) = peer.filter(|peer| connection.is_of_proxy(peer.ip()))
        && let Some(client) = forwarded(request.headers(), |address| connection.is_of_proxy(address))
    {
        request
            .extensions_mut()
            .insert(SocketAddr::new(client, peer.port()));
    }
    if request.body().is_end_stream() {
        connection.enter(Phase::Answering);
    } else {
        let of = Arc::clone(&connection);
        request = request.map(|body| Body::new(Coming { body, connection: of }));
    }
    let response = next.run(request).await;
    let is_line = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    connection.enter(if is_line { Phase::Line } else { Phase::Waiting });
    response
}

/// The client that the nearest proxy names which is none of the site's. What stands before it, anybody can write.
fn forwarded(headers: &HeaderMap, is_proxy: impl Fn(IpAddr) -> bool) -> Option<IpAddr> {
    let mut nearest = None;
    let lines: Vec<&str> = headers
        .get_all(FORWARDED_FOR)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .collect();
    let entries = lines.iter().rev().flat_map(|line| line.rsplit(','));
    for entry in entries.map(str::trim) {
        let address = entry
            .parse()
            .ok()
            .or_else(|| entry.parse::<SocketAddr>().ok().map(|address| address.ip()));
        // An entry that is no address ends what can be believed.
        let address: IpAddr = address?;
        nearest = Some(address);
        if !is_proxy(address) {
            break;
        }
    }
    nearest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_is_whom_our_nearest_proxy_names() {
        let check = |lines: &[&str], want: Option<&str>| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(FORWARDED_FOR, line.parse().unwrap());
            }
            let is_proxy = |address: IpAddr| address.to_string() == "10.0.0.1";
            let want = want.map(|want| want.parse::<IpAddr>().unwrap());
            assert_eq!(forwarded(&headers, is_proxy), want, "{lines:?}");
        };
        check(&[], None);
        check(&["192.0.2.7"], Some("192.0.2.7"));
        // What the client wrote itself stands before what the proxy added.
        check(&["127.0.0.1, 192.0.2.7"], Some("192.0.2.7"));
        check(&["192.0.2.7, 10.0.0.1"], Some("192.0.2.7"));
        check(&["192.0.2.9", "192.0.2.7,10.0.0.1"], Some("192.0.2.7"));
        check(&["192.0.2.7:4711"], Some("192.0.2.7"));
        check(&["[2001:db8::1]:4711"], Some("2001:db8::1"));
        check(&["192.0.2.7, unknown"], None);
    }
}
