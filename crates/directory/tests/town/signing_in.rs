//! Who is who.

use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;

use directory::{Directory, Error, Knock, SignIn, SignInGuard};
use envelope::SessionId;
use journal::{Entry, Event, Journal, Service};
use protocol::sasl::client::{Client, Scram};
use protocol::sasl::{Exchange, Next, Refusal, Request};

use crate::house::{Place, address, is, secret, trusting};

pub async fn passwords_are_checked(place: Place) {
    let town = place.town(trusting()).await;
    let refused = SignIn::Refused(Refusal::Credentials);
    for again in [false, true] {
        assert!(is(&town.sign_in("anna@athens.test", "open sesame", None).await, "anna@athens.test"), "{again}");
        assert!(is(&town.sign_in("ANNA@ATHENS.test", "open sesame", None).await, "anna@athens.test"));
        assert!(is(&town.sign_in("anna", "open sesame", None).await, "anna@athens.test"), "the oldest domain");
        assert!(is(&town.sign_in("kostas@athens.test", "σουσάμι", None).await, "kostas@athens.test"));
        assert_eq!(town.sign_in("anna@athens.test", "Open sesame", None).await, refused);
        assert_eq!(town.sign_in("kostas@athens.test", "open sesame", None).await, refused);
        assert_eq!(town.sign_in("nobody@athens.test", "open sesame", None).await, refused);
        assert_eq!(town.sign_in("anna+x@athens.test", "open sesame", None).await, refused);
        assert_eq!(town.sign_in("anna@elsewhere.test", "open sesame", None).await, refused);
        assert_eq!(town.sign_in("no address at all <>", "open sesame", None).await, refused);
    }
    let as_self = town.sign_in("anna", "open sesame", Some("Anna@athens.test")).await;
    assert!(is(&as_self, "anna@athens.test"));
    let as_other = town.sign_in("anna", "open sesame", Some("kostas@athens.test")).await;
    assert_eq!(as_other, SignIn::Refused(Refusal::NotAuthorized));
    assert_eq!(town.sign_in("anna", "wrong", Some("kostas@athens.test")).await, refused, "the password comes first");
}

pub async fn a_changed_password_is_noticed_at_once_everywhere(place: Place) {
    let town = place.town(trusting()).await;
    let other = place.open(trusting()).await;
    assert!(is(&town.sign_in("anna", "open sesame", None).await, "anna@athens.test"));
    other.set_password(&address("anna@athens.test"), &secret("another one")).await.unwrap();
    let old = town.sign_in("anna", "open sesame", None).await;
    assert_eq!(old, SignIn::Refused(Refusal::Credentials), "though it was remembered");
    assert!(is(&town.sign_in("anna", "another one", None).await, "anna@athens.test"));
}

pub async fn a_damaged_row_is_never_believed(place: Place) {
    let town = place.town(trusting()).await;
    let store = place.store().await;
    let swap = "UPDATE directory_account SET password =
                    (SELECT password FROM directory_account WHERE account_id = 2) WHERE account_id = 1";
    store.write(move |tx| tx.execute(swap, &[])).await.unwrap();
    let request = Request::password(b"anna", "σουσάμι".as_bytes(), "PLAIN").unwrap();
    let error = town.directory.sign_in(&request).await.unwrap_err();
    assert!(matches!(error, Error::Store(storage::Error::Damaged(_))), "{error}");
}

/// A SCRAM exchange of our client with the directory behind our server.
async fn scram(directory: &Directory, user: &str, password: &str) -> Option<SignIn> {
    let mut client = Scram::new(user, &secret(password), None, false).unwrap();
    let mut exchange = Exchange::new(client.mechanism(), None);
    let mut next = exchange.start(client.initial().as_deref());
    loop {
        next = match next {
            Next::Challenge(text) => exchange.respond(&client.respond(&text).ok()?),
            Next::Failed(_) => return None,
            Next::Ask(request) => match directory.sign_in(&request).await.unwrap() {
                SignIn::Keys(keys) => exchange.keys(keys),
                last => return Some(last).filter(|_| client.is_satisfied()),
            },
        };
    }
}

pub async fn scram_signs_in(place: Place) {
    let town = place.town(trusting()).await;
    assert!(is(&scram(&town.directory, "anna@athens.test", "open sesame").await.unwrap(), "anna@athens.test"));
    assert!(is(&scram(&town.directory, "Anna", "open sesame").await.unwrap(), "anna@athens.test"));
    assert_eq!(scram(&town.directory, "anna@athens.test", "open sesam").await, None);
    assert_eq!(scram(&town.directory, "nobody@athens.test", "open sesame").await, None);
    let keys = async |directory: &Directory, user: &str| {
        directory.sign_in(&Request::ScramKeys { user: user.to_owned() }).await.unwrap()
    };
    let reopened = place.open(trusting()).await;
    assert_eq!(keys(&town.directory, "nobody").await, keys(&reopened, "Nobody").await, "strangers' keys are stable");
    assert_ne!(keys(&town.directory, "nobody").await, keys(&town.directory, "noone").await);
    // Whoever exists has one salt under every spelling; so has whoever does not.
    for (user, spellings) in [
        ("anna", ["ANNA", "Anna@athens.test", "anna@ATHENS.Test", "\"anna\"@athens.test"]),
        ("nobody", ["NOBODY", "Nobody@athens.test", "nobody@ATHENS.Test", "\"nobody\"@athens.test"]),
        ("ώ", ["Ώ", "ω\u{301}", "ω\u{301}@athens.test", "Ω\u{301}@Athens.test"]),
    ] {
        let known = keys(&town.directory, user).await;
        for spelling in spellings {
            assert_eq!(keys(&town.directory, spelling).await, known, "{spelling}");
        }
    }
}

pub async fn many_at_once_are_all_answered(place: Place) {
    let town = place.town(trusting()).await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..24 {
        let directory = town.directory.clone();
        let password = if number % 3 == 0 { "wrong" } else { "open sesame" };
        let request = Request::password(b"anna", password.as_bytes(), "PLAIN").unwrap();
        tasks.spawn(async move { (number, directory.sign_in(&request).await.unwrap()) });
    }
    while let Some(result) = tasks.join_next().await {
        let (number, answer) = result.unwrap();
        assert_eq!(matches!(answer, SignIn::Accepted(_)), number % 3 != 0, "{number}");
    }
}

#[derive(Default)]
struct Notes(Mutex<Vec<Event>>);

impl Journal for Notes {
    fn record(&self, entry: Entry) {
        assert!(entry.session.is_some());
        self.0.lock().unwrap().push(entry.event);
    }
}

/// One budget, whatever is spoken at the door.
pub async fn one_guard_for_all_doors(place: Place) {
    let town = place.town(trusting()).await;
    let (guard, notes) = (SignInGuard::with(3, Duration::ZERO), Notes::default());
    let knock = |service, peer: &str| {
        let peer: IpAddr = peer.parse().unwrap();
        Knock { journal: &notes, service, session: SessionId::random(), peer }
    };
    let guess = async |service, peer: &str, user: &str, password: &str| {
        let (user, password) = (user.to_owned(), secret(password));
        let request = Request::Password { user, password, authorize_as: None, mechanism: "PLAIN" };
        guard.sign_in(&town.directory, knock(service, peer), &request).await
    };
    assert!(is(&guess(Service::Imaps, "192.0.2.1", "anna", "open sesame").await, "anna@athens.test"));
    let refused = SignIn::Refused(Refusal::Credentials);
    let long = format!("a\r\n\u{1b}[31m{}", "x".repeat(999));
    assert_eq!(guess(Service::Submission, "192.0.2.1", &long, "x").await, refused);
    assert_eq!(guess(Service::Pop3s, "192.0.2.1", "anna", "x").await, refused);
    guard.failed(knock(Service::Imap, "192.0.2.1"), "b\u{7}c", "SCRAM-SHA-256", &Refusal::Credentials).await;
    let later = SignIn::Refused(Refusal::Temporary);
    for service in [Service::Submissions, Service::Imaps, Service::Pop3] {
        assert_eq!(guess(service, "192.0.2.1", "anna", "open sesame").await, later, "{service:?}");
    }
    // A proof that was begun before is judged; another address has its own budget.
    let proved = Request::Proved { user: "anna".to_owned(), authorize_as: None, mechanism: "SCRAM-SHA-256" };
    let proved = guard.sign_in(&town.directory, knock(Service::Imaps, "192.0.2.1"), &proved).await;
    assert!(is(&proved, "anna@athens.test"));
    assert!(is(&guess(Service::Imaps, "192.0.2.2", "anna", "open sesame").await, "anna@athens.test"));
    let events = std::mem::take(&mut *notes.0.lock().unwrap());
    let users: Vec<&str> = events
        .iter()
        .filter_map(|event| match event {
            Event::SignInRefused { user, .. } => Some(user.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(users.len(), 6);
    assert_eq!((users[0].len(), users[0].starts_with("a[31mx"), users[2]), (255, true, "bc"));
    assert_eq!(events.iter().filter(|event| event.name() == "limited").count(), 1);
    assert_eq!(events.iter().filter(|event| event.name() == "signed-in").count(), 3);
}
