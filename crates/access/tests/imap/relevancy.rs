//! FUZZY (RFC 6203): what comes near, and how near it comes.

use crate::support::House;

#[tokio::test]
async fn by_words_and_their_beginnings() {
    let house = House::new().await;
    let mut client = house.reader().await;
    client.fill(&["IMAP break", "broken IMAP", "other"]).await;
    client
        .talks(&[
            ("SEARCH FUZZY SUBJECT \"imap breaks\"", "* SEARCH 1 2\nOK SEARCH done\n"),
            ("SEARCH SUBJECT \"imap breaks\"", "* SEARCH\nOK SEARCH done\n"),
            (
                "SEARCH RETURN (RELEVANCY ALL) FUZZY SUBJECT \"imap breaks\"",
                "* ESEARCH (TAG \"t8\") ALL 1:2 RELEVANCY (70 45)\nOK SEARCH done\n",
            ),
            (
                "UID SEARCH RETURN (RELEVANCY PARTIAL 2:3) FUZZY (TEXT \"imap break\")",
                "* ESEARCH (TAG \"t9\") UID PARTIAL (2:3 2) RELEVANCY (45)\nOK SEARCH done\n",
            ),
            ("SORT (RELEVANCY) UTF-8 FUZZY SUBJECT \"broken imap\"", "* SORT 2 1\nOK SORT done\n"),
            ("SORT (REVERSE RELEVANCY) UTF-8 FUZZY SUBJECT \"broken imap\"", "* SORT 1 2\nOK SORT done\n"),
            (
                "SORT RETURN (RELEVANCY ALL) (RELEVANCY) UTF-8 FUZZY SUBJECT \"broken imap\"",
                "* ESEARCH (TAG \"t12\") ALL 2,1 RELEVANCY (100 45)\nOK SORT done\n",
            ),
            // Of several keys the mean counts, of alternatives the best; what is exact counts nothing.
            (
                "SEARCH RETURN (RELEVANCY ALL) UNSEEN FUZZY SUBJECT \"imap break\" FUZZY BODY texts",
                "* ESEARCH (TAG \"t13\") ALL 1:2 RELEVANCY (75 47)\nOK SEARCH done\n",
            ),
            (
                "SEARCH RETURN (RELEVANCY ALL) OR FUZZY SUBJECT other FUZZY BODY texts",
                "* ESEARCH (TAG \"t14\") ALL 1:3 RELEVANCY (50 50 100)\nOK SEARCH done\n",
            ),
            ("SEARCH FUZZY SUBJECT imap FROM anna", "* SEARCH\nOK SEARCH done\n"),
            ("SEARCH NOT FUZZY SUBJECT imap", "* SEARCH 3\nOK SEARCH done\n"),
            ("SEARCH FUZZY (SUBJECT imap UID 2)", "* SEARCH 2\nOK SEARCH done\n"),
            ("SEARCH FUZZY SUBJECT \"\"", "* SEARCH 1 2 3\nOK SEARCH done\n"),
            ("SEARCH RETURN (RELEVANCY) ALL", "BAD syntax error: FUZZY expected\n"),
        ])
        .await;
}
