//! Claims, leases, fences.

use std::sync::Arc;
use std::time::Duration;

use envelope::{MailId, Reply, RequireTls, Timestamp};
use queue::limits::{DUE_AHEAD_MAX, DUE_BUCKETS};
use queue::{Filter, Queue, Settled, Verdict};

use crate::desk::TestDesk;
use crate::house::{House, NOW, at, end, recipient, who};

fn later(due: Timestamp) -> Verdict {
    Verdict::Later {
        due,
        reply: Reply::new(451, (4, 4, 1), "not today"),
        delay_told: false,
        counts: true,
        dialogue: None,
    }
}

pub async fn what_goes_in_comes_out(house: House) {
    let mail = house.accept(&["kostas@patras.test", "\"a b\"@[192.0.2.1]"]).await;
    let mut claims = house.claim(NOW, 10).await;
    claims.sort_by_key(|claim| claim.number);
    for (claim, text) in claims.iter().zip(["kostas@patras.test", "\"a b\"@[192.0.2.1]"]) {
        let expected = recipient(text);
        assert_eq!(claim.mail.id, mail);
        assert_eq!(
            (&claim.address, claim.notify, &claim.original),
            (&expected.address, expected.notify, &expected.original)
        );
        assert_eq!(claim.destination, expected.address.host().to_string());
        assert_eq!((claim.attempts, claim.delay_told, claim.fence), (0, false, 1));
    }
    let mail = &claims[0].mail;
    assert_eq!(mail.reverse_path.to_string(), "anna@athens.test");
    assert_eq!(mail.require_tls, RequireTls::Demanded);
    assert_eq!((mail.octets, mail.smtputf8, mail.envelope_id.as_deref()), (8, true, Some("QQ314159")));
    assert_eq!(mail.accepted_at, NOW);
    let body = house.store.open(mail.body).await.unwrap();
    assert_eq!(&body.read_all(100).await.unwrap()[..], b"a letter");
}

pub async fn accepted_twice_is_there_once(house: House) {
    let mail = MailId::random();
    assert!(house.accept_as(mail, &["a@x.test", "b@x.test"]).await);
    assert!(!house.accept_as(mail, &["a@x.test", "b@x.test"]).await);
    assert_eq!(house.bodies().await, 1);
    assert_eq!(who(&house.claim(NOW, 10).await), ["a@x.test", "b@x.test"]);
}

pub async fn the_last_recipient_takes_the_body_along(house: House) {
    house.accept(&["a@x.test", "b@x.test", "c@x.test"]).await;
    let claims = house.claim(NOW, 10).await;
    let done: Vec<_> = claims.iter().map(|claim| end(claim, Verdict::Done)).collect();
    assert_eq!(house.queue.settle(done[..1].to_vec()).await.unwrap(), [Settled::Written]);
    assert_eq!(house.bodies().await, 1);
    // Both at once, and one that is done already.
    assert_eq!(house.queue.settle(done.clone()).await.unwrap(), [Settled::Lost, Settled::Written, Settled::Written]);
    assert_eq!(house.bodies().await, 0);
    assert_eq!(house.queue.counts().await.unwrap().waiting, 0);
    let left = house.store.read(|q| q.query("SELECT mail_id FROM queue_mail", &[])).await.unwrap();
    assert!(left.is_empty());
}

pub async fn a_claim_is_exclusive_until_its_lease_ends(house: House) {
    house.accept(&["a@x.test"]).await;
    let first = house.claim(NOW, 10).await;
    assert_eq!(first.len(), 1);
    assert!(house.claim(at(1), 10).await.is_empty());
    assert!(house.claim(at(599), 10).await.is_empty());
    // The holder died: the row is due again, with the same count of attempts and a higher fence.
    let second = house.claim(at(600), 10).await;
    assert_eq!((second[0].fence, second[0].attempts), (2, 0));
}

pub async fn the_fence_decides(house: House) {
    house.accept(&["a@x.test"]).await;
    let slow = house.claim(NOW, 1).await.remove(0);
    let quick = house.claim(at(700), 1).await.remove(0);
    // The one who lost the lease says "later", then "done": neither counts.
    assert_eq!(house.queue.settle(vec![end(&slow, later(at(9000)))]).await.unwrap(), [Settled::Lost]);
    assert_eq!(house.queue.settle(vec![end(&slow, Verdict::Done)]).await.unwrap(), [Settled::Lost]);
    assert_eq!(house.queue.renew(vec![(slow.mail.id, slow.number, slow.fence)], at(9000)).await.unwrap().len(), 1);
    let listed = house.queue.show(slow.mail.id, NOW).await.unwrap();
    assert_eq!((listed[0].attempts, listed[0].is_claimed(), listed[0].due), (0, true, at(1300)));
    assert_eq!(house.queue.settle(vec![end(&quick, Verdict::Done)]).await.unwrap(), [Settled::Written]);
    assert!(house.queue.show(slow.mail.id, NOW).await.is_err());
}

pub async fn a_settled_row_stays_settled(house: House) {
    let park = Verdict::Park { wake_at: at(9000), delay_told: false };
    let reroute = Verdict::Reroute { destination: "smtp:hub.test:25".into(), due: at(300) };
    for verdict in [later(at(300)), park, reroute] {
        let mail = house.accept(&["a@x.test"]).await;
        let claim = house.claim(NOW, 1).await.remove(0);
        assert_eq!(house.queue.settle(vec![end(&claim, verdict.clone())]).await.unwrap(), [Settled::Written]);
        let settled = house.queue.show(mail, NOW).await.unwrap();
        // A renewal that was under way, and the same verdict once more because its outcome was unknown.
        let lost = house.queue.renew(vec![(mail, claim.number, claim.fence)], at(900)).await.unwrap();
        assert_eq!(lost, [(mail, claim.number)], "{verdict:?}");
        assert_eq!(
            house.queue.settle(vec![end(&claim, verdict.clone())]).await.unwrap(),
            [Settled::Lost],
            "{verdict:?}"
        );
        assert_eq!(house.queue.show(mail, NOW).await.unwrap(), settled, "{verdict:?}");
        house.queue.drop_rows(Filter::default(), NOW).await.unwrap();
    }
}

pub async fn a_lease_can_be_renewed(house: House) {
    house.accept(&["a@x.test"]).await;
    let claim = house.claim(NOW, 1).await.remove(0);
    let lost = house.queue.renew(vec![(claim.mail.id, claim.number, claim.fence)], at(2000)).await.unwrap();
    assert!(lost.is_empty());
    assert!(house.claim(at(1999), 1).await.is_empty());
    assert_eq!(house.claim(at(2000), 1).await.len(), 1);
}

pub async fn a_restarted_node_takes_its_leases_back(house: House) {
    house.accept(&["a@x.test"]).await;
    house.claim(NOW, 1).await;
    let other = Queue::new(house.store.clone(), "two");
    assert_eq!(other.recover(at(1)).await.unwrap(), 0);
    let restarted = Queue::new(house.store.clone(), "one");
    assert!(!restarted.has_recovered());
    assert_eq!(restarted.recover(at(1)).await.unwrap(), 1);
    assert!(restarted.has_recovered());
    assert_eq!(house.claim(at(1), 1).await[0].fence, 2);
}

pub async fn later_means_later(house: House) {
    let mail = house.accept(&["a@x.test"]).await;
    let claim = house.claim(NOW, 1).await.remove(0);
    let verdict = Verdict::Later {
        due: at(300),
        reply: Reply::plain(421, "busy"),
        delay_told: true,
        counts: true,
        dialogue: None,
    };
    assert_eq!(house.queue.settle(vec![end(&claim, verdict)]).await.unwrap(), [Settled::Written]);
    assert!(house.claim(at(299), 1).await.is_empty());
    let listed = house.queue.show(mail, NOW).await.unwrap();
    assert_eq!(
        (listed[0].is_claimed(), listed[0].attempts, listed[0].last_reply.as_deref()),
        (false, 1, Some("421 busy"))
    );
    let claim = house.claim(at(300), 1).await.remove(0);
    assert_eq!((claim.attempts, claim.delay_told), (1, true));
    // Given back at a shutdown: it does not count, and what was told stays told.
    let back = Verdict::Later {
        due: at(301),
        reply: Reply::plain(421, &"ä".repeat(600)[..]),
        delay_told: false,
        counts: false,
        dialogue: None,
    };
    house.queue.settle(vec![end(&claim, back)]).await.unwrap();
    let claim = house.claim(at(301), 1).await.remove(0);
    assert_eq!((claim.attempts, claim.delay_told), (1, true));
}

pub async fn nodes_side_by_side_share_the_work(house: House) {
    for n in 0..60 {
        house.accept(&[&format!("r{n}@d{}.test", n % 7), "x@y.test"]).await;
    }
    let nodes: Vec<_> = (0..4)
        .map(|n| {
            let queue = Queue::new(house.store.clone(), &format!("node {n}"));
            queue.attach(Arc::new(TestDesk::default()));
            tokio::spawn(async move {
                let mut mine = 0;
                loop {
                    let claims = queue.claim_due(NOW, 7).await.unwrap().claims;
                    if claims.is_empty() {
                        return mine;
                    }
                    let ends = claims.iter().map(|claim| end(claim, Verdict::Done)).collect();
                    let settled = queue.settle(ends).await.unwrap();
                    assert!(settled.iter().all(|settled| *settled == Settled::Written));
                    mine += settled.len();
                }
            })
        })
        .collect();
    let mut sum = 0;
    for node in nodes {
        sum += node.await.unwrap();
    }
    // A node may find nothing while another one holds the rest.
    while let Some(claim) = house.claim(NOW, 1).await.pop() {
        house.queue.settle(vec![end(&claim, Verdict::Done)]).await.unwrap();
        sum += 1;
    }
    assert_eq!(sum, 120);
    assert_eq!(house.bodies().await, 0);
    let left = house.store.read(|q| q.query("SELECT mail_id FROM queue_mail", &[])).await.unwrap();
    assert!(left.is_empty());
}

pub async fn a_clock_set_back_leaves_nobody_behind(house: House) {
    // A new queue walks through the whole index, a bucket with each claim: this one has done so.
    for _ in 0..=DUE_BUCKETS {
        assert!(house.claim(NOW, 1).await.is_empty());
    }
    house.accept(&["a@x.test"]).await;
    let ahead = NOW.plus(Duration::from_millis(DUE_AHEAD_MAX as u64 + 1));
    let claim = house.claim(NOW, 1).await.remove(0);
    house.queue.settle(vec![end(&claim, later(ahead))]).await.unwrap();
    assert!(house.claim(NOW, 1).await.is_empty());
    // Looked after once a minute: a new queue looks at its first claim.
    let queue = Queue::new(house.store.clone(), "one");
    queue.attach(Arc::new(TestDesk::default()));
    assert_eq!(queue.claim_due(NOW, 1).await.unwrap().claims.len(), 1);
}

pub async fn a_damaged_row_is_put_aside(house: House) {
    let mail = house.accept(&["a@x.test", "b@x.test"]).await;
    let sql = "UPDATE queue_recipient SET destination = 'evil.test' WHERE number = 0";
    house.store.write(move |tx| tx.execute(sql, &[])).await.unwrap();
    assert_eq!(who(&house.claim(NOW, 10).await), ["b@x.test"]);
    assert!(house.claim(NOW, 10).await.is_empty());
    assert_eq!(house.queue.counts().await.unwrap().held, 1);
    assert_eq!(house.queue.list(Filter { mail: Some(mail), ..Filter::default() }, 9, NOW).await.unwrap().len(), 1);
    // A damaged letter takes all its recipients aside.
    let other = house.accept(&["c@x.test"]).await;
    let sql = "UPDATE queue_mail SET octets = 9 WHERE mail_id = $1";
    house.store.write(move |tx| tx.execute(sql, &[other.to_bytes().into()])).await.unwrap();
    assert!(house.claim(NOW, 10).await.is_empty());
    assert_eq!(house.queue.counts().await.unwrap().held, 2);
}

pub async fn a_bell_wakes(house: House) {
    let queue = house.queue.clone();
    house.queue.wake();
    queue.woken().await;
    let waiting = tokio::spawn(async move { queue.woken().await });
    house.queue.wake();
    waiting.await.unwrap();
}
