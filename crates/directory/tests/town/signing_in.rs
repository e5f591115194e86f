//! Who is who.

use directory::{Directory, Error, SignIn};
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
