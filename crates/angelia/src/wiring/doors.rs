//! The doors: bound sockets, and what each of them leads to.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use arc_swap::ArcSwap;
use directory::TrustedNetworks;
use journal::{Entry, Event, Journal, Service};
use net::{Connections, Door, Incoming, Listener, Refused, UnixListener};

use super::services::Services;
use crate::config::{ListenSettings, Settings};

/// Bound sockets that nobody serves yet. Binding is apart from serving, since the first may need root.
pub struct Doors {
    pub(super) listeners: Vec<(ListenSettings, Listener)>,
    /// LMTP, for programs of this machine.
    pub(super) socket: Option<UnixListener>,
}

impl Doors {
    /// Binds every address of the configuration; all or none.
    pub fn open(settings: &Settings) -> anyhow::Result<Self> {
        let bind = |door: &ListenSettings| Ok((*door, Listener::bind(door.address)?));
        let listeners = settings.listen.iter().map(bind).collect::<anyhow::Result<Vec<_>>>()?;
        let lmtp = &settings.lmtp;
        let socket = lmtp.socket.as_ref().map(|path| UnixListener::bind(path, lmtp.socket_mode)).transpose()?;
        Ok(Self { listeners, socket })
    }

    /// What was bound; where port 0 was asked for, the port that was given.
    pub fn addresses(&self) -> Vec<(Service, SocketAddr)> {
        self.listeners.iter().map(|(door, listener)| (door.service, listener.local())).collect()
    }
}

/// Doors that share their places, so that a flood at one kind leaves the others open.
pub(super) struct Places {
    smtp: Arc<Connections>,
    submission: Arc<Connections>,
    imap: Arc<Connections>,
    pop3: Arc<Connections>,
    /// What each may have at most, by the limit of open files.
    room: usize,
}

/// Open files that the program needs beside its connections: the store, the certificates, the outbound client.
const OTHER_FILES: u64 = 512;

impl Places {
    /// Each connection is an open file; where the process may not have so many, there are fewer places, and a word
    /// about it.
    pub(super) fn new(settings: &Settings, files_max: u64) -> (Self, Option<String>) {
        let room = usize::try_from(files_max.saturating_sub(OTHER_FILES) / 4).unwrap_or(usize::MAX).max(1);
        let make = || {
            let trusted: TrustedNetworks = settings.relay_networks.clone();
            let exempt = move |ip: IpAddr| ip.to_canonical().is_loopback() || trusted.contains(ip);
            let connections_max = settings.connections_max.min(room);
            Connections::new(connections_max, settings.connections_per_address_max, exempt)
        };
        let warning = (room < settings.connections_max).then(|| {
            format!(
                "this process may open {files_max} files, so each kind of door has {room} places in place of {}; raise \
                 the limit (LimitNOFILE, ulimit -n)",
                settings.connections_max
            )
        });
        (Self { smtp: make(), submission: make(), imap: make(), pop3: make(), room }, warning)
    }

    /// New limits, for whoever comes from now on.
    pub(super) fn set_limits(&self, settings: &Settings) {
        let connections_max = settings.connections_max.min(self.room);
        for places in [&self.smtp, &self.submission, &self.imap, &self.pop3] {
            places.set_limits(connections_max, settings.connections_per_address_max);
        }
    }

    /// How many were taken since the last call that are not any more.
    pub(super) fn take_gone(&self) -> usize {
        let all = [&self.smtp, &self.submission, &self.imap, &self.pop3];
        all.iter().map(|places| places.take_peak().saturating_sub(places.taken())).sum()
    }

    pub(super) fn of(&self, service: Service) -> Arc<Connections> {
        Arc::clone(match service {
            Service::Submission | Service::Submissions => &self.submission,
            Service::Imap | Service::Imaps => &self.imap,
            Service::Pop3 | Service::Pop3s => &self.pop3,
            Service::Smtp | Service::Lmtp | Service::Outbound | Service::Local => &self.smtp,
        })
    }
}

/// One door. What stands behind it may be exchanged while it is open: who has come in stays with what he found.
pub(super) struct Doorway {
    pub(super) service: Service,
    pub(super) services: Arc<ArcSwap<Services>>,
    pub(super) journal: Arc<dyn Journal>,
    pub(super) busy_line: Vec<u8>,
}

impl Doorway {
    pub(super) fn new(
        service: Service,
        services: Arc<ArcSwap<Services>>,
        journal: Arc<dyn Journal>,
        settings: &Settings,
    ) -> Self {
        let hostname = &settings.hostname;
        let busy_line = match service {
            Service::Smtp | Service::Submission | Service::Lmtp => {
                format!("421 4.3.2 {hostname} has no room just now, try again later\r\n")
            }
            Service::Imap => "* BYE [UNAVAILABLE] no room just now, try again later\r\n".to_owned(),
            Service::Pop3 => "-ERR [SYS/TEMP] no room just now, try again later\r\n".to_owned(),
            // Behind TLS nothing can be said before the handshake.
            _ => String::new(),
        };
        Self { service, services, journal, busy_line: busy_line.into_bytes() }
    }
}

impl Door for Doorway {
    fn busy_line(&self) -> &[u8] {
        &self.busy_line
    }

    fn refused(&self, peer: SocketAddr, why: Refused) {
        let limit = match why {
            Refused::TooMany => "limits.connections",
            Refused::TooManyFromHere => "limits.connections_per_address",
            Refused::Draining => "the program ends",
        };
        let event = Event::Limited { service: self.service, limit: limit.to_owned(), peer: Some(peer.ip()) };
        self.journal.record(Entry { at: net::clock::now(), session: None, mail: None, event });
    }

    async fn serve(self: Arc<Self>, incoming: Incoming) {
        let services = self.services.load_full();
        services.serve(self.service, incoming).await;
    }
}
