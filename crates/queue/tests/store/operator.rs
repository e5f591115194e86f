//! What an operator does by hand.

use envelope::{Reply, Timestamp};
use queue::{Error, Filter, Verdict};

use crate::house::{House, NOW, at, end, who};

fn by_destination(text: &str) -> Filter {
    Filter { destination: Some(text.to_owned()), ..Filter::default() }
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
    ] {
        assert_eq!(house.queue.list(filter.clone(), 100, NOW).await.unwrap().len(), count, "{filter:?}");
    }
    assert!(matches!(house.queue.show(envelope::MailId::random(), NOW).await, Err(Error::NotFound)));
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

pub async fn dropped_is_gone(house: House) {
    let crowd: Vec<String> = (0..1200).map(|n| format!("r{n}@x.test")).collect();
    let mut crowd: Vec<&str> = crowd.iter().map(String::as_str).collect();
    crowd.push("kept@y.test");
    let mail = house.accept(&crowd).await;
    let claim = house.claim(NOW, 1).await.remove(0);
    assert_eq!(house.queue.drop_rows(by_destination("x.test"), NOW).await.unwrap().len(), 1200);
    let left = house.queue.show(mail, NOW).await.unwrap();
    assert_eq!(left.iter().map(|row| row.address.to_string()).collect::<Vec<_>>(), ["kept@y.test"]);
    // Who was at it finds nothing to settle, unless it was the one that was kept.
    let settled = house.queue.settle(vec![end(&claim, Verdict::Done)]).await.unwrap();
    assert_eq!(settled, [claim.destination == "y.test"]);
    house.queue.drop_rows(Filter::default(), NOW).await.unwrap();
    assert_eq!(house.bodies().await, 0);
}
