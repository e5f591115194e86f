//! The drop box with a real folder and a real store.

use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::sync::Arc;

use envelope::{Address, MailId};
use journal::Silent;

use super::clerk::Caps;
use super::taking::Fate;
use super::*;
use crate::config::{self, Settings};
use crate::wiring::{Ground, transfer};

struct House {
    folder: tempfile::TempDir,
    settings: Settings,
    ground: Ground,
    clerk: Arc<Clerk>,
}

impl House {
    /// Anna has an account, and `drop.trusted_users` is what is said here.
    async fn open(more: &str) -> Self {
        Self::open_with(more, Arc::new(Silent)).await
    }

    async fn open_with(more: &str, journal: Arc<dyn journal::Journal>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "hostname = \"mail.athens.test\"\ndata = \"data\"\n[limits]\nmessage_size = \"64 KiB\"\n[drop]\n{more}\n"
        );
        let settings = config::parse(&text, folder.path()).unwrap();
        crate::wiring::make_data_folder(&settings.data).unwrap();
        let ground = Ground::open(&settings).await.unwrap();
        ground.directory.add_domain(&"athens.test".parse_domain()).await.unwrap();
        let password = protocol::sasl::Secret::new(b"long enough".to_vec());
        ground.directory.add_account(&address("anna@athens.test"), &password).await.unwrap();
        let context = transfer(&settings, &ground, None, journal, net::Shutdown::new());
        let clerk = Arc::new(Clerk::new(context, &settings).unwrap());
        Self { folder, settings, ground, clerk }
    }

    fn drop_folder(&self) -> DropFolder {
        DropFolder::at(&self.settings.drop.path)
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.settings.drop.path).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != ".angelia")
            .collect()
    }

    fn drop_letter(&self, form: &Form, letter: &str) -> MailId {
        let name = file_name();
        let mut deposit = self.drop_folder().deposit(name).unwrap();
        deposit.write_all(&form.encode()).unwrap();
        deposit.write_all(letter.as_bytes()).unwrap();
        deposit.finish().unwrap();
        name
    }

    /// Whose the file is. Only root can give files away.
    fn give(&self, name: MailId, uid: u32) -> bool {
        chown(self.settings.drop.path.join(name.to_string()), Some(uid), None).is_ok()
    }

    /// The journal is silent, so the store is asked.
    async fn count(&self, sql: &'static str) -> i64 {
        self.ground.store.read(move |q| q.query_one(sql, &[])?.map_or(Ok(0), |row| row.int(0))).await.unwrap()
    }

    async fn delivered(&self) -> i64 {
        self.count("SELECT COUNT(*) FROM message").await
    }

    /// Anna's, in the order in which they came.
    async fn letters(&self) -> Vec<String> {
        let anna = self.ground.directory.open_as_operator(&address("anna@athens.test")).await.unwrap();
        let account = self.ground.mailstore.open(&anna).await.unwrap();
        let selected = account.select("INBOX", false).await.unwrap();
        let uids: mailstore::UidSet = selected.view.entries.iter().map(|entry| entry.uid).collect();
        let mut letters = Vec::new();
        for message in account.messages(selected.view.mailbox, &uids, 1000).await.unwrap() {
            let bytes = account.body(&message).await.unwrap().read_all(1 << 20).await.unwrap();
            letters.push(String::from_utf8(bytes.to_vec()).unwrap());
        }
        letters
    }

    async fn reverse_paths(&self) -> Vec<String> {
        let rows = self.ground.queue.list(queue::Filter::default(), 100, net::clock::now()).await.unwrap();
        rows.iter().map(|row| row.mail.reverse_path.to_string()).collect()
    }
}

trait ParseDomain {
    fn parse_domain(&self) -> envelope::Domain;
}

impl ParseDomain for str {
    fn parse_domain(&self) -> envelope::Domain {
        envelope::Domain::parse(self).unwrap()
    }
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn to(recipient: &str) -> Form {
    Form { recipients: vec![recipient.to_owned()], ..Form::default() }
}

fn subject(letter: &str) -> String {
    let line = letter.lines().find_map(|line| line.strip_prefix("Subject: "));
    line.unwrap_or_default().to_owned()
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().mode() & 0o7777
}

#[tokio::test]
async fn a_letter_is_taken_exactly_once() {
    let house = House::open("").await;
    let notice = house.clerk.open().await.unwrap();
    assert!(house.drop_folder().notice().unwrap().is_served);
    assert_eq!(house.drop_folder().notice().unwrap().octets_max, 64 << 10);
    let name = house.drop_letter(&to("anna@athens.test"), "Subject: x\n\nhello\n");
    let fate = house.clerk.take(name).await;
    assert!(matches!(fate, Fate::Taken(taken, _) if taken == name));
    // Killed before the file was removed: it is there again, and the ledger knows it.
    let again = house.clerk.take(name).await;
    assert_eq!(again, fate);
    assert_eq!((house.delivered().await, house.count("SELECT COUNT(*) FROM drop_taken").await), (1, 1));
    house.clerk.pass().await;
    assert_eq!((house.names().len(), house.delivered().await), (0, 1));
    assert_eq!(house.count("SELECT COUNT(*) FROM drop_taken").await, 0, "the ledger forgets what has gone");
    // Killed between the removal of the file and that of the row.
    let name = house.drop_letter(&to("anna@athens.test"), "Subject: y\n\nhello\n");
    house.clerk.take(name).await;
    std::fs::remove_file(house.settings.drop.path.join(name.to_string())).unwrap();
    drop(notice);
    assert!(!house.drop_folder().notice().unwrap().is_served);
    let _notice = house.clerk.open().await.unwrap();
    assert_eq!((house.delivered().await, house.count("SELECT COUNT(*) FROM drop_taken").await), (2, 0));
}

#[tokio::test]
async fn the_folder_is_for_all_and_the_rest_for_nobody() {
    let house = House::open("").await;
    std::fs::set_permissions(house.settings.data.join("store.db"), Permissions::from_mode(0o644)).unwrap();
    let _notice = house.clerk.open().await.unwrap();
    assert_eq!(mode(&house.settings.drop.path), 0o3733);
    assert_eq!(mode(&house.settings.data), 0o711);
    // Given to us without its group, it would be of no use.
    if chown(&house.settings.drop.path, None, Some(65_534)).is_ok() {
        let _notice = house.clerk.open().await.unwrap();
        let found = house.settings.drop.path.metadata().unwrap();
        assert_eq!((found.gid(), found.mode() & 0o7777), (house.settings.data.metadata().unwrap().gid(), 0o3733));
    }
    for entry in std::fs::read_dir(&house.settings.data).unwrap() {
        let path = entry.unwrap().path();
        assert!(path == house.settings.drop.path || mode(&path) & 0o077 == 0, "{}", path.display());
    }
    let name = house.drop_letter(&to("anna@athens.test"), "\n");
    assert_eq!(mode(&house.settings.drop.path.join(name.to_string())), 0o640);
    drop(house.drop_folder().deposit(MailId::random()).unwrap());
    assert_eq!(house.names().len(), 1, "what is not finished leaves nothing");
    // A file in the place of the folder is not followed.
    std::fs::remove_dir_all(&house.settings.drop.path).unwrap();
    symlink(house.folder.path(), &house.settings.drop.path).unwrap();
    assert!(house.clerk.open().await.is_err());
}

#[tokio::test]
async fn a_start_that_fails_is_tried_again() {
    let house = House::open("").await;
    symlink(house.folder.path(), &house.settings.drop.path).unwrap();
    let clerk = Arc::clone(&house.clerk);
    let pause = std::time::Duration::from_millis(50);
    let opened = tokio::spawn(async move { clerk.opened(pause).await });
    tokio::time::sleep(4 * pause).await;
    assert!(!opened.is_finished());
    std::fs::remove_file(&house.settings.drop.path).unwrap();
    let _notice = opened.await.unwrap().unwrap();
    assert!(house.drop_folder().notice().unwrap().is_served);
}

#[tokio::test]
async fn what_is_no_letter_is_put_aside() {
    let house = House::open("").await;
    let _notice = house.clerk.open().await.unwrap();
    let path = &house.settings.drop.path;
    std::fs::write(path.join("hello"), "what is this").unwrap();
    let bad = MailId::random();
    std::fs::write(path.join(bad.to_string()), "no form\n\n").unwrap();
    let half = MailId::random();
    std::fs::write(path.join(half.to_string()), "angelia-drop 1\nrecipient anna@athens.test\n").unwrap();
    symlink("/etc/passwd", path.join(MailId::random().to_string())).unwrap();
    std::fs::create_dir(path.join(MailId::random().to_string())).unwrap();
    let twice = MailId::random();
    std::fs::write(house.folder.path().join("other"), "angelia-drop 1\nrecipient anna@athens.test\n\n\n").unwrap();
    std::fs::hard_link(house.folder.path().join("other"), path.join(twice.to_string())).unwrap();
    house.clerk.pass().await;
    assert!(house.names().is_empty(), "{:?}", house.names());
    assert_eq!(house.delivered().await, 0);
    let kept = house.settings.data.join("drop-aside");
    assert_eq!(std::fs::read_to_string(kept.join(bad.to_string())).unwrap(), "no form\n\n");
    assert!(kept.join("hello").exists() && kept.join(half.to_string()).exists());
    assert!(std::fs::read("/etc/passwd").is_ok(), "a link is removed, not what it leads to");
}

/// Keeps the reasons of faults.
#[derive(Default)]
struct Faults(std::sync::Mutex<Vec<String>>);

impl journal::Journal for Faults {
    fn record(&self, entry: journal::Entry) {
        if let journal::Event::Fault { reason, .. } = entry.event {
            self.0.lock().unwrap().push(reason);
        }
    }
}

#[tokio::test]
async fn what_cannot_be_removed_is_told_of_once_and_keeps_no_letter() {
    use std::os::unix::ffi::OsStrExt as _;
    let faults = Arc::new(Faults::default());
    let house = House::open_with("", faults.clone()).await;
    let _notice = house.clerk.open().await.unwrap();
    let path = &house.settings.drop.path;
    // Folders with something in them, one of them under a letter's name; what the others are, they can be removed.
    let named = MailId::random().to_string();
    for folder in ["junk", named.as_str()] {
        std::fs::create_dir(path.join(folder)).unwrap();
        std::fs::write(path.join(folder).join("x"), "x").unwrap();
    }
    let _socket = std::os::unix::net::UnixListener::bind(path.join("socket")).unwrap();
    std::fs::write(path.join(std::ffi::OsStr::from_bytes(b"odd\xff\n\x1b[2J")), "x").unwrap();
    let about = |name: &str| faults.0.lock().unwrap().iter().filter(|reason| reason.contains(name)).count();
    for passed in 1..4 {
        house.drop_letter(&to("anna@athens.test"), "Subject: x\n\nhello\n");
        house.clerk.pass().await;
        assert_eq!(house.delivered().await, passed, "letters go on");
        let mut left = house.names();
        left.sort();
        let mut stays = ["junk".to_owned(), named.clone()];
        stays.sort();
        assert_eq!(left, stays);
        for name in ["junk:", named.as_str(), "socket:", "odd"] {
            assert_eq!(about(name), 1, "{name}: {:?}", faults.0.lock().unwrap());
        }
        // As when the pause is over.
        house.clerk.junk.lock().unwrap().looked = None;
    }
}

#[tokio::test]
async fn who_may_call_himself_what() {
    let house = House::open("trusted_users = [\"daemon\"]").await;
    let _notice = house.clerk.open().await.unwrap();
    let from = |sender: &str| Form { sender: Some(sender.to_owned()), ..to("kostas@patras.test") };
    for (uid, form, wanted) in [
        (1, from("boss@sparta.test"), "boss@sparta.test"),
        (2, from("boss@sparta.test"), "bin@athens.test"),
        (2, from("anna@athens.test"), "bin@athens.test"),
        (2, from("bin@athens.test"), "bin@athens.test"),
        (2, to("kostas@patras.test"), "bin@athens.test"),
        (2, from(""), ""),
        (123_456, to("kostas@patras.test"), "uid123456@athens.test"),
    ] {
        let name = house.drop_letter(&form, "From: <boss@sparta.test>\n\nx\n");
        if !house.give(name, uid) {
            return;
        }
        assert!(matches!(house.clerk.take(name).await, Fate::Taken(..)));
        let id = letter_id(name, uid);
        let rows = house.ground.queue.show(id, net::clock::now()).await.unwrap();
        assert_eq!(rows[0].mail.reverse_path.to_string(), wanted, "{uid} {form:?}");
        let body = house.ground.store.open(rows[0].mail.body).await.unwrap();
        let letter = String::from_utf8(body.read(0..body.len()).await.unwrap().to_vec()).unwrap();
        assert_eq!(letter.contains("\r\nSender: "), uid != 1, "{letter}");
        assert!(letter.contains(&format!(", uid {uid})")), "{letter}");
    }
    // Who sent it, or sent it once more, is not the writer's to say either.
    for (field, told) in [("Sender", true), ("Resent-From", true), ("Resent-Sender", true), ("Reply-To", false)] {
        let content = format!("From: <bin@athens.test>\n{field}: <boss@sparta.test>\n\nx\n");
        let name = house.drop_letter(&to("kostas@patras.test"), &content);
        assert!(house.give(name, 2));
        assert!(matches!(house.clerk.take(name).await, Fate::Taken(..)));
        let rows = house.ground.queue.show(letter_id(name, 2), net::clock::now()).await.unwrap();
        let body = house.ground.store.open(rows[0].mail.body).await.unwrap();
        let letter = String::from_utf8(body.read(0..body.len()).await.unwrap().to_vec()).unwrap();
        assert_eq!(letter.contains("\r\nSender: bin@athens.test\r\n"), told, "{field}: {letter}");
        assert!(!letter.contains("Sender: <boss@"), "{field}: {letter}");
    }
}

#[tokio::test]
async fn a_catch_all_makes_nobody_somebody_else() {
    let house = House::open("trusted_users = []").await;
    let _notice = house.clerk.open().await.unwrap();
    let anna = [address("anna@athens.test")];
    for source in ["@athens.test", "daemon@athens.test"] {
        house.ground.directory.add_alias(&source.parse().unwrap(), &anna).await.unwrap();
    }
    // Everybody's login leads to Anna's account: bin's by the catch-all alone, daemon's by an alias of its own.
    for (uid, asked, wanted, has_sender) in [
        (2, "anna@athens.test", "bin@athens.test", true),
        (2, "whoever@athens.test", "bin@athens.test", true),
        (2, "postmaster@athens.test", "bin@athens.test", true),
        (1, "anna@athens.test", "anna@athens.test", false),
        (1, "whoever@athens.test", "daemon@athens.test", true),
    ] {
        let form = Form { sender: Some(asked.to_owned()), ..to("kostas@patras.test") };
        let name = house.drop_letter(&form, &format!("From: <{asked}>\n\nx\n"));
        if !house.give(name, uid) {
            return;
        }
        assert!(matches!(house.clerk.take(name).await, Fate::Taken(..)));
        let rows = house.ground.queue.show(letter_id(name, uid), net::clock::now()).await.unwrap();
        assert_eq!(rows[0].mail.reverse_path.to_string(), wanted, "{uid} {asked}");
        let body = house.ground.store.open(rows[0].mail.body).await.unwrap();
        let letter = String::from_utf8(body.read(0..body.len()).await.unwrap().to_vec()).unwrap();
        assert_eq!(letter.contains("\r\nSender: "), has_sender, "{uid} {asked}: {letter}");
    }
}

#[tokio::test]
async fn nothing_vanishes() {
    let house = House::open("").await;
    let _notice = house.clerk.open().await.unwrap();
    let from_anna = |recipient: &str| Form { sender: Some("anna@athens.test".to_owned()), ..to(recipient) };
    // Too long: Anna is told, by a letter in her mailbox.
    house.drop_letter(&from_anna("kostas@patras.test"), &format!("Subject: x\n\n{}", "x\n".repeat(50_000)));
    house.clerk.pass().await;
    assert_eq!((house.names().len(), house.delivered().await), (0, 1));
    // With a header that is: the same.
    house.drop_letter(&from_anna("kostas@patras.test"), &"X-Long: x\n".repeat(mhs::limits::HEADER_OCTETS_MAX / 8));
    house.clerk.pass().await;
    assert_eq!((house.names().len(), house.delivered().await), (0, 2));
    // No recipient at all.
    house.drop_letter(&Form { recipients: Vec::new(), ..from_anna("") }, "Subject: x\n\n");
    house.drop_letter(&from_anna("|/bin/sh"), "Subject: x\n\n");
    house.clerk.pass().await;
    assert!(house.names().is_empty());
    // Who does not exist bounces by the queue.
    house.drop_letter(&from_anna("nobody@athens.test"), "Subject: x\n\n");
    house.clerk.pass().await;
    assert_eq!(house.reverse_paths().await, ["anna@athens.test"]);
}

/// Nobody has these names, so all of them mean the postmaster: they are counted before anybody is looked up.
#[tokio::test]
async fn too_many_names_are_not_looked_up() {
    let house = House::open("").await;
    let _notice = house.clerk.open().await.unwrap();
    let write = |recipients: Vec<String>| {
        let form = Form { sender: Some("anna@athens.test".to_owned()), recipients, ..Form::default() };
        house.drop_letter(&form, "Subject: x\n\n");
    };
    let names_max = house.settings.recipients_max;
    write((0..=names_max).map(|number| format!("n{number}")).collect());
    house.clerk.pass().await;
    // Nor does anybody read the mail of who hands it in, so it is put aside.
    let aside = || std::fs::read_dir(house.settings.data.join("drop-aside")).map_or(0, Iterator::count);
    assert_eq!((house.names().len(), aside(), house.reverse_paths().await.len()), (0, 1, 0));
    // One name as often as one likes is one recipient.
    write(vec!["anna@athens.test".to_owned(); names_max + 1]);
    house.clerk.pass().await;
    assert_eq!((house.names().len(), aside(), house.delivered().await), (0, 1, 1));
}

#[tokio::test]
async fn letters_of_one_user_keep_their_order() {
    let house = House::open("").await;
    let _notice = house.clerk.open().await.unwrap();
    let count = limits::OF_ONE_USER + 7;
    for number in 0..count {
        house.drop_letter(&to("anna@athens.test"), &format!("Subject: number {number}\n\nx\n"));
    }
    while !house.names().is_empty() {
        house.clerk.pass().await;
    }
    let subjects: Vec<String> = house.letters().await.iter().map(|letter| subject(letter)).collect();
    let wanted: Vec<String> = (0..count).map(|number| format!("number {number}")).collect();
    assert_eq!(subjects, wanted);
}

#[tokio::test]
async fn names_of_files_are_in_order() {
    let names: Vec<String> = (0..100).map(|_| file_name().to_string()).collect();
    assert!(names.is_sorted() && names.windows(2).all(|two| two[0] != two[1]), "{names:?}");
}

#[tokio::test]
async fn who_has_enough_there_is_told() {
    let mut house = House::open("").await;
    let _notice = house.clerk.open().await.unwrap();
    for (files, octets) in [(3, u64::MAX), (usize::MAX, 600)] {
        Arc::get_mut(&mut house.clerk).unwrap().caps = Caps { files, octets, free_octets: 0 };
        for _ in 0..3 {
            house.drop_letter(&to("anna@athens.test"), &format!("Subject: x\n\n{}\n", "x".repeat(200)));
        }
        house.clerk.pass().await;
        let refused = house.drop_folder().deposit(file_name()).unwrap_err();
        assert!(refused.to_string().contains("too many of your letters"), "{refused}");
        assert!(house.names().is_empty(), "what was there is taken all the same");
        house.clerk.pass().await;
        assert!(house.drop_folder().deposit(file_name()).is_ok());
    }
    assert_eq!(house.delivered().await, 6);
}

#[tokio::test]
async fn the_last_room_of_the_disk_is_not_theirs() {
    let mut house = House::open("").await;
    let notice = house.clerk.open().await.unwrap();
    house.drop_letter(&to("anna@athens.test"), "Subject: x\n\nx\n");
    let caps = |free_octets| Caps { files: 100, octets: u64::MAX, free_octets };
    Arc::get_mut(&mut house.clerk).unwrap().caps = caps(u64::MAX);
    assert_eq!(house.clerk.pass().await, limits::PAUSE);
    assert_eq!((house.names().len(), house.delivered().await), (1, 0), "it waits");
    let refused = house.drop_folder().deposit(file_name()).unwrap_err();
    assert!(refused.to_string().contains("disk is nearly full"), "{refused}");
    Arc::get_mut(&mut house.clerk).unwrap().caps = caps(0);
    house.clerk.pass().await;
    assert_eq!((house.names().len(), house.delivered().await), (0, 1));
    assert!(house.drop_folder().deposit(file_name()).is_ok());
    // What a server said of its disk before it went counts for nothing.
    Arc::get_mut(&mut house.clerk).unwrap().caps = caps(u64::MAX);
    house.clerk.pass().await;
    drop(notice);
    assert!(house.drop_folder().deposit(file_name()).is_ok());
}

#[tokio::test]
async fn heaps_of_what_is_no_letter_do_not_grow() {
    let house = House::open("").await;
    let _notice = house.clerk.open().await.unwrap();
    let path = &house.settings.drop.path;
    for _ in 0..limits::UNFINISHED_OF_ONE_MAX + 5 {
        std::fs::write(path.join(format!(".new-{}", MailId::random())), "").unwrap();
    }
    for _ in 0..limits::ASIDE_OF_ONE_MAX + 5 {
        std::fs::write(path.join(format!(".aside-{}", MailId::random())), "").unwrap();
    }
    std::fs::write(path.join(".aside-x"), "").unwrap();
    for number in 0..limits::LISTED_ODD_MAX + 5 {
        std::fs::write(path.join(format!("odd{number}")), "").unwrap();
    }
    house.clerk.pass().await;
    let names = house.names();
    let count = |prefix: &str| names.iter().filter(|name| name.starts_with(prefix) && *name != ".aside-x").count();
    assert_eq!((count(".new-"), count(".aside-")), (limits::UNFINISHED_OF_ONE_MAX, limits::ASIDE_OF_ONE_MAX));
    assert!(count("odd") <= limits::LISTED_ODD_MAX - limits::ODD_AT_ONCE + 1, "{}", count("odd"));
}

#[tokio::test]
async fn no_trick_hides_a_second_from() {
    let house = House::open("trusted_users = []").await;
    let _notice = house.clerk.open().await.unwrap();
    for (header, wants_sender) in [
        ("From: <bin@athens.test>\nSubject: x\n", false),
        ("From: <bin@athens.test>\nSubject: x\rFrom: <boss@sparta.test>\n", true),
        ("From: <bin@athens.test>\nSubject: x\r\n\tmore\rFrom: <boss@sparta.test>\n", true),
        ("From: <bin@athens.test>\nFr\0om: <boss@sparta.test>\n", true),
        ("From: <bin@athens.test>\nFrom: <boss@sparta.test>\n", true),
        ("From: bin@athens.test, boss@sparta.test\n", true),
        ("From:\n", true),
        ("From: nobody:;\n", true),
        ("From: ???\n", true),
        // No header at all: ours names him.
        (" , <boss@sparta.test>\nFrom: <boss@sparta.test>\n", false),
        ("Subject: x\nthis is no field\nFrom: <boss@sparta.test>\n", false),
    ] {
        let name = house.drop_letter(&to("kostas@patras.test"), &format!("{header}\ntext\n"));
        if !house.give(name, 2) {
            return;
        }
        assert!(matches!(house.clerk.take(name).await, Fate::Taken(..)));
        let rows = house.ground.queue.show(letter_id(name, 2), net::clock::now()).await.unwrap();
        let body = house.ground.store.open(rows[0].mail.body).await.unwrap();
        let letter = body.read(0..body.len()).await.unwrap().to_vec();
        let found = message::header::Header::parse(&letter);
        assert_eq!(found.get("sender").is_some(), wants_sender, "{header:?}");
        if !wants_sender {
            let from: Vec<String> = found.get_all("from").map(|field| field.text()).collect();
            assert_eq!(from.len(), 1, "{header:?}");
            assert!(from[0].contains("bin@athens.test") && !from[0].contains("boss"), "{header:?}: {from:?}");
        }
        let text = String::from_utf8_lossy(&letter);
        assert!(text.ends_with("text\r\n") && !text.contains('\0') && !text.replace("\r\n", "").contains('\r'));
    }
}

#[tokio::test]
async fn a_heap_of_one_hides_nobody() {
    let house = House::open("").await;
    let _notice = house.clerk.open().await.unwrap();
    let count = limits::OF_ONE_USER * 3;
    let names: Vec<MailId> = (0..count).map(|_| house.drop_letter(&to("anna@athens.test"), "\n")).collect();
    let mut seen = 0;
    let listing = house.drop_folder().list(|_, _| seen += 1).unwrap();
    let kept: usize = listing.letters.values().map(Vec::len).sum();
    assert_eq!((kept, seen), (limits::LISTED_OF_ONE, count));
    // Taken, and killed before any file went: a start remembers those that no look keeps, too.
    for name in &names {
        assert!(matches!(house.clerk.take(*name).await, Fate::Taken(..)));
    }
    let _notice = house.clerk.open().await.unwrap();
    while !house.names().is_empty() {
        house.clerk.pass().await;
    }
    assert_eq!(house.delivered().await, count as i64);
    assert_eq!(house.count("SELECT COUNT(*) FROM drop_taken").await, 0);
}

#[test]
fn nobody_becomes_another_letter() {
    let name = MailId::random();
    assert_ne!(letter_id(name, 1), letter_id(name, 2));
    assert_ne!(letter_id(name, 1), name);
    assert_eq!(letter_id(name, 1), letter_id(name, 1));
}
