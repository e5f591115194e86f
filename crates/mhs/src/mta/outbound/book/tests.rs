//! The book by itself: who begins, who waits, who is left alone.

use std::collections::BTreeSet;
use std::time::Duration;

use envelope::{Address, BodyType, Reply, ReversePath};
use storage::BodyId;

use super::*;
use crate::limits::*;
use crate::mta::outbound::Rate;

/// A claim for one recipient of a letter.
pub(in super::super) fn claim(mail: MailId, number: i64, to: &str) -> Claim {
    claim_of(mail, number, to, "")
}

/// The same, of a sender.
pub(in super::super) fn claim_of(mail: MailId, number: i64, to: &str, from: &str) -> Claim {
    let reverse_path = match from {
        "" => ReversePath::Null,
        from => ReversePath::Address(Address::parse(from).unwrap()),
    };
    let address = Address::parse(to).unwrap();
    let lane = Lane::of(&reverse_path);
    let mail = Mail {
        require_tls: envelope::RequireTls::Unsaid,
        id: mail,
        body: BodyId(1),
        octets: 1,
        reverse_path,
        body_type: BodyType::SevenBit,
        smtputf8: false,
        ret: None,
        envelope_id: None,
        accepted_at: Timestamp(0),
        delivered_to: None,
    };
    Claim {
        mail: Arc::new(mail),
        number,
        destination: address.host().to_string(),
        address,
        notify: None,
        original: None,
        lane,
        attempts: 0,
        delay_told: false,
        asked: false,
        overdue: false,
        fence: 1,
        leased_until: Timestamp(i64::MAX),
    }
}

/// So many letters for one recipient each.
fn many(to: &str, count: usize) -> Vec<Claim> {
    (0..count).map(|_| claim(MailId::random(), 0, &format!("a@{to}"))).collect()
}

fn of(sender: &str, to: &str, count: usize) -> Vec<Claim> {
    (0..count).map(|_| claim_of(MailId::random(), 0, &format!("a@{to}"), sender)).collect()
}

pub(in super::super) fn book() -> Book {
    let times = RestTimes { first: OUTBOUND_REST_FIRST, longest: OUTBOUND_REST_MAX };
    Book::new(Box::new(|_| SiteLimits::default()), times)
}

pub(in super::super) fn begin() -> Now {
    Now { instant: Instant::now(), wall: Timestamp(1_000_000_000) }
}

fn later(now: Now, seconds: u64) -> Now {
    let duration = Duration::from_secs(seconds);
    Now { instant: now.instant + duration, wall: now.wall.plus(duration) }
}

fn down() -> Feedback {
    Feedback::Down(Reply::new(451, (4, 4, 1), "nobody there"))
}

/// Lets a destination talk to us once.
fn prove(book: &mut Book, destination: &str, now: Now) {
    book.add(many(destination, 1), now);
    let attempt = book.start(now).pop().unwrap();
    assert!(matches!(book.ended(attempt.id, Feedback::Talked, now), Ruling::Settle | Ruling::Healed));
}

#[test]
fn recipients_of_one_letter_go_together() {
    let (mut book, now, mail) = (book(), begin(), MailId::random());
    let mut claims: Vec<Claim> = (0..150).map(|n| claim(mail, n, "a@x.test")).collect();
    claims.push(claim(MailId::random(), 0, "b@x.test"));
    assert!(book.add(claims, now).is_empty());
    let mut sizes = Vec::new();
    let mut next = book.start(now).pop();
    while let Some(attempt) = next {
        sizes.push(attempt.group.jobs.len());
        book.ended(attempt.id, Feedback::Talked, now);
        next = book.follow("x.test", now);
    }
    assert_eq!(sizes, [OUTBOUND_RECIPIENTS_MAX, 50, 1]);
    assert_eq!((book.leases(now).len(), book.used()), (0, 0), "every job is gone");
}

#[test]
fn one_probe_and_then_more() {
    let (mut book, now) = (book(), begin());
    book.add(many("x.test", 50), now);
    let first = book.start(now);
    assert_eq!((first.len(), book.start(now).len()), (1, 0));
    book.ended(first[0].id, Feedback::Talked, now);
    let more = book.start(now);
    assert_eq!(more.len() as u64, OUTBOUND_WINDOW_FIRST);
    for attempt in more {
        book.ended(attempt.id, Feedback::Talked, now);
    }
    assert_eq!(book.start(now).len() as u64, OUTBOUND_WINDOW_FIRST + 1);
}

#[test]
fn a_limit_of_connections_holds() {
    let limits = SiteLimits { connections_max: 2, rate: None };
    let times = RestTimes { first: OUTBOUND_REST_FIRST, longest: OUTBOUND_REST_MAX };
    let (mut book, now) = (Book::new(Box::new(move |_| limits), times), begin());
    prove(&mut book, "x.test", now);
    book.add(many("x.test", 50), now);
    assert_eq!((book.start(now).len(), book.under_way("x.test")), (2, 2));
    assert!(book.follow("x.test", now).is_none());
}

#[test]
fn a_dead_destination_costs_one_probe_and_rests_longer_each_time() {
    let (mut book, mut now) = (book(), begin());
    book.add(many("x.test", 300), now);
    let mut last = Duration::ZERO;
    for failures in 1..6 {
        let attempts = book.start(now);
        assert_eq!(attempts.len(), 1, "probe {failures}");
        let Ruling::Rest(rest, waiting) = book.ended(attempts[0].id, down(), now) else { panic!() };
        assert_eq!((rest.failures, waiting.len()), (failures, if failures == 1 { 299 } else { 0 }));
        drop((attempts, waiting));
        let length = rest.until - now.instant;
        assert!(length > last && book.wakes_at() == Some(rest.until));
        last = length;
        assert_eq!(book.room("x.test", Lane(1), 5, false, now), 0);
        // What comes meanwhile is refused with the words of the last answer.
        let refused = book.add(many("x.test", 1), now);
        assert_eq!(refused[0].rest.reply, rest.reply);
        drop(refused);
        now = Now { instant: rest.until, wall: now.wall.plus(length) };
        // Its rows are fetched: one letter's worth and no more.
        assert_eq!(wanted(&mut book, 1000, now), [("x.test".to_owned(), OUTBOUND_PROBE_RECIPIENTS)]);
        book.add(many("x.test", 1), now);
    }
    let attempt = book.start(now).pop().unwrap();
    assert!(matches!(book.ended(attempt.id, Feedback::Talked, now), Ruling::Healed));
    drop(attempt);
    assert_eq!(book.room("x.test", Lane(1), 5, false, now), 5);
}

#[test]
fn whoever_asks_breaks_a_rest() {
    let (mut book, now) = (book(), begin());
    book.add(many("x.test", 1), now);
    let attempt = book.start(now).pop().unwrap();
    let Ruling::Rest(first, _) = book.ended(attempt.id, down(), now) else { panic!() };
    assert_eq!(book.room("x.test", Lane(1), 1, true, now), 1);
    for _ in 0..3 {
        let mut asked = many("x.test", 1);
        asked[0].asked = true;
        assert!(book.add(asked, now).is_empty());
        let attempt = book.start(now).pop().unwrap();
        // It makes the rest no longer.
        let Ruling::Rest(again, _) = book.ended(attempt.id, down(), now) else { panic!() };
        assert_eq!((again.failures, again.until), (first.failures, first.until));
    }
}

#[test]
fn the_first_word_of_a_destination_ends_a_rest_that_the_store_may_know() {
    let (mut book, now) = (book(), begin());
    book.add(many("x.test", 2), now);
    for heals in [true, false] {
        let attempt = book.start(now).pop().unwrap();
        assert_eq!(matches!(book.ended(attempt.id, Feedback::Talked, now), Ruling::Healed), heals);
    }
}

#[test]
fn a_silent_name_server_makes_no_long_rest() {
    let (mut book, mut now) = (book(), begin());
    book.add(many("x.test", 3), now);
    for _ in 0..9 {
        let attempt = book.start(now).pop().unwrap();
        let silence = Feedback::Unheard(Reply::plain(451, "no DNS"));
        let Ruling::Rest(rest, waiting) = book.ended(attempt.id, silence, now) else { panic!() };
        let length = rest.until - now.instant;
        assert!(rest.failures <= 4 && length <= crate::limits::OUTBOUND_UNHEARD_MAX);
        drop((attempt, waiting));
        now = Now { instant: rest.until, wall: now.wall.plus(length) };
        book.add(many("x.test", 1), now);
    }
}

#[test]
fn a_refusal_beside_others_is_no_death() {
    let (mut book, now) = (book(), begin());
    prove(&mut book, "x.test", now);
    book.add(many("x.test", 50), now);
    let mut attempts = book.start(now);
    assert_eq!(attempts.len(), 5);
    let refused = attempts.pop().unwrap();
    assert!(matches!(book.ended(refused.id, down(), now), Ruling::Again));
    let mail = refused.group.mail.id;
    book.put_back("x.test", refused.lane, refused.group, now);
    // Four it is, and the letter that was refused is the next.
    assert!(book.start(now).is_empty());
    book.ended(attempts.pop().unwrap().id, Feedback::Talked, now);
    let next = book.start(now);
    assert_eq!((next.len(), next[0].group.mail.id), (1, mail));
}

#[test]
fn who_falls_silent_is_asked_by_one_letter() {
    let (mut book, now) = (book(), begin());
    prove(&mut book, "x.test", now);
    book.add(many("x.test", 50), now);
    let mut attempts = book.start(now);
    assert_eq!(attempts.len(), 5);
    let stalled = || Feedback::Stalled(Reply::new(451, (4, 4, 2), "no answer to MAIL"));
    // The others may know better; nobody else begins meanwhile.
    let last = attempts.pop().unwrap();
    for attempt in attempts {
        assert!(matches!(book.ended(attempt.id, stalled(), now), Ruling::Settle));
        assert!(book.start(now).is_empty() && book.follow("x.test", now).is_none());
    }
    let Ruling::Rest(rest, waiting) = book.ended(last.id, stalled(), now) else { panic!() };
    assert_eq!((rest.failures, waiting.len()), (1, 45));
    assert!(rest.reply.text.contains("MAIL"));
    drop((last, waiting));
    let now = Now { instant: rest.until, ..now };
    book.add(many("x.test", 3), now);
    let probe = book.start(now);
    assert_eq!(probe.len(), 1);
    assert!(matches!(book.ended(probe[0].id, Feedback::Talked, now), Ruling::Healed));
    assert_eq!(book.start(now).len(), 2);
}

#[test]
fn who_is_busy_is_asked_later_and_not_given_up() {
    let (mut book, now) = (book(), begin());
    prove(&mut book, "x.test", now);
    book.add(many("x.test", 2), now);
    let mut attempts = book.start(now);
    let busy = || Feedback::Busy(Reply::new(421, (4, 7, 0), "too many connections"));
    let (one, other) = (attempts.pop().unwrap(), attempts.pop().unwrap());
    book.ended(one.id, Feedback::Talked, now);
    assert!(matches!(book.ended(other.id, busy(), now), Ruling::Again));
    book.put_back("x.test", other.lane, other.group, now);
    assert!(book.start(now).is_empty());
    let until = book.wakes_at().unwrap();
    assert_eq!(until, now.instant + OUTBOUND_PAUSE_FIRST);
    // Busy for ever is dead.
    let mut now = now;
    for _ in 1..OUTBOUND_PAUSES_MAX {
        now = Now { instant: book.wakes_at().unwrap(), ..now };
        let attempt = book.start(now).pop().unwrap();
        assert!(matches!(book.ended(attempt.id, busy(), now), Ruling::Again));
        book.put_back("x.test", attempt.lane, attempt.group, now);
    }
    now = Now { instant: book.wakes_at().unwrap(), ..now };
    let attempt = book.start(now).pop().unwrap();
    assert!(matches!(book.ended(attempt.id, busy(), now), Ruling::Rest(..)));
}

#[test]
fn a_list_does_not_delay_a_person() {
    let (mut book, now) = (book(), begin());
    prove(&mut book, "x.test", now);
    let (list, person) = ("list@lists.test", "anna@athens.test");
    let lane = Lane::of(&ReversePath::Address(Address::parse(list).unwrap()));
    let room = book.room("x.test", lane, 5000, false, now);
    assert_eq!(room, OUTBOUND_LANE_EACH);
    book.give_up("x.test", lane, room);
    book.add(of(list, "x.test", room), now);
    let under_way = book.start(now);
    book.add(of(person, "x.test", 1), now);
    book.ended(under_way[0].id, Feedback::Talked, now);
    book.ended(under_way[1].id, Feedback::Talked, now);
    let next: Vec<Lane> = (0..2).flat_map(|_| book.follow("x.test", now)).map(|attempt| attempt.lane).collect();
    assert!(next.iter().any(|next| *next != lane), "the person's letter is the next or the one after");
}

#[test]
fn a_list_to_thousands_of_destinations_leaves_places() {
    let (mut book, now) = (book(), begin());
    for n in 0..OUTBOUND_LANE {
        book.add(of("list@lists.test", &format!("d{n}.test"), 1), now);
    }
    let list = book.start(now).len();
    assert_eq!(list, OUTBOUND_ATTEMPTS_UNPROVEN / 2);
    book.add(of("anna@athens.test", "patras.test", 1), now);
    let person = book.start(now);
    assert_eq!((person.len(), person[0].destination.as_str()), (1, "patras.test"));
}

#[test]
fn destinations_that_hang_leave_places() {
    let (mut book, now) = (book(), begin());
    for n in 0..OUTBOUND_ATTEMPTS_UNPROVEN + 10 {
        book.add(of(&format!("s{n}@athens.test"), &format!("d{n}.test"), 1), now);
    }
    let hanging = book.start(now);
    assert_eq!(hanging.len(), OUTBOUND_ATTEMPTS_UNPROVEN);
    for attempt in &hanging {
        book.lingers(attempt.id, later(now, 5));
    }
    assert_eq!(book.start(now).len(), 10);
    for attempt in hanging {
        book.vanished(attempt.id, now);
        book.vanished(attempt.id, now);
    }
    assert_eq!(book.under_way("d1.test"), 0);
}

#[test]
fn promises_are_kept_and_places_are_counted() {
    let (mut book, now) = (book(), begin());
    let room = book.room("x.test", Lane(7), 100, false, now);
    assert_eq!((room, book.used()), (100, 100));
    book.give_up("x.test", Lane(7), 100);
    assert_eq!(book.used(), 0);
    // One that has not talked to us has a little more than its probe takes.
    let unknown: usize = (0..9).map(|lane| book.room("x.test", Lane(lane), 90, false, now)).sum();
    assert_eq!(unknown, OUTBOUND_PROBE_RECIPIENTS + 7 * OUTBOUND_LANE_FEW);
    for (lane, count) in [(0, 90), (1, 10)].into_iter().chain((2..9).map(|lane| (lane, OUTBOUND_LANE_FEW))) {
        book.give_up("x.test", Lane(lane), count);
    }
    assert_eq!(book.used(), 0);
    let all = (0..9).map(|n| format!("d{n}.test")).chain((0..40).map(|n| format!("e{n}.test")));
    for destination in all.chain(["x.test".to_owned()]) {
        prove(&mut book, &destination, now);
    }
    // One destination, and then one sender, has no more than its part.
    let each: usize = (0..9).map(|lane| book.room("x.test", Lane(lane), 200, false, now)).sum();
    // Those who come last are told from persons only when they have a few.
    assert_eq!(each, OUTBOUND_WINDOW_EACH + 4 * OUTBOUND_LANE_FEW);
    let lane: usize = (0..9).map(|n| book.room(&format!("d{n}.test"), Lane(99), 200, false, now)).sum();
    assert_eq!(lane, OUTBOUND_LANE);
    assert_eq!(book.backlog_room(now), OUTBOUND_WINDOW_BACKLOG - each - OUTBOUND_LANE);
    let all: usize = (0..40).map(|n| book.room(&format!("e{n}.test"), Lane(n), 200, false, now)).sum();
    let lists = OUTBOUND_WINDOW - OUTBOUND_WINDOW_FEW;
    assert_eq!((book.used(), all), (lists, lists - each - OUTBOUND_LANE));
    // Persons find room until the very end.
    let persons = (0..).take_while(|n| book.room("x.test", Lane(1000 + n), 1, false, now) == 1).count();
    assert_eq!((persons, book.used()), (OUTBOUND_WINDOW_FEW, OUTBOUND_WINDOW));
}

#[test]
fn letters_to_many_leave_the_last_connection_to_letters_to_few() {
    let (mut book, now) = (book(), begin());
    prove(&mut book, "x.test", now);
    let list = |n: u8| (0..100).map(move |number| claim(MailId::from_bytes([n; 16]), number, "a@x.test"));
    book.add((0..9).flat_map(list).take(200).collect(), now);
    for n in 3..9 {
        let claims = list(n).map(|claim| Claim { lane: Lane(i64::from(n)), ..claim });
        book.add(claims.collect(), now);
    }
    let busy = book.start(now);
    assert_eq!(busy.len(), OUTBOUND_WINDOW_FIRST as usize - 1);
    assert!(book.start(now).is_empty());
    book.add(vec![claim_of(MailId::random(), 0, "b@x.test", "anna@athens.test")], now);
    let person = book.start(now);
    assert_eq!(person.iter().map(|attempt| attempt.group.jobs.len()).collect::<Vec<_>>(), [1]);
    // The next of the lists goes when one of them is done.
    for attempt in person.into_iter().chain(busy.into_iter().take(1)) {
        book.ended(attempt.id, Feedback::Nothing, now);
    }
    assert_eq!(book.start(now).len(), 1);
}

#[test]
fn what_found_no_room_is_fetched_when_there_is_some() {
    let (mut book, now) = (book(), begin());
    prove(&mut book, "x.test", now);
    book.add((0..4).flat_map(|n| of(&format!("s{n}@athens.test"), "x.test", 250)).collect(), now);
    let list = ReversePath::Address(Address::parse("s0@athens.test").unwrap());
    assert_eq!(book.room("x.test", Lane::of(&list), 1, false, now), 0);
    assert!(book.hungry(1000, now).is_empty());
    let mut taken = 0;
    let mut attempts: VecDeque<Attempt> = book.start(now).into();
    while let Some(attempt) = attempts.pop_front() {
        book.ended(attempt.id, Feedback::Talked, now);
        drop(attempt);
        taken += 1;
        if taken == OUTBOUND_WINDOW_EACH / 2 {
            break;
        }
        attempts.extend(book.start(now));
    }
    book.start(now);
    assert_eq!(wanted(&mut book, 50, now), [("x.test".to_owned(), 50)]);
    // Nobody knows yet whether the row stands there: it is asked for again.
    book.fed("x.test", Some(Lane(1)), false, now);
    let again = later(now, OUTBOUND_PARKED_KEPT.as_secs());
    assert_eq!(book.hungry(50, again)[0].after, Some(Lane(1)));
    book.fed("x.test", Some(Lane(2)), true, again);
    assert_eq!(book.hungry(50, again)[0].after, Some(Lane(2)));
    book.fed("x.test", None, false, again);
    assert!(book.hungry(50, later(now, 61)).is_empty());
    book.parked(["x.test".to_owned()], later(now, 62));
    assert_eq!(book.hungry(50, later(now, 62)).len(), 1);
}

fn wanted(book: &mut Book, count_max: usize, now: Now) -> Vec<(String, usize)> {
    book.hungry(count_max, now).into_iter().map(|hungry| (hungry.destination, hungry.wanted)).collect()
}

#[test]
fn what_is_not_to_be_tried_is_held_or_handed_back() {
    let (mut book, now) = (book(), begin());
    book.add(many("x.test", 3), now);
    book.add(many("y.test", 2), now);
    assert_eq!(book.take_where(|claim| claim.destination == "x.test").len(), 3);
    let (job, rest) = book.hold(claim(MailId::from_bytes([1; 16]), 0, "a@x.test"), now).unwrap();
    assert_eq!((book.leases(now).len(), rest, book.start(now).len()), (3, None, 1));
    assert!(book.hold(claim(MailId::from_bytes([1; 16]), 0, "a@x.test"), now).is_none());
    drop(job);
    assert_eq!(book.leases(now).len(), 1);
}

#[test]
fn a_row_claimed_again_makes_no_second_job() {
    let (mut book, now, mail) = (book(), begin(), MailId::random());
    let with = |fence| {
        let mut claim = claim(mail, 0, "a@x.test");
        claim.fence = fence;
        claim
    };
    book.add(vec![with(1)], now);
    let attempt = book.start(now).pop().unwrap();
    let job = attempt.group.jobs.into_iter().next().unwrap();
    assert!(book.add(vec![with(2)], now).is_empty() && book.start(now).is_empty());
    assert_eq!((job.fence(), book.leases(now)), (2, vec![(mail, 0, 2)]));
    // Settled under the fence of before: the claim of since then begins.
    book.ended(attempt.id, Feedback::Talked, now);
    job.settled(1);
    drop(job);
    let again = book.start(now).pop().unwrap();
    assert_eq!(again.group.jobs[0].fence(), 2);
    // Settled under the one that counts: that was all.
    let job = again.group.jobs.into_iter().next().unwrap();
    book.ended(again.id, Feedback::Talked, now);
    job.settled(2);
    drop(job);
    assert!(book.leases(now).is_empty() && book.start(now).is_empty() && book.used() == 0);
}

#[test]
fn what_is_lost_is_not_begun_and_what_is_idle_is_forgotten() {
    let (mut book, now) = (book(), begin());
    book.add(many("x.test", 3), now);
    book.add(many("y.test", 2), now);
    let lost: BTreeSet<Key> = book.leases(now).iter().map(|(mail, number, _)| (*mail, *number)).collect();
    let leases = book.leases(now);
    book.renewed(&leases, &lost, now.instant, now.wall);
    assert!(book.start(now).is_empty() && book.used() == 0);
    book.add(many("z.test", 7), now);
    assert_eq!((book.take_all("z.test").len(), book.take_everything().len()), (7, 0));
    assert!(book.forget(now).is_empty());
    assert!(book.forget(later(now, 2 * OUTBOUND_SITE_KEPT.as_secs())).is_empty());
    assert!(book.sites.is_empty());
}

#[test]
fn what_cannot_go_leaves_the_window_to_others() {
    let slow = SiteLimits { connections_max: 20, rate: Some(Rate { letters: 60, per: Duration::from_secs(3600) }) };
    let limits = move |destination: &str| if destination.starts_with('r') { slow } else { SiteLimits::default() };
    let times = RestTimes { first: OUTBOUND_REST_FIRST, longest: OUTBOUND_REST_MAX };
    let (mut book, now) = (Book::new(Box::new(limits), times), begin());
    // Each of them has thousands in the store, and takes one a minute.
    book.parked((0..4).map(|n| format!("r{n}.test")), now);
    for (destination, wanted) in wanted(&mut book, OUTBOUND_WINDOW_BACKLOG, now) {
        assert_eq!(wanted, OUTBOUND_RECIPIENTS_MAX);
        book.add(many(&destination, wanted), now);
    }
    // And these are only slow: each leaves as much as it has.
    for n in 0..5 {
        book.parked([format!("s{n}.test")], now);
        let count_max = book.backlog_room(now);
        let (destination, wanted) = wanted(&mut book, count_max, now).pop().unwrap_or_else(|| panic!("none for {n}"));
        book.add(many(&destination, wanted), now);
    }
    assert!(book.backlog_room(now) > OUTBOUND_WINDOW_BACKLOG / 50);
    assert_eq!(book.room("new.test", Lane(1), 100, false, now), 100);
}

#[test]
fn a_rate_is_kept_over_a_restart() {
    let slow = SiteLimits { connections_max: 20, rate: Some(Rate { letters: 6, per: Duration::from_secs(60) }) };
    let times = RestTimes { first: OUTBOUND_REST_FIRST, longest: OUTBOUND_REST_MAX };
    let now = begin();
    let mut book = Book::new(Box::new(move |_| slow), times).beginning_at(now.instant);
    book.add(many("x.test", 2), now);
    assert!(book.start(now).is_empty(), "one may have gone out a moment ago");
    assert_eq!(book.wakes_at(), Some(later(now, 10).instant));
    assert_eq!(book.start(later(now, 10)).len(), 1);
}

#[test]
fn what_waits_for_a_pause_waits_in_the_store() {
    let (mut book, mut now) = (book(), begin());
    prove(&mut book, "x.test", now);
    book.add(many("x.test", 500), now);
    let slower = || Feedback::Slower(Reply::new(450, (4, 7, 28), "slow down"));
    while book.take_paused(now).is_empty() {
        if let Some(until) = book.wakes_at() {
            now = Now { instant: until, ..now };
        }
        for attempt in book.start(now) {
            assert!(matches!(book.ended(attempt.id, slower(), now), Ruling::Settle));
        }
    }
    assert!(book.start(now).is_empty() && book.used() == 0);
    assert_eq!(book.room("x.test", Lane(1), 1, false, now), 0);
    assert!(book.hungry(1000, now).is_empty());
    // It is fetched when the pause is over.
    now = Now { instant: book.wakes_at().unwrap(), ..now };
    assert_eq!(wanted(&mut book, 1000, now), [("x.test".to_owned(), OUTBOUND_WINDOW_EACH)]);
}

/// However many destinations are dead, one that is new has its place: the store remembers those that rest.
#[test]
fn the_dead_shut_nobody_out() {
    let (mut book, now) = (book(), begin());
    let (until, reply) = (later(now, 3600).instant, Reply::new(451, (4, 4, 1), "nobody there"));
    let rest = Rest { failures: 3, since: now.wall, tried_at: now.wall, until, reply };
    for number in 0..OUTBOUND_SITES_MAX + 10 {
        book.learn(&format!("dead{number}.test"), rest.clone(), now);
        book.parked([format!("dead{number}.test")], now);
    }
    assert!(book.sites.len() <= OUTBOUND_SITES_MAX);
    let lane = Lane::of(&ReversePath::Null);
    assert_eq!(book.room("new.test", lane, 3, false, now), 3);
    book.parked(["other.test".to_owned()], now);
    assert!(book.hungry(100, now).iter().any(|hungry| hungry.destination == "other.test"));
}

/// What [`OUTBOUND_SITES_MAX`] says of the memory rests on this.
#[test]
fn a_destination_costs_little() {
    let octets = size_of::<site::Site>();
    assert!(octets <= 480, "{octets}");
}

/// Whatever happens in whatever order: who may begin begins, behind whomever he stands.
#[test]
fn nobody_who_may_begin_is_left_out() {
    for seed in 1..=12 {
        let mut chance = seed;
        let mut below = |end: usize| {
            chance = u64::wrapping_add(u64::wrapping_mul(chance, 6_364_136_223_846_793_005), 1_442_695_040_888_963_407);
            (chance >> 33) as usize % end
        };
        let (mut book, mut now) = (book(), begin());
        let mut under_way: Vec<Attempt> = Vec::new();
        let mut most = 0;
        for _ in 0..1500 {
            match below(10) {
                // Two lists, and some persons, at the same places.
                0..4 => {
                    let (sender, to) = ([0, 0, 0, 1, 1, 2, 3, 4][below(8)], below(300));
                    let from = format!("sender{sender}@athens.test");
                    book.add(of(&from, &format!("d{to}.test"), 1 + below(3)), now);
                }
                4..6 if !under_way.is_empty() => {
                    let attempt = under_way.swap_remove(below(under_way.len()));
                    let feedback = match below(6) {
                        0 => Feedback::Broken,
                        1 => down(),
                        2 => Feedback::Nothing,
                        _ => Feedback::Talked,
                    };
                    book.ended(attempt.id, feedback, now);
                    under_way.extend(book.follow(&attempt.destination, now));
                }
                6 if !under_way.is_empty() => book.lingers(under_way[below(under_way.len())].id, now),
                7 => drop(book.take_all(&format!("d{}.test", below(300)))),
                8 if below(50) == 0 => now = later(now, below(100) as u64),
                _ => {}
            }
            under_way.extend(book.start(now));
            most = most.max(under_way.len());
            for (name, site) in book.sites.iter().filter(|(_, site)| site.wants(now.instant)) {
                let (class, is_last) = (site.class(), site.is_at_its_last(now.instant));
                let may = |(lane, group): (Lane, &Group)| book.slots.may(class, lane) && !(is_last && group.is_long());
                let left_out = site.pace.blocked_until(now.instant).is_none() && site.waiting.heads().any(may);
                assert!(!left_out, "seed {seed}: {name} is left out: {site:?}");
            }
        }
        assert!(most > OUTBOUND_ATTEMPTS_UNPROVEN / 2, "no sender came to his limit: {most}");
    }
}

/// However many destinations say nothing, when those that wait are broken off others have their places.
#[test]
fn silence_shuts_nobody_out() {
    let now = Now { instant: Instant::now(), wall: Timestamp(0) };
    let mut book = book();
    let mut begun = Vec::new();
    for number in 0..OUTBOUND_ATTEMPTS_SLOW + 2 * OUTBOUND_ATTEMPTS_UNPROVEN {
        let mail = MailId::random();
        let from = format!("s{}@athens.test", number % 50);
        book.add(vec![claim_of(mail, 0, &format!("a@hole{number}.test"), &from)], now);
        let attempts = book.start(now);
        attempts.iter().for_each(|attempt| book.lingers(attempt.id, now));
        begun.extend(attempts.into_iter().map(|attempt| attempt.id));
    }
    // Each of these senders has letters that hang: the last places are for others.
    let places = OUTBOUND_ATTEMPTS_SLOW + OUTBOUND_ATTEMPTS_UNPROVEN - OUTBOUND_UNPROVEN_KEPT;
    let left = OUTBOUND_ATTEMPTS_UNPROVEN + OUTBOUND_UNPROVEN_KEPT;
    let held = OUTBOUND_ATTEMPTS_UNPROVEN - OUTBOUND_UNPROVEN_KEPT;
    assert_eq!((begun.len(), book.crowded_out()), (places, left));
    book.add(vec![claim_of(MailId::random(), 0, "a@new.test", "anna@athens.test")], now);
    let of_anna = book.start(now);
    assert_eq!(of_anna.len(), 1);
    book.ended(of_anna[0].id, Feedback::Talked, now);
    // One that waits beside the places ends, and makes room for one that holds one: another begins.
    for (gone, hole) in begun.iter().take(held).enumerate() {
        let reply = Reply::new(451, (4, 4, 1), "silent");
        assert!(matches!(book.ended(*hole, Feedback::Down(reply), now), Ruling::Rest(..)));
        assert_eq!((book.start(now).len(), book.crowded_out()), (1, left - gone - 1));
    }
    for attempt in begun.into_iter().skip(held) {
        book.ended(attempt, Feedback::Nothing, now);
    }
    assert_eq!(book.crowded_out(), 0);
    assert!(book.lingering.is_empty());
}
