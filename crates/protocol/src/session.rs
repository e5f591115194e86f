//! A protocol is a value, not a task.
//!
//! Every protocol here is a [`Session`]: bytes go in, [`Step`]s come out, time is an argument. There is no
//! socket, no clock and no await on this floor, so a protocol is tested by plain tables of bytes, fuzzed whole,
//! and run on any transport by one driver (`net::drive`).
//!
//! A service answers an event by calling a method on the session (`accept_recipient()`), which only queues
//! bytes; [`Session::next`] hands them out. While an event is unanswered the session parses no further.

use std::time::Instant;

/// What the driver has to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<E> {
    /// Nothing to do until the peer says more, or the deadline passes.
    NeedInput,
    /// Write these bytes to the peer.
    Send(Vec<u8>),
    /// Flush, then begin TLS on this connection. Whatever the peer sent before the handshake has been thrown
    /// away already (RFC 3207 section 4.2); the driver calls [`Session::tls_started`] when it is done.
    StartTls,
    /// The service decides; the session waits for its answer.
    Event(E),
    /// Flush and close the connection.
    Close,
}

/// What is known of the encrypted channel once it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// `TLSv1.3`, as it stands in Received and in the journal.
    pub version: String,
    /// `TLS_AES_256_GCM_SHA384`.
    pub cipher: String,
    /// Keying material for `tls-exporter` channel binding (RFC 9266), when the version offers it.
    pub exporter: Option<Vec<u8>>,
    /// Hash of our end-entity certificate for `tls-server-end-point` (RFC 5929).
    pub server_end_point: Option<Vec<u8>>,
    /// The name that the client asked for (SNI).
    pub server_name: Option<String>,
}

/// One connection's protocol, either side.
pub trait Session {
    /// What the service is asked to decide or to carry out.
    type Event;

    /// Takes bytes from the peer. Memory stays bounded: the driver offers more only after [`Step::NeedInput`].
    fn receive(&mut self, now: Instant, bytes: &[u8]);

    /// The peer closed its side.
    fn end_of_input(&mut self);

    /// When the session's patience ends if the peer makes no progress; `None` while the service owes an answer.
    fn deadline(&self) -> Option<Instant>;

    /// The deadline has passed: the session says goodbye in its protocol's words and closes.
    fn timeout(&mut self, now: Instant);

    /// The encrypted channel that [`Step::StartTls`] asked for stands.
    fn tls_started(&mut self, tls: Tls);

    /// The next thing to do. Called until it answers [`Step::NeedInput`] or [`Step::Close`].
    fn next(&mut self) -> Step<Self::Event>;
}
