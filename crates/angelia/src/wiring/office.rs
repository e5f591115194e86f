//! A running post office.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use journal::{Entry, Event, Journal, Service};
use mhs::limits::OUTBOUND_DRAIN;
use net::{Listener, ServerTls, Shutdown};
use tokio::task::JoinHandle;

use super::doors::{Doors, Doorway, Places};
use super::dropbox::DropBox;
use super::ground::{Ground, certificates, make_data_folder};
use super::memory;
use super::services::{self, Parts, Services};
use crate::config::{JournalFormat, ListenSettings, Settings, waiting_for_start};
use crate::privileges;
use crate::sinks::{self, Format, Sinks};

/// How often certificate files are looked at. A renewal is in use within this; SIGHUP makes it at once.
const CERTIFICATE_POLL: Duration = Duration::from_secs(60);

/// How long mail out may take to end once it is cut off: what it knows is written down. With [`OUTBOUND_DRAIN`] less than the
/// 40 seconds that `TimeoutStopSec` gives us, also while the store is down.
const OUTBOUND_PATIENCE: Duration = Duration::from_secs(15);

/// When the end tells what it waits for: what ends at once is not worth a word.
const TOLD_AFTER: Duration = Duration::from_millis(500);

/// How long tasks that were cut off may take to notice.
const CUT_PATIENCE: Duration = Duration::from_secs(1);

/// Doors, services and the journal over one [`Ground`].
pub struct Office {
    settings: Settings,
    ground: Ground,
    tls: Arc<ArcSwap<ServerTls>>,
    journal: Arc<dyn Journal>,
    sinks: Sinks,
    shutdown: Shutdown,
    services: Arc<ArcSwap<Services>>,
    places: Arc<Places>,
    doors: Vec<OpenDoor>,
    background: Vec<JoinHandle<()>>,
    /// Mail out, and the signal of its end: another takes over where a reload changes how it goes.
    outbound: (Shutdown, JoinHandle<()>),
    /// Those before it, which end what they had begun.
    ending: Vec<(Shutdown, JoinHandle<()>)>,
    /// What users of this machine hand in.
    drop_box: Option<DropBox>,
}

/// A door that is being served.
struct OpenDoor {
    asked: ListenSettings,
    bound: SocketAddr,
    accepting: JoinHandle<std::io::Result<()>>,
}

impl Office {
    /// Binds, opens and serves. `listener` hears every entry of the journal too.
    pub async fn start(settings: Settings, listener: Option<Arc<dyn Journal>>) -> anyhow::Result<Self> {
        let doors = Doors::open(&settings)?;
        Self::open(settings, doors, listener).await
    }

    /// Opens and serves, with doors that were bound before.
    pub async fn open(settings: Settings, doors: Doors, listener: Option<Arc<dyn Journal>>) -> anyhow::Result<Self> {
        make_data_folder(&settings.data)?;
        let tls = certificates(&settings)?;
        let ground = Ground::open_to_serve(&settings).await?;
        let sinks = Sinks::start(sink_options(&settings, &ground))?;
        let journal: Arc<dyn Journal> = match listener {
            Some(listener) => Arc::new(Both(sinks.journal(), listener)),
            None => sinks.journal(),
        };
        let shutdown = Shutdown::new();
        let parts = Parts { settings: &settings, ground: &ground, tls: &tls, journal: &journal, shutdown: &shutdown };
        let services = Arc::new(ArcSwap::from_pointee(Services::new(&parts)));
        let drop_box = Some(DropBox::start(&parts, None));
        let outbound = Shutdown::new();
        let carrying = tokio::spawn(services::outbound(&parts, outbound.clone(), true)?);
        let (places, warning) = Places::new(&settings, privileges::raise_file_limit());
        let mut office = Self {
            outbound: (outbound, carrying),
            ending: Vec::new(),
            drop_box,
            background: Vec::new(),
            doors: Vec::new(),
            settings,
            ground,
            tls: Arc::new(ArcSwap::from_pointee(tls)),
            journal,
            sinks,
            shutdown,
            services,
            places: Arc::new(places),
        };
        for (asked, listener) in doors.listeners {
            office.serve(asked, listener);
        }
        if let Some(socket) = doors.socket {
            let doorway = Arc::new(office.doorway(Service::Lmtp));
            let places = office.places.of(Service::Lmtp);
            let accepting = socket.run(places, office.shutdown.clone(), doorway);
            office.background.push(tokio::spawn(async move { drop(accepting.await) }));
        }
        if let Some(reason) = warning {
            office.record(Event::Warning { place: "limits.connections".to_owned(), reason });
        }
        office.background.push(office.watch_certificates());
        office.background.push(office.sweep());
        office.background.push(office.ground.mailstore.keep_index());
        let counted = Arc::clone(&office.places);
        office.background.push(tokio::spawn(memory::give_back(move || counted.take_gone())));
        office.record(Event::Started { version: env!("CARGO_PKG_VERSION").to_owned(), listeners: office.addresses() });
        Ok(office)
    }

    /// Every door, with the address that it is bound to.
    pub fn addresses(&self) -> Vec<(Service, SocketAddr)> {
        self.doors.iter().map(|door| (door.asked.service, door.bound)).collect()
    }

    /// The records.
    pub fn ground(&self) -> &Ground {
        &self.ground
    }

    /// The signal to end, for whoever runs beside.
    pub fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Writes an event of the program itself.
    pub(crate) fn record(&self, event: Event) {
        record(&*self.journal, event);
    }

    /// Takes new settings: certificates, limits and services change, doors are opened and closed; whoever is connected
    /// stays. What cannot change is named in the journal.
    pub async fn reload(&mut self, settings: Settings) {
        for key in waiting_for_start(&self.settings, &settings) {
            let reason = format!("the new `{key}` holds after the next start");
            self.record(Event::Warning { place: "configuration".to_owned(), reason });
        }
        if let Err(error) = self.take(settings) {
            return self.keep_settings("reload", &format!("{error:#}"));
        }
        self.record(Event::Reloaded { what: "configuration and certificates".to_owned() });
    }

    /// A reload that comes to nothing. Said on stderr too, where the operator has turned the journal's lines off.
    pub(crate) fn keep_settings(&self, place: &str, why: &dyn std::fmt::Display) {
        // Several problems stand below each other; an entry of the journal is one line.
        let why = why.to_string().lines().collect::<Vec<_>>().join("; ");
        let reason = format!("the old configuration stays: {why}");
        if self.settings.journal_format == JournalFormat::Off {
            crate::shown::tell!("angelia: {reason}");
        }
        self.record(Event::Fault { place: place.to_owned(), reason });
    }

    fn take(&mut self, settings: Settings) -> anyhow::Result<()> {
        // All that can fail comes first, so that a reload happens whole or not at all.
        let tls = if settings.tls == self.settings.tls {
            let tls = ServerTls::clone(&self.tls.load());
            tls.reload()?;
            tls
        } else {
            certificates(&settings)?
        };
        let new: Vec<ListenSettings> = settings
            .listen
            .iter()
            .filter(|door| !self.doors.iter().any(|open| open.asked == **door))
            .copied()
            .collect();
        let parts = Parts {
            settings: &settings,
            ground: &self.ground,
            tls: &tls,
            journal: &self.journal,
            shutdown: &self.shutdown,
        };
        let services = Services::new(&parts);
        let outbound = match services::goes_another_way(&self.settings, &settings) {
            true => {
                let shutdown = Shutdown::new();
                Some((services::outbound(&parts, shutdown.clone(), false)?, shutdown))
            }
            false => None,
        };
        let drop_box = DropBox::start(&parts, self.drop_box.take());
        // A door that only changes its service frees its address first.
        self.doors.retain(|open| {
            let stays = settings.listen.contains(&open.asked);
            if !stays {
                open.accepting.abort();
            }
            stays
        });
        self.services.store(Arc::new(services));
        self.drop_box = Some(drop_box);
        if let Some((outbound, shutdown)) = outbound {
            self.replace_outbound(outbound, shutdown);
        }
        self.places.set_limits(&settings);
        self.tls.store(Arc::new(tls));
        self.settings = settings;
        for asked in new {
            match Listener::bind(asked.address) {
                Ok(listener) => self.serve(asked, listener),
                Err(error) => self.record(Event::Fault { place: "reload".to_owned(), reason: error.to_string() }),
            }
        }
        Ok(())
    }

    /// The old one ends the letters that it has begun, and gives back the others; the new one goes on at once. A letter whose
    /// last word the other side has not said yet is not cut off, or it would arrive twice.
    fn replace_outbound(&mut self, new: impl Future<Output = ()> + Send + 'static, shutdown: Shutdown) {
        let old = std::mem::replace(&mut self.outbound, (shutdown, tokio::spawn(new)));
        old.0.begin();
        self.ending.retain(|(_, task)| !task.is_finished());
        self.ending.push(old);
    }

    /// Ends mail out, the one before it too: what is under way has a while.
    async fn stop_outbound(outbound: Vec<(Shutdown, JoinHandle<()>)>) {
        for (signal, _) in &outbound {
            signal.begin();
        }
        let (signals, tasks): (Vec<Shutdown>, Vec<JoinHandle<()>>) = outbound.into_iter().unzip();
        let mut carrying = tokio::task::JoinSet::new();
        tasks.into_iter().for_each(|task| drop(carrying.spawn(task)));
        let ended = async { while carrying.join_next().await.is_some() {} };
        if tokio::time::timeout(OUTBOUND_DRAIN, ended).await.is_err() {
            signals.iter().for_each(Shutdown::cut_off);
            let ended = async { while carrying.join_next().await.is_some() {} };
            let _ = tokio::time::timeout(OUTBOUND_PATIENCE, ended).await;
        }
    }

    /// Ends in order: no new connections, what was begun is finished within `patience`, then the journal is written.
    pub async fn stop(self, patience: Duration) {
        self.record(Event::Stopping);
        self.shutdown.begin();
        if let Some(drop_box) = self.drop_box {
            drop_box.stop().await;
        }
        let mut outbound = self.ending;
        outbound.push(self.outbound);
        outbound.iter().for_each(|(signal, _)| signal.begin());
        for door in self.doors {
            let _ = door.accepting.await;
        }
        let signals: Vec<Shutdown> = outbound.iter().map(|(signal, _)| signal.clone()).collect();
        let mut ending = pin!(async { tokio::join!(self.shutdown.drained(patience), Self::stop_outbound(outbound)) });
        let (drained, ()) = tokio::select! {
            ended = &mut ending => ended,
            () = tokio::time::sleep(TOLD_AFTER) => {
                if let Some(reason) = waits_for(&signals, self.shutdown.under_way(), patience) {
                    record(&*self.journal, Event::Warning { place: "shutdown".to_owned(), reason });
                }
                ending.await
            }
        };
        if !drained {
            let reason = format!("{} connections were cut off", self.shutdown.under_way());
            record(&*self.journal, Event::Fault { place: "shutdown".to_owned(), reason });
            self.shutdown.cut_off();
            self.shutdown.drained(CUT_PATIENCE).await;
        }
        for task in self.background {
            task.abort();
        }
        self.sinks.stop().await;
    }

    fn doorway(&self, service: Service) -> Doorway {
        Doorway::new(service, Arc::clone(&self.services), Arc::clone(&self.journal), &self.settings)
    }

    fn serve(&mut self, asked: ListenSettings, listener: Listener) {
        let bound = listener.local();
        let doorway = self.doorway(asked.service);
        let places = self.places.of(asked.service);
        let accepting = tokio::spawn(listener.run(places, self.shutdown.clone(), Arc::new(doorway)));
        self.doors.push(OpenDoor { asked, bound, accepting });
    }

    /// Empties the mailboxes whose deletion a crash cut short.
    fn sweep(&self) -> JoinHandle<()> {
        let (mailstore, journal) = (self.ground.mailstore.clone(), Arc::clone(&self.journal));
        tokio::spawn(async move {
            if let Err(error) = mailstore.sweep().await {
                record(&*journal, Event::Fault { place: "deleted mailboxes".to_owned(), reason: error.to_string() });
            }
        })
    }

    fn watch_certificates(&self) -> JoinHandle<()> {
        let (tls, journal) = (Arc::clone(&self.tls), Arc::clone(&self.journal));
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(CERTIFICATE_POLL).await;
                match tls.load().reload() {
                    Ok(false) => {}
                    Ok(true) => record(&*journal, Event::Reloaded { what: "certificates".to_owned() }),
                    Err(error) => {
                        record(&*journal, Event::Fault { place: "certificates".to_owned(), reason: error.to_string() });
                    }
                }
            }
        })
    }
}

/// What the end waits for, and how long.
fn waits_for(outbound: &[Shutdown], connections: usize, patience: Duration) -> Option<String> {
    // Mail out counts itself beside its deliveries.
    let deliveries: usize = outbound.iter().map(|signal| signal.under_way().saturating_sub(1)).sum();
    let several = |count: usize, one: &str, many: &str, patience: Duration| {
        let word = if count == 1 { one } else { many };
        (count > 0).then(|| format!("{count} {word} ({} s at most)", patience.as_secs()))
    };
    let parts = [
        several(deliveries, "delivery", "deliveries", OUTBOUND_DRAIN),
        several(connections, "connection", "connections", patience),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("waits for {}; a second SIGTERM ends it at once", parts.join(" and ")))
}

fn record(journal: &dyn Journal, event: Event) {
    journal.record(Entry { at: net::clock::now(), session: None, mail: None, event });
}

fn sink_options(settings: &Settings, ground: &Ground) -> sinks::Options {
    let lines = match settings.journal_format {
        JournalFormat::Auto => Some(Format::for_stderr()),
        JournalFormat::Text => Some(Format::Text),
        JournalFormat::Json => Some(Format::Json),
        JournalFormat::Off => None,
    };
    sinks::Options { lines, rows: Some((ground.store.clone(), settings.journal_days)) }
}

/// Two journals that hear the same.
struct Both(Arc<dyn Journal>, Arc<dyn Journal>);

impl Journal for Both {
    fn record(&self, entry: Entry) {
        self.0.record(entry.clone());
        self.1.record(entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use directory::Knock;
    use envelope::{Address, Domain, SessionId};
    use protocol::sasl::{Refusal, Secret};
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

    /// What the server says last to these lines, of which each is answered by one line or more.
    async fn last_word(address: SocketAddr, lines: &[&str]) -> String {
        let mut stream = BufReader::new(tokio::net::TcpStream::connect(address).await.unwrap());
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        for said in lines {
            stream.write_all(format!("{said}\r\n").as_bytes()).await.unwrap();
            loop {
                line.clear();
                stream.read_line(&mut line).await.unwrap();
                if line.as_bytes().get(3) != Some(&b'-') {
                    break;
                }
            }
        }
        line
    }

    #[tokio::test]
    async fn failed_sign_ins_count_at_all_doors_and_over_a_reload() {
        let folder = tempfile::tempdir().unwrap();
        let doors: String =
            ["submission", "imap", "pop3"].iter().map(|door| format!("[{door}]\nlisten = \"127.0.0.1:0\"\n")).collect();
        let text = format!("hostname = \"mx.a.test\"\ndata = \"data\"\n{doors}[journal]\nformat = \"off\"\n");
        let settings = crate::config::parse(&text, folder.path()).unwrap();
        let mut office = Office::start(settings.clone(), None).await.unwrap();
        let directory = &office.ground().directory;
        directory.add_domain(&Domain::parse("a.test").unwrap()).await.unwrap();
        let anna = Address::parse("anna@a.test").unwrap();
        directory.add_account(&anna, &Secret::new(b"secret".to_vec())).await.unwrap();
        let lines: [(Service, &[&str], &str, &str); 3] = [
            (Service::Submission, &["EHLO a", "AUTH PLAIN AGFubmEAc2VjcmV0"], "235 ", "454 4.7.0 "),
            (Service::Imap, &["a LOGIN anna secret"], "a OK ", "a NO [UNAVAILABLE] "),
            (Service::Pop3, &["USER anna", "PASS secret"], "+OK", "-ERR [SYS/TEMP] "),
        ];
        let addresses = office.addresses();
        let at = |service| addresses.iter().find(|(door, _)| *door == service).unwrap().1;
        for (service, lines, taken, _) in lines {
            let heard = last_word(at(service), lines).await;
            assert!(heard.starts_with(taken), "{service:?}: {heard}");
        }
        let (journal, peer) = (Arc::clone(&office.journal), at(Service::Imap).ip());
        let mut guesses = tokio::task::JoinSet::new();
        for _ in 0..directory::limits::SIGN_IN_FAILURE_BURST {
            let (guard, journal) = (Arc::clone(&office.ground.sign_ins), Arc::clone(&journal));
            guesses.spawn(async move {
                let knock = Knock { journal: &*journal, service: Service::Imap, session: SessionId::random(), peer };
                guard.failed(knock, "anna", "PLAIN", &Refusal::Credentials).await;
            });
        }
        guesses.join_all().await;
        office.reload(settings).await;
        for (service, lines, _, refused) in lines {
            let heard = last_word(at(service), lines).await;
            assert!(heard.starts_with(refused), "{service:?}: {heard}");
        }
        office.stop(Duration::from_secs(5)).await;
    }

    #[test]
    fn the_end_says_what_it_waits_for() {
        let (idle, busy) = (Shutdown::new(), Shutdown::new());
        let _own = [idle.busy(), busy.busy()];
        assert_eq!(waits_for(std::slice::from_ref(&idle), 0, Duration::from_secs(30)), None);
        let _one = busy.busy();
        assert_eq!(
            waits_for(&[idle.clone(), busy.clone()], 0, Duration::from_secs(30)).unwrap(),
            "waits for 1 delivery (20 s at most); a second SIGTERM ends it at once"
        );
        let _two = busy.busy();
        assert_eq!(
            waits_for(&[idle, busy], 3, Duration::from_secs(30)).unwrap(),
            "waits for 2 deliveries (20 s at most) and 3 connections (30 s at most); a second SIGTERM ends it at once"
        );
    }
}
