//! A store, a directory with Anna, and the Message Store on top.

use bytes::Bytes;
use directory::{Directory, SignedIn};
use envelope::{Address, Domain, MailId, Timestamp};
use mailstore::{Account, Append, Delivery, Flags, Mailstore, Placed, View};
use protocol::sasl::Secret;
use storage::{BodiesConfig, BodyId, Migrations, StagedBody, Store};
use tempfile::TempDir;

use crate::postgres::Postgres;

const TABLES: &[Migrations] = &[directory::MIGRATIONS, mailstore::MIGRATIONS];

pub struct House {
    pub folder: TempDir,
    pub url: Option<String>,
    pub store: Store,
    pub directory: Directory,
    pub mailstore: Mailstore,
    pub anna: SignedIn,
}

pub fn clock() -> Timestamp {
    Timestamp(1_700_000_000_000)
}

pub fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

pub async fn open(folder: &TempDir, url: Option<&str>) -> Store {
    match url {
        None => Store::open_embedded(folder.path(), TABLES).await.unwrap(),
        Some(url) => Store::open_cluster(url, BodiesConfig::Folder(folder.path().to_owned()), TABLES).await.unwrap(),
    }
}

impl House {
    pub async fn embedded() -> Self {
        Self::new(None).await
    }

    pub async fn cluster(postgres: &Postgres, name: &str) -> Self {
        Self::new(Some(postgres.database(name))).await
    }

    async fn new(url: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder, url.as_deref()).await;
        let directory = Directory::open(store.clone(), directory::Settings::default(), clock).await.unwrap();
        directory.add_domain(&Domain::parse("athens.test").unwrap()).await.unwrap();
        let anna = add(&directory, "anna@athens.test").await;
        let mailstore = Mailstore::new(store.clone(), clock);
        Self { folder, url, store, directory, mailstore, anna }
    }

    pub async fn open(&self) -> Account {
        self.mailstore.open(&self.anna).await.unwrap()
    }

    /// Delivers a text to Anna, as the doors do.
    pub async fn deliver(&self, mailbox: Option<&str>, mail: MailId, text: &str) -> Placed {
        let staged = stage(&self.store, text).await;
        let delivery = self.delivery(mailbox, mail, text);
        let mailstore = self.mailstore.clone();
        let (placed, _) = self
            .store
            .write(move |tx| {
                let body = tx.keep(&staged, 1)?;
                mailstore.deliver_in(tx, &Delivery { body, ..delivery.clone() })
            })
            .await
            .unwrap();
        self.mailstore.announce(std::slice::from_ref(&placed));
        placed
    }

    /// All but the body.
    pub fn delivery(&self, mailbox: Option<&str>, mail: MailId, text: &str) -> Delivery {
        Delivery {
            account: self.anna.account(),
            mailbox: mailbox.map(str::to_owned),
            named_by_sender: false,
            mail,
            body: BodyId(0),
            octets: text.len() as u64,
            internal_date: Timestamp(1_600_000_000_000),
            flags: 0,
            digest: None,
        }
    }
}

pub async fn add(directory: &Directory, text: &str) -> SignedIn {
    directory.add_account(&address(text), &Secret::new(b"open sesame".to_vec())).await.unwrap();
    directory.open_as_operator(&address(text)).await.unwrap()
}

pub async fn stage(store: &Store, text: &str) -> StagedBody {
    let mut stage = store.stage();
    stage.append(Bytes::from(text.to_owned())).await.unwrap();
    stage.finish(Bytes::new()).await.unwrap()
}

pub async fn append(account: &Account, store: &Store, mailbox: &str, text: &str, flags: Flags) -> Placed {
    let body = stage(store, text).await;
    let message = Append { body, octets: text.len() as u64, internal_date: None, flags, digest: None };
    account.append(mailbox, vec![message]).await.unwrap().remove(0)
}

pub async fn text(account: &Account, mailbox: envelope::MailboxId, uid: u32) -> String {
    let rows = account.messages(mailbox, &[uid].into_iter().collect(), 1).await.unwrap();
    let body = account.body(&rows[0]).await.unwrap();
    assert_eq!(body.len(), rows[0].octets);
    String::from_utf8(body.read_all(1 << 20).await.unwrap().to_vec()).unwrap()
}

pub fn uids(view: &View) -> Vec<u32> {
    view.entries.iter().map(|entry| entry.uid).collect()
}

/// Bodies whose count of references is not the count of the rows that name them: there are none, ever.
pub async fn miscounted(store: &Store) -> usize {
    let sql =
        "SELECT b.body FROM storage_body b WHERE b.refs <> (SELECT count(*) FROM message m WHERE m.body = b.body)";
    store.read(move |q| q.query(sql, &[])).await.unwrap().len()
}
