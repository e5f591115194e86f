//! Mail through: letters are handed in for a number of foreign domains and counted where they arrive.
//!
//! Every domain has a sink of its own on an address of loopback, all in this process, so both servers meet the same
//! peers. Angelia finds them by MX records of a name server in this process; Postfix, which cannot be told the port of a
//! name server, by a table of transports, which saves it the questions. With `--hanging` each round is run twice, the
//! second time with letters for domains whose servers take connections and never say a word: what these cost the others
//! is the last column.

mod angelia;
mod names;
mod postfix;
mod sink;
mod table;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::Place;
use crate::figures::share_of;
use crate::load::Load;
use crate::strace::Strace;
use crate::subject::Subject;
use sink::Sinks;
use table::Row;

/// What is poured into whom.
#[derive(clap::Args, Clone)]
pub(crate) struct Options {
    /// SMTP sessions at once that hand letters in.
    #[arg(long, default_value_t = 32)]
    sessions: usize,
    /// Letters for Angelia; the rival gets as many unless --rival-letters says otherwise.
    #[arg(long, default_value_t = 20_000)]
    letters: usize,
    /// Letters for the rival, which is slower.
    #[arg(long)]
    rival_letters: Option<usize>,
    /// Octets of a letter, about.
    #[arg(long, default_value_t = 4096)]
    octets: usize,
    /// Domains that the letters go to, in turn.
    #[arg(long, default_value_t = 10)]
    domains: usize,
    /// Also with letters for so many domains whose servers hang.
    #[arg(long, default_value_t = 0)]
    hanging: usize,
    /// One such letter after so many others.
    #[arg(long, default_value_t = 100)]
    hanging_every: usize,
    /// Rounds; the table shows each, the ratio is of the medians.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Also count fsync and fdatasync, in a short round of its own under strace.
    #[arg(long)]
    syncs: bool,
    /// Only one of the two: `angelia` or `postfix`.
    #[arg(long)]
    only: Option<String>,
    #[command(flatten)]
    place: Place,
}

/// The name of a domain, and the address of its mail host.
fn domain(number: usize) -> String {
    format!("d{number}.test")
}

fn host(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 2, u8::try_from(number + 1).unwrap_or(u8::MAX))
}

/// All of it.
pub(crate) async fn run(options: &Options) -> Result<()> {
    ensure!((1..=100).contains(&options.domains) && options.hanging <= 100, "1 to 100 domains, at most 100 hanging");
    ensure!(options.hanging_every > 0, "--hanging-every is 1 or more");
    let sinks = Sinks::start(options.domains, options.hanging).await?;
    let names = names::Names::start(options.domains + options.hanging).await?;
    let wanted = |name: &str| options.only.as_deref().is_none_or(|only| only == name);
    let mut rows = Vec::new();
    for round in 1..=options.rounds {
        for hanging in [false, true] {
            if hanging && options.hanging == 0 {
                continue;
            }
            if wanted("postfix") {
                let mut relay = postfix::Postfix::start(options, sinks.port())?;
                let letters = options.rival_letters.unwrap_or(options.letters);
                rows.push(measure(&mut relay, &sinks, options, letters, round, hanging).await?);
            }
            if wanted("angelia") {
                let mut relay = angelia::Angelia::start(options, names.address(), sinks.port())?;
                rows.push(measure(&mut relay, &sinks, options, options.letters, round, hanging).await?);
            }
        }
    }
    table::print(options, &rows);
    Ok(())
}

async fn measure(
    relay: &mut dyn Subject,
    sinks: &Sinks,
    options: &Options,
    letters: usize,
    round: usize,
    hanging: bool,
) -> Result<Row> {
    let with = if hanging { ", some for servers that hang" } else { "" };
    eprintln!("{}: round {round}, {letters} letters of {} octets{with} …", relay.name(), options.octets);
    // A first few letters, so that both have opened what they open once.
    pour(relay.smtp(), options, options.sessions * 4, hanging, sinks).await?;
    let cpu_before = relay.processes().cpu_seconds();
    let begin = Instant::now();
    let mut waits = pour(relay.smtp(), options, letters, hanging, sinks).await?;
    let seconds = begin.elapsed().as_secs_f64();
    let tree = relay.processes();
    let cpu = tree.cpu_seconds() - cpu_before;
    waits.sort_unstable();
    let mut row = Row {
        name: relay.name(),
        round,
        hanging,
        rate: letters as f64 / seconds,
        cpu_per_1000: cpu * 1000.0 / letters as f64,
        p50: share_of(&waits, 0.50),
        p99: share_of(&waits, 0.99),
        pss_mib: tree.pss_mib(),
        processes: tree.pids.len(),
        syncs: None,
    };
    if options.syncs && round == 1 && !hanging {
        let strace = Strace::attach(&tree)?;
        let few = 640;
        pour(relay.smtp(), options, few, hanging, sinks).await?;
        row.syncs = Some(strace.finish()? as f64 / few as f64);
    }
    Ok(row)
}

/// Hands `letters` in, with some more for servers that hang where that is wanted, and waits until all but
/// those have arrived. Answers how long each took to be accepted.
async fn pour(
    smtp: SocketAddr,
    options: &Options,
    letters: usize,
    hanging: bool,
    sinks: &Sinks,
) -> Result<Vec<Duration>> {
    let before = sinks.arrived();
    let (domains, hangs) = (options.domains, options.hanging);
    let more = if hanging { letters / options.hanging_every } else { 0 };
    let load = Load { sessions: options.sessions, letters: letters + more, octets: options.octets };
    let every = if more == 0 { usize::MAX } else { options.hanging_every + 1 };
    let to = move |number: usize| {
        // The last of each round, so that `letters` go to servers that answer.
        let place = if number % every == every - 1 && number / every < more {
            domains + number / every % hangs
        } else {
            number % domains
        };
        format!("someone{number}@{}", domain(place))
    };
    let hung = (0..letters + more).filter(|number| number % every == every - 1 && number / every < more).count();
    let waits = load.pour(smtp, to).await?;
    sinks.wait(before + letters + more - hung).await?;
    Ok(waits)
}
