//! The drop box with a real folder and a real store.

use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::sync::Arc;

use envelope::{Address, MailId};
use journal::Silent;

use super::clerk::{Fate, in_turn};
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
        let context = transfer(&settings, &ground, None, Arc::new(Silent), net::Shutdown::new());
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
        let name = MailId::random();
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

#[tokio::test]
async fn users_have_their_turns() {
    let letters = |uid: u32, count: usize| (0..count).map(move |_| (MailId::random(), uid));
    let all: Vec<_> = letters(1, 1000).chain(letters(2, 2)).collect();
    let (turn, is_more) = in_turn(all.clone());
    assert!(is_more && turn.len() == limits::OF_ONE_USER + 2);
    let second = all.last().unwrap().0;
    assert!(turn.iter().position(|name| *name == second).unwrap() < 4);
}

#[tokio::test]
async fn a_heap_of_one_hides_nobody() {
    let house = House::open("").await;
    let _notice = house.clerk.open().await.unwrap();
    let count = limits::OF_ONE_USER * 3;
    let names: Vec<MailId> = (0..count).map(|_| house.drop_letter(&to("anna@athens.test"), "\n")).collect();
    let mut seen = 0;
    let listing = house.drop_folder().list(|_, _| seen += 1).unwrap();
    assert_eq!((listing.letters.len(), seen), (limits::LISTED_OF_ONE, count));
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
