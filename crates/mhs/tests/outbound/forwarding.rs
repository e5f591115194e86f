//! Letters that an address of ours sends on, on the wire, and what comes back of them.

use std::sync::Arc;

use envelope::{Domain, Recipient, ReversePath};
use mhs::mta::inbound::Inbound;
use mhs::mta::outbound::{self, Outbound};
use mhs::{Context, Settings};
use net::{Connections, Listener, Shutdown, clock};
use protocol::sasl::Secret;
use tokio::task::JoinHandle;

use crate::peer::{Manner, Peer};
use crate::world::{Notes, Wishes, World, address};

fn to(text: &str) -> Vec<Recipient> {
    vec![Recipient { address: address(text), notify: None, original: None }]
}

fn joe() -> ReversePath {
    ReversePath::Address(address("joe@far.test"))
}

async fn forward(context: &Context, account: &str, target: &str) {
    context.directory.set_forward(&address(account), &[address(target)], false).await.unwrap();
}

fn receive(context: &Arc<Context>, at: std::net::SocketAddr) {
    let places = Connections::new(100, 100, |_| false);
    tokio::spawn(Listener::bind(at).unwrap().run(places, context.shutdown.clone(), Inbound::reception(context)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forwarded_letter_says_so_and_is_otherwise_as_it_came() {
    let world = World::new().await;
    let peer = Peer::start(world.at(1), Manner::default()).await;
    forward(&world.context, "anna@athens.test", "kostas@patras.test").await;
    world.send_as(joe(), to("anna@athens.test")).await;
    world.send_as(joe(), to("kostas@patras.test")).await;
    world.until_empty().await;
    let mut letters = peer.letters();
    letters.sort_by_key(|letter| letter.from.clone());
    let [forwarded, direct] = &letters[..] else { panic!("{letters:?}") };
    assert!(direct.from.starts_with("MAIL FROM:<joe@far.test>"), "{}", direct.from);
    assert!(forwarded.from.contains("=far.test=joe@athens.test>"), "{}", forwarded.from);
    let rest = forwarded.text.strip_prefix("Delivered-To: anna@athens.test\r\nReceived: ").unwrap();
    assert!(!direct.text.contains("Delivered-To"));
    let end = "From: anna@athens.test\r\nSubject: Γειά\r\nMessage-ID: <1@athens.test>\r\n\r\n.hello\r\n\r\n";
    assert!(rest.ends_with(end) && direct.text.ends_with(end), "{rest}");
    assert_eq!(world.bodies().await, 0);
}

/// The office at patras.test, which shares the name server and the port of the world.
async fn patras(world: &World, folder: &std::path::Path) -> (Arc<Context>, JoinHandle<()>) {
    let areas = [directory::MIGRATIONS, mailstore::MIGRATIONS, queue::MIGRATIONS, mhs::MIGRATIONS];
    let store = storage::Store::open_embedded(folder, &areas).await.unwrap();
    let people = directory::Directory::open(store.clone(), directory::Settings::default(), clock::now).await.unwrap();
    people.add_domain(&Domain::parse("patras.test").unwrap()).await.unwrap();
    people.add_account(&address("kostas@patras.test"), &Secret::new(b"secret".to_vec())).await.unwrap();
    let mailstore = mailstore::Mailstore::new(store.clone(), clock::now);
    let queue = queue::Queue::new(store.clone(), "patras");
    let settings = Settings::new(Domain::parse("mx.patras.test").unwrap());
    let notes = Arc::new(Notes::default());
    let context = Context::new(store, people, mailstore, queue, notes, settings, Shutdown::new());
    let own =
        outbound::Settings { hello_name: "mx.patras.test".to_owned(), doors: Vec::new(), ..world.settings.clone() };
    let running = tokio::spawn(Outbound::run(context.clone(), own));
    (context, running)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_circle_of_two_offices_ends_at_once_and_the_sender_is_told() {
    let world = World::with(Wishes {
        mx: vec![
            ("athens.test.", 10, "mx.athens.test."),
            ("patras.test.", 10, "mx.patras.test."),
            ("far.test.", 10, "mx.far.test."),
        ],
        hosts: vec![("mx.patras.test.", 1), ("mx.athens.test.", 2), ("mx.far.test.", 3)],
        ..Wishes::default()
    });
    let world = world.await;
    let folder = tempfile::tempdir().unwrap();
    let (patras, _running) = patras(&world, folder.path()).await;
    receive(&world.context, world.at(2));
    receive(&patras, world.at(1));
    let far = Peer::start(world.at(3), Manner::default()).await;
    forward(&world.context, "anna@athens.test", "kostas@patras.test").await;
    forward(&patras, "kostas@patras.test", "anna@athens.test").await;
    world.send_as(joe(), to("anna@athens.test")).await;
    // Athens sends it on, Patras sends it back, Athens refuses it: Patras tells the sender, by way of Athens, whose
    // address the letter was under.
    world.until("the notice", async || !far.letters().is_empty()).await;
    world.until_empty().await;
    let [notice] = &far.letters()[..] else { panic!("one notice: {:?}", far.letters()) };
    assert!(notice.from.starts_with("MAIL FROM:<>"), "{}", notice.from);
    assert!(notice.to[0].contains("<joe@far.test>"), "{:?}", notice.to);
    assert!(notice.text.contains("5.4.6") && notice.text.contains("goes in circles"), "{}", notice.text);
    let received = world.events("accepted").len();
    assert_eq!(received, 2, "the letter, and the notice");
    assert!(world.letters().await.is_empty());
}
