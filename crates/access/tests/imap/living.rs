//! Limits and ends: hostile clients, encryption, shutdown.

use std::time::Duration;

use journal::{Event, Service};

use crate::support::{Client, House};

#[tokio::test]
async fn a_mailbox_name_of_a_megabyte() {
    let house = House::new().await;
    let mut client = house.client().await;
    client.send("a CREATE {1000000}\r\n").await;
    assert_eq!(client.line().await, "a BAD [TOOBIG] Literal is too long\n");
    let long = "x".repeat(1_000_000);
    client.send(format!("b CREATE {long}\r\n")).await;
    assert_eq!(client.line().await, "b BAD Command is too long\n");
    client.send(format!("c CREATE {{1000000+}}\r\n{long}\r\n")).await;
    assert_eq!(client.line().await, "c BAD [TOOBIG] Literal is too long\n");
    assert_eq!(client.ask("NOOP").await, "OK NOOP done\n");
}

#[tokio::test]
async fn pipelined_commands_are_answered_in_their_order() {
    let house = House::new().await;
    let mut client = house.client().await;
    client.fill(&["one"]).await;
    client
        .send("a SELECT INBOX\r\nb FETCH 1 UID\r\nc UID STORE 1 +FLAGS.SILENT \\Deleted\r\nd EXPUNGE\r\ne LOGOUT\r\n")
        .await;
    let mut heard = String::new();
    loop {
        let line = client.line().await;
        if line.is_empty() {
            break;
        }
        heard += &line;
    }
    let end = "a OK [READ-WRITE] SELECT done\n* 1 FETCH (UID 1)\nb OK FETCH done\nc OK STORE done\n* 1 EXPUNGE\n\
               d OK EXPUNGE done\n* BYE Good-bye\ne OK LOGOUT done\n";
    assert!(heard.ends_with(end), "{heard}");
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_up_only_itself() {
    let house = House::new().await;
    let mut client = house.reader().await;
    let large = format!("Subject: large\r\n\r\n{}", "0123456789abcdef\r\n".repeat(100_000));
    client.append("INBOX", "", &large).await;
    let mut lazy = house.reader().await;
    for _ in 0..20 {
        lazy.send("x FETCH 1 BODY.PEEK[]\r\n").await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(client.ask("NOOP").await, "OK NOOP done\n");
}

#[tokio::test]
async fn shutdown_says_bye() {
    let house = House::new().await;
    let mut idler = house.reader().await;
    idler.send("i IDLE\r\n").await;
    assert_eq!(idler.line().await, "+ idling\n");
    let mut other = house.client().await;
    house.shutdown.begin();
    assert_eq!(idler.line().await, "* BYE Shutting down, come back in a minute\n");
    assert_eq!(other.line().await, "* BYE Shutting down, come back in a minute\n");
    assert!(house.shutdown.drained(Duration::from_secs(10)).await);
}

#[tokio::test]
async fn starttls_before_any_password() {
    let house = House::with_tls().await;
    let mut client = Client::connect(house.address).await;
    let capabilities = client.ask("CAPABILITY").await;
    assert!(capabilities.contains(" STARTTLS LOGINDISABLED AUTH=SCRAM-SHA-256\n"), "{capabilities}");
    assert_eq!(client.ask("LOGIN anna secret").await, "NO [PRIVACYREQUIRED] Use STARTTLS first\n");
    // What is sent ahead of the handshake is not obeyed.
    client.send("a STARTTLS\r\nb LOGIN anna secret\r\n").await;
    assert_eq!(client.line().await, "a OK Begin TLS\n");
}

#[tokio::test]
async fn many_that_say_nothing() {
    let house = House::new().await;
    let mut silent = Vec::new();
    for _ in 0..300 {
        silent.push(tokio::net::TcpStream::connect(house.address).await.unwrap());
    }
    assert_eq!(house.client().await.ask("NOOP").await, "OK NOOP done\n");
}

#[tokio::test]
async fn the_journal_knows() {
    let house = House::new().await;
    let mut client = Client::connect(house.address).await;
    client.ask("LOGIN anna wrong").await;
    client.ask("AUTHENTICATE PLAIN AGFubmEAc2VjcmV0").await;
    client.ask("LOGOUT").await;
    assert_eq!(client.line().await, "");
    drop(client);
    house.shutdown.begin();
    assert!(house.shutdown.drained(Duration::from_secs(10)).await);
    let events = house.journal.take();
    let names: Vec<&str> = events.iter().map(Event::name).collect();
    assert_eq!(names, ["connected", "sign-in-refused", "signed-in", "disconnected"]);
    let refused = |event: &Event| matches!(event, Event::SignInRefused { user, mechanism, .. } if user == "anna" && mechanism == "LOGIN");
    let signed_in = |event: &Event| {
        matches!(event, Event::SignedIn { account, mechanism, service: Service::Imap, .. }
            if account.to_string() == "anna@athens.test" && mechanism == "PLAIN")
    };
    let ended = |event: &Event| {
        matches!(event, Event::Disconnected { reason, bytes_in, bytes_out, .. }
            if reason == "logout" && *bytes_in > 60 && *bytes_out > 100)
    };
    assert!(events.iter().any(refused) && events.iter().any(signed_in) && events.iter().any(ended), "{events:?}");
}
