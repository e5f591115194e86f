//! What an operator does by hand.

use envelope::{MailId, Reply, Timestamp};
use queue::{Deed, Error, Filter, HoldOn, HoldRule, Listing, Next, Order, Scope, Settled, Totals, Touch, Verdict};

use crate::desk::TestDesk;
use crate::house::{House, NOW, address, at, end, sender, who};

fn by_destination(text: &str) -> Filter {
    Filter { destination: Some(text.to_owned()), ..Filter::default() }
}

fn later() -> Verdict {
    let reply = Reply::plain(451, "not now");
    Verdict::Later { due: at(300), reply, delay_told: false, counts: true, dialogue: None }
}

pub async fn list_and_show(house: House) {
    let one = house.accept(&["a@x.test", "b@y.test"]).await;
    house.accept(&["c@x.test"]).await;
    let claim = house.claim(NOW, 1).await.remove(0);
    let reply = Reply::new(451, (4, 7, 1), "greylisted");
    let verdict = Verdict::Later { due: Timestamp(1), reply, delay_told: false, counts: true, dialogue: None };
    house.queue.settle(vec![end(&claim, verdict)]).await.unwrap();
    let all = house.queue.list(Filter::default(), 100, NOW).await.unwrap();
    assert_eq!(all.len(), 3);
    assert_eq!((all[0].due, all[0].last_reply.as_deref()), (Timestamp(1), Some("451 4.7.1 greylisted")));
    assert_eq!(house.queue.list(Filter::default(), 2, NOW).await.unwrap(), all[..2]);
    assert_eq!(house.queue.list(by_destination("X.TEST"), 100, NOW).await.unwrap().len(), 2);
    let shown = house.queue.show(one, NOW).await.unwrap();
    assert_eq!(shown.len(), 2);
    assert!(shown.iter().all(|row| row.mail.id == one && !row.held));
    for (filter, count) in [
        (Filter { recipient: Some("b@y.test".into()), ..Filter::default() }, 1),
        (Filter { sender: Some("anna@athens.test".into()), ..Filter::default() }, 3),
        (Filter { sender: Some(String::new()), ..Filter::default() }, 0),
        (Filter { held: Some(true), ..Filter::default() }, 0),
        (Filter { mail: Some(one), destination: Some("y.test".into()), ..Filter::default() }, 1),
        (Filter { domain: Some("X.test".into()), ..Filter::default() }, 2),
        (Filter { sender: Some("@ATHENS.test".into()), ..Filter::default() }, 3),
        (Filter { sender: Some("@thens.test".into()), ..Filter::default() }, 0),
        (Filter { accepted_before: Some(NOW), ..Filter::default() }, 0),
        (Filter { accepted_before: Some(at(1)), accepted_after: Some(NOW), ..Filter::default() }, 3),
        (Filter { accepted_after: Some(at(1)), ..Filter::default() }, 0),
        (Filter { reason: Some("GreyList".into()), ..Filter::default() }, 1),
        (Filter { reason: Some("relay".into()), ..Filter::default() }, 0),
        (Filter { octets_min: Some(8), ..Filter::default() }, 3),
        (Filter { octets_min: Some(9), ..Filter::default() }, 0),
        (Filter { resting: Some(false), suspended: Some(false), ..Filter::default() }, 3),
        (Filter { resting: Some(true), ..Filter::default() }, 0),
    ] {
        assert_eq!(house.queue.list(filter.clone(), 100, NOW).await.unwrap().len(), count, "{filter:?}");
    }
    assert!(matches!(house.queue.show(envelope::MailId::random(), NOW).await, Err(Error::NotFound)));
}

pub async fn who_is_behind_a_forwarded_letter(house: House) {
    let forwarded = "SRS0=AAAAAA=AA=patras.test=Joe@athens.test";
    house.accept_from(MailId::random(), forwarded, &["a@x.test"], NOW).await;
    house.accept_from(MailId::random(), "", &["a@x.test"], NOW).await;
    for (wanted, count) in [
        ("joe@PATRAS.test", 1),
        ("@patras.test", 1),
        ("@athens.test", 1),
        (forwarded, 1),
        ("", 1),
        ("joe@athens.test", 0),
        ("@atras.test", 0),
    ] {
        let filter = Filter { sender: Some(wanted.into()), ..Filter::default() };
        assert_eq!(house.queue.list(filter, 9, NOW).await.unwrap().len(), count, "{wanted}");
    }
}

pub async fn hold_and_release(house: House) {
    house.accept(&["a@x.test", "b@y.test"]).await;
    assert_eq!(house.queue.hold(by_destination("x.test"), None, NOW).await.unwrap().len(), 1);
    assert!(house.queue.hold(by_destination("x.test"), None, NOW).await.unwrap().is_empty());
    assert_eq!(who(&house.claim(at(1), 10).await), ["b@y.test"]);
    assert!(house.claim(at(999_999), 10).await.iter().all(|claim| claim.destination != "x.test"));
    let counts = house.queue.counts().await.unwrap();
    assert_eq!((counts.waiting, counts.held), (1, 1));
    assert_eq!(house.queue.release(Filter::default(), at(5)).await.unwrap().len(), 1);
    assert_eq!(who(&house.claim(at(5), 10).await), ["a@x.test"]);
}

pub async fn retry_leaves_work_alone(house: House) {
    house.accept(&["a@x.test", "b@y.test"]).await;
    let claims = house.claim(NOW, 10).await;
    let reply = Reply::plain(421, "busy");
    let verdict = Verdict::Later { due: at(5000), reply, delay_told: false, counts: true, dialogue: None };
    let first = claims.iter().find(|claim| claim.destination == "x.test").unwrap();
    house.queue.settle(vec![end(first, verdict)]).await.unwrap();
    let touched = house.queue.retry(Filter::default(), at(1)).await.unwrap();
    assert_eq!(touched.len(), 1);
    // The other one is being tried just now.
    assert_eq!(who(&house.claim(at(1), 10).await), ["a@x.test"]);
}

pub async fn what_was_asked_for_says_so_until_it_is_settled(house: House) {
    house.accept(&["a@x.test"]).await;
    house.queue.retry(Filter::default(), NOW).await.unwrap();
    let claim = house.claim(NOW, 10).await.remove(0);
    assert!(claim.asked);
    let verdict = Verdict::Later {
        due: at(1),
        reply: Reply::plain(421, "busy"),
        delay_told: false,
        counts: true,
        dialogue: None,
    };
    house.queue.settle(vec![end(&claim, verdict)]).await.unwrap();
    house.queue.hold(Filter::default(), None, NOW).await.unwrap();
    house.queue.release(Filter::default(), at(2)).await.unwrap();
    let claim = house.claim(at(2), 10).await.remove(0);
    assert!(claim.asked);
    let verdict = Verdict::Later {
        due: at(3),
        reply: Reply::plain(421, "busy"),
        delay_told: false,
        counts: true,
        dialogue: None,
    };
    house.queue.settle(vec![end(&claim, verdict)]).await.unwrap();
    assert!(!house.claim(at(3), 10).await.remove(0).asked);
}

pub async fn who_asks_makes_nothing_later(house: House) {
    let mail = house.accept(&["a@x.test"]).await;
    let later = |due, words: &str| Verdict::Later {
        due,
        reply: Reply::plain(421, words),
        delay_told: false,
        counts: true,
        dialogue: None,
    };
    let claim = house.claim(NOW, 1).await.remove(0);
    house.queue.settle(vec![end(&claim, later(at(300), "first"))]).await.unwrap();
    for second in 1..4 {
        house.queue.retry(Filter::default(), at(second)).await.unwrap();
        house.queue.retry(Filter::default(), at(second)).await.unwrap();
        let claim = house.claim(at(second), 1).await.remove(0);
        assert!(claim.asked);
        house.queue.settle(vec![end(&claim, later(at(9000), &second.to_string()))]).await.unwrap();
        let row = house.queue.show(mail, at(second)).await.unwrap().remove(0);
        assert_eq!((row.attempts, row.due, row.last_reply), (1, at(300), Some(format!("421 {second}"))));
    }
    // What waits has its reason, though its destination has none.
    let site = house.queue.sites(1, at(4)).await.unwrap().remove(0);
    assert_eq!((site.rest, site.last_reply.as_deref()), (None, Some("421 3")));
    // By its own patience it is as ever.
    let claim = house.claim(at(300), 1).await.remove(0);
    house.queue.settle(vec![end(&claim, later(at(900), "own"))]).await.unwrap();
    let row = house.queue.show(mail, at(301)).await.unwrap().remove(0);
    assert_eq!((row.attempts, row.due), (2, at(900)));
}

pub async fn dropped_is_gone(house: House) {
    let crowd: Vec<String> = (0..1200).map(|n| format!("r{n}@x.test")).collect();
    let mut crowd: Vec<&str> = crowd.iter().map(String::as_str).collect();
    crowd.push("kept@y.test");
    let mail = house.accept(&crowd).await;
    let claim = house.claim(NOW, 1).await.remove(0);
    assert_eq!(house.queue.drop_rows(by_destination("x.test"), NOW).await.unwrap().len(), 1200);
    // Whoever is at one of them may deliver it, so that one goes when it is known.
    let settled = house.queue.settle(vec![end(&claim, later())]).await.unwrap();
    assert_eq!(settled, [if claim.destination == "y.test" { Settled::Written } else { Settled::Obeyed }]);
    let left = house.queue.show(mail, NOW).await.unwrap();
    assert_eq!(left.iter().map(|row| row.address.to_string()).collect::<Vec<_>>(), ["kept@y.test"]);
    house.queue.drop_rows(Filter::default(), NOW).await.unwrap();
    assert_eq!(house.bodies().await, 0);
}

pub async fn by_the_state_of_the_destination(house: House) {
    let desk = TestDesk::at(&house);
    house.queue.rest("rests.test", NOW, at(600), 3, &Reply::plain(421, "busy")).await.unwrap();
    house.queue.suspend(&Scope::Destination("off.test".into()), "why", NOW).await.unwrap();
    house.queue.suspend(&Scope::Domain("by-hub.test".into()), "too", NOW).await.unwrap();
    house.accept(&["a@rests.test", "b@off.test", "c@by-hub.test", "d@free.test"]).await;
    let who = async |filter: Filter, now| {
        let rows = house.queue.list(filter, 9, now).await.unwrap();
        let mut who: Vec<String> = rows.iter().map(|row| row.address.to_string()).collect();
        who.sort();
        who
    };
    let resting = |wanted| Filter { resting: Some(wanted), ..Filter::default() };
    let suspended = |wanted| Filter { suspended: Some(wanted), ..Filter::default() };
    assert_eq!(who(resting(true), at(1)).await, ["a@rests.test"]);
    assert_eq!(who(resting(true), at(600)).await, Vec::<String>::new());
    assert_eq!(who(suspended(true), at(1)).await, ["b@off.test", "c@by-hub.test"]);
    assert_eq!(who(suspended(false), at(1)).await, ["a@rests.test", "d@free.test"]);
    let by_hub = Filter { destination: Some("smtp:hub.test:25".into()), ..Filter::default() };
    assert_eq!(who(by_hub, at(1)).await, ["c@by-hub.test"]);
    let active = &house.queue.list(Filter { domain: Some("free.test".into()), ..Filter::default() }, 9, at(1)).await;
    assert_eq!(active.as_ref().unwrap()[0].next, Next::Active { until: at(600) });
    // A lease that has run out is due.
    let due = &house.queue.list(Filter { domain: Some("free.test".into()), ..Filter::default() }, 9, at(600)).await;
    assert_eq!(due.as_ref().unwrap()[0].next, Next::Due { at: at(600) });
    drop(desk);
}

pub async fn destinations_at_a_glance(house: House) {
    let desk = TestDesk::at(&house);
    desk.set_room("busy.test", 2);
    for n in 0..5 {
        house.accept_from(MailId::random(), "", &[&format!("r{n}@busy.test")], at(n)).await;
    }
    house.accept_from(MailId::random(), "", &["a@down.test", "b@down.test"], at(9)).await;
    let claim = desk.handed_over().into_iter().find(|claim| claim.destination == "down.test").unwrap();
    let reply = Reply::plain(421, "busy");
    let verdict =
        Verdict::Later { due: at(300), reply: reply.clone(), delay_told: false, counts: true, dialogue: None };
    house.queue.settle(vec![end(&claim, verdict)]).await.unwrap();
    house.queue.rest("down.test", at(10), at(500), 3, &reply).await.unwrap();
    let why = queue::Why { reason: "why", by: Some("eleni") };
    house.queue.suspend(&Scope::Destination("off.test".into()), why, NOW).await.unwrap();
    house.accept_from(MailId::random(), "", &["a@off.test"], at(20)).await;
    let held = Filter { recipient: Some("r4@busy.test".into()), ..Filter::default() };
    house.queue.hold(held, Some("odd"), at(20)).await.unwrap();
    let sites = house.queue.sites(10, at(20)).await.unwrap();
    let names: Vec<&str> = sites.iter().map(|site| site.destination.as_str()).collect();
    assert_eq!(names, ["busy.test", "down.test", "off.test"]);
    let [busy, down, off] = &sites[..] else { panic!() };
    assert_eq!((busy.waiting, busy.parked, busy.held, busy.oldest), (2, 2, 1, NOW));
    assert_eq!((busy.next, &busy.rest, &busy.suspended), (Some(at(20)), &None, &None));
    assert_eq!((down.waiting, down.parked, down.next), (2, 0, Some(at(500))));
    assert_eq!(down.rest.as_ref().map(|rest| rest.failures), Some(3));
    // Whoever waits for longer than the rest waits by his own patience: the list says no other than the glance.
    house.queue.rest("down.test", at(20), at(200), 4, &reply).await.unwrap();
    let behind = Filter { recipient: Some(claim.address.to_string()), resting: Some(true), ..Filter::default() };
    let rows = house.queue.list(behind, 9, at(20)).await.unwrap();
    assert_eq!(rows[0].next, Next::Due { at: at(300) });
    assert_eq!(house.queue.sites(10, at(20)).await.unwrap()[1].next, Some(at(200)));
    let why = off.suspended.as_ref().map(|one| (one.reason.as_str(), one.by.as_deref(), one.since));
    assert_eq!((off.parked, off.next, why), (1, None, Some(("why", Some("eleni"), NOW))));
    assert_eq!(house.queue.sites(1, at(20)).await.unwrap().len(), 1);
    // By the domain of its recipients too, and for those who go by another way.
    house.queue.suspend(&Scope::Domain("busy.test".into()), "busy", at(21)).await.unwrap();
    house.queue.suspend(&Scope::Domain("by-hub.test".into()), "moving", at(21)).await.unwrap();
    house.accept_from(MailId::random(), "", &["a@by-hub.test", "b@hub.test"], at(22)).await;
    let sites = house.queue.sites(10, at(23)).await.unwrap();
    let site = |name: &str| sites.iter().find(|site| site.destination == name).unwrap();
    assert_eq!(site("busy.test").suspended.as_ref().unwrap().scope, Scope::Domain("busy.test".into()));
    let hub = site("smtp:hub.test:25");
    assert_eq!((&hub.suspended, hub.of_suspended_domains, hub.parked), (&None, 1, 1));
}

pub async fn in_an_order(house: House) {
    let accept = async |from: &str, to: &[&str], seconds| {
        let mail = MailId::random();
        house.accept_from(mail, from, to, at(seconds)).await;
        mail
    };
    accept("maria@b.test", &["a@z.test"], 3).await;
    let eldest = accept("Anna@a.test", &["b@y.test", "c@x.test"], 1).await;
    accept("", &["d@w.test"], 2).await;
    let held = Filter { recipient: Some("b@y.test".into()), ..Filter::default() };
    house.queue.hold(held, None, at(4)).await.unwrap();
    house.queue.suspend(&Scope::Domain("w.test".into()), "", at(4)).await.unwrap();
    let look = async |order, count| house.queue.look(Filter::default(), order, count, at(5)).await.unwrap();
    let names = |listing: &Listing| listing.rows.iter().map(|row| row.address.local().to_string()).collect::<String>();
    for (order, wanted) in [
        (Order::Age, ["bcda", "cbda"]),
        (Order::Sender, ["dbca", "dcba"]),
        (Order::Destination, ["dcba", "dcba"]),
        (Order::Next, ["cabd", "cadb"]),
    ] {
        let found = names(&look(order, 9).await);
        assert!(wanted.contains(&found.as_str()), "{order:?}: {found}");
    }
    let first = look(Order::Age, 1).await;
    assert_eq!((first.rows.len(), first.rows[0].mail.id), (1, eldest));
    let totals =
        Totals { recipients: 4, letters: 3, octets: 24, waiting: 2, suspended: 1, held: 1, ..Totals::default() };
    assert_eq!(first.totals, totals);
    assert_eq!(look(Order::Size, 9).await.rows.len(), 4);
}

pub async fn a_deed_tells_of_what_it_leaves_alone(house: House) {
    house.accept(&["a@x.test", "b@x.test", "c@x.test"]).await;
    let held = Filter { recipient: Some("a@x.test".into()), ..Filter::default() };
    house.queue.hold(held, Some("odd"), NOW).await.unwrap();
    house.claim(NOW, 1).await;
    let mut told = Vec::new();
    let each = |row: queue::Listed, touched| told.push((row.next, touched));
    house.queue.act(Deed::Retry, Filter::default(), at(1), each).await.unwrap();
    assert_eq!(told.len(), 3);
    assert!(told.contains(&(Next::Held { reason: Some("odd".into()) }, Touch::Nothing)), "{told:?}");
    assert!(told.contains(&(Next::Active { until: at(600) }, Touch::Nothing)), "{told:?}");
    assert!(told.contains(&(Next::Due { at: NOW }, Touch::Done)), "{told:?}");
}

pub async fn by_age(house: House) {
    assert_eq!(house.queue.ages(9, NOW).await.unwrap(), []);
    let minutes = |minutes: u64| at(minutes * 60);
    for (to, accepted) in [("a@x.test", 0), ("b@x.test", 1275), ("c@x.test", 1278), ("d@y.test", 1240)] {
        house.accept_from(MailId::random(), "", &[to], minutes(accepted)).await;
    }
    let ages = house.queue.ages(9, minutes(1280)).await.unwrap();
    let line = |index: usize| (ages[index].destination.as_deref(), ages[index].all, ages[index].by_age);
    assert_eq!(line(0), (None, 4, [1, 1, 0, 0, 1, 0, 0, 0, 0, 1]));
    assert_eq!(line(1), (Some("x.test"), 3, [1, 1, 0, 0, 0, 0, 0, 0, 0, 1]));
    assert_eq!(line(2), (Some("y.test"), 1, [0, 0, 0, 0, 1, 0, 0, 0, 0, 0]));
    assert_eq!(house.queue.ages(1, NOW).await.unwrap().len(), 2);
}

pub async fn what_a_letter_would_find(house: House) {
    let desk = TestDesk::at(&house);
    desk.set_room("busy.test", 2);
    for n in 0..5 {
        house.accept_from(MailId::random(), "", &[&format!("r{n}@busy.test")], at(n)).await;
    }
    house.accept(&["a@by-hub.test", "b@free.test"]).await;
    let busy = house.queue.outlook("busy.test", "busy.test").await.unwrap();
    assert_eq!((busy.waiting, busy.is_exact, &busy.suspended, &busy.rest), (5, true, &None, &None));
    house.queue.rest("busy.test", at(10), at(500), 3, &Reply::plain(421, "busy")).await.unwrap();
    let why = queue::Why { reason: "moving", by: Some("eleni") };
    house.queue.suspend(&Scope::Domain("by-hub.test".into()), why, at(9)).await.unwrap();
    let busy = house.queue.outlook("busy.test", "busy.test").await.unwrap();
    assert_eq!(busy.rest.map(|rest| rest.failures), Some(3));
    let hub = house.queue.outlook("smtp:hub.test:25", "by-hub.test").await.unwrap();
    assert_eq!(
        hub.suspended.as_ref().map(|one| (one.reason.as_str(), one.by.as_deref())),
        Some(("moving", Some("eleni")))
    );
    assert_eq!(hub.waiting, 1);
    let other = house.queue.outlook("smtp:hub.test:25", "other.test").await.unwrap();
    assert_eq!((other.suspended, other.waiting), (None, 1));
    assert_eq!(house.queue.outlook("nobody.test", "nobody.test").await.unwrap().waiting, 0);
    drop(desk);
}

pub async fn the_rule_that_would_hold(house: House) {
    let rule = async |from: &str, to: &str| {
        let rule = house.queue.rule_for(&sender(from), &address(to), "x.test").await.unwrap();
        rule.map(|rule| rule.reason)
    };
    assert_eq!(rule("anna@athens.test", "a@x.test").await, None);
    let on = HoldOn::SenderDomain("ATHENS.test".into());
    house.queue.add_rule(HoldRule { on, reason: "wild".into(), added_at: NOW }).await.unwrap();
    assert_eq!(rule("anna@athens.test", "a@x.test").await.as_deref(), Some("wild"));
    assert_eq!(rule("", "a@x.test").await, None);
}

pub async fn a_rule_can_hold_what_is_there(house: House) {
    house.accept(&["a@x.test", "b@y.test"]).await;
    for (on, count) in [
        (HoldOn::Domain("x.test".into()), 1),
        (HoldOn::Destination("z.test".into()), 0),
        (HoldOn::SenderDomain("athens.test".into()), 1),
        (HoldOn::Sender("anna@athens.test".into()), 0),
    ] {
        assert_eq!(house.queue.hold(on.filter(), Some("rule"), NOW).await.unwrap().len(), count, "{on:?}");
    }
    let row = &house.queue.list(Filter { reason: Some("RULE".into()), ..Filter::default() }, 9, NOW).await.unwrap()[0];
    assert_eq!(row.next, Next::Held { reason: Some("rule".into()) });
}
