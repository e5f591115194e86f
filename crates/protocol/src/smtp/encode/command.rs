//! MAIL and RCPT as a client writes them, with the parameters that the peer offers and no others.

use std::io::Write;

use envelope::{BodyType, Envelope, Notify, Recipient, RequireTls, Return};

use crate::smtp::client::Extensions;

/// Appends MAIL FROM. `octets` is the letter's size, when known.
pub fn mail(out: &mut Vec<u8>, envelope: &Envelope, octets: Option<u64>, offered: &Extensions) {
    // Writing to a Vec cannot fail.
    let _ = write!(out, "MAIL FROM:<{}>", envelope.reverse_path);
    if let (Some(octets), Some(_)) = (octets, offered.size) {
        let _ = write!(out, " SIZE={octets}");
    }
    match envelope.body {
        BodyType::EightBitMime if offered.eight_bit_mime => out.extend_from_slice(b" BODY=8BITMIME"),
        BodyType::BinaryMime => out.extend_from_slice(b" BODY=BINARYMIME"),
        _ => {}
    }
    if envelope.smtputf8 && offered.smtputf8 {
        out.extend_from_slice(b" SMTPUTF8");
    }
    if envelope.require_tls == RequireTls::Demanded && offered.require_tls {
        out.extend_from_slice(b" REQUIRETLS");
    }
    if offered.dsn {
        match envelope.ret {
            Some(Return::Full) => out.extend_from_slice(b" RET=FULL"),
            Some(Return::Headers) => out.extend_from_slice(b" RET=HDRS"),
            None => {}
        }
        if let Some(id) = &envelope.envelope_id {
            let _ = write!(out, " ENVID={id}");
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends RCPT TO.
pub fn recipient(out: &mut Vec<u8>, recipient: &Recipient, offered: &Extensions) {
    let _ = write!(out, "RCPT TO:<{}>", recipient.address);
    if offered.dsn {
        if let Some(notify) = recipient.notify {
            let _ = write!(out, " NOTIFY={}", words(notify));
        }
        if let Some(original) = &recipient.original {
            let _ = write!(out, " ORCPT={original}");
        }
    }
    out.extend_from_slice(b"\r\n");
}

fn words(notify: Notify) -> String {
    let Notify { success, failure, delay } = notify;
    let mut words = Vec::with_capacity(3);
    words.extend(success.then_some("SUCCESS"));
    words.extend(failure.then_some("FAILURE"));
    words.extend(delay.then_some("DELAY"));
    if words.is_empty() { "NEVER".to_owned() } else { words.join(",") }
}
