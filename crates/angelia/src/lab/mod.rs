//! `angelia lab`: two whole post offices in one process, athens.test and patras.test, each with its own store, servers and
//! certificate, and a real name server on loopback that knows both. No shortcut leads from one to the other: what
//! they have to say to each other goes over sockets.
//!
//! It tells the story of a letter (see [`story`]), then stays up, for whoever wants to write one. It also is the test
//! mail server that a developer runs beside an application.

mod agent;
mod authority;
mod facts;
mod nameserver;
mod news;
mod offices;
mod plan;
mod screen;
mod story;
mod talk;
mod wire;

use std::io::Write;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use envelope::Domain;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt};

use crate::signals::{Signals, Wish};
use crate::sinks::{Format, Line};
use crate::wiring::Office;
use nameserver::Nameserver;
use news::{Mouths, News};
use plan::{Neighbour, Plan};
use screen::Screen;
use wire::Wire;

/// Two post offices on loopback, and a letter that travels between them.
///
/// athens.test and patras.test run in this process, with a DNS server that knows them. anna@athens.test writes to
/// kostas@patras.test, and each step is shown with the words that went over the wire. Then the lab stays up.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  angelia lab\n  angelia lab --once\n  \
                  angelia lab --quiet --dir /tmp/post --port-base 0     # a mail server for tests; see lab.json")]
pub(crate) struct Args {
    /// Where stores, certificates and lab.json are kept. Letters survive a restart.
    #[arg(long, value_name = "DIR", default_value = "angelia-lab")]
    dir: PathBuf,
    /// Ports are this number and the registered one: 10000 gives 10025, 10587, 10993 … 0 takes free ports.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    port_base: u16,
    /// Ends after the story: 0 when everything went as it should, else 1.
    #[arg(long)]
    once: bool,
    /// Tells no story: only starts the offices.
    #[arg(long, conflicts_with = "once")]
    quiet: bool,
    /// One JSON object a line, for programs.
    #[arg(long)]
    json: bool,
    /// A mail server of another make beside the lab, on the lab's SMTP port: its domain and its address on loopback.
    #[arg(long = "neighbour", value_name = "DOMAIN=IP", value_parser = parse_neighbour)]
    neighbours: Vec<Neighbour>,
}

/// How often free ports are looked for before the lab gives up.
const ATTEMPTS_MAX: usize = 5;

/// Everything that runs.
struct Lab {
    plan: Plan,
    athens: Option<Office>,
    patras: Option<Office>,
    nameserver: Nameserver,
    news: News,
    mouths: Mouths,
    wire: Wire,
}

/// Runs the command.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen()?;
    let mut screen = Screen::new(args.json);
    let mut lab = open(&args).await?;
    let story = async {
        if args.quiet {
            return Ok(());
        }
        screen.aside("Two post offices on loopback, athens.test and patras.test. Anna writes to Kostas.\n");
        story::tell(&mut lab, &mut screen).await
    };
    let outcome = tokio::select! {
        outcome = story => outcome,
        _ = signals.next() => { lab.stop().await; return Ok(ExitCode::FAILURE) }
    };
    if let Err(error) = &outcome {
        screen.end_step();
        crate::shown::tell!("\nThe story went wrong: {error:#}");
    }
    facts::write(&lab.plan)?;
    if args.once {
        if outcome.is_ok() {
            screen.aside("\nThe letter arrived, the one that waited too.\n");
        }
    } else {
        if !args.quiet {
            // The story has been told; what follows is news.
            lab.news.forget();
        }
        screen.fact(&facts::value(&lab.plan));
        facts::show(&lab.plan, &screen);
        stay(&mut lab, &mut signals).await;
    }
    lab.stop().await;
    Ok(if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Starts the lab. Ports that were free when we looked may be taken by now; then we look again.
async fn open(args: &Args) -> anyhow::Result<Lab> {
    let wire = Wire::default();
    listen_to_traces(&wire)?;
    let mut attempts = 0;
    loop {
        attempts += 1;
        let plan = Plan::new(&args.dir, args.port_base, args.neighbours.clone())?;
        let _ = std::fs::remove_file(facts::file(&plan));
        match Lab::start(plan, wire.clone()).await {
            Err(_) if args.port_base == 0 && attempts < ATTEMPTS_MAX => {}
            outcome => return outcome,
        }
    }
}

/// Shows what happens, until somebody wants the end.
async fn stay(lab: &mut Lab, signals: &mut Signals) {
    let format = Format::for_stderr();
    loop {
        tokio::select! {
            item = lab.news.next() => {
                let Some(item) = item else { return };
                let name = item.office.split('.').next().unwrap_or_default();
                let line = Line(&item.entry).render(format);
                // A closed stderr is no reason to stop the mail.
                let _ = std::io::stderr().write_all(format!("{name:<7} {line}").as_bytes());
            }
            wish = signals.next() => if wish == Wish::End { return },
        }
    }
}

impl Lab {
    async fn start(plan: Plan, wire: Wire) -> anyhow::Result<Self> {
        for office in plan.offices() {
            offices::write_config(&plan, office)?;
        }
        authority::provide(&plan).context("the lab's certificates")?;
        let nameserver = Nameserver::start(&plan).await?;
        let (news, mouths) = News::new();
        let mut lab = Self { plan, athens: None, patras: None, nameserver, news, mouths, wire };
        match lab.start_offices().await {
            Ok(()) => Ok(lab),
            Err(error) => {
                lab.stop().await;
                Err(error)
            }
        }
    }

    async fn start_offices(&mut self) -> anyhow::Result<()> {
        self.athens = Some(offices::start(&self.plan, &self.plan.athens, &self.mouths).await?);
        self.patras = Some(offices::start(&self.plan, &self.plan.patras, &self.mouths).await?);
        Ok(())
    }

    async fn stop(self) {
        for office in [self.athens, self.patras].into_iter().flatten() {
            offices::stop(office).await;
        }
        self.nameserver.stop().await;
    }
}

/// The developer's trace goes to stderr as `RUST_LOG` says; the wire only to the lab's own ear.
fn listen_to_traces(wire: &Wire) -> anyhow::Result<()> {
    let log = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    let log = log.add_directive(format!("{}=off", net::wire::TARGET).parse()?);
    let ear = wire.clone();
    let is_wanted = dynamic_filter_fn(move |metadata, _| metadata.target() == net::wire::TARGET && ear.is_listening());
    let lines = fmt::layer().with_ansi(false).with_writer(|| crate::shown::Stderr).with_filter(log);
    let subscriber = tracing_subscriber::registry().with(lines).with(wire.clone().with_filter(is_wanted));
    subscriber.try_init().context("the developer's trace")
}

fn parse_neighbour(text: &str) -> Result<Neighbour, String> {
    let (domain, ip) = text.split_once('=').ok_or("write DOMAIN=IP")?;
    let domain = Domain::parse(domain).map_err(|error| error.to_string())?;
    let ip: Ipv4Addr = ip.parse().map_err(|_| format!("{ip} is no IPv4 address"))?;
    if !ip.is_loopback() {
        return Err("a neighbour lives on loopback, 127.0.0.0/8".to_owned());
    }
    Ok(Neighbour { domain, ip })
}
