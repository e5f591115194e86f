//! Groups, forwards, people who moved, and addresses that stand for foreign senders.

use std::sync::Arc;

use directory::{Gate, Lookup, RelayAllowed, Senders, Settings, Target, Terms};
use envelope::{Address, ReversePath};

use crate::house::{Place, Town, address, domain, secret, trusting};

async fn forward(town: &Town, account: &str, targets: &[&str], keeps: bool) -> Result<(), String> {
    let targets: Vec<Address> = targets.iter().map(|text| address(text)).collect();
    town.directory.set_forward(&address(account), &targets, keeps).await.map_err(|error| error.to_string())
}

async fn group(town: &Town, source: &str, targets: &[&str], owner: Option<&str>, senders: Senders) {
    let targets: Vec<Address> = targets.iter().map(|text| address(text)).collect();
    let terms = Terms { owner: Some(owner.map(address)), senders: Some(senders) };
    town.directory.add_group(&source.parse().unwrap(), &targets, &terms).await.unwrap();
}

async fn gate(town: &Town, text: &str) -> Option<Arc<Gate>> {
    match town.directory.lookup(&address(text)).await.unwrap() {
        Lookup::Local(found) => found.gate,
        other => panic!("{text}: {other:?}"),
    }
}

/// Who sends each copy on, and under whose address.
async fn ways(town: &Town, text: &str) -> Vec<String> {
    let Lookup::Local(found) = town.directory.lookup(&address(text)).await.unwrap() else { panic!("{text} is here") };
    let show = |owner: &Option<Address>| owner.as_ref().map(|owner| format!(" for {owner}")).unwrap_or_default();
    let word = |target: &Target| match target {
        Target::Account { address, owner, .. } => format!("{address}{}", show(owner)),
        Target::Remote { address, by, owner, .. } => format!("{by} -> {address}{}", show(owner)),
    };
    found.targets.iter().map(word).collect()
}

pub async fn letters_go_on(place: Place) {
    let town = place.town(trusting()).await;
    assert_eq!(forward(&town, "Anna@athens.test", &["anna@elsewhere.test", "kostas@athens.test"], false).await, Ok(()));
    assert_eq!(
        ways(&town, "anna+x@athens.test").await,
        ["anna@athens.test -> anna@elsewhere.test", "kostas@athens.test"]
    );
    forward(&town, "anna@athens.test", &["Anna@Elsewhere.test"], true).await.unwrap();
    assert_eq!(ways(&town, "anna@athens.test").await, ["anna@athens.test", "anna@athens.test -> Anna@elsewhere.test"]);
    assert_eq!(town.look("anna+x@athens.test").await, "anna@athens.test#1+x ->Anna@elsewhere.test");
    // Postmaster is anna, who is the oldest.
    assert_eq!(ways(&town, "postmaster@athens.test").await.len(), 2);
    let entries = town.directory.forwards(None).await.unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!((entries[0].account.to_string().as_str(), entries[0].keeps), ("anna@athens.test", true));
    assert_eq!(entries[0].targets, [address("Anna@elsewhere.test")]);
    assert_eq!(town.directory.forwards(Some(&domain("patras.test"))).await.unwrap(), []);
    forward(&town, "anna@athens.test", &[], false).await.unwrap();
    assert_eq!(town.look("anna@athens.test").await, "anna@athens.test#1");

    for (account, targets, word) in [
        ("anna@athens.test", vec!["Anna@athens.test"], "cannot forward to itself"),
        ("anna@athens.test", vec!["nobody@athens.test"], "neither an account nor an alias"),
        ("nobody@athens.test", vec!["a@b.test"], "there is no account"),
    ] {
        let error = forward(&town, account, &targets, true).await.unwrap_err();
        assert!(error.contains(word), "{error}");
    }
    let many: Vec<String> = (0..21).map(|n| format!("a{n}@b.test")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(forward(&town, "anna@athens.test", &many, true).await.unwrap_err().contains("20 addresses at most"));
    assert_eq!(town.look("anna@athens.test").await, "anna@athens.test#1", "what was refused changed nothing");
}

pub async fn forwards_lose_nothing(place: Place) {
    let town = place.town(trusting()).await;
    // A circle ends in the mailbox where it would begin again.
    forward(&town, "anna@athens.test", &["kostas@athens.test"], false).await.unwrap();
    forward(&town, "kostas@athens.test", &["anna@athens.test"], false).await.unwrap();
    assert_eq!(town.look("anna@athens.test").await, "anna@athens.test#1");
    assert_eq!(town.look("kostas@athens.test").await, "kostas@athens.test#2");
    town.alias("both@athens.test", &["anna@athens.test", "kostas@athens.test", "c@d.test"]).await.unwrap();
    assert_eq!(town.look("both@athens.test").await, "anna@athens.test#1 ->c@d.test");
    // Through an alias it is the same.
    forward(&town, "anna@athens.test", &["both@athens.test"], false).await.unwrap();
    assert_eq!(town.look("anna@athens.test").await, "anna@athens.test#1 ->c@d.test");
    forward(&town, "kostas@athens.test", &[], false).await.unwrap();
    // Two ways to one who forwards: he has forwarded, and no more.
    forward(&town, "anna@athens.test", &["x@y.test"], false).await.unwrap();
    town.alias("all@athens.test", &["both@athens.test", "anna@athens.test"]).await.unwrap();
    assert_eq!(town.look("all@athens.test").await, "->x@y.test ->c@d.test kostas@athens.test#2");
    // Where the forward leads is gone: the letter stays.
    town.alias("gone@athens.test", &["kostas@athens.test"]).await.unwrap();
    forward(&town, "anna@athens.test", &["gone@athens.test"], false).await.unwrap();
    town.directory.remove_alias(&"gone@athens.test".parse().unwrap(), None).await.unwrap();
    assert_eq!(town.look("anna@athens.test").await, "anna@athens.test#1");
    // An account that goes takes its forwards along, and the forwards to it.
    forward(&town, "anna@athens.test", &["kostas@athens.test"], false).await.unwrap();
    forward(&town, "kostas@athens.test", &["k@d.test"], false).await.unwrap();
    town.directory.remove_account(&address("kostas@athens.test"), |_, _| Ok(())).await.unwrap();
    assert_eq!(town.look("anna@athens.test").await, "anna@athens.test#1");
    assert_eq!(town.directory.forwards(None).await.unwrap(), []);
    // The next one of that name is somebody else.
    town.directory.add_account(&address("kostas@athens.test"), &secret("x")).await.unwrap();
    assert_eq!(town.look("kostas@athens.test").await, "kostas@athens.test#3");
}

pub async fn whose_address_it_stays(place: Place) {
    let town = place.town(trusting()).await;
    forward(&town, "anna@athens.test", &["kostas@athens.test", "anna@elsewhere.test"], false).await.unwrap();
    let directory::SignIn::Accepted(anna) = town.sign_in("anna@athens.test", "open sesame", None).await else {
        panic!("anna signs in")
    };
    let directory::SignIn::Accepted(kostas) = town.sign_in("kostas@athens.test", "σουσάμι", None).await else {
        panic!("kostas signs in")
    };
    assert!(town.directory.may_send_as(&anna, &address("anna+x@athens.test")).await.unwrap());
    assert!(!town.directory.may_send_as(&kostas, &address("anna@athens.test")).await.unwrap());
}

pub async fn groups_have_owners(place: Place) {
    let town = place.town(trusting()).await;
    let targets = ["kostas@athens.test", "maria@elsewhere.test"];
    group(&town, "list@athens.test", &targets, Some("Anna@athens.test"), Senders::Anybody).await;
    assert_eq!(
        ways(&town, "list@athens.test").await,
        ["kostas@athens.test for anna@athens.test", "list@athens.test -> maria@elsewhere.test for anna@athens.test"]
    );
    // A list within a list has its own; a plain alias within it has not.
    town.alias("plain@athens.test", &["p@elsewhere.test"]).await.unwrap();
    let targets = ["list@athens.test", "plain@athens.test"];
    group(&town, "outer@athens.test", &targets, Some("boss@elsewhere.test"), Senders::Anybody).await;
    assert_eq!(
        ways(&town, "outer@athens.test").await,
        [
            "kostas@athens.test for anna@athens.test",
            "list@athens.test -> maria@elsewhere.test for anna@athens.test",
            "plain@athens.test -> p@elsewhere.test for boss@elsewhere.test",
        ]
    );
    let listed = town.directory.aliases(None).await.unwrap();
    let list = listed.iter().find(|entry| entry.source.to_string() == "list@athens.test").unwrap();
    assert_eq!((list.owner.clone(), list.senders), (Some(address("anna@athens.test")), Senders::Anybody));
    assert_eq!(
        town.directory.members(&address("List@athens.test")).await.unwrap(),
        Some(vec![address("kostas@athens.test"), address("maria@elsewhere.test")])
    );
    assert_eq!(town.directory.members(&address("anna@athens.test")).await.unwrap(), None);

    let source = "list@athens.test".parse().unwrap();
    town.directory.set_group(&source, &Terms { owner: Some(None), senders: None }).await.unwrap();
    assert_eq!(ways(&town, "list@athens.test").await[0], "kostas@athens.test");
    let nobody = Terms { owner: Some(Some(address("nobody@athens.test"))), senders: None };
    assert!(town.directory.set_group(&source, &nobody).await.unwrap_err().to_string().contains("neither an account"));
    let none = "none@athens.test".parse().unwrap();
    assert!(town.directory.set_group(&none, &Terms::default()).await.unwrap_err().to_string().contains("no alias"));
    let whole = "@athens.test".parse().unwrap();
    let terms = Terms { owner: None, senders: Some(Senders::Local) };
    let error = town.directory.add_group(&whole, &[address("anna@athens.test")], &terms).await.unwrap_err();
    assert!(error.to_string().contains("is no group"), "{error}");
    assert_eq!(town.look("other@athens.test").await, "unknown", "what was refused changed nothing");
    // Terms go with the last target; an alias of the same name begins without.
    town.directory.set_group(&source, &terms).await.unwrap();
    town.directory.remove_alias(&source, None).await.unwrap();
    town.alias("list@athens.test", &["kostas@athens.test"]).await.unwrap();
    assert_eq!(gate(&town, "list@athens.test").await, None);
}

pub async fn who_may_write_to_a_group(place: Place) {
    let town = place.town(trusting()).await;
    let targets = ["kostas@athens.test", "Maria@elsewhere.test"];
    group(&town, "local@athens.test", &targets, None, Senders::Local).await;
    group(&town, "members@athens.test", &targets, Some("anna@athens.test"), Senders::Members).await;
    forward(&town, "kostas@athens.test", &["k@far.test"], false).await.unwrap();
    town.alias("kk@athens.test", &["kostas@athens.test"]).await.unwrap();
    town.directory.add_account(&address("petros@athens.test"), &secret("x")).await.unwrap();
    for (to, from, ours, may) in [
        ("local@athens.test", "kostas@athens.test", true, true),
        ("local@athens.test", "kostas@athens.test", false, false),
        ("local@athens.test", "maria@elsewhere.test", false, false),
        ("local@athens.test", "", true, true),
        ("members@athens.test", "kostas@athens.test", true, true),
        ("members@athens.test", "kostas+x@athens.test", true, true),
        ("members@athens.test", "kk@athens.test", true, true),
        ("members@athens.test", "kostas@athens.test", false, false),
        ("members@athens.test", "anna@athens.test", true, true),
        ("members@athens.test", "petros@athens.test", true, false),
        ("members@athens.test", "maria@Elsewhere.test", false, true),
        ("members@athens.test", "stranger@elsewhere.test", false, false),
        ("members@athens.test", "stranger@elsewhere.test", true, false),
        ("members@athens.test", "", false, false),
        ("members@athens.test", "", true, false),
    ] {
        let path = if from.is_empty() { ReversePath::Null } else { ReversePath::Address(address(from)) };
        let gate = gate(&town, to).await.unwrap();
        assert_eq!(town.directory.may_write_to(&gate, &path, ours).await.unwrap(), may, "{from} {ours} to {to}");
    }
    // What an open alias leads to, its operator wanted.
    town.alias("open@athens.test", &["members@athens.test"]).await.unwrap();
    assert_eq!(gate(&town, "open@athens.test").await, None);
    assert_eq!(gate(&town, "members+x@athens.test").await.unwrap().senders, Senders::Members);
    for (word, senders) in [("anybody", Senders::Anybody), ("LOCAL", Senders::Local), ("members", Senders::Members)] {
        assert_eq!(word.parse(), Ok(senders));
        assert_eq!(senders.to_string(), word.to_lowercase());
    }
    assert!("all".parse::<Senders>().is_err());
}

pub async fn people_move(place: Place) {
    let town = place.town(trusting()).await;
    let moved = |from: &'static str, to: &'static str, forwards| {
        let directory = town.directory.clone();
        async move { directory.set_moved(&address(from), &address(to), forwards).await.map_err(|e| e.to_string()) }
    };
    moved("Maria@athens.test", "maria@elsewhere.test", false).await.unwrap();
    assert_eq!(town.look("maria+x@athens.test").await, "moved to maria@elsewhere.test");
    moved("maria@athens.test", "maria@elsewhere.test", true).await.unwrap();
    assert_eq!(ways(&town, "maria@athens.test").await, ["maria@athens.test -> maria@elsewhere.test"]);
    let Lookup::Local(found) = town.directory.lookup(&address("maria@athens.test")).await.unwrap() else { panic!() };
    assert_eq!(found.moved_to, Some(address("maria@elsewhere.test")));
    // An alias leads to where somebody went, whether or not strangers are carried there.
    moved("anna@athens.test", "Kostas@athens.test", false).await.unwrap();
    assert_eq!(town.look("anna@athens.test").await, "moved to kostas@athens.test");
    town.alias("team@athens.test", &["anna@athens.test", "maria@athens.test"]).await.unwrap();
    assert_eq!(town.look("team@athens.test").await, "kostas@athens.test#2 ->maria@elsewhere.test");
    let Lookup::Local(found) = town.directory.lookup(&address("team@athens.test")).await.unwrap() else { panic!() };
    assert_eq!(found.moved_to, None);
    // To each other: nobody is lost.
    moved("kostas@athens.test", "anna@athens.test", true).await.unwrap();
    moved("anna@athens.test", "kostas@athens.test", true).await.unwrap();
    assert_eq!(town.look("anna@athens.test").await, "anna@athens.test#1");
    town.directory.unset_moved(&address("anna@athens.test")).await.unwrap();
    town.directory.unset_moved(&address("kostas@athens.test")).await.unwrap();
    assert_eq!(town.look("anna@athens.test").await, "anna@athens.test#1");

    let listed = town.directory.moved(None).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].from.to_string().as_str(), listed[0].forwards), ("maria@athens.test", true));
    for (from, to, word) in [
        ("x@nowhere.test", "a@b.test", "there is no domain"),
        ("x@athens.test", "nobody@athens.test", "neither an account"),
        ("anna@athens.test", "Anna@athens.test", "moved to itself"),
    ] {
        let error = moved(from, to, true).await.unwrap_err();
        assert!(error.contains(word), "{error}");
    }
    let error = town.directory.add_account(&address("maria@athens.test"), &secret("x")).await.unwrap_err();
    assert!(error.to_string().contains("has moved to maria@elsewhere.test"), "{error}");
    let error = town.alias("maria@athens.test", &["anna@athens.test"]).await.unwrap_err();
    assert!(error.to_string().contains("--off"), "{error}");
    let error = town.directory.unset_moved(&address("anna@athens.test")).await.unwrap_err();
    assert!(error.to_string().contains("nobody has moved"), "{error}");
    // A domain that goes takes them along.
    moved("x@patras.test", "a@b.test", true).await.unwrap();
    town.directory.remove_domain(&domain("patras.test")).await.unwrap();
    assert_eq!(town.directory.moved(None).await.unwrap().len(), 1);
}

pub async fn senders_are_rewritten(place: Place) {
    let town = place.town(trusting()).await;
    let path = |text: &str| ReversePath::Address(address(text));
    let by = address("anna@athens.test");
    let onward = async |from: ReversePath, owner: Option<&str>| {
        town.directory.onward_path(&from, owner.map(address).as_ref(), &by).await.unwrap()
    };
    assert_eq!(onward(ReversePath::Null, None).await, ReversePath::Null);
    assert_eq!(onward(ReversePath::Null, Some("boss@x.test")).await, ReversePath::Null);
    assert_eq!(onward(path("kostas@athens.test"), None).await, path("kostas@athens.test"));
    assert_eq!(onward(path("a@patras.test"), None).await, path("a@patras.test"), "a domain of ours");
    assert_eq!(onward(path("a@x.test"), Some("anna@athens.test")).await, path("anna@athens.test"));
    let rewritten = onward(path("Joe@x.test"), None).await;
    let ours = rewritten.address().unwrap().clone();
    assert!(ours.to_string().starts_with("SRS0=") && ours.to_string().ends_with("=x.test=Joe@athens.test"), "{ours}");
    let owned = onward(path("joe@x.test"), Some("boss@y.test")).await.to_string();
    assert!(owned.ends_with("=y.test=boss@athens.test"), "{owned}");

    // It comes back under every domain of ours, whoever asks, and whatever a catch-all says.
    town.alias("@athens.test", &["anna@athens.test"]).await.unwrap();
    assert_eq!(town.look(&ours.to_string()).await, "back to Joe@x.test");
    assert_eq!(town.look(&ours.to_string().to_lowercase()).await, "back to joe@x.test");
    assert_eq!(town.look(&ours.to_string().replace("athens", "patras")).await, "back to Joe@x.test");
    assert_eq!(town.look(&ours.to_string().replace("athens", "nowhere")).await, "foreign");
    assert_eq!(town.look(&ours.to_string().replace("Joe", "Jim")).await, "the forwarding address was not made here");
    assert_eq!(town.look("srs0=x@athens.test").await, "the forwarding address is not whole");
    let Lookup::Returning(returning) = town.directory.lookup(&ours).await.unwrap() else { panic!("{ours}") };
    assert_eq!(RelayAllowed::for_returning(&returning).to_string(), "notice to a sender");

    // Another process on the same store knows them too; a domain may be named, or the scheme left alone.
    let named = Settings { srs_domain: Some(domain("fwd.test")), ..trusting() };
    let other = place.open(named).await;
    let elsewhere = other.onward_path(&path("Joe@x.test"), None, &by).await.unwrap().address().unwrap().clone();
    assert_eq!(elsewhere.to_string(), ours.to_string().replace("athens", "fwd"));
    assert!(matches!(other.lookup(&elsewhere).await.unwrap(), Lookup::Returning(_)));
    assert!(matches!(other.lookup(&ours).await.unwrap(), Lookup::Returning(_)));
    let plain = place.open(Settings { srs: false, ..trusting() }).await;
    assert_eq!(plain.onward_path(&path("Joe@x.test"), None, &by).await.unwrap(), path("Joe@x.test"));
    assert!(matches!(plain.lookup(&ours).await.unwrap(), Lookup::Returning(_)), "what is out there comes back");
}
