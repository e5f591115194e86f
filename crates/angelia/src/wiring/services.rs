//! The services, made from the settings that hold. A reload makes new ones; connections that were let in before keep
//! theirs.

use std::sync::Arc;

use journal::{Journal, Service};
use net::{Incoming, ServerTls, Shutdown};

use super::Ground;
use crate::config::Settings;

/// What a service needs of the house.
pub(super) struct Parts<'a> {
    pub(super) settings: &'a Settings,
    pub(super) ground: &'a Ground,
    pub(super) tls: &'a ServerTls,
    pub(super) journal: &'a Arc<dyn Journal>,
    pub(super) shutdown: &'a Shutdown,
}

/// All of them.
pub(super) struct Services {}

impl Services {
    pub(super) fn new(parts: &Parts<'_>) -> anyhow::Result<Self> {
        let _ = (parts.settings, parts.ground, parts.tls, parts.journal, parts.shutdown);
        Ok(Self {})
    }

    /// Serves one connection to its end.
    pub(super) async fn serve(&self, service: Service, incoming: Incoming) {
        let _ = (service, incoming);
    }
}
