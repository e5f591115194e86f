//! Letters that demand encryption all the way, and letters that waive it (RFC 8689).

use envelope::RequireTls;

use crate::secured::{policy, town};
use crate::secured_peer::SecuredPeer;
use crate::web::{Authority, Like, answer};

const OFFER: &str = "250-REQUIRETLS\r\n";

/// What the letter's attempt came to, in the journal's words.
async fn attempt(names: &str, like: Like, encrypts: bool, offer: &'static str) -> (String, SecuredPeer) {
    let authority = Authority::new();
    let (world, _web) = town(&authority, answer("200 OK", "text/plain", &policy("testing", names))).await;
    let acceptor = encrypts.then(|| authority.acceptor(&["mx.patras.test"], like));
    let peer = SecuredPeer::offering(world.at(1), acceptor, offer).await;
    let other = encrypts.then(|| authority.acceptor(&["mx2.patras.test"], like));
    let _second = SecuredPeer::offering(world.at(2), other, offer).await;
    world.send_wishing(RequireTls::Demanded, &["kostas@patras.test"]).await;
    world.until_empty().await;
    (format!("{:?}", world.events("attempt")), peer)
}

#[tokio::test(flavor = "multi_thread")]
async fn over_a_way_that_is_safe() {
    let (told, peer) = attempt("*.patras.test", Like::Right, true, OFFER).await;
    assert_eq!(peer.letters(), (1, 0), "{told}");
    assert_eq!(peer.heard.lock().unwrap().senders, ["MAIL FROM:<anna@athens.test> BODY=8BITMIME REQUIRETLS"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn back_where_there_is_none() {
    for (names, like, encrypts, offer, status, words) in [
        ("*.patras.test", Like::Right, true, "", "30", "does not offer REQUIRETLS"),
        ("*.patras.test", Like::Right, false, "", "10", "the server offers none"),
        ("*.patras.test", Like::SelfSigned, true, OFFER, "10", "TLS with mx"),
        ("mx.corinth.test", Like::Right, true, OFFER, "30", "nothing vouches for it as a mail host"),
    ] {
        let (told, peer) = attempt(names, like, encrypts, offer).await;
        assert!(told.contains(words), "{words}: {told}");
        let last = format!("outcome: Failed, reply: 550 5.7.{status} ");
        assert!(told.contains(&last), "{words}: {last}: {told}");
        assert_eq!(peer.letters(), (0, 0), "{words}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waived_letter_goes_whatever_the_policy_says() {
    let authority = Authority::new();
    let (world, _web) = town(&authority, answer("200 OK", "text/plain", &policy("enforce", "mx.patras.test"))).await;
    let peer = SecuredPeer::start(world.at(1), Some(authority.acceptor(&["x.test"], Like::SelfSigned))).await;
    world.send_wishing(RequireTls::Waived, &["kostas@patras.test"]).await;
    world.until_empty().await;
    assert_eq!(peer.letters(), (1, 0));
}
