//! What an operator says of letters that are being sent at that moment.

use envelope::Reply;
use queue::{Claim, Deed, Filter, Next, Settled, Totals, Touch, Verdict, Wish};

use crate::house::{House, NOW, at, end};

fn given_up() -> Verdict {
    Verdict::GivenUp { reply: Reply::new(550, (5, 1, 1), "no such user"), dialogue: Some("RCPT and so on".into()) }
}

fn later(reply: &str) -> Verdict {
    Verdict::Later { due: at(300), reply: Reply::plain(451, reply), delay_told: false, counts: true, dialogue: None }
}

/// Every way in which an attempt ends without the letter having been delivered.
fn in_vain() -> [Verdict; 4] {
    let park = Verdict::Park { wake_at: at(9000), delay_told: true };
    let reroute = Verdict::Reroute { destination: "smtp:hub.test:25".into(), due: at(1) };
    [given_up(), later("not now"), park, reroute]
}

async fn act(house: &House, deed: Deed, seconds: u64) -> Vec<Touch> {
    let mut touches = Vec::new();
    house.queue.act(deed, Filter::default(), at(seconds), |_, touch| touches.push(touch)).await.unwrap();
    touches
}

async fn settle(house: &House, claim: &Claim, verdict: Verdict) -> Settled {
    house.queue.settle(vec![end(claim, verdict)]).await.unwrap().remove(0)
}

/// A letter that is being sent, and of which the operator has said this.
async fn wished(house: &House, deed: Deed) -> Claim {
    house.accept(&["a@x.test"]).await;
    let claim = house.claim(NOW, 1).await.remove(0);
    assert_eq!(act(house, deed, 1).await, [Touch::Wished]);
    claim
}

pub async fn what_is_wished_stands_in_the_row(house: House) {
    let claim = wished(&house, Deed::Hold(Some("asking".into()))).await;
    let listing = house.queue.look(Filter::default(), queue::Order::Next, 9, at(2)).await.unwrap();
    assert_eq!(listing.totals, Totals { recipients: 1, letters: 1, octets: 8, active: 1, ..Totals::default() });
    let row = &listing.rows[0];
    assert_eq!((row.wish, row.hold_reason.as_deref(), row.held), (Some(Wish::Hold), Some("asking"), false));
    assert_eq!((&row.next, row.claimed_by.as_deref()), (&Next::Active { until: at(600) }, Some("one")));
    let held = |held| Filter { held: Some(held), ..Filter::default() };
    assert_eq!(house.queue.list(held(true), 9, at(2)).await.unwrap().len(), 1);
    assert!(house.queue.list(held(false), 9, at(2)).await.unwrap().is_empty());
    let key = (claim.mail.id, claim.number, claim.fence);
    assert_eq!(house.queue.still_stand(vec![key]).await.unwrap(), [false]);
    // The last word counts.
    assert_eq!(act(&house, Deed::Drop, 2).await, [Touch::Wished]);
    assert_eq!(house.queue.show(claim.mail.id, at(2)).await.unwrap()[0].wish, Some(Wish::Drop));
    assert_eq!(act(&house, Deed::Hold(None), 3).await, [Touch::Wished]);
    // A renewal takes nothing away.
    assert!(house.queue.renew(vec![key], at(900)).await.unwrap().is_empty());
    let row = house.queue.show(claim.mail.id, at(2)).await.unwrap().remove(0);
    assert_eq!((row.wish, row.hold_reason), (Some(Wish::Hold), None));
}

pub async fn what_fails_is_held_as_was_wished(house: House) {
    for verdict in in_vain() {
        let claim = wished(&house, Deed::Hold(Some("asking".into()))).await;
        let expected = if verdict == given_up() { Settled::Obeyed } else { Settled::Written };
        assert_eq!(settle(&house, &claim, verdict.clone()).await, expected, "{verdict:?}");
        let row = house.queue.show(claim.mail.id, at(2)).await.unwrap().remove(0);
        assert_eq!(row.next, Next::Held { reason: Some("asking".into()) }, "{verdict:?}");
        assert_eq!((row.wish, row.is_claimed(), row.held), (None, false, true));
        if verdict == given_up() {
            assert_eq!((row.attempts, row.last_reply.as_deref()), (1, Some("550 5.1.1 no such user")));
            assert_eq!(row.dialogue.as_deref(), Some("RCPT and so on"));
        }
        // The same end once more, as when its outcome was not known.
        assert_eq!(settle(&house, &claim, verdict).await, Settled::Lost);
        assert!(house.claim(at(9999), 9).await.is_empty());
        assert_eq!(act(&house, Deed::Release, 10_000).await, [Touch::Done]);
        assert_eq!(house.claim(at(10_000), 9).await.len(), 1);
        assert_eq!(act(&house, Deed::Drop, 20_000).await, [Touch::Done]);
    }
    assert_eq!(house.bodies().await, 0);
}

pub async fn what_fails_is_dropped_as_was_wished(house: House) {
    for verdict in in_vain() {
        let claim = wished(&house, Deed::Drop).await;
        assert_eq!(house.queue.list(Filter::default(), 9, at(2)).await.unwrap().len(), 1, "it may be delivered");
        assert_eq!(settle(&house, &claim, verdict.clone()).await, Settled::Obeyed, "{verdict:?}");
        assert!(house.queue.show(claim.mail.id, at(2)).await.is_err());
        assert_eq!(house.bodies().await, 0);
    }
}

pub async fn what_is_delivered_is_delivered(house: House) {
    for deed in [Deed::Drop, Deed::Hold(None)] {
        let claim = wished(&house, deed).await;
        assert_eq!(settle(&house, &claim, Verdict::Done).await, Settled::Written);
        assert_eq!(house.bodies().await, 0);
    }
}

pub async fn a_wish_is_taken_back(house: House) {
    for back in [Deed::Release, Deed::Retry] {
        let claim = wished(&house, Deed::Drop).await;
        assert_eq!(act(&house, back.clone(), 2).await, [Touch::TakenBack]);
        assert_eq!(act(&house, back, 3).await, [Touch::Nothing]);
        assert_eq!(settle(&house, &claim, later("not now")).await, Settled::Written);
        let row = house.queue.show(claim.mail.id, at(4)).await.unwrap().remove(0);
        assert_eq!((row.next, row.wish), (Next::Due { at: at(300) }, None));
        act(&house, Deed::Drop, 5).await;
    }
}

pub async fn a_wish_outlives_the_one_who_was_sending(house: House) {
    wished(&house, Deed::Drop).await;
    assert!(house.claim(at(599), 9).await.is_empty());
    assert_eq!(house.bodies().await, 1);
    assert!(house.claim(at(600), 9).await.is_empty());
    assert_eq!(house.bodies().await, 0);
    let slow = wished(&house, Deed::Hold(Some("asking".into()))).await;
    // The same server, started again.
    house.queue.recover(at(5)).await.unwrap();
    assert!(house.claim(at(5), 9).await.is_empty());
    let row = house.queue.show(slow.mail.id, at(5)).await.unwrap().remove(0);
    assert_eq!((row.next, row.wish), (Next::Held { reason: Some("asking".into()) }, None));
    // What was delivered all the same does not stay.
    assert_eq!(settle(&house, &slow, Verdict::Done).await, Settled::Written);
}

pub async fn when_the_lease_is_over_there_is_nobody_to_wait_for(house: House) {
    let mail = house.accept(&["a@x.test"]).await;
    let claim = house.claim(NOW, 1).await.remove(0);
    assert_eq!(act(&house, Deed::Retry, 599).await, [Touch::Nothing]);
    assert_eq!(act(&house, Deed::Retry, 600).await, [Touch::Done]);
    let row = house.queue.show(mail, at(600)).await.unwrap().remove(0);
    assert_eq!((row.next, row.claimed_by), (Next::Due { at: at(600) }, None));
    assert_eq!(house.claim(at(600), 1).await[0].fence, claim.fence + 1);
    assert_eq!(act(&house, Deed::Hold(None), 1200).await, [Touch::Done]);
    // Held already, by whoever it was: not given up by one who comes late.
    let late = queue::Claim { fence: claim.fence + 1, ..claim };
    assert_eq!(settle(&house, &late, given_up()).await, Settled::Obeyed);
    assert_eq!(act(&house, Deed::Drop, 1201).await, [Touch::Done]);
    assert_eq!(house.bodies().await, 0);
}

pub async fn a_notice_knows_that_its_row_is_kept(house: House) {
    let claim = wished(&house, Deed::Hold(None)).await;
    let (queue, ends) = (house.queue.clone(), vec![end(&claim, given_up())]);
    // As one who writes a notice: undone, unless all of it was written.
    let write = house.store.write(move |tx| match queue.settle_in(tx, &ends)?.as_slice() {
        [Settled::Written] => Ok(()),
        _ => Err(storage::Error::Refused("otherwise".into())),
    });
    assert!(matches!(write.await, Err(storage::Error::Refused(_))));
    let row = house.queue.show(claim.mail.id, at(2)).await.unwrap().remove(0);
    assert_eq!((row.wish, row.attempts, row.is_active(at(2))), (Some(Wish::Hold), 0, true));
}
