//! Destinations' own queues.

use envelope::{MailId, Reply, Timestamp};
use queue::{Backoff, Claim, Filter, Lane, Next, Queue, Scope, Settled, Verdict};

use crate::desk::TestDesk;
use crate::house::{House, NOW, at, end, sender, who};

fn later(due: Timestamp) -> Verdict {
    Verdict::Later { due, reply: Reply::plain(421, "busy"), delay_told: false, counts: true, dialogue: None }
}

/// Everything that is due, in however many claims.
async fn all_due(house: &House, desk: &TestDesk, now: Timestamp) -> (Vec<Claim>, usize) {
    let (mut claims, mut parked) = (Vec::new(), 0);
    loop {
        let claimed = house.queue.claim_due(now, 100).await.unwrap();
        desk.took(&claimed.claims);
        parked += claimed.parked;
        claims.extend(claimed.claims);
        if !claimed.more {
            return (claims, parked);
        }
    }
}

pub async fn what_is_due_and_has_no_room_is_parked_once(house: House) {
    for n in 0..30 {
        house.accept(&[&format!("r{n}@full.test"), "a@free.test", "b@rests.test"]).await;
    }
    let desk = TestDesk::at(&house);
    desk.set_room("full.test", 7);
    house.queue.rest("rests.test", NOW, at(900), 1, &Reply::plain(421, "busy")).await.unwrap();
    let (claims, parked) = all_due(&house, &desk, at(1)).await;
    let of = |name: &str| claims.iter().filter(|claim| claim.destination == name).count();
    assert_eq!((of("full.test"), of("free.test"), of("rests.test"), parked), (7, 30, 0, 53));
    assert_eq!(desk.reserved(), 0);
    assert!(!desk.asked().iter().any(|(name, _)| name == "rests.test"), "it is not asked about what rests");
    let again = house.queue.claim_due(at(2), 100).await.unwrap();
    assert!(again.claims.is_empty() && again.parked == 0 && !again.more);
    // Nobody is forgotten.
    assert_eq!(house.queue.claim_parked("full.test", None, 100, at(3)).await.unwrap().claims.len(), 23);
    assert_eq!(house.queue.claim_parked("rests.test", None, 1, at(900)).await.unwrap().claims.len(), 1);
}

pub async fn lanes_are_served_in_turn(house: House) {
    let desk = TestDesk::at(&house);
    desk.set_room("x.test", 0);
    let crowd: Vec<String> = (0..200).map(|n| format!("r{n}@x.test")).collect();
    let crowd: Vec<&str> = crowd.iter().map(String::as_str).collect();
    house.accept_from(MailId::random(), "list@big.test", &crowd, NOW).await;
    for n in 0..9 {
        let from = format!("person{n}@athens.test");
        house.accept_from(MailId::random(), &from, &["kostas@x.test"], at(1)).await;
    }
    // Ten lanes: with the first ten places everybody has had a turn.
    let first = house.queue.claim_parked("x.test", None, 10, at(2)).await.unwrap();
    let mut lanes: Vec<Lane> = first.claims.iter().map(|claim| claim.lane).collect();
    lanes.dedup();
    assert_eq!((first.claims.len(), lanes.len(), first.more), (10, 10, true));
    assert_eq!(first.lane, lanes.iter().max().copied());
    // What others leave over goes to the crowd.
    let second = house.queue.claim_parked("x.test", first.lane, 50, at(2)).await.unwrap();
    assert!(second.more && second.claims.iter().all(|claim| claim.lane == Lane::of(&sender("list@big.test"))));
    let mut left = 199 - second.claims.len();
    let mut lane = second.lane;
    while left > 0 {
        let more = house.queue.claim_parked("x.test", lane, 50, at(2)).await.unwrap();
        assert!(!more.claims.is_empty());
        (left, lane) = (left - more.claims.len(), more.lane);
    }
    assert!(!house.queue.claim_parked("x.test", lane, 50, at(2)).await.unwrap().more);
}

pub async fn a_turn_goes_round(house: House) {
    let desk = TestDesk::at(&house);
    desk.set_room("x.test", 0);
    let senders: Vec<String> = (0..5).map(|n| format!("s{n}@athens.test")).collect();
    for from in &senders {
        for _ in 0..3 {
            house.accept_from(MailId::random(), from, &["kostas@x.test"], NOW).await;
        }
    }
    let (mut lane, mut order) = (None, Vec::new());
    for _ in 0..15 {
        let claimed = house.queue.claim_parked("x.test", lane, 1, at(1)).await.unwrap();
        lane = claimed.lane;
        order.push(claimed.claims[0].lane);
    }
    let mut round = order[..5].to_vec();
    round.sort();
    round.dedup();
    assert_eq!(round.len(), 5, "each has a turn before anybody has two");
    assert_eq!((&order[5..10], &order[10..]), (&order[..5], &order[..5]));
}

pub async fn the_walk_finds_what_anybody_parked(house: House) {
    let desk = TestDesk::at(&house);
    for n in 0..7 {
        desk.set_room(&format!("d{n}.test"), 0);
        house.accept(&[&format!("a@d{n}.test"), &format!("b@d{n}.test")]).await;
    }
    house.accept(&["gone@ahead.test"]).await;
    house.queue.rest("d3.test", NOW, at(60), 4, &Reply::plain(421, "busy")).await.unwrap();
    house.queue.rest("d3.test", at(60), at(600), 5, &Reply::plain(421, "still busy")).await.unwrap();
    house.queue.suspend(&Scope::Destination("d5.test".into()), "why", NOW).await.unwrap();
    let restarted = Queue::new(house.store.clone(), "one");
    let (mut found, mut after) = (Vec::new(), None::<String>);
    loop {
        let some = restarted.parked(after.as_deref(), 3, at(60)).await.unwrap();
        after = some.last().map(|last| last.destination.clone());
        found.extend(some.clone());
        if some.len() < 3 {
            break;
        }
    }
    let names: Vec<&str> = found.iter().map(|one| one.destination.as_str()).collect();
    assert_eq!(names, ["d0.test", "d1.test", "d2.test", "d3.test", "d4.test", "d5.test", "d6.test"]);
    let rest = found[3].rest.clone().unwrap();
    assert_eq!(
        (rest.until, rest.failures, rest.since, rest.last_reply.as_deref()),
        (at(600), 5, NOW, Some("421 still busy"))
    );
    assert_eq!(found.iter().filter(|one| one.suspended).count(), 1);
    assert_eq!(found.iter().filter(|one| one.rest.is_some()).count(), 1);
}

pub async fn a_decision_is_due_though_nobody_tries(house: House) {
    let desk = TestDesk::at(&house);
    let patience = Backoff::default();
    house.queue.rest("x.test", NOW, NOW.plus(patience.lifetime * 2), 9, &Reply::plain(421, "dead")).await.unwrap();
    house.queue.suspend(&Scope::Destination("y.test".into()), "why", NOW).await.unwrap();
    house.accept(&["a@x.test", "b@y.test"]).await;
    let (late, end_of_life) = (NOW.plus(patience.delay_notice), NOW.plus(patience.lifetime));
    let before = Timestamp(late.0 - 1);
    assert!(house.queue.claim_overdue(before, 10).await.unwrap().claims.is_empty());
    let claims = house.queue.claim_overdue(late, 10).await.unwrap().claims;
    assert_eq!(who(&claims), ["a@x.test", "b@y.test"]);
    assert!(claims.iter().all(|claim| claim.overdue && claim.attempts == 0));
    assert_eq!(desk.reserved(), 0);
    let back = |claim: &Claim| {
        let wake_at = patience.wake(claim.mail.accepted_at, true, late);
        end(claim, Verdict::Park { wake_at, delay_told: true })
    };
    assert_eq!(
        house.queue.settle(claims.iter().map(back).collect()).await.unwrap(),
        [Settled::Written, Settled::Written]
    );
    assert!(house.queue.claim_overdue(late, 10).await.unwrap().claims.is_empty());
    assert!(house.queue.claim_due(late, 10).await.unwrap().claims.is_empty());
    let claims = house.queue.claim_overdue(end_of_life, 1).await.unwrap();
    assert!(claims.more && claims.claims[0].delay_told);
    house.queue.settle(vec![end(&claims.claims[0], Verdict::Done)]).await.unwrap();
    assert_eq!(house.queue.claim_overdue(end_of_life, 9).await.unwrap().claims.len(), 1);
}

pub async fn a_suspension_of_a_domain_leaves_its_way_open(house: House) {
    let desk = TestDesk::at(&house);
    desk.set_room("smtp:hub.test:25", 0);
    house.accept(&["a@by-hub.test"]).await;
    house.accept_from(MailId::random(), "list@bulk.test", &["b@other.test"], NOW).await;
    let scope = Scope::Domain("by-hub.test".into());
    house.queue.suspend(&scope, "why", NOW).await.unwrap();
    // What was parked before is met once, and put where it does not stand in the way.
    let claimed = house.queue.claim_parked("smtp:hub.test:25", None, 10, at(1)).await.unwrap();
    assert_eq!((who(&claimed.claims), claimed.parked), (vec!["b@other.test".to_owned()], 1));
    assert_eq!(house.queue.parked(None, 10, at(1)).await.unwrap(), []);
    // What is due of it goes there as well.
    house.queue.detach(&desk);
    house.accept(&["c@by-hub.test"]).await;
    house.queue.attach(desk.clone());
    assert_eq!(house.queue.claim_due(at(2), 10).await.unwrap().parked, 1);
    assert_eq!(house.queue.suspended().await.unwrap()[0].scope, scope);
    assert!(house.queue.resume(&scope, at(3)).await.unwrap());
    assert!(!house.queue.resume(&scope, at(3)).await.unwrap());
    let listed = house.queue.list(Filter { domain: Some("by-hub.test".into()), ..Filter::default() }, 9, at(3)).await;
    assert!(listed.unwrap().iter().all(|row| row.next == Next::Due { at: at(3) }));
    // Whoever resumed it may have died before the end: the walk ends it.
    house.queue.suspend(&scope, "why", at(3)).await.unwrap();
    assert_eq!(house.queue.claim_due(at(4), 10).await.unwrap().parked, 2);
    let sql = "DELETE FROM queue_site WHERE suspended = 1";
    house.store.write(move |tx| tx.execute(sql, &[])).await.unwrap();
    assert_eq!(house.queue.parked(None, 10, at(5)).await.unwrap(), []);
    desk.set_room("smtp:hub.test:25", 9);
    assert_eq!(house.queue.claim_due(at(5), 10).await.unwrap().claims.len(), 2);
}

pub async fn nothing_is_claimed_of_what_is_suspended(house: House) {
    let desk = TestDesk::at(&house);
    desk.set_room("x.test", 0);
    house.accept(&["a@x.test"]).await;
    let scope = Scope::Destination("x.test".into());
    house.queue.suspend(&scope, "why", NOW).await.unwrap();
    assert!(house.queue.claim_parked("x.test", None, 10, at(1)).await.unwrap().claims.is_empty());
    assert!(house.queue.resume(&scope, at(2)).await.unwrap());
    assert_eq!(house.queue.claim_parked("x.test", None, 10, at(2)).await.unwrap().claims.len(), 1);
}

pub async fn what_was_asked_for_since_the_rest_began_says_so(house: House) {
    let desk = TestDesk::at(&house);
    house.accept(&["a@x.test"]).await;
    let claim = desk.handed_over().remove(0);
    house.queue.settle(vec![end(&claim, later(at(600)))]).await.unwrap();
    house.queue.rest("x.test", NOW, at(600), 1, &Reply::plain(421, "busy")).await.unwrap();
    assert_eq!(house.queue.retry(Filter::default(), at(10)).await.unwrap().len(), 1);
    let claim = house.queue.claim_due(at(10), 10).await.unwrap().claims.remove(0);
    assert!(claim.asked);
    assert_eq!(desk.asked().last(), Some(&("x.test".to_owned(), true)));
    // The attempt failed, and the rest began anew: whoever asked before that has had his attempt.
    house.queue.retry(Filter::default(), at(700)).await.unwrap();
    house.queue.rest("x.test", at(701), at(1500), 2, &Reply::plain(421, "busy")).await.unwrap();
    let claimed = house.queue.claim_due(at(702), 10).await.unwrap();
    assert_eq!((claimed.claims.len(), claimed.parked), (0, 1));
}

pub async fn a_row_goes_another_way(house: House) {
    let desk = TestDesk::at(&house);
    house.accept(&["a@x.test"]).await;
    let claim = desk.handed_over().remove(0);
    let reroute = Verdict::Reroute { destination: "smtp:hub.test:25".into(), due: at(5) };
    assert_eq!(house.queue.settle(vec![end(&claim, reroute.clone())]).await.unwrap(), [Settled::Written]);
    assert_eq!(house.queue.settle(vec![end(&claim, reroute)]).await.unwrap(), [Settled::Lost], "it is settled");
    let moved = house.queue.claim_due(at(5), 10).await.unwrap().claims.remove(0);
    assert_eq!((moved.destination.as_str(), moved.fence, moved.attempts), ("smtp:hub.test:25", 3, 0));
    assert_eq!(moved.address, claim.address);
    // The fence decides here too.
    let back = Verdict::Reroute { destination: "x.test".into(), due: at(6) };
    assert_eq!(house.queue.settle(vec![end(&claim, back)]).await.unwrap(), [Settled::Lost]);
}

pub async fn a_dialogue_is_kept(house: House) {
    let desk = TestDesk::at(&house);
    let mail = house.accept(&["a@x.test"]).await;
    let claim = desk.handed_over().remove(0);
    let long = "C: EHLO\r\n".repeat(1000);
    let verdict = |due, dialogue| Verdict::Later {
        due,
        reply: Reply::plain(451, "no"),
        delay_told: false,
        counts: true,
        dialogue,
    };
    house.queue.settle(vec![end(&claim, verdict(at(1), Some(long.clone())))]).await.unwrap();
    assert_eq!(house.queue.show(mail, at(1)).await.unwrap()[0].dialogue.as_deref(), Some(&long[..4096]));
    assert_eq!(house.queue.list(Filter::default(), 9, at(1)).await.unwrap()[0].dialogue, None);
    let claim = house.queue.claim_due(at(1), 1).await.unwrap().claims.remove(0);
    house.queue.settle(vec![end(&claim, verdict(at(2), None))]).await.unwrap();
    assert!(house.queue.show(mail, at(2)).await.unwrap()[0].dialogue.is_some(), "the last one there was");
}
