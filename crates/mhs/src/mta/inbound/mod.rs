//! The SMTP doors: reception of mail for our own people (port 25), submission by them (587, 465), and LMTP for what
//! another server of the operator's has received (RFC 2033).
//!
//! One loop drives the session; each phase has its file: [`connect`], [`hello`], [`mail`], [`rcpt`], [`data`],
//! [`content`]; [`names`] has VRFY and EXPN. The doors differ by their [`Policy`], which each phase asks. A letter is refused inside the session
//! where it can be, never accepted and bounced to a stranger.

mod connect;
mod content;
mod data;
mod header;
mod hello;
mod mail;
mod names;
mod rcpt;
mod serve;

pub use names::{Vrfy, VrfyError};
pub(crate) use serve::Visit;

use std::net::IpAddr;
use std::sync::Arc;

use journal::Service;
use net::{Door, Incoming};
use protocol::smtp::server::{Auth, BareLineEnds, Config, Mode};

use crate::Context;

/// What a door is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Takes letters from anybody for our own addresses. Others are relayed for trusted networks only.
    Reception,
    /// Takes letters from our own people, signed in, under their own names, for anybody (RFC 6409).
    Submission,
    /// Takes letters for our own addresses from servers that the operator trusts to bring them, and relays nothing.
    Store,
}

/// One door: what stands behind a listener.
pub struct Inbound {
    context: Arc<Context>,
    /// For those who may sign in only behind TLS, and for the others.
    configs: [Arc<Config>; 2],
    policy: Policy,
    service: Service,
    implicit_tls: bool,
}

impl Inbound {
    /// MX reception, port 25.
    pub fn reception(context: &Arc<Context>) -> Arc<Self> {
        Self::new(context, Policy::Reception, Service::Smtp, false)
    }

    /// Submission with STARTTLS, port 587.
    pub fn submission(context: &Arc<Context>) -> Arc<Self> {
        Self::new(context, Policy::Submission, Service::Submission, false)
    }

    /// Submission over implicit TLS, port 465 (RFC 8314 section 3.3).
    pub fn submissions(context: &Arc<Context>) -> Arc<Self> {
        Self::new(context, Policy::Submission, Service::Submissions, true)
    }

    /// LMTP, for another server in front of us (RFC 2033). A Unix socket, this machine, and the networks that are named.
    pub fn lmtp(context: &Arc<Context>) -> Arc<Self> {
        Self::new(context, Policy::Store, Service::Lmtp, false)
    }

    fn new(context: &Arc<Context>, policy: Policy, service: Service, implicit_tls: bool) -> Arc<Self> {
        let settings = &context.settings;
        let submission = policy == Policy::Submission;
        let configs = [false, true].map(|before_tls| Config {
            starttls: settings.tls.is_some() && !implicit_tls,
            auth: Auth { enabled: submission, before_tls, required: submission },
            mode: if policy == Policy::Store { Mode::Lmtp } else { Mode::Smtp },
            bare_line_ends: if policy == Policy::Reception { BareLineEnds::Refuse } else { BareLineEnds::Normalise },
            message_octets_max: settings.message_octets_max,
            recipients_max: settings.recipients_max,
            ..Config::new(settings.hostname.as_str())
        });
        let configs = configs.map(Config::shared);
        Arc::new(Self { context: Arc::clone(context), configs, policy, service, implicit_tls })
    }

    fn config_for(&self, peer: IpAddr) -> &Arc<Config> {
        let [secured, clear] = &self.configs;
        if self.context.settings.cleartext_sign_in.is_allowed_from(peer) { clear } else { secured }
    }
}

impl Door for Inbound {
    async fn serve(self: Arc<Self>, incoming: Incoming) {
        serve::serve(&self, incoming).await;
    }
}
