//! The tables. A letter is one row, each of its recipients another; a recipient that is done is a row less.
//!
//! `due_at` of a claimed row is the end of its lease, so that a lease that runs out is nothing but a row that is due.
//! The due index begins with a bucket made from the letter's id, never with the time.
//!
//! A row is in one of three places: in the due index (`parked` is null), in a destination's own queue (`parked` names it;
//! `@patras.test` is where letters for a recipient's domain wait that the operator has suspended), or held (in neither).
//! `wake_at` of a parked row is when something must be decided about it though nobody tries it; of a row that the operator
//! has asked an attempt for it is when it would have been due, or 0.
//!
//! `wish` of a claimed row is what the operator wants of it unless it is delivered: 0 nothing, 1 hold, 2 drop. Whoever ends
//! the claim obeys it in the same statement; so does whoever finds the lease run out.

/// The tables of this area.
pub const MIGRATIONS: storage::Migrations = storage::Migrations {
    area: "queue",
    steps: &[STEP_1, STEP_2, STEP_DELIVERED_TO, STEP_PARKED, STEP_REQUIRE_TLS, STEP_SUSPENDED_BY, STEP_WISH],
};

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

// Who has claimed a row, and that it is not parked, stands in the due index so that a node that starts finds its claims
// without a look at each row. Destinations' own queues, with a lane for each sender; what is known of destinations; rules about what is held.
const STEP_PARKED: &str = "
ALTER TABLE queue_recipient ADD COLUMN lane BIGINT NOT NULL DEFAULT 0;
ALTER TABLE queue_recipient ADD COLUMN parked TEXT;
ALTER TABLE queue_recipient ADD COLUMN wake_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE queue_recipient ADD COLUMN accepted_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE queue_recipient ADD COLUMN hold_reason TEXT;
ALTER TABLE queue_recipient ADD COLUMN dialogue TEXT;
UPDATE queue_recipient SET accepted_at =
    COALESCE((SELECT m.accepted_at FROM queue_mail m WHERE m.mail_id = queue_recipient.mail_id), 0);
DROP INDEX queue_due;
CREATE INDEX queue_due ON queue_recipient (bucket, due_at, mail_id, number, claimed_by, parked)
    WHERE held = 0 AND parked IS NULL;
CREATE INDEX queue_parked ON queue_recipient (parked, lane, due_at, mail_id, number)
    WHERE held = 0 AND parked IS NOT NULL;
CREATE INDEX queue_wake ON queue_recipient (bucket, wake_at, mail_id, number) WHERE held = 0 AND parked IS NOT NULL;
CREATE TABLE queue_site (
    destination TEXT NOT NULL,
    suspended BIGINT NOT NULL,
    suspended_at BIGINT NOT NULL,
    reason TEXT,
    rest_until BIGINT NOT NULL,
    rested_at BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    since BIGINT NOT NULL,
    last_reply TEXT,
    PRIMARY KEY (destination)
) /* clustered */;
CREATE INDEX queue_site_suspended ON queue_site (destination) WHERE suspended = 1;
CREATE INDEX queue_site_rest ON queue_site (rest_until, destination) WHERE suspended = 0;
CREATE TABLE queue_rule (
    kind BIGINT NOT NULL,
    value TEXT NOT NULL,
    reason TEXT NOT NULL,
    added_at BIGINT NOT NULL,
    PRIMARY KEY (kind, value)
) /* clustered */;
";

// What the sender says of encryption (RFC 8689): 0 nothing, 1 demanded, 2 waived.
const STEP_REQUIRE_TLS: &str = "ALTER TABLE queue_mail ADD COLUMN require_tls BIGINT NOT NULL DEFAULT 0";

// Who has suspended it, where that is known.
const STEP_SUSPENDED_BY: &str = "ALTER TABLE queue_site ADD COLUMN suspended_by TEXT";

// What the operator said while it was being sent.
const STEP_WISH: &str = "ALTER TABLE queue_recipient ADD COLUMN wish BIGINT NOT NULL DEFAULT 0";
