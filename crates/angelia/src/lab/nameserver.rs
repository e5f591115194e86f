//! The lab's name server: authoritative for the domains of the lab and for its part of loopback's reverse, on UDP and
//! TCP. It remembers what it was asked, so that the lab can show it.
//!
//! A domain has MX, A, and SPF records. No DKIM record: nothing is signed yet, and a record that promises it would lie.

use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use hickory_proto::rr::rdata::{A, MX, NS, PTR, SOA, TXT};
use hickory_proto::rr::{LowerName, Name, RData, Record};
use hickory_server::Server;
use hickory_server::net::runtime::{Time, TokioRuntimeProvider};
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, ZoneType};
use tokio::net::{TcpListener, UdpSocket};

use super::plan::Plan;

/// Seconds that an answer may be kept. Short, so that a change is seen.
const TTL: u32 = 5;
/// Questions that are remembered; the lab asks for them soon.
const ASKED_MAX: usize = 1_000;
/// A TCP connection that says nothing is closed.
const TCP_PATIENCE: Duration = Duration::from_secs(10);
/// Answers that wait to be written to one TCP connection.
const TCP_ANSWERS_MAX: usize = 32;

/// A question that came, and what our zone has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// `patras.test MX`
    pub(super) question: String,
    /// `10 mail.patras.test`, one for each record; empty when there is none.
    pub(super) answers: Vec<String>,
}

/// The running name server.
pub(super) struct Nameserver {
    server: Server<Listening>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Nameserver {
    /// Starts it on the plan's address.
    pub(super) async fn start(plan: &Plan) -> anyhow::Result<Self> {
        let records = records(plan)?;
        let mut catalog = Catalog::new();
        for origin in ["test.", "127.in-addr.arpa."] {
            let (name, zone) = zone(origin, &records)?;
            catalog.upsert(name, vec![Arc::new(zone)]);
        }
        let asked = Arc::new(Mutex::new(Vec::new()));
        let mut server = Server::new(Listening { catalog, records, asked: Arc::clone(&asked) });
        let busy = || format!("the lab's name server cannot listen on {}; try another --port-base", plan.dns);
        server.register_socket(UdpSocket::bind(plan.dns).await.with_context(busy)?);
        let listener = TcpListener::bind(plan.dns).await.with_context(busy)?;
        server.register_listener(listener, TCP_PATIENCE, TCP_ANSWERS_MAX);
        Ok(Self { server, asked })
    }

    /// What was asked since the last time.
    pub(super) fn take_asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) async fn stop(mut self) {
        // Whatever it says, the process ends.
        let _ = self.server.shutdown_gracefully().await;
    }
}

type Entry = (Name, RData);

fn records(plan: &Plan) -> anyhow::Result<Vec<Entry>> {
    let mut records = Vec::new();
    for office in plan.offices() {
        let IpAddr::V4(ip) = office.ip else { continue };
        let host = Name::from_ascii(&office.hostname)?;
        add_domain(&mut records, office.domain.as_str(), host, ip)?;
    }
    for neighbour in &plan.neighbours {
        let host = Name::from_ascii(format!("mail.{}", neighbour.domain))?;
        add_domain(&mut records, neighbour.domain.as_str(), host, neighbour.ip)?;
    }
    for entry in &mut records {
        entry.0.set_fqdn(true);
    }
    Ok(records)
}

fn add_domain(records: &mut Vec<Entry>, domain: &str, mut host: Name, ip: Ipv4Addr) -> anyhow::Result<()> {
    host.set_fqdn(true);
    let domain = Name::from_ascii(domain)?;
    let [a, b, c, d] = ip.octets();
    let reverse = Name::from_ascii(format!("{d}.{c}.{b}.{a}.in-addr.arpa."))?;
    records.push((domain.clone(), RData::MX(MX::new(10, host.clone()))));
    records.push((domain.clone(), RData::A(A(ip))));
    // Connections between addresses of loopback come from 127.0.0.1, whatever address was meant.
    records.push((domain, RData::TXT(TXT::new(vec![format!("v=spf1 mx ip4:{} -all", Ipv4Addr::LOCALHOST)]))));
    records.push((host.clone(), RData::A(A(ip))));
    records.push((reverse, RData::PTR(PTR(host))));
    Ok(())
}

fn zone(origin: &str, records: &[Entry]) -> anyhow::Result<(LowerName, InMemoryZoneHandler<TokioRuntimeProvider>)> {
    let origin = Name::from_ascii(origin)?;
    let server = Name::from_ascii("ns.test.")?;
    let mut zone = InMemoryZoneHandler::empty(origin.clone(), ZoneType::Primary, AxfrPolicy::Deny);
    let soa = SOA::new(server.clone(), Name::from_ascii("postmaster.test.")?, 1, 60, 60, 60, TTL);
    zone.upsert_mut(Record::from_rdata(origin.clone(), TTL, RData::SOA(soa)), 0);
    zone.upsert_mut(Record::from_rdata(origin.clone(), TTL, RData::NS(NS(server))), 0);
    for (name, data) in records.iter().filter(|(name, _)| origin.zone_of(name)) {
        zone.upsert_mut(Record::from_rdata(name.clone(), TTL, data.clone()), 0);
    }
    Ok((LowerName::from(origin), zone))
}

/// Answers by the catalog, and remembers the questions.
struct Listening {
    catalog: Catalog,
    records: Vec<Entry>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Listening {
    fn remember(&self, request: &Request) {
        let Ok(info) = request.request_info() else { return };
        let (name, kind) = (info.query.original().name(), info.query.original().query_type());
        let fits = |entry: &&Entry| entry.1.record_type() == kind && entry.0 == *name;
        let answers = self.records.iter().filter(fits).map(|(_, data)| trim(&data.to_string())).collect();
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.len() < ASKED_MAX {
            asked.push(Asked { question: format!("{} {kind}", trim(&name.to_string())), answers });
        }
    }
}

/// Names as people write them, without the final dot.
fn trim(text: &str) -> String {
    text.trim_end_matches('.').to_owned()
}

/// By hand what a macro would write, since it is needed in this one place.
impl RequestHandler for Listening {
    fn handle_request<'a, 'b, 'c, R, T>(
        &'a self,
        request: &'b Request,
        response_handle: R,
    ) -> Pin<Box<dyn Future<Output = ResponseInfo> + Send + 'c>>
    where
        R: ResponseHandler + 'c,
        T: Time + 'c,
        'a: 'c,
        'b: 'c,
        Self: 'c,
    {
        self.remember(request);
        self.catalog.handle_request::<R, T>(request, response_handle)
    }
}
