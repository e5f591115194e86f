//! The operator, who retries, suspends, resumes, holds and releases while all goes on.

use std::collections::BTreeMap;

use queue::{Filter, Scope};

use super::super::book::{Attempt, Key};
use super::net::SECOND;
use super::office::{Office, key};
use super::virtual_now;

/// So long after a deed an attempt may still begin that was about to.
const NOTICED_AFTER: i64 = 3 * SECOND;

/// What the operator keeps back, and since when.
#[derive(Debug, Default)]
pub(super) struct Deeds {
    suspended: BTreeMap<String, (Scope, i64)>,
    held: BTreeMap<Key, i64>,
    /// How many there were.
    pub(super) count: usize,
}

impl Deeds {
    /// Nothing that is kept back is tried.
    pub(super) fn may_begin(&self, attempt: &Attempt, at: i64) {
        let suspended = self.suspended.get(&attempt.destination);
        assert!(
            suspended.is_none_or(|(_, since)| at - since <= NOTICED_AFTER),
            "{suspended:?} is tried at {at}: {attempt:?}"
        );
        for job in &attempt.group.jobs {
            let held = self.held.get(&key(job));
            assert!(held.is_none_or(|since| at - since <= NOTICED_AFTER), "held at {held:?}, tried at {at}: {job:?}");
        }
    }
}

impl Office {
    /// One deed.
    pub(super) async fn deed(&mut self) {
        self.deeds.count += 1;
        let names: Vec<String> = self.servers.keys().cloned().collect();
        let name = names[self.chance.below(names.len() as i64) as usize].clone();
        let (queue, now) = (self.queue(), virtual_now().wall);
        let of_destination = Filter { destination: Some(name.clone()), ..Filter::default() };
        let of_sender = Filter { sender: Some(format!("sender{}@d0.test", self.chance.below(8))), ..Filter::default() };
        match self.chance.below(5) {
            0 => {
                // It takes back what was wished of a letter under way.
                for row in queue.retry(of_destination, now).await.unwrap() {
                    self.deeds.held.remove(&(row.mail.id, row.number));
                }
            }
            1 => {
                let scope = match self.chance.once_in(2) {
                    true => Scope::Destination(name.clone()),
                    false => Scope::Domain(name.clone()),
                };
                self.resume(&name).await;
                queue.suspend(&scope, "a test", now).await.unwrap();
                self.deeds.suspended.insert(name, (scope.clone(), self.at));
                // A node remembers for a second of real time what is suspended: this one does not last that long.
                for node in &self.nodes {
                    node.queue.suspend(&scope, "a test", now).await.unwrap();
                }
            }
            2 => {
                if let Some(name) = self.deeds.suspended.keys().next().cloned() {
                    self.resume(&name).await;
                }
            }
            3 => {
                for row in queue.hold(of_sender, Some("a test"), now).await.unwrap() {
                    self.deeds.held.insert((row.mail.id, row.number), self.at);
                }
            }
            _ => self.release(Filter::default()).await,
        }
        self.all_seconds();
    }

    /// The operator keeps nothing back any more.
    pub(super) async fn relent(&mut self) {
        for name in self.deeds.suspended.keys().cloned().collect::<Vec<_>>() {
            self.resume(&name).await;
        }
        self.release(Filter::default()).await;
        self.all_seconds();
    }

    async fn release(&mut self, filter: Filter) {
        for row in self.queue().release(filter, virtual_now().wall).await.unwrap() {
            self.deeds.held.remove(&(row.mail.id, row.number));
        }
    }

    async fn resume(&mut self, name: &str) {
        let Some((scope, _)) = self.deeds.suspended.remove(name) else { return };
        for node in &self.nodes {
            node.queue.resume(&scope, virtual_now().wall).await.unwrap();
        }
    }

    fn all_seconds(&mut self) {
        for here in 0..self.nodes.len() {
            self.here = here;
            self.plan_seconds(3);
        }
    }
}
