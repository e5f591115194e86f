//! ENVELOPE, BODY and BODYSTRUCTURE as bytes (RFC 3501 sections 7.4.2 and 9).

use super::{list, nstring, number, string};
use crate::imap::structure::{
    Address, BodyStructure, Detail, Envelope, Extension, Multipart, NString, Parameters, Single,
};

/// `envelope`
pub(super) fn envelope(out: &mut Vec<u8>, envelope: &Envelope) {
    out.push(b'(');
    nstring(out, envelope.date.as_deref());
    out.push(b' ');
    nstring(out, envelope.subject.as_deref());
    for addresses in [&envelope.from, &envelope.sender, &envelope.reply_to, &envelope.to, &envelope.cc, &envelope.bcc] {
        out.push(b' ');
        address_list(out, addresses);
    }
    out.push(b' ');
    nstring(out, envelope.in_reply_to.as_deref());
    out.push(b' ');
    nstring(out, envelope.message_id.as_deref());
    out.push(b')');
}

/// `"(" 1*address ")" / nil`: no space between addresses.
fn address_list(out: &mut Vec<u8>, addresses: &[Address]) {
    if addresses.is_empty() {
        out.extend_from_slice(b"NIL");
        return;
    }
    out.push(b'(');
    for address in addresses {
        let fields: [&NString; 4] = [&address.name, &address.route, &address.mailbox, &address.host];
        list(out, fields, |out, field| nstring(out, field.as_deref()));
    }
    out.push(b')');
}

/// `body`, with extension data when `extended`.
pub(super) fn body_structure(out: &mut Vec<u8>, body: &BodyStructure, extended: bool) {
    match body {
        BodyStructure::Single(single) => self::single(out, single, extended),
        BodyStructure::Multipart(multipart) => self::multipart(out, multipart, extended),
    }
}

fn single(out: &mut Vec<u8>, part: &Single, extended: bool) {
    out.push(b'(');
    string(out, &part.media);
    out.push(b' ');
    string(out, &part.subtype);
    out.push(b' ');
    parameters(out, &part.parameters);
    out.push(b' ');
    nstring(out, part.id.as_deref());
    out.push(b' ');
    nstring(out, part.description.as_deref());
    out.push(b' ');
    string(out, &part.encoding);
    out.push(b' ');
    number(out, part.octets);
    match &part.detail {
        Detail::Basic => {}
        Detail::Text { lines } => {
            out.push(b' ');
            number(out, *lines);
        }
        Detail::Message { envelope, body, lines } => {
            out.push(b' ');
            self::envelope(out, envelope);
            out.push(b' ');
            body_structure(out, body, extended);
            out.push(b' ');
            number(out, *lines);
        }
    }
    if extended {
        out.push(b' ');
        nstring(out, part.extension.md5.as_deref());
        extension(out, &part.extension);
    }
    out.push(b')');
}

fn multipart(out: &mut Vec<u8>, part: &Multipart, extended: bool) {
    out.push(b'(');
    for inner in &part.parts {
        body_structure(out, inner, extended);
    }
    if part.parts.is_empty() {
        // The grammar wants one at least.
        out.extend_from_slice(b"(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 0 0)");
    }
    out.push(b' ');
    string(out, &part.subtype);
    if extended {
        out.push(b' ');
        parameters(out, &part.parameters);
        extension(out, &part.extension);
    }
    out.push(b')');
}

/// `SP body-fld-dsp SP body-fld-lang SP body-fld-loc`
fn extension(out: &mut Vec<u8>, data: &Extension) {
    out.push(b' ');
    match &data.disposition {
        Some((kind, named)) => {
            out.push(b'(');
            string(out, kind);
            out.push(b' ');
            parameters(out, named);
            out.push(b')');
        }
        None => out.extend_from_slice(b"NIL"),
    }
    out.push(b' ');
    match data.languages.as_slice() {
        [] => out.extend_from_slice(b"NIL"),
        [one] => string(out, one),
        more => list(out, more, |out, language| string(out, language)),
    }
    out.push(b' ');
    nstring(out, data.location.as_deref());
}

fn parameters(out: &mut Vec<u8>, parameters: &Parameters) {
    if parameters.is_empty() {
        out.extend_from_slice(b"NIL");
        return;
    }
    list(out, parameters, |out, (name, value)| {
        string(out, name);
        out.push(b' ');
        string(out, value);
    });
}
