//! VRFY and EXPN, as the operator chose, for whom.

use directory::{ClearText, TrustedNetworks};
use mhs::mta::inbound::Vrfy;

use crate::office::{Office, Terminal, address};

async fn office(vrfy: Vrfy, expn: bool, trusted: bool) -> Office {
    let set = |settings: &mut mhs::Settings| {
        (settings.vrfy, settings.expn) = (vrfy, expn);
        if trusted {
            settings.trusted = TrustedNetworks::parse(["127.0.0.1"]).unwrap();
        }
        settings.cleartext_sign_in = ClearText::Loopback;
    };
    let office = Office::open_with(set).await;
    let directory = &office.context.directory;
    directory.set_moved(&address("old@athens.test"), &address("new@far.test"), false).await.unwrap();
    directory.set_moved(&address("gone@athens.test"), &address("here@far.test"), true).await.unwrap();
    office
}

#[tokio::test]
async fn by_default_nothing_is_told() {
    for (vrfy, answer) in [(Vrfy::default(), "252 2.1.5"), (Vrfy::Answer, "252 2.1.5"), (Vrfy::Off, "502 5.5.1")] {
        let office = office(vrfy, true, false).await;
        let mut client = Terminal::connect(office.smtp).await;
        for name in ["anna@athens.test", "nobody@athens.test", "old@athens.test", "x"] {
            let reply = client.ask(&format!("VRFY {name}")).await;
            assert!(reply.starts_with(answer), "{vrfy:?} {name}: {reply}");
        }
        assert!(client.ask("EXPN both@athens.test").await.starts_with("502 5.5.1"), "strangers never learn");
    }
    let office = office(Vrfy::default(), false, true).await;
    let mut client = Terminal::connect(office.smtp).await;
    assert!(client.ask("VRFY nobody@athens.test").await.starts_with("252"));
    assert!(client.ask("EXPN both@athens.test").await.starts_with("502"));
}

#[tokio::test]
async fn our_own_people_are_told_where_the_operator_wants_it() {
    let office = office(Vrfy::Answer, true, true).await;
    let mut trusted = Terminal::connect(office.smtp).await;
    assert!(trusted.ask("EHLO client.test").await.starts_with("250"));
    let mut signed_in = Terminal::connect(office.submission).await;
    assert!(signed_in.ask("EHLO client.test").await.starts_with("250"));
    assert!(signed_in.ask("VRFY anna@athens.test").await.starts_with("252"), "before signing in");
    assert!(signed_in.ask("EXPN both@athens.test").await.starts_with("502"), "before signing in");
    let plain = "AUTH PLAIN AGFubmFAYXRoZW5zLnRlc3QAc2VjcmV0";
    assert!(signed_in.ask(plain).await.starts_with("235"));
    for client in [&mut trusted, &mut signed_in] {
        for (name, answer) in [
            ("Anna@athens.test", "250 2.1.5 <Anna@athens.test>"),
            ("Anna <anna@athens.test>", "250 2.1.5 <anna@athens.test>"),
            ("old@athens.test", "551 5.1.6 user not local; please try <new@far.test>"),
            ("gone@athens.test", "251 2.1.5 user not local; will forward to <here@far.test>"),
            ("nobody@athens.test", "550 5.1.1"),
            ("somebody@far.test", "252 2.1.5"),
            ("anna", "250 2.1.5 <anna@athens.test>"),
            ("nobody", "550 5.1.1"),
            ("anna@", "553 5.1.3"),
        ] {
            let reply = client.ask(&format!("VRFY {name}")).await;
            assert!(reply.starts_with(answer), "{name}: {reply}");
        }
        assert_eq!(
            client.ask_all("EXPN both@athens.test").await,
            ["250-2.1.5 <anna@athens.test>", "250 2.1.5 <kostas@athens.test>"]
        );
        assert!(client.ask("EXPN anna@athens.test").await.starts_with("550 5.1.1"));
    }
}

#[tokio::test]
async fn a_name_without_its_domain_is_whose_alone_it_is() {
    let office = office(Vrfy::Answer, true, true).await;
    let directory = &office.context.directory;
    for domain in ["patras.test", "sparta.test"] {
        directory.add_domain(&envelope::Domain::parse(domain).unwrap()).await.unwrap();
    }
    for name in ["anna@patras.test", "leonidas@sparta.test", "helena@patras.test", "helena@sparta.test"] {
        directory.add_account(&address(name), &protocol::sasl::Secret::new(b"secret".to_vec())).await.unwrap();
    }
    let mut client = Terminal::connect(office.smtp).await;
    for (name, answer) in [
        ("kostas", "250 2.1.5 <kostas@athens.test>"),
        ("leonidas", "250 2.1.5 <leonidas@sparta.test>"),
        ("anna", "553 5.1.4 several people here have this name"),
        ("helena", "553 5.1.4 several people here have this name"),
        ("helena@sparta.test", "250 2.1.5 <helena@sparta.test>"),
        ("nobody", "550 5.1.1"),
    ] {
        let reply = client.ask(&format!("VRFY {name}")).await;
        assert!(reply.starts_with(answer), "{name}: {reply}");
    }
    let listed = client.ask_all("EXPN both").await;
    assert_eq!(listed, ["250-2.1.5 <anna@athens.test>", "250 2.1.5 <kostas@athens.test>"]);
}
