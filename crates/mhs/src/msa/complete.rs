//! What a submitted letter lacks is added: Date, From and Message-ID (RFC 6409 section 8). Nothing that is there is
//! touched.

use directory::SignedIn;
use envelope::Domain;
use message::header::Header;
use message::trace;

use crate::acceptance::Letter;

/// The missing fields, each whole with its line end.
pub fn missing_fields(letter: &mut Letter, header: &Header<'_>, who: Option<&SignedIn>, hostname: &Domain) -> String {
    let mut fields = String::new();
    if header.get("date").is_none() {
        fields.push_str(&trace::date_field(letter.arrived));
    }
    if header.get("from").is_none()
        && let Some(address) = letter.reverse_path.address().or(who.map(SignedIn::address))
    {
        fields.push_str(&format!("From: <{address}>\r\n"));
    }
    if header.get("message-id").is_none() {
        letter.message_id = trace::message_id(&letter.id.to_string(), hostname);
        fields.push_str(&format!("Message-ID: {}\r\n", letter.message_id));
    }
    fields
}
