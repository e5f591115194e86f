//! Random commands from several sessions against a model that is nothing but maps (RFC 9051): what is in the mailboxes, and
//! what each client must believe of its own by what it was told.
//!
//! `ANGELIA_IMAP_STEPS` makes it longer, `ANGELIA_SEED` another one; a failure tells its seed and step.

use std::collections::{BTreeMap, BTreeSet};

use crate::postgres::Postgres;
use crate::support::{Client, House};

const BOXES: [&str; 2] = ["INBOX", "Archive"];
const FLAGS: [&str; 4] = ["\\Seen", "\\Flagged", "\\Deleted", "$word"];

type Flags = BTreeSet<String>;

/// A mailbox in truth.
#[derive(Debug)]
struct Drawer {
    next: u32,
    letters: BTreeMap<u32, Flags>,
}

/// One client: what it believes, from responses alone.
struct Side {
    client: Client,
    /// Its index in [`BOXES`].
    selected: Option<usize>,
    /// UID (0: not asked for yet) and flags, by sequence number.
    believes: Vec<(u32, Flags)>,
    /// It knows no sequence numbers (RFC 9586): how many messages there are, by EXISTS and VANISHED.
    uid_only: Option<usize>,
}

struct Play {
    sides: Vec<Side>,
    boxes: Vec<Drawer>,
    seed: u64,
}

#[tokio::test]
async fn random_commands_agree_with_the_model() {
    play(House::new().await, 1200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_commands_agree_with_the_model_on_postgresql() {
    let Some(postgres) = Postgres::start() else { return };
    play(House::on_cluster(postgres.database("imap")).await, 150).await;
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|value| value.parse().ok())
}

async fn play(house: House, steps: u64) {
    let seed = number("ANGELIA_SEED").unwrap_or(20_261_123);
    let mut sides = Vec::new();
    for enable in ["", "QRESYNC", "IMAP4rev2", "CONDSTORE", "UIDONLY"] {
        let mut client = house.client().await;
        if !enable.is_empty() {
            assert!(client.ask(&format!("ENABLE {enable}")).await.starts_with("* ENABLED "));
        }
        let uid_only = (enable == "UIDONLY").then_some(0);
        sides.push(Side { client, selected: None, believes: Vec::new(), uid_only });
    }
    let boxes = BOXES.iter().map(|_| Drawer { next: 1, letters: BTreeMap::new() }).collect();
    let mut play = Play { sides, boxes, seed };
    for step in 0..number("ANGELIA_IMAP_STEPS").unwrap_or(steps) {
        let side = play.random(5) as usize;
        let said = play.step(side).await;
        // Where there was nothing to say, nothing was heard.
        if said.is_empty() {
            continue;
        }
        play.compare(side, &format!("seed {seed}, step {step}, side {side}: {said}"));
    }
}

/// `1:3,7` as numbers.
fn set(text: &str) -> Vec<u32> {
    let range = |range: &str| {
        let (first, last) = range.split_once(':').unwrap_or((range, range));
        first.parse::<u32>().unwrap()..=last.parse().unwrap()
    };
    text.split(',').filter(|text| !text.is_empty()).flat_map(range).collect()
}

/// What stands between `start` and `end`.
fn between<'a>(line: &'a str, start: &str, end: char) -> Option<&'a str> {
    line.split_once(start)?.1.split_once(end).map(|(found, _)| found)
}

impl Side {
    /// Takes in an answer. `expunge`: whether the command may tell of expunged messages.
    fn hear(&mut self, answer: &str, expunge: bool) {
        for line in answer.lines().filter_map(|line| line.strip_prefix("* ")) {
            let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
            if first == "VANISHED" {
                assert!(expunge, "VANISHED too early: {answer}");
                let gone = set(rest);
                if let Some(count) = &mut self.uid_only {
                    *count -= self.believes.iter().filter(|(uid, _)| gone.contains(uid)).count();
                }
                self.believes.retain(|(uid, _)| !gone.contains(uid));
            }
            let Ok(number) = first.parse::<usize>() else { continue };
            if self.uid_only.is_some() {
                self.hear_of_uid(number, rest, answer);
                continue;
            }
            if rest == "EXPUNGE" {
                assert!(expunge, "EXPUNGE too early: {answer}");
                self.believes.remove(number - 1);
            } else if rest == "EXISTS" {
                assert!(number >= self.believes.len(), "EXISTS falls: {answer}");
                self.believes.resize(number, (0, Flags::new()));
            } else if rest.starts_with("FETCH ") {
                let known = &mut self.believes[number - 1];
                if let Some(uid) = between(&line.replace(')', " "), "UID ", ' ') {
                    let uid = uid.parse().unwrap();
                    assert!(known.0 == 0 || known.0 == uid, "message {number} was {known:?}: {answer}");
                    // Of a message that it hears of for the first time it still has to ask for the flags.
                    if known.0 == 0 && !line.contains("FLAGS (") {
                        continue;
                    }
                    known.0 = uid;
                }
                if let Some(flags) = between(line, "FLAGS (", ')') {
                    known.1 =
                        flags.split(' ').filter(|f| !f.is_empty() && *f != "\\Recent").map(str::to_owned).collect();
                }
            }
        }
    }

    /// A line for a client that knows no sequence numbers.
    fn hear_of_uid(&mut self, number: usize, rest: &str, answer: &str) {
        assert!(rest != "EXPUNGE" && !rest.starts_with("FETCH "), "a sequence number: {answer}");
        if rest == "EXISTS" {
            self.uid_only = Some(number);
        }
        let (Some(flags), true) = (between(rest, "FLAGS (", ')'), rest.starts_with("UIDFETCH ")) else { return };
        let uid = u32::try_from(number).unwrap();
        let flags = flags.split(' ').filter(|f| !f.is_empty() && *f != "\\Recent").map(str::to_owned).collect();
        match self.believes.binary_search_by_key(&uid, |(uid, _)| *uid) {
            Ok(at) => self.believes[at].1 = flags,
            Err(at) => self.believes.insert(at, (uid, flags)),
        }
    }

    /// Asks for what new messages are; only where there are numbers, it tells of no EXPUNGE.
    async fn learn(&mut self) {
        if let Some(count) = self.uid_only {
            if count > self.believes.len() {
                let last = self.believes.last().map_or(0, |(uid, _)| *uid);
                let answer = self.client.ask(&format!("UID FETCH {}:* FLAGS", last + 1)).await;
                assert!(answer.ends_with("OK FETCH done\n"), "{answer}");
                self.hear(&answer, true);
            }
            assert_eq!(self.uid_only, Some(self.believes.len()));
            return;
        }
        let Some(first) = self.believes.iter().position(|(uid, _)| *uid == 0) else { return };
        let answer = self.client.ask(&format!("FETCH {}:{} (UID FLAGS)", first + 1, self.believes.len())).await;
        assert!(answer.ends_with("OK FETCH done\n"), "{answer}");
        self.hear(&answer, false);
    }

    async fn ask(&mut self, command: &str, expunge: bool) -> String {
        let answer = self.client.ask(command).await;
        self.hear(&answer, expunge);
        self.learn().await;
        answer
    }
}

fn tagged(answer: &str) -> &str {
    answer.lines().last().unwrap_or_default()
}

impl Play {
    fn random(&mut self, below: u64) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % below.max(1)
    }

    fn flag(&mut self) -> &'static str {
        FLAGS[self.random(FLAGS.len() as u64) as usize]
    }

    /// Some sequence numbers of this side.
    fn places(&mut self, side: usize) -> Vec<usize> {
        let count = self.sides[side].believes.len();
        let first = self.random(count as u64) as usize;
        let last = (first + self.random(3) as usize).min(count.saturating_sub(1));
        (first..=last).collect()
    }

    /// What the model and the client have to agree on after each command.
    fn compare(&self, side: usize, told: &str) {
        let side = &self.sides[side];
        let Some(selected) = side.selected else { return };
        let truth = &self.boxes[selected].letters;
        let believed: Vec<&(u32, Flags)> = side.believes.iter().filter(|(uid, _)| truth.contains_key(uid)).collect();
        let uids: Vec<u32> = believed.iter().map(|(uid, _)| *uid).collect();
        assert_eq!(uids, truth.keys().copied().collect::<Vec<_>>(), "{told}");
        for (uid, flags) in believed {
            assert_eq!(Some(flags), truth.get(uid), "UID {uid}: {told}");
        }
    }

    /// What is expunged in truth was told.
    fn nothing_is_owed(&self, side: usize, answer: &str) {
        let side = &self.sides[side];
        let Some(selected) = side.selected else { return };
        let gone = |(uid, _): &&(u32, Flags)| !self.boxes[selected].letters.contains_key(uid);
        assert_eq!(side.believes.iter().find(gone), None, "{answer}");
    }

    async fn step(&mut self, side: usize) -> String {
        if self.sides[side].selected.is_none() {
            return self.select(side).await;
        }
        let uid_only = self.sides[side].uid_only.is_some();
        match self.random(21) {
            4..=6 if uid_only => self.uid_store(side).await,
            13 if uid_only => self.uid_move(side).await,
            15 | 16 if uid_only => self.noop(side).await,
            0..=3 => self.append(side).await,
            4..=6 => self.store(side).await,
            7..=9 => self.uid_store(side).await,
            10 | 11 => self.expunge(side).await,
            12 => self.uid_expunge(side).await,
            13 => self.copy(side).await,
            14 => self.uid_move(side).await,
            15 | 16 => self.search(side).await,
            17 => self.conditional_store(side).await,
            18 => self.noop(side).await,
            19 => self.replace(side).await,
            _ => self.leave(side).await,
        }
    }

    async fn select(&mut self, side: usize) -> String {
        let which = self.random(BOXES.len() as u64) as usize;
        self.sides[side].believes.clear();
        self.sides[side].uid_only = self.sides[side].uid_only.map(|_| 0);
        let answer = self.sides[side].ask(&format!("SELECT {}", BOXES[which]), true).await;
        assert!(tagged(&answer).starts_with("OK [READ-WRITE]"), "{answer}");
        self.sides[side].selected = Some(which);
        let next = self.boxes[which].next;
        assert!(answer.contains(&format!("[UIDNEXT {next}]")), "{next}: {answer}");
        answer
    }

    async fn leave(&mut self, side: usize) -> String {
        let Some(selected) = self.sides[side].selected.take() else { return String::new() };
        let close = self.random(2) == 0;
        if close {
            self.boxes[selected].letters.retain(|_, flags| !flags.contains("\\Deleted"));
        }
        self.sides[side].believes.clear();
        let command = if close { "CLOSE" } else { "UNSELECT" };
        let answer = self.sides[side].client.ask(command).await;
        assert!(tagged(&answer).starts_with("OK "), "{answer}");
        command.to_owned()
    }

    async fn append(&mut self, side: usize) -> String {
        let which = self.random(BOXES.len() as u64) as usize;
        let flag = self.flag();
        let command = format!("APPEND {} ({flag}) {{8+}}\r\na: b\r\n\r\n", BOXES[which]);
        let drawer = &mut self.boxes[which];
        let uid = drawer.next;
        drawer.next += 1;
        drawer.letters.insert(uid, Flags::from([flag.to_owned()]));
        let answer = self.sides[side].ask(&command, true).await;
        assert!(
            tagged(&answer).starts_with("OK [APPENDUID ") && tagged(&answer).contains(&format!(" {uid}] ")),
            "{answer}"
        );
        self.nothing_is_owed(side, &answer);
        format!("{command} -> {answer}")
    }

    /// `FLAGS`, `+FLAGS` or `-FLAGS` on the truth.
    fn change(&mut self, selected: usize, uid: u32, sign: &str, flag: &str) {
        let Some(flags) = self.boxes[selected].letters.get_mut(&uid) else { return };
        match sign {
            "+" => {
                flags.insert(flag.to_owned());
            }
            "-" => {
                flags.remove(flag);
            }
            _ => *flags = Flags::from([flag.to_owned()]),
        }
    }

    /// By sequence numbers: what others have expunged is answered NO, the others are changed (RFC 2180 section 4.2).
    async fn store(&mut self, side: usize) -> String {
        let Some(selected) = self.sides[side].selected else { return String::new() };
        if self.sides[side].believes.is_empty() {
            return String::new();
        }
        let (sign, flag) = (["", "+", "-"][self.random(3) as usize], self.flag());
        let places = self.places(side);
        let uids: Vec<u32> = places.iter().map(|place| self.sides[side].believes[*place].0).collect();
        let some_gone = uids.iter().any(|uid| !self.boxes[selected].letters.contains_key(uid));
        uids.iter().for_each(|uid| self.change(selected, *uid, sign, flag));
        let command = format!("STORE {}:{} {sign}FLAGS ({flag})", places[0] + 1, places[places.len() - 1] + 1);
        let answer = self.sides[side].ask(&command, false).await;
        let expected = if some_gone { "NO [EXPUNGEISSUED] " } else { "OK STORE" };
        assert!(tagged(&answer).starts_with(expected), "{command} -> {answer}");
        format!("{command} -> {answer}")
    }

    /// By UIDs, silently: the client knows itself what it did, and hears what others did.
    async fn uid_store(&mut self, side: usize) -> String {
        let Some(selected) = self.sides[side].selected else { return String::new() };
        let (sign, flag) = (["+", "-"][self.random(2) as usize], self.flag());
        let next = u64::from(self.boxes[selected].next);
        let first = 1 + self.random(next) as u32;
        let last = first + self.random(4) as u32;
        for uid in first..=last {
            self.change(selected, uid, sign, flag);
            for known in self.sides[side].believes.iter_mut().filter(|known| known.0 == uid) {
                if sign == "+" {
                    known.1.insert(flag.to_owned())
                } else {
                    known.1.remove(flag)
                };
            }
        }
        let command = format!("UID STORE {first}:{last} {sign}FLAGS.SILENT ({flag})");
        let answer = self.sides[side].ask(&command, true).await;
        assert!(tagged(&answer).starts_with("OK STORE"), "{command} -> {answer}");
        self.nothing_is_owed(side, &answer);
        format!("{command} -> {answer}")
    }

    /// What has changed since the MODSEQ named is left alone, and named again.
    async fn conditional_store(&mut self, side: usize) -> String {
        let Some(selected) = self.sides[side].selected else { return String::new() };
        self.noop(side).await;
        let Some((uid, _)) = self.sides[side].believes.first().cloned() else { return String::new() };
        let flag = self.flag();
        let told = self.sides[side].ask(&format!("UID FETCH {uid} MODSEQ"), true).await;
        let modseq: u64 = between(&told, "MODSEQ (", ')').unwrap().parse().unwrap();
        let late = self.random(2) == 0;
        let since = if late { modseq - 1 } else { modseq };
        if !late {
            self.change(selected, uid, "", flag);
        }
        let command = format!("UID STORE {uid} (UNCHANGEDSINCE {since}) FLAGS ({flag})");
        let answer = self.sides[side].ask(&command, true).await;
        let expected = if late { format!("OK [MODIFIED {uid}] ") } else { "OK STORE".to_owned() };
        assert!(tagged(&answer).starts_with(&expected), "{command} -> {answer}");
        format!("{command} -> {answer}")
    }

    async fn expunge(&mut self, side: usize) -> String {
        let Some(selected) = self.sides[side].selected else { return String::new() };
        self.boxes[selected].letters.retain(|_, flags| !flags.contains("\\Deleted"));
        let answer = self.sides[side].ask("EXPUNGE", true).await;
        assert!(tagged(&answer).starts_with("OK "), "{answer}");
        self.nothing_is_owed(side, &answer);
        answer
    }

    async fn uid_expunge(&mut self, side: usize) -> String {
        let Some(selected) = self.sides[side].selected else { return String::new() };
        let first = 1 + self.random(u64::from(self.boxes[selected].next)) as u32;
        let named = first..=first + 3;
        // Only what the client knows of: a message that has come in this moment has to be told first.
        self.noop(side).await;
        self.boxes[selected].letters.retain(|uid, flags| !(named.contains(uid) && flags.contains("\\Deleted")));
        let answer = self.sides[side].ask(&format!("UID EXPUNGE {first}:{}", first + 3), true).await;
        assert!(tagged(&answer).starts_with("OK "), "{answer}");
        self.nothing_is_owed(side, &answer);
        answer
    }

    /// All or nothing.
    async fn copy(&mut self, side: usize) -> String {
        let Some(selected) = self.sides[side].selected else { return String::new() };
        if self.sides[side].believes.is_empty() {
            return String::new();
        }
        let target = self.random(BOXES.len() as u64) as usize;
        let places = self.places(side);
        let uids: Vec<u32> = places.iter().map(|place| self.sides[side].believes[*place].0).collect();
        let letters: Vec<Option<Flags>> =
            uids.iter().map(|uid| self.boxes[selected].letters.get(uid).cloned()).collect();
        let some_gone = letters.contains(&None);
        if !some_gone {
            for flags in letters.into_iter().flatten() {
                let drawer = &mut self.boxes[target];
                drawer.letters.insert(drawer.next, flags);
                drawer.next += 1;
            }
        }
        let command = format!("COPY {}:{} {}", places[0] + 1, places[places.len() - 1] + 1, BOXES[target]);
        let answer = self.sides[side].ask(&command, false).await;
        let expected = if some_gone { "NO [EXPUNGEISSUED] " } else { "OK [COPYUID " };
        assert!(tagged(&answer).starts_with(expected), "{command} -> {answer}");
        format!("{command} -> {answer}")
    }

    async fn uid_move(&mut self, side: usize) -> String {
        let Some(selected) = self.sides[side].selected else { return String::new() };
        self.noop(side).await;
        let target = 1 - selected;
        let first = 1 + self.random(u64::from(self.boxes[selected].next)) as u32;
        let mut moved = Vec::new();
        self.boxes[selected].letters.retain(|uid, flags| {
            let named = (first..=first + 1).contains(uid);
            if named {
                moved.push(flags.clone());
            }
            !named
        });
        for flags in moved {
            let drawer = &mut self.boxes[target];
            drawer.letters.insert(drawer.next, flags);
            drawer.next += 1;
        }
        let command = format!("UID MOVE {first}:{} {}", first + 1, BOXES[target]);
        let answer = self.sides[side].ask(&command, true).await;
        assert!(tagged(&answer).starts_with("OK "), "{command} -> {answer}");
        self.nothing_is_owed(side, &answer);
        format!("{command} -> {answer}")
    }

    /// A new message for one that the client knows of, in either mailbox (RFC 8508).
    async fn replace(&mut self, side: usize) -> String {
        let Some(selected) = self.sides[side].selected else { return String::new() };
        self.noop(side).await;
        let (target, flag) = (self.random(BOXES.len() as u64) as usize, self.flag());
        let count = self.sides[side].believes.len() as u64;
        if count == 0 {
            return String::new();
        }
        let place = self.random(count) as usize;
        let old = self.sides[side].believes[place].0;
        self.boxes[selected].letters.remove(&old);
        let drawer = &mut self.boxes[target];
        let uid = drawer.next;
        drawer.next += 1;
        drawer.letters.insert(uid, Flags::from([flag.to_owned()]));
        let by_number = self.sides[side].uid_only.is_none() && self.random(2) == 0;
        let number = if by_number { format!("REPLACE {}", place + 1) } else { format!("UID REPLACE {old}") };
        let command = format!("{number} {} ({flag}) {{8+}}\r\na: b\r\n\r\n", BOXES[target]);
        let answer = self.sides[side].ask(&command, true).await;
        assert!(tagged(&answer).starts_with("OK ") && answer.contains(&format!(" {uid}] ")), "{command} -> {answer}");
        self.nothing_is_owed(side, &answer);
        format!("{command} -> {answer}")
    }

    /// The answer is about what is there in truth, by the client's own numbers.
    async fn search(&mut self, side: usize) -> String {
        let Some(selected) = self.sides[side].selected else { return String::new() };
        let flag = self.flag();
        let key = match flag {
            "$word" => "KEYWORD $word".to_owned(),
            system => system.trim_start_matches('\\').to_uppercase(),
        };
        let answer = self.sides[side].ask(&format!("SEARCH {key}"), false).await;
        let found = answer.lines().find_map(|line| match line.split_once("* ESEARCH (TAG ") {
            Some((_, rest)) => Some(rest.split_once(" ALL ").map_or(Vec::new(), |(_, all)| set(all))),
            None => {
                line.strip_prefix("* SEARCH").map(|rest| rest.split_whitespace().map(|n| n.parse().unwrap()).collect())
            }
        });
        let letters = &self.boxes[selected].letters;
        let holds = |uid: &u32| letters.get(uid).is_some_and(|flags| flags.contains(flag));
        let known = (1u32..).zip(&self.sides[side].believes);
        let expected: Vec<u32> = known.filter(|(_, (uid, _))| holds(uid)).map(|(seq, _)| seq).collect();
        assert_eq!(found, Some(expected), "{key}: {answer}");
        answer
    }

    async fn noop(&mut self, side: usize) -> String {
        let answer = self.sides[side].ask("NOOP", true).await;
        assert_eq!(tagged(&answer), "OK NOOP done");
        self.nothing_is_owed(side, &answer);
        answer
    }
}
