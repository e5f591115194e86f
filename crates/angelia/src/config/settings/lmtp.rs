//! The door for mail that another server has received, and what becomes of letters that are sent on.

use std::path::PathBuf;

use directory::TrustedNetworks;
use envelope::Domain;

use super::reader::{Reader, as_text};
use crate::config::raw::Value;

/// LMTP, beside its addresses, which stand with all doors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LmtpSettings {
    /// Who may come in, beside this machine.
    pub networks: TrustedNetworks,
    /// A Unix socket.
    pub socket: Option<PathBuf>,
    /// Who may open it.
    pub socket_mode: u32,
}

/// Letters that are sent on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardSettings {
    /// Whether foreign senders get an address of ours.
    pub srs: bool,
    /// In which domain.
    pub srs_domain: Option<Domain>,
}

impl Reader<'_> {
    pub(super) fn lmtp(&mut self) -> LmtpSettings {
        let name = "lmtp.socket_mode";
        let read = |value: &Value| {
            let text = as_text(value, name)?;
            let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777);
            mode.ok_or_else(|| format!("{text:?} is no mode; write for instance \"0660\""))
        };
        LmtpSettings {
            socket_mode: self.read(name, read).unwrap_or(0o660),
            networks: self.networks("lmtp.networks"),
            socket: self.path("lmtp.socket"),
        }
    }

    pub(super) fn forward(&mut self) -> ForwardSettings {
        let name = "forward.srs_domain";
        let read = |value: &Value| {
            let text = as_text(value, name)?;
            Domain::parse(text).map_err(|error| format!("{text:?}: {error}"))
        };
        ForwardSettings { srs: self.bool("forward.srs"), srs_domain: self.read(name, read) }
    }
}
