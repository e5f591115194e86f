//! Letters in 8 bits for a next hop that takes 7 (RFC 6152 section 3).

use bytes::Bytes;
use directory::RelayAllowed;
use envelope::{Recipient, RequireTls, ReversePath};
use journal::Service;
use message::mime::Structure;
use mhs::msa::post::{self, Post};

use crate::peer::{Manner, Peer};
use crate::world::{World, address};

async fn send(world: &World, message: &'static str) {
    let post = Post {
        require_tls: RequireTls::Unsaid,
        reverse_path: ReversePath::Address(address("anna@athens.test")),
        recipients: vec![Recipient { address: address("kostas@patras.test"), notify: None, original: None }],
        allowed: RelayAllowed::for_operator(),
        service: Service::Local,
        message: Bytes::from_static(message.as_bytes()),
        complete: true,
        smtputf8: false,
    };
    post::post(&world.context, post).await.unwrap();
}

const GREEK: &str = "From: anna@athens.test\r\nMIME-Version: 1.0\r\nMessage-ID: <1@athens.test>\r\n\
    Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nΚαλημέρα\r\n.\r\ncafé\r\n";

fn seven_bits() -> Manner {
    Manner { extensions: &["PIPELINING", "ENHANCEDSTATUSCODES"], ..Manner::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_arrives_encoded_and_says_the_same() {
    let world = World::new().await;
    let peer = Peer::start(world.at(1), seven_bits()).await;
    send(&world, GREEK).await;
    world.until_empty().await;
    let letter = peer.letters().remove(0);
    assert!(letter.text.is_ascii() && !letter.text.contains("8bit"), "{}", letter.text);
    assert!(!letter.from.contains("BODY="), "{}", letter.from);
    let structure = Structure::parse(letter.text.as_bytes());
    assert_eq!(structure.root().unwrap().text(letter.text.as_bytes()), "Καλημέρα\r\n.\r\ncafé\r\n");
    assert_eq!(world.attempts(), ["250 2.0.0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_eight_gets_eight() {
    let world = World::new().await;
    let peer = Peer::start(world.at(1), Manner::default()).await;
    send(&world, GREEK).await;
    world.until_empty().await;
    let letter = peer.letters().remove(0);
    assert!(
        letter.from.contains("BODY=8BITMIME") && letter.text.ends_with("Καλημέρα\r\n.\r\ncafé\r\n"),
        "{}",
        letter.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sealed_comes_back() {
    let world = World::new().await;
    let peer = Peer::start(world.at(1), seven_bits()).await;
    send(
        &world,
        "From: anna@athens.test\r\nMessage-ID: <1@athens.test>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/signed; boundary=x\r\n\r\n--x\r\n\r\nφως\r\n--x--\r\n",
    )
    .await;
    world.until_empty().await;
    world.until("the notice", async || !world.letters().await.is_empty()).await;
    assert!(peer.letters().is_empty());
    assert_eq!(world.attempts(), ["554 5.6.3"]);
    let notice = world.letters().await.remove(0);
    let words: Vec<&str> = notice.split_whitespace().collect();
    let words = words.join(" ");
    assert!(words.contains("Status: 5.6.3") && words.contains("multipart/signed must not be altered"), "{notice}");
}
