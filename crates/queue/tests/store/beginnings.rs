//! How rows begin: handed over, parked, due, held.

use std::sync::Arc;
use std::time::{Duration, Instant};

use envelope::{MailId, Reply};
use queue::{Filter, HoldOn, HoldRule, Next, Queue, Scope, Settled, Suspension, Verdict};

use crate::desk::TestDesk;
use crate::house::{House, LEASE, NOW, at, end, who};

pub async fn what_the_desk_has_room_for_is_handed_over(house: House) {
    let desk = TestDesk::at(&house);
    let mail = MailId::random();
    let to = ["a@x.test", "b@y.test", "c@by-hub.test"];
    assert_eq!(house.accept_from(mail, "anna@athens.test", &to, NOW).await, (true, 3));
    let claims = desk.handed_over();
    assert_eq!(who(&claims), ["a@x.test", "b@y.test", "c@by-hub.test"]);
    let keys: Vec<&str> = claims.iter().map(|claim| claim.destination.as_str()).collect();
    assert_eq!(keys, ["x.test", "y.test", "smtp:hub.test:25"]);
    assert!(claims.iter().all(|claim| claim.fence == 1 && claim.mail.id == mail && !claim.overdue && !claim.asked));
    assert_eq!(desk.reserved(), 0);
    // Nothing is left to claim, and the letter is what it was.
    assert!(house.queue.claim_due(NOW, 10).await.unwrap().claims.is_empty());
    assert_eq!(house.queue.list(Filter::default(), 9, NOW).await.unwrap()[0].mail, *claims[0].mail);
    let ends = claims.iter().map(|claim| end(claim, Verdict::Done)).collect();
    assert_eq!(house.queue.settle(ends).await.unwrap(), [Settled::Written; 3]);
    assert_eq!(house.bodies().await, 0);
}

pub async fn what_was_handed_over_to_the_dead_is_due_when_its_lease_ends(house: House) {
    let desk = TestDesk::at(&house);
    house.accept(&["a@x.test"]).await;
    drop(desk.handed_over());
    assert!(house.queue.claim_due(NOW.plus(LEASE / 2), 10).await.unwrap().claims.is_empty());
    let claims = house.queue.claim_due(NOW.plus(LEASE), 10).await.unwrap().claims;
    assert_eq!((who(&claims), claims[0].fence), (vec!["a@x.test".to_owned()], 2));
    // And a node that comes back has it at once.
    let restarted = Queue::new(house.store.clone(), "one");
    assert_eq!(restarted.recover(at(1)).await.unwrap(), 1);
    restarted.attach(desk);
    assert_eq!(restarted.claim_due(at(1), 10).await.unwrap().claims[0].fence, 3);
}

pub async fn a_repetition_is_handed_over_once(house: House) {
    let desk = TestDesk::at(&house);
    let mail = MailId::random();
    let to = ["a@x.test", "b@y.test"];
    // The answer to the first try was lost: it was written, and never handed over.
    let (first, written) = house.write(mail, "anna@athens.test", &to, NOW).await;
    assert!(written);
    assert_eq!(house.accept_from(mail, "anna@athens.test", &to, at(1)).await, (false, 2));
    assert_eq!(who(&desk.handed_over()), ["a@x.test", "b@y.test"]);
    drop(first);
    assert_eq!((desk.reserved(), house.bodies().await), (0, 1));
    assert!(house.queue.claim_due(at(1), 10).await.unwrap().claims.is_empty());
}

pub async fn what_came_to_nothing_is_given_up(house: House) {
    let desk = TestDesk::at(&house);
    desk.set_room("x.test", 2);
    let address = crate::house::address("a@x.test");
    let sender = crate::house::sender("");
    let lane = queue::Lane::of(&sender);
    let prepared = house.queue.prepare(&sender, lane, &[&address, &address, &address], NOW).await.unwrap();
    assert_eq!(desk.reserved(), 2);
    assert_eq!(prepared.hand_over(), 0, "nothing was written");
    assert_eq!(desk.reserved(), 0);
    let prepared = house.queue.prepare(&sender, lane, &[&address], NOW).await.unwrap();
    assert_eq!(desk.reserved(), 1);
    drop(prepared);
    assert_eq!(desk.reserved(), 0);
}

pub async fn what_it_has_no_room_for_is_parked(house: House) {
    let desk = TestDesk::at(&house);
    desk.set_room("x.test", 1);
    let mail = MailId::random();
    assert_eq!(
        house.accept_from(mail, "anna@athens.test", &["a@x.test", "b@x.test", "c@y.test"], NOW).await,
        (true, 2)
    );
    assert_eq!(who(&desk.handed_over()), ["a@x.test", "c@y.test"]);
    let claimed = house.queue.claim_due(at(60), 10).await.unwrap();
    assert!(claimed.claims.is_empty() && claimed.parked == 0, "it is parked already");
    let row = &house.queue.show(mail, at(60)).await.unwrap()[1];
    assert_eq!((row.address.to_string().as_str(), &row.next), ("b@x.test", &Next::Turn));
    let claims = house.queue.claim_parked("x.test", None, 10, at(60)).await.unwrap().claims;
    assert_eq!((who(&claims), claims[0].fence, claims[0].attempts), (vec!["b@x.test".to_owned()], 1, 0));
    assert!(house.queue.claim_parked("x.test", None, 10, at(60)).await.unwrap().claims.is_empty());
}

pub async fn without_a_desk_it_is_due(house: House) {
    let desk = TestDesk::at(&house);
    house.queue.detach(&desk);
    assert_eq!(house.accept_from(MailId::random(), "", &["a@x.test"], NOW).await, (true, 0));
    house.queue.attach(desk.clone());
    let claims = house.queue.claim_due(NOW, 10).await.unwrap().claims;
    assert_eq!((who(&claims), desk.reserved()), (vec!["a@x.test".to_owned()], 1));
    desk.took(&claims);
}

pub async fn a_rest_of_another_node_holds_here(house: House) {
    let other = Queue::new(house.store.clone(), "two");
    other.rest("x.test", NOW, at(300), 2, &Reply::new(421, (4, 4, 1), "no answer")).await.unwrap();
    let desk = TestDesk::at(&house);
    let mail = MailId::random();
    assert_eq!(house.accept_from(mail, "anna@athens.test", &["a@x.test", "b@y.test"], at(1)).await, (true, 1));
    assert_eq!((who(&desk.handed_over()), desk.reserved()), (vec!["b@y.test".to_owned()], 0));
    let row = &house.queue.show(mail, at(1)).await.unwrap()[0];
    assert_eq!(row.next, Next::Resting { until: at(300), failures: 2 });
    // It is over when its time has come, when the destination was reached, and when the clock was set back before it.
    assert_eq!(house.accept_from(MailId::random(), "", &["c@x.test"], at(300)).await.1, 1);
    let before = envelope::Timestamp(NOW.0 - 3_600_000);
    assert_eq!(house.accept_from(MailId::random(), "", &["d@x.test"], before).await.1, 1);
    other.awake("x.test").await.unwrap();
    assert_eq!(house.accept_from(MailId::random(), "", &["e@x.test"], at(2)).await.1, 1);
}

pub async fn what_is_suspended_begins_parked(house: House) {
    let desk = TestDesk::at(&house);
    house.queue.suspend(&Scope::Destination("x.test".into()), "they asked us to", NOW).await.unwrap();
    house.queue.suspend(&Scope::Domain("By-Hub.test".into()), "moving house", NOW).await.unwrap();
    let mail = MailId::random();
    let to = ["a@x.test", "b@by-hub.test", "c@y.test"];
    assert_eq!(house.accept_from(mail, "anna@athens.test", &to, NOW).await, (true, 1));
    let next = |scope: Scope, reason: &str| {
        Next::Suspended(Suspension { scope, reason: reason.to_owned(), by: None, since: NOW })
    };
    let rows = house.queue.show(mail, at(1)).await.unwrap();
    let nexts: Vec<&Next> = rows.iter().map(|row| &row.next).collect();
    assert_eq!(
        nexts[..2],
        [
            &next(Scope::Destination("x.test".into()), "they asked us to"),
            &next(Scope::Domain("by-hub.test".into()), "moving house")
        ]
    );
    // The way of the second is open: others go by it.
    assert_eq!(house.accept_from(MailId::random(), "list@bulk.test", &["d@z.test"], NOW).await, (true, 1));
    drop(desk);
}

fn rule(on: HoldOn) -> HoldRule {
    HoldRule { on, reason: "to be looked at".into(), added_at: NOW }
}

pub async fn a_rule_holds_what_it_matches(house: House) {
    let desk = TestDesk::at(&house);
    for (on, from, to, held) in [
        (HoldOn::Sender("Bulk@athens.test".into()), "bulk@athens.test", "a@x.test", true),
        (HoldOn::Sender("bulk@athens.test".into()), "anna@athens.test", "a@x.test", false),
        (HoldOn::Sender(String::new()), "", "a@x.test", true),
        (HoldOn::SenderDomain("athens.test".into()), "anna@athens.test", "a@x.test", true),
        (HoldOn::SenderDomain("athens.test".into()), "", "a@x.test", false),
        // Forwarded: who is behind the address that stands for him, and that address.
        (HoldOn::Sender("joe@patras.test".into()), "SRS0=AAAAAA=AA=patras.test=joe@athens.test", "a@x.test", true),
        (
            HoldOn::SenderDomain("patras.test".into()),
            "srs1=AAAAAA=b.test==AA=AA=patras.test=joe@c.test",
            "a@x.test",
            true,
        ),
        (HoldOn::SenderDomain("athens.test".into()), "SRS0=AAAAAA=AA=patras.test=joe@athens.test", "a@x.test", true),
        (HoldOn::Sender("jo@patras.test".into()), "SRS0=AAAAAA=AA=patras.test=joe@athens.test", "a@x.test", false),
        (HoldOn::Domain("X.test".into()), "anna@athens.test", "a@x.test", true),
        (HoldOn::Domain("x.test".into()), "anna@athens.test", "a@y.test", false),
        (HoldOn::Destination("smtp:hub.test:25".into()), "anna@athens.test", "a@by-hub.test", true),
        (HoldOn::Destination("by-hub.test".into()), "anna@athens.test", "a@by-hub.test", false),
    ] {
        house.queue.add_rule(rule(on.clone())).await.unwrap();
        let mail = MailId::random();
        assert_eq!(house.accept_from(mail, from, &[to], NOW).await, (true, usize::from(!held)), "{on:?} {from} {to}");
        let row = &house.queue.show(mail, NOW).await.unwrap()[0];
        assert_eq!(row.held, held, "{on:?} {from} {to}");
        if held {
            assert_eq!(row.next, Next::Held { reason: Some("to be looked at".into()) });
        }
        assert!(house.queue.remove_rule(&on).await.unwrap() && !house.queue.remove_rule(&on).await.unwrap());
    }
    assert_eq!(desk.reserved(), 0);
    assert!(house.queue.rules().await.unwrap().is_empty());
    // What a rule has held goes when it is released.
    let held = Filter { held: Some(true), sender: Some(String::new()), ..Filter::default() };
    assert_eq!(house.queue.release(held, at(1)).await.unwrap().len(), 1);
    assert_eq!(house.queue.claim_due(at(1), 10).await.unwrap().claims.len(), 1);
}

pub async fn a_rule_of_another_process_counts(house: House) {
    let desk = TestDesk::at(&house);
    house.accept(&["a@x.test"]).await;
    let other = Queue::new(house.store.clone(), "two");
    other.add_rule(rule(HoldOn::Domain("x.test".into()))).await.unwrap();
    let began = Instant::now();
    while house.accept_from(MailId::random(), "", &["a@x.test"], NOW).await.1 == 1 {
        assert!(began.elapsed() < Duration::from_secs(30), "the rule is never read");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    other.suspend(&Scope::Destination("y.test".into()), "why", NOW).await.unwrap();
    let began = Instant::now();
    while house.queue.suspensions().await.unwrap().of("y.test", "z.test") != Some("why") {
        assert!(began.elapsed() < Duration::from_secs(30), "the suspension is never read");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let _ = Arc::strong_count(&desk);
}
