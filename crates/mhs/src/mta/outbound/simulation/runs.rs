//! The runs, and what they promise.

use std::time::{Duration, Instant};

use envelope::{Outcome, Reply};

use super::super::fill::Fetched;
use super::super::settle::{End, Ended};
use super::super::{Rate, SiteLimits};
use super::net::{HOUR, MINUTE, Manner, SECOND};
use super::office::{Event, Office};
use super::{Chance, set_clock, virtual_now};

/// The seeds that are always run, the same everywhere and on every day: one that once failed, and some more.
/// In parts, that run beside each other.
const SEEDS: [&[u64]; 5] =
    [&[868_642_957_382_954_706, 1, 2, 3, 4], &[5, 6, 7, 8], &[9, 10, 11, 12], &[13, 14, 15, 16], &[17, 18, 19, 20]];

/// After the last server is well, everything is delivered within this time: the longest wait of a letter (4.4 h) behind the
/// longest rest of a destination (1.1 h), and some for the work.
const DRAINED_AFTER: i64 = 7 * HOUR;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn world(chance: &mut Chance) -> Vec<(String, Manner)> {
    let mut servers = vec![("home.test".to_owned(), Manner::Healthy)];
    for n in 0..chance.between(4, 10) {
        let manner = match chance.below(15) {
            0 => Manner::Healthy,
            1 => Manner::Slow(chance.between(SECOND, 20 * SECOND)),
            2 => Manner::Hanging,
            3 => Manner::Greylisting(chance.between(MINUTE, 10 * MINUTE)),
            4 => Manner::Refusing,
            5 => Manner::Dying,
            6 => Manner::Full,
            7 => Manner::Counting(chance.between(2, 30) as usize),
            8 => Manner::Narrow(chance.between(1, 4) as usize),
            9 => Manner::PerRecipient,
            10 => Manner::Nameless,
            11 => Manner::Few(chance.between(1, 20) as usize),
            12 => Manner::Thorough(chance.between(10, 300)),
            13 => Manner::ComesAndGoes(chance.between(MINUTE, 5 * HOUR)),
            _ => Manner::Dead,
        };
        servers.push((format!("d{n}.test"), manner));
    }
    servers
}

/// What an operator asks us to spare some of them.
fn limits(chance: &mut Chance, servers: &[(String, Manner)]) -> Vec<(String, SiteLimits)> {
    let mut limits = Vec::new();
    for (name, _) in servers {
        let connections_max = if chance.once_in(3) { chance.between(1, 6) as usize } else { 20 };
        let rate =
            chance.once_in(3).then(|| Rate { letters: chance.between(2, 60) as u32, per: Duration::from_secs(60) });
        limits.push((name.clone(), SiteLimits { connections_max, rate }));
    }
    limits
}

/// A day and a half of trouble, and then all is well.
async fn trouble(seed: u64) -> i64 {
    let mut chance = Chance(seed);
    let servers = world(&mut chance);
    let limits = limits(&mut chance, &servers);
    let nodes = if chance.once_in(3) { 2 } else { 1 };
    let mut office = Office::new(chance.next(), &servers, &limits, nodes).await;
    let hours = chance.between(6, 36);
    for _ in 0..chance.between(20, 80) {
        office.plan(chance.below(hours * HOUR), Event::Write);
    }
    for _ in 0..chance.below(6) {
        office.plan(chance.below(hours * HOUR), Event::Kill);
    }
    for _ in 0..chance.below(3) {
        office.plan(chance.below(hours * HOUR), Event::Jump);
    }
    for _ in 0..chance.below(12) {
        office.plan(chance.below(hours * HOUR), Event::Deed);
    }
    for hour in 1..=hours {
        office.run_until(hour * HOUR).await;
        office.check(&format!("seed {seed}, hour {hour}")).await;
    }
    let disturbed = nodes * (office.kills + office.jumps + office.deeds.count);
    for (name, server) in office.servers.iter().filter(|(_, server)| server.manner == Manner::Dead) {
        // Rests of 1, 2, 4 … 32 minutes, and then of an hour less a tenth; each node asks for itself, and each kill, jump and deed may cost
        // one more.
        let most = nodes * (7 + (hours * 60 / 54) as usize) + 2 * disturbed;
        assert!(server.in_vain <= most, "seed {seed}: {} probes of {name} in {hours} hours", server.in_vain);
    }
    office.relent().await;
    office.heal();
    office.run_until(hours * HOUR + DRAINED_AFTER).await;
    office.check(&format!("seed {seed}, the end")).await;
    let left = office.queued().await;
    if !left.is_empty() {
        let rows = office.queue().list(queue::Filter::default(), 10, virtual_now().wall).await.unwrap();
        panic!("seed {seed}: {} recipients starve, of {servers:?}, at {:?}: {rows:#?}", left.len(), virtual_now().wall);
    }
    if std::env::var_os("ANGELIA_SEED").is_some() {
        println!("{} events, {} recipients, {hours} hours", office.happened, office.post.items.len());
    }
    hours + DRAINED_AFTER / HOUR
}

fn run(seed: u64) -> i64 {
    match std::panic::catch_unwind(|| runtime().block_on(trouble(seed))) {
        Ok(hours) => hours,
        Err(panic) => {
            eprintln!("run it again: ANGELIA_SEED={seed} cargo nextest run -p mhs -E 'test(simulation)'");
            std::panic::resume_unwind(panic)
        }
    }
}

/// A number that was given to the tests.
fn given(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

#[test]
fn simulation_of_trouble() {
    let seeds: Vec<u64> = match (given("ANGELIA_SEED"), given("ANGELIA_SIMULATION_RUNS")) {
        (Some(seed), _) => vec![seed],
        (None, Some(runs)) => {
            let present = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
            let mut chance = Chance(present.as_secs());
            (0..runs).map(|_| chance.next()).collect()
        }
        (None, None) => SEEDS[0].to_vec(),
    };
    run_all(&seeds);
}

#[test]
fn simulation_of_more_trouble() {
    run_all(SEEDS[1]);
}

#[test]
fn simulation_of_yet_more_trouble() {
    run_all(SEEDS[2]);
}

#[test]
fn simulation_of_trouble_without_end() {
    run_all(SEEDS[3]);
}

#[test]
fn simulation_of_trouble_to_the_end() {
    run_all(SEEDS[4]);
}

fn run_all(seeds: &[u64]) {
    let begin = Instant::now();
    let hours: i64 = seeds.iter().map(|seed| run(*seed)).sum();
    println!("{} runs, {hours} hours in {:?}", seeds.len(), begin.elapsed());
}

#[test]
fn simulation_is_the_same_each_time() {
    let account = |seed| {
        runtime().block_on(async move {
            let mut chance = Chance(seed);
            let mut office = Office::new(chance.next(), &world(&mut chance), &[], 2).await;
            (0..20).for_each(|n| office.plan(n * 7 * MINUTE, Event::Write));
            office.plan(HOUR, Event::Kill);
            (1..5).for_each(|n| office.plan(n * 17 * MINUTE, Event::Deed));
            office.run_until(5 * HOUR).await;
            format!("{:?} {:?}", office.post, office.queued().await)
        })
    };
    assert_eq!(account(7), account(7));
}

/// Lists are on their way, as many and as slowly as can be; a person's letter goes out within a second beyond what the
/// other side takes for it itself: to the same destination, and to another.
async fn lists_and_a_person(lists: usize, members: usize, manner: Manner, own: i64) {
    let names = ["big.test", "big2.test", "big3.test", "big4.test"];
    let mut servers = vec![("home.test".to_owned(), Manner::Healthy)];
    servers.extend(names.map(|name| (name.to_owned(), manner)));
    let mut office = Office::new(5, &servers, &[], 1).await;
    for list in 0..lists {
        // Those that are more than a destination takes go to others, so that the window is full.
        let name = if list < 5 { names[0] } else { names[list % names.len()] };
        let to: Vec<String> = (0..members).map(|n| format!("member{n}@{name}")).collect();
        office.write(&format!("list{list}@home.test"), &to).await;
    }
    // The first attempt asks whether anybody is there.
    let mut at = 45 * SECOND;
    for letter in 0..12 {
        office.run_until(at).await;
        let to = if letter % 3 == 2 { "kostas@home.test" } else { "kostas@big.test" };
        let mail = office.write("anna@home.test", &[to.to_owned()]).await;
        let written = office.at;
        while office.post.item(&(mail, 0)).delivered == 0 {
            let next = office.at + 50;
            office.run_until(next).await;
            let took = office.at - written;
            assert!(took <= own + SECOND, "{lists} lists, {manner:?}: letter {letter} to {to} takes {took} ms");
        }
        at = office.at + 1300;
    }
    office.check("lists").await;
    assert!(!office.queued().await.is_empty(), "the lists are done already: nothing was shown");
}

#[test]
fn simulation_of_a_list_and_a_person() {
    // A transaction of a hundred recipients takes ten seconds, one of one recipient a tenth of one.
    runtime().block_on(lists_and_a_person(1, 5000, Manner::Thorough(100), 400));
}

#[test]
fn simulation_of_a_list_at_a_slow_place_and_a_person() {
    runtime().block_on(lists_and_a_person(1, 5000, Manner::Slow(8 * SECOND), 9 * SECOND));
}

#[test]
fn simulation_of_lists_beyond_the_window_and_a_person() {
    runtime().block_on(lists_and_a_person(9, 3000, Manner::Thorough(100), 400));
}

/// Hundreds of servers that took letters a moment ago fall silent together, each with as many connections as it was thought to
/// bear: more than there are. A person's letters go out all the same, to those who are known and to those who are not, and
/// the silent ones are asked by one letter now and then.
#[test]
fn simulation_of_many_that_fall_silent() {
    runtime().block_on(async {
        let names: Vec<String> = (0..210).map(|n| format!("silent{n}.test")).collect();
        let mut servers = vec![("home.test".to_owned(), Manner::Healthy)];
        servers.extend((0..6).map(|n| (format!("new{n}.test"), Manner::Healthy)));
        servers.extend(names.iter().map(|name| (name.clone(), Manner::SilentFrom(10 * MINUTE))));
        let mut office = Office::new(17, &servers, &[], 1).await;
        for (at, senders) in [(0, 1), (10 * MINUTE, 6)] {
            office.run_until(at).await;
            for sender in 0..senders {
                let to: Vec<String> = names.iter().map(|name| format!("a{sender}@{name}")).collect();
                office.write(&format!("sender{sender}@home.test"), &to).await;
            }
            office.write("anna@home.test", &["kostas@home.test".to_owned()]).await;
        }
        office.run_until(10 * MINUTE + 9 * SECOND).await;
        assert!(office.node().under_way.len() > 900, "they have {} connections", office.node().under_way.len());
        let mut longest = 0;
        for letter in 0..12 {
            let to =
                if letter % 2 == 0 { "kostas@home.test".to_owned() } else { format!("eleni@new{}.test", letter / 2) };
            let mail = office.write("anna@home.test", std::slice::from_ref(&to)).await;
            let written = office.at;
            while office.post.item(&(mail, 0)).delivered == 0 {
                let next = office.at + 100;
                office.run_until(next).await;
                longest = longest.max(office.at - written);
                assert!(office.at - written <= 12 * SECOND, "letter {letter} to {to} waits");
            }
            let next = office.at + 10 * SECOND;
            office.run_until(next).await;
        }
        office.check("silent").await;
        office.run_until(20 * MINUTE).await;
        for name in &names {
            let asked = office.servers[name].played;
            // Five connections stood when it fell silent, and at the end of each rest one letter asks.
            assert!(asked <= 1 + 5 + 4, "{name} was asked {asked} times");
        }
        println!("the longest wait was {longest} ms");
    });
}

/// Lists write to many destinations that are silent, all of them new. A person who writes to a new place each second waits
/// for hardly more than the answer, and what the lists write to honest ones among them for seconds.
async fn silent_ones_and_a_person(silent: usize, of_lists_most: i64) {
    let mut servers = vec![("home.test".to_owned(), Manner::Healthy)];
    servers.extend((0..20).map(|n| (format!("new{n}.test"), Manner::Healthy)));
    servers.extend((0..7).map(|n| (format!("good{n}.test"), Manner::Healthy)));
    servers.extend((0..silent).map(|n| (format!("silent{n}.test"), Manner::Hanging)));
    let mut office = Office::new(23, &servers, &[], 1).await;
    for list in 0..7 {
        let to: Vec<String> = (list..silent).step_by(7).map(|n| format!("a@silent{n}.test")).collect();
        office.write(&format!("list{list}@home.test"), &to).await;
    }
    let mut written = Vec::new();
    let (mut longest, mut longest_of_lists) = (0, 0);
    for letter in 0..20 {
        let mail = office.write("anna@home.test", &[format!("eleni@new{letter}.test")]).await;
        written.push(("anna", mail, office.at, 2 * SECOND));
        if letter < 7 {
            let from = format!("list{letter}@home.test");
            let mail = office.write(&from, &[format!("kostas@good{letter}.test")]).await;
            written.push(("a list", mail, office.at, of_lists_most));
        }
        let end = office.at + SECOND;
        while office.at < end {
            let next = office.at + 50;
            office.run_until(next).await;
            let at = office.at;
            written.retain(|(who, mail, since, most)| {
                let took = at - since;
                let longest = if *who == "anna" { &mut longest } else { &mut longest_of_lists };
                *longest = took.max(*longest);
                let delivered = office.post.item(&(*mail, 0)).delivered > 0;
                assert!(delivered || took <= *most, "{silent} silent ones: a letter of {who} waits for {took} ms");
                !delivered
            });
        }
    }
    office.check("silent ones").await;
    println!("{silent} silent ones: {longest} ms at most, those of lists {longest_of_lists} ms");
}

#[test]
fn simulation_of_silent_ones_and_a_person() {
    runtime().block_on(silent_ones_and_a_person(300, 4 * SECOND));
}

#[test]
fn simulation_of_very_many_silent_ones_and_a_person() {
    runtime().block_on(silent_ones_and_a_person(1200, 10 * SECOND));
}

/// Letters come and go without a pause of a second: one that was put off is tried again all the same.
#[test]
fn simulation_of_steady_traffic() {
    runtime().block_on(async {
        let servers =
            [("home.test".to_owned(), Manner::Healthy), ("gray.test".to_owned(), Manner::Greylisting(MINUTE))];
        let mut office = Office::new(11, &servers, &[], 1).await;
        let gray = office.write("anna@home.test", &["kostas@gray.test".to_owned()]).await;
        for letter in 0..6 * MINUTE / 300 {
            office.run_until(letter * 300).await;
            office.write("anna@home.test", &["eleni@home.test".to_owned()]).await;
        }
        assert_eq!(office.post.item(&(gray, 0)).delivered, 1, "the letter that was put off waits for a quiet second");
    });
}

/// A machine falls asleep with a letter in hand, and its own clock with it. When it wakes, another node has the letter.
#[test]
fn simulation_of_a_machine_that_sleeps() {
    runtime().block_on(async {
        let mut office = Office::new(3, &[("home.test".to_owned(), Manner::Healthy)], &[], 2).await;
        let mail = office.write("anna@home.test", &["kostas@home.test".to_owned()]).await;
        office.skew += 20 * MINUTE;
        set_clock(office.at, office.skew);
        for here in [1, 0] {
            office.here = here;
            office.turn().await;
        }
        office.run_until(HOUR).await;
        office.check("asleep").await;
        assert_eq!(office.post.item(&(mail, 0)).delivered, 1);
        // Nobody else wanted this one: it goes out, under a new lease.
        office.here = 0;
        let mail = office.write("anna@home.test", &["kostas@home.test".to_owned()]).await;
        office.skew += 20 * MINUTE;
        set_clock(office.at, office.skew);
        office.turn().await;
        office.run_until(2 * HOUR).await;
        assert_eq!(office.post.item(&(mail, 0)).delivered, 1);
    });
}

/// Without an attempt nothing is given up that the operator holds.
#[test]
fn simulation_of_a_hold_before_the_domain_is_gone() {
    runtime().block_on(async {
        let mut office = Office::new(3, &[("home.test".to_owned(), Manner::Healthy)], &[], 1).await;
        let to = ["held@home.test".to_owned(), "other@home.test".to_owned()];
        let mail = office.write("anna@home.test", &to).await;
        let jobs = office.desk().book().take_everything();
        assert_eq!(jobs.len(), 2);
        let held = queue::Filter { recipient: Some(to[0].clone()), ..queue::Filter::default() };
        // In the last moment: everything is decided, and the statement that gives it up comes next.
        assert_eq!(office.queue().hold(held, None, virtual_now().wall).await.unwrap().len(), 1);
        let gone = Outcome::Failed(Reply::new(550, (5, 1, 2), "no such domain"));
        office.node().ended.extend(jobs.into_iter().map(|job| Ended::unspoken(job, End::Outcome(gone.clone()))));
        office.settle().await;
        assert_eq!([0, 1].map(|number| office.post.item(&(mail, number)).failed), [0, 1]);
        office.queue().release(queue::Filter::default(), virtual_now().wall).await.unwrap();
        office.run_until(HOUR).await;
        assert_eq!([0, 1].map(|number| office.post.item(&(mail, number)).delivered), [1, 0]);
        office.check("held").await;
    });
}

/// An error of the store in one step of a round leaves standing what an earlier one has taken out of the window.
#[test]
fn simulation_of_a_fault_amid_a_round() {
    runtime().block_on(async {
        let servers = ["home.test", "d0.test"].map(|name| (name.to_owned(), Manner::Healthy));
        let mut office = Office::new(3, &servers, &[], 1).await;
        let kept_back = office.write("anna@home.test", &["kostas@home.test".to_owned()]).await;
        let damaged = office.write("anna@home.test", &["eleni@d0.test".to_owned()]).await;
        const DAMAGE: &str =
            "UPDATE queue_recipient SET parked = 'd0.test', wake_at = 0, asked = 'x' WHERE mail_id = $1";
        office.store.write(move |tx| tx.execute(DAMAGE, &[damaged.to_bytes().into()])).await.unwrap();
        let scope = queue::Scope::Destination("home.test".to_owned());
        office.queue().suspend(&scope, "a test", virtual_now().wall).await.unwrap();
        let (queue, desk, mut fetched) = (office.queue(), office.desk(), Fetched::default());
        let fetched_all = office.node().fetching.fetch(&queue, &desk, virtual_now(), &mut fetched).await;
        assert!(fetched_all.is_err());
        let ended: Vec<_> = fetched.ended.iter().map(|ended| ended.job.claim.mail.id).collect();
        assert_eq!(ended, [kept_back]);
    });
}
