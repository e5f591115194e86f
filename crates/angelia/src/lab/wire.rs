//! Hears what two servers say to each other, from the trace that the driver of sessions writes
//! ([`net::wire`]): the dialogue as it went over the socket, not as somebody thinks that it went.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::talk::{Said, Who};

/// Octets that are remembered. The lab's own letters are small; what other programs send through it meanwhile is none
/// of its business.
const HEARD_OCTETS_MAX: usize = 256 * 1024;

/// The ear, and what it heard. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Wire(Arc<Inner>);

#[derive(Default)]
struct Inner {
    listening: AtomicBool,
    heard: Mutex<Heard>,
}

#[derive(Default)]
struct Heard {
    /// Only connections to this address, seen from the side that opened them.
    to: String,
    chunks: Vec<Chunk>,
    octets: usize,
}

struct Chunk {
    is_peer: bool,
    tls: bool,
    text: String,
}

impl Wire {
    /// Listens to connections that are opened to `address` from now on.
    pub(super) fn listen(&self, address: std::net::SocketAddr) {
        *self.heard() = Heard { to: address.to_string(), ..Heard::default() };
        self.0.listening.store(true, Ordering::Relaxed);
    }

    /// Stops, and tells what was said, line by line: `C:` is who opened the connection.
    pub(super) fn take(&self) -> Vec<Said> {
        self.0.listening.store(false, Ordering::Relaxed);
        let heard = std::mem::take(&mut *self.heard());
        let mut said: Vec<Said> = Vec::new();
        let mut tls = false;
        for chunk in heard.chunks {
            if chunk.tls && !tls {
                tls = true;
                said.push(Said::note("TLS: from here on every byte is encrypted"));
            }
            let who = if chunk.is_peer { Who::Server } else { Who::Client };
            said.extend(chunk.text.lines().map(|line| Said::new(who, line)));
        }
        said
    }

    /// Whether anybody wants this trace; asked for every event, so that the lab costs nothing while it only serves.
    pub(super) fn is_listening(&self) -> bool {
        self.0.listening.load(Ordering::Relaxed)
    }

    fn heard(&self) -> std::sync::MutexGuard<'_, Heard> {
        self.0.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Subscriber> Layer<S> for Wire {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut heard = self.heard();
        if fields.peer == heard.to && heard.octets < HEARD_OCTETS_MAX {
            heard.octets += fields.text.len();
            heard.chunks.push(Chunk { is_peer: fields.heard, tls: fields.tls, text: fields.text });
        }
    }
}

#[derive(Default)]
struct Fields {
    peer: String,
    heard: bool,
    tls: bool,
    text: String,
}

impl Visit for Fields {
    fn record_bool(&mut self, field: &Field, value: bool) {
        match field.name() {
            "heard" => self.heard = value,
            "tls" => self.tls = value,
            _ => {}
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "text" {
            self.text = value.to_owned();
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "peer" {
            self.peer = format!("{value:?}");
        }
    }
}
