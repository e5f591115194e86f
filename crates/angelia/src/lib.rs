//! The program: configuration, wiring, command line, journal sinks, the lab. The only one that knows all rooms.
//!
//! [`main`] is the command line. [`wiring::Office`] is one running post office, for whoever wants to have one inside
//! another program (the lab has two, the tests have many).

mod cli;
pub mod config;
mod dropbox;
mod lab;
mod privileges;
mod shown;
mod signals;
mod sinks;
pub mod wiring;

pub use cli::main;
