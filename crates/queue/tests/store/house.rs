//! A store with a queue on it, and letters to put in.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use directory::RelayAllowed;
use envelope::{Address, BodyType, MailId, Notify, Recipient, RequireTls, Return, ReversePath, Timestamp};
use queue::{Claim, Lane, NewMail, NewRecipient, Prepared, Queue, Settlement, Verdict};
use storage::{BodiesConfig, Migrations, Store};
use tempfile::TempDir;

use crate::desk::TestDesk;
use crate::postgres::Postgres;

const TABLES: &[Migrations] = &[queue::MIGRATIONS];

pub const NOW: Timestamp = Timestamp(1_700_000_000_000);
pub const LEASE: Duration = Duration::from_secs(600);

pub struct House {
    _folder: TempDir,
    /// Each statement is a way to a server and back.
    pub is_cluster: bool,
    pub store: Store,
    pub queue: Queue,
}

pub fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

pub fn at(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

impl House {
    pub async fn embedded() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_embedded(folder.path(), TABLES).await.unwrap();
        Self { _folder: folder, is_cluster: false, queue: Queue::new(store.clone(), "one"), store }
    }

    pub async fn cluster(postgres: &Postgres, name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = postgres.database(name);
        let bodies = BodiesConfig::Folder(folder.path().to_owned());
        let store = Store::open_cluster(&url, bodies, TABLES).await.unwrap();
        Self { _folder: folder, is_cluster: true, queue: Queue::new(store.clone(), "one"), store }
    }

    /// Accepts a letter at [`NOW`]; answers its id.
    pub async fn accept(&self, to: &[&str]) -> MailId {
        let mail = MailId::random();
        assert!(self.accept_as(mail, to).await);
        mail
    }

    pub async fn accept_as(&self, mail: MailId, to: &[&str]) -> bool {
        self.accept_from(mail, "anna@athens.test", to, NOW).await.0
    }

    /// The whole way: prepared, written, handed over. Answers whether it was new, and how many were handed over.
    pub async fn accept_from(&self, mail: MailId, from: &str, to: &[&str], now: Timestamp) -> (bool, usize) {
        let (prepared, written) = self.write(mail, from, to, now).await;
        (written, prepared.hand_over())
    }

    /// All but the handing over.
    pub async fn write(&self, mail: MailId, from: &str, to: &[&str], now: Timestamp) -> (Arc<Prepared>, bool) {
        let mut stage = self.store.stage();
        stage.append(Bytes::from_static(b"a letter")).await.unwrap();
        let staged = stage.finish(Bytes::new()).await.unwrap();
        let recipients: Vec<Recipient> = to.iter().map(|text| recipient(text)).collect();
        let queue = self.queue.clone();
        let sender = sender(from);
        let addresses: Vec<&Address> = recipients.iter().map(|recipient| &recipient.address).collect();
        let prepared = Arc::new(queue.prepare(&sender, Lane::of(&sender), &addresses, now).await.unwrap());
        let births = prepared.clone();
        let write = self.store.write(move |tx| {
            let allowed = RelayAllowed::for_own_notice();
            let to: Vec<_> = recipients.iter().map(|recipient| NewRecipient { recipient, allowed: &allowed }).collect();
            let new = NewMail {
                mail,
                body: tx.keep(&staged, 1)?,
                octets: 8,
                reverse_path: &sender,
                body_type: BodyType::EightBitMime,
                smtputf8: true,
                ret: Some(Return::Headers),
                envelope_id: Some("QQ314159"),
                require_tls: RequireTls::Demanded,
                accepted_at: now,
                delivered_to: None,
                recipients: &to,
            };
            queue.accept_in(tx, &new, &births)
        });
        let written = write.await.unwrap().0;
        (prepared, written)
    }

    /// Claims what is due, with a desk that has room for everything and is gone again.
    pub async fn claim(&self, now: Timestamp, count_max: usize) -> Vec<Claim> {
        let desk = Arc::new(TestDesk::default());
        self.queue.attach(desk.clone());
        let claimed = self.queue.claim_due(now, count_max).await.unwrap();
        self.queue.detach(&desk);
        claimed.claims
    }

    /// Bodies that some row still names.
    pub async fn bodies(&self) -> usize {
        let sql = "SELECT body FROM storage_body WHERE refs > 0";
        self.store.read(move |q| q.query(sql, &[])).await.unwrap().len()
    }
}

pub fn sender(text: &str) -> ReversePath {
    if text.is_empty() { ReversePath::Null } else { ReversePath::Address(address(text)) }
}

pub fn recipient(text: &str) -> Recipient {
    Recipient {
        address: address(text),
        notify: Some(Notify { success: true, failure: true, delay: false }),
        original: Some(format!("rfc822;{text}")),
    }
}

pub fn end(claim: &Claim, verdict: Verdict) -> Settlement {
    Settlement { mail: claim.mail.id, number: claim.number, fence: claim.fence, verdict }
}

pub fn who(claims: &[Claim]) -> Vec<String> {
    let mut who: Vec<_> = claims.iter().map(|claim| claim.address.to_string()).collect();
    who.sort();
    who
}
