//! What mail out knows of the TLS of others, and what is told them of it: policies, counters, reports.

use std::sync::Arc;

use mhs::Context;
use mhs::mta::outbound::tls::Policies;
use mhs::mta::outbound::tls::sts::Sts;
use mhs::tlsrpt::{Collecting, Collector, Reporter, Reporting};
use net::{Https, Resolver, Roots, Shutdown};
use storage::Store;

use crate::config::Settings;

/// Where policies lie (RFC 8461 section 3.3).
const HTTPS_PORT: u16 = 443;

/// The parts that run beside mail out.
pub(crate) struct Transport {
    policies: Policies,
    collecting: Collecting,
    reporter: Reporter,
}

impl Transport {
    pub(super) fn new(settings: &Settings, context: &Arc<Context>, resolver: &Resolver, roots: &Roots) -> Self {
        let store: Store = context.store.clone();
        let https = Https::new(resolver.clone(), roots);
        let (collector, collecting) = Collector::new(store.clone());
        let sts = Sts::new(store.clone(), resolver.clone(), https.clone(), HTTPS_PORT);
        let reporting = settings.tls_reports.clone().map(|contact| Reporting { contact });
        let reporter = Reporter::new(Arc::clone(context), reporting, resolver.clone(), https);
        Self { policies: Policies::new(store, sts, collector), collecting, reporter }
    }

    /// For the settings of mail out.
    pub(super) fn policies(&self) -> Policies {
        self.policies.clone()
    }

    /// Runs as long as mail out does, and a moment longer: what it saw last is counted too.
    pub(super) async fn beside(self, carrying: impl Future<Output = ()>) {
        let end = Shutdown::new();
        let carried = async {
            carrying.await;
            end.begin();
        };
        tokio::join!(
            carried,
            self.policies.run(end.clone()),
            self.collecting.run(end.clone()),
            self.reporter.run(end.clone())
        );
    }
}
