//! QUOTA (RFC 9208): what is told, and what is refused.

use directory::Limit;
use envelope::Address;

use crate::postgres::Postgres;
use crate::support::House;

/// Anna may hold so much from now on.
async fn limit(house: &House, octets: Limit, messages: Limit) {
    let anna = Address::parse("anna@athens.test").unwrap();
    house.directory.set_quota(&anna, Some(octets), Some(messages)).await.unwrap();
}

#[tokio::test]
async fn what_is_told() {
    let house = House::new().await;
    let mut client = house.reader().await;
    let none = "NO [NONEXISTENT] There is no such quota root\n";
    client
        .talks(&[
            ("GETQUOTAROOT INBOX", "* QUOTAROOT INBOX\nOK GETQUOTAROOT done\n"),
            ("GETQUOTA \"\"", none),
            ("SETQUOTA \"\" (STORAGE 1)", "NO [NOPERM] Limits are set by the operator\n"),
        ])
        .await;
    assert!(client.ask("CAPABILITY").await.contains(" QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE"));
    client.append("INBOX", "(\\Deleted) ", &"x".repeat(1025)).await;
    client.append("Sent", "", &"x".repeat(10)).await;
    limit(&house, Limit::At(4 * 1024), Limit::Default).await;
    client
        .talks(&[
            ("GETQUOTA \"\"", "* QUOTA \"\" (STORAGE 2 4)\nOK GETQUOTA done\n"),
            ("GETQUOTA other", none),
            (
                "STATUS INBOX (DELETED DELETED-STORAGE)",
                "* STATUS INBOX (DELETED 1 DELETED-STORAGE 1025)\nOK STATUS done\n",
            ),
            ("STATUS Sent (DELETED-STORAGE)", "* STATUS \"Sent\" (DELETED-STORAGE 0)\nOK STATUS done\n"),
        ])
        .await;
    limit(&house, Limit::Unlimited, Limit::At(7)).await;
    let told = "* QUOTAROOT \"nowhere\" \"\"\n* QUOTA \"\" (MESSAGE 2 7)\nOK GETQUOTAROOT done\n";
    client.talks(&[("GETQUOTAROOT nowhere", told)]).await;
    // It is hers alone.
    house.add("bert").await;
    house.client_of("bert").await.talks(&[("GETQUOTA \"\"", none)]).await;
}

async fn what_is_refused(house: House) {
    let mut client = house.reader().await;
    limit(&house, Limit::At(100), Limit::At(4)).await;
    let letter = "x".repeat(40);
    for _ in 0..2 {
        assert!(client.append("INBOX", "", &letter).await.contains("OK [APPENDUID "));
    }
    let refused = "NO [OVERQUOTA] The account would hold more than it may\n";
    assert_eq!(client.append("Sent", "", &letter).await, refused);
    // Several are all or nothing.
    let several = "APPEND Sent {10+}\r\n0123456789 {11+}\r\n0123456789a";
    assert_eq!(client.ask(several).await, refused);
    client
        .talks(&[
            ("COPY 1 Sent", refused),
            ("GETQUOTA \"\"", "* QUOTA \"\" (STORAGE 1 0 MESSAGE 2 4)\nOK GETQUOTA done\n"),
        ])
        .await;
    assert!(client.append("Sent", "", "0123456789").await.contains("OK [APPENDUID "));
    // What is moved, and what is renamed, is no more than before.
    assert!(client.ask("MOVE 1 Sent").await.contains("OK MOVE done"));
    assert!(client.append("Sent", "", "0").await.contains("OK [APPENDUID "));
    assert_eq!(client.append("Sent", "", "0").await, refused);
    // What is deleted gives room, and so does a mailbox.
    client.ask("STORE 1 +FLAGS.SILENT (\\Deleted)").await;
    client.ask("EXPUNGE").await;
    assert!(client.append("INBOX", "", &letter).await.contains("OK [APPENDUID "));
    client.talks(&[("DELETE Sent", "OK DELETE done\n")]).await;
    let told = "* QUOTA \"\" (STORAGE 1 0 MESSAGE 1 4)\nOK GETQUOTA done\n";
    client.talks(&[("GETQUOTA \"\"", told)]).await;
    assert!(client.ask("COPY 1 Archive").await.contains("OK [COPYUID "));
    assert_eq!(house.mailstore.verify().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_refused_embedded() {
    what_is_refused(House::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_on_postgresql() {
    let Some(postgres) = Postgres::start() else { return };
    what_is_refused(House::on_cluster(postgres.database("quota")).await).await;
}

/// The disk is short of room: nothing comes in, and what is here can be read, moved and removed.
#[tokio::test]
async fn a_disk_that_is_short_of_room() {
    let house = House::new().await;
    let mut client = house.reader().await;
    client.append("INBOX", "", "one").await;
    client.append("INBOX", "", "two").await;
    client.ask("SELECT INBOX").await;
    std::fs::write(house.folder.path().join("free"), "999").unwrap();
    // What was found free before is believed for a moment.
    let refused = asked_until(&mut client, "COPY 1 Sent", "NO").await;
    let full = "NO [UNAVAILABLE] The server's disk is full, and nothing was changed; try later\n";
    assert_eq!(refused, full);
    client.talks(&[("APPEND INBOX {3}", full)]).await;
    assert!(client.ask("MOVE 1 Sent").await.ends_with("OK MOVE done\n"));
    assert!(client.ask("STORE 1 +FLAGS.SILENT (\\Flagged)").await.ends_with("OK STORE done\n"));
    std::fs::write(house.folder.path().join("free"), "1000000").unwrap();
    asked_until(&mut client, "COPY 1 Sent", "OK").await;
    client.append("INBOX", "", "three").await;
}

/// Asks again until the answer begins like this.
async fn asked_until(client: &mut crate::support::Client, line: &str, begins: &str) -> String {
    let began = std::time::Instant::now();
    loop {
        let reply = client.ask(line).await;
        if reply.lines().last().is_some_and(|last| last.starts_with(begins)) {
            return reply;
        }
        assert!(began.elapsed() < std::time::Duration::from_secs(60), "{reply}");
    }
}
