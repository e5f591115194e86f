//! SEARCH and LIST with options: ESEARCH (RFC 4731), SEARCHRES (5182), WITHIN (5032), LIST-EXTENDED (5258), LIST-STATUS
//! (5819), SPECIAL-USE (6154); and OBJECTID (8474), UNAUTHENTICATE (8437).

use crate::support::House;

/// An ESEARCH answer without its tag.
fn esearch(answer: &str) -> &str {
    answer.strip_prefix("* ESEARCH (TAG \"t").and_then(|rest| rest.split_once("\")")).map_or(answer, |(_, rest)| rest)
}

#[tokio::test]
async fn searches_that_tell_what_is_asked() {
    let house = House::new().await;
    let mut client = house.reader().await;
    client.fill(&["one", "two", "three", "four"]).await;
    client.append("INBOX", "\"01-Jan-2020 00:00:00 +0000\" ", "Subject: old\r\n\r\n").await;
    for (search, found) in [
        ("SEARCH RETURN () 2:4", " ALL 2:4\nOK SEARCH done\n"),
        ("SEARCH RETURN (MIN MAX COUNT) 2:4", " MIN 2 MAX 4 COUNT 3\nOK SEARCH done\n"),
        ("UID SEARCH RETURN (ALL COUNT) SUBJECT o", " UID COUNT 4 ALL 1:2,4:5\nOK SEARCH done\n"),
        ("SEARCH RETURN (MIN ALL COUNT) SUBJECT nothing", " COUNT 0\nOK SEARCH done\n"),
        ("SEARCH RETURN (ALL) OLDER 3600", " ALL 5\nOK SEARCH done\n"),
        ("SEARCH RETURN (ALL) YOUNGER 3600", " ALL 1:4\nOK SEARCH done\n"),
        ("SEARCH RETURN (ALL) NOT YOUNGER 4294967295", "\nOK SEARCH done\n"),
    ] {
        assert_eq!(esearch(&client.ask(search).await), found, "{search}");
    }
}

/// RFC 9394.
#[tokio::test]
async fn pages_of_a_result() {
    let house = House::new().await;
    let mut client = house.reader().await;
    client.fill(&["one", "two", "three", "four", "five"]).await;
    client.ask("STORE 2 +FLAGS.SILENT (\\Deleted)").await;
    client.ask("EXPUNGE").await;
    for (search, found) in [
        ("SEARCH RETURN (PARTIAL 1:2) ALL", " PARTIAL (1:2 1:2)\nOK SEARCH done\n"),
        ("UID SEARCH RETURN (PARTIAL -1:-2 COUNT) ALL", " UID COUNT 4 PARTIAL (-1:-2 4:5)\nOK SEARCH done\n"),
        ("SEARCH RETURN (PARTIAL 9:12) ALL", " PARTIAL (9:12 NIL)\nOK SEARCH done\n"),
        ("UID SORT RETURN (PARTIAL 1:2) (REVERSE ARRIVAL SUBJECT) UTF-8 ALL", " UID PARTIAL (1:2 "),
    ] {
        let answer = client.ask(search).await;
        assert!(esearch(&answer).starts_with(found), "{search}: {answer}");
    }
    client
        .talks(&[
            ("UID FETCH 1:* (UID) (PARTIAL -1:-2)", "* 3 FETCH (UID 4)\n* 4 FETCH (UID 5)\nOK FETCH done\n"),
            ("UID FETCH 1:* (UID) (PARTIAL 2:2)", "* 2 FETCH (UID 3)\nOK FETCH done\n"),
        ])
        .await;
    client.ask("SEARCH RETURN (SAVE PARTIAL 2:3) ALL").await;
    assert_eq!(client.ask("FETCH $ UID").await, "* 2 FETCH (UID 3)\n* 3 FETCH (UID 4)\nOK FETCH done\n");
}

#[tokio::test]
async fn what_a_search_has_found() {
    let house = House::new().await;
    let mut client = house.reader().await;
    client.fill(&["one", "two", "three", "four"]).await;
    client
        .talks(&[
            ("FETCH $ UID", "OK FETCH done\n"),
            ("SEARCH RETURN (SAVE) 2:3", "OK SEARCH done\n"),
            ("FETCH $ UID", "* 2 FETCH (UID 2)\n* 3 FETCH (UID 3)\nOK FETCH done\n"),
            ("SEARCH NOT $", "* SEARCH 1 4\nOK SEARCH done\n"),
            ("UID SEARCH UID $ 1:2", "* SEARCH 2\nOK SEARCH done\n"),
        ])
        .await;
    assert_eq!(esearch(&client.ask("SEARCH RETURN (MIN SAVE) ALL").await), " MIN 1\nOK SEARCH done\n");
    client
        .talks(&[
            ("UID STORE $ +FLAGS.SILENT (\\Deleted)", "OK STORE done\n"),
            ("UID EXPUNGE $", "* 1 EXPUNGE\nOK EXPUNGE done\n"),
            ("FETCH $ UID", "OK FETCH done\n"),
            ("SEARCH RETURN (SAVE) ALL", "OK SEARCH done\n"),
            ("SEARCH RETURN (SAVE) CHARSET X-NONE ALL", "NO [BADCHARSET (US-ASCII UTF-8)] Unknown charset\n"),
            ("FETCH $ UID", "OK FETCH done\n"),
        ])
        .await;
}

#[tokio::test]
async fn lists_with_options() {
    let house = House::new().await;
    let mut client = house.client().await;
    for name in ["Drafts", "Sent", "Junk", "Trash", "Archive"] {
        client.ask(&format!("UNSUBSCRIBE {name}")).await;
    }
    for command in ["CREATE a/b/c", "SUBSCRIBE a/b/c", "SUBSCRIBE x/y"] {
        assert!(client.ask(command).await.starts_with("OK "));
    }
    client
        .talks(&[
            (
                "LIST (SUBSCRIBED) \"\" *",
                "* LIST (\\HasNoChildren \\Subscribed) \"/\" INBOX\n\
                 * LIST (\\HasNoChildren \\Subscribed) \"/\" \"a/b/c\"\n\
                 * LIST (\\NonExistent \\Subscribed) \"/\" \"x/y\"\nOK LIST done\n",
            ),
            (
                "LIST (SUBSCRIBED RECURSIVEMATCH) \"\" %",
                "* LIST (\\HasNoChildren \\Subscribed) \"/\" INBOX\n\
                 * LIST (\\HasChildren) \"/\" \"a\" (\"CHILDINFO\" (\"SUBSCRIBED\"))\n\
                 * LIST (\\NonExistent) \"/\" \"x\" (\"CHILDINFO\" (\"SUBSCRIBED\"))\nOK LIST done\n",
            ),
            (
                "LIST \"\" (INBOX \"a/%\") RETURN (SUBSCRIBED CHILDREN)",
                "* LIST (\\HasNoChildren \\Subscribed) \"/\" INBOX\n\
                 * LIST (\\HasChildren) \"/\" \"a/b\"\nOK LIST done\n",
            ),
            (
                "LIST (SPECIAL-USE) \"\" (Junk \"a*\" Trash)",
                "* LIST (\\HasNoChildren \\Junk) \"/\" \"Junk\"\n\
                 * LIST (\\HasNoChildren \\Trash) \"/\" \"Trash\"\nOK LIST done\n",
            ),
            ("LIST (SPECIAL-USE SUBSCRIBED) \"\" *", "OK LIST done\n"),
            (
                "LIST \"\" INBOX RETURN (STATUS (MESSAGES SIZE DELETED APPENDLIMIT))",
                "* LIST (\\HasNoChildren) \"/\" INBOX\n\
                 * STATUS INBOX (MESSAGES 0 SIZE 0 DELETED 0 APPENDLIMIT 52428800)\nOK LIST done\n",
            ),
        ])
        .await;
}

#[tokio::test]
async fn sizes_and_what_is_to_go() {
    let house = House::new().await;
    let mut client = house.reader().await;
    client.append("INBOX", "(\\Deleted) ", "a: b\r\n\r\n").await;
    client.append("INBOX", "", "a: b\r\n\r\nc\r\n").await;
    let status = client.ask("STATUS INBOX (SIZE DELETED)").await;
    assert!(status.contains("* STATUS INBOX (SIZE 19 DELETED 1)\n"), "{status}");
}

#[tokio::test]
async fn a_mailbox_for_a_use() {
    let house = House::new().await;
    let mut client = house.client().await;
    let refused = "NO [USEATTR] The mailbox cannot have that use\n";
    assert_eq!(client.ask("CREATE Gesendet (USE (\\Sent))").await, refused);
    assert_eq!(client.ask("CREATE x (USE (\\Flagged))").await, refused);
    assert_eq!(client.ask("CREATE x (USE (\\Sent \\Trash))").await, refused);
    assert_eq!(client.ask("LIST \"\" (Gesendet x)").await, "OK LIST done\n");
    client.ask("DELETE Sent").await;
    assert!(client.ask("CREATE Gesendet (USE (\\Sent))").await.starts_with("OK [MAILBOXID ("));
    let listed = client.ask("LIST \"\" Gesendet").await;
    assert_eq!(listed, "* LIST (\\HasNoChildren \\Sent) \"/\" \"Gesendet\"\nOK LIST done\n");
    // The name alone no longer makes one.
    client.ask("CREATE Sent").await;
    assert_eq!(client.ask("LIST \"\" Sent").await, "* LIST (\\HasNoChildren) \"/\" \"Sent\"\nOK LIST done\n");
}

/// What stands between `start` and the closing parenthesis behind it.
fn id<'a>(answer: &'a str, start: &str) -> &'a str {
    answer.split_once(start).and_then(|(_, rest)| rest.split_once(')')).expect(start).0
}

#[tokio::test]
async fn ids_that_stay() {
    let house = House::new().await;
    let mut client = house.reader().await;
    client.fill(&["one", "two"]).await;
    let fetched = client.ask("FETCH 1 (EMAILID THREADID)").await;
    let (email, thread) = (id(&fetched, "EMAILID (").to_owned(), id(&fetched, "THREADID (").to_owned());
    assert_eq!(fetched, format!("* 1 FETCH (EMAILID ({email}) THREADID ({thread}))\nOK FETCH done\n"));
    assert_eq!(client.ask(&format!("SEARCH EMAILID {email}")).await, "* SEARCH 1\nOK SEARCH done\n");
    assert_eq!(client.ask(&format!("SEARCH NOT THREADID {email}")).await, "* SEARCH 1 2\nOK SEARCH done\n");
    assert_eq!(client.ask(&format!("SEARCH THREADID {thread}")).await, "* SEARCH 1\nOK SEARCH done\n");
    let made = client.ask("CREATE New").await;
    let mailbox = id(&made, "MAILBOXID (").to_owned();
    client.ask("UID COPY 1 New").await;
    client.ask("RENAME New Newer").await;
    let status = client.ask("STATUS Newer (MAILBOXID)").await;
    assert!(status.contains(&format!("(MAILBOXID ({mailbox}))")), "{status}");
    let selected = client.ask("SELECT Newer").await;
    assert!(selected.contains(&format!("* OK [MAILBOXID ({mailbox})] ")), "{selected}");
    assert_eq!(client.ask("FETCH 1 EMAILID").await, format!("* 1 FETCH (EMAILID ({email}))\nOK FETCH done\n"));
    assert_eq!(client.ask("FETCH 1 THREADID").await, format!("* 1 FETCH (THREADID ({thread}))\nOK FETCH done\n"));
}

#[tokio::test]
async fn threads_have_ids() {
    let house = House::new().await;
    let mut client = house.reader().await;
    let letter = |id: &str, above: &str| format!("Message-ID: <{id}>\r\nReferences: {above}\r\nSubject: x\r\n\r\n");
    for text in [letter("a@b", ""), letter("c@d", ""), letter("e@f", "<a@b>")] {
        assert!(client.append("INBOX", "", &text).await.contains("OK [APPENDUID "));
    }
    let fetched = client.ask("FETCH 1:3 THREADID").await;
    let ids: Vec<&str> =
        fetched.lines().filter(|line| line.starts_with('*')).map(|line| id(line, "THREADID (")).collect();
    assert!(ids[0] == ids[2] && ids[0] != ids[1], "{fetched}");
    assert_eq!(client.ask(&format!("SEARCH THREADID {}", ids[0])).await, "* SEARCH 1 3\nOK SEARCH done\n");
    let not = format!("UID SEARCH OR NOT THREADID {} 1", ids[0]);
    assert_eq!(client.ask(&not).await, "* SEARCH 1 2\nOK SEARCH done\n");
}

#[tokio::test]
async fn somebody_else_on_the_same_connection() {
    let house = House::new().await;
    let mut client = house.reader().await;
    client
        .talks(&[
            ("UNAUTHENTICATE", "OK UNAUTHENTICATE done\n"),
            ("SELECT INBOX", "BAD Sign in first\n"),
            ("UNAUTHENTICATE", "BAD Sign in first\n"),
        ])
        .await;
    assert!(client.ask("LOGIN anna secret").await.contains("] Signed in\n"));
    assert_eq!(client.ask("FETCH 1 UID").await, "BAD Select a mailbox first\n");
    assert!(client.ask("SELECT INBOX").await.ends_with("OK [READ-WRITE] SELECT done\n"));
}
