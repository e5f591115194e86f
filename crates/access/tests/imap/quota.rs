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
