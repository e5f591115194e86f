//! Tests of the sinks: what is written is found again, what is lost is counted, a knock leaves no row.

use std::net::SocketAddr;

use envelope::{Address, MailId, Reply, ReversePath, SessionId, Timestamp};
use journal::{AttemptOutcome, Event, Service};
use storage::Store;

use super::*;

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

fn socket(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn entry(seconds: i64, session: Option<SessionId>, mail: Option<MailId>, event: Event) -> Entry {
    Entry {
        at: Timestamp(1_795_446_303_120).plus(std::time::Duration::from_secs(seconds.unsigned_abs())),
        session,
        mail,
        event,
    }
}

fn connected() -> Event {
    Event::Connected {
        service: Service::Smtp,
        peer: socket("127.0.1.1:40000"),
        local: socket("127.0.2.1:10025"),
        path: None,
    }
}

fn accepted() -> Event {
    Event::Accepted {
        reverse_path: ReversePath::Address(address("anna@athens.test")),
        recipients: vec![address("Kostas@patras.test")],
        octets: 1234,
        message_id: "<one@athens.test>".to_owned(),
        service: Service::Smtp,
    }
}

fn delivered() -> Event {
    let recipient = address("Kostas@patras.test");
    Event::Delivered { recipient, account: address("kostas@patras.test"), mailbox: "INBOX".to_owned(), uid: 7 }
}

fn disconnected(reason: &str) -> Event {
    Event::Disconnected { service: Service::Smtp, reason: reason.to_owned(), bytes_in: 2000, bytes_out: 400 }
}

fn attempt() -> Event {
    Event::Attempt {
        recipient: address("kostas@patras.test"),
        host: "mail.patras.test".to_owned(),
        ip: Some("127.0.2.1".parse().unwrap()),
        tls: Some("TLSv1.3".to_owned()),
        outcome: AttemptOutcome::Deferred,
        reply: Reply::new(451, (4, 3, 0), "later\nplease"),
    }
}

/// One of each kind.
fn samples() -> Vec<Event> {
    let kostas = address("kostas@patras.test");
    let path = ReversePath::Address(address("anna@athens.test"));
    let reply = Reply::new(550, (5, 1, 1), "no such user");
    let (service, user, mechanism) = (Service::Imap, "x".to_owned(), "PLAIN".to_owned());
    let (reason, peer) = ("wrong password".to_owned(), Some("127.0.0.9".parse().unwrap()));
    vec![
        Event::Started { version: "1".to_owned(), listeners: vec![(Service::Smtp, socket("127.0.0.1:25"))] },
        Event::Stopping,
        Event::Reloaded { what: "certificate".to_owned() },
        connected(),
        disconnected("quit"),
        Event::Secured { version: "TLSv1.3".to_owned(), cipher: "X".to_owned() },
        Event::TlsFailed { reason: "no common version".to_owned() },
        Event::SignedIn { service, account: kostas.clone(), mechanism: mechanism.clone(), peer },
        Event::SignInRefused { service, user, mechanism, reason, peer },
        Event::Rejected { phase: "RCPT".to_owned(), subject: "nobody@patras.test".to_owned(), reply },
        accepted(),
        Event::Accepted {
            reverse_path: ReversePath::Null,
            recipients: vec![kostas.clone(); 7],
            octets: 0,
            message_id: String::new(),
            service: Service::Local,
        },
        delivered(),
        Event::Queued { recipient: kostas.clone(), destination: "patras.test".to_owned() },
        Event::Routed { destination: "patras.test".to_owned(), hosts: vec!["mail.patras.test".to_owned()] },
        attempt(),
        Event::Notified { to: path, kind: "bounce".to_owned(), about: vec![kostas.clone()] },
        Event::Operator { action: "retry".to_owned(), recipient: Some(kostas) },
        Event::Limited { service, limit: "connections per address".to_owned(), peer },
        Event::Fault { place: "store".to_owned(), reason: "disk\nfull\x1b[2J\u{202e}\u{9b}".to_owned() },
    ]
}

#[test]
fn every_event_is_told_and_read_back() {
    for event in samples() {
        let entry = entry(0, Some(SessionId::random()), None, event);
        let json = Line(&entry).render(Format::Json);
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["event"], entry.event.name());
        assert_eq!(serde_json::from_str::<Entry>(&json).unwrap(), entry);
        assert!(json.trim_end().chars().all(|c| !envelope::steers(c)), "{json:?}");
        for format in [Format::Text, Format::Terminal { colours: false }] {
            let line = Line(&entry).render(format);
            assert_eq!(line.chars().filter(|c| envelope::steers(*c)).collect::<String>(), "\n", "{line:?}");
            assert!(line.contains(entry.event.name()), "{line:?}");
        }
    }
}

#[test]
fn a_letters_life_in_sentences() {
    let (anna, kostas) = (Address::parse("anna@athens.test").unwrap(), Address::parse("kostas@patras.test").unwrap());
    let path = ReversePath::Address(anna.clone());
    let (letter, carried_as) = (MailId::from_bytes([0; 16]), MailId::from_bytes([0; 16]).branch(1));
    let told = |kind: &str, about: &[&Address]| Event::Notified {
        to: path.clone(),
        kind: kind.to_owned(),
        about: about.iter().map(|one| (*one).clone()).collect(),
    };
    let sent_on = |carried_as| Event::SentOn {
        by: anna.clone(),
        recipient: kostas.clone(),
        reverse_path: path.clone(),
        letter,
        carried_as,
    };
    let handed = |replaced| Event::HandedIn { login: "www-data".to_owned(), uid: 33, replaced };
    for (event, sentence) in [
        (told("failed", &[&kostas]), "<anna@athens.test> is told that it could not be delivered: kostas@patras.test"),
        (told("delayed", &[&kostas]), "<anna@athens.test> is told that it is late: kostas@patras.test"),
        (told("failed", &[]), "<anna@athens.test> is told that it could not be delivered"),
        (handed(None), "by the local user www-data (uid 33)"),
        (
            handed(Some("root@athens.test".to_owned())),
            "by the local user www-data (uid 33), who may not send as <root@athens.test> (drop.trusted_users), so in his \
             own name",
        ),
        (
            Event::Circle { recipient: kostas.clone() },
            "it goes in a circle: kostas@patras.test has sent it on before, and does not again",
        ),
        (sent_on(letter), "anna@athens.test sends it on to kostas@patras.test, with the sender <anna@athens.test>"),
        (
            sent_on(carried_as),
            "anna@athens.test sends it on to kostas@patras.test, with the sender <anna@athens.test>; letter \
             00000000000000000000000000 goes on as 00000000000000000000000001",
        ),
        (
            Event::Queued { recipient: kostas.clone(), destination: "patras.test".to_owned() },
            "for kostas@patras.test, to go by patras.test",
        ),
    ] {
        assert_eq!(describe(&event), sentence);
    }
}

#[test]
fn a_line() {
    let mail = MailId::from_bytes([0; 16]);
    let line = Line(&entry(0, None, Some(mail), attempt())).render(Format::Text);
    assert_eq!(
        line,
        "2026-11-23T15:05:03.120Z notice attempt mail=00000000000000000000000000: kostas@patras.test at \
         mail.patras.test [127.0.2.1], TLSv1.3: not now: 451 4.3.0 later please\n"
    );
}

#[test]
fn dates() {
    for (seconds, wanted) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (951_827_696, "2000-02-29T12:34:56.000Z"),
        (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.000Z"),
    ] {
        assert_eq!(line::date_time(Timestamp::from_seconds(seconds)), wanted);
    }
}

async fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_embedded(folder.path(), &[MIGRATIONS]).await.unwrap();
    (folder, store)
}

async fn record(store: &Store, entries: Vec<Entry>) {
    let sinks = Sinks::start(Options { lines: None, rows: Some((store.clone(), 30)) }).unwrap();
    let journal = sinks.journal();
    entries.into_iter().for_each(|entry| journal.record(entry));
    sinks.stop().await;
}

/// Entries at the present, so that pruning leaves them alone.
fn now(mut entry: Entry) -> Entry {
    entry.at = Timestamp(net::clock::now().0 + (entry.at.0 - 1_795_446_303_120));
    entry
}

#[tokio::test]
async fn a_letter_is_found_by_all_its_names_with_its_connection() {
    let (_folder, store) = store().await;
    let (session, mail) = (SessionId::random(), MailId::random());
    let life = [(connected(), false), (accepted(), true), (delivered(), true), (disconnected("quit"), false)];
    let mut entries = Vec::new();
    for (second, (event, of_letter)) in (0..).zip(life) {
        entries.push(now(entry(second, Some(session), of_letter.then_some(mail), event)));
    }
    let wanted = entries.clone();
    record(&store, entries).await;
    // Much later, on another connection.
    let later = now(entry(60, None, Some(mail), Event::Operator { action: "retry".to_owned(), recipient: None }));
    record(&store, vec![later.clone()]).await;

    let names = ["<one@athens.test>", "one@athens.test", "anna@athens.test", "KOSTAS@patras.test"];
    for name in names.map(str::to_owned).into_iter().chain([mail.to_string(), session.to_string()]) {
        let found = search(&store, &name, 10).await.unwrap();
        assert_eq!(found.letters.len(), 1, "{name}");
        assert_eq!(found.letters[0].mail, mail);
        assert_eq!(found.letters[0].entries[..4], wanted, "{name}");
        assert_eq!(found.letters[0].entries[4..], *std::slice::from_ref(&later), "{name}");
        assert!(found.others.is_empty(), "{name}: {:?}", found.others);
    }
    assert!(search(&store, "somebody@else.test", 10).await.unwrap().letters.is_empty());
}

#[tokio::test]
async fn refusals_are_found_and_knocks_leave_nothing() {
    let (_folder, store) = store().await;
    let (knock, refused) = (SessionId::random(), SessionId::random());
    let rejected = samples().into_iter().find(|event| event.name() == "rejected").unwrap();
    record(
        &store,
        vec![
            now(entry(0, Some(knock), None, connected())),
            now(entry(1, Some(knock), None, disconnected("idle"))),
            now(entry(0, Some(refused), None, connected())),
            now(entry(1, Some(refused), None, rejected.clone())),
        ],
    )
    .await;
    let found = search(&store, "nobody@patras.test", 10).await.unwrap();
    assert!(found.letters.is_empty());
    assert_eq!(found.others.iter().map(|entry| &entry.event).collect::<Vec<_>>(), [&rejected]);
    assert!(search(&store, &knock.to_string(), 10).await.unwrap().others.is_empty());
    assert_eq!(search(&store, &refused.to_string(), 10).await.unwrap().others.len(), 2);
}

#[tokio::test]
async fn the_end_leaves_no_half_of_a_merge() {
    const STRAY: &str = "SELECT COUNT(*) FROM journal_run_page WHERE run NOT IN (SELECT run FROM journal_run)";
    let (_folder, store) = store().await;
    let count = async |sql: &'static str| store.read(move |q| q.query_one(sql, &[])?.unwrap().int(0)).await.unwrap();
    let today = store::day(net::clock::now());
    for part in 0..limits::RUNS_MERGED as i64 {
        let run = runs::Run::of((0..20_000).map(|key| (keys::Key(key * 100 + part), [7; 16])).collect());
        store.write(move |tx| run.insert(tx, today)).await.unwrap();
    }
    let sinks = Sinks::start(Options { lines: None, rows: Some((store.clone(), 30)) }).unwrap();
    sinks.journal().record(now(entry(0, None, Some(MailId::random()), accepted())));
    while count(STRAY).await == 0 && count("SELECT COUNT(*) FROM journal_run").await >= limits::RUNS_MERGED as i64 {
        tokio::task::yield_now().await;
    }
    sinks.stop().await;
    assert_eq!(count(STRAY).await, 0);
    assert!(count("SELECT COUNT(*) FROM journal_run").await < limits::RUNS_MERGED as i64);
}

/// The last room of the disk is for mail.
#[tokio::test]
async fn nothing_is_written_while_the_disk_is_short() {
    let folder = tempfile::tempdir().unwrap();
    let free = |folder: &std::path::Path| {
        std::fs::read_to_string(folder.join("free")).map(|free| free.parse().unwrap_or_default())
    };
    let reserve = Some(storage::Reserve { octets: 1000, free });
    let options = storage::Options { reserve, ..storage::Options::default() };
    let store = Store::open_embedded_with(folder.path(), &[MIGRATIONS], options).await.unwrap();
    let count = async |store: &Store| {
        let count =
            |query: &dyn storage::Query| query.query_one("SELECT COUNT(*) FROM journal_row", &[])?.unwrap().int(0);
        store.read(count).await.unwrap()
    };
    std::fs::write(folder.path().join("free"), "499").unwrap();
    record(&store, vec![now(entry(0, None, Some(MailId::random()), accepted()))]).await;
    assert_eq!(count(&store).await, 0);
    // Down to half of what is kept it is written, and then how much is missing.
    let sinks = Sinks::start(Options { lines: None, rows: Some((store.clone(), 30)) }).unwrap();
    let lost = Arc::clone(&sinks.recorder.rows.as_ref().unwrap().lost);
    sinks.journal().record(now(entry(0, None, Some(MailId::random()), accepted())));
    while lost.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    std::fs::write(folder.path().join("free"), "500").unwrap();
    while !store.has_half_of_reserve() {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    sinks.journal().record(now(entry(0, None, Some(MailId::random()), accepted())));
    sinks.stop().await;
    let told = |query: &dyn storage::Query| {
        let sql = "SELECT COUNT(*) FROM journal_row WHERE entries LIKE '%1 entries were lost%'";
        query.query_one(sql, &[])?.unwrap().int(0)
    };
    assert_eq!(store.read(told).await.unwrap(), 1);
    assert_eq!(lost.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn more_than_fits_is_lost_and_counted() {
    let (_folder, store) = store().await;
    let sinks = Sinks::start(Options { lines: None, rows: Some((store.clone(), 30)) }).unwrap();
    let journal = sinks.journal();
    // The writer shares this one thread, so nothing is taken out meanwhile.
    for second in 0..limits::WAITING_MAX as i64 + 5 {
        journal.record(now(entry(second % 60, None, Some(MailId::random()), accepted())));
    }
    let lost = Arc::clone(&sinks.recorder.rows.as_ref().unwrap().lost);
    assert_eq!(lost.load(Ordering::Relaxed), 5);
    sinks.stop().await;
    assert_eq!(lost.load(Ordering::Relaxed), 0);
    let told = store
        .read(|query| {
            let sql = "SELECT COUNT(*) FROM journal_row WHERE entries LIKE '%5 entries were lost%'";
            query.query_one(sql, &[])?.unwrap().int(0)
        })
        .await
        .unwrap();
    assert_eq!(told, 1);
    let found = search(&store, "anna@athens.test", 3).await.unwrap();
    assert_eq!(found.letters.len(), 3);
    assert!(found.more > 0);
}

#[tokio::test]
async fn old_days_go() {
    let (_folder, store) = store().await;
    let (old, new) = (MailId::random(), MailId::random());
    let mut ancient = now(entry(0, None, Some(old), accepted()));
    ancient.at = Timestamp(ancient.at.0 - 31 * 86_400_000);
    record(&store, vec![ancient, now(entry(0, None, Some(new), accepted()))]).await;
    let before = store::day(net::clock::now()) - 30;
    while store.write(move |tx| store::prune(tx, before)).await.unwrap().0 {}
    assert!(search(&store, &old.to_string(), 10).await.unwrap().letters.is_empty());
    assert_eq!(search(&store, &new.to_string(), 10).await.unwrap().letters.len(), 1);
}
