//! Dialogues of our own.

use envelope::Host;
use net::{ClientTls, Roots, Stream};
use protocol::sasl::client::{Client as _, Scram};
use protocol::sasl::{Mechanism, Secret, decode_base64, encode_base64};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::house::{House, PASSWORD};

fn letter(number: usize) -> String {
    format!("Subject: letter {number}\r\n\r\nline 1\r\n.line 2\r\n.\r\nline 4\r\n")
}

#[tokio::test]
async fn a_maildrop_is_read_and_partly_deleted() {
    let house = House::new().await;
    for number in 1..=3 {
        house.deliver(letter(number)).await;
    }
    let mut client = house.open().await;
    assert_eq!(client.ask("STAT").await, format!("+OK 3 {}", 3 * letter(1).len()));
    client.ask("LIST").await;
    let size = letter(1).len();
    assert_eq!(client.lines().await, [format!("1 {size}"), format!("2 {size}"), format!("3 {size}")]);
    client.ask("UIDL").await;
    let unique_ids = client.lines().await;
    assert_eq!(client.ask("RETR 2").await, format!("+OK {size} octets"));
    assert_eq!(client.lines().await.join("\r\n") + "\r\n", letter(2));
    assert_eq!(client.ask("TOP 3 1").await, "+OK the top of the message");
    assert_eq!(client.lines().await, ["Subject: letter 3", "", "line 1"]);
    client.ask("DELE 2").await;
    assert_eq!(house.count().await, 3, "not before QUIT");
    assert_eq!(client.ask("QUIT").await, "+OK deleted, goodbye");
    assert_eq!(client.rest().await, "");
    assert_eq!(house.count().await, 2);

    house.deliver(letter(4)).await;
    let mut client = house.open().await;
    client.ask("UIDL").await;
    let later = client.lines().await;
    let names = |list: &[String]| -> Vec<String> {
        list.iter().map(|line| line.split(' ').nth(1).unwrap().to_owned()).collect()
    };
    let (before, later) = (names(&unique_ids), names(&later));
    assert_eq!(later[..2], [before[0].clone(), before[2].clone()], "a name lasts as long as its letter");
    assert!(!before.contains(&later[2]), "and never comes back");
}

#[tokio::test]
async fn a_session_that_breaks_off_deletes_nothing() {
    let house = House::new().await;
    house.deliver(letter(1)).await;
    let mut client = house.open().await;
    assert!(client.ask("DELE 1").await.starts_with("+OK"));
    drop(client);
    house.events(1).await;
    assert_eq!(house.count().await, 1);

    let mut client = house.open().await;
    assert!(client.ask("DELE 1").await.starts_with("+OK"));
    house.shutdown.begin();
    assert_eq!(client.rest().await, "-ERR [SYS/TEMP] shutting down, come back in a minute\r\n");
    let events = house.events(2).await;
    assert_eq!(house.count().await, 1);
    assert_eq!(events.last().unwrap(), "disconnected Pop3 shutdown", "{events:?}");
}

#[tokio::test]
async fn two_sessions_share_a_maildrop() {
    let house = House::new().await;
    for number in 1..=2 {
        house.deliver(letter(number)).await;
    }
    let (mut one, mut two) = (house.open().await, house.open().await);
    house.deliver(letter(3)).await;
    one.ask("DELE 1").await;
    assert_eq!(one.ask("QUIT").await, "+OK deleted, goodbye");
    assert_eq!(two.ask("STAT").await, format!("+OK 2 {}", 2 * letter(1).len()), "frozen");
    assert_eq!(two.ask("RETR 1").await, "-ERR the message was deleted by another program");
    assert_eq!(two.ask("RETR 2").await, format!("+OK {} octets", letter(2).len()));
    assert_eq!(two.lines().await[0], "Subject: letter 2");
    two.ask("DELE 1").await;
    assert_eq!(two.ask("QUIT").await, "+OK deleted, goodbye", "gone is gone, whoever did it");
    assert_eq!(house.count().await, 2);
}

#[tokio::test]
async fn commands_may_be_pipelined() {
    let house = House::new().await;
    house.deliver(letter(1)).await;
    let mut client = house.connect().await;
    client
        .send(&format!(
            "CAPA\r\nUSER anna\r\nPASS {PASSWORD}\r\nSTAT\r\nRETR 1\r\nTOP 1 0\r\nDELE 1\r\nQUIT\r\nNOOP\r\n"
        ))
        .await;
    let all = client.rest().await;
    assert!(all.starts_with("+OK what can be said\r\n"), "{all}");
    assert!(all.ends_with("+OK marked, and deleted at QUIT\r\n+OK deleted, goodbye\r\n"), "{all}");
    assert!(
        all.contains(
            "\r\n..line 2\r\n..\r\nline 4\r\n.\r\n+OK the top of the message\r\nSubject: letter 1\r\n\r\n.\r\n"
        )
    );
    assert_eq!(house.count().await, 0);
}

#[tokio::test]
async fn a_large_letter_comes_whole_to_a_slow_reader() {
    let house = House::new().await;
    let line = "0123456789abcdef".repeat(4) + "\r\n";
    let text = format!("Subject: large\r\n\r\n{}", line.repeat(200_000));
    house.deliver(text.clone()).await;
    let mut client = house.open().await;
    assert_eq!(client.ask("RETR 1").await, format!("+OK {} octets", text.len()));
    // The server has to wait: thirteen megabytes do not fit between us.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(client.lines().await.join("\r\n") + "\r\n" == text);
    client.ask("TOP 1 2").await;
    assert_eq!(client.lines().await.len(), 4);
    assert_eq!(client.ask("NOOP").await, "+OK still here");
}

#[tokio::test]
async fn scram_is_bound_to_the_channel() {
    let house = House::new().await;
    let tls = ClientTls::opportunistic(&Roots::none());
    let address = format!("127.0.0.1:{}", house.tls_port).parse().unwrap();
    let stream = Stream::connect(address, None, std::time::Duration::from_secs(10)).await.unwrap();
    let mut stream = stream.connect_tls(&tls, &Host::parse("localhost").unwrap()).await.unwrap();
    let mut client = Scram::new("anna@athens.test", &Secret::new(PASSWORD.into()), stream.tls(), true).unwrap();
    assert_eq!(client.mechanism(), Mechanism::ScramSha256Plus);

    read_line(&mut stream).await;
    let initial = encode_base64(&client.initial().unwrap());
    stream.write_all(format!("AUTH SCRAM-SHA-256-PLUS {initial}\r\n").as_bytes()).await.unwrap();
    let mut heard = read_line(&mut stream).await;
    while let Some(challenge) = heard.strip_prefix("+ ") {
        let answer = client.respond(&decode_base64(challenge.as_bytes()).unwrap()).unwrap();
        stream.write_all(format!("{}\r\n", encode_base64(&answer)).as_bytes()).await.unwrap();
        heard = read_line(&mut stream).await;
    }
    assert_eq!(heard, "+OK 0 messages");
    assert!(client.is_satisfied());
    stream.write_all(b"QUIT\r\n").await.unwrap();
    assert_eq!(read_line(&mut stream).await, "+OK goodbye");
    let events = house.events(1).await;
    assert_eq!(events[1..3], ["secured TLSv1.3", "signed-in Pop3s anna@athens.test SCRAM-SHA-256-PLUS"]);
}

async fn read_line(stream: &mut Stream) -> String {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        line.push(stream.read_u8().await.unwrap());
    }
    line.truncate(line.len() - 2);
    String::from_utf8(line).unwrap()
}

#[tokio::test]
async fn the_journal_knows() {
    let house = House::new().await;
    let mut client = house.connect().await;
    client.ask("USER anna").await;
    assert_eq!(client.ask("PASS wrong").await, "-ERR [AUTH] wrong name or password");
    client.ask("USER anna").await;
    assert_eq!(client.ask(&format!("PASS {PASSWORD}")).await, "+OK 0 messages");
    client.ask("QUIT").await;
    assert_eq!(
        house.events(1).await,
        [
            "connected",
            "sign-in-refused anna USER: wrong name or password",
            "signed-in Pop3 anna@athens.test USER",
            "disconnected Pop3 quit"
        ]
    );
}
