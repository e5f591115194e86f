//! Mail out over real sockets: a real name server, real stores, and next hops that do what they are told, good and bad.

mod delivery;
mod forwarding;
mod lookups;
#[path = "../../../net/tests/names/mod.rs"]
mod names;
mod notices;
mod offices;
mod peer;
mod reports;
mod require_tls;
mod routes;
mod secured;
mod secured_peer;
mod seven_bits;
mod trouble;
mod ways;
#[path = "../../../net/tests/web/mod.rs"]
mod web;
mod world;
