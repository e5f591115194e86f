//! The whole directory on the real embedded store.

use std::time::Duration;

use protocol::sasl::client::{Client, Scram};
use protocol::sasl::{Exchange, Next, Refusal, Request, Secret};
use tempfile::TempDir;

use super::*;

/// A directory with athens.test (anna, kostas) and patras.test (nobody yet).
struct Town {
    directory: Directory,
    folder: TempDir,
}

fn clock() -> Timestamp {
    Timestamp(1_700_000_000_000)
}

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn domain(text: &str) -> Domain {
    Domain::parse(text).unwrap()
}

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

async fn open(folder: &TempDir, settings: Settings) -> Directory {
    let store = Store::open_embedded(folder.path(), &[MIGRATIONS]).await.unwrap();
    Directory::open(store, settings, clock).await.unwrap()
}

/// Memory is never believed, so that a change by another process is seen at once.
fn suspicious() -> Settings {
    Settings { stale_max: Duration::ZERO, ..Settings::default() }
}

/// Memory is always believed.
fn trusting() -> Settings {
    Settings { stale_max: Duration::from_secs(3600), ..Settings::default() }
}

impl Town {
    async fn new(settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let directory = open(&folder, settings).await;
        directory.add_domain(&domain("athens.test")).await.unwrap();
        directory.add_domain(&domain("patras.test")).await.unwrap();
        directory.add_account(&address("Anna@athens.test"), &secret("open sesame")).await.unwrap();
        directory.add_account(&address("kostas@athens.test"), &secret("σουσάμι")).await.unwrap();
        Self { directory, folder }
    }

    async fn alias(&self, source: &str, targets: &[&str]) -> Result<(), Error> {
        let targets: Vec<Address> = targets.iter().map(|text| address(text)).collect();
        self.directory.add_alias(&source.parse().unwrap(), &targets).await
    }

    /// What an address leads to, in one word each.
    async fn look(&self, text: &str) -> String {
        show(&self.directory.lookup(&address(text)).await.unwrap())
    }

    async fn sign_in(&self, user: &str, password: &str, authorize_as: Option<&str>) -> SignIn {
        let authorize_as = authorize_as.map(str::to_owned);
        let request =
            Request::Password { user: user.to_owned(), password: secret(password), authorize_as, mechanism: "PLAIN" };
        self.directory.sign_in(&request).await.unwrap()
    }
}

fn show(lookup: &Lookup) -> String {
    let target = |target: &Target| match target {
        Target::Account { id, address, detail: None } => format!("{address}#{}", id.0),
        Target::Account { id, address, detail: Some(detail) } => format!("{address}#{}+{detail}", id.0),
        Target::Remote(address) => format!("->{address}"),
    };
    match lookup {
        Lookup::Foreign => "foreign".to_owned(),
        Lookup::Unknown => "unknown".to_owned(),
        Lookup::Local(targets) => targets.iter().map(target).collect::<Vec<_>>().join(" "),
    }
}

fn is(signed_in: &SignIn, who: &str) -> bool {
    matches!(signed_in, SignIn::Accepted(found) if found.address() == &address(who))
}

#[tokio::test]
async fn addresses_are_looked_up() {
    let town = Town::new(trusting()).await;
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

#[tokio::test]
async fn local_parts_of_other_alphabets() {
    let town = Town::new(trusting()).await;
    town.directory.add_account(&address("Ελένη@athens.test"), &secret("μυστικό")).await.unwrap();
    assert_eq!(town.look("ΕΛΈΝΗ@athens.test").await, "ελένη@athens.test#3");
    assert_eq!(town.look("ελε\u{301}νη+α@athens.test").await, "ελένη@athens.test#3+α");
    assert!(is(&town.sign_in("ΕΛΈΝΗ@athens.test", "μυστικό", None).await, "ελένη@athens.test"));
}

#[tokio::test]
async fn aliases_lead_on() {
    let town = Town::new(trusting()).await;
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

#[tokio::test]
async fn circles_end() {
    let town = Town::new(trusting()).await;
    town.alias("a@athens.test", &["x@elsewhere.test"]).await.unwrap();
    town.alias("b@athens.test", &["a@athens.test"]).await.unwrap();
    town.alias("a@athens.test", &["b@athens.test", "a@athens.test"]).await.unwrap();
    assert_eq!(town.look("a@athens.test").await, "->x@elsewhere.test");
    assert_eq!(town.look("b@athens.test").await, "->x@elsewhere.test");
    let source = "a@athens.test".parse().unwrap();
    town.directory.remove_alias(&source, Some(&address("x@elsewhere.test"))).await.unwrap();
    assert_eq!(town.look("a@athens.test").await, "unknown", "a circle leads nowhere");
}

#[tokio::test]
async fn a_catch_all_takes_what_nobody_has() {
    let town = Town::new(trusting()).await;
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
}

#[tokio::test]
async fn postmaster_goes_where_the_operator_says() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { postmaster: Some(address("kostas@athens.test")), ..trusting() };
    let directory = open(&folder, settings).await;
    assert_eq!(show(&directory.postmaster().await.unwrap()), "->kostas@athens.test", "not ours yet: outside");
    directory.add_domain(&domain("athens.test")).await.unwrap();
    assert_eq!(directory.lookup(&address("postmaster@athens.test")).await.unwrap(), Lookup::Unknown);
    for name in ["anna@athens.test", "kostas@athens.test"] {
        directory.add_account(&address(name), &secret("password")).await.unwrap();
    }
    let town = Town { directory, folder };
    assert_eq!(town.look("postmaster@athens.test").await, "kostas@athens.test#2");
    assert_eq!(show(&town.directory.postmaster().await.unwrap()), "kostas@athens.test#2");
    town.alias("postmaster@athens.test", &["anna@athens.test"]).await.unwrap();
    assert_eq!(town.look("postmaster@athens.test").await, "anna@athens.test#1");
    assert_eq!(town.look("abuse@athens.test").await, "kostas@athens.test#2");
}

#[tokio::test]
async fn relaying_for_an_alias() {
    let town = Town::new(trusting()).await;
    town.alias("team@athens.test", &["anna@athens.test", "boss@elsewhere.test"]).await.unwrap();
    let Lookup::Local(targets) = town.directory.lookup(&address("team@athens.test")).await.unwrap() else {
        panic!("team is local")
    };
    for target in targets {
        let allowed = RelayAllowed::for_alias(&target).map(|allowed| allowed.to_string());
        assert_eq!(allowed.is_some(), matches!(target, Target::Remote(_)), "{target:?}");
    }
}

#[tokio::test]
async fn passwords_are_checked() {
    let town = Town::new(trusting()).await;
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

#[tokio::test]
async fn a_changed_password_is_noticed_at_once_everywhere() {
    let town = Town::new(trusting()).await;
    let other = open(&town.folder, trusting()).await;
    assert!(is(&town.sign_in("anna", "open sesame", None).await, "anna@athens.test"));
    other.set_password(&address("anna@athens.test"), &secret("another one")).await.unwrap();
    let old = town.sign_in("anna", "open sesame", None).await;
    assert_eq!(old, SignIn::Refused(Refusal::Credentials), "though it was remembered");
    assert!(is(&town.sign_in("anna", "another one", None).await, "anna@athens.test"));
}

#[tokio::test]
async fn a_damaged_row_is_never_believed() {
    let town = Town::new(trusting()).await;
    let store = Store::open_embedded(town.folder.path(), &[MIGRATIONS]).await.unwrap();
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

#[tokio::test]
async fn scram_signs_in() {
    let town = Town::new(trusting()).await;
    assert!(is(&scram(&town.directory, "anna@athens.test", "open sesame").await.unwrap(), "anna@athens.test"));
    assert!(is(&scram(&town.directory, "Anna", "open sesame").await.unwrap(), "anna@athens.test"));
    assert_eq!(scram(&town.directory, "anna@athens.test", "open sesam").await, None);
    assert_eq!(scram(&town.directory, "nobody@athens.test", "open sesame").await, None);
    let keys = async |directory: &Directory, user: &str| {
        directory.sign_in(&Request::ScramKeys { user: user.to_owned() }).await.unwrap()
    };
    let reopened = open(&town.folder, trusting()).await;
    assert_eq!(keys(&town.directory, "nobody").await, keys(&reopened, "Nobody").await, "strangers' keys are stable");
    assert_ne!(keys(&town.directory, "nobody").await, keys(&town.directory, "noone").await);
}

#[tokio::test]
async fn many_at_once_are_all_answered() {
    let town = Town::new(trusting()).await;
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

#[tokio::test]
async fn who_may_send_as_whom() {
    let town = Town::new(trusting()).await;
    town.alias("team@athens.test", &["anna@athens.test", "boss@elsewhere.test"]).await.unwrap();
    let anna = town.directory.open_as_operator(&address("anna@athens.test")).await.unwrap();
    let kostas = town.directory.open_as_operator(&address("kostas@athens.test")).await.unwrap();
    for (sender, annas, kostass) in [
        ("Anna@athens.test", true, false),
        ("anna+shop@athens.test", true, false),
        ("team@athens.test", true, false),
        ("postmaster@athens.test", true, false),
        ("kostas@athens.test", false, true),
        ("nobody@athens.test", false, false),
        ("anna@elsewhere.test", false, false),
        ("boss@elsewhere.test", false, false),
    ] {
        assert_eq!(town.directory.may_send_as(&anna, &address(sender)).await.unwrap(), annas, "{sender}");
        assert_eq!(town.directory.may_send_as(&kostas, &address(sender)).await.unwrap(), kostass, "{sender}");
    }
}

#[tokio::test]
async fn memory_is_corrected() {
    let town = Town::new(trusting()).await;
    assert_eq!(town.look("new@athens.test").await, "unknown");
    town.directory.add_account(&address("new@athens.test"), &secret("password")).await.unwrap();
    assert_eq!(town.look("new@athens.test").await, "new@athens.test#3", "our own change is seen at once");

    let suspicious = Town { directory: open(&town.folder, suspicious()).await, folder: town.folder };
    assert_eq!(suspicious.look("late@athens.test").await, "unknown");
    town.directory.add_account(&address("late@athens.test"), &secret("password")).await.unwrap();
    assert_eq!(suspicious.look("late@athens.test").await, "late@athens.test#4", "another process's after a check");
    assert!(!suspicious.directory.is_local(&domain("sparta.test")).await.unwrap());
    town.directory.add_domain(&domain("sparta.test")).await.unwrap();
    assert!(suspicious.directory.is_local(&domain("sparta.test")).await.unwrap());
}

#[tokio::test]
async fn what_the_operator_sees() {
    let town = Town::new(trusting()).await;
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

#[tokio::test]
async fn removing() {
    let town = Town::new(trusting()).await;
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

#[tokio::test]
async fn errors_say_what_to_do() {
    let town = Town::new(trusting()).await;
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

#[tokio::test]
async fn expansion_is_bounded() {
    let town = Town::new(trusting()).await;
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
