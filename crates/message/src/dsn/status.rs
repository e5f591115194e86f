//! Reads `message/delivery-status`: groups of fields parted by empty lines (RFC 3464 section 2.1). Another's report
//! is read as far as it can be.

use envelope::EnhancedStatus;

use crate::header::Header;

/// Groups read; one for the letter and one for each recipient.
const GROUPS_MAX: usize = 1_001;
/// Fields kept of one group; RFC 3464 knows a dozen.
const FIELDS_MAX: usize = 64;

/// One group: names in lower case and values, unfolded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldGroup(Vec<(String, String)>);

impl FieldGroup {
    /// The first value of that name, given in lower case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Final-Recipient without its address type.
    pub fn final_recipient(&self) -> Option<&str> {
        self.get("final-recipient").map(behind_type)
    }

    /// Original-Recipient without its address type.
    pub fn original_recipient(&self) -> Option<&str> {
        self.get("original-recipient").map(behind_type)
    }

    /// Status, comments left out.
    pub fn status(&self) -> Option<EnhancedStatus> {
        self.get("status")?.split([' ', '(']).next()?.parse().ok()
    }
}

fn behind_type(value: &str) -> &str {
    value.split_once(';').map_or(value, |(_, rest)| rest).trim()
}

/// A report, read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeliveryStatus {
    /// What is said of the letter.
    pub message: FieldGroup,
    /// What is said of each recipient.
    pub recipients: Vec<FieldGroup>,
}

impl DeliveryStatus {
    /// Reads the body of such a part.
    pub fn parse(body: &[u8]) -> Self {
        let mut status = Self::default();
        let mut rest = body;
        let mut first = true;
        for _ in 0..GROUPS_MAX {
            // Some write several empty lines.
            while let Some(tail) = rest.strip_prefix(b"\r\n").or(rest.strip_prefix(b"\n")) {
                rest = tail;
            }
            if rest.is_empty() {
                break;
            }
            let header = Header::parse(rest);
            let fields = header.fields().take(FIELDS_MAX);
            let group = FieldGroup(fields.map(|f| (f.name().to_ascii_lowercase(), f.plain().into_owned())).collect());
            rest = rest.get(header.span().end..).unwrap_or_default();
            if std::mem::take(&mut first) {
                status.message = group;
            } else {
                status.recipients.push(group);
            }
        }
        status
    }
}
