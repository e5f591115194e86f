//! A name server for the bench: every domain has one MX, and its host one address.

use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use hickory_proto::rr::rdata::{A, MX, SOA};
use hickory_proto::rr::{LowerName, Name, RData, Record};
use hickory_server::Server;
use hickory_server::net::runtime::TokioRuntimeProvider;
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, ZoneType};
use tokio::net::{TcpListener, UdpSocket};

use super::{domain, host};

/// The running name server.
pub(super) struct Names {
    address: SocketAddr,
    _server: Server<Catalog>,
}

impl Names {
    pub(super) async fn start(domains: usize) -> Result<Self> {
        let origin = Name::from_str("test.")?;
        let mut zone: InMemoryZoneHandler<TokioRuntimeProvider> =
            InMemoryZoneHandler::empty(origin.clone(), ZoneType::Primary, AxfrPolicy::Deny);
        let mut add = |name: Name, data: RData| zone.upsert_mut(Record::from_rdata(name, 3600, data), 0);
        let soa = SOA::new(Name::from_str("ns.test.")?, Name::from_str("root.test.")?, 1, 60, 60, 3600, 60);
        add(origin.clone(), RData::SOA(soa));
        for number in 0..domains {
            let name = Name::from_str(&format!("{}.", domain(number)))?;
            let mx = Name::from_str(&format!("mx.{}.", domain(number)))?;
            add(name, RData::MX(MX::new(10, mx.clone())));
            add(mx, RData::A(A(host(number))));
        }
        let mut catalog = Catalog::new();
        catalog.upsert(LowerName::from(origin), vec![Arc::new(zone)]);
        let mut server = Server::new(catalog);
        let (socket, listener) = same_port().await.context("the bench's name server finds no port")?;
        let address = socket.local_addr()?;
        server.register_socket(socket);
        server.register_listener(listener, Duration::from_secs(10), 32);
        Ok(Self { address, _server: server })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// A port that is free for UDP and for TCP.
async fn same_port() -> std::io::Result<(UdpSocket, TcpListener)> {
    let mut tries = 0;
    loop {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        match TcpListener::bind(socket.local_addr()?).await {
            Ok(listener) => return Ok((socket, listener)),
            Err(error) if tries >= 50 => return Err(error),
            Err(_) => tries += 1,
        }
    }
}
