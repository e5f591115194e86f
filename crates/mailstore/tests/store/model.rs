//! Random verbs, thousands of them, against a model that is nothing but maps.

use std::collections::{BTreeMap, BTreeSet};

use envelope::{MailId, MailboxId};
use mailstore::{Account, Flags, StoreMode, UidSet, Vanished, View};

use crate::house::{House, append, text};

const WORDS: [&str; 4] = ["alpha", "$Beta", "gamma", "delta"];
const NAMES: [&str; 8] = ["INBOX", "Sent", "a", "a/b", "a/b/c", "d", "d/e", "Trash"];

#[derive(Debug, Clone, PartialEq)]
struct Letter {
    text: String,
    system: u64,
    words: BTreeSet<String>,
}

#[derive(Debug, Clone)]
struct Drawer {
    next: u32,
    selectable: bool,
    letters: BTreeMap<u32, Letter>,
    mails: BTreeMap<MailId, u32>,
}

impl Default for Drawer {
    fn default() -> Self {
        Self { next: 1, selectable: true, letters: BTreeMap::new(), mails: BTreeMap::new() }
    }
}

impl Drawer {
    fn put(&mut self, letter: Letter) -> u32 {
        let uid = self.next;
        self.next += 1;
        self.letters.insert(uid, letter);
        uid
    }
}

struct Play {
    house: House,
    account: Account,
    boxes: BTreeMap<String, Drawer>,
    seed: u64,
    count: u64,
    /// Views taken earlier, to be brought up by the changes since.
    earlier: BTreeMap<String, View>,
    /// UIDVALIDITY last seen under a name.
    validity: BTreeMap<String, u32>,
}

/// On SQLite some thousands of steps; the same on PostgreSQL.
pub async fn random_verbs_agree_with_the_model(house: House) {
    let account = house.open().await;
    let names = ["INBOX", "Drafts", "Sent", "Junk", "Trash", "Archive"];
    let boxes = names.iter().map(|name| ((*name).to_owned(), Drawer::default())).collect();
    let (earlier, validity) = (BTreeMap::new(), BTreeMap::new());
    let mut play = Play { house, account, boxes, seed: 20_261_123, count: 0, earlier, validity };
    let steps = if play.house.url.is_some() { 400 } else { 3000 };
    for step in 0..steps {
        play.step().await;
        if step % 25 == 0 {
            play.compare().await;
        }
    }
    play.compare().await;
    assert_eq!(crate::house::miscounted(&play.house.store).await, 0);
}

impl Play {
    fn random(&mut self, below: u64) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % below
    }

    fn name(&mut self) -> String {
        NAMES[self.random(NAMES.len() as u64) as usize].to_owned()
    }

    fn set(&mut self, name: &str) -> UidSet {
        let top = u64::from(self.boxes.get(name).map_or(1, |b| b.next));
        let count = 1 + self.random(3);
        let ranges = (0..count).map(|_| {
            let first = self.random(top + 2) as u32;
            (first, first + self.random(4) as u32)
        });
        UidSet::from_ranges(ranges.collect::<Vec<_>>())
    }

    fn flags(&mut self) -> Flags {
        let (system, words) = (self.random(32), self.random(16));
        let chosen = WORDS.iter().enumerate().filter(|(n, _)| words >> n & 1 == 1);
        Flags { system, keywords: chosen.map(|(_, word)| (*word).to_owned()).collect() }
    }

    fn text(&mut self) -> String {
        self.count += 1;
        format!("letter {}", self.count)
    }

    /// The key of a mailbox that can be selected, on both sides.
    async fn key(&mut self, name: &str) -> Option<MailboxId> {
        let known = self.boxes.get(name).is_some_and(|b| b.selectable);
        let found = self.account.status(name).await.ok().map(|status| status.id);
        assert_eq!(found.is_some(), known, "{name}");
        found
    }

    async fn step(&mut self) {
        match self.random(20) {
            0..5 => self.deliver().await,
            5..8 => self.append().await,
            8..12 => self.store().await,
            12..14 => self.transfer(false).await,
            14..16 => self.transfer(true).await,
            16 => self.expunge().await,
            17 => self.create().await,
            18 => self.delete().await,
            _ => self.rename().await,
        }
    }

    async fn deliver(&mut self) {
        let (wanted, text) = (self.name(), self.text());
        let stands = self.boxes.get(&wanted).is_some_and(|b| b.selectable);
        let name = if stands { wanted.clone() } else { "INBOX".to_owned() };
        let target = self.boxes.get_mut(&name).unwrap();
        // Every third time a letter comes once more.
        let known = target.mails.iter().next().map(|(mail, uid)| (*mail, *uid));
        let (mail, uid) = match known.filter(|_| self.count.is_multiple_of(3)) {
            Some((mail, uid)) if target.letters.contains_key(&uid) => {
                target.next += 1;
                (mail, uid)
            }
            _ => {
                let mail = MailId::random();
                let uid = target.put(Letter { text: text.clone(), system: 0, words: BTreeSet::new() });
                target.mails.insert(mail, uid);
                (mail, uid)
            }
        };
        let placed = self.house.deliver(Some(&wanted), mail, &text).await;
        assert_eq!((placed.name, placed.uid), (name, uid));
    }

    async fn append(&mut self) {
        let (name, text, flags) = (self.name(), self.text(), self.flags());
        if self.key(&name).await.is_none() {
            return;
        }
        let placed = append(&self.account, &self.house.store, &name, &text, flags.clone()).await;
        let letter = Letter { text, system: flags.system, words: flags.keywords.into_iter().collect() };
        assert_eq!(placed.uid, self.boxes.get_mut(&name).unwrap().put(letter));
    }

    async fn store(&mut self) {
        let name = self.name();
        let (set, flags, mode) = (self.set(&name), self.flags(), self.random(3));
        let Some(key) = self.key(&name).await else { return };
        let mode = [StoreMode::Replace, StoreMode::Add, StoreMode::Remove][mode as usize];
        let stored = self.account.store_flags(key, &set, mode, &flags, None).await.unwrap();
        let mut changed = Vec::new();
        for (uid, letter) in self.boxes.get_mut(&name).unwrap().letters.iter_mut().filter(|(u, _)| set.contains(**u)) {
            let before = letter.clone();
            let words = flags.keywords.iter().cloned();
            match mode {
                StoreMode::Replace => (letter.system, letter.words) = (flags.system, words.collect()),
                StoreMode::Add => {
                    letter.system |= flags.system;
                    letter.words.extend(words);
                }
                StoreMode::Remove => {
                    letter.system &= !flags.system;
                    letter.words.retain(|word| !flags.keywords.contains(word));
                }
            }
            if *letter != before {
                changed.push(*uid);
            }
        }
        assert_eq!(stored.changed.iter().map(|entry| entry.uid).collect::<Vec<_>>(), changed);
    }

    async fn transfer(&mut self, moving: bool) {
        let (from, to) = (self.name(), self.name());
        let set = self.set(&from);
        let (Some(key), Some(_)) = (self.key(&from).await, self.key(&to).await) else { return };
        let copied = match moving {
            true => self.account.move_to(key, &set, &to).await.unwrap(),
            false => self.account.copy(key, &set, &to).await.unwrap(),
        };
        let source = self.boxes.get_mut(&from).unwrap();
        let chosen: Vec<_> = source.letters.iter().filter(|(uid, _)| set.contains(**uid)).collect();
        let chosen: Vec<_> = chosen.into_iter().map(|(uid, letter)| (*uid, letter.clone())).collect();
        if moving {
            source.letters.retain(|uid, _| !set.contains(*uid));
        }
        let target = self.boxes.get_mut(&to).unwrap();
        let expected: Vec<_> = chosen.into_iter().map(|(uid, letter)| (uid, target.put(letter))).collect();
        assert_eq!(copied.uids, expected);
    }

    async fn expunge(&mut self) {
        let name = self.name();
        let set = self.set(&name);
        let Some(key) = self.key(&name).await else { return };
        let gone = self.account.expunge(key, Some(&set)).await.unwrap();
        let letters = &mut self.boxes.get_mut(&name).unwrap().letters;
        let doomed = |uid: &u32, letter: &Letter| set.contains(*uid) && letter.system & mailstore::DELETED != 0;
        let expected = letters.iter().filter(|(uid, letter)| doomed(uid, letter)).map(|(uid, _)| *uid);
        assert_eq!(gone.uids, expected.collect());
        letters.retain(|uid, letter| !doomed(uid, letter));
    }

    fn parents(&mut self, name: &str) {
        for (at, _) in name.match_indices('/') {
            self.boxes.entry(name[..at].to_owned()).or_default();
        }
    }

    async fn create(&mut self) {
        let name = self.name();
        let done = self.account.create(&name).await;
        let taken = self.boxes.get(&name).is_some_and(|b| b.selectable);
        assert_eq!(done.is_err(), taken, "{name}");
        if !taken {
            self.parents(&name);
            self.boxes.insert(name, Drawer::default());
        }
    }

    async fn delete(&mut self) {
        let name = self.name();
        let done = self.account.delete(&name).await;
        let below = self.boxes.keys().any(|other| other.starts_with(&format!("{name}/")));
        let allowed = name != "INBOX" && self.boxes.get(&name).is_some_and(|b| b.selectable || !below);
        assert_eq!(done.is_ok(), allowed, "{name}: {done:?}");
        if allowed && below {
            self.boxes.insert(name, Drawer { selectable: false, ..Drawer::default() });
        } else if allowed {
            self.boxes.remove(&name);
        }
    }

    async fn rename(&mut self) {
        let (from, to) = (self.name(), self.name());
        let done = self.account.rename(&from, &to).await;
        let inside = to.starts_with(&format!("{from}/")) && from != "INBOX";
        let allowed = self.boxes.contains_key(&from) && !self.boxes.contains_key(&to) && !inside;
        assert_eq!(done.is_ok(), allowed, "{from} to {to}: {done:?}");
        if !allowed {
            return;
        }
        self.parents(&to);
        if from == "INBOX" {
            let mut target = Drawer::default();
            let inbox = self.boxes.get_mut("INBOX").unwrap();
            for letter in std::mem::take(&mut inbox.letters).into_values() {
                target.put(letter);
            }
            self.boxes.insert(to, target);
            return;
        }
        let prefix = format!("{from}/");
        let family: Vec<_> = self.boxes.keys().filter(|n| **n == from || n.starts_with(&prefix)).cloned().collect();
        for name in family {
            let moved = self.boxes.remove(&name).unwrap();
            self.boxes.insert(format!("{to}{}", &name[from.len()..]), moved);
        }
    }

    async fn compare(&mut self) {
        let list = self.account.list().await.unwrap();
        let listed: BTreeMap<_, _> = list.iter().map(|m| (m.name.clone(), m.selectable)).collect();
        let expected: BTreeMap<_, _> = self.boxes.iter().map(|(name, b)| (name.clone(), b.selectable)).collect();
        assert_eq!(listed, expected);
        for mailbox in list.iter().filter(|mailbox| mailbox.selectable) {
            self.compare_box(&mailbox.name, mailbox.id).await;
        }
    }

    async fn compare_box(&mut self, name: &str, id: MailboxId) {
        let status = self.account.status(name).await.unwrap();
        let view = self.account.view(id).await.unwrap();
        let expected = &self.boxes[name];
        let unseen = expected.letters.values().filter(|letter| letter.system & mailstore::SEEN == 0).count();
        let octets: usize = expected.letters.values().map(|letter| letter.text.len()).sum();
        assert_eq!((status.messages as usize, status.unseen as usize), (expected.letters.len(), unseen), "{name}");
        assert_eq!((status.octets as usize, status.uid_next), (octets, expected.next), "{name}");
        assert_eq!(
            (view.uid_next, view.modseq, view.uid_validity),
            (status.uid_next, status.modseq, status.uid_validity)
        );
        let found: BTreeMap<u32, (u64, BTreeSet<String>)> = view
            .entries
            .iter()
            .map(|e| (e.uid, (e.flags.system(), e.flags.keywords(&view.keywords).map(str::to_owned).collect())))
            .collect();
        let wanted = expected.letters.iter().map(|(uid, letter)| (*uid, (letter.system, letter.words.clone())));
        assert_eq!(found, wanted.collect(), "{name}");
        if let Some((uid, letter)) = expected.letters.iter().nth(self.seed as usize % expected.letters.len().max(1)) {
            assert_eq!(text(&self.account, id, *uid).await, letter.text);
        }
        self.check_changes(name, id, view).await;
    }

    /// A view taken some time ago, and the changes since, give the view of now.
    async fn check_changes(&mut self, name: &str, id: MailboxId, now: View) {
        if let Some(then) = self.earlier.get(name).filter(|then| then.mailbox == id) {
            let changes = self.account.changes(id, then.modseq).await.unwrap();
            let Vanished::Uids(gone) = changes.vanished else { panic!("{name}: forgotten") };
            let mut entries: BTreeMap<u32, _> = then.entries.iter().map(|e| (e.uid, e.clone())).collect();
            entries.retain(|uid, _| !gone.contains(*uid));
            entries.extend(changes.changed.into_iter().map(|e| (e.uid, e)));
            assert_eq!(entries.into_values().collect::<Vec<_>>(), now.entries.iter().collect::<Vec<_>>(), "{name}");
            assert_eq!(changes.modseq, now.modseq);
        }
        let validity = self.validity.insert(name.to_owned(), now.uid_validity);
        if self.earlier.get(name).is_some_and(|then| then.mailbox == id) {
            assert_eq!(validity, Some(now.uid_validity));
        }
        if self.random(3) == 0 || self.earlier.get(name).is_none_or(|then| then.mailbox != id) {
            self.earlier.insert(name.to_owned(), now);
        }
    }
}
