//! Runs a [`Session`] over a [`Stream`]: the one place where a protocol meets a socket.
//!
//! It reads what the peer says and hands it to the session, gathers what the session sends into few writes, begins
//! TLS when the session asks for it, keeps its deadlines, and closes in order. It decides nothing: every event goes
//! to the service, which answers through [`Conversation::session`].
//!
//! All state stands in the [`Conversation`], none in a future, so that dropping a call at any point (a `select!` whose
//! other arm was faster) loses no byte. An idle connection holds no buffer: reading uses the stack of the call, and
//! output is let go when it has been sent.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use envelope::Host;
use protocol::{Session, Step, Tls};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use crate::clock;
use crate::limits::{
    HANDSHAKE_PATIENCE, LINGER, LINGER_OCTETS_MAX, OUTPUT_OCTETS_MAX, OUTPUT_PATIENCE, READ_OCTETS,
    STARTTLS_RUBBISH_OCTETS_MAX,
};
use crate::stream::Stream;
use crate::tls::{ClientTls, Handshake, ServerTls, Untrusted, Verdict};
use crate::wire;

/// Why a connection ended otherwise than in order.
#[derive(Debug, thiserror::Error)]
pub enum Gone {
    /// The peer closed or reset the connection before the protocol's end.
    #[error("peer went away")]
    Peer,
    /// The peer took nothing of what we sent, for too long.
    #[error("peer stopped reading")]
    Stalled,
    /// The session's deadline passed and it had no last word.
    #[error("timed out")]
    TimedOut,
    /// TLS did not come to stand, or broke. The text says why.
    #[error("TLS: {0}")]
    Tls(String),
    /// The peer did not go on with the handshake.
    #[error("TLS: handshake timed out")]
    HandshakeTimedOut,
    /// The peer is not, by its certificate, the one that had to be there.
    #[error("TLS: {0}")]
    Untrusted(Untrusted),
    /// The network failed.
    #[error("{}", crate::plain(.0))]
    Io(io::Error),
}

impl From<io::Error> for Gone {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind as Kind;
        match error.kind() {
            Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe | Kind::NotConnected => Self::Peer,
            Kind::UnexpectedEof | Kind::WriteZero => Self::Peer,
            Kind::InvalidData => Self::Tls(crate::plain(&error)),
            _ => Self::Io(error),
        }
    }
}

/// What to do when the session says [`Step::StartTls`].
pub enum Upgrade {
    /// The session never says so; when it does, the connection ends with [`Gone::Tls`].
    Never,
    /// Be the server.
    Server(ServerTls),
    /// Be the client, of the server with this name.
    Client(ClientTls, Host),
}

enum Phase {
    Open,
    /// The answer to STARTTLS is being sent.
    StartingTls,
    Shaking(Box<Handshake>, Instant),
    /// The last output is being sent.
    Closing,
    /// Our side is closed; what the peer still sends is thrown away until it closes too.
    Lingering {
        until: Instant,
        octets_left: usize,
    },
    Closed,
}

/// A session on a connection.
pub struct Conversation<S: Session> {
    session: S,
    stream: Stream,
    upgrade: Upgrade,
    phase: Phase,
    /// An event that [`Self::flush`] met; [`Self::next`] hands it out.
    pending: Option<S::Event>,
    output: Vec<u8>,
    /// Of `output`, already taken by the transport.
    sent: usize,
    unflushed: bool,
    /// When the peer must have taken the gathered output.
    output_deadline: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    input_ended: bool,
    timed_out: bool,
    tls_told: bool,
    bytes_in: u64,
    bytes_out: u64,
}

impl<S: Session> Conversation<S> {
    /// Puts a session on a stream. Whether the stream is encrypted already, the session's maker has told it.
    pub fn new(stream: Stream, session: S, upgrade: Upgrade) -> Self {
        Self {
            session,
            stream,
            upgrade,
            phase: Phase::Open,
            pending: None,
            output: Vec::new(),
            sent: 0,
            unflushed: false,
            output_deadline: None,
            timer: None,
            input_ended: false,
            timed_out: false,
            tls_told: false,
            bytes_in: 0,
            bytes_out: 0,
        }
    }

    /// The next event that the service has to answer, or `None` when the connection was closed in order (and on every
    /// call after its end). Sends what the session has queued before it waits for the peer. Cancel-safe.
    pub async fn next(&mut self) -> Result<Option<S::Event>, Gone> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Sends everything that the session has queued, and returns when the transport has taken it: back-pressure for a
    /// service that answers one event with much output. Reads nothing. Cancel-safe.
    pub async fn flush(&mut self) -> Result<(), Gone> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// The session, to answer an event or to tell it something.
    pub fn session(&mut self) -> &mut S {
        &mut self.session
    }

    /// The other side's address.
    pub fn peer(&self) -> SocketAddr {
        self.stream.peer()
    }

    /// Our address.
    pub fn local(&self) -> SocketAddr {
        self.stream.local()
    }

    /// What is known of the encrypted channel, if there is one.
    pub fn tls(&self) -> Option<&Tls> {
        self.stream.tls()
    }

    /// The same, once: the first time that somebody asks after the channel came to stand.
    pub fn newly_secured(&mut self) -> Option<&Tls> {
        let tls = self.stream.tls()?;
        (!std::mem::replace(&mut self.tls_told, true)).then_some(tls)
    }

    /// What verification says of the server's certificate, when we are the client of an encrypted channel.
    pub fn verdict(&self) -> Option<&Verdict> {
        self.stream.verdict()
    }

    /// Octets that the peer has sent, without TLS's own.
    pub fn bytes_in(&self) -> u64 {
        self.bytes_in
    }

    /// Octets that the peer was sent, without TLS's own.
    pub fn bytes_out(&self) -> u64 {
        self.bytes_out
    }

    /// Whether the session's patience ended: it has said goodbye, or will.
    pub fn timed_out(&self) -> bool {
        self.timed_out
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<S::Event>, Gone>> {
        let outcome = ready!(self.poll_phases(cx));
        if outcome.is_err() {
            self.phase = Phase::Closed;
        }
        Poll::Ready(outcome)
    }

    fn poll_phases(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<S::Event>, Gone>> {
        loop {
            match &mut self.phase {
                Phase::Open => {
                    if let Some(event) = self.pending.take() {
                        return Poll::Ready(Ok(Some(event)));
                    }
                    match ready!(self.poll_session(cx))? {
                        Pumped::Event(event) => return Poll::Ready(Ok(Some(event))),
                        Pumped::Idle => ready!(self.poll_input(cx))?,
                        Pumped::PhaseChanged => {}
                    }
                }
                Phase::StartingTls => ready!(self.poll_starting_tls(cx))?,
                Phase::Shaking(..) => ready!(self.poll_shaking(cx))?,
                Phase::Closing => ready!(self.poll_closing(cx))?,
                Phase::Lingering { .. } => {
                    ready!(self.poll_lingering(cx));
                    self.phase = Phase::Closed;
                }
                Phase::Closed => return Poll::Ready(Ok(None)),
            }
        }
    }

    /// Takes the session's steps, until it wants input and everything has been sent, or until something else is next.
    fn poll_session(&mut self, cx: &mut Context<'_>) -> Poll<Result<Pumped<S::Event>, Gone>> {
        loop {
            if self.output.len() >= OUTPUT_OCTETS_MAX {
                ready!(self.poll_output(cx))?;
            }
            match self.session.next() {
                Step::Send(bytes) => {
                    wire::said(&self.stream, &bytes);
                    if self.output.is_empty() {
                        self.output = bytes;
                    } else {
                        self.output.extend_from_slice(&bytes);
                    }
                }
                Step::Event(event) => return Poll::Ready(Ok(Pumped::Event(event))),
                Step::NeedInput => {
                    ready!(self.poll_output(cx))?;
                    return Poll::Ready(Ok(Pumped::Idle));
                }
                Step::StartTls => {
                    self.phase = Phase::StartingTls;
                    return Poll::Ready(Ok(Pumped::PhaseChanged));
                }
                Step::Close => {
                    self.phase = Phase::Closing;
                    return Poll::Ready(Ok(Pumped::PhaseChanged));
                }
            }
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        if !matches!(self.phase, Phase::Open) || self.pending.is_some() {
            return Poll::Ready(Ok(()));
        }
        match ready!(self.poll_session(cx)) {
            // The output before an event goes out as well: the service called to have it sent.
            Ok(Pumped::Event(event)) => {
                self.pending = Some(event);
                self.poll_output(cx)
            }
            Ok(Pumped::Idle | Pumped::PhaseChanged) => Poll::Ready(Ok(())),
            Err(gone) => {
                self.phase = Phase::Closed;
                Poll::Ready(Err(gone))
            }
        }
    }

    /// Sends the gathered output, whole.
    fn poll_output(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        while let Some(rest) = self.output.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match Pin::new(&mut self.stream).poll_write(cx, rest) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(Gone::Peer)),
                Poll::Ready(Ok(count)) => {
                    self.sent += count;
                    self.bytes_out += count as u64;
                    self.unflushed = true;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                Poll::Pending => return self.poll_output_deadline(cx),
            }
        }
        if self.unflushed {
            match Pin::new(&mut self.stream).poll_flush(cx) {
                Poll::Ready(outcome) => outcome?,
                Poll::Pending => return self.poll_output_deadline(cx),
            }
            self.unflushed = false;
        }
        self.output = Vec::new();
        self.sent = 0;
        self.output_deadline = None;
        Poll::Ready(Ok(()))
    }

    fn poll_output_deadline(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        let deadline = *self.output_deadline.get_or_insert_with(|| clock::instant() + OUTPUT_PATIENCE);
        ready!(poll_until(&mut self.timer, deadline, cx));
        Poll::Ready(Err(Gone::Stalled))
    }

    /// Waits for the peer, or for the session's deadline; either way there is something new for the session after.
    fn poll_input(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        if self.input_ended {
            // It has been told so, and still wants more.
            return Poll::Ready(Err(Gone::Peer));
        }
        if let Poll::Ready(outcome) = self.poll_receive(cx) {
            return Poll::Ready(outcome);
        }
        let Some(deadline) = self.session.deadline() else { return Poll::Pending };
        ready!(poll_until(&mut self.timer, deadline, cx));
        if std::mem::replace(&mut self.timed_out, true) {
            // It was told already and neither closed nor set itself another deadline.
            return Poll::Ready(Err(Gone::TimedOut));
        }
        self.session.timeout(clock::instant());
        Poll::Ready(Ok(()))
    }

    /// Reads once. The buffer is on this call's stack, so this must not be inlined into a caller that lasts.
    #[inline(never)]
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        let mut space = [const { MaybeUninit::<u8>::uninit() }; READ_OCTETS];
        let mut buffer = ReadBuf::uninit(&mut space);
        match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)) {
            Ok(()) => {}
            // Many clients end TLS without saying so; what they said before counts.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Err(error) => return Poll::Ready(Err(error.into())),
        }
        let bytes = buffer.filled();
        if bytes.is_empty() {
            self.input_ended = true;
            self.session.end_of_input();
        } else {
            self.bytes_in += bytes.len() as u64;
            wire::heard(&self.stream, bytes);
            self.session.receive(clock::instant(), bytes);
        }
        Poll::Ready(Ok(()))
    }

    /// Everything sent, then the handshake begins.
    fn poll_starting_tls(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        if matches!(self.upgrade, Upgrade::Server(_)) && !self.output.is_empty() {
            self.throw_away_plaintext(cx)?;
        }
        ready!(self.poll_output(cx))?;
        let handshake = match &self.upgrade {
            Upgrade::Never => return Poll::Ready(Err(Gone::Tls("not prepared for it".into()))),
            Upgrade::Server(tls) => self.stream.begin_accept(tls)?,
            Upgrade::Client(tls, name) => self.stream.begin_connect(tls, name)?,
        };
        self.phase = Phase::Shaking(Box::new(handshake), clock::instant() + HANDSHAKE_PATIENCE);
        Poll::Ready(Ok(()))
    }

    /// The answer to STARTTLS is not sent yet, so whatever has come after the command came in the clear: a man in
    /// the middle may have put it there, and it must not be taken for what came over TLS (RFC 3207 section 6).
    fn throw_away_plaintext(&mut self, cx: &mut Context<'_>) -> Result<(), Gone> {
        let mut left = STARTTLS_RUBBISH_OCTETS_MAX;
        while let Poll::Ready(count) = poll_discard(&mut self.stream, cx) {
            match count? {
                0 => return Err(Gone::Peer),
                count if count >= left => return Err(Gone::Tls("the peer does not wait for TLS".into())),
                count => left -= count,
            }
        }
        Ok(())
    }

    fn poll_shaking(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        let Phase::Shaking(handshake, deadline) = &mut self.phase else { return Poll::Ready(Ok(())) };
        match self.stream.poll_handshake(handshake, cx) {
            Poll::Ready(outcome) => outcome?,
            Poll::Pending => {
                ready!(poll_until(&mut self.timer, *deadline, cx));
                return Poll::Ready(Err(Gone::HandshakeTimedOut));
            }
        }
        self.phase = Phase::Open;
        self.session.tls_started(self.stream.tls().cloned().unwrap_or_default());
        Poll::Ready(Ok(()))
    }

    /// Sends the last words, closes our side, TLS's and TCP's.
    fn poll_closing(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Gone>> {
        ready!(self.poll_output(cx))?;
        match Pin::new(&mut self.stream).poll_shutdown(cx) {
            // A peer that is gone already is as closed as it can be.
            Poll::Ready(_) => {}
            Poll::Pending => return self.poll_output_deadline(cx),
        }
        self.phase = if self.input_ended {
            Phase::Closed
        } else {
            Phase::Lingering { until: clock::instant() + LINGER, octets_left: LINGER_OCTETS_MAX }
        };
        Poll::Ready(Ok(()))
    }

    /// Ready when the peer has closed as well, or when we have waited enough.
    fn poll_lingering(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Phase::Lingering { until, octets_left } = &mut self.phase else { return Poll::Ready(()) };
        while let Poll::Ready(outcome) = poll_discard(&mut self.stream, cx) {
            match outcome {
                Ok(count) if count > 0 && count < *octets_left => *octets_left -= count,
                _ => return Poll::Ready(()),
            }
        }
        poll_until(&mut self.timer, *until, cx)
    }
}

/// What [`Conversation::poll_session`] stopped at.
enum Pumped<E> {
    Event(E),
    /// The session wants input, and everything it had to say is sent.
    Idle,
    PhaseChanged,
}

/// Reads and forgets.
fn poll_discard(stream: &mut Stream, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
    let mut space = [const { MaybeUninit::<u8>::uninit() }; 4096];
    let mut buffer = ReadBuf::uninit(&mut space);
    ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
    Poll::Ready(Ok(buffer.filled().len()))
}

/// Waits for a deadline. One timer serves a connection for all its life: a deadline that moves away, as it does with
/// every command, leaves the timer where it is; it wakes once in vain and is set anew.
fn poll_until(timer: &mut Option<Pin<Box<Sleep>>>, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
    let deadline = tokio::time::Instant::from_std(deadline);
    let timer = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
    if timer.deadline() > deadline || timer.is_elapsed() {
        timer.as_mut().reset(deadline);
    }
    loop {
        ready!(timer.as_mut().poll(cx));
        if timer.deadline() >= deadline {
            return Poll::Ready(());
        }
        timer.as_mut().reset(deadline);
    }
}
