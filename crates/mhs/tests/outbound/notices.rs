//! What senders are told, and when they are left in peace.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use directory::RelayAllowed;
use envelope::{BodyType, MailId, Notify, Recipient, RequireTls, Return, ReversePath};
use journal::Event;
use mhs::bounce::{self, GivenBack};
use mhs::limits;
use net::clock;
use queue::{Backoff, Filter, Lane, NewMail, NewRecipient};

use crate::peer::{Manner, Peer};
use crate::world::{Wishes, World, address};

fn recipient(notify: Option<(bool, bool, bool)>) -> Recipient {
    let notify = notify.map(|(success, failure, delay)| Notify { success, failure, delay });
    Recipient { address: address("kostas@patras.test"), notify, original: Some("rfc822;K+2BA@patras.test".into()) }
}

fn anna() -> ReversePath {
    ReversePath::Address(address("anna@athens.test"))
}

fn refusing() -> Manner {
    Manner { recipient: |_, _| "550 5.7.1 no", ..Manner::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bounce_says_what_happened_to_what() {
    let world = World::new().await;
    let _peer = Peer::start(world.at(1), refusing()).await;
    world.send(&["kostas@patras.test"]).await;
    world.until_empty().await;
    let notices = world.letters().await;
    let notice = &notices[0];
    for part in [
        "Return-Path: <>\r\n",
        "MAILER-DAEMON@mx.athens.test",
        "Content-Type: multipart/report",
        "Reporting-MTA: dns; mx.athens.test",
        "Action: failed",
        "Remote-MTA: dns; mx.patras.test",
        "Diagnostic-Code: smtp; 550 5.7.1 no",
        "The server mx.patras.test said:",
        "Message-ID: <1@athens.test>",
        ".hello",
    ] {
        assert!(notice.contains(part), "{part} is missing in {notice}");
    }
    let [Event::Notified { to, kind, about }] = &world.events("notified")[..] else { panic!() };
    assert_eq!((to, kind.as_str(), about.len()), (&anna(), "failed", 1));
}

/// The letter is as long as letters may be: the notice that returns it is longer.
#[tokio::test(flavor = "multi_thread")]
async fn no_limit_of_letters_keeps_a_sender_from_being_told() {
    let world = World::with(Wishes { letter_octets_max: 200, ..Wishes::default() }).await;
    let _peer = Peer::start(world.at(1), refusing()).await;
    world.send(&["kostas@patras.test"]).await;
    world.until_empty().await;
    let notices = world.letters().await;
    assert_eq!(notices.len(), 1);
    assert!(notices[0].len() > 200 && notices[0].contains(".hello"), "{}", notices[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bounce_is_never_bounced() {
    let world = World::new().await;
    let _peer = Peer::start(world.at(1), refusing()).await;
    world.send_as(ReversePath::Null, vec![recipient(None)]).await;
    world.until_empty().await;
    assert_eq!(world.attempts(), ["550 5.7.1"]);
    assert!(world.events("notified").is_empty() && world.letters().await.is_empty());
    assert_eq!(world.bodies().await, 0);
}

/// The sender cannot be told, so the postmaster is; once.
#[tokio::test(flavor = "multi_thread")]
async fn a_notice_that_cannot_be_delivered_goes_to_the_postmaster() {
    let world = World::new().await;
    let _peer = Peer::start(world.at(1), refusing()).await;
    world.send_as(ReversePath::Address(address("maria@patras.test")), vec![recipient(None)]).await;
    world.until_empty().await;
    assert_eq!(world.attempts(), ["550 5.7.1", "550 5.7.1"]);
    let letters = world.letters().await;
    let [letter] = &letters[..] else { panic!("{letters:?}") };
    for part in [
        "Return-Path: <>\r\n",
        "Subject: A notice of this mail system could not be delivered",
        "The notice was for <maria@patras.test>",
        "It told:  failed for <kostas@patras.test>: 5.7.1",
        "Message-ID: <double-bounce.",
        "Action: failed",
        "The notice is attached",
        "Content-Description: The notice",
        // All of it, with the letter in it.
        "Content-Description: Your message",
        ".hello",
    ] {
        assert!(letter.contains(part), "{part} is missing in {letter}");
    }
    assert!(!letter.contains("message of yours could not be delivered to the addresses below"), "{letter}");
    assert_eq!(world.events("notified").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_wants_to_hear_nothing_hears_nothing() {
    let world = World::new().await;
    let _peer = Peer::start(world.at(1), refusing()).await;
    world.send_as(anna(), vec![recipient(Some((false, false, false)))]).await;
    world.until_empty().await;
    assert!(world.letters().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_whose_address_is_gone_keeps_nothing_in_the_queue() {
    let world = World::new().await;
    let _peer = Peer::start(world.at(1), refusing()).await;
    let gone = ReversePath::Address(address("gone@athens.test"));
    world.send_as(gone.clone(), vec![recipient(None)]).await;
    world.until_empty().await;
    // Nobody else can hear of it, so the postmaster does: of all of it, once.
    let letters = world.letters().await;
    let [letter] = &letters[..] else { panic!("{letters:?}") };
    for part in [
        "Return-Path: <>\r\n",
        "Subject: A notice of this mail system could not be delivered",
        "The notice was for <gone@athens.test>",
        "It told:  failed for <kostas@patras.test>: 5.7.1",
        "Message-ID: <double-bounce.",
        "Content-Description: The notice",
        ".hello",
    ] {
        assert!(letter.contains(part), "{part} is missing in {letter}");
    }
    assert_eq!(world.bodies().await, 1);
    assert_eq!(world.events("notified").len(), 1);
    // He is not flooded either: the journal has the rest.
    for _ in 0..limits::NOTICES_ASTRAY_OF_ONE + 1 {
        world.send_as(gone.clone(), vec![recipient(None)]).await;
    }
    world.until_empty().await;
    assert_eq!(world.letters().await.len(), limits::NOTICES_ASTRAY_OF_ONE as usize);
    let is_astray = |event: &&Event| {
        let words = ["nobody has the reverse-path gone@athens.test", "failed for <kostas@patras.test>"];
        matches!(event, Event::Fault { reason, .. } if words.iter().all(|word| reason.contains(word)))
    };
    assert_eq!(world.events("fault").iter().filter(is_astray).count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn success_is_told_where_the_next_hop_will_not() {
    let world = World::new().await;
    let _peer = Peer::start(world.at(1), Manner::default()).await;
    world.send_as(anna(), vec![recipient(Some((true, false, false)))]).await;
    world.until_empty().await;
    let notices = world.letters().await;
    assert!(notices[0].contains("Action: relayed") && notices[0].contains("Status: 2.0.0"), "{}", notices[0]);
    assert!(notices[0].contains("Original-Recipient: rfc822;"), "{}", notices[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn success_here_is_told_when_asked_for() {
    let world = World::new().await;
    let notify = |success| Some(Notify { success, failure: true, delay: false });
    let to = |success| Recipient { address: address("anna@athens.test"), notify: notify(success), original: None };
    world.send_as(anna(), vec![to(false)]).await;
    world.send_as(ReversePath::Null, vec![to(true)]).await;
    world.send_as(anna(), vec![to(true)]).await;
    let letters = world.letters().await;
    assert_eq!(letters.len(), 4, "three letters and one notice");
    let notice = &letters[3];
    assert!(notice.contains("Action: delivered") && notice.contains("Status: 2.1.5"), "{notice}");
    assert!(notice.contains("Final-Recipient: rfc822; anna@athens.test"), "{notice}");
}

#[tokio::test(flavor = "multi_thread")]
async fn success_is_the_next_hops_to_tell_where_it_can() {
    let world = World::new().await;
    let peer = Peer::start(world.at(1), Manner { extensions: &["DSN"], ..Manner::default() }).await;
    world.send_as(anna(), vec![recipient(Some((true, true, false)))]).await;
    world.until_empty().await;
    let to = &peer.letters()[0].to[0];
    assert!(to.contains("NOTIFY=SUCCESS,FAILURE") && to.contains("ORCPT=rfc822;K+2BA@patras.test"), "{to}");
    assert!(world.letters().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn late_is_told_once_and_the_end_as_well() {
    let backoff = Backoff {
        first: Duration::from_millis(100),
        longest: Duration::from_millis(200),
        lifetime: Duration::from_secs(4),
        delay_notice: Duration::from_secs(1),
    };
    let world = World::with(Wishes { backoff, ..Wishes::default() }).await;
    world.send(&["kostas@patras.test"]).await;
    world.until("both notices", async || world.letters().await.len() >= 2).await;
    world.until_empty().await;
    let notices = world.letters().await;
    assert_eq!(notices.len(), 2);
    assert!(notices[0].contains("Action: delayed") && notices[0].contains("Status: 4.4.1"), "{}", notices[0]);
    assert!(notices[0].contains("Will-Retry-Until: "));
    assert!(notices[1].contains("Action: failed") && notices[1].contains("Status: 5.4.7"), "{}", notices[1]);
    // Nobody was there to say anything.
    for notice in &notices {
        assert!(notice.contains("We found:") && notice.contains("Diagnostic-Code: X-Angelia; "), "{notice}");
        assert!(!notice.contains("Remote-MTA") && !notice.contains("said:"), "{notice}");
    }
    assert!(notices[1].contains("it was tried until its time was over"), "{}", notices[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_answer_of_the_other_side_is_kept_to_the_end() {
    let backoff = Backoff {
        first: Duration::from_millis(100),
        longest: Duration::from_millis(200),
        lifetime: Duration::from_secs(1),
        delay_notice: Duration::from_secs(60),
    };
    let world = World::with(Wishes { backoff, ..Wishes::default() }).await;
    let manner = Manner { recipient: |_, _| "452 4.2.2 his mailbox is full", ..Manner::default() };
    let _peer = Peer::start(world.at(1), manner).await;
    world.send(&["kostas@patras.test"]).await;
    world.until_empty().await;
    let notices = world.letters().await;
    for part in [
        "Status: 5.4.7",
        "Remote-MTA: dns; mx.patras.test",
        "Diagnostic-Code: smtp; 452 4.2.2 his mailbox is full",
        "The server mx.patras.test said:",
        "it was tried until its time was over",
    ] {
        assert!(notices[0].contains(part), "{part} is missing in {}", notices[0]);
    }
}

/// Blocks a peer's answer until the test has done something.
fn wait_for(gate: &AtomicBool) {
    // Other tasks go on meanwhile. Not for ever: a test that fails shall end.
    tokio::task::block_in_place(|| {
        for _ in 0..2000 {
            if gate.load(Ordering::SeqCst) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    });
}

/// Three destinations, one after the other, and one letter to its sender.
#[tokio::test(flavor = "multi_thread")]
async fn recipients_that_fail_together_are_told_of_together() {
    let mx = vec![("patras.test.", 10, "mx.patras.test."), ("sparta.test.", 10, "mx.sparta.test.")];
    let hosts = vec![("mx.patras.test.", 1), ("mx.sparta.test.", 2)];
    let world = World::with(Wishes { mx, hosts, ..Wishes::default() }).await;
    let slow = Manner {
        recipient: |_, _| {
            tokio::task::block_in_place(|| std::thread::sleep(Duration::from_millis(400)));
            "550 5.1.1 nobody"
        },
        ..Manner::default()
    };
    let (_patras, _sparta) = (Peer::start(world.at(1), refusing()).await, Peer::start(world.at(2), slow).await);
    world.send(&["kostas@patras.test", "maria@sparta.test", "nikos@nowhere.test"]).await;
    world.until_empty().await;
    let notices = world.letters().await;
    let [notice] = &notices[..] else { panic!("{notices:?}") };
    for part in [
        "Final-Recipient: rfc822; kostas@patras.test",
        "Diagnostic-Code: smtp; 550 5.7.1 no",
        "Remote-MTA: dns; mx.sparta.test",
        "Diagnostic-Code: smtp; 550 5.1.1 nobody",
        "Final-Recipient: rfc822; nikos@nowhere.test",
        "Diagnostic-Code: X-Angelia; ",
    ] {
        assert!(notice.contains(part), "{part} is missing in {notice}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_dropped_under_way_silences_nobody_else() {
    static REACHED: AtomicBool = AtomicBool::new(false);
    static DROPPED: AtomicBool = AtomicBool::new(false);
    let world = World::new().await;
    let manner = Manner {
        recipient: |_, _| {
            REACHED.store(true, Ordering::SeqCst);
            wait_for(&DROPPED);
            "550 5.7.1 no"
        },
        ..Manner::default()
    };
    let _peer = Peer::start(world.at(1), manner).await;
    world.send(&["kostas@patras.test", "maria@patras.test"]).await;
    world.until("the first RCPT", async || REACHED.load(Ordering::SeqCst)).await;
    let maria = Filter { recipient: Some("maria@patras.test".into()), ..Filter::default() };
    assert_eq!(world.context.queue.drop_rows(maria, clock::now()).await.unwrap().len(), 1);
    DROPPED.store(true, Ordering::SeqCst);
    world.until_empty().await;
    let notices = world.letters().await;
    assert_eq!(notices.len(), 1);
    assert!(notices[0].contains("rfc822; kostas@patras.test") && !notices[0].contains("maria"), "{}", notices[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_held_under_way_is_kept_and_not_told_of() {
    static REACHED: AtomicBool = AtomicBool::new(false);
    static HELD: AtomicBool = AtomicBool::new(false);
    let world = World::new().await;
    let manner = Manner {
        recipient: |_, _| {
            REACHED.store(true, Ordering::SeqCst);
            wait_for(&HELD);
            "550 5.7.1 no"
        },
        ..Manner::default()
    };
    let _peer = Peer::start(world.at(1), manner).await;
    world.send(&["kostas@patras.test", "maria@patras.test"]).await;
    world.until("the first RCPT", async || REACHED.load(Ordering::SeqCst)).await;
    let maria = Filter { recipient: Some("maria@patras.test".into()), ..Filter::default() };
    let held = world.context.queue.hold(maria.clone(), Some("asking"), clock::now()).await.unwrap();
    assert!(held.len() == 1 && held[0].is_active(clock::now()));
    HELD.store(true, Ordering::SeqCst);
    world.until("the end", async || world.queued().await.len() == 1 && world.queued().await[0].held).await;
    let row = world.queued().await.remove(0);
    assert_eq!(row.next, queue::Next::Held { reason: Some("asking".into()) });
    assert_eq!(
        (row.address.to_string().as_str(), row.last_reply.as_deref()),
        ("maria@patras.test", Some("550 5.7.1 no"))
    );
    let notices = world.letters().await;
    assert_eq!(notices.len(), 1);
    assert!(notices[0].contains("rfc822; kostas@patras.test") && !notices[0].contains("maria"), "{}", notices[0]);
    // Let go, it fails as it would have.
    world.context.queue.release(maria, clock::now()).await.unwrap();
    world.until_empty().await;
    assert_eq!(world.letters().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_gives_letters_back() {
    let world = World::new().await;
    let silent = Notify { success: false, failure: false, delay: false };
    let to = |text: &str, notify| Recipient { address: address(text), notify, original: None };
    let recipients = vec![to("kostas@patras.test", None), to("maria@patras.test", Some(silent))];
    world.send_as(anna(), recipients).await;
    world.send_as(ReversePath::Null, vec![to("eleni@patras.test", None)]).await;
    let gone = ReversePath::Address(address("gone@athens.test"));
    world.send_as(gone.clone(), vec![to("nikos@patras.test", None)]).await;
    // Nobody answers there: they wait.
    let held = async || {
        world.context.queue.hold(Filter::default(), None, clock::now()).await.unwrap();
        let rows = world.queued().await;
        let waits = |row: &queue::Listed| matches!(row.next, queue::Next::Held { .. }) && !row.is_claimed();
        rows.len() == 4 && rows.iter().all(waits)
    };
    world.until("nobody at them", held).await;
    let reply = GivenBack::reply("given back: not wanted");
    let mut rows = world.queued().await;
    rows.sort_by_key(|row| (row.mail.id, row.number));
    for letter in rows.chunk_by(|one, other| one.mail.id == other.mail.id) {
        // Somebody has claimed one of them since: nothing is done.
        let mut claimed = letter.to_vec();
        claimed[0].fence -= 1;
        assert_eq!(bounce::give_back(&world.context, &claimed, &reply).await.unwrap(), GivenBack::NotNow);
        let told = match &letter[0].mail.reverse_path {
            ReversePath::Null => GivenBack::Untold,
            path if *path == gone => GivenBack::ToPostmaster,
            _ => GivenBack::ToSender,
        };
        assert_eq!(bounce::give_back(&world.context, letter, &reply).await.unwrap(), told);
    }
    assert!(world.queued().await.is_empty());
    // A notice has nobody to be told; the postmaster has Anna's mailbox.
    let mut notices = world.letters().await;
    notices.sort_by_key(|notice| notice.contains("double-bounce."));
    assert_eq!(notices.len(), 2);
    assert!(notices[1].contains("The notice was for <gone@athens.test>"), "{}", notices[1]);
    assert!(notices[0].contains("rfc822; kostas@patras.test") && !notices[0].contains("maria"), "{}", notices[0]);
    for part in ["Status: 5.7.0", "given it back", "They say:", "not wanted"] {
        assert!(notices[0].contains(part), "{part} is missing in {}", notices[0]);
    }
    for wrong in ["no clear reason", "We found", "other side", "in another way"] {
        assert!(!notices[0].contains(wrong), "{wrong} is in {}", notices[0]);
    }
}

/// It has failed without anybody having been asked, and its notice waits for another recipient.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_while_notices_are_gathered_is_kept() {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    let mut wishes = Wishes::default();
    wishes.mx.push(("none.test.", 0, "."));
    let world = World::with(wishes).await;
    let manner = Manner {
        body: |_| {
            wait_for(&TAKEN);
            "250 2.0.0 taken"
        },
        ..Manner::default()
    };
    let _peer = Peer::start(world.at(1), manner).await;
    world.send(&["kostas@patras.test", "maria@none.test"]).await;
    world.until("the failure", async || !world.events("attempt").is_empty()).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let maria = Filter { recipient: Some("maria@none.test".into()), ..Filter::default() };
    let held = world.context.queue.hold(maria, None, clock::now()).await.unwrap();
    assert!(held.len() == 1 && held[0].is_active(clock::now()), "it waits in the gathering");
    let settled = async || world.queued().await.iter().any(|row| row.held && !row.is_claimed());
    world.until("it to go back", settled).await;
    TAKEN.store(true, Ordering::SeqCst);
    world.until("the other one", async || world.queued().await.len() == 1).await;
    assert!(world.letters().await.is_empty());
    // Let go, it fails as it would have.
    world.context.queue.release(Filter::default(), clock::now()).await.unwrap();
    world.until_empty().await;
    let notices = world.letters().await;
    assert!(notices.len() == 1 && notices[0].contains("maria@none.test"), "{notices:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_being_sent_is_not_given_back_though_it_is_held() {
    static BROKEN: AtomicBool = AtomicBool::new(false);
    let world = World::new().await;
    let manner = Manner {
        body: |_| {
            wait_for(&BROKEN);
            "250 2.0.0 taken"
        },
        ..Manner::default()
    };
    let peer = Peer::start(world.at(1), manner).await;
    world.send(&["kostas@patras.test"]).await;
    world.until("the body", async || peer.seen.lock().unwrap().commands.iter().any(|c| c.starts_with("DATA"))).await;
    world.context.queue.hold(Filter::default(), None, clock::now()).await.unwrap();
    let rows = world.queued().await;
    assert!(rows[0].wish == Some(queue::Wish::Hold) && rows[0].is_active(clock::now()));
    let reply = GivenBack::reply("given back: not wanted");
    assert_eq!(bounce::give_back(&world.context, &rows, &reply).await.unwrap(), GivenBack::NotNow);
    assert_eq!(world.queued().await.len(), 1);
    BROKEN.store(true, Ordering::SeqCst);
    world.until_empty().await;
    assert_eq!((peer.letters().len(), world.letters().await.len()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_delivered_goes_out_once_though_nobody_can_be_told() {
    static BROKEN: AtomicBool = AtomicBool::new(false);
    let world = World::new().await;
    let manner = Manner {
        body: |_| {
            wait_for(&BROKEN);
            "250 2.0.0 taken"
        },
        ..Manner::default()
    };
    let peer = Peer::start(world.at(1), manner).await;
    world.send_as(anna(), vec![recipient(Some((true, true, true)))]).await;
    world.until("the body", async || peer.seen.lock().unwrap().commands.iter().any(|c| c.starts_with("DATA"))).await;
    let sql = "ALTER TABLE directory_account RENAME TO elsewhere";
    world.context.store.write(move |tx| tx.execute(sql, &[])).await.unwrap();
    BROKEN.store(true, Ordering::SeqCst);
    world.until_empty().await;
    assert_eq!(peer.letters().len(), 1);
    let faults = world.events("fault");
    let lost = |event: &Event| matches!(event, Event::Fault { reason, .. } if reason.contains("of success is lost"));
    assert!(faults.iter().any(lost), "{faults:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ret_and_envid_are_honoured() {
    let world = World::new().await;
    let _peer = Peer::start(world.at(1), refusing()).await;
    let mut stage = world.context.store.stage();
    stage.append(Bytes::from_static(b"Subject: s\r\n\r\nthe body\r\n")).await.unwrap();
    let staged = stage.finish(Bytes::new()).await.unwrap();
    let queue = world.context.queue.clone();
    let to = address("kostas@patras.test");
    let prepared = Arc::new(queue.prepare(&anna(), Lane::of(&anna()), &[&to], clock::now()).await.unwrap());
    let ready = prepared.clone();
    let write = world.context.store.write(move |tx| {
        let new = NewMail {
            require_tls: RequireTls::Unsaid,
            mail: MailId::random(),
            body: tx.keep(&staged, 1)?,
            octets: staged.len(),
            reverse_path: &anna(),
            body_type: BodyType::SevenBit,
            smtputf8: false,
            ret: Some(Return::Headers),
            envelope_id: Some("QQ+2B314159"),
            accepted_at: clock::now(),
            delivered_to: None,
            recipients: &[NewRecipient { recipient: &recipient(None), allowed: &RelayAllowed::for_operator() }],
        };
        queue.accept_in(tx, &new, &ready)
    });
    write.await.unwrap();
    prepared.hand_over();
    world.until_empty().await;
    let notices = world.letters().await;
    assert!(notices[0].contains("Original-Envelope-Id: QQ+314159"), "{}", notices[0]);
    assert!(notices[0].contains("Subject: s") && !notices[0].contains("the body"), "{}", notices[0]);
}
