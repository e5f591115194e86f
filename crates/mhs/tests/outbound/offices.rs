//! Two post offices of ours, with TLS between them.

use std::sync::Arc;

use envelope::Domain;
use journal::Event;
use mhs::mta::inbound::Inbound;
use mhs::{Context, Settings};
use net::{CertificateFiles, Connections, Listener, ServerTls, Shutdown, clock};
use protocol::sasl::Secret;

use crate::world::{World, address};

#[tokio::test(flavor = "multi_thread")]
async fn from_one_office_to_another_encrypted() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let areas = [directory::MIGRATIONS, mailstore::MIGRATIONS, queue::MIGRATIONS];
    let store = storage::Store::open_embedded(folder.path(), &areas).await.unwrap();
    let people = directory::Directory::open(store.clone(), directory::Settings::default(), clock::now).await.unwrap();
    people.add_domain(&Domain::parse("patras.test").unwrap()).await.unwrap();
    people.add_account(&address("kostas@patras.test"), &Secret::new(b"secret".to_vec())).await.unwrap();
    let files = CertificateFiles { chain: folder.path().join("chain.pem"), key: folder.path().join("key.pem") };
    files.make_self_signed(&["mx.patras.test".to_owned()]).unwrap();
    let mut settings = Settings::new(Domain::parse("mx.patras.test").unwrap());
    settings.tls = Some(ServerTls::open(vec![files]).unwrap());
    let mailstore = mailstore::Mailstore::new(store.clone(), clock::now);
    let queue = queue::Queue::new(store.clone(), "patras");
    let journal = Arc::new(journal::Silent);
    let patras = Context::new(store, people.clone(), mailstore.clone(), queue, journal, settings, Shutdown::new());
    let listener = Listener::bind(world.at(1)).unwrap();
    tokio::spawn(listener.run(
        Connections::new(100, 100, |_| false),
        patras.shutdown.clone(),
        Inbound::reception(&patras),
    ));

    for _ in 0..3 {
        world.send(&["kostas@patras.test", "nobody@patras.test"]).await;
    }
    world.until_empty().await;
    let kostas = people.open_as_operator(&address("kostas@patras.test")).await.unwrap();
    let account = mailstore.open(&kostas).await.unwrap();
    let view = account.select("INBOX", true).await.unwrap().view;
    assert_eq!(view.entries.len(), 3);
    let attempts = world.events("attempt");
    let encrypted =
        |event: &Event| matches!(event, Event::Attempt { tls: Some(words), .. } if words.contains("TLSv1.3"));
    assert!(attempts.iter().all(encrypted), "{attempts:?}");
    assert_eq!(world.letters().await.len(), 3, "a notice for each letter to nobody");
}
