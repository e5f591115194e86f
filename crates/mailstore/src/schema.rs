//! The tables. Every key begins with the account. What a listing needs is narrow and stands in key order.
//!
//! - `mail_account`: one row an account, with the counters that must never go back (mailbox keys, UIDVALIDITY). A
//!   `mailbox_next` of -1 marks an account that was removed; its id never comes again.
//! - `mailbox`: one row a mailbox, with UIDNEXT, MODSEQ and the numbers of STATUS as counters. Its row lock orders
//!   everything in the mailbox, so the order of UIDs and of MODSEQ is the order in which others see it.
//! - `message`: one row a message; `arrived` is its MODSEQ at arrival, `modseq` moves with its flags, so the index of
//!   changed messages stays empty on the delivery path. `copied` is 0 for a delivered letter: only those are held to
//!   be unique by their letter's id. `seal` covers what never changes; `saved`, when it came into this mailbox, stands
//!   outside of it, for messages of before have none.
//! - `keyword`: the keywords of a mailbox by number. `tombstone`: what was expunged, by MODSEQ.
//! - `digest`: what lists of messages show of one (`message::digest`), beside its row, so that the table that is counted and
//!   listed most stays narrow. One that is missing or damaged is made again.
//! - `gram_segment` and `gram`: the index of texts (`grams`). It can be emptied at any time.
//! - `thread_tie`: by which messages that letters name they are together (`threads`); `message.thread` is what came of it,
//!   outside of the seal: none yet for what nobody asked about. `met` is a day.
//! - `view_piece`: the view of a larger mailbox as it was some while ago (`snapshot`). It can be emptied at any time.
//! - `subscription`: names, which may outlive their mailboxes. `mailbox_gone`: deleted, and still to be emptied.

/// The tables of this area.
pub const MIGRATIONS: storage::Migrations =
    storage::Migrations { area: "mailstore", steps: &[STEP_1, STEP_2, STEP_3, STEP_4, STEP_5] };

const STEP_1: &str = "
CREATE TABLE mail_account (
    account_id BIGINT NOT NULL,
    mailbox_next BIGINT NOT NULL,
    uidvalidity_last BIGINT NOT NULL,
    list_version BIGINT NOT NULL,
    PRIMARY KEY (account_id)
) /* clustered */;
CREATE TABLE mailbox (
    account_id BIGINT NOT NULL,
    mailbox_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    selectable BIGINT NOT NULL,
    role BIGINT,
    uidvalidity BIGINT NOT NULL,
    uidnext BIGINT NOT NULL,
    modseq BIGINT NOT NULL,
    messages BIGINT NOT NULL,
    unseen BIGINT NOT NULL,
    octets BIGINT NOT NULL,
    recent BIGINT NOT NULL,
    recent_from BIGINT NOT NULL,
    recent_before BIGINT NOT NULL,
    tombstones BIGINT NOT NULL,
    tombstones_from BIGINT NOT NULL,
    PRIMARY KEY (account_id, mailbox_id)
) /* clustered */;
CREATE UNIQUE INDEX mailbox_name ON mailbox (account_id, name);
CREATE TABLE message (
    account_id BIGINT NOT NULL,
    mailbox_id BIGINT NOT NULL,
    uid BIGINT NOT NULL,
    arrived BIGINT NOT NULL,
    modseq BIGINT NOT NULL,
    flags BIGINT NOT NULL,
    keywords BYTEA,
    body BIGINT NOT NULL,
    octets BIGINT NOT NULL,
    internal_date BIGINT NOT NULL,
    mail_id BYTEA,
    copied BIGINT NOT NULL,
    seal BIGINT NOT NULL,
    PRIMARY KEY (account_id, mailbox_id, uid)
) /* clustered */;
CREATE UNIQUE INDEX message_mail ON message (account_id, mailbox_id, mail_id) WHERE copied = 0;
CREATE INDEX message_changed ON message (account_id, mailbox_id, modseq) WHERE modseq <> arrived;
CREATE TABLE keyword (
    account_id BIGINT NOT NULL,
    mailbox_id BIGINT NOT NULL,
    number BIGINT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (account_id, mailbox_id, number)
) /* clustered */;
CREATE TABLE tombstone (
    account_id BIGINT NOT NULL,
    mailbox_id BIGINT NOT NULL,
    modseq BIGINT NOT NULL,
    piece BIGINT NOT NULL,
    uids BYTEA NOT NULL,
    PRIMARY KEY (account_id, mailbox_id, modseq, piece)
) /* clustered */;
CREATE TABLE subscription (
    account_id BIGINT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (account_id, name)
) /* clustered */;
CREATE TABLE mailbox_gone (
    account_id BIGINT NOT NULL,
    mailbox_id BIGINT NOT NULL,
    PRIMARY KEY (account_id, mailbox_id)
) /* clustered */;
";

const STEP_2: &str = "
CREATE TABLE digest (
    account_id BIGINT NOT NULL,
    mailbox_id BIGINT NOT NULL,
    uid BIGINT NOT NULL,
    record BYTEA NOT NULL,
    PRIMARY KEY (account_id, mailbox_id, uid)
) /* clustered */;
ALTER TABLE message ADD COLUMN saved BIGINT;
";

const STEP_3: &str = "
CREATE TABLE gram_segment (
    account_id BIGINT NOT NULL,
    mailbox_id BIGINT NOT NULL,
    first_uid BIGINT NOT NULL,
    last_uid BIGINT NOT NULL,
    segment BIGINT NOT NULL,
    unread BYTEA NOT NULL,
    PRIMARY KEY (account_id, mailbox_id, first_uid)
) /* clustered */;
CREATE TABLE gram (
    account_id BIGINT NOT NULL,
    mailbox_id BIGINT NOT NULL,
    segment BIGINT NOT NULL,
    part BIGINT NOT NULL,
    postings BYTEA NOT NULL,
    seal BIGINT NOT NULL,
    PRIMARY KEY (account_id, mailbox_id, segment, part)
) /* clustered */;
";

const STEP_4: &str = "
CREATE TABLE thread_tie (
    account_id BIGINT NOT NULL,
    tie BIGINT NOT NULL,
    thread BIGINT NOT NULL,
    met BIGINT NOT NULL,
    PRIMARY KEY (account_id, tie)
) /* clustered */;
ALTER TABLE message ADD COLUMN thread BIGINT;
";

const STEP_5: &str = "
CREATE TABLE view_piece (
    account_id BIGINT NOT NULL,
    mailbox_id BIGINT NOT NULL,
    piece BIGINT NOT NULL,
    modseq BIGINT NOT NULL,
    octets BYTEA NOT NULL,
    seal BIGINT NOT NULL,
    PRIMARY KEY (account_id, mailbox_id, piece)
) /* clustered */;
";
