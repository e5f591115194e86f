//! The tables. A letter is one row, each of its recipients another; a recipient that is done is a row less.
//!
//! `due_at` of a claimed row is the end of its lease, so that a lease that runs out is nothing but a row that is due.
//! The due index begins with a bucket made from the letter's id, never with the time.

/// The tables of this area.
pub const MIGRATIONS: storage::Migrations =
    storage::Migrations { area: "queue", steps: &[STEP_1, STEP_2, STEP_DELIVERED_TO] };

const STEP_1: &str = "
CREATE TABLE queue_mail (
    mail_id BYTEA NOT NULL,
    body BIGINT NOT NULL,
    octets BIGINT NOT NULL,
    reverse_path TEXT NOT NULL,
    body_type BIGINT NOT NULL,
    smtputf8 BIGINT NOT NULL,
    ret BIGINT,
    envelope_id TEXT,
    accepted_at BIGINT NOT NULL,
    recipients BIGINT NOT NULL,
    seal BIGINT NOT NULL,
    PRIMARY KEY (mail_id)
) /* clustered */;
CREATE TABLE queue_recipient (
    mail_id BYTEA NOT NULL,
    number BIGINT NOT NULL,
    bucket BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    address TEXT NOT NULL,
    destination TEXT NOT NULL,
    notify BIGINT,
    original TEXT,
    held BIGINT NOT NULL,
    claimed_by TEXT,
    fence BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    delay_told BIGINT NOT NULL,
    last_reply TEXT,
    seal BIGINT NOT NULL,
    PRIMARY KEY (mail_id, number)
) /* clustered */;
CREATE INDEX queue_due ON queue_recipient (bucket, due_at, mail_id, number) WHERE held = 0;
";

// The operator asked for an attempt, whatever is known of the destination; until the row is settled.
const STEP_2: &str = "ALTER TABLE queue_recipient ADD COLUMN asked BIGINT NOT NULL DEFAULT 0";

// An address of ours that sent the letter on; NULL when nobody did.
const STEP_DELIVERED_TO: &str = "ALTER TABLE queue_mail ADD COLUMN delivered_to TEXT";
