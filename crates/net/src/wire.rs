//! The developer's trace of what goes over a wire, byte for byte, under the tracing target [`TARGET`].
//!
//! It shows everything, passwords too, so a program leaves it off unless it is asked for by name; the lab listens to it,
//! to show the dialogue of two servers as it really was. When nobody listens it costs one look at a flag.

use crate::stream::Stream;

/// The target of these traces. Each has the fields `local` and `peer` (socket addresses), `heard` (whether the
/// peer said it), `tls`, and `text` (bytes that are no UTF-8 are replaced).
pub const TARGET: &str = "angelia::wire";

/// The peer said this.
pub(crate) fn heard(stream: &Stream, bytes: &[u8]) {
    trace(stream, bytes, true);
}

/// We said this.
pub(crate) fn said(stream: &Stream, bytes: &[u8]) {
    trace(stream, bytes, false);
}

fn trace(stream: &Stream, bytes: &[u8], heard: bool) {
    tracing::trace!(
        target: TARGET,
        local = %stream.local(),
        peer = %stream.peer(),
        heard,
        tls = stream.tls().is_some(),
        text = &*String::from_utf8_lossy(bytes),
    );
}
