//! Letters that an address of ours sends on: under whose name, to whom they may be written, and when they stop.

use directory::{Senders, Terms};
use envelope::{Address, ReversePath};
use journal::Event;
use net::clock;
use queue::{Filter, Listed};

use crate::office::{Office, Terminal, address};

async fn forward(office: &Office, account: &str, targets: &[&str], keeps: bool) {
    let targets: Vec<Address> = targets.iter().map(|text| address(text)).collect();
    office.context.directory.set_forward(&address(account), &targets, keeps).await.unwrap();
}

async fn group(office: &Office, source: &str, targets: &[&str], owner: Option<&str>, senders: Senders) {
    let targets: Vec<Address> = targets.iter().map(|text| address(text)).collect();
    let terms = Terms { owner: Some(owner.map(address)), senders: Some(senders) };
    office.context.directory.add_group(&source.parse().unwrap(), &targets, &terms).await.unwrap();
}

/// Sends a letter, and answers the reply to it.
async fn send(office: &Office, from: &str, to: &[&str], header: &str) -> String {
    let mut client = Terminal::connect(office.smtp).await;
    client.begin(from, to).await;
    client.say(&format!("{header}Subject: s\r\n\r\ntext\r\n")).await;
    client.ask(".").await
}

async fn queued(office: &Office) -> Vec<Listed> {
    let mut rows = office.context.queue.list(Filter::default(), 1000, clock::now()).await.unwrap();
    rows.sort_by_key(|row| row.address.to_string());
    rows
}

/// `reverse-path -> recipient by address`, and nothing left in the queue afterwards.
async fn take_queued(office: &Office) -> Vec<String> {
    let rows = queued(office).await;
    office.context.queue.drop_rows(Filter::default(), clock::now()).await.unwrap();
    let by = |row: &Listed| row.mail.delivered_to.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
    rows.iter().map(|row| format!("{} -> {}{}", row.mail.reverse_path, row.address, by(row))).collect()
}

#[tokio::test]
async fn a_forward_goes_out_under_an_address_of_ours() {
    let office = Office::open().await;
    forward(&office, "kostas@athens.test", &["k@far.test", "k@near.test"], true).await;
    let reply = send(&office, "joe@patras.test", &["kostas@athens.test"], "").await;
    let rows = queued(&office).await;
    let ReversePath::Address(path) = rows[0].mail.reverse_path.clone() else { panic!("{rows:?}") };
    assert!(path.to_string().ends_with("=patras.test=joe@athens.test"), "{path}");
    assert!(rows.iter().all(|row| row.mail.id == rows[0].mail.id && reply.contains(&row.mail.id.to_string())));
    assert_eq!(
        take_queued(&office).await,
        ["k@far.test", "k@near.test"].map(|to| format!("{path} -> {to} by kostas@athens.test"))
    );
    let kept = &office.letters("kostas@athens.test", "INBOX").await[0];
    assert!(
        kept.starts_with("Return-Path: <joe@patras.test>\r\nReceived:") && !kept.contains("Delivered-To"),
        "{kept}"
    );
    let [Event::SentOn { by, letter, carried_as, .. }, _] = &office.events("sent-on")[..] else { panic!() };
    assert_eq!((by.to_string().as_str(), letter), ("kostas@athens.test", carried_as));

    // A notice comes back to the sender; nothing else does, and nobody else's notices.
    let mut client = Terminal::connect(office.smtp).await;
    client.begin("", &[&path.to_string().to_lowercase()]).await;
    client.say("Subject: failed\r\n\r\n").await;
    assert!(client.ask(".").await.starts_with("250"));
    assert_eq!(take_queued(&office).await, [" -> joe@patras.test"]);
    assert!(client.ask("MAIL FROM:<spam@x.test>").await.starts_with("250"));
    let reply = client.ask(&format!("RCPT TO:<{path}>")).await;
    assert!(reply.starts_with("550 5.7.1") && reply.contains("notices"), "{reply}");
    assert!(client.ask("RSET").await.starts_with("250"));
    assert!(client.ask("MAIL FROM:<>").await.starts_with("250"));
    for (forged, word) in [
        (path.to_string().replace("joe", "jim"), "was not made here"),
        ("SRS0=abc@athens.test".to_owned(), "not whole"),
        ("SRS0=AAAAAA=AA=patras.test=joe@athens.test".to_owned(), "was not made here"),
    ] {
        let reply = client.ask(&format!("RCPT TO:<{forged}>")).await;
        assert!(reply.starts_with("550 5.1.1") && reply.contains(word), "{forged}: {reply}");
    }
}

#[tokio::test]
async fn a_notice_names_the_sender_and_not_the_address_that_stands_for_him() {
    let office = Office::open().await;
    forward(&office, "kostas@athens.test", &["k@far.test"], false).await;
    send(&office, "joe@patras.test", &["kostas@athens.test"], "").await;
    let rows = queued(&office).await;
    assert!(rows[0].mail.reverse_path.to_string().starts_with("SRS0="), "{rows:?}");
    let reply = mhs::bounce::GivenBack::reply("not wanted");
    mhs::bounce::give_back(&office.context, &rows, &reply).await.unwrap();
    let rows = queued(&office).await;
    assert_eq!((rows.len(), rows[0].address.to_string().as_str()), (1, "joe@patras.test"));
    let body = office.context.store.open(rows[0].mail.body).await.unwrap();
    let notice = String::from_utf8(body.read_all(100_000).await.unwrap().to_vec()).unwrap();
    assert!(notice.contains("\r\nTo: joe@patras.test\r\n"), "{notice}");
}

#[tokio::test]
async fn an_address_that_brings_notices_back_is_no_open_door() {
    use mhs::limits::RETURNING_TO_ONE;
    let office = Office::open().await;
    let directory = &office.context.directory;
    let by = address("kostas@athens.test");
    let mut known = Vec::new();
    for sender in ["joe@patras.test", "Joe@Patras.test", "jim@patras.test"] {
        let sender = ReversePath::Address(address(sender));
        let ReversePath::Address(path) = directory.onward_path(&sender, None, &by).await.unwrap() else { panic!() };
        known.push(path.to_string());
    }
    let [joe, also_joe, jim] = &known[..] else { panic!() };
    let mut client = Terminal::connect(office.smtp).await;
    let ways = [joe.clone(), joe.to_uppercase(), also_joe.clone()];
    for written in ways.iter().cycle().take(RETURNING_TO_ONE as usize) {
        client.begin("", &[written]).await;
        assert!(client.ask("Subject: failed\r\n\r\n\r\n.").await.starts_with("250"));
    }
    assert!(client.ask("MAIL FROM:<>").await.starts_with("250"));
    for written in &ways {
        let reply = client.ask(&format!("RCPT TO:<{written}>")).await;
        assert!(reply.starts_with("450 4.7.1"), "{reply}");
    }
    // Nobody else pays for it.
    assert!(client.ask(&format!("RCPT TO:<{jim}>")).await.starts_with("250"));
    assert!(client.ask("RCPT TO:<kostas@athens.test>").await.starts_with("250"));
    assert_eq!(take_queued(&office).await.len(), RETURNING_TO_ONE as usize);
}

#[tokio::test]
async fn our_own_and_the_null_path_stay_as_they_are() {
    let office = Office::open().await;
    forward(&office, "kostas@athens.test", &["k@far.test"], false).await;
    send(&office, "", &["kostas@athens.test"], "").await;
    assert_eq!(take_queued(&office).await, [" -> k@far.test by kostas@athens.test"]);
    send(&office, "anna@athens.test", &["kostas@athens.test"], "").await;
    assert_eq!(take_queued(&office).await, ["anna@athens.test -> k@far.test by kostas@athens.test"]);
    assert!(office.letters("kostas@athens.test", "INBOX").await.is_empty());
}

#[tokio::test]
async fn one_letter_goes_out_under_several_paths() {
    let office = Office::open_with(|settings| {
        settings.trusted = directory::TrustedNetworks::parse(["127.0.0.1"]).unwrap();
    });
    let office = office.await;
    forward(&office, "kostas@athens.test", &["k@far.test"], true).await;
    let to = ["anna@athens.test", "maria@list.test", "kostas@athens.test"];
    group(&office, "list@athens.test", &to, Some("anna@athens.test"), Senders::Anybody).await;
    office.context.directory.add_alias(&"out@athens.test".parse().unwrap(), &[address("o@far.test")]).await.unwrap();
    let to = ["list@athens.test", "direct@x.test", "out@athens.test"];
    let reply = send(&office, "joe@patras.test", &to, "").await;
    let rows = queued(&office).await;
    let ids: std::collections::BTreeSet<_> = rows.iter().map(|row| row.mail.id).collect();
    assert_eq!(ids.len(), 4, "{rows:?}");
    let direct = rows.iter().find(|row| row.address == address("direct@x.test")).unwrap();
    assert!(reply.contains(&direct.mail.id.to_string()), "what the sender named himself keeps the letter's id");
    let body = direct.mail.body;
    assert!(rows.iter().all(|row| row.mail.body == body), "one body for all");
    let srs =
        |text: &str| text.starts_with("SRS0=") && text.contains("=patras.test=joe@athens.test -> o@far.test by out@");
    let out = take_queued(&office).await;
    assert_eq!(out[0], "joe@patras.test -> direct@x.test");
    assert_eq!(out[1], "anna@athens.test -> k@far.test by kostas@athens.test");
    assert_eq!(out[2], "anna@athens.test -> maria@list.test by list@athens.test");
    assert!(srs(&out[3]), "{out:?}");
    // All who have it here have it from the group.
    let letter = &office.letters("anna@athens.test", "INBOX").await[0];
    assert!(letter.starts_with("Return-Path: <anna@athens.test>\r\n"), "{letter}");
    // Anna has it from the sender as well: there the group's owner has no say.
    send(&office, "joe@patras.test", &["anna@athens.test", "list@athens.test"], "").await;
    let letter = &office.letters("anna@athens.test", "INBOX").await[1];
    assert!(letter.starts_with("Return-Path: <joe@patras.test>\r\n"), "{letter}");
    // Whom the sender names too has one copy, as the sender's; also when the alias has sent the letter on before.
    take_queued(&office).await;
    for been in ["", "Delivered-To: out@athens.test\r\n"] {
        send(&office, "joe@patras.test", &["out@athens.test", "o@far.test"], been).await;
        let out = take_queued(&office).await;
        let copies: Vec<_> = out.iter().filter(|one| one.contains("o@far.test")).collect();
        assert_eq!(copies, ["joe@patras.test -> o@far.test"], "{been:?}");
    }
    // No row names the body any more but those of the mailboxes.
    take_queued(&office).await;
    let sql = "SELECT refs FROM storage_body WHERE refs > 0 ORDER BY refs";
    let refs = office.context.store.read(move |q| q.query(sql, &[])).await.unwrap();
    let refs: Vec<i64> = refs.iter().map(|row| row.int(0).unwrap()).collect();
    assert_eq!(refs, [2, 2]);
}

#[tokio::test]
async fn what_was_sent_on_before_is_not_sent_on_again() {
    let office = Office::open().await;
    forward(&office, "kostas@athens.test", &["k@far.test"], true).await;
    office.context.directory.add_alias(&"out@athens.test".parse().unwrap(), &[address("o@far.test")]).await.unwrap();
    // A copy that is kept is kept.
    let been = "Received: from x by y; Mon, 23 Nov 2026 12:00:00 +0000\r\nDelivered-To: Kostas@athens.test\r\n";
    assert!(send(&office, "joe@patras.test", &["kostas@athens.test"], been).await.starts_with("250"));
    assert_eq!(take_queued(&office).await, Vec::<String>::new());
    assert_eq!(office.letters("kostas@athens.test", "INBOX").await.len(), 1);
    // Of another's circle this one knows nothing.
    send(&office, "joe@patras.test", &["kostas@athens.test"], "Delivered-To: other@athens.test\r\n").await;
    assert_eq!(take_queued(&office).await.len(), 1);
    // With nobody left it is refused.
    let been = "Delivered-To: out@athens.test\r\n";
    let reply = send(&office, "joe@patras.test", &["out@athens.test"], been).await;
    assert!(reply.starts_with("554 5.4.6"), "{reply}");
    assert_eq!(take_queued(&office).await, Vec::<String>::new());
    // With somebody left it is accepted for him, and the sender is told of the other.
    assert!(send(&office, "joe@patras.test", &["out@athens.test", "anna@athens.test"], been).await.starts_with("250"));
    assert_eq!(take_queued(&office).await, [" -> joe@patras.test"]);
    assert_eq!(office.letters("anna@athens.test", "INBOX").await.len(), 1);
    assert_eq!(office.events("circle").len(), 1);
    let [Event::Notified { about, kind, .. }] = &office.events("notified")[..] else { panic!() };
    assert_eq!((about[0].clone(), kind.as_str()), (address("out@athens.test"), "failed"));
    // One of ours finds it in the mailbox, with the header of the letter.
    send(&office, "anna@athens.test", &["out@athens.test", "kostas@athens.test"], been).await;
    let notice = office.letters("anna@athens.test", "INBOX").await.pop().unwrap();
    for part in ["Action: failed", "Status: 5.4.6", "rfc822; out@athens.test", "Delivered-To: out@athens.test"] {
        assert!(notice.contains(part), "{part} is missing in {notice}");
    }
}

#[tokio::test]
async fn groups_are_for_those_who_may() {
    let office = Office::open().await;
    let to = ["anna@athens.test", "maria@far.test"];
    group(&office, "local@athens.test", &to, None, Senders::Local).await;
    group(&office, "members@athens.test", &to, None, Senders::Members).await;
    let mut client = Terminal::connect(office.smtp).await;
    assert!(client.ask("EHLO client.test").await.starts_with("250"));
    for (from, to, answer) in [
        ("maria@far.test", "members", "250"),
        ("stranger@far.test", "members", "550 5.7.1"),
        ("anna@athens.test", "members", "550 5.7.1"),
        ("maria@far.test", "local", "550 5.7.1"),
        ("", "members", "550 5.7.1"),
    ] {
        assert!(client.ask(&format!("MAIL FROM:<{from}>")).await.starts_with("250"));
        let reply = client.ask(&format!("RCPT TO:<{to}@athens.test>")).await;
        assert!(reply.starts_with(answer), "{from} to {to}: {reply}");
        assert!(answer == "250" || reply.contains("may write to"), "{reply}");
        assert!(client.ask("RSET").await.starts_with("250"));
    }
    let trusting = Office::open_with(|settings| {
        settings.trusted = directory::TrustedNetworks::parse(["127.0.0.1"]).unwrap();
    });
    let trusting = trusting.await;
    group(&trusting, "local@athens.test", &to, None, Senders::Local).await;
    assert!(send(&trusting, "anna@athens.test", &["local@athens.test"], "").await.starts_with("250"));
}

#[tokio::test]
async fn people_who_moved() {
    let office = Office::open().await;
    let directory = &office.context.directory;
    directory.set_moved(&address("old@athens.test"), &address("new@far.test"), false).await.unwrap();
    directory.set_moved(&address("gone@athens.test"), &address("here@far.test"), true).await.unwrap();
    let mut client = Terminal::connect(office.smtp).await;
    assert!(client.ask("EHLO client.test").await.starts_with("250"));
    assert!(client.ask("MAIL FROM:<joe@patras.test>").await.starts_with("250"));
    assert_eq!(client.ask("RCPT TO:<old@athens.test>").await, "551 5.1.6 user not local; please try <new@far.test>");
    let reply = client.ask("RCPT TO:<gone@athens.test>").await;
    assert_eq!(reply, "251 2.1.5 user not local; will forward to <here@far.test>");
    assert!(client.ask("DATA").await.starts_with("354"));
    assert!(client.ask(".").await.starts_with("250"));
    let rows = take_queued(&office).await;
    assert!(rows[0].starts_with("SRS0=") && rows[0].ends_with("-> here@far.test by gone@athens.test"), "{rows:?}");
}

#[tokio::test]
async fn success_is_told_as_the_address_is_made() {
    for (to, targets, owner, told, left) in [
        // One target: what was asked for goes along (RFC 3461 section 5.2.7.2).
        ("one@athens.test", vec!["a@far.test"], None, None, Some(true)),
        // Several: the sender is told of the expansion, and not of each.
        ("two@athens.test", vec!["a@far.test", "b@far.test"], None, Some("expanded"), Some(false)),
        ("mixed@athens.test", vec!["a@far.test", "kostas@athens.test"], None, Some("expanded"), Some(false)),
        // A list is where his letter ends.
        ("list@athens.test", vec!["a@far.test"], Some("kostas@athens.test"), Some("delivered"), None),
        // His own mailbox, and another.
        ("kostas@athens.test", vec!["kostas@athens.test", "a@far.test"], None, Some("delivered"), Some(false)),
    ] {
        let office = Office::open().await;
        group(&office, to, &targets, owner, Senders::Anybody).await;
        let mut client = Terminal::connect(office.smtp).await;
        assert!(client.ask("EHLO client.test").await.starts_with("250"));
        assert!(client.ask("MAIL FROM:<anna@athens.test> RET=HDRS ENVID=QQ314159").await.starts_with("250"));
        let reply = client.ask(&format!("RCPT TO:<{to}> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;X@far.test")).await;
        assert!(reply.starts_with("250"), "{reply}");
        assert!(client.ask("DATA").await.starts_with("354"));
        client.say("Subject: s\r\n\r\n").await;
        assert!(client.ask(".").await.starts_with("250"));
        let notices = office.letters("anna@athens.test", "INBOX").await;
        assert_eq!(notices.len(), usize::from(told.is_some()), "{to}: {notices:?}");
        if let (Some(action), Some(notice)) = (told, notices.first()) {
            for part in [&format!("Action: {action}"), "Original-Recipient: rfc822; X@far.test", "QQ314159"] {
                assert!(notice.contains(part), "{to}: {part} is missing in {notice}");
            }
            assert!(notice.contains(&format!("Final-Recipient: rfc822; {to}")), "{notice}");
        }
        let rows = queued(&office).await;
        let sql = "SELECT notify, original FROM queue_recipient ORDER BY address";
        let asked = office.context.store.read(move |q| q.query(sql, &[])).await.unwrap();
        assert_eq!(rows[0].address, address("a@far.test"));
        // 1 success, 2 failure.
        let wants = |success: bool| Some(if success { 3 } else { 2 });
        assert_eq!(asked[0].maybe_int(0).unwrap(), left.and_then(wants), "{to}");
        assert_eq!(asked[0].maybe_text(1).unwrap(), left.map(|_| "rfc822;X@far.test"), "{to}");
        assert_eq!(rows[0].mail.envelope_id.is_some(), owner.is_none(), "{to}");
    }
}
