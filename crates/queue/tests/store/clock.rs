//! The clock is set by hours, either way: nothing stands still, and nothing comes twice.

use std::sync::Arc;
use std::time::Duration;

use envelope::{Reply, Timestamp};
use queue::{Backoff, Filter, Queue, Settled, Verdict};

use crate::desk::TestDesk;
use crate::house::{House, LEASE, NOW, at, end, who};

const HOURS: Duration = Duration::from_secs(5 * 3600);

fn back(hours: Duration) -> Timestamp {
    Timestamp(NOW.0 - hours.as_millis() as i64)
}

/// What is due at a moment, in claims as many as the walk through the index takes.
async fn due(queue: &Queue, now: Timestamp) -> Vec<String> {
    let mut all = Vec::new();
    for _ in 0..20 {
        all.extend(who(&queue.claim_due(now, 100).await.unwrap().claims));
    }
    all.sort();
    all
}

pub async fn set_back_it_leaves_nobody_behind(house: House) {
    let desk = TestDesk::at(&house);
    assert!(due(&house.queue, NOW).await.is_empty());
    house.accept(&["tried@x.test", "in-hand@x.test"]).await;
    let claims = desk.handed_over();
    let patience = Backoff::default();
    let verdict = Verdict::Later {
        due: patience.next(1, NOW, 7),
        reply: Reply::plain(451, "no"),
        delay_told: false,
        counts: true,
        dialogue: None,
    };
    house.queue.settle(vec![end(&claims[0], verdict)]).await.unwrap();
    house.queue.detach(&desk);
    house.accept(&["new@x.test"]).await;
    house.queue.attach(desk);
    // Five hours back: what was due in five minutes would be due in five hours.
    let now = back(HOURS);
    assert_eq!(due(&house.queue, now).await, ["new@x.test", "tried@x.test"]);
    // Whoever has the other one in hand has the time of a lease to say so.
    assert_eq!(due(&house.queue, now.plus(LEASE)).await.len(), 3);
}

pub async fn what_was_set_back_while_it_stood_still_is_noticed_too(house: House) {
    let desk = TestDesk::at(&house);
    house.accept(&["a@x.test"]).await;
    let claim = desk.handed_over().remove(0);
    let verdict = Verdict::Later {
        due: at(300),
        reply: Reply::plain(451, "no"),
        delay_told: false,
        counts: true,
        dialogue: None,
    };
    house.queue.settle(vec![end(&claim, verdict)]).await.unwrap();
    let restarted = Queue::new(house.store.clone(), "one");
    restarted.attach(desk);
    assert_eq!(due(&restarted, back(HOURS)).await, ["a@x.test"]);
}

pub async fn a_right_clock_hastens_nothing(house: House) {
    let desk = TestDesk::at(&house);
    house.accept(&["a@x.test", "b@x.test"]).await;
    let patience = Backoff::default();
    let ends = (3..).zip(desk.handed_over());
    let ends = ends.map(|(attempts, claim)| {
        let due = patience.next(attempts, NOW, 1);
        end(
            &claim,
            Verdict::Later { due, reply: Reply::plain(451, "no"), delay_told: false, counts: true, dialogue: None },
        )
    });
    house.queue.settle(ends.collect()).await.unwrap();
    let sql = "UPDATE queue_recipient SET attempts = 3 + number";
    house.store.write(move |tx| tx.execute(sql, &[])).await.unwrap();
    let restarted = Queue::new(house.store.clone(), "one");
    restarted.attach(desk);
    assert!(due(&restarted, at(1)).await.is_empty());
}

pub async fn set_forward_and_back_again(house: House) {
    let desk = TestDesk::at(&house);
    house.accept(&["a@x.test"]).await;
    let claim = desk.handed_over().remove(0);
    desk.set_room("x.test", 0);
    // The lease is over by this clock, and there is no room: the row is parked beside the attempt that goes on.
    let now = NOW.plus(HOURS);
    assert_eq!(house.queue.claim_due(now, 9).await.unwrap().parked, 1);
    // Whoever has it in hand says so, and it is his as before.
    let lost = house.queue.renew(vec![(claim.mail.id, claim.number, claim.fence)], now.plus(LEASE)).await.unwrap();
    assert!(lost.is_empty());
    assert!(house.queue.claim_parked("x.test", None, 9, now).await.unwrap().claims.is_empty());
    assert_eq!(house.queue.settle(vec![end(&claim, Verdict::Done)]).await.unwrap(), [Settled::Written]);
    assert!(house.queue.list(Filter::default(), 9, now).await.unwrap().is_empty());
}

pub async fn a_rest_of_the_future_is_none(house: House) {
    let desk = TestDesk::at(&house);
    let reply = Reply::plain(421, "busy");
    house.queue.rest("x.test", NOW, at(3600), 1, &reply).await.unwrap();
    house.queue.rest("y.test", back(HOURS), back(HOURS).plus(Duration::from_secs(3600)), 1, &reply).await.unwrap();
    house.queue.detach(&desk);
    house.accept(&["a@x.test", "b@y.test"]).await;
    let desk = TestDesk::at(&house);
    assert_eq!(due(&house.queue, back(HOURS)).await, ["a@x.test"]);
    drop(desk);
}

pub async fn a_decision_of_the_far_future_is_made_now(house: House) {
    let desk = TestDesk::at(&house);
    desk.set_room("x.test", 0);
    house.accept(&["a@x.test"]).await;
    let sql = "UPDATE queue_recipient SET wake_at = $1";
    let far = NOW.plus(Duration::from_secs(86_400 * 365 * 10));
    house.store.write(move |tx| tx.execute(sql, &[far.0.into()])).await.unwrap();
    assert!(due(&house.queue, NOW).await.is_empty());
    assert_eq!(house.queue.claim_overdue(NOW, 9).await.unwrap().claims.len(), 1);
}

pub async fn rests_that_nobody_ends_are_forgotten(house: House) {
    let _desk = TestDesk::at(&house);
    for n in 0..5 {
        let until = at(60 * (n + 1));
        house.queue.rest(&format!("d{n}.test"), NOW, until, 1, &Reply::plain(421, "busy")).await.unwrap();
    }
    due(&house.queue, at(86_400 + 200)).await;
    let left = house.store.read(|q| q.query("SELECT destination FROM queue_site ORDER BY 1", &[])).await.unwrap();
    let left: Vec<&str> = left.iter().map(|row| row.text(0).unwrap()).collect();
    assert_eq!(left, ["d3.test", "d4.test"]);
}

pub async fn a_patience_of_days_is_no_wrong_clock(house: House) {
    let day = Duration::from_secs(86_400);
    let patience = Backoff { first: day * 3, longest: day * 3, ..Backoff::default() };
    let desk = Arc::new(TestDesk::default());
    desk.set_patience(patience.clone());
    house.queue.attach(desk.clone());
    house.accept(&["a@x.test"]).await;
    let claim = desk.handed_over().remove(0);
    // As far ahead as it can be, by the spread of times.
    let due_at = NOW.plus(patience.longest_after(20));
    let reply = Reply::plain(451, "no");
    let verdict = Verdict::Later { due: due_at, reply, delay_told: false, counts: true, dialogue: None };
    house.queue.settle(vec![end(&claim, verdict)]).await.unwrap();
    for minutes in [1, 2, 3] {
        assert!(due(&house.queue, at(minutes * 60)).await.is_empty());
    }
    assert_eq!(due(&house.queue, due_at).await, ["a@x.test"]);
}
