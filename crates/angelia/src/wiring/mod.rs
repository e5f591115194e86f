//! Puts the rooms together: the only place that knows them all.
//!
//! [`Ground`] is what lasts (store, directory, mailboxes, queue), as a command uses it. [`Office`] is a running post
//! office: doors, services, the journal. Several can run in one process.

mod doors;
mod dropbox;
mod ground;
mod memory;
mod office;
mod services;
mod transport;

pub use doors::Doors;
pub use ground::Ground;
pub(crate) use ground::{certificates, make_data_folder};
pub use office::Office;
pub(crate) use services::{transfer, way_out};
