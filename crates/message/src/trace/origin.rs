//! Message-ID and Date. Both are made from what the caller hands in: this floor has no clock and no dice.

use envelope::{Domain, Timestamp};

use crate::date::DateTime;

/// Longest Message-ID that counts as one; a line of a header holds no more.
const MESSAGE_ID_OCTETS_MAX: usize = 995;

/// `<unique@domain>`, with its angle brackets. `unique` may be any text; what a `dot-atom-text` cannot hold becomes
/// a hyphen (RFC 5322 section 3.6.4).
pub fn message_id(unique: &str, domain: &Domain) -> String {
    let left: String = unique.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    format!("<{left}@{domain}>")
}

/// The whole Date field with its line end, told in UTC.
pub fn date_field(now: Timestamp) -> String {
    format!("Date: {}\r\n", DateTime::utc(now).to_rfc5322())
}

/// Whether a Message-ID field's value is one id, tolerantly: `<`, something without blanks, `>`.
pub fn is_message_id(value: &[u8]) -> bool {
    let inner = value.strip_prefix(b"<").and_then(|rest| rest.strip_suffix(b">"));
    inner.is_some_and(|id| {
        !id.is_empty()
            && id.len() <= MESSAGE_ID_OCTETS_MAX
            && id.iter().all(|b| b.is_ascii_graphic() && !b"<>".contains(b))
    })
}

/// The ids in a Message-ID, In-Reply-To or References value, without their angle brackets, in order. Text between
/// them is skipped (RFC 5322 section 4.5.4); a value with no bracket at all is taken as bare ids.
pub fn message_ids(value: &[u8]) -> Vec<String> {
    let value = crate::header::unfold(value);
    let text = crate::encoding::text_of(&value);
    let clean = |id: &str| Some(id.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect::<String>());
    let kept = |id: &String| !id.is_empty() && id.len() <= MESSAGE_ID_OCTETS_MAX;
    if !text.contains('<') {
        return text.split_whitespace().filter_map(clean).filter(kept).collect();
    }
    let pieces = text.split('<').skip(1);
    pieces.filter_map(|piece| clean(piece.split_once('>')?.0)).filter(kept).collect()
}
