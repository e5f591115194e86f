//! Who gets a letter, and who may send one.

use directory::{Error, Lookup, RelayAllowed, Senders, Settings, Step, Target, limits};

use crate::house::{Place, Town, address, domain, is, secret, show, suspicious, trusting};

pub async fn addresses_are_looked_up(place: Place) {
    let town = place.town(trusting()).await;
    for (asked, found) in [
        ("anna@athens.test", "anna@athens.test#1"),
        ("ANNA@Athens.TEST", "anna@athens.test#1"),
        ("\"anna\"@athens.test", "anna@athens.test#1"),
        ("anna+Lists@athens.test", "anna@athens.test#1+lists"),
        ("anna+@athens.test", "anna@athens.test#1+"),
        ("kostas@athens.test", "kostas@athens.test#2"),
        ("nobody@athens.test", "unknown"),
        ("+anna@athens.test", "unknown"),
        ("anna@patras.test", "unknown"),
        ("anna@elsewhere.test", "foreign"),
        ("anna@[127.0.0.1]", "foreign"),
        ("postmaster@athens.test", "anna@athens.test#1"),
        ("PostMaster@athens.test", "anna@athens.test#1"),
        ("abuse@athens.test", "anna@athens.test#1"),
        ("postmaster@patras.test", "anna@athens.test#1"),
        ("MAILER-DAEMON@athens.test", "anna@athens.test#1"),
        ("postmaster@elsewhere.test", "foreign"),
        ("hostmaster@athens.test", "unknown"),
    ] {
        assert_eq!(town.look(asked).await, found, "{asked}");
        assert_eq!(town.look(asked).await, found, "{asked} from memory");
    }
    assert!(town.directory.is_local(&domain("athens.test")).await.unwrap());
    assert!(!town.directory.is_local(&domain("elsewhere.test")).await.unwrap());
    assert!(!town.directory.is_local(&domain("elsewhere.test")).await.unwrap(), "from memory");
    assert_eq!(show(&town.directory.postmaster().await.unwrap()), "anna@athens.test#1");
}

pub async fn local_parts_of_other_alphabets(place: Place) {
    let town = place.town(trusting()).await;
    town.directory.add_account(&address("Ελένη@athens.test"), &secret("μυστικό")).await.unwrap();
    assert_eq!(town.look("ΕΛΈΝΗ@athens.test").await, "ελένη@athens.test#3");
    assert_eq!(town.look("ελε\u{301}νη+α@athens.test").await, "ελένη@athens.test#3+α");
    assert!(is(&town.sign_in("ΕΛΈΝΗ@athens.test", "μυστικό", None).await, "ελένη@athens.test"));
}

pub async fn aliases_lead_on(place: Place) {
    let town = place.town(trusting()).await;
    town.alias("team@athens.test", &["anna@athens.test", "KOSTAS@athens.test"]).await.unwrap();
    town.alias("all@patras.test", &["team@athens.test", "anna@athens.test", "Boss@Elsewhere.test"]).await.unwrap();
    town.alias("anna@athens.test", &["anna@athens.test", "copy@elsewhere.test"]).await.unwrap();
    town.alias("kostas@athens.test", &["kostas@elsewhere.test"]).await.unwrap();
    for (asked, found) in [
        ("anna@athens.test", "anna@athens.test#1 ->copy@elsewhere.test"),
        ("anna+x@athens.test", "anna@athens.test#1+x ->copy@elsewhere.test"),
        ("kostas@athens.test", "->kostas@elsewhere.test"),
        ("team@athens.test", "anna@athens.test#1 ->copy@elsewhere.test ->kostas@elsewhere.test"),
        ("Team+x@athens.test", "anna@athens.test#1+x ->copy@elsewhere.test ->kostas@elsewhere.test"),
    ] {
        assert_eq!(town.look(asked).await, found, "{asked}");
    }
    let all = town.look("all@patras.test").await;
    let mut all: Vec<&str> = all.split(' ').collect();
    all.sort_unstable();
    assert_eq!(
        all,
        ["->Boss@elsewhere.test", "->copy@elsewhere.test", "->kostas@elsewhere.test", "anna@athens.test#1"],
        "each once, and a foreign local part to the letter"
    );
}

pub async fn circles_end(place: Place) {
    let town = place.town(trusting()).await;
    town.alias("a@athens.test", &["x@elsewhere.test"]).await.unwrap();
    town.alias("b@athens.test", &["a@athens.test"]).await.unwrap();
    town.alias("a@athens.test", &["b@athens.test", "a@athens.test"]).await.unwrap();
    assert_eq!(town.look("a@athens.test").await, "->x@elsewhere.test");
    assert_eq!(town.look("b@athens.test").await, "->x@elsewhere.test");
    let source = "a@athens.test".parse().unwrap();
    town.directory.remove_alias(&source, Some(&address("x@elsewhere.test"))).await.unwrap();
    assert_eq!(town.look("a@athens.test").await, "unknown", "a circle leads nowhere");
}

pub async fn a_catch_all_takes_what_nobody_has(place: Place) {
    let town = place.town(trusting()).await;
    town.alias("@athens.test", &["kostas@athens.test"]).await.unwrap();
    town.alias("@patras.test", &["anything@elsewhere.test"]).await.unwrap();
    for (asked, found) in [
        ("anna@athens.test", "anna@athens.test#1"),
        ("whoever@athens.test", "kostas@athens.test#2"),
        ("postmaster@athens.test", "kostas@athens.test#2"),
        ("whoever@patras.test", "->anything@elsewhere.test"),
    ] {
        assert_eq!(town.look(asked).await, found, "{asked}");
    }
    let error = town.alias("x3@athens.test", &["X3@athens.test"]).await.unwrap_err();
    assert!(matches!(error, Error::NoAccount(_)), "what the catch-all has is no account: {error}");
    assert_eq!(town.look("x3@athens.test").await, "kostas@athens.test#2");
    town.alias("anna@athens.test", &["anna@athens.test", "copy@elsewhere.test"]).await.unwrap();
    assert_eq!(town.look("anna@athens.test").await, "anna@athens.test#1 ->copy@elsewhere.test");
}

pub async fn postmaster_goes_where_the_operator_says(place: Place) {
    let settings = Settings { postmaster: Some(address("kostas@athens.test")), ..trusting() };
    let directory = place.open(settings).await;
    assert_eq!(show(&directory.postmaster().await.unwrap()), "->kostas@athens.test", "not ours yet: outside");
    directory.add_domain(&domain("athens.test")).await.unwrap();
    assert_eq!(directory.lookup(&address("postmaster@athens.test")).await.unwrap(), Lookup::Unknown);
    for name in ["anna@athens.test", "kostas@athens.test"] {
        directory.add_account(&address(name), &secret("password")).await.unwrap();
    }
    let town = Town { directory };
    assert_eq!(town.look("postmaster@athens.test").await, "kostas@athens.test#2");
    assert_eq!(show(&town.directory.postmaster().await.unwrap()), "kostas@athens.test#2");
    town.alias("postmaster@athens.test", &["anna@athens.test"]).await.unwrap();
    assert_eq!(town.look("postmaster@athens.test").await, "anna@athens.test#1");
    assert_eq!(town.look("abuse@athens.test").await, "kostas@athens.test#2");
}

pub async fn relaying_for_an_alias(place: Place) {
    let town = place.town(trusting()).await;
    town.alias("team@athens.test", &["anna@athens.test", "boss@elsewhere.test"]).await.unwrap();
    let Lookup::Local(found) = town.directory.lookup(&address("team@athens.test")).await.unwrap() else {
        panic!("team is local")
    };
    for target in found.targets {
        let allowed = RelayAllowed::for_alias(&target).map(|allowed| allowed.to_string());
        assert_eq!(allowed.is_some(), matches!(target, Target::Remote { .. }), "{target:?}");
    }
}

pub async fn who_may_send_as_whom(place: Place) {
    let town = place.town(trusting()).await;
    town.alias("team@athens.test", &["anna@athens.test", "boss@elsewhere.test"]).await.unwrap();
    town.alias("abuse@athens.test", &["anna@athens.test"]).await.unwrap();
    // What only a catch-all or a role brings to somebody is not his; what an alias says is.
    town.alias("@patras.test", &["anna@athens.test"]).await.unwrap();
    town.alias("over@athens.test", &["any@patras.test"]).await.unwrap();
    town.alias("shop@patras.test", &["anna@athens.test"]).await.unwrap();
    let anna = town.directory.open_as_operator(&address("anna@athens.test")).await.unwrap();
    let kostas = town.directory.open_as_operator(&address("kostas@athens.test")).await.unwrap();
    for (sender, annas, kostass) in [
        ("Anna@athens.test", true, false),
        ("anna+shop@athens.test", true, false),
        ("team@athens.test", true, false),
        ("postmaster@athens.test", false, false),
        ("abuse@athens.test", true, false),
        ("kostas@athens.test", false, true),
        ("nobody@athens.test", false, false),
        ("any@patras.test", false, false),
        ("over@athens.test", false, false),
        ("shop@patras.test", true, false),
        ("anna@elsewhere.test", false, false),
        ("boss@elsewhere.test", false, false),
    ] {
        assert_eq!(town.directory.may_send_as(&anna, &address(sender)).await.unwrap(), annas, "{sender}");
        assert_eq!(town.directory.may_send_as(&kostas, &address(sender)).await.unwrap(), kostass, "{sender}");
    }
}

pub async fn memory_is_corrected(place: Place) {
    let town = place.town(trusting()).await;
    assert_eq!(town.look("new@athens.test").await, "unknown");
    town.directory.add_account(&address("new@athens.test"), &secret("password")).await.unwrap();
    assert_eq!(town.look("new@athens.test").await, "new@athens.test#3", "our own change is seen at once");

    let suspicious = Town { directory: place.open(suspicious()).await };
    assert_eq!(suspicious.look("late@athens.test").await, "unknown");
    town.directory.add_account(&address("late@athens.test"), &secret("password")).await.unwrap();
    assert_eq!(suspicious.look("late@athens.test").await, "late@athens.test#4", "another process's after a check");
    assert!(!suspicious.directory.is_local(&domain("sparta.test")).await.unwrap());
    town.directory.add_domain(&domain("sparta.test")).await.unwrap();
    assert!(suspicious.directory.is_local(&domain("sparta.test")).await.unwrap());
}

pub async fn expansion_is_bounded(place: Place) {
    let town = place.town(trusting()).await;
    let many = |letter: &str, count: usize| -> Vec<String> {
        (0..count).map(|number| format!("{letter}{number}@elsewhere.test")).collect()
    };
    for letter in ["a", "b", "c"] {
        let targets = many(letter, 900);
        let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
        town.alias(&format!("{letter}@athens.test"), &targets).await.unwrap();
    }
    town.alias("two@athens.test", &["a@athens.test", "b@athens.test"]).await.unwrap();
    town.alias("three@athens.test", &["two@athens.test", "c@athens.test"]).await.unwrap();
    assert_eq!(town.look("two@athens.test").await.split(' ').count(), 1800);
    let error = town.directory.lookup(&address("three@athens.test")).await.unwrap_err();
    assert!(matches!(error, Error::Expansion(_)), "{error}");
    let more = many("d", limits::ALIAS_TARGETS_MAX + 1);
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    let error = town.alias("d@athens.test", &more).await.unwrap_err();
    assert!(matches!(error, Error::TooManyTargets), "{error}");
    assert_eq!(town.look("d@athens.test").await, "unknown", "rolled back");
}

pub async fn the_way_is_told(place: Place) {
    let town = place.town(suspicious()).await;
    town.alias("@patras.test", &["anna@athens.test"]).await.unwrap();
    town.alias("team@athens.test", &["kostas@athens.test", "anna@athens.test", "nobody@patras.test"]).await.unwrap();
    let (anna, kostas, boss) = ("anna@athens.test", "kostas@athens.test", "boss@elsewhere.test");
    town.directory.set_forward(&address(kostas), &[address(boss)], false).await.unwrap();
    town.directory.set_moved(&address("gone@athens.test"), &address(boss), false).await.unwrap();
    town.directory.set_moved(&address("left@athens.test"), &address(anna), true).await.unwrap();
    let alias = |source: &str, to: &[&str]| Step::Alias {
        source: source.to_owned(),
        to: to.iter().map(|to| address(to)).collect(),
        owner: None,
        senders: Senders::Anybody,
    };
    let account = |who: &str, forwards: &[&str], keeps| Step::Account {
        address: address(who),
        forwards: forwards.iter().map(|to| address(to)).collect(),
        keeps,
    };
    let moved = |from: &str, to: &str, follows| Step::Moved { from: address(from), to: address(to), follows };
    for (asked, told) in [
        (anna, vec![account(anna, &[], false)]),
        ("ANNA+x@athens.test", vec![account(anna, &[], false)]),
        (kostas, vec![account(kostas, &[boss], false)]),
        ("any@patras.test", vec![alias("@patras.test", &[anna]), account(anna, &[], false)]),
        ("gone@athens.test", vec![moved("gone@athens.test", boss, false)]),
        ("left@athens.test", vec![moved("left@athens.test", anna, true), account(anna, &[], false)]),
        ("nobody@athens.test", vec![]),
        (boss, vec![]),
        (
            "abuse@athens.test",
            vec![Step::Role { address: address("abuse@athens.test"), to: address(anna) }, account(anna, &[], false)],
        ),
    ] {
        let mut found = town.directory.explain(&address(asked)).await.unwrap();
        // What an account keeps that forwards nothing says nothing.
        for step in &mut found {
            if let Step::Account { forwards, keeps, .. } = step {
                *keeps &= !forwards.is_empty();
            }
        }
        assert_eq!(found, told, "{asked}");
    }
    let team = town.directory.explain(&address("team@athens.test")).await.unwrap();
    assert_eq!(team[0], alias("team@athens.test", &[anna, kostas, "nobody@patras.test"]));
    assert!(team.contains(&alias("@patras.test", &[anna])), "{team:?}");
}
