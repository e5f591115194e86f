//! What the sender says of encryption on the way (RFC 8689): REQUIRETLS of MAIL FROM, or `TLS-Required: No` in the
//! header. The first outweighs the second.

use envelope::RequireTls;
use message::header::Header;

/// The wish of a letter whose MAIL FROM said `said` and whose header is this one. A field with another value than `No`
/// says nothing (RFC 8689 section 3), nor do several of them, which nobody may write.
pub(crate) fn wish(said: RequireTls, header: &Header<'_>) -> RequireTls {
    let mut fields = header.get_all("tls-required");
    let waived = match (fields.next(), fields.next()) {
        (Some(only), None) => only.text().trim().eq_ignore_ascii_case("no"),
        _ => false,
    };
    match said {
        RequireTls::Unsaid if waived => RequireTls::Waived,
        said => said,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demand_outweighs_the_header() {
        use RequireTls::{Demanded, Unsaid, Waived};
        for (said, header, expected) in [
            (Unsaid, "Subject: x\r\n\r\n", Unsaid),
            (Unsaid, "TLS-Required: No\r\n\r\n", Waived),
            (Unsaid, "tls-required:\r\n nO \r\n\r\n", Waived),
            (Unsaid, "TLS-Required: yes\r\n\r\n", Unsaid),
            (Unsaid, "TLS-Required:\r\n\r\n", Unsaid),
            (Unsaid, "TLS-Required: No\r\nTLS-Required: No\r\n\r\n", Unsaid),
            (Demanded, "TLS-Required: No\r\n\r\n", Demanded),
            (Demanded, "Subject: x\r\n\r\n", Demanded),
        ] {
            assert_eq!(wish(said, &Header::parse(header.as_bytes())), expected, "{said:?} {header}");
        }
    }
}
