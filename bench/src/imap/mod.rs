//! Mail that is read: the same mailboxes in Angelia and in Dovecot, the same commands, one table.
//!
//! Each server is filled by APPEND, left alone until it is quiet (ours makes its index of texts then), restarted so that
//! nothing is warm that would not be, and then asked. A row is the median of its repetitions, in milliseconds, or a rate,
//! and the last column the ratio: above 1, Angelia is ahead.
//! Dovecot keeps processes ready and uses them again, as its manual advises for speed; its flag changes are not synced.

mod client;
mod fill;
mod rates;
mod server;
mod steps;
mod table;

use anyhow::Result;

use crate::Place;
use server::Server;

/// What is asked of whom.
#[derive(clap::Args, Clone)]
pub(crate) struct Options {
    /// Messages in the mailbox that is worked on.
    #[arg(long, default_value_t = 10_000)]
    letters: usize,
    /// Messages in a larger mailbox, which is only looked at; 0 leaves it out.
    #[arg(long, default_value_t = 0)]
    many: usize,
    /// Octets of a message, about.
    #[arg(long, default_value_t = 4096)]
    octets: usize,
    /// Waiting connections, for what one of them costs.
    #[arg(long, default_value_t = 200)]
    idle: usize,
    /// Only one of the two: `angelia` or `dovecot`.
    #[arg(long)]
    only: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// The mailbox that is worked on.
const WORKED: usize = 0;
/// The large one.
const LARGE: usize = 1;
/// Where APPEND is measured, and where copies go.
const OTHER: usize = 2;

/// One figure of one server.
pub(super) struct Figure {
    pub(super) row: String,
    pub(super) value: f64,
    /// Milliseconds and KiB are better when smaller, rates when larger.
    pub(super) unit: &'static str,
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    let mut columns = Vec::new();
    for name in ["dovecot", "angelia"] {
        if options.only.as_deref().is_some_and(|only| only != name) {
            continue;
        }
        let mut server = Server::start(name, &options.place)?;
        eprintln!("{name}: filling …");
        fill::fill(&server, WORKED, options.letters, options.octets).await?;
        fill::fill(&server, LARGE, options.many, options.octets).await?;
        server.quiet().await;
        server.restart()?;
        server.quiet().await;
        eprintln!("{name}: asking …");
        let mut figures = steps::run(&server, options).await?;
        figures.extend(rates::run(&server, options).await?);
        columns.push((name, figures));
    }
    table::print(options, &columns);
    Ok(())
}
