//! The tables of this crate: what is known of the TLS of others, and what will be reported of it; what was left of rates.

/// The tables of this area.
pub const MIGRATIONS: storage::Migrations = storage::Migrations { area: "mhs", steps: &[STEP_TLS, STEP_PACE] };

/// `mhs_sts_policy` is the cache of MTA-STS policies, `mhs_tls_host` what a host was once able to do; `mhs_tls_policy`
/// and `mhs_tls_failure` count the sessions of a day, `mhs_tls_report` is a report under way.
const STEP_TLS: &str = "
CREATE TABLE mhs_sts_policy (
    domain TEXT NOT NULL,
    id TEXT NOT NULL,
    fetched_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    tried_at BIGINT NOT NULL,
    used_at BIGINT NOT NULL,
    file BYTEA NOT NULL,
    seal BIGINT NOT NULL,
    PRIMARY KEY (domain)
) /* clustered */;
CREATE INDEX mhs_sts_policy_used ON mhs_sts_policy (used_at);
CREATE INDEX mhs_sts_policy_tried ON mhs_sts_policy (tried_at);
CREATE TABLE mhs_tls_host (
    host TEXT NOT NULL,
    level BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (host)
) /* clustered */;
CREATE INDEX mhs_tls_host_seen ON mhs_tls_host (seen_at);
CREATE TABLE mhs_tls_policy (
    day BIGINT NOT NULL,
    domain TEXT NOT NULL,
    policy BIGINT NOT NULL,
    words TEXT NOT NULL,
    fine BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    PRIMARY KEY (day, domain, policy)
) /* clustered */;
CREATE TABLE mhs_tls_failure (
    day BIGINT NOT NULL,
    domain TEXT NOT NULL,
    policy BIGINT NOT NULL,
    failure BIGINT NOT NULL,
    words TEXT NOT NULL,
    failed BIGINT NOT NULL,
    PRIMARY KEY (day, domain, policy, failure)
) /* clustered */;
CREATE TABLE mhs_tls_report (
    day BIGINT NOT NULL,
    domain TEXT NOT NULL,
    due_at BIGINT NOT NULL,
    tries BIGINT NOT NULL,
    done BIGINT NOT NULL,
    PRIMARY KEY (day, domain)
) /* clustered */;
";

/// `mhs_pace` is what a server that ended in order had spent of the rates of destinations: when it is as if no letter had gone.
/// `mhs_pace_owner` says who writes it, and once he has, since when it is whole.
const STEP_PACE: &str = "
CREATE TABLE mhs_pace (
    node TEXT NOT NULL,
    destination TEXT NOT NULL,
    next_at BIGINT NOT NULL,
    letters BIGINT NOT NULL,
    per BIGINT NOT NULL,
    PRIMARY KEY (node, destination)
) /* clustered */;
CREATE TABLE mhs_pace_owner (
    node TEXT NOT NULL,
    owner TEXT NOT NULL,
    unknown_at BIGINT NOT NULL,
    PRIMARY KEY (node)
) /* clustered */;
";
