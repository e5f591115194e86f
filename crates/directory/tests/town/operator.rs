//! What the operator does, and what he is told.

use std::sync::{Arc, Mutex};

use directory::{AccountEntry, AliasEntry, AliasSource, DomainEntry, SignIn};
use envelope::{AccountId, Address};
use protocol::sasl::Refusal;
use storage::Transaction;

use crate::house::{Place, address, clock, domain, secret, trusting};

pub async fn what_the_operator_sees(place: Place) {
    let town = place.town(trusting()).await;
    town.alias("team@athens.test", &["kostas@athens.test", "anna@athens.test"]).await.unwrap();
    town.alias("@patras.test", &["anna@athens.test"]).await.unwrap();
    let domains = town.directory.domains().await.unwrap();
    let line = |entry: &DomainEntry| format!("{} {} {}", entry.domain, entry.accounts, entry.aliases);
    assert_eq!(domains.iter().map(line).collect::<Vec<_>>(), ["athens.test 2 1", "patras.test 0 1"]);
    assert_eq!(domains[0].added, clock());
    let accounts = town.directory.accounts(None).await.unwrap();
    let line = |entry: &AccountEntry| format!("{} {}", entry.id.0, entry.address);
    assert_eq!(accounts.iter().map(line).collect::<Vec<_>>(), ["1 anna@athens.test", "2 kostas@athens.test"]);
    assert!(town.directory.accounts(Some(&domain("patras.test"))).await.unwrap().is_empty());
    let aliases = town.directory.aliases(None).await.unwrap();
    let line = |entry: &AliasEntry| {
        format!("{} {}", entry.source, entry.targets.iter().map(Address::to_string).collect::<Vec<_>>().join(" "))
    };
    assert_eq!(
        aliases.iter().map(line).collect::<Vec<_>>(),
        ["team@athens.test anna@athens.test kostas@athens.test", "@patras.test anna@athens.test"]
    );
    assert_eq!(town.directory.aliases(Some(&domain("patras.test"))).await.unwrap().len(), 1);
}

pub async fn removing(place: Place) {
    let town = place.town(trusting()).await;
    let anna = address("anna@athens.test");
    town.alias("team@athens.test", &["kostas@athens.test", "anna@athens.test"]).await.unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let removed = town.directory.remove_account(&anna, move |_, id| {
        tell.lock().unwrap().push(id);
        Ok(())
    });
    assert_eq!(removed.await.unwrap(), AccountId(1));
    assert_eq!(*told.lock().unwrap(), [AccountId(1)]);
    assert_eq!(town.look("anna@athens.test").await, "unknown");
    assert_eq!(town.look("team@athens.test").await, "kostas@athens.test#2");
    assert_eq!(town.sign_in("anna", "open sesame", None).await, SignIn::Refused(Refusal::Credentials));
    let back = town.directory.add_account(&anna, &secret("open sesame")).await.unwrap();
    assert_eq!(back, AccountId(3), "a number never comes back");

    let failing = town.directory.remove_account(&anna, |_, _| Err(storage::Error::Refused("mail is stuck".to_owned())));
    assert_eq!(failing.await.unwrap_err().to_string(), "mail is stuck");
    assert_eq!(town.look("anna@athens.test").await, "anna@athens.test#3", "all or nothing");

    town.directory.remove_alias(&"Team@athens.test".parse().unwrap(), None).await.unwrap();
    assert_eq!(town.look("team@athens.test").await, "unknown");
    town.directory.remove_domain(&domain("patras.test")).await.unwrap();
    assert_eq!(town.look("postmaster@patras.test").await, "foreign");
}

pub async fn errors_say_what_to_do(place: Place) {
    let town = place.town(trusting()).await;
    town.alias("team@athens.test", &["anna@athens.test"]).await.unwrap();
    let d = &town.directory;
    let password = secret("password");
    let keep = |_: &dyn Transaction, _: AccountId| Ok(());
    let alias = |text: &str| text.parse::<AliasSource>().unwrap();
    for (error, words) in [
        (d.add_domain(&domain("athens.test")).await.unwrap_err(), "athens.test is here already"),
        (d.remove_domain(&domain("sparta.test")).await.unwrap_err(), "`angelia domain add sparta.test`"),
        (d.remove_domain(&domain("athens.test")).await.unwrap_err(), "still has 2 accounts and 1 aliases"),
        (d.add_account(&address("a@sparta.test"), &password).await.unwrap_err(), "`angelia domain add sparta.test`"),
        (d.add_account(&address("ANNA@athens.test"), &password).await.unwrap_err(), "angelia account password anna@"),
        (d.add_account(&address("team@athens.test"), &password).await.unwrap_err(), "alias remove team@athens.test"),
        (d.add_account(&address("a@[127.0.0.1]"), &password).await.unwrap_err(), "an IP address"),
        (d.add_account(&address("x@athens.test"), &secret("")).await.unwrap_err(), "empty"),
        (d.set_password(&address("x@athens.test"), &password).await.unwrap_err(), "angelia account add x@"),
        (d.set_password(&address("anna@athens.test"), &secret("a\0b")).await.unwrap_err(), "NUL"),
        (d.remove_account(&address("x@athens.test"), keep).await.unwrap_err(), "no account x@athens.test"),
        (d.accounts(Some(&domain("sparta.test"))).await.unwrap_err(), "no domain sparta.test"),
        (d.remove_alias(&alias("x@athens.test"), None).await.unwrap_err(), "no alias x@athens.test"),
        (town.alias("x@athens.test", &["y@athens.test"]).await.unwrap_err(), "y@athens.test is in a domain of ours"),
        (town.alias("x@athens.test", &["x@athens.test"]).await.unwrap_err(), "no account x@athens.test"),
        (town.alias("@sparta.test", &["anna@athens.test"]).await.unwrap_err(), "no domain sparta.test"),
        (
            d.remove_alias(&alias("team@athens.test"), Some(&address("kostas@athens.test"))).await.unwrap_err(),
            "team@athens.test does not lead to kostas@athens.test",
        ),
    ] {
        assert!(error.to_string().contains(words), "{error} lacks {words}");
    }
    assert_eq!(town.look("x@athens.test").await, "unknown", "nothing came of it");
}
