//! A large backlog in a cheap form: letters with many recipients each, so that the rows cost little to make.

use envelope::{MailId, Reply};
use queue::limits::{CLAIM_SCAN_MAX, CLAIM_SCAN_MIN, DUE_BUCKETS};
use queue::{Lane, Queue};

use crate::desk::TestDesk;
use crate::house::{House, NOW, at, sender};

/// Twenty thousand rows; a tenth of it where each is sent to a server.
fn letters(house: &House) -> usize {
    if house.is_cluster { 2 } else { 20 }
}

const RECIPIENTS: usize = 1000;

async fn fill(house: &House, from: &str, to: impl Fn(usize) -> String) {
    for letter in 0..letters(house) {
        let crowd: Vec<String> = (0..RECIPIENTS).map(&to).collect();
        let crowd: Vec<&str> = crowd.iter().map(String::as_str).collect();
        // The last octet says in which part of the due index it stands: as many in each as can be, not as chance has it.
        let mut id = MailId::random().to_bytes();
        id[15] = letter as u8;
        house.accept_from(MailId::from_bytes(id), from, &crowd, NOW).await;
    }
}

/// Every row is written anew once at most, and a claim holds no more than it may.
pub async fn a_dead_destination_costs_one_write_a_row(house: House) {
    // It was accepted by another process, so all of it is due.
    fill(&house, "list@big.test", |n| format!("r{n}@dead.test")).await;
    house.accept_from(MailId::random(), "anna@athens.test", &["kostas@patras.test"], at(1)).await;
    let desk = TestDesk::at(&house);
    house.queue.rest("dead.test", NOW, at(3600), 1, &Reply::plain(421, "dead")).await.unwrap();
    let (mut parked, mut claims, mut rounds) = (0, Vec::new(), 0);
    loop {
        let claimed = house.queue.claim_due(at(2), 100).await.unwrap();
        assert!(claimed.claims.len() <= 100 && claimed.parked <= CLAIM_SCAN_MAX);
        parked += claimed.parked;
        claims.extend(claimed.claims);
        rounds += 1;
        if !claimed.more {
            break;
        }
    }
    assert_eq!((parked, claims.len()), (letters(&house) * RECIPIENTS, 1));
    // The fullest part of the index has three letters of twenty; a round takes an eighth of what it scans from each.
    let each = CLAIM_SCAN_MIN.div_ceil(DUE_BUCKETS as usize);
    let most = letters(&house).div_ceil(DUE_BUCKETS as usize) * RECIPIENTS / each + 2;
    assert!(rounds <= most, "{rounds} rounds, {most} at most");
    // And from then on nobody looks at them, whatever happens.
    for seconds in 3..10 {
        let claimed = house.queue.claim_due(at(seconds), 100).await.unwrap();
        assert!(claimed.parked == 0 && claimed.claims.is_empty() && !claimed.more);
    }
    assert_eq!(house.queue.parked(None, 1000, at(10)).await.unwrap().len(), 1);
    assert_eq!(house.queue.claim_parked("dead.test", None, 1, at(3600)).await.unwrap().claims.len(), 1);
    desk.took(&claims);
}

/// A person's letter behind a huge list comes with the next turn.
pub async fn a_huge_list_delays_nobody(house: House) {
    let desk = TestDesk::at(&house);
    desk.set_room("patras.test", 0);
    fill(&house, "list@big.test", |n| format!("r{n}@patras.test")).await;
    house.accept_from(MailId::random(), "anna@athens.test", &["kostas@patras.test"], at(1)).await;
    let anna = Lane::of(&sender("anna@athens.test"));
    let claimed = house.queue.claim_parked("patras.test", None, 10, at(2)).await.unwrap();
    assert_eq!(claimed.claims.iter().filter(|claim| claim.lane == anna).count(), 1);
    assert_eq!((claimed.claims.len(), claimed.more), (10, true));
    // Recipients of a letter come together.
    let list: Vec<_> = claimed.claims.iter().filter(|claim| claim.lane != anna).map(|claim| claim.mail.id).collect();
    assert!(list.windows(2).all(|pair| pair[0] == pair[1]));
}

/// Many destinations: a restarted node finds all of them in bounded steps.
pub async fn many_destinations_are_found_again(house: House) {
    fill(&house, "list@big.test", |n| format!("a@d{n}.test")).await;
    let desk = TestDesk::at(&house);
    for n in 0..RECIPIENTS {
        desk.set_room(&format!("d{n}.test"), 0);
    }
    while house.queue.claim_due(at(1), 1000).await.unwrap().more {}
    let restarted = Queue::new(house.store.clone(), "one");
    let (mut count, mut after) = (0, None::<String>);
    loop {
        let some = restarted.parked(after.as_deref(), 64, at(2)).await.unwrap();
        count += some.len();
        after = some.last().map(|one| one.destination.clone());
        if some.len() < 64 {
            break;
        }
    }
    assert_eq!(count, RECIPIENTS);
}
