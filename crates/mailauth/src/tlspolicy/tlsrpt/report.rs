//! A report (RFC 8460 section 4.4), as it stands in JSON. Read with patience: what is missing is empty, what is unknown is
//! passed over, and words that nobody registered are kept as they are.

use serde::{Deserialize, Deserializer, Serialize};

use super::Moment;

/// One sender's report to one domain about one day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// Who reports.
    #[serde(default)]
    pub organization_name: String,
    /// Which day.
    pub date_range: DateRange,
    /// Whom to ask about it.
    #[serde(default)]
    pub contact_info: String,
    /// Unique with the sender.
    #[serde(default)]
    pub report_id: String,
    /// One for each policy that was applied.
    #[serde(default)]
    pub policies: Vec<PolicyResult>,
}

/// From when to when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct DateRange {
    /// The first second.
    pub start_datetime: Moment,
    /// The last second.
    pub end_datetime: Moment,
}

/// How it went under one policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PolicyResult {
    /// Which policy.
    pub policy: Policy,
    /// How many sessions.
    #[serde(default)]
    pub summary: Summary,
    /// What went wrong, alike taken together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failure_details: Vec<FailureDetails>,
}

/// A policy, as it was applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Policy {
    /// Its kind.
    pub policy_type: PolicyKind,
    /// Its text: lines of the MTA-STS policy, TLSA records.
    #[serde(default, deserialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub policy_string: Vec<String>,
    /// Whose policy.
    #[serde(default)]
    pub policy_domain: String,
    /// The patterns of an MTA-STS policy. Some send one text, some a list.
    #[serde(default, deserialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub mx_host: Vec<String>,
}

/// Sessions, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Summary {
    /// TLS stood as the policy wants it.
    #[serde(default, deserialize_with = "count")]
    pub total_successful_session_count: u64,
    /// It did not.
    #[serde(default, deserialize_with = "count")]
    pub total_failure_session_count: u64,
}

/// One kind of failure with one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FailureDetails {
    /// What went wrong.
    pub result_type: ResultType,
    /// Our address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sending_mta_ip: Option<String>,
    /// The MX host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receiving_mx_hostname: Option<String>,
    /// How it greeted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receiving_mx_helo: Option<String>,
    /// Its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receiving_ip: Option<String>,
    /// How often.
    #[serde(default, deserialize_with = "count")]
    pub failed_session_count: u64,
    /// Where more is told, an address on the web.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub additional_information: Option<String>,
    /// In words, or a code of the sender's library.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_reason_code: Option<String>,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$each:meta])* $variant:ident = $word:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        pub enum $name {
            $($(#[$each])* $variant,)*
            /// A word of another's.
            Other(String),
        }

        impl $name {
            /// Its word in a report.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $word,)*
                    Self::Other(word) => word,
                }
            }
        }

        impl From<String> for $name {
            fn from(word: String) -> Self {
                match word.as_str() {
                    $($word => Self::$variant,)*
                    _ => Self::Other(word),
                }
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.as_str().to_owned()
            }
        }
    };
}

words! {
    /// Kinds of policies (RFC 8460 section 4.2).
    PolicyKind {
        /// DANE.
        Tlsa = "tlsa",
        /// MTA-STS.
        Sts = "sts",
        /// None was found.
        NoPolicyFound = "no-policy-found",
    }
}

words! {
    /// What went wrong (RFC 8460 section 4.3).
    ResultType {
        /// The host offers no STARTTLS.
        StarttlsNotSupported = "starttls-not-supported",
        /// Its certificate names others, or the host is not one of those that the policy names.
        CertificateHostMismatch = "certificate-host-mismatch",
        /// Its certificate has ended.
        CertificateExpired = "certificate-expired",
        /// Nobody that we believe vouches for its certificate.
        CertificateNotTrusted = "certificate-not-trusted",
        /// The handshake failed for another reason.
        ValidationFailure = "validation-failure",
        /// No TLSA record fits.
        TlsaInvalid = "tlsa-invalid",
        /// The DNSSEC of the records is bogus.
        DnssecInvalid = "dnssec-invalid",
        /// Our operator demands DANE, and there is none.
        DaneRequired = "dane-required",
        /// The policy could not be fetched.
        StsPolicyFetchError = "sts-policy-fetch-error",
        /// What was fetched is no policy.
        StsPolicyInvalid = "sts-policy-invalid",
        /// The policy's web server has no certificate that verifies.
        StsWebpkiInvalid = "sts-webpki-invalid",
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
    Nothing(()),
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(text) => vec![text],
        OneOrMany::Many(texts) => texts,
        OneOrMany::Nothing(_) => Vec::new(),
    })
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Count {
    Number(u64),
    Text(String),
    Nothing(()),
}

/// A number, or one in quotes.
fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Ok(match Count::deserialize(deserializer)? {
        Count::Number(number) => number,
        Count::Text(text) => text.trim().parse().map_err(serde::de::Error::custom)?,
        Count::Nothing(_) => 0,
    })
}
