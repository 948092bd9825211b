//! Bodies of answers: whole, slow, or broken off.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{Response, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;

/// An answer's body. An error in it breaks the connection.
pub(super) type Body = BoxBody<Bytes, Broken>;

/// The body ends before its announced length.
#[derive(Debug, thiserror::Error)]
#[error("the answer is broken off on purpose")]
pub(super) struct Broken;

pub(super) fn whole(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never: Infallible| match never {}).boxed()
}

/// In ten parts over `secs`.
pub(super) fn slow(bytes: Bytes, secs: u32) -> Body {
    const PARTS: usize = 10;
    let pause = Duration::from_secs(u64::from(secs)) / PARTS as u32;
    let part = bytes.len().div_ceil(PARTS).max(1);
    let parts = stream::unfold(bytes, move |mut left| async move {
        if left.is_empty() {
            return None;
        }
        tokio::time::sleep(pause).await;
        let next = left.split_to(part.min(left.len()));
        Some((Ok(Frame::data(next)), left))
    });
    BodyExt::boxed(StreamBody::new(parts))
}

/// The first half of the body under the whole's length.
pub(super) fn truncated(response: Response<Bytes>) -> Response<Body> {
    let length = response.body().len();
    let mut response = response.map(|bytes| {
        let half = bytes.slice(..bytes.len() / 2);
        let parts = stream::iter([Ok(Frame::data(half)), Err(Broken)]);
        BodyExt::boxed(StreamBody::new(parts))
    });
    response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    response
}
