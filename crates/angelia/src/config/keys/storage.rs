//! Where rows and letters are kept.

use super::{Key, is, unset};
use crate::config::kind::Kind;

pub(super) const KEYS: &[Key] = &[
    Key {
        name: "storage.engine",
        kind: Kind::Choice(&["embedded", "postgres"]),
        default: is("\"embedded\"", "It needs nothing but a disk, and is the fastest."),
        doc: "Where rows are kept: in the data folder, or in a PostgreSQL that several machines share. Each of these needs a \
              `hostname` of its own.",
    },
    Key {
        name: "storage.reserve",
        kind: Kind::Size { least: 8 << 20, said: "8 MiB" },
        default: is("\"64 MiB\"", "Room to carry on and write off a queue, and to tell of it."),
        doc: "What stays free on the disk of the data folder. While less is free no mail is taken: SMTP, submission and LMTP say \
              452 4.3.1, IMAP refuses APPEND and COPY (UNAVAILABLE), and the drop box waits. What is here is carried on, and \
              can be dropped. `angelia trace` knows nothing of what happens while half of it is gone. A file `store.ballast` of 20 MiB \
              lies in the data folder, is given up when all is full nevertheless, and made again when there is room. With the \
              engine `postgres` only the drop box looks at it.",
    },
    Key {
        name: "storage.url",
        kind: Kind::Text,
        default: unset(
            "\"postgres://angelia:secret@db.example.org/angelia\"",
            "The engine `postgres` needs it, `embedded` does not.",
        ),
        doc: "The PostgreSQL database.",
    },
    Key {
        name: "storage.bodies",
        kind: Kind::Text,
        default: unset("\"s3://bucket/prefix\"", "Beside the rows in `data`; the engine `postgres` needs it."),
        doc: "Where the letters themselves are kept with the engine `postgres`: a folder that all machines share, or a \
              bucket. The keys of a bucket come from the environment (AWS_ACCESS_KEY_ID and its like).",
    },
    Key {
        name: "storage.region",
        kind: Kind::Text,
        default: is("\"us-east-1\"", "What servers other than Amazon's mostly expect."),
        doc: "The region of the bucket.",
    },
    Key {
        name: "storage.endpoint",
        kind: Kind::Text,
        default: unset("\"https://objects.example.net\"", "Amazon's."),
        doc: "The server that keeps the bucket, when it is not Amazon's.",
    },
];
